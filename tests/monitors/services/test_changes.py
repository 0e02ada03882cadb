"""Intervals in the database follow the pure rule, whatever is found out late."""

from contextlib import contextmanager

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitors.domain.availability import Interval, apply
from monitors.domain.verdict import Status
from monitors.models import StatusInterval
from monitors.services.changes import move
from monitors.times import from_ms, to_ms
from tests.monitors.services.cast import make_watched, state_of

pytestmark = pytest.mark.django_db

CHANGES = st.lists(
    st.tuples(st.sampled_from([Status.UP, Status.DOWN, Status.NODATA, Status.PAUSED]), st.integers(-1000, 60_000)),
    max_size=8,
)


@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(CHANGES)
def test_stored_intervals_equal_the_pure_ones(transactional, changes):
    with transactional():
        monitor = make_watched()
        [first] = StatusInterval.objects.all()
        start = to_ms(first.start)
        pure = [Interval(Status.PENDING, start, None)]
        for status, offset in changes:
            move(monitor, state_of(monitor), status, from_ms(start + offset))
            pure = apply(pure, status, start + offset)
        rows = StatusInterval.objects.order_by("start")
        assert [(row.status, to_ms(row.start), row.end and to_ms(row.end)) for row in rows] == pure


@pytest.fixture
def transactional():
    """A transaction that is rolled back: one for each example of a property."""

    @contextmanager
    def rolled_back():
        with transaction.atomic():
            yield
            transaction.set_rollback(True)

    return rolled_back
