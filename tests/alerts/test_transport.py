"""The one way out: guarded, pinned, in time, and no further than asked."""

import socket
import time

import pytest

from alerts import transport
from alerts.channels.base import Permanent, Temporary
from alerts.transport import BODY_LIMIT, Transport
from tests.servers import Authority, Target, answer, drip, hang, raw, redirect, tripwire
from uptime.lib.net import Guard

OPEN, SHUT = Guard(allow_private=True), Guard()


def test_an_answer_is_handed_over_whatever_its_status(sink):
    sink.does(answer(429, '{"slow": true}', Retry_After="17"))
    with Transport(OPEN) as way:
        said = way.request("POST", f"{sink.url}/hook", json={"a": 1}, headers={"X-Own": "yes"})
    assert (said.status, said.json, said.retry_after_s, said.ok) == (429, {"slow": True}, 17.0, False)
    [seen] = sink.requests
    assert (seen.method, seen.path, seen.headers["x-own"], seen.body) == ("POST", "/hook", "yes", b'{"a": 1}')
    assert seen.headers["user-agent"].startswith("Uptime/")


def test_a_redirect_is_an_answer_and_is_not_followed(sink):
    with tripwire() as elsewhere:
        sink.does(redirect(f"{elsewhere.url}/x"))
        with Transport(OPEN) as way:
            said = way.request("GET", sink.url)
    assert said.status == 302


@pytest.mark.parametrize("behaviour", [hang, drip(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"z")], ids=["hangs", "drips"])
def test_who_takes_too_long_is_cut_off_at_the_deadline(sink, behaviour):
    sink.does(behaviour)
    began = time.monotonic()
    with Transport(OPEN, 1) as way, pytest.raises(Temporary, match="within 1 s"):
        way.request("POST", sink.url, json={})
    assert time.monotonic() - began < 8


def test_a_status_is_an_answer_though_its_body_never_ends(sink):
    sink.does(drip(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 100_000, 0))
    with Transport(OPEN, 5) as way:
        said = way.request("GET", sink.url)
    assert said.ok
    assert len(said.body) == BODY_LIMIT


def test_a_body_that_drips_ends_with_the_deadline(sink):
    sink.does(drip(b"HTTP/1.1 204 OK\r\nContent-Length: 9999\r\n\r\n"))
    with Transport(OPEN, 1) as way:
        assert way.request("GET", sink.url).status == 204


def test_a_private_address_is_refused_and_never_spoken_to():
    with tripwire() as server:
        for url in (server.url, f"http://localhost:{server.port}/"):
            with Transport(SHUT) as way, pytest.raises(Permanent, match="ALLOW_PRIVATE_TARGETS"):
                way.request("GET", url)


def test_a_name_that_leads_to_a_private_address_is_refused(monkeypatch):
    with tripwire() as server:
        mixed = [(2, 1, 6, "", (address, server.port)) for address in ("93.184.216.34", "127.0.0.1")]
        monkeypatch.setattr(transport.socket, "getaddrinfo", lambda *_a, **_k: mixed)
        with Transport(SHUT) as way, pytest.raises(Permanent, match="private network"):
            way.request("GET", f"http://rebind.example:{server.port}/")


def test_a_name_is_looked_up_once_and_the_connection_goes_where_it_led(sink, monkeypatch):
    asked = []

    def look_up(host, port, *_how, **_more):
        asked.append(host)
        return [(socket.AF_INET, 1, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(transport.socket, "getaddrinfo", look_up)
    with Transport(OPEN) as way:
        assert way.request("GET", f"http://hook.example:{sink.port}/").ok
    assert asked == ["hook.example", "127.0.0.1"]  # the second is the address it led to, which needs no look-up
    assert sink.requests[0].headers["host"] == f"hook.example:{sink.port}"


def test_proxies_and_netrc_of_the_environment_do_not_count(sink, monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login thief password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with tripwire() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        with Transport(OPEN) as way:
            assert way.request("GET", sink.url).ok
    assert "authorization" not in sink.requests[0].headers


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [(raw(b""), "closed without an answer"), (raw(b"SSH-2.0-x\r\n"), "connection failed")],
)
def test_what_is_no_answer_is_told_in_words(sink, behaviour, words):
    sink.does(behaviour)
    with Transport(OPEN) as way, pytest.raises(Temporary, match=words):
        way.request("GET", sink.url)


def test_nobody_there_is_told_in_words(sink):
    sink.refuses()
    with Transport(OPEN) as way, pytest.raises(Temporary, match="it was refused"):
        way.request("GET", sink.url)


def test_certificates_are_checked_against_the_name(tmp_path):
    authority = Authority(tmp_path)
    with Target(tls=authority.context("127.0.0.1")) as right, Target(tls=authority.context("else.example")) as wrong:
        with Transport(OPEN, ca_file=authority.ca_file) as way:
            assert way.request("GET", right.url.replace("http:", "https:")).ok
        with Transport(OPEN, ca_file=authority.ca_file) as way, pytest.raises(Temporary, match="certificate"):
            way.request("GET", wrong.url.replace("http:", "https:"))
        with Transport(OPEN) as way, pytest.raises(Temporary, match="issuer is not known"):
            way.request("GET", right.url.replace("http:", "https:"))
        with Transport(OPEN) as way:
            assert way.request("GET", right.url.replace("http:", "https:"), verify=False).ok
