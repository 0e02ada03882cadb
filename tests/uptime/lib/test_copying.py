"""Rows go out by COPY and come back the same, whatever is in them."""

import pytest
from django.db import DataError, ProgrammingError, connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from uptime.lib import copying
from uptime.lib.copying import copy_in, copy_out, quoted

pytestmark = [pytest.mark.django_db, pytest.mark.database]

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"))
ROWS = st.lists(st.tuples(st.none() | TEXTS, st.none() | st.floats(allow_nan=False)), max_size=20)
CSV = "FORMAT csv, HEADER true"


@pytest.fixture
def table():
    with connection.cursor() as cursor:
        cursor.execute('CREATE TEMP TABLE copied ("a text" text, number float8) ON COMMIT DROP')


def execute(query, *values):
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall() if cursor.description else None


def stored():
    return execute("SELECT * FROM copied")


@pytest.mark.parametrize(("out", "back"), [("", ""), (f'{CSV}, FORCE_QUOTE ("a text")', CSV)], ids=["text", "csv"])
@given(rows=ROWS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
def test_what_goes_out_comes_back(table, out, back, rows):
    execute("TRUNCATE copied")
    for row in rows:
        execute("INSERT INTO copied VALUES (%s, %s)", *row)
    pieces = []
    assert copy_out("SELECT * FROM copied", pieces.append, out) == len(rows)
    execute("TRUNCATE copied")
    assert copy_in("copied", ["a text", "number"], pieces, back) == len(rows)
    assert stored() == rows


def test_it_comes_in_pieces(table, monkeypatch):
    monkeypatch.setattr(copying, "PIECE", 1000)
    pieces = []
    copy_out("SELECT repeat('x', 99) FROM generate_series(1, 100)", pieces.append)
    assert [len(piece) for piece in pieces] == [1000] * 10 + [0]


def test_trouble_is_told_as_django_tells_it(table):
    with pytest.raises(ProgrammingError, match="nowhere"):
        copy_out("SELECT * FROM nowhere", print)


def test_what_cannot_be_stored_is_told_likewise(table):
    with pytest.raises(DataError, match="invalid input syntax"):
        copy_in("copied", ["number"], [b"many\n"])


def test_names_are_quoted():
    assert quoted(["a text", "number"]) == '"a text", "number"'
