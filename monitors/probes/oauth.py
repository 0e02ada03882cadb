"""Access tokens by OAuth 2.0 client credentials (RFC 6749, 4.4), kept in memory until shortly before they expire.

What is kept is kept by this process alone, and never written down.
"""

import base64
import json
import math
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote_plus, urlencode

from monitors.probes.failures import describe
from monitors.probes.kinds import Answer, Finding, Request
from monitors.probes.reasons import Reason
from monitors.probes.route import Route
from uptime.lib.net import URL

MAX_ANSWER = 64 * 1024  # bytes of JSON; a token is a few thousand
LEEWAY_S = 30.0  # before its end a token is no longer used
MOST_KEPT_S = 86_400.0
UNSTATED_S = 60.0  # how long a token without a stated end is used
MAX_TOKENS = 10_000

_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")  # RFC 6749, A.12, without the space no header could carry safely
_ERROR = re.compile(r"[\x20-\x7e]{1,60}")


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks whom for what: a token of one is none of another, and none of an older version of the monitor."""

    monitor: int
    version: int
    url: URL
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = ""
    audience: str = ""
    in_body: bool = False


class Token(NamedTuple):
    """`seconds`: how long it may be used from now on."""

    text: str
    seconds: float


class Tokens:
    """The tokens of this process; belongs to the engine's thread. `clock`: seconds that only go forward."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, most: int = MAX_TOKENS) -> None:
        self._clock, self._most = clock, most
        self._kept: OrderedDict[Client, tuple[str, float]] = OrderedDict()

    def get(self, client: Client) -> str:
        """A token that is still good, or ""."""
        text, until = self._kept.get(client, ("", 0.0))
        if text and self._clock() >= until:
            self.forget(client)
            return ""
        return text

    def keep(self, client: Client, token: Token) -> None:
        self.forget(client)
        if token.seconds > 0:
            self._kept[client] = (token.text, self._clock() + token.seconds)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def forget(self, client: Client) -> None:
        self._kept.pop(client, None)


def token_request(client: Client, route: Route | None, verify_tls: bool) -> Request:
    form = {"grant_type": "client_credentials", "scope": client.scope, "audience": client.audience}
    headers = [("Accept", "application/json"), ("Content-Type", "application/x-www-form-urlencoded")]
    if client.in_body:
        form |= {"client_id": client.client_id, "client_secret": client.client_secret}
    else:  # RFC 6749, 2.3.1: both are encoded first
        headers.append(("Authorization", basic(quote_plus(client.client_id), quote_plus(client.client_secret))))
    body = urlencode({name: value for name, value in form.items() if value})
    return Request(
        client.url,
        method="POST",
        headers=headers,
        body=body.encode(),
        verify_tls=verify_tls,
        keep_body=True,
        route=route,
        said_of="At the token endpoint",
        counts_as=Reason.NO_TOKEN,
        aside=True,
    )


def basic(username: str, password: str) -> str:
    """The value of an Authorization header (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def is_token(text: str) -> bool:
    """Whether it can stand in a header as it is."""
    return bool(_TOKEN.fullmatch(text))


def read_token(client: Client, answer: Answer) -> Token | Finding:
    """The token of a token endpoint's answer (RFC 6749, 5.1), or why there is none."""
    found = _object(answer)
    if answer.status != 200:
        return Finding(Reason.STATUS, f"answered {describe(answer.status)}{_complaint(client, found)}")
    text, kind, seconds = found.get("access_token"), found.get("token_type", "Bearer"), found.get("expires_in")
    if not isinstance(text, str) or not is_token(text):
        return Finding(Reason.PROTOCOL_ERROR, f"the answer holds no usable access token{_complaint(client, found)}")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        return Finding(
            Reason.PROTOCOL_ERROR, f"its token is of the type {str(kind)[:40]}, and only bearer is known here"
        )
    return Token(text, _usable_s(seconds))


def _object(answer: Answer) -> dict[str, Any]:
    try:
        found = json.loads(answer.body) if len(answer.body) <= MAX_ANSWER else None
    except (ValueError, RecursionError):  # whatever a stranger sends
        return {}
    return found if isinstance(found, dict) else {}


def _usable_s(stated: object) -> float:
    """Some servers write the number as text."""
    try:
        seconds = float(stated) if isinstance(stated, int | float | str) else math.nan
    except (ValueError, OverflowError):
        seconds = math.nan
    if math.isnan(seconds):
        return UNSTATED_S
    return min(MOST_KEPT_S, seconds - min(LEEWAY_S, seconds / 2))


def _complaint(client: Client, found: dict[str, Any]) -> str:
    """The error's name and description (RFC 6749, 5.2), without the secret, should it be quoted."""
    error, text = found.get("error"), found.get("error_description")
    if not isinstance(error, str) or not _ERROR.fullmatch(error):
        return ""
    told = f": {text[:150]}" if isinstance(text, str) and text else ""
    return f" ({error}{told})".replace(client.client_secret or "\0", "•••")
