"""Asking what may hang deeper down than time-outs reach."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def ask(name: str, function: Callable[[], T]) -> Future[T]:
    """Run `function` in a thread of its own, which keeps no process from ending; `.result(seconds)` waits for it."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(function())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name=f"ask {name}", daemon=True).start()
    return future
