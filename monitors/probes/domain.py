"""The kind `domain`: a domain whose registration must last, asked of its registry once a day.

RDAP is asked first, at the server that IANA names for the top-level domain, then WHOIS. Registries let nobody ask
often: what was heard is kept, and who says that we ask too often is left alone. A registry that does not answer says
nothing about the domain, and neither do we. Which part of a host is registered tells the Public Suffix List.
"""

import time
from collections.abc import Generator, Mapping
from typing import Any

from django import forms

from monitors.domain.slots import Ms
from monitors.domain.verdict import Vote
from monitors.probes import registries
from monitors.probes.base import Check
from monitors.probes.failures import span
from monitors.probes.kinds import Answer, Connect, Finding, Receive, Request, Send, Steps, TalkError
from monitors.probes.options import DaysField, OptionsForm, TextField
from monitors.probes.reasons import Reason
from monitors.probes.registries import Registration
from uptime.lib.domains import registered
from uptime.lib.net import URL, Endpoint, Guard, UrlError, check_endpoint, check_name, check_url, redirect_url

BOOTSTRAP = "https://data.iana.org/rdap/dns.json"  # RFC 9224
ROOT = Endpoint("whois.iana.org", 43)
WHOIS_PORT = 43
# How some servers must be asked so that they answer about the domain alone, and in English.
QUERIES = {"whois.verisign-grs.com": "domain {}", "whois.jprs.jp": "{}/e", "whois.denic.de": "-T dn {}"}
A_DAY_S = 86_400
FAR_S, NEAR_S = A_DAY_S // 2, 600  # how long an answer is kept, by how far away the end is
FAR_MS: Ms = 60 * A_DAY_S * 1000
LEAVE_ALONE_S = 3_600  # at least, who says that we ask too often
MAX_REDIRECTS = 5
MAX_BODY = 256 * 1024
# Statuses of EPP (RFC 5731, RFC 3915) in which a domain is not in DNS.
HELD = {
    "clienthold": "client hold",
    "serverhold": "server hold",
    "redemptionperiod": "redemption period",
    "pendingrestore": "pending restore",
    "pendingdelete": "pending delete",
}

Asking = Generator[Any, Any, Registration]


class Options(OptionsForm):
    rdap_server = TextField(
        label="RDAP server",
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"placeholder": "https://rdap.example/", "spellcheck": "false"}),
        help_text="Asked about the domain. Empty: the one that IANA names for its top-level domain.",
    )
    whois_server = TextField(
        label="WHOIS server",
        required=False,
        max_length=260,
        widget=forms.TextInput(attrs={"placeholder": "whois.example", "spellcheck": "false"}),
        help_text="Asked where there is no answer by RDAP. Empty: the one that IANA names.",
    )
    domain_days = DaysField(
        label="Tell of the domain's end from",
        help_text="An incident is opened then, told of again at 7, 3, 2 and 1 days, and resolved by the renewal.",
    )

    def clean_for(self, target: str, guard: Guard) -> None:
        for name, read in (("rdap_server", _rdap_url), ("whois_server", _whois_endpoint)):
            try:
                read(self.cleaned_data.get(name) or "", guard)
            except UrlError as error:
                self.add_error(name, str(error))


class DomainKind:
    name = "domain"
    label = "Domain registration"
    description = "Asks the registry, once a day, until when a domain is registered and whether it is on hold."
    target_label = "Domain"
    target_example = "example.com"
    has_port = False
    Options = Options
    secret_fields = ()
    usual_interval = A_DAY_S
    least_interval = 3_600

    def clean_target(self, text: str, allow_private: bool) -> str:
        host = check_name(text, Guard(allow_private=allow_private))
        domain = registered(host)
        if not domain:
            raise UrlError(f"“{host[:80]}” is nothing that somebody registers. Enter a domain, as in example.com.")
        return domain

    def probe(self, check: Check, guard: Guard) -> Steps:
        domain, options = check.target, check.options
        key = (domain, options.get("rdap_server"), options.get("whois_server"))
        found = MEMORY.recall(key)
        if found is None:
            try:
                found = yield from _ask(domain, options, guard)
            except TalkError as error:
                return _silent(domain, error)
            MEMORY.keep(key, found)
        return judge(domain, found, time.time_ns() // 1_000_000)


class Memory:
    """What registries said lately, and whom not to ask; forgotten with the process. Belongs to one thread."""

    MOST = 4096

    def __init__(self) -> None:
        self._kept: dict[Any, tuple[float, Any]] = {}

    def recall(self, key: Any) -> Any:
        until, value = self._kept.get(key, (0.0, None))
        return value if time.monotonic() < until else None

    def put(self, key: Any, value: Any, seconds: float) -> None:
        self._kept.pop(key, None)
        while len(self._kept) >= self.MOST:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = time.monotonic() + seconds, value

    def keep(self, key: Any, found: Registration) -> None:
        """Bad news are looked at again by the next check; so is soon what is being renewed perhaps."""
        left = (found.expires_at or 0) - time.time() * 1000
        if found.exists and not found.statuses & HELD.keys() and left > 0:
            self.put(key, found, FAR_S if left > FAR_MS else NEAR_S)


MEMORY = Memory()
KIND = DomainKind()


def judge(domain: str, found: Registration, now: Ms) -> Finding:
    if not found.exists:
        return Finding(Reason.DOMAIN_UNREGISTERED, f"{domain} is not registered")
    end = found.expires_at
    held = [words for status, words in HELD.items() if status in found.statuses]
    if held:
        return Finding(Reason.DOMAIN_SUSPENDED, f"{domain} is not in DNS: {', '.join(held)}", expires_at=end)
    if end is None:
        return Finding(None, "Registered; its registry does not say until when")
    left = (end - now) / 1000
    day = time.strftime("%Y-%m-%d", time.gmtime(end / 1000))
    if left < 0:
        return Finding(Reason.DOMAIN_EXPIRED, f"The registration ended {span(-left)} ago, on {day}", expires_at=end)
    by = f", by {found.registrar[:80]}" if found.registrar else ""
    return Finding(None, f"Registered until {day}, {span(left)} left{by}", expires_at=end)


def _silent(domain: str, error: TalkError) -> Finding:
    """Whatever went wrong on the way to the registry says nothing of the domain."""
    finding = error.finding
    if finding.reason and finding.reason.vote is Vote.NODATA and finding.reason is not Reason.REGISTRY_SILENT:
        return finding
    return Finding(Reason.REGISTRY_SILENT, f"No word about {domain}: {finding.detail}")


# Asking ------------------------------------------------------------------------------------------------------------
def _ask(domain: str, options: Mapping[str, Any], guard: Guard) -> Asking:
    """RDAP, and where that does not tell the end, WHOIS too: "not registered" must be said by all who answer."""
    found, problem = None, None
    try:
        found = yield from _ask_rdap(domain, options, guard)
        if found.exists and found.expires_at is not None:
            return found
    except TalkError as error:
        if error.finding.reason and error.finding.reason.is_timeout:
            raise  # the time of the whole check is up
        problem = error
    try:
        told = yield from _ask_whois(domain, options, guard)
    except TalkError as error:
        if found is None:
            raise problem or error from error
        return found
    if found is not None and found.exists and not told.exists:
        return found
    return told


def _ask_rdap(domain: str, options: Mapping[str, Any], guard: Guard) -> Asking:
    server = _rdap_url(options.get("rdap_server") or "", guard)
    server = server or (yield from _server_of(domain.rpartition(".")[2], guard))
    answer: Answer = yield from _fetch(check_url(f"{str(server).rstrip('/')}/domain/{domain}", guard=guard), guard)
    if answer.status == 404:
        return Registration(exists=False)
    if answer.status != 200:
        raise _nothing(f"{server.host} answered {answer.status}")
    found = registries.read_rdap(answer.body, domain)
    if found is None:
        raise _nothing(f"the answer of {server.host} cannot be understood")
    return found


def _server_of(tld: str, guard: Guard) -> Generator[Any, Any, URL]:
    """The RDAP server of a top-level domain: by IANA's file where it was fetched lately, by the one that comes with
    this release, or else the file is fetched."""
    listed = MEMORY.recall(BOOTSTRAP)
    url = (listed or {}).get(tld) or registries.bundled().get(tld)
    if url is None and listed is None:
        answer = yield from _fetch(check_url(BOOTSTRAP, guard=guard), guard)
        listed = registries.servers_of(registries.read_json(answer.body)) if answer.status == 200 else {}
        MEMORY.put(BOOTSTRAP, listed, A_DAY_S if listed else LEAVE_ALONE_S)
        url = listed.get(tld)
    if url is None:
        raise _nothing(f".{tld} has no RDAP server")
    return check_url(url, guard=guard)


def _fetch(url: URL, guard: Guard) -> Generator[Any, Any, Answer]:
    """What `url` answers in the end. Who says that we ask too often is not asked for a while."""
    for hop in range(MAX_REDIRECTS + 1):
        if MEMORY.recall(("too often", url.host)):
            raise _nothing(f"{url.host} says that it is asked too often")
        headers = [("Accept", "application/rdap+json, application/json")]
        answer: Answer = yield Request(url, headers=headers, keep_body=True, redirected=hop > 0, aside=True)
        if answer.status == 429:
            after = answer.header("retry-after")
            seconds = int(after) if after.isascii() and after.isdigit() and len(after) < 6 else 0
            MEMORY.put(("too often", url.host), True, max(LEAVE_ALONE_S, min(A_DAY_S, seconds)))
            raise _nothing(f"{url.host} says that it is asked too often")
        if answer.status not in {301, 302, 303, 307, 308}:
            if len(answer.body) > MAX_BODY:
                raise _nothing(f"the answer of {url.host} is larger than {MAX_BODY // 1024} kB")
            return answer
        url = _redirected(url, answer, guard)
    raise _nothing(f"{url.host} redirects without end")


def _redirected(url: URL, answer: Answer, guard: Guard) -> URL:
    try:
        return redirect_url(url, answer.header("location"), guard)
    except UrlError as error:
        raise _nothing(f"{url.host} redirects to no usable address: {error}") from error


def _ask_whois(domain: str, options: Mapping[str, Any], guard: Guard) -> Asking:
    server = _whois_endpoint(options.get("whois_server") or "", guard)
    server = server or (yield from _referred(domain.rpartition(".")[2], guard))
    text = yield from _converse(server, QUERIES.get(server.host, "{}").format(domain))
    found = registries.read_whois(text, domain)
    if found is None:
        first = next((line.strip() for line in text.splitlines() if line.strip()), "nothing")
        raise _nothing(f"{server.host} answered “{first[:80]}”")
    return found


def _referred(tld: str, guard: Guard) -> Generator[Any, Any, Endpoint]:
    host = MEMORY.recall(("whois", tld))
    if host is None:
        host = registries.referral((yield from _converse(ROOT, tld)))
        MEMORY.put(("whois", tld), host, A_DAY_S)
    try:
        server = _whois_endpoint(host, guard)
    except UrlError as error:
        raise _nothing(f"IANA names no usable WHOIS server for .{tld}: {error}") from error
    if server is None:
        raise _nothing(f".{tld} has no WHOIS server")
    return server


def _converse(server: Endpoint, question: str) -> Generator[Any, Any, str]:
    """RFC 3912: one line there, and back whatever comes until the server hangs up."""
    yield Connect(server.host, server.port)
    yield Send(question.encode() + b"\r\n")
    try:
        yield Receive(lambda heard: 0, "the answer")
    except TalkError as error:
        if error.finding.reason is not Reason.CLOSED or not error.heard:
            raise
        return error.heard.decode("utf-8", "replace").replace("\r\n", "\n")
    raise AssertionError("nothing is enough")


def _nothing(why: str) -> TalkError:
    return TalkError(Finding(Reason.REGISTRY_SILENT, why))


def _rdap_url(text: str, guard: Guard) -> URL | None:
    return check_url(text, guard=guard) if text.strip() else None


def _whois_endpoint(text: str, guard: Guard) -> Endpoint | None:
    return check_endpoint(text, WHOIS_PORT, frozenset({WHOIS_PORT}), guard) if text.strip() else None
