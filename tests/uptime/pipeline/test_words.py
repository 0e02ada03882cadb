"""Figures as people read them."""

from datetime import UTC, datetime, timedelta

import pytest

from uptime.pipeline.parts import Figure, Unit
from uptime.pipeline.words import plain, size

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "unit", "full", "words"),
    [
        (12_345, Unit.COUNT, None, "12,345"),
        (3, Unit.COUNT, 25, "3 of 25"),
        (0, Unit.COUNT, 25, "0 of 25"),
        (None, Unit.COUNT, 25, "–"),
        ("", Unit.TEXT, None, "–"),
        ("0.1.0", Unit.TEXT, None, "0.1.0"),
        (1.0, Unit.YES, None, "yes"),
        (0.0, Unit.YES, None, "no"),
        (61.2, Unit.SECONDS, None, "1 min 1 s"),
        (1530.0, Unit.MILLISECONDS, None, "1.53 s"),
        (NOW - timedelta(seconds=5), Unit.MOMENT, None, "5 s ago (11:59:55 UTC)"),
        (2_000_000, Unit.BYTES, 268_000_000, "2.0 MB of 268 MB"),
    ],
)
def test_a_figure(value, unit, full, words):
    assert plain(Figure("x", value, unit, full), NOW) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (99_949, "99.9 kB"), (123_456_789, "123 MB"), (5e15, "5,000.0 TB")],
)
def test_a_size(number, words):
    assert size(number) == words
