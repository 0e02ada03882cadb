"""The two words added to Django's query language say what they promise."""

from datetime import UTC, datetime, timedelta

import pytest

from monitors.models import Monitor, Region
from monitors.times import to_ms
from tests.factories import make_monitor, make_region, make_user, team_of
from uptime.lib.sql import EpochMs

pytestmark = [pytest.mark.django_db, pytest.mark.database]
BY_ID = [[], [1], [2, 3], [1, 2, 3], [4]]


@pytest.mark.parametrize("ids", BY_ID)
def test_any_of_finds_what_in_finds(ids):
    for pk in (1, 2, 3):
        Region.objects.create(id=pk, slug=f"r{pk}", name="R", key="key")
    assert list(Region.objects.filter(pk__any_of=ids)) == list(Region.objects.filter(pk__in=ids))


def test_any_of_reads_keys_of_relations_and_of_their_own_tables():
    region = make_region()
    monitor = make_monitor(team_of(make_user()), regions=[region])
    through = Monitor.regions.through.objects
    assert through.filter(monitor_id__any_of=[monitor.pk]).count() == 1
    assert through.filter(monitor_id__any_of=[monitor.pk + 1]).count() == 0


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 1, 0, 0, 0, 999_999, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 500, tzinfo=UTC),
        datetime(2026, 1, 1, tzinfo=UTC) + timedelta(milliseconds=1234),
    ],
)
def test_a_moment_in_milliseconds_is_what_the_rules_take_it_for(moment):
    region = make_region()
    Region.objects.update(created_at=moment)
    assert Region.objects.values_list(EpochMs("created_at")).get(pk=region.pk) == (to_ms(moment),)


def test_no_moment_stays_none():
    monitor = make_monitor(team_of(make_user()))
    assert Monitor.objects.values_list(EpochMs("deleted_at")).get(pk=monitor.pk) == (None,)
