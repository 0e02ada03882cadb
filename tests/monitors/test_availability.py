"""How long a monitor was up: each day of the reader, and between any two moments."""

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from monitors.availability import days, sla
from monitors.models import StatusInterval
from tests.factories import make_incident, make_monitor, make_user, team_of

pytestmark = [pytest.mark.django_db, pytest.mark.database]

NOW = datetime(2026, 3, 31, 18, 0, tzinfo=UTC)
HOUR, A_DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def shop():
    """Watched for ten days: up, but for two hours over midnight of the 28th, and an hour not seen on the 30th."""
    midnight = datetime(2026, 3, 28, tzinfo=UTC)
    monitor = make_monitor(team_of(make_user("alice")), status="up", since=datetime(2026, 3, 30, 13, tzinfo=UTC))
    story = [("up", NOW - 10 * A_DAY), ("down", midnight - HOUR), ("up", midnight + HOUR)]
    story += [("nodata", datetime(2026, 3, 30, 12, tzinfo=UTC)), ("up", datetime(2026, 3, 30, 13, tzinfo=UTC))]
    for (status, start), (_, end) in itertools.pairwise(story):
        StatusInterval.objects.create(monitor=monitor, status=status, start=start, end=end)
    make_incident(monitor, started_at=midnight - HOUR, resolved_at=midnight + HOUR)
    return monitor


def by_date(found):
    return {day.date: day for day in found}


def test_every_day_says_how_long_it_was_what(shop):
    found = by_date(days(shop, NOW, 30))
    assert list(found)[-1] == date(2026, 3, 31)
    assert len(found) == 30
    for number in (27, 28):
        day = found[date(2026, 3, number)]
        assert (day.down, day.incidents, day.uptime.ratio) == (3600, 1, pytest.approx(23 / 24))
    assert found[date(2026, 3, 30)].uptime == (1, pytest.approx(23 / 24))
    assert found[date(2026, 3, 31)].up == 18 * 3600, "today is not over"
    assert (found[date(2026, 3, 29)].uptime, found[date(2026, 3, 29)].incidents) == ((1, 1), 0)


def test_before_it_was_watched_there_is_neither_up_nor_down(shop):
    day = days(shop, NOW, 30)[0]
    assert (day.uptime, day.up, day.down, day.blind, day.incidents) == ((None, 0), 0, 0, 0, 0)


def test_an_open_incident_counts_up_to_today(shop):
    make_incident(shop, started_at=NOW - 2 * A_DAY)
    assert [day.incidents for day in days(shop, NOW, 6)] == [0, 1, 1, 1, 1, 1]


def test_days_are_those_of_the_reader(shop):
    with timezone.override(ZoneInfo("America/New_York")):
        found = by_date(days(shop, NOW, 30))
    assert (found[date(2026, 3, 27)].down, found[date(2026, 3, 28)].down) == (7200, 0)


def test_the_day_the_clocks_change_has_an_hour_less(shop):
    with timezone.override(ZoneInfo("Europe/Berlin")):
        found = by_date(days(shop, NOW, 30))
    assert (found[date(2026, 3, 29)].up, found[date(2026, 3, 30)].up) == (23 * 3600, 23 * 3600)
    assert found[date(2026, 3, 30)].blind == 3600


def test_incidents_count_with_their_part_of_the_time_asked_for(shop):
    midnight = datetime(2026, 3, 28, tzinfo=UTC)
    found = sla(shop, midnight, midnight + A_DAY)
    assert (found.down, found.lengths, found.longest, found.average) == (3600, [3600], 3600, 3600)
    assert found.uptime.ratio == pytest.approx(23 / 24)


def test_where_nothing_was_measured_nothing_is_claimed(shop):
    found = sla(shop, NOW - 60 * A_DAY, NOW - 30 * A_DAY)
    assert (found.uptime, found.down, found.lengths, found.longest, found.average) == ((None, 0), 0, [], 0, 0)
