"""A worker's canaries, through a real engine: what they tell, and what they keep quiet about."""

import pytest

from monitors.probes.base import Outcome, Vote
from monitors.probes.engine import Engine
from monitors.probes.reasons import Reason
from tests.helpers import free_port, wait_until
from tests.servers import Target, answer
from uptime.canaries import Canaries, parse
from uptime.lib.env import EnvError


def test_addresses_are_known_up_unless_marked():
    found = parse("https://up.example/  http://127.0.0.1:80/x !http://down.example/")
    assert [(each.url, each.known_up) for each in found] == [
        ("https://up.example/", True),
        ("http://127.0.0.1:80/x", True),
        ("http://down.example/", False),
    ]
    assert parse("") == []


@pytest.mark.parametrize("text", ["up.example", "ftp://up.example/", "!", "http://u:p@up.example/", "http://a/ " * 11])
def test_what_cannot_be_meant_names_the_variable(text):
    with pytest.raises(EnvError, match="CANARY_URLS"):
        parse(text)


@pytest.fixture
def engine():
    """An engine whose outcomes go to the canaries that are put into `listeners`."""
    listeners = []
    engine = Engine(lambda outcome: [each.take(outcome) for each in listeners], allow_private=True)
    engine.start()
    yield engine, listeners
    engine.stop(grace_s=0.1)


def look(engine, canaries):
    engine.submit(canaries.checks())
    wait_until(lambda: engine.in_flight == 0)
    return [(vote, wrong) for _, _, vote, wrong, _ in canaries.to_wire()]


def test_they_count_how_often_in_a_row_a_site_is_not_what_it_is_known_to_be(engine):
    prober, listeners = engine
    with Target() as good, Target() as trap:
        good.does(answer(200))
        trap.does(answer(500))
        nobody = f"http://127.0.0.1:{free_port()}/"
        canaries = Canaries(parse(f"{good.url}/ !{nobody} !{trap.url}/"), prober.submit)
        listeners.append(canaries)
        assert look(prober, canaries) == [("up", 0), ("down", 0), ("down", 0)]
        good.does(answer(503))
        trap.does(answer(200))
        assert look(prober, canaries) == [("down", 1), ("down", 0), ("up", 1)]
        assert look(prober, canaries) == [("down", 2), ("down", 0), ("up", 2)]
        assert "503" in canaries.to_wire()[0][4]
        good.does(answer(200))
        assert look(prober, canaries)[0] == ("up", 0)


def test_the_guard_keeps_them_from_private_addresses_and_that_says_nothing_of_the_network():
    listeners = []
    engine = Engine(lambda outcome: [each.take(outcome) for each in listeners])
    engine.start()
    canaries = Canaries(parse("http://127.0.0.1:9/"), engine.submit)
    listeners.append(canaries)
    assert look(engine, canaries) == [("nodata", 0)]
    engine.stop(grace_s=0.1)


def test_a_resolver_of_its_own_that_fails_counts_and_a_busy_worker_does_not():
    canaries = Canaries(parse("http://up.example/"), list)

    def see(reason):
        canaries.take(Outcome(-1, 0, 0, reason.vote if reason else Vote.UP, reason))
        return canaries.to_wire()[0][3]

    assert [see(each) for each in (Reason.RESOLVER_SICK, Reason.MISSED_WINDOW, Reason.TIMEOUT_CONNECT)] == [1, 1, 2]
    assert see(None) == 0


def test_the_outcomes_of_monitors_are_not_theirs():
    assert Canaries(parse("http://up.example/"), list).take(Outcome(1, 0, 0, Vote.UP)) is False


def test_they_are_looked_at_from_the_start_on(engine):
    prober, listeners = engine
    with Target() as good:
        good.does(answer(200))
        canaries = Canaries(parse(f"{good.url}/"), prober.submit)
        listeners.append(canaries)
        canaries.start()
        wait_until(lambda: canaries.to_wire()[0][2] == "up")
