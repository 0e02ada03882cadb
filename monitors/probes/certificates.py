"""What a TLS handshake shows and means: the certificates as facts, and why a handshake failed.

OpenSSL judges; here its judgement is only put into words. A certificate is whatever a stranger sends: one that cannot
be read has no facts, and says nothing against the others.
"""

import ssl
import sys
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.x509.oid import NameOID

from monitors.probes.failures import explain_certificate
from monitors.probes.kinds import Finding
from monitors.probes.reasons import Reason


class Facts(NamedTuple):
    """`names`: host names and addresses the certificate covers; `issuer`: the organisation that issued it."""

    start: datetime
    end: datetime
    issuer: str
    names: list[str]


def facts(chain: list[bytes]) -> list[Facts]:
    """The certificates of `chain` (DER) that can be read, the server's own first."""
    found = []
    for der in chain:
        with suppress(Exception):  # a stranger's bytes: whatever the parser has to say of them
            certificate = x509.load_der_x509_certificate(der)
            found.append(Facts(*_period(certificate), _organisation(certificate), _names(certificate)))
    return found


class Described(NamedTuple):
    """A certificate for people. `start`, `end`: ISO 8601 in UTC, to the second; `sha256`: its fingerprint. Of one that
    cannot be read there is only that."""

    subject: str
    issuer: str
    names: list[str]
    start: str
    end: str
    sha256: str


def described(chain: list[bytes], most: int) -> list[Described]:
    """The first `most` certificates of `chain` (DER), in its order."""
    found = []
    for der in chain[:most]:
        subject = issuer = start = end = ""
        names: list[str] = []
        with suppress(Exception):  # a stranger's bytes, again
            certificate = x509.load_der_x509_certificate(der)
            start, end = (f"{each:%Y-%m-%dT%H:%M:%SZ}" for each in _period(certificate))
            issuer, names = _organisation(certificate), _names(certificate)
            subject = certificate.subject.rfc4514_string()
        found.append(Described(subject, issuer, names, start, end, sha256(der).hexdigest()))
    return found


def _period(certificate: x509.Certificate) -> tuple[datetime, datetime]:
    return certificate.not_valid_before_utc, certificate.not_valid_after_utc


def _organisation(certificate: x509.Certificate) -> str:
    """ "Let's Encrypt R11": who issued it, and with which key."""
    with suppress(Exception):
        wanted = (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)
        parts = [str(each.value) for oid in wanted for each in certificate.issuer.get_attributes_for_oid(oid)[:1]]
        return " ".join(dict.fromkeys(parts))
    return ""


def _names(certificate: x509.Certificate) -> list[str]:
    with suppress(Exception):
        covered = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        addresses = [str(each) for each in covered.get_values_for_type(x509.IPAddress)]
        return [*covered.get_values_for_type(x509.DNSName), *addresses]
    return []


def presented(tls: ssl.SSLObject) -> list[bytes]:
    """The chain as the server sent it (DER), also after a handshake that failed for it. Public only since 3.13."""
    if sys.version_info >= (3, 13):
        return list(tls.get_unverified_chain())
    inner: Any = tls._sslobj  # type: ignore[attr-defined]
    return [ssl.PEM_cert_to_DER_cert(each.public_bytes()) for each in inner.get_unverified_chain() or ()]


def explain_handshake(host: str, server: str, error: ssl.SSLError, chain: list[bytes]) -> Finding:
    """Why a handshake with `host` failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        known = facts(chain)
        periods = [(each.start.timestamp(), each.end.timestamp()) for each in known]
        names = known[0].names if known else []
        return explain_certificate(host, error.verify_code, error.verify_message, names, periods)
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError):
        return Finding(Reason.CLOSED, f"{server} closed the connection during the TLS handshake")
    return Finding(Reason.TLS_ERROR, f"The TLS handshake with {server} failed: {in_words(error)}")


def in_words(error: ssl.SSLError) -> str:
    """OpenSSL's SSLV3_ALERT_HANDSHAKE_FAILURE as "sslv3 alert handshake failure"."""
    return (error.reason or str(error)).replace("_", " ").lower()


class Trust:
    """The two ways a connection is made secure: believing nobody but the authorities of `ca_file`, or just looking."""

    def __init__(self, ca_file: str) -> None:
        self._verifying = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._verifying.load_verify_locations(ca_file)
        self._looking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._looking.check_hostname = False
        self._looking.verify_mode = ssl.CERT_NONE
        for context in (self._verifying, self._looking):  # some builds of Python leave this to OpenSSL's settings
            context.minimum_version = ssl.TLSVersion.TLSv1_2

    def context(self, verify: bool) -> ssl.SSLContext:
        return self._verifying if verify else self._looking


@lru_cache(maxsize=4)
def trust_in(ca_file: str) -> Trust:
    """Made before the first check: to read some hundred authorities takes longer than many checks."""
    return Trust(ca_file)
