"""What hangs holds nobody up."""

import threading

import pytest

from uptime.lib.deadline import ask


def test_an_answer_comes_back():
    assert ask("sum", lambda: 1 + 1).result(5) == 2


def test_an_error_comes_back():
    with pytest.raises(ZeroDivisionError):
        ask("division", lambda: 1 / 0).result(5)


def test_what_hangs_is_given_up_and_keeps_no_process_from_ending():
    over = threading.Event()
    with pytest.raises(TimeoutError):
        ask("for ever", over.wait).result(0.05)
    [thread] = [each for each in threading.enumerate() if each.name == "ask for ever"]
    assert thread.daemon
    over.set()
