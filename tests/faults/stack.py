"""One installation under load: its own servers behind proxies, three regions, a farm of targets, and sinks of alerts.

The region `local` has its worker from the product's supervisor. `eu` and `us` are remote ones: their workers are
started here, each with its own wire to the broker and its own environment, and nobody restarts them but the test.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil
import psycopg

from tests.faults.farm import HOME, Farm
from tests.faults.proxy import Proxy
from tests.faults.sinks import Sinks
from tests.helpers import wait_until
from tests.prepared import put_database_into
from tests.product import ROOT, Product
from uptime import embedded
from uptime.lib.proc import Crew

REMOTE = ("eu", "us")
REGIONS = (HOME, *REMOTE)
CALM_S = 180.0
AGAIN_S = 8  # clean seconds until a sick region is believed again; three minutes in life
BELIEVED_S = 60.0  # by then it is known as one
# Knobs with which that is tried in seconds; a trial breaks fewer targets than make a region disagree.
TRUSTING = {"REGION_TRUST_AFTER": str(AGAIN_S), "DISAGREE_COMPARED": "10", "DISAGREE_ALONE": "5"}
WRONG_CLOCK = Path(__file__).parent / "clock"  # see the sitecustomize.py in there


@dataclass(frozen=True)
class Size:
    """How much runs, and how long a fault lasts."""

    monitors: int
    interval: int
    timeout: int
    fault_s: float  # the ordinary length of a fault
    offline_after: int
    slack_s: float  # what a machine busy with other tests may add to any time
    starved: frozenset[str] = frozenset()  # reasons for lost slots that come from such a machine alone

    @property
    def lateness(self) -> float:
        return min(10.0, max(2.0, self.interval / 3))


QUICK = Size(15, 3, 2, fault_s=6, offline_after=8, slack_s=30, starved=frozenset({"missed_window", "not_dispatched"}))
SIZES = {
    "quick": QUICK,
    "small": QUICK,  # every fault, none left out, in the quick one's size
    "full": Size(600, 10, 5, fault_s=60, offline_after=15, slack_s=3),
}
SIZE_NAME = os.environ.get("FAULT_SIZE") or "quick"
SIZE = SIZES[SIZE_NAME]


class Remote:
    """A region's worker on another machine, as far as one machine allows."""

    def __init__(self, slug: str, key: str, wire: Proxy, folder: Path, **knobs: str) -> None:
        self.slug, self.key, self.wire, self.log = slug, key, wire, folder / "log" / f"remote-{slug}.log"
        self.env = {"PATH": os.environ["PATH"], "REGION_ID": slug, "REGION_KEY": key, "MALLOC_ARENA_MAX": "2"}
        self.env |= {"BROKER_URL": f"redis://127.0.0.1:{wire.port}/0", "ALLOW_PRIVATE_TARGETS": "1"}
        self.env |= {"BASE_URL": f"http://{slug}/", **knobs}  # the farm tells regions apart by it

    def start(self, name: str = "", **knobs: str) -> None:
        command = [sys.executable, "-m", "celery", "-A", "uptime.region", "worker", "-P", "threads", "-c", "8"]
        command += ["-Q", f"checks.{self.slug}", "-n", f"{name or self.slug}@%h", "--loglevel", "INFO"]
        command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=self.env | knobs, cwd=ROOT, stdout=log, stderr=log)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()


class Stack:
    """Everything, as a context manager; `targets` maps each monitor's id to its target at the farm."""

    def __init__(self, folder: Path, size: Size = SIZE, regions: tuple[str, ...] = REGIONS, **knobs: str) -> None:
        folder.chmod(0o711)  # PostgreSQL may run as another user
        folder.parent.chmod(0o711)
        self.folder, self.size, self.regions, self._knobs = folder, size, regions, knobs
        self.targets: dict[int, int] = {}
        self.remotes: dict[str, Remote] = {}
        self.crew = Crew(lambda name, text, log: None)
        self.servers = folder / "servers"

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as steps:
            self.servers.mkdir(mode=0o711, exist_ok=True)
            put_database_into(self.servers)
            steps.callback(self.crew.stop)
            self.start_server(embedded.postgres(self.servers))
            self.start_server(embedded.valkey(self.servers))
            self.valkey_socket = str(embedded.socket_dir(self.servers) / "valkey.sock")
            postgres_socket = str(embedded.socket_dir(self.servers) / embedded.POSTGRES_SOCKET)
            self.broker = steps.enter_context(Proxy(self.valkey_socket))
            self.database = steps.enter_context(Proxy(postgres_socket))
            self.farm = steps.enter_context(Farm())
            self.sinks = steps.enter_context(Sinks())
            self.product = steps.enter_context(self._product())
            self.product.sign_up()
            self.sinks.told_by(self.product)
            for slug in REMOTE:
                wire = steps.enter_context(Proxy(self.valkey_socket))
                self.remotes[slug] = Remote(slug, self._add_region(slug), wire, self.folder / "data", **self._knobs)
                self.remotes[slug].start()
                steps.callback(self.remotes[slug].stop)
            self._watch()
            self._steps = steps.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._steps.close()

    # Servers
    def start_server(self, server: embedded.Server) -> None:
        self.crew.start(server.spec)
        embedded.wait_until_ready(server, self.crew.children[server.spec.name])

    def stop_server(self, name: str, number: int = signal.SIGTERM) -> embedded.Server:
        """End it; returns what `start_server` takes to start it again."""
        child = self.crew.children.pop(name)
        child.process.send_signal(number)
        child.process.wait(60)
        return {"postgres": embedded.postgres, "valkey": embedded.valkey}[name](self.servers)

    def sql(self, query: str, *values) -> list[tuple]:
        """Asks PostgreSQL by a way of our own, whatever happens to the product's."""
        with psycopg.connect(embedded.database_url(self.servers), autocommit=True) as connection:
            return connection.execute(query, values).fetchall()

    # Making it
    def _product(self) -> Product:
        broker, database = self.broker.port, self.database.port
        return Product(
            self.folder / "data",
            DATABASE_URL=f"postgresql://uptime@127.0.0.1:{database}/uptime",
            REDIS_URL=f"redis://127.0.0.1:{broker}/0",
            REGION_OFFLINE_AFTER=str(self.size.offline_after),
            FLAP_CHANGES="100",  # a target breaks once in a trial: that is no flapping of a website
            EMAIL_URL=self.sinks.inbox.url,
            **self._knobs,
        )

    def manage(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *words], cwd=ROOT, env=self.product.env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _add_region(self, slug: str) -> str:
        """Returns its key, as `region add` prints it."""
        return re.search(r"REGION_KEY=(\S+)", self.manage("region", "add", slug))[1]

    def _watch(self) -> None:
        self.sql("UPDATE monitors_region SET enabled = slug = ANY(%s) RETURNING 1", [*self.regions])
        wait_until(lambda: self.sql("SELECT count(*) FROM monitors_regionworker") == [(3,)], 60, 0.2, "regions are up")
        for target in range(self.size.monitors):
            url, interval, timeout = self.farm.url(target), self.size.interval, self.size.timeout
            self.targets[self.product.add(url, check_frequency=interval, request_timeout=timeout)] = target
        self.wait_until_calm(time.time())

    def wires(self) -> list[Proxy]:
        """Every way to the broker: the centre's, then the regions'."""
        return [self.broker, *(remote.wire for remote in self.remotes.values())]

    def heal(self) -> None:
        """Whatever a fault has broken and not put right, so that the next one finds everything whole."""
        for wire in (*self.wires(), self.database):
            wire.heals()
        self.farm.heals(*self.targets.values())
        self.farm.lies_to()

    # Looking
    def wait_until_calm(self, since: float, seconds: float = CALM_S) -> None:
        """Until every region has measured every monitor for a slot after `since`."""
        wait_until(lambda: self.measured(since) == self._pairs(), seconds, 0.3, "every region measures every monitor")

    def _pairs(self) -> int:
        return len(self.targets) * len(self.regions)

    def measured(self, since: float) -> int:
        query = "SELECT count(*) FROM (SELECT DISTINCT monitor_id, region_id FROM monitors_tick WHERE vote <> 'nodata'"
        found = self.sql(query + " AND slot > to_timestamp(%s) AND monitor_id = ANY(%s)) found", since, [*self.targets])
        return found[0][0]

    def troubles(self, slug: str) -> set[str]:
        """What is wrong with a region at present."""
        query = "SELECT t.kind FROM monitors_regiontrouble t JOIN monitors_region r ON r.id = region_id"
        return {kind for (kind,) in self.sql(f'{query} WHERE t."end" IS NULL AND r.slug = %s', slug)}

    def all_told(self) -> bool:
        """Whether nothing waits to be announced or sent."""
        outbox = (
            "SELECT count(*) FROM incidents_transition WHERE NOT silent AND coalesce(announced_at, dropped_at) IS NULL"
        )
        unsent = "SELECT count(*) FROM alerts_delivery WHERE status IN ('pending', 'sending', 'failed')"
        return self.sql(outbox) == self.sql(unsent) == [(0,)]

    def pids(self) -> list[int]:
        """Every process of the product and of the remote workers."""
        family = [psutil.Process(self.product.process.pid), *map(psutil.Process, self._remote_pids())]
        return [each.pid for one in family for each in (one, *one.children(recursive=True))]

    def _remote_pids(self) -> list[int]:
        return [remote.process.pid for remote in self.remotes.values() if remote.process.poll() is None]

    @contextlib.contextmanager
    def frozen(self, *pids: int):
        """These processes stand still meanwhile."""
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
