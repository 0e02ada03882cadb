import dns.flags
import dns.message
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uptime.lib import dnswire


def reply_of(*records, name="www.example.com.", kind="A", rcode=0):
    message = dns.message.make_response(dns.message.make_query(name, kind))
    message.id = 77
    message.set_rcode(rcode)
    message.answer.extend(dns.rrset.from_text(*record) for record in records)
    return message


def test_a_question_is_what_other_programs_understand():
    packet = dnswire.query(4711, dnswire.wire_name("www.example.com"), dnswire.AAAA)
    message = dns.message.from_wire(packet)
    assert message.id == 4711
    assert message.flags & dns.flags.RD
    assert message.payload == dnswire.UDP_SIZE
    assert message.question[0].to_text() == "www.example.com. IN AAAA"
    assert (
        dns.message.from_wire(dnswire.query(1, dnswire.wire_name("."), dnswire.NS)).question[0].to_text() == ". IN NS"
    )


def test_addresses_are_read_through_aliases():
    message = reply_of(
        ("www.example.com.", 300, "IN", "CNAME", "edge.example.net."),
        ("edge.example.net.", 20, "IN", "A", "192.0.2.1", "192.0.2.2"),
    )
    reply = dnswire.parse(message.to_wire())
    assert reply[:5] == (77, dnswire.wire_name("www.example.com"), dnswire.A, dnswire.NOERROR, False)
    assert sorted(reply.addresses) == ["192.0.2.1", "192.0.2.2"]
    assert reply.ttl == 20


def test_ipv6_addresses_and_refusals_are_read():
    message = reply_of(("v6.example.", 60, "IN", "AAAA", "2001:db8::1"), name="V6.example.", kind="AAAA")
    assert dnswire.parse(message.to_wire()).addresses == ["2001:db8::1"]
    assert dnswire.parse(message.to_wire()).name == dnswire.wire_name("v6.example")
    assert dnswire.parse(reply_of(rcode=3).to_wire()).rcode == dnswire.NXDOMAIN


def test_records_that_were_not_asked_for_are_no_addresses():
    message = reply_of(("www.example.com.", 60, "IN", "TXT", '"1234"'), ("www.example.com.", 60, "IN", "AAAA", "::1"))
    assert dnswire.parse(message.to_wire()).addresses == []


def test_a_truncated_reply_says_so():
    message = reply_of(("www.example.com.", 60, "IN", "A", "192.0.2.1"))
    message.flags |= dns.flags.TC
    reply = dnswire.parse(message.to_wire())
    assert (reply.truncated, reply.addresses) == (True, [])


@pytest.mark.parametrize("cut", range(0, 60, 3))
def test_a_reply_cut_short_is_refused(cut):
    whole = reply_of(("www.example.com.", 60, "IN", "A", "192.0.2.1")).to_wire()
    with pytest.raises(ValueError, match=r"\w"):
        dnswire.parse(whole[: min(cut, len(whole) - 1)])


@given(st.binary(max_size=200) | st.binary(max_size=80).map(lambda tail: b"\0\1\x81\x80\0\1\0\3\0\0\0\0" + tail))
def test_garbage_is_refused_or_read_but_never_worse(data):
    try:
        reply = dnswire.parse(data)
    except ValueError:
        return
    assert len(reply.addresses) <= len(data)
