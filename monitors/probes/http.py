"""The kind `http`: a website or API that must answer over HTTP or HTTPS.

UP is an expected status and, if asked for, a keyword that is (or is not) on the page. Keywords are compared without
regard to case, on the first megabyte of the decoded page. Without `expected_status`, 200-299 is expected where
redirects are followed and 200-399 where they are not. Redirects are followed by hand, at most MAX_REDIRECTS of them;
across origins no header and no body of the user's goes along.
"""

import codecs
import re
from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from monitors.probes.base import Check, Reason
from monitors.probes.kinds import Answer, Finding, Request, Steps
from monitors.probes.options import (
    HeadersField,
    OptionsForm,
    StatusesField,
    TextField,
    check_header,
    parse_statuses,
)
from monitors.probes.waiting import asked_to_wait
from uptime.lib.net import URL, BlockedAddressError, Guard, UrlError, check_url, redirect_url

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_REDIRECTS = 10
MAX_BODY = 64 * 1024  # bytes we send

# Headers by which firewalls say that they, and not the site, answered. None: whatever the value.
CHALLENGES: dict[str, str | None] = {
    "cf-mitigated": "challenge",  # developers.cloudflare.com/cloudflare-challenges, "Detect a challenge page"
    "x-amzn-waf-action": None,  # docs.aws.amazon.com/waf, "CAPTCHA and Challenge actions"
    "x-vercel-mitigated": None,  # vercel.com/docs, "Attack challenge mode"
}

# Text encodings pages are written in. Python knows others under the same name that are no charsets of the web, and
# some of those (punycode, idna) take quadratic time on a hostile megabyte.
_CHARSETS = re.compile(
    r"(utf|us|ascii|latin|iso|windows|cp|koi|gb|big5|shift|euc|mac|hz|tis|johab)[\w.-]*", re.IGNORECASE
)
_CHARSET_PARAMETER = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)


class MethodField(forms.ChoiceField):
    """Accepts any case, as API clients write methods; cleans to upper case."""

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).upper()


class Options(OptionsForm):
    section = "Request"
    method = MethodField(
        label="Method",
        choices=[(name, name) for name in METHODS],
        initial="GET",
        help_text="HEAD saves traffic; GET also fetches the page, which a keyword needs.",
    )
    expected_status = StatusesField(
        label="Expected status",
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"placeholder": "200-299"}),
        help_text="Codes and ranges, as in “200-299, 301” or “2xx”. "
        "Empty: 200-299, or 200-399 where redirects are not followed.",
    )
    keyword = TextField(
        label="Keyword",
        required=False,
        max_length=1000,
        help_text="Text to look for on the page. Upper and lower case are the same; the first megabyte is searched.",
    )
    keyword_mode = forms.ChoiceField(
        label="The keyword must be",
        choices=[("present", "on the page"), ("absent", "nowhere on the page")],
        initial="present",
    )
    follow_redirects = forms.BooleanField(
        label="Follow redirects",
        required=False,
        initial=True,
        help_text=f"Up to {MAX_REDIRECTS}. Headers and body are not sent on to another site.",
    )
    verify_tls = forms.BooleanField(
        label="Verify the certificate",
        required=False,
        initial=True,
        help_text="Off, an expired or self-signed certificate does not count as down.",
    )
    headers = HeadersField(
        label="Request headers",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "Authorization: Bearer …", "spellcheck": "false"}),
        help_text="One per line, as in “Accept: application/json”. Stored encrypted.",
    )
    body = TextField(
        label="Request body",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text="Sent as it is. What reads like JSON is sent as application/json unless a header says otherwise. "
        "Stored encrypted.",
    )

    def clean_body(self) -> str:
        body: str = self.cleaned_data["body"]
        if len(body.encode("utf-8", "replace")) > MAX_BODY:
            raise ValidationError(f"The body is longer than {MAX_BODY // 1024} kB.")
        return body

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("method") == "HEAD" and cleaned.get("keyword"):
            self.add_error("keyword", "A HEAD request fetches no page to search. Choose GET, or clear the keyword.")
        if cleaned.get("method") == "HEAD" and cleaned.get("body"):
            self.add_error("body", "A HEAD request carries no body. Choose another method, or clear the body.")
        return cleaned


class HttpKind:
    name = "http"
    label = "Website or API"
    description = "Asks a web address over HTTP or HTTPS and looks at status, certificate and, if wanted, content."
    target_label = "URL"
    target_example = "https://example.com"
    has_port = False
    Options = Options
    secret_fields = ("headers", "body")

    def clean_target(self, text: str, allow_private: bool) -> str:
        return str(check_url(text, guard=Guard(allow_private=allow_private)))

    def probe(self, check: Check, guard: Guard) -> Steps:
        request = _first_request(_url(check.target, guard), check.options)
        follow = check.options.get("follow_redirects", True)
        for _ in range(MAX_REDIRECTS + 1):
            answer = yield request
            if not follow or answer.status not in REDIRECTS:
                return asked_to_wait(_located(evaluate(check.options, answer), request), answer)
            try:
                request = _next_request(request, answer, guard)
            except BlockedAddressError as error:
                return Finding(Reason.BLOCKED_REDIRECT, f"{request.url} redirects to a private address: {error}")
            except UrlError as error:
                return Finding(Reason.BAD_REDIRECT, f"{request.url} redirects to no usable address: {error}")
        return Finding(Reason.TOO_MANY_REDIRECTS, f"Gave up after {MAX_REDIRECTS} redirects, the last to {request.url}")


KIND = HttpKind()


def _first_request(url: URL, options: Mapping[str, Any]) -> Request:
    """The form has checked the options already; method and headers are checked here too, where they are put on the
    wire."""
    method, headers = options.get("method") or "GET", []
    if method not in METHODS:
        raise ValueError("no such method")
    for each in options.get("headers") or ():
        check_header(each["name"], each["value"])
        headers.append((each["name"], each["value"]))
    body = (options.get("body") or "").encode()
    if body and not any(name.lower() == "content-type" for name, _ in headers) and body.lstrip()[:1] in b"{[":
        headers.append(("Content-Type", "application/json"))
    return Request(
        url,
        method=method,
        headers=headers,
        body=body,
        verify_tls=options.get("verify_tls", True),
        keep_body=bool(options.get("keyword")),
    )


def _next_request(request: Request, answer: Answer, guard: Guard) -> Request:
    """The request a redirect asks for (RFC 9110, 15.4): 303 and, as browsers do, a POST's 301 and 302 become GET.

    Another origin receives none of the user's headers and no body: whoever controls the redirect must not learn the
    credentials. Raises UrlError."""
    location = answer.header("location")
    if not location:
        raise UrlError(f"{describe(answer.status)} came without a Location header.")
    url = redirect_url(request.url, location, guard)
    to_get = request.method != "HEAD" and (
        answer.status == HTTPStatus.SEE_OTHER or (request.method == "POST" and answer.status in {301, 302})
    )
    same_origin = url.origin == request.url.origin
    headers = request.headers if same_origin else []
    return Request(
        url,
        method="GET" if to_get else request.method,
        headers=[each for each in headers if not (to_get and each[0].lower().startswith("content-"))],
        body=request.body if same_origin and not to_get else b"",
        verify_tls=request.verify_tls,
        keep_body=request.keep_body,
        redirected=True,
    )


def evaluate(options: Mapping[str, Any], answer: Answer) -> Finding:
    """What an answer means under a monitor's options."""
    expected = options.get("expected_status") or ("200-299" if options.get("follow_redirects", True) else "200-399")
    if any(first <= answer.status <= last for first, last in _ranges(expected)):
        return _evaluate_keyword(options, answer)
    detail = f"Answered {describe(answer.status)}, expected {expected}"
    for name, value in CHALLENGES.items():
        if answer.header(name) and value in (None, answer.header(name).lower()):
            return Finding(Reason.BLOCKED, f"{detail}; a firewall answered ({name}: {answer.header(name)})")
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        after = answer.header("retry-after")
        return Finding(Reason.RATE_LIMITED, f"{detail}; to be asked again after {after}" if after else detail)
    return Finding(Reason.STATUS, detail)


def _evaluate_keyword(options: Mapping[str, Any], answer: Answer) -> Finding:
    """An absent keyword is judged on the megabyte that is read; a present one cannot be missed on a page cut short."""
    keyword = options.get("keyword") or ""
    if not keyword:
        return Finding(None)
    found, shown = keyword.casefold() in page_text(answer).casefold(), keyword[:80]
    if options.get("keyword_mode") == "absent":
        return Finding(Reason.KEYWORD_PRESENT, f"The page contains “{shown}”") if found else Finding(None)
    if found:
        return Finding(None)
    if answer.truncated:
        return Finding(Reason.BODY_TOO_LARGE, f"“{shown}” is not in the first megabyte of the page")
    return Finding(Reason.KEYWORD_MISSING, f"The page does not contain “{shown}”")


# What Python decodes so slowly that a hostile page could hold up the other checks, and what stands in for it.
COSTLY_CHARSETS = {"utf-7": "utf-8", "tis-620": "cp874", "iso8859-11": "cp874"}


def page_text(answer: Answer) -> str:
    """The body as text: charset from the Content-Type header, else UTF-8; what is no text becomes U+FFFD."""
    match = _CHARSET_PARAMETER.search(answer.header("content-type"))
    charset = match[1] if match and _CHARSETS.fullmatch(match[1]) else "utf-8"
    try:
        charset = codecs.lookup(charset).name
    except LookupError:
        charset = "utf-8"
    charset = COSTLY_CHARSETS.get(charset, charset)
    return answer.body.decode(charset, "replace")


def describe(status: int) -> str:
    """ "500 Internal Server Error": our words for the code, never the server's."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


@lru_cache(maxsize=16_384)  # targets stay the same from check to check
def _url(text: str, guard: Guard) -> URL:
    return check_url(text, guard=guard)


@lru_cache(maxsize=1024)
def _ranges(text: str) -> tuple[tuple[int, int], ...]:
    return tuple(parse_statuses(text))


def _located(finding: Finding, request: Request) -> Finding:
    if finding.reason is None or not request.redirected:
        return finding
    return Finding(finding.reason, f"{finding.detail} (redirected to {request.url})")
