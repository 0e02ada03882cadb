"""Certificates with whatever may be wrong with one, each signed by an authority of the tests' own."""

import hashlib
import ssl
import warnings
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

# Two Mersenne primes: a key of 8,676 bits without the half minute it takes to look for one.
MERSENNE = (2**4253 - 1, 2**4423 - 1)
# The group of 1,024 bits of RFC 2409, 6.2.
OAKLEY_2 = (
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF"
)


@dataclass
class Certificate:
    """`der` may have been tampered with since it was signed."""

    parsed: x509.Certificate
    key: Any
    der: bytes

    @property
    def pem(self) -> str:
        return ssl.DER_cert_to_PEM_cert(self.der)


def huge_key() -> rsa.RSAPrivateKey:
    p, q = MERSENNE
    d = pow(65537, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(65537, p * q)
    parts = (p, q, d, d % (p - 1), d % (q - 1), rsa.rsa_crt_iqmp(p, q), public)
    return rsa.RSAPrivateNumbers(*parts).private_key(unsafe_skip_rsa_key_validation=True)


def issue(
    issuer: Certificate | None,
    names: Iterable[str] = ("127.0.0.1",),
    *,
    days: tuple[float, float] = (-1, 30.5),
    subject: Sequence[tuple[x509.ObjectIdentifier, str]] = ((NameOID.COMMON_NAME, "test"),),
    ca: bool = False,
    key: Any = None,
    extensions: Iterable[tuple[x509.ExtensionType, bool]] = (),
) -> Certificate:
    """A certificate for `names`, which are its subject alternative ones; without an `issuer` it signs itself.
    `days`: from and until when, counted from now. `extensions`: more of them, with whether each is critical."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    start, end = (datetime.now(UTC) + timedelta(days=each) for each in days)
    who = x509.Name([x509.NameAttribute(oid, text) for oid, text in subject])
    builder = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(issuer.parsed.subject if issuer else who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    covered = [general_name(each) for each in names]
    if covered:
        builder = builder.add_extension(x509.SubjectAlternativeName(covered), critical=not subject)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    parsed = builder.sign(issuer.key if issuer else key, hashes.SHA256())
    return Certificate(parsed, key, parsed.public_bytes(serialization.Encoding.DER))


def authority(name: str, issuer: Certificate | None = None, **how: Any) -> Certificate:
    return issue(issuer, (), ca=True, subject=((NameOID.COMMON_NAME, name),), **how)


def general_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def weakened(certificate: Certificate, issuer: Certificate) -> Certificate:
    """Signed with SHA-1 by an `issuer` with an RSA key, which no library does any more (RFC 8017, 8.2.1)."""
    numbers = issuer.key.private_numbers()
    size = len(certificate.parsed.signature)
    old, new = (bytes.fromhex(f"06092a864886f70d0101{end}") for end in ("0b", "05"))  # with RSA, SHA-256 and SHA-1
    body = certificate.der[:-size].replace(old, new)
    at = certificate.der.index(certificate.parsed.tbs_certificate_bytes)
    signed = body[at : at + len(certificate.parsed.tbs_certificate_bytes)]
    said = bytes.fromhex("3021300906052b0e03021a05000414") + hashlib.sha1(signed, usedforsecurity=False).digest()
    padded = b"\0\1" + b"\xff" * (size - len(said) - 3) + b"\0" + said
    signature = pow(int.from_bytes(padded), numbers.d, numbers.public_numbers.n).to_bytes(size)
    return Certificate(certificate.parsed, certificate.key, body + signature)


def spoiled(certificate: Certificate) -> Certificate:
    """With a signature that is wrong by one bit."""
    der = bytearray(certificate.der)
    der[-1] ^= 1
    return Certificate(certificate.parsed, certificate.key, bytes(der))


def served(folder: Path, *chain: Certificate) -> ssl.SSLContext:
    """A server's context that presents `chain`, its own certificate first, and takes everything OpenSSL still can."""
    private = chain[0].key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    path = folder / f"{chain[0].parsed.serial_number}.pem"
    path.write_text(private.decode() + "".join(each.pem for each in chain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(path)
    return context


def weak_group(folder: Path) -> Path:
    """A file with parameters for a Diffie-Hellman exchange of 1,024 bits."""
    der = bytes.fromhex(f"308187 02818100{OAKLEY_2} 020102")  # PKCS #3: the prime, and 2
    path = folder / "dh1024.pem"
    path.write_text(f"-----BEGIN DH PARAMETERS-----\n{b64encode(der).decode()}\n-----END DH PARAMETERS-----\n")
    return path


class Pki:
    """An authority to be trusted (`ca_file`), others that are odd, and contexts with certificates of theirs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = authority("Test Root")
        self.ca_file = folder / "root.pem"
        self.ca_file.write_text(self.root.pem)
        self.middle = authority("Test Middle", self.root)
        self.unknown = authority("Unknown Root")
        self.past = authority("Past", self.root, days=(-30, -2.5))
        self.signer = authority("Signer", self.root, key=rsa.generate_private_key(65537, 2048))
        self.weak = weakened(authority("Weak", self.signer), self.signer)
        only_other = x509.NameConstraints([x509.DNSName("other.example")], None)
        self.constrained = authority("Constrained", self.root, extensions=[(only_other, True)])

    def of(self, *names: str, chain: Sequence[Certificate] = (), **how: Any) -> ssl.SSLContext:
        """A context whose certificate is for `names` and made by `issue`; `chain` is presented with it."""
        issuer = how.pop("issuer", self.root)
        return served(self.folder, issue(issuer, names or ("127.0.0.1",), **how), *chain)

    def by(self, issuer: Certificate, *names: str, above: Sequence[Certificate] = ()) -> ssl.SSLContext:
        """One that `issuer` made, with those above it presented too."""
        return self.of(*names, issuer=issuer, chain=[issuer, *above])

    def old(self, version: ssl.TLSVersion, least: ssl.TLSVersion = ssl.TLSVersion.TLSv1, **how: Any) -> ssl.SSLContext:
        """Speaks no later version of TLS."""
        context = self.of(**how)
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # we know that they are old
            context.minimum_version, context.maximum_version = least, version
        return context

    def insisting(self, ciphers: str) -> ssl.SSLContext:
        """Of TLS 1.2, with these ciphers alone and a weak group for those that exchange keys by Diffie-Hellman."""
        context = self.old(ssl.TLSVersion.TLSv1_2, key=rsa.generate_private_key(65537, 2048))
        context.load_dh_params(weak_group(self.folder))
        context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
        return context

    def picky(self, known: str) -> ssl.SSLContext:
        """Whoever asks for another name than `known`, or for none, is refused with an alert."""
        context, refusal = self.of(known, "127.0.0.1"), ssl.AlertDescription.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        context.sni_callback = lambda _link, name, _context: None if name == known else refusal
        return context

    def wary(self, context: ssl.SSLContext) -> ssl.SSLContext:
        """Wants a certificate of the client too."""
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=self.root.pem)
        return context
