"""The one guarded door to the network: where a connection somebody else asked for may go.

Forms, API, probes, redirects and notifications all ask here. `check_url` reads the text a person typed: a
kindness, the mistake is named while it can still be corrected. `Guard.permits` judges the address about to be
passed to connect(): that is the defence.
"""

import re
import socket
import unicodedata
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import quote, urljoin

import idna

Network = IPv4Network | IPv6Network

# IANA's IPv4 special-purpose registry, multicast and reserved space. The last one is Azure's WireServer: a
# public address, and a metadata service.
_V4_DENIED = """
0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24
192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4
168.63.129.16/32
"""
# Global unicast only: mapped IPv4, NAT64, unique local, link-local and site-local all lie outside it.
V6_ALLOWED = IPv6Network("2000::/3")
# Inside it (IANA's IPv6 special-purpose registry): Teredo and ORCHID, documentation, 6to4, documentation.
_V6_DENIED = "2001::/23 2001:db8::/32 2002::/16 3fff::/20"

V4_DENIED = tuple(IPv4Network(text) for text in _V4_DENIED.split())
V6_DENIED = tuple(IPv6Network(text) for text in _V6_DENIED.split())

MAX_URL = 2048  # characters
DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}

# Ports a browser refuses too (https://fetch.spec.whatwg.org/#port-blocking), and, in the last line, the doors
# of databases, queues and remote desktops: a monitor open to the public must not become a port scanner.
_DENIED_PORTS = """
1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109 110 111 113 115 117 119
123 135 137 139 143 161 179 389 427 465 512 513 514 515 526 530 531 532 540 548 554 556 563 587 601 636 989
990 993 995 1719 1720 1723 2049 3659 4045 4190 5060 5061 6000 6566 6665 6666 6667 6668 6669 6679 6697 10080
1433 1521 2375 3306 3389 5432 5672 6379 11211 27017
"""
DENIED_PORTS = frozenset(int(text) for text in _DENIED_PORTS.split())

# The doors among them that people run for others and want watched: FTP, SSH, mail, DNS, directories, databases,
# queues, remote desktops, telephony. Kinds that are not HTTP may look at these and say whether one is open. What stays
# shut even to them: small services that answer anything (echo, chargen), remote shells, file shares, X11, chat,
# Docker's unprotected door. Words of the user's own are sent to none of them (see `check_words`), so that nobody
# makes us send mail, or commands to a stranger's database.
_SERVICE_PORTS = """
21 22 25 53 110 143 389 465 587 636 989 990 993 995 4190 5060 5061 1433 1521 3306 3389 5432 5672 6379 11211 27017
"""
SERVICE_PORTS = frozenset(int(text) for text in _SERVICE_PORTS.split())
# Likewise over UDP, where nothing is learned without sending: names, time, network management, telephony.
DATAGRAM_PORTS = frozenset({53, 123, 161, 5060})

PRIVATE_WAY_OUT = "Private targets are switched off on this server; ALLOW_PRIVATE_TARGETS=1 allows them."

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(//)?")
_AUTHORITY = re.compile(r"([^/?#]*)([^#]*)")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+")
_DOTTED = re.compile(r"(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?!$)|$)){4}")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,62})")
# A reference whose host depends on who reads it: https:/x, https:x, ///x, //?x.
_DISPUTED = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?!//[^/?#])|//(?![^/?#])")


class UrlError(ValueError):
    """An address we will not go to; the message says what is wrong with it and what would be right."""


class BlockedAddressError(UrlError):
    """An address inside somebody's own network, while private targets are off."""


def denied(address: str, own: Iterable[Network] = ()) -> bool:
    """True when a connection directed by a tenant must not go to `address` (an IP address as text).

    `own`: the operator's public networks (load balancer, brokers, databases, other probes)."""
    try:
        ip = ip_address(address.split("%", 1)[0])
    except ValueError:
        return True
    return _inside(ip, own) or _special(ip)


def _special(ip: IPv4Address | IPv6Address) -> bool:
    if isinstance(ip, IPv4Address):
        return _inside(ip, V4_DENIED)
    return ip not in V6_ALLOWED or _inside(ip, V6_DENIED)


def _inside(ip: IPv4Address | IPv6Address, networks: Iterable[Network]) -> bool:
    return any(network.version == ip.version and ip in network for network in networks)


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """An operator's list of networks ("10.0.0.0/8", "192.168.1.7"). Raises ValueError naming the bad one."""
    return tuple(ip_network(text, strict=False) for text in texts)


@dataclass(frozen=True, slots=True)
class Guard:
    """Which addresses this process may connect to on somebody's behalf.

    `allow_private` opens every address (a monitor for one's own network); `allowed` opens single networks
    while it is off; `own` stays shut whatever the others say."""

    allow_private: bool = False
    allowed: tuple[Network, ...] = ()
    own: tuple[Network, ...] = ()

    def permits(self, address: str) -> bool:
        return _permits(self, address)

    @property
    def permits_all(self) -> bool:
        return self.allow_private and not self.own


STRICT = Guard()


@lru_cache(maxsize=16_384)  # asked twice per check, and the targets stay the same: 20 us become 0.2
def _permits(guard: Guard, address: str) -> bool:
    try:
        ip = ip_address(address.split("%", 1)[0])
    except ValueError:
        return False
    if _inside(ip, guard.own) or _inside(getattr(ip, "ipv4_mapped", None) or ip, guard.own):
        return False
    return guard.allow_private or _inside(ip, guard.allowed) or not _special(ip)


def has_route(address: str) -> bool:
    """Whether this machine has any way towards `address` (RFC 6724, rule 1). Sends nothing: connecting a
    datagram socket only asks the routing table."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
    except OSError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class URL:
    """A checked URL in the one spelling all agree on: ASCII, lower-case host, no userinfo, no fragment.

    `path` starts with "/" or "?", or is empty, as it was typed; `host` is a name or a canonical IP address
    without brackets."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def netloc(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS.get(self.scheme) else f"{host}:{self.port}"

    @property
    def origin(self) -> tuple[str, str, int]:
        """RFC 6454: what credentials must not leave."""
        return self.scheme, self.host, self.port

    @property
    def is_address(self) -> bool:
        return is_address(self.host)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}{self.path}"


def check_url(text: str, schemes: Sequence[str] = ("http", "https"), guard: Guard = STRICT) -> URL:
    """The parts of a URL a person typed. Raises UrlError with a sentence for that person.

    Names are not looked up here; whoever connects asks the guard about every address again."""
    text = text.strip()
    _check_characters(text)
    scheme, rest = _split_scheme(text, schemes)
    match = _AUTHORITY.match(rest)
    assert match is not None  # noqa: S101 - both groups may be empty, so it always matches
    host_text, port_text = _split_port(match[1], text)
    host = check_host(host_text, guard)
    port = DEFAULT_PORTS.get(scheme, 0) if port_text is None else check_port(port_text, guard)
    url = URL(scheme, host, port, "".join(char if char.isascii() else quote(char) for char in match[2]))
    if len(str(url)) > MAX_URL:
        raise UrlError(f"The address is longer than {MAX_URL} characters. Shorten it.")
    return url


def redirect_url(base: URL, location: str, guard: Guard) -> URL:
    """Where a Location header (RFC 9110, 10.2.2) leads from `base`. Raises UrlError as `check_url` does."""
    location = location.strip().replace(" ", "%20")
    _check_characters(location)
    try:
        joined = urljoin(str(base), location)
    except ValueError as error:
        raise UrlError("The address cannot be read.") from error
    url = check_url(joined, guard=guard)
    if _DISPUTED.match(location):
        raise UrlError("Programs read the address differently. Write it whole, as in https://example.com/.")
    return url


def check_host(text: str, guard: Guard = STRICT) -> str:
    """A host as a person writes it: a name, an IPv4 address, an IPv6 address in brackets.
    Returns lower-case ASCII.

    Raises UrlError. Spellings of an IPv4 address that only some programs read as one (127.1, 0x7f000001,
    017700000001) are refused instead of guessed at."""
    if not text:
        raise UrlError("The host name is missing, as in https://example.com.")
    if text.startswith("["):
        return _check_address(_ipv6(text), guard)
    host = _ascii_host(text).lower().removesuffix(".")
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        return _ipv4(host, guard)
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise UrlError(f"“{text[:80]}” is not a host name. Use letters, digits, hyphens and dots.")
    if (host == "localhost" or host.endswith(".localhost")) and not guard.permits("127.0.0.1"):
        raise BlockedAddressError(f"“{host}” is this server itself. {PRIVATE_WAY_OUT}")
    return host


def check_port(text: str, guard: Guard = STRICT) -> int:
    """The port of a URL, 1 to 65535; with private targets off, none of DENIED_PORTS. Raises UrlError."""
    port = _port(text, "https://example.com:8443")
    if port in DENIED_PORTS and not guard.allow_private:
        raise UrlError(f"Port {port} belongs to another service and is not monitored here. Use a web port.")
    return port


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A checked host and port, in the one spelling all agree on."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def check_endpoint(
    text: str, default_port: int | None = None, services: AbstractSet[int] = SERVICE_PORTS, guard: Guard = STRICT
) -> Endpoint:
    """A host and port as a person writes them: example.com:5432, 192.0.2.10:22, [2001:db8::1]:25. Where there is a
    `default_port`, the port may be left out. `services`: the DENIED_PORTS that may be gone to. Raises UrlError."""
    text = text.strip()
    example = f"example.com:{default_port or 5432}"
    if not text:
        raise UrlError(f"Enter a host and port, as in {example}.")
    _check_characters(text)
    if "://" in text or "/" in text:
        raise UrlError(f"This takes a host and port, not a web address. Write it as in {example}.")
    host_text, port_text = _split_endpoint(text)
    host = check_host(host_text, guard)
    if port_text is None and default_port is None:
        raise UrlError(f"The port is missing. Write it behind a colon, as in {host}:5432.")
    port = _port(str(default_port) if port_text is None else port_text, example)
    if port in DENIED_PORTS - services and not guard.allow_private:
        raise UrlError(f"Port {port} is not monitored here: what it offers is not meant for the public.")
    return Endpoint(host, port)


def check_name(text: str, guard: Guard = STRICT) -> str:
    """A host as a person writes it where no port belongs to it. Raises UrlError."""
    text = text.strip()
    if not text:
        raise UrlError("Enter a name, as in example.com, or an address, as in 192.0.2.10.")
    _check_characters(text)
    if "/" in text or text.count(":") == 1:
        raise UrlError("This takes a name only: no https:// and no port. Write it as in example.com.")
    return check_host(f"[{text}]" if ":" in text and not text.startswith("[") else text, guard)


def check_words(endpoint: Endpoint, words: str, guard: Guard = STRICT) -> None:
    """Words of the user's own go only where a web address could lead too. Raises UrlError."""
    if words and endpoint.port in DENIED_PORTS and not guard.allow_private:
        raise UrlError(
            f"Nothing is sent to port {endpoint.port}, which belongs to another service. Leave this empty, or choose "
            "the type made for that service."
        )


def _split_endpoint(text: str) -> tuple[str, str | None]:
    if text.startswith("["):
        host, _, rest = text.partition("]")
        if rest and not rest.startswith(":"):
            raise UrlError("An IPv6 address is written in brackets, as in [2001:db8::1]:5432.")
        return f"{host}]", rest[1:] if rest else None
    if text.count(":") > 1:
        raise UrlError("An IPv6 address is written in brackets, as in [2001:db8::1]:5432.")
    host, colon, port = text.partition(":")
    return host, port if colon else None


def _port(text: str, example: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65535):
        raise UrlError(f"The port must be a number from 1 to 65535, as in {example}.")
    return int(text)


def is_address(host: str) -> bool:
    """Whether a checked host is an IP address; no name may end in a number or hold a colon."""
    return ":" in host or host.rpartition(".")[2].isdigit()


def _check_characters(text: str) -> None:
    if not text:
        raise UrlError("Enter an address, as in https://example.com.")
    if len(text) > MAX_URL:
        raise UrlError(f"The address is longer than {MAX_URL} characters. Shorten it.")
    if any(char.isspace() for char in text):
        raise UrlError("The address contains a space or line break. Remove it, or write %20.")
    if not text.isprintable():
        raise UrlError("The address contains an invisible control character. Type it instead of pasting it.")
    if "\\" in text:
        raise UrlError("The address contains a backslash. Use / instead.")


def _split_scheme(text: str, schemes: Sequence[str]) -> tuple[str, str]:
    match = _SCHEME.match(text)
    after = text[match.end() :] if match else ""
    if match is None or (not match[2] and ("." in match[1] or after[:1].isdigit())):
        example = f"{schemes[-1]}://{text.lstrip('/')[:80]}"
        raise UrlError(f"Add {schemes[-1]}:// in front: {example}")
    scheme = match[1].lower()
    if scheme not in schemes:
        wanted = " or ".join(f"{each}://" for each in schemes)
        raise UrlError(f"Addresses with “{scheme[:20]}:” cannot be monitored here. Use {wanted}.")
    if not match[2]:
        raise UrlError(f"Two slashes are missing: write {scheme}://{after.lstrip('/')[:80]}")
    return scheme, after


def _split_port(authority: str, text: str) -> tuple[str, str | None]:
    if "@" in authority:
        raise UrlError("Leave user name and password out of the address. Send an Authorization header instead.")
    if authority.startswith("["):
        host, bracket, rest = authority.partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise UrlError("An IPv6 address is written in brackets, as in https://[2001:db8::1]:8443/.")
        return host + bracket, rest[1:] if rest else None
    host, colon, port = authority.partition(":")
    if ":" in port:
        raise UrlError("An IPv6 address is written in brackets, as in https://[2001:db8::1]:8443/.")
    return host, port if colon else None


def _ascii_host(text: str) -> str:
    """IDNA 2008 (RFC 5891). Characters that merely look like others (full-width digits, ligatures) are
    refused, because programs disagree about what they mean."""
    if text.isascii():
        return text
    composed = unicodedata.normalize("NFC", text)
    if unicodedata.normalize("NFKC", composed) != composed:
        raise UrlError("The host name contains look-alike characters. Use ordinary letters and digits.")
    try:
        return idna.encode(composed.lower()).decode("ascii")
    except UnicodeError as error:
        raise UrlError("The host name is not a valid international name. Try its xn-- form.") from error


def _ipv4(host: str, guard: Guard) -> str:
    """Four decimal numbers. What else inet_aton(3) would take is judged by where it leads, and refused anyway."""
    if _DOTTED.fullmatch(host):
        return _check_address(host, guard)
    try:
        meant = socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        raise UrlError(f"“{host[:80]}” is not an IP address. Write four numbers, as in 192.0.2.10.") from None
    _check_address(meant, guard)
    raise UrlError(f"“{host[:80]}” is an unusual spelling of {meant}. Write {meant}.")


def _ipv6(text: str) -> str:
    inner = text[1:-1] if text.endswith("]") else ""
    try:
        if "%" in inner:
            raise ValueError("a zone belongs to one machine only")
        return socket.inet_ntop(socket.AF_INET6, IPv6Address(inner).packed)  # as the system will write it
    except ValueError:
        raise UrlError(f"“{text[:80]}” is not an IPv6 address, as in [2001:db8::1].") from None


def _check_address(address: str, guard: Guard) -> str:
    if not guard.permits(address):
        raise BlockedAddressError(f"{address} is not a public address. {PRIVATE_WAY_OUT}")
    return address
