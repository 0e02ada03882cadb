"""The hostile targets X1 to X19 of docs/reliability.md, all at once beside healthy ones, on one prober of its own.

Each has its documented verdict, in its time; the prober stays small, and no healthy check waits for a hostile one.
"""

import gzip
import itertools
import socket
import struct
import zlib
from contextlib import ExitStack
from typing import NamedTuple

import pytest

from monitors.domain.verdict import Vote
from monitors.probes.reasons import Reason
from tests.helpers import wait_until
from tests.monitors.probes.conftest import check_of, now_ms
from tests.prober_process import ProberProcess
from tests.servers import SILENT, NameServer, Server, Target, answer, drip, flood, hang, raw, redirect, reset, silent

TIMEOUT_MS = 1500
SLACK_MS = 8000  # of a busy machine; the deadline itself is asserted by test_connections
MOST_MB = 192  # for all of them together; what one may cost is a megabyte of page, and its decoded copy
HEALTHY, HANGING = 120, 20
OK = b"HTTP/1.1 200 OK\r\n"
UP = None
R = Reason


class Row(NamedTuple):
    """`behaviour` of a website, or `server`: what is done with each connection; `reasons`: those that are true."""

    name: str
    reasons: set
    behaviour: object = None
    server: object = None
    kind: str = "http"
    options: dict = {}
    status: int | None = None


def plain(name, reason, behaviour, **options):
    return Row(name, {reason}, behaviour, options=options)


# Peers that no library would be ---------------------------------------------------------------------------------------
def frame(kind, payload=b"", flags=0, stream=0):
    """A frame of HTTP/2 (RFC 9113, 4.1)."""
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


SETTINGS = frame(4)


def http2(first, again=b""):
    """Answers the preface with SETTINGS and `first`, then says `again` for as long as somebody listens."""

    def serve(server, connection):
        connection.recv(4096)
        connection.sendall(SETTINGS + first)
        while again and not server.over.is_set():
            connection.sendall(again * 1000)
        server.over.wait(TIMEOUT_MS / 1000 * 2)

    return serve


def saying(data, stay=True):
    """Says this before anybody asked."""

    def serve(server, connection):
        connection.sendall(data)
        if stay:
            server.over.wait(TIMEOUT_MS / 1000 * 2)

    return serve


def rst(_server, connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def rst_after_request(_server, connection):
    connection.recv(4096)
    rst(_server, connection)


def fin(_server, connection):
    connection.recv(4096)


BOMB = gzip.compress(bytes(30_000_000), 9)
DEFLATED = zlib.compress(bytes(30_000_000), 9)
HOPS = itertools.count(1)


def endless_hops(target, connection, seen):
    redirect(f"/hop/{next(HOPS)}")(target, connection, seen)


def itself(target, connection, seen):
    redirect(seen.path)(target, connection, seen)


ROWS = [
    plain("X1 accepts and never answers", R.TIMEOUT_FIRST_BYTE, hang),
    Row("X1 a port that stays silent", {R.TIMEOUT_FIRST_BYTE}, None, silent, "tcp", {"expect": "x"}),
    Row("X1 a mail server that stays silent", {R.TIMEOUT_FIRST_BYTE}, None, silent, "smtp"),
    plain("X2 a status line byte by byte", R.TIMEOUT_FIRST_BYTE, drip(b"HTTP/1.1 200 ", b"O")),
    plain("X2 headers byte by byte", R.TIMEOUT_TRANSFER, drip(OK + b"X: ", b"y")),
    plain("X2 a body byte by byte", R.TIMEOUT_TRANSFER, drip(OK + b"Content-Length: 10000\r\n\r\n")),
    plain("X3 endless 100 Continue", R.HEADER_TOO_LARGE, flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100)),
    plain("X3 slow 103 Early Hints", R.TIMEOUT_TRANSFER, drip(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n")),
    plain("X4 streams for ever", UP, flood(OK + b"\r\n")),
    plain("X4 streams for ever, without the keyword", R.BODY_TOO_LARGE, flood(OK + b"\r\n"), keyword="welcome"),
    plain("X5 gzip bomb", UP, answer(body=BOMB, Content_Encoding="gzip")),
    plain("X5 gzip bomb, a keyword wanted", R.BODY_TOO_LARGE, answer(body=BOMB, Content_Encoding="gzip"), keyword="w"),
    plain("X5 deflate bomb", R.BODY_TOO_LARGE, answer(body=DEFLATED, Content_Encoding="deflate"), keyword="w"),
    plain(
        "X5 gzip in gzip",
        R.BODY_TOO_LARGE,
        answer(body=gzip.compress(BOMB), Content_Encoding="gzip, gzip"),
        keyword="w",
    ),
    plain("X5 gzip fifty times", R.PROTOCOL_ERROR, answer(Content_Encoding="gzip, " * 49 + "gzip")),
    plain("X5 an encoding nobody asked for", R.PROTOCOL_ERROR, answer(Content_Encoding="zstd")),
    plain("X5 no brotli at all", R.PROTOCOL_ERROR, answer(body=b"\xff" * 99, Content_Encoding="br")),
    plain("X6 a length too short", UP, raw(OK + b"Content-Length: 3\r\n\r\nfine")),
    plain("X6 a length too long", R.CLOSED, raw(OK + b"Content-Length: 30\r\n\r\nfine")),
    plain("X6 a negative length", R.PROTOCOL_ERROR, raw(OK + b"Content-Length: -3\r\n\r\nfine")),
    plain("X6 a length beyond counting", UP, raw(OK + b"Content-Length: " + b"9" * 40 + b"\r\n\r\nfine")),
    plain("X6 two lengths", R.PROTOCOL_ERROR, raw(OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nfi")),
    plain(
        "X6 a length and chunks", UP, raw(OK + b"Content-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    ),
    plain("X6 chunks of no size", R.PROTOCOL_ERROR, raw(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n")),
    plain("X7 a header of 10 MB", R.HEADER_TOO_LARGE, flood(OK + b"X: ", b"y" * 65_536)),
    plain("X7 20,000 headers", R.HEADER_TOO_LARGE, raw(OK + b"X-Filler: 1234567890\r\n" * 20_000 + b"\r\n")),
    plain("X7 a status line of 64 kB", R.HEADER_TOO_LARGE, raw(b"HTTP/1.1 200 " + b"a" * 70_000 + b"\r\n\r\n")),
    plain("X8 redirects to itself", R.TOO_MANY_REDIRECTS, itself),
    plain("X8 redirects without end", R.TOO_MANY_REDIRECTS, endless_hops),
    plain("X8 a redirect to nowhere", R.BAD_REDIRECT, answer(302)),
    *(
        plain(f"X8 a redirect to {place}", R.BAD_REDIRECT, redirect(place))
        for place in ("javascript:alert(1)", "file:///etc/passwd", "gopher://x/", "http://", "///evil.example/")
    ),
    Row("X12 reset at once", {R.RESET}, None, rst),
    Row("X12 reset after the request", {R.RESET}, None, rst_after_request),
    plain("X12 reset in the page", R.RESET, reset(OK + b"Content-Length: 10\r\n\r\nabc")),
    Row("X12 hung up before the headers", {R.CLOSED}, None, fin),
    plain("X12 hung up within the headers", R.CLOSED, raw(OK)),
    plain("X13 HTTP/0.9", R.PROTOCOL_ERROR, raw(b"<html>hello</html>")),
    plain("X13 bytes that are no HTTP", R.PROTOCOL_ERROR, raw(b"\x00\x1b[31m\xff" * 50)),
    Row("X13 an SSH server", {R.PROTOCOL_ERROR}, None, saying(b"SSH-2.0-OpenSSH_9.9\r\n", stay=False)),
    plain("X13 TLS on a plain port", R.PROTOCOL_ERROR, raw(b"\x15\x03\x01\x00\x02\x02\x0a")),
    Row("X13 plain HTTP on a TLS port", {R.TLS_ERROR}, None, saying(OK + b"\r\n"), options={"scheme": "https"}),
    Row("X13 HTTP/2 GOAWAY", {R.PROTOCOL_ERROR, R.CLOSED}, None, http2(frame(7, bytes(4) + b"\0\0\0\2")), "grpc"),
    Row("X13 HTTP/2 RST_STREAM", {R.PROTOCOL_ERROR}, None, http2(frame(3, b"\0\0\0\2", stream=1)), "grpc"),
    Row("X13 endless SETTINGS", {R.PROTOCOL_ERROR}, None, http2(b"", SETTINGS), "grpc"),
    Row("X13 endless PING", {R.PROTOCOL_ERROR}, None, http2(b"", frame(6, bytes(8))), "grpc"),
    Row(
        "X13 endless CONTINUATION",
        {R.PROTOCOL_ERROR, R.HEADER_TOO_LARGE},
        None,
        http2(frame(1, b"\x88", stream=1), frame(9, b"\0\1a\1b" * 100, stream=1)),
        "grpc",
    ),
    Row("X13 rubbish instead of HTTP/2", {R.PROTOCOL_ERROR, R.TIMEOUT_FIRST_BYTE}, None, saying(b"\xff" * 300), "grpc"),
    plain("X14 a charset that is none", UP, answer(body=b"\xff w \0", Content_Type="charset=\x1b[31m"), keyword="w"),
    plain("X14 escapes in a header", R.RATE_LIMITED, answer(429, Retry_After="\x1b[31m\u202e")),
    plain("X15 1,000 cookies", UP, raw(OK + b"Set-Cookie: a=b\r\n" * 1000 + b"Content-Length: 0\r\n\r\n")),
    plain("X15 a cookie of 1 MB", R.HEADER_TOO_LARGE, raw(OK + b"Set-Cookie: a=" + b"b" * 1_000_000 + b"\r\n\r\n")),
    plain(
        "X16 a keyword that matches almost everywhere",
        R.KEYWORD_MISSING,
        answer(body=b"a" * 1_000_000),
        keyword="a" * 999 + "b",
    ),
    plain("X17 asks for credentials", R.STATUS, answer(401, WWW_Authenticate='Basic realm="x", NTLM, Negotiate')),
    plain("X17 asks for a proxy's credentials", R.STATUS, answer(407, Proxy_Authenticate='Basic realm="x"')),
    plain("X17 points elsewhere by header", UP, answer(Refresh="0; url=//127.0.0.1:1/", Alt_Svc='h2="127.0.0.1:1"')),
    plain("X19 blocks us with a captcha", R.BLOCKED, answer(403, cf_mitigated="challenge")),
    plain("X19 refuses us", R.STATUS, answer(403, "<h1>Are you a robot?</h1>")),
    plain("X19 finds us too frequent", R.RATE_LIMITED, answer(429, Retry_After="120")),
]  # fmt: skip
NUMBERS = {row.name: 1 + index for index, row in enumerate(ROWS)}
FIRST_HEALTHY, FIRST_HANGING, FIRST_NAMELESS = 1000, 2000, 3000


@pytest.fixture(scope="module")
def crowd():
    """Everything at once: hostile rows, those that hang for long, names that never answer, and healthy checks."""
    with ExitStack() as stack:
        website, healthy, hanging = (stack.enter_context(Target()) for _ in range(3))
        hanging.does(hang)
        website.does(endless_hops)  # wherever no row has its page
        silent_names = {f"hung{number}.example": SILENT for number in range(HANGING)}
        names = stack.enter_context(NameServer(silent_names))
        prober = stack.enter_context(ProberProcess(allow_private=True, names=[names.address]))
        hostile = [check_of(place(row, website, stack), monitor=NUMBERS[row.name], **asked(row)) for row in ROWS]
        long = {"timeout_ms": 60_000}
        stuck = [check_of(hanging.url, monitor=FIRST_HANGING + number, **long) for number in range(HANGING)]
        stuck += [
            check_of(f"http://hung{number}.example/", monitor=FIRST_NAMELESS + number, **long)
            for number in range(HANGING)
        ]
        now = now_ms()
        good = [
            check_of(healthy.url, monitor=FIRST_HEALTHY + number, slot=now + number * 25, timeout_ms=15_000)
            for number in range(HEALTHY)
        ]
        prober.submit(*hostile, *stuck, *good)
        wait_until(lambda: len(prober.order) >= len(hostile) + len(good), timeout=90, what="all but those that hang")
        yield prober


def place(row, website, stack):
    if row.server is None:
        path = f"/{NUMBERS[row.name]}"
        website.does(row.behaviour, path)
        return website.url + path
    server = stack.enter_context(Server(row.server))
    scheme = row.options.get("scheme", "http")
    return f"{scheme}://127.0.0.1:{server.port}/" if row.kind == "http" else target_at(row.kind, server.port)


def target_at(kind, port):
    return f"http://127.0.0.1:{port}" if kind == "grpc" else f"127.0.0.1:{port}"


def asked(row):
    options = {name: value for name, value in row.options.items() if name != "scheme"}
    return {"kind": row.kind, "timeout_ms": TIMEOUT_MS, "lateness_ms": 30_000, **options}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.replace(" ", "_"))
def test_a_hostile_target_has_its_documented_verdict_in_its_time(crowd, row):
    outcome, took_ms = crowd.heard(NUMBERS[row.name])
    assert outcome.reason in row.reasons, outcome
    assert took_ms < TIMEOUT_MS + SLACK_MS
    assert outcome.detail.isprintable()


def test_every_healthy_monitor_beside_them_is_up(crowd):
    seen = [crowd.heard(FIRST_HEALTHY + number).outcome for number in range(HEALTHY)]
    assert [each for each in seen if each.vote is not Vote.UP or each.attempts > 1] == []


def test_those_that_hang_are_still_waited_for_when_everybody_else_is_done(crowd):
    """Absence of starvation, told by order and not by a clock."""
    assert not any(
        crowd.heard(first + number) for first in (FIRST_HANGING, FIRST_NAMELESS) for number in range(HANGING)
    )
    assert crowd.report()["in_flight"] == 2 * HANGING


def test_all_of_them_together_cost_little_memory(crowd):
    assert crowd.report()["grown_mb"] < MOST_MB
