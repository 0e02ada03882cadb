"""A kind is one module: put into the package, it is in form, API, admin, list and docs, and no other file names it."""

import pytest

from monitors import probes
from monitors.models import Monitor
from monitors.probes.kinds import KINDS
from monitors.reference import checks_page
from monitors.services import dispatch
from monitors.times import now_ms
from tests.factories import make_admin, make_region, make_user
from tests.monitors.test_api import Caller, made

pytestmark = [pytest.mark.django_db, pytest.mark.database]

MODULE = """
from django import forms

from monitors.probes.kinds import Finding
from monitors.probes.options import OptionsForm


class Options(OptionsForm):
    knocks = forms.IntegerField(label="Knocks", min_value=1, max_value=9, initial=3, help_text="How often.")
    phrase = forms.CharField(label="Phrase", required=False, help_text="Said through the door.")


class ThrowawayKind:
    name = "throwaway"
    label = "Knock on a door"
    description = "Knocks, and waits for a voice."
    target_label = "Door"
    target_example = "door 7"
    has_port = False
    Options = Options
    secret_fields = ("phrase",)

    def clean_target(self, text, allow_private):
        if not text.startswith("door"):
            raise ValueError("Start with “door”.")
        return text

    def probe(self, check, guard):
        return Finding(None)
        yield


KIND = ThrowawayKind()
"""


@pytest.fixture(autouse=True)
def _added(tmp_path, monkeypatch):
    """One more file in the package of the kinds, which are then looked for again."""
    (tmp_path / "throwaway.py").write_text(MODULE)
    monkeypatch.setattr(probes, "__path__", [*probes.__path__, str(tmp_path)])
    KINDS.__dict__.pop("_kinds", None)
    make_region("local")
    yield
    KINDS.__dict__.pop("_kinds", None)


@pytest.fixture
def alice(client):
    user = make_user("alice")
    client.force_login(user)
    return user


def test_the_form_offers_it_with_its_own_fields_and_errors(client, alice):
    page = client.get("/monitors/add?kind=throwaway").content.decode()
    for words in ("Knock on a door", "Door", "door 7", "Knocks", "How often.", "Phrase", "Said through the door."):
        assert words in page
    wrong = client.post("/monitors/add", {"kind": "throwaway", "target": "window", "knocks": "12", "name": "Home"})
    assert wrong.status_code == 422
    assert "Start with “door”." in wrong.content.decode()
    assert "less than or equal to 9" in wrong.content.decode()


def test_it_is_made_listed_shown_and_sent_to_its_regions(client, alice):
    posted = {"kind": "throwaway", "target": "door 7", "knocks": "2", "phrase": "friend", "name": "Home"}
    client.post("/monitors/add", posted)
    monitor = Monitor.objects.get()
    assert (monitor.options, monitor.secrets) == ({"knocks": 2}, {"phrase": "friend"})
    sent = []
    dispatch.claim_due(now_ms(), {}, lambda region, checks: sent.extend(checks))
    assert sent  # the first look, and what its grid has in the very next second
    assert all((each.kind, each.options) == ("throwaway", {"knocks": 2, "phrase": "friend"}) for each in sent)
    assert "door 7" in client.get("/").content.decode()
    assert "Knock on a door" in client.get(f"/monitors/{monitor.pk}").content.decode()


def test_programs_know_it_and_the_document_of_the_api_too(client, alice):
    attributes = made(Caller(alice).create(monitor_type="throwaway", url="door 9", knocks=4))["attributes"]
    assert (attributes["monitor_type"], attributes["url"], attributes["knocks"]) == ("throwaway", "door 9", 4)
    kept = Caller(alice).get("/api/v2/monitors").json()["data"]
    assert [each["attributes"]["monitor_type"] for each in kept] == ["throwaway"]


def test_the_admin_shows_it(client):
    made(Caller(make_user("alice")).create(monitor_type="throwaway", url="door 9", phrase="hush-hush"))
    client.force_login(make_admin())
    assert "door 9" in client.get("/admin/monitors/monitor/").content.decode()
    page = client.get(f"/admin/monitors/monitor/{Monitor.objects.get().pk}/change/").content.decode()
    assert "knocks" in page
    assert "hush-hush" not in page


def test_the_docs_describe_it():
    page = checks_page()
    assert (
        "## Knock on a door\n\n`throwaway`. Knocks, and waits for a voice. Door, as in `door 7`: `url` of the API."
        in page
    )
    assert "| Knocks | `knocks` | 3 | How often. |" in page
