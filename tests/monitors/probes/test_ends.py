"""Every check that sees a certificate tells when the first one of the chain ends, trusted or not."""

import ssl
import time
from datetime import UTC, datetime, timedelta

import pytest
import trustme

from monitors.domain.verdict import Vote
from monitors.probes.base import MAX_TIME
from monitors.probes.ends import first_end, first_end_of, moment
from monitors.probes.options import DaysField
from monitors.probes.reasons import Reason
from tests.servers import Server, Target, answer, hang, redirect, silent

HOUR_MS = 3_600_000


def in_days(days):
    return time.time() * 1000 + days * 86_400_000


def ends_in(outcome, days):
    return outcome.expires_at is not None and abs(outcome.expires_at - in_days(days)) < HOUR_MS


@pytest.fixture
def trusting(make_prober, authority):
    return make_prober(ca_file=authority.ca_file)


def test_a_website_tells_the_end_of_its_certificate_to_the_hour(trusting, authority):
    with Target(tls=authority.context("127.0.0.1", days=(-1, 41.5))) as target:
        outcome = trusting.probe(target.url)
    assert outcome.vote is Vote.UP
    assert ends_in(outcome, 41.5)


def test_a_website_without_tls_tells_none(prober):
    with Target() as target:
        assert prober.probe(target.url).expires_at is None


def test_the_intermediate_counts_where_it_ends_first(make_prober, tmp_path):
    root = trustme.CA()
    root.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    leaf = root.create_child_ca().issue_cert("127.0.0.1", not_after=datetime.now(UTC) + timedelta(days=300))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    soon = [("Expire date", "Jan 27 05:00:00 2027 GMT"), ("Expire date", "Jan 26 05:00:00 2027 GMT")]
    chain = [[(name.encode(), value.encode())] for name, value in soon]
    assert first_end(chain) == int(datetime(2027, 1, 26, 5, tzinfo=UTC).timestamp() * 1000)
    with Target(tls=context) as target:
        assert ends_in(make_prober(ca_file=str(tmp_path / "ca.pem")).probe(target.url), 300)


@pytest.mark.parametrize(
    ("names", "days", "reason"),
    [
        (["127.0.0.1"], (-30, -2.5), Reason.TLS_EXPIRED),
        (["127.0.0.1"], (5, 30.5), Reason.TLS_EXPIRED),
        (["other.example"], (-1, 30.5), Reason.TLS_NAME_MISMATCH),
    ],
)
def test_a_certificate_that_is_not_accepted_still_tells_its_end(trusting, authority, names, days, reason):
    with Target(tls=authority.context(*names, days=days)) as target:
        outcome = trusting.probe(target.url)
    assert outcome.reason is reason
    assert ends_in(outcome, days[1])


def test_one_of_an_unknown_authority_tells_its_end(prober, authority):
    with Target(tls=authority.context("127.0.0.1", days=(-1, 12.5))) as target:
        outcome = prober.probe(target.url)
    assert outcome.reason is Reason.TLS_UNTRUSTED
    assert ends_in(outcome, 12.5)


def test_who_does_not_verify_is_told_the_end_too(prober, authority):
    with Target(tls=authority.context("other.example", days=(-30, -2.5))) as target:
        outcome = prober.probe(target.url, verify_tls=False)
    assert outcome.vote is Vote.UP
    assert ends_in(outcome, -2.5)


@pytest.mark.parametrize("behaviour", [answer(500), hang])
def test_a_failing_website_still_tells_the_end(trusting, authority, behaviour):
    with Target(tls=authority.context("127.0.0.1", days=(-1, 20.5))) as target:
        target.does(behaviour)
        assert ends_in(trusting.probe(target.url, timeout_ms=1000), 20.5)


def test_of_a_chain_of_redirects_the_first_certificate_to_end_counts(trusting, authority):
    with (
        Target(tls=authority.context("127.0.0.1", days=(-1, 9.5))) as first,
        Target(tls=authority.context("127.0.0.1", days=(-1, 90.5))) as second,
    ):
        first.does(redirect(second.url))
        assert ends_in(trusting.probe(first.url), 9.5)


@pytest.mark.parametrize("days", [(-1, 15.5), (-30, -2.5)])
def test_conversations_of_other_kinds_tell_it_too(trusting, authority, days):
    with Server(silent, tls=authority.context("127.0.0.1", days=days)) as server:
        for kind in ("tls", "smtp", "imap", "websocket"):
            scheme = "wss://" if kind == "websocket" else ""
            options = {} if scheme or kind == "tls" else {"security": "tls"}
            outcome = trusting.probe(f"{scheme}127.0.0.1:{server.port}", kind=kind, timeout_ms=700, **options)
            assert ends_in(outcome, days[1]), kind


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(b"Jan  5 09:34:43 2018 GMT", 1515144883), (b"", None), (b"\xff", None), (b"tomorrow", None)],
)
def test_a_date_that_cannot_be_read_is_none(text, seconds):
    assert moment(text) == seconds


def test_what_cannot_be_read_says_nothing_against_the_others():
    good = (b"Expire date", b"Jan  5 09:34:43 2018 GMT")
    assert first_end([[(b"Subject", b"x")], [(b"Expire date", b"?")], [good]]) == 1515144883000
    assert first_end_of([b"", b"\x30\x03abc"]) is None


def test_an_end_is_one_that_everybody_can_write_down():
    ends = [[[(b"Expire date", text)]] for text in (b"Dec 31 23:59:59 9999 GMT", b"Jan  1 00:00:00 1950 GMT")]
    assert [first_end(each) for each in ends] == [253402300799000, 0]
    assert first_end(ends[0]) <= MAX_TIME


@pytest.mark.parametrize(
    ("given", "days"), [("14", 14), (30, 30), ("0", 0), (None, 14), ("", 14), (-1, 0), ("5", None), ("x", None)]
)
def test_days_are_one_of_the_thresholds_or_never(given, days):
    field = DaysField(label="Days")
    if days is None:
        with pytest.raises(Exception, match=r"Choose one of|whole number"):
            field.clean(given)
    else:
        assert field.clean(given) == days
