"""Tests of settings: who is asked, whose answers are believed, and that nothing of it is ever a tick or a vote."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import transaction
from django.utils import timezone

from monitors.models import DeadLetter, ExtraSlot, Region, Round, State, Tick
from monitors.models import TestAnswer as Answer
from monitors.models import TestRun as Run
from monitors.probes.base import Check
from monitors.probes.reasons import Reason
from monitors.queries_tests import progress
from monitors.services import testruns
from monitors.services.testruns import TooManyTestsError, Trial
from monitors.times import now_ms
from tests.factories import make_region, make_test_run, make_user, team_of
from tests.monitors.services.cast import make_watched, outcome
from uptime import recording
from uptime.lib.crypto import key_bytes, seal

pytestmark = [pytest.mark.django_db, pytest.mark.database]
TRIAL = Trial("http", "https://shop.example/?key=secret", 10_000, {"headers": [{"name": "A", "value": "secret"}]})


def started(regions, silent=None, trials=(TRIAL,)):
    user = make_user("alice")
    with transaction.atomic():
        return testruns.start(team_of(user), user, trials, regions, timezone.now(), silent=silent or {})


def said(run, reason=None, **fields):
    """What a region says of the first check of a run."""
    asked = SimpleNamespace(pk=run.pk, config_version=0)
    return replace(outcome(asked, now_ms(), reason), **fields)


def states(run):
    return {each.region.slug: each.state for tried in progress(run).tried for each in tried.results}


# Asking ---------------------------------------------------------------------------------------------------------------
def test_every_region_that_can_is_asked_and_the_others_say_at_once_why_not():
    eu, us, off, far = make_region("eu"), make_region("us"), make_region("off", enabled=False), make_region("far")
    silent = {us.pk: Reason.REGION_OFFLINE, far.pk: Reason.NOT_DISPATCHED}
    run, checks = (begun := started([eu, us, off, far], silent)).run, begun.checks
    assert [region.slug for region in checks] == ["eu"]
    assert states(run) == {"eu": "checking", "us": "offline", "off": "off", "far": "unsent"}
    assert not progress(run).over


def test_a_check_of_a_test_can_travel_and_holds_everything():
    [[check]] = started([make_region("eu")]).checks.values()
    assert Check.from_wire(check.to_wire()) == check
    assert (check.target, check.options) == (TRIAL.target, TRIAL.options)


def test_no_secret_of_what_is_tried_is_stored_or_printed():
    run = started([make_region("eu")]).run
    rows = [*Run.objects.values_list(), *Answer.objects.values_list()]
    assert "secret" not in repr(rows)
    assert "secret" not in repr(TRIAL)[len("Trial(kind='http', target='https://shop.example/?key=secret'") :]
    assert run.checks[0]["target"] == "https://shop.example/?…"


def test_a_team_may_test_ten_times_a_minute():
    region, user = make_region("eu"), make_user("alice")
    now = timezone.now()

    def begin(at):
        with transaction.atomic():
            testruns.start(team_of(user), user, [TRIAL], [region], at, silent={})

    for second in range(testruns.MOST):
        begin(now + timedelta(seconds=second))
    with pytest.raises(TooManyTestsError, match=r"At most 10 tests a minute.*in 40 s") as refused:
        begin(now + timedelta(seconds=20))
    assert refused.value.wait_s == 40
    begin(now + timedelta(seconds=61))
    bob = make_user("bob")  # another team is not held up
    with transaction.atomic():
        testruns.start(team_of(bob), bob, [TRIAL], [region], now + timedelta(seconds=20), silent={})


# Answers --------------------------------------------------------------------------------------------------------------
def test_an_answer_is_shown_and_is_neither_tick_nor_vote():
    monitor = make_watched(["eu"])
    run = make_test_run(monitor)
    before = list(State.objects.values())
    slots = ExtraSlot.objects.count()
    assert testruns.take(Region.objects.get(), [said(run, Reason.REFUSED)], timezone.now()) == 1
    assert states(run) == {"eu": "down"}
    assert progress(run).over
    assert not Tick.objects.exists()
    assert not Round.objects.exists()
    assert (list(State.objects.values()), ExtraSlot.objects.count()) == (before, slots)


def sealed(payload, slug="eu", key=None, purpose="results"):
    return seal(key or key_bytes(Region.objects.get(slug=slug).key), purpose, slug, now_ms(), payload)


def by_another_key(run):
    """What "us" says in the name of "eu"."""
    key = key_bytes(Region.objects.get(slug="us").key)
    return "eu", sealed({"tests": [said(run).to_wire()]}, key=key)


def by_who_was_not_asked(run):
    return "us", sealed({"tests": [said(run).to_wire()]}, "us")


def of_another_run(run):
    return "eu", sealed({"tests": [said(run, monitor=run.pk + 1).to_wire()]})


def of_another_check(run):
    return "eu", sealed({"tests": [said(run, version=1).to_wire()]})


def as_an_outcome(run):
    return "eu", sealed({"outcomes": [said(run).to_wire()]})


def with_the_question_sent_back(run):
    return "eu", sealed({"tests": [said(run).to_wire()]}, purpose="tests")


def as_nonsense(run):
    return "eu", sealed({"tests": [["nonsense"], said(run).to_wire()[:-1], None, 7]})


def with_the_number_of_a_canary(run):
    wire = said(run).to_wire()
    return "eu", sealed({"tests": [[-1, *wire[1:]], [-1_000 - run.pk, *wire[1:]]]})


def after_it_has_expired(run):
    Run.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    return "eu", sealed({"tests": [said(run).to_wire()]})


@pytest.mark.parametrize(
    "forged",
    [
        by_another_key,
        by_who_was_not_asked,
        of_another_run,
        of_another_check,
        as_an_outcome,
        with_the_question_sent_back,
        as_nonsense,
        with_the_number_of_a_canary,
        after_it_has_expired,
    ],
)
def test_nobody_answers_for_another_and_nothing_else_passes_for_an_answer(forged):
    monitor = make_watched(["eu"])
    make_region("us")
    run = make_test_run(monitor)
    for _ in range(2):
        recording.take(*forged(run))
    assert not Answer.objects.exclude(came_at=None).exists()
    assert not Tick.objects.exists()


def test_an_answer_counts_once_whatever_is_replayed():
    run = make_test_run(make_watched(["eu"]))
    first = sealed({"tests": [said(run).to_wire()]})
    recording.take("eu", first)
    recording.take("eu", sealed({"tests": [said(run, Reason.REFUSED).to_wire()]}))
    recording.take("eu", first)
    assert states(run) == {"eu": "up"}
    assert not DeadLetter.objects.exists()


def test_a_region_that_was_offline_cannot_answer_but_one_that_was_not_reached_may_have_been():
    eu, us = make_region("eu"), make_region("us")
    run = started([eu, us], {eu.pk: Reason.REGION_OFFLINE, us.pk: Reason.NOT_DISPATCHED}).run
    assert testruns.take(eu, [said(run)], timezone.now()) == 0
    assert testruns.take(us, [said(run)], timezone.now()) == 1
    assert states(run) == {"eu": "offline", "us": "up"}


@pytest.mark.parametrize("text", ["a \x00 byte", "half \ud800 a character"])
def test_evidence_that_the_database_does_not_take_costs_no_answer(text):
    run = make_test_run(make_watched(["eu"]))
    recording.take("eu", sealed({"tests": [said(run, evidence={"body": text}).to_wire()]}))
    assert states(run) == {"eu": "up"}


def test_who_does_not_answer_in_time_is_silent():
    run = make_test_run(make_watched(["eu", "us"]))
    testruns.take(Region.objects.get(slug="eu"), [said(run)], timezone.now())
    late = progress(run, run.due_at + timedelta(seconds=1))
    assert [each.state for each in late.tried[0].results] == ["up", "silent"]
    assert late.over
    assert not progress(run, run.due_at - timedelta(seconds=1)).over
    assert run.due_at - run.created_at == timedelta(seconds=15)  # a timeout of ten, and five


def test_a_broker_that_took_nothing_is_not_waited_for():
    run = make_test_run(make_watched(["eu"]))
    testruns.not_sent(run, Region.objects.get())
    assert states(run) == {"eu": "unsent"}
    assert progress(run).over


def test_expired_tests_are_removed():
    monitor = make_watched(["eu"])
    old, new = make_test_run(monitor), make_test_run(monitor)
    Run.objects.filter(pk=old.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert testruns.prune(timezone.now()) == 1
    assert list(Run.objects.all()) == [new]
    assert Answer.objects.get().run == new


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("https://shop.example/a?token=1&b=2", "https://shop.example/a?…"),
        ("https://shop.example/a", "https://shop.example/a"),
        ("shop.example:25", "shop.example:25"),
        ("[2001:db8::1]:25", "[2001:db8::1]:25"),
    ],
)
def test_a_target_is_shown_without_the_values_of_its_query(target, shown):
    assert testruns.shown(target) == shown
