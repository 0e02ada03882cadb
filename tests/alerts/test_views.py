"""Pages of alerting: what they show, what they take, and what they refuse with the way out."""

import pytest
from django.utils import timezone

from alerts import unsubscribing
from alerts.models import Channel, Delivery, MonitorPolicy, Policy
from alerts.services import policies
from incidents.models import Incident
from tests.alerts.cast import announce, goes_down, make_owned
from tests.factories import make_channel, make_delivery, make_incident, make_monitor, make_user, team_of
from tests.servers import Target, answer

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(client):
    user = make_user("alice", email="alice@example.com")
    client.force_login(user)
    return user


@pytest.fixture
def team(alice):
    return team_of(alice)


def text(response):
    return response.content.decode()


WEBHOOK = {"url": "https://hooks.example/T0K3N-123456", "method": "POST", "verify_tls": "on", "whose": "team"}


# Channels -------------------------------------------------------------------------------------------------------------
def test_every_kind_is_offered_with_a_word_of_explanation(client, alice):
    page = text(client.get("/alerts/channels/add"))
    assert "?kind=webhook" in page
    assert "over the mail server of this site" in page


def test_a_channel_is_added_and_its_secrets_are_never_shown_again(client, team):
    page = text(client.get("/alerts/channels/add?kind=webhook"))
    assert "whsec_" in page  # a signing secret to copy
    response = client.post("/alerts/channels/add?kind=webhook", {**WEBHOOK, "signing_secret": ""})
    channel = Channel.objects.get()
    assert response.url == "/alerts"
    assert (channel.name, channel.team) == ("Webhook: POST hooks.example", team)
    assert channel.secrets == {"url": WEBHOOK["url"]}
    shown = text(client.get(f"/alerts/channels/{channel.pk}"))
    assert "T0K3N" not in shown + text(client.get("/alerts"))
    assert "••••3456" in shown
    client.post(f"/alerts/channels/{channel.pk}", {**WEBHOOK, "url": "••••3456", "name": "Pager"})
    channel.refresh_from_db()
    assert (channel.name, channel.secrets) == ("Pager", {"url": WEBHOOK["url"]})


def test_what_is_wrong_is_said_at_its_field_and_nothing_typed_is_lost(client, alice):
    typed = {**WEBHOOK, "url": "hooks.example/x", "name": "Keep me", "per_minute": "0"}
    response = client.post("/alerts/channels/add?kind=webhook", typed)
    page = text(response)
    assert response.status_code == 422
    assert "Add https:// in front" in page
    assert 'value="Keep me"' in page
    assert '<details class="card disclosure" open>' in page
    assert not Channel.objects.exists()


def test_a_mask_of_something_else_is_not_taken_for_a_secret(client, alice):
    response = client.post("/alerts/channels/add?kind=webhook", {**WEBHOOK, "url": "••••9999"})
    assert "Enter the value again" in text(response)


def test_a_channel_of_ones_own_is_seen_by_nobody_else(client, alice, team):
    client.post("/alerts/channels/add?kind=email", {"addresses": "a@example.com", "whose": "me", "name": "Mine"})
    mine = Channel.objects.get()
    assert mine.member == alice
    assert "Mine" in text(client.get("/alerts"))
    bob = make_user("bob", team=team)
    client.force_login(bob)
    assert "Mine" not in text(client.get("/alerts"))
    assert client.get(f"/alerts/channels/{mine.pk}").status_code == 404


def test_send_test_says_what_the_provider_answered(client, team):
    with Target() as sink:
        channel = make_channel(team, sink.url)
        page = text(client.post(f"/alerts/channels/{channel.pk}/test", follow=True))
        assert "The test went through Hook. The answer: 200 fine" in page
        sink.does(answer(403, "who are you?"))
        page = text(client.post(f"/alerts/channels/{channel.pk}/test", follow=True))
        assert "The test did not get through Hook. It answered 403 who are you?" in page


def test_a_channel_is_switched_off_and_on_and_deleted_after_asking(client, team):
    channel = make_channel(team, disabled_reason="It answered 410.", enabled=False)
    assert "It answered 410." in text(client.get("/alerts"))
    client.post(f"/alerts/channels/{channel.pk}/switch")
    channel.refresh_from_db()
    assert (channel.enabled, channel.disabled_reason) == (True, "")
    policy = policies.ensure_default(team)
    policy.steps.create(position=2, whom="channel", channel=channel)
    assert "Default</a>, step 2" in text(client.get(f"/alerts/channels/{channel.pk}/delete"))
    client.post(f"/alerts/channels/{channel.pk}/delete")
    assert not Channel.objects.exists()
    assert policy.steps.count() == 1


# Policies -------------------------------------------------------------------------------------------------------------
def steps(*rows, **fields):
    """A posted policy with steps (whom, after)."""
    said = {"name": "Night", "repeat_every": "30 min", "tell_recovery": "on", "tell_expiry": "on", **fields}
    for at, (whom, after) in enumerate(rows):
        said |= {f"step-{at}-whom": whom, f"step-{at}-after": after}
    return said


def test_a_team_begins_with_a_policy_that_shows_who_would_be_told(client, team, settings):
    settings.EMAIL_URL = "smtp://mail.example/"
    page = text(client.get("/alerts/policies"))
    assert "Email to alice@example.com" in page
    assert "Step 1, at once" in page
    assert Policy.objects.get().is_default


def test_a_policy_is_added_with_its_steps_in_their_order(client, team):
    channel = make_channel(team)
    client.post("/alerts/policies/add", steps((f"channel:{channel.pk}", "1 h"), ("owners", ""), ("", "5 min")))
    policy = Policy.objects.get(name="Night")
    assert [(step.whom, step.after) for step in policy.steps.all()] == [("owners", 0), ("channel", 3600)]


def test_the_preview_is_shown_before_anything_is_saved(client, team):
    channel = make_channel(team, name="Pager")
    said = steps(("owners", ""), (f"channel:{channel.pk}", "5 min"))
    page = text(client.post("/alerts/policies/add", {**said, "preview": "1"}))
    assert "Webhook to POST 127.0.0.1:1" in page
    assert "Step 2, after 5 min" in page
    assert not Policy.objects.filter(name="Night").exists()


def test_another_step_is_offered_and_what_was_typed_stays(client, team):
    response = client.post("/alerts/policies/add", {**steps(("team", "7 min")), "more": "1"})
    page = text(response)
    assert response.status_code == 200
    assert 'name="step-1-whom"' in page
    assert 'value="7 min"' in page
    assert not Policy.objects.filter(name="Night").exists()


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "", "This field is required"),
        ("step-0-after", "soon", "no length of time"),
        ("step-0-after", "8 d", "From 0 s to 7 d"),
        ("step-0-whom", "channel:99999", "Select a valid choice"),
        ("quiet_zone", "Mars/Olympus", "is no time zone"),
        ("quiet_from", "22:00", "Quiet hours need both"),
        ("repeats", "99", "less than or equal to 20"),
    ],
)
def test_a_policy_that_cannot_be_says_why(client, team, field, value, words):
    response = client.post("/alerts/policies/add", {**steps(("owners", "")), field: value})
    assert response.status_code == 422
    assert words in text(response)


def test_another_teams_channel_cannot_be_named(client, team):
    other = make_channel(team_of(make_user("bob")))
    response = client.post("/alerts/policies/add", steps((f"channel:{other.pk}", "")))
    assert response.status_code == 422


def test_the_default_is_handed_on_and_cannot_be_deleted(client, team):
    default = policies.ensure_default(team)
    client.post("/alerts/policies/add", steps(("team", "")))
    night = Policy.objects.get(name="Night")
    page = text(client.post(f"/alerts/policies/{default.pk}/delete", follow=True))
    assert "Make another one the default first" in page
    client.post(f"/alerts/policies/{night.pk}/default")
    client.post(f"/alerts/policies/{default.pk}/delete")
    assert [policy.name for policy in Policy.objects.all()] == ["Night"]


# Monitors and incidents -----------------------------------------------------------------------------------------------
def test_a_monitor_nobody_would_be_told_about_says_so_on_its_page_and_in_the_list(client, settings):
    settings.EMAIL_URL = ""
    bob = make_user("bob")  # made by the API, without an email
    client.force_login(bob)
    monitor = make_monitor(team_of(bob), status="up")
    page = text(client.get(f"/monitors/{monitor.pk}"))
    assert "Nobody would be told if this went down" in page
    assert "bob has no email address" in page
    listed = text(client.get("/"))
    assert "Nobody would be told about this monitor" in listed
    assert 'aria-label="Nobody would be told about it"' in listed


def test_a_monitor_somebody_hears_of_says_who(client, team, settings):
    settings.EMAIL_URL = "smtp://mail.example/"
    monitor = make_monitor(team, status="up")
    page = text(client.get(f"/monitors/{monitor.pk}"))
    assert "Alerts go to alice" in page
    assert "Nobody would be told" not in page + text(client.get("/"))


def test_a_monitor_is_given_its_own_policy_and_severity(client, team):
    monitor = make_monitor(team, status="up")
    night = Policy.objects.create(team=team, name="Night")
    client.post(f"/alerts/monitors/{monitor.pk}", {"policy": night.pk, "severity": "critical"})
    own = MonitorPolicy.objects.get()
    assert (own.policy, own.severity) == (night, "critical")
    client.post(f"/alerts/monitors/{monitor.pk}", {"policy": "", "severity": "high"})
    assert not MonitorPolicy.objects.exists()


def test_an_open_incident_is_on_every_page(client, team):
    for number in range(6):
        make_incident(make_monitor(team, name=f"Shop {number}", status="down"))
    for url in ("/profile", "/alerts", "/regions"):
        page = text(client.get(url))
        assert "Shop 5" in page
        assert "and 2 more" in page
    Incident.objects.update(resolved_at=timezone.now())
    assert "Open incidents" not in text(client.get("/profile"))


def test_a_channel_that_fails_is_on_every_page(client, team):
    make_channel(team, name="Pager", last_failed_at=timezone.now(), last_error="It answered 500.")
    assert "<strong>Pager</strong> fails: It answered 500." in text(client.get("/profile"))


def test_the_incident_shows_who_was_told_and_what_is_still_to_come(client, settings):
    settings.EMAIL_URL = ""
    monitor = make_owned("carol")
    client.force_login(monitor.created_by)
    channel = make_channel(monitor.team, name="Pager")
    policy = policies.ensure_default(monitor.team)
    policy.steps.create(position=2, after=600, whom="channel", channel=channel)
    incident = goes_down(monitor)
    announce()
    page = text(client.get(f"/incidents/{incident.pk}"))
    assert "carol&#x27;s email" in page
    assert "Webhook to POST 127.0.0.1:1" in page
    assert "Step 2, after 10 min" in page
    assert "Planned" in page


# Messages -------------------------------------------------------------------------------------------------------------
def test_messages_are_listed_filtered_and_read(client, team):
    channel = make_channel(team, name="Pager")
    sent = make_delivery(channel, title="Shop is down", text="Answered 500.", status="sent", body='{"a": 1}')
    make_delivery(channel, title="Other is down", status="dead", answer="It answered 500.")
    page = text(client.get("/alerts/messages"))
    assert "Shop is down" in page
    assert "Other is down" in page
    assert "Shop is down" not in text(client.get("/alerts/messages?show=dead"))
    assert "Other is down" not in text(client.get("/alerts/messages?search=shop"))
    shown = text(client.get(f"/alerts/messages/{sent.pk}"))
    assert "{&quot;a&quot;: 1}" in shown
    assert "Send again" not in shown


def test_the_html_of_a_message_is_shown_without_any_right(client, team):
    delivery = make_delivery(make_channel(team), html="<script>alert(1)</script>")
    response = client.get(f"/alerts/messages/{delivery.pk}/html")
    policy = response.headers["Content-Security-Policy"]
    assert "sandbox" in policy
    assert "script-src" not in policy.replace("default-src 'none'", "")


def test_a_dead_letter_is_sent_again_by_a_button(client, team):
    dead = make_delivery(make_channel(team), status="dead", attempts=30)
    assert "Send again" in text(client.get(f"/alerts/messages/{dead.pk}"))
    client.post(f"/alerts/messages/{dead.pk}/again")
    dead.refresh_from_db()
    assert (dead.status, dead.attempts) == ("pending", 0)
    page = text(client.post(f"/alerts/messages/{dead.pk}/again", follow=True))
    assert "There is nothing to send again" in page


# Leaving by the link in a mail ----------------------------------------------------------------------------------------
def link(channel, address):
    return unsubscribing.unsubscribe_url({"channel_id": channel.pk}, [address]).partition("/unsubscribe/")[2]


def test_the_link_in_a_mail_asks_first_and_then_takes_the_address_out(client, team):
    channel = make_channel(team, kind="email", options={"addresses": ["a@example.com", "b@example.com"]})
    url = f"/unsubscribe/{link(channel, 'a@example.com')}"
    client.logout()
    assert "will not be told any more" in text(client.get(url))
    channel.refresh_from_db()
    assert len(channel.options["addresses"]) == 2
    assert "gets no more alerts" in text(client.post(url))
    channel.refresh_from_db()
    assert (channel.options["addresses"], channel.enabled) == (["b@example.com"], True)
    client.post(f"/unsubscribe/{link(channel, 'b@example.com')}", {"List-Unsubscribe": "One-Click"})
    channel.refresh_from_db()
    assert (channel.enabled, channel.disabled_reason) == (False, "b@example.com unsubscribed.")


@pytest.mark.parametrize("token", ["x", "x:y", "eyJhIjoxfQ:1abc:xyz"])
def test_a_link_that_is_not_ours_leads_nowhere(client, token):
    assert client.get(f"/unsubscribe/{token}").status_code == 404


def test_deliveries_outlive_their_channel(client, team):
    delivery = make_delivery(make_channel(team, name="Gone"), status="sent", title="Shop is down")
    client.post(f"/alerts/channels/{delivery.channel_id}/delete")
    assert "Gone, deleted since" in text(client.get(f"/alerts/messages/{delivery.pk}"))
    assert Delivery.objects.get().channel is None
