"""More services, through Apprise (https://github.com/caronc/apprise): in breadth what the other kinds are in depth.

Its requests go past the guarded door of this site. So it is offered only where private targets are allowed anyway,
with a list of services, and with addresses that are written anew of their parts (`apprise_services`). It runs in a
process of its own that is stopped when its time is up (`alerts/apprise_process.py`).
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError

from alerts.channels.apprise_services import BY_SCHEMA, SERVICES, Address, read
from alerts.channels.base import ChannelKind, Event, Message, Permanent, Receipt, Rendered, Temporary, Values
from alerts.channels.fields import SecretField
from alerts.channels.saying import body, cut, heading, links
from alerts.transport import Transport
from monitors.masks import masked
from monitors.probes.options import OptionsForm

DEADLINE_S = 15  # for all of it, loading Apprise included
AT_ONCE = 6  # processes; others wait, at most as long again: together less than a delivery's lease
TITLE_LONGEST, BODY_LONGEST = 200, 3000  # characters; a service that takes less cuts more
PROGRAM = Path(__file__).resolve().parents[1] / "apprise_process.py"
SHUT = (
    "Apprise's requests cannot be kept out of private networks, so these services are only offered where "
    "ALLOW_PRIVATE_TARGETS is on."
)
TYPES = {Event.DOWN: "failure", Event.REMINDER: "failure", Event.UP: "success", Event.TEST: "info"}
NO_ENVIRONMENT = {"HOME": "/nonexistent", "NETRC": os.devnull}  # no proxy, no login of a .netrc
_STATUS = re.compile(r"(?:: (?P<words>[^:]*?),? )?error=(?P<status>\d{3})")
_turns = BoundedSemaphore(AT_ONCE)


class AppriseOptions(OptionsForm):
    section = "Where to send"

    url = SecretField(
        label="Address",
        check=read,
        max_length=1000,
        help_text="Such as gotifys://push.example.com/TOKEN. Stored encrypted. The services are listed below.",
    )

    def clean(self) -> dict[str, Any]:
        if not settings.ALLOW_PRIVATE_TARGETS:
            raise ValidationError(SHUT)
        return super().clean() or {}


class AppriseKind(ChannelKind):
    @property
    def guide(self) -> tuple[tuple[str, str], ...]:
        """Each service with the shape of its addresses, and the parameters that may stand behind a question mark."""
        said = {each.shape: f"{each.label}, with ?{', '.join(each.params)}=…" for each in SERVICES if each.params}
        return tuple((each.shape, said.get(each.shape, each.label)) for each in SERVICES)

    def refusal(self) -> str:
        return "" if settings.ALLOW_PRIVATE_TARGETS else SHUT

    def problem(self, options: Values) -> str:
        return self.refusal()

    def summary(self, options: Values) -> str:
        try:
            address = read(options.get("url", ""))
        except ValueError:
            return "no service yet"
        return f"{address.service.label}{f', {address.host}' if address.service.own_host else ''}"

    def render(self, message: Message, options: Values) -> Rendered:
        said = "\n".join([body(message), "", *(f"{words}: {url}" for words, url in links(message))])
        return Rendered(cut(heading(message), TITLE_LONGEST), cut(said, BODY_LONGEST))

    def send(self, message: Message, options: Values, transport: Transport) -> Receipt:
        if self.refusal():
            raise Permanent(SHUT)
        try:
            address = read(options["url"])
        except ValueError as error:
            raise Permanent(str(error)) from None
        rendered = self.render(message, options)
        order = {
            "address": address.text,
            "schemas": sorted(BY_SCHEMA),
            "title": rendered.title,
            "body": rendered.text,
            "type": TYPES.get(message.event, "warning"),
            "site": settings.BASE_URL,
            "seconds": DEADLINE_S,
        }
        return receipt(address, run(order, DEADLINE_S))


def run(order: dict[str, Any], seconds: float) -> dict[str, Any]:
    """What the process answers. It is ended after so many seconds. Raises Temporary where it gave no answer."""
    if not _turns.acquire(timeout=seconds):
        raise Temporary("Too many messages are on their way through Apprise. It is tried again.")
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", str(PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=NO_ENVIRONMENT,
            start_new_session=True,
        )
        try:
            answer, _ = process.communicate(json.dumps(order).encode(), timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Temporary(f"It did not answer within {seconds:g} s.") from None
        finally:
            _end(process)
    finally:
        _turns.release()
    try:
        found: dict[str, Any] = json.loads(answer)
    except ValueError:
        raise Temporary("Apprise ended without an answer: it is not installed, or the service said too much.") from None
    return found


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Nothing of it is left."""
    if process.poll() is None:  # else its number may be somebody else's by now
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()


def receipt(address: Address, answer: dict[str, Any]) -> Receipt:
    """What Apprise's answer means, in words. Raises Temporary where it may yet become well, and Permanent where the
    address is no good: Apprise tells a refusal by its status alone."""
    service = address.service
    if answer["sent"]:
        return Receipt(f"{service.label} has taken it.")
    said = " ".join(answer["said"])
    for secret in address.secrets:
        said = said.replace(secret, masked(secret)) if len(secret) > 3 else said
    if not answer["known"]:
        raise Permanent(f"A part of the address is not what {service.label} gives out. It is {service.shape}.")
    found = _STATUS.search(said)
    if found:
        status, words = int(found["status"]), found["words"] or ""
        reason = f"{service.label} answered {status}{f' ({words.strip()})' if words.strip() else ''}."
        if 400 <= status < 500 and status not in {408, 425, 429}:
            raise Permanent(reason, disable=status in {401, 403, 404, 410})
        raise Temporary(reason)
    where = address.host if service.own_host else service.label
    if "onnection" in said:
        raise Temporary(f"{where} could not be reached: there is no such server, nobody listens, or it is too slow.")
    raise Temporary(f"{service.label} did not take it. Apprise says: {said[:300] or 'nothing'}")


KIND = AppriseKind(
    name="apprise",
    label="More services (Apprise)",
    description="Gotify, Mattermost, Google Chat, Pushbullet, Vonage and some fifty others.",
    icon="send",
    Options=AppriseOptions,
    guide_title="Services",
    secret_fields=("url",),
)
