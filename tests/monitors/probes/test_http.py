"""The kind http over real connections: what is sent, what is followed, and what is never carried along."""

import os
import threading

import pytest

from monitors.domain.verdict import Vote
from monitors.probes.reasons import Reason
from tests.helpers import wait_until
from tests.monitors.probes.conftest import check_of
from tests.servers import Server, Target, answer, redirect, silent, slow


@pytest.fixture
def target():
    with Target() as website:
        yield website


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("body", ["", "a=1&b=ü"])
def test_every_method_is_sent_as_chosen(prober, target, method, body):
    if method == "HEAD" and body:
        return  # the form refuses it
    headers = [{"name": "X-Token", "value": "s3cret"}, {"name": "X-Empty", "value": ""}]
    outcome = prober.probe(target.url, method=method, body=body, headers=headers)
    assert outcome.vote is Vote.UP, outcome
    [seen] = target.requests
    assert (seen.method, seen.body) == (method, body.encode())
    assert seen.headers["x-token"] == "s3cret"
    assert seen.headers["x-empty"] == ""
    if method == "POST":
        assert seen.headers["content-length"] == str(len(body.encode()))


def test_headers_of_the_user_replace_ours(make_prober, target):
    make_prober(link="https://status.example").probe(target.url)
    assert target.requests[-1].headers["user-agent"].endswith("(+https://status.example)")
    headers = [{"name": "user-agent", "value": "Mozilla/5.0"}, {"name": "Accept", "value": "text/plain"}]
    make_prober().probe(target.url, headers=headers)
    assert target.requests[-1].headers["user-agent"] == "Mozilla/5.0"
    assert target.requests[-1].headers["accept"] == "text/plain"


def test_a_header_in_another_script_arrives_as_utf_8(prober, target):
    prober.probe(target.url, headers=[{"name": "X-Name", "value": "Grüße"}])
    assert target.requests[0].headers["x-name"].encode("latin-1").decode() == "Grüße"


def test_an_unexpected_status_is_down_and_says_so(prober, target):
    target.does(answer(503))
    outcome = prober.probe(target.url)
    assert (outcome.vote, outcome.reason, outcome.status_code) == (Vote.DOWN, Reason.STATUS, 503)
    assert outcome.detail == "Answered 503 Service Unavailable, expected 200-299"
    assert outcome.response_ms is not None
    assert prober.probe(target.url, expected_status="503").vote is Vote.UP


@pytest.mark.parametrize(
    ("keyword", "mode", "reason"),
    [
        ("all systems", "present", None),
        ("outage", "present", Reason.KEYWORD_MISSING),
        ("outage", "absent", None),
        ("all systems", "absent", Reason.KEYWORD_PRESENT),
    ],
)
def test_a_keyword_decides(prober, target, keyword, mode, reason):
    target.does(answer(body="<p>All Systems operational"))
    assert prober.probe(target.url, keyword=keyword, keyword_mode=mode).reason is reason


# Redirects ---------------------------------------------------------------------------------------------------------
def test_a_chain_of_redirects_is_followed_to_its_end(prober, target):
    target.does(redirect("/b", 301))
    target.does(redirect(f"{target.url}/c", 307), "/b")
    target.does(answer(body="here"), "/c")
    outcome = prober.probe(target.url, keyword="here")
    assert outcome.vote is Vote.UP
    assert [seen.path for seen in target.requests] == ["/", "/b", "/c"]
    assert outcome.phases.connect > 0


def test_a_redirect_loop_is_down(prober, target):
    target.does(redirect("/"))
    outcome = prober.probe(target.url, timeout_ms=1900)
    assert outcome.reason is Reason.TOO_MANY_REDIRECTS
    assert len(target.requests) == 11


def test_a_slow_chain_of_redirects_shares_one_deadline(prober, target):
    target.does(slow(0.25, redirect("/")))
    outcome = prober.probe(target.url, timeout_ms=600)
    assert outcome.reason is Reason.TIMEOUT_FIRST_BYTE
    assert len(target.requests) == 3
    assert outcome.status_code is None


def test_a_redirect_to_a_website_that_is_down_is_down(prober, target):
    with Target() as other:
        other.refuses()
        target.does(redirect(other.url))
        outcome = prober.probe(target.url)
    assert outcome.reason is Reason.REFUSED
    assert outcome.status_code is None
    assert outcome.response_ms is None


def test_secrets_stay_with_the_origin_they_were_given_for(prober, target):
    headers = [{"name": "Authorization", "value": "Bearer s3cret"}, {"name": "X-Api-Key", "value": "s3cret"}]
    with Target() as other:
        target.does(redirect("/same"))
        target.does(redirect(other.url, 307), "/same")
        assert prober.probe(target.url, method="POST", body="s3cret", headers=headers).vote is Vote.UP
    assert target.requests[1].headers["authorization"] == "Bearer s3cret"
    [seen] = other.requests
    assert "s3cret" not in str(seen)


# Nothing is remembered, nothing comes from the environment ---------------------------------------------------------
def test_one_check_leaves_no_trace_in_the_next(make_prober, target):
    prober = make_prober(handles=1)  # one handle, used again and again
    target.does(answer(Set_Cookie="session=s3cret; Path=/", Strict_Transport_Security="max-age=1000"))
    options = {"method": "POST", "body": "s3cret", "headers": [{"name": "X-Token", "value": "s3cret"}]}
    prober.probe(target.url, keyword="fine", verify_tls=False, **options)
    for _ in range(2):
        assert prober.probe(target.url).vote is Vote.UP
        assert "s3cret" not in str(target.requests[-1])
        assert (target.requests[-1].method, target.requests[-1].body) == ("GET", b"")


def test_every_check_has_a_connection_of_its_own(prober):
    def serve(_server, connection):
        while connection.recv(4096):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok")

    with Server(serve) as server:
        for _ in range(3):
            assert prober.probe(server.url).vote is Vote.UP
        assert server.connections == 3


def test_proxies_and_netrc_of_the_environment_are_ignored(make_prober, target, monkeypatch, tmp_path):
    with Server(silent) as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        netrc = tmp_path / ".netrc"
        netrc.write_text("machine 127.0.0.1 login alice password s3cret\ndefault login bob password s3cret\n")
        netrc.chmod(0o600)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("NETRC", str(netrc))
        monkeypatch.setenv("SSL_CERT_FILE", os.devnull)
        monkeypatch.setenv("CURL_CA_BUNDLE", os.devnull)
        outcome = make_prober().probe(target.url)
        assert outcome.vote is Vote.UP
        assert proxy.connections == 0
    assert "authorization" not in target.requests[0].headers


def test_a_challenge_for_credentials_is_not_answered(prober, target):
    target.does(answer(401, WWW_Authenticate='Basic realm="x"'))
    outcome = prober.probe(target.url)
    assert outcome.status_code == 401
    assert len(target.requests) == 1


SPECIAL = [
    {"method": "POST", "body": "secret"},
    {"method": "HEAD"},
    {"headers": [{"name": "X-Token", "value": "secret"}]},
    {"auth": "basic", "auth_username": "alice", "auth_password": "secret"},
    {"verify_tls": False},
    {"ip_version": "4"},
    {"http_version": "2"},
]


@pytest.mark.parametrize("special", SPECIAL)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_nothing_of_a_request_is_left_for_the_next(prober, target, special, host):
    """Two plain requests are the only ones between which libcurl's handle is not reset."""
    plain = [f"http://{host}:{target.port}/", f"http://127.0.0.1:{target.port}/"]
    for url in plain * 2:  # of the first its evidence is kept, for which more is asked of libcurl
        prober.probe(url)
    usual = [requested(each) for each in target.requests[-2:]]
    prober.probe(f"http://{host}:{target.port}/", monitor=2, **special)
    for url in plain * 2:
        assert prober.probe(url).vote is Vote.UP
    assert [requested(each) for each in target.requests[-4:]] == usual * 2


def requested(seen):
    return seen.method, seen.path, seen.headers, seen.body


def test_a_certificate_that_need_not_hold_for_one_must_hold_for_the_next(prober, target, authority):
    with Target(tls=authority.context("127.0.0.1")) as untrusted:
        for url, options in ((target.url, {}), (untrusted.url, {"verify_tls": False})):
            for _ in range(2):
                assert prober.probe(url, monitor=1 + bool(options), **options).vote is Vote.UP
        assert prober.probe(untrusted.url).reason is Reason.TLS_UNTRUSTED


def test_the_handlers_of_other_threads_are_not_disturbed(prober, target):
    """libcurl must not touch signals or the working of other threads: several submit at once."""

    def submit(first):
        prober.submit(*(check_of(target.url, monitor=first + index) for index in range(25)))

    threads = [threading.Thread(target=submit, args=(1 + 100 * number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_until(lambda: len(prober.outcomes) == 100)
    assert {outcome.vote for outcome in prober.outcomes} == {Vote.UP}
    assert len({outcome.monitor for outcome in prober.outcomes}) == 100
