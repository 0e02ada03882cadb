"""What we promise about alarms, whatever the votes and however they arrive."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import verdict_spec as spec
from tests.monitors.domain.worlds import DOWN, NODATA, START, UP, Watched, examples, watch

STEP = 30_000
REGIONS = [1, 2, 3, 5, 8]
verdicts = st.sampled_from([UP, UP, UP, DOWN, DOWN, NODATA, None])  # None: no message at all


@st.composite
def rounds_of_votes(draw):
    regions = REGIONS[: draw(st.integers(1, 5))]
    one = st.fixed_dictionaries(dict.fromkeys(regions, verdicts))
    rounds = draw(st.lists(one, min_size=1, max_size=8))
    return [(START + k * STEP, region, vote) for k, cast in enumerate(rounds) for region, vote in cast.items() if vote]


def told(arrivals, regions=REGIONS, rounds=30, **policy):
    """Every opened and resolved incident: (kind, seconds after the start, seconds until decided)."""
    site = spec.Site(frozenset(regions), **policy)
    grid = {START + k * STEP: site.regions for k in range(rounds)}
    heard = [spec.Heard(*arrival) for arrival in arrivals]
    sweeps = [spec.Swept(site.watermark(slot)) for slot in grid]
    end = spec.Swept(START + rounds * STEP + 1_000_000)
    watched = watch(spec.History(site, START, grid, sorted([*heard, *sweeps, end], key=lambda event: event.now)))
    return [
        (kind, (at - START) // 1000, (decided - START) // 1000)
        for kind, at, decided in watched.verdict_changes()
        if kind != "started"
    ]


def what(incidents):
    return [(kind, at) for kind, at, _ in incidents]


@examples
@given(rounds_of_votes(), st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing(cast, rnd):
    both = [[(slot + rnd.randint(0, 19_999), slot, region, vote) for slot, region, vote in cast] for _ in range(2)]
    assert what(told(both[0], rounds=8)) == what(told(both[1], rounds=8))


@examples
@given(rounds_of_votes(), st.randoms(use_true_random=False))
def test_duplicates_and_redeliveries_change_nothing(cast, rnd):
    """A probe that ran twice may even report the opposite the second time."""
    once = [(slot + 5_000, slot, region, vote) for slot, region, vote in cast]
    again = [
        (now + rnd.randint(1, 3_600_000), slot, region, rnd.choice([UP, DOWN, NODATA]))
        for now, slot, region, _ in once
        if rnd.random() < 0.5
    ]
    assert told(once, rounds=8) == told(once + again, rounds=8)


@examples
@given(rounds_of_votes())
def test_incidents_open_and_resolve_in_turn_and_never_before_they_happened(cast):
    last = -1
    incidents = told([(slot + 3_000, slot, region, vote) for slot, region, vote in cast], rounds=8)
    for i, (kind, at, decided) in enumerate(incidents):
        assert kind == (DOWN, UP)[i % 2]
        assert last < at <= decided
        last = at


@examples
@given(st.integers(2, 5), st.data())
def test_no_single_region_opens_an_incident_or_holds_one_open(n, data):
    regions = REGIONS[:n]
    liar = data.draw(st.sampled_from(regions))
    lies = [
        (START + k * STEP + 1_000, START + k * STEP, region, DOWN if region == liar else UP)
        for k in range(20)
        for region in regions
    ]
    assert told(lies, regions) == []
    real = [(START + k * STEP + 900, START + k * STEP, region, DOWN) for k in range(3) for region in regions]
    assert what(told(real + lies, regions)) == [(DOWN, 0), (UP, 90)]


@examples
@given(st.integers(1, 5), st.sets(st.sampled_from(REGIONS)))
def test_a_lasting_split_never_flaps(n, down):
    regions = REGIONS[:n]
    split = [
        (START + k * STEP + 1_000 + region, START + k * STEP, region, DOWN if region in down else UP)
        for k in range(20)
        for region in regions
    ]
    most = len(down & set(regions)) >= n // 2 + 1
    assert what(told(split, regions, rounds=20)) == ([(DOWN, 0)] if most else [])


@pytest.mark.parametrize("n", [1, 3])
def test_a_target_that_answers_every_other_time_alarms_nobody(n):
    """Never two failures in a row. Whoever asks for one alone hears of each."""
    regions = REGIONS[:n]
    alternating = [
        (START + k * STEP + 1_000 + region, START + k * STEP, region, DOWN if k % 2 else UP)
        for k in range(20)
        for region in regions
    ]
    assert told(alternating, regions, rounds=20) == []
    assert len(told(alternating, regions, rounds=20, confirm=1, recover=1)) == 19


@pytest.mark.parametrize("n", range(1, 6))
@pytest.mark.parametrize("silent", [0, 1, 2, 3, 7, 25])
def test_silence_neither_opens_nor_resolves(n, silent):
    """The broker is gone, or beat, or every worker."""
    regions = REGIONS[:n]
    healthy = [(START + 1_000, START, region, UP) for region in regions]
    assert told(healthy, regions, rounds=1 + silent) == []
    broken = [(START + k * STEP + 1_000, START + k * STEP, region, DOWN) for k in range(2) for region in regions]
    assert what(told(broken, regions, rounds=2 + silent)) == [(DOWN, 0)]


@examples
@given(st.integers(1, 5), st.integers(0, 200), st.integers(0, 400), st.integers(1, 3))
def test_an_outage_of_confirm_intervals_is_always_detected_within_the_bound(n, start, length, confirm):
    """confirm * interval + timeout + lateness; and what is shorter than one interval less never alerts."""
    regions = REGIONS[:n]
    seen = [
        (START + k * STEP + 10_000, START + k * STEP, region, DOWN if start <= 30 * k < start + length else UP)
        for k in range(30)
        for region in regions
    ]
    opened = [decided for kind, _, decided in told(seen, regions, confirm=confirm) if kind == DOWN]
    if length >= confirm * 30:
        assert opened
        assert opened[0] <= start + confirm * 30 + 10 + 10
    if length < (confirm - 1) * 30:
        assert not opened


@pytest.mark.parametrize("timeout", [1_000, 10_000, 30_000])
def test_a_recheck_confirms_an_outage_long_before_the_next_slot(timeout):
    site = spec.Site(frozenset([1]), timeout=timeout)
    slot, answered = START, START + 800
    watched = Watched(spec.History(site, START, {slot: site.regions}))
    watched.store(spec.Heard(answered, slot, 1, DOWN))
    recheck = watched.judge(answered, START + STEP).recheck
    watched.slots[recheck] = site.regions
    watched.store(spec.Heard(recheck + 800, recheck, 1, DOWN))
    watched.judge(recheck + 800, START + STEP)
    assert watched.verdict_changes() == [(DOWN, START, START + 3_600)]


def latest_votes(arrivals, regions):
    """The usual rule, '>= half of the regions' latest statuses': incidents it tells."""
    view, state, found = {}, UP, []
    for _, slot, region, vote in sorted(arrivals):
        view[region] = vote
        if vote != state and list(view.values()).count(vote) >= len(regions) / 2:
            state = vote
            found.append((vote, (slot - START) // 1000))
    return found


def test_where_the_usual_rule_of_latest_votes_flaps_rounds_stay_calm():
    regions = REGIONS[:4]
    split = [
        (START + k * STEP + 1_000 + i, START + k * STEP, region, DOWN if i < 2 else UP)
        for k in range(10)
        for i, region in enumerate(regions)
    ]
    assert len(latest_votes(split, regions)) == 20
    assert told(split, regions, rounds=10) == []


def test_where_the_usual_rule_adds_up_failures_that_never_met_rounds_do_not():
    apart = [
        (START + 1, START, 1, DOWN),
        (START + 2, START, 2, UP),
        (START + STEP + 1, START + STEP, 2, DOWN),
        (START + STEP + 2, START + STEP, 1, UP),
    ]
    assert latest_votes(apart, [1, 2]) != []
    assert told(apart, [1, 2], rounds=2, confirm=1) == []
