"""The kind ping, against this machine's own loopback."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.domain.verdict import Vote
from monitors.probes import talk
from monitors.probes.ping import KIND, Options, _checksum, _echo, judge
from monitors.probes.reasons import Reason
from tests.helpers import wait_until
from tests.monitors.probes.conftest import check_of
from tests.servers import NameServer
from uptime.lib.net import UrlError
from uptime.lib.resolver import Names


def may_ping():
    try:
        talk._open("icmp", "127.0.0.1").close()
    except OSError:
        return False
    return True


needs_pings = pytest.mark.skipif(not may_ping(), reason="this machine lets nobody send pings")


@needs_pings
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_machine_that_answers_is_up(prober, address):
    outcome = prober.probe(address, kind="ping", packets=3)
    assert (outcome.vote, outcome.address) == (Vote.UP, address)
    assert outcome.detail.startswith("3 of 3 packets came back, round trip ")
    assert 0 < outcome.response_ms < 500
    assert outcome.phases.connect is None


@needs_pings
def test_a_name_is_looked_up(make_prober):
    with NameServer({"router.example": ["127.0.0.1"]}) as names:
        prober = make_prober(names=Names((names.address,)))
        assert prober.probe("router.example", kind="ping").vote is Vote.UP


@needs_pings
def test_many_pings_at_once_do_not_take_each_other_s_replies(prober):
    prober.submit(*(check_of("127.0.0.1", kind="ping", monitor=number, packets=5) for number in range(1, 41)))
    wait_until(lambda: len(prober.outcomes) == 40)
    assert {outcome.detail.split(",")[0] for outcome in prober.outcomes} == {"5 of 5 packets came back"}


@needs_pings
def test_a_machine_that_is_silent_is_down(prober, monkeypatch):
    monkeypatch.setattr(talk, "_without_ip_header", lambda data: b"")  # as if nothing came back
    outcome = prober.probe("127.0.0.1", kind="ping", packets=2, timeout_ms=500)
    assert (outcome.vote, outcome.reason) == (Vote.DOWN, Reason.TIMEOUT_FIRST_BYTE)
    assert outcome.detail == "None of 2 packets came back"
    assert outcome.response_ms is None


def test_a_worker_that_may_not_send_pings_says_what_to_do(prober, monkeypatch):
    class Forbidden(socket.socket):
        def __init__(self, family, kind, protocol=0, *more, **named):
            if protocol in (socket.IPPROTO_ICMP, socket.IPPROTO_ICMPV6):
                raise PermissionError(1, "Operation not permitted")
            super().__init__(family, kind, protocol, *more, **named)

    monkeypatch.setattr(talk.socket, "socket", Forbidden)
    outcome = prober.probe("127.0.0.1", kind="ping")
    assert (outcome.vote, outcome.reason) == (Vote.NODATA, Reason.LOCAL_ERROR)
    assert "sysctl -w net.ipv4.ping_group_range" in outcome.detail


def test_no_private_machine_is_pinged(make_prober):
    outcome = make_prober(allow_private=False).probe("127.0.0.1", kind="ping")
    assert outcome.reason is Reason.BLOCKED_ADDRESS


# Judging -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("sent", "trips", "needed", "reason", "detail"),
    [
        (3, [10.0, 20.0, 30.0], 3, None, "3 of 3 packets came back, round trip 10.0 / 20.0 / 30.0 ms"),
        (3, [120.4], 1, None, "1 of 3 packets came back, round trip 120 / 120 / 120 ms"),
        (4, [1.0, 2.0], 3, Reason.PACKET_LOSS, "2 of 4 packets came back, round trip 1.0 / 1.5 / 2.0 ms"),
        (3, [], 1, Reason.TIMEOUT_FIRST_BYTE, "None of 3 packets came back"),
    ],
)
def test_replies_are_counted(sent, trips, needed, reason, detail):
    finding = judge(sent, trips, needed)
    assert finding.reason is reason
    assert finding.detail.startswith(detail)


@given(st.binary(min_size=2, max_size=64).filter(lambda data: len(data) % 2 == 0))
def test_a_message_and_its_checksum_sum_up_to_nothing(data):
    assert _checksum(data + _checksum(data).to_bytes(2)) == 0


def test_only_the_reply_to_this_very_request_counts():
    request, is_reply = _echo("192.0.2.1", 1)
    other, _ = _echo("192.0.2.1", 1)
    assert is_reply(bytearray(b"\0" + request[1:]))
    assert not is_reply(bytearray(request)), "a raw socket on loopback hears the request itself"
    assert not is_reply(bytearray(b"\0" + other[1:]))
    assert not is_reply(bytearray(b"\0"))


# Options and targets -----------------------------------------------------------------------------------------------
def test_more_replies_than_packets_cannot_be_asked_for():
    form = Options({"packets": 2, "replies": 3})
    assert form.errors == {"replies": ["Only 2 packets are sent. Lower it, or send more."]}
    no_limits = {"degraded_above_ms": None, "down_above_ms": None, "upside_down": False}
    assert Options.defaults() == {"packets": 3, "replies": 1, **no_limits}


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("Router.example.COM", "router.example.com"),
        ("93.184.215.14", "93.184.215.14"),
        ("2606:2800::1", "2606:2800::1"),
    ],
)
def test_targets_have_one_spelling(typed, stored):
    assert KIND.clean_target(typed, allow_private=False) == stored
    assert KIND.clean_target(stored, allow_private=False) == stored


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ("", "Enter a name"),
        ("https://example.com", "This takes a name only"),
        ("example.com:80", "This takes a name only"),
        ("10.0.0.1", "is not a public address"),
        ("fe80::1", "is not a public address"),
        ("a b", "contains a space"),
    ],
)
def test_a_wrong_target_is_named_with_the_way_out(typed, wrong):
    with pytest.raises(UrlError, match=wrong):
        KIND.clean_target(typed, allow_private=False)
