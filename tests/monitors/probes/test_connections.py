"""Every way a connection can fail, on real sockets, with the reason and the sentence people read."""

import gzip
import socket
import ssl
import struct
import time

import pytest

from monitors.domain.verdict import Vote
from monitors.probes.reasons import Reason
from monitors.probes.transfer import MAX_BODY
from tests.servers import (
    Server,
    Target,
    answer,
    drip,
    flood,
    hang,
    raw,
    reset,
    silent,
    slow,
)

FAST_MS = 600  # for what must run into its timeout
OK = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
def target():
    with Target() as website:
        yield website


def test_a_healthy_website_is_up_with_all_its_facts(prober, target):
    before = time.time_ns() // 1_000_000
    outcome = prober.probe(f"{target.url}/health?deep=1")
    assert (outcome.vote, outcome.reason, outcome.detail) == (Vote.UP, None, "")
    assert (outcome.status_code, outcome.address, outcome.attempts) == (200, "127.0.0.1", 1)
    assert before <= outcome.started_at <= time.time_ns() // 1_000_000
    phases = outcome.phases
    assert phases.dns is None
    assert phases.tls is None
    assert phases.connect + phases.first_byte + phases.transfer <= outcome.response_ms + 1
    [seen] = target.requests
    assert (seen.method, seen.path) == ("GET", "/health?deep=1")
    assert seen.headers["host"] == f"127.0.0.1:{target.port}"
    assert seen.headers["user-agent"].startswith("Uptime/")
    assert seen.headers["accept"] == "*/*"
    assert "gzip" in seen.headers["accept-encoding"]


def test_a_name_is_resolved_and_timed(prober, target):
    outcome = prober.probe(f"http://localhost:{target.port}/")
    assert outcome.vote is Vote.UP
    assert outcome.phases.dns is not None
    assert target.requests[0].headers["host"] == f"localhost:{target.port}"


def test_a_website_with_an_ipv6_address_is_reached(prober):
    with Target("::1") as website:
        assert prober.probe(website.url).address == "::1"


def test_the_slow_phase_is_where_the_time_went(prober, target):
    target.does(slow(0.2, answer()))
    outcome = prober.probe(target.url)
    assert outcome.phases.first_byte >= 190
    assert outcome.response_ms >= 190
    assert outcome.phases.connect < 190


def test_a_port_without_a_listener_is_refused(prober, target):
    target.refuses()
    outcome = prober.probe(target.url)
    assert outcome.reason is Reason.REFUSED
    assert outcome.detail == f"Connection refused by 127.0.0.1 port {target.port}"
    assert outcome.address == "127.0.0.1"
    assert outcome.response_ms is None
    target.heals()
    assert prober.probe(target.url).vote is Vote.UP


TRICKLE = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"


@pytest.mark.parametrize(
    ("behaviour", "reason", "detail"),
    [
        (reset(), Reason.RESET, "Connection reset by 127.0.0.1 port {port} without an answer"),
        (reset(TRICKLE), Reason.RESET, "Connection reset by 127.0.0.1 port {port} before its answer was complete"),
        (raw(b""), Reason.CLOSED, "127.0.0.1 port {port} closed the connection without an answer"),
        (raw(OK), Reason.CLOSED, None),
        (raw(TRICKLE), Reason.CLOSED, "127.0.0.1 port {port} closed the connection before its answer was complete"),
        (raw(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"), Reason.CLOSED, None),
        (raw(b"SSH-2.0-OpenSSH_9.9\r\n"), Reason.PROTOCOL_ERROR, None),
        (raw(b"\x15\x03\x01\x00\x02\x02\x0a"), Reason.PROTOCOL_ERROR, None),
        (raw(b"\x00\x1b[31m\xff" * 50), Reason.PROTOCOL_ERROR, None),
        (raw(OK + b"Content-Length: -5\r\n\r\nabc"), Reason.PROTOCOL_ERROR, None),
        (raw(OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), Reason.PROTOCOL_ERROR, None),
        (raw(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"), Reason.PROTOCOL_ERROR, None),
        (raw(OK + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"), Reason.PROTOCOL_ERROR, None),
        (raw(OK + b"Content-Encoding: " + b"gzip, " * 50 + b"gzip\r\n\r\nx"), Reason.PROTOCOL_ERROR, None),
        (raw(OK + b"X: " + b"a" * 200_000 + b"\r\n\r\n"), Reason.HEADER_TOO_LARGE, "The headers are larger than 64 kB"),
        (raw(OK + b"X-Filler: 1234567890\r\n" * 20_000 + b"\r\n"), Reason.HEADER_TOO_LARGE, None),
        (raw(b"HTTP/1.1 200 " + b"a" * 70_000 + b"\r\n\r\n"), Reason.HEADER_TOO_LARGE, None),
        (flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100), Reason.HEADER_TOO_LARGE, None),
    ],
)
def test_a_broken_answer_has_its_reason(prober, target, behaviour, reason, detail):
    target.does(behaviour)
    outcome = prober.probe(target.url)
    assert outcome.reason is reason, outcome
    assert outcome.vote is Vote.DOWN
    assert outcome.response_ms is None
    assert outcome.detail.isprintable()
    if detail:
        assert outcome.detail == detail.format(port=target.port)


@pytest.mark.parametrize(
    ("behaviour", "reason", "detail"),
    [
        (hang, Reason.TIMEOUT_FIRST_BYTE, "No answer within 0.6 s: connected, waiting for the first byte"),
        (drip(b"HTTP/1.1 200 ", b"O"), Reason.TIMEOUT_FIRST_BYTE, None),  # no line is complete
        (drip(OK, b"X: y\r\n"), Reason.TIMEOUT_TRANSFER, "The answer was not complete within 0.6 s"),
        (drip(OK + b"Content-Length: 10000\r\n\r\n"), Reason.TIMEOUT_TRANSFER, None),
        (drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), Reason.TIMEOUT_TRANSFER, None),
        (drip(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"), Reason.TIMEOUT_TRANSFER, None),
        (raw(TRICKLE, stay=True), Reason.TIMEOUT_TRANSFER, None),
    ],
)
def test_no_answer_outlasts_the_deadline(prober, target, behaviour, reason, detail):
    target.does(behaviour)
    start = time.monotonic()
    outcome = prober.probe(target.url, timeout_ms=FAST_MS)
    assert FAST_MS / 1000 <= time.monotonic() - start < FAST_MS / 1000 + 1
    assert outcome.reason is reason, outcome
    assert outcome.phases.connect is not None
    assert outcome.attempts == 1
    if detail:
        assert outcome.detail == detail


def test_a_connection_nobody_accepts_times_out_while_connecting(prober):
    with socket.socket() as listener:  # a full backlog: further connections are left without an answer
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        with socket.create_connection(address), socket.socket() as second:
            second.setblocking(False)
            second.connect_ex(address)
            outcome = prober.probe("http://127.0.0.1:{1}".format(*address), timeout_ms=FAST_MS)
    assert outcome.reason is Reason.TIMEOUT_CONNECT
    assert outcome.detail == f"No connection to 127.0.0.1 port {address[1]} within 0.6 s"
    assert outcome.phases.connect is None


def test_a_tls_handshake_that_hangs_is_told_from_a_slow_answer(prober):
    with Server(silent) as server:
        outcome = prober.probe(server.url.replace("http:", "https:"), timeout_ms=FAST_MS)
    assert outcome.reason is Reason.TIMEOUT_TLS
    assert outcome.detail == "No answer within 0.6 s: connected, waiting for the TLS handshake"


# Bodies ------------------------------------------------------------------------------------------------------------
def test_an_endless_page_is_up_on_its_status_and_read_no_further(prober, target):
    target.does(flood(OK + b"\r\n"))
    outcome = prober.probe(target.url)
    assert outcome.vote is Vote.UP
    assert outcome.status_code == 200


def test_a_keyword_is_searched_in_the_first_megabyte_only(prober, target):
    target.does(flood(OK + b"\r\nwelcome"))
    assert prober.probe(target.url, keyword="WELCOME").vote is Vote.UP
    assert prober.probe(target.url, keyword="goodbye").reason is Reason.BODY_TOO_LARGE
    assert prober.probe(target.url, keyword="goodbye", keyword_mode="absent").vote is Vote.UP


@pytest.mark.parametrize("size", [MAX_BODY - 1, MAX_BODY, MAX_BODY + 1])
def test_the_cap_is_exact(prober, target, size):
    target.does(answer(body=b"x" * (size - 3) + b"end"))
    reason = prober.probe(target.url, keyword="end").reason
    assert reason is (None if size <= MAX_BODY else Reason.BODY_TOO_LARGE)


def test_a_decompression_bomb_stays_small(prober, target):
    bomb = gzip.compress(b"\0" * 60_000_000, 9)
    target.does(answer(body=bomb, Content_Encoding="gzip"))
    assert prober.probe(target.url).vote is Vote.UP
    assert prober.probe(target.url, keyword="welcome").reason is Reason.BODY_TOO_LARGE
    target.does(answer(body=gzip.compress(bomb), Content_Encoding="gzip, gzip"))
    assert prober.probe(target.url, keyword="welcome").reason is Reason.BODY_TOO_LARGE


def test_a_compressed_page_is_searched_decoded(prober, target):
    target.does(answer(body=gzip.compress("Grüße".encode()), Content_Encoding="gzip"))
    assert prober.probe(target.url, keyword="grüsse").vote is Vote.UP


# TLS ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("names", "days", "reason", "detail"),
    [
        (["127.0.0.1", "localhost"], (-1, 30), None, ""),
        (["*.example", "b.example"], (-1, 30), Reason.TLS_NAME_MISMATCH, "but for *.example, b.example"),
        (["127.0.0.1"], (-30, -3), Reason.TLS_EXPIRED, "Certificate expired 3 days ago"),
        (["127.0.0.1"], (-30, -0.1), Reason.TLS_EXPIRED, "Certificate expired 2 hours ago"),
        (["127.0.0.1"], (2.1, 30), Reason.TLS_EXPIRED, "Certificate is valid only in 2 days"),
    ],
)
def test_a_certificate_is_judged(make_prober, authority, names, days, reason, detail):
    prober = make_prober(ca_file=authority.ca_file)
    with Target(tls=authority.context(*names, days=days)) as website:
        outcome = prober.probe(website.url)
        assert outcome.reason is reason, outcome
        assert detail in outcome.detail
        assert not website.requests or reason is None
        assert prober.probe(website.url, verify_tls=False).vote is Vote.UP


def test_a_verified_handshake_is_timed_and_never_resumed(make_prober, authority):
    prober = make_prober(ca_file=authority.ca_file)
    context = authority.context("localhost")
    resumed = []

    def serve(_server, connection):
        resumed.append(connection.session_reused)
        connection.recv(4096)
        connection.sendall(OK + b"Content-Length: 0\r\n\r\n")

    with Server(serve, tls=context) as server:
        for _ in range(2):
            outcome = prober.probe(f"https://localhost:{server.port}/")
            assert outcome.vote is Vote.UP
            assert outcome.phases.tls > 0
    assert resumed == [False, False]


def test_an_unknown_authority_is_not_trusted(prober, authority):
    with Target(tls=authority.context("127.0.0.1")) as website:
        outcome = prober.probe(website.url)
        assert outcome.reason is Reason.TLS_UNTRUSTED
        assert "unable to get local issuer certificate" in outcome.detail
        assert website.requests == []
        assert prober.probe(website.url, verify_tls=False).vote is Vote.UP
        assert prober.probe(website.url).reason is Reason.TLS_UNTRUSTED


@pytest.mark.parametrize("curve", ["prime256v1", "secp384r1", "secp521r1"])
def test_a_server_may_insist_on_any_of_the_usual_curves(make_prober, authority, curve):
    """Beside X25519, which all others here agree on, and which not every Python can be told to insist on."""
    context = authority.context("127.0.0.1")
    context.set_ecdh_curve(curve)
    with Target(tls=context) as target:
        assert make_prober(ca_file=authority.ca_file).probe(f"{target.url}/").vote is Vote.UP


def test_no_common_cipher_is_a_tls_failure(prober):
    with Target(tls=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)) as website:  # it has no certificate at all
        outcome = prober.probe(website.url)
    assert outcome.reason is Reason.TLS_ERROR


def test_plain_http_on_a_tls_port_is_a_tls_failure(prober):
    with Server(lambda _, connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
        outcome = prober.probe(server.url.replace("http:", "https:"))
    assert outcome.reason is Reason.TLS_ERROR


def test_a_reset_during_the_handshake_is_a_reset(prober):
    def serve(_server, connection):
        connection.recv(10)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with Server(serve) as server:
        outcome = prober.probe(server.url.replace("http:", "https:"))
    assert outcome.reason is Reason.RESET


def test_a_handshake_that_ends_in_silence_is_a_closed_connection(prober):
    def serve(_server, connection):
        connection.recv(4096)

    with Server(serve) as server:
        outcome = prober.probe(server.url.replace("http:", "https:"))
    assert outcome.reason is Reason.CLOSED


def test_text_of_the_target_is_escaped(make_prober, authority):
    prober = make_prober(ca_file=authority.ca_file)
    with Target(tls=authority.context("x.example")) as website:
        website.does(answer(429, Retry_After="\x1b[31m\u202e5"))
        outcome = prober.probe(website.url, verify_tls=False)
    assert outcome.reason is Reason.RATE_LIMITED
    assert outcome.detail.isprintable()
    assert "\\x1b[31m" in outcome.detail


def test_an_ipv4_address_in_ipv6_spelling_is_reached_where_private_targets_are_allowed(prober, target):
    for kind, place in (("http", "http://[::ffff:127.0.0.1]:{}/"), ("tcp", "[::ffff:7f00:1]:{}")):
        outcome = prober.probe(place.format(target.port), kind=kind)
        assert (outcome.vote, outcome.address) == (Vote.UP, "::ffff:127.0.0.1"), outcome
