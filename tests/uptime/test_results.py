"""The results worker on a real broker: genuine messages are stored, everything else is put aside and starts nothing."""

import pytest
from celery import Celery
from celery.contrib.testing.worker import start_worker
from django.conf import settings

from monitors.models import DeadLetter, Pulse, Region, RegionWorker, Tick
from monitors.probes.reasons import Reason
from monitors.services import regions
from monitors.times import now_ms
from tests.helpers import wait_until
from tests.monitors.services.cast import claimed, make_watched, outcome
from uptime import queues
from uptime.lib.crypto import key_bytes, new_key, seal
from uptime.results import PublishRefusedError, app, take_back

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.broker, pytest.mark.database]

QUEUE = queues.name(queues.RESULTS, settings.QUEUE_PREFIX)
TRAP = queues.name("trap", settings.QUEUE_PREFIX)


@pytest.fixture
def attacker():
    """Somebody who may push to the broker."""
    app_ = Celery("attacker", set_as_current=False, fixups=[])
    app_.conf.update(queues.configuration(settings.BROKER_URL, "attacker", settings.QUEUE_PREFIX, [QUEUE, TRAP]))
    for queue in (QUEUE, TRAP):
        with app_.connection_or_acquire() as connection:
            queues.declare(queue).bind(connection.default_channel).queue_declare()
            queues.declare(queue).bind(connection.default_channel).purge()
    return app_


@pytest.fixture
def worker():
    with start_worker(app, pool="solo", perform_ping_check=False, queues=[QUEUE], shutdown_timeout=20):
        yield


def send(attacker, region, sealed, **options):
    attacker.send_task("record", args=[region, sealed], queue=queues.declare(QUEUE), **options)


def sealed_outcomes(monitor, slug, outcomes, key=None):
    region = Region.objects.get(slug=slug)
    payload = {"outcomes": [each.to_wire() for each in outcomes]}
    return seal(key or key_bytes(region.key), "results", slug, now_ms(), payload)


def test_outcomes_of_a_region_become_ticks(attacker, worker):
    monitor = make_watched(interval=3600)
    [(_, check)] = claimed(now_ms())
    send(attacker, "eu", sealed_outcomes(monitor, "eu", [outcome(monitor, check.slot)]))
    assert wait_until(Tick.objects.first).vote == "up"


def test_a_sign_of_life_is_written_down(attacker, worker):
    make_watched()
    region = Region.objects.get()
    canaries = [["http://up.example/", True, "up", 0, ""]]
    sign = {"sign": ["host:1", now_ms(), 3, 1.5, "0.1.0", canaries, ["192.0.2.9"], now_ms()]}
    send(attacker, "eu", seal(key_bytes(region.key), "results", "eu", now_ms(), sign))
    found = wait_until(RegionWorker.objects.first)
    assert (found.name, found.in_flight, found.lag_ms) == ("host:1", 3, 1.5)
    assert found.canaries[0]["url"] == "http://up.example/"


def test_a_beacon_of_ours_moves_the_results_clock(attacker, worker):
    send(attacker, "", seal(regions.centre_key(), "beacon", "", now_ms(), None))
    assert wait_until(Pulse.objects.first).name == regions.RESULTS_PULSE


@pytest.mark.parametrize(
    "case", ["another region's key", "an unknown region", "nonsense", "a wrong shape", "half a sign"]
)
def test_what_is_not_genuine_is_put_aside(case, attacker, worker):
    monitor = make_watched(["eu", "us"])
    us = key_bytes(Region.objects.get(slug="us").key)
    eu = key_bytes(Region.objects.get(slug="eu").key)
    good = [outcome(monitor, now_ms())]
    region, sealed = {
        "another region's key": ("eu", sealed_outcomes(monitor, "eu", good, key=us)),
        "an unknown region": ("xx", seal(key_bytes(new_key()), "results", "xx", now_ms(), {"outcomes": []})),
        "nonsense": ("eu", "nonsense"),
        "a wrong shape": ("eu", seal(eu, "results", "eu", now_ms(), {"do": "everything"})),
        "half a sign": ("eu", seal(eu, "results", "eu", now_ms(), {"sign": ["host:1", now_ms(), 3, 1.5, "0.1.0"]})),
    }[case]
    send(attacker, region, sealed)
    wait_until(DeadLetter.objects.exists)
    assert not Tick.objects.exists()


def test_a_row_of_nonsense_does_not_stop_its_neighbours(attacker, worker):
    monitor = make_watched(interval=3600)
    [(_, check)] = claimed(now_ms())
    key = key_bytes(Region.objects.get().key)
    wires = [["nonsense"], outcome(monitor, check.slot, Reason.REFUSED).to_wire(), None]
    send(attacker, "eu", seal(key, "results", "eu", now_ms(), {"outcomes": wires}))
    wait_until(Tick.objects.exists)
    assert DeadLetter.objects.count() == 2


def test_links_and_chains_in_a_message_start_nothing(attacker, worker):
    """Without the guards the trap receives what is asked of the worker: with its own credentials, on any queue."""
    monitor = make_watched(interval=3600)
    [(_, check)] = claimed(now_ms())
    trap = attacker.signature("trap", immutable=True, options={"exchange": "", "routing_key": TRAP})
    echo = attacker.signature("record", args=["", "an echo"], immutable=True, options={"queue": QUEUE})
    sealed = sealed_outcomes(monitor, "eu", [outcome(monitor, check.slot)])
    send(attacker, "eu", sealed, link=[trap, echo], link_error=[trap], chain=[dict(trap)])
    wait_until(Tick.objects.exists)
    send(attacker, "", seal(regions.centre_key(), "beacon", "", now_ms(), None))  # it went on to the next message
    wait_until(Pulse.objects.filter(name=regions.RESULTS_PULSE).exists)
    assert waiting(attacker, TRAP) == 0
    assert not DeadLetter.objects.exists()


def waiting(app_, queue):
    with app_.connection_or_acquire() as connection:
        return queues.declare(queue).bind(connection.default_channel).queue_declare().message_count


def taken_by_one_that_dies():
    """A worker takes the next message and is gone without a word: nothing is given back."""
    with app.connection_for_read() as connection:
        queue = queues.declare(QUEUE).bind(connection.default_channel)
        connection.default_channel.do_restore = False
        return wait_until(queue.get)


def test_what_a_dead_worker_had_in_hand_is_taken_back_by_the_next_one(attacker):
    monitor = make_watched(interval=3600)
    [(_, check)] = claimed(now_ms())
    send(attacker, "eu", sealed_outcomes(monitor, "eu", [outcome(monitor, check.slot)]))
    taken_by_one_that_dies()
    send(attacker, "eu", "the one after it")
    take_back()
    with app.connection_for_read() as connection:
        queue = queues.declare(QUEUE).bind(connection.default_channel)
        first, second = queue.get(no_ack=True), queue.get(no_ack=True)
    assert first.decode()[0][1] != "the one after it" == second.decode()[0][1]


def test_it_can_run_nothing_but_record():
    assert [name for name in app.tasks if not name.startswith("celery.")] == ["record"]


def test_it_cannot_publish():
    with pytest.raises(PublishRefusedError):
        app.send_task("record", args=["", ""])
