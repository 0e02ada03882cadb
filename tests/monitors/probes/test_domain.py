"""The kind domain: what a registry says becomes a verdict, and its silence none. Registries here are real servers."""

import json
import time
from contextlib import contextmanager

import pytest

from monitors.domain.verdict import Vote
from monitors.probes import domain
from monitors.probes.domain import KIND, Memory, judge
from monitors.probes.reasons import Reason
from monitors.probes.registries import Registration
from tests.servers import Server, Target, answer, drip, hang, redirect, tripwire
from uptime.lib.net import UrlError

DAY = 86_400


@pytest.fixture(autouse=True)
def forget(monkeypatch):
    """Each test begins without what others heard, and reaches no real registry."""
    monkeypatch.setattr(domain, "MEMORY", Memory())
    monkeypatch.setattr(domain, "ROOT", domain.Endpoint("127.0.0.1", 9))
    monkeypatch.setattr(domain, "BOOTSTRAP", "http://127.0.0.1:9/dns.json")


@pytest.fixture
def registry():
    with Target() as target:
        yield target


def rdap(days=100, **fields):
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + (days or 0) * DAY))
    events = [{"eventAction": "expiration", "eventDate": end}] if days is not None else []
    registrar = {"roles": ["registrar"], "vcardArray": ["vcard", [["fn", {}, "text", "Reg"]]]}
    document = {"ldhName": "example.com", "events": events, "status": ["active"], "entities": [registrar], **fields}
    return answer(body=json.dumps(document), content_type="application/rdap+json")


@contextmanager
def whois(*answers):
    """A WHOIS server with one answer after the other; yields it and what it was asked."""
    asked, left = [], list(answers)

    def serve(_server, connection):
        asked.append(connection.recv(1000).decode().strip())
        connection.sendall((left.pop(0) if len(left) > 1 else left[0]).encode())

    with Server(serve) as server:
        yield server, asked


def probe(prober, registry=None, **options):
    if registry is not None:
        options["rdap_server"] = registry.url
    options.setdefault("timeout_ms", 5000)
    return prober.probe("example.com", kind="domain", **options)


@pytest.mark.parametrize("typed", ["example.com", "www.shop.example.com", "EXAMPLE.com."])
def test_the_target_is_the_domain_that_is_registered(typed):
    assert KIND.clean_target(typed, allow_private=False) == "example.com"


@pytest.mark.parametrize("typed", ["com", "co.uk", "192.0.2.1", "localhost", "https://example.com"])
def test_what_nobody_registers_is_no_target(typed):
    with pytest.raises(UrlError):
        KIND.clean_target(typed, allow_private=True)


def test_a_registration_that_lasts_is_up_and_tells_its_end(prober, registry):
    registry.does(rdap(days=100.5))
    outcome = probe(prober, registry)
    assert outcome.vote is Vote.UP
    assert outcome.detail.endswith("100 days left, by Reg")
    assert abs(outcome.expires_at / 1000 - time.time() - 100.5 * DAY) < 3600
    assert registry.requests[0].path == "/domain/example.com"


@pytest.mark.parametrize(
    ("fields", "reason", "words"),
    [
        ({"days": -3.5}, Reason.DOMAIN_EXPIRED, "The registration ended 3 days ago"),
        ({"status": ["client hold"]}, Reason.DOMAIN_SUSPENDED, "client hold"),
        ({"status": ["serverHold"]}, Reason.DOMAIN_SUSPENDED, "server hold"),
        (
            {"status": ["redemption period", "pending delete"]},
            Reason.DOMAIN_SUSPENDED,
            "redemption period, pending delete",
        ),
    ],
)
def test_an_ended_or_suspended_registration_is_down_and_still_tells_its_end(prober, registry, fields, reason, words):
    registry.does(rdap(**fields))
    outcome = probe(prober, registry)
    assert (outcome.vote, outcome.reason) == (Vote.DOWN, reason)
    assert words in outcome.detail
    assert outcome.expires_at is not None


@pytest.mark.parametrize("status", ["auto renew period", "client transfer prohibited", "pending transfer", "ok"])
def test_other_statuses_are_nobody_s_concern(status):
    found = Registration(True, 2_000_000_000_000, frozenset({status.replace(" ", "")}))
    assert judge("example.com", found, 1_900_000_000_000).reason is None


def test_rdap_redirects_are_followed(prober, registry):
    registry.does(redirect("/rdap/domain/example.com"), path="/domain/example.com")
    registry.does(rdap(), path="/rdap/domain/example.com")
    assert probe(prober, registry).vote is Vote.UP


def test_a_domain_that_neither_rdap_nor_whois_knows_is_down(prober, registry):
    registry.does(answer(404))
    with whois("No match for example.com\r\n") as (server, asked):
        outcome = probe(prober, registry, whois_server=f"127.0.0.1:{server.port}")
    assert (outcome.reason, outcome.detail) == (Reason.DOMAIN_UNREGISTERED, "example.com is not registered")
    assert asked[-1] == "example.com"


def test_whois_is_believed_where_rdap_knows_nothing_of_a_domain(prober, registry):
    registry.does(answer(404))
    with whois("domain: example.com\r\nexpires: 2099-01-01\r\n") as (server, _):
        outcome = probe(prober, registry, whois_server=f"127.0.0.1:{server.port}")
    assert outcome.vote is Vote.UP
    assert "2099-01-01" in outcome.detail


def test_whois_fills_in_the_end_that_rdap_does_not_tell(prober, registry):
    registry.does(rdap(days=None))
    with whois("domain: example.com\r\nexpires: 2099-01-01\r\n") as (server, _):
        assert probe(prober, registry, whois_server=f"127.0.0.1:{server.port}").expires_at is not None


def test_a_registry_that_tells_no_end_at_all_is_up_without_one(prober, registry):
    registry.does(rdap(days=None))
    outcome = probe(prober, registry, whois_server="127.0.0.1:9")
    assert (outcome.vote, outcome.expires_at) == (Vote.UP, None)
    assert "does not say until when" in outcome.detail


def test_whois_servers_are_found_by_asking_iana(prober, registry, monkeypatch):
    registry.does(answer(503))
    with (
        whois("domain: example.com\r\nexpires: 2099-01-01\r\n") as (server, asked),
        whois(f"whois:        127.0.0.1:{server.port}\r\n") as (root, asked_root),
    ):
        monkeypatch.setattr(domain, "ROOT", domain.Endpoint("127.0.0.1", root.port))
        assert probe(prober, registry).vote is Vote.UP
    assert (asked_root, asked) == (["com"], ["example.com"])


def test_rdap_servers_that_do_not_come_with_the_release_are_found_in_iana_s_file_once(prober, registry, monkeypatch):
    monkeypatch.setattr(domain, "BOOTSTRAP", f"{registry.url}/dns.json")
    monkeypatch.setattr(domain.registries, "servers_of", lambda document: {"com": registry.url} if document else {})
    monkeypatch.setattr(domain.registries, "bundled", dict)
    registry.does(answer(body="[1]"), path="/dns.json")
    registry.does(rdap(), path="/domain/example.com")
    assert probe(prober).vote is Vote.UP
    domain.MEMORY._kept.pop(("example.com", None, None))
    assert probe(prober).vote is Vote.UP
    assert [seen.path for seen in registry.requests].count("/dns.json") == 1


SILENCES = {
    "refuses": lambda target: target.refuses(),
    "is broken": lambda target: target.does(answer(500)),
    "talks nonsense": lambda target: target.does(answer(body="<html>")),
    "forbids": lambda target: target.does(answer(403)),
    "is about another": lambda target: target.does(rdap(ldhName="other.com")),
    "never ends": lambda target: target.does(redirect("/domain/example.com")),
    "is huge": lambda target: target.does(answer(body=" " * 300_000)),
}


@pytest.mark.parametrize("silence", SILENCES)
def test_a_registry_that_does_not_answer_says_nothing_of_the_domain(prober, registry, silence):
    SILENCES[silence](registry)
    outcome = probe(prober, registry, whois_server="127.0.0.1:9", timeout_ms=1500)
    assert (outcome.vote, outcome.reason) == (Vote.NODATA, Reason.REGISTRY_SILENT)
    assert outcome.detail.startswith("No word about example.com: ")


@pytest.mark.parametrize("behaviour", [hang, drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")])
def test_a_registry_that_hangs_says_nothing_of_the_domain(prober, registry, behaviour):
    registry.does(behaviour)
    outcome = probe(prober, registry, timeout_ms=500)
    assert (outcome.vote, outcome.reason) == (Vote.NODATA, Reason.REGISTRY_SILENT)


def test_a_registry_whose_name_cannot_be_found_says_nothing_of_the_domain(prober):
    outcome = probe(prober, rdap_server="http://registry.invalid", whois_server="registry.invalid", timeout_ms=3000)
    assert outcome.vote is Vote.NODATA


def test_who_is_asked_too_often_is_left_alone(prober, registry):
    registry.does(answer(429, **{"retry-after": "7200"}))
    assert probe(prober, registry, whois_server="127.0.0.1:9", timeout_ms=1500).reason is Reason.REGISTRY_SILENT
    asked = len(registry.requests)
    outcome = probe(prober, registry, whois_server="127.0.0.1:9", timeout_ms=1500)
    assert "asked too often" in outcome.detail
    assert len(registry.requests) == asked == 1


def test_a_whois_that_refuses_says_nothing_of_the_domain(prober, registry):
    registry.refuses()
    with whois("% Quota exceeded\r\n") as (server, _):
        outcome = probe(prober, registry, whois_server=f"127.0.0.1:{server.port}", timeout_ms=1500)
    assert outcome.reason is Reason.REGISTRY_SILENT


def test_what_was_heard_is_kept_and_bad_news_are_asked_about_again(prober, registry):
    registry.does(rdap(days=100))
    assert [probe(prober, registry).vote for _ in range(2)] == [Vote.UP, Vote.UP]
    assert len(registry.requests) == 1
    domain.MEMORY._kept.clear()
    registry.does(rdap(days=-1))
    assert probe(prober, registry, timeout_ms=1500).reason is Reason.DOMAIN_EXPIRED
    registry.does(rdap(days=364))
    assert probe(prober, registry).vote is Vote.UP


def test_the_memory_of_a_worker_is_bounded():
    memory = Memory()
    for each in range(Memory.MOST + 10):
        memory.put(each, each, 60)
    assert (memory.recall(0), memory.recall(Memory.MOST + 9)) == (None, Memory.MOST + 9)
    assert len(memory._kept) == Memory.MOST


def test_the_certificate_of_the_registry_is_not_the_domain_s(make_prober, authority):
    with Target(tls=authority.context("127.0.0.1", days=(-1, 3))) as target:
        target.does(rdap(days=None))
        outcome = probe(make_prober(ca_file=authority.ca_file), target, whois_server="127.0.0.1:9")
    assert (outcome.vote, outcome.expires_at) == (Vote.UP, None)


def test_no_registry_leads_into_a_private_network(make_prober):
    """Neither a server somebody chose, nor one that a registry redirects or refers to."""
    prober = make_prober(allow_private=False)
    with tripwire() as wire:
        for options in ({"rdap_server": f"http://127.0.0.1:{wire.port}"}, {"whois_server": f"127.0.0.1:{wire.port}"}):
            outcome = probe(prober, timeout_ms=1500, **{"rdap_server": "http://registry.invalid", **options})
            assert outcome.vote is Vote.NODATA


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"rdap_server": "http://10.0.0.1/"}, "rdap_server"),
        ({"rdap_server": "registry.example"}, "rdap_server"),
        ({"whois_server": "whois.example:25"}, "whois_server"),
        ({"domain_days": 5}, "domain_days"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, field):
    form = KIND.Options.of(options)
    form.full_clean()
    form.clean_for("example.com", domain.Guard())
    assert list(form.errors) == [field]
