"""Taking out of what a target said whatever must not be stored or shown: our own secrets, and other people's."""

import base64
import html
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from monitors.masks import MASK
from monitors.probes.base import Check, printable
from monitors.probes.kinds import KINDS
from uptime.lib.registry import UnknownKindError

SHORTEST = 4  # characters of a secret; a shorter one would be found in every other word
SHORTEST_PART = 8  # of one that is found within a word, too, or is a part of a body that is not called a secret
LONGEST_ESCAPE = 10  # characters: \U000e0001
MOST = 200  # secrets that are looked for

# Request headers whose values are no secrets, and stand in many an answer.
_OPEN_HEADERS = """
accept accept-charset accept-encoding accept-language cache-control connection content-type dnt expect from host
origin pragma range referer te upgrade user-agent
"""
OPEN_HEADERS = frozenset(_OPEN_HEADERS.split())

_SUSPICIOUS = (
    r"[\w.-]{0,30}(?:passw(?:or)?d|secret|token|api[_-]?key|apikey|access[_-]?key|private[_-]?key|signature|credential"
    r"|session[_-]?id|sessid|jsessionid|csrf|xsrf|jwt)[\w.-]{0,30}"
)
_SECRET_PARAMETER = rf"(?:{_SUSPICIOUS}|auth|authorization|code|key|pass|pwd|sid|sig|state|ticket|nonce)"
_SECRET_WORD = re.compile(_SUSPICIOUS, re.IGNORECASE)
_SECRET_HEADER = re.compile(rf"(?:proxy-)?authorization|(?!access-control-){_SUSPICIOUS}", re.IGNORECASE)
_COOKIE = re.compile(r"([^=;\s]{1,100})=([^;]*)")

# What gives itself away as a secret, whoever's it is: it is looked for where one of the words stands. The pattern keeps
# its first group.
_SIGNS = ("passw", "secret", "token", "key", "signature", "credential", "sess", "csrf", "xsrf", "jwt")
_GIVEAWAYS: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = (
    (("=",), re.compile(rf"([?&;#]{_SECRET_PARAMETER}=)[^&;#\s\"'<>]+", re.IGNORECASE)),
    (("=",), re.compile(r"([?&;#][\w.%\[\]-]{1,60}=)(?=[^&;#\s\"'<>]*\d)(?=[^&;#\s\"'<>]*[A-Za-z])[\w.~%+/=-]{24,}")),
    (("@",), re.compile(r"(\b[a-z][a-z0-9+.-]{1,20}://)[^\s/@\"'<>?#]+@", re.IGNORECASE)),
    (_SIGNS, re.compile(rf"([\"']{_SUSPICIOUS}[\"']\s*[:=]\s*[\"'])[^\"']+", re.IGNORECASE)),
    (
        ("bearer", "basic", "digest", "negotiate"),
        re.compile(r"(\b(?:bearer|basic|digest|negotiate)\s+)(?=[\w.~+/-]*\d)[\w.~+/-]{8,}=*", re.IGNORECASE),
    ),
    (("eyj",), re.compile(r"()\beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?")),  # a JSON Web Token (RFC 7519)
)


class Redactor:
    """Cleans the texts of one check. What it returns can be shown anywhere: see `printable`. `longest`: characters of
    the longest secret; a text is to be handed over with so many more than are wanted of it."""

    def __init__(self, check: Check) -> None:
        secrets = _spellings(_secrets_of(check))
        self.longest = max(map(len, secrets), default=0)
        self._secrets = sorted(secrets, key=len, reverse=True)

    def text(self, text: str, limit: int, lines: bool = False) -> str:
        """The first `limit` characters of `text` without secrets; `lines`: it may have several."""
        text = self._without_secrets(text, limit)
        lower = text.lower()
        for signs, giveaway in _GIVEAWAYS:
            if any(sign in lower for sign in signs):
                text = giveaway.sub(rf"\g<1>{MASK}", text)
        if not lines:
            return printable(text, limit)
        split = text.expandtabs(4).replace("\r\n", "\n").split("\n")
        return cut("\n".join(printable(line, limit) for line in split), limit)

    def header(self, name: str, value: str, limit: int) -> str:
        """The value of a header; what a cookie holds is left out, its name and attributes are not."""
        if name == "set-cookie":
            first, _, attributes = value.partition(";")
            named = _COOKIE.sub(rf"\1={MASK}", first) if "=" in first else MASK
            return self.text(f"{named};{attributes}" if attributes else named, limit)
        if _SECRET_HEADER.fullmatch(name):
            return MASK
        return self.text(value, limit)

    def _without_secrets(self, text: str, limit: int) -> str:
        """`text` up to `limit`. A secret that begins before the limit is recognised whole."""
        window = text[: limit + self.longest]
        found = [each for each in self._secrets if each in window]
        if not found:
            return text[:limit]
        pieces, at = [], 0
        for match in re.finditer("|".join(map(_as_pattern, found)), window):
            if match.start() >= limit:
                break
            pieces += [text[at : match.start()], MASK]
            at = match.end()
        return "".join([*pieces, text[at : max(at, limit)]])


def _as_pattern(secret: str) -> str:
    """A short one is one only where it stands alone: “live” is not to be taken out of “delivery”."""
    pattern = re.escape(secret)
    return pattern if len(secret) >= SHORTEST_PART else rf"(?<!\w){pattern}(?!\w)"


def harmless(value: Any) -> Any:
    """JSON whose texts can be stored and shown, wherever it comes from."""
    if isinstance(value, str):
        return "\n".join(printable(line, LONGEST_ESCAPE * len(line)) for line in value.split("\n"))
    if isinstance(value, dict):
        return {harmless(key): harmless(each) for key, each in value.items()}
    if isinstance(value, list):
        return [harmless(each) for each in value]
    return value


def cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…" if limit else ""


def _secrets_of(check: Check) -> set[str]:
    """The values of the kind's secret options, and the parts of them that are secrets by themselves."""
    try:
        names = getattr(KINDS.get(check.kind), "secret_fields", tuple(check.options))
    except UnknownKindError:
        names = tuple(check.options)
    found: set[str] = set()
    for name in names:
        found.update(_values(check.options.get(name)))
    return {each for each in found if len(each) >= SHORTEST}


def _values(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield from _parts(value.strip())
    elif isinstance(value, Mapping):
        named = str(value.get("name", "")).lower()
        if named not in OPEN_HEADERS:
            for key, each in value.items():
                yield from _values(each) if key != "name" else ()
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _values(each)


def _parts(text: str) -> Iterable[str]:
    """A text, the token behind a scheme (`Bearer x`), the pair in `Basic x`, the values of cookies and of a body."""
    yield text
    scheme, _, token = text.partition(" ")
    if token and scheme.isalpha():
        yield token.strip()
        yield from _pair(token.strip()) if scheme.lower() == "basic" else ()
    yield from _password(text)
    yield from _fields(text)


def _pair(encoded: str) -> Iterable[str]:
    """What is in Basic credentials (RFC 7617): the pair and the password."""
    try:
        pair = base64.b64decode(encoded, validate=True).decode()
    except ValueError:
        return
    yield pair
    yield pair.partition(":")[2]


def _password(text: str) -> Iterable[str]:
    """The password of an address with one."""
    try:
        found = urlsplit(text).password if "://" in text and "@" in text else None
    except ValueError:
        return
    if found:
        yield found


def _fields(text: str) -> Iterable[str]:
    """The values in a body of JSON or of a form, or in a Cookie header, that may well be secrets."""
    try:
        fields = list(_leaves("", json.loads(text))) if text[:1] in {"{", "["} else []
    except (ValueError, RecursionError):
        fields = []
    if not fields and "=" in text and len(text) < 10_000:
        fields = [(name, value) for name, _, value in (each.partition("=") for each in re.split(r"[&;\s]+", text))]
    for name, value in fields[:MOST]:
        if len(value) >= SHORTEST_PART or _SECRET_WORD.fullmatch(name):
            yield value


def _leaves(name: str, value: Any) -> Iterable[tuple[str, str]]:
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _leaves(key, each)
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(name, each)


def _spellings(secrets: set[str]) -> set[str]:
    """Each secret as targets echo it: as it is, in URLs, in HTML, in JSON, in Base64."""
    found: set[str] = set()
    for each in sorted(secrets, key=len, reverse=True)[:MOST]:
        found |= {each, quote(each), quote(each, safe=""), html.escape(each), json.dumps(each)[1:-1]}
        found |= {
            json.dumps(each, ensure_ascii=False)[1:-1],
            base64.b64encode(each.encode("utf-8", "replace")).decode(),
        }
        found.add(each.encode("utf-8", "replace").decode("latin-1"))  # bytes of UTF-8 that somebody took for Latin-1
    return found
