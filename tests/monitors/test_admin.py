"""Monitors, regions, ticks, dead letters and beat's entries in the admin."""

from datetime import timedelta

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from monitors.admin import TICKS_SHOWN
from monitors.models import DeadLetter, ExtraSlot, IngestGap, Monitor, Region, RegionTrouble, RegionWorker, Tick
from monitors.probes.kinds import KINDS
from monitors.services.partitions import ensure_partitions
from tests.factories import make_admin, make_heartbeat, make_monitor, make_region, make_user, team_of
from tests.monitors.test_forms import Knock

pytestmark = pytest.mark.django_db
LIST = "/admin/monitors/monitor/"


@pytest.fixture
def root(client):
    user = make_admin()
    client.force_login(user)
    return user


@pytest.fixture
def team(root):
    return team_of(make_user("bob"))


@pytest.fixture
def monitor(team):
    secrets = {"password": "hunter2"}
    return make_monitor(team, name="Shop", regions=[make_region()], options={"method": "HEAD"}, secrets=secrets)


def act(client, action, *monitors):
    return client.post(LIST, {"action": action, "_selected_action": [m.pk for m in monitors]}, follow=True)


def listed(client, query=""):
    return {monitor.name for monitor in client.get(f"{LIST}?{query}").context["cl"].result_list}


def test_a_kind_added_later_is_in_the_admin_by_itself(client, root, team, monkeypatch):
    monkeypatch.setitem(KINDS._kinds, "knock", Knock())
    options, secrets = {"knocks": 5}, {"phrase": "open sesame"}
    door = make_monitor(team, name="Door", kind="knock", target="door 7", options=options, secrets=secrets)
    assert listed(client, "kind=knock") == {"Door"}
    page = client.get(f"{LIST}{door.pk}/change/").content.decode()
    assert "knocks: 5" in page
    assert "phrase: ••• (secret)" in page
    assert "open sesame" not in page


# Who gets in --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["monitor", "region", "deadletter"])
def test_ordinary_people_do_not_get_in(client, path):
    client.force_login(make_user("alice"))
    assert client.get(f"/admin/monitors/{path}/").status_code == 302


def test_staff_who_may_only_look_are_offered_no_action(client, monitor):
    user = make_user("auditor", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_monitor"))
    client.force_login(user)
    act(client, "pause", monitor)
    act(client, "delete_selected", monitor)
    monitor.refresh_from_db()
    assert (monitor.paused, monitor.deleted_at) == (False, None)
    assert client.get(f"{LIST}{monitor.pk}/ticks/").status_code == 200


def test_staff_without_any_permission_see_no_ticks(client, monitor):
    client.force_login(make_user("intern", is_staff=True))
    assert client.get(f"{LIST}{monitor.pk}/ticks/").status_code == 403


@pytest.mark.parametrize("model", admin.site._registry, ids=lambda model: model.__name__)
def test_every_list_of_the_admin_opens_and_can_be_searched(client, monitor, model):
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    assert client.get(url).status_code == 200
    assert client.get(url, {"q": "shop"}).status_code == 200


# The list of monitors -----------------------------------------------------------------------------------------------
def test_monitors_are_listed_with_what_matters(client, monitor):
    page = client.get(LIST).content.decode()
    for words in ("Shop", "Pending", "http", "30 s", "bob&#x27;s team", "https://example.com/"):
        assert words in page


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", {"Shop", "Blog"}),
        ("state__status__exact=down", {"Blog"}),
        ("kind__exact=http", {"Shop", "Blog"}),
        ("q=shop", {"Shop"}),
        ("q=blog.example", {"Blog"}),
        ("q=bob", {"Shop", "Blog"}),
        ("deleted=yes", {"Gone"}),
        ("deleted=all", {"Shop", "Blog", "Gone"}),
    ],
)
def test_monitors_are_filtered_and_searched(client, monitor, team, query, names):
    make_monitor(team, name="Blog", target="https://blog.example/", status="down")
    make_monitor(team, name="Gone", deleted_at=timezone.now())
    assert listed(client, query) == names


@pytest.mark.parametrize("count", [1, 30])
def test_the_list_takes_as_many_queries_for_many_monitors(client, team, count, django_assert_num_queries):
    for number in range(count):
        make_monitor(team, name=f"{number}")
    client.get(LIST)
    with django_assert_num_queries(6):  # session, user, two counts, monitors, the filter of kinds
        client.get(LIST)


# One monitor --------------------------------------------------------------------------------------------------------
def test_a_monitor_shows_its_settings_state_and_schedule(client, monitor):
    page = client.get(f"{LIST}{monitor.pk}/change/").content.decode()
    for words in ("method: HEAD", "Eu West", "Next slot at", "Judged until", f"{LIST}{monitor.pk}/ticks/"):
        assert words in page


def test_a_heartbeat_shows_what_is_known_of_its_pings_and_not_where_to_ping_it(client, team):
    job = make_heartbeat(team)
    page = client.get(f"/admin/monitors/monitor/{job.pk}/change/").content.decode()
    assert "Look at" in page
    assert "/ticks/" not in page
    assert str(job.heartbeat.uuid) not in page
    assert job.heartbeat.token not in page


def test_times_in_which_no_ping_could_be_taken_can_be_read_and_not_made(client, root):
    now = timezone.now()
    IngestGap.objects.create(start=now - timedelta(minutes=5), end=now)
    assert client.get("/admin/monitors/ingestgap/").status_code == 200
    assert client.get("/admin/monitors/ingestgap/add/").status_code == 403


def test_secrets_are_named_but_never_shown(client, monitor):
    for url in (LIST, f"{LIST}{monitor.pk}/change/", f"{LIST}{monitor.pk}/history/", f"{LIST}{monitor.pk}/delete/"):
        page = client.get(url).content.decode()
        assert "hunter2" not in page
        assert "gAAAA" not in page  # how Fernet tokens begin
    assert "password: •••" in client.get(f"{LIST}{monitor.pk}/change/").content.decode()


def test_a_monitor_without_secrets_is_shown_too(client, team):
    monitor = make_monitor(team, secrets=None)
    assert "the defaults" in client.get(f"{LIST}{monitor.pk}/change/").content.decode()


def test_settings_cannot_be_changed_past_the_rules_of_the_form(client, monitor):
    data = {"name": "Shop", "interval": "0", "target": "javascript:alert(1)"}
    assert client.post(f"{LIST}{monitor.pk}/change/", data).status_code == 403
    assert client.get(f"{LIST}add/").status_code == 403
    monitor.refresh_from_db()
    assert (monitor.interval, monitor.target) == (30, "https://example.com/")


# Actions ------------------------------------------------------------------------------------------------------------
def test_monitors_are_paused_and_resumed(client, team):
    monitors = [make_monitor(team, name=f"Site {number}", status="up") for number in range(2)]
    page = act(client, "pause", *monitors).content.decode()
    assert "Paused: Site 0, Site 1" in page
    assert set(Monitor.objects.values_list("paused", "state__status")) == {(True, "paused")}
    assert LogEntry.objects.filter(change_message="Paused").count() == 2
    act(client, "resume", monitors[0])
    assert dict(Monitor.objects.values_list("name", "paused")) == {"Site 0": False, "Site 1": True}


def test_pausing_a_monitor_that_is_down_resolves_its_incident(client, team):
    monitor = make_monitor(team, status="down", state={"verdict": "down"})
    monitor.incidents.create(team=team, started_at=timezone.now(), cause="refused", summary="Down")
    act(client, "pause", monitor)
    assert monitor.incidents.get().resolution == "paused"


def test_monitors_are_checked_now_but_not_twice_at_once(client, monitor):
    assert "Checked now: Shop" in act(client, "check_now", monitor).content.decode()
    assert "Checked now: nothing" in act(client, "check_now", monitor).content.decode()
    assert monitor.extra_slots.get().cause == ExtraSlot.Cause.MANUAL


def test_deleting_asks_is_soft_and_can_be_undone(client, monitor):
    asked = act(client, "delete_selected", monitor).content.decode()
    assert "Are you sure" in asked
    assert Monitor.objects.alive().exists()
    client.post(LIST, {"action": "delete_selected", "_selected_action": [monitor.pk], "post": "yes"})
    assert not Monitor.objects.alive().exists()
    act_on_deleted = {"action": "restore", "_selected_action": [monitor.pk]}
    client.post(f"{LIST}?deleted=yes", act_on_deleted)
    assert Monitor.objects.alive().get() == monitor


def test_deleting_from_its_own_page_is_soft_too(client, monitor):
    client.post(f"{LIST}{monitor.pk}/delete/", {"post": "yes"})
    assert Monitor.objects.get().deleted_at is not None


# Ticks --------------------------------------------------------------------------------------------------------------
def tick(monitor, region, slot, **fields):
    return Tick.objects.create(monitor=monitor, region=region, slot=slot, vote="up", config_version=1, **fields)


def test_the_latest_ticks_are_read_from_their_monitor(client, monitor, team):
    now, region = timezone.now(), Region.objects.get()
    ensure_partitions(now.date())
    tick(monitor, region, now - timedelta(seconds=30), detail="the one before", address="203.0.113.7")
    tick(monitor, region, now, detail="<b>the latest</b>", response_ms=132.4)
    tick(make_monitor(team), region, now, detail="of another monitor")
    page = client.get(f"{LIST}{monitor.pk}/ticks/").content.decode()
    assert page.index("&lt;b&gt;the latest&lt;/b&gt;") < page.index("the one before")
    assert "203.0.113.7" in page
    assert "of another monitor" not in page


def test_no_more_ticks_are_read_than_a_page_takes(client, monitor, django_assert_max_num_queries):
    now, region = timezone.now(), Region.objects.get()
    ensure_partitions(now.date())
    slots = (now - timedelta(seconds=number) for number in range(TICKS_SHOWN + 50))
    Tick.objects.bulk_create(
        Tick(monitor=monitor, region=region, slot=slot, vote="up", config_version=1) for slot in slots
    )
    with django_assert_max_num_queries(7):
        page = client.get(f"{LIST}{monitor.pk}/ticks/").content.decode()
    assert page.count("<td>up</td>") == TICKS_SHOWN


def test_a_monitor_paused_long_ago_still_shows_its_last_ticks(client, team):
    now = timezone.now()
    ensure_partitions(now.date())
    then = now - timedelta(hours=20)
    monitor = make_monitor(team, interval=1, state={"last_slot": then})
    tick(monitor, make_region(), then, detail="the last of all")
    assert "the last of all" in client.get(f"{LIST}{monitor.pk}/ticks/").content.decode()


def test_a_monitor_without_ticks_says_so(client, monitor):
    ensure_partitions(timezone.now().date())
    assert "No ticks" in client.get(f"{LIST}{monitor.pk}/ticks/").content.decode()
    assert client.get(f"{LIST}999999/ticks/").status_code == 404


# Regions, dead letters, beat ----------------------------------------------------------------------------------------
def test_a_region_shows_its_workers_and_never_its_key(client, root):
    region, now = make_region(), timezone.now()
    RegionWorker.objects.create(region=region, name="probe-1:7", started_at=now, heard_at=now, in_band_at=now)
    url = f"/admin/monitors/region/{region.pk}/change/"
    assert "probe-1:7" in client.get(url).content.decode()
    for page in (client.get(url), client.get("/admin/monitors/region/")):
        assert region.key not in page.content.decode()


def test_of_a_region_only_the_name_can_be_changed(client, root):
    region = make_region("eu-west")
    form = {"name": "Frankfurt", "slug": "fra", "key": "x", "same_machine": "on"}
    form |= {"workers-TOTAL_FORMS": 0, "workers-INITIAL_FORMS": 0}
    assert client.post(f"/admin/monitors/region/{region.pk}/change/", form).status_code == 302
    after = Region.objects.get()
    assert (after.name, after.slug, after.key) == ("Frankfurt", "eu-west", region.key)
    assert (after.enabled, after.same_machine) == (True, False)


@pytest.mark.parametrize("page", ["add/", "{pk}/delete/"])
def test_regions_are_neither_added_nor_removed_past_the_rules(client, root, page):
    url = "/admin/monitors/region/" + page.format(pk=make_region().pk)
    assert client.post(url, {"post": "yes"}).status_code == 403
    assert Region.objects.count() == 1


def test_dead_letters_can_be_replayed_by_who_may_change_them(client, root):
    letter = DeadLetter.objects.create(region="eu-west", error="x", payload="nonsense")
    said = {"action": "replay", "_selected_action": letter.pk}
    answer = client.post("/admin/monitors/deadletter/", said, follow=True)
    assert "Replayed: 0 stored and gone, 1 still not stored" in answer.content.decode()
    assert DeadLetter.objects.get().tries == 1
    root.is_superuser = False
    root.save()
    root.user_permissions.add(Permission.objects.get(codename="view_deadletter"))
    client.post("/admin/monitors/deadletter/", said)
    assert DeadLetter.objects.get().tries == 1


def test_dead_letters_can_be_read(client, root):
    letter = DeadLetter.objects.create(region="eu-west", error="integer out of range", payload="{}")
    assert "integer out of range" in client.get("/admin/monitors/deadletter/").content.decode()
    assert client.get(f"/admin/monitors/deadletter/{letter.pk}/change/").status_code == 200
    assert client.post(f"/admin/monitors/deadletter/{letter.pk}/delete/", {"post": "yes"}).status_code == 403


def test_troubles_of_regions_can_be_read(client, root):
    row = RegionTrouble.objects.create(region=make_region(), kind="canary", start=timezone.now(), detail="2 of 3 fail")
    assert "2 of 3 fail" in client.get("/admin/monitors/regiontrouble/").content.decode()
    assert client.get(f"/admin/monitors/regiontrouble/{row.pk}/change/").status_code == 200
    assert client.post(f"/admin/monitors/regiontrouble/{row.pk}/delete/", {"post": "yes"}).status_code == 403


def test_beat_entries_can_be_seen_but_not_bent(client, root):
    every, _ = IntervalSchedule.objects.get_or_create(every=1, period="seconds")
    entry = PeriodicTask.objects.create(name="uptime: dispatch", task="uptime.dispatch", interval=every)
    url = "/admin/django_celery_beat/periodictask/"
    assert "uptime: dispatch" in client.get(url).content.decode()
    page = client.get(f"{url}{entry.pk}/change/").content.decode()
    assert "every second" in page
    assert "<script>" not in page
    assert client.post(f"{url}{entry.pk}/change/", {"name": "x"}).status_code == 403
    assert client.get(f"{url}add/").status_code == 403
