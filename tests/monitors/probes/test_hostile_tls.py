"""The TLS rows of docs/reliability.md: everything that may be wrong with a certificate or a handshake, by the kinds
http and tls, each with its documented cause.

One prober of its own looks at all of them at once. What OpenSSL no longer serves is listed in the docs with the reason.
"""

import ssl
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from monitors.probes.reasons import Reason
from tests.certificates import Pki, huge_key, issue, served, spoiled, weakened
from tests.helpers import wait_until
from tests.monitors.probes.conftest import check_of
from tests.prober_process import ProberProcess
from tests.servers import NameServer, Server

TIMEOUT_MS, HANGING_MS = 20_000, 1000
UP = None
R = Reason
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
HOSTS = ["a.wild.example", "a.b.wild.example", "wild.example", "xn--bcher-kva.example", "name.example"]


class Row(NamedTuple):
    """What `shown` makes of a Pki is a server's context, or what is done with a connection; `host` is asked for. `http`
    and `tls`: the reasons these kinds give, None is UP; `said` is in both sentences."""

    name: str
    shown: Callable[[Pki], object]
    http: Reason | None
    tls: Reason | None
    host: str = "127.0.0.1"
    said: str = ""


def same(name, shown, reason, said="", host="127.0.0.1"):
    return Row(name, shown, reason, reason, host, said)


def answer(_server, connection):
    connection.recv(4096)
    connection.sendall(OK)
    connection.recv(4096)


def saying(data, hello=True):
    """A peer that hears the ClientHello, says `data` and no more."""

    def serve(server, connection):
        if hello:
            connection.recv(4096)
        connection.sendall(data)
        server.over.wait(HANGING_MS / 1000 * 3)

    return lambda _pki: serve


def alert(number):
    """A fatal alert of TLS (RFC 8446, 6)."""
    return saying(bytes([0x15, 3, 3, 0, 2, 2, number]))


def asking(context):
    """Wants a certificate of the client too, says so, and stays: hanging up at once could overtake what it said."""

    def serve(server, connection):
        with context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as link:
            with suppress(ssl.SSLError):
                link.do_handshake()
            server.over.wait(HANGING_MS / 1000 * 3)

    return serve


def many(count):
    return lambda pki: pki.of("127.0.0.1", *(f"host-{number}.very.example" for number in range(count)))


def extended(oid, data, critical):
    extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(f"1.3.6.1.4.1.55555.{oid}"), data)
    return lambda pki: pki.of(extensions=[(extension, critical)])


def sha1_leaf(pki):
    return served(pki.folder, weakened(issue(pki.signer), pki.signer), pki.signer)


ORGANIZATION = ((NameOID.ORGANIZATION_NAME, "Only"),)
VERSION = ssl.TLSVersion
CERTIFICATES = [
    same("a good one", lambda pki: pki.of(), UP),
    same("expired", lambda pki: pki.of(days=(-30, -3.1)), R.TLS_EXPIRED, "expired 3 days ago"),
    same("not yet valid", lambda pki: pki.of(days=(2.1, 30)), R.TLS_EXPIRED, "valid only in 2 days"),
    same("wrong host", lambda pki: pki.of("other.example"), R.TLS_NAME_MISMATCH, "but for other.example"),
    same("self-signed", lambda pki: pki.of(issuer=None), R.TLS_UNTRUSTED, "self-signed"),
    same("untrusted root", lambda pki: pki.by(pki.unknown), R.TLS_UNTRUSTED, "unknown authority"),
    same("a good chain", lambda pki: pki.by(pki.middle), UP),
    same("incomplete chain", lambda pki: pki.of(issuer=pki.middle), R.TLS_UNTRUSTED, "issuer certificate"),
    same("disorderly chain", lambda pki: pki.of(issuer=pki.middle, chain=[pki.root, pki.unknown, pki.middle]), UP),
    same("expired intermediate", lambda pki: pki.by(pki.past), R.TLS_EXPIRED, "expired 2 days ago"),
    same("no common name", lambda pki: pki.of(subject=ORGANIZATION), UP),
    same("no subject", lambda pki: pki.of(subject=()), UP),
    same("an address as the name of a host", lambda pki: pki.of("127.0.0.1.example"), R.TLS_NAME_MISMATCH),
    same("wildcard, one level", lambda pki: pki.of("*.wild.example"), UP, host="a.wild.example"),
    same("wildcard, two levels", lambda pki: pki.of("*.wild.example"), R.TLS_NAME_MISMATCH, host="a.b.wild.example"),
    same("wildcard, no level", lambda pki: pki.of("*.wild.example"), R.TLS_NAME_MISMATCH, host="wild.example"),
    same("international host", lambda pki: pki.of("xn--bcher-kva.example"), UP, host="bücher.example"),
    same("1,000 names", many(1000), UP),
    same("10,000 names", many(10_000), R.TLS_ERROR, "excessive message size"),
    same("1 MB", extended(2, bytes(1_000_000), critical=False), R.TLS_ERROR, "excessive message size"),
    same("rsa1024", lambda pki: pki.of(key=rsa.generate_private_key(65537, 1024)), R.TLS_UNTRUSTED, "too weak"),
    same("rsa8192", lambda pki: pki.of(key=huge_key()), UP),
    same("sha1 leaf", sha1_leaf, R.TLS_UNTRUSTED, "too weak"),
    same("sha1 intermediate", lambda pki: pki.by(pki.weak, above=[pki.signer]), R.TLS_UNTRUSTED, "too weak"),
    same("invalid signature", lambda pki: served(pki.folder, spoiled(issue(pki.root))), R.TLS_UNTRUSTED, "signature"),
    same("critical unknown extension", extended(1, b"\x05\x00", critical=True), R.TLS_UNTRUSTED, "critical extension"),
    same(
        "name constraint violated",
        lambda pki: pki.by(pki.constrained, "name.example"),
        R.TLS_UNTRUSTED,
        "permitted subtree violation",
        "name.example",
    ),
]
HANDSHAKES = [
    Row("client certificate required", lambda pki: asking(pki.wary(pki.of())), R.TLS_ERROR, UP),
    same("the same by TLS 1.2", lambda pki: asking(pki.wary(pki.old(VERSION.TLSv1_2))), R.TLS_ERROR, "handshake"),
    same("TLS 1.0 only", lambda pki: pki.old(VERSION.TLSv1), R.TLS_ERROR, "protocol"),
    same("TLS 1.1 only", lambda pki: pki.old(VERSION.TLSv1_1, VERSION.TLSv1_1), R.TLS_ERROR, "protocol"),
    same("TLS 1.2 only", lambda pki: pki.old(VERSION.TLSv1_2, VERSION.TLSv1_2), UP),
    same("no encryption at all", lambda pki: pki.insisting("eNULL"), R.TLS_ERROR),
    same("dh1024", lambda pki: pki.insisting("DHE"), R.TLS_ERROR, "dh key too small"),
    same("name required, and given", lambda pki: pki.picky("name.example"), UP, host="name.example"),
    same("name required, an address given", lambda pki: pki.picky("name.example"), R.TLS_ERROR, "unrecognized name"),
    same("no protocol in common (ALPN)", alert(120), R.TLS_ERROR, "no application protocol"),
    same("an internal error", alert(80), R.TLS_ERROR, "internal error"),
    same("hangs after the ClientHello", saying(b""), R.TIMEOUT_TLS),
    same("hangs within the ServerHello", saying(b"\x16\x03\x03\x00\x7a\x02\0\0\x76\3\3"), R.TIMEOUT_TLS),
    same("a record that is too long", saying(b"\x16\x03\x03\xff\xff" + bytes(300)), R.TLS_ERROR),
    same("an SSH server", saying(b"SSH-2.0-OpenSSH_9.9\r\n", hello=False), R.TLS_ERROR),
]
ROWS = [*CERTIFICATES, *HANDSHAKES]


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """{(row's name, kind): outcome}."""
    pki = Pki(tmp_path_factory.mktemp("certificates"))
    with ExitStack() as stack:
        names = stack.enter_context(NameServer({host: ["127.0.0.1"] for host in HOSTS}))
        prober = ProberProcess(allow_private=True, ca_file=str(pki.ca_file), names=[names.address])
        stack.enter_context(prober)
        cases = {}
        for row in ROWS:
            shown = row.shown(pki)
            is_context = isinstance(shown, ssl.SSLContext)
            server = stack.enter_context(Server(answer, tls=shown) if is_context else Server(shown))
            for kind, target in (("http", f"https://{row.host}:{server.port}/"), ("tls", f"{row.host}:{server.port}")):
                hangs = R.TIMEOUT_TLS in (row.http, row.tls)
                timeout = {"timeout_ms": HANGING_MS if hangs else TIMEOUT_MS, "lateness_ms": 60_000}
                cases[row.name, kind] = check_of(target, kind=kind, monitor=1 + len(cases), **timeout)
        prober.submit(*cases.values())
        wait_until(lambda: len(prober.order) == len(cases), timeout=60, what="all outcomes")
        yield {case: prober.heard(check.monitor).outcome for case, check in cases.items()}


@pytest.mark.parametrize("kind", ["http", "tls"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.replace(" ", "_"))
def test_what_is_wrong_has_its_documented_cause(seen, row, kind):
    outcome = seen[row.name, kind]
    assert outcome.reason is getattr(row, kind), outcome
    assert row.said.lower() in outcome.detail.lower() or outcome.reason is UP


def test_the_days_left_are_told_whatever_else_is_wrong(seen):
    for name in ("wrong host", "self-signed", "untrusted root", "incomplete chain", "rsa1024", "invalid signature"):
        assert "30 days left" in seen[name, "tls"].detail, name
