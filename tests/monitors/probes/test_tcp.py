"""The kind tcp: an open port, and what it says."""

import pytest
from django.core.exceptions import ValidationError

from monitors.domain.verdict import Vote
from monitors.probes.options import WordsField, unescape
from monitors.probes.reasons import Reason
from monitors.probes.tcp import KIND, Options
from tests.servers import Server, silent, tripwire
from uptime.lib.net import DENIED_PORTS, SERVICE_PORTS, STRICT, Guard, UrlError


def probe(prober, server, **options):
    return prober.probe(f"127.0.0.1:{server.port}", kind="tcp", **options)


def echo(server, connection):
    while data := connection.recv(4096):
        connection.sendall(data)


def test_an_open_port_is_up(prober):
    with Server(silent) as server:
        outcome = probe(prober, server)
    assert (outcome.vote, outcome.attempts) == (Vote.UP, 1)
    assert outcome.response_ms >= outcome.phases.connect


def test_a_closed_port_is_down(prober):
    with Server(silent) as server:
        pass
    assert probe(prober, server).reason is Reason.REFUSED


def test_the_answer_to_what_is_sent_is_searched(prober):
    with Server(echo) as server:
        outcome = probe(prober, server, send=r"PING\r\n", expect=r"NG\r")
    assert outcome.vote is Vote.UP


def test_another_answer_is_quoted(prober):
    with Server(echo) as server:
        outcome = probe(prober, server, send="-LOADING", expect="+PONG")
    assert (outcome.reason, outcome.detail) == (Reason.KEYWORD_MISSING, "Answered “-LOADING”, expected “+PONG”")


def test_no_answer_is_a_timeout(prober):
    with Server(silent) as server:
        outcome = probe(prober, server, expect="SSH-2.0")
    assert outcome.reason is Reason.TIMEOUT_FIRST_BYTE
    assert "waiting for the expected answer" in outcome.detail


def test_a_hostile_answer_is_harmless(prober):
    def hostile(server, connection):
        connection.sendall(b"\x1b[31m\0\xff\xe2\x80\xae<script>")
        server.over.wait()

    with Server(hostile) as server:
        outcome = probe(prober, server, expect="x" * 10)
    assert outcome.reason is Reason.KEYWORD_MISSING
    assert outcome.detail.isprintable()


# Targets -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("Example.COM:5432", "example.com:5432"),
        (" example.com.:22 ", "example.com:22"),
        ("bücher.example:8080", "xn--bcher-kva.example:8080"),
        ("93.184.215.14:25", "93.184.215.14:25"),
        ("[2606:2800:21f::1]:443", "[2606:2800:21f::1]:443"),
    ],
)
def test_targets_have_one_spelling(typed, stored):
    assert KIND.clean_target(typed, allow_private=False) == stored
    assert KIND.clean_target(stored, allow_private=False) == stored


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ("", "Enter a host and port, as in example.com:5432"),
        ("example.com", "The port is missing. Write it behind a colon, as in example.com:5432"),
        ("example.com:", "The port must be a number from 1 to 65535"),
        ("example.com:0", "The port must be a number from 1 to 65535"),
        ("example.com:99999", "The port must be a number"),
        ("example.com:25,587", "The port must be a number"),
        (":22", "The host name is missing"),
        ("https://example.com:443", "This takes a host and port, not a web address"),
        ("2606:2800:21f::1", "An IPv6 address is written in brackets"),
        ("[2606:2800:21f::1]", "The port is missing"),
        ("a b:22", "The address contains a space"),
        ("127.0.0.1:22", "is not a public address"),
        ("0x7f000001:22", "is not a public address"),
        ("[::ffff:127.0.0.1]:22", "is not a public address"),
        ("localhost:22", "is this server itself"),
        ("example.com:2375", "Port 2375 is not monitored here"),
        ("example.com:19", "Port 19 is not monitored here"),
    ],
)
def test_a_wrong_target_is_named_with_the_way_out(typed, wrong):
    with pytest.raises(UrlError, match=wrong.replace("(", r"\(")):
        KIND.clean_target(typed, allow_private=False)


@pytest.mark.parametrize("port", sorted(SERVICE_PORTS))
def test_a_service_s_port_may_be_looked_at_and_not_talked_to(port):
    assert KIND.clean_target(f"example.com:{port}", allow_private=False)
    form = Options({"send": "EHLO"})
    assert form.is_valid()
    form.clean_for(f"example.com:{port}", STRICT)
    assert ("send" in form.errors) == (port in DENIED_PORTS)
    form = Options({"send": "EHLO"})
    form.is_valid()
    form.clean_for(f"example.com:{port}", Guard(allow_private=True))
    assert not form.errors


def test_a_worker_that_guards_sends_nothing_to_a_service_s_port(make_prober):
    prober = make_prober(allow_private=False)
    outcome = prober.probe("192.88.98.1:25", kind="tcp", send="EHLO")
    assert (outcome.vote, outcome.reason) == (Vote.NODATA, Reason.BAD_CHECK)


def test_no_private_port_is_looked_at(make_prober):
    prober = make_prober(allow_private=False)
    with tripwire() as server:
        assert probe(prober, server).reason is Reason.BLOCKED_ADDRESS


# Words -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "data"),
    [("", b""), (r"a\r\n\t\0\\", b"a\r\n\t\0\\"), (r"\x1b[\x7F", b"\x1b[\x7f"), ("ü", b"\xc3\xbc"), (r"\\n", b"\\n")],
)
def test_escapes_stand_for_bytes(text, data):
    assert unescape(text) == data


@pytest.mark.parametrize("text", [r"\q", r"\x1", "\\", r"\xzz"])
def test_an_escape_that_stands_for_nothing_is_named(text):
    with pytest.raises(ValidationError, match="stands for nothing"):
        WordsField().clean(text)
