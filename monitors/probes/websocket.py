"""The kind `websocket`: a web address that must agree to speak WebSocket (RFC 6455), and may have to say something.

UP is the agreement (101 with the right proof) and, where `expect` is set, a message that contains it.
"""

import base64
import hashlib
import os
from collections.abc import Generator
from typing import Any

from django import forms

from monitors.probes.base import Check
from monitors.probes.kinds import Connect, Finding, Receive, Secure, Send, Steps, TalkError
from monitors.probes.options import HeadersField, TextField, certificate_days, check_header
from monitors.probes.reasons import Reason
from monitors.probes.tcp import quoted
from monitors.probes.thresholds import ProbedOptions
from uptime.lib.net import URL, Guard, check_url
from uptime.lib.version import VERSION

SCHEMES = ("ws", "wss")
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MAX_CONTROL = 125  # bytes of a frame about the connection


class Options(ProbedOptions):
    send = TextField(
        label="Send",
        required=False,
        max_length=2000,
        widget=forms.TextInput(attrs={"placeholder": '{"type": "ping"}', "spellcheck": "false", "autocomplete": "off"}),
        help_text="A text message sent once the connection stands. Empty: nothing is sent.",
    )
    expect = TextField(
        label="Expected answer",
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"placeholder": "pong", "spellcheck": "false", "autocomplete": "off"}),
        help_text="A message must contain this, in exactly these letters. Empty: the connection is enough.",
    )
    headers = HeadersField(
        label="Request headers",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "Authorization: Bearer …", "spellcheck": "false"}),
        help_text="One per line, as in “Origin: https://example.com”. Stored encrypted.",
    )
    verify_tls = forms.BooleanField(
        label="Verify the certificate",
        required=False,
        initial=True,
        help_text="Off, an expired or self-signed certificate does not count as down.",
    )
    certificate_days = certificate_days()


class WebSocketKind:
    name = "websocket"
    label = "WebSocket"
    description = "Opens a WebSocket and, if wanted, sends a message and looks for an answer."
    target_label = "URL"
    target_example = "wss://example.com/socket"
    has_port = False
    Options = Options
    secret_fields = ("headers",)

    def clean_target(self, text: str, allow_private: bool) -> str:
        return str(check_url(text, SCHEMES, Guard(allow_private=allow_private)))

    def probe(self, check: Check, guard: Guard) -> Steps:
        url, options = check_url(check.target, SCHEMES, guard), check.options
        yield Connect(url.host, url.port)
        if url.scheme == "wss":
            yield Secure(url.host, options.get("verify_tls", True))
        key = base64.b64encode(os.urandom(16))
        yield Send(_request(url, key, options.get("headers") or ()))
        yield from _agreement(key)
        if options.get("send"):
            yield Send(frame(TEXT, options["send"].encode()))
        found = yield from _await(options.get("expect") or "")
        if found.reason is None:
            yield Send(frame(CLOSE, (1000).to_bytes(2)))
        return found


KIND = WebSocketKind()


def _request(url: URL, key: bytes, headers: Any) -> bytes:
    path = url.path if url.path.startswith("/") else f"/{url.path}"
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {url.netloc}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key.decode()}",
        "Sec-WebSocket-Version: 13",
    ]
    if not any(each["name"].lower() == "user-agent" for each in headers):
        lines.append(f"User-Agent: Uptime/{VERSION}")
    for each in headers:
        check_header(each["name"], each["value"])
        lines.append(f"{each['name']}: {each['value']}")
    return "\r\n".join([*lines, "", ""]).encode()


def _agreement(key: bytes) -> Generator[Any, Any, None]:
    """The answer to the handshake (RFC 6455, 4.1), judged."""
    head: bytes = yield Receive(lambda heard: heard.find(b"\r\n\r\n") + 4 if b"\r\n\r\n" in heard else 0)
    start, *lines = head.decode("latin-1").split("\r\n")
    words = start.split(" ", 2)
    if not start.startswith("HTTP/1.1 ") or not words[1].isdigit():
        raise TalkError(Finding(Reason.PROTOCOL_ERROR, f"“{start[:80]}” is not HTTP"))
    if words[1] != "101":
        raise TalkError(Finding(Reason.STATUS, f"Answered “{' '.join(words[1:])[:80]}”, expected 101"))
    headers = {name.strip().lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
    proof = base64.b64encode(hashlib.sha1(key + GUID, usedforsecurity=False).digest()).decode()
    if headers.get("sec-websocket-accept") != proof:
        raise TalkError(Finding(Reason.PROTOCOL_ERROR, "The answer to the handshake does not prove that it was read"))


def _await(expect: str) -> Generator[Any, Any, Finding]:
    """Messages until one contains `expect`; pings are answered. At the end of the time the last one is the news."""
    last = b""
    try:
        while expect:
            opcode, message = yield from _message()
            if opcode == PING:
                yield Send(frame(PONG, message))
            elif opcode == CLOSE:
                raise TalkError(Finding(Reason.CLOSED, f"The server ended the conversation ({_close_code(message)})"))
            elif opcode in (TEXT, BINARY):
                last = message
                if expect.encode() in message:
                    break
    except TalkError as error:
        if not last:
            raise
        return Finding(Reason.KEYWORD_MISSING, f"Answered “{quoted(last)}”, expected “{expect[:60]}”; {error}")
    return Finding(None)


def _message() -> Generator[Any, Any, tuple[int, bytes]]:
    """The next message, put together from its parts; what is said about the connection may come in between."""
    kind, whole = 0, bytearray()
    while True:
        data: bytes = yield Receive(_frame_size, "a message")
        final, opcode, payload = data[0] & 0x80, data[0] & 0x0F, data[_head_size(data) :]
        if data[0] & 0x70 or data[1] & 0x80 or (opcode >= CLOSE and len(payload) > MAX_CONTROL):
            raise TalkError(Finding(Reason.PROTOCOL_ERROR, "The server's frames break the rules of WebSocket"))
        if opcode >= CLOSE and not kind:
            return opcode, payload
        if opcode < CLOSE:
            kind = opcode or kind
            whole += payload
            if final:
                return kind, bytes(whole)


def _frame_size(heard: bytearray) -> int:
    """How long the frame at the begin is (RFC 6455, 5.2), once it is there."""
    if len(heard) < 2 or len(heard) < _head_size(heard):
        return 0
    short = heard[1] & 0x7F
    size = _head_size(heard) + (int.from_bytes(heard[2 : _head_size(heard)]) if short > 125 else short)
    return size if len(heard) >= size else 0


def _head_size(heard: bytes | bytearray) -> int:
    return 2 + {126: 2, 127: 8}.get(heard[1] & 0x7F, 0)


def frame(opcode: int, payload: bytes) -> bytes:
    """A client's frame: masked, as the rules want it, so that no proxy takes it for something else."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + size.to_bytes(2)
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    return bytes([0x80 | opcode]) + length + mask + masked


def _close_code(message: bytes) -> str:
    return f"code {int.from_bytes(message[:2])}" if len(message) >= 2 else "without a reason"
