"""What holds for every kind there is, those added later included."""

import os
import random
import threading

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monitors.domain.verdict import Vote
from monitors.probes.kinds import probed_kinds
from monitors.probes.reasons import Reason
from tests.helpers import wait_until
from tests.monitors.probes.conftest import check_of
from tests.servers import NameServer, Server, tripwire
from tests.ssrf_cases import MUST_DENY, SPELLINGS, as_host
from uptime.lib.net import UrlError, networks
from uptime.lib.resolver import Names

HOSTS = [as_host(each) for each in MUST_DENY if each != "nonsense"]
# How a target of each kind holds a host and a port; a kind that is not named here takes the host alone.
SHAPES = dict.fromkeys(("tcp", "udp", "tls", "smtp", "imap", "pop"), "{}:{}")
SHAPES |= {"http": "http://{}:{}", "grpc": "http://{}:{}", "websocket": "ws://{}:{}"}
# What each is asked to do, so that it has something to say and to wait for.
ASKED = {
    "tcp": {"send": "hello", "expect": "welcome"},
    "udp": {"send": "hello"},
    "websocket": {"expect": "welcome"},
    "http": {"keyword": "welcome"},
}
STREAMS = sorted(set(SHAPES) - {"udp"})
each_kind = pytest.mark.parametrize("kind", probed_kinds(), ids=lambda kind: kind.name)


def target_of(kind, host, port):
    return SHAPES.get(kind, "{}").format(host, port)


@each_kind
@pytest.mark.parametrize("host", [*HOSTS, *SPELLINGS, "localhost", "a.localhost"])
def test_the_form_refuses_a_private_target_of_any_kind(kind, host):
    with pytest.raises(ValueError, match=r"\."):
        kind.clean_target(target_of(kind.name, host, 8080), allow_private=False)


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "trap.example", "half.example"])
def test_no_kind_connects_to_a_private_address(make_prober, kind, host):
    records = {"trap.example": ["127.0.0.1"], "half.example": ["127.0.0.2", "127.0.0.1"]}
    with tripwire() as wire, NameServer(records) as names:
        prober = make_prober(allow_private=False, allowed=networks(["127.0.0.2"]), names=Names((names.address,)))
        outcome = prober.probe(target_of(kind, host, wire.port), kind=kind, **ASKED.get(kind, {}))
    assert outcome.vote is Vote.NODATA
    assert outcome.reason in (Reason.BLOCKED_ADDRESS, Reason.BAD_CHECK)


@each_kind
@given(text=st.text(max_size=60) | st.from_regex(r"[a-z:/\[\]@.#?%0-9]{1,40}", fullmatch=True))
@example(text="a.example:22")
@example(text="[::1]:22")
@example(text="ws://a.example")
def test_a_target_is_refused_or_has_one_spelling(kind, text):
    stored = spelled(kind, text)
    if stored is not None:
        assert spelled(kind, stored) == stored
        assert stored.isascii()
        assert len(stored) <= 2048


def spelled(kind, text):
    """How the kind stores a target; None for one that it refuses."""
    try:
        return kind.clean_target(text, allow_private=False)
    except UrlError:
        return None


@each_kind
def test_options_are_plain_and_come_back_as_they_were(kind):
    defaults = kind.Options.of(ASKED.get(kind.name, {}))
    assert defaults.is_valid(), defaults.errors
    again = kind.Options.of(defaults.cleaned_data)
    assert again.is_valid()
    assert again.cleaned_data == defaults.cleaned_data
    assert set(kind.secret_fields) <= set(kind.Options.base_fields)


@pytest.mark.parametrize("kind", STREAMS)
@pytest.mark.parametrize("seed", range(4))
def test_rubbish_from_a_target_is_its_own_fault_and_harmless(prober, kind, seed):
    noise = random.Random(seed).randbytes(3000)
    heads = (b"", b"220 hello\r\n", b"* OK \xff\0\r\n+OK\r\n", b"HTTP/1.1 101 \x1b[31m\r\n\r\n")

    def handle(server, connection):
        connection.sendall(heads[seed] + noise)
        server.over.wait(1)

    with Server(handle) as server:
        outcome = prober.probe(target_of(kind, "127.0.0.1", server.port), kind=kind, **ASKED.get(kind, {}))
    assert outcome.vote is Vote.DOWN, outcome
    assert outcome.detail.isprintable()


@pytest.mark.parametrize("kind", STREAMS)
def test_a_flood_is_cut_off(prober, kind):
    """The verdict comes in time, and no more is read than is kept."""

    def handle(server, connection):
        while not server.over.is_set():
            connection.sendall(b"220-welc" * 8192)

    with Server(handle) as server:
        outcome = prober.probe(target_of(kind, "127.0.0.1", server.port), kind=kind, **ASKED.get(kind, {}))
    assert outcome.vote is Vote.DOWN


def test_hundreds_of_hostile_targets_leave_neither_threads_nor_sockets(prober):
    def handle(server, connection):
        connection.sendall(b"220-")
        server.over.wait()

    with Server(handle) as server:
        place = f"127.0.0.1:{server.port}"
        prober.probe(place, kind="smtp", timeout_ms=500)  # whatever is made once is made now
        threads, files = threading.active_count(), len(os.listdir("/proc/self/fd"))
        kinds = [kind for kind in STREAMS if kind not in ("http", "grpc", "websocket")]
        checks = [
            check_of(place, kind=kinds[number % len(kinds)], monitor=number, timeout_ms=1500, expect="x")
            for number in range(1, 251)
        ]
        prober.submit(*checks)
        wait_until(lambda: len(prober.outcomes) == 251, timeout=30)
        assert {outcome.vote for outcome in prober.outcomes} == {Vote.DOWN}
    wait_until(lambda: threading.active_count() <= threads, what="the server's threads to end")
    wait_until(lambda: len(os.listdir("/proc/self/fd")) <= files, what="sockets to be closed")
