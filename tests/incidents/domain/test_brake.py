"""When alerts wait, and what becomes of those that do: by table, and whatever happens."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.domain.brake import Cause, Fate, Held, Limits, Scene, cause, fate, until
from tests.monitors.domain.worlds import examples

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
LIMITS = Limits()
MANY, REGIONS = Cause.MANY, Cause.REGIONS


def ago(seconds):
    return NOW - timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("regions", "troubled", "found"),
    [
        (1, [5], None),
        (2, [5], None),
        (2, [5, 5], REGIONS),
        (3, [5], None),
        (3, [5, 5], REGIONS),
        (4, [5, 5], REGIONS),
        (5, [5, 5], None),
        (5, [5, 5, 5], REGIONS),
        (4, [86_400, 86_400], None),  # away for good: no longer news
        (4, [86_400, 5], REGIONS),  # the half was reached just now
        (4, [86_400, 86_400, 5], None),  # it was reached long ago
        (2, [899, 899], REGIONS),
        (2, [900, 900], None),
    ],
)
def test_it_is_pulled_when_half_of_the_regions_come_into_trouble(regions, troubled, found):
    assert cause(Scene(regions, [ago(each) for each in troubled]), LIMITS, NOW) == found


@pytest.mark.parametrize(
    ("watched", "teams", "fell", "fell_teams", "found"),
    [
        (200, 9, 50, 5, MANY),
        (200, 9, 49, 5, None),
        (201, 9, 50, 5, None),
        (201, 9, 51, 5, MANY),
        (200, 9, 150, 4, None),
        (200, 4, 150, 4, MANY),
        (200, 4, 150, 3, None),
        (50, 1, 50, 1, MANY),  # an installation for one team is protected too
        (10, 1, 10, 1, None),
        (0, 0, 0, 0, None),
    ],
)
def test_it_is_pulled_when_much_goes_down_at_once(watched, teams, fell, fell_teams, found):
    scene = Scene(3, watched=watched, teams=teams, fell=fell, fell_teams=fell_teams)
    assert cause(scene, LIMITS, NOW) == found


@pytest.mark.parametrize(
    ("age_s", "left_s", "over", "why", "found"),
    [
        (10, 110, True, None, Fate.DROP),
        (10, 110, True, REGIONS, Fate.DROP),
        (10, 110, False, None, Fate.WAIT),
        (120, 0, False, None, Fate.RELEASE),
        (120, 0, False, MANY, Fate.RELEASE),  # it has lasted: it is true
        (10, 110, False, REGIONS, Fate.EXTEND),
        (130, -10, False, REGIONS, Fate.EXTEND),
        (850, 50, False, REGIONS, Fate.WAIT),  # as long as anything ever waits
        (900, 0, False, REGIONS, Fate.RELEASE),
        (900, 0, True, REGIONS, Fate.DROP),
    ],
)
def test_an_alert_waits_until_it_is_believed_or_over(age_s, left_s, over, why, found):
    held = Held(ago(age_s), ago(-left_s), over)
    assert fate(held, why, LIMITS, NOW) == found


looks = st.lists(st.tuples(st.integers(1, 60), st.sampled_from([None, MANY, REGIONS])), max_size=80)


@examples
@given(looks, st.integers(0, 3_000))
def test_whatever_happens_an_alert_is_dropped_if_it_was_over_and_told_if_it_was_not(course, over_after_s):
    """Looked at again and again, it ends; nothing that still stands is dropped, nothing waits beyond the longest."""
    held, now, found = Held(NOW, NOW + LIMITS.hold, False), NOW, Fate.WAIT
    for pause, why in [*course, (LIMITS.longest.seconds, REGIONS)]:
        now += timedelta(seconds=pause)
        over = now >= NOW + timedelta(seconds=over_after_s)
        found = fate(Held(NOW, held.until, over), why, LIMITS, now)
        if found not in {Fate.WAIT, Fate.EXTEND}:
            break
        if found == Fate.EXTEND:
            held = Held(NOW, until(held, LIMITS, now), False)
        assert held.until <= NOW + LIMITS.longest
        assert why != REGIONS or held.until > now
    assert found == (Fate.DROP if over else Fate.RELEASE)
