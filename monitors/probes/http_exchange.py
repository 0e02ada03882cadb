"""From options to requests: what is sent, by which way, and what of it goes along when somebody redirects."""

from collections.abc import Generator, Mapping
from dataclasses import replace
from functools import lru_cache
from http import HTTPStatus
from typing import Any, NamedTuple

from monitors.probes.base import Check
from monitors.probes.failures import describe, proxy_refusal
from monitors.probes.http_request import MAX_REDIRECTS, METHODS, form_fields
from monitors.probes.kinds import Answer, Finding, Request
from monitors.probes.oauth import Client, Tokens, basic, is_token, read_token, token_request
from monitors.probes.options import check_header
from monitors.probes.reasons import Reason
from monitors.probes.route import Family, Route, check_proxy
from uptime.lib.net import URL, BlockedAddressError, Guard, UrlError, check_url, redirect_url

REDIRECTS = frozenset({301, 302, 303, 307, 308})
CONTENT_TYPES = {"json": "application/json", "form": "application/x-www-form-urlencoded"}
TOKENS = Tokens()


def first_request(check: Check, guard: Guard, keep_body: bool, family: Family = 0) -> Request:
    """The form has checked the options already; method and headers are checked here too, where they are put on the
    wire."""
    options, headers = check.options, []
    method = options.get("method") or "GET"
    if method not in METHODS:
        raise ValueError("no such method")
    for each in options.get("headers") or ():
        check_header(each["name"], each["value"])
        headers.append((each["name"], each["value"]))
    body = _body(options, headers)
    if "auth" in options:
        headers += _credentials(options)
    return Request(
        check_target(check.target, guard),
        method=method,
        headers=headers,
        body=body,
        verify_tls=options.get("verify_tls", True),
        keep_body=keep_body,
        route=_route(options, guard, family),
        said_of=f"Over IPv{family}" if options.get("ip_version") == "both" else "",
    )


def _body(options: Mapping[str, Any], headers: list[tuple[str, str]]) -> bytes:
    """The body; its type is added to the headers, unless they name one."""
    text, kind = options.get("body") or "", options.get("body_kind") or "raw"
    if kind == "form":
        text = form_fields(text)
    body = text.encode()
    if body and not any(name.lower() == "content-type" for name, _ in headers):
        if kind == "raw" and body.lstrip()[:1] in b"{[":
            kind = "json"
        if kind in CONTENT_TYPES:
            headers.append(("Content-Type", CONTENT_TYPES[kind]))
    return body


def _credentials(options: Mapping[str, Any]) -> list[tuple[str, str]]:
    """An access token is added later: it has yet to be fetched."""
    if options["auth"] == "basic":
        value = basic(options.get("auth_username") or "", options.get("auth_password") or "")
        return [("Authorization", value)]
    return [bearer(options["bearer_token"])] if options["auth"] == "bearer" else []


def bearer(token: str) -> tuple[str, str]:
    """RFC 6750, 2.1. Raises ValueError for what is no token."""
    if not is_token(token):
        raise ValueError("no token")
    return "Authorization", f"Bearer {token}"


def _route(options: Mapping[str, Any], guard: Guard, family: Family) -> Route | None:
    """None, the usual way, unless something was chosen."""
    version, proxy = options.get("http_version", "1.1"), options.get("proxy")
    certificate, authorities = options.get("client_certificate"), options.get("authorities")
    if not (family or proxy or certificate or authorities or version != "1.1"):
        return None
    way = check_proxy(proxy, guard) if proxy else None
    if way and options.get("proxy_username"):
        way = replace(way, username=options["proxy_username"], password=options.get("proxy_password") or "")
    return Route(
        proxy=way,
        family=family,
        version="" if version == "1.1" else version,
        authorities=(authorities or "").encode(),
        certificate=(certificate or "").encode(),
        key=(options.get("client_key") or "").encode(),
    )


class End(NamedTuple):
    """The last answer, and the request it was given to."""

    answer: Answer
    request: Request


Ending = Generator[Request, Answer, End | Finding]


def follow(request: Request, guard: Guard, redirects: bool) -> Ending:
    """The answer at the end of the redirects, which are followed if `redirects`."""
    for _ in range(MAX_REDIRECTS + 1):
        answer = yield request
        if request.proxy and answer.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            said = proxy_refusal(request.proxy, answer.status, request.url)
            return Finding(Reason.PROXY, f"The proxy {request.proxy.place} {said}")
        if not redirects or answer.status not in REDIRECTS:
            return End(answer, request)
        try:
            request = _next_request(request, answer, guard)
        except BlockedAddressError as error:
            return Finding(Reason.BLOCKED_REDIRECT, f"{request.url} redirects to a private address: {error}")
        except UrlError as error:
            return Finding(Reason.BAD_REDIRECT, f"{request.url} redirects to no usable address: {error}")
    return Finding(Reason.TOO_MANY_REDIRECTS, f"Gave up after {MAX_REDIRECTS} redirects, the last to {request.url}")


def follow_signed_in(check: Check, request: Request, guard: Guard, redirects: bool) -> Ending:
    """As `follow`, with an access token: the one we have, and once another where that is no longer taken."""
    client = _client(check, guard)
    kept = TOKENS.get(client)
    if kept:
        end = yield from follow(_with_token(request, kept), guard, redirects)
        if isinstance(end, Finding) or end.answer.status != HTTPStatus.UNAUTHORIZED:
            return end
        TOKENS.forget(client)
    token = read_token(client, (yield _token_request(client, request)))
    if isinstance(token, Finding):
        return token
    end = yield from follow(_with_token(request, token.text), guard, redirects)
    if isinstance(end, Finding) or end.answer.status != HTTPStatus.UNAUTHORIZED:
        TOKENS.keep(client, token)
    return end


def _client(check: Check, guard: Guard) -> Client:
    options = check.options
    return Client(
        check.monitor,
        check.version,
        check_target(options["token_url"], guard),
        options["client_id"],
        options["client_secret"],
        options.get("scope") or "",
        options.get("audience") or "",
        options.get("client_auth") == "body",
    )


def _token_request(client: Client, request: Request) -> Request:
    """It goes the way of the request it is for; the client certificate is for the target's own site."""
    route = request.route
    if route and client.url.origin != request.url.origin:
        route = route.to_stranger()
    asked = token_request(client, route, request.verify_tls)
    return replace(asked, said_of=f"{request.said_of}, at the token endpoint") if request.said_of else asked


def _with_token(request: Request, token: str) -> Request:
    return replace(request, headers=[*request.headers, bearer(token)])


def _next_request(request: Request, answer: Answer, guard: Guard) -> Request:
    """The request a redirect asks for (RFC 9110, 15.4): 303 and, as browsers do, a POST's 301 and 302 become GET.

    Another origin receives none of the user's headers, no body and no certificate: whoever controls the redirect must
    not learn the credentials. Raises UrlError."""
    location = answer.header("location")
    if not location:
        raise UrlError(f"{describe(answer.status)} came without a Location header.")
    url = redirect_url(request.url, location, guard)
    to_get = request.method != "HEAD" and (
        answer.status == HTTPStatus.SEE_OTHER or (request.method == "POST" and answer.status in {301, 302})
    )
    same_origin = url.origin == request.url.origin
    headers = request.headers if same_origin else []
    return replace(
        request,
        url=url,
        method="GET" if to_get else request.method,
        headers=[each for each in headers if not (to_get and each[0].lower().startswith("content-"))],
        body=request.body if same_origin and not to_get else b"",
        redirected=True,
        route=request.route if same_origin or not request.route else request.route.to_stranger(),
    )


@lru_cache(maxsize=16_384)  # targets stay the same from check to check
def check_target(text: str, guard: Guard) -> URL:
    return check_url(text, guard=guard)
