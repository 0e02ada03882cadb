"""What a kind of channel is: one module with `KIND`, found by its name, in this package.

A kind turns a Message into the words of its provider (`render`) and hands them over (`send`). It knows no model and no
queue: when to send, how often to try again and what is written down is decided by alerts.services.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from alerts.domain.escalation import Severity
from monitors.probes.options import OptionsForm
from uptime.lib.registry import Registry

if TYPE_CHECKING:
    from alerts.transport import Transport

# Cleaned options of a kind, secrets included, with member_email, member_name, channel_id; for one that leads to
# browsers also browsers, push_key and contact.
Values = dict[str, Any]


class Event(StrEnum):
    """What a message is about."""

    DOWN = "down"  # an incident was opened, or a later step hears of it
    REMINDER = "reminder"  # it lasts
    UP = "up"  # it is resolved, or was before anybody heard of it
    EXPIRY = "expiry"  # a certificate or a domain ends soon, or was renewed
    DIGEST = "digest"  # many of these at once
    CHANNEL = "channel"  # another channel, or a template, does not work
    TEST = "test"


@dataclass(frozen=True)
class Subject:
    """The incident a message is about."""

    id: int
    monitor: str  # its name
    target: str
    kind: str  # outage, certificate, domain, manual
    cause: str  # in a sentence
    started_at: datetime
    resolved_at: datetime | None = None
    regions: tuple[str, ...] = ()
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    monitor_id: int | None = None
    flapping: bool = False  # it keeps going down and coming up


@dataclass(frozen=True)
class Wording:
    """How a mail is put: templates in the language of alerts.channels.wording."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True)
class Message:
    """What is to be said, in no provider's words.

    `key` is the same whenever this message is sent once more: receivers tell doubles by it. `thread` is the same for
    all messages about one incident. `first`: nothing about this incident came through this channel before."""

    key: str
    event: Event
    severity: Severity
    title: str
    text: str
    url: str
    team: str
    at: datetime
    facts: tuple[tuple[str, str], ...] = ()
    subject: Subject | None = None
    first: bool = True
    lines: tuple[str, ...] = ()  # of a digest: one for each message in it
    acknowledge_url: str = ""
    settings_url: str = ""  # where what is sent here can be changed
    zone: str = "UTC"  # the reader's, such as Europe/Berlin
    wording: Wording | None = None  # the team's own, for kinds that are `worded`

    @property
    def thread(self) -> str:
        return f"incident-{self.subject.id}" if self.subject else self.key


@dataclass(frozen=True)
class Rendered:
    """A message as a provider gets it, kept for the Messages page. Holds no secret.

    `body` is what goes over the wire where that is neither the text nor the HTML, such as JSON.
    `problem`: why the team's own wording was not used, in a sentence."""

    title: str
    text: str = ""
    html: str = ""
    body: str = ""
    problem: str = ""


class Browser(Protocol):
    """Where web push goes: what a browser told of itself (endpoint, p256dh, auth), and the last message it took."""

    pk: Any
    name: str
    secrets: Any
    last_key: str


@dataclass(frozen=True)
class Places:
    """Of a kind that leads to several browsers: the keys of those that took the message, and of those that are no
    more."""

    told: frozenset[int] = frozenset()
    gone: frozenset[int] = frozenset()


NOWHERE = Places()


@dataclass(frozen=True)
class Receipt:
    """Handed over. `answer`: the provider's, in a line; `reference`: the provider's name for the message.

    `kept`: it was kept and not sent, because nothing here can send it yet; `answer` says what is missing."""

    answer: str = ""
    reference: str = ""
    kept: bool = False
    places: Places = NOWHERE


class Temporary(Exception):  # noqa: N818 - it is no fault of the program
    """Not handed over, and worth another try. `retry_after_s`: not before that many seconds."""

    def __init__(self, reason: str, retry_after_s: float | None = None, places: Places = NOWHERE) -> None:
        super().__init__(reason)
        self.reason, self.retry_after_s, self.places = reason, retry_after_s, places


class Permanent(Exception):  # noqa: N818
    """Not handed over, and never will be as it is. `disable`: nothing else will be through this channel either."""

    def __init__(self, reason: str, disable: bool = False, places: Places = NOWHERE) -> None:
        super().__init__(reason)
        self.reason, self.disable, self.places = reason, disable, places


@dataclass(frozen=True)
class ChannelKind:
    """The base of every kind, which overrides `render` and `send`.

    `label` names it in lists, `description` says in a sentence where messages go, `icon` is one of icons.svg.
    `secret_fields` are the options that are stored encrypted, never shown but for their last four characters.
    `worded`: the team's mail templates say how it is put. `guide_title`: what its guide is called.
    `per_minute`, `per_hour`: what its provider, or a person, can take; what goes beyond comes in a digest.
    `hears_acknowledgement`: its provider calls people by itself, and is told at once that somebody sees to it.
    `to_browsers`: it leads to the browsers of its member, or of the team, instead of an address in its options."""

    name: str
    label: str
    description: str
    icon: str = "send"
    Options: type[OptionsForm] = OptionsForm
    secret_fields: tuple[str, ...] = ()
    worded: bool = False
    guide_title: str = "What to write"
    per_minute: int = 20
    per_hour: int = 200
    hears_acknowledgement: bool = False
    to_browsers: bool = False

    @property
    def guide(self) -> tuple[tuple[str, str], ...]:
        """What the page of its form lists below it: what to write, and what for."""
        return ()

    def refusal(self) -> str:
        """Why nobody may use it on this site, in a sentence; empty where everybody may."""
        return ""

    def summary(self, options: Values) -> str:
        """Where its messages go, in a few words and without a secret."""
        return ""

    def problem(self, options: Values) -> str:
        """Why nothing would arrive, in a sentence with the way out; empty where it should."""
        return ""

    def render(self, message: Message, options: Values) -> Rendered:
        """The message in the provider's words, as it is kept and shown."""
        return Rendered(message.title, message.text)

    def send(self, message: Message, options: Values, transport: "Transport") -> Receipt:
        """Hand it over, within the transport's deadline. Raises Temporary or Permanent."""
        raise NotImplementedError


KINDS: Registry[ChannelKind] = Registry("alerts.channels")
