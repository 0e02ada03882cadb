"""What an address deserves: from what somebody typed to candidates, and from a test of these to a proposal.

An address is read for what it most likely means; whether it may be gone to is for each kind's own rule to say. Nothing
here knows kinds by more than their names, and names that an installation does not have are left out.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import IPv6Address, ip_address

MAX_ADDRESS = 2048  # characters

WEB = {"http": 80, "https": 443}
SOCKETS = {"ws", "wss"}
GRPC = {"grpc": "http", "grpcs": "https"}
# Schemes of other services: the kind that watches them, and their usual port.
SERVICES: dict[str, tuple[str, int | None]] = {
    "tcp": ("tcp", None),
    "smtp": ("smtp", 25), "smtps": ("smtp", 465), "submission": ("smtp", 587), "submissions": ("smtp", 465),
    "imap": ("imap", 143), "imaps": ("imap", 993),
    "pop": ("pop", 110), "pop3": ("pop", 110), "pops": ("pop", 995), "pop3s": ("pop", 995),
    "ftp": ("tcp", 21), "ssh": ("tcp", 22), "sftp": ("tcp", 22), "ldap": ("tcp", 389), "ldaps": ("tcp", 636),
    "postgres": ("tcp", 5432), "postgresql": ("tcp", 5432), "mysql": ("tcp", 3306), "mariadb": ("tcp", 3306),
    "redis": ("tcp", 6379), "rediss": ("tcp", 6379), "mongodb": ("tcp", 27017),
    "amqp": ("tcp", 5672), "amqps": ("tcp", 5671), "mqtt": ("tcp", 1883), "mqtts": ("tcp", 8883),
}  # fmt: skip
MAIL_PORTS = {25: "smtp", 465: "smtp", 587: "smtp", 143: "imap", 993: "imap", 110: "pop", 995: "pop"}
# Ports behind which there is no website: an open door is what can be watched.
PLAIN_PORTS = {
    21, 22, 53, 389, 636, 1433, 1521, 1883, 3306, 3389, 5060, 5061, 5432, 5671, 5672, 6379, 8883, 11211, 27017,
}  # fmt: skip
TLS_PORTS = {465, 636, 993, 995, 5061, 5671, 8883}  # TLS begins at once
GRPC_PORT = 50051

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_SPACE = re.compile(r"[\s\x00-\x1f\x7f]")


class Role(StrEnum):
    """What a candidate is for. Of several `MAIN` ones the first that answers is meant."""

    MAIN = "main"
    PLAIN = "plain"  # the website without TLS, beside the one with
    SECURE = "secure"  # the website with TLS, beside the one without that was asked for
    TWIN = "twin"  # www.example.com beside example.com, or the other way round
    CERTIFICATE = "certificate"
    NAME = "name"
    DOMAIN = "domain"


@dataclass(frozen=True, slots=True)
class Address:
    """What was typed, taken apart. `host` without brackets; `rest`: path and query of a web address; `domain`: what
    somebody registered of the name, "" if nobody did."""

    scheme: str
    host: str
    port: int | None
    rest: str = ""
    domain: str = ""

    @property
    def is_ip(self) -> bool:
        try:
            ip_address(self.host)
        except ValueError:
            return False
        return True

    @property
    def place(self) -> str:
        """The host as a URL writes it."""
        return f"[{self.host}]" if ":" in self.host else self.host

    def url(self, scheme: str, host: str = "") -> str:
        port = "" if self.port in {None, WEB.get(scheme)} else f":{self.port}"
        return f"{scheme}://{host or self.place}{port}{self.rest or '/'}"

    def endpoint(self, port: int) -> str:
        return f"{self.place}:{port}"

    @property
    def twin(self) -> str:
        """The same site under its other usual name; "" where there is none."""
        if not self.domain:
            return ""
        if self.host.startswith("www."):
            return self.host.removeprefix("www.")
        return f"www.{self.host}" if self.host == self.domain else ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A monitor that could be made. `key` names it among those of its address; `name` "" leaves its name to itself."""

    key: str
    role: Role
    kind: str
    target: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of testing a candidate. `asked`: regions that could have answered; `done`: nothing more will come."""

    up: int
    asked: int
    done: bool

    @property
    def answers(self) -> bool:
        """Whether most of who looked saw it up."""
        return 2 * self.up > self.asked


@dataclass(frozen=True, slots=True)
class Advice:
    """Whether a candidate is chosen unless somebody decides otherwise, and why."""

    ticked: bool
    why: str


def parse(text: str, registered: Callable[[str], str]) -> Address:
    """Take an address apart; `registered` knows what of a host somebody registered.

    Raises ValueError with a sentence for the person who typed it."""
    text = text.strip()
    if not text:
        raise ValueError("Enter an address, as in example.com.")
    if len(text) > MAX_ADDRESS:
        raise ValueError(f"The address is longer than {MAX_ADDRESS} characters. Shorten it.")
    if _SPACE.search(text):
        raise ValueError("An address has no spaces in it. Enter one, as in example.com.")
    match = _SCHEME.match(text)
    scheme = match[1].lower() if match else ""
    if scheme and scheme not in {*WEB, *SOCKETS, *GRPC, *SERVICES}:
        raise ValueError(f"Nothing here watches “{scheme[:20]}://”. Use https://, or a host and port.")
    authority, rest = _split(text[match.end() :] if match else text)
    host, port = _host_and_port(_without_user(authority, scheme))
    return Address(scheme, host, port, rest.partition("#")[0], registered(host))


def _split(text: str) -> tuple[str, str]:
    end = re.search(r"[/?#]", text)
    return (text[: end.start()], text[end.start() :]) if end else (text, "")


def _without_user(authority: str, scheme: str) -> str:
    """Names and passwords of a database's address are of no use to us, and dropped at once."""
    _, at, host = authority.rpartition("@")
    if not at:
        return authority
    if scheme in SERVICES:
        return host
    if scheme:
        raise ValueError("Leave user name and password out of the address. They belong into the settings.")
    raise ValueError(f"“{authority[:80]}” is a mail address. Enter the name of its server, as in {host[:80]}:25.")


def _host_and_port(authority: str) -> tuple[str, int | None]:
    if authority.startswith("["):
        host, _, rest = authority[1:].partition("]")
    elif authority.count(":") > 1:
        host, rest = authority, ""
    else:
        host, colon, rest = authority.partition(":")
        rest = colon + rest
    if ":" in host:
        try:
            host = str(IPv6Address(host))
        except ValueError:
            raise ValueError(f"“{authority[:80]}” is not an IPv6 address, as in [2001:db8::1]:443.") from None
    host = host.lower().removesuffix(".")
    if not host:
        raise ValueError("The host name is missing, as in example.com.")
    if not rest:
        return host, None
    text = rest[1:]
    if not (rest[0] == ":" and text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65535):
        raise ValueError("The port must be a number from 1 to 65535, as in example.com:443.")
    return host, int(text)


# Candidates -----------------------------------------------------------------------------------------------------------
def candidates(address: Address, kinds: Collection[str]) -> list[Candidate]:
    """What may be worth watching, what was asked for first. Raises ValueError where an address says too little."""
    return [replace(each, name=_name(each, address)) for each in _candidates(address) if each.kind in kinds]


def _name(each: Candidate, address: Address) -> str:
    """Several monitors of one host must not all be called by it."""
    words = {Role.PLAIN: "http", Role.CERTIFICATE: "certificate", Role.NAME: "DNS", Role.DOMAIN: "domain"}.get(
        each.role
    )
    return f"{address.domain if each.role is Role.DOMAIN else address.host} {words}"[:100] if words else ""


def _candidates(address: Address) -> Iterator[Candidate]:
    if address.scheme in WEB or (not address.scheme and _is_web(address.port)):
        yield from _website(address)
    elif address.scheme in SOCKETS:
        yield Candidate("websocket", Role.MAIN, "websocket", address.url(address.scheme))
        if address.scheme == "wss":
            yield from _certificate(address, address.port or 443)
        yield from _names(address)
    elif address.scheme in GRPC:
        yield Candidate("grpc", Role.MAIN, "grpc", address.url(GRPC[address.scheme]))
        yield from _names(address)
    else:
        yield from _service(address)


def _is_web(port: int | None) -> bool:
    return port is None or not (port in MAIL_PORTS or port in PLAIN_PORTS or port == GRPC_PORT)


def _website(address: Address) -> Iterator[Candidate]:
    """Over https, over http, under its other name; an unknown port may also be no website at all."""
    usual = address.port is None or address.port == WEB.get(address.scheme) or address.port in WEB.values()
    asked = address.scheme or {80: "http", 443: "https"}.get(address.port or 0, "")
    first = asked or "https"
    second = "http" if first == "https" else "https"
    yield Candidate(first, Role.MAIN, "http", address.url(first))
    if usual:
        role = Role.MAIN if not asked else Role.PLAIN if second == "http" else Role.SECURE
        other = Address("", address.host, None, "" if role is Role.PLAIN else address.rest)
        yield Candidate(second, role, "http", other.url(second))
    elif not asked:
        yield Candidate(second, Role.MAIN, "http", address.url(second))
        yield Candidate("tcp", Role.MAIN, "tcp", address.endpoint(address.port or 0))
    if usual and address.twin:
        # Its front page: what else is there under the other name is for the site to know.
        yield Candidate("twin", Role.TWIN, "http", f"{first}://{address.twin}/")
    if address.is_ip and usual and not asked:
        yield Candidate("ping", Role.MAIN, "ping", address.host)
    if first == "https" or usual:
        yield from _certificate(address, 443 if usual else address.port or 443)
    yield from _names(address)


def _service(address: Address) -> Iterator[Candidate]:
    """A host and a port, and what usually listens there."""
    kind, usual = SERVICES.get(address.scheme, ("", None))
    port = address.port or usual
    if port is None:
        raise ValueError(f"The port is missing. Write it behind a colon, as in {address.endpoint(5432)}.")
    if port == GRPC_PORT and not kind:
        for key, scheme in GRPC.items():
            yield Candidate(key, Role.MAIN, "grpc", address.url(scheme))
    kind = kind or MAIL_PORTS.get(port, "tcp")
    yield Candidate(kind, Role.MAIN, kind, address.endpoint(port))
    if port in TLS_PORTS:
        yield from _certificate(address, port)
    yield from _names(address)


def _certificate(address: Address, port: int) -> Iterator[Candidate]:
    yield Candidate("certificate", Role.CERTIFICATE, "tls", address.endpoint(port))


def _names(address: Address) -> Iterator[Candidate]:
    if address.domain:
        yield Candidate("name", Role.NAME, "dns", address.host)
        yield Candidate("domain", Role.DOMAIN, "domain", address.domain)


# The proposal ---------------------------------------------------------------------------------------------------------
def propose(offered: Sequence[Candidate], seen: Mapping[str, Seen]) -> dict[str, Advice]:
    """What is advised of each candidate, by its key; those of which too little is known yet are left out."""
    found: dict[str, Advice] = {}
    mains = [each for each in offered if each.role is Role.MAIN]
    for at, each in enumerate(mains):
        before = [seen[other.key] for other in mains[:at]]
        if seen[each.key].done and all(other.done for other in before):
            found[each.key] = _main(each, seen[each.key], any(other.answers for other in before), len(mains) == 1)
    secured = [each for each in mains if each.target.startswith(("https:", "wss:")) or each.kind in MAIL_PORTS.values()]
    known = all(seen[each.key].done for each in secured)
    included = any(seen[each.key].answers for each in secured)
    for each in offered:
        if each.role is not Role.MAIN and seen[each.key].done and (known or each.role is not Role.CERTIFICATE):
            found[each.key] = _beside(each, seen[each.key].answers, included)
    return found


def _main(each: Candidate, seen: Seen, outdone: bool, alone: bool) -> Advice:
    if outdone:
        return Advice(False, "Not needed: another one answers." if not seen.answers else _ALSO.get(each.kind, _TOO))
    if seen.answers:
        certificate = " Its certificate is looked at with every check." if each.target.startswith("https:") else ""
        return Advice(True, f"It answers.{certificate}")
    if alone:
        return Advice(True, "It does not answer at the moment. Watch it, and you see when it does.")
    return Advice(False, "It does not answer.")


_TOO = "Answers too. One of them is enough."
_ALSO = {"http": "Optional. It answers too, and may only lead visitors to the other one."}
# By role: what is said of a candidate that answers, whether it is chosen then, and what is said of one that does not.
_WORDS: dict[Role, tuple[str, bool, str]] = {
    Role.PLAIN: (
        "Optional. Who types the name without https comes here; it answers, or leads to the site.",
        False,
        "It does not answer: leave it out if the site is meant for https alone.",
    ),
    Role.SECURE: ("The same site with TLS answers as well, and is worth more.", True, "There is no site with TLS."),
    Role.TWIN: (
        "The other usual name of the site. It answers, or leads to the site: you hear when it no longer does.",
        True,
        "Nothing answers under this name: leave it out unless it should.",
    ),
    Role.CERTIFICATE: (
        "Optional. Good; a monitor of its own goes down some days before it runs out.",
        False,
        "There is no certificate in order here.",
    ),
    Role.NAME: (
        "Optional. Tells an outage of the name from one of the service.",
        False,
        "The name servers give no address.",
    ),
    Role.DOMAIN: ("Optional. Warns before the domain runs out.", False, "It could not be found out when it runs out."),
}
_INCLUDED = "Included: the check above fails on a bad certificate. One of its own goes down days before it runs out."


def _beside(each: Candidate, answers: bool, included: bool) -> Advice:
    good, ticked, bad = _WORDS[each.role]
    if each.role is Role.CERTIFICATE and answers and included:
        return Advice(False, _INCLUDED)
    return Advice(ticked, good) if answers else Advice(False, bad)
