"""The way of the data, judged: beat, dispatch, regions, results, sweep. Facts in, a part out; nothing is asked here."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from monitors.services.pulses import SENT, STORED
from uptime import queues
from uptime.celery import Entry
from uptime.lib.version import VERSION
from uptime.pipeline.parts import Part, Unit
from uptime.pipeline.reading import Beat, Missed, Overdue, Place, Watched

BEACON, DISPATCH, RESULTS, SWEEP = "beacon", "dispatch", "results", "sweep"
SECOND = 1000  # milliseconds a task that runs every second should take at most
MISSED_LATELY = timedelta(minutes=10)
OVERDUE_LONG = timedelta(minutes=2)
LATE_MS = 2000  # the least lateness a check is allowed; beyond it rounds are lost
CLOCK_MS, LAG_MS = 1000, 500
MANY_WAITING = 1000  # messages; a results worker stores some hundred a second

Pulses = Mapping[str, Beat]


def stood_for(now: datetime, pulses: Pulses, name: str) -> timedelta | None:
    """How long a part has done nothing although beat went on; None where beat itself has done nothing yet.

    What stood still because everything was switched off is not held against it.
    """
    beat = pulses.get(BEACON)
    if beat is None:
        return None
    last = max(pulses[name].at, beat.since) if name in pulses else beat.since
    return now - last


def beat_part(now: datetime, pulses: Pulses, waiting: int | None, patience: timedelta) -> Part:
    part = Part("beat", "Beat")
    beat = pulses.get(BEACON)
    part.show("Last word", beat.at if beat else None, Unit.MOMENT, metric="uptime_beat_last_timestamp_seconds")
    part.show("Without a break since", beat.since if beat else None, Unit.MOMENT)
    _queue(part, queues.CONTROL, waiting)
    if beat and now - beat.at <= patience:
        return part
    since = f"since {at(beat.at)}" if beat else "yet"
    if waiting:
        part.fail(
            f"The control worker has done nothing {since}, while {count(waiting, 'message')} {are(waiting)} waiting.",
            "Start the process `control` again, and look into its log.",
            "Checks have not run",
        )
    else:
        part.fail(
            f"Beat has sent nothing {since}.",
            "Start the processes `beat` and `control` again, and look into their logs.",
            "Checks have not run",
        )
    return part


def dispatch_part(
    now: datetime, pulses: Pulses, due: Overdue, missed: Missed, watched: Watched, patience: timedelta
) -> Part:
    part = Part("dispatch", "Dispatch")
    run, sent = pulses.get(DISPATCH), pulses.get(SENT)
    _run(part, "dispatch", run)
    part.show("Checks sent", sent.done if sent else 0, metric="uptime_checks_sent_total")
    part.show("Monitors due", due.count, metric="uptime_monitors_due")
    part.show("Missed in the last hour", missed.checks, metric="uptime_checks_missed_last_hour")
    for name, share in (("Start delay (median)", 0.5), ("Start delay (99th percentile)", 0.99)):
        labels = (("quantile", str(share)),)
        part.show(
            name, quantile(watched.delays, share), Unit.MILLISECONDS, metric="uptime_start_delay_seconds", labels=labels
        )
    _judge_dispatch(part, now, pulses, due, patience)
    if run and run.took_ms and run.took_ms > SECOND:
        part.warn(
            f"Its last run took {run.took_ms / 1000:.1f} s, though it should run every second.",
            "Look at the load of this machine and of the database.",
            "Checks are late",
        )
    if missed.newest and now - missed.newest < MISSED_LATELY:
        part.warn(
            f"{count(missed.checks, 'check')} of {count(missed.monitors, 'monitor')} could not be sent in time in the "
            "last hour.",
            "Right after a start this is what was missed while nothing ran. Otherwise look at beat and the load.",
            "Checks are late",
        )
    late = quantile(watched.delays, 0.99)
    if late and late > LATE_MS:
        part.warn(
            f"One check of a hundred started {late / 1000:.1f} s late or later.",
            "Start another worker for the busy region, or check less often.",
            "Checks are late",
        )
    return part


def _judge_dispatch(part: Part, now: datetime, pulses: Pulses, due: Overdue, patience: timedelta) -> None:
    stood = stood_for(now, pulses, DISPATCH)
    if stood is None or now - pulses[BEACON].at > patience:
        part.known = False  # the beat part says why
        return
    if stood > patience:
        since = f"since {at(pulses[DISPATCH].at)}" if DISPATCH in pulses else "yet"
        part.fail(
            f"No run has succeeded {since}.",
            "Look into the log of the process `control`; dispatch needs the database and the broker.",
            "Checks have not run",
        )
    elif due.oldest and now - max(due.oldest, pulses[BEACON].since) > patience:
        part.fail(
            f"It runs, but checks of {count(due.count, 'monitor')} due since {at(due.oldest)} have not been sent.",
            "Look for a transaction that holds the schedule locked, and into the log of the process `control`.",
            "Checks have not run",
        )


def region_part(place: Place, waiting: int | None) -> Part:
    part = Part(f"region-{place.slug}", f"Region {place.name}")
    labels = (("region", place.slug),)
    _queue(part, queues.checks(place.slug, ""), waiting, full=queues.BACKLOG)
    part.show("Workers", place.workers, metric="uptime_region_workers", labels=labels)
    part.show("In flight", place.in_flight, metric="uptime_region_in_flight", labels=labels)
    part.show(
        "Last heard", place.heard_at, Unit.MOMENT, metric="uptime_region_last_heard_timestamp_seconds", labels=labels
    )
    part.show("Clock off by", place.clock_ms, Unit.MILLISECONDS, metric="uptime_region_clock_seconds", labels=labels)
    part.show("Engine lag", place.lag_ms, Unit.MILLISECONDS, metric="uptime_region_engine_lag_seconds", labels=labels)
    part.show("Version", ", ".join(sorted(place.versions)) or None, Unit.TEXT)
    part.show("Troubles", len(place.troubles), metric="uptime_region_troubles", labels=labels)
    for kind, detail, since in place.troubles:
        part.fail(
            f"{kind} since {at(since)}{f': {detail}' if detail else '.'}",
            "Until that is over, what it says counts as no data.",
            SEE_TROUBLE.get(kind, "A region is not believed"),
        )
    _judge_region(part, place, waiting)
    return part


SEE_TROUBLE = {"Offline": "A worker does nothing", "Clock is off": "A clock is off"}


def _judge_region(part: Part, place: Place, waiting: int | None) -> None:
    told = {kind for kind, _, _ in place.troubles}
    if place.offline and "Offline" not in told:
        say = part.fail if place.watched else part.warn
        heard = f"has been heard since {at(place.heard_at)}" if place.heard_at else "has ever been heard"
        say(
            f"No worker of it {heard}.",
            f"Start one: `manage.py region show {place.slug}` prints the command. Or look into its log.",
            "A worker does nothing",
        )
    part.known = place.offline or bool(place.workers)
    if waiting and waiting > queues.BACKLOG:
        part.fail(
            f"{count(waiting, 'message')} wait for its workers: more than they can do, so they get no more checks.",
            "Start another worker with the same REGION_ID, or look into the log of the one there is.",
            "A queue grows",
        )
    if place.clock_ms and abs(place.clock_ms) > CLOCK_MS and "Clock is off" not in told:
        side = "ahead of" if place.clock_ms > 0 else "behind"
        part.warn(
            f"A worker's clock is {abs(place.clock_ms) / 1000:.1f} s {side} ours.",
            "Set the clock of that machine by NTP.",
            "A clock is off",
        )
    if place.lag_ms and place.lag_ms > LAG_MS:
        part.warn(
            f"A worker's engine runs {place.lag_ms:.0f} ms behind itself: that machine has too much to do.",
            "Give it more CPU, or start another worker elsewhere with the same REGION_ID.",
            "Checks are late",
        )
    if place.versions - {VERSION}:
        part.warn(
            f"Its workers run {' and '.join(sorted(place.versions)) or 'another version'}, the centre {VERSION}.",
            "Bring them to the centre's version and start them again.",
            "A worker does nothing",
        )


def results_part(now: datetime, pulses: Pulses, waiting: int | None, quiet: bool, patience: timedelta) -> Part:
    """`quiet`: nothing has been stored for so long that something is wrong, although results are due."""
    part = Part("results", "Results")
    read, stored = pulses.get(RESULTS), pulses.get(STORED)
    _queue(part, queues.RESULTS, waiting)
    part.show(
        "All stored up to", read.at if read else None, Unit.MOMENT, metric="uptime_results_read_timestamp_seconds"
    )
    behind = (now - read.at).total_seconds() if read else None
    part.show("Behind", behind, Unit.SECONDS, metric="uptime_results_behind_seconds")
    part.show("Ticks stored", stored.done if stored else 0, metric="uptime_ticks_stored_total")
    part.show("Last tick stored", stored.at if stored else None, Unit.MOMENT, metric="uptime_stored_timestamp_seconds")
    if waiting and waiting > MANY_WAITING:
        part.warn(
            f"{count(waiting, 'message')} wait to be stored.",
            "Start another process `results`; look at the load of the database.",
            "A queue grows",
        )
    stood = stood_for(now, pulses, RESULTS)
    if stood is None or now - pulses[BEACON].at > patience:
        part.known = False  # the beat part says why
        return part
    if stood > patience:
        meanwhile = f", while {count(waiting, 'message')} {are(waiting)} waiting" if waiting else ""
        part.fail(
            f"The results worker has read nothing {f'since {at(read.at)}' if read else 'yet'}{meanwhile}.",
            "Start the process `results` again, and look into its log.",
            "A queue grows",
        )
    elif quiet:
        part.fail(
            f"No result has been stored {f'since {at(stored.at)}' if stored else 'yet'}, although checks are due.",
            "Look whether any region works, and into the logs of the regional workers.",
            "Checks have not run",
        )
    return part


def sweep_part(now: datetime, pulses: Pulses, overdue: Overdue, patience: timedelta) -> Part:
    part = Part("sweep", "Sweep")
    _run(part, "sweep", pulses.get(SWEEP))
    part.show("Monitors overdue", overdue.count, metric="uptime_monitors_overdue")
    part.show("Oldest overdue", overdue.oldest, Unit.MOMENT)
    stood = stood_for(now, pulses, SWEEP)
    if stood is None or now - pulses[BEACON].at > patience:
        part.known = False  # the beat part says why
        return part
    if stood > patience:
        part.fail(
            f"No run has succeeded {f'since {at(pulses[SWEEP].at)}' if SWEEP in pulses else 'yet'}: what was missed is "
            "not accounted for.",
            "Look into the log of the process `control`.",
            "A site shows no data",
        )
    elif overdue.oldest and now - max(overdue.oldest, pulses[BEACON].since) > OVERDUE_LONG:
        part.warn(
            f"{count(overdue.count, 'monitor')} {are(overdue.count)} waiting for results since {at(overdue.oldest)}.",
            "Nothing is lost: they wait until the results queue has been read that far.",
            "A queue grows",
        )
    return part


def work_part(now: datetime, pulses: Pulses, entries: Sequence[Entry], waiting: int | None) -> Part:
    """The jobs that may take their time, each with its last run."""
    part = Part("work", "Background work")
    _queue(part, queues.WORK, waiting)
    behind = []
    for entry in entries:
        name = entry.task.removeprefix("uptime.")
        pulse, words = pulses.get(name), name.replace("_", " ").capitalize()
        labels = (("task", name),)
        part.show(
            words, pulse.at if pulse else None, Unit.MOMENT, metric="uptime_task_last_timestamp_seconds", labels=labels
        )
        stood = stood_for(now, pulses, name)
        if stood and stood > timedelta(seconds=3 * entry.every + 60):
            behind.append(f"{words} ({f'last at {at(pulse.at)}' if pulse else 'never'})")
    if behind:
        part.warn(
            f"Overdue: {', '.join(behind)}.",
            "Look whether the process `work` runs, and into its log.",
            "Background work is overdue",
        )
    return part


def monitors_part(watched: Watched) -> Part:
    part = Part("monitors", "Monitors")
    for status, number in sorted(watched.statuses.items()):
        labels = (("status", status),)
        part.show(status.capitalize(), number, metric="uptime_monitors", labels=labels)
    return part


def _run(part: Part, task: str, run: Beat | None) -> None:
    labels = (("task", task),)
    part.show(
        "Last run", run.at if run else None, Unit.MOMENT, metric="uptime_task_last_timestamp_seconds", labels=labels
    )
    took = run.took_ms if run else None
    part.show("Took", took, Unit.MILLISECONDS, metric="uptime_task_seconds", labels=labels)


def _queue(part: Part, name: str, waiting: int | None, full: float | None = None) -> None:
    labels = (("queue", name),)
    part.show("Waiting", waiting, full=full, metric="uptime_queue_messages", labels=labels)


# Words ----------------------------------------------------------------------------------------------------------------
def at(moment: datetime | None) -> str:
    """A moment inside a sentence that is read in terminals and mails too."""
    return f"{moment:%d %b %H:%M:%S} UTC" if moment else "ever"


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def are(number: int) -> str:
    return "is" if number == 1 else "are"


def quantile(ascending: Sequence[float], share: float) -> float | None:
    return ascending[min(len(ascending) - 1, int(len(ascending) * share))] if ascending else None
