"""What a ping costs: CPU of web, database and cache for each, and the rate they sustain with the generator beside them.

    python -m bench.pings [seconds]

starts the whole product in a folder of its own. Figures are of pings that say that all is well, as nearly all do.
"""

import multiprocessing
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil

from tests.product import Product

HEARTBEATS = 400  # each takes 300 pings a minute
CONNECTIONS = 8
PARTS = {"web": ("gunicorn",), "database": ("postgres",), "cache": ("valkey",)}


def main(seconds: float = 10.0) -> dict[str, float]:
    """Measure, print, and return the figures."""
    with Product(Path(tempfile.mkdtemp(prefix="up-bench-")), ALLOW_PRIVATE_TARGETS="1") as product:
        paths = _heartbeats(product)
        _drive(product.port, paths, 2.0)  # warm up: each is up, so that the pings that count are plain ones
        idle = _spent(product, lambda: time.sleep(seconds))
        started = time.monotonic()
        times: list[float] = []
        busy = _spent(product, lambda: times.extend(_drive(product.port, paths, seconds)))
        took = time.monotonic() - started
        stored = product.sql("SELECT sum(pings) FROM monitors_heartbeat")[0][0]
    figures = {name: 1000 * (busy[name] - idle[name] * took / seconds) / len(times) for name in PARTS}
    figures |= {
        "cpu_ms": sum(figures.values()),
        "per_s": len(times) / took,
        "p50_ms": 1000 * statistics.median(times),
        "p99_ms": 1000 * statistics.quantiles(times, n=100)[98],
        "stored": stored,
    }
    _print(figures)
    return figures


def _heartbeats(product: Product) -> list[str]:
    """Make the heartbeats by their first pings; returns their paths by uuid."""
    product.sign_up()
    key = product.sql("SELECT ping_key FROM accounts_team")[0][0]
    for number in range(HEARTBEATS):
        assert product.session.get(f"{product.url}/ping/{key}/job-{number}?create=1").status_code == 201
    return [f"/ping/{uuid}" for (uuid,) in product.sql("SELECT uuid FROM monitors_heartbeat")]


def _spent(product: Product, work) -> dict[str, float]:
    """CPU seconds each part spent while `work` was done."""
    before = {name: _cpu(product, words) for name, words in PARTS.items()}
    work()
    return {name: _cpu(product, words) - before[name] for name, words in PARTS.items()}


def _cpu(product: Product, words: tuple[str, ...]) -> float:
    times = [psutil.Process(pid).cpu_times() for pid in product.pids(*words)]
    return sum(each.user + each.system for each in times)


def _drive(port: int, paths: list[str], seconds: float) -> list[float]:
    """Ping from a process of its own, so that what the generator costs is not counted; returns the times of answers."""
    context = multiprocessing.get_context("spawn")
    share = [(port, paths[number::CONNECTIONS], seconds) for number in range(CONNECTIONS)]
    with context.Pool(CONNECTIONS) as pool:
        return [each for times in pool.starmap(_ping, share) for each in times]


def _ping(port: int, paths: list[str], seconds: float) -> list[float]:
    requests = [f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\n\r\n".encode() for path in paths]
    times, end = [], time.monotonic() + seconds
    with socket.create_connection(("127.0.0.1", port)) as connection:
        while (start := time.monotonic()) < end:
            connection.sendall(requests[len(times) % len(requests)])
            answer = b""
            while not answer.endswith(b"\r\n\r\nOK"):
                answer += connection.recv(4096)
            assert answer.startswith(b"HTTP/1.1 200"), answer
            times.append(time.monotonic() - start)
    return times


def _print(figures: dict[str, float]) -> None:
    parts = ", ".join(f"{name} {figures[name]:.2f}" for name in PARTS)
    print(f"ping: {figures['cpu_ms']:.2f} ms of CPU each ({parts})")
    print(f"ping: {figures['per_s']:.0f}/s, p50 {figures['p50_ms']:.1f} ms, p99 {figures['p99_ms']:.1f} ms")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 10.0)
