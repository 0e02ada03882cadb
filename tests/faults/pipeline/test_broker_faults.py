"""B: the broker restarts, forgets, is away, is slow, is full, loses what it was about to say, or is somebody else."""

import shutil
import time

import pytest
import requests

from tests.faults.stack import REGIONS, SIZE
from tests.faults.voice import Voice
from tests.helpers import wait_until
from uptime import embedded

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

BROKER_AWAY = (
    "kombu.exceptions", "celery.beat", "SchedulingError", "redis.exceptions", "django.core.cache", "amqp.exceptions",
    "ConnectionError", "ConnectionResetError", "ConnectionRefusedError", "BrokenPipeError", "TimeoutError", "OSError",
    "IndexError",
)  # fmt: skip
OF_OURS = {"lost", "region_offline", "missed_window", "not_dispatched"}
CUTS = 50 if SIZE.fault_s > 30 else 6
SLOW_S = 0.2


@pytest.fixture
def voice(stack):
    return Voice(stack)


def slots_within(seconds: float) -> float:
    """How many slots all regions have in that time."""
    return SIZE.monitors * len(REGIONS) * (seconds / SIZE.interval + 1)


def page_times(stack, seconds: float) -> list[float]:
    """How long pages and API took meanwhile; each must answer."""
    times, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        for path in ("/healthz", "/", "/api/v2/monitors"):
            began = time.monotonic()
            answer = stack.product.session.get(stack.product.url + path, timeout=10)
            times.append(time.monotonic() - began)
            assert answer.status_code == 200, f"{path}: {answer.status_code}"
        time.sleep(0.3)
    return sorted(times)


@pytest.mark.full
def test_the_broker_restarts(stack, trial):
    with trial("B1", "broker restarted", logs=BROKER_AWAY) as tried:
        stack.start_server(stack.stop_server("valkey"))
    assert tried.lost.keys() <= OF_OURS
    assert sum(tried.lost.values()) <= slots_within(SIZE.interval)


def test_the_broker_restarts_and_has_forgotten_everything(stack, trial):
    with trial("B2", "broker restarted, all forgotten", logs=BROKER_AWAY) as tried:
        stack.stop_server("valkey")
        shutil.rmtree(stack.servers / "valkey")
        stack.start_server(embedded.valkey(stack.servers))
    assert tried.lost.keys() <= OF_OURS
    assert sum(tried.lost.values()) <= slots_within(SIZE.interval)


@pytest.mark.full
def test_the_broker_is_away(stack, trial):
    away_s = max(SIZE.fault_s, 10)
    with trial("B3", f"broker away {away_s:g} s", recovers_in=20, logs=BROKER_AWAY) as tried:
        for wire in stack.wires():
            wire.cut()
        times = page_times(stack, away_s)
        for wire in stack.wires():
            wire.heals()
    assert times[int(len(times) * 0.9)] < 1.0
    assert tried.lost.keys() <= OF_OURS
    assert sum(tried.lost.values()) <= slots_within(away_s + 10)


@pytest.mark.full
def test_messages_are_lost_on_their_way_out_of_the_broker(stack, trial):
    with trial("B4", f"{CUTS} messages lost on delivery", logs=BROKER_AWAY) as tried:
        eu = stack.remotes["eu"].wire
        stack.broker.drop_replies, eu.drop_replies = (b"\r\nresults\r\n", CUTS // 2), (b"\r\nchecks.eu\r\n", CUTS // 2)
        wait_until(lambda: stack.broker.drop_replies[1] == eu.drop_replies[1] == 0, 300, 0.2, "all were dropped")
        stack.broker.heals()
        eu.heals()
    assert tried.lost.keys() <= OF_OURS
    assert sum(tried.lost.values()) <= CUTS * SIZE.monitors


@pytest.mark.full
def test_the_broker_is_full(stack, trial, voice):
    with trial("B5", f"broker full {SIZE.fault_s:g} s", logs=BROKER_AWAY) as tried:
        voice.valkey.config_set("maxmemory", 1)
        page_times(stack, SIZE.fault_s)
        voice.valkey.config_set("maxmemory", "256mb")
    assert tried.lost.keys() <= OF_OURS
    assert sum(tried.lost.values()) <= slots_within(SIZE.fault_s + 10)


@pytest.mark.full
def test_the_broker_s_password_is_changed(stack, trial, voice):
    """Whoever is connected stays so until the connection breaks, and is then refused until somebody puts it right."""
    with trial("B7", f"the broker's password was another for {SIZE.fault_s:g} s", logs=BROKER_AWAY) as tried:
        voice.valkey.config_set("requirepass", "another")
        voice.valkey.client_kill_filter(_type="normal", skipme=True)
        voice.valkey.client_kill_filter(_type="pubsub", skipme=True)
        page_times(stack, SIZE.fault_s)
        voice.valkey.config_set("requirepass", "")
    assert tried.lost.keys() <= OF_OURS
    assert sum(tried.lost.values()) <= slots_within(SIZE.fault_s + 10)


@pytest.mark.full
def test_the_broker_is_slow(stack, trial):
    with trial("B6", f"every answer of the broker takes {SLOW_S * 1000:g} ms", logs=BROKER_AWAY) as tried:
        for wire in stack.wires():
            wire.delay_s = SLOW_S
        time.sleep(SIZE.fault_s)
        for wire in stack.wires():
            wire.heals()
    assert sum(tried.lost.values()) <= tried.line.due * 0.01


@pytest.mark.full
def test_the_network_to_the_broker_swallows_everything(stack, trial):
    away_s = max(SIZE.fault_s, 10)
    with trial("B3b", f"broker half-open {away_s:g} s", recovers_in=20, logs=BROKER_AWAY) as tried:
        stack.broker.swallow()
        with pytest.raises(requests.Timeout):
            requests.get(f"http://127.0.0.1:{stack.broker.port}", timeout=1)  # nobody answers there
        page_times(stack, away_s)
        stack.broker.heals()
    assert tried.lost.keys() <= OF_OURS
    assert sum(tried.lost.values()) <= slots_within(away_s + 20)
