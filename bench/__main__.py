"""`make bench`: what a check costs, how many a second are kept up, how punctually, and in how much memory.

All parts but `hostile`, `alerts`, `storm`, `soak` and `stall` run by default, about seven minutes;
`make bench BENCH_ARGS="http"` runs one, --help tells more.
"""

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench import alerts as alerting
from bench import assertions as asserting
from bench import floor, measure
from bench import hostile as harm
from bench import pings as heartbeats
from bench import stall as stalling
from bench.installation import COLUMNS, Installation
from bench.target import Target

INTERVAL = 5  # seconds between the checks of a monitor, so that a stretch holds each one a few times
WARM_S = INTERVAL + 3.0  # the first check of a monitor writes more: its evidence, its certificate
HANGING_WARM_S = 13.0  # longer than the timeout of 10 s, so that as many hang as ever will


@dataclass
class Bench:
    """What every part needs."""

    installation: Installation
    target: Target
    options: argparse.Namespace
    floors: dict[str, list[float]] = field(default_factory=lambda: {"http": [], "https": []})

    def say(self, text: str) -> None:
        print(text, flush=True)

    def floor(self, scheme: str) -> None:
        """One round of the C load generator, while the product has nothing to do."""
        if floor.tool():
            self.floors[scheme].append(floor.measure(self.url(scheme), self.options.floor_seconds).ms)

    def floor_ms(self, scheme: str) -> float | None:
        return measure.middle(self.floors[scheme]) if self.floors[scheme] else None

    def url(self, scheme: str) -> str:
        return self.target.https if scheme == "https" else self.target.http

    def stretch(self, scheme: str, rate: int, hanging: float = 0.0) -> measure.Stretch:
        """Load monitors that make `rate` checks a second, watch, and take them away again."""
        count = rate * INTERVAL
        slow = round(count * hanging)
        targets = {self.url(scheme): count - slow} | ({self.target.hanging: slow} if slow else {})
        self.installation.load(targets, INTERVAL)
        warm = HANGING_WARM_S if slow else WARM_S
        found = measure.watch(self.installation, warm, self.options.seconds)
        self.installation.unload()
        return found

    def rounds(self, scheme: str, rate: int) -> measure.Stretch:
        """Floor and product in turns; the product's median."""
        found = []
        for _ in range(self.options.rounds):
            self.floor(scheme)
            found.append(self.stretch(scheme, rate))
        return measure.median(found)

    def show(self, *rows: tuple[str, measure.Stretch, str]) -> None:
        lines = [measure.row(name, stretch, self.floor_ms(scheme)) for name, stretch, scheme in rows]
        self.say(measure.table([measure.HEAD, *lines]))


# The parts, in the order they run -------------------------------------------------------------------------------------
def memory(bench: Bench) -> None:
    """`make run` with 1,000 monitors every 30 s: what all its processes occupy together."""
    bench.installation.load({bench.target.http: 1000}, 30)
    time.sleep(35)
    used = bench.installation.memory()
    bench.say(measure.table(measure.memory_rows(used)))
    bench.installation.unload()


def http(bench: Bench) -> None:
    """CPU milliseconds per http check at an even load, beside the floor of the same rounds."""
    _even(bench, "http", bench.options.rate)


def https(bench: Bench) -> None:
    """The same with a full TLS handshake and a verified certificate per check."""
    _even(bench, "https", bench.options.https_rate)


def _even(bench: Bench, scheme: str, rate: int) -> None:
    found = bench.rounds(scheme, rate)
    if floors := bench.floors[scheme]:
        bench.say(f"floor ({floor.tool()}, fresh connections): {measure.middle(floors):.3f} ms")
    bench.show((f"{scheme}, {rate:,}/s", found, scheme))


def hanging(bench: Bench) -> None:
    """About as much as two cores can do, with healthy targets and with 1 % that never answer; 1 and 2 workers."""
    rows = [_offer(bench, "http", 1, 0.0), _offer(bench, "http", 1, 0.01), _offer(bench, "https", 1, 0.01)]
    helper = bench.installation.add_worker()
    rows += [_offer(bench, "http", 2, 0.0), _offer(bench, "http", 2, 0.01), _offer(bench, "https", 2, 0.0)]
    bench.installation.drop_worker(helper)
    bench.show(*rows)
    for healthy, slow in ((rows[0], rows[1]), (rows[3], rows[4])):
        bench.say(f"{slow[0]}: {slow[1].per_second / healthy[1].per_second:.2f} of the throughput without them")


def _offer(bench: Bench, scheme: str, workers: int, share: float) -> tuple[str, measure.Stretch, str]:
    offered = bench.options.https_most if scheme == "https" else bench.options.most
    name = f"{scheme}, {workers} worker{'s' if workers > 1 else ''}, {share:.0%} hang"
    return name, bench.stretch(scheme, offered, share), scheme


def idle(bench: Bench) -> None:
    """100,000 monitors: what a second costs while nothing is due, and while 1,000 of them are claimed in each."""
    installation = bench.installation
    installation.load({bench.target.http: bench.options.idle}, 86_400)
    rows = [("CPU ms a second", *COLUMNS)]
    for name, claimed in (("nothing due", 0), ("1,000 claimed", 1000)):
        rows.append((name, *_second(installation, claimed)))
    bench.say(measure.table(rows))
    installation.unload()


def _second(installation: Installation, claimed: int, seconds: int = 10) -> list[str]:
    """CPU milliseconds per second while so many monitors become due in each, between their slots: only claimed."""
    soon = "SELECT monitor_id, row_number() OVER () AS place FROM monitors_schedule LIMIT %s"
    installation.sql(
        "UPDATE monitors_schedule AS s SET next_slot_at = CASE WHEN place IS NULL THEN now() + interval '1 day' "
        "ELSE now() + (5 + place / %s::float) * interval '1 second' END "
        f"FROM monitors_monitor AS m LEFT JOIN ({soon}) AS soon ON soon.monitor_id = m.id WHERE s.monitor_id = m.id",
        max(1, claimed),
        claimed * seconds,
    )
    installation.sql("VACUUM monitors_schedule")
    time.sleep(4)
    before = installation.cpu()
    time.sleep(seconds)
    after = installation.cpu()
    return [f"{1000 * (after[role] - before[role]) / seconds:.1f}" for role in COLUMNS]


def pings(bench: Bench) -> None:
    """Jobs that report in, as fast as they are answered."""
    for line in heartbeats.measure(bench.installation, bench.options.seconds).lines():
        bench.say(line)


def hostile(bench: Bench) -> None:
    """Healthy http checks beside 50 targets of each hostile kind: how late they start, and the engine's lag."""
    bench.say(harm.show(bench.installation, bench.target, bench.options.seconds))


def assertions(bench: Bench) -> None:
    """What assertions cost on 50 kB of JSON."""
    for line in asserting.lines():
        bench.say(line)


def alerts(bench: Bench) -> None:
    """From the death of a website to the message, over 200 of 1,000 monitors."""
    for line in alerting.few(bench.installation, bench.options.dying, 4 * bench.options.dying):
        bench.say(line)


def storm(bench: Bench) -> None:
    """5,000 incidents within a minute: when each is told, one by one or in a digest, beside a channel that hangs."""
    for line in alerting.storm(bench.installation, bench.options.incidents, bench.options.storm_seconds):
        bench.say(line)


def soak(bench: Bench) -> None:
    """20,000 monitors every 30 s for ten minutes: missed slots, delay, disk per day, memory."""
    installation, options = bench.installation, bench.options
    installation.load({bench.target.http: options.soak_monitors}, 30)
    found = measure.watch(installation, 35.0, options.soak_seconds)
    used, ticks, size = installation.memory(), installation.ticks(), installation.sql(TICKS_SIZE)[0][0]
    bench.show((f"{options.soak_monitors:,} every 30 s", found, "http"))
    due = options.soak_monitors * found.seconds / 30
    bench.say(f"slots due {due:,.0f}, checked {found.checks:,}, no data {found.missed:,}")
    each, a_day = float(size) / ticks, options.soak_monitors * 86_400 / 30
    bench.say(f"disk: {each:,.0f} bytes a tick with its index, {a_day * each / 1e9:.1f} GB of ticks a day")
    bench.say(measure.table(measure.memory_rows(used)))
    installation.unload()


def stall(bench: Bench) -> None:
    """20,000 monitors every 30 s, and dispatch stands still for a minute: how soon all is as before."""
    installation, options = bench.installation, bench.options
    installation.load({bench.target.http: options.soak_monitors}, 30)
    time.sleep(40.0)
    found = stalling.watch(installation, options.stall_seconds)
    left = f"all but those of {found.left:,} monitors" if found.left else "all"
    bench.say(f"{found.not_sent:,} slots were not sent; {left} were accounted for {found.seconds:.0f} s later")
    bench.say(f"meanwhile {found.checks:,} were checked, {found.missed:,} were not, p99 delay {found.p99:.0f} ms")
    bench.say(f"results were late by {found.behind:.0f} s at most")
    installation.unload()


TICKS_SIZE = "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'monitors_tick'::regclass"

PARTS: dict[str, Callable[[Bench], None]] = {
    each.__name__: each
    for each in (memory, http, https, hanging, idle, pings, hostile, assertions, alerts, storm, soak, stall)
}
LONG = ("hostile", "alerts", "storm", "soak", "stall")
DEFAULT = [name for name in PARTS if name not in LONG]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="part", help=f"{', '.join(PARTS)}; all but {', '.join(LONG)} unless named"
    )
    parser.add_argument("--rate", type=int, default=2000, help="http checks a second")
    parser.add_argument("--https-rate", type=int, default=300, help="https checks a second")
    parser.add_argument("--most", type=int, default=2000, help="http checks a second offered by `hanging`")
    parser.add_argument("--https-most", type=int, default=400, help="https checks a second offered by `hanging`")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="length of one measured stretch")
    parser.add_argument("--floor-seconds", type=int, default=2)
    parser.add_argument("--idle", type=int, default=100_000, help="monitors of the part `idle`")
    parser.add_argument("--dying", type=int, default=200, help="of five times as many, in the part `alerts`")
    parser.add_argument("--incidents", type=int, default=5000, help="of the part `storm`")
    parser.add_argument("--storm-seconds", type=float, default=60.0, help="in which they come")
    parser.add_argument("--soak-monitors", type=int, default=20_000)
    parser.add_argument("--soak-seconds", type=float, default=600.0)
    parser.add_argument("--stall-seconds", type=float, default=60.0)
    options = parser.parse_args()
    if unknown := set(options.parts) - PARTS.keys():
        parser.error(f"there is no part {', '.join(sorted(unknown))}; the parts are {', '.join(PARTS)}")
    return options


def main() -> None:
    options = arguments()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="up-bench-target-") as folder, Target(Path(folder) / "target") as target:
        knobs = {"ALLOW_PRIVATE_TARGETS": "1", "PROBE_CA_FILE": str(target.ca_file)}
        with Installation(**knobs) as installation:
            python = f"Python {platform.python_version()} of {sys.base_prefix}"
            print(f"{platform.machine()}, {os.cpu_count()} cores, {python}, load {os.getloadavg()[0]:.1f}; ", end="")
            print(f"target: {target.kind}; floor: {floor.tool() or 'none'}")
            print("CPU in milliseconds per check (user and system), delay from slot to start", flush=True)
            bench = Bench(installation, target, options)
            for name in options.parts or DEFAULT:
                print(f"\n== {name}: {' '.join((PARTS[name].__doc__ or '').split())}", flush=True)
                PARTS[name](bench)
    print(f"\nTook {time.monotonic() - began:.0f} s.")


if __name__ == "__main__":
    main()
