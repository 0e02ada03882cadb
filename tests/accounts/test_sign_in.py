import re

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.urls import reverse

from accounts.models import User
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db
PAGE = "/accounts/login"
TOO_MANY = "Too many failed attempts"


@pytest.fixture
def alice():
    return make_user("alice", email="alice@example.com")


def sign_in(client, login="alice", password=PASSWORD, **headers):
    return client.post(PAGE, {"login": login, "password": password}, **headers)


def api_sign_in(client, login="alice", password=PASSWORD, **headers):
    said = {"username": login, "password": password}
    return client.post("/user/signin", said, content_type="application/json", **headers)


def is_in(client):
    return "_auth_user_id" in client.session


@pytest.mark.parametrize("login", ["alice", "ALICE", " alice ", "\uff41lice", "alice@example.com", "Alice@Example.COM"])
def test_username_or_email_in_any_case_opens_the_account(client, alice, login):
    assert sign_in(client, login).url == reverse("monitors:list")
    assert client.session["_auth_user_id"] == str(alice.pk)


@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("alice", "wrong"),
        ("nobody", PASSWORD),
        ("nobody@example.com", PASSWORD),
        ("alice@example.com", "wrong"),
        ("alice", PASSWORD + " "),
        ("u" * 3000, PASSWORD),
        ("alice", "p" * 3000),
        ("%", PASSWORD),
        ("alice' --", PASSWORD),
    ],
)
def test_every_failure_gets_the_same_answer(client, alice, login, password):
    response = sign_in(client, login, password)
    assert response.status_code == 200
    assert "No account has this username or email together with this password." in response.content.decode()
    assert not is_in(client)


def test_the_cursor_waits_where_one_goes_on(client, alice):
    def focused(response):
        return [tag for tag in re.findall(r"<input[^>]*>", response.content.decode()) if " autofocus" in tag]

    (first,) = focused(client.get(PAGE))
    (after_a_failure,) = focused(sign_in(client, "alice", "wrong"))
    (at_the_error,) = focused(sign_in(client, "", PASSWORD))
    assert ['name="login"' in first, 'name="password"' in after_a_failure, 'name="login"' in at_the_error] == [True] * 3


@pytest.mark.parametrize(("login", "password"), [("al\0ice", PASSWORD), ("alice", "\0"), ("", PASSWORD), ("alice", "")])
def test_what_cannot_be_a_name_or_password_is_a_field_error(client, alice, login, password):
    response = sign_in(client, login, password)
    assert response.status_code == 200
    assert 'class="field-error"' in response.content.decode()


def test_where_nobody_has_an_account_yet_sign_in_leads_to_sign_up(client):
    assert client.get(f"{PAGE}?next=/incidents").url == "/accounts/signup?next=%2Fincidents"
    make_user("alice")
    assert client.get(PAGE).status_code == 200


def test_an_inactive_account_stays_outside(client, alice):
    User.objects.update(is_active=False)
    assert sign_in(client).url == "/accounts/inactive"
    assert "inactive" in client.get("/accounts/inactive").content.decode()
    assert not is_in(client)
    assert api_sign_in(client).status_code == 403


def test_signing_in_changes_the_session_id(client, alice):
    client.get(PAGE)
    session = client.session
    session["planted"] = True
    session.save()
    client.cookies["sessionid"] = session.session_key
    sign_in(client)
    assert client.cookies["sessionid"].value != session.session_key
    assert client.cookies["sessionid"]["httponly"]


def test_signing_out_asks_first_and_ends_the_session(client, alice):
    sign_in(client)
    assert "Sign out?" in client.get("/accounts/logout").content.decode()
    assert is_in(client)
    assert client.post("/accounts/logout").url == PAGE
    assert not is_in(client)


@pytest.mark.parametrize("path", ["/incidents", "/incidents?sort=name&page=2"])
def test_after_signing_in_one_is_where_one_wanted_to_be(client, alice, path):
    assert client.post(PAGE, {"login": "alice", "password": PASSWORD, "next": path}).url == path


@pytest.mark.parametrize(
    "elsewhere",
    [
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https:evil.example",
        "https://evil.example/",
        "http://localhost:8000@evil.example/",
        "http://localhost/",
        "javascript:alert(1)",
        "\x00//evil.example",
        " //evil.example",
        "/\t/evil.example",
        "evil.example",
        "%2f%2fevil.example",
    ],
)
def test_nobody_is_sent_to_another_site(client, alice, elsewhere):
    response = client.post(PAGE, {"login": "alice", "password": PASSWORD, "next": elsewhere})
    assert response.status_code == 302
    assert response.url == reverse("monitors:list")
    assert client.post("/accounts/logout", {"next": elsewhere}).url == PAGE


# Limits --------------------------------------------------------------------------------------------------------------
def fail(client, times, login="alice", how=sign_in, **headers):
    for _ in range(times):
        how(client, login, "wrong", **headers)


def test_after_ten_failures_even_the_right_password_must_wait(client, alice):
    fail(client, 10)
    response = sign_in(client)
    assert TOO_MANY in response.content.decode()
    assert not is_in(client)


@pytest.mark.parametrize(
    "name", ["alice", "ALICE", "alice@example.com", " \uff41lice "], ids=["name", "case", "email", "width"]
)
def test_an_account_has_one_count_by_all_its_names(client, alice, name):
    fail(client, 10, login=name)
    assert TOO_MANY in sign_in(client).content.decode()


def test_page_and_api_count_together(client, alice):
    fail(client, 5)
    fail(client, 5, how=api_sign_in)
    assert TOO_MANY in sign_in(client).content.decode()
    assert api_sign_in(client).status_code == 429
    assert (
        client.post(
            "/api/token", {"username": "alice", "password": PASSWORD}, content_type="application/json"
        ).status_code
        == 429
    )


@pytest.mark.parametrize("how", [sign_in, api_sign_in])
def test_other_addresses_do_not_reset_the_count_of_an_account(client, alice, how):
    for last in range(10):
        fail(client, 1, how=how, REMOTE_ADDR=f"192.0.2.{last}")
    assert TOO_MANY in sign_in(client, REMOTE_ADDR="198.51.100.1").content.decode()


@pytest.mark.parametrize("how", [sign_in, api_sign_in])
def test_neither_does_the_host_header(client, alice, how):
    for port in range(10):
        fail(client, 1, how=how, HTTP_HOST=f"localhost:{port + 1}", HTTP_ORIGIN=f"http://localhost:{port + 1}")
    assert TOO_MANY in sign_in(client).content.decode()


@pytest.mark.parametrize("header", ["HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_FORWARDED", "HTTP_CLIENT_IP"])
def test_a_made_up_origin_does_not_reset_the_count_of_an_address(client, alice, header):
    make_user("bob")
    for last in range(20):
        fail(client, 1, login=f"guess{last}", **{header: f"192.0.2.{last}"})
    assert TOO_MANY in sign_in(client, "bob", **{header: "198.51.100.1"}).content.decode()
    assert api_sign_in(client, "bob", **{header: "198.51.100.2"}).status_code == 429
    assert sign_in(client, "bob", REMOTE_ADDR="198.51.100.3").status_code == 302


def test_behind_one_proxy_the_address_it_saw_counts(client, alice, settings):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    for last in range(20):
        fail(client, 1, login=f"guess{last}", HTTP_X_FORWARDED_FOR=f"203.0.113.{last}, 192.0.2.7")
    assert TOO_MANY in sign_in(client, HTTP_X_FORWARDED_FOR="198.51.100.1, 192.0.2.7").content.decode()
    assert sign_in(client, HTTP_X_FORWARDED_FOR="192.0.2.7, 192.0.2.8").status_code == 302


def test_signing_in_successfully_is_never_a_failure(client, alice):
    for _ in range(15):
        assert sign_in(client).status_code == 302
        client.logout()


@pytest.mark.parametrize("how", [sign_in, api_sign_in])
@pytest.mark.parametrize("login", ["alice", "alice@example.com", "nobody", "nobody@example.com"])
def test_an_unknown_user_takes_as_long_as_a_wrong_password(client, alice, monkeypatch, how, login):
    """Hashing is what takes the time: it must happen once, whoever is asked for."""
    hashed = []
    for name in ("encode", "verify"):
        real = getattr(Argon2PasswordHasher, name)
        monkeypatch.setattr(Argon2PasswordHasher, name, lambda *a, _real=real, **k: hashed.append(1) or _real(*a, **k))
    how(client, login, "wrong")
    assert len(hashed) == 1


# The cache is away ---------------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("cache_away")
@pytest.mark.parametrize("path", [PAGE, "/accounts/signup", "/accounts/password/reset"])
def test_while_attempts_cannot_be_counted_no_page_lets_anyone_in(client, alice, path):
    said = {"login": "alice", "username": "bob", "password": PASSWORD, "password1": PASSWORD, "email": "b@example.com"}
    response = client.post(path, said)
    assert response.status_code == 503
    assert "Not possible right now" in response.content.decode()
    assert response["Retry-After"]
    assert "sessionid" not in client.cookies


@pytest.mark.usefixtures("cache_away")
@pytest.mark.parametrize("path", ["/user/signin", "/user/signup", "/api/token", "/api/token/refresh"])
def test_while_attempts_cannot_be_counted_no_call_lets_anyone_in(client, alice, path):
    said = {"username": "alice", "password": PASSWORD, "refresh": "x"}
    response = client.post(path, said, content_type="application/json")
    assert response.status_code == 503
    assert "not possible right now" in response.content.decode()


@pytest.mark.usefixtures("cache_away")
def test_the_sign_in_page_itself_still_shows(client, alice):
    assert client.get(PAGE).status_code == 200


def test_who_is_signed_in_stays_so_while_the_cache_is_away(client, alice, request):
    sign_in(client)
    request.getfixturevalue("cache_away")
    assert "alice@example.com" in client.get("/profile").content.decode()
