"""The kind tls: a certificate that must be good, and how long it still is."""

import socket
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from monitors.domain.verdict import Vote
from monitors.probes.certificates import facts
from monitors.probes.kinds import Secured
from monitors.probes.reasons import Reason
from monitors.probes.tls import KIND, Options, judge
from tests.monitors.probes.test_mail import STARTTLS, scripted
from tests.servers import Server, silent
from uptime.lib.net import UrlError

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def trusting(make_prober, authority):
    return make_prober(ca_file=authority.ca_file)


def probe(prober, server, **options):
    return prober.probe(f"127.0.0.1:{server.port}", kind="tls", **options)


def certificate(days, name="a.example", issuer="Testers", begin=NOW - timedelta(days=30)):
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(NOW + timedelta(days=days))
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def test_a_good_certificate_is_up_and_described(trusting, authority):
    with Server(silent, tls=authority.context("127.0.0.1", days=(-1, 30.5))) as server:
        outcome = probe(trusting, server)
    assert outcome.vote is Vote.UP
    assert outcome.detail.startswith("30 days left (until 20")
    assert "issued by trustme" in outcome.detail
    assert outcome.detail.endswith("1 certificate, TLSv1.3")
    assert outcome.phases.tls > 0


def test_too_few_days_left_is_down(trusting, authority):
    with Server(silent, tls=authority.context("127.0.0.1", days=(-1, 13.5))) as server:
        assert probe(trusting, server, min_days=13).vote is Vote.UP
        outcome = probe(trusting, server, min_days=14)
    assert (outcome.vote, outcome.reason) == (Vote.DOWN, Reason.TLS_EXPIRING)
    assert "13 days left" in outcome.detail
    assert outcome.detail.endswith("14 days are asked for")


def test_the_days_are_told_even_when_verification_fails(prober, trusting, authority):
    with Server(silent, tls=authority.context("other.example", days=(-1, 20.5))) as server:
        unknown, another = probe(prober, server), probe(trusting, server)
    assert (unknown.reason, another.reason) == (Reason.TLS_UNTRUSTED, Reason.TLS_NAME_MISMATCH)
    assert "not for 127.0.0.1, but for other.example; 20 days left" in another.detail
    assert "20 days left" in unknown.detail
    with Server(silent, tls=authority.context("127.0.0.1", days=(-30, -2.5))) as server:
        expired = probe(trusting, server)
    assert expired.reason is Reason.TLS_EXPIRED
    assert expired.detail.startswith("Certificate expired 2 days ago, issued by")


def test_without_verification_only_the_last_day_counts(prober, authority):
    with Server(silent, tls=authority.context("other.example", days=(-1, 20.5))) as server:
        assert probe(prober, server, verify_tls=False).vote is Vote.UP
        assert probe(prober, server, verify_tls=False, min_days=30).reason is Reason.TLS_EXPIRING
    with Server(silent, tls=authority.context("other.example", days=(-30, -2.5))) as server:
        assert probe(prober, server, verify_tls=False, min_days=0).reason is Reason.TLS_EXPIRED


def test_another_name_can_be_asked_for(trusting, authority):
    with Server(silent, tls=authority.context("www.example")) as server:
        assert probe(trusting, server, server_name="www.example").vote is Vote.UP


@pytest.mark.parametrize("protocol", STARTTLS)
def test_tls_may_begin_after_starttls(trusting, authority, protocol):
    with Server(scripted(*STARTTLS[protocol], tls=authority.context("127.0.0.1"))) as server:
        outcome = probe(trusting, server, starttls=protocol)
    assert (outcome.vote, "days left" in outcome.detail) == (Vote.UP, True)


def test_a_port_without_tls_is_down(prober):
    def plain(server, connection):
        connection.sendall(b"220 mail.example ESMTP\r\n")
        server.over.wait()

    with Server(plain) as server:
        assert probe(prober, server).reason is Reason.TLS_ERROR


def test_a_client_certificate_that_is_asked_for_does_not_hide_the_server_s(trusting, authority):
    context = authority.context("127.0.0.1")
    context.verify_mode = 2  # ssl.CERT_REQUIRED
    context.load_verify_locations(authority.ca_file)
    with Server(silent, tls=context) as server:
        outcome = probe(trusting, server)
    assert "days left" in outcome.detail


# Judging -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("days", "min_days", "reason", "detail"),
    [
        ([90], 7, None, "90 days left (until 2026-05-30), issued by Testers, 1 certificate, TLSv1.2"),
        ([90, 365, 20], 7, None, "20 days left (until 2026-03-21), issued by Testers, 3 certificates, TLSv1.2"),
        ([90, 3], 7, Reason.TLS_EXPIRING, "3 days left (until 2026-03-04)"),
        ([90, -3], 0, Reason.TLS_EXPIRED, "Certificate expired 3 days ago"),
        ([7], 7, None, "7 days left"),
        ([0.2], 0, None, "4 hours left"),
    ],
)
def test_the_first_certificate_of_the_chain_to_end_counts(days, min_days, reason, detail):
    finding = judge(Secured("TLSv1.2", [certificate(each) for each in days]), min_days, NOW)
    assert finding.reason is reason
    assert finding.detail.startswith(detail)


def test_a_certificate_that_cannot_be_read_is_no_certificate():
    assert judge(Secured("TLSv1.2", [b"rubbish"]), 7, NOW).reason is Reason.TLS_ERROR
    assert [each.issuer for each in facts([b"rubbish", certificate(9)])] == ["Testers"]


def test_hostile_names_are_harmless(prober):
    finding = judge(Secured("TLSv1.2", [certificate(90, issuer="\x1b[31m\u202e")]), 7, NOW)
    assert "\x1b" in finding.detail  # the engine escapes it, as every detail


# Options and targets -----------------------------------------------------------------------------------------------
def test_the_usual_port_may_be_left_out():
    assert KIND.clean_target("example.com", allow_private=False) == "example.com:443"
    assert KIND.clean_target("example.com:993", allow_private=False) == "example.com:993"
    with pytest.raises(UrlError, match="not a web address"):
        KIND.clean_target("https://example.com", allow_private=False)


@pytest.mark.parametrize(
    ("values", "field"),
    [({"min_days": -1}, "min_days"), ({"starttls": "ftp"}, "starttls"), ({"server_name": "a b"}, "server_name")],
)
def test_wrong_options_are_named(values, field):
    assert list(Options.of(values).errors) == [field]


def test_who_chooses_nothing_is_warned_a_week_ahead():
    chosen = {"min_days": 7, "starttls": "", "server_name": "", "verify_tls": True, "certificate_days": 14}
    chosen |= {"degraded_above_ms": None, "down_above_ms": None, "upside_down": False}
    assert Options.defaults() == chosen


def test_a_hanging_handshake_is_a_timeout(prober):
    with Server(silent) as server:
        assert probe(prober, server).reason is Reason.TIMEOUT_TLS


def test_a_handshake_broken_off_is_told_as_such(prober):
    def hang_up(_server, connection):
        connection.recv(100)
        connection.shutdown(socket.SHUT_RDWR)

    with Server(hang_up) as server:
        assert probe(prober, server).reason in (Reason.CLOSED, Reason.RESET)
