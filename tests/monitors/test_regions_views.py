"""The regions page: what it shows of each place, and who may add and remove one."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitors.models import Region, RegionTrouble, RegionWorker
from monitors.views_regions import FORGOTTEN_AFTER, region_rows
from tests.factories import make_admin, make_monitor, make_region, make_user, team_of
from uptime import localregions

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


@pytest.fixture
def alice(client):
    user = make_user("alice")
    client.force_login(user)
    return user


@pytest.fixture
def admin(client, settings):
    settings.INSTANCE_NONCE = "under make run"
    user = make_admin()
    client.force_login(user)
    return user


def worker(region, name="probe-1:7", seconds_ago=1, delay_s=0.02, **fields):
    heard_at = timezone.now() - timedelta(seconds=seconds_ago)
    values = {"started_at": heard_at, "in_band_at": heard_at - timedelta(seconds=delay_s), **fields}
    return RegionWorker.objects.create(region=region, name=name, heard_at=heard_at, **values)


def only_row(user):
    (row,) = region_rows(user, timezone.now())
    return row


# What it shows ------------------------------------------------------------------------------------------------------
def test_strangers_are_asked_to_sign_in(client):
    for url in ("/regions", "/regions/eu-west/remove"):
        assert client.get(url).status_code == 302


def test_a_region_is_shown_with_its_workers(client, alice):
    worker(make_region("eu-west"), in_flight=12, lag_ms=1.5, version="0.1.0")
    page = client.get("/regions").content.decode()
    for words in ("Eu West", "eu-west", "Online", "probe-1:7", "12", "1.5 ms", "0.1.0", "20 ms"):
        assert words in page


@pytest.mark.parametrize(
    ("heard", "enabled", "state"),
    [
        ([], True, "never"),
        ([1], True, "online"),
        ([14], True, "online"),
        ([16], True, "offline"),
        ([3600], True, "offline"),
        ([3600, 1], True, "online"),
        ([1], False, "off"),
    ],
)
def test_a_region_is_what_its_last_sign_of_life_makes_it(alice, settings, heard, enabled, state):
    settings.REGION_OFFLINE_AFTER = 15
    region = make_region(enabled=enabled)
    for seconds in heard:
        worker(region, name=f"heard {seconds}", seconds_ago=seconds)
    assert only_row(alice).state == state


def test_a_worker_long_silent_leaves_the_page_unless_it_is_the_last(alice):
    region, long = make_region(), FORGOTTEN_AFTER.total_seconds()
    worker(region, name="older", seconds_ago=long + 60)
    worker(region, name="old", seconds_ago=long + 30)
    assert [each.worker.name for each in only_row(alice).workers] == ["old"]
    worker(region, name="new")
    assert [each.worker.name for each in only_row(alice).workers] == ["new"]


@pytest.mark.parametrize(("delay_s", "warned"), [(0.02, False), (1.9, False), (3.4, True)])
def test_a_clock_that_is_behind_is_marked(client, alice, delay_s, warned):
    worker(make_region(), delay_s=delay_s)
    assert ("Its clock is behind" in client.get("/regions").content.decode()) is warned


def test_monitors_of_own_teams_are_counted_and_no_others(alice):
    region = make_region()
    for _ in range(2):
        make_monitor(team_of(alice), regions=[region])
    make_monitor(team_of(alice), regions=[region], deleted_at=timezone.now())
    make_monitor(team_of(make_user("bob")), regions=[region])
    assert only_row(alice).region.watched == 2


def test_that_no_region_answers_is_said_aloud(client, alice):
    worker(make_region("eu-west"), seconds_ago=60)
    assert "Nothing is being checked" in client.get("/regions").content.decode()
    worker(make_region("us-east"))
    assert "Nothing is being checked" not in client.get("/regions").content.decode()


def test_a_region_of_this_machine_is_labelled(client, alice):
    make_region("local", same_machine=True)
    assert "same machine" in client.get("/regions").content.decode()


def test_without_regions_the_page_says_the_next_step(client, alice):
    assert "No regions yet" in client.get("/regions").content.decode()


def test_region_keys_are_never_on_the_page(client, admin):
    region = make_region()
    for url in ("/regions", "/regions/rows", f"/regions/{region.slug}/remove"):
        assert region.key not in client.get(url).content.decode()


@pytest.mark.parametrize("count", [1, 12])
def test_many_regions_take_as_many_queries_as_one(client, alice, count, django_assert_num_queries):
    for number in range(count):
        region = make_region(f"region-{number}")
        worker(region)
        worker(region, name="second")
        make_monitor(team_of(alice), regions=[region])
    client.get("/regions/rows")
    with django_assert_num_queries(6):  # session, user, regions, workers, troubles now and before
        client.get("/regions/rows")


def test_the_fragment_is_drawn_again_only_when_something_changed(client, alice):
    region = make_region()
    mine = worker(region)
    version = client.get("/regions/rows").context["version"]
    assert client.get("/regions/rows", {"v": version}).status_code == 204
    mine.heard_at = timezone.now()
    mine.save()
    assert client.get("/regions/rows", {"v": version}).status_code == 200


# Adding -------------------------------------------------------------------------------------------------------------
def test_staff_add_a_region_whose_worker_then_starts_here(client, admin):
    response = client.post("/regions", {"name": "Rack 2", "slug": "rack-2"}, follow=True)
    assert "Rack 2 was added" in response.content.decode()
    region = Region.objects.get(slug="rack-2")
    assert (region.name, region.same_machine) == ("Rack 2", True)
    assert localregions.read() == {"rack-2": region.key}  # what the supervisor watches


def test_ordinary_people_neither_see_the_form_nor_may_send_it(client, alice, settings):
    settings.INSTANCE_NONCE = "under make run"
    assert "Add a region" not in client.get("/regions").content.decode()
    assert client.post("/regions", {"name": "Mine", "slug": "mine"}).status_code == 403
    assert not Region.objects.exists()


def test_without_make_run_no_region_of_this_machine_is_offered(client, admin, settings):
    settings.INSTANCE_NONCE = ""
    page = client.get("/regions").content.decode()
    assert "under another supervisor" in page
    assert 'name="slug"' not in page
    assert client.post("/regions", {"name": "Rack 2", "slug": "rack-2"}).status_code == 403
    assert not Region.objects.exists()


@pytest.mark.parametrize(
    ("name", "slug", "message"),
    [
        ("", "rack-2", "This field is required."),
        ("Rack 2", "", "This field is required."),
        ("Rack 2", "eu-west", "There is already a region with this id."),
        ("Rack 2", "Rack 2", "Use small letters, digits and single dashes."),
        ("Rack 2", "-rack", "Use small letters, digits and single dashes."),
        ("Rack 2", "rack*", "Use small letters, digits and single dashes."),
        ("Rack 2", "r" * 33, "at most 32 characters"),
        ("R" * 61, "rack-2", "at most 60 characters"),
    ],
)
def test_bad_input_is_answered_beside_its_field_and_nothing_typed_is_lost(client, admin, name, slug, message):
    make_region("eu-west")
    response = client.post("/regions", {"name": name, "slug": slug})
    page = response.content.decode()
    assert response.status_code == 422
    assert message in page
    assert all(f'value="{typed}"' in page for typed in (name, slug) if typed)
    assert Region.objects.count() == 1


@pytest.mark.parametrize("field", ["name", "slug"])
def test_a_nul_is_refused(client, admin, field):
    response = client.post("/regions", {"name": "Rack 2", "slug": "rack-2", field: "rack\0"})
    assert response.status_code == 422
    assert not Region.objects.exists()


# Removing -----------------------------------------------------------------------------------------------------------
def test_a_region_is_removed_after_asking(client, admin):
    make_region("eu-west")
    assert "Remove Eu West?" in client.get("/regions/eu-west/remove").content.decode()
    assert Region.objects.exists()
    assert client.post("/regions/eu-west/remove").status_code == 302
    assert not Region.objects.exists()


def test_the_only_region_of_a_monitor_stays_and_the_reason_is_told(client, admin):
    region = make_region("eu-west")
    make_monitor(team_of(make_user("bob")), regions=[region])
    response = client.post("/regions/eu-west/remove")
    assert response.status_code == 409
    assert "Give it another region first" in response.content.decode()
    assert Region.objects.exists()


@pytest.mark.parametrize("method", ["get", "post"])
def test_ordinary_people_may_not_remove_a_region(client, alice, method):
    make_region("eu-west")
    assert getattr(client, method)("/regions/eu-west/remove").status_code == 403
    assert Region.objects.exists()


def test_a_region_that_is_not_there_is_a_404(client, admin):
    assert client.get("/regions/nowhere/remove").status_code == 404


# Health ---------------------------------------------------------------------------------------------------------------
def trouble(region, kind="disagrees", minutes_ago=5, **fields):
    start = timezone.now() - timedelta(minutes=minutes_ago)
    doubted_from = None if kind == "offline" else start - timedelta(seconds=71)
    return RegionTrouble.objects.create(region=region, kind=kind, start=start, doubted_from=doubted_from, **fields)


def test_a_region_that_is_not_trusted_says_so_with_the_reason_and_since_when(client, alice):
    region = make_region()
    worker(region)
    trouble(region, detail="It alone sees 35 of 40 monitors down")
    assert only_row(alice).state == "doubted"
    page = client.get("/regions").content.decode()
    for words in (
        "Not trusted",
        "it disagrees with the others",
        "It alone sees 35 of 40 monitors down. Its votes count as no data.",
    ):
        assert words in page
    assert "trusted again at" not in page
    RegionTrouble.objects.update(clean_since=timezone.now())
    assert "it is trusted again at" in client.get("/regions").content.decode()


def test_a_silent_region_is_offline_and_not_distrusted(client, alice):
    region = make_region()
    worker(region, seconds_ago=60)
    trouble(region, "offline", detail="It gives no sign of life")
    page = client.get("/regions").content.decode()
    assert "Offline since" in page
    assert "Not trusted" not in page


def test_its_canaries_are_shown_by_whether_they_were_seen_as_they_are(client, alice):
    seen = [
        {"url": "http://up.example/", "known_up": True, "vote": "down", "wrong": 3, "detail": "Connection refused"},
        {"url": "http://down.example/", "known_up": False, "vote": "down", "wrong": 0, "detail": ""},
        {"url": "http://new.example/", "known_up": True, "vote": "", "wrong": 0, "detail": ""},
    ]
    worker(make_region(), canaries=seen)
    assert [each.look for each in only_row(alice).workers[0].canaries] == ["mistaken", "as_known", "nodata"]
    page = client.get("/regions").content.decode()
    for words in ("http://up.example/", "known to be up", "known to be down", "Mistaken", "Connection refused"):
        assert words in page


@pytest.mark.parametrize(("clock_ms", "warned"), [(None, False), (1_999.0, False), (2_500.0, True), (-2_500.0, True)])
def test_a_wrong_clock_is_marked(client, alice, clock_ms, warned):
    worker(make_region(), clock_ms=clock_ms)
    assert ("Its clock is wrong" in client.get("/regions").content.decode()) is warned


def test_past_troubles_stay_for_a_week_and_the_newest_are_shown(client, alice):
    region, now = make_region(), timezone.now()
    worker(region)
    trouble(region, "skewed", 30, detail="Its clock is 3.0 s ahead", end=now - timedelta(minutes=25))
    trouble(region, "canary", 60 * 24 * 9, detail="Long ago", end=now - timedelta(days=8))
    for number in range(12):
        trouble(region, "offline", 100 + number, end=now - timedelta(minutes=99 + number))
    page = client.get("/regions").content.decode()
    assert "Clock is off, for " in page
    assert "Long ago" not in page
    assert len(only_row(alice).region.past) == 10


def test_a_trouble_that_begins_or_ends_is_drawn(client, alice):
    region = make_region()
    worker(region)
    version = client.get("/regions/rows").context["version"]
    open_ = trouble(region)
    assert client.get("/regions/rows", {"v": version}).status_code == 200
    version = client.get("/regions/rows").context["version"]
    open_.end = timezone.now()
    open_.save()
    assert client.get("/regions/rows", {"v": version}).status_code == 200
