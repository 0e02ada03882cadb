"""What the prober keeps of a check, against real servers: whose evidence is kept, what is in it, what never is."""

import hashlib
import json
import ssl

import pytest

from monitors.domain.bundle import Bundle
from monitors.domain.keeping import AGAIN_MS, GOOD_MS
from monitors.domain.verdict import Vote
from monitors.masks import MASK
from monitors.probes import evidence
from monitors.probes.base import MAX_EVIDENCE, Outcome
from monitors.probes.evidence import Memory, fitted
from monitors.probes.reasons import Reason
from tests.monitors.probes.conftest import check_of
from tests.servers import NameServer, Server, Target, answer, hang, raw, redirect
from uptime.lib.resolver import Names

UP, DOWN = Vote.UP, Vote.DOWN
HOSTILE = (
    b"HTTP/1.1 500 Nope\r\nServer: \x1b[31mred\xe2\x80\xaeevil\xff\r\nX-Script: <script>alert(1)</script>\r\n"
    b"Content-Length: 90\r\n\r\n</textarea><script>alert(2)</script>\x00\x1b[2J\xe2\x80\xae\xff\xfe<b>"
).ljust(300, b"x")


@pytest.fixture
def target():
    with Target() as website:
        yield website


# Whose evidence is kept -----------------------------------------------------------------------------------------------
class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def memory(clock):
    return Memory(clock)


def after(memory, clock, *votes, monitor=1, version=1, seconds=30):
    """Whether the evidence of each of these checks was kept, one every so many seconds."""
    check = check_of("http://shop.example/", monitor=monitor)
    check.version = version
    found = []
    for vote in votes:
        found.append(memory.keeps(check, vote, memory.wants(check)))
        clock.now += seconds
    return found


def test_a_worker_keeps_the_first_good_one_and_then_one_a_day(memory, clock):
    assert after(memory, clock, UP, UP, UP) == [True, False, False]
    clock.now += GOOD_MS / 1000
    assert after(memory, clock, UP, UP) == [True, False]


def test_it_keeps_three_failures_one_every_ten_minutes_and_the_first_good_one_after_them(memory, clock):
    assert after(memory, clock, UP, DOWN, DOWN, DOWN, DOWN, DOWN) == [True, True, True, True, False, False]
    clock.now += AGAIN_MS / 1000
    assert after(memory, clock, DOWN, DOWN, UP, UP) == [True, False, True, False]


def test_of_what_it_failed_to_see_it_keeps_nothing(memory, clock):
    assert after(memory, clock, Vote.NODATA, UP, Vote.NODATA, UP) == [False, True, False, False]


def test_a_changed_monitor_begins_anew(memory, clock):
    after(memory, clock, UP, UP)
    assert after(memory, clock, UP, version=2) == [True]


def test_a_monitor_that_flaps_is_kept_a_few_times_in_ten_minutes(memory, clock):
    kept = after(memory, clock, *([UP, DOWN] * 60), seconds=5)
    assert sum(kept) == evidence.MAX_IN_A_WHILE


def test_a_new_worker_does_not_send_good_bundles_of_everything_at_once(memory, clock):
    kept = [after(memory, clock, UP, monitor=number, seconds=0)[0] for number in range(1000)]
    assert sum(kept) == evidence.ROOM
    clock.now += 60
    assert after(memory, clock, UP, monitor=999) == [True]
    assert all(after(memory, clock, DOWN, monitor=number, seconds=0)[0] for number in range(1000))


def test_what_it_remembers_is_bounded(memory, clock, monkeypatch):
    monkeypatch.setattr(evidence, "MAX_KNOWN", 10)
    for number in range(50):
        after(memory, clock, DOWN, monitor=number)
    assert len(memory._known) == 10


# What is in it --------------------------------------------------------------------------------------------------------
def test_a_good_first_check_has_everything(prober, target):
    target.does(answer(body="<p>Hello", Server="nginx", Set_Cookie="sid=abc; Path=/"))
    outcome = prober.probe(target.url)
    assert outcome.vote is UP
    kept = Bundle.of(outcome.evidence)
    assert (kept.status, kept.method, kept.protocol, kept.address) == (200, "GET", "HTTP/1.1", "127.0.0.1")
    assert kept.header("server") == "nginx"
    assert kept.header("set-cookie") == f"sid={MASK}; Path=/"
    assert (kept.body.text, kept.body.size) == ("<p>Hello", 8)
    assert kept.body.sha256 == hashlib.sha256(b"<p>Hello").hexdigest()
    assert kept.phases["connect"] == outcome.phases.connect
    assert Outcome.from_wire(json.loads(json.dumps(outcome.to_wire()))).evidence == outcome.evidence
    assert prober.probe(target.url).evidence is None


def test_a_failure_that_nobody_foresaw_still_has_headers_and_the_beginning_of_the_page(prober, target):
    prober.probe(target.url)
    page = b"broken" + b"x" * 200_000
    target.does(answer(503, page, Retry_After="120"))
    kept = Bundle.of(prober.probe(target.url).evidence)
    assert (kept.status, kept.protocol, kept.header("retry-after")) == (503, "HTTP/1.1", "120")
    assert kept.body.text.startswith("broken")
    assert (kept.body.size, kept.body.sha256) == (len(page), "")
    again = Bundle.of(prober.probe(target.url).evidence)
    assert again.body.sha256 == hashlib.sha256(page).hexdigest()


def test_names_are_kept_with_their_answers(make_prober, target):
    with NameServer({"shop.example": ["127.0.0.1"]}, ttl=300) as names:
        prober = make_prober(names=Names(nameservers=(names.address,)))
        kept = Bundle.of(prober.probe(f"http://shop.example:{target.port}/").evidence)
    [name] = kept.names
    assert (name.host, name.addresses, name.count, name.ttl) == ("shop.example", ["127.0.0.1"], 1, 300)
    assert "A: NOERROR, 1 address" in name.answers


def test_a_name_that_is_gone_says_what_the_name_servers_said(make_prober):
    with NameServer({"shop.example": "NXDOMAIN"}) as names:
        prober = make_prober(names=Names(nameservers=(names.address,)))
        outcome = prober.probe("http://shop.example/")
    assert outcome.reason is Reason.DNS_NOT_FOUND
    [name] = Bundle.of(outcome.evidence).names
    assert name.addresses == []
    assert set(name.answers) == {"A: NXDOMAIN, 0 addresses", "AAAA: NXDOMAIN, 0 addresses"}


def test_addresses_of_a_private_network_are_told_to_nobody(make_prober, target):
    with NameServer({"trap.example": ["10.9.8.7"], "shop.example": ["127.0.0.1"]}) as names:
        prober = make_prober(
            names=Names(nameservers=(names.address,)), allow_private=False, allowed=(_network("127.0.0.1/32"),)
        )
        target.does(redirect("http://trap.example/"))
        outcome = prober.probe(f"http://shop.example:{target.port}/")
    assert outcome.reason is Reason.BLOCKED_REDIRECT
    assert "10.9.8.7" not in json.dumps(outcome.evidence)
    assert Bundle.of(outcome.evidence).names[1].addresses == []


def _network(text):
    import ipaddress

    return ipaddress.ip_network(text)


def test_redirects_are_kept_in_their_order(prober, target):
    target.does(redirect("/b?token=abc", 301))
    target.does(redirect("/c", 307), "/b?token=abc")
    target.does(answer(500), "/c")
    kept = Bundle.of(prober.probe(target.url).evidence)
    assert [(hop.status, hop.url) for hop in kept.redirects] == [
        (301, target.url),
        (307, f"{target.url}/b?token={MASK}"),
    ]
    assert (kept.url, kept.status) == (f"{target.url}/c", 500)


def test_tls_and_the_certificates_are_kept(make_prober, authority):
    with Target(tls=authority.context("shop.example", "127.0.0.1")) as target:
        kept = Bundle.of(make_prober(ca_file=authority.ca_file).probe(target.url).evidence)
        der = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", target.port)))
    assert kept.tls == "TLS 1.3"
    assert kept.cipher.startswith("TLS_")
    own = kept.certificates[0]
    assert own.sha256 == hashlib.sha256(der).hexdigest()
    assert own.names == ["shop.example", "127.0.0.1"]
    assert own.issuer
    assert own.start < own.end


def test_a_certificate_that_is_not_trusted_is_kept_all_the_same(prober, authority):
    with Target(tls=authority.context("127.0.0.1")) as target:
        outcome = prober.probe(target.url)
    assert outcome.reason is Reason.TLS_UNTRUSTED
    assert Bundle.of(outcome.evidence).certificates[0].names == ["127.0.0.1"]


def test_a_conversation_keeps_tls_and_what_was_heard(make_prober, authority):
    def greet(_server, connection):
        connection.sendall(b"220 mail.example ESMTP \x1b[31m\r\n")
        connection.recv(1000)
        connection.sendall(b"554 go away\r\n")

    with Server(greet, tls=authority.context("127.0.0.1")) as server:
        place = f"127.0.0.1:{server.port}"
        outcome = make_prober(ca_file=authority.ca_file).probe(place, kind="smtp", security="tls")
    assert outcome.reason is Reason.STATUS
    kept = Bundle.of(outcome.evidence)
    assert kept.said == "220 mail.example ESMTP \\x1b[31m\n554 go away\n"
    assert (kept.tls, kept.tried) == ("TLS 1.3", ["127.0.0.1"])
    assert kept.certificates


def test_dns_keeps_records(make_prober):
    with NameServer({"shop.example": ["192.0.2.1"]}) as names:
        place = f"127.0.0.1:{names.port}"
        outcome = make_prober().probe("shop.example", kind="dns", server=place, expected=["192.0.2.9"])
    kept = Bundle.of(outcome.evidence)
    assert outcome.reason is Reason.DNS_MISMATCH
    assert (kept.records, kept.said) == (["192.0.2.1"], "")


@pytest.mark.parametrize("behaviour", [hang, raw(b"HTTP/1.1 200 OK\r\nServer: slow\r\n\r\npart", stay=True)])
def test_a_timeout_keeps_what_came_until_then(prober, target, behaviour):
    target.does(behaviour)
    outcome = prober.probe(target.url, timeout_ms=400)
    kept = Bundle.of(outcome.evidence)
    assert (outcome.vote, kept.tried) == (DOWN, ["127.0.0.1"])
    if behaviour is not hang:
        assert (kept.status, kept.header("server"), kept.body.text) == (200, "slow", "part")


def test_a_refused_connection_keeps_little_and_names_the_address(prober, target):
    target.refuses()
    assert Bundle.of(prober.probe(target.url).evidence).tried == ["127.0.0.1"]


# What never is --------------------------------------------------------------------------------------------------------
def test_what_a_hostile_server_says_is_harmless(prober, target):
    target.does(raw(HOSTILE))
    text = json.dumps(prober.probe(target.url).evidence, ensure_ascii=False)
    assert "alert(1)" in text  # it is there, as text
    assert text.isprintable()
    assert not set("\x00\x1b\u202e") & set(text)


def test_headers_with_nul_are_no_http_and_the_status_is_kept(prober, target):
    target.does(raw(b"HTTP/1.1 500 Nope\r\nServer: a\x00b\r\nContent-Length: 0\r\n\r\n"))
    assert Bundle.of(prober.probe(target.url).evidence).status == 500


def test_a_megabyte_of_headers_is_cut(prober, target):
    lines = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 1000) for number in range(1000))
    target.does(raw(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\nhello"))
    outcome = prober.probe(target.url)
    assert outcome.reason is Reason.HEADER_TOO_LARGE
    kept = Bundle.of(outcome.evidence)
    assert len(json.dumps(outcome.evidence)) <= MAX_EVIDENCE
    assert 0 < len(kept.headers) <= evidence.MAX_HEADERS
    assert kept.headers_left_out


def test_planted_secrets_are_nowhere_in_it(prober):
    def echo(target, connection, seen):
        said = json.dumps(dict(seen.headers)) + seen.body.decode() + seen.path
        answer(500, said, X_Echo=seen.headers["x-api-key"], Authorization=seen.headers["authorization"])(
            target, connection, seen
        )

    secrets = ["k3y-0815-abcdef", "t0k3n-4711-ghijkl", "b0dy-p4ssw0rd-mno"]
    headers = [{"name": "X-Api-Key", "value": secrets[0]}, {"name": "Authorization", "value": f"Bearer {secrets[1]}"}]
    with Target() as target:
        target.does(echo)
        outcome = prober.probe(
            f"{target.url}/?key={secrets[0]}",
            method="POST",
            headers=headers,
            body=json.dumps({"user": "joe", "password": secrets[2]}),
        )
    text = json.dumps(outcome.evidence)
    assert Bundle.of(outcome.evidence).status == 500
    for secret in secrets:
        assert secret not in text
        assert secret[4:] not in text


def test_the_detail_of_a_failure_quotes_no_secret_either(prober, target):
    token = "t0k3n-4711-ghijkl"
    target.does(redirect(f"/login?{token}&session_id=7"))
    target.does(answer(403), f"/login?{token}&session_id=7")
    outcome = prober.probe(target.url, headers=[{"name": "X-Api-Key", "value": token}])
    assert outcome.reason is Reason.STATUS
    assert f"redirected to {target.url}/login?{MASK}&session_id={MASK}" in outcome.detail


def test_a_bundle_that_is_too_large_gives_up_what_tells_least():
    name = {"host": "h", "addresses": ["192.0.2.1"], "count": 1, "answers": []}
    full = {
        "status": 200,
        "names": [name],
        "certificates": [{"names": ["ü" * 200] * 10, "sha256": "a"}] * 5,
        "redirects": [{"status": 302, "url": "ü" * 500}] * 10,
        "headers": [["ü" * 200, "ü" * 300]] * 40,
        "body": {"text": "ü" * 1000, "size": 5000, "sha256": ""},
    }
    small = fitted(json.loads(json.dumps(full)))
    assert len(json.dumps(small)) <= MAX_EVIDENCE
    assert (small["status"], small["names"], small["body"]["size"]) == (200, [name], 5000)
    assert fitted({"status": 200, "body": {"text": "short"}}) == {"status": 200, "body": {"text": "short"}}
    assert fitted({"unknown": "x" * MAX_EVIDENCE}) == {}
