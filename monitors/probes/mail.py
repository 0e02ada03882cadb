"""What the kinds of mail servers share: lines, replies, and the three ways to be secure or not."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms

from monitors.probes.base import Check
from monitors.probes.kinds import Connect, Finding, Receive, Secure, Send, TalkError
from monitors.probes.options import certificate_days
from monitors.probes.reasons import Reason
from monitors.probes.thresholds import ProbedOptions
from uptime.lib.net import Endpoint, Guard, check_endpoint

NAME = b"uptime-monitor.invalid"  # whom EHLO says that it is: nobody who sends mail (RFC 2606)
SHOWN = 100  # characters of a reply that a sentence quotes
MOST_LINES = 100  # of one reply

Talked = Generator[Any, Any, str]


class MailOptions(ProbedOptions):
    security = forms.ChoiceField(
        label="Security",
        choices=[
            ("auto", "As usual on its port"),
            ("none", "None"),
            ("starttls", "STARTTLS"),
            ("tls", "TLS from the start"),
        ],
        initial="auto",
        help_text="As usual: TLS on ports 465, 993 and 995, STARTTLS on 587, none on others.",
    )
    verify_tls = forms.BooleanField(
        label="Verify the certificate",
        required=False,
        initial=True,
        help_text="Off, an expired or self-signed certificate does not count as down.",
    )
    certificate_days = certificate_days()


@dataclass(frozen=True)
class Service:
    """A mail protocol: the port it usually has, and the ports on which it is secure in which way."""

    port: int
    usual: Mapping[int, str]

    def clean_target(self, text: str, allow_private: bool) -> str:
        return str(check_endpoint(text, self.port, guard=Guard(allow_private=allow_private)))

    def connect(self, check: Check, guard: Guard) -> Generator[Any, Any, tuple[Endpoint, str]]:
        """Connected, with TLS where it begins at once: the endpoint, and how to be secure."""
        endpoint = check_endpoint(check.target, self.port, guard=guard)
        security = check.options.get("security") or "auto"
        if security == "auto":
            security = self.usual.get(endpoint.port, "none")
        yield Connect(endpoint.host, endpoint.port)
        if security == "tls":
            yield Secure(endpoint.host, check.options.get("verify_tls", True))
        return endpoint, security


def line(what: str) -> Talked:
    heard: bytes = yield Receive(lambda heard: heard.find(b"\n") + 1, what)
    return heard.decode("utf-8", "replace").rstrip("\r\n")


def command(words: bytes, what: str) -> Talked:
    """Say `words` and hear the first line of the answer."""
    yield Send(words + b"\r\n")
    return (yield from line(what))


def refused(said: str, expected: str) -> TalkError:
    """An answer, but not the one that a working server gives."""
    return TalkError(Finding(Reason.STATUS, f"Answered “{said[:SHOWN]}”, expected {expected}"))


def unintelligible(said: str, protocol: str) -> TalkError:
    return TalkError(Finding(Reason.PROTOCOL_ERROR, f"“{said[:SHOWN]}” is not {protocol}"))


# SMTP (RFC 5321) ---------------------------------------------------------------------------------------------------
def smtp_reply(expected: str, what: str, first: str | None = None) -> Talked:
    """The last line of a reply that may have several, once its code is the expected one."""
    said = first if first is not None else (yield from line(what))
    for _ in range(MOST_LINES):
        if not said[:3].isdigit() or said[3:4] not in ("", " ", "-"):
            raise unintelligible(said, "SMTP")
        if said[3:4] != "-":
            break
        said = yield from line(what)
    if said[:3] != expected:
        raise refused(said, expected)
    return said


def smtp_command(words: bytes, expected: str, what: str) -> Talked:
    yield Send(words + b"\r\n")
    return (yield from smtp_reply(expected, what))


def smtp_starttls() -> Talked:
    """From the greeting to the moment the handshake may begin."""
    greeting = yield from smtp_reply("220", "the greeting")
    yield from smtp_command(b"EHLO " + NAME, "250", "the answer to EHLO")
    yield from smtp_command(b"STARTTLS", "220", "the answer to STARTTLS")
    return greeting


# POP3 (RFC 1939, RFC 2595) -----------------------------------------------------------------------------------------
def pop_reply(said: str) -> str:
    if said.startswith("-ERR"):
        raise refused(said, "+OK")
    if not said.startswith("+OK"):
        raise unintelligible(said, "POP3")
    return said


def pop_starttls() -> Talked:
    greeting = pop_reply((yield from line("the greeting")))
    pop_reply((yield from command(b"STLS", "the answer to STLS")))
    return greeting


# IMAP (RFC 9051) ---------------------------------------------------------------------------------------------------
def imap_greeting() -> Talked:
    said = yield from line("the greeting")
    if said.upper().startswith("* BYE"):
        raise refused(said, "* OK")
    if not said.upper().startswith(("* OK", "* PREAUTH")):
        raise unintelligible(said, "IMAP")
    return said


def imap_command(words: bytes, what: str) -> Talked:
    """The line that answers the command itself; what the server says besides (* ...) is passed over."""
    said = yield from command(b"a1 " + words, what)
    for _ in range(MOST_LINES):
        if not said.startswith("* "):
            break
        said = yield from line(what)
    if said.upper().startswith("A1 OK"):
        return said
    raise refused(said, "a1 OK") if said.upper().startswith("A1 ") else unintelligible(said, "IMAP")


def imap_starttls() -> Talked:
    greeting = yield from imap_greeting()
    yield from imap_command(b"STARTTLS", "the answer to STARTTLS")
    return greeting
