"""A push service with its browsers, on a free port.

It refuses what RFC 8030 (5, 5.2 to 5.4, 7.2, 7.3) and RFC 8292 (2, 3, 4.2) have it refuse, with the limits and in the
words of Mozilla's (mozilla-services.github.io/autopush-rs: “HTTP Endpoints for Notifications”, “Error Codes”), and
reads what arrives as a browser does (RFC 8291, 4).
"""

import json
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import jwt

from alerts.transport import Transport
from tests.browsers import Reader
from tests.servers import Authority, Seen, Target, answer
from uptime.lib import webpush
from uptime.lib.net import Guard
from uptime.lib.webpush import decode

LIMIT, PHONE_LIMIT = 4096, 2744  # octets of a body; the second one where it goes through another maker's service
LONGEST_TTL_S = 2_592_000
URGENCIES = {"very-low", "low", "normal", "high"}
WORDS = {400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 410: "Gone", 413: "Payload Too Large",
         429: "Too Many Requests", 503: "Service Unavailable"}  # fmt: skip


class RefusedError(Exception):
    def __init__(self, status: int, errno: int, words: str) -> None:
        super().__init__(words)
        self.status, self.errno = status, errno


def refusal(status: int, errno: int, words: str, **headers: str):
    """The answer of a push service that does not take a message."""
    said = {"code": status, "errno": errno, "error": WORDS.get(status, "Error"), "message": words}
    return answer(status, json.dumps(said), **headers)


@dataclass
class Subscription:
    """One browser: what it lets a website know, and what has arrived. `server_key`: the only one it takes from."""

    endpoint: str
    server_key: bytes
    reader: Reader = field(default_factory=Reader.new)
    limit: int = LIMIT
    shown: list[dict[str, Any]] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)

    @property
    def told(self) -> dict[str, str]:
        return self.reader.subscription(self.endpoint)


class PushService:
    """Over TLS where there is a `folder` for its authority, over plain HTTP else."""

    def __init__(self, server_key: str, folder: Path | None = None) -> None:
        authority = Authority(folder) if folder else None
        self._ca_file = authority.ca_file if authority else ""
        self._target = Target(tls=authority.context("127.0.0.1") if authority else None)
        self._target.does(self._take)
        self.server_key = webpush.point(webpush.private_key(server_key))
        self.subscriptions: dict[str, Subscription] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._target.close()

    @property
    def url(self) -> str:
        return self._target.url

    def way(self, deadline_s: float = 10) -> Transport:
        """To this push service, whose authority nobody else knows."""
        return Transport(Guard(allow_private=True), deadline_s, self._ca_file)

    def subscribe(self, name: str = "laptop", **fields: Any) -> Subscription:
        """A browser turns notifications on."""
        made = Subscription(f"{self.url}/wpush/v2/{name}", self.server_key, **fields)
        self.subscriptions[f"/wpush/v2/{name}"] = made
        return made

    def answers(self, name: str, behaviour) -> None:
        """From now on, whoever pushes to that browser."""
        self._target.does(behaviour, f"/wpush/v2/{name}")

    def heals(self, name: str) -> None:
        self.answers(name, self._take)

    def _take(self, target: Target, connection: Any, seen: Seen) -> None:
        try:
            self._accept(seen)
        except RefusedError as refused:
            reply = refusal(refused.status, refused.errno, str(refused))
        else:
            reply = answer(201, "{}", Location=f"{self.url}/m/1", TTL=seen.headers["ttl"])
        reply(target, connection, seen)

    def _accept(self, seen: Seen) -> None:
        found = self.subscriptions.get(seen.path)
        if found is None or seen.method != "POST":
            raise RefusedError(404, 102, "Invalid URL endpoint")
        self._check_sender(found, seen.headers.get("authorization", ""))
        self._check_headers(seen.headers)
        if len(seen.body) > found.limit:
            raise RefusedError(413, 104, "This message is intended for a constrained device and is limited in size.")
        found.shown.append(json.loads(found.reader.read(seen.body)))
        found.seen.append(seen)

    def _check_sender(self, found: Subscription, said: str) -> None:
        match = re.fullmatch(r"vapid t=([\w.-]+), k=([\w-]+)", said)
        if not match:
            raise RefusedError(401, 109, "Missing VAPID")
        try:
            key = webpush.public_key(match[2])
            claims = jwt.decode(match[1], key, ["ES256"], audience=self.url, options={"require": ["exp", "sub"]})
        except (jwt.InvalidTokenError, ValueError) as error:
            raise RefusedError(401, 109, f"Invalid VAPID: {error}") from error
        if claims["exp"] > time.time() + 86_400:
            raise RefusedError(401, 109, "VAPID expires too late")
        if not re.match(r"mailto:[^@\s]+@\S+|https://\S+", claims["sub"]):
            raise RefusedError(401, 109, "VAPID without a contact")
        if decode(match[2]) != found.server_key:
            raise RefusedError(401, 109, "VAPID public key mismatch")

    @staticmethod
    def _check_headers(headers: dict[str, str]) -> None:
        if "ttl" not in headers:
            raise RefusedError(400, 111, "Missing TTL Header")
        if not headers["ttl"].isdigit() or int(headers["ttl"]) > LONGEST_TTL_S:
            raise RefusedError(400, 112, "Invalid TTL header value")
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", headers.get("topic", "x")):
            raise RefusedError(400, 113, "Invalid Topic header value")
        if headers.get("urgency", "normal") not in URGENCIES:
            raise RefusedError(400, 111, "Invalid Urgency header value")
        if headers.get("content-encoding") != "aes128gcm":
            raise RefusedError(400, 110, "Invalid crypto keys specified")
