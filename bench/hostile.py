"""Targets that mean harm, each on a port of its own, and what they cost the healthy checks beside them.

As a program: prints its ports as JSON, then serves until it is ended.
"""

import asyncio
import gzip
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench import measure
from bench.installation import Installation
from bench.target import Target

OK = b"HTTP/1.1 200 OK\r\n"
PAUSE_S = 0.02
BOMB = gzip.compress(bytes(50_000_000), 9)
BOMB_HEAD = OK + f"Content-Encoding: gzip\r\nContent-Length: {len(BOMB)}\r\n\r\n".encode()
LOOP = b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
# Name: what is said at once, what again and again, and whether at full speed.
SCRIPTS: dict[str, tuple[bytes, bytes, bool]] = {
    "never answers": (b"", b"", False),
    "headers byte by byte": (OK + b"X: ", b"y", False),
    "a body without end": (OK + b"\r\n", b"x" * 65_536, True),
    "endless 100 Continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, True),
    "a gzip bomb": (BOMB_HEAD + BOMB, b"", False),
    "no HTTP": (b"\0\x1b[31m\xff" * 50, b"", False),
    "redirects to itself": (LOOP, b"", False),
}
HEALTHY = 1000  # monitors, every INTERVAL seconds
HOSTILE = 50
INTERVAL = 5
SEEN = """
SELECT count(*), count(*) FILTER (WHERE vote <> 'up'),
       coalesce(percentile_cont(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - slot) * 1000), 0)
FROM monitors_tick JOIN monitors_monitor AS m ON m.id = monitor_id
WHERE m.target LIKE %s || '%%' AND slot >= to_timestamp(%s)
"""


def show(installation: Installation, target: Target, seconds: float) -> str:
    """A table: a row for each kind of hostile target, and one without any."""
    rows = [("beside the healthy ones", "checks", "not up", "p99 ms", "engine lag ms")]
    with serving() as places:
        for name, url in {"nothing": "", **places}.items():
            installation.load({target.http: HEALTHY} | ({url: HOSTILE} if url else {}), INTERVAL)
            time.sleep(INTERVAL)
            start, lag = time.time(), 0.0
            while time.time() < start + seconds:
                time.sleep(0.5)
                lag = max(lag, installation.sql("SELECT max(lag_ms) FROM monitors_regionworker")[0][0] or 0.0)
            installation.rest()
            checks, not_up, p99 = installation.sql(SEEN, target.http, start)[0]
            rows.append((name, f"{checks:,}", f"{not_up:,}", f"{p99:.0f}", f"{lag:.0f}"))
            installation.unload()
    return measure.table(rows)


@contextmanager
def serving() -> Iterator[dict[str, str]]:
    """The addresses of a process that serves them all, by name."""
    process = subprocess.Popen([sys.executable, "-m", "bench.hostile"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        ports = json.loads(process.stdout.readline())
        yield {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    finally:
        process.terminate()
        process.wait(10)


async def follow(script: tuple[bytes, bytes, bool], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    first, again, at_full_speed = script
    try:
        await reader.read(4096)
        writer.write(first)
        await writer.drain()
        while again:
            writer.write(again)
            await writer.drain()
            await asyncio.sleep(0 if at_full_speed else PAUSE_S)
        if not first:
            await reader.read()
    except OSError:
        pass
    finally:
        writer.close()


async def main() -> None:
    ports = {}
    for name, script in SCRIPTS.items():
        server = await asyncio.start_server(
            lambda reader, writer, script=script: follow(script, reader, writer), "127.0.0.1", 0, backlog=4096
        )
        ports[name] = server.sockets[0].getsockname()[1]
    print(json.dumps(ports), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
