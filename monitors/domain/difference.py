"""What became different between the last good check of a region and a failure, in words: the first thing to look at.

Only what means something: a server that answers at another address, with another certificate, status or page; not what
differs from one answer to the next anyway, such as dates, cookies, tags and nonces.
"""

import ipaddress
import re
from collections.abc import Iterator

from monitors.domain.bundle import PHASES, Body, Bundle, Certificate, Name

PHASE_WORDS = {
    "dns": "name look-up",
    "connect": "connecting",
    "tls": "TLS handshake",
    "first_byte": "first byte",
    "transfer": "transfer",
}
SLOWER_MS = 50.0  # less than this is noise
SLOWER_TIMES = 1.5  # and so is less than this factor
RESIZED = 0.1  # of a page's size; less is a page that says the time of day

# Headers that tell who answers and how; of all the others nothing is said.
TELLING = (
    "server",
    "via",
    "x-powered-by",
    "content-type",
    "content-encoding",
    "location",
    "retry-after",
    "www-authenticate",
    "cf-mitigated",
    "x-amzn-waf-action",
    "x-vercel-mitigated",
    "x-cache",
)
UNSTEADY = ("via", "www-authenticate", "x-cache", "retry-after", "location")  # with numbers or nonces in them
_TITLE = re.compile(r"<title[^>]{0,100}>([^<]{1,200})", re.IGNORECASE)
_CHANGING = re.compile(r"[0-9A-Fa-f]{8,}|[\w+/=-]{20,}|\d+")  # numbers, nonces, tokens


def difference(before: object, after: object) -> list[str]:
    """Sentences without capital and full stop, the weightiest first; empty when nothing telling changed.

    `before`, `after`: bundles of evidence as JSON; of any other JSON nothing is said."""
    old, new = Bundle.of(before), Bundle.of(after)
    found: list[str] = []
    for look in (
        _names,
        _addresses,
        _records,
        _status,
        _redirects,
        _certificates,
        _protocols,
        _phases,
        _headers,
        _body,
    ):
        found += look(old, new)
    return list(dict.fromkeys(found))


# Names and addresses --------------------------------------------------------------------------------------------------
def _names(old: Bundle, new: Bundle) -> Iterator[str]:
    """Of the hosts that were looked up both times."""
    known = {each.host: each for each in old.names}
    for now in {each.host: each for each in new.names}.values():
        was = known.get(now.host)
        if was is None or not was.addresses:
            continue
        if not now.addresses:
            yield f"{now.host} no longer has an address"
            continue
        for family, kind, word in ((4, "A", "A (IPv4)"), (6, "AAAA", "AAAA (IPv6)")):
            had, has = (any(_family(each) == family for each in side.addresses) for side in (was, now))
            if had and not has and _asked(now, kind):
                yield f"{now.host} now has no {word}"
            elif has and not had and _asked(was, kind):
                yield f"{now.host} now has an {word}"


def _addresses(old: Bundle, new: Bundle) -> Iterator[str]:
    """Another address is news only where it was none of those the name had before: many names have several."""
    if not old.address or not new.address or old.address == new.address:
        return
    had = {each for name in old.names for each in name.addresses} | set(old.tried)
    if new.address not in had:
        yield f"address {old.address} became {new.address}"


def _records(old: Bundle, new: Bundle) -> Iterator[str]:
    if old.records is None or new.records is None or sorted(old.records) == sorted(new.records):
        return
    yield f"records {_some(old.records)} became {_some(new.records)}"


def _asked(name: Name, kind: str) -> bool:
    """Whether the reply about this kind of record was waited for; names of a file have none."""
    return not name.answers or any(each.startswith(f"{kind}:") for each in name.answers)


def _family(address: str) -> int:
    try:
        return ipaddress.ip_address(address).version
    except ValueError:
        return 0


# The answer -----------------------------------------------------------------------------------------------------------
def _status(old: Bundle, new: Bundle) -> Iterator[str]:
    if old.status is not None and new.status is not None and old.status != new.status:
        yield f"status {old.status} became {new.status}"


def _redirects(old: Bundle, new: Bundle) -> Iterator[str]:
    """Where the way led. A failure on the way is told by its detail, not by a way that is shorter."""
    if new.status is None and len(new.redirects) <= len(old.redirects):
        return
    led, leads = (bundle.url if bundle.redirects else "" for bundle in (old, new))
    if led == leads or not (led or leads):
        return
    if not leads:
        yield f"redirect to {_cut(led)} is gone"
    elif not led:
        yield f"now redirects to {_cut(leads)}"
    else:
        yield f"redirect now leads to {_cut(leads)} instead of {_cut(led)}"


def _headers(old: Bundle, new: Bundle) -> Iterator[str]:
    if not old.headers or not new.headers:
        return
    for name in TELLING:
        was, now = (" ".join(bundle.header(name).split()) for bundle in (old, new))
        if was == now or (name in UNSTEADY and _plain(was) == _plain(now)):
            continue
        if not now:
            if not new.headers_left_out:
                yield f"header {name} ({_cut(was)}) is gone"
        elif not was:
            if not old.headers_left_out:
                yield f"new header {name}: {_cut(now)}"
        else:
            yield f"header {name} changed from {_cut(was)} to {_cut(now)}"


def _body(old: Bundle, new: Bundle) -> Iterator[str]:
    was, now = old.body, new.body
    if was is None or now is None or (was.sha256 and was.sha256 == now.sha256):
        return
    titles = _title(was), _title(now)
    if all(titles) and _plain(titles[0]) != _plain(titles[1]):
        yield f"title changed from “{_cut(titles[0])}” to “{_cut(titles[1])}”"
    if was.size is not None and now.size is not None and abs(was.size - now.size) > RESIZED * max(was.size, now.size):
        yield f"body changed, {_size(was.size)} became {_size(now.size)}"
    elif _plain(was.text) != _plain(now.text):
        yield "body changed" + (f", still {_size(now.size)}" if now.size is not None else "")


def _title(body: Body) -> str:
    match = _TITLE.search(body.text)
    return " ".join(match[1].split()) if match else ""


# TLS and time ---------------------------------------------------------------------------------------------------------
def _certificates(old: Bundle, new: Bundle) -> Iterator[str]:
    if not old.certificates or not new.certificates:
        return
    was, now = old.certificates[0], new.certificates[0]
    if was.issuer != now.issuer and was.issuer and now.issuer:
        yield f"issuer changed from {_cut(was.issuer)} to {_cut(now.issuer)}"
    if was.sha256 != now.sha256:
        ends = f", good until {now.end[:10]} instead of {was.end[:10]}" if _ends_differ(was, now) else ""
        yield f"certificate replaced{ends}"
        lost = [name for name in was.names if name not in now.names] if not now.more else []
        if lost:
            yield f"certificate no longer covers {_some(lost)}"
    elif len(old.certificates) != len(new.certificates):
        yield f"chain of {len(old.certificates)} certificates became one of {len(new.certificates)}"


def _ends_differ(was: Certificate, now: Certificate) -> bool:
    return bool(was.end and now.end) and was.end[:10] != now.end[:10]


def _protocols(old: Bundle, new: Bundle) -> Iterator[str]:
    for was, now in ((old.tls, new.tls), (old.protocol, new.protocol)):
        if was and now and was != now:
            yield f"{was} became {now}"


def _phases(old: Bundle, new: Bundle) -> Iterator[str]:
    """What takes notably longer, the most first. What is faster than before broke nothing."""
    slower = []
    for name in PHASES:
        was, now = old.phases.get(name), new.phases.get(name)
        if was is not None and now is not None and now - was >= SLOWER_MS and now >= SLOWER_TIMES * was:
            slower.append((now - was, f"{PHASE_WORDS[name]} +{_ms(now - was)}"))
    yield from (words for _, words in sorted(slower, reverse=True))


# Words ----------------------------------------------------------------------------------------------------------------
def _plain(text: str) -> str:
    """Without what changes from one answer to the next."""
    return _CHANGING.sub("#", " ".join(text.split()))


def _some(values: list[str], most: int = 3) -> str:
    more = f" and {len(values) - most} more" if len(values) > most else ""
    return (", ".join(_cut(each) for each in values[:most]) + more) or "none"


def _cut(text: str, most: int = 100) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _size(size: int) -> str:
    return f"{size} bytes" if size < 1000 else f"{size / 1000:.1f} kB" if size < 10_000 else f"{size / 1000:.0f} kB"


def _ms(ms: float) -> str:
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.2f} s"
