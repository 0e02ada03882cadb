"""What the registry of a domain says about its registration, read from RDAP (RFC 9083) and WHOIS (RFC 3912).

RDAP is JSON and has words for everything. WHOIS is text, and every registry has its own: read is a line that names the
end, in one of the ways in which registries write dates. Nothing here waits for anything.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any

from monitors.domain.slots import Ms
from monitors.probes.base import MAX_TIME

DATA = Path(__file__).parent / "data" / "rdap.json"
MOST_SERVERS = 5_000  # top-level domains that IANA's file may name


@dataclass(frozen=True, slots=True)
class Registration:
    """`expires_at`: None where the registry does not tell. `statuses`: of EPP (RFC 5731), in lower case and without
    spaces: "clienthold"."""

    exists: bool
    expires_at: Ms | None = None
    statuses: frozenset[str] = frozenset()
    registrar: str = ""


# RDAP --------------------------------------------------------------------------------------------------------------
@cache
def bundled() -> dict[str, str]:
    """RDAP servers by top-level domain, as they come with this release."""
    return servers_of(json.loads(DATA.read_text()))


def servers_of(document: Any) -> dict[str, str]:
    """The HTTPS servers by top-level domain of a bootstrap file (RFC 9224, 4); of what is none, nothing."""
    found: dict[str, str] = {}
    services = document.get("services") if isinstance(document, dict) else None
    for service in services if isinstance(services, list) else ():
        match service:
            case [[*names], [*urls]]:
                url = next((url for url in urls if isinstance(url, str) and url.startswith("https://")), None)
                if url and len(found) < MOST_SERVERS:
                    found |= {name.lower(): url for name in names if isinstance(name, str)}
    return found


def read_json(data: bytes) -> Any:
    """What JSON says; None: it is none."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def read_rdap(data: bytes, domain: str) -> Registration | None:
    """An answer about `domain`; None: it is about something else, or cannot be read."""
    document = read_json(data)
    if not isinstance(document, dict) or str(document.get("ldhName") or domain).rstrip(".").lower() != domain:
        return None
    if "ldhName" not in document and "events" not in document:
        return None
    ends = [_text(each, "eventDate") for each in _objects(document, "events") if _is_end(each)]
    known = [moment for moment in map(read_moment, ends) if moment is not None]
    statuses = document.get("status")
    return Registration(
        exists=True,
        expires_at=known[0] if known else None,
        statuses=_statuses(each for each in statuses if isinstance(each, str)) if isinstance(statuses, list) else _NONE,
        registrar=next((name for name in map(_registrar, _objects(document, "entities")) if name), ""),
    )


_NONE: frozenset[str] = frozenset()


def _objects(document: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    items = document.get(name)
    return [each for each in items if isinstance(each, dict)] if isinstance(items, list) else []


def _text(item: Mapping[str, Any], name: str) -> str:
    value = item.get(name)
    return value if isinstance(value, str) else ""


def _is_end(event: Mapping[str, Any]) -> bool:
    """The registry's own date; what a registrar adds ("registrar expiration") may be its customer's."""
    return _text(event, "eventAction").lower() == "expiration"


def _registrar(entity: Mapping[str, Any]) -> str:
    """The name on the registrar's card (RFC 7095)."""
    roles, card = entity.get("roles"), entity.get("vcardArray")
    if not isinstance(roles, list) or "registrar" not in roles:
        return ""
    match card:
        case ["vcard", [*lines]]:
            for line in lines:
                match line:
                    case ["fn", _, _, str() as name]:
                        return name
    return ""


def _statuses(words: Iterable[str]) -> frozenset[str]:
    return frozenset("".join(word.lower().split()) for word in words)


# WHOIS -------------------------------------------------------------------------------------------------------------
# What registries call the end, the surest first: in the answer of one that shows two dates, the first one is its own.
ENDS = (
    "registry expiry date", "domain expiration date", "expiration date", "expiry date", "expiration time", "paid-till",
    "expires on", "expires", "expire date", "expire", "renewal date", "valid until", "validity", "exp date",
    "record expires on", "expiry", "[expires on]", "[有効期限]", "registrar registration expiration date",
)  # fmt: skip
NOT_FOUND = re.compile(
    r"^[ \t%#>*]*(no match|not found|no entries found|no data found|nothing found|no object found|domain not found"
    r"|the queried object does not exist|domain .{1,80} not found|.{1,80} is free$|status:\s*(free|available)"
    r"|no such domain|object does not exist|available$)",
    re.IGNORECASE | re.MULTILINE,
)
_LINE = re.compile(
    r"^[ \t]*(\[[^\]\n]{1,40}\]|[A-Za-z][A-Za-z0-9 /_-]{1,48}?)[ \t.]*(?:[:\]]|(?<=\]))[ \t]*(.*)$", re.MULTILINE
)
_SENTENCE = re.compile(r"^[ \t]*record expires on[ \t]+(.+)$", re.IGNORECASE | re.MULTILINE)  # tw
_WHOIS_STATUSES = ("domain status", "status", "state")
_REGISTRARS = ("registrar", "registrar name", "sponsoring registrar")


def read_whois(text: str, domain: str) -> Registration | None:
    """An answer about `domain`; None: nothing to be made of it, such as a refusal."""
    lines = [(name.strip().lower(), value.strip()) for name, value in _LINE.findall(text)]
    lines += [("record expires on", value.strip()) for value in _SENTENCE.findall(text)]
    lines += _on_the_next_line(text)
    dated = {name: read_moment(value) for name, value in reversed(lines) if name in ENDS and value}
    end = next((dated[name] for name in ENDS if dated.get(name) is not None), None)
    named = any(domain in value.lower().split() for _, value in lines) or f"\n{domain}" in f"\n{text.lower()}"
    if end is None and NOT_FOUND.search(text):
        return Registration(exists=False)
    if end is None and not (named and len(lines) > 2):
        return None
    # "clientHold https://icann.org/epp#clientHold" and "ok": the word before the explanation.
    statuses = [value.split("http", 1)[0] for name, value in lines if name in _WHOIS_STATUSES]
    registrar = next((value for name, value in lines if name in _REGISTRARS and value), "")
    return Registration(True, end, _statuses(word for each in statuses for word in each.split(",")), registrar)


def _on_the_next_line(text: str) -> list[tuple[str, str]]:
    """ac.uk, and others of its school, write the date below its title."""
    found = re.findall(r"^[ \t]*([A-Za-z ]{4,40}):[ \t]*\n[ \t]+(\S.*)$", text, re.MULTILINE)
    return [(name.strip().lower(), value.strip()) for name, value in found]


def referral(text: str) -> str:
    """The WHOIS server that IANA names for a top-level domain; "" where there is none."""
    match = re.search(r"^whois:[ \t]*(\S+)", text, re.IGNORECASE | re.MULTILINE)
    return match[1] if match else ""


# Dates -------------------------------------------------------------------------------------------------------------
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_CLOCK = r"(?:[T ,]+(?P<h>\d{1,2}):(?P<min>\d{2})(?::(?P<s>\d{2}))?(?:\.\d+)?)?"
_ZONE = r"\s*\(?(?P<zone>(?:UTC|GMT)?[+-]\d{1,2}(?::?\d{2})?|Z|UTC|GMT)?\)?"
_DATES = [
    re.compile(text, re.IGNORECASE)
    for text in (
        rf"(?P<y>\d{{4}})[-/.]\s?(?P<m>\d{{1,2}})[-/.]\s?(?P<d>\d{{1,2}})\.?{_CLOCK}{_ZONE}",
        rf"(?P<d>\d{{1,2}})[-/.](?P<m>\d{{1,2}})[-/.](?P<y>\d{{4}}){_CLOCK}{_ZONE}",
        r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})(?!\d)",
        rf"(?:[a-z]+ )?(?P<d>\d{{1,2}})(?:st|nd|rd|th)?[- ](?P<m>[a-z]{{3}})[a-z]*[- ,]+(?P<y>\d{{4}}){_CLOCK}{_ZONE}",
        rf"(?P<y>\d{{4}})-(?P<m>[a-z]{{3}})[a-z]*-(?P<d>\d{{1,2}})\.?{_CLOCK}{_ZONE}",
        r"[a-z]{3} (?P<m>[a-z]{3}) +(?P<d>\d{1,2}) (?P<h>\d\d):(?P<min>\d\d):(?P<s>\d\d)(?: [A-Z]{3,4})? (?P<y>\d{4})",
        rf"(?:[a-z]{{3}},? )?(?P<m>[a-z]{{3}})[a-z]* +(?P<d>\d{{1,2}}),? (?P<y>\d{{4}}){_CLOCK}{_ZONE}",
    )
]


def read_moment(text: str) -> Ms | None:
    """A date as registries write it, with or without a time of day and a zone, taken for UTC where none is named; a
    day alone is its begin. Day before month where the order could be doubted. None: it is no date."""
    match = next(filter(None, (pattern.match(text.strip()) for pattern in _DATES)), None)
    if match is None:
        return None
    parts = match.groupdict()
    month = parts["m"].lower()[:3]
    try:
        number = int(month) if month.isdigit() else _MONTHS.index(month) + 1
        hour, minute, second = (int(parts.get(name) or 0) for name in ("h", "min", "s"))
        zone = _zone(parts.get("zone") or "")
        found = datetime(int(parts["y"]), number, int(parts["d"]), hour, minute, second, tzinfo=zone)
        return min(MAX_TIME, max(0, int(found.timestamp() * 1000)))
    except (ValueError, OverflowError):
        return None


def _zone(text: str) -> timezone:
    match = re.search(r"([+-])(\d{1,2}):?(\d{2})?$", text)
    if match is None:
        return UTC
    offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    return timezone(-offset if match[1] == "-" else offset)
