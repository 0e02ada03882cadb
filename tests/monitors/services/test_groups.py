"""A group follows its members in the transaction in which they change, with an incident that names those at fault."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from incidents import services as incidents
from incidents.models import Incident, Transition
from monitors.judged.group import KIND, Options
from monitors.models import GroupMember, Monitor, State, StatusInterval
from monitors.services import edit, groups
from monitors.services.changes import move
from monitors.services.judging import lock_states
from tests.factories import make_monitor, make_user, team_of

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def team():
    return team_of(make_user("alice"))


def members_of(team, *names, status="up"):
    ago = timezone.now() - timedelta(minutes=5)
    return [make_monitor(team, name=name, status=status, since=ago, state={"verdict": status}) for name in names]


def make_group(team, members, name="Everything", weights=(), **options):
    chosen = [
        {"id": str(each.pk), "weight": weight} for each, weight in zip(members, weights or [1] * 99, strict=False)
    ]
    form = Options.of({"members": chosen, **options})
    assert form.is_valid(), form.errors
    with transaction.atomic():
        return edit.create(team, None, {"kind": "group", "name": name, **KIND.columns(form.cleaned_data)})


def turn(monitor, after, at=None):
    """A member changes, as its own judge would have it."""
    with transaction.atomic():
        [state] = lock_states([monitor.pk])
        change = move(state.monitor, state, after, at or timezone.now(), why={"sentence": "It said so"})
        state.verdict = after
        state.save()
        incidents.apply([change])


def judged():
    with transaction.atomic():
        done = groups.judge(timezone.now())
        incidents.apply(done.changes)
    return [(change.monitor.name, str(change.after)) for change in done.changes]


def status_of(monitor):
    return State.objects.get(pk=monitor.pk).status


def test_a_new_group_is_what_its_members_are_within_a_second_and_nobody_is_told(team):
    group = make_group(team, members_of(team, "Shop", "API"))
    assert status_of(group) == "pending"
    assert judged() == [("Everything", "up")]
    assert judged() == []
    assert Transition.objects.get().silent
    assert list(group.intervals.values_list("status", flat=True)) == ["pending", "up"]


def test_it_goes_down_with_a_member_and_its_incident_names_it(team):
    shop, api = members_of(team, "Shop", "API")
    group = make_group(team, [shop, api])
    judged()
    at = timezone.now() + timedelta(seconds=1)
    turn(shop, "down", at - timedelta(milliseconds=500))
    state = State.objects.get(pk=group.pk)
    assert (state.status, state.last_reason) == ("down", "members_down")
    incident = Incident.objects.get(monitor=group)
    assert incident.cause == "members_down"
    assert incident.summary == "Down: Shop; 1 of 2 are not"
    assert not Transition.objects.get(monitor=group, to_status="down").silent
    turn(shop, "up")
    assert status_of(group) == "up"
    incident.refresh_from_db()
    assert incident.resolution == "recovered"
    assert StatusInterval.objects.filter(monitor=group, end=None).count() == 1
    assert judged() == []


def test_a_rule_says_how_many_matter(team):
    shop, api, docs = members_of(team, "Shop", "API", "Docs")
    some = make_group(team, [shop, api, docs], "Two", rule="at_least", least_up=2)
    heavy = make_group(team, [shop, api, docs], "Heavy", weights=[8, 1, 1], rule="weighted", share_up=60)
    judged()
    turn(shop, "down")
    assert (status_of(some), status_of(heavy)) == ("up", "down")
    turn(api, "down")
    assert (status_of(some), status_of(heavy)) == ("down", "down")
    turn(shop, "up")
    assert (status_of(some), status_of(heavy)) == ("up", "up")


def test_groups_in_groups_follow_in_the_same_transaction(team):
    shop, api = members_of(team, "Shop", "API")
    inner = make_group(team, [shop], "Inner")
    judged()
    outer = make_group(team, [inner, api], "Outer")
    judged()
    turn(shop, "down")
    assert (status_of(inner), status_of(outer)) == ("down", "down")
    assert Incident.objects.get(monitor=outer).summary == "Down: Inner; 1 of 2 are not"
    turn(shop, "up")
    assert (status_of(inner), status_of(outer)) == ("up", "up")


def test_no_data_of_a_member_that_matters_is_no_data_and_the_incident_stays(team):
    shop, api = members_of(team, "Shop", "API")
    group = make_group(team, [shop, api])
    judged()
    turn(shop, "down")
    turn(shop, "nodata")
    assert status_of(group) == "nodata"
    assert Incident.objects.open().filter(monitor=group).exists()
    turn(shop, "down")
    assert Incident.objects.filter(monitor=group).count() == 1
    assert [each.silent for each in Transition.objects.filter(monitor=group).order_by("pk")] == [
        True,
        False,
        True,
        True,
    ]
    turn(shop, "up")
    assert not Incident.objects.open().filter(monitor=group).exists()


def test_a_paused_or_deleted_member_is_absent(team):
    shop, api = members_of(team, "Shop", "API")
    group = make_group(team, [shop, api])
    judged()
    turn(shop, "down")
    with transaction.atomic():
        incidents.apply([edit.pause(shop)])
    assert status_of(group) == "up"
    with transaction.atomic():
        incidents.apply([edit.delete(api)])
    assert status_of(group) == "nodata"


def test_a_paused_group_stays_paused_and_begins_anew(team):
    [shop] = members_of(team, "Shop")
    group = make_group(team, [shop])
    judged()
    with transaction.atomic():
        incidents.apply([edit.pause(group)])
    turn(shop, "down")
    assert status_of(group) == "paused"
    assert judged() == []
    group.refresh_from_db()
    with transaction.atomic():
        incidents.apply([edit.resume(group)])
    assert judged() == [("Everything", "down")]


def test_an_edit_changes_what_it_is_made_of(team):
    shop, api = members_of(team, "Shop", "API")
    group = make_group(team, [shop, api])
    judged()
    turn(shop, "down")
    options = {**group.options, "members": [{"id": str(api.pk), "weight": 3}]}
    with transaction.atomic():
        edit.change(group, {"options": options})
    assert list(GroupMember.objects.values_list("member", "weight")) == [(api.pk, 3)]
    assert judged() == [("Everything", "up")]


def test_monitors_of_other_teams_are_never_members(team):
    [shop] = members_of(team, "Shop")
    [theirs] = members_of(team_of(make_user("bob")), "Theirs")
    make_group(team, [shop, theirs])
    assert list(GroupMember.objects.values_list("member", flat=True)) == [shop.pk]
    assert theirs.name not in dict(groups.candidates(team, None)).values()


def test_no_group_is_offered_what_is_made_of_it_and_groups_go_five_deep(team):
    [shop] = members_of(team, "Shop")
    chain = [make_group(team, [shop], "1")]
    for level in range(2, 6):
        chain.append(make_group(team, [chain[-1]], str(level)))

    def offered(group):
        return set(dict(groups.candidates(team, group)).values())

    assert offered(None) == {"Shop", "1", "2", "3", "4"}
    assert offered(chain[0]) == {"Shop"}
    assert offered(chain[4]) == {"Shop", "1", "2", "3", "4"}
    assert offered(make_group(team, [shop], "Other")) == {"Shop", "1", "2", "3", "4"}


def test_a_circle_that_slipped_in_ends(team):
    [shop] = members_of(team, "Shop")
    one = make_group(team, [shop], "One")
    two = make_group(team, [one], "Two")
    GroupMember.objects.create(group=one, member=two)
    turn(shop, "down")
    judged()
    assert status_of(two) in {"down", "pending"}
    assert groups.candidates(team, one)


def test_while_nothing_changes_looking_costs_two_or_three_queries(team, django_assert_max_num_queries):
    with django_assert_max_num_queries(2):
        groups.judge(timezone.now())
    make_group(team, members_of(team, "Shop", "API"))
    judged()
    with django_assert_max_num_queries(3):
        groups.judge(timezone.now())


@pytest.mark.django_db(transaction=True)
def test_members_that_change_at_once_leave_a_group_right():
    team = team_of(make_user("alice"))
    members = members_of(team, "A", "B", "C", "D")
    group = make_group(team, members, rule="any")
    other = make_group(team, [group, members[0]], "Other", rule="any")
    judged()
    barrier = threading.Barrier(4)

    def work(member):
        barrier.wait()
        turn(member, "down")
        connection.close()

    threads = [threading.Thread(target=work, args=[each]) for each in members]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {status_of(each) for each in members} == {"down"}
    assert (status_of(group), status_of(other)) == ("down", "down")
    assert Incident.objects.filter(monitor=group).count() == 1
    assert Monitor.objects.count() == 6
