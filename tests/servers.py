"""Real servers on port 0 that do as they are told: websites, TLS with an authority of its own, name servers.

with Target() as website:
    website.does(answer(500))
    ...
    website.refuses()
    website.heals()
"""

import contextlib
import fcntl
import socket
import ssl
import struct
import termios
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset
import trustme

from tests.helpers import wait_until

BACKLOG = 512


class Server:
    """Listens on a free port and gives every connection to `handle`, each in a thread of its own.

    `over` is set when the server closes: whoever hangs, hangs on it. Errors of a connection end only that one."""

    def __init__(
        self,
        handle: Callable[["Server", socket.socket], None],
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._handle, self._tls = handle, tls
        self.over = threading.Event()
        self.connections = 0
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.socket(family, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((host, port))
        self._listener.listen(BACKLOG)
        self.host, self.port = self._listener.getsockname()[:2]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}"

    def close(self) -> None:
        self.over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self._listener.close()
        self._thread.join(5)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while not self.over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection.settimeout(30)
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            self._handle(self, connection)
        connection.close()


@dataclass
class Seen:
    """A request as it arrived. Header names are lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)


Behaviour = Callable[["Target", socket.socket, Seen], None]


def answer(status: int = 200, body: bytes | str = b"fine", **headers: str) -> Behaviour:
    """A whole answer; `headers` with _ for -."""
    payload = body.encode() if isinstance(body, str) else body
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]

    def behave(_target: "Target", connection: socket.socket, seen: Seen) -> None:
        head = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(payload)}", "Connection: close", *lines]
        connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + (b"" if seen.method == "HEAD" else payload))

    return behave


def redirect(location: str, status: int = 302) -> Behaviour:
    return answer(status, "elsewhere", Location=location)


def hang(target: "Target", _connection: socket.socket, _seen: Seen) -> None:
    """Never answer."""
    target.over.wait()


def slow(seconds: float, then: Behaviour) -> Behaviour:
    def behave(target: "Target", connection: socket.socket, seen: Seen) -> None:
        target.over.wait(seconds)
        then(target, connection, seen)

    return behave


def raw(data: bytes, *, stay: bool = False) -> Behaviour:
    """These bytes and nothing else; then hang up, or `stay` connected in silence."""

    def behave(target: "Target", connection: socket.socket, _seen: Seen) -> None:
        connection.sendall(data)
        if stay:
            target.over.wait()

    return behave


def reset(before: bytes = b"") -> Behaviour:
    """Send `before`, then break the connection off with RST."""

    def behave(_target: "Target", connection: socket.socket, _seen: Seen) -> None:
        if before:
            connection.sendall(before)
            wait_until(lambda: _all_acknowledged(connection))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return behave


def drip(head: bytes, drops: bytes = b"x", pause_s: float = 0.05) -> Behaviour:
    """`head` at once, then `drops` again and again, for ever."""

    def behave(target: "Target", connection: socket.socket, _seen: Seen) -> None:
        connection.sendall(head)
        while not target.over.wait(pause_s):
            connection.sendall(drops)

    return behave


def flood(head: bytes, chunk: bytes = b"x" * 65_536) -> Behaviour:
    """`head`, then `chunk` without pause for as long as somebody reads."""
    return drip(head, chunk, pause_s=0)


def _all_acknowledged(connection: socket.socket) -> bool:
    unsent = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
    return struct.unpack("i", unsent)[0] == 0


class Target:
    """A website. It answers 200 until told otherwise, remembers every request, and keeps its port while it refuses."""

    def __init__(self, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        self._host, self._tls = host, tls
        self._behaviour: Behaviour = answer()
        self._paths: dict[str, Behaviour] = {}
        self.requests: list[Seen] = []
        self._server: Server | None = Server(self._serve, host, port, tls)
        self.port, self.url = self._server.port, self._server.url
        self.over = self._server.over

    def does(self, behaviour: Behaviour, path: str | None = None) -> None:
        """From now on, everywhere or at one path."""
        if path is None:
            self._behaviour = behaviour
        else:
            self._paths[path] = behaviour

    def refuses(self) -> None:
        """Nothing listens on the port any more; connections under way end."""
        if self._server:
            self._server.close()
            self._server = None

    def heals(self) -> None:
        """Listens and answers 200 again."""
        self._behaviour = answer()
        self._paths.clear()
        if self._server is None:
            self._server = Server(self._serve, self._host, self.port, self._tls)
            self.over = self._server.over

    def close(self) -> None:
        self.refuses()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serve(self, _server: Server, connection: socket.socket) -> None:
        seen = read_request(connection)
        if seen:
            self.requests.append(seen)
            self._paths.get(seen.path, self._behaviour)(self, connection, seen)


def read_request(connection: socket.socket) -> Seen | None:
    """One HTTP/1.1 request with Content-Length; None when the client said nothing."""
    stream = connection.makefile("rb")
    start = stream.readline().decode("latin-1").split()
    if len(start) < 2:
        return None
    headers: dict[str, str] = {}
    for line in iter(stream.readline, b"\r\n"):
        if not line:
            break
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    return Seen(start[0], start[1], headers, stream.read(int(headers.get("content-length", 0))))


def silent(server: Server, _connection: socket.socket) -> None:
    """For `Server`: accepts, and never says a word."""
    server.over.wait()


@contextlib.contextmanager
def tripwire(host: str = "127.0.0.1", port: int = 0) -> Iterator[Server]:
    """A listener nobody may connect to."""
    with Server(silent, host, port) as server:
        yield server
    assert server.connections == 0, "somebody connected to a forbidden place"


class Authority:
    """A certificate authority; `ca_file` is what trusts it."""

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        self.ca_file = str(folder / "ca.pem")
        self._ca.cert_pem.write_to_path(self.ca_file)

    def context(self, *names: str, days: tuple[float, float] = (-1, 30)) -> ssl.SSLContext:
        """A server's context with a certificate for `names`, valid from and until so many days from now."""
        start, end = (datetime.now(UTC) + timedelta(days=each) for each in days)
        certificate = self._ca.issue_cert(*names, not_before=start, not_after=end)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        return context


SILENT = "SILENT"
Record = str | Sequence[str]


class Turns(tuple[Record, ...]):
    """A record that changes: one answer for each time it is asked, the last one for good."""


def turns(*records: Record) -> Turns:
    return Turns(records)


class NameServer:
    """A name server over UDP and TCP on one port of 127.0.0.1.

    `records` maps a name to addresses, to an rcode ("NXDOMAIN", "SERVFAIL", ...), to SILENT, or to `turns` of such.
    A pair of name and type, as ("shop.example", "MX"), maps to records of that type instead. Names not listed are
    NXDOMAIN. `ttl`: seconds. What is too large for a datagram has to be fetched by TCP."""

    def __init__(self, records: dict[str | tuple[str, str], Record | Turns] | None = None, ttl: int = 0) -> None:
        self.records, self.ttl = records or {}, ttl
        self.queries: list[tuple[str, str]] = []
        self._asked: Counter[tuple[str, str]] = Counter()
        self._udp, self._tcp = self._listen()
        self.port = self._tcp.port
        self._thread = threading.Thread(target=self._serve_datagrams, daemon=True)
        self._thread.start()

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.port

    def asked(self, name: str) -> int:
        """How often the A record of `name` was asked for."""
        return self.queries.count((name, "A"))

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._udp.shutdown(socket.SHUT_RDWR)
        self._udp.close()
        self._tcp.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _listen(self) -> tuple[socket.socket, Server]:
        """Both on one port, which may take a few tries."""
        while True:
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            udp.bind(("127.0.0.1", 0))
            try:
                return udp, Server(self._serve_stream, port=udp.getsockname()[1])
            except OSError:
                udp.close()

    def _serve_datagrams(self) -> None:
        while True:
            try:
                data, sender = self._udp.recvfrom(4096)
            except OSError:
                return
            if not data:
                return  # closed
            reply = self._reply(dns.message.from_wire(data))
            if reply:
                with contextlib.suppress(OSError):
                    self._udp.sendto(_datagram(reply), sender)

    def _serve_stream(self, _server: Server, connection: socket.socket) -> None:
        question, _ = dns.query.receive_tcp(connection, time.time() + 10)
        reply = self._reply(question)
        if reply:
            data = reply.to_wire(max_size=65_535)
            connection.sendall(len(data).to_bytes(2) + data)

    def _reply(self, query: dns.message.Message) -> dns.message.Message | None:
        question = query.question[0]
        name = question.name.to_text().rstrip(".").lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.queries.append((name, kind))
        record = self._record(name, kind)
        if record == SILENT:
            return None
        reply = dns.message.make_response(query)
        if isinstance(record, str):
            reply.set_rcode(dns.rcode.from_text(record))
            return reply
        wanted = [each for each in record if (":" in each) == (kind == "AAAA")] if kind in ("A", "AAAA") else []
        if (name, kind) in self.records:
            wanted = list(record)
        if wanted:
            reply.answer.append(dns.rrset.from_text_list(question.name, self.ttl, "IN", kind, wanted))
        return reply

    def _record(self, name: str, kind: str) -> Record:
        record = self.records.get((name, kind)) or self.records.get(name, "NXDOMAIN")
        if not isinstance(record, Turns):
            return record
        turn = self._asked[name, kind]
        self._asked[name, kind] += 1
        return record[min(turn, len(record) - 1)]


def _datagram(reply: dns.message.Message) -> bytes:
    try:
        return reply.to_wire()
    except dns.exception.TooBig:
        reply.answer.clear()
        reply.flags |= dns.flags.TC
        return reply.to_wire()
