"""The kind `udp`: a service that must answer a datagram.

Datagrams may be lost, so the question is repeated every second. Without an answer nothing can be said of UDP: UP is an
answer, and, where `expect` is set, one that contains it.
"""

from django import forms

from monitors.probes.base import Check
from monitors.probes.kinds import Connect, Finding, Receive, Send, Steps
from monitors.probes.options import WordsField, unescape
from monitors.probes.reasons import Reason
from monitors.probes.tcp import quoted
from monitors.probes.thresholds import ProbedOptions
from uptime.lib.net import DATAGRAM_PORTS, Endpoint, Guard, check_endpoint

PATIENCE_S = 1.0


class Options(ProbedOptions):
    send = WordsField(
        label="Send",
        strip=False,
        max_length=1200,
        error_messages={"required": "Enter what to send: nothing answers to silence."},
        widget=forms.TextInput(attrs={"placeholder": r"status\n", "spellcheck": "false", "autocomplete": "off"}),
        help_text=r"One datagram, repeated each second until an answer comes; \n is a line's end, \x1b a byte.",
    )
    expect = WordsField(
        label="Expected answer",
        required=False,
        strip=False,
        max_length=200,
        widget=forms.TextInput(attrs={"placeholder": "players", "spellcheck": "false", "autocomplete": "off"}),
        help_text="The answer must contain this, in exactly these letters. Empty: any answer will do.",
    )


class UdpKind:
    name = "udp"
    label = "UDP service"
    description = "Sends a datagram and waits for an answer."
    target_label = "Host and port"
    target_example = "game.example.com:27015"
    has_port = True
    Options = Options
    secret_fields = ()

    def clean_target(self, text: str, allow_private: bool) -> str:
        return str(_endpoint(text, Guard(allow_private=allow_private)))

    def probe(self, check: Check, guard: Guard) -> Steps:
        endpoint, options = _endpoint(check.target, guard), check.options
        send, expect = unescape(options.get("send") or ""), unescape(options.get("expect") or "")
        yield Connect(endpoint.host, endpoint.port, "udp")
        answer = b""
        while not answer:
            yield Send(send)
            answer = yield Receive(len, "an answer", PATIENCE_S)
        if expect not in answer:
            return Finding(Reason.KEYWORD_MISSING, f"Answered “{quoted(answer)}”, expected “{quoted(expect)}”")
        return Finding(None)


KIND = UdpKind()


def _endpoint(text: str, guard: Guard) -> Endpoint:
    return check_endpoint(text, services=DATAGRAM_PORTS, guard=guard)
