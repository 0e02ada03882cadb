"""Rows out of PostgreSQL and into it by COPY: in pieces, so that a table of any size takes little memory."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from django.db import connection

PIECE = 1 << 16  # bytes handed on at once; PostgreSQL itself sends a row at a time


@contextmanager
def take_time() -> Iterator[None]:
    """In the present transaction nothing is broken off because it takes long; waiting for locks still is."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
    with connection.connection.unhurried():
        yield


def copy_out(query: str, write: Callable[[bytes], object], options: str = "") -> int:
    """Hand every row of `query` to `write`; returns how many there were. `options` as in COPY ... WITH (...)."""
    piece = bytearray()
    with connection.wrap_database_errors, connection.cursor() as cursor:
        with cursor.copy(f"COPY ({query}) TO STDOUT{_with(options)}") as rows:
            for row in rows:
                piece += row
                if len(piece) >= PIECE:
                    write(bytes(piece))
                    piece.clear()
        write(bytes(piece))
        return int(cursor.rowcount)


def copy_in(table: str, columns: Iterable[str], pieces: Iterable[bytes], options: str = "") -> int:
    """Put the rows that `copy_out` wrote into `table`; returns how many there were."""
    with connection.wrap_database_errors, connection.cursor() as cursor:
        with cursor.copy(f"COPY {table} ({quoted(columns)}) FROM STDIN{_with(options)}") as copy:
            for piece in pieces:
                copy.write(piece)
        return int(cursor.rowcount)


def quoted(names: Iterable[str]) -> str:
    """Column names, as a list in SQL."""
    return ", ".join(connection.ops.quote_name(name) for name in names)


def _with(options: str) -> str:
    return f" WITH ({options})" if options else ""
