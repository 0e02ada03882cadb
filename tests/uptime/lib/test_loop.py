import gc
import logging
import socket
import threading
import time

import pytest

from tests.helpers import wait_until
from uptime.lib.loop import READ, Loop, Timer


@pytest.fixture
def loop():
    loop = Loop()
    thread = threading.Thread(target=loop.run, daemon=True)
    thread.start()
    yield loop
    loop.stop()
    thread.join(5)
    assert not thread.is_alive()


def test_timers_run_in_order_and_not_early(loop):
    seen = []
    start = time.monotonic()

    def plan():
        for delay in (0.05, 0.01, 0.03):
            loop.at(start + delay, lambda delay=delay: seen.append((delay, time.monotonic() - start)))

    loop.post(plan)
    wait_until(lambda: len(seen) == 3)
    assert [delay for delay, _ in seen] == [0.01, 0.03, 0.05]
    assert all(delay <= after for delay, after in seen)


def test_a_cancelled_timer_does_not_run(loop):
    seen = []

    def plan():
        loop.at(time.monotonic() + 0.01, lambda: seen.append("cancelled")).cancel()
        loop.at(time.monotonic() + 0.03, lambda: seen.append("kept"))

    loop.post(plan)
    wait_until(lambda: seen)
    assert seen == ["kept"]


def test_cancelled_timers_do_not_pile_up_until_their_moment(loop):
    """Every check has one for its deadline: at 2,000 checks a second that would be tens of thousands."""
    seen = []

    def plan():
        kept = [loop.at(time.monotonic() + 0.05, lambda: seen.append(1)) for _ in range(3)]
        for _ in range(10_000):
            loop.at(time.monotonic() + 600, lambda: None).cancel()
        kept[0].cancel()
        kept[0].cancel()

    loop.post(plan)
    wait_until(lambda: len(seen) == 2)
    assert sum(isinstance(each, Timer) for each in gc.get_objects()) < 1000


def test_the_alarm_rings_once_at_the_moment_it_was_set_to_last(loop):
    seen, start = [], time.monotonic()

    def plan():
        loop.alarm(start + 0.01, lambda: seen.append("moved"))
        loop.alarm(start + 600, lambda: seen.append("moved again"))
        loop.alarm(start + 0.05, lambda: seen.append(time.monotonic() - start))

    loop.post(plan)
    wait_until(lambda: seen)
    loop.post(lambda: loop.alarm(time.monotonic() + 0.01, lambda: seen.append("switched off")))
    loop.post(lambda: loop.alarm(0, None))
    later = threading.Event()
    loop.post(lambda: loop.at(time.monotonic() + 0.1, later.set))
    assert later.wait(5)
    assert len(seen) == 1
    assert seen[0] >= 0.05


def test_every_post_of_many_threads_is_heard(loop):
    seen = []
    threads = [
        threading.Thread(target=lambda: [loop.post(lambda: seen.append(1)) for _ in range(500)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_until(lambda: len(seen) == 2000)


def test_a_failing_callback_is_logged_and_the_loop_goes_on(loop, caplog):
    seen = []
    with caplog.at_level(logging.ERROR, "uptime.lib.loop"):
        loop.post(lambda: 1 / 0)
        loop.post(lambda: seen.append("after"))
        wait_until(lambda: seen)
    assert "ZeroDivisionError" in caplog.text


def test_a_socket_is_watched_until_it_is_not(loop):
    ours, theirs = socket.socketpair()
    seen = []

    def ready(fd, mask):
        seen.append((ours.recv(10), mask))
        if seen[-1][0] == b"bye":
            loop.unwatch(fd)

    with ours, theirs:
        loop.post(lambda: loop.watch(ours.fileno(), READ, ready))
        theirs.send(b"hello")
        wait_until(lambda: len(seen) == 1)
        theirs.send(b"bye")
        wait_until(lambda: len(seen) == 2)
        theirs.send(b"ignored")
        again = threading.Event()
        loop.post(again.set)
        assert again.wait(5)
    assert seen == [(b"hello", READ), (b"bye", READ)]


def test_lag_grows_while_something_blocks_and_is_forgotten_afterwards(loop):
    release = threading.Event()
    wait_until(lambda: loop.lag_ms < 100)
    loop.post(lambda: release.wait(10))
    wait_until(lambda: loop.lag_ms > 300)
    release.set()
    wait_until(lambda: loop.lag_ms < 200)


def test_what_was_posted_before_the_stop_still_happens():
    loop, seen = Loop(), []
    loop.post(lambda: seen.append(1))
    loop.stop()
    loop.run()
    assert seen == [1]
