"""Conversations of a kind's own: what the engine owes them, whatever the other side does."""

import socket
import struct
import threading
import time

import pytest

from monitors.domain.verdict import Vote
from monitors.probes.kinds import KINDS, Connect, Finding, Receive, Secure, Send, TalkError
from monitors.probes.reasons import Reason
from tests.helpers import wait_until
from tests.monitors.probes.conftest import check_of
from tests.servers import NameServer, Server, Target, silent, tripwire
from uptime.lib.resolver import Names


class Talker:
    """A kind that does what the test says."""

    def __init__(self, conversation):
        self.conversation = conversation

    def probe(self, check, guard):
        host, _, port = check.target.rpartition(":")
        return (yield from self.conversation(host, int(port)))


@pytest.fixture
def talks(monkeypatch):
    """Makes the kind `talk` hold this conversation."""
    return lambda conversation: monkeypatch.setitem(KINDS._kinds, "talk", Talker(conversation))


def at(server):
    return f"127.0.0.1:{server.port}"


def says(*parts, stay=True):
    """For `Server`: these parts one after the other, each once the peer sent something; then silence, or the end."""

    def handle(server, connection):
        for index, part in enumerate(parts):
            if index:
                connection.recv(4096)
            connection.sendall(part)
        if stay:
            server.over.wait()

    return handle


def greeting(heard):
    return heard.find(b"\n") + 1


def hello(host, port):
    yield Connect(host, port)
    return Finding(None, (yield Receive(greeting, "the greeting")).decode())


def dialogue(host, port):
    yield Connect(host, port)
    first = yield Receive(greeting)
    yield Send(b"more\n")
    second = yield Receive(greeting)
    return Finding(None, f"{first} {second}")


# What is said ------------------------------------------------------------------------------------------------------
def test_a_conversation_reads_from_top_to_bottom(prober, talks):
    talks(dialogue)
    with Server(says(b"one\n", b"two\n")) as server:
        outcome = prober.probe(at(server), kind="talk")
    assert (outcome.vote, outcome.detail) == (Vote.UP, "b'one\\n' b'two\\n'")
    assert outcome.address == "127.0.0.1"


def test_what_comes_early_is_kept_for_the_next_step(prober, talks):
    talks(dialogue)
    with Server(says(b"one\ntwo\nthree")) as server:
        assert prober.probe(at(server), kind="talk").detail == "b'one\\n' b'two\\n'"


def test_many_lines_at_once_are_many_steps_and_no_deep_recursion(prober, talks):
    def count(host, port):
        yield Connect(host, port)
        lines = 0
        while (yield Receive(greeting)) != b".\n":
            lines += 1
        return Finding(None, str(lines))

    talks(count)
    with Server(says(b"x\n" * 5000 + b".\n")) as server:
        assert prober.probe(at(server), kind="talk").detail == "5000"


def test_much_is_sent_at_the_pace_of_who_takes_it(prober, talks):
    size = 8_000_000

    def pour(host, port):
        yield Connect(host, port)
        yield Send(b"x" * size)
        return Finding(None, (yield Receive(greeting)).decode())

    def measure(_server, connection):
        left = size
        while left:
            left -= len(connection.recv(65_536))
        connection.sendall(b"all of it\n")

    talks(pour)
    with Server(measure) as server:
        assert prober.probe(at(server), kind="talk", timeout_ms=10_000).detail == "all of it\\n"


def test_silence_can_be_noticed_before_the_time_is_up(prober, talks):
    def patient(host, port):
        yield Connect(host, port)
        silence = yield Receive(greeting, patience_s=0.05)
        yield Send(b"are you there?\n")
        return Finding(None, f"{silence!r} {(yield Receive(greeting))!r}")

    def shy(_server, connection):
        connection.recv(100)
        connection.sendall(b"yes\n")

    talks(patient)
    with Server(shy) as server:
        assert prober.probe(at(server), kind="talk").detail == "b'' b'yes\\n'"


def test_phases_are_told_as_far_as_they_exist(prober, talks):
    talks(hello)
    with Server(says(b"hi\n")) as server:
        outcome = prober.probe(at(server), kind="talk")
    assert (outcome.phases.dns, outcome.phases.tls) == (None, None)
    assert None not in (outcome.phases.connect, outcome.phases.first_byte, outcome.phases.transfer)
    whole = sum(filter(None, outcome.phases.to_wire()))
    assert whole <= outcome.response_ms < whole + 250


def test_a_name_is_looked_up_and_timed(make_prober, talks):
    talks(hello)
    with NameServer({"mail.example": ["127.0.0.1"]}) as names, Server(says(b"hi\n")) as server:
        prober = make_prober(names=Names((names.address,)))
        outcome = prober.probe(f"mail.example:{server.port}", kind="talk")
    assert outcome.vote is Vote.UP
    assert outcome.phases.dns > 0


def test_of_several_addresses_the_next_is_tried_when_one_refuses(make_prober, talks):
    talks(hello)
    with NameServer({"mail.example": ["127.0.0.7", "127.0.0.1"]}) as names, Server(says(b"hi\n")) as server:
        prober = make_prober(names=Names((names.address,)))
        outcome = prober.probe(f"mail.example:{server.port}", kind="talk")
    assert (outcome.vote, outcome.address, outcome.attempts) == (Vote.UP, "127.0.0.1", 1)


def test_a_second_connection_takes_the_place_of_the_first(prober, talks):
    def twice(host, port):
        yield Connect(host, port)
        yield Receive(greeting)
        yield Connect(host, port)
        return Finding(None, (yield Receive(greeting)).decode())

    talks(twice)
    with Server(says(b"hi\n", b"")) as server:
        assert prober.probe(at(server), kind="talk").vote is Vote.UP
        assert server.connections == 2


def test_datagrams_nobody_asked_for_are_forgotten(prober, talks):
    def ask(host, port):
        yield Connect(host, port, "udp")
        yield Send(b"?")
        return Finding(None, (yield Receive(lambda heard: heard.startswith(b"right"))).decode())

    talks(ask)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        prober.submit(check_of(f"127.0.0.1:{server.getsockname()[1]}", kind="talk"))
        _, peer = server.recvfrom(100)
        for answer in (b"wrong", b"", b"right"):
            server.sendto(answer, peer)
        outcome = wait_until(lambda: prober.of(1))
    assert (outcome.detail, outcome.phases.connect) == ("right", None)


# What goes wrong ---------------------------------------------------------------------------------------------------
def resets(server, connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def floods(server, connection):
    while not server.over.is_set():
        connection.sendall(b"x" * 65_536)


def drips(server, connection):
    while not server.over.wait(0.02):
        connection.sendall(b"x")


@pytest.mark.parametrize(
    ("behaviour", "reason", "detail"),
    [
        (silent, Reason.TIMEOUT_FIRST_BYTE, "waiting for the greeting"),
        (drips, Reason.TIMEOUT_TRANSFER, "was not complete within 1.5 s"),
        (floods, Reason.PROTOCOL_ERROR, "says more than 64 kB"),
        (resets, Reason.RESET, "Connection reset by 127.0.0.1 port"),
        (says(b"", stay=False), Reason.CLOSED, "closed the connection while we waited for the greeting"),
        (says(b"half", stay=False), Reason.CLOSED, "closed the connection before its answer was complete"),
    ],
)
def test_whatever_the_other_side_does_has_a_name(prober, talks, behaviour, reason, detail):
    talks(hello)
    with Server(behaviour) as server:
        outcome = prober.probe(at(server), kind="talk")
    assert (outcome.vote, outcome.reason) == (Vote.DOWN, reason)
    assert detail in outcome.detail
    assert outcome.response_ms is None


def test_who_never_comes_to_an_end_is_not_listened_to_for_ever(prober, talks):
    def patient(host, port):
        yield Connect(host, port)
        while True:
            yield Receive(greeting)

    talks(patient)
    with Server(says(b"\n" * 60_000)) as server:
        outcome = prober.probe(at(server), kind="talk", timeout_ms=1900)
    assert (outcome.vote, outcome.reason) == (Vote.DOWN, Reason.PROTOCOL_ERROR)
    assert "says more than 10000 things" in outcome.detail


def test_a_closed_port_refuses(prober, talks):
    talks(hello)
    with Server(silent) as server:
        place = at(server)
    outcome = prober.probe(place, kind="talk")
    assert (outcome.reason, outcome.detail) == (Reason.REFUSED, f"Connection refused by {place.replace(':', ' port ')}")


def test_a_failure_is_tried_once_more_with_a_fresh_connection(prober, talks):
    talks(hello)
    with Server(says(b"", stay=False)) as server:
        outcome = prober.probe(at(server), kind="talk", timeout_ms=3500)
        assert (outcome.attempts, server.connections) == (2, 2)


def test_a_kind_may_know_better_what_a_broken_conversation_means(prober, talks):
    def tolerant(host, port):
        yield Connect(host, port)
        try:
            yield Receive(greeting)
        except TalkError as error:
            return Finding(None, f"{error.finding.reason}: {error.heard.decode()}")

    talks(tolerant)
    with Server(says(b"half", stay=False)) as server:
        assert prober.probe(at(server), kind="talk").detail == "closed: half"
    with Server(says(b"slow half")) as server:
        assert prober.probe(at(server), kind="talk").detail == "timeout_transfer: slow half"


def test_when_the_time_is_up_nothing_more_is_done_for_a_kind(prober, talks):
    def insists(host, port):
        yield Connect(host, port)
        for _ in range(3):
            try:
                yield Receive(greeting, "Godot")
            except TalkError:
                continue
        return Finding(None)

    talks(insists)
    with Server(silent) as server:
        start = time.monotonic()
        outcome = prober.probe(at(server), kind="talk")
    assert (outcome.reason, time.monotonic() - start < 3) == (Reason.TIMEOUT_FIRST_BYTE, True)


def test_a_kind_that_talks_before_it_connects_is_no_target_s_fault(prober, talks):
    def muddled(host, port):
        yield Send(b"hello?")
        return Finding(None)

    talks(muddled)
    outcome = prober.probe("127.0.0.1:1", kind="talk")
    assert (outcome.vote, outcome.reason) == (Vote.NODATA, Reason.LOCAL_ERROR)


# Guard -------------------------------------------------------------------------------------------------------------
def test_a_private_address_is_not_connected_to(make_prober, talks):
    talks(hello)
    with tripwire() as server, NameServer({"trap.example": ["127.0.0.1"]}) as names:
        prober = make_prober(allow_private=False, names=Names((names.address,)))
        for target in (at(server), f"trap.example:{server.port}"):
            outcome = prober.probe(target, kind="talk")
            assert (outcome.vote, outcome.reason) == (Vote.NODATA, Reason.BLOCKED_ADDRESS)


def test_one_private_address_among_public_ones_spoils_the_name(make_prober, talks):
    talks(hello)
    with tripwire() as server, NameServer({"trap.example": ["192.88.98.1", "127.0.0.1"]}) as names:
        prober = make_prober(allow_private=False, names=Names((names.address,)))
        assert prober.probe(f"trap.example:{server.port}", kind="talk").reason is Reason.BLOCKED_ADDRESS


# TLS ---------------------------------------------------------------------------------------------------------------
def secretly(host, port):
    yield Connect(host, port)
    secured = yield Secure(host)
    yield Send(b"psst\n")
    answer = yield Receive(greeting)
    return Finding(None, f"{secured.version} {len(secured.chain)} {answer.decode()}")


def test_a_conversation_under_tls(make_prober, authority, talks):
    talks(secretly)

    def echo(_server, connection):
        connection.sendall(connection.recv(100))

    prober = make_prober(ca_file=authority.ca_file)
    with Server(echo, tls=authority.context("127.0.0.1")) as server:
        outcome = prober.probe(at(server), kind="talk")
    assert outcome.detail == "TLSv1.3 1 psst\\n"
    assert outcome.phases.tls > 0
    assert outcome.phases.first_byte is not None


@pytest.mark.parametrize(
    ("names", "days", "reason", "detail"),
    [
        (("other.example",), (-1, 30), Reason.TLS_NAME_MISMATCH, "not for 127.0.0.1, but for other.example"),
        (("127.0.0.1",), (-9, -2), Reason.TLS_EXPIRED, "Certificate expired 2 days ago"),
        (("127.0.0.1",), (3.5, 9), Reason.TLS_EXPIRED, "Certificate is valid only in 3 days"),
    ],
)
def test_a_certificate_that_is_not_good_is_explained(make_prober, authority, talks, names, days, reason, detail):
    talks(secretly)
    prober = make_prober(ca_file=authority.ca_file)
    with Server(silent, tls=authority.context(*names, days=days)) as server:
        outcome = prober.probe(at(server), kind="talk")
    assert (outcome.vote, outcome.reason) == (Vote.DOWN, reason)
    assert detail in outcome.detail


def test_an_unknown_authority_is_not_trusted(prober, authority, talks):
    talks(secretly)
    with Server(silent, tls=authority.context("127.0.0.1")) as server:
        assert prober.probe(at(server), kind="talk").reason is Reason.TLS_UNTRUSTED


@pytest.mark.parametrize(
    ("behaviour", "reason", "detail"),
    [
        (silent, Reason.TIMEOUT_TLS, "waiting for the TLS handshake"),
        (says(b"SSH-2.0-OpenSSH_9.2\r\n"), Reason.TLS_ERROR, "The TLS handshake with 127.0.0.1 port"),
        (lambda server, connection: connection.recv(4096), Reason.CLOSED, "during the TLS handshake"),
        (says(b"\x15\x03\x01\x00\x02\x02\x28"), Reason.TLS_ERROR, "handshake failure"),
    ],
)
def test_a_handshake_that_fails_is_explained(prober, talks, behaviour, reason, detail):
    talks(secretly)
    with Server(behaviour) as server:
        outcome = prober.probe(at(server), kind="talk")
    assert outcome.reason is reason
    assert detail in outcome.detail


def test_words_in_the_clear_before_the_handshake_do_not_count_as_protected(prober, talks):
    """CVE-2011-0411: what is injected behind the answer to STARTTLS."""

    def start_tls(host, port):
        yield Connect(host, port)
        yield Receive(greeting)
        yield Secure(host)
        return Finding(None)

    talks(start_tls)
    with Server(says(b"go ahead\n250 injected\n")) as server:
        outcome = prober.probe(at(server), kind="talk")
    assert (outcome.reason, "between STARTTLS and the handshake" in outcome.detail) == (Reason.PROTOCOL_ERROR, True)


def test_rubbish_under_tls_breaks_the_connection(make_prober, authority, talks):
    talks(secretly)
    prober = make_prober(ca_file=authority.ca_file)

    def rubbish(_server, connection):
        connection.recv(100)
        raw = socket.socket(fileno=connection.detach())
        raw.sendall(b"\x17\x03\x03\x00\x20" + b"x" * 32)
        raw.close()

    with Server(rubbish, tls=authority.context("127.0.0.1")) as server:
        outcome = prober.probe(at(server), kind="talk")
    assert (outcome.vote, outcome.reason) == (Vote.DOWN, Reason.TLS_ERROR)


# Nobody waits for anybody ------------------------------------------------------------------------------------------
def test_fifty_hanging_targets_delay_neither_websites_nor_each_other(prober, talks):
    talks(hello)
    threads = threading.active_count()
    with Server(silent) as deaf, Target() as website:
        place = at(deaf)
        prober.submit(*(check_of(place, monitor=number, kind="talk", timeout_ms=2500) for number in range(1, 51)))
        wait_until(lambda: deaf.connections == 50)
        ours = threading.active_count() - 50  # the deaf server has a thread for each
        website_outcomes = [prober.probe(website.url, monitor=100 + turn) for turn in range(20)]
        assert len(prober.outcomes) == 20, "the websites did not wait for the silent ones"
        wait_until(lambda: len(prober.outcomes) == 70)
    assert ours - threads <= 2, "waiting holds no thread of ours"
    assert {outcome.vote for outcome in website_outcomes} == {Vote.UP}
    hung = [outcome for outcome in prober.outcomes if outcome.monitor <= 50]
    assert {outcome.reason for outcome in hung} == {Reason.TIMEOUT_FIRST_BYTE}
    starts = [outcome.started_at for outcome in hung]
    assert max(starts) - min(starts) < 1000


def test_what_is_broken_off_leaves_no_socket_behind(make_prober, talks):
    talks(hello)
    ended = threading.Event()

    def watch(_server, connection):
        connection.recv(1)  # b"" or an error once the prober hangs up
        ended.set()

    prober = make_prober()
    with Server(watch) as server:
        prober.submit(check_of(at(server), kind="talk", timeout_ms=30_000))
        wait_until(lambda: server.connections)
        prober.engine.stop(0)
        assert ended.wait(5)
    assert prober.of(1).reason is Reason.WORKER_STOPPING
