"""The few bytes of DNS a resolver needs to ask for addresses (RFC 1035, 4; EDNS: RFC 6891).

Nothing is followed or decompressed: names inside an answer are skipped, so a hostile one can cost no time.
"""

import socket
from struct import Struct, error
from typing import NamedTuple

A, NS, AAAA, OPT = 1, 2, 28, 41
NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3
UDP_SIZE = 1232  # what passes every path unfragmented (dnsflagday.net/2020)

_HEADER = Struct(">HHHHHH")
_QUESTION = Struct(">HH")
_RECORD = Struct(">HHIH")
_EDNS = b"\0" + _RECORD.pack(OPT, UDP_SIZE, 0, 0)
_RECURSION_DESIRED, _RESPONSE, _TRUNCATED, _CLASS_IN = 0x0100, 0x8000, 0x0200, 1
_FAMILIES = {A: (socket.AF_INET, 4), AAAA: (socket.AF_INET6, 16)}


class Reply(NamedTuple):
    """`name`: the question as it came back, in wire form and lower case. `ttl`: seconds, the shortest of all."""

    ident: int
    name: bytes
    kind: int
    rcode: int
    truncated: bool
    addresses: list[str]
    ttl: int


def wire_name(name: str) -> bytes:
    """A checked host name, or "." for the root, as labels."""
    labels = [label.encode("ascii") for label in name.split(".") if label]
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"


def query(ident: int, name: bytes, kind: int) -> bytes:
    return _HEADER.pack(ident, _RECURSION_DESIRED, 1, 0, 0, 1) + name + _QUESTION.pack(kind, _CLASS_IN) + _EDNS


def parse(data: bytes) -> Reply:
    """Raises ValueError for anything that is not a well-formed reply to one question."""
    try:
        return _parse(data)
    except (IndexError, error) as problem:
        raise ValueError("the reply ends too early") from problem


def _parse(data: bytes) -> Reply:
    ident, flags, questions, answers, _, _ = _HEADER.unpack_from(data)
    if not flags & _RESPONSE or questions != 1:
        raise ValueError("not a reply to one question")
    position = _skip_name(data, _HEADER.size)
    name = data[_HEADER.size : position].lower()
    kind, _ = _QUESTION.unpack_from(data, position)
    position += _QUESTION.size
    addresses: list[str] = []
    ttls: list[int] = []
    truncated = bool(flags & _TRUNCATED)
    for _ in range(0 if truncated else answers):
        position = _skip_name(data, position)
        record, _, ttl, size = _RECORD.unpack_from(data, position)
        position += _RECORD.size
        family, length = _FAMILIES.get(record, (0, 0))
        if record == kind and size == length:
            addresses.append(socket.inet_ntop(family, data[position : position + size]))
        position += size
        ttls.append(ttl)
    return Reply(ident, name, kind, flags & 0xF, truncated, addresses, min(ttls, default=0))


def _skip_name(data: bytes, position: int) -> int:
    while length := data[position]:
        if length >= 0xC0:
            return position + 2
        position += length + 1
    return position + 1
