"""Targets and name servers that mean harm get their true reason, and hold nobody up."""

import base64
import errno
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from monitors.probes import failures, route
from monitors.probes.base import Phases
from monitors.probes.content import Content
from monitors.probes.kinds import Request
from monitors.probes.reasons import Reason
from monitors.probes.route import MAX_ADDRESSES, usable
from monitors.probes.transfer import Result
from tests.servers import Target, answer
from uptime.lib.net import Guard, check_url

REFUSED_BEFORE = errno.ECONNREFUSED


def request_to(url):
    return Request(check_url(url, guard=Guard(allow_private=True)))


@pytest.fixture
def odd_certificate(tmp_path):
    """A self-signed certificate whose only name holds bytes that are no text."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "odd")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = (
        builder.serial_number(7).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    )
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("aaaaaaaa.test")]), critical=False)
    der = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    der = der.replace(b"aaaaaaaa.test", b"aa\xff\xfe\x80aaa.test")
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path / "odd.pem"
    path.write_bytes(
        b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n" + private
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def test_a_certificate_with_bytes_that_are_no_text_has_its_reason_at_once(prober, odd_certificate):
    with Target(tls=odd_certificate) as target:
        target.does(answer(200))
        seen = prober.probe(f"https://127.0.0.1:{target.port}/", timeout_ms=1900)
    assert seen.reason in {Reason.TLS_NAME_MISMATCH, Reason.TLS_UNTRUSTED}


@pytest.mark.parametrize(
    ("code", "message", "reason"),
    [(52, "Empty reply from server", Reason.CLOSED), (1, "Received HTTP/0.9 when not allowed", Reason.PROTOCOL_ERROR)],
)
def test_what_an_address_tried_in_vain_said_is_not_held_against_the_one_that_answered(code, message, reason):
    result = Result(code, message, Phases(connect=0.2), ["::1", "127.0.0.1"], "127.0.0.1", errno=REFUSED_BEFORE)
    assert failures.explain(request_to("http://localhost:8080/"), result, 5000).reason is reason


def test_a_connection_that_was_reset_is_still_told_so():
    result = Result(56, "Recv failure", Phases(connect=0.2), ["127.0.0.1"], "127.0.0.1", errno=errno.ECONNRESET)
    assert failures.explain(request_to("http://localhost:8080/"), result, 5000).reason is Reason.RESET


def test_of_a_name_with_thousands_of_addresses_only_some_are_looked_at(monkeypatch):
    looked = []
    monkeypatch.setattr(route, "has_route", lambda address: looked.append(address) or True)
    addresses = tuple(f"10.{n // 250}.{n % 250}.1" for n in range(3900))
    assert len(usable(addresses, 0)) == MAX_ADDRESSES
    assert len(looked) <= 4 * MAX_ADDRESSES


def test_a_429_behind_a_firewall_is_not_tried_again(prober):
    with Target() as target:
        target.does(answer(429, **{"x-amzn-waf-action": "captcha"}))
        seen = prober.probe(f"http://127.0.0.1:{target.port}/", timeout_ms=5000)
    assert (seen.reason, seen.attempts) == (Reason.BLOCKED, 1)


@pytest.mark.parametrize("charset", ["utf-7", "tis-620", "ISO-8859-11"])
def test_charsets_that_cost_too_much_are_read_as_their_cheap_likes(charset):
    assert "needle" in Content([("content-type", f"text/html; charset={charset}")], b"needle \xa1").text
