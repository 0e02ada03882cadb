import jwt
import pytest
import time_machine
from django.utils import timezone
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.test import APIRequestFactory
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from accounts.authentication import JWT
from accounts.models import User
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def authenticate(header):
    return JWT().authenticate(APIRequestFactory().get("/", headers={"Authorization": header}))


@pytest.fixture
def alice():
    return make_user("alice")


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "BEARER   {}", "{}", " {} "])
def test_a_token_is_taken_with_and_without_bearer(alice, form):
    user, _ = authenticate(form.format(AccessToken.for_user(alice)))
    assert user == alice


@pytest.mark.parametrize("header", ["", "   ", "Basic YWxpY2U6eA==", "Token abc"])
def test_other_schemes_are_left_to_others(alice, header):
    assert authenticate(header) is None


@pytest.mark.parametrize(
    "header", ["nonsense", "Bearer nonsense", "Bearer a.b.c", "a.b.c", "Bearer a b", "Bearer", "\xff"]
)
def test_a_wrong_token_is_refused_not_ignored(alice, header):
    with pytest.raises(AuthenticationFailed):
        authenticate(header)


def forged(user, key, algorithm, **changes):
    claims = {**AccessToken.for_user(user).payload, **changes}
    return jwt.encode(claims, key, algorithm=algorithm)


@pytest.mark.parametrize("algorithm", ["none", "HS256", "HS384", "HS512"])
def test_a_token_signed_by_anyone_else_is_refused(alice, settings, algorithm):
    key = {"none": None, "HS256": "another key of more than thirty-two bytes"}.get(algorithm, settings.SECRET_KEY)
    with pytest.raises(AuthenticationFailed):
        authenticate(f"Bearer {forged(alice, key, algorithm)}")


@pytest.mark.parametrize("missing", ["exp", "token_type", "jti", "hash_password"])
def test_a_token_without_its_claims_is_refused(alice, settings, missing):
    claims = dict(AccessToken.for_user(alice).payload)
    del claims[missing]
    with pytest.raises(AuthenticationFailed):
        authenticate(f"Bearer {jwt.encode(claims, settings.SECRET_KEY, algorithm='HS256')}")


def test_a_refresh_token_opens_nothing(alice):
    with pytest.raises(AuthenticationFailed):
        authenticate(f"Bearer {RefreshToken.for_user(alice)}")


def test_a_token_lasts_one_hour(alice):
    token = str(AccessToken.for_user(alice))
    now = timezone.now()
    with time_machine.travel(now + timezone.timedelta(minutes=59)):
        assert authenticate(token)
    with time_machine.travel(now + timezone.timedelta(minutes=61)), pytest.raises(AuthenticationFailed):
        authenticate(token)


def test_a_token_ends_with_its_account(alice):
    token = str(AccessToken.for_user(alice))
    User.objects.update(is_active=False)
    with pytest.raises(AuthenticationFailed):
        authenticate(token)
