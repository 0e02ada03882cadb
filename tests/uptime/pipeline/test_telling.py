"""What the figures of telling people and of listening to jobs mean."""

from datetime import UTC, datetime, timedelta

import pytest

from monitors.services import ingest
from uptime.pipeline import telling
from uptime.pipeline.flow import BEACON
from uptime.pipeline.reading import Beat, Overdue
from uptime.pipeline.reading_alerts import Jobs, Messages, Outbox

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PATIENCE = timedelta(seconds=30)


def ago(seconds):
    return NOW - timedelta(seconds=seconds)


def beating(**silent):
    """Everything has just worked, for an hour; but for those that did so many seconds ago, or never (None)."""
    names = (BEACON, telling.ANNOUNCE, telling.DELIVER, telling.JUDGE, ingest.PULSE)
    seconds = {**dict.fromkeys(names, 1), **silent}
    return {name: Beat(ago(at), ago(3600), 4.0, 7) for name, at in seconds.items() if at is not None}


def holds(part, state, words=""):
    assert part.state == state
    assert words in " ".join(problem.sentence for problem in part.problems)
    assert all(problem.hint and problem.see for problem in part.problems)


@pytest.mark.parametrize(
    ("facts", "silent", "state", "words"),
    [
        (Outbox(), {}, "well", ""),
        (Outbox(5, 0, ago(2), 9), {}, "well", ""),
        (Outbox(0, 5000, None, 5000), {}, "well", ""),  # the brake holds them
        (Outbox(5, 0, ago(31), 9), {}, "problem", "5 changes of status are waiting since 01 Mar 11:59:29"),
        (Outbox(), {"announce": 31}, "problem", "No run of announce has succeeded since 01 Mar 11:59:29"),
        (Outbox(), {"announce": None}, "problem", "No run of announce has succeeded yet"),
        (Outbox(5, 0, ago(90), 9), {BEACON: 40}, "unknown", ""),  # the part of beat says why
    ],
)
def test_what_is_to_be_announced(facts, silent, state, words):
    holds(telling.outbox_part(NOW, beating(**silent), facts, PATIENCE), state, words)


@pytest.mark.parametrize(
    ("facts", "silent", "state", "words"),
    [
        (Messages(), {}, "well", ""),
        (Messages(waiting=40, oldest=ago(600), in_flight=48, retrying=9, failing=3, switched_off=2), {}, "well", ""),
        (Messages(waiting=40, oldest=ago(901)), {}, "warning", "40 messages are waiting, the oldest since"),
        (
            Messages(given_up=1, reason="It answered 500."),
            {},
            "warning",
            "1 message was given up within a day: It",
        ),
        (Messages(switched_off=2, switched_off_lately=1), {}, "warning", "1 channel was switched off"),
        (Messages(), {"deliver": 31}, "problem", "No run of deliver has succeeded since 01 Mar 11:59:29"),
        (Messages(given_up=2, reason="No."), {BEACON: None}, "warning", "2 messages were given up"),
    ],
)
def test_messages(facts, silent, state, words):
    holds(telling.messages_part(NOW, beating(**silent), facts, True, PATIENCE), state, words)


def test_what_went_through_each_kind_of_channel_is_counted():
    pulses = beating() | {"sent:webhook": Beat(NOW, NOW, None, 12), "dead:email": Beat(NOW, NOW, None, 1)}
    part = telling.messages_part(NOW, pulses, Messages(), False, PATIENCE)
    shown = {figure.label: figure.value for figure in part.figures}
    assert (shown["Webhook, sent"], shown["Email, given up"]) == (12, 1)
    assert "Slack, sent" not in shown
    assert shown["Mail server"] == "none: mails are kept"


@pytest.mark.parametrize(
    ("facts", "silent", "state", "words"),
    [
        (Jobs(), {}, "well", ""),
        (Jobs(9, 18, 2, ago(600), Overdue(3, ago(4))), {}, "well", ""),
        (Jobs(9), {ingest.PULSE: 31}, "problem", "not been able to ping ourselves since 01 Mar 11:59:29"),
        (Jobs(9), {ingest.PULSE: None}, "problem", "not been able to ping ourselves yet"),
        (Jobs(0), {ingest.PULSE: None}, "well", ""),  # nobody pings
        (Jobs(9, late=Overdue(1, ago(31))), {}, "problem", "1 heartbeat due since 01 Mar 11:59:29 UTC is not judged"),
        (Jobs(9), {telling.JUDGE: 31}, "problem", "No run of judge_heartbeats has succeeded since"),
        (Jobs(9), {BEACON: None, telling.JUDGE: None}, "unknown", ""),
    ],
)
def test_heartbeats(facts, silent, state, words):
    holds(telling.pings_part(NOW, beating(**silent), facts, PATIENCE), state, words)
