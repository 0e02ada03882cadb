"""Who we are to a website: passwords, tokens, and access tokens that have to be fetched first."""

import base64
import json
from urllib.parse import parse_qs

import pytest

from monitors.domain.verdict import Vote
from monitors.probes.kinds import Answer, Finding
from monitors.probes.oauth import MAX_ANSWER, MOST_KEPT_S, UNSTATED_S, Client, Token, Tokens, read_token
from monitors.probes.reasons import Reason
from tests.servers import Target, answer, hang, redirect
from uptime.lib.net import check_url


@pytest.fixture
def target():
    with Target() as website:
        yield website


@pytest.fixture
def issuer():
    """A token endpoint; `issue` makes its next token."""
    with Target() as website:
        website.does(grant("t1"))
        yield website


def grant(token, **more):
    body = json.dumps({"access_token": token, "token_type": "Bearer", "expires_in": 3600, **more})
    return answer(200, body, Content_Type="application/json")


def signed_in(issuer, **more):
    return {
        "auth": "oauth2",
        "token_url": f"{issuer.url}/token",
        "client_id": "me & you",
        "client_secret": "s3cret/+",
        **more,
    }


def sent(target):
    return [seen.headers.get("authorization") for seen in target.requests]


def demands(token):
    """For a target: 401 unless this token is shown."""

    def behave(website, connection, seen):
        right = seen.headers.get("authorization") == f"Bearer {token}"
        answer(200 if right else 401)(website, connection, seen)

    return behave


def test_a_password_is_sent_as_basic_authentication_unasked(prober, target):
    assert prober.probe(target.url, auth="basic", auth_username="älice", auth_password="p:ss").vote is Vote.UP
    assert sent(target) == ["Basic " + base64.b64encode("älice:p:ss".encode()).decode()]


def test_a_token_is_sent_as_it_is(prober, target):
    assert prober.probe(target.url, auth="bearer", bearer_token="abc.def").vote is Vote.UP
    assert sent(target) == ["Bearer abc.def"]


def test_a_token_cannot_smuggle_a_second_header_in(prober, target):
    outcome = prober.probe(target.url, auth="bearer", bearer_token="x" * 2000 + "\r\nHost: evil")
    assert outcome.reason is Reason.BAD_CHECK
    assert target.requests == []


@pytest.mark.parametrize(
    "options",
    [
        {"auth": "basic", "auth_username": "a", "auth_password": "s3cret"},
        {"auth": "bearer", "bearer_token": "s3cret"},
        {"auth": "oauth2", "token_url": "", "client_id": "a", "client_secret": "b"},
    ],
    ids=["basic", "bearer", "oauth2"],
)
def test_no_credentials_are_sent_to_another_site(prober, target, issuer, options):
    if "token_url" in options:
        options = {**options, "token_url": issuer.url}
    with Target() as other:
        target.does(redirect("/same"))
        target.does(redirect(other.url, 307), "/same")
        other.does(redirect(target.url + "/back"))
        target.does(answer(), "/back")
        assert prober.probe(target.url, **options).vote is Vote.UP
        assert sent(other) == [None]
    assert [bool(each) for each in sent(target)] == [True, True, False], "not even on the way back"


# OAuth 2.0 ----------------------------------------------------------------------------------------------------------
def test_an_access_token_is_fetched_once_and_used_again(prober, target, issuer):
    options = signed_in(issuer, scope="read write", audience="https://api.example")
    assert prober.probe(target.url, **options).vote is Vote.UP
    assert prober.probe(target.url, **options).vote is Vote.UP
    assert sent(target) == ["Bearer t1", "Bearer t1"]
    [asked] = issuer.requests
    assert (asked.method, asked.path) == ("POST", "/token")
    assert parse_qs(asked.body.decode()) == {
        "grant_type": ["client_credentials"],
        "scope": ["read write"],
        "audience": ["https://api.example"],
    }
    assert asked.headers["authorization"] == "Basic " + base64.b64encode(b"me+%26+you:s3cret%2F%2B").decode()


def test_a_client_may_sign_in_in_the_body(prober, target, issuer):
    prober.probe(target.url, **signed_in(issuer, client_auth="body"))
    [asked] = issuer.requests
    assert parse_qs(asked.body.decode())["client_secret"] == ["s3cret/+"]
    assert "authorization" not in asked.headers


def test_fetching_a_token_is_not_part_of_the_response_time(prober, target, issuer):
    outcome = prober.probe(target.url, **signed_in(issuer))
    assert outcome.status_code == 200
    assert outcome.phases.connect + outcome.phases.first_byte + outcome.phases.transfer <= outcome.response_ms + 1


def test_a_token_no_longer_taken_is_fetched_anew_once(prober, target, issuer):
    options = signed_in(issuer)
    prober.probe(target.url, **options)
    target.does(demands("t2"))
    issuer.does(grant("t2"))
    assert prober.probe(target.url, **options).vote is Vote.UP
    assert sent(target) == ["Bearer t1", "Bearer t1", "Bearer t2"]
    target.does(answer(401))
    outcome = prober.probe(target.url, **options)
    assert (outcome.reason, outcome.status_code) == (Reason.STATUS, 401)
    assert len(issuer.requests) == 3


def test_a_fresh_token_that_is_not_taken_is_not_fetched_again_at_once(prober, target, issuer):
    target.does(answer(401))
    assert prober.probe(target.url, **signed_in(issuer)).reason is Reason.STATUS
    assert len(issuer.requests) == 1


def test_a_changed_monitor_fetches_a_token_of_its_own(prober, target, issuer):
    prober.probe(target.url, **signed_in(issuer))
    prober.probe(target.url, **signed_in(issuer, scope="more"))
    prober.probe(target.url, monitor=2, **signed_in(issuer))
    assert len(issuer.requests) == 3


REFUSAL = json.dumps({"error": "invalid_client", "error_description": "Secret s3cret/+ is wrong"})


@pytest.mark.parametrize(
    ("behaviour", "detail"),
    [
        (answer(401, REFUSAL), "answered 401 Unauthorized (invalid_client: Secret ••• is wrong)"),
        (answer(500), "answered 500 Internal Server Error"),
        (redirect("/elsewhere"), "answered 302 Found"),
        (answer(200, "<html>"), "the answer holds no usable access token"),
        (answer(200, '{"access_token": "a b", "token_type": "bearer"}'), "the answer holds no usable access token"),
        (grant("a", token_type="mac"), "its token is of the type mac, and only bearer is known here"),
        (answer(200, "[" * 60_000), "the answer holds no usable access token"),
    ],
)
def test_a_token_endpoint_that_gives_no_token_is_named(prober, target, issuer, behaviour, detail):
    issuer.does(behaviour)
    outcome = prober.probe(target.url, **signed_in(issuer))
    assert (outcome.vote, outcome.reason) == (Vote.DOWN, Reason.NO_TOKEN)
    assert outcome.detail == f"At the token endpoint: {detail}"
    assert target.requests == []


def test_a_token_endpoint_that_is_not_there_is_named(prober, target, issuer):
    issuer.does(hang)
    outcome = prober.probe(target.url, timeout_ms=500, **signed_in(issuer))
    assert (outcome.vote, outcome.reason) == (Vote.DOWN, Reason.NO_TOKEN)
    assert outcome.detail.startswith("At the token endpoint: No answer within 0.5 s")
    issuer.refuses()
    outcome = prober.probe(target.url, **signed_in(issuer))
    assert outcome.reason is Reason.NO_TOKEN
    assert outcome.detail.startswith("At the token endpoint: Connection refused by 127.0.0.1")


def test_a_failure_of_the_target_is_not_one_of_the_token_endpoint(prober, target, issuer):
    target.refuses()
    outcome = prober.probe(target.url, **signed_in(issuer))
    assert outcome.reason is Reason.REFUSED
    assert "token" not in outcome.detail


# What is kept -------------------------------------------------------------------------------------------------------
CLIENT = Client(1, 1, check_url("https://login.example/token"), "id", "secret")


def issued(**answered):
    body = {"access_token": "t", "token_type": "bearer", **answered}
    return read_token(CLIENT, Answer(200, [], json.dumps(body).encode()))


@pytest.mark.parametrize(
    ("stated", "seconds"),
    [
        (3600, 3570),
        ("3600", 3570),
        (40, 20),
        (0, 0),
        (-5, -2.5),
        (10**400, UNSTATED_S),
        (1e300, MOST_KEPT_S),
        (None, UNSTATED_S),
        ("soon", UNSTATED_S),
        ([], UNSTATED_S),
        (float("nan"), UNSTATED_S),
    ],
)
def test_a_token_is_used_until_shortly_before_its_end(stated, seconds):
    assert issued(expires_in=stated) == Token("t", seconds)


def test_a_token_without_a_type_is_taken_for_a_bearer_s():
    assert read_token(CLIENT, Answer(200, [], b'{"access_token": "t"}')) == Token("t", UNSTATED_S)


def test_a_huge_answer_is_not_read():
    body = b'{"access_token": "t", "x": "' + b"x" * MAX_ANSWER + b'"}'
    assert isinstance(read_token(CLIENT, Answer(200, [], body)), Finding)


def test_tokens_are_forgotten_when_they_end_and_when_there_are_too_many():
    now = [0.0]
    tokens = Tokens(lambda: now[0], most=2)
    others = [Client(number, 1, CLIENT.url, "id", "secret") for number in (2, 3)]
    tokens.keep(CLIENT, Token("a", 10))
    assert tokens.get(CLIENT) == "a"
    now[0] = 10.0
    assert tokens.get(CLIENT) == ""
    for client in (CLIENT, *others):
        tokens.keep(client, Token("b", 10))
    assert [tokens.get(each) for each in (CLIENT, *others)] == ["", "b", "b"]
    tokens.keep(others[0], Token("c", 0))
    assert tokens.get(others[0]) == ""


def test_secrets_are_not_printed():
    assert "secret'" not in repr(CLIENT)
