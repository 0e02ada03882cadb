"""Response-time limits and the upside-down switch, which every probed kind has."""

import pytest

from monitors.domain.verdict import Vote
from monitors.probes.kinds import Finding, probed_kinds
from monitors.probes.reasons import Reason
from monitors.probes.thresholds import ProbedOptions, weighed
from tests.servers import Target, answer, slow

UP, REFUSED, LOST = Finding(None, "fine"), Finding(Reason.REFUSED, "nobody there"), Finding(Reason.LOCAL_ERROR, "ours")


@pytest.mark.parametrize(
    ("options", "finding", "ms", "reason", "degraded", "detail"),
    [
        ({}, UP, 900.0, None, False, "fine"),
        ({"degraded_above_ms": 500}, UP, 500.0, None, False, "fine"),
        ({"degraded_above_ms": 500}, UP, 900.0, None, True, "Answered in 900 ms, expected at most 500 ms (fine)"),
        ({"down_above_ms": 800}, UP, 900.0, Reason.TOO_SLOW, False,
         "Answered in 900 ms, expected at most 800 ms (fine)"),
        ({"degraded_above_ms": 500, "down_above_ms": 800}, UP, 600.0, None, True, None),
        ({"degraded_above_ms": 500, "down_above_ms": 800}, UP, 1900.0, Reason.TOO_SLOW, False, None),
        ({"degraded_above_ms": 500}, UP, None, None, False, "fine"),
        ({"degraded_above_ms": None, "down_above_ms": ""}, UP, 900.0, None, False, "fine"),
        ({"down_above_ms": 1}, REFUSED, 900.0, Reason.REFUSED, False, "nobody there"),
        ({"down_above_ms": 1}, LOST, 900.0, Reason.LOCAL_ERROR, False, "ours"),
        ({"upside_down": True}, REFUSED, None, None, False, "As it should, it fails: nobody there"),
        ({"upside_down": True}, Finding(Reason.REFUSED), None, None, False,
         "As it should, it fails: Connection refused"),
        ({"upside_down": True}, UP, 35.4, Reason.UPSIDE_DOWN, False,
         "The check succeeded in 35 ms, and this monitor expects it to fail (fine)"),
        ({"upside_down": True}, LOST, None, Reason.LOCAL_ERROR, False, "ours"),
    ],
)  # fmt: skip
def test_what_a_finding_means_under_the_options(options, finding, ms, reason, degraded, detail):
    found = weighed(options, finding, ms)
    assert (found.reason, found.degraded) == (reason, degraded)
    assert detail in {None, found.detail}


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"degraded_above_ms": 800, "down_above_ms": 500}, "degraded_above_ms", "Choose less than 500"),
        ({"degraded_above_ms": 500, "down_above_ms": 500}, "degraded_above_ms", "Choose less than 500"),
        ({"degraded_above_ms": 0}, "degraded_above_ms", "greater than or equal to 1"),
        ({"down_above_ms": 60_001}, "down_above_ms", "60000"),
        ({"down_above_ms": "soon"}, "down_above_ms", "whole number"),
        ({"down_above_ms": 500, "upside_down": True}, "down_above_ms", "upside-down"),
    ],
)
def test_limits_that_make_no_sense_are_refused(given, field, words):
    assert words in ProbedOptions.of(given).errors[field][0]


# A domain's registry is not what is watched: how fast it answers says nothing of the domain.
@pytest.mark.parametrize("kind", [k for k in probed_kinds() if k.name != "domain"], ids=lambda kind: kind.name)
def test_every_kind_that_answers_in_some_time_has_them(kind):
    assert issubclass(kind.Options, ProbedOptions)


@pytest.fixture
def target():
    with Target() as website:
        yield website


def test_a_slow_answer_is_degraded_or_down(prober, target):
    target.does(slow(0.05, answer(body="ok")))
    degraded = prober.probe(target.url, timeout_ms=20_000, degraded_above_ms=20)
    assert (degraded.vote, degraded.degraded) == (Vote.UP, True)
    assert "expected at most 20 ms" in degraded.detail
    down = prober.probe(target.url, timeout_ms=20_000, down_above_ms=20)
    assert (down.vote, down.reason, down.degraded, down.attempts) == (Vote.DOWN, Reason.TOO_SLOW, False, 1)
    quick = prober.probe(target.url, timeout_ms=20_000, degraded_above_ms=19_000)
    assert (quick.vote, quick.degraded) == (Vote.UP, False)


def test_an_upside_down_website_must_not_answer(prober, target):
    seen = prober.probe(target.url, upside_down=True)
    assert (seen.vote, seen.reason, seen.attempts) == (Vote.DOWN, Reason.UPSIDE_DOWN, 1)
    target.does(answer(503))
    seen = prober.probe(target.url, upside_down=True)
    assert (seen.vote, seen.reason) == (Vote.UP, None)
    assert seen.detail == "As it should, it fails: Answered 503 Service Unavailable, expected 200-299"
    target.refuses()
    assert prober.probe(target.url, upside_down=True).vote is Vote.UP


def test_an_upside_down_port_must_be_closed(prober, target):
    place = f"127.0.0.1:{target.port}"
    assert prober.probe(place, kind="tcp", upside_down=True).reason is Reason.UPSIDE_DOWN
    target.refuses()
    assert prober.probe(place, kind="tcp", upside_down=True).vote is Vote.UP


def test_a_limit_holds_for_a_conversation_too(prober, target):
    seen = prober.probe(f"127.0.0.1:{target.port}", kind="tcp", timeout_ms=20_000, degraded_above_ms=19_000)
    assert (seen.vote, seen.degraded) == (Vote.UP, False)


def test_what_we_fail_to_see_is_no_data_upside_down_too(make_prober, target):
    seen = make_prober(allow_private=False).probe(target.url, upside_down=True)
    assert (seen.vote, seen.reason) == (Vote.NODATA, Reason.BLOCKED_ADDRESS)
