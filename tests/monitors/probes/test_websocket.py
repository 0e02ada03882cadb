"""The kind websocket: the handshake, messages, and servers that break the rules."""

import base64
import hashlib

import pytest

from monitors.domain.verdict import Vote
from monitors.probes.reasons import Reason
from monitors.probes.websocket import CLOSE, GUID, KIND, PING, PONG, TEXT
from tests.servers import Server, read_request, silent
from uptime.lib.net import UrlError


def agree(connection, proof=None):
    """Read the handshake and agree; the request as it was seen."""
    seen = read_request(connection)
    key = seen.headers["sec-websocket-key"].encode()
    proof = proof or base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()
    connection.sendall(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {proof}\r\n\r\n".encode()
    )
    return seen


def frame(opcode, payload, final=True):
    length = bytes([len(payload)]) if len(payload) < 126 else b"\x7e" + len(payload).to_bytes(2)
    return bytes([(0x80 if final else 0) | opcode]) + length + payload


def read_frame(connection):
    stream = connection.makefile("rb")
    head = stream.read(2)
    assert head[1] & 0x80, "a client masks what it sends"
    size = head[1] & 0x7F
    mask, payload = stream.read(4), stream.read(size)
    return head[0] & 0x0F, bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


def saying(*frames):
    def handle(server, connection):
        agree(connection)
        for each in frames:
            connection.sendall(each)
        server.over.wait()

    return handle


def probe(prober, server, **options):
    scheme = "wss" if server.url.startswith("https") else "ws"
    return prober.probe(f"{scheme}://127.0.0.1:{server.port}/socket", kind="websocket", **options)


def test_an_agreement_is_up(prober):
    seen = []

    def handle(server, connection):
        seen.append(agree(connection))
        seen.append(read_frame(connection))

    with Server(handle) as server:
        outcome = probe(prober, server, headers=[{"name": "Origin", "value": "https://shop.example"}])
    assert outcome.vote is Vote.UP
    request, goodbye = seen
    assert (request.method, request.path, request.headers["upgrade"]) == ("GET", "/socket", "websocket")
    assert request.headers["origin"] == "https://shop.example"
    assert request.headers["host"] == f"127.0.0.1:{server.port}"
    assert goodbye == (CLOSE, b"\x03\xe8")


def test_an_answer_is_searched(prober):
    def echo(server, connection):
        agree(connection)
        opcode, payload = read_frame(connection)
        connection.sendall(frame(opcode, payload.upper()))
        server.over.wait()

    with Server(echo) as server:
        assert probe(prober, server, send="hello", expect="ELL").vote is Vote.UP
        outcome = probe(prober, server, send="hello", expect="bye")
    assert outcome.reason is Reason.KEYWORD_MISSING
    assert outcome.detail.startswith("Answered “HELLO”, expected “bye”")


def test_messages_in_parts_and_pings_between_them_are_understood(prober):
    pongs = []

    def handle(server, connection):
        agree(connection)
        connection.sendall(frame(PING, b"hi"))
        pongs.append(read_frame(connection))
        parts = frame(TEXT, b"we", final=False) + frame(PING, b"?") + frame(0, b"lco", final=False) + frame(0, b"me")
        connection.sendall(frame(TEXT, b"x" * 300) + parts)
        server.over.wait()

    with Server(handle) as server:
        assert probe(prober, server, expect="welcome").vote is Vote.UP
    assert pongs == [(PONG, b"hi")]


def test_under_tls(make_prober, authority):
    prober = make_prober(ca_file=authority.ca_file)
    with Server(saying(frame(TEXT, b"welcome")), tls=authority.context("127.0.0.1")) as server:
        outcome = probe(prober, server, expect="welcome")
    assert (outcome.vote, outcome.phases.tls is not None) == (Vote.UP, True)


@pytest.mark.parametrize(
    ("handle", "options", "reason", "detail"),
    [
        (silent, {}, Reason.TIMEOUT_FIRST_BYTE, "waiting for its answer"),
        (saying(), {"expect": "x"}, Reason.TIMEOUT_FIRST_BYTE, "waiting for a message"),
        (saying(frame(CLOSE, b"\x03\xf0")), {"expect": "x"}, Reason.CLOSED, "ended the conversation (code 1008)"),
        (saying(b"\xf1\x01x"), {"expect": "x"}, Reason.PROTOCOL_ERROR, "break the rules of WebSocket"),
        (saying(b"\x81\x81aaaax"), {"expect": "x"}, Reason.PROTOCOL_ERROR, "break the rules of WebSocket"),
        (saying(frame(PING, b"x" * 200)), {"expect": "x"}, Reason.PROTOCOL_ERROR, "break the rules of WebSocket"),
        (saying(b"\x81\x7f" + b"\xff" * 8 + b"x" * 70_000), {"expect": "x"}, Reason.PROTOCOL_ERROR, "more than 64 kB"),
        (lambda s, c: agree(c, "wrong"), {}, Reason.PROTOCOL_ERROR, "does not prove that it was read"),
        (lambda s, c: c.sendall(b"SSH-2.0\r\n\r\n"), {}, Reason.PROTOCOL_ERROR, "“SSH-2.0” is not HTTP"),
        (
            lambda s, c: c.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n"),
            {},
            Reason.STATUS,
            "Answered “403 Forbidden”, expected 101",
        ),
    ],
)
def test_whatever_is_not_right_is_down_and_explained(prober, handle, options, reason, detail):
    with Server(handle) as server:
        outcome = probe(prober, server, **options)
    assert (outcome.vote, outcome.reason) == (Vote.DOWN, reason)
    assert detail in outcome.detail


@pytest.mark.parametrize(
    ("typed", "stored"),
    [("wss://Example.com", "wss://example.com"), ("ws://example.com:8080/a?b", "ws://example.com:8080/a?b")],
)
def test_targets_have_one_spelling(typed, stored):
    assert KIND.clean_target(typed, allow_private=False) == stored


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ("", "Enter an address"),
        ("https://example.com", "Use ws:// or wss://"),
        ("example.com", "Add wss:// in front"),
        ("ws://example.com:22", "Port 22 belongs to another service"),
        ("ws://127.0.0.1", "is not a public address"),
    ],
)
def test_a_wrong_target_is_named_with_the_way_out(typed, wrong):
    with pytest.raises(UrlError, match=wrong):
        KIND.clean_target(typed, allow_private=False)
