import json
import uuid

import pytest
from django.test import Client
from rest_framework_simplejwt.tokens import AccessToken

from accounts.models import User
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db
GOOD = {"username": "0.8123456789", "password": "rudra123"}
BAD_BODIES = [
    {},
    {"email": "a@example.com", "password": "rudra123"},
    {"username": "alice"},
    {"password": "rudra123"},
    {"username": "", "password": "rudra123"},
    {"username": "alice", "password": ""},
    {"username": 7, "password": "rudra123"},
    {"username": "alice", "password": ["rudra123"]},
    {"username": None, "password": None},
    ["alice", "rudra123"],
    "alice",
    None,
    b"{",
    b"",
    b"\xff\xfe",
    b"[" * 100_000,
]


def post(client, path, body, **headers):
    return client.post(path, body, content_type="application/json", **headers)


@pytest.mark.parametrize("path", ["/user/signup", "/user/signin"])
@pytest.mark.parametrize("body", BAD_BODIES, ids=lambda body: repr(body)[:40])
def test_a_bad_body_is_403_with_a_message(client, path, body):
    raw = body if isinstance(body, bytes) else json.dumps(body)
    response = post(client, path, raw)
    assert response.status_code == 403
    assert response.json()["message"]
    assert not User.objects.exists()


def test_sign_up_answers_with_the_id(client):
    response = post(client, "/user/signup", GOOD)
    assert response.status_code == 200
    assert response.json() == {"id": str(User.objects.get(username=GOOD["username"]).pk)}


def test_a_taken_name_is_403(client):
    post(client, "/user/signup", GOOD)
    response = post(client, "/user/signup", GOOD)
    assert (response.status_code, response.json()) == (403, {"message": "This username is taken."})


@pytest.mark.parametrize(
    "said",
    [
        {"username": "nul\0"},
        {"username": "\ud800"},
        {"username": "u" * 3000},
        {"username": "   "},
        {"password": "seven77"},
        {"password": "p" * 3000},
        {"password": "nul\0nul\0"},
        {"password": "\udfff" * 10},
    ],
    ids=lambda said: repr(said)[:30],
)
def test_what_cannot_be_stored_or_is_too_weak_is_403_never_500(client, said):
    response = post(client, "/user/signup", {**GOOD, **said})
    assert response.status_code == 403
    assert response.json()["message"]
    assert not User.objects.exists()


@pytest.mark.parametrize("password", ["rudra123", "password", "12345678"])
def test_the_passwords_existing_clients_use_are_taken(client, password):
    post(client, "/user/signup", {"username": "rudra", "password": password})
    assert post(client, "/user/signin", {"username": "rudra", "password": password}).status_code == 200


def test_sign_in_answers_with_message_token_and_jwt(client):
    post(client, "/user/signup", GOOD)
    body = post(client, "/user/signin", GOOD).json()
    assert set(body) == {"message", "token", "jwt"}
    assert body["token"] == body["jwt"]
    claims = AccessToken(body["token"])
    assert claims["exp"] - claims["iat"] == 3600


@pytest.mark.parametrize(
    "said", [{"username": "nobody"}, {"password": "wrong pass"}, {"username": "nul\0"}, {"username": "u" * 3000}]
)
def test_an_unknown_user_or_wrong_password_is_the_same_403(client, said):
    post(client, "/user/signup", GOOD)
    response = post(client, "/user/signin", {**GOOD, **said})
    assert response.status_code == 403
    assert response.json() == {"message": "No account has this username together with this password."}


def test_page_and_api_make_the_same_accounts(client):
    post(client, "/user/signup", {"username": "alice", "password": PASSWORD})
    user = User.objects.get()
    assert user.is_superuser
    assert user.memberships.get().team.name == "alice's team"
    assert client.post("/accounts/login", {"login": "alice", "password": PASSWORD}).status_code == 302


def test_by_api_the_set_up_token_travels_in_a_header(client, settings):
    settings.SETUP_TOKEN = "sesame"
    for headers in ({}, {"X-Setup-Token": "wrong"}):
        response = post(client, "/user/signup", GOOD, headers=headers)
        assert response.status_code == 403
        assert "needs the set-up token" in response.json()["message"]
    assert post(client, "/user/signup", GOOD, headers={"X-Setup-Token": "sesame"}).status_code == 200
    assert post(client, "/user/signup", {**GOOD, "username": "bob"}).status_code == 200


def test_a_closed_site_says_so(client, settings):
    make_user("alice")
    settings.SIGNUP_OPEN = False
    response = post(client, "/user/signup", GOOD)
    assert (response.status_code, response.json()["message"]) == (403, "This site accepts no new accounts.")


def test_signing_up_is_limited_per_address(client):
    make_user("alice")
    for _ in range(60):
        post(client, "/user/signup", {})
    assert post(client, "/user/signup", GOOD).status_code == 429
    assert post(client, "/user/signup", GOOD, headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 429
    assert post(client, "/user/signup", GOOD, REMOTE_ADDR="192.0.2.1").status_code == 200


@pytest.mark.parametrize("path", ["/user/signup", "/user/signin"])
def test_any_site_may_call_without_credentials(client, path):
    preflight = client.options(
        path,
        headers={
            "Origin": "https://front.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type",
        },
    )
    assert preflight.status_code == 200
    assert preflight["Access-Control-Allow-Origin"] == "*"
    assert {"authorization", "content-type"} <= set(preflight["Access-Control-Allow-Headers"].split(", "))
    answer = post(client, path, {}, headers={"Origin": "https://front.example"})
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer


@pytest.mark.parametrize("path", ["/user/signup", "/user/signin", "/api/token"])
def test_these_calls_need_no_csrf_token_and_start_no_session(path):
    client = Client(enforce_csrf_checks=True)
    make_user("alice")
    response = post(client, path, {"username": "alice" if "sign" not in path else "bob", "password": PASSWORD})
    assert response.status_code in {200, 403}
    assert not response.cookies
    assert "CSRF" not in response.content.decode()


@pytest.mark.parametrize("path", ["/user/signup", "/user/signin", "/api/token", "/api/token/refresh"])
def test_only_post_is_answered(client, path):
    for method in (client.get, client.put, client.patch, client.delete):
        assert method(path).status_code == 405


# The ordinary pair of tokens -----------------------------------------------------------------------------------------
def test_the_token_pair(client):
    make_user("alice", password=" outer blanks count ")
    said = {"username": "alice", "password": " outer blanks count "}
    pair = post(client, "/api/token", said).json()
    assert set(pair) == {"access", "refresh"}
    fresh = post(client, "/api/token/refresh", {"refresh": pair["refresh"]}).json()["access"]
    assert AccessToken(fresh)["user_id"] == str(User.objects.get().pk)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"username": "alice", "password": "wrong"}, 401),
        ({"username": "nobody", "password": PASSWORD}, 401),
        ({"username": "alice"}, 422),
        ({"username": "nul\0", "password": PASSWORD}, 422),
        ({}, 422),
    ],
)
def test_wrong_credentials_for_the_pair(client, body, status):
    make_user("alice")
    response = post(client, "/api/token", body)
    assert response.status_code == status
    assert response.json()["errors"]


def refresh_of(client):
    return post(client, "/api/token", {"username": "alice", "password": PASSWORD}).json()["refresh"]


def test_a_refresh_token_ends_with_its_account(client):
    user = make_user("alice")
    refresh = refresh_of(client)
    User.objects.update(is_active=False)
    assert post(client, "/api/token/refresh", {"refresh": refresh}).status_code == 401
    user.memberships.all().delete()
    user.delete()
    assert post(client, "/api/token/refresh", {"refresh": refresh}).status_code == 401


def test_only_a_refresh_token_refreshes(client):
    user = make_user("alice")
    for wrong in (str(AccessToken.for_user(user)), "nonsense", str(uuid.uuid4())):
        assert post(client, "/api/token/refresh", {"refresh": wrong}).status_code == 401
