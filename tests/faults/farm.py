"""One web server that plays every target, and remembers: who was really up when, and each request it saw.

It is the oracle. What the product claims is compared with what the farm knows.
"""

import asyncio
import contextlib
import re
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

HOME = "local"  # the region whose worker `make run` starts; the others name themselves in their User-Agent
AGENT = re.compile(rb"user-agent: uptime/\S+ \(\+http://([\w-]+)/\)", re.IGNORECASE)
GOOD, BAD = b"HTTP/1.1 200 OK", b"HTTP/1.1 500 Broken"
REST = b"\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfine"


@dataclass(frozen=True, slots=True)
class Probe:
    """A request as it arrived."""

    at: float
    target: int
    region: str
    good: bool  # how it was answered; after another answer the same check asks once more


@dataclass
class Outage:
    """A time in which a target was really down, for everybody."""

    target: int
    start: float
    end: float | None = None


@dataclass
class Farm:
    """Targets are numbers: `url(7)`. Runs in a thread of its own."""

    probes: list[Probe] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    lied_to: frozenset[str] = frozenset()  # regions whose uplink is bad: they see everything down
    _down: dict[int, Outage] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="farm", daemon=True)
        self._thread.start()
        start = asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024)
        self._server = asyncio.run_coroutine_threadsafe(start, self._loop).result(10)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def url(self, target: int) -> str:
        return f"http://127.0.0.1:{self.port}/{target}"

    # The script
    def breaks(self, *targets: int) -> None:
        """From now on they answer 500."""
        for target in set(targets) - self._down.keys():
            outage = self._down[target] = Outage(target, time.time())
            self.outages.append(outage)

    def heals(self, *targets: int) -> None:
        for target in targets:
            if outage := self._down.pop(target, None):
                outage.end = time.time()

    def lies_to(self, *regions: str) -> None:
        """From now on these regions, and no others, see every target down."""
        self.lied_to = frozenset(regions)

    # The oracle
    def was_down(self, target: int, start: float, end: float) -> bool:
        """Whether it was down at any time in there."""
        return any(o.target == target and o.start <= end and (o.end or end) >= start for o in self.outages)

    def seen(self, start: float, end: float, targets: Iterable[int]) -> list[Probe]:
        wanted = set(targets)
        return [probe for probe in list(self.probes) if start <= probe.at < end and probe.target in wanted]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(self._answer(head) + REST)
            await writer.drain()
        writer.close()

    def _answer(self, head: bytes) -> bytes:
        target = int(head.split(b" ", 2)[1].strip(b"/"))
        found = AGENT.search(head)
        region = found[1].decode() if found else HOME
        good = target not in self._down and region not in self.lied_to
        self.probes.append(Probe(time.time(), target, region, good))
        return GOOD if good else BAD
