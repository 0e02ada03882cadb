"""The kind `http`: a website or API that must answer over HTTP or HTTPS.

UP is an expected status and, if asked for, a keyword that is (or is not) on the page, and assertions that all hold.
Keywords are compared without regard to case, on the first megabyte of the decoded page. Without `expected_status`,
200-299 is expected where redirects are followed and 200-399 where they are not. Redirects are followed by hand, at most
MAX_REDIRECTS of them; across origins no header and no body of the user's goes along.
"""

from collections.abc import Generator, Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from monitors.probes.assertions import AnswerOptions, check_head, judged
from monitors.probes.base import Check
from monitors.probes.content import wants_body
from monitors.probes.failures import describe
from monitors.probes.http_exchange import REDIRECTS, first_request, follow, follow_signed_in
from monitors.probes.http_request import FAMILIES, SECRETS, RequestOptions
from monitors.probes.kinds import Answer, Compute, Finding, Request, Steps
from monitors.probes.options import certificate_days, parse_statuses
from monitors.probes.reasons import Reason
from monitors.probes.route import Family
from monitors.probes.waiting import asked_to_wait
from uptime.lib.net import Guard, check_url

# Headers by which firewalls say that they, and not the site, answered. None: whatever the value.
CHALLENGES: dict[str, str | None] = {
    "cf-mitigated": "challenge",  # developers.cloudflare.com/cloudflare-challenges, "Detect a challenge page"
    "x-amzn-waf-action": None,  # docs.aws.amazon.com/waf, "CAPTCHA and Challenge actions"
    "x-vercel-mitigated": None,  # vercel.com/docs, "Attack challenge mode"
}


class Options(AnswerOptions, RequestOptions):
    rare = RequestOptions.rare | AnswerOptions.rare | {"assertions"}
    certificate_days = certificate_days()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        check_head(self, cleaned)
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
    request = first_request(check, guard, wants_body(options), family)
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
        finding = yield from evaluate(options, end.answer)
    return asked_to_wait(_located(finding, end.request), end.answer)


def evaluate(options: Mapping[str, Any], answer: Answer) -> Generator[Compute, Any, Finding]:
    """What an answer means under a monitor's options: first its status, then its content."""
    expected = options.get("expected_status") or ("200-299" if options.get("follow_redirects", True) else "200-399")
    if any(first <= answer.status <= last for first, last in _ranges(expected)):
        return (yield from judged(options, answer))
    detail = f"Answered {describe(answer.status)}, expected {expected}"
    for name, value in CHALLENGES.items():
        if answer.header(name) and value in (None, answer.header(name).lower()):
            return Finding(Reason.BLOCKED, f"{detail}; a firewall answered ({name}: {answer.header(name)})")
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        after = answer.header("retry-after")
        return Finding(Reason.RATE_LIMITED, f"{detail}; to be asked again after {after}" if after else detail)
    return Finding(Reason.STATUS, detail)


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
