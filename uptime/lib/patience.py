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

ANSWER_S = 40.0  # the server breaks a statement off after 30 s (statement_timeout in the settings)

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

    @contextmanager
    def unhurried(self) -> Iterator[None]:
        """Meanwhile a statement may take as long as it takes."""
        self._answer_s = None
        try:
            yield
        finally:
            del self._answer_s  # back to what the class says
