"""What must hold after every fault, read from the product's tables and compared with what the farm knows.

The names G1 to G8 are those of the table in docs/reliability.md.
"""

from collections import Counter
from dataclasses import dataclass, field

from monitors.domain.slots import grid
from tests.faults.farm import Farm, Outage, Probe
from tests.faults.sinks import Heard
from tests.faults.stack import Stack

CONFIRM = 2  # rounds, the default
GOOD_DELAY_S = 2.0


SINKS = ("hook", "mail")
# Incidents that are over and people must have heard of, by the tables of verdicts alone.
TOLD = """
SELECT i.id FROM incidents_incident i WHERE i.started_at >= to_timestamp(%s) AND i.resolution = 'recovered'
AND EXISTS (SELECT FROM incidents_transition t WHERE t.monitor_id = i.monitor_id AND t.to_status = 'down'
            AND t.at = i.started_at AND t.dropped_at IS NULL AND NOT t.silent)
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """A stored tick."""

    monitor: int
    region: str
    slot: float
    vote: str
    reason: str
    delay: float | None  # from its slot to the start of the check


def _told_wrongly(about: list[Heard]) -> list[str]:
    """What is wrong with what one sink heard of one incident: each event under one key, the end, and the beginning
    before it, or both in one message."""
    keys = {event: {each.key for each in about if each.event == event} for event in ("down", "up")}
    whole = any(each.whole for each in about)
    checks = {
        "the end was not told, or under several keys": len(keys["up"]) == 1,
        "the beginning was not told, or under several keys": len(keys["down"]) == (0 if whole else 1),
        "something else was told": {each.event for each in about} <= {"down", "up"},
    }
    return [what for what, good in checks.items() if not good]


@dataclass
class Window:
    """Everything that happened between two moments."""

    stack: Stack
    start: float
    over: float  # when the fault ended
    end: float
    ticks: list[Seen] = field(default_factory=list)

    def load(self) -> None:
        rows = self.stack.sql(
            "SELECT monitor_id, r.slug, extract(epoch FROM slot)::float8, vote, reason, "
            "extract(epoch FROM started_at - slot)::float8 FROM monitors_tick t JOIN monitors_region r "
            "ON r.id = t.region_id WHERE slot >= to_timestamp(%s) AND slot < to_timestamp(%s)",
            round(self.start, 3),  # as in `due`: slots lie on whole milliseconds
            round(self.end, 3),
        )
        self.ticks = [Seen(*row) for row in rows if row[0] in self.stack.targets]

    def due(self) -> set[tuple[int, str, float]]:
        """Every slot of every region, by arithmetic alone."""
        start, end, interval = round(self.start * 1000), round(self.end * 1000), self.stack.size.interval
        return {
            (monitor, region, slot / 1000)
            for monitor in self.stack.targets
            for slot in grid(monitor, interval, start - 1, end - 1)
            for region in self.stack.regions
        }

    # G1, G3: accounting
    def doubled_ticks(self) -> int:
        keys = Counter((tick.monitor, tick.region, tick.slot) for tick in self.ticks)
        return sum(count - 1 for count in keys.values())

    def unaccounted(self) -> set[tuple[int, str, float]]:
        """Due slots with neither a tick nor a long gap that says why not."""
        found = {(tick.monitor, tick.region, tick.slot) for tick in self.ticks}
        gaps = self.stack.sql(
            'SELECT monitor_id, extract(epoch FROM start)::float8, extract(epoch FROM "end")::float8 '
            "FROM monitors_gap WHERE \"end\" - start > interval '10 minutes'"
        )
        long = [(monitor, start, end) for monitor, start, end in gaps]
        return {
            each
            for each in self.due() - found
            if not any(monitor == each[0] and start <= each[2] < end for monitor, start, end in long)
        }

    def lost(self) -> Counter[str]:
        """Due slots that were not measured, by what we say was the reason."""
        due = self.due()
        reasons = {(t.monitor, t.region, t.slot): t.reason for t in self.ticks if t.vote == "nodata"}
        measured = {(t.monitor, t.region, t.slot) for t in self.ticks if t.vote != "nodata"}
        return Counter(reasons.get(each, "gap") for each in due - measured)

    # How late checks began: G7
    def started_late(self) -> list[Seen]:
        allowed = self.stack.size.lateness + 0.25  # the clock is read a moment after the decision to start
        return [tick for tick in self.ticks if tick.delay is not None and tick.delay > allowed]

    def recovery_s(self) -> float:
        """How long after the fault's end slots were still lost or late."""
        bad = [t.slot for t in self.ticks if t.vote == "nodata" or (t.delay or 0) > GOOD_DELAY_S]
        return max([slot - self.over for slot in bad if slot > self.over], default=0.0)

    def offline_votes(self, region: str) -> int:
        """Slots that were not even sent to a region, because it was known to be away."""
        return sum(tick.region == region and tick.reason == "region_offline" for tick in self.ticks)

    # What the farm saw
    def doubled_probes(self, farm: Farm) -> int:
        """Requests for a slot that had been asked for already, at targets that were up all the time."""
        back = {target: monitor for monitor, target in self.stack.targets.items()}
        calm = [t for t in back if not farm.was_down(t, self.start - 60, self.end)]
        interval = self.stack.size.interval
        seen = [probe for probe in farm.seen(self.start, self.end, calm) if probe.good]
        keys = Counter(self._slot(probe, back, interval) for probe in seen)
        return sum(count - 1 for count in keys.values())

    @staticmethod
    def _slot(probe: Probe, back: dict[int, int], interval: int) -> tuple[int, str, int]:
        at = round(probe.at * 1000) + 50  # timers may fire a moment early
        return probe.target, probe.region, grid(back[probe.target], interval, at - interval * 1000, at)[-1]

    # G4, G5: verdicts
    def transitions(self) -> list[tuple[int, str, float, float]]:
        """(monitor, to_status, at, written at) of every change told to people."""
        return self.stack.sql(
            "SELECT monitor_id, to_status, extract(epoch FROM at)::float8, extract(epoch FROM created_at)::float8 "
            "FROM incidents_transition WHERE NOT silent AND created_at >= to_timestamp(%s) ORDER BY id",
            self.start,
        )

    def incidents_without_outbox_row(self) -> list[tuple[int, float, int]]:
        """(monitor, start, rows) of incidents with another number of rows in the outbox than one to open them, and
        one to close them."""
        rows = self.stack.sql(
            "SELECT i.monitor_id, extract(epoch FROM i.started_at)::float8, "
            "count(t.id) FILTER (WHERE t.to_status = 'down' AND t.at = i.started_at), "
            "count(t.id) FILTER (WHERE t.to_status = 'up' AND t.at = i.resolved_at), i.resolved_at IS NOT NULL "
            "FROM incidents_incident i LEFT JOIN incidents_transition t "
            "ON t.monitor_id = i.monitor_id AND NOT t.silent "
            "WHERE i.started_at >= to_timestamp(%s) AND (i.resolution IN ('', 'recovered')) GROUP BY i.id",
            self.start,
        )
        return [row[:3] for row in rows if row[2] != 1 or row[3] != int(row[4])]

    # G6: what people were told
    def alert_problems(self, crashes: int) -> list[str]:
        """What is wrong with what each sink heard of the incidents of this window, and of no others. `crashes`: of the
        worker that sends, each of which may cost one message more."""
        ids = [pk for (pk,) in self.stack.sql(TOLD, self.start)]
        heard = [each for each in self.stack.sinks.heard() if each.incident >= min(ids, default=0)]
        wrong = [f"{each.sink} heard of incident {each.incident}" for each in heard if each.incident not in ids]
        for incident in ids:
            for sink in SINKS:
                about = [each for each in heard if (each.incident, each.sink) == (incident, sink)]
                wrong += [f"{sink}, incident {incident}: {what}" for what in _told_wrongly(about)]
        twice = len(heard) - len({(each.sink, each.key) for each in heard})
        return wrong + ([f"{twice} messages came twice"] if twice > crashes else [])

    def false_verdicts(self, farm: Farm) -> list[tuple[int, str, float]]:
        """Down though it was up, or up though it was down, in the round that decided."""
        reach = self.stack.size.lateness + self.stack.size.timeout
        wrong = []
        for monitor, status, at, _ in self.transitions():
            target = self.stack.targets.get(monitor)
            if target is None:
                continue
            down = farm.was_down(target, at, at + reach)
            up = not any(
                o.target == target and o.start < at and (o.end or at + reach + 1) > at + reach for o in farm.outages
            )
            if (status == "down" and not down) or (status == "up" and not up):
                wrong.append((monitor, status, at))
        return wrong

    def problems_with(self, outage: Outage) -> list[str]:
        """What is wrong with how an outage that lasted long enough was noticed."""
        size, monitor = self.stack.size, next(m for m, t in self.stack.targets.items() if t == outage.target)
        blind_until = max(outage.start, self.over + self.recovery_s())
        bound = blind_until + (CONFIRM + 1) * size.interval + size.timeout + size.lateness + size.slack_s
        found = self.stack.sql(
            "SELECT extract(epoch FROM started_at)::float8, resolved_at IS NOT NULL FROM incidents_incident "
            "WHERE monitor_id = %s AND started_at >= to_timestamp(%s)",
            monitor,
            self.start - size.interval - size.lateness,
        )
        if len(found) != 1:
            return [f"an outage of monitor {monitor} has {len(found)} incidents"]
        started, resolved = found[0]
        opened = [written for m, status, _, written in self.transitions() if (m, status) == (monitor, "down")]
        checks = {
            f"it started {started - outage.start:.1f} s off": outage.start - size.lateness - size.timeout
            <= started
            <= blind_until + size.interval + size.slack_s,
            f"it was announced {len(opened)} times": len(opened) == 1,
            f"it was opened {opened[0] - outage.start:.1f} s after it began": opened[0] <= bound,
            "it was not resolved": resolved,
        }
        return [f"an outage of monitor {monitor}: {what}" for what, good in checks.items() if not good]
