"""The practice website: a small site of `make run`'s own that a newcomer may break on purpose.

It answers on a loopback port that stays the same over restarts; its mode is switched over a Unix socket that only this
installation can reach, and is healthy again after a restart. `python -m uptime.practice` serves it.
"""

import asyncio
import json
import os
import signal
import socket
from contextlib import suppress
from pathlib import Path

from uptime.embedded import private_folder, socket_dir
from uptime.lib.env import env, env_int

MODES = ("healthy", "error", "slow", "refuse", "hang")
SLOW_S = 3.0
HANG_S = 120.0  # longer than any monitor waits
REQUEST_S = 10.0
USUAL_PORTS = range(8090, 8100)
PAGES = {
    "healthy": ("200 OK", "Everything is fine", "This page answers at once. Break it on the welcome page of Uptime."),
    "slow": ("200 OK", "Here at last", "This page takes three seconds to answer."),
    "error": ("500 Internal Server Error", "Something broke", "Every page answers with an error until it is healed."),
}


# For the web process --------------------------------------------------------------------------------------------------
def practice_url(data_dir: Path | None = None) -> str | None:
    """Where the practice website is, None when there never was one here. `get_mode` tells whether it runs."""
    port = _noted_port(_folder(data_dir))
    return f"http://127.0.0.1:{port}/" if port else None


def get_mode(data_dir: Path | None = None) -> str | None:
    """How it behaves now, None when none runs here."""
    try:
        return _tell("", data_dir)
    except OSError:
        return None


def set_mode(mode: str, data_dir: Path | None = None) -> None:
    """Raises ValueError for an unknown mode or one that cannot be entered, OSError when none runs here."""
    if mode not in MODES:
        raise ValueError(f"mode is one of {', '.join(MODES)}")
    if (answer := _tell(mode, data_dir)) != mode:
        raise ValueError(answer)


def _tell(word: str, data_dir: Path | None) -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
        channel.settimeout(2)
        channel.connect(str(_control_path(_folder(data_dir))))
        channel.sendall(f"{word}\n".encode())
        with channel.makefile() as answer:
            return answer.readline().strip()


def _noted_port(data_dir: Path) -> int:
    try:
        return int(json.loads((data_dir / "practice.json").read_text())["port"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _folder(data_dir: Path | None) -> Path:
    return (data_dir or Path(env("DATA_DIR") or "var")).absolute()


def _control_path(data_dir: Path) -> Path:
    return socket_dir(data_dir) / "practice.sock"


# The site -------------------------------------------------------------------------------------------------------------
class Site:
    """The website and its switch. `port` 0 chooses one, if possible the one of the last time."""

    def __init__(self, data_dir: Path, port: int = 0) -> None:
        self.data_dir = data_dir
        self.port = port
        self.mode = "healthy"
        self._web: asyncio.Server | None = None
        self._control: asyncio.Server | None = None

    async def open(self) -> None:
        """Raises OSError when the configured port is taken."""
        await self._open_web(self._ports())
        path = _control_path(self.data_dir)
        private_folder(path.parent, path.parent.stat().st_uid if path.parent.exists() else os.geteuid())
        path.unlink(missing_ok=True)
        self._control = await asyncio.start_unix_server(self._switch, path)

    async def close(self) -> None:
        for server in (self._web, self._control):
            if server:
                server.close()

    def _ports(self) -> list[int]:
        if self.port:
            return [self.port]
        last = _noted_port(self.data_dir)
        return [*([last] if last else []), *USUAL_PORTS, 0]

    async def _open_web(self, ports: list[int]) -> None:
        for port in ports:
            try:
                self._web = await asyncio.start_server(self._serve, "127.0.0.1", port, reuse_address=True)
            except OSError:
                if port == ports[-1]:
                    raise
                continue
            self.port = self._web.sockets[0].getsockname()[1]
            (self.data_dir / "practice.json").write_text(json.dumps({"port": self.port}))
            return

    async def _switch(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mode = (await reader.readline()).decode(errors="replace").strip()
        if mode in MODES:
            try:
                await self._enter(mode)
            except OSError as error:
                mode = f"port {self.port} cannot be opened again: {error.strerror}"
        writer.write(f"{mode or self.mode}\n".encode())
        await writer.drain()
        writer.close()

    async def _enter(self, mode: str) -> None:
        if mode == "refuse" and self._web:
            self._web.close()
            self._web = None
        elif mode != "refuse" and self._web is None:
            await self._open_web([self.port])
        self.mode = mode

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mode = self.mode
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            request = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), REQUEST_S)
            if mode == "hang":
                await asyncio.wait_for(reader.read(1), HANG_S)  # until the visitor gives up
            else:
                await asyncio.sleep(SLOW_S if mode == "slow" else 0)
                writer.write(_page(PAGES.get(mode, PAGES["healthy"]), head=request.startswith(b"HEAD ")))
                await writer.drain()
        writer.close()


def _page(page: tuple[str, str, str], head: bool) -> bytes:
    status, title, text = page
    body = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"<h1>{title}</h1><p>{text}</p><p>The practice website of Uptime</p></html>\n"
    ).encode()
    fields = f"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
    return f"{fields}Cache-Control: no-store\r\nConnection: close\r\n\r\n".encode() + (b"" if head else body)


async def serve() -> None:
    """Until SIGTERM."""
    site, done = Site(_folder(None), env_int("PRACTICE_PORT", 0, most=65535)), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, done.set)
    await site.open()
    await done.wait()
    await site.close()


if __name__ == "__main__":
    asyncio.run(serve())
