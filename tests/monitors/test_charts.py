"""What the chart of a monitor's page shows: the same from every level of history, and nothing missing in between."""

import time
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from monitors import charts
from monitors.models import DayRollup, FiveMinuteRollup, HourRollup, RolledUp, State, StatusInterval, Tick
from monitors.models.levels import DAY, FIVE_MINUTES, HOUR, floor
from monitors.services.partitions import ensure_partitions
from monitors.services.rollups import roll_up
from tests.factories import make_monitor, make_region, make_user, team_of

pytestmark = [pytest.mark.django_db, pytest.mark.database]

NOON = datetime(2026, 3, 4, 12, 34, 56, tzinfo=UTC)
A_YEAR_MS = 100  # of CPU, for the data of a page with a year of three regions


@pytest.fixture
def now():
    with time_machine.travel(NOON, tick=False):
        ensure_partitions(NOON.date())
        yield NOON


@pytest.fixture
def eu():
    return make_region("eu")


@pytest.fixture
def shop():
    return make_monitor(team_of(make_user("alice")), interval=30)


def tick(monitor, region, slot, ms=100.0, vote="up", **fields):
    return Tick.objects.create(
        monitor=monitor, region=region, slot=slot, vote=vote, config_version=1, response_ms=ms, **fields
    )


def columns(found):
    return {region["name"]: region for region in found["regions"]}


def shown(found, column):
    """Of the only region: {begin of a step: what is shown there}, without the gaps."""
    (region,) = found["regions"]
    return {at: ms for at, ms in zip(found["times"], region[column], strict=True) if ms is not None}


def test_a_series_sums_up_good_checks_per_step_and_region(now, shop, eu):
    us = make_region("us")
    shop.interval = 5
    step = charts.series(shop, "1h")["step"]
    begin = int(now.timestamp()) // step * step - step * 10
    start = datetime.fromtimestamp(begin, UTC)
    tick(shop, eu, start, 100, dns_ms=10, first_byte_ms=90)
    tick(shop, eu, start + timedelta(seconds=5), 200, dns_ms=20, first_byte_ms=180)
    tick(shop, eu, start + timedelta(seconds=6), 9999, "down")
    tick(shop, us, start + timedelta(seconds=step), 50)
    found = charts.series(shop, "1h")
    index = found["times"].index(begin)
    there = columns(found)
    assert (step, there["Eu"]["response"][index], there["Eu"]["dns"][index]) == (10, 150, 15)
    assert [there["Eu"][name][index] for name in ("low", "high", "p95", "tls")] == [
        100,
        200,
        pytest.approx(200, 0.02),
        None,
    ]
    assert there["Us"]["response"][index : index + 2] == [None, 50]
    assert all(len(column["response"]) == len(found["times"]) for column in found["regions"])


@pytest.mark.parametrize(
    ("interval", "name", "step"),
    [
        (1, "1h", 10),
        (30, "1h", 30),
        (7, "1h", 14),
        (3600, "1h", 3600),
        (30, "24h", 300),
        (420, "24h", 600),
        (30, "7d", 1800),
        (30, "30d", 7200),
        (30, "90d", 21_600),
        (86_400, "90d", 86_400),
        (30, "1y", 86_400),
    ],
)
def test_no_step_is_without_a_check(interval, name, step):
    assert charts.RANGES[name].step_for(interval) == step


@pytest.mark.parametrize("name", charts.RANGES)
def test_a_range_is_drawn_in_at_most_some_four_hundred_points(now, shop, name):
    assert 100 < len(charts.series(shop, name)["times"]) < 400


@pytest.mark.parametrize("name", ["24h", "7d", "30d", "90d", "1y"])
def test_what_is_rolled_up_and_what_is_not_yet_make_one_whole(now, shop, eu, name):
    """Four days of random ticks look the same however much of them is rolled up."""
    chance = Random(3)
    for ago in range(5):
        ensure_partitions((now - timedelta(days=ago)).date(), ahead=0)
    slots = [now - timedelta(minutes=chance.randrange(4 * 1440)) for _ in range(1500)]
    Tick.objects.bulk_create(
        [
            Tick(
                monitor=shop, region=eu, slot=slot, vote=chance.choice(["up", "up", "up", "down", "nodata"]),
                config_version=1, response_ms=chance.lognormvariate(4.6, 0.5), dns_ms=chance.random() * 9,
            )
            for slot in slots
        ],
        ignore_conflicts=True,
    )  # fmt: skip
    raw = charts.series(shop, name)
    RolledUp.objects.create(monitor=shop, until=floor(now, DAY) - timedelta(days=5))
    for done in (floor(now, DAY) - timedelta(hours=9), floor(now, HOUR) - FIVE_MINUTES, floor(now, FIVE_MINUTES)):
        State.objects.filter(pk=shop.pk).update(accounted_until=done)
        while roll_up(now):
            pass
        assert HourRollup.objects.exists()
        found = charts.series(shop, name)
        assert found["times"] == raw["times"]
        for column in ("response", "p95", "low", "high", "dns"):
            assert shown(found, column) == pytest.approx(shown(raw, column), abs=0.11)


def test_the_coarsest_level_that_can_show_a_step_is_read(now, shop, eu):
    """Of each level a number of its own, so that the drawing tells where it came from."""
    RolledUp.objects.create(monitor=shop, until=floor(now, FIVE_MINUTES))
    ensure_partitions((now - timedelta(days=1)).date())
    for model, width, ms in ((DayRollup, DAY, 1000), (HourRollup, HOUR, 100), (FiveMinuteRollup, FIVE_MINUTES, 10)):
        start = floor(now, width) - width
        cells = charts.histogram.pack(charts.histogram.count([ms]))
        facts = {"up": 1, "down": 0, "nodata": 0, "low": ms, "high": ms, "response_sum": ms, "histogram": cells}
        model.objects.create(monitor=shop, region=eu, start=start, **facts)
    tick(shop, eu, now, 1)
    numbers = {name: sorted(shown(charts.series(shop, name), "high").values()) for name in charts.RANGES}
    assert numbers == {
        "1h": [1],
        "24h": [1, 10],
        "7d": [1, 10],
        "30d": [10, 100],  # the tick is in the same two hours as the five minutes
        "90d": [10, 100],
        "1y": [100, 1000],
    }


def test_a_series_is_the_same_in_every_zone_of_its_reader(now, shop, eu):
    tick(shop, eu, now - timedelta(minutes=3))
    with timezone.override("Asia/Kolkata"):
        there = charts.series(shop, "1h")
    assert there == charts.series(shop, "1h")
    assert list(shown(there, "response").values()) == [100]


def test_a_series_tells_when_it_was_not_up(now):
    monitor = make_monitor(team_of(make_user()), status="down", since=now - timedelta(minutes=10))
    StatusInterval.objects.create(monitor=monitor, status="up", start=now - 5 * HOUR, end=now - timedelta(minutes=10))
    StatusInterval.objects.create(monitor=monitor, status="nodata", start=now - 9 * HOUR, end=now - 5 * HOUR)
    stop = int(now.timestamp())
    assert charts.series(monitor, "1h")["intervals"] == [["down", stop - 600, stop]]
    assert [each[0] for each in charts.series(monitor, "24h")["intervals"]] == ["nodata", "down"]


def test_outages_too_near_to_be_seen_apart_are_drawn_as_one(now):
    monitor = make_monitor(team_of(make_user()), status="up", since=now - HOUR)
    for minutes in (300, 290, 280):
        at = now - timedelta(minutes=minutes)
        StatusInterval.objects.create(monitor=monitor, status="down", start=at, end=at + timedelta(minutes=2))
    assert len(charts.series(monitor, "24h")["intervals"]) == 3
    assert len(charts.series(monitor, "1y")["intervals"]) == 1


def test_the_table_has_a_row_for_every_stretch_with_checks(now, shop, eu):
    for hours, ms in [(0, 10), (3, 30)]:
        tick(shop, eu, now - hours * HOUR, ms)
    table = charts.table(shop, "24h")
    assert (table["title"], table["names"]) == ("Hour", ["Eu"])
    assert [[point.mean for point in row] for _, row in table["rows"]] == [[10.0], [30.0]]
    assert table["rows"][0][0] == now.replace(minute=0, second=0)


def test_what_a_monitor_without_checks_has_to_show_is_nothing(now, shop):
    assert (charts.series(shop, "1y")["regions"], charts.table(shop, "1y")["rows"]) == ([], [])


def test_a_year_of_three_regions_is_read_in_no_time(now, shop, eu):
    regions = [eu, make_region("us"), make_region("asia")]
    chance = Random(4)
    RolledUp.objects.create(monitor=shop, until=floor(now, FIVE_MINUTES))
    for model, width, count in ((DayRollup, DAY, 365), (HourRollup, HOUR, 24 * 90)):
        model.objects.bulk_create(
            model(
                monitor=shop, region=region, start=floor(now, width) - width * (ago + 1), up=2880, down=0, nodata=0,
                low=80, high=900, response_sum=2880 * 110, dns_sum=2880 * 9, connect_sum=2880 * 11,
                histogram=[(230 + cell) << 20 | chance.randrange(1, 99) for cell in range(25)],
            )
            for region in regions
            for ago in range(count)
        )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE monitors_dayrollup, monitors_hourrollup")
    for name in ("90d", "1y"):
        charts.series(shop, name)
        began = time.process_time()
        found = charts.series(shop, name)
        assert (time.process_time() - began) * 1000 < A_YEAR_MS
        assert len(found["regions"]) == 3
