"""Conversations over a socket of our own: TCP, UDP and ICMP, with TLS from any moment on.

Everything waits on the engine's loop, so a target that hangs costs a socket until its timeout, never a thread and
never another check's time. Only addresses that were checked are connected to, and the guard is asked about each once
more at the moment the socket is made. What is heard is bounded, and nothing of it is remembered for the next one.
"""

import os
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from monitors.domain.slots import Ms
from monitors.probes.base import Phases
from monitors.probes.certificates import explain_handshake, in_words, presented, trust_in
from monitors.probes.ends import first_end_of
from monitors.probes.failures import NO_PINGS, explain_errno
from monitors.probes.kinds import Connect, Finding, Receive, Secure, Secured, Send, TalkError, Talking
from monitors.probes.reasons import Reason
from uptime.lib.loop import READ, WRITE, Loop, Timer
from uptime.lib.net import Guard

MAX_HEARD = 64 * 1024 + 2  # bytes not yet taken: the longest message of DNS over TCP
MAX_TOTAL = 1024 * 1024  # bytes of a whole conversation
MAX_SAID = 4096  # bytes of it that are remembered: a thousand characters
MAX_STEPS = 10_000  # of a conversation: a megabyte of tiny messages would keep the loop busy for seconds
STAGGER_S = 0.25  # until the next address is tried beside one that is silent (RFC 8305, 5)
TYPES = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}

Told = Callable[[object], None]  # what a step is answered with; TalkError when it failed


class Talks:
    """What all conversations of an engine share."""

    def __init__(self, loop: Loop, guard: Guard, ca_file: str) -> None:
        self.loop, self.guard, self.trust = loop, guard, trust_in(ca_file)

    def start(self, step: Connect, addresses: Sequence[tuple[str, int]], tell: Told) -> "Talk":
        """Connect to one of `addresses` and tell which; further steps are handed over with `Talk.take`."""
        return Talk(self, step, addresses, tell)


class Talk:
    """One connection and what is said over it. `tell` is called once per step, and never within the call that handed
    the step over. `said`: the first bytes that were heard, in the clear."""

    def __init__(self, talks: Talks, step: Connect, addresses: Sequence[tuple[str, int]], tell: Told) -> None:
        self.phases, self.address = Phases(), ""
        self.expires_at: Ms | None = None  # the first certificate of the chain, also of one that is not trusted
        self.tried: list[str] = []
        self.secured: Secured | None = None
        self.said = bytearray()
        self._talks, self._loop, self._tell_run = talks, talks.loop, tell
        self._connect = step
        self._step: Connect | Talking = step
        self._waiting, self._closed = True, False
        self._left = deque(addresses)
        self._trying: dict[int, tuple[socket.socket, tuple[str, int]]] = {}
        self._problem: Finding | None = None  # of the address that failed last
        self._socket: socket.socket | None = None
        self._peer = addresses[0]
        self._timer: Timer | None = None
        self._unsent, self._heard = bytearray(), bytearray()
        self._ended = False
        self._total = self._steps = 0
        self._tls: ssl.SSLObject | None = None
        self._from_peer, self._to_peer = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._began = self._since = time.monotonic()
        self._loop.soon(self._try_next)

    def take(self, step: Talking) -> None:
        """The next step, once the one before is answered."""
        self._step, self._waiting = step, True
        self._steps += 1
        if self._steps > MAX_STEPS:
            self._fail(Reason.PROTOCOL_ERROR, f"{self.server} says more than {MAX_STEPS} things and comes to no end")
        elif isinstance(step, Secure):
            self._start_tls(step)
        elif isinstance(step, Send):
            self._say(step.data)
        elif isinstance(step, Receive) and step.patience_s is not None:
            self._timer = self._loop.at(time.monotonic() + step.patience_s, partial(self._tell, b""))
        self._advance()

    def expired(self, timeout_ms: int) -> TalkError:
        """The time is up: what was waited for."""
        time_given, step = f"{timeout_ms / 1000:g} s", self._step
        if self._socket is None:
            return TalkError(Finding(Reason.TIMEOUT_CONNECT, f"No connection to {self.server} within {time_given}"))
        if isinstance(step, Secure):
            detail = f"No answer within {time_given}: connected, waiting for the TLS handshake"
            return TalkError(Finding(Reason.TIMEOUT_TLS, detail))
        if self._heard or not self._waiting:
            detail = f"The answer of {self.server} was not complete within {time_given}"
            return TalkError(Finding(Reason.TIMEOUT_TRANSFER, detail), bytes(self._heard))
        what = step.what if isinstance(step, Receive) else "it to take what we send"
        detail = f"No answer from {self.server} within {time_given}: waiting for {what}"
        return TalkError(Finding(Reason.TIMEOUT_FIRST_BYTE, detail))

    def close(self) -> None:
        self._closed = True
        self._cancel_timer()
        for each, _ in self._trying.values():
            self._loop.unwatch(each.fileno())
            each.close()
        self._trying.clear()
        if self._socket:
            self._loop.unwatch(self._socket.fileno())
            self._socket.close()

    @property
    def cipher(self) -> str:
        """That of TLS, once it stands."""
        chosen = self._tls.cipher() if self._tls else None
        return chosen[0] if chosen else ""

    @property
    def server(self) -> str:
        """As sentences name it: "192.0.2.1 port 25"."""
        host, port = self._peer
        return f"{host} port {port}" if port else host

    # Telling ------------------------------------------------------------------------------------------------------
    def _tell(self, said: object) -> None:
        """Later, so that a peer that says very much at once cannot make us call ourselves very deeply."""
        if self._waiting and not self._closed:
            self._waiting = False
            self._cancel_timer()
            if self._socket:
                self._loop.unwatch(self._socket.fileno())
            self._loop.soon(partial(self._pass_on, said))

    def _pass_on(self, said: object) -> None:
        if not self._closed:
            self._tell_run(said)

    def _fail(self, reason: Reason, detail: str) -> None:
        self._tell(TalkError(Finding(reason, detail), bytes(self._heard)))

    def _fail_by(self, error: OSError) -> None:
        progress = "without an answer" if self.phases.first_byte is None else "before its answer was complete"
        finding = explain_errno(error.errno or 0, self.server, progress)
        self._tell(TalkError(finding or _unexpected(error), bytes(self._heard)))

    def _cancel_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    # Connecting ---------------------------------------------------------------------------------------------------
    def _try_next(self) -> None:
        """The next address, beside those that are silent so far."""
        self._cancel_timer()
        if self._closed or self._socket:
            return
        if not self._left:
            if not self._trying:
                self._tell(
                    TalkError(self._problem or Finding(Reason.LOCAL_ERROR, "There was no address to connect to"))
                )
            return
        self._peer = self._left.popleft()
        self._timer = self._loop.at(time.monotonic() + STAGGER_S, self._try_next)
        self._try(*self._peer)

    def _try(self, host: str, port: int) -> None:
        self.address = host
        if self._connect.nameserver is None and not self._talks.guard.permits(host):
            detail = f"{self._connect.host} leads to {host}, where checks do not go"
            self._next_after(Finding(Reason.BLOCKED_ADDRESS, detail))
            return
        self.tried.append(host)
        try:
            link = _open(self._connect.transport, host)
        except OSError as error:
            detail = NO_PINGS if self._connect.transport == "icmp" else _local(error)
            self._next_after(Finding(Reason.LOCAL_ERROR, detail))
            return
        self._trying[link.fileno()] = link, (host, port)
        try:
            link.connect((host, port))
        except BlockingIOError:
            self._loop.watch(link.fileno(), WRITE, self._answered)
        except OSError as error:
            self._give_up(link.fileno(), error)
        else:
            self._connected(link.fileno())

    def _answered(self, fd: int, _mask: int) -> None:
        number = self._trying[fd][0].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            self._give_up(fd, OSError(number, os.strerror(number)))
        else:
            self._connected(fd)

    def _give_up(self, fd: int, error: OSError) -> None:
        link, self._peer = self._trying.pop(fd)
        self._loop.unwatch(fd)
        link.close()
        self._next_after(explain_errno(error.errno or 0, self.server, "while connecting") or _unexpected(error))

    def _next_after(self, problem: Finding) -> None:
        self._problem = problem
        self._loop.soon(self._try_next)

    def _connected(self, fd: int) -> None:
        self._socket, self._peer = self._trying.pop(fd)
        self._loop.unwatch(fd)
        for each, _ in self._trying.values():
            self._loop.unwatch(each.fileno())
            each.close()
        self._trying.clear()
        self.address = self._peer[0]
        self._since = time.monotonic()
        if self._connect.transport == "tcp":
            self.phases.connect = _ms(self._began, self._since)
        self._tell(self.address)

    # Talking ------------------------------------------------------------------------------------------------------
    def _say(self, data: bytes) -> None:
        if self._tls:
            try:
                self._tls.write(data)
            except ssl.SSLError as error:
                self._fail(Reason.TLS_ERROR, f"The TLS connection to {self.server} broke: {in_words(error)}")
            self._unsent += self._to_peer.read()
        elif self._connect.transport == "tcp":
            self._unsent += data
        elif self._socket:
            try:
                self._socket.send(data)
            except OSError as error:
                self._fail_by(error)

    def _advance(self) -> None:
        """Do of the step what can be done now, and wait for the rest."""
        step = self._step
        if isinstance(step, Secure):
            self._shake_hands(step)
        elif isinstance(step, Receive) and self._connect.transport == "tcp":
            self._look(step)
        elif isinstance(step, Send) and not self._unsent:
            self._tell(None)
        if self._waiting and self._socket and not self._closed:
            reading = 0 if isinstance(step, Send) else READ
            self._loop.watch(self._socket.fileno(), reading | (WRITE if self._unsent else 0), self._ready)

    def _ready(self, _fd: int, mask: int) -> None:
        try:
            if mask & WRITE:
                self._flush()
            if mask & READ:
                self._hear()
        except BlockingIOError:
            return
        except OSError as error:
            self._fail_by(error)
        else:
            self._advance()

    def _flush(self) -> None:
        assert self._socket is not None  # noqa: S101 - only a connected one is watched
        del self._unsent[: self._socket.send(self._unsent)]

    def _hear(self) -> None:
        assert self._socket is not None  # noqa: S101 - only a connected one is watched
        data = self._socket.recv(65_535)
        if data and self.phases.first_byte is None and not isinstance(self._step, Secure):
            self.phases.first_byte = _ms(self._since, time.monotonic())
        self._total += len(data)
        if self._total > MAX_TOTAL:
            self._fail(Reason.PROTOCOL_ERROR, f"{self.server} says more than a megabyte")
        elif self._connect.transport != "tcp":
            self._hear_datagram(data)
        elif not data:
            self._ended = True
            self._from_peer.write_eof()
        elif self._tls:
            self._from_peer.write(data)
            self._decrypt()
        else:
            self._take_in(data)

    def _take_in(self, data: bytes) -> None:
        self._heard += data
        self._remember(data)

    def _remember(self, data: bytes) -> None:
        if len(self.said) < MAX_SAID:
            self.said += data[: MAX_SAID - len(self.said)]

    def _hear_datagram(self, data: bytes) -> None:
        if self._connect.transport == "icmp":
            data = _without_ip_header(data)
        elif self._connect.nameserver is None:  # what our own name servers say is not the target's
            self._remember(data)
        if isinstance(self._step, Receive) and self._step.enough(bytearray(data)):
            self._note_transfer()
            self._tell(data)

    def _look(self, step: Receive) -> None:
        """Is what was heard enough?"""
        count = step.enough(self._heard) if self._heard else 0
        if count:
            taken = bytes(self._heard[:count])
            del self._heard[:count]
            self._note_transfer()
            self._tell(taken)
        elif self._ended:
            when = "before its answer was complete" if self._heard else f"while we waited for {step.what}"
            self._fail(Reason.CLOSED, f"{self.server} closed the connection {when}")
        elif len(self._heard) >= MAX_HEARD:
            self._fail(Reason.PROTOCOL_ERROR, f"{self.server} says more than 64 kB without coming to an end")

    def _note_transfer(self) -> None:
        """What is left of the time once the other phases are taken off."""
        others = (self.phases.connect, self.phases.tls, self.phases.first_byte)
        spent = _ms(self._began, time.monotonic()) - sum(filter(None, others))
        self.phases.transfer = max(0.0, round(spent, 2))

    # TLS ----------------------------------------------------------------------------------------------------------
    def _start_tls(self, step: Secure) -> None:
        """What is in hand already was said in the clear: it must not count as said under protection."""
        if self._heard:
            self._fail(Reason.PROTOCOL_ERROR, f"{self.server} said something between STARTTLS and the handshake")
            return
        self._since = time.monotonic()
        context = self._talks.trust.context(step.verify)
        try:
            self._tls = context.wrap_bio(self._from_peer, self._to_peer, server_hostname=step.server_name)
        except ValueError as error:
            self._fail(Reason.TLS_ERROR, f"TLS cannot be asked for {step.server_name}: {error}")

    def _shake_hands(self, step: Secure) -> None:
        if self._tls is None or not self._waiting:
            return
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._unsent += self._to_peer.read()
        except ssl.SSLError as error:
            self.secured = Secured(self._tls.version() or "", presented(self._tls))
            self.expires_at = first_end_of(self.secured.chain)
            finding = explain_handshake(step.server_name, self.server, error, self.secured.chain)
            self._tell(TalkError(finding, secured=self.secured))
        else:
            self._unsent += self._to_peer.read()
            now = time.monotonic()
            self.phases.tls, self._since = _ms(self._since, now), now
            self.secured = Secured(self._tls.version() or "", presented(self._tls))
            self.expires_at = first_end_of(self.secured.chain)
            self._decrypt()
            self._tell(self.secured)

    def _decrypt(self) -> None:
        if self._tls is None or self.phases.tls is None:
            return
        try:
            while data := self._tls.read(16_384):
                self._take_in(data)
            self._ended = True
        except ssl.SSLWantReadError:
            self._unsent += self._to_peer.read()  # an answer of TLS itself, such as to a change of keys
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            self._ended = True
        except ssl.SSLError as error:
            self._fail(Reason.TLS_ERROR, f"The TLS connection to {self.server} broke: {in_words(error)}")


def _open(transport: str, host: str) -> socket.socket:
    """A socket towards `host`. For pings the unprivileged kind, or else the raw one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    if transport != "icmp":
        return socket.socket(family, TYPES[transport] | socket.SOCK_NONBLOCK)
    protocol = socket.IPPROTO_ICMPV6 if family == socket.AF_INET6 else socket.IPPROTO_ICMP
    try:
        return socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, protocol)
    except OSError:
        return socket.socket(family, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol)


def _without_ip_header(data: bytes) -> bytes:
    """A raw socket hands over IPv4's header as well; no ICMP message begins with a 4."""
    return data[(data[0] & 15) * 4 :] if data and data[0] >> 4 == 4 else data


def _unexpected(error: OSError) -> Finding:
    return Finding(Reason.LOCAL_ERROR, f"Unexpected error of the network: {error.strerror or error}")


def _local(error: OSError) -> str:
    return f"This region could not connect: {error.strerror}"


def _ms(since: float, until: float) -> float:
    return round((until - since) * 1000, 2)
