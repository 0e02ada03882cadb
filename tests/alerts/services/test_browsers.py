"""Web push from the click that turns it on to the browser that shows it, and to the one that is gone."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from django.utils import timezone

from accounts.models import Role
from alerts import queries
from alerts.channels.base import Event
from alerts.domain.escalation import Severity
from alerts.models import Browser, Channel, Delivery, MonitorPolicy, PushKey
from alerts.services import browsers, channels, policies
from tests.alerts.cast import announce, comes_back, goes_down, ledger, make_owned, make_policy, send
from tests.browsers import Reader
from tests.factories import make_browser, make_channel, make_user, team_of
from tests.pushservice import PushService, refusal
from uptime.lib import webpush

pytestmark = pytest.mark.django_db


@pytest.fixture
def service(settings):
    settings.ALLOW_PRIVATE_TARGETS = True
    with PushService(browsers.signing_key()) as service:
        yield service


@pytest.fixture
def shop():
    return make_owned()


@pytest.fixture
def alice(shop):
    return shop.created_by


def on(user, service, name="laptop", **fields):
    """Turn notifications on in a browser of the push service's."""
    made = service.subscribe(name, **fields)
    browsers.turn_on(user, made.told, name.title())
    return made


def told(name="x"):
    return Reader.new().subscription(f"https://push.example/{name}")


# The key --------------------------------------------------------------------------------------------------------------
def test_the_sites_key_is_made_once_and_not_stored_in_the_clear():
    first = browsers.signing_key()
    assert browsers.signing_key() == first
    assert PushKey.objects.extra(select={"raw": "private::text"}).values_list("raw", flat=True).get() != first
    assert webpush.encode(webpush.point(webpush.private_key(first))) == browsers.public_key()


@pytest.mark.django_db(transaction=True)
def test_many_who_make_it_at_once_make_one():
    def make(_):
        try:
            return browsers.signing_key()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(make, range(12)))) == 1


def test_the_contact_is_the_site_where_it_has_https_and_the_sender_of_its_mails_else(settings):
    settings.HTTPS, settings.BASE_URL = True, "https://uptime.example"
    assert browsers.identity()["contact"] == "https://uptime.example"
    settings.HTTPS, settings.DEFAULT_FROM_EMAIL = False, "Uptime <ops@example.com>"
    assert browsers.identity()["contact"] == "mailto:ops@example.com"


# Turning it on --------------------------------------------------------------------------------------------------------
def test_turning_a_browser_on_makes_a_channel_of_ones_own_in_every_team(alice):
    bob = make_user("bob")
    ours = make_user("carol", team=team_of(bob))
    browsers.turn_on(ours, told(), "Firefox on Linux")
    made = Channel.objects.filter(kind="webpush")
    assert {(each.team, each.member, each.automatic) for each in made} == {
        (team_of(ours), ours, True),
        (team_of(bob), ours, True),
    }


def test_the_same_browser_is_one_and_changes_hands(alice):
    same = told()
    first = browsers.turn_on(alice, same, "Firefox on Linux")
    assert browsers.turn_on(alice, same, "Firefox on Linux").pk == first.pk
    bob = make_user("bob")
    browsers.turn_on(bob, same, "Firefox on Linux")
    assert Browser.objects.get().user == bob


def test_there_is_a_limit_for_each_member(alice):
    for number in range(browsers.LIMIT):
        make_browser(alice, told(str(number)))
    with pytest.raises(browsers.LimitError, match="Remove one"):
        browsers.turn_on(alice, told("one-more"), "Firefox on Linux")
    browsers.turn_on(alice, told("3"), "Firefox on Linux")  # one of them
    browsers.turn_on(make_user("bob"), told("one-more"), "Firefox on Linux")


def test_whoever_knows_the_old_address_gives_the_new_one(alice):
    browser = browsers.turn_on(alice, told("old"), "Firefox on Linux")
    new = told("new")
    assert not browsers.renew("https://push.example/guessed", new)
    assert browsers.renew("https://push.example/old", new)
    browser.refresh_from_db()
    assert (browser.user, browser.secrets) == (alice, new)
    assert browser.fingerprint == browsers.fingerprint(new["endpoint"])


# Who is told ----------------------------------------------------------------------------------------------------------
def test_an_owner_is_told_by_email_and_in_the_browser_once_it_is_on(shop, alice, service):
    laptop, phone = on(alice, service), on(alice, service, "phone")
    goes_down(shop)
    announce()
    send()
    assert ledger() == [("down", "alice's email", "kept"), ("down", "alice's browsers", "sent")]
    assert laptop.shown[0]["notification"]["title"] == phone.shown[0]["notification"]["title"] == "🔴 Shop is down"
    comes_back(shop)
    announce()
    send()
    assert laptop.shown[1]["notification"]["title"] == "🟢 Shop is up again"
    assert {seen.headers["topic"] for seen in laptop.seen} == {f"incident{shop.incidents.get().pk}"}


def test_whoever_has_not_turned_it_on_is_told_by_email_alone(shop):
    goes_down(shop)
    announce()
    assert [channel for _, channel, _ in ledger()] == ["alice's email"]


def test_a_step_that_names_a_member_reaches_their_browsers_and_nobody_elses(shop, alice, service):
    bob = make_user("bob", team=team_of(alice), role=Role.MEMBER)
    hers, his = on(alice, service, "hers"), on(bob, service, "his")
    policy = make_policy(shop.team)
    policy.steps.create(position=1, whom="member", member=bob)
    goes_down(shop)
    announce()
    send()
    assert his.shown
    assert not hers.shown


def test_browsers_come_on_top_of_the_channels_somebody_chose(shop, alice, service):
    make_channel(shop.team, name="Mine", member=alice)
    on(alice, service)
    goes_down(shop)
    announce()
    assert [channel for _, channel, _ in ledger()] == ["Mine", "alice's browsers"]


def test_a_channel_one_made_for_ones_browsers_stands_for_the_automatic_one(shop, alice, service):
    on(alice, service)
    fields = {"name": "Loud", "member": alice, "kind": "webpush", "options": {"stay": True}}
    make_channel(shop.team, **fields, severities=["critical"])
    goes_down(shop)
    announce()
    assert [channel for _, channel, _ in ledger()] == ["alice's email"]
    MonitorPolicy.objects.create(monitor=shop, severity=Severity.CRITICAL)
    assert [each.name for each in queries.hearing(shop).channels] == ["Loud"]  # and email, were there a mail server


def test_the_teams_own_channel_leads_to_everybodys_browsers(shop, alice, service):
    bob, stranger = make_user("bob", team=shop.team, role=Role.MEMBER), make_user("stranger")
    hers, his, other = on(alice, service, "hers"), on(bob, service, "his"), on(stranger, service, "other")
    make_policy(shop.team, (make_channel(shop.team, name="All of us", kind="webpush", options={}), 0))
    goes_down(shop)
    announce()
    send()
    assert hers.shown
    assert his.shown
    assert not other.shown


def test_the_preview_names_the_browsers(shop, alice):
    make_browser(alice)
    policy = policies.ensure_default(shop.team)
    said = [line.said for line in queries.preview(shop.team_id, policy.rules, timezone.now())]
    assert said == ["Email to alice@example.com", "Web push to alice's browsers"]


def test_a_browser_counts_as_somebody_who_is_told(shop, alice, settings):
    settings.EMAIL_URL = ""
    assert queries.hearing(shop).nobody
    assert queries.Unheard([shop.team_id]).problems(shop)
    browser = make_browser(alice)
    assert not queries.hearing(shop).nobody
    assert not queries.Unheard([shop.team_id]).problems(shop)
    browsers.remove(browser)
    assert queries.hearing(shop).nobody


def test_a_step_that_leads_to_no_browser_says_so(shop):
    channel = make_channel(shop.team, name="All of us", kind="webpush", options={})
    make_policy(shop.team, (channel, 0))
    found = queries.hearing(shop)
    assert found.nobody
    assert found.problems == ["Nobody in the team has notifications on. " + found.problems[0].partition(". ")[2]]


def test_how_many_browsers_there_are_costs_no_further_query(shop, alice, django_assert_num_queries):
    bob = make_user("bob", team=shop.team)
    for user in (alice, bob):
        browsers.turn_on(user, told(user.username), "Firefox on Linux")
    make_policy(shop.team, ("team", 0))
    with django_assert_num_queries(6):
        found = queries.Unheard([shop.team_id])
    assert not found.problems(shop)


# What is gone ---------------------------------------------------------------------------------------------------------
def test_a_browser_that_is_gone_is_forgotten_and_nobody_hears_of_it(shop, alice, service):
    on(alice, service, "laptop")
    phone = on(alice, service, "phone")
    service.answers("laptop", refusal(410, 103, "Expired URL endpoint"))
    goes_down(shop)
    announce()
    send()
    assert phone.shown
    assert [each.name for each in alice.browsers.all()] == ["Phone"]
    assert alice.browsers.get().last_ok_at
    assert not Delivery.objects.filter(event=Event.CHANNEL).exists()
    assert queries.trouble(alice) == []


def test_with_the_last_one_the_channel_is_off_the_owner_is_told_and_a_new_one_puts_it_right(shop, alice, service):
    on(alice, service)
    service.answers("laptop", refusal(410, 103, "Expired URL endpoint"))
    goes_down(shop)
    announce()
    send()
    channel = Channel.objects.get(kind="webpush")
    assert (channel.enabled, alice.browsers.count()) == (False, 0)
    assert "no more messages" in channel.disabled_reason
    note = Delivery.objects.get(event=Event.CHANNEL)
    assert (note.channel_name, note.note.partition("\n")[0]) == (
        "alice's email",
        "The channel alice's browsers was switched off",
    )
    assert [each.pk for each in queries.trouble(alice)] == [channel.pk]

    again = on(alice, service, "new-laptop")
    channel.refresh_from_db()
    assert (channel.enabled, channel.problem, queries.trouble(alice)) == (True, "", [])
    assert channels.send_test(channel, "alice").status == "sent"
    assert again.shown[0]["notification"]["title"].startswith("🔵 Test message")


def test_who_is_tried_again_is_told_alone(shop, alice, service):
    laptop, phone = on(alice, service), on(alice, service, "phone")
    service.answers("phone", refusal(503, 201, "Use exponential back-off"))
    goes_down(shop)
    announce()
    send()
    row = Delivery.objects.get(channel_kind="webpush")
    assert row.status == "failed"
    service.heals("phone")
    send(now=row.next_attempt_at)
    row.refresh_from_db()
    assert (row.status, len(laptop.shown), len(phone.shown)) == ("sent", 1, 1)


def test_what_a_push_service_was_told_is_kept_without_an_address(shop, alice, service):
    laptop = on(alice, service)
    goes_down(shop)
    announce()
    send()
    row = Delivery.objects.get(channel_kind="webpush")
    kept = f"{row.title} {row.text} {row.body} {row.answer} {row.reference}"
    assert "Shop is down" in kept
    assert not any(secret in kept for secret in laptop.told.values())


def test_where_nothing_may_be_sent_to_private_addresses_no_browser_leads_there(shop, alice, service, settings):
    laptop = on(alice, service)
    settings.ALLOW_PRIVATE_TARGETS = False
    goes_down(shop)
    announce()
    send()
    assert not laptop.shown
    assert "not a public address" in Delivery.objects.get(channel_kind="webpush").answer
