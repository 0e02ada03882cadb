"""A list arrives in PostgreSQL as it was, whichever way it is written down."""

from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum

import psycopg
import pytest
from django.db import DataError, connection
from hypothesis import given
from hypothesis import strategies as st

from uptime.lib.arrays import PlainListDumper

pytestmark = [pytest.mark.django_db, pytest.mark.database]

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
AWKWARD = st.sampled_from(["", " ", "NULL", "null", '"', "\\", '\\"', "{}", "{a,b}", ",", "a b", "é\u2003", "'"])
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=-3, minutes=-30))])
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=ZONES)  # noqa: DTZ001 - it gets one
LISTS = {
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "float8": st.floats(allow_nan=False),
    "bool": st.booleans(),
    "text": TEXT | AWKWARD,
    "timestamptz": MOMENTS,
}


class Colour(StrEnum):
    RED = "red"
    ODD = 'o"dd'


def sent(values, kind):
    """What PostgreSQL makes of a list."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT %s::{kind}[]", [values])
        return cursor.fetchone()[0]


@pytest.mark.parametrize("kind", LISTS)
@given(data=st.data())
def test_a_list_comes_back_as_it_was(kind, data):
    values = data.draw(st.lists(LISTS[kind] | st.none(), max_size=8))
    assert sent(values, kind) == values


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([float("inf"), -float("inf"), 1e-7, None], "float8", [float("inf"), -float("inf"), 1e-7, None]),
        ([Colour.RED, Colour.ODD, None], "text", ["red", 'o"dd', None]),
        ([Colour.RED, "blue"], "text", ["red", "blue"]),
        ([[1, 2], [3, None]], "bigint", [[1, 2], [3, None]]),
        ([b"\x00\xff", None], "bytea", [b"\x00\xff", None]),
        ([], "text", []),
        ([None], "text", [None]),
        ([None, None], "bigint", [None, None]),
    ],
)
def test_what_is_not_plain_is_written_as_ever(values, kind, expected):
    assert sent(values, kind) == expected


def test_text_that_postgresql_cannot_hold_is_refused_with_its_reason():
    with pytest.raises(DataError, match="NUL"):
        sent(["fine", "not\0fine"], "text")


def test_every_connection_writes_lists_so():
    connection.ensure_connection()
    adapters = connection.connection.adapters
    assert adapters.get_dumper(list, psycopg.adapt.PyFormat.TEXT) is PlainListDumper
