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

from monitors.probes.base import Check, Reason
from monitors.probes.failures import describe
from monitors.probes.http_exchange import REDIRECTS, first_request, follow, follow_signed_in
from monitors.probes.http_request import FAMILIES, SECRETS, RequestOptions
from monitors.probes.kinds import Answer, Finding, Request, Steps
from monitors.probes.options import StatusesField, TextField, certificate_days, parse_statuses
from monitors.probes.route import Family
from uptime.lib.net import Guard, check_url

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


class Options(RequestOptions):
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
    certificate_days = certificate_days()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("method") == "HEAD" and cleaned.get("keyword"):
            self.add_error("keyword", "A HEAD request fetches no page to search. Choose GET, or clear the keyword.")
        expected = cleaned.get("expected_status")
        if expected and cleaned.get("follow_redirects") and all(_is_followed(each) for each in _ranges(expected)):
            self.add_error(
                "expected_status",
                "Redirects are followed, so none of these is ever the answer. Switch off “Follow redirects”.",
            )
        return cleaned


class HttpKind:
    name = "http"
    label = "Website or API"
    description = "Asks a web address over HTTP or HTTPS and looks at status, certificate and, if wanted, content."
    target_label = "URL"
    target_example = "https://example.com"
    has_port = False
    Options = Options
    secret_fields = SECRETS

    def clean_target(self, text: str, allow_private: bool) -> str:
        return str(check_url(text, guard=Guard(allow_private=allow_private)))

    def probe(self, check: Check, guard: Guard) -> Steps:
        wanted = check.options.get("ip_version") or ""
        return _over_both(check, guard) if wanted == "both" else _attempt(check, guard, FAMILIES.get(wanted, 0))


KIND = HttpKind()


def _over_both(check: Check, guard: Guard) -> Steps:
    """The first that fails has the last word."""
    finding = yield from _attempt(check, guard, 4)
    return finding if finding.reason else (yield from _attempt(check, guard, 6))


def _attempt(check: Check, guard: Guard, family: Family) -> Steps:
    options = check.options
    request = first_request(check, guard, bool(options.get("keyword")), family)
    redirects = options.get("follow_redirects", True)
    if options.get("auth") == "oauth2":
        end = yield from follow_signed_in(check, request, guard, redirects)
    else:
        end = yield from follow(request, guard, redirects)
    if isinstance(end, Finding):
        return end
    if options.get("http_version") == "2" and end.answer.version != "2":
        finding = Finding(Reason.PROTOCOL_ERROR, f"Answered in HTTP/{end.answer.version}: HTTP/2 was not agreed on")
    else:
        finding = evaluate(options, end.answer)
    return _located(finding, end.request)


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


@lru_cache(maxsize=1024)
def _ranges(text: str) -> tuple[tuple[int, int], ...]:
    return tuple(parse_statuses(text))


def _is_followed(statuses: tuple[int, int]) -> bool:
    return all(status in REDIRECTS for status in range(statuses[0], statuses[1] + 1))


def _located(finding: Finding, request: Request) -> Finding:
    """A failure with the place it was found at, where that is not simply the target."""
    if finding.reason is None:
        return finding
    place = f" (redirected to {request.url})" if request.redirected else ""
    way = f" (by way of the proxy {request.proxy.place})" if request.proxy else ""
    return finding._replace(detail=f"{finding.detail}{place}{way}") if place or way else finding
