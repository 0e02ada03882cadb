"""When people are told that a certificate or a domain ends: once for each threshold, and not for a flapping one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.domain.expiry import THRESHOLDS, Event, Told, What, review, thresholds
from monitors.domain.expiry import DAY_MS, HOUR_MS, Sight, earliest

NOW = 2_000_000_000_000
LONG_AGO = NOW - 30 * DAY_MS


def sight(days, since=LONG_AGO, seen_at=NOW):
    return Sight(NOW + int(days * DAY_MS), since, seen_at)


def told(step, days):
    return Told(step, NOW + int(days * DAY_MS))


@pytest.mark.parametrize(
    ("first", "days", "before", "what", "step"),
    [
        # Nothing is open
        (14, 14.1, None, None, None),
        (14, 14, None, What.OPENED, 14),
        (14, 13.9, None, What.OPENED, 14),
        (14, 6, None, What.OPENED, 7),  # found late: told of once
        (14, -3, None, What.OPENED, 1),
        (60, 45, None, What.OPENED, 60),
        (30, 45, None, None, None),
        (1, 1.5, None, None, None),
        (0, 0.5, None, None, None),
        # An incident is open
        (14, 10, 14, None, None),
        (14, 7, 14, What.STEP, 7),
        (14, 6, 7, None, None),
        (14, 2.5, 7, What.STEP, 3),
        (14, 0.5, 7, What.STEP, 1),  # several passed while nobody looked
        (14, -5, 1, None, None),
        (14, 10, 7, None, None),  # renewed for a few days only: nothing new to say
        (14, 90, 7, What.RENEWED, None),
        (7, 10, 14, What.DROPPED, None),  # people want to hear of it later
        (0, 3, 7, What.DROPPED, None),
    ],
)
def test_thresholds(first, days, before, what, step):
    seen = [sight(days)]
    known = None if before is None else told(before, 10 if what is What.DROPPED else min(days, before))
    event = review(seen, first, known, 60, NOW)
    assert (event.what if event else None) == what
    if step:
        assert event.step == step


def test_the_region_that_sees_the_earliest_end_counts():
    assert review([sight(90), sight(6)], 14, None, 60, NOW) == Event(What.OPENED, NOW + 6 * DAY_MS, 7)
    assert review([sight(90), sight(6)], 14, told(7, 6), 60, NOW) is None


def test_a_region_that_has_not_looked_for_days_no_longer_counts():
    old = sight(6, seen_at=NOW - 3 * DAY_MS)
    assert earliest([old, sight(90)], 60) == NOW + 90 * DAY_MS
    assert review([old, sight(90)], 14, told(7, 6), 60, NOW).what is What.RENEWED
    assert earliest([old], 60) == old.expires_at  # nobody has looked since: silence changes nothing
    assert earliest([old, sight(90)], 3 * 86_400) == old.expires_at  # it looks that seldom


@pytest.mark.parametrize(
    ("since_ms", "interval", "is_over"),
    [
        (HOUR_MS - 1, 30, False), (HOUR_MS, 30, True), (HOUR_MS, 600, False), (2 * HOUR_MS, 600, True),
        (DAY_MS - 1, 86_400, False), (DAY_MS, 86_400, True),
    ],
)  # fmt: skip
def test_a_renewal_ends_it_once_nothing_else_was_seen_for_a_while(since_ms, interval, is_over):
    event = review([sight(90, since=NOW - since_ms), sight(90)], 14, told(7, 6), interval, NOW)
    assert (event is not None) == is_over


@pytest.mark.parametrize("first", [0, *THRESHOLDS])
def test_the_first_threshold_begins_the_list(first):
    assert thresholds(first) == tuple(days for days in (60, 30, 14, 7, 3, 2, 1) if days <= first)


def play(days, hours, first=14):
    """Events as time passes: one look per hour, `days` left at the begin, as each region sees it."""
    before, events = None, []
    for hour in range(hours):
        now = NOW + hour * HOUR_MS
        event = review([sight(days, seen_at=now)], first, before, 60, now)
        if event:
            events.append(event)
            before = Told(event.step, event.expires_at)
    return events


@given(st.floats(0.1, 80), st.sampled_from(THRESHOLDS))
def test_each_threshold_is_told_of_at_most_once_and_in_order(days, first):
    events = play(days, 90 * 24, first)
    steps = [event.step for event in events]
    assert steps == sorted(set(steps), reverse=True)
    assert set(steps) <= set(thresholds(first))
    assert events[0].what is What.OPENED
    assert [event.what for event in events[1:]] == [What.STEP] * (len(events) - 1)
    assert steps[-1] == 1


@given(st.lists(st.booleans(), min_size=2, max_size=60), st.integers(1, 55))
def test_two_servers_with_an_old_and_a_new_certificate_open_one_incident_and_end_none(turns, minutes):
    """As long as the old one comes up at least once an hour."""
    turns = [True, *turns, True]
    step_ms = min(minutes, 55 // max(1, longest_run(turns))) * 60_000 or 60_000
    before, events, current = None, [], None
    for at, is_old in enumerate(turns):
        now = NOW + at * step_ms
        end = NOW + (5 if is_old else 90) * DAY_MS
        if current is None or current.expires_at != end:
            current = Sight(end, now, now)
        event = review([current], 14, before, 60, now)
        if event:
            events.append(event.what)
            before = Told(event.step, event.expires_at)
    assert events == [What.OPENED]


def longest_run(turns):
    longest = run = 0
    for is_old in turns:
        run = 0 if is_old else run + 1
        longest = max(longest, run)
    return longest + 1
