"""Telling people, and listening to jobs, judged: announce, messages, heartbeats. Facts in, a part out."""

from datetime import datetime, timedelta

from alerts.channels.base import KINDS
from alerts.services.delivery import FAILED, GIVEN_UP, SENT, pulse_name
from monitors.services import ingest
from uptime.pipeline.flow import BEACON, Pulses, are, at, count, stood_for
from uptime.pipeline.parts import Part, Unit
from uptime.pipeline.reading_alerts import Jobs, Messages, Outbox

ANNOUNCE, DELIVER, JUDGE = "announce", "deliver", "judge_heartbeats"
# Longer than a channel whose hour is full waits for its digest (alerts.domain.tries).
WAITED_LONG = timedelta(minutes=15)
SEE_ALERT, SEE_PINGS = "An alert did not arrive", "Pings are not taken"
COUNTERS = ((SENT, "sent"), (FAILED, "attempts that failed"), (GIVEN_UP, "given up"))


def outbox_part(now: datetime, pulses: Pulses, facts: Outbox, patience: timedelta) -> Part:
    part = Part("outbox", "Outbox")
    _run(part, pulses, ANNOUNCE)
    part.show("Not announced", facts.waiting, metric="uptime_outbox_waiting")
    part.show("Held back", facts.held, metric="uptime_outbox_held")
    behind = (now - facts.oldest).total_seconds() if facts.oldest else 0.0
    part.show("Behind", behind, Unit.SECONDS, metric="uptime_outbox_behind_seconds")
    part.show("Transitions in all", facts.written, metric="uptime_transitions_total")
    if not _judged(part, now, pulses, patience):
        return part
    if _stands(now, pulses, ANNOUNCE, patience):
        part.fail(
            f"No run of announce has succeeded {_since(pulses, ANNOUNCE)}: nobody is told of anything.",
            "Look into the log of the process `control`.",
            SEE_ALERT,
        )
    elif facts.oldest and now - max(facts.oldest, pulses[BEACON].since) > patience:
        part.fail(
            f"Announce runs, but {count(facts.waiting, 'change')} of status {are(facts.waiting)} waiting since "
            f"{at(facts.oldest)}.",
            "Look into the log of the process `control`, and for a transaction that holds them locked.",
            SEE_ALERT,
        )
    return part


def messages_part(now: datetime, pulses: Pulses, facts: Messages, mail: bool, patience: timedelta) -> Part:
    """`mail`: whether a mail server is set up."""
    part = Part("messages", "Alerts")
    _run(part, pulses, DELIVER)
    part.show("Waiting", facts.waiting, metric="uptime_alerts_waiting")
    oldest = (now - facts.oldest).total_seconds() if facts.oldest else 0.0
    part.show("Oldest", oldest, Unit.SECONDS, metric="uptime_alerts_oldest_seconds")
    part.show("In flight", facts.in_flight, metric="uptime_alerts_in_flight")
    part.show("Trying again", facts.retrying, metric="uptime_alerts_retrying")
    part.show("Given up in a day", facts.given_up, metric="uptime_alerts_given_up_last_day")
    part.show("Channels failing", facts.failing, metric="uptime_channels_failing")
    part.show("Channels switched off by us", facts.switched_off, metric="uptime_channels_switched_off")
    part.show("Last sent", facts.last_sent, Unit.MOMENT, metric="uptime_alerts_last_sent_timestamp_seconds")
    part.show("Mail server", "set up" if mail else "none: mails are kept", Unit.TEXT)
    _counters(part, pulses)
    if _judged(part, now, pulses, patience):
        _judge_messages(part, now, pulses, facts, patience)
    _warn_of_channels(part, facts)
    return part


def _counters(part: Part, pulses: Pulses) -> None:
    """What was sent through each kind of channel, where there was anything."""
    for kind in KINDS.names:
        for outcome, words in COUNTERS:
            pulse = pulses.get(pulse_name(outcome, kind))
            if pulse:
                labels = (("kind", kind), ("outcome", words.replace(" ", "_")))
                part.show(f"{KINDS.get(kind).label}, {words}", pulse.done, metric="uptime_alerts_total", labels=labels)


def _judge_messages(part: Part, now: datetime, pulses: Pulses, facts: Messages, patience: timedelta) -> None:
    if _stands(now, pulses, DELIVER, patience):
        part.fail(
            f"No run of deliver has succeeded {_since(pulses, DELIVER)}: no message is sent.",
            "Start the process `work` again, and look into its log.",
            SEE_ALERT,
        )
    elif facts.oldest and now - max(facts.oldest, pulses[BEACON].since) > WAITED_LONG:
        part.warn(
            f"{count(facts.waiting, 'message')} {are(facts.waiting)} waiting, the oldest since {at(facts.oldest)}.",
            "A channel whose hour is full waits for room. Otherwise look into the log of the process `work`, or start "
            "another one.",
            SEE_ALERT,
        )


def _warn_of_channels(part: Part, facts: Messages) -> None:
    if facts.given_up:
        part.warn(
            f"{count(facts.given_up, 'message')} {'was' if facts.given_up == 1 else 'were'} given up within a day: "
            f"{facts.reason[:200].rstrip('.')}.",
            "Its team sees it under “Alerts, Messages, Given up”, and can send it again from there.",
            SEE_ALERT,
        )
    if facts.switched_off_lately:
        part.warn(
            f"{count(facts.switched_off_lately, 'channel')} {'was' if facts.switched_off_lately == 1 else 'were'} "
            "switched off within a day, because the provider wants nothing more.",
            "Its team was told, and reads why under “Alerts, Channels”; saving the channel switches it on again.",
            SEE_ALERT,
        )


def pings_part(now: datetime, pulses: Pulses, facts: Jobs, patience: timedelta) -> Part:
    part = Part("pings", "Heartbeats")
    part.show("Expected", facts.heartbeats, metric="uptime_heartbeats")
    part.show("Pings in the last minute", facts.pings, metric="uptime_pings_last_minute")
    part.show("Gaps in a day", facts.gaps, metric="uptime_ingest_gaps_last_day")
    part.show("Last gap ended", facts.last_gap, Unit.MOMENT)
    heard = pulses.get(ingest.PULSE)
    heard_at = heard.at if heard else None
    part.show("Pings can be taken", heard_at, Unit.MOMENT, metric="uptime_ingest_timestamp_seconds")
    part.show("Not judged yet", facts.late.count, metric="uptime_heartbeats_late")
    oldest = facts.late.oldest
    lag = (now - oldest).total_seconds() if oldest else 0.0
    part.show("Judge lag", lag, Unit.SECONDS, metric="uptime_heartbeats_judge_lag_seconds")
    _run(part, pulses, JUDGE)
    if not _judged(part, now, pulses, patience):
        return part
    stood = stood_for(now, pulses, ingest.PULSE)
    if facts.heartbeats and stood and stood > patience:
        part.fail(
            f"We have not been able to ping ourselves {f'since {at(heard_at)}' if heard_at else 'yet'}: no job can "
            "report in.",
            "Start the process `web` again, and look into its log. No job is called down for what it cannot say.",
            SEE_PINGS,
        )
    if _stands(now, pulses, JUDGE, patience):
        part.fail(
            f"No run of judge_heartbeats has succeeded {_since(pulses, JUDGE)}: no missing ping is noticed.",
            "Look into the log of the process `control`.",
            SEE_PINGS,
        )
    elif oldest and now - max(oldest, pulses[BEACON].since) > patience:
        part.fail(
            f"It runs, but {count(facts.late.count, 'heartbeat')} due since {at(oldest)} {are(facts.late.count)} not "
            "judged.",
            "Look into the log of the process `control`, and for a transaction that holds them locked.",
            SEE_PINGS,
        )
    return part


def _run(part: Part, pulses: Pulses, task: str) -> None:
    run, labels = pulses.get(task), (("task", task),)
    took = run.took_ms if run else None
    part.show("Last run took", took, Unit.MILLISECONDS, metric="uptime_task_seconds", labels=labels)


def _judged(part: Part, now: datetime, pulses: Pulses, patience: timedelta) -> bool:
    """Whether its tasks can be judged; where beat stands still, its own part says so."""
    beat = pulses.get(BEACON)
    part.known = beat is not None and now - beat.at <= patience
    return part.known


def _stands(now: datetime, pulses: Pulses, task: str, patience: timedelta) -> bool:
    stood = stood_for(now, pulses, task)
    return stood is not None and stood > patience


def _since(pulses: Pulses, task: str) -> str:
    return f"since {at(pulses[task].at)}" if task in pulses else "yet"
