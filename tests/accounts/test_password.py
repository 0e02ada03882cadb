import re

import pytest
import time_machine
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.test import APIRequestFactory

from accounts.authentication import JWT
from accounts.models import Mail, User
from tests.factories import PASSWORD, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mailbox")]
NEW = "another correct horse"


@pytest.fixture
def alice():
    return make_user("alice", email="alice@example.com")


def post(client, path, said):
    return client.post(path, said, content_type="application/json")


def tokens(client):
    said = {"username": "alice", "password": PASSWORD}
    return post(client, "/user/signin", said).json()["token"], post(client, "/api/token", said).json()["refresh"]


def opens(token):
    """Whether the API takes `token`."""
    request = APIRequestFactory().get("/", headers={"Authorization": f"Bearer {token}"})
    try:
        return JWT().authenticate(request) is not None
    except AuthenticationFailed:
        return False


def change(client, old=PASSWORD, new=NEW, again=NEW):
    return client.post("/accounts/password/change", {"oldpassword": old, "password1": new, "password2": again})


def test_changing_the_password_ends_tokens_and_other_sessions_but_not_this_one(client, alice):
    token, refresh = tokens(client)
    other = Client()
    for each in (client, other):
        each.force_login(alice)
        assert each.get("/profile").status_code == 200
    assert opens(token)
    assert change(client).url == "/profile"
    assert client.get("/profile").status_code == 200
    assert other.get("/profile").status_code == 302
    assert not opens(token)
    assert post(client, "/api/token/refresh", {"refresh": refresh}).status_code == 401


def test_changepassword_on_the_command_line_ends_them_too(client, alice, monkeypatch):
    token, _ = tokens(client)
    client.force_login(alice)
    monkeypatch.setattr("getpass.getpass", lambda prompt: NEW)
    call_command("changepassword", "alice")
    assert not opens(token)
    assert client.get("/profile").status_code == 302
    assert client.login(request=None, username="alice", password=NEW)


@pytest.mark.parametrize(
    ("said", "field", "why"),
    [
        ({"old": "wrong"}, "oldpassword", "current password"),
        ({"new": "short", "again": "short"}, "password1", "too short"),
        ({"new": "p" * 3000, "again": "p" * 3000}, "password1", "at most 1000"),
        ({"new": "nul\0nul\0", "again": "nul\0nul\0"}, "password1", "Null characters"),
        ({"again": "something else"}, "password2", "same password"),
    ],
)
def test_a_bad_new_password_is_explained_beside_its_field(client, alice, said, field, why):
    client.force_login(alice)
    response = change(client, **said)
    assert why in " ".join(response.context["form"].errors[field])
    assert User.objects.get().check_password(PASSWORD)


def test_guessing_the_current_password_of_an_open_session_is_limited(client, alice):
    client.force_login(alice)
    answers = [change(client, old=f"guess {number}").status_code for number in range(6)]
    assert answers == [200] * 5 + [429]


# Reset by mail -------------------------------------------------------------------------------------------------------
def ask(client, email="alice@example.com", **headers):
    return client.post("/accounts/password/reset", {"email": email}, **headers)


def link(settings):
    mail = Mail.objects.latest("pk")
    found = re.search(r"\S+/password/reset/key/\S+", mail.text)[0]
    assert found.startswith(f"{settings.BASE_URL}/accounts/")
    return found.removeprefix(settings.BASE_URL)


def choose(client, path):
    form = client.get(path, follow=True)
    where = form.redirect_chain[-1][0] if form.redirect_chain else path
    return form, client.post(where, {"password1": NEW, "password2": NEW})


def test_a_forgotten_password_is_replaced_through_the_stored_mail(client, alice, settings):
    token, _ = tokens(client)
    stranger = Client()
    assert ask(stranger).url == "/accounts/password/reset/done"
    path = link(settings)
    form, done = choose(stranger, path)
    assert "Choose a new password" in form.content.decode()
    assert done.url == "/accounts/password/reset/key/done"
    assert "Your password is changed" in stranger.get(done.url).content.decode()
    assert "_auth_user_id" not in stranger.session
    assert User.objects.get().check_password(NEW)
    assert not opens(token)
    assert "This link does not work" in Client().get(path).content.decode()


def test_the_key_does_not_stay_in_the_address(client, alice, settings):
    ask(client)
    path = link(settings)
    assert client.get(path).url.endswith("-set-password")


def test_a_link_ends_after_three_days(client, alice, settings):
    ask(client)
    path = link(settings)
    with time_machine.travel("2036-01-01"):
        assert "This link does not work" in client.get(path).content.decode()


@pytest.mark.parametrize("key", ["x-y", "00000000000000000000000000000000-aaa-bbb", "1-" + "k" * 3000, "1-%00"])
def test_a_made_up_link_says_so(client, alice, key):
    assert "This link does not work" in client.get(f"/accounts/password/reset/key/{key}").content.decode()


def test_links_come_from_base_url_whoever_asks(client, alice, settings):
    settings.BASE_URL = "https://status.example.org"
    ask(client, HTTP_HOST="localhost:1234", HTTP_X_FORWARDED_HOST="evil.example")
    mail = Mail.objects.get()
    assert "https://status.example.org/accounts/password/reset/key/" in mail.text
    assert "localhost" not in mail.text
    assert "evil" not in mail.text


def test_a_foreign_host_header_is_refused(client, alice):
    assert ask(client, HTTP_HOST="evil.example").status_code == 400
    assert not Mail.objects.exists()


def test_an_unknown_email_gets_the_same_answer(client, alice):
    known, unknown = ask(client), ask(client, "nobody@example.com")
    assert (known.status_code, known.url) == (unknown.status_code, unknown.url)
    assert "There is no such account here" in Mail.objects.get(recipients="nobody@example.com").text


def test_resetting_ends_the_wait_after_too_many_failures(client, alice, settings):
    for _ in range(11):
        answer = client.post("/accounts/login", {"login": "alice", "password": "wrong"})
    assert "Too many failed attempts" in answer.content.decode()
    ask(client)
    choose(client, link(settings))
    assert client.post("/accounts/login", {"login": "alice", "password": NEW}).status_code == 302


def test_one_mailbox_cannot_be_flooded(client, alice):
    answers = [ask(client, REMOTE_ADDR=f"192.0.2.{last}").status_code for last in range(6)]
    assert answers == [302] * 5 + [429]
    assert Mail.objects.count() == 5


def test_counters_live_in_the_shared_cache(client, alice):
    """Several web processes must count together."""
    client.post("/accounts/login", {"login": "alice", "password": "wrong"})
    assert list(cache._cache.get_client().scan_iter("*allauth:rl:*login_failed*"))
