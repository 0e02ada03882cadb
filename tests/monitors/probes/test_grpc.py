"""The kind grpc, against a server that speaks just enough HTTP/2 (RFC 9113)."""

import socket

import pytest

from monitors.domain.verdict import Vote
from monitors.probes.grpc import KIND, PATH, Options
from monitors.probes.reasons import Reason
from tests.servers import Server, silent
from tests.servers import Target as Website
from uptime.lib.net import UrlError

DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY = 0, 1, 3, 4, 7
END_STREAM, END_HEADERS, ACK = 1, 4, 1
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def http2_frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


def header_block(**headers):
    """HPACK (RFC 7541) without compression; `status` is the pseudo-header."""
    block = b""
    for key, value in headers.items():
        name = b":status" if key == "status" else key.replace("_", "-").encode()
        block += b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value.encode()
    return block


def serving(message=b"", trailers=None, headers=None, seen=None):
    """For `Server`: reads a call, answers with this message and these headers behind it."""

    def handle(server, connection):
        stream = connection.makefile("rb")
        assert stream.read(len(PREFACE)) == PREFACE
        connection.sendall(http2_frame(SETTINGS, 0, 0))
        call = 0
        while not call:
            head = stream.read(9)
            payload = stream.read(int.from_bytes(head[:3]))
            if head[3] == SETTINGS and not head[4] & ACK:
                connection.sendall(http2_frame(SETTINGS, ACK, 0))
            if head[3] == DATA:
                if seen is not None:
                    seen.append(payload)
                call = int.from_bytes(head[5:]) if head[4] & END_STREAM else 0
        first = header_block(status="200", content_type="application/grpc", **(headers or {}))
        connection.sendall(http2_frame(HEADERS, END_HEADERS | (0 if trailers else END_STREAM), call, first))
        if trailers:
            connection.sendall(http2_frame(DATA, 0, call, b"\0" + len(message).to_bytes(4) + message))
            connection.sendall(http2_frame(HEADERS, END_HEADERS | END_STREAM, call, header_block(**trailers)))
        server.over.wait()

    return handle


OK = {"grpc_status": "0"}
SERVING, NOT_SERVING, UNKNOWN = b"\x08\x01", b"\x08\x02", b""


def probe(prober, server, **options):
    return prober.probe(server.url, kind="grpc", **options)


def test_serving_is_up(prober):
    seen = []
    with Server(serving(SERVING, OK, seen=seen)) as server:
        outcome = probe(prober, server)
        probe(prober, server, service="shop.Orders")
    assert (outcome.vote, outcome.detail) == (Vote.UP, "SERVING")
    assert seen == [b"\0\0\0\0\0", b"\0\0\0\0\x0d\x0a\x0bshop.Orders"]


def test_under_tls(make_prober, authority):
    prober = make_prober(ca_file=authority.ca_file)
    context = authority.context("127.0.0.1")
    context.set_alpn_protocols(["h2"])
    with Server(serving(SERVING, OK), tls=context) as server:
        outcome = probe(prober, server)
    assert (outcome.vote, outcome.phases.tls is not None) == (Vote.UP, True)


@pytest.mark.parametrize(
    ("handle", "reason", "detail"),
    [
        (serving(NOT_SERVING, OK), Reason.STATUS, "The service says NOT_SERVING"),
        (serving(UNKNOWN, OK), Reason.STATUS, "The service says UNKNOWN"),
        (serving(b"\x08\x09", OK), Reason.STATUS, "The service says unknown state 9"),
        (serving(b"\x12\x01x", OK), Reason.PROTOCOL_ERROR, "no HealthCheckResponse"),
        (serving(SERVING, {"grpc_status": "13"}), Reason.STATUS, "The call failed with status 13"),
        (serving(headers={"grpc_status": "5"}), Reason.STATUS, "status 5 (NOT_FOUND: the server does not know"),
        (serving(headers={"grpc_status": "12"}), Reason.STATUS, "status 12 (UNIMPLEMENTED"),
        (serving(headers={"grpc_status": "14", "grpc_message": "busy"}), Reason.STATUS, "status 14 (busy)"),
        (serving(), Reason.PROTOCOL_ERROR, "no HealthCheckResponse"),
        (silent, Reason.TIMEOUT_FIRST_BYTE, "waiting for the first byte"),
    ],
)
def test_whatever_is_not_serving_is_down_and_explained(prober, handle, reason, detail):
    with Server(handle) as server:
        outcome = probe(prober, server)
    assert (outcome.vote, outcome.reason) == (Vote.DOWN, reason)
    assert detail in outcome.detail


def speaks_http1(server, connection):
    """Ends in order: to close with the call unread is a reset, which may be noticed before the answer."""
    connection.makefile("rb").read(len(PREFACE))
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    connection.shutdown(socket.SHUT_WR)
    server.over.wait()


def test_a_website_is_no_grpc(prober):
    with Server(speaks_http1) as server:
        outcome = probe(prober, server)
    assert (outcome.vote, outcome.reason) == (Vote.DOWN, Reason.PROTOCOL_ERROR)


def test_a_website_under_tls_is_no_grpc(make_prober, authority):
    prober = make_prober(ca_file=authority.ca_file)
    with Website(tls=authority.context("127.0.0.1")) as website:
        outcome = prober.probe(website.url, kind="grpc")
    assert outcome.reason in (Reason.PROTOCOL_ERROR, Reason.RESET)  # whichever is noticed first


def resets_the_call(server, connection):
    stream = connection.makefile("rb")
    stream.read(len(PREFACE))
    connection.sendall(http2_frame(SETTINGS, 0, 0))
    head = stream.read(9)
    while head[3] != HEADERS:
        stream.read(int.from_bytes(head[:3]))
        head = stream.read(9)
    connection.sendall(http2_frame(RST_STREAM, 0, 1, (2).to_bytes(4)))
    server.over.wait()


def says_goodbye(server, connection):
    connection.makefile("rb").read(len(PREFACE))
    connection.sendall(http2_frame(SETTINGS, 0, 0) + http2_frame(GOAWAY, 0, 0, bytes(8)))
    server.over.wait(0.2)


@pytest.mark.parametrize("handle", [resets_the_call, says_goodbye])
def test_a_call_that_is_broken_off_is_the_server_s_doing(prober, handle):
    with Server(handle) as server:
        assert probe(prober, server).vote is Vote.DOWN


def test_a_website_keeps_speaking_http_1(prober):
    """The handle of a gRPC check is used again for websites."""
    with Server(serving(SERVING, OK)) as server, Website() as website:
        assert probe(prober, server).vote is Vote.UP
        assert prober.probe(website.url).vote is Vote.UP


@pytest.mark.parametrize(
    ("typed", "stored"),
    [("https://GRPC.example.com:8443/", "https://grpc.example.com:8443"), ("http://example.com", "http://example.com")],
)
def test_targets_have_one_spelling(typed, stored):
    assert KIND.clean_target(typed, allow_private=False) == stored


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ("https://example.com/health", "Leave the path out"),
        ("grpc.example.com:8443", "Add https:// in front"),
        ("https://10.0.0.1", "is not a public address"),
    ],
)
def test_a_wrong_target_is_named_with_the_way_out(typed, wrong):
    with pytest.raises(UrlError, match=wrong):
        KIND.clean_target(typed, allow_private=False)


def test_a_service_s_name_fits_into_the_question():
    assert "service" in Options({"service": "ü" * 100}).errors
    assert PATH == "/grpc.health.v1.Health/Check"
