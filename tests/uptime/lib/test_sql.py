"""What is added to Django's query language says what it promises."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitors.models import Monitor, Region, Round, State
from monitors.times import to_ms
from tests.factories import make_monitor, make_region, make_user, team_of
from uptime.lib.sql import EpochMs, upsert

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


# Rows inserted or overwritten ----------------------------------------------------------------------------------------
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - it gets one
SMALL = st.integers(-32768, 32767)
STATES = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["up", "down", "nodata"]),
        "since": MOMENTS,
        "turns": st.lists(MOMENTS, max_size=3),
        "flapping_since": st.none() | MOMENTS,
        "recent": st.lists(SMALL, max_size=3),
        "last_response_ms": st.none() | st.floats(0, 1e7),
        "last_detail": TEXT | st.sampled_from(['"', "\\", "{}", "NULL", "'; --", "%s"]),
        "partial": st.booleans(),
        "streak": st.integers(0, 32767),
    }
)
ROUNDS = st.fixed_dictionaries(
    {
        "eligible": st.lists(SMALL, max_size=3),
        "votes": st.dictionaries(TEXT, TEXT | st.integers() | st.none(), max_size=3),
        "verdict": st.sampled_from(["", "up", "down"]),
        "closed_at": st.none() | MOMENTS,
        "need": st.integers(0, 32767),
    }
)
one_monitor = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # each example cleans up before


@pytest.fixture
def monitor():
    return make_monitor(team_of(make_user()))


@one_monitor
@given(before=STATES, after=STATES)
def test_a_row_that_is_there_is_overwritten_as_saving_it_would(monitor, before, after):
    State.objects.all().delete()
    fields = [field.name for field in State._meta.concrete_fields if not field.primary_key]
    for values in (before, after):
        state = State(monitor=monitor, **values)
        upsert([state], ["monitor"], fields)
        stored = State.objects.get(pk=monitor.pk)
        assert {name: getattr(stored, name) for name in fields} == {name: getattr(state, name) for name in fields}


@one_monitor
@given(before=ROUNDS, after=ROUNDS, other=ROUNDS)
def test_rows_that_are_there_keep_what_is_not_to_be_overwritten(monitor, before, after, other):
    Round.objects.all().delete()
    slot = datetime(2026, 1, 1, tzinfo=UTC)
    whole = {"monitor": monitor, "config_version": 1}
    fields = ["votes", "verdict", "closed_at", "need"]
    upsert([Round(slot=slot, **whole, **before)], ["monitor", "slot"], fields)
    late = slot + timedelta(seconds=30)
    upsert([Round(slot=slot, **whole, **after), Round(slot=late, **whole, **other)], ["monitor", "slot"], fields)
    stored = {row["slot"]: row for row in Round.objects.values("slot", *fields, "eligible")}
    assert stored.pop(slot) == {"slot": slot, **after, "eligible": before["eligible"]}
    assert stored == {late: {"slot": late, **other}}


def test_no_rows_are_no_statement(django_assert_num_queries):
    with django_assert_num_queries(0):
        upsert([], ["monitor"], ["status"])
