"""Sign-up, sign-in and tokens over REST.

/user/signup and /user/signin answer exactly as existing clients expect: whatever is wrong is 403 with a `message`.
/api/token and /api/token/refresh are the ordinary pair of djangorestframework-simplejwt.
"""

from urllib.parse import urlsplit

from allauth.account.adapter import get_adapter
from allauth.core import ratelimit
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.decorators import method_decorator
from redis.exceptions import RedisError
from rest_framework import serializers, status
from rest_framework.exceptions import (
    APIException,
    AuthenticationFailed,
    ParseError,
    Throttled,
    UnsupportedMediaType,
)
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.serializers import TokenObtainPairSerializer, TokenRefreshSerializer
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView

from accounts import api_schema, services

SHORTEST_PASSWORD = 8  # existing clients use such as rudra123 or even password, which the page refuses
BAD_BODY = "Send a JSON object with the strings username and password."
MISMATCH = "No account has this username together with this password."
TOO_MANY = "Too many attempts. Wait a few minutes, then try again."


class Unavailable(APIException):
    """Attempts cannot be counted while the cache is away, so none is let through."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "Signing in is not possible right now. Try again in a minute."


class EntryView(APIView):
    """For whoever has no session or token yet: none is read, none is needed, and attempts are limited."""

    authentication_classes = ()
    permission_classes = ()
    action = "login"  # the limit in ACCOUNT_RATE_LIMITS that every call counts against

    def initial(self, request, *args, **kwargs):
        super().initial(request, *args, **kwargs)
        if not ratelimit.consume(request._request, action=self.action):
            raise Throttled(detail=TOO_MANY)

    def handle_exception(self, exc):
        return super().handle_exception(known(exc))


def known(error):
    """The error as one that has an answer, where it has one."""
    return Unavailable() if isinstance(error, RedisError) else error


def authenticate(request, username, password):
    """The active user with these credentials, or None. Raises Throttled after too many failures.

    The adapter counts failures per account and per address, the same ones the sign-in page counts.
    """
    if not (services.storable(username) and services.storable(password)):
        return None
    try:
        user = get_adapter().authenticate(request._request, username=username, password=password)
    except ValidationError as error:
        raise Throttled(detail=TOO_MANY) from error
    return user if user and user.is_active else None


# The clones' two calls ----------------------------------------------------------------------------------------------
class CloneView(EntryView):
    """Answers every error with `message`, a bad body with 403."""

    def handle_exception(self, exc):
        if isinstance(exc, ParseError | UnsupportedMediaType):
            return refused(BAD_BODY)
        response = super().handle_exception(exc)
        response.data = {"message": str(known(exc).detail)}
        return response

    def credentials(self, request):
        """(username, password). Raises ParseError for a body that does not have both as strings."""
        pair = request.data.get("username"), request.data.get("password")
        if not all(isinstance(text, str) and text for text in pair):
            raise ParseError
        return pair


def refused(message):
    return Response({"message": message}, status=status.HTTP_403_FORBIDDEN)


class SignUp(CloneView):
    action = "signup"

    @api_schema.sign_up
    def post(self, request):
        username, password = self.credentials(request)
        if services.is_first_account() and from_another_site(request):
            return refused("The first account administers this site: make it on the site's own sign-up page.")
        if len(password) < SHORTEST_PASSWORD:
            return refused(f"A password has at least {SHORTEST_PASSWORD} characters.")
        try:
            user = services.sign_up(username, password, setup_token=request.headers.get("X-Setup-Token", ""))
        except ValidationError as error:
            return refused(" ".join(error.messages))
        return Response({"id": str(user.pk)})


def from_another_site(request):
    """Whether a page of some other site made the browser call: any may, by CORS, but not for an administrator."""
    origin = request.headers.get("Origin", "")
    own = {settings.BASE_URL, f"{request.scheme}://{request.get_host()}"}
    here = settings.LOOPBACK and urlsplit(origin).hostname in {"127.0.0.1", "localhost", "::1"}
    return bool(origin) and origin not in own and not here


class SignIn(CloneView):
    @api_schema.sign_in
    def post(self, request):
        user = authenticate(request, *self.credentials(request))
        if user is None:
            return refused(MISMATCH)
        token = str(AccessToken.for_user(user))
        return Response({"message": "Signed in", "token": token, "jwt": token})


# simplejwt's pair, behind the same limits ---------------------------------------------------------------------------
class TokenPair(TokenObtainPairSerializer):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["password"] = serializers.CharField(trim_whitespace=False, write_only=True)

    def validate(self, attrs):
        user = authenticate(self.context["request"], attrs["username"], attrs["password"])
        if user is None:
            raise AuthenticationFailed(MISMATCH)
        refresh = RefreshToken.for_user(user)
        return {"refresh": str(refresh), "access": str(refresh.access_token)}


class FreshToken(TokenRefreshSerializer):
    def validate(self, attrs):
        # Raises AuthenticationFailed for a user who is gone or inactive, or has another password since.
        JWTAuthentication().get_user(self.token_class(attrs["refresh"]))
        return super().validate(attrs)


@method_decorator(api_schema.token, "post")
class Token(EntryView, TokenObtainPairView):
    serializer_class = TokenPair


@method_decorator(api_schema.refresh, "post")
class Refresh(EntryView, TokenRefreshView):
    serializer_class = FreshToken
