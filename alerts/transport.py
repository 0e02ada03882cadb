"""The one way from a channel to the network: `requests`, over the guarded door of uptime.lib.net.

A name is looked up once, every address it has is judged, and the connection goes to one that was judged: there is no
second look-up that could say something else. All of an attempt, however many requests it takes, has one wall-clock
deadline that cuts the connection whatever the other side does; answers are read up to a limit; redirects are not
followed; proxies and netrc of the environment do not count.
"""

import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from json import loads
from typing import Any, Self

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, disable_warnings
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import InsecureRequestWarning

from alerts.channels.base import Permanent, Temporary
from uptime.lib.deadline import ask
from uptime.lib.net import Guard, UrlError, check_url, has_route
from uptime.lib.version import VERSION

disable_warnings(InsecureRequestWarning)  # who switches the check of a certificate off has been told what it means

DEADLINE_S = 10.0  # for a whole attempt
BODY_LIMIT = 64 * 1024  # bytes of an answer that are read
CONNECT_S = 3.0  # for one address, while there are others
ADDRESSES = 8  # of a name that are tried
USER_AGENT = f"Uptime/{VERSION}"
REASONS = {  # what is written in an error, and what it means
    "refused": "it was refused",
    "unreachable": "there is no way there",
    "reset by peer": "it was reset",
    "without response": "it was closed without an answer",
    "has expired": "it has expired",
    "self-signed": "it is self-signed",
    "self signed": "it is self-signed",
    "ostname mismatch": "it is for another name",
    "doesn't match": "it is for another name",
    "unable to get local issuer": "its issuer is not known",
}
TOO_LATE = "It did not answer within {:g} s."


@dataclass(frozen=True)
class Answer:
    """What a provider said: `body` is cut off at BODY_LIMIT."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @cached_property
    def json(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return loads(self.body)
        except ValueError:
            return None

    @property
    def retry_after_s(self) -> float | None:
        """Seconds until it may be asked again (RFC 9110, 10.2.3); None where it does not say."""
        text = self.headers.get("Retry-After", "").strip()
        if text.replace(".", "", 1).isdigit():
            return float(text)
        try:
            return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
        except (ValueError, TypeError):
            return None

    @property
    def words(self) -> str:
        """The answer in a line, for the ledger."""
        said = " ".join(self.text.split())[:200]
        return f"{self.status} {said}".strip()


class Transport:
    """The requests of one attempt; a context manager. Not for several threads."""

    def __init__(self, guard: Guard, deadline_s: float = DEADLINE_S, ca_file: str = "") -> None:
        self.deadline_s = deadline_s
        self._ca_file = ca_file
        self._door = _Door(guard, time.monotonic() + deadline_s)
        self._session = requests.Session()
        self._session.trust_env = False
        adapter = _Adapter(self._door)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, adapter)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()
        self._door.shut()

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        data: Any = None,
        auth: tuple[str, str] | None = None,
        verify: bool = True,
    ) -> Answer:
        """Send one request and read the answer, whatever its status.

        Raises Temporary where there is no answer, Permanent where the address may not be gone to."""
        try:
            target = str(check_url(url, guard=self._door.guard))
        except UrlError as error:
            raise Permanent(str(error)) from None
        sent = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **(headers or {})}
        proof = (self._ca_file or True) if verify else False
        try:
            with self._session.request(
                method,
                target,
                headers=sent,
                json=json,
                data=data,
                auth=auth,
                verify=proof,
                timeout=self._door.left(),
                allow_redirects=False,
                stream=True,
            ) as response:
                if self._door.over:  # cut off among the headers, which looks like their end
                    raise Temporary(TOO_LATE.format(self.deadline_s))
                body = _limited(response)
                return Answer(response.status_code, CaseInsensitiveDict(response.headers), body)
        except (requests.RequestException, OSError, ValueError) as error:
            raise Temporary(TOO_LATE.format(self.deadline_s) if self._door.over else _said(error)) from None


def _limited(response: requests.Response) -> bytes:
    """What comes of the body before the limit and the deadline. The status is the answer: a body that breaks off, or
    never ends, does not take it back."""
    parts, size = [], 0
    with suppress(requests.RequestException, OSError):
        for part in response.iter_content(8192):
            parts.append(part)
            size += len(part)
            if size >= BODY_LIMIT:
                break
    return b"".join(parts)[:BODY_LIMIT]


def _said(error: Exception) -> str:
    """What went wrong, without addresses and object names nobody can use."""
    if isinstance(error, requests.exceptions.SSLError):
        return f"Its certificate does not hold: {_reason(error)}."
    if isinstance(error, requests.exceptions.Timeout):
        return "It did not answer in time."
    if isinstance(error, requests.exceptions.ConnectionError):
        return f"The connection failed: {_reason(error)}."
    return f"The answer cannot be read: {type(error).__name__}."


def _reason(error: BaseException) -> str:
    """The innermost reason of a wrapped error, in words."""
    text = str(error)
    known = next((reason for mark, reason in REASONS.items() if mark in text), "")
    return known or text.rpartition(": ")[2].strip("')(\" ")[:120] or type(error).__name__


class _Door:
    """Opens connections to judged addresses only, and cuts them when the time is up."""

    def __init__(self, guard: Guard, until: float) -> None:
        self.guard, self.until = guard, until
        self.whole_s = round(until - time.monotonic())
        self._open: list[socket.socket] = []
        self._timer = threading.Timer(self.left(), self.shut)
        self._timer.daemon = True
        self._timer.start()

    @property
    def over(self) -> bool:
        return time.monotonic() >= self.until

    def left(self) -> float:
        """Seconds until the deadline, never quite none: sockets read 0 as for ever."""
        return max(0.001, self.until - time.monotonic())

    def connect(self, host: str, port: int) -> socket.socket:
        """A connection to `host`. Raises Permanent where the guard says no, Temporary where nobody is there."""
        addresses = self._addresses(host, port)
        error: OSError = OSError("there is no address")
        for at, address in enumerate(addresses):
            last = at + 1 == len(addresses)
            try:
                connection = socket.create_connection(
                    (address, port), self.left() if last else min(CONNECT_S, self.left())
                )
            except OSError as problem:
                error = problem
                continue
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(self.left())
            # TLS takes the file descriptor over: a second one of the same connection keeps the power to cut it.
            self._open.append(connection.dup())
            return connection
        raise Temporary(TOO_LATE.format(self.whole_s) if self.over else _unreachable(error))

    def _addresses(self, host: str, port: int) -> list[str]:
        try:
            found = ask("resolve", lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)).result(self.left())
        except TimeoutError:
            raise Temporary(f"The name {host} could not be looked up in time.") from None
        except (OSError, UnicodeError):
            raise Temporary(f"The name {host} has no address.") from None
        addresses = list(dict.fromkeys(str(each[4][0]) for each in found))[:ADDRESSES]
        if not all(self.guard.permits(address) for address in addresses):
            raise Permanent(f"{host} leads into a private network, where nothing is sent from here.")
        return [each for each in addresses if has_route(each)] or addresses

    def shut(self) -> None:
        """Cut every connection; a read that waits ends at once."""
        self._timer.cancel()
        while self._open:
            leash = self._open.pop()
            try:
                leash.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            finally:
                leash.close()


def _unreachable(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "The connection failed: nobody answered."
    return f"The connection failed: {_reason(error)}."


class _Adapter(HTTPAdapter):
    """Connections of this adapter come through one door."""

    def __init__(self, door: _Door) -> None:
        self._door = door
        super().__init__(max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **more: Any) -> None:
        door = self._door

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return door.connect(self.host, self.port)

        class Secure(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return door.connect(self.host, self.port or 443)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        self.poolmanager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, **more)
        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
