"""The kind `tcp`: a port that must be open, and may have to say something.

UP is a connection, and, where `expect` is set, an answer that contains it. `send` goes out first.
"""

from django import forms

from monitors.probes.base import Check
from monitors.probes.kinds import Connect, Finding, Receive, Send, Steps, TalkError
from monitors.probes.options import WordsField, unescape
from monitors.probes.reasons import Reason
from monitors.probes.thresholds import ProbedOptions
from uptime.lib.net import Guard, UrlError, check_endpoint, check_words

SHOWN = 60  # bytes of an answer that a sentence quotes


class Options(ProbedOptions):
    send = WordsField(
        label="Send",
        required=False,
        strip=False,
        max_length=2000,
        widget=forms.TextInput(attrs={"placeholder": r"PING\r\n", "spellcheck": "false", "autocomplete": "off"}),
        help_text=r"Sent once connected, as it is; \r\n ends a line, \x1b is a byte. Empty: nothing is sent.",
    )
    expect = WordsField(
        label="Expected answer",
        required=False,
        strip=False,
        max_length=200,
        widget=forms.TextInput(attrs={"placeholder": "+PONG", "spellcheck": "false", "autocomplete": "off"}),
        help_text="The answer must contain this, in exactly these letters. Empty: an open port is enough.",
    )

    def clean_for(self, target: str, guard: Guard) -> None:
        try:
            check_words(check_endpoint(target, guard=guard), self.cleaned_data.get("send", ""), guard)
        except UrlError as error:
            self.add_error("send", str(error))


class TcpKind:
    name = "tcp"
    label = "TCP port"
    description = "Connects to a port and, if wanted, sends something and looks for an answer."
    target_label = "Host and port"
    target_example = "example.com:5432"
    has_port = True
    Options = Options
    secret_fields = ()

    def clean_target(self, text: str, allow_private: bool) -> str:
        return str(check_endpoint(text, guard=Guard(allow_private=allow_private)))

    def probe(self, check: Check, guard: Guard) -> Steps:
        endpoint = check_endpoint(check.target, guard=guard)
        send, expect = check.options.get("send") or "", unescape(check.options.get("expect") or "")
        check_words(endpoint, send, guard)
        yield Connect(endpoint.host, endpoint.port)
        if send:
            yield Send(unescape(send))
        if not expect:
            return Finding(None)
        try:
            yield Receive(lambda heard: heard.find(expect) + 1, "the expected answer")
        except TalkError as error:
            return missing(expect, error)
        return Finding(None)


KIND = TcpKind()


def missing(expect: bytes, error: TalkError) -> Finding:
    """The conversation ended before `expect` came: where there was another answer, that is the news."""
    if not error.heard or error.finding.reason is Reason.LOCAL_ERROR:
        return error.finding
    return Finding(Reason.KEYWORD_MISSING, f"Answered “{quoted(error.heard)}”, expected “{quoted(expect)}”")


def quoted(data: bytes) -> str:
    """The begin of what was said, as a sentence may quote it."""
    text = data[:SHOWN].decode("utf-8", "replace").strip()
    return text + ("…" if len(data) > SHOWN else "")
