"""The Pipeline page: what staff see there and do with dead letters; what everybody is told when checks stand still."""

import json

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from monitors.models import DeadLetter, Tick
from monitors.times import now_ms
from tests.factories import make_admin, make_user
from tests.helpers import free_port
from tests.monitors.services.cast import claimed, make_watched, outcome
from tests.uptime.pipeline.cast import put_pulse, put_pulses
from uptime import views_pipeline
from uptime.pipeline import gather

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture(autouse=True)
def _nothing_shared():
    cache.delete_many([gather.KEY, gather.LOCK])
    yield
    cache.delete_many([gather.KEY, gather.LOCK])


@pytest.fixture
def staff(client):
    client.force_login(make_admin())
    return client


def text_of(answer):
    return " ".join(answer.content.decode().split())


# The page -------------------------------------------------------------------------------------------------------------
def test_all_parts_are_there_with_icon_word_and_figures(staff):
    put_pulses()
    text = text_of(staff.get("/pipeline/"))
    assert "All is well" in text
    for part in ("Beat", "Dispatch", "Results", "Sweep", "Background work", "Database", "Outbox", "Dead letters"):
        assert f">{part}</h2>" in text
    assert "circle-check" in text
    assert "<dt>Last word</dt>" in text


def test_problems_come_with_the_way_out(staff):
    put_pulses()
    put_pulse("dispatch", 90)
    text = text_of(staff.get("/pipeline/"))
    assert "1 problem" in text
    assert '<a href="#part-dispatch">Dispatch</a>: No run has succeeded since' in text
    assert "the process <code>control</code>; dispatch needs" in text
    assert "<code>docs/troubleshooting.md</code>, “Checks have not run”" in text


def test_the_page_stands_while_the_broker_is_away(staff, settings, monkeypatch):
    url = f"redis://127.0.0.1:{free_port()}/0"
    settings.BROKER_URL = url
    real = gather.read_broker.__globals__["app"].connection_for_read
    monkeypatch.setattr(
        gather.read_broker.__globals__["app"], "connection_for_read", lambda **options: real(url, **options)
    )
    put_pulses()
    answer = staff.get("/pipeline/")
    assert answer.status_code == 200
    assert "It does not answer" in text_of(answer)


def test_the_live_part_is_the_part_of_the_page(staff):
    put_pulses()
    part = staff.get("/pipeline/parts")
    assert text_of(part).startswith('<div class="stack" id="pipeline"')
    assert "<html" not in text_of(part)


def test_only_staff_find_it_in_the_navigation(client, staff):
    assert 'href="/pipeline/"' in text_of(staff.get("/regions"))
    client.force_login(make_user())
    assert 'href="/pipeline/"' not in text_of(client.get("/regions"))
    assert client.get("/pipeline/").status_code == 403


# Dead letters ---------------------------------------------------------------------------------------------------------
def make_letters(count, **fields):
    values = {"region": "eu", "error": "ValueError: broken", "payload": "nonsense", **fields}
    return [DeadLetter.objects.create(**values).pk for _ in range(count)]


def post(staff, **data):
    return text_of(staff.post("/pipeline/letters", data, follow=True))


def left():
    return sorted(DeadLetter.objects.values_list("pk", flat=True))


def test_the_list_tells_what_it_holds(staff):
    make_letters(1, error="KeyError: '<b>'", tries=3, tried_at=timezone.now(), kind="outcome")
    make_letters(1, payload="")
    text = text_of(staff.get("/pipeline/"))
    assert "KeyError: &#x27;&lt;b&gt;&#x27;" in text
    assert "One outcome" in text
    assert "not kept" in text


def test_many_are_paged(staff):
    make_letters(views_pipeline.PER_PAGE + 1)
    assert "1–25 of 26" in text_of(staff.get("/pipeline/"))
    assert text_of(staff.get("/pipeline/?page=2")).count('name="id"') == 1


def test_one_is_replayed(staff):
    monitor = make_watched(interval=3600)
    [(_, check)] = claimed(now_ms())
    wire = outcome(monitor, check.slot).to_wire()
    good = DeadLetter.objects.create(region="eu", kind="outcome", error="x", payload=json.dumps(wire))
    [bad] = make_letters(1)
    assert "1 dead letter was replayed" in post(staff, replay=good.pk)
    assert (left(), Tick.objects.count()) == ([bad], 1)


def test_one_that_still_cannot_be_stored_stays_and_says_why(staff):
    [letter] = make_letters(1)
    assert "1 could not be stored this time either" in post(staff, replay=letter)
    assert DeadLetter.objects.get().tries == 1


def test_selected_and_all_are_replayed(staff, monkeypatch):
    ids = make_letters(5)
    post(staff, replay="selected", id=ids[:2])
    assert list(DeadLetter.objects.order_by("pk").values_list("tries", flat=True)) == [1, 1, 0, 0, 0]
    monkeypatch.setattr(views_pipeline, "REPLAYED_AT_ONCE", 4)
    assert "There may be more" in post(staff, replay="all")
    assert list(DeadLetter.objects.order_by("pk").values_list("tries", flat=True)) == [2, 2, 1, 1, 0]


@pytest.mark.parametrize(("which", "gone"), [("one", 1), ("selected", 2), ("all", 3)])
def test_purging_asks_first(staff, which, gone):
    ids = make_letters(3)
    asked = {"purge": ids[0] if which == "one" else which, "id": ids[:2], "until": ids[2]}
    text = post(staff, **asked)
    assert f"Purge {gone} dead letter{'s' if gone > 1 else ''}?" in text
    assert left() == ids
    later = make_letters(1)  # came while it was asked
    sure = {**asked, "sure": 1}
    if which == "one":
        sure |= {"purge": "selected", "id": ids[:1]}
    assert "purged" in post(staff, **sure)
    assert left() == ids[gone:] + later


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"replay": ""},
        {"purge": "selected"},
        {"purge": "x", "sure": 1},
        {"replay": "9" * 30},
        {"purge": "-1"},
        {"replay": "²"},
    ],
)
def test_choosing_nothing_says_so(staff, said):
    ids = make_letters(2)
    assert "Nothing was chosen." in post(staff, **said)
    assert left() == ids


# When checks stand still ----------------------------------------------------------------------------------------------
def test_every_page_says_so_to_everybody(client):
    put_pulse("dispatch", 3600)
    put_pulse("results", 1)
    for user in (None, make_user(), make_admin()):
        visitor = Client()
        if user:
            visitor.force_login(user)
        for path in ("/accounts/login", "/regions", "/incidents", "/nowhere"):
            answer = visitor.get(path, follow=True)
            text = text_of(answer)
            assert "Checks have not run since" in text, path
            assert ("Look into the pipeline" in text) == bool(user and user.is_staff)


def test_nobody_is_alarmed_while_they_run_or_nothing_is_known(client):
    assert "Checks have not run" not in text_of(client.get("/accounts/login", follow=True))
    put_pulses()
    assert "Checks have not run" not in text_of(client.get("/accounts/login", follow=True))


def test_a_page_that_stays_open_hears_of_it(client):
    put_pulses()
    page = text_of(client.get("/accounts/login", follow=True))
    assert 'hx-get="/pipeline/banner?v="' in page
    assert client.get("/pipeline/banner?v=").status_code == 204
    put_pulse("dispatch", 90)
    answer = client.get("/pipeline/banner?v=")
    assert "Checks have not run since" in text_of(answer)
    version = text_of(answer).partition("?v=")[2].partition('"')[0]
    assert client.get(f"/pipeline/banner?v={version}").status_code == 204
    put_pulse("dispatch")
    assert "Checks have not run since" not in text_of(client.get(f"/pipeline/banner?v={version}"))


def test_how_long_is_too_long_is_a_setting(client, settings):
    put_pulse("dispatch", 90)
    settings.STALLED_AFTER = 120
    assert "Checks have not run" not in text_of(client.get("/accounts/login", follow=True))
