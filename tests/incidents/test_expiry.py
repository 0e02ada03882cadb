"""Certificates and domains that end become incidents: one at a time, with an entry and a notice for each step."""

from datetime import timedelta

import pytest
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone

from incidents import expiry
from incidents import services as incidents
from incidents.models import Incident, Notice
from monitors import availability
from monitors.forms import MonitorForm
from monitors.models import Expiry, Monitor, Region, State
from monitors.serializers import MonitorBody, attributes
from monitors.services import edit
from monitors.times import from_ms, now_ms, to_ms
from tests.factories import make_incident
from tests.monitors.services.cast import make_watched, outcome, settle, state_of, take

pytestmark = pytest.mark.django_db
HOUR, DAY = 3_600_000, 86_400_000


def see(monitor, days, region="eu", at=None, of=None):
    """A check that saw an end so many days ahead of `of`, and what follows from it."""
    now = at or now_ms()
    found = outcome(monitor, now, expires_at=(of or now) + int(days * DAY))
    done = take(region, [found], now)
    expiry.review(done.expiring, from_ms(now))
    return done


def later(**span):
    return timezone.now() + timedelta(**span)


@pytest.fixture
def monitor():
    made = make_watched(target="https://shop.example/")
    settle(made)
    return made


def test_an_end_far_away_is_noted_and_nobody_is_told(monitor):
    see(monitor, 41)
    assert state_of(monitor).expires_at is not None
    assert not Incident.objects.exists()


def test_a_near_end_opens_one_incident_with_one_entry_and_one_notice(monitor):
    see(monitor, 13.5)
    see(monitor, 13.5)
    incident = Incident.objects.get()
    assert (incident.kind, incident.step, incident.is_expiry) == ("certificate", 14, True)
    assert incident.summary.startswith("The certificate ends on ")
    assert [entry.kind for entry in incident.timeline.all()] == ["opened"]
    notice = Notice.objects.get()
    assert (notice.kind, notice.key) == ("opened", "step:14")
    assert notice.text.startswith("13 days left")


def test_as_time_passes_each_threshold_is_told_of_once(monitor):
    see(monitor, 13.5)
    for day in range(1, 16):
        for _ in range(2):
            expiry.watch(later(days=day))
    assert [notice.key for notice in Notice.objects.order_by("pk")] == [f"step:{days}" for days in (14, 7, 3, 2, 1)]
    incident = Incident.objects.get()
    assert [entry.kind for entry in incident.timeline.all()] == ["opened", *["step"] * 4]
    assert incident.resolved_at is None


def test_a_renewal_resolves_it_once_it_has_lasted(monitor):
    now = now_ms()
    see(monitor, 6, at=now)
    see(monitor, 90, at=now + 60_000, of=now)
    assert Incident.objects.get().resolved_at is None
    expiry.watch(from_ms(now + 2 * HOUR))
    incident = Incident.objects.get()
    assert incident.resolution == "renewed"
    assert [notice.key for notice in Notice.objects.order_by("pk")] == ["step:7", "resolved"]
    assert "was renewed" in incident.timeline.last().text


def test_two_servers_that_take_turns_neither_resolve_nor_open_again(monitor):
    now = now_ms()
    for turn in range(20):
        at = now + turn * 20 * 60_000
        see(monitor, 90 if turn % 2 else 6, at=at, of=now)
        expiry.watch(from_ms(at))
    assert Incident.objects.get().resolved_at is None
    assert Notice.objects.count() == 1


def test_every_region_must_see_the_renewal():
    monitor = make_watched(["eu", "us"], target="https://shop.example/")
    settle(monitor)
    now = now_ms()
    for region in ("eu", "us"):
        see(monitor, 6, region, at=now)
    see(monitor, 90, "eu", at=now + 60_000, of=now)
    expiry.watch(from_ms(now + 3 * HOUR))
    assert Incident.objects.get().resolved_at is None
    assert state_of(monitor).expires_at == from_ms(now + 6 * DAY)
    see(monitor, 90, "us", at=now + 3 * HOUR, of=now)
    expiry.watch(from_ms(now + 5 * HOUR))
    assert Incident.objects.get().resolution == "renewed"
    assert state_of(monitor).expires_at == from_ms(now + 90 * DAY)


@pytest.mark.parametrize(("verb", "ending"), [(edit.pause, "paused"), (edit.delete, "deleted")])
def test_who_is_no_longer_watched_is_told_of_no_more_and_nobody_hears_that(monitor, verb, ending):
    see(monitor, 6)
    incidents.apply([verb(monitor)])
    assert Incident.objects.get(kind="certificate").resolution == ending
    assert Notice.objects.filter(kind="resolved").count() == 0
    expiry.watch(later(days=4))
    assert Incident.objects.filter(kind="certificate").count() == 1


def test_a_monitor_that_goes_on_is_told_of_anew(monitor):
    see(monitor, 6)
    incidents.apply([edit.pause(monitor)])
    incidents.apply([edit.resume(monitor)])
    expiry.watch(later(hours=1))
    assert Incident.objects.open().filter(kind="certificate").count() == 1


def test_an_outage_and_a_certificate_may_be_open_at_once_and_end_apart(monitor):
    outage = make_incident(monitor)
    see(monitor, 6)
    assert Incident.objects.open().count() == 2
    outage.resolved_at = timezone.now()
    outage.save()
    assert Incident.objects.open().get().kind == "certificate"


def change(monitor, **options):
    monitor.refresh_from_db()
    edit.change(monitor, {"options": {**monitor.options, **options}})
    monitor.refresh_from_db()


def test_whoever_wants_to_hear_of_it_never_hears_of_it_never(monitor):
    change(monitor, certificate_days=0)
    see(monitor, 2)
    assert not Incident.objects.exists()


def test_switching_it_off_drops_what_is_open(monitor):
    see(monitor, 6)
    change(monitor, certificate_days=0)
    expiry.watch(later(hours=1))
    assert Incident.objects.get().resolution == "dropped"
    assert Notice.objects.filter(kind="resolved").count() == 0


def test_a_first_threshold_of_sixty_days_opens_early(monitor):
    change(monitor, certificate_days=60)
    see(monitor, 45)
    assert Incident.objects.get().step == 60


def test_the_end_of_a_domain_is_an_incident_of_its_own_kind():
    monitor = make_watched(kind="domain", target="shop.example", interval=86_400)
    settle(monitor)
    see(monitor, 6)
    incident = Incident.objects.get()
    assert (incident.kind, incident.step) == ("domain", 7)
    assert incident.summary.startswith("The domain ends on ")


def test_what_older_settings_saw_is_forgotten(monitor):
    see(monitor, 6)
    edit.change(monitor, {"target": "https://other.example/"})
    monitor.refresh_from_db()
    assert state_of(monitor).expires_at is None
    now = now_ms()
    see(monitor, 90, at=now)
    expiry.watch(from_ms(now + 2 * HOUR))
    assert Incident.objects.get().resolution == "renewed"


def test_an_outcome_of_older_settings_says_nothing(monitor):
    stale = outcome(monitor, now_ms(), expires_at=now_ms() + DAY, version=0)
    assert take("eu", [stale], now_ms()).expiring == set()


def test_what_is_seen_again_and_again_is_written_once_and_every_few_hours(monitor):
    now = now_ms()
    see(monitor, 41, at=now)
    first = Expiry.objects.get()
    for at in (now + HOUR, now + 5 * HOUR):
        assert see(monitor, 41, at=at, of=now).expiring == set()
    assert Expiry.objects.get().seen_at == first.seen_at
    see(monitor, 41, at=now + 7 * HOUR, of=now)
    again = Expiry.objects.get()
    assert (to_ms(again.seen_at), again.since) == (now + 7 * HOUR, first.since)


def test_a_removed_region_no_longer_counts():
    monitor = make_watched(["eu", "us"], target="https://shop.example/")
    settle(monitor)
    see(monitor, 6, "us")
    Region.objects.get(slug="us").delete()
    assert not Expiry.objects.exists()


def test_the_page_of_the_incident_says_what_matters(client, monitor):
    see(monitor, 6)
    client.force_login(monitor.created_by)
    incident = Incident.objects.get()
    page = client.get(reverse("incidents:detail", args=[incident.pk])).content.decode()
    assert "The certificate ends on" in page
    assert "Expires in 5 days" in page or "Expires in 6 days" in page
    assert "next at 3 days before" in page
    assert "What the regions see" in page
    assert "First failed round" not in page
    listed = client.get(reverse("incidents:list")).content.decode()
    assert "Certificate" in listed
    assert "Ends soon" in listed


def test_it_is_acknowledged_on_its_page_which_says_who_did_and_who_was_told(client, monitor):
    see(monitor, 6)
    client.force_login(monitor.created_by)
    incident = Incident.objects.get()
    url = reverse("incidents:detail", args=[incident.pk])
    assert "Who was told" in client.get(url).content.decode()
    page = client.post(reverse("incidents:acknowledge", args=[incident.pk]), follow=True).content.decode()
    assert f"{monitor.created_by.username} acknowledged it" in page
    assert "Acknowledged</strong> by" in page
    client.post(reverse("incidents:postmortem", args=[incident.pk]), {"text": "Renew **earlier**."})
    assert "<strong>earlier</strong>" in client.get(url).content.decode()


def test_list_and_page_of_the_monitor_say_how_long_it_lasts(client, monitor):
    client.force_login(monitor.created_by)
    see(monitor, 41.5)
    assert "Expires in 41 days" in client.get(reverse("monitors:detail", args=[monitor.pk])).content.decode()
    assert "Certificate expires" not in client.get(reverse("monitors:list")).content.decode()
    State.objects.update(expires_at=later(days=2, hours=1))
    listed = client.get(reverse("monitors:list")).content.decode()
    assert "text-down" in listed
    assert "Certificate expires in 2 days" in listed


def test_uptime_knows_nothing_of_ends(monitor):
    see(monitor, 6)
    assert availability.days(monitor, later(minutes=1))[-1].incidents == 0
    assert availability.sla(monitor, later(days=-1), later(minutes=1)).lengths == []


def test_the_api_tells_the_end_and_takes_the_threshold(client, monitor):
    see(monitor, 41)
    shown = attributes(Monitor.objects.get(pk=monitor.pk))
    assert shown["ssl_expiration"] == 14
    assert shown["domain_expiration"] is None
    assert shown["ssl_certificate_expires_at"].endswith("Z")
    assert shown["domain_expires_at"] is None


@pytest.mark.parametrize(
    ("given", "shown"),
    [({}, 14), ({"ssl_expiration": 30}, 30), ({"ssl_expiration": None}, None), ({"ssl_expiration": -1}, None)],
)
def test_the_threshold_is_set_in_the_words_of_the_wire(given, shown, monitor):
    body = MonitorBody({"url": "https://example.com", **given}, team=monitor.team, user=monitor.created_by)
    assert not body.errors
    assert attributes(body.save())["ssl_expiration"] == shown


def test_a_threshold_of_other_days_is_refused_by_name(monitor):
    body = MonitorBody({"url": "https://a.example", "ssl_expiration": 5}, team=monitor.team, user=monitor.created_by)
    assert body.errors == {"ssl_expiration": ["Choose one of 1, 2, 3, 7, 14, 30, 60 days, or 0 for never."]}


def test_a_domain_is_asked_about_daily_and_at_most_hourly(monitor):
    asked = {"kind": "domain", "target": "www.shop.example"}
    form = MonitorForm.of(asked, team=monitor.team, user=monitor.created_by)
    assert form.is_valid(), form.errors
    assert (form.cleaned_data["interval"], form.cleaned_data["target"]) == (86_400, "shop.example")
    often = MonitorForm.of({**asked, "interval": 60}, team=monitor.team, user=monitor.created_by)
    assert "At least 3,600 seconds" in often.errors["interval"][0]


def test_the_usual_interval_does_not_follow_into_a_type_with_another(monitor, settings):
    posted = QueryDict(f"kind=domain&shown=http&interval={settings.DEFAULT_CHECK_INTERVAL}&target=shop.example")
    assert MonitorForm(team=monitor.team, user=monitor.created_by, typed=posted)["interval"].value() == 86_400
    chosen = QueryDict("kind=domain&shown=http&interval=7200&target=shop.example")
    assert MonitorForm(team=monitor.team, user=monitor.created_by, typed=chosen)["interval"].value() == "7200"
