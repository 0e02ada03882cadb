"""The kind dns: the records of a name, from a name server of choice or the region's own."""

import pytest

from monitors.domain.verdict import Vote
from monitors.probes.dns import KIND, TYPES, Options, judge, normal
from monitors.probes.reasons import Reason
from tests.servers import SILENT, NameServer, Server, silent, turns
from uptime.lib.net import STRICT, UrlError
from uptime.lib.resolver import Names

RECORDS = {
    "shop.example": ["192.0.2.1", "192.0.2.2", "2001:db8::1"],
    ("shop.example", "MX"): ["10 mail.shop.example.", "20 Backup.shop.example."],
    ("shop.example", "TXT"): ['"v=spf1 " "-all"'],
    ("shop.example", "CAA"): ['0 issue "letsencrypt.org"'],
    ("1.2.0.192.in-addr.arpa", "PTR"): ["shop.example."],
    "broken.example": "SERVFAIL",
    "shy.example": "REFUSED",
    "silent.example": SILENT,
    ("big.example", "TXT"): [f'"{number:03}{"x" * 200}"' for number in range(20)],
    ("huge.example", "TXT"): [f'"{number:03}{"x" * 250}"' for number in range(200)],
}


@pytest.fixture
def names():
    with NameServer(dict(RECORDS)) as server:
        yield server


def ask(prober, names, target, **options):
    return prober.probe(target, kind="dns", server=f"127.0.0.1:{names.port}", **options)


@pytest.mark.parametrize(
    ("target", "kind", "detail"),
    [
        ("shop.example", "A", "192.0.2.1, 192.0.2.2"),
        ("shop.example", "AAAA", "2001:db8::1"),
        ("shop.example", "MX", "10 mail.shop.example, 20 backup.shop.example"),
        ("shop.example", "TXT", "v=spf1 -all"),
        ("shop.example", "CAA", '0 issue "letsencrypt.org"'),
        ("192.0.2.1", "PTR", "shop.example"),
    ],
)
def test_records_are_up_and_told(prober, names, target, kind, detail):
    outcome = ask(prober, names, target, record_type=kind)
    assert (outcome.vote, outcome.detail) == (Vote.UP, detail)
    assert outcome.address == "127.0.0.1"


@pytest.mark.parametrize(
    ("target", "options", "reason", "detail"),
    [
        ("none.example", {}, Reason.DNS_NOT_FOUND, "none.example does not exist (NXDOMAIN)"),
        ("shop.example", {"record_type": "SRV"}, Reason.DNS_NOT_FOUND, "shop.example has no SRV record"),
        ("broken.example", {}, Reason.DNS_FAILED, "The name server answered SERVFAIL about broken.example"),
        ("shy.example", {}, Reason.DNS_FAILED, "The name server answered REFUSED about shy.example"),
        ("shop.example", {"rcode": "NXDOMAIN"}, Reason.DNS_MISMATCH, "Answered NOERROR, expected NXDOMAIN"),
        ("silent.example", {}, Reason.TIMEOUT_DNS, "No answer from 127.0.0.1 port"),
    ],
)
def test_what_is_not_right_is_down_and_explained(prober, names, target, options, reason, detail):
    outcome = ask(prober, names, target, **options)
    assert (outcome.vote, outcome.reason) == (Vote.DOWN, reason)
    assert detail in outcome.detail


@pytest.mark.parametrize(("target", "rcode"), [("none.example", "NXDOMAIN"), ("shy.example", "REFUSED")])
def test_that_a_name_is_not_there_can_be_what_is_expected(prober, names, target, rcode):
    outcome = ask(prober, names, target, rcode=rcode)
    assert (outcome.vote, outcome.detail) == (Vote.UP, f"Answered {rcode}, as expected")


def test_a_lost_question_is_asked_again(prober):
    with NameServer({"shop.example": turns(SILENT, ["192.0.2.1"])}) as names:
        outcome = ask(prober, names, "shop.example", timeout_ms=3000)
    assert (outcome.vote, outcome.attempts) == (Vote.UP, 1)


def test_a_long_answer_is_fetched_over_tcp(prober, names):
    outcome = ask(prober, names, "big.example", record_type="TXT")
    assert outcome.vote is Vote.UP
    assert outcome.detail.startswith("000xxx")
    assert outcome.phases.connect is not None


def test_an_answer_that_is_too_long_is_not_read(prober, names):
    outcome = ask(prober, names, "huge.example", record_type="TXT")
    assert (outcome.reason, outcome.detail) == (Reason.PROTOCOL_ERROR, "The answer is longer than 16 kB")


def test_a_name_server_may_have_a_name(make_prober, names):
    with NameServer({"ns1.example": ["127.0.0.1"]}) as ours:
        prober = make_prober(names=Names((ours.address,)))
        outcome = prober.probe("shop.example", kind="dns", server=f"ns1.example:{names.port}")
    assert outcome.vote is Vote.UP
    assert ours.asked("shop.example") == 0


def test_rubbish_is_no_dns(prober):
    def rubbish(_server, connection):
        connection.recv(2)
        connection.sendall(b"\0\x05" + connection.recv(100)[:2] + b"\x80xx")

    with NameServer({("shop.example", "TXT"): RECORDS[("big.example", "TXT")]}) as names:
        names._tcp._handle = rubbish
        outcome = ask(prober, names, "shop.example", record_type="TXT")
    assert outcome.reason is Reason.PROTOCOL_ERROR
    assert "The answer is not valid DNS" in outcome.detail


# This region's own name servers ------------------------------------------------------------------------------------
def test_without_a_server_the_region_s_own_are_asked(make_prober, names):
    prober = make_prober(names=Names((names.address,)))
    assert prober.probe("shop.example", kind="dns").detail == "192.0.2.1, 192.0.2.2"


def test_our_own_name_server_may_have_a_private_address(make_prober, names):
    names.records["public.example"] = ["93.184.215.14"]
    prober = make_prober(allow_private=False, names=Names((names.address,)))
    assert prober.probe("public.example", kind="dns").vote is Vote.UP


def test_names_of_our_own_network_are_not_told_to_strangers(make_prober, names):
    names.records["db.internal.example"] = ["93.184.215.14", "10.0.0.7"]
    prober = make_prober(allow_private=False, names=Names((names.address,)))
    outcome = prober.probe("db.internal.example", kind="dns")
    assert (outcome.vote, outcome.reason) == (Vote.NODATA, Reason.BLOCKED_ADDRESS)
    assert "10.0.0.7" not in outcome.detail


def test_a_private_name_server_of_the_user_s_is_not_asked(make_prober, names):
    prober = make_prober(allow_private=False)
    assert ask(prober, names, "shop.example").reason is Reason.BLOCKED_ADDRESS
    assert names.queries == []


def test_the_next_of_ours_is_asked_when_one_is_silent_or_gone(make_prober, names):
    with Server(silent) as unused:
        gone = ("127.0.0.1", unused.port)  # nobody listens to datagrams there
    prober = make_prober(names=Names((gone, names.address)))
    assert prober.probe("shop.example", kind="dns", timeout_ms=3000).vote is Vote.UP


def test_the_second_attempt_is_a_second_opinion(make_prober, names):
    with NameServer({}) as ignorant:
        prober = make_prober(names=Names((ignorant.address, names.address)))
        outcome = prober.probe("shop.example", kind="dns", timeout_ms=4000)
    assert (outcome.vote, outcome.attempts) == (Vote.UP, 2)


def test_that_ours_are_all_silent_is_our_trouble(make_prober):
    with NameServer({"shop.example": SILENT, "": SILENT}) as deaf:
        outcome = make_prober(names=Names((deaf.address,))).probe("shop.example", kind="dns")
    assert (outcome.vote, outcome.reason) == (Vote.NODATA, Reason.RESOLVER_SICK)


def test_that_only_this_name_meets_silence_is_the_name_s(make_prober, names):
    prober = make_prober(names=Names((names.address,)))
    outcome = prober.probe("silent.example", kind="dns", timeout_ms=2500)
    assert (outcome.vote, outcome.reason) == (Vote.DOWN, Reason.TIMEOUT_DNS)


# Judging -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "records", "expected", "only", "reason"),
    [
        ("A", ["192.0.2.1"], [], True, None),
        ("A", ["192.0.2.1", "192.0.2.2"], ["192.0.2.2"], False, None),
        ("A", ["192.0.2.1", "192.0.2.2"], ["192.0.2.2"], True, Reason.DNS_MISMATCH),
        ("A", ["192.0.2.1", "192.0.2.2"], ["192.0.2.2", "192.0.2.1"], True, None),
        ("A", ["192.0.2.1"], ["192.0.2.3"], False, Reason.DNS_MISMATCH),
        ("AAAA", ["2001:db8::1"], ["2001:0DB8:0::1"], True, None),
        ("MX", ["10 mail.example.com"], ["10  Mail.example.com."], True, None),
        ("CNAME", ["www.example.com"], ["www.example.com"], True, None),
        ("TXT", ["v=spf1 -all"], ["v=spf1 -all"], True, None),
        ("TXT", ["v=spf1 -all"], ['"v=spf1 -all"'], True, None),
        ("TXT", ["V=SPF1"], ["v=spf1"], True, Reason.DNS_MISMATCH),
    ],
)
def test_values_are_compared_as_dns_does(kind, records, expected, only, reason):
    options = {"record_type": kind, "expected": expected, "only_expected": only}
    assert judge(options, "example.com", "NOERROR", records).reason is reason


def test_the_difference_is_told():
    finding = judge({"expected": ["192.0.2.1"]}, "example.com", "NOERROR", ["192.0.2.9"])
    assert finding.detail == "Answered 192.0.2.9, expected 192.0.2.1"


@pytest.mark.parametrize("kind", sorted(set(TYPES) - {"TXT"}))
def test_a_value_that_cannot_be_a_record_is_named(kind):
    with pytest.raises(ValueError, match=f"is no {kind} record. Write it as in "):
        normal(kind, ["not / a \\ record ("])


# Options and targets -----------------------------------------------------------------------------------------------
def errors_of(target="example.com", guard=STRICT, **values):
    form = Options.of(values)
    if form.is_valid():
        form.clean_for(target, guard)
    return dict(form.errors)


@pytest.mark.parametrize(
    ("values", "field", "text"),
    [
        ({"expected": "somewhere"}, "expected", "“somewhere” is no A record. Write it as in 192.0.2.1."),
        ({"expected": "192.0.2.1", "rcode": "NXDOMAIN"}, "expected", "Such an answer holds no records."),
        ({"server": "10.0.0.1"}, "server", "10.0.0.1 is not a public address."),
        ({"server": "https://dns.example"}, "server", "This takes a host and port"),
        ({"record_type": "ANY"}, "record_type", "Select a valid choice."),
        ({"target": "192.0.2.1"}, "record_type", "An address has records of type PTR only."),
        ({"expected": "1.1.1.1\n" * 30}, "expected", "Write at most 20 lines, not 30."),
        ({"expected": ["192.0.2.1", 7]}, "expected", "This must be a list of texts."),
    ],
)
def test_wrong_options_are_named_with_the_way_out(values, field, text):
    found = errors_of(**values)
    assert list(found) == [field]
    assert found[field][0].startswith(text)


def test_values_may_come_as_lines_or_as_a_list():
    for given in ("192.0.2.1\n\n 192.0.2.2 ", ["192.0.2.1", "192.0.2.2"]):
        form = Options.of({"expected": given})
        assert form.is_valid()
        assert form.cleaned_data["expected"] == ["192.0.2.1", "192.0.2.2"]


@pytest.mark.parametrize(
    ("typed", "stored"),
    [("_dmarc.Example.com.", "_dmarc.example.com"), ("com", "com"), ("93.184.215.14", "93.184.215.14")],
)
def test_targets_have_one_spelling(typed, stored):
    assert KIND.clean_target(typed, allow_private=False) == stored


@pytest.mark.parametrize("typed", ["", "https://example.com", "example.com:53", "a..b", "10.0.0.1", "localhost"])
def test_a_wrong_target_is_refused(typed):
    with pytest.raises(UrlError):
        KIND.clean_target(typed, allow_private=False)
