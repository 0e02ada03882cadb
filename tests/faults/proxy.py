"""A TCP proxy that cuts, swallows, slows and loses what goes through it.

with Proxy("/run/valkey.sock") as wire:
    wire.cut()       # everything breaks off with RST, and nobody gets in
    wire.swallow()   # half-open: connections stay, not a byte arrives, in those of now never again
    wire.heals()     # new connections are as good as ever
"""

import asyncio
import contextlib
import socket
import struct
import threading
from typing import Self

CHUNK = 65_536
RESET = struct.pack("ii", 1, 0)  # SO_LINGER that makes close() send RST


class Proxy:
    """Listens on a TCP port of loopback; `upstream` is a Unix socket or (host, port). Runs in a thread of its own."""

    def __init__(self, upstream: str | tuple[str, int]) -> None:
        self._upstream = upstream
        self._loop = asyncio.new_event_loop()
        self._flows: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._open = True
        self._going = asyncio.Event()  # what connections made now wait for before each piece
        self._going.set()
        self.delay_s = 0.0  # each piece of a reply waits that long
        self.drop_replies: tuple[bytes, int] = (b"", 0)  # how many replies containing these bytes are lost, by cutting

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self.port = self._call(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def cut(self) -> None:
        """Break every connection off, and refuse new ones."""
        self._open = False
        self._call(self._break_off())

    def swallow(self) -> None:
        """Nothing arrives any more, in either direction; nobody is told."""
        self._loop.call_soon_threadsafe(self._going.clear)

    def heals(self) -> None:
        """What was swallowed stays so, as behind a firewall that forgot its connections."""
        self._open, self.delay_s, self.drop_replies = True, 0.0, (b"", 0)
        self._going = asyncio.Event()
        self._going.set()

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=1024)
        return self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()
        everyone = asyncio.all_tasks() - {asyncio.current_task()}
        for task in everyone:
            task.cancel()
        await asyncio.gather(*everyone, return_exceptions=True)

    async def _break_off(self) -> None:
        for writer in list(self._writers):
            _reset(writer)
        for flow in list(self._flows):
            flow.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.CancelledError):  # we are closing
            await self._connect(reader, writer)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._open:
            _reset(writer)
            return
        going = self._going
        try:
            await going.wait()
            if isinstance(self._upstream, str):
                far_reader, far_writer = await asyncio.open_unix_connection(self._upstream)
            else:
                far_reader, far_writer = await asyncio.open_connection(*self._upstream)
        except OSError:
            _reset(writer)
            return
        pair = {writer, far_writer}
        self._writers |= pair
        flows = {
            self._start(self._pump(reader, far_writer, going)),
            self._start(self._pump(far_reader, writer, going, replies=True)),
        }
        try:
            await asyncio.wait(flows, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for flow in flows:
                flow.cancel()
            for each in pair:
                each.close()
            self._writers -= pair

    def _start(self, coroutine) -> asyncio.Task[None]:
        task = self._loop.create_task(coroutine)
        self._flows.add(task)
        task.add_done_callback(self._flows.discard)
        return task

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, going: asyncio.Event, replies: bool = False
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                if replies and self._loses(data):
                    _reset(writer)
                    return
                if replies and self.delay_s:
                    await asyncio.sleep(self.delay_s)
                await going.wait()
                writer.write(data)
                await writer.drain()

    def _loses(self, reply: bytes) -> bool:
        mark, left = self.drop_replies
        if not left or mark not in reply:
            return False
        self.drop_replies = mark, left - 1
        return True


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    if connection is not None and connection.family != socket.AF_UNIX:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
