"""Groups: what they are made of, and what becomes of them when a member changes. The rules are monitors.domain.group.

`follow` runs in the transaction in which members changed, `judge` looks at all of them every second, for what an edit
has changed. Groups are locked after their members and in the order of their ids, so that nobody waits for each other.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from accounts.models import Team
from monitors.domain.group import DEPTH, Member, status
from monitors.domain.verdict import Status, Vote
from monitors.judged.group import demand
from monitors.models import GroupMember, Monitor, State
from monitors.probes.base import MAX_DETAIL
from monitors.probes.reasons import Reason
from monitors.services.changes import StatusChange, move
from monitors.services.judging import lock_states
from monitors.services.record import Recorded

A_MOMENT = timedelta(milliseconds=1)
SHOWN = 5  # members a sentence names


# Made and changed -----------------------------------------------------------------------------------------------------
def make(monitor: Monitor, now: datetime) -> None:
    """Nothing is kept of a group beside its members."""


def lock(monitor: Monitor) -> None:
    """Its state, which is locked anyway, is all there is to lock."""


def stop(monitor: Monitor) -> None:
    """Its members go on."""


def expect_anew(monitor: Monitor, now: datetime) -> None:
    """It begins, or what it is made of has changed; `judge` says within a second what that means."""
    wanted = {int(each["id"]): each["weight"] for each in monitor.options["members"]}
    there = Monitor.objects.filter(pk__in=wanted, team=monitor.team_id).values_list("pk", flat=True)
    monitor.members.exclude(member__in=there).delete()
    GroupMember.objects.bulk_create(
        [GroupMember(group=monitor, member_id=pk, weight=wanted[pk]) for pk in there],
        update_conflicts=True,
        unique_fields=["group", "member"],
        update_fields=["weight"],
    )


def candidates(team: Team, group: Monitor | None) -> list[tuple[int, str]]:
    """(id, name) of the monitors a group, or a new one, may be made of: none that is made of it, none too deep."""
    made_of = defaultdict(set)
    for pk, member in GroupMember.objects.filter(group__team=team).values_list("group", "member"):
        made_of[pk].add(member)
    above = set() if group is None else _reaching(group.pk, made_of)
    room = DEPTH - 1 - max((_depth_to(pk, group.pk, made_of) for pk in above if group), default=0)
    found = Monitor.objects.alive().filter(team=team).order_by("name", "pk").values_list("pk", "name")
    kept = [(pk, name) for pk, name in found if pk not in above and (group is None or pk != group.pk)]
    return [(pk, name) for pk, name in kept if _depth(pk, made_of) <= room]


def _reaching(pk: int, made_of: Mapping[int, set[int]]) -> set[int]:
    found: set[int] = set()
    fresh = {pk}
    while fresh:
        fresh = {group for group, members in made_of.items() if members & fresh} - found
        found |= fresh
    return found


def _depth(pk: int, made_of: Mapping[int, set[int]], left: int = DEPTH + 1) -> int:
    """How many groups lie within each other here; 0 for what is no group."""
    members = made_of.get(pk, set())
    return 1 + max(_depth(each, made_of, left - 1) for each in members) if members and left else 0


def _depth_to(pk: int, below: int, made_of: Mapping[int, set[int]], left: int = DEPTH + 1) -> int:
    """How many groups there are from `pk` down to, not including, `below`; 0 where there is no way."""
    members = made_of.get(pk, set())
    if below in members:
        return 1
    ways = [_depth_to(each, below, made_of, left - 1) for each in members] if left else []
    return 1 + max(ways) if any(ways) else 0


# Judged ---------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Seen:
    """A member as its group sees it."""

    pk: int
    name: str
    status: Status
    since: datetime
    weight: int


def follow(changes: Iterable[StatusChange]) -> list[StatusChange]:
    """What becomes of the groups of what has changed, in the same transaction; those of groups included."""
    levels = _above({change.monitor.pk for change in changes})
    return _judge(levels, timezone.now())[0] if levels else []


def judge(now: datetime) -> Recorded:
    """Look at every group that is not what its members make it. Runs in a transaction."""
    wrong = {row.pk for row in _groups() if row.status != status(_counted(row.members), demand(row.options))}
    if not wrong:
        return Recorded()
    changes, teams = _judge({**dict.fromkeys(wrong, 0), **_above(wrong)}, now)
    return Recorded(changes, teams)


@dataclass
class _Group:
    pk: int
    status: str
    options: dict
    members: list[Seen]


def _groups() -> list[_Group]:
    """All groups that are in use, as they are stored, unlocked."""
    ids = set(GroupMember.objects.values_list("group_id", flat=True))
    used = Monitor.objects.alive().filter(pk__in=ids, paused=False) if ids else Monitor.objects.none()
    members = _members(ids)
    rows = used.values_list("pk", "state__status", "options")
    return [_Group(pk, stored, options, members[pk]) for pk, stored, options in rows]


def _above(ids: Collection[int]) -> dict[int, int]:
    """The groups that some monitors are in, however deep, by how many groups at most lie in between."""
    levels: dict[int, int] = {}
    fresh = set(ids)
    for level in range(1, DEPTH + 1):
        fresh = set(GroupMember.objects.filter(member_id__any_of=frozenset(fresh)).values_list("group_id", flat=True))
        if not fresh:
            break
        levels |= dict.fromkeys(fresh, level)
    return levels


def _members(groups: Collection[int]) -> dict[int, list[Seen]]:
    found = defaultdict(list)
    rows = GroupMember.objects.filter(group_id__any_of=frozenset(groups), member__deleted_at=None).order_by(
        "member__name"
    )
    columns = ("group_id", "member_id", "member__name", "member__state__status", "member__state__since", "weight")
    for group, pk, name, stored, since, weight in rows.values_list(*columns):
        found[group].append(Seen(pk, name, Status(stored), since, weight))
    return found


def _counted(members: Iterable[Seen]) -> list[Member]:
    return [Member(each.status, each.weight) for each in members]


def _judge(levels: Mapping[int, int], now: datetime) -> tuple[list[StatusChange], set[int]]:
    """Judge groups, the innermost first; returns their changes and teams."""
    changes, states = [], lock_states(levels)
    for level in sorted(set(levels.values())):  # what an inner one has become is read by the outer ones
        here = [each for each in states if levels[each.pk] == level and each.status != Status.PAUSED]
        members = _members([each.pk for each in here])
        for state in here:
            after = status(_counted(members[state.pk]), demand(state.monitor.options))
            if after != state.status:
                changes.append(_move(state, after, members[state.pk], now))
                state.save()
    return changes, {change.monitor.team_id for change in changes}


def _move(state: State, after: Status, members: list[Seen], now: datetime) -> StatusChange:
    """It is so since the last of its members changed, but never since before it was what it was."""
    at = max(state.since + A_MOMENT, min(now, max((each.since for each in members), default=now)))
    said = sentence(members) if after is Status.DOWN else ""
    told = after in {Status.UP, Status.DOWN} and after != state.verdict and (after, state.verdict) != ("up", "pending")
    if after in {Status.UP, Status.DOWN}:
        state.verdict = after
        state.last_vote, state.last_detail = Vote(after), said[:MAX_DETAIL]
        state.last_reason = Reason.MEMBERS_DOWN if after is Status.DOWN else ""
    why = {"cause": Reason.MEMBERS_DOWN, "sentence": said} if said else {}
    return move(state.monitor, state, after, at, now, silent=not told, why=why)


def sentence(members: Iterable[Seen]) -> str:
    """Which members are down, without a full stop."""
    members = list(members)
    down = [each.name for each in members if each.status in {Status.DOWN, Status.VALIDATING}]
    more = f" and {len(down) - SHOWN} more" if len(down) > SHOWN else ""
    return f"Down: {', '.join(down[:SHOWN])}{more}; {len(members) - len(down)} of {len(members)} are not"
