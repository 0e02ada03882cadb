"""Which part of a host name somebody registered: the Public Suffix List (publicsuffix.org) knows.

The list comes with the package publicsuffixlist and is as old as its version; nothing is fetched. It is read when first
asked for, which takes a tenth of a second.
"""

from functools import lru_cache

from publicsuffixlist import PublicSuffixList

from uptime.lib.net import is_address

# Names of one's own network, by RFC 6762, RFC 6761, RFC 8375 and habit; the list would take any of them for a suffix.
_OWN_NAMES = "localhost local internal intranet lan home home.arpa corp test invalid onion"
_OWN = tuple(f".{name}" for name in _OWN_NAMES.split())


@lru_cache(maxsize=16_384)  # hosts stay the same from check to check
def registrable(host: str) -> str:
    """The domain that whoever runs `host` answers for: example.co.uk of www.example.co.uk, and alice.github.io, whose
    owner has nothing to do with bob.github.io.

    `host`: as uptime.lib.net.check_host returns it. An address, a public suffix or a name without a dot is its own."""
    return host if is_address(host) else _suffixes(False).privatesuffix(host) or host


def is_own(host: str) -> bool:
    """Whether `host` is a name of one's own network, which nobody else knows and nobody registered."""
    return "." not in host or host.endswith(_OWN)


def registered(host: str) -> str:
    """The domain of `host` that is registered with a registry, and can expire there: github.io of alice.github.io.

    "" where there is none: an address, a public suffix, a name of one's own network."""
    return "" if is_address(host) or is_own(host) else _suffixes(True).privatesuffix(host) or ""


@lru_cache(maxsize=2)
def _suffixes(registries_only: bool) -> PublicSuffixList:
    return PublicSuffixList(only_icann=registries_only)
