"""A connection to PostgreSQL on which nobody waits for ever.

When what lies between forgets a connection without a word (a firewall, a machine that is gone), its client would wait
for an answer that cannot come: the time limits of the server end a statement there, and keepalives see only the nearest
machine. So an answer that is overdue by the server's own limits ends the connection here.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg.pq import TransactionStatus

ANSWER_S = 35.0  # the server breaks a statement off after 30 s (statement_timeout in the settings)
ALIVE_S = 3.0  # for an answer to no question at all

T = TypeVar("T")


class Connection(psycopg.Connection[Any]):
    """Raises psycopg.OperationalError, and is closed, when the server says nothing for `ANSWER_S`."""

    _answer_s: float | None = ANSWER_S

    def wait(self, gen: Generator[Any, Any, T], interval: float = 0.1, timeout: float | None = None) -> T:
        try:
            return super().wait(gen, interval, timeout or self._answer_s)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:  # the answer never came
                self.pgconn.finish()
            raise

    def execute(self, query: Any, *args: Any, **kwargs: Any) -> psycopg.Cursor[Any]:
        """The pool says nothing (an empty query) to see whether a connection is alive: one after another may not be."""
        with self._within(self._answer_s if query else ALIVE_S):
            return super().execute(query, *args, **kwargs)

    @contextmanager
    def unhurried(self) -> Iterator[None]:
        """Meanwhile a statement may take as long as it takes."""
        with self._within(None):
            yield

    @contextmanager
    def _within(self, seconds: float | None) -> Iterator[None]:
        before, self._answer_s = self._answer_s, seconds
        try:
            yield
        finally:
            self._answer_s = before
