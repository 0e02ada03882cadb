"""The page of one's browsers: what it takes from a browser, and what it refuses with the way out."""

import pytest

from alerts.models import Browser, Channel
from alerts.services import browsers
from tests.browsers import Reader
from tests.factories import make_browser, make_user
from tests.pushservice import PushService
from uptime.lib import webpush
from uptime.lib.webpush import encode

pytestmark = pytest.mark.django_db

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"


@pytest.fixture
def alice(client):
    user = make_user("alice", email="alice@example.com")
    client.force_login(user)
    return user


def told(endpoint="https://push.example/abc"):
    return Reader.new().subscription(endpoint)


def add(client, said):
    return client.post("/alerts/browsers/add", said, headers={"User-Agent": FIREFOX}, follow=True).content.decode()


def test_the_page_gives_the_key_a_browser_is_to_take_messages_from(client, alice):
    page = client.get("/alerts/browsers").content.decode()
    assert f'data-public-key="{browsers.public_key()}"' in page
    assert len(webpush.decode(browsers.public_key())) == 65
    assert "No browser of yours is told yet" in page


def test_a_browser_is_turned_on_listed_and_removed(client, alice):
    said = told()
    page = add(client, said)
    assert "Notifications are on in Firefox on Linux" in page
    browser = Browser.objects.get()
    assert (browser.user, browser.secrets) == (alice, said)
    assert browser.fingerprint in page
    assert not any(secret in page for secret in said.values())
    page = client.post(f"/alerts/browsers/{browser.pk}/remove", follow=True).content.decode()
    assert "shows no notifications any more" in page
    assert not Browser.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"endpoint": "http://push.example/abc"}, "endpoint: "),
        ({"endpoint": "https://192.168.1.7/abc"}, "not a public address"),
        ({"endpoint": "https://localhost/abc"}, "this server itself"),
        ({"endpoint": "https://push.example:25/abc"}, "Port 25"),
        ({"endpoint": f"https://push.example/{'a' * 2000}"}, "endpoint: "),
        ({"endpoint": ""}, "endpoint: This field is required."),
        ({"p256dh": "abc"}, "p256dh: The browser told something"),
        ({"p256dh": encode(b"\x04" + bytes(64))}, "p256dh: "),
        ({"auth": "abc"}, "auth: "),
        ({"auth": ""}, "auth: This field is required."),
    ],
)
def test_what_cannot_be_is_refused_and_says_which_part(client, alice, settings, wrong, words):
    settings.ALLOW_PRIVATE_TARGETS = False
    page = add(client, {**told(), **wrong})
    assert "Notifications are not on." in page
    assert words in page
    assert not Browser.objects.exists()


def test_one_too_many_is_refused_with_the_way_out(client, alice):
    for _ in range(browsers.LIMIT):
        make_browser(alice)
    assert "Remove one." in add(client, told())
    assert alice.browsers.count() == browsers.LIMIT


def test_send_test_shows_it_and_comes_back_to_the_page(client, alice, settings):
    settings.ALLOW_PRIVATE_TARGETS = True
    with PushService(browsers.signing_key()) as service:
        laptop = service.subscribe()
        browsers.turn_on(alice, laptop.told, "Firefox on Linux")
        channel = Channel.objects.get()
        assert f"/alerts/channels/{channel.pk}/test" in client.get("/alerts/browsers").content.decode()
        response = client.post(f"/alerts/channels/{channel.pk}/test", {"next": "browsers"})
        assert response.url == "/alerts/browsers"
    assert laptop.shown[0]["notification"]["title"].startswith("🔵 Test message from alice")
    assert "The test went through" in client.get("/alerts/browsers").content.decode()


def test_a_switched_off_channel_is_told_of_beside_the_browsers(client, alice):
    add(client, told())
    Channel.objects.update(enabled=False)
    assert "is switched off" in client.get("/alerts/browsers").content.decode()


def test_the_channel_is_edited_by_a_form_as_all_others(client, alice):
    add(client, told())
    channel = Channel.objects.get()
    form = client.get(f"/alerts/channels/{channel.pk}").content.decode()
    assert "Stay on the screen" in form
    posted = {"name": "Loud", "whose": "me", "stay": "on", "severities": ["critical"]}
    assert client.post(f"/alerts/channels/{channel.pk}", posted).status_code == 302
    channel.refresh_from_db()
    assert (channel.options, channel.severities, channel.member) == ({"stay": True}, ["critical"], alice)


def test_a_channel_to_the_whole_teams_browsers_is_added_by_its_form(client, alice):
    assert client.post("/alerts/channels/add?kind=webpush", {"whose": "team"}).status_code == 302
    channel = Channel.objects.get()
    assert channel.name == "Web push: the team's browsers"
    page = client.get("/alerts").content.decode()
    assert "Nobody in the team has notifications on." in page


# A new address --------------------------------------------------------------------------------------------------------
def renew(client, **said):
    return client.post("/alerts/browsers/renew", said, content_type="application/json")


def test_a_service_worker_gives_the_new_address_by_the_old_one_without_a_session(client, db):
    alice, old, new = make_user("alice"), told("https://push.example/old"), told("https://push.example/new")
    browsers.turn_on(alice, old, "Firefox on Linux")
    assert renew(client, old=old["endpoint"], **new).status_code == 204
    assert alice.browsers.get().secrets == new


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"old": "https://push.example/guessed"}, 404),
        ({"old": 5}, 404),
        ({}, 404),
        ({"old": "https://push.example/old", "endpoint": "ftp://x"}, 422),
        ({"old": "https://push.example/old", "auth": None}, 422),
        ({"old": "https://push.example/old", "auth": "x" * 9000}, 422),
    ],
)
def test_whoever_does_not_know_it_changes_nothing(client, db, said, status):
    alice, old = make_user("alice"), told("https://push.example/old")
    browsers.turn_on(alice, old, "Firefox on Linux")
    assert renew(client, **{**told("https://push.example/evil"), **said}).status_code == status
    assert alice.browsers.get().secrets == old


@pytest.mark.parametrize("body", ["", "[]", "{", "null", "\xff"])
def test_what_is_no_json_object_is_refused(client, db, body):
    response = client.post("/alerts/browsers/renew", body.encode("latin-1"), content_type="application/json")
    assert response.status_code == 422
