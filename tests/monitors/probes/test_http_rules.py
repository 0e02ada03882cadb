"""The kind http without a network: what an answer means, where a redirect leads, which options are taken."""

import json

import pytest
from django.forms import BooleanField
from hypothesis import given
from hypothesis import strategies as st

from monitors.probes.base import Check
from monitors.probes.content import Content
from monitors.probes.failures import describe
from monitors.probes.http import KIND, Options, evaluate
from monitors.probes.http_request import MAX_REDIRECTS
from monitors.probes.kinds import KINDS, Answer
from monitors.probes.options import MAX_HEADERS, parse_statuses, statuses_text
from monitors.probes.reasons import Reason
from uptime.lib.net import STRICT, Guard, UrlError

HTML = [("content-type", "text/html; charset=utf-8")]


def page(text, status=200, headers=HTML, truncated=False):
    return Answer(status, headers, text.encode() if isinstance(text, str) else text, truncated)


@pytest.mark.parametrize(
    ("options", "answer", "reason", "detail"),
    [
        ({}, page(""), None, ""),
        ({}, page("", 204), None, ""),
        ({}, page("", 299), None, ""),
        ({}, page("", 500), Reason.STATUS, "Answered 500 Internal Server Error, expected 200-299"),
        ({}, page("", 301), Reason.STATUS, "Answered 301 Moved Permanently, expected 200-299"),
        ({}, page("", 799), Reason.STATUS, "Answered 799, expected 200-299"),
        ({"follow_redirects": False}, page("", 301), None, ""),
        ({"follow_redirects": False}, page("", 404), Reason.STATUS, "Answered 404 Not Found, expected 200-399"),
        ({"expected_status": "301, 500-502"}, page("", 501), None, ""),
        ({"expected_status": "301, 500-502"}, page("", 200), Reason.STATUS, "Answered 200 OK, expected 301, 500-502"),
        ({"expected_status": "429"}, page("", 429), None, ""),
        ({}, page("", 429), Reason.RATE_LIMITED, "Answered 429 Too Many Requests, expected 200-299"),
        (
            {},
            page("", 429, [("retry-after", "120")]),
            Reason.RATE_LIMITED,
            "Answered 429 Too Many Requests, expected 200-299; to be asked again after 120",
        ),
        (
            {},
            page("", 403, [("cf-mitigated", "challenge")]),
            Reason.BLOCKED,
            "Answered 403 Forbidden, expected 200-299; a firewall answered (cf-mitigated: challenge)",
        ),
        ({}, page("", 403, [("cf-mitigated", "other")]), Reason.STATUS, "Answered 403 Forbidden, expected 200-299"),
        ({}, page("", 403), Reason.STATUS, "Answered 403 Forbidden, expected 200-299"),
        (
            {},
            page("", 405, [("x-amzn-waf-action", "captcha")]),
            Reason.BLOCKED,
            "Answered 405 Method Not Allowed, expected 200-299; a firewall answered (x-amzn-waf-action: captcha)",
        ),
        ({"expected_status": "403"}, page("", 403, [("cf-mitigated", "challenge")]), None, ""),
        ({"keyword": "welcome"}, page("<h1>WELCOME back"), None, ""),
        ({"keyword": "Straße"}, page("in der STRASSE"), None, ""),
        ({"keyword": "welcome"}, page("sorry"), Reason.KEYWORD_MISSING, "The page does not contain “welcome”"),
        ({"keyword": "welcome"}, page("welcome", 500), Reason.STATUS, None),
        ({"keyword": "welcome"}, page("x", truncated=True), Reason.BODY_TOO_LARGE, None),
        ({"keyword": "x"}, page("x", truncated=True), None, ""),
        ({"keyword": "error", "keyword_mode": "absent"}, page("fine"), None, ""),
        ({"keyword": "error", "keyword_mode": "absent"}, page("fine", truncated=True), None, ""),
        (
            {"keyword": "error", "keyword_mode": "absent"},
            page("Fatal Error: x"),
            Reason.KEYWORD_PRESENT,
            "The page contains “error”",
        ),
        ({"keyword": "", "keyword_mode": "absent"}, page("anything"), None, ""),
        ({"keyword": "k" * 500}, page(""), Reason.KEYWORD_MISSING, f"The page does not contain “{'k' * 80}”"),
    ],
)
def test_what_an_answer_means(options, answer, reason, detail):
    with pytest.raises(StopIteration) as end:
        next(evaluate(options, answer))
    finding = end.value.value
    assert finding.reason is reason
    if detail is not None:
        assert finding.detail == detail


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("text/html; charset=iso-8859-1", b"caf\xe9", "café"),
        ('text/html; charset="windows-1251"', "привет".encode("cp1251"), "привет"),
        ("text/html; charset=cp1251", "привет".encode("cp1251"), "привет"),
        ("text/html;charset=Shift_JIS", "日本".encode("shift_jis"), "日本"),
        ("text/html", "日本".encode(), "日本"),
        ("", b"\xff\xfe", "\ufffd\ufffd"),
        ("text/html; charset=nonsense", b"x", "x"),
        ("text/html; charset=utf-nonsense", b"x", "x"),
        ("text/html; charset=punycode", b"x-", "x-"),
        ("text/html; charset=rot13", b"x", "x"),
        ("text/html; charset=unicode_escape", b"\\x41", "\\x41"),
        ("text/html; charset=base64", b"QUJD", "QUJD"),
    ],
)
def test_a_page_is_read_in_its_own_charset(content_type, body, text):
    assert Content([("content-type", content_type)], body).text == text


def test_statuses_are_called_by_our_own_words():
    assert describe(503) == "503 Service Unavailable"
    assert describe(599) == "599"


# The conversation --------------------------------------------------------------------------------------------------
def talk(target, answers, guard=STRICT, **options):
    """The requests made while `answers` come back, and the finding."""
    steps = KIND.probe(Check(1, 0, 1, "http", target, 1000, 1000, options), guard)
    requests = [next(steps)]
    for answer in answers:
        try:
            requests.append(steps.send(answer))
        except StopIteration as end:
            return requests, end.value
    return requests, None


def moved(location, status=302):
    return Answer(status, [("location", location)])


HEADERS = [{"name": "Authorization", "value": "Bearer s3cret"}, {"name": "Content-Type", "value": "text/plain"}]


def test_a_second_redirect_is_followed():
    requests, finding = talk("https://a.example/", [moved("/b"), moved("//c.example/d"), page("")])
    assert [str(request.url) for request in requests] == [
        "https://a.example/",
        "https://a.example/b",
        "https://c.example/d",
    ]
    assert [request.redirected for request in requests] == [False, True, True]
    assert finding.reason is None


def test_redirects_are_not_followed_when_switched_off():
    requests, finding = talk("https://a.example/", [moved("/b")], follow_redirects=False)
    assert len(requests) == 1
    assert finding.reason is None


def test_endless_redirects_are_given_up():
    requests, finding = talk("https://a.example/", [moved("/again")] * (MAX_REDIRECTS + 2))
    assert len(requests) == MAX_REDIRECTS + 1
    assert finding.reason is Reason.TOO_MANY_REDIRECTS


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(302, []), Reason.BAD_REDIRECT),
        (moved(""), Reason.BAD_REDIRECT),
        (moved("javascript:alert(1)"), Reason.BAD_REDIRECT),
        (moved("file:///etc/passwd"), Reason.BAD_REDIRECT),
        (moved("gopher://a.example"), Reason.BAD_REDIRECT),
        (moved("https://user:pw@a.example"), Reason.BAD_REDIRECT),
        (moved("https://a.example:22/"), Reason.BAD_REDIRECT),
        (moved("https://a.example/\x00"), Reason.BAD_REDIRECT),
        (moved("http://["), Reason.BAD_REDIRECT),
        (moved("http://169.254.169.254/latest"), Reason.BLOCKED_REDIRECT),
        (moved("http://[::ffff:127.0.0.1]/"), Reason.BLOCKED_REDIRECT),
        (moved("http://0x7f000001/"), Reason.BLOCKED_REDIRECT),
        (moved("http://localhost/"), Reason.BLOCKED_REDIRECT),
    ],
)
def test_a_redirect_to_nowhere_is_the_targets_fault(answer, reason):
    _, finding = talk("https://a.example/", [answer])
    assert finding.reason is reason
    assert "https://a.example/" in finding.detail


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (303, "PUT", "GET"),
        (303, "HEAD", "HEAD"),
        (302, "HEAD", "HEAD"),
        (302, "PUT", "PUT"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
        (307, "DELETE", "DELETE"),
    ],
)
def test_a_redirect_changes_the_method_as_browsers_do(status, method, then):
    requests, _ = talk("https://a.example/", [moved("/b", status)], method=method, body="data", headers=HEADERS)
    first, second = requests
    assert (first.method, second.method) == (method, then)
    kept = then != "GET"
    assert second.body == (b"data" if kept else b"")
    names = [name for name, _ in second.headers]
    assert names == (["Authorization", "Content-Type"] if kept else ["Authorization"])


@pytest.mark.parametrize("location", ["https://b.example/", "http://a.example/", "https://a.example:8443/"])
def test_another_origin_learns_no_header_and_no_body(location):
    requests, _ = talk("https://a.example/", [moved(location, 307)], method="POST", body="s3cret", headers=HEADERS)
    assert (requests[1].headers, requests[1].body) == ([], b"")


def test_a_body_that_reads_like_json_is_sent_as_json():
    [request], _ = talk("https://a.example/", [], method="POST", body='{"a": 1}')
    assert request.headers == [("Content-Type", "application/json")]
    [request], _ = talk("https://a.example/", [], method="POST", body='{"a": 1}', headers=HEADERS)
    assert request.headers[-1] == ("Content-Type", "text/plain")


@pytest.mark.parametrize(
    ("kind", "typed", "sent", "content_type"),
    [
        ("json", " 5", b" 5", "application/json"),
        ("json", "", b"", None),
        (
            "form",
            "name=Alice & Bob\r\n\r\n token = a=b \nempty=",
            b"name=Alice+%26+Bob&token=a%3Db&empty=",
            "application/x-www-form-urlencoded",
        ),
        ("raw", "a=b", b"a=b", None),
    ],
)
def test_a_body_is_sent_as_what_it_is_said_to_be(kind, typed, sent, content_type):
    [request], _ = talk("https://a.example/", [], method="POST", body=typed, body_kind=kind)
    assert request.body == sent
    assert request.headers == ([("Content-Type", content_type)] if content_type else [])
    own = [{"name": "content-type", "value": "text/x"}]
    [request], _ = talk("https://a.example/", [], method="POST", body=typed, body_kind=kind, headers=own)
    assert request.headers == [("content-type", "text/x")]


def test_a_check_without_choices_has_no_route():
    [request], _ = talk("https://a.example/", [], **Options.defaults())
    assert request.route is None


def test_where_a_redirect_ended_is_part_of_the_finding():
    _, finding = talk("https://a.example/", [moved("/b"), page("", 404)])
    assert finding.detail == "Answered 404 Not Found, expected 200-299 (redirected to https://a.example/b)"


# The options -------------------------------------------------------------------------------------------------------
def errors_of(**values):
    form = Options.of(values)
    form.full_clean()
    return dict(form.errors)


def cleaned(**values):
    form = Options.of(values)
    assert form.is_valid(), form.errors
    return form.cleaned_data


def test_whoever_chooses_nothing_gets_the_defaults():
    assert Options.defaults() == {
        "degraded_above_ms": None,
        "down_above_ms": None,
        "upside_down": False,
        "method": "GET",
        "expected_status": "",
        "keyword": "",
        "keyword_mode": "present",
        "assertions": [],
        "follow_redirects": True,
        "verify_tls": True,
        "headers": [],
        "body": "",
        "body_kind": "raw",
        "auth": "none",
        "client_auth": "header",
        "http_version": "1.1",
        "ip_version": "",
        **dict.fromkeys(
            [
                "auth_username",
                "auth_password",
                "bearer_token",
                "token_url",
                "client_id",
                "client_secret",
                "scope",
                "audience",
                "client_certificate",
                "client_key",
                "authorities",
                "proxy",
                "proxy_username",
                "proxy_password",
            ],
            "",
        ),
        "certificate_days": 14,
    }


def test_the_kind_is_found_and_its_secrets_are_options():
    assert KINDS.get("http") is KIND
    assert set(KIND.secret_fields) <= set(Options.base_fields)
    for name, field in Options.base_fields.items():
        assert field.label, name
        assert field.help_text or isinstance(field, BooleanField) or name == "keyword_mode", name


def test_options_from_the_api_are_cleaned_like_those_of_a_page():
    options = cleaned(
        method="post",
        headers=[{"name": "X-A", "value": " 1 "}, {"name": "X-Empty", "value": ""}],
        body=" x ",
        expected_status=[200, 301],
        follow_redirects=False,
    )
    assert options["method"] == "POST"
    assert options["headers"] == [{"name": "X-A", "value": "1"}, {"name": "X-Empty", "value": ""}]
    assert options["body"] == " x "
    assert options["expected_status"] == "200, 301"
    assert options["follow_redirects"] is False
    assert options["verify_tls"] is True
    assert json.loads(json.dumps(options)) == options
    assert cleaned(headers="X-A: 1\r\n\r\n  X-Empty:  \n")["headers"] == options["headers"]


def test_headers_are_rendered_as_lines():
    form = Options(initial={"headers": HEADERS})
    assert "Authorization: Bearer s3cret\nContent-Type: text/plain" in str(form["headers"])


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ("no colon here", "has no colon"),
        ("Bad Name: x", "not a header name"),
        (": x", "not a header name"),
        ("Näme: x", "not a header name"),
        *((f"{name}: x", "set by the connection itself") for name in ("Host", "content-length", "Connection", "TE")),
        ("Transfer-Encoding: chunked", "set by the connection itself"),
        ("Proxy-Authorization: x", "set by the connection itself"),
        ("Metadata-Flavor: Google", "set by the connection itself"),
        ("X-aws-ec2-metadata-token-ttl-seconds: 60", "set by the connection itself"),
        ("X: " + "a" * 1100, "longer than"),
        ("\n".join(f"X-{number}: 1" for number in range(MAX_HEADERS + 1)), "at most"),
        ([{"name": "X", "value": "a\r\nHost: evil"}], "line break"),
        ([{"name": "X\r\nHost", "value": "a"}], "not a header name"),
        ([{"name": "X", "value": "a\x00b"}], "control character"),
        ([{"name": "X", "value": "\ud800"}], "control character"),
        ([{"name": "X"}], "both text"),
        ([{"name": "X", "value": 5}], "both text"),
        (["X: 1"], "both text"),
        ({"X": "1"}, "list of objects"),
        (5, "list of objects"),
    ],
)
def test_a_bad_header_is_refused_with_a_reason(headers, message):
    assert message in errors_of(headers=headers)["headers"][0]


@pytest.mark.parametrize(
    ("values", "field", "message"),
    [
        ({"method": "BREW"}, "method", "BREW"),
        ({"method": ""}, "method", "required"),
        ({"expected_status": "2000"}, "expected_status", "is not a status"),
        ({"expected_status": "ok"}, "expected_status", "is not a status"),
        ({"expected_status": "300-200"}, "expected_status", "lowest first"),
        ({"expected_status": "600"}, "expected_status", "100 to 599"),
        ({"expected_status": [200, "x"]}, "expected_status", "is not a status"),
        ({"keyword": "k" * 1001}, "keyword", "1000"),
        ({"keyword": 5}, "keyword", "must be text"),
        ({"keyword": "a\x00"}, "keyword", "ull characters"),
        ({"keyword_mode": "maybe"}, "keyword_mode", "maybe"),
        ({"body": "b" * 65_537}, "body", "64 kB"),
        ({"body": "ü" * 33_000}, "body", "64 kB"),
        ({"expected_status": "301, 307-308"}, "expected_status", "Switch off “Follow redirects”"),
        ({"auth": "magic"}, "auth", "magic"),
        ({"auth": "basic"}, "auth_username", "Enter the user name"),
        ({"auth": "basic", "auth_username": "a:b"}, "auth_username", "no colon"),
        ({"auth": "bearer"}, "bearer_token", "Enter the token"),
        ({"auth": "oauth2"}, "token_url", "Enter the address"),
        ({"auth": "oauth2", "token_url": "https://a.example"}, "client_id", "Enter the client ID"),
        ({"auth": "oauth2", "token_url": "https://a.example", "client_id": "a"}, "client_secret", "client secret"),
        ({"auth": "bearer", "bearer_token": "x", "headers": "authorization: y"}, "headers", "Leave one of them out"),
        ({"ip_version": "ipv4", "proxy": "http://a.example:3128"}, "ip_version", "it is the proxy that chooses"),
        ({"proxy_username": "a"}, "proxy", "Enter the proxy"),
        ({"client_key": "x" * 40_000}, "client_key", "32768"),
        ({"method": "HEAD", "keyword": "x"}, "keyword", "no page"),
        ({"method": "HEAD", "body": "x"}, "body", "no body"),
    ],
)
def test_a_bad_option_is_refused_at_its_own_field(values, field, message):
    assert message in errors_of(**values)[field][0]


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        ("200", [(200, 200)]),
        ("200-299, 301;5xx", [(200, 299), (301, 301), (500, 599)]),
        (" 200 - 204 ,, ", [(200, 204)]),
        ("2XX", [(200, 299)]),
        ("", []),
    ],
)
def test_statuses_are_read_as_people_write_them(text, ranges):
    assert parse_statuses(text) == ranges
    assert parse_statuses(statuses_text(ranges)) == ranges


@given(st.dictionaries(st.sampled_from(sorted(Options.base_fields)), st.text(max_size=40) | st.integers() | st.none()))
def test_options_are_refused_or_cleaned_to_json(values):
    form = Options.of(values)
    if form.is_valid():
        assert json.loads(json.dumps(form.cleaned_data)) == form.cleaned_data


def test_a_target_is_cleaned_by_the_rule_for_urls():
    assert KIND.clean_target(" HTTPS://Example.com ", allow_private=False) == "https://example.com"
    assert KIND.clean_target("http://localhost:8000", allow_private=True) == "http://localhost:8000"
    with pytest.raises(UrlError):
        KIND.clean_target("http://localhost:8000", allow_private=False)
    with pytest.raises(UrlError):
        talk("example.com", [], Guard(allow_private=True))
