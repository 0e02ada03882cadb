import socket
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ssrf_cases import MUST_ALLOW, MUST_DENY, SPELLINGS, as_host
from uptime.lib.net import (
    DENIED_PORTS,
    STRICT,
    BlockedAddressError,
    Guard,
    UrlError,
    check_host,
    check_url,
    denied,
    has_route,
    is_address,
    networks,
    redirect_url,
)

OPEN = Guard(allow_private=True)
NO_ADDRESSES = ("nonsense", "1.2.3", "0x7f000001")


@pytest.mark.parametrize("address", MUST_DENY)
def test_internal_addresses_are_denied(address):
    assert denied(address)
    assert not STRICT.permits(address)


@pytest.mark.parametrize("address", MUST_ALLOW)
def test_public_addresses_are_allowed(address):
    assert not denied(address)
    assert STRICT.permits(address)


@pytest.mark.parametrize("address", MUST_DENY)
def test_a_guard_for_private_networks_permits_every_real_address(address):
    assert OPEN.permits(address) == (address not in NO_ADDRESSES)


def test_the_operator_opens_single_networks_and_shuts_their_own():
    guard = Guard(allowed=networks(["10.1.0.0/16", "fd00::/8"]), own=networks(["10.1.9.9", "198.41.0.4/32"]))
    assert guard.permits("10.1.2.3")
    assert guard.permits("fd12::1")
    assert not guard.permits("10.2.0.1")
    assert not guard.permits("10.1.9.9")
    assert not guard.permits("198.41.0.4")
    assert denied("198.41.0.4", own=networks(["198.41.0.0/24"]))
    assert not Guard(allow_private=True, own=networks(["127.0.0.1"])).permits("127.0.0.1")


@pytest.mark.parametrize("address", [each for each in MUST_DENY if each not in NO_ADDRESSES])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_url_with_an_internal_address_is_refused(scheme, address):
    with pytest.raises(UrlError):
        check_url(f"{scheme}://{as_host(address)}/")


@pytest.mark.parametrize("address", MUST_ALLOW)
def test_a_url_with_a_public_address_is_taken(address):
    url = check_url(f"http://{as_host(address)}:8080/x")
    assert (url.host, url.port, url.is_address) == (address, 8080, True)
    assert str(url) == f"http://{as_host(address)}:8080/x"


@pytest.mark.parametrize(("host", "meant"), SPELLINGS.items())
@pytest.mark.parametrize("guard", [STRICT, OPEN], ids=["strict", "open"])
def test_hidden_spellings_of_an_address_are_refused_or_read_as_that_address(host, meant, guard):
    try:
        found = check_host(host, guard)
    except UrlError:
        return
    assert (found, guard) == (meant, OPEN)


@pytest.mark.parametrize("host", ["0x7f000001", "2130706433", "127.1", "0177.0.0.1", "169.254.43518", "localhost"])
def test_a_hidden_internal_address_is_called_what_it_is(host):
    with pytest.raises(BlockedAddressError):
        check_url(f"http://{host}/")


def test_with_private_targets_the_network_at_home_can_be_watched():
    assert str(check_url("http://192.168.1.7:6379/health", guard=OPEN)) == "http://192.168.1.7:6379/health"
    assert check_url("http://localhost:3000", guard=OPEN).host == "localhost"
    assert check_url("http://[::1]:3000", guard=OPEN).netloc == "[::1]:3000"


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("https://example.com", "https://example.com"),
        ("  https://example.com/  ", "https://example.com/"),
        ("HTTPS://Example.COM/Path?Q=1#part", "https://example.com/Path?Q=1"),
        ("http://example.com:80/", "http://example.com/"),
        ("http://example.com:443/", "http://example.com:443/"),
        ("https://example.com.", "https://example.com"),
        ("https://example.com?x=1", "https://example.com?x=1"),
        ("https://my_service.example.com/", "https://my_service.example.com/"),
        ("https://bücher.example/straße", "https://xn--bcher-kva.example/stra%C3%9Fe"),
        ("https://BU\u0308CHER.example", "https://xn--bcher-kva.example"),  # decomposed, as macOS types it
        ("https://例え.jp/", "https://xn--r8jz45g.jp/"),
        ("https://[2606:4700:4700:0:0:0:0:1111]/", "https://[2606:4700:4700::1111]/"),
        ("https://example.com/a'b(c)*,;=:@%20[x]", "https://example.com/a'b(c)*,;=:@%20[x]"),
    ],
)
def test_a_url_is_stored_in_one_spelling(text, stored):
    assert str(check_url(text)) == stored


@pytest.mark.parametrize(
    ("text", "way_out"),
    [
        ("", "Enter an address"),
        ("example.com", "Add https:// in front: https://example.com"),
        ("example.com:8080/x", "Add https:// in front: https://example.com:8080/x"),
        ("localhost:3000", "Add https:// in front"),
        ("//example.com", "Add https:// in front: https://example.com"),
        ("https:example.com", "write https://example.com"),
        ("https:/example.com", "write https://example.com"),
        ("javascript:alert(1)", "Use http:// or https://"),
        ("file:///etc/passwd", "Use http:// or https://"),
        ("gopher://example.com", "Use http:// or https://"),
        ("ftp://example.com", "Use http:// or https://"),
        ("https://", "host name is missing"),
        ("https:///path", "host name is missing"),
        ("https://:8080", "host name is missing"),
        ("https://alice:secret@example.com", "Authorization header"),
        ("https://alice@example.com", "Authorization header"),
        ("https://example.com@127.0.0.1/", "Authorization header"),
        ("https://exa mple.com", "space"),
        ("https://example.com/a b", "%20"),
        ("https://example.com\r\nHost: x", "space or line break"),
        ("https://example.com/\u00a0", None),  # surrounding space of any sort is forgiven
        ("https://example.com/\u00a0x", "space"),
        ("https://example.com\x00", "control character"),
        ("https://example.com/\x1b[31m", "control character"),
        ("https://example.com/\u202egnp", "control character"),
        ("https://exam\u200bple.com", "control character"),
        ("https://example.com/\ud800", "control character"),
        ("https://example.com\\@evil.example", "backslash"),
        ("https://example.com:0", "from 1 to 65535"),
        ("https://example.com:65536", "from 1 to 65535"),
        ("https://example.com:", "from 1 to 65535"),
        ("https://example.com:+80", "from 1 to 65535"),
        ("https://example.com:8\u0966", "from 1 to 65535"),
        ("https://example.com:22", "another service"),
        ("https://example.com:6379", "another service"),
        ("https://-example.com", "not a host name"),
        ("https://exa$mple.com", "not a host name"),
        ("https://example..com", "not a host name"),
        ("https://.example.com", "not a host name"),
        ("https://%31%32%37.0.0.1", "not an IP address"),
        ("https://" + "a" * 64 + ".com", "not a host name"),
        ("https://" + "a." * 130 + "com", "not a host name"),
        ("https://\uff45\uff58\uff41\uff4d\uff50\uff4c\uff45.com", "look-alike"),
        ("https://exam\ufb01le.com", "look-alike"),
        ("https://☃\u0338.com", "international"),
        ("https://[::1", "brackets"),
        ("https://[2606:4700::1]x", "brackets"),
        ("https://2606:4700::1111/", "brackets"),
        ("https://[fe80::1%25eth0]/", "not an IPv6 address"),
        ("https://[v1.x]/", "not an IPv6 address"),
        ("https://256.1.1.1", "four numbers"),
        ("https://8.8.2056", "Write 8.8.8.8"),
        ("https://10.0.0.1", "ALLOW_PRIVATE_TARGETS"),
        ("https://example.com/" + "a" * 3000, "longer than 2048"),
        ("https://example.com/" + "ü" * 500, "longer than 2048"),
    ],
)
def test_a_mistake_is_answered_with_the_way_out(text, way_out):
    if way_out is None:
        assert str(check_url(text)) == text.strip()
        return
    with pytest.raises(UrlError) as caught:
        check_url(text)
    assert way_out in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("port", sorted(DENIED_PORTS))
def test_ports_of_other_services_are_open_only_to_private_monitors(port):
    with pytest.raises(UrlError):
        check_url(f"https://example.com:{port}/")
    assert check_url(f"https://example.com:{port}/", guard=OPEN).port == port


@pytest.mark.parametrize(
    ("location", "leads_to"),
    [
        ("/login", "https://example.com:8443/login"),
        ("login?next=/", "https://example.com:8443/a/login?next=/"),
        ("?page=2", "https://example.com:8443/a/b?page=2"),
        ("//other.example/x", "https://other.example/x"),
        ("http://other.example", "http://other.example"),
        ("/with space", "https://example.com:8443/with%20space"),
        ("/straße", "https://example.com:8443/stra%C3%9Fe"),
        ("#top", "https://example.com:8443/a/b"),
    ],
)
def test_a_redirect_leads_where_a_browser_would_go(location, leads_to):
    base = check_url("https://example.com:8443/a/b")
    assert str(redirect_url(base, location, STRICT)) == leads_to


@pytest.mark.parametrize("address", [each for each in MUST_DENY if "nonsense" not in each])
def test_a_redirect_to_an_internal_address_is_refused(address):
    base = check_url("https://example.com/")
    with pytest.raises(UrlError):
        redirect_url(base, f"//{as_host(address)}/latest/meta-data", STRICT)


def test_an_address_is_told_from_a_name():
    assert is_address("10.0.0.1")
    assert is_address("::1")
    assert not is_address("example.com")
    assert not is_address("1.example")


def test_loopback_has_a_route():
    assert has_route("127.0.0.1")
    assert not has_route("not an address")


@given(
    st.text(max_size=60)
    | st.text(alphabet="abc019.:/[]@?#%\\-x_ \u3002\uff11\u0338", max_size=30).map("http://{}".format)
)
def test_what_is_taken_means_the_same_to_everybody(text):
    """Whatever passes has one spelling, and the standard library reads the same host and port out of it."""
    try:
        url = check_url(text)
    except UrlError:
        return
    assert check_url(str(url)) == url
    assert str(url).isascii()
    parts = urlsplit(str(url))
    assert (parts.hostname, parts.port or {"http": 80, "https": 443}[url.scheme]) == (url.host, url.port)
    assert parts.username is None
    if url.is_address:
        assert not denied(url.host)
    else:
        with pytest.raises(OSError, match=r"\w"):
            socket.inet_aton(url.host)


def test_what_is_the_operators_own_stays_shut_in_an_ipv6_disguise():
    guard = Guard(allow_private=True, own=networks(["127.0.0.0/8"]))
    assert not guard.permits("::ffff:127.0.0.1")
    assert guard.permits("::ffff:10.0.0.1")


def test_a_mapped_address_is_spelled_as_the_system_spells_it():
    """So that the address that is connected to is found among those that were checked."""
    assert check_url("http://[::FFFF:7f00:1]:3000", guard=OPEN).host == "::ffff:127.0.0.1"
