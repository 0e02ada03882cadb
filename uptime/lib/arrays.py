"""Lists as PostgreSQL reads them, written fast: rows by the hundred travel as one list for each column.

psycopg writes a list item by item, through a dumper and a regular expression for each, which was a fifth of the time of
storing results. A list of plain values of one type is written as a whole here; whatever else it holds is psycopg's.
"""

from datetime import datetime
from types import NoneType
from typing import Any

import psycopg
from psycopg.abc import Buffer
from psycopg.types.array import ListDumper

NUMBERS = frozenset({int, float, bool})
AWKWARD = ('"', "\\", "\0")


class PlainListDumper(ListDumper):
    """The array constant of a list (postgresql.org/docs/current/arrays.html, "Array Value Input")."""

    def dump(self, obj: list[Any]) -> Buffer | None:
        kinds = set(map(type, obj))
        holes = NoneType in kinds
        kinds.discard(NoneType)
        if self.delimiter != b",":
            return super().dump(obj)
        if not kinds:
            return b"{" + b",".join([b"NULL"] * len(obj)) + b"}"
        if len(kinds) == 1 and kinds <= NUMBERS:
            # As Python writes a list of them, but for the braces; PostgreSQL knows True, nan and 1e-07 as well.
            text = "{" + str(obj)[1:-1] + "}"
            return (text.replace("None", "NULL") if holes else text).encode()
        if kinds == {datetime}:
            obj = [None if each is None else str(each) for each in obj]
        elif not all(issubclass(kind, str) for kind in kinds) or _is_awkward(obj):
            return super().dump(obj)
        if holes:
            return ("{" + ",".join(["NULL" if each is None else '"' + each + '"' for each in obj]) + "}").encode()
        return ('{"' + '","'.join(obj) + '"}').encode()


def _is_awkward(texts: list[str | None]) -> bool:
    """Whether one of them cannot be put between quotes as it is."""
    whole = "".join(filter(None, texts))
    return any(each in whole for each in AWKWARD)


def register() -> None:
    """For every connection that is made from now on."""
    psycopg.adapters.register_dumper(list, PlainListDumper)
