"""The kind `dns`: a name that must have records, perhaps certain ones, perhaps from a certain name server.

Asked is the name server of `server`, or this region's own ones in turn. Datagrams may be lost, so the question is
repeated; an answer too long for one is fetched over TCP. Values are compared as DNS compares them: names without
regard to case and to a dot at the end.
"""

from collections.abc import Callable, Generator, Sequence
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.reversename
from django import forms

from monitors.probes.base import Check
from monitors.probes.kinds import Connect, Finding, Receive, Send, Steps, TalkError
from monitors.probes.options import LinesField, TextField
from monitors.probes.reasons import Reason
from monitors.probes.thresholds import ProbedOptions
from uptime.lib import dnswire
from uptime.lib.net import BlockedAddressError, Endpoint, Guard, UrlError, check_endpoint, check_name, is_address

TYPES = ("A", "AAAA", "CNAME", "MX", "NS", "TXT", "SOA", "SRV", "CAA", "PTR")
EXAMPLES = {"A": "192.0.2.1", "AAAA": "2001:db8::1", "MX": "10 mail.example.com", "SRV": "0 5 5060 sip.example.com"}
RCODES = {
    "NOERROR": "The records",
    "NXDOMAIN": "That the name does not exist (NXDOMAIN)",
    "REFUSED": "A refusal (REFUSED)",
    "SERVFAIL": "A failure (SERVFAIL)",
}
PATIENCE_S = (1.0, 1.0, 2.0)  # until the question is repeated; the last one repeats
REFUSED_PAUSE_S = 0.25  # until the next one is asked where nobody listens
MAX_REPLY = 16 * 1024  # bytes; to read more would hold up other checks
SHOWN = 8  # records that a sentence names


class Options(ProbedOptions):
    record_type = forms.ChoiceField(label="Record type", choices=[(each, each) for each in TYPES], initial="A")
    server = TextField(
        label="Name server",
        required=False,
        max_length=260,
        widget=forms.TextInput(attrs={"placeholder": "ns1.example.com", "spellcheck": "false"}),
        help_text="Asked instead of the region's own name servers; a port may follow behind a colon.",
    )
    expected = LinesField(
        label="Expected values",
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "10 mail.example.com", "spellcheck": "false"}),
        help_text="One per line, as in “192.0.2.1” or “10 mail.example.com”. Each must be among the records. "
        "Empty: any record will do.",
    )
    only_expected = forms.BooleanField(
        label="No other values",
        required=False,
        initial=False,
        help_text="A record that is not expected counts as down too.",
    )
    rcode = forms.ChoiceField(
        label="Expected answer",
        choices=list(RCODES.items()),
        initial="NOERROR",
        help_text="Choose another one to watch that a name is not there, or not for strangers.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("expected") and cleaned.get("rcode", "NOERROR") != "NOERROR":
            self.add_error("expected", "Such an answer holds no records. Clear this, or expect the records.")
        elif "record_type" in cleaned:
            try:
                normal(cleaned["record_type"], cleaned.get("expected") or [])
            except ValueError as error:
                self.add_error("expected", str(error))
        return cleaned

    def clean_for(self, target: str, guard: Guard) -> None:
        cleaned = self.cleaned_data
        try:
            _server(cleaned.get("server") or "", guard)
        except UrlError as error:
            self.add_error("server", str(error))
        if is_address(target) and cleaned.get("record_type") != "PTR":
            self.add_error("record_type", "An address has records of type PTR only. Choose PTR, or enter a name.")


class DnsKind:
    name = "dns"
    label = "DNS record"
    description = "Asks a name server for the records of a name and compares them with what is expected."
    target_label = "Name to look up"
    target_example = "example.com"
    has_port = False
    Options = Options
    secret_fields = ()

    def clean_target(self, text: str, allow_private: bool) -> str:
        return check_name(text, Guard(allow_private=allow_private))

    def probe(self, check: Check, guard: Guard) -> Steps:
        options = check.options
        kind, server = options.get("record_type") or "A", _server(options.get("server") or "", guard)
        name = _name(check_name(check.target, guard), kind)
        query = dns.message.make_query(name, kind, use_edns=0, payload=dnswire.UDP_SIZE)
        reply = yield from (_ask(query, server) if server else _ask_own(query))
        records = _records(reply, kind)
        if server is None and kind in ("A", "AAAA"):
            _check_addresses(check.target, records, guard)
        found = judge(options, check.target, dns.rcode.to_text(reply.rcode()), records)
        return found._replace(evidence={"records": records})


KIND = DnsKind()


def judge(options: dict[str, Any], name: str, rcode: str, records: list[str]) -> Finding:
    """What an answer means under a monitor's options."""
    kind, wanted = options.get("record_type") or "A", options.get("rcode") or "NOERROR"
    if rcode != wanted:
        return _another_rcode(name, rcode, wanted)
    if rcode != "NOERROR":
        return Finding(None, f"Answered {rcode}, as expected")
    if not records:
        return Finding(Reason.DNS_NOT_FOUND, f"{name} has no {kind} record")
    expected = normal(kind, options.get("expected") or [])
    missing = [each for each in expected if each not in records]
    if missing:
        return Finding(Reason.DNS_MISMATCH, f"Answered {_list(records)}, expected {_list(missing)}")
    surplus = [each for each in records if each not in expected]
    if expected and options.get("only_expected") and surplus:
        return Finding(Reason.DNS_MISMATCH, f"Answered {_list(surplus)} beside what is expected")
    return Finding(None, _list(records))


def normal(kind: str, values: Sequence[str]) -> list[str]:
    """Values that people write, as records are written by `_records`. Raises ValueError naming the bad one."""
    found = []
    for value in values:
        if kind == "TXT":
            found.append(value.removeprefix('"').removesuffix('"'))
            continue
        try:
            rdata = dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.from_text(kind), value, origin=dns.name.root)
        except (dns.exception.DNSException, ValueError):
            example = EXAMPLES.get(kind, "www.example.com")
            raise ValueError(f"“{value[:60]}” is no {kind} record. Write it as in {example}.") from None
        found.append(_text(rdata))
    return found


# Asking ------------------------------------------------------------------------------------------------------------
Asked = Generator[Any, Any, dns.message.Message]


def _ask(query: dns.message.Message, server: Endpoint) -> Asked:
    """The answer of one name server; its silence is its own fault."""
    yield Connect(server.host, server.port, "udp")
    try:
        data = b""
        for patience in _patience():
            yield Send(query.to_wire())
            data = yield Receive(_answers([query]), "the answer", patience)
            if data:
                break
    except TalkError as error:
        raise _blamed(error, Reason.TIMEOUT_DNS) from error
    return (yield from _whole(query, data, Connect(server.host, server.port)))


def _ask_own(query: dns.message.Message) -> Asked:
    """The answer of one of this region's own name servers, which are asked in turn. When none answers, but one still
    answers about the root, the silence is the name's."""
    root = dns.message.make_query(".", "NS")
    alive = False
    try:
        for turn, patience in enumerate(_patience()):
            yield Connect("", transport="udp", nameserver=turn)
            data = yield from _try([query], patience)
            data = data or (yield from _try([root, query], patience))
            if data and _answers([query])(bytearray(data)):
                return (yield from _whole(query, data, Connect("", nameserver=turn)))
            alive = alive or bool(data)
    except TalkError as error:
        raise _blamed(error, Reason.TIMEOUT_DNS if alive else Reason.RESOLVER_SICK) from error
    raise AssertionError("patience has no end")


def _try(queries: Sequence[dns.message.Message], patience: float) -> Generator[Any, Any, bytes]:
    """Send the first of `queries` and hear the answer to any of them. A name server of ours where nobody listens is
    one that does not answer."""
    try:
        yield Send(queries[0].to_wire())
        data: bytes = yield Receive(_answers(queries), "the answer", patience)
    except TalkError as error:
        if error.finding.reason is not Reason.REFUSED:
            raise
        yield Receive(lambda heard: 0, "its turn", REFUSED_PAUSE_S)
        return b""
    return data


def _whole(query: dns.message.Message, data: bytes, stream: Connect) -> Asked:
    """The reply as a message, fetched once more over TCP where the datagram held only a part."""
    reply = _parsed(query, data)
    if not reply.flags & dns.flags.TC:
        return reply
    yield stream
    wire = query.to_wire()
    yield Send(len(wire).to_bytes(2) + wire)
    whole: bytes = yield Receive(_framed, "the answer over TCP")
    return _parsed(query, whole[2:])


def _framed(heard: bytearray) -> int:
    """RFC 1035, 4.2.2: the message behind its length in two bytes. One that is too long is not waited for."""
    length = 2 + int.from_bytes(heard[:2])
    if len(heard) >= 2 and (len(heard) >= length or length > MAX_REPLY):
        return min(length, len(heard))
    return 0


def _answers(queries: Sequence[dns.message.Message]) -> Callable[[bytearray], int]:
    """Knows a reply to one of `queries`: its number, and that it is a reply. A forger would have to guess our port
    too."""
    idents = {query.id.to_bytes(2) for query in queries}
    return lambda heard: len(heard) if bytes(heard[:2]) in idents and len(heard) > 2 and heard[2] & 0x80 else 0


def _parsed(query: dns.message.Message, data: bytes) -> dns.message.Message:
    if len(data) > MAX_REPLY:
        raise TalkError(Finding(Reason.PROTOCOL_ERROR, f"The answer is longer than {MAX_REPLY // 1024} kB"))
    try:
        reply = dns.message.from_wire(data, ignore_trailing=True)
    except (dns.exception.DNSException, ValueError) as error:
        raise TalkError(Finding(Reason.PROTOCOL_ERROR, f"The answer is not valid DNS: {error}")) from error
    if not query.is_response(reply):
        raise TalkError(Finding(Reason.PROTOCOL_ERROR, "The answer is to another question"))
    return reply


def _patience() -> Generator[float, None, None]:
    yield from PATIENCE_S
    while True:
        yield PATIENCE_S[-1]


def _blamed(error: TalkError, reason: Reason) -> TalkError:
    """A name server's silence, said of whom it is to be said."""
    found = error.finding.reason
    if reason is Reason.RESOLVER_SICK and found is not Reason.LOCAL_ERROR:
        return TalkError(Finding(reason, "This region's name servers gave no answer"))
    return TalkError(Finding(reason, error.finding.detail)) if found and found.is_timeout else error


# Reading -----------------------------------------------------------------------------------------------------------
def _records(reply: dns.message.Message, kind: str) -> list[str]:
    wanted = dns.rdatatype.from_text(kind)
    return sorted({_text(rdata) for rrset in reply.answer if rrset.rdtype == wanted for rdata in rrset})


def _text(rdata: Any) -> str:
    """Text strings as one (they are split only because each may be 255 bytes long), names without the last dot."""
    if rdata.rdtype == dns.rdatatype.TXT:
        return b"".join(rdata.strings).decode("utf-8", "replace")
    return " ".join(word.rstrip(".") or "." for word in rdata.to_text().lower().split())


def _check_addresses(name: str, records: list[str], guard: Guard) -> None:
    """Our own name servers may know names of our own network, and strangers must not learn those from us."""
    private = next((each for each in records if not guard.permits(each)), None)
    if private:
        raise BlockedAddressError(f"{name} leads into a private network, where checks do not look")


def _another_rcode(name: str, rcode: str, wanted: str) -> Finding:
    if wanted != "NOERROR":
        return Finding(Reason.DNS_MISMATCH, f"Answered {rcode}, expected {wanted}")
    if rcode == "NXDOMAIN":
        return Finding(Reason.DNS_NOT_FOUND, f"{name} does not exist (NXDOMAIN)")
    return Finding(Reason.DNS_FAILED, f"The name server answered {rcode} about {name}")


def _list(values: list[str]) -> str:
    more = f" and {len(values) - SHOWN} more" if len(values) > SHOWN else ""
    return ", ".join(values[:SHOWN]) + more


def _name(target: str, kind: str) -> dns.name.Name:
    if kind == "PTR" and is_address(target):
        return dns.reversename.from_address(target)
    return dns.name.from_text(target)


def _server(text: str, guard: Guard) -> Endpoint | None:
    return check_endpoint(text, 53, guard=guard) if text.strip() else None
