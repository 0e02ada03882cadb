"""Groups on pages and over the API: made of the team's monitors, with their rule and members shown."""

import pytest
from django.utils import timezone

from incidents import services as incidents
from monitors.models import GroupMember, Monitor
from monitors.services import groups
from tests.factories import make_monitor, make_user, team_of
from tests.monitors.test_api import Caller, errors, made

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def alice(client):
    user = make_user("alice")
    client.force_login(user)
    return user


@pytest.fixture
def members(alice):
    team = team_of(alice)
    return [make_monitor(team, name=name, status=status) for name, status in (("Shop", "up"), ("API", "down"))]


def add(client, chosen, **fields):
    given = {
        "kind": "group",
        "shown": "group",
        "name": "Business",
        "members": [each.pk for each in chosen],
        "rule": "all",
    }
    return client.post("/monitors/add", {**given, **fields}, follow=True)


def judge():
    incidents.apply(groups.judge(timezone.now()).changes)


def test_the_form_offers_the_monitors_of_the_team(client, members):
    make_monitor(team_of(make_user("bob")), name="Not yours")
    page = client.get("/monitors/add?kind=group").content.decode()
    assert "Shop" in page
    assert "API" in page
    assert "Not yours" not in page
    assert 'name="target"' not in page
    assert 'name="interval"' not in page


def test_a_group_is_made_shown_and_listed(client, members):
    page = add(client, members, rule="at_least", least_up="1").content.decode()
    assert "Business was added. What it is shows within a second." in page
    judge()
    group = Monitor.objects.get(kind="group")
    page = client.get(f"/monitors/{group.pk}").content.decode()
    for words in ("Group · At least 1 of 2 monitors", "Shop", "API", "1 of 2 up", "Up for"):
        assert words in page
    assert "Check now" not in page
    assert client.get(f"/monitors/{group.pk}/summary").status_code == 200
    listed = client.get("/").content.decode()
    assert "At least 1 of 2 monitors" in listed
    assert client.get(f"/monitors/{group.pk}/edit").status_code == 200


def test_why_it_is_down_is_said_on_its_page_and_its_incident(client, members):
    add(client, members)
    judge()
    group = Monitor.objects.get(kind="group")
    assert "Down: API; 1 of 2 are not" in client.get(f"/monitors/{group.pk}").content.decode()
    incident = group.incidents.get()
    assert "Down: API; 1 of 2 are not" in client.get(f"/incidents/{incident.pk}").content.decode()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"members": []}, "Which monitors is it made of?"),
        ({"members": ["999999"]}, "The monitor 999999 cannot be a member."),
        ({"members": ["x"]}, "is no id of a monitor"),
        ({"rule": "at_least", "least_up": "3"}, "It has only 2 members."),
        ({"rule": "most"}, "most"),
        ({"name": ""}, "required"),
    ],
)
def test_what_makes_no_group_is_told_at_its_field_and_keeps_what_was_typed(client, members, fields, words):
    answer = add(client, members, **fields)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert words in page
    assert fields.get("name", "Business") in page
    if "members" not in fields:
        assert f'value="{members[0].pk}" checked' in page
    assert not Monitor.objects.filter(kind="group").exists()


def test_weights_come_from_the_page_and_are_kept_when_something_is_wrong(client, members):
    weight = {f"weight_{members[0].pk}": "7"}
    page = add(client, members, rule="weighted", share_up="0", **weight).content.decode()
    assert f'name="weight_{members[0].pk}" value="7"' in page
    add(client, members, rule="weighted", share_up="80", **weight)
    assert dict(GroupMember.objects.values_list("member__name", "weight")) == {"Shop": 7, "API": 1}
    judge()
    assert Monitor.objects.get(kind="group").state.status == "up"


def test_a_name_of_a_member_is_text(client, alice):
    member = make_monitor(team_of(alice), name="<script>alert(1)</script>")
    assert "<script>alert" not in client.get("/monitors/add?kind=group").content.decode()
    assert "<script>alert" not in add(client, [member]).content.decode()


def test_programs_make_read_and_change_groups(alice, members):
    caller = Caller(alice)
    body = {"monitor_type": "group", "pronounceable_name": "Business", "rule": "any"}
    data = made(caller.create(url=None, **body, members=[members[0].pk, {"id": str(members[1].pk), "weight": 3}]))
    attributes = data["attributes"]
    assert attributes["monitor_type"] == "group"
    assert attributes["members"] == [{"id": str(members[0].pk), "weight": 1}, {"id": str(members[1].pk), "weight": 3}]
    again = caller.change(data["id"], **attributes).json()["data"]["attributes"]
    assert {**again, "updated_at": ""} == {**attributes, "updated_at": ""}
    assert Monitor.objects.get(kind="group").config_version == 1
    caller.change(data["id"], rule="at_least", least_up=2)
    assert caller.attributes(data["id"])["least_up"] == 2
    assert [each["id"] for each in caller.get("/api/v2/monitors", {"url": "https://example.com/"}).json()["data"]] == [
        str(each.pk) for each in members
    ]


def test_a_program_is_told_what_is_wrong(alice, members):
    theirs = make_monitor(team_of(make_user("bob")))
    refused = Caller(alice).create(monitor_type="group", pronounceable_name="x", members=[theirs.pk])
    assert "cannot be a member" in errors(refused)["members"][0]
    refused = Caller(alice).create(monitor_type="group", pronounceable_name="x", members="all")
    assert "must be a list" in errors(refused)["members"][0]
