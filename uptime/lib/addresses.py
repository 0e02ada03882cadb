"""Addresses that targets see checks come from: as an operator writes them, and as a machine can tell its own."""

import socket
from contextlib import suppress
from ipaddress import ip_address, ip_network

MOST = 50  # of one region
# Somewhere in the internet; nothing is sent there, only the routing table is asked.
ELSEWHERE = ("192.0.2.1", "2001:db8::1")


def parse(text: str) -> list[str]:
    """The addresses and networks in a text, with commas or white space between; each once, in one spelling.

    Raises ValueError with a sentence for the person who typed them."""
    found = []
    for part in text.replace(",", " ").split():
        try:
            found.append(str(ip_network(part) if "/" in part else ip_address(part)))
        except ValueError:
            raise ValueError(f"“{part[:50]}” is no address. Write them as in 203.0.113.7, 2001:db8::/64.") from None
    if len(found) > MOST:
        raise ValueError(f"Write at most {MOST} addresses, not {len(found)}.")
    return list(dict.fromkeys(found))


def own() -> list[str]:
    """The addresses this machine itself has in the internet; none behind a router that translates them."""
    return [each for each in map(_towards, ELSEWHERE) if each and ip_address(each).is_global]


def _towards(address: str) -> str:
    """The address this machine speaks from to another; "" without a way there."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((address, 9))
        return str(probe.getsockname()[0])
    return ""
