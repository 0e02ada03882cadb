"""Test now, in the forms and on a monitor's page; and an address that becomes a proposal, and then monitors."""

import pytest
from django.conf import settings as django_settings
from django.contrib.messages import get_messages
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from monitors.models import Monitor, Region
from monitors.models import TestRun as Run
from monitors.probes.reasons import Reason
from monitors.services import edit, testruns
from monitors.times import now_ms
from tests.factories import make_heartbeat, make_monitor, make_region, make_test_run, make_user, team_of
from tests.monitors.services.test_testruns import said
from uptime import queues
from uptime.celery import app
from uptime.lib.crypto import key_bytes, new_key, unseal

pytestmark = [pytest.mark.django_db, pytest.mark.broker]


@pytest.fixture(autouse=True)
def _empty_queue():
    with app.connection_or_acquire() as connection:
        queue = queues.declare(queues.checks("eu", django_settings.QUEUE_PREFIX)).bind(connection.default_channel)
        queue.queue_declare()
        queue.purge()


@pytest.fixture
def alice(client):
    user = make_user("alice")
    client.force_login(user)
    return user


@pytest.fixture
def eu():
    return make_region("eu", name="Frankfurt", key=new_key())


@pytest.fixture
def shop(alice, eu):
    secrets = {"headers": [{"name": "X-Key", "value": "planted secret"}]}
    return make_monitor(team_of(alice), name="Shop", target="https://shop.example/", regions=[eu], secrets=secrets)


def text(response):
    return response.content.decode()


def sent():
    """The checks of tests that wait for the region."""
    with app.connection_or_acquire() as connection:
        queue = queues.declare(queues.checks("eu", django_settings.QUEUE_PREFIX)).bind(connection.default_channel)
        messages = list(iter(lambda: queue.get(no_ack=True), None))
    key = key_bytes(Region.objects.get(slug="eu").key)
    tests = [each for each in messages if each.headers["task"] == "test"]
    return [wire for each in tests for wire in unseal(key, "tests", "eu", each.decode()[0][0])[1]]


def answers(run, **reasons):
    """Frankfurt sees every check of a run; by key the reason of those that fail."""
    found = [
        said(run, reasons.get(check["key"]), version=number, response_ms=12.5)
        for number, check in enumerate(run.checks)
    ]
    testruns.take(Region.objects.get(slug="eu"), found, timezone.now())


# The forms ------------------------------------------------------------------------------------------------------------
OPTIONS = {"method": "GET", "keyword_mode": "present", "verify_tls": "on"}
FORM = {
    "target": "https://shop.example/a",
    "headers": "X-Key: typed secret",
    "interval": "60",
    "name": "Shop",
    **OPTIONS,
}


def test_what_is_typed_is_tested_and_nothing_is_saved(client, alice, eu):
    response = client.post(reverse("monitors:add"), {**FORM, "test": "1"})
    assert response.status_code == 200
    [wire] = sent()
    assert wire[3:5] == ["http", "https://shop.example/a"]
    assert wire[7]["headers"] == [{"name": "X-Key", "value": "typed secret"}]
    page = text(response)
    assert "X-Key: typed secret" in page  # nothing that was typed is lost
    assert "Frankfurt" in page
    assert "Checking…" in page
    assert reverse("monitors:test_results", args=[Run.objects.get().pk]) in page
    assert not Monitor.objects.exists()


def test_a_stored_secret_is_tested_without_being_shown(client, shop):
    given = {"target": shop.target, "name": "Shop", "interval": "30", "headers": "X-Key: ••••cret"}
    response = client.post(reverse("monitors:edit", args=[shop.pk]), {**given, **OPTIONS, "test": "1"})
    [wire] = sent()
    assert wire[7]["headers"] == [{"name": "X-Key", "value": "planted secret"}]
    assert "planted secret" not in text(response)
    assert Run.objects.get().monitor == shop
    shop.refresh_from_db()
    assert shop.config_version == 1


def test_a_wrong_field_is_named_and_nothing_is_tested(client, alice, eu):
    response = client.post(reverse("monitors:add"), {**FORM, "target": "shop", "test": "1"})
    assert response.status_code == 422
    drawn = client.post(
        reverse("monitors:add"), {**FORM, "target": "shop", "test": "1"}, headers={"HX-Request": "true"}
    )
    assert drawn.status_code == 200  # a script draws what it is answered, if it is no error
    assert 'aria-invalid="true"' in text(drawn)
    assert not Run.objects.exists()


@pytest.mark.parametrize(("allowed", "runs"), [(True, 1), (False, 0)])
def test_a_private_target_is_tested_where_private_targets_are_allowed(client, alice, eu, settings, allowed, runs):
    settings.ALLOW_PRIVATE_TARGETS = allowed
    client.post(reverse("monitors:add"), {**FORM, "target": "http://127.0.0.1:8080/", "test": "1"})
    client.post(reverse("monitors:propose"), {"target": "127.0.0.1:8080"})
    assert Run.objects.count() == 2 * runs
    assert bool(sent()) == allowed


def test_a_heartbeat_has_no_test(client, alice):
    heartbeat = make_heartbeat(team_of(alice))
    assert client.post(reverse("monitors:test", args=[heartbeat.pk])).status_code == 404
    page = text(client.get(reverse("monitors:edit", args=[heartbeat.pk])))
    assert 'name="test"' not in page
    given = {"name": "Backup", "schedule": "period", "period": "1 h", "grace": "5 min", "time_zone": "UTC", "test": "1"}
    response = client.post(reverse("monitors:edit", args=[heartbeat.pk]), given)
    assert "there is nothing to test" in text(response)


def test_too_many_tests_say_when_the_next_one_may_be(client, shop):
    for _ in range(testruns.MOST):
        make_test_run(shop)
    response = client.post(reverse("monitors:add"), {**FORM, "test": "1"})
    assert "At most 10 tests a minute" in text(response)
    response = client.post(reverse("monitors:test", args=[shop.pk]))
    assert "At most 10 tests a minute" in str(next(iter(get_messages(response.wsgi_request))))
    assert "At most 10 tests a minute" in text(client.post(reverse("monitors:propose"), {"target": "shop.example"}))


def test_without_a_region_there_is_no_test(client, alice):
    assert "no region to test from" in text(client.post(reverse("monitors:add"), {**FORM, "test": "1"}))
    assert "no region to check from" in text(client.post(reverse("monitors:propose"), {"target": "shop.example"}))


# Results --------------------------------------------------------------------------------------------------------------
def test_a_monitor_is_tested_from_its_page_and_the_results_can_be_read_again_and_again(client, shop):
    response = client.post(reverse("monitors:test", args=[shop.pk]))
    run = Run.objects.get()
    assert response.url == reverse("monitors:test_run", args=[run.pk])
    waiting = text(client.get(response.url))
    assert 'http-equiv="refresh"' in waiting
    answers(run, check=Reason.REFUSED)
    page = text(client.get(response.url))
    for part in ["Connection refused", "Down", "12 ms", "192.0.2.1", "Test again"]:
        assert part in page
    assert 'http-equiv="refresh"' not in page
    assert "hx-get" not in page[page.index('id="test"') :][:300]


def test_the_live_part_is_drawn_again_only_when_something_came(client, shop):
    run = make_test_run(shop)
    url = reverse("monitors:test_results", args=[run.pk])
    assert client.get(f"{url}?v=1.0").status_code == 204
    answers(run)
    drawn = client.get(f"{url}?v=1.0")
    assert drawn.status_code == 200
    assert "Up" in text(drawn)
    assert client.get(f"{url}?v=0.1").status_code == 204


def test_who_gave_no_answer_is_named_with_the_way_out(client, shop):
    run = make_test_run(shop)
    Run.objects.update(due_at=timezone.now())
    page = text(client.get(reverse("monitors:test_results", args=[run.pk])))
    assert "No answer from Frankfurt: is its worker running?" in page
    assert reverse("monitors:regions") in page


def test_evidence_and_whatever_a_target_says_is_shown_harmlessly(client, shop):
    run = make_test_run(shop)
    seen = said(
        run,
        Reason.STATUS,
        detail="<script>alert(1)</script>",
        expires_at=now_ms() + 86_400_000,
        attempts=2,
        evidence={"headers": [["server", "<b>x</b>"]], "redirects": [{"url": "https://a.example/"}], "empty": None},
    )
    testruns.take(Region.objects.get(), [seen], timezone.now())
    page = text(client.get(reverse("monitors:test_run", args=[run.pk])))
    assert "<script>alert" not in page
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    for part in ["server", "https://a.example/", "Runs out on", "2 attempts"]:
        assert part in page


def test_an_expired_test_is_gone(client, shop):
    run = make_test_run(shop)
    Run.objects.update(expires_at=timezone.now())
    for name in ("test_run", "test_results"):
        assert client.get(reverse(f"monitors:{name}", args=[run.pk])).status_code == 404


# Proposals ------------------------------------------------------------------------------------------------------------
def propose(client, address):
    response = client.post(reverse("monitors:propose"), {"target": address})
    assert response.status_code == 302, text(response)
    return Run.objects.get()


def boxes(client, run):
    """{key: whether it is ticked} of the boxes on the page."""
    rows = client.get(reverse("monitors:test_run", args=[run.pk])).context["rows"]
    return {row["offer"].key: row["advice"].ticked for row in rows if row["advice"]}


def test_an_address_alone_becomes_a_proposal(client, alice, eu):
    run = propose(client, "shop.example")
    assert [wire[3] for wire in sent()][:5] == ["http", "http", "http", "tls", "dns"]
    assert boxes(client, run) == {}
    answers(run, http=Reason.REFUSED)
    ticked = boxes(client, run)
    assert {key for key, on in ticked.items() if on} == {"https", "twin"}
    assert ticked.keys() >= {"https", "http", "twin", "certificate", "name"}


def test_what_is_ticked_is_made_with_one_click_and_undone_with_another(client, alice, eu):
    run = propose(client, "shop.example")
    answers(run)
    given = {"target": "shop.example", "choose": ["https", "twin", "name"], "run": run.pk}
    response = client.post(reverse("monitors:add_proposed"), given)
    assert response.url == "/?sort=newest"
    made = {(each.kind, each.target, each.name) for each in Monitor.objects.all()}
    assert made == {
        ("http", "https://shop.example/", "shop.example"),
        ("http", "https://www.shop.example/", "www.shop.example"),
        ("dns", "shop.example", "shop.example DNS"),
    }
    assert [each.regions.get() for each in Monitor.objects.all()] == [eu, eu, eu]
    [message] = client.get("/").context["messages"]
    assert str(message) == "3 monitors were added. The first checks are on their way."
    client.post(message.extra_tags.removeprefix("undo:"))
    assert not Monitor.objects.alive().exists()


def test_a_second_click_makes_nothing_twice(client, alice, eu):
    given = {"target": "shop.example", "choose": ["https", "name"]}
    for _ in range(2):
        client.post(reverse("monitors:add_proposed"), given)
    assert Monitor.objects.count() == 2
    assert "You watch all of this already" in str(list(client.get("/").context["messages"])[-1])


def test_what_is_watched_already_is_noted(client, shop):
    run = propose(client, "shop.example")
    answers(run)
    page = text(client.get(reverse("monitors:test_run", args=[run.pk])))
    assert "You watch this already" in page
    client.post(reverse("monitors:add_proposed"), {"target": "shop.example", "choose": ["https", "http"]})
    assert {each.target for each in Monitor.objects.all()} == {"https://shop.example/", "http://shop.example/"}
    assert "You watch the others already" in str(list(client.get("/").context["messages"])[-1])


def test_all_are_made_or_none(client, alice, eu, monkeypatch):
    client.raise_request_exception = False
    create, calls = edit.create, []

    def breaks(*args):
        calls.append(args)
        if len(calls) > 1:
            raise RuntimeError("the second one cannot be made")
        return create(*args)

    monkeypatch.setattr("uptime.actions.edit.create", breaks)
    response = client.post(reverse("monitors:add_proposed"), {"target": "shop.example", "choose": ["https", "name"]})
    assert response.status_code == 500
    assert not Monitor.objects.exists()


def test_nothing_ticked_leads_back_to_the_proposal(client, alice, eu):
    run = propose(client, "shop.example")
    response = client.post(reverse("monitors:add_proposed"), {"target": "shop.example", "run": run.pk})
    assert response.url == reverse("monitors:test_run", args=[run.pk])
    assert not Monitor.objects.exists()


@pytest.mark.parametrize("target", ["", "ftp//x y", "https://user:pw@shop.example/", "shop.example:0"])
def test_an_address_that_cannot_be_read_is_an_error_that_keeps_it(client, alice, eu, target):
    response = client.post(reverse("monitors:propose"), {"target": target})
    assert response.status_code == 422
    assert 'aria-invalid="true"' in text(response)
    assert f'value="{target}"' in text(response) or not target
    assert not Run.objects.exists()


def test_a_secret_in_an_address_is_stored_encrypted(client, alice, eu):
    run = propose(client, "https://shop.example/?token=planted")
    with connection.cursor() as cursor:
        cursor.execute("SELECT address, checks::text FROM monitors_testrun")
        assert "planted" not in str(cursor.fetchall())
    page = text(client.get(reverse("monitors:test_run", args=[run.pk])))
    assert 'value="https://shop.example/?token=planted"' in page  # it is needed to make the monitor


def test_the_dialog_takes_just_an_address_too(client, alice, eu):
    given = {
        "quick": "1",
        "target": "shop.example",
        "name": "",
        "interval": str(django_settings.DEFAULT_CHECK_INTERVAL),
    }
    response = client.post(reverse("monitors:add"), given)
    assert response.url == reverse("monitors:test_run", args=[Run.objects.get().pk])


@pytest.mark.parametrize("more", [{"name": "Shop"}, {"interval": "5"}, {"target": "no address"}])
def test_the_dialog_loses_nothing_that_was_typed_beside_it(client, alice, eu, more):
    given = {"quick": "1", "target": "shop.example", "name": "", "interval": "30", **more}
    response = client.post(reverse("monitors:add"), given)
    assert response.status_code == 422
    assert f'value="{next(iter(more.values()))}"' in text(response)


def test_at_most_three_regions_are_asked_for_a_proposal_those_first_that_are_there(client, alice, eu):
    for slug in ("a", "b", "c"):
        make_region(slug, key=new_key())
    run = propose(client, "shop.example")
    assert run.answers.values("region").distinct().count() == 3


def test_the_form_without_a_proposal_stays_within_reach(client, alice, eu):
    page = text(client.get(reverse("monitors:propose")))
    assert "Choose the settings yourself" in page
    assert reverse("monitors:add") in page
