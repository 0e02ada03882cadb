"""HTTP exchanges by libcurl: one CurlMulti on the engine's loop, and a pool of easy handles.

Every exchange has a connection of its own to an address that was checked before, and that is checked once more at
the moment the socket is made. Nothing is remembered from one exchange to the next: handles are reset (but between two
requests about which nothing is special), connections and TLS sessions are not reused, there is no cookie jar, and the
proxies and .netrc of the environment are ignored.
"""

import _socket
import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pycurl  # type: ignore[import-untyped]

from monitors.domain.slots import Ms
from monitors.probes import libcurl
from monitors.probes.base import Phases
from monitors.probes.easy import BASE_OPTIONS, pin, set_request, set_route
from monitors.probes.ends import first_end
from monitors.probes.kinds import Answer, Request
from uptime.lib.loop import READ, WRITE, Loop
from uptime.lib.net import Guard

FAILED_INIT, PARTIAL_FILE, OPERATION_TIMEDOUT, PEER_FAILED_VERIFICATION = 2, 18, 28, 60  # CURLE_
log = logging.getLogger(__name__)
CONNECT_LEEWAY_S = 1.0  # so that the caller's deadline always comes before libcurl's
MAX_BODY = 1024 * 1024  # bytes read, after decoding
MAX_HEADERS = 64 * 1024  # bytes, interim answers included

_VERSIONS = {
    pycurl.CURL_HTTP_VERSION_1_0: "1.0",
    pycurl.CURL_HTTP_VERSION_1_1: "1.1",
    pycurl.CURL_HTTP_VERSION_2_0: "2",
}
SOCKET_BAD: int = pycurl.SOCKET_BAD
_BLANK = (b"\r\n", b"\n")
_MASKS = {
    pycurl.POLL_NONE: 0,
    pycurl.POLL_IN: READ,
    pycurl.POLL_OUT: WRITE,
    pycurl.POLL_INOUT: READ | WRITE,
    pycurl.POLL_REMOVE: 0,
}


@dataclass(slots=True)
class Result:
    """What libcurl made of an exchange. `code` 0: `answer` holds it; else a CURLE_ number, and why.

    `tried`: every address a socket was made for. `denied`: the address refused at that very moment. `connected`: TCP
    stands, which libcurl reports only once TLS stands too. `proxy_status`: what a proxy answered to CONNECT;
    `proxy_error`: libcurl's CURLPX_ number for what a SOCKS proxy said. `size`: bytes of the body that were read;
    `body`: all of these or the first piece; `partial`: what there is of an answer that is not whole. What follows it is
    known of failures and of what was wanted in full only; `chain`: the certificates the server presented (DER)."""

    code: int
    message: str
    phases: Phases
    tried: list[str]
    address: str = ""
    answer: Answer | None = None
    connected: bool = False
    errno: int = 0
    verify_result: int = 0
    denied: str = ""
    headers_too_large: bool = False
    proxy_status: int = 0
    proxy_error: int = 0
    certificates: list[dict[str, str]] = field(default_factory=list)
    expires_at: Ms | None = None  # the first certificate of the chain, also of one that is not trusted
    size: int = 0
    body: bytes = b""
    partial: Answer | None = None
    protocol: str = ""
    tls: str = ""
    cipher: str = ""
    chain: list[bytes] = field(default_factory=list)


OnResult = Callable[[Result], None]


class Transfers:
    """The CurlMulti and its handles; belongs to the loop's thread."""

    def __init__(self, loop: Loop, guard: Guard, user_agent: str, ca_file: str) -> None:
        self.loop, self.guard, self.user_agent, self.ca_file = loop, guard, user_agent, ca_file
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._on_socket)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)
        self._idle: list[Transfer] = []
        self._active: set[Transfer] = set()

    def start(self, request: Request, addresses: Sequence[str], timeout_s: float, done: OnResult) -> "Transfer":
        """Exchange `request` with one of `addresses` and tell `done`. `timeout_s` shares the time for connecting out
        between the addresses; it is the caller who ends what takes too long, with `cancel`."""
        transfer = self._idle.pop() if self._idle else Transfer(self)
        transfer.prepare(request, addresses, timeout_s, done)
        self._active.add(transfer)
        self._multi.add_handle(transfer.easy)
        return transfer

    def cancel(self, transfer: "Transfer") -> Result:
        """End an exchange now; what was seen of it so far."""
        result = transfer.result(OPERATION_TIMEDOUT, "")
        self._release(transfer)
        return result

    def close(self) -> None:
        for transfer in list(self._active):
            self._release(transfer)
        for transfer in self._idle:
            transfer.easy.close()
        self._multi.close()

    def _release(self, transfer: "Transfer") -> None:
        self._active.discard(transfer)
        self._multi.remove_handle(transfer.easy)
        transfer.forget()
        self._idle.append(transfer)

    def _on_socket(self, what: int, fd: int, _multi: object, _data: object) -> None:
        mask = _MASKS[what]
        if mask:
            self.loop.watch(fd, mask, self._on_ready)
        else:
            self.loop.unwatch(fd)

    def _on_timer(self, timeout_ms: int) -> None:
        """libcurl wants to be called again; never from within this very call (CURLMOPT_TIMERFUNCTION(3))."""
        if timeout_ms < 0:
            self.loop.alarm(0, None)
        else:
            self.loop.alarm(time.monotonic() + timeout_ms / 1000, self._on_timeout)

    def _on_ready(self, fd: int, mask: int) -> None:
        # READ and WRITE have the values of CURL_CSELECT_IN and CURL_CSELECT_OUT.
        self._advance(fd, mask)

    def _on_timeout(self) -> None:
        self._advance(pycurl.SOCKET_TIMEOUT, 0)

    def _advance(self, fd: int, mask: int) -> None:
        _, running = self._multi.socket_action(fd, mask)
        if running < len(self._active):
            self._collect()

    def _collect(self) -> None:
        _, succeeded, failed = self._multi.info_read()
        for easy in succeeded:
            self._finish(easy.transfer, 0, "")
        for easy, code, message in failed:
            self._finish(easy.transfer, code, message)

    def _finish(self, transfer: "Transfer", code: int, message: str) -> None:
        done = transfer.done
        try:
            result = transfer.result(code, message)
        except Exception:  # of this one alone: the others that ended with it are still to be told
            log.exception("The result of a transfer could not be read")
            result = Result(FAILED_INIT, "its result could not be read", Phases(), [], "")
        self._release(transfer)
        done(result)


class Transfer:
    """One easy handle and the exchange it is at."""

    def __init__(self, owner: Transfers) -> None:
        self.easy: Any = pycurl.Curl()
        self.easy.transfer = self
        self._owner = owner
        self._shape = ""  # of the plain request it was last set up for
        self.forget()

    def forget(self) -> None:
        self.done: OnResult = _nobody
        self._request: Request | None = None
        self._addresses: frozenset[str] = frozenset()
        self._tried: list[str] = []
        self._descriptors: list[_Descriptor] = []
        self._denied = ""
        self._errno = 0
        self._header_lines: list[bytes] = []
        self._header_size = 0
        self._headers_complete = False
        self._chunks: list[bytes] = []
        self._size = 0
        self._tls = ("", "")  # version and cipher, where libcurl was asked to say what it does

    def prepare(self, request: Request, addresses: Sequence[str], timeout_s: float, done: OnResult) -> None:
        self.done, self._request = done, request
        self._addresses = frozenset(addresses)
        easy = self.easy
        shape = _shape(request)
        if not shape or shape != self._shape:
            self._set_up()
        self._shape = shape
        easy.setopt(pycurl.CONNECTTIMEOUT_MS, int((max(0.0, timeout_s) + CONNECT_LEEWAY_S) * 1000))
        easy.setopt(pycurl.URL, str(request.url))
        proxy = request.proxy
        if proxy or not request.url.is_address:
            easy.setopt(pycurl.RESOLVE, [pin(proxy or request.url, addresses)])
        if shape:
            return
        set_request(easy, request)
        if request.route:
            set_route(easy, request.route, self._owner.ca_file)
        if request.in_full:
            libcurl.listen(easy, self._note_tls)

    def _set_up(self) -> None:
        """As it always is, whatever was asked of it before."""
        easy = self.easy
        easy.reset()
        for option, value in BASE_OPTIONS:
            easy.setopt(option, value)
        easy.setopt(pycurl.USERAGENT, self._owner.user_agent)
        easy.setopt(pycurl.CAINFO, self._owner.ca_file)
        easy.setopt(pycurl.HEADERFUNCTION, self._on_header)
        easy.setopt(pycurl.WRITEFUNCTION, self._on_body)
        easy.setopt(pycurl.OPENSOCKETFUNCTION, self._on_open)

    def result(self, code: int, message: str) -> Result:
        easy = self.easy
        if code == 0 and not self._headers_complete:
            code = PARTIAL_FILE  # libcurl is content with a connection closed between two headers
        phases = _phases(easy, heard=code in (0, OPERATION_TIMEDOUT) or self._header_size > 0)
        result = Result(code, message, phases, self._tried, easy.getinfo(pycurl.PRIMARY_IP) or "")
        if phases.tls is not None or code == PEER_FAILED_VERIFICATION:
            result.expires_at = first_end(easy.getinfo_raw(pycurl.INFO_CERTINFO))
        result.size, result.body = self._size, b"".join(self._chunks)[:MAX_BODY]
        answer = self._answer(easy.getinfo(pycurl.RESPONSE_CODE), result.body)
        if self._in_full or code or not 200 <= answer.status < 400:
            result.protocol, result.chain = libcurl.protocol(easy), libcurl.chain(easy)
            result.tls, result.cipher = self._tls
        if code == 0 or self._truncated:
            result.code, result.answer = 0, answer
            return result
        result.partial = answer
        result.connected = any(descriptor.is_connected() for descriptor in self._descriptors)
        result.errno = self._errno or easy.getinfo(pycurl.OS_ERRNO)
        result.denied = self._denied
        result.headers_too_large = self._header_size > MAX_HEADERS
        if self._request and self._request.proxy:
            result.proxy_status = easy.getinfo(pycurl.HTTP_CONNECTCODE)
            result.proxy_error = easy.getinfo(pycurl.PROXY_ERROR)
        if code == PEER_FAILED_VERIFICATION:
            result.verify_result = easy.getinfo(pycurl.SSL_VERIFYRESULT)
            raw = easy.getinfo_raw(pycurl.INFO_CERTINFO)  # a certificate may hold any bytes
            result.certificates = [
                {_header_text(name): _header_text(value) for name, value in fields} for fields in raw
            ]
        return result

    @property
    def _in_full(self) -> bool:
        return self._request is not None and self._request.in_full

    @property
    def _truncated(self) -> bool:
        return self._size > MAX_BODY

    def _answer(self, status: int, body: bytes) -> Answer:
        kept = body if self._request and self._request.keep_body else b""
        answer = Answer(status, partial(_headers, self._header_lines), kept, self._truncated)
        if self._request and self._request.route:
            answer.version = _VERSIONS.get(self.easy.getinfo(pycurl.INFO_HTTP_VERSION), "")
        return answer

    def _on_header(self, line: bytes) -> int | None:
        """One line. Only the last answer's are kept (interim ones come before it), and trailers only of HTTP/2."""
        self._header_size += len(line)
        if self._header_size > MAX_HEADERS:
            return -1
        if line.startswith(b"HTTP/") and not self._size:
            self._header_lines.clear()
            self._headers_complete = False
        elif line in _BLANK:
            self._headers_complete = True
        elif not self._headers_complete or (self._request and self._request.http2):
            self._header_lines.append(line)
        return None

    def _on_body(self, chunk: bytes) -> int | None:
        request = self._request
        if request and (not self._size or request.keep_body or request.in_full):  # the first piece costs nothing
            self._chunks.append(chunk)
        self._size += len(chunk)
        return -1 if self._truncated else None

    def _note_tls(self, said: tuple[str, str]) -> None:
        self._tls = said

    def _on_open(self, _purpose: int, address: Any) -> "_Descriptor | int":
        """The second wall: only an address that was checked for this very exchange, and that the guard permits."""
        host = address.addr[0]
        if host not in self._addresses or not self._owner.guard.permits(host):
            self._denied = host
            return SOCKET_BAD
        self._tried.append(host)
        try:
            fd = _socket.socket(address.family, address.socktype, address.protocol).detach()
        except OSError as error:
            self._errno = error.errno or 0
            return SOCKET_BAD
        self._descriptors.append(_Descriptor(fd))
        return self._descriptors[-1]


class _Descriptor:
    """A socket of which pycurl takes a duplicate; ours is closed with the exchange. socket.socket would format a
    warning each time it is collected, which costs four times as much as this."""

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def fileno(self) -> int:
        return self._fd

    def is_connected(self) -> bool:
        view = _socket.socket(fileno=self._fd)
        try:
            view.getpeername()
        except OSError:
            return False
        finally:
            view.detach()
        return True

    def __del__(self) -> None:
        os.close(self._fd)


def _shape(request: Request) -> str:
    """Two requests of the same shape differ in nothing but URL, addresses and time, which are told anew each time, so
    between them a handle needs no reset. Empty: there is something special about this one."""
    special = request.route or request.headers or request.body or request.method != "GET" or request.http2
    if special or request.in_full or not request.verify_tls:
        return ""
    return "address" if request.url.is_address else "name"


def _headers(lines: list[bytes]) -> list[tuple[str, str]]:
    """Names in lower case, and values."""
    found = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if colon:
            found.append((name.strip().lower().decode("latin-1"), _header_text(value.strip())))
    return found


def _nobody(_result: Result) -> None:
    """Nobody waits for an exchange that is over."""


def _phases(easy: Any, heard: bool) -> Phases:
    """libcurl's moments since the start, made into the spans between them. Of a failed exchange it says that the
    first byte came at the very end; `heard` is whether one came at all."""
    connected = easy.getinfo(pycurl.CONNECT_TIME)
    secured = easy.getinfo(pycurl.APPCONNECT_TIME)
    answered = easy.getinfo(pycurl.STARTTRANSFER_TIME) if heard else 0
    before = easy.getinfo(pycurl.NAMELOOKUP_TIME)
    phases = Phases()
    if connected:
        phases.connect = _ms(connected - before)
    if secured:
        phases.tls = _ms(secured - connected)
    if answered:
        phases.first_byte = _ms(answered - (secured or connected))
        phases.transfer = _ms(easy.getinfo(pycurl.TOTAL_TIME) - answered)
    return phases


def _ms(seconds: float) -> float:
    return max(0.0, round(seconds * 1000, 2))


def _header_text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
