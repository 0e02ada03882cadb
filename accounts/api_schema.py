"""What the OpenAPI document says of sign-up, sign-in and tokens."""

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

CLONES, TOKENS = "Clients of the clones", "Tokens"
SAMPLE = "eyJhbGciOiJIUzI1NiJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIn0.c2lnbmF0dXJl"


def _answer(text, example):
    return OpenApiResponse({"type": "object"}, text, examples=[OpenApiExample(text, example)])


def _body(example, **properties):
    fields = {name: {"type": "string", "description": text} for name, text in properties.items()}
    shape = {"type": "object", "required": list(fields), "properties": fields, "example": example}
    return {"application/json": shape}


def _pair(username):
    example = {"username": "alice", "password": "correct horse battery"}
    return _body(example, username=username, password="At most 1000 characters.")  # noqa: S106 -- a text about it


sign_up = extend_schema(
    operation_id="user_signup",
    summary="Sign up",
    description="Make an account with a team of its own. The very first one administers the site.",
    tags=[CLONES],
    auth=[],
    request=_pair("Free text, at most 150 characters."),
    parameters=[
        OpenApiParameter(
            "X-Setup-Token",
            str,
            OpenApiParameter.HEADER,
            description="Only for the first account of a site that other machines can reach: "
            "the token printed when the site was started.",
        )
    ],
    responses={
        200: _answer("Made.", {"id": "5b0c7f0e-6f1e-4a53-9d6c-2f6f4f3a9b10"}),
        403: _answer("A bad body, a taken name, a missing set-up token.", {"message": "This username is taken."}),
        429: _answer("Too many from this address.", {"message": "Too many attempts."}),
    },
)

sign_in = extend_schema(
    operation_id="user_signin",
    summary="Sign in",
    description="Get a token for `Authorization`, with or without `Bearer`. It lives one hour, "
    "or until the password changes.",
    tags=[CLONES],
    auth=[],
    request=_pair("The username, or the email."),
    responses={
        200: _answer("Signed in.", {"message": "Signed in", "token": SAMPLE, "jwt": SAMPLE}),
        403: _answer("A bad body, an unknown user or a wrong password.", {"message": "No account has this username."}),
        429: _answer("Too many failed attempts, here or on the sign-in page.", {"message": "Too many attempts."}),
    },
)

token = extend_schema(
    operation_id="token_create",
    summary="Get a token",
    description="An access token, good for one hour, and a refresh token, good for a week. "
    "Both end when the password changes.",
    tags=[TOKENS],
    auth=[],
    request=_pair("The username, or the email."),
    responses={
        200: _answer("Signed in.", {"access": SAMPLE, "refresh": SAMPLE}),
        401: _answer("An unknown user or a wrong password.", {"errors": "No account has this username."}),
        429: _answer("Too many failed attempts.", {"errors": "Too many attempts."}),
    },
)

refresh = extend_schema(
    operation_id="token_refresh",
    summary="Get the next token",
    description="Another access token for a refresh token that still holds.",
    tags=[TOKENS],
    auth=[],
    request=_body({"refresh": SAMPLE}, refresh="What `/api/token` answered."),
    responses={
        200: _answer("Done.", {"access": SAMPLE}),
        401: _answer("It has expired, or the password was changed.", {"errors": "Token is expired"}),
    },
)
