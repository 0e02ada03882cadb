"""Asking one name server one question, without waiting for it."""

import logging
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from functools import lru_cache

from uptime.lib import dnswire
from uptime.lib.loop import READ, WRITE, Loop, Timer

log = logging.getLogger(__name__)

RESOLUTION_DELAY_S = 0.05  # for the other family once one has answered (RFC 8305, section 3)

Server = tuple[str, int]  # address, port
Heard = Callable[[bytes | None], None]  # one message; None: this server cannot be reached
Replies = list[dnswire.Reply]


class Exchange:
    """One name asked of one name server, a question for each kind of record (dnswire.A, ...).

    Tells the replies once all came, or a moment after the first with addresses; None where the server cannot be
    reached. While the server is silent, so is the exchange. `on_sign` hears of every proper reply at once."""

    def __init__(
        self,
        loop: Loop,
        server: Server,
        name: str,
        kinds: Sequence[int],
        tell: Callable[[Replies | None], None],
        on_sign: Callable[[], None],
    ) -> None:
        self._loop, self._server, self._on_sign = loop, server, on_sign
        self._tell: Callable[[Replies | None], None] | None = tell
        self._name = dnswire.wire_name(name)
        first = secrets.randbits(16)
        self._asked = {(first + index) & 0xFFFF: kind for index, kind in enumerate(kinds)}
        self._replies: dict[int, dnswire.Reply] = {}
        self._timer: Timer | None = None
        packets = [dnswire.query(ident, self._name, kind) for ident, kind in self._asked.items()]
        self._channels: list[_Datagrams | _Stream] = [_Datagrams(loop, server, packets, self._heard)]

    def close(self) -> None:
        self._tell = None
        if self._timer:
            self._timer.cancel()
        for channel in self._channels:
            channel.close()

    def _heard(self, data: bytes | None) -> None:
        if data is None:
            self._end(None)
            return
        try:
            reply = dnswire.parse(data)
        except ValueError:
            log.debug("a malformed reply from name server %s", self._server[0])
            return  # a better one may still come
        if self._asked.get(reply.ident) == reply.kind and reply.name == self._name:
            self._on_sign()
            self._take(reply)

    def _take(self, reply: dnswire.Reply) -> None:
        if reply.truncated:  # RFC 7766, 5: ask again over TCP
            packet = dnswire.query(reply.ident, self._name, reply.kind)
            self._channels.append(_Stream(self._loop, self._server, packet, self._heard))
            return
        self._replies[reply.kind] = reply
        if len(self._replies) == len(self._asked):
            self._end(list(self._replies.values()))
        elif reply.addresses:
            when = time.monotonic() + RESOLUTION_DELAY_S
            self._timer = self._loop.at(when, lambda: self._end(list(self._replies.values())))

    def _end(self, replies: Replies | None) -> None:
        tell = self._tell
        self.close()
        if tell:
            tell(replies)


class _Datagrams:
    """UDP, from a port of its own for every question, which is what makes forged answers hard (RFC 5452)."""

    def __init__(self, loop: Loop, server: Server, packets: Sequence[bytes], heard: Heard) -> None:
        self._loop, self._heard = loop, heard
        self._socket: socket.socket | None = None
        try:
            family, address = _address(server)
            self._socket = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            self._socket.connect(address)
            loop.watch(self._socket.fileno(), READ, self._ready)
            for packet in packets:
                self._socket.send(packet)
        except OSError:
            loop.soon(lambda: heard(None))

    def close(self) -> None:
        _close(self._loop, self._socket)
        self._socket = None

    def _ready(self, _fd: int, _mask: int) -> None:
        while self._socket:  # `heard` may close it
            try:
                data = self._socket.recv(65_535)
            except BlockingIOError:
                return
            except OSError:
                self._heard(None)
                return
            self._heard(data)


class _Stream:
    """TCP: the message and its answer, each behind its length in two bytes (RFC 1035, 4.2.2)."""

    def __init__(self, loop: Loop, server: Server, packet: bytes, heard: Heard) -> None:
        self._loop, self._heard = loop, heard
        self._unsent = len(packet).to_bytes(2) + packet
        self._received = b""
        self._socket: socket.socket | None = None
        try:
            family, address = _address(server)
            self._socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            self._socket.connect_ex(address)
            loop.watch(self._socket.fileno(), WRITE, self._ready)
        except OSError:
            loop.soon(lambda: heard(None))

    def close(self) -> None:
        _close(self._loop, self._socket)
        self._socket = None

    def _ready(self, fd: int, _mask: int) -> None:
        if self._socket is None:
            return
        try:
            if self._unsent:
                self._unsent = self._unsent[self._socket.send(self._unsent) :]
                self._loop.watch(fd, WRITE if self._unsent else READ, self._ready)
                return
            data = self._socket.recv(65_535)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._received += data
        length = int.from_bytes(self._received[:2])
        complete = len(self._received) >= 2 + length > 2
        if complete or not data:
            self.close()
            self._heard(self._received[2 : 2 + length] if complete else None)


@lru_cache(maxsize=64)
def _address(server: Server) -> tuple[socket.AddressFamily, tuple[object, ...]]:
    family, _, _, _, address = socket.getaddrinfo(*server, flags=socket.AI_NUMERICHOST)[0]
    return family, address


def _close(loop: Loop, connection: socket.socket | None) -> None:
    if connection:
        loop.unwatch(connection.fileno())
        connection.close()
