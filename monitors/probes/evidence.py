"""What a check came across, put together as a bundle: JSON of at most MAX_EVIDENCE characters.

While a check is under way only references are kept, which costs next to nothing; a bundle is made of them for the few
checks whose evidence is kept (monitors/domain/keeping.py). Texts in it can be shown anywhere and hold no secrets. It is
read by monitors/domain/bundle.py.
"""

import hashlib
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from monitors.domain.keeping import AGAIN_MS, GOOD_MS, Kept, is_due
from monitors.domain.verdict import Vote
from monitors.probes.base import MAX_DETAIL, MAX_EVIDENCE, Check, Outcome, printable
from monitors.probes.certificates import Described, described
from monitors.probes.content import Content
from monitors.probes.kinds import Answer, Request
from monitors.probes.reasons import Reason
from monitors.probes.redaction import Redactor, cut
from monitors.probes.talk import Talk
from monitors.probes.transfer import Result
from uptime.lib import dnswire
from uptime.lib.net import Guard
from uptime.lib.resolver import Resolution

log = logging.getLogger(__name__)

Bundle = dict[str, Any]

MAX_EXCERPT = 1000  # characters of a body, or of what was said
MAX_HEADERS, MAX_HEADER = 40, 300  # of an answer; characters of a value
MAX_URL, MAX_WORD = 500, 200  # characters
MAX_NAMES, MAX_ADDRESSES, MAX_CERTIFICATES, MAX_COVERED, MAX_RECORDS = 4, 16, 5, 10, 20
MAX_KNOWN = 50_000  # monitors that a worker remembers
MAX_IN_A_WHILE = 6  # bundles of one monitor within AGAIN_MS, however often it changes its mind
ROOM, ROOM_PER_S = 50.0, 20.0  # good bundles at once and per second: a new worker owes one to each monitor

_KINDS = {dnswire.A: "A", dnswire.AAAA: "AAAA"}
_RCODES = {
    dnswire.NOERROR: "NOERROR",
    dnswire.SERVFAIL: "SERVFAIL",
    dnswire.NXDOMAIN: "NXDOMAIN",
    1: "FORMERR",
    5: "REFUSED",
}


@dataclass(slots=True)
class Seen:
    """What an attempt came across so far. `wanted`: its evidence will be kept even if all is well, so what costs
    something is looked at, too."""

    wanted: bool
    names: list[tuple[str, Resolution]] = field(default_factory=list)
    exchanges: list[tuple[Request, Result]] = field(default_factory=list)
    talk: Talk | None = None


class Memory:
    """Whose evidence was kept last, and when: bounded, and gone with the process. Belongs to the loop's thread."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._known: dict[int, tuple[int, Kept, float, int]] = {}  # version, last, begin of a while, kept in it
        self._room, self._filled_s = ROOM, now_s()

    def wants(self, check: Check) -> bool:
        """Before a check: whether its evidence will be kept even if all is well."""
        known = self._known.get(check.monitor)
        if known is None or known[0] != check.version:
            return self._has_room()
        last = known[1]
        if last.vote is not Vote.UP:
            return True
        return self._now_s() * 1000 - last.at >= GOOD_MS and self._has_room()

    def keeps(self, check: Check, vote: Vote, wanted: bool) -> bool:
        """After it: whether its evidence is kept, which is then remembered."""
        known = self._known.get(check.monitor)
        if known and known[0] != check.version:
            known = None
        if vote is Vote.UP and not wanted and (known is None or known[1].vote is Vote.UP):
            return False  # the ordinary case
        now = self._now_s()
        last, began, count = known[1:] if known else (None, now, 0)
        if not is_due(vote, int(now * 1000), last):
            return False
        if now - began >= AGAIN_MS / 1000:
            began, count = now, 0
        if count >= MAX_IN_A_WHILE:
            return False
        if vote is Vote.UP:
            self._room -= 1
        kept = last.then(vote, int(now * 1000)) if last else Kept(vote, 1, int(now * 1000))
        self._remember(check, kept, began, count + 1)
        return True

    def _remember(self, check: Check, kept: Kept, began: float, count: int) -> None:
        if len(self._known) >= MAX_KNOWN and check.monitor not in self._known:
            del self._known[next(iter(self._known))]
        self._known[check.monitor] = check.version, kept, began, count

    def _has_room(self) -> bool:
        now = self._now_s()
        self._room = min(ROOM, self._room + (now - self._filled_s) * ROOM_PER_S)
        self._filled_s = now
        return self._room >= 1


def told(check: Check, detail: str, reason: Reason | None) -> str:
    """The detail of an outcome as it is stored. That of a failure may quote the target, which may quote our secrets."""
    if reason is None:
        return printable(detail)
    try:
        return Redactor(check).text(detail, MAX_DETAIL) if detail else reason.explanation
    except Exception:
        log.exception("the detail of monitor %s could not be cleaned", check.monitor)
        return reason.explanation


def gather(check: Check, seen: Seen, outcome: Outcome, guard: Guard, added: Bundle | None) -> Bundle | None:
    """The bundle of a check; whatever goes wrong in here does not change what the check found.

    `added`: what the kind has to say, in place of what is said here."""
    try:
        return assemble(check, seen, outcome, guard, added)
    except Exception:
        log.exception("the evidence of monitor %s could not be put together", check.monitor)
        return None


def assemble(check: Check, seen: Seen, outcome: Outcome, guard: Guard, added: Bundle | None = None) -> Bundle:
    clean = Redactor(check)
    bundle: Bundle = {
        "phases": outcome.phases.to_wire(),
        "response_ms": outcome.response_ms,
        "address": outcome.address,
    }
    bundle["names"] = [_name(host, found, guard) for host, found in seen.names[-MAX_NAMES:]]
    if seen.exchanges:
        bundle |= _exchanged(seen.exchanges, clean)
    elif seen.talk:
        bundle |= _said(seen.talk, clean, quiet=bool(added))
    for key, value in (added or {}).items():
        bundle[key] = _cleaned(value, clean)
    return fitted({key: value for key, value in bundle.items() if value not in (None, "", [])})


# The parts ------------------------------------------------------------------------------------------------------------
def _name(host: str, found: Resolution, guard: Guard) -> Bundle:
    """Addresses of a private network are left out: our name servers may know what strangers must not learn."""
    shown = [each for each in found.addresses[: 4 * MAX_ADDRESSES] if guard.permits(each)]
    answers = [
        f"{_KINDS.get(reply.kind, reply.kind)}: {_RCODES.get(reply.rcode, f'RCODE {reply.rcode}')}, "
        f"{len(reply.addresses)} address{'' if len(reply.addresses) == 1 else 'es'}"
        for reply in found.replies[:8]
    ]
    ttl = min((reply.ttl for reply in found.replies if reply.addresses), default=None)
    return {
        "host": host,
        "addresses": shown[:MAX_ADDRESSES],
        "count": len(found.addresses) if shown else 0,
        "ttl": ttl,
        "answers": answers,
    }


def _exchanged(exchanges: list[tuple[Request, Result]], clean: Redactor) -> Bundle:
    request, result = exchanges[-1]
    answer = result.answer or result.partial
    hops = [(each.url, seen.answer.status) for each, seen in exchanges[:-1] if seen.answer]
    bundle: Bundle = {
        "url": clean.text(str(request.url), MAX_URL),
        "method": request.method,
        "tried": list(dict.fromkeys(result.tried))[:MAX_ADDRESSES],
        "protocol": result.protocol,
        "tls": _tls_version(result.tls),
        "cipher": clean.text(result.cipher, MAX_WORD),
        "certificates": _certificates(described(result.chain, MAX_CERTIFICATES), clean),
        "redirects": [{"status": status, "url": clean.text(str(url), MAX_URL)} for url, status in hops],
    }
    if answer:
        headers = answer.headers[:MAX_HEADERS]
        bundle["status"] = answer.status or None
        bundle["headers"] = [
            [clean.text(name, MAX_WORD), clean.header(name, value, MAX_HEADER)] for name, value in headers
        ]
        bundle["headers_left_out"] = len(answer.headers) - len(headers) or None
        bundle["body"] = _body(request, answer, result, clean) if result.size else None
    return bundle


def _body(request: Request, answer: Answer, result: Result, clean: Redactor) -> Bundle:
    """`sha256` is that of everything that was read, where everything is still at hand."""
    head = result.body[: 4 * (MAX_EXCERPT + clean.longest)]
    text = Content(answer.headers, head, truncated=False).text
    whole = len(result.body) == result.size
    return {
        "text": clean.text(text, MAX_EXCERPT, lines=True),
        "size": result.size,
        "sha256": hashlib.sha256(result.body).hexdigest() if whole else "",
        "cut": answer.truncated,
    }


def _said(talk: Talk, clean: Redactor, quiet: bool) -> Bundle:
    """`quiet`: the kind says in words what it heard."""
    secured = talk.secured
    bundle: Bundle = {"tried": list(dict.fromkeys(talk.tried))[:MAX_ADDRESSES]}
    if secured:
        bundle["tls"], bundle["cipher"] = _tls_version(secured.version), talk.cipher
        bundle["certificates"] = _certificates(described(secured.chain, MAX_CERTIFICATES), clean)
    if talk.said and not quiet:
        bundle["said"] = clean.text(bytes(talk.said).decode("utf-8", "replace"), MAX_EXCERPT, lines=True)
    return bundle


def _certificates(chain: list[Described], clean: Redactor) -> list[Bundle]:
    return [
        {
            "subject": clean.text(each.subject, MAX_WORD),
            "issuer": clean.text(each.issuer, MAX_WORD),
            "names": [clean.text(name, MAX_WORD) for name in each.names[:MAX_COVERED]],
            "count": len(each.names),
            "start": each.start,
            "end": each.end,
            "sha256": each.sha256,
        }
        for each in chain
    ]


def _tls_version(said: str) -> str:
    """OpenSSL's "TLSv1.3" as people write it."""
    return said.replace("TLSv", "TLS ", 1)[:20]


def _cleaned(value: Any, clean: Redactor) -> Any:
    """What a kind adds: texts, numbers, and lists of these."""
    if isinstance(value, str):
        return clean.text(value, MAX_EXCERPT, lines=True)
    if isinstance(value, list):
        return [_cleaned(each, clean) for each in value[:MAX_RECORDS]]
    return value


# The size -------------------------------------------------------------------------------------------------------------
def fitted(bundle: Bundle) -> Bundle:
    """`bundle` within MAX_EVIDENCE: what tells least is given up first."""
    for give_up in _sacrifices(bundle):
        if _fits(bundle):
            return bundle
        give_up()
    return bundle if _fits(bundle) else {}


def _fits(bundle: Bundle) -> bool:
    return len(json.dumps(bundle)) <= MAX_EVIDENCE


def _sacrifices(bundle: Bundle) -> list[Callable[[], object]]:
    """In this order: most of the page, values of headers, names of certificates and headers, then whole parts."""
    parts = ("redirects", "headers", "records", "certificates", "names")
    return [
        partial(_shorten, bundle, 300),
        partial(_shorten_headers, bundle, 80),
        partial(_leave_out, bundle),
        partial(_shorten, bundle, 0),
        partial(_shorten_headers, bundle, 20),
        *(partial(bundle.pop, part, None) for part in parts),
    ]


def _shorten(bundle: Bundle, most: int) -> None:
    if "said" in bundle:
        bundle["said"] = cut(bundle["said"], most)
    if "body" in bundle:
        bundle["body"]["text"] = cut(bundle["body"]["text"], most)


def _shorten_headers(bundle: Bundle, most: int) -> None:
    bundle["headers"] = [[cut(name, most), cut(value, most)] for name, value in bundle.get("headers", [])]


def _leave_out(bundle: Bundle) -> None:
    for each in bundle.get("certificates", []):
        each["names"] = each["names"][:2]
    headers = bundle.get("headers", [])
    bundle["headers"] = headers[:10]
    bundle["headers_left_out"] = bundle.get("headers_left_out", 0) + len(headers[10:])
    bundle["redirects"] = [{**each, "url": cut(each["url"], 100)} for each in bundle.get("redirects", [])]
