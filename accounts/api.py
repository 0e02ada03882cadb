"""Sign-up, sign-in and tokens over REST.

/user/signup and /user/signin answer exactly as existing clients expect: whatever is wrong is 403 with a `message`.
/api/token and /api/token/refresh are the ordinary pair of djangorestframework-simplejwt.
"""

from allauth.account.adapter import get_adapter
from allauth.core import ratelimit
from django.core.exceptions import ValidationError
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from redis.exceptions import RedisError
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, AuthenticationFailed, ParseError, Throttled, UnsupportedMediaType
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.serializers import TokenObtainPairSerializer, TokenRefreshSerializer
from rest_framework_simplejwt.tokens import AccessToken
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView

from accounts import services

SHORTEST_PASSWORD = 8  # existing clients use such as rudra123, which the page's stricter rules refuse
BAD_BODY = "Send a JSON object with the strings username and password."
MISMATCH = "No account has this username together with this password."
TOO_MANY = "Too many attempts. Wait a few minutes, then try again."


class Unavailable(APIException):
    """Attempts cannot be counted while the cache is away, so none is let through."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "Signing in is not possible right now. Try again in a minute."


class EntryMixin:
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
        user = get_adapter().authenticate(request, username=username, password=password)
    except ValidationError as error:
        raise Throttled(detail=TOO_MANY) from error
    return user if user and user.is_active else None


# The clones' two calls ---------------------------------------------------------------------------------------------
class Credentials(serializers.Serializer):
    username = serializers.CharField()
    password = serializers.CharField()


SIGNED_UP = inline_serializer("SignedUp", {"id": serializers.UUIDField()})
SIGNED_IN = inline_serializer(
    "SignedIn",
    {"message": serializers.CharField(), "token": serializers.CharField(), "jwt": serializers.CharField()},
)
REFUSED = inline_serializer("Refused", {"message": serializers.CharField()})


class CloneView(EntryMixin, APIView):
    """Answers every error with `message`, a bad body with 403."""

    def handle_exception(self, exc):
        if isinstance(exc, ParseError | UnsupportedMediaType):
            return refused(BAD_BODY)
        response = super().handle_exception(exc)
        response.data = {"message": str(known(exc).detail)}
        return response

    def credentials(self, request):
        """(username, password), or None for a body that is not two strings."""
        body = request.data if isinstance(request.data, dict) else {}
        pair = body.get("username"), body.get("password")
        return pair if all(isinstance(text, str) and text for text in pair) else None


def refused(message):
    return Response({"message": message}, status=status.HTTP_403_FORBIDDEN)


class SignUp(CloneView):
    action = "signup"

    @extend_schema(
        request=Credentials,
        responses={200: SIGNED_UP, 403: REFUSED},
        parameters=[OpenApiParameter("X-Setup-Token", str, OpenApiParameter.HEADER)],
        operation_id="user_signup",
        tags=["Accounts"],
        auth=[],
    )
    def post(self, request):
        """Make an account. The very first one of a public site needs the printed set-up token as well."""
        if (pair := self.credentials(request)) is None:
            return refused(BAD_BODY)
        username, password = pair
        if len(password) < SHORTEST_PASSWORD:
            return refused(f"A password has at least {SHORTEST_PASSWORD} characters.")
        try:
            user = services.sign_up(username, password, setup_token=request.headers.get("X-Setup-Token", ""))
        except ValidationError as error:
            return refused(" ".join(error.messages))
        return Response({"id": str(user.pk)})


class SignIn(CloneView):
    @extend_schema(
        request=Credentials,
        responses={200: SIGNED_IN, 403: REFUSED},
        operation_id="user_signin",
        tags=["Accounts"],
        auth=[],
    )
    def post(self, request):
        """Get a token, good for one hour or until the password changes."""
        if (pair := self.credentials(request)) is None:
            return refused(BAD_BODY)
        user = authenticate(request._request, *pair)
        if user is None:
            return refused(MISMATCH)
        token = str(AccessToken.for_user(user))
        return Response({"message": "Signed in", "token": token, "jwt": token})


# simplejwt's pair, behind the same limits ----------------------------------------------------------------------------
class TokenPair(TokenObtainPairSerializer):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["password"].trim_whitespace = False

    def validate(self, attrs):
        user = authenticate(self.context["request"]._request, attrs["username"], attrs["password"])
        if user is None:
            raise AuthenticationFailed(MISMATCH)
        refresh = self.get_token(user)
        return {"refresh": str(refresh), "access": str(refresh.access_token)}


class FreshToken(TokenRefreshSerializer):
    def validate(self, attrs):
        # Raises AuthenticationFailed for a user who is gone or inactive, or has another password since.
        JWTAuthentication().get_user(self.token_class(attrs["refresh"]))
        return super().validate(attrs)


class Token(EntryMixin, TokenObtainPairView):
    """Get an access token, good for one hour, and a refresh token, good for a week."""

    serializer_class = TokenPair


class Refresh(EntryMixin, TokenRefreshView):
    """Get another access token; refused once the password was changed."""

    serializer_class = FreshToken
