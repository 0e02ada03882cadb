"""Programs read odd URLs differently, and whoever checks one reading and follows another is led astray.

What we take, urllib, libcurl (the library that connects) and the WHATWG standard (browsers; ada-url) read with the same
host. Any other reading of theirs must be a refusal of ours.
"""

from ipaddress import ip_address
from urllib.parse import urlsplit

import ada_url
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.curlurl import curl_host
from tests.ssrf_cases import MUST_ALLOW, MUST_DENY, SPELLINGS, as_host
from uptime.lib.net import STRICT, Guard, UrlError, check_url, redirect_url

OPEN = Guard(allow_private=True)
BASE = check_url("https://site.example:8443/a/b")
# What parsers are known to disagree about: slashes, backslashes, userinfo, brackets, numbers, look-alikes, tabs.
PIECES = [
    *("http://", "https://", "http:", "https:/", "HTTP://", "//", "/", "\\", "@", ":", "[", "]", ".", "..", "#", "?"),
    *("::1", "::ffff:127.0.0.1", "::ffff:0:7f00:1", "127.0.0.1", "127.1", "0x7f", "017700000001", "1.2.3.4.5", "09"),
    *("256", "1e3", "255.255.255.255", "2130706433", "[v1.x]", "[::1%25lo]", "[::1"),
    *("example.com", "evil.example", "localhost", "user:pw@", "xn--", "xn--bcher-kva", "a", "b", "1", "0", "_", "-"),
    *("80", "8080", "443", "&", "=", ";", "|", "^", "`", "{", "<", '"', "'", "$", "!", "*", "(", ",", "~", "+"),
    *("%", "%25", "%2e", "%00", "%40", "\t", " ", "\n", "\x00", "\x7f", "\u00a0", "\u200b", "\u00ad", "\u202e"),
    *("bücher", "faß.de", "ß", "e\u0301", "①", "ⅷ", "K", "ſ", "４", "٣", "。", "．", "‥", "／", "＠", "：", "\u2044"),
]
pieces = st.lists(st.sampled_from(PIECES), min_size=1, max_size=7).map("".join)
urls = st.tuples(st.sampled_from(["http://", "https://", "HTTPS://", ""]), pieces | st.text(max_size=20)).map("".join)
many = settings(max_examples=1500, deadline=None)


def meant(host):
    """A host without what is only spelling: brackets, case, a dot at the end, the ways to write an IPv6 address."""
    if host is None:
        return None
    host = host.strip("[]").lower().removesuffix(".")
    return ip_address(host).compressed if ":" in host and "%" not in host else host


def by_urllib(text, base=None):
    try:
        return meant(urlsplit(text).hostname)
    except ValueError:
        return None


def by_browsers(text, base=None):
    try:
        return meant(ada_url.URL(text, base=base).hostname)
    except ValueError:
        return None


def by_curl(text, base=None):
    return meant(curl_host(base, text) if base else curl_host(text))


@many
@given(text=urls)
@example("http://[::ffff:127.0.0.1]:8080/")
@example("http://example.com\\@evil.example/")
@example("http://evil.example#@example.com/")
@example("http://example.com:80@evil.example/")
@example("http://０x7f.1/")
def test_what_is_taken_has_the_same_host_for_everybody(text):
    try:
        url = check_url(text, guard=OPEN)
    except UrlError:
        return
    for reading in (by_urllib, by_curl, by_browsers):
        assert reading(str(url)) == meant(url.host), reading.__name__
    typed = text.strip()
    assert by_browsers(typed) == meant(url.host)
    if typed.isascii():  # this libcurl and urllib know no international names
        assert by_curl(typed) == by_urllib(typed) == meant(url.host)


@many
@given(location=urls)
@example("///evil.example/")
@example("https:///evil.example/")
@example("https:/evil.example/")
@example("https:evil.example")
@example("//")
@example("//?x")
@example("/\\evil.example")
@example("?x=https://evil.example/")
def test_a_redirect_leads_to_the_same_host_for_everybody(location):
    try:
        url = redirect_url(BASE, location, OPEN)
    except UrlError:
        return
    sent = location.strip()
    assert by_browsers(sent, str(BASE)) == meant(url.host)
    if sent.isascii():
        assert by_curl(sent, str(BASE)) == meant(url.host)


@pytest.mark.parametrize(
    "location", ["///evil.example/", "https:///evil.example", "https:/evil.example", "https:x", "//"]
)
def test_a_redirect_that_programs_read_differently_is_refused(location):
    with pytest.raises(UrlError, match="differently"):
        redirect_url(BASE, location, STRICT)


@pytest.mark.parametrize("host", [*map(as_host, [*MUST_DENY, *MUST_ALLOW]), *SPELLINGS])
def test_every_vector_has_one_reading_where_private_targets_are_allowed(host):
    """The guard may be open; the host is still nobody else's."""
    try:
        url = check_url(f"http://{host}:8080/", guard=OPEN)
    except UrlError:
        return
    assert by_curl(str(url)) == by_urllib(str(url)) == by_browsers(str(url)) == meant(url.host)
