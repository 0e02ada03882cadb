"""What a ping costs: CPU of web, database and cache for each, and the rate they sustain with the generator beside them.

    make bench BENCH_ARGS=pings

The figures are of pings that say that all is well, as nearly all do.
"""

import multiprocessing
import socket
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import requests

from bench.installation import Installation

HEARTBEATS = 400  # each takes 300 pings a minute
CONNECTIONS = 8
ROLES = ("web", "postgres", "redis")
WARM_S = 2.0


@dataclass(frozen=True)
class Figures:
    """`cpu_ms`: of one ping, by role; `times`: from request to answer in seconds."""

    cpu_ms: dict[str, float]
    times: list[float]
    seconds: float

    def lines(self) -> list[str]:
        parts = ", ".join(f"{role} {ms:.2f}" for role, ms in self.cpu_ms.items())
        p50, p99 = statistics.median(self.times), statistics.quantiles(self.times, n=100)[98]
        return [
            f"CPU ms a ping: {sum(self.cpu_ms.values()):.2f} ({parts})",
            f"{len(self.times) / self.seconds:,.0f} pings a second, p50 {1000 * p50:.1f} ms, p99 {1000 * p99:.1f} ms",
        ]


def measure(installation: Installation, seconds: float) -> Figures:
    """Ping for so long, on connections that are kept."""
    paths = _heartbeats(installation)
    _drive(installation, paths, WARM_S)
    idle = _spent(installation, lambda: time.sleep(seconds))
    times: list[float] = []
    began = time.monotonic()
    busy = _spent(installation, lambda: times.extend(_drive(installation, paths, seconds)))
    took = time.monotonic() - began
    cpu_ms = {role: 1000 * (busy[role] - idle[role] * took / seconds) / len(times) for role in ROLES}
    return Figures(cpu_ms, times, seconds)


def _heartbeats(installation: Installation) -> list[str]:
    """Let jobs make their own heartbeats; returns where each is pinged."""
    url = f"http://127.0.0.1:{installation.env['PORT']}"
    requests.post(f"{url}/user/signup", json={"username": "pinger", "password": "correct horse battery"}, timeout=30)
    team = "SELECT ping_key FROM accounts_team ORDER BY id DESC LIMIT 1"
    key = installation.sql(team)[0][0]
    with requests.Session() as session:
        for number in range(HEARTBEATS):
            session.get(f"{url}/ping/{key}/job-{number}?create=1", timeout=30).raise_for_status()
    return [f"/ping/{found}" for (found,) in installation.sql("SELECT uuid FROM monitors_heartbeat")]


def _spent(installation: Installation, work: Callable[[], object]) -> dict[str, float]:
    """CPU seconds each role spent while `work` was done."""
    before = installation.cpu()
    work()
    after = installation.cpu()
    return {role: after[role] - before[role] for role in ROLES}


def _drive(installation: Installation, paths: list[str], seconds: float) -> list[float]:
    """Ping from processes of their own, so that what the generator costs is not counted."""
    port = int(installation.env["PORT"])
    share = [(port, paths[number::CONNECTIONS], seconds) for number in range(CONNECTIONS)]
    with multiprocessing.get_context("spawn").Pool(CONNECTIONS) as pool:
        return [each for times in pool.starmap(_ping, share) for each in times]


def _ping(port: int, paths: list[str], seconds: float) -> list[float]:
    lines = [f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\n\r\n".encode() for path in paths]
    times: list[float] = []
    end = time.monotonic() + seconds
    with socket.create_connection(("127.0.0.1", port)) as connection:
        while (start := time.monotonic()) < end:
            connection.sendall(lines[len(times) % len(lines)])
            answer = b""
            while not answer.endswith(b"\r\n\r\nOK"):
                answer += connection.recv(4096)
            assert answer.startswith(b"HTTP/1.1 200"), answer
            times.append(time.monotonic() - start)
    return times
