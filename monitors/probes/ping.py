"""The kind `ping`: a machine that must answer ICMP echo requests.

UP is `replies` answers to `packets` requests, sent one after the other. The response time is the mean round trip of
those that came back.
"""

import secrets
import time
from collections.abc import Callable
from functools import partial
from struct import pack
from typing import Any

from django import forms

from monitors.probes.base import Check
from monitors.probes.kinds import Connect, Finding, Receive, Send, Steps, TalkError
from monitors.probes.reasons import Reason
from monitors.probes.thresholds import ProbedOptions
from uptime.lib.net import Guard, check_name

MAX_PACKETS = 10
SHARE = 0.9  # of the timeout that is for waiting; the rest is for looking the name up
REQUESTS, REPLIES = {4: 8, 6: 128}, {4: 0, 6: 129}  # RFC 792, RFC 4443
TOKEN = 16  # random bytes by which a reply is known to be ours


class Options(ProbedOptions):
    packets = forms.IntegerField(
        label="Packets",
        min_value=1,
        max_value=MAX_PACKETS,
        initial=3,
        help_text=f"Sent in each check, one after the other; at most {MAX_PACKETS}.",
    )
    replies = forms.IntegerField(
        label="Replies needed",
        min_value=1,
        max_value=MAX_PACKETS,
        initial=1,
        help_text="With fewer answers it counts as down. 1: any answer will do.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("replies", 0) > cleaned.get("packets", MAX_PACKETS):
            self.add_error("replies", f"Only {cleaned['packets']} packets are sent. Lower it, or send more.")
        return cleaned


class PingKind:
    name = "ping"
    label = "Ping"
    description = "Sends a machine ICMP echo requests and counts the replies."
    target_label = "Host"
    target_example = "example.com"
    has_port = False
    Options = Options
    secret_fields = ()

    def clean_target(self, text: str, allow_private: bool) -> str:
        return check_name(text, Guard(allow_private=allow_private))

    def probe(self, check: Check, guard: Guard) -> Steps:
        count = check.options.get("packets") or 3
        address = yield Connect(check_name(check.target, guard), transport="icmp")
        patience = check.timeout_ms / 1000 * SHARE / count
        trips: list[float] = []
        sent = 0
        try:
            for sent in range(1, count + 1):
                packet, is_reply = _echo(address, sent)
                began = time.monotonic()
                yield Send(packet)
                if (yield Receive(is_reply, "the replies", patience)):
                    trips.append((time.monotonic() - began) * 1000)
        except TalkError as error:
            if not error.finding.reason or not error.finding.reason.is_timeout:
                raise
        return judge(sent, trips, check.options.get("replies") or 1)


KIND = PingKind()


def judge(sent: int, trips: list[float], needed: int) -> Finding:
    said = f"{len(trips)} of {sent} packets came back"
    if not trips:
        return Finding(Reason.TIMEOUT_FIRST_BYTE, f"None of {sent} packets came back")
    mean = round(sum(trips) / len(trips), 2)
    detail = f"{said}, round trip {_ms(min(trips))} / {_ms(mean)} / {_ms(max(trips))} ms (least, mean, most)"
    if len(trips) < needed:
        return Finding(Reason.PACKET_LOSS, f"{detail}; {needed} are needed", mean)
    return Finding(None, detail, mean)


def _ms(number: float) -> str:
    return f"{number:.1f}" if number < 100 else f"{number:.0f}"


def _echo(address: str, sequence: int) -> tuple[bytes, Callable[[bytearray], int]]:
    """An echo request, and what knows the reply to it. The kernel may write an identifier of its own into it, and a
    raw socket hears everybody's pings: ours are known by their random content."""
    version, token = 6 if ":" in address else 4, secrets.token_bytes(TOKEN)
    body = pack(">HH", secrets.randbits(16), sequence) + token
    head = bytes([REQUESTS[version], 0])
    checksum = _checksum(head + b"\0\0" + body) if version == 4 else 0  # of IPv6's the kernel takes care
    return head + pack(">H", checksum) + body, partial(_is_reply, REPLIES[version], token)


def _is_reply(kind: int, token: bytes, heard: bytearray) -> int:
    return len(heard) if len(heard) >= 8 and heard[0] == kind and heard[8:] == token else 0


def _checksum(data: bytes) -> int:
    """RFC 1071, of an even number of bytes."""
    total = sum(int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF
