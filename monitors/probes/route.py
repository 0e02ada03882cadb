"""How a request gets to its host: by which addresses, and what there is to say where it is not the usual way: proxy,
IP family, HTTP version, certificates.

Most checks have no route, and whoever handles one asks for it with one `if`.
"""

from dataclasses import dataclass, field, replace
from typing import Literal

from uptime.lib.net import Guard, UrlError, check_url, has_route

PROXY_SCHEMES = ("socks5h", "https", "http")
MAX_ADDRESSES = 16  # of one name that are tried
SOCKS_PORT = 1080  # RFC 1928
Family = Literal[0, 4, 6]  # 0: either


@dataclass(frozen=True, slots=True)
class Proxy:
    """`scheme` is one of PROXY_SCHEMES; `host` and `port` are checked like those of any address."""

    scheme: str
    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)

    @property
    def place(self) -> str:
        """Host and port as they are written."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.place}"


@dataclass(frozen=True, slots=True)
class Route:
    """`version`: "auto" agrees on HTTP/2 or 1.1 under TLS, "2" is the same for a kind that then insists, "" is 1.1.

    `authorities`: certificates trusted instead of the public ones. `certificate`, `key`: what we show to a server that
    asks who we are. All three in PEM."""

    proxy: Proxy | None = None
    family: Family = 0
    version: Literal["", "auto", "2"] = ""
    authorities: bytes = b""
    certificate: bytes = b""
    key: bytes = field(default=b"", repr=False)

    def to_stranger(self) -> "Route":
        """The same way to another site, which must not learn who we are."""
        return replace(self, certificate=b"", key=b"") if self.certificate else self


def check_proxy(text: str, guard: Guard) -> Proxy:
    """The parts of a proxy's address a person typed, as in http://proxy.example.com:3128. Raises UrlError."""
    if "@" in text:
        raise UrlError("Leave user name and password out of the address: they have fields of their own.")
    url = check_url(text, PROXY_SCHEMES, guard)
    if url.path not in ("", "/"):
        raise UrlError("A proxy has no path. Write it as in http://proxy.example.com:3128.")
    return Proxy(url.scheme, url.host, url.port or SOCKS_PORT)


def of_family(addresses: tuple[str, ...], family: Family) -> tuple[str, ...]:
    return tuple(each for each in addresses if (":" in each) == (family == 6)) if family else addresses


def usable(addresses: tuple[str, ...], turn: int) -> tuple[str, ...]:
    """At most MAX_ADDRESSES, in another order at the second attempt. Where a name has both families, addresses this
    machine has no way to are left out, so that the other family's failure is what gets reported."""
    if len(addresses) > 1:
        addresses = addresses[: 4 * MAX_ADDRESSES]  # a name may have thousands, and each one costs a look
        routed = tuple(address for address in addresses if has_route(address))
        addresses = routed or addresses
        turn %= len(addresses)
        addresses = addresses[turn:] + addresses[:turn]
    return addresses[:MAX_ADDRESSES]
