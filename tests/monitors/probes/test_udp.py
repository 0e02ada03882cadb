"""The kind udp: an answer to a datagram."""

import contextlib
import socket
import threading

import pytest

from monitors.domain.verdict import Vote
from monitors.probes.reasons import Reason
from monitors.probes.udp import KIND, Options
from uptime.lib.net import UrlError


@contextlib.contextmanager
def answering(answer, times_silent=0):
    """A service that answers each datagram with answer(datagram), after the first few went unanswered. Gives its
    target and what it heard."""
    heard = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as service:
        service.bind(("127.0.0.1", 0))
        service.settimeout(10)

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    data, peer = service.recvfrom(65_535)
                    heard.append(data)
                    if len(heard) > times_silent and data:
                        service.sendto(answer(data), peer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{service.getsockname()[1]}", heard
        with contextlib.suppress(OSError):
            service.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_an_answer_is_up(prober):
    with answering(bytes.upper) as (place, heard):
        outcome = prober.probe(place, kind="udp", send=r"status\n")
    assert (outcome.vote, heard) == (Vote.UP, [b"status\n"])
    assert outcome.phases.first_byte is not None
    assert outcome.phases.connect is None


def test_the_expected_answer_is_searched(prober):
    with answering(bytes.upper) as (place, _):
        assert prober.probe(place, kind="udp", send="status", expect="TAT").vote is Vote.UP
        outcome = prober.probe(place, kind="udp", send="status", expect="players")
    assert (outcome.reason, outcome.detail) == (Reason.KEYWORD_MISSING, "Answered “STATUS”, expected “players”")


def test_a_lost_datagram_is_sent_again(prober):
    with answering(bytes.upper, times_silent=1) as (place, heard):
        outcome = prober.probe(place, kind="udp", send="status", timeout_ms=2500)
    assert (outcome.vote, len(heard), outcome.attempts) == (Vote.UP, 2, 1)


def test_silence_is_down(prober):
    with answering(bytes.upper, times_silent=99) as (place, _):
        outcome = prober.probe(place, kind="udp", send="status")
    assert (outcome.reason, outcome.detail.endswith("waiting for an answer")) == (Reason.TIMEOUT_FIRST_BYTE, True)


def test_a_port_where_nobody_listens_refuses(prober):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{unused.getsockname()[1]}"
    assert prober.probe(place, kind="udp", send="status").reason is Reason.REFUSED


def test_no_private_service_is_sent_anything(make_prober):
    with answering(bytes.upper) as (place, heard):
        outcome = make_prober(allow_private=False).probe(place, kind="udp", send="status")
    assert (outcome.reason, heard) == (Reason.BLOCKED_ADDRESS, [])


def test_something_has_to_be_sent():
    assert Options({"send": ""}).errors == {"send": ["Enter what to send: nothing answers to silence."]}


@pytest.mark.parametrize("port", [53, 123, 161, 27015])
def test_services_that_answer_datagrams_can_be_asked(port):
    assert KIND.clean_target(f"example.com:{port}", allow_private=False)


@pytest.mark.parametrize("target", ["example.com", "example.com:19", "example.com:69", "example.com:389"])
def test_others_cannot(target):
    with pytest.raises(UrlError):
        KIND.clean_target(target, allow_private=False)
