"""The way to a website: proxies, client certificates, HTTP versions and IP versions, over real connections."""

import os
import socket
import ssl

import pytest
import trustme

from monitors.domain.verdict import Vote
from monitors.probes.reasons import Reason
from tests.helpers import free_port
from tests.monitors.probes.test_grpc import (
    ACK,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    header_block,
    http2_frame,
)
from tests.proxies import Proxy, SocksProxy
from tests.servers import NameServer, Server, Target, answer, hang, redirect, silent, tripwire, turns
from uptime.lib.net import networks
from uptime.lib.resolver import Names

PUBLIC, PRIVATE = "127.0.0.2", "127.0.0.1"  # as in test_guard: the first stands for a public address


@pytest.fixture
def target():
    with Target() as website:
        yield website


@pytest.fixture
def secure(authority):
    with Target(tls=authority.context("127.0.0.1")) as website:
        yield website


@pytest.fixture
def trusting(make_prober, authority):
    return make_prober(ca_file=authority.ca_file)


# Proxies ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", [Proxy, SocksProxy])
@pytest.mark.parametrize("user", ["", "alice:s3:cret"])
def test_a_proxy_leads_to_the_target(trusting, target, secure, kind, user):
    options = {"headers": [{"name": "X-Token", "value": "t0ken"}]}
    with kind(user=user) as proxy:
        if user:
            name, _, password = user.partition(":")
            options |= {"proxy_username": name, "proxy_password": password}
        for website in (target, secure):
            outcome = trusting.probe(website.url, proxy=proxy.url, **options)
            assert (outcome.vote, outcome.status_code) == (Vote.UP, 200), outcome
            assert website.requests[-1].headers["x-token"] == "t0ken"
        assert proxy.asked == [("127.0.0.1", target.port), ("127.0.0.1", secure.port)]
        assert "t0ken" not in "".join(head for head in proxy.heads if head.startswith("CONNECT"))


def test_a_proxy_is_spoken_to_under_tls(trusting, authority, target, secure):
    with Proxy(tls=authority.context("127.0.0.1")) as proxy:
        for website in (target, secure):
            assert trusting.probe(website.url, proxy=proxy.url).vote is Vote.UP
        assert len(proxy.asked) == 2


def test_the_proxy_looks_the_name_up_where_private_targets_are_allowed(prober, target):
    for kind in (Proxy, SocksProxy):
        with kind(places={"inside.example": "127.0.0.1"}) as proxy:
            outcome = prober.probe(f"http://inside.example:{target.port}/", proxy=proxy.url)
            assert outcome.vote is Vote.UP, outcome
            assert proxy.asked == [("inside.example", target.port)]


def test_no_proxy_of_the_environment_does_not_lead_past_the_proxy(make_prober, target, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    with Proxy() as proxy:
        assert make_prober().probe(target.url, proxy=proxy.url).vote is Vote.UP
        assert proxy.connections == 1


def test_the_environment_has_no_say_beside_options_either(make_prober, authority, secure, monkeypatch, tmp_path):
    netrc = tmp_path / ".netrc"
    netrc.write_text("default login bob password s3cret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, os.devnull)
    with Server(silent) as trap, Proxy() as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{trap.port}")
        prober = make_prober(ca_file=authority.ca_file)
        for options in ({}, {"http_version": "auto"}, {"ip_version": "ipv4"}, {"proxy": proxy.url}):
            assert prober.probe(secure.url, **options).vote is Vote.UP
        assert trap.connections == 0
        assert "authorization" not in str([seen.headers for seen in secure.requests]) + str(proxy.heads).lower()
    monkeypatch.setenv("SSL_CERT_FILE", authority.ca_file)
    monkeypatch.setenv("CURL_CA_BUNDLE", authority.ca_file)
    assert make_prober().probe(secure.url).reason is Reason.TLS_UNTRUSTED


def test_a_redirect_goes_through_the_proxy_too(prober, target):
    target.does(redirect("http://elsewhere.example/next"))
    with Target() as other, Proxy(places={"elsewhere.example": "127.0.0.1"}) as proxy:
        target.does(redirect(f"http://elsewhere.example:{other.port}/"))
        assert prober.probe(target.url, proxy=proxy.url).vote is Vote.UP
        assert proxy.asked[-1] == ("elsewhere.example", other.port)


@pytest.mark.parametrize(
    ("said", "detail"),
    [
        (b"HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n", "answered 502 Bad Gateway when asked for 127.0.0.1 port "),
        (b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", "asks for a user name and password (407 Proxy Auth"),
        (b"garbage\r\n\r\n", "gave no usable answer"),
    ],
)
def test_what_a_proxy_refuses_is_told_of_the_proxy(trusting, secure, said, detail):
    with Proxy() as proxy:
        proxy.answers = said
        outcome = trusting.probe(secure.url, proxy=proxy.url)
        assert (outcome.vote, outcome.reason) == (Vote.DOWN, Reason.PROXY)
        assert outcome.detail.startswith(f"The proxy {proxy.host}:{proxy.port} {detail}")


def test_a_wrong_password_is_told_of_the_proxy(trusting, target, secure):
    wrong = {"proxy_username": "alice", "proxy_password": "wrong"}
    for kind in (Proxy, SocksProxy):
        with kind(user="alice:right") as proxy:
            for website in (target, secure):
                outcome = trusting.probe(website.url, proxy=proxy.url, **wrong)
                assert outcome.reason is Reason.PROXY
                assert "does not accept the user name and password" in outcome.detail
    with SocksProxy(user="alice:right") as proxy:
        assert "none of the ways to sign in" in trusting.probe(target.url, proxy=proxy.url).detail


@pytest.mark.parametrize(
    ("reply", "detail"),
    [(1, "a general failure"), (2, "does not allow connections to 127.0.0.1"), (4, "cannot reach the host 127.0.0.1"),
     (5, "was refused by 127.0.0.1")],
)  # fmt: skip
def test_what_a_socks_proxy_says_of_the_target_is_told(prober, target, reply, detail):
    with SocksProxy() as proxy:
        proxy.answers = bytes([reply])
        outcome = prober.probe(target.url, proxy=proxy.url)
        assert (outcome.vote, outcome.reason) == (Vote.DOWN, Reason.PROXY)
        assert detail in outcome.detail


@pytest.mark.parametrize("scheme", ["http", "https", "socks5h"])
def test_a_proxy_that_is_not_there_is_named(trusting, secure, scheme):
    outcome = trusting.probe(secure.url, proxy=f"{scheme}://127.0.0.1:{free_port()}")
    assert (outcome.vote, outcome.reason) == (Vote.DOWN, Reason.PROXY)
    assert outcome.detail.startswith("Connection refused by the proxy 127.0.0.1:")


def test_a_proxy_that_says_nothing_is_named(trusting, secure):
    with Server(silent) as proxy:
        outcome = trusting.probe(secure.url, proxy=proxy.url, timeout_ms=500)
    assert outcome.reason is Reason.PROXY
    assert outcome.detail == f"The proxy 127.0.0.1:{proxy.port} gave us no way to the target within 0.5 s"


def test_a_proxy_nobody_trusts_is_named(prober, authority, target, secure):
    with Proxy(tls=authority.context("127.0.0.1"), user="a:s3cret") as proxy:
        for website in (target, secure):
            outcome = prober.probe(
                website.url, proxy=proxy.url, proxy_username="a", proxy_password="s3cret", verify_tls=False
            )
            assert outcome.reason is Reason.PROXY
            assert "has a certificate that is not trusted" in outcome.detail
        assert proxy.heads == []


def test_what_is_wrong_behind_the_proxy_is_told_of_the_target(trusting, target, authority):
    with Proxy() as proxy, Target(tls=authority.context("other.example")) as other:
        outcome = trusting.probe(other.url, proxy=proxy.url)
        assert outcome.reason is Reason.TLS_NAME_MISMATCH
        target.does(answer(502))
        outcome = trusting.probe(target.url, proxy=proxy.url)
        assert outcome.reason is Reason.STATUS
        assert outcome.detail.endswith(f"(by way of the proxy 127.0.0.1:{proxy.port})")
        target.does(hang)
        outcome = trusting.probe(target.url, proxy=proxy.url, timeout_ms=500)
        assert outcome.reason is Reason.TIMEOUT_FIRST_BYTE
        assert f"connected to the proxy 127.0.0.1:{proxy.port}" in outcome.detail


def test_the_next_check_knows_nothing_of_a_proxy(make_prober, authority, secure):
    prober = make_prober(handles=1, ca_file=authority.ca_file)
    with Proxy(user="a:s3cret") as proxy:
        options = {"proxy_username": "a", "proxy_password": "s3cret", "http_version": "auto"}
        prober.probe(secure.url, proxy=proxy.url, **options)
        assert prober.probe(secure.url).vote is Vote.UP
        assert proxy.connections == 1


# Proxies, and places where checks must not arrive ---------------------------------------------------------------------
@pytest.fixture
def strict(make_prober):
    servers = []

    def make(records=None):
        server = NameServer(records)
        servers.append(server)
        return make_prober(allow_private=False, allowed=networks([PUBLIC]), names=Names((server.address,)))

    yield make
    for server in servers:
        server.close()


@pytest.mark.parametrize("kind", [Proxy, SocksProxy])
@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]", "inside.example", "half.example",
             "only-the-proxy-knows.example"]
)  # fmt: skip
def test_no_proxy_is_asked_for_a_private_target(strict, kind, host):
    """Not even for a name that only the proxy could find an address for."""
    prober = strict({"inside.example": [PRIVATE], "half.example": [PUBLIC, PRIVATE]})
    with tripwire() as wire, kind(PUBLIC, places={"only-the-proxy-knows.example": PRIVATE}) as proxy:
        for scheme in ("http", "https"):
            outcome = prober.probe(f"{scheme}://{host}:{wire.port}/", proxy=proxy.url)
            assert outcome.reason in (Reason.BLOCKED_ADDRESS, Reason.BAD_CHECK, Reason.DNS_NOT_FOUND), outcome
        assert proxy.connections == 0


@pytest.mark.parametrize("scheme", ["http", "https", "socks5h"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "inside.example", "half.example", "0x7f000001"])
def test_a_proxy_in_a_private_network_is_never_connected_to(strict, scheme, host):
    prober = strict({"inside.example": [PRIVATE], "half.example": [PUBLIC, PRIVATE], "www.example": [PUBLIC]})
    with tripwire() as wire:
        for target in ("http://www.example/", "https://www.example/"):
            outcome = prober.probe(target, proxy=f"{scheme}://{host}:{wire.port}")
            assert outcome.reason in (Reason.BLOCKED_ADDRESS, Reason.BAD_CHECK), outcome


def test_a_redirect_into_a_private_network_is_not_followed_by_way_of_a_proxy(strict):
    prober = strict({"inside.example": [PRIVATE]})
    with tripwire() as wire, Target(PUBLIC) as website, Proxy(PUBLIC) as proxy:
        for location in (f"http://127.0.0.1:{wire.port}/", f"http://inside.example:{wire.port}/"):
            website.does(redirect(location))
            outcome = prober.probe(website.url, proxy=proxy.url)
            assert outcome.reason is Reason.BLOCKED_REDIRECT
        assert {host for host, _ in proxy.asked} == {PUBLIC}


def test_a_proxy_s_name_is_pinned_to_the_address_that_was_checked(strict):
    """Rebinding: the first answer is public, every later one private."""
    prober = strict({"proxy.example": turns([PUBLIC], [PRIVATE])})
    with tripwire() as wire, Proxy(PUBLIC, port=wire.port) as proxy, Target(PUBLIC) as website:
        where = f"http://proxy.example:{proxy.port}"
        assert prober.probe(website.url, proxy=where).vote is Vote.UP
        assert prober.probe(website.url, proxy=where).reason is Reason.BLOCKED_ADDRESS
        assert proxy.connections == 1


def test_a_token_endpoint_in_a_private_network_is_never_asked(strict):
    prober = strict({"inside.example": [PRIVATE]})
    with tripwire() as wire, Target(PUBLIC) as website:
        for host in ("127.0.0.1", "inside.example"):
            options = {"token_url": f"http://{host}:{wire.port}/", "client_id": "a", "client_secret": "b"}
            outcome = prober.probe(website.url, auth="oauth2", **options)
            assert outcome.reason is Reason.BLOCKED_ADDRESS
        assert website.requests == []


# Certificates -------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def members():
    """An authority of the clients', and one of its certificates in PEM form."""
    ca = trustme.CA()
    leaf = ca.issue_cert("monitor@example.com")
    chain = b"".join(each.bytes() for each in leaf.cert_chain_pems).decode()
    return ca, {"client_certificate": chain, "client_key": leaf.private_key_pem.bytes().decode()}


def asking(authority, ca, version):
    context = authority.context("127.0.0.1")
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = context.maximum_version = version
    ca.configure_trust(context)
    return context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_certificate_is_shown_to_whoever_asks_for_one(trusting, authority, members, version):
    ca, options = members
    with Target(tls=asking(authority, ca, version)) as website:
        assert trusting.probe(website.url, **options).vote is Vote.UP
        assert trusting.probe(website.url, **options, http_version="auto").vote is Vote.UP
        outcome = trusting.probe(website.url)
        assert outcome.vote is Vote.DOWN
        stranger = trustme.CA().issue_cert("stranger@example.com")
        wrong = {
            "client_certificate": stranger.cert_chain_pems[0].bytes().decode(),
            "client_key": stranger.private_key_pem.bytes().decode(),
        }
        assert trusting.probe(website.url, **wrong).vote is Vote.DOWN
        assert len(website.requests) == 2


def test_a_client_certificate_is_not_shown_to_another_site(trusting, authority, members):
    ca, options = members
    shown = []

    def look(_server, connection):
        shown.append(connection.getpeercert())
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    curious = asking(authority, ca, ssl.TLSVersion.TLSv1_3)
    curious.verify_mode = ssl.CERT_OPTIONAL
    with Server(look, tls=curious) as other, Target(tls=asking(authority, ca, ssl.TLSVersion.TLSv1_3)) as website:
        assert trusting.probe(other.url, **options).vote is Vote.UP
        website.does(redirect(other.url))
        assert trusting.probe(website.url, **options).vote is Vote.UP
    assert [bool(each) for each in shown] == [True, False]


def test_a_certificate_that_cannot_be_used_is_our_own_trouble(trusting, secure):
    outcome = trusting.probe(secure.url, client_certificate="rubbish", client_key="rubbish")
    assert (outcome.vote, outcome.reason) == (Vote.NODATA, Reason.BAD_CHECK)


def test_authorities_of_the_monitor_are_trusted_instead_of_the_usual_ones(make_prober, authority, secure, tmp_path):
    pem = open(authority.ca_file).read()  # noqa: SIM115
    other = trustme.CA().cert_pem.bytes().decode()
    prober = make_prober()
    assert prober.probe(secure.url).reason is Reason.TLS_UNTRUSTED
    assert prober.probe(secure.url, authorities=other + pem).vote is Vote.UP
    assert prober.probe(secure.url).reason is Reason.TLS_UNTRUSTED, "and of no other monitor"
    assert make_prober(ca_file=authority.ca_file).probe(secure.url, authorities=other).reason is Reason.TLS_UNTRUSTED


# HTTP versions ------------------------------------------------------------------------------------------------------
def http2(server, connection):
    """Answers the first request with 200 and a body, in HTTP/2 where that was agreed on."""
    if connection.selected_alpn_protocol() != "h2":
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        return
    stream = connection.makefile("rb")
    assert stream.read(len(PREFACE)) == PREFACE
    connection.sendall(http2_frame(SETTINGS, 0, 0))
    while True:
        head = stream.read(9)
        stream.read(int.from_bytes(head[:3]))
        if head[3] == SETTINGS and not head[4] & ACK:
            connection.sendall(http2_frame(SETTINGS, ACK, 0))
        if head[3] == HEADERS:
            break
    connection.sendall(http2_frame(HEADERS, END_HEADERS, 1, header_block(status="200")))
    connection.sendall(http2_frame(0, END_STREAM, 1, b"hello in two"))
    server.over.wait(5)


def broken_http2(*frames):
    def handle(server, connection):
        connection.makefile("rb").read(len(PREFACE))
        connection.sendall(http2_frame(SETTINGS, 0, 0) + b"".join(frames))
        server.over.wait(0.3)

    return handle


def offering(authority, *protocols):
    context = authority.context("127.0.0.1")
    context.set_alpn_protocols(protocols)
    return context


@pytest.mark.parametrize(
    ("wanted", "offered", "agreed"),
    [("1.1", ["h2", "http/1.1"], "1.1"), ("auto", ["h2", "http/1.1"], "2"), ("auto", ["http/1.1"], "1.1"),
     ("2", ["h2"], "2"), ("2", ["http/1.1"], None)],
)  # fmt: skip
def test_the_version_of_http_is_agreed_on(trusting, authority, wanted, offered, agreed):
    spoken = []

    def handle(server, connection):
        spoken.append(connection.selected_alpn_protocol())
        http2(server, connection)

    with Server(handle, tls=offering(authority, *offered)) as server:
        outcome = trusting.probe(server.url, http_version=wanted, keyword="hello" if agreed == "2" else "")
    if agreed is None:
        assert (outcome.vote, outcome.reason) == (Vote.DOWN, Reason.PROTOCOL_ERROR)
        assert outcome.detail == "Answered in HTTP/1.1: HTTP/2 was not agreed on"
    else:
        assert outcome.vote is Vote.UP, outcome
        assert spoken == ["h2" if agreed == "2" else "http/1.1"]


def test_http_2_goes_through_a_proxy(trusting, authority):
    with Server(http2, tls=offering(authority, "h2")) as server, Proxy() as proxy:
        assert trusting.probe(server.url, http_version="2", keyword="hello", proxy=proxy.url).vote is Vote.UP


@pytest.mark.parametrize(
    "frames",
    [
        [http2_frame(RST_STREAM, 0, 1, (2).to_bytes(4))],
        [http2_frame(GOAWAY, 0, 0, bytes(8))],
        [http2_frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\xff\xff\xff\xff\xff\xff\xff")],
        [http2_frame(HEADERS, END_STREAM, 1, b""), *[http2_frame(9, 0, 1, b"x" * 16_000)] * 20],
        [http2_frame(SETTINGS, 0, 0)] * 5000,
        [b"\xff" * 100],
    ],
    ids=["reset", "goodbye", "hpack", "continuation", "settings", "noise"],
)
def test_broken_http_2_is_the_server_s_fault(trusting, authority, frames):
    with Server(broken_http2(*frames), tls=offering(authority, "h2")) as server:
        outcome = trusting.probe(server.url, http_version="auto")
    assert outcome.vote is Vote.DOWN, outcome
    assert outcome.detail.isprintable()


# IP versions --------------------------------------------------------------------------------------------------------
def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.fixture
def both(make_prober):
    """A website on one port of both loopbacks, and a prober that knows its name."""
    if not has_ipv6():
        pytest.skip("this machine has no IPv6")
    with (
        Target() as old,
        Target("::1", port=old.port) as new,
        NameServer({"both.example": ["127.0.0.1", "::1"], "old.example": ["127.0.0.1"]}) as names,
    ):
        yield make_prober(names=Names((names.address,))), old, new


@pytest.mark.parametrize(("wanted", "address"), [("ipv4", "127.0.0.1"), ("ipv6", "::1")])
def test_only_the_wanted_ip_version_is_used(both, wanted, address):
    prober, old, new = both
    outcome = prober.probe(f"http://both.example:{old.port}/", ip_version=wanted)
    assert (outcome.vote, outcome.address) == (Vote.UP, address)
    assert len(old.requests) + len(new.requests) == 1
    (new if wanted == "ipv6" else old).refuses()
    assert prober.probe(f"http://both.example:{old.port}/", ip_version=wanted).reason is Reason.REFUSED


def test_over_both_versions_both_are_asked(both):
    prober, old, new = both
    assert prober.probe(f"http://both.example:{old.port}/", ip_version="both").vote is Vote.UP
    assert (len(old.requests), len(new.requests)) == (1, 1)


def test_of_both_versions_the_failing_one_is_named(both):
    prober, old, new = both
    url = f"http://both.example:{old.port}/"
    new.does(answer(500))
    outcome = prober.probe(url, ip_version="both")
    assert (outcome.vote, outcome.reason) == (Vote.DOWN, Reason.STATUS)
    assert outcome.detail == "Over IPv6: Answered 500 Internal Server Error, expected 200-299"
    new.refuses()
    outcome = prober.probe(url, ip_version="both")
    assert outcome.reason is Reason.REFUSED
    assert outcome.detail.startswith("Over IPv6: Connection refused by ::1")
    old.refuses()
    assert prober.probe(url, ip_version="both").detail.startswith("Over IPv4: Connection refused by 127.0.0.1")


def test_a_name_without_an_address_of_the_version_is_down(both):
    prober, old, _ = both
    url = f"http://old.example:{old.port}/"
    outcome = prober.probe(url, ip_version="ipv6")
    assert (outcome.vote, outcome.reason) == (Vote.DOWN, Reason.DNS_NOT_FOUND)
    assert outcome.detail == "old.example has no IPv6 address"
    assert prober.probe(url, ip_version="both").detail == "Over IPv6: old.example has no IPv6 address"


def test_an_address_is_of_one_version(prober, target):
    assert prober.probe(target.url, ip_version="ipv6").detail == "127.0.0.1 has no IPv6 address"
