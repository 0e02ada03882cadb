"""The language of texts of one's own, in mails and webhooks: $VARIABLES stand for what a message says.

That is all there is to it: no expression, no loop, no file and no way to an object (it is that of Python's
string.Template). Template languages that can do more were the way into other monitors (GHSA-vffh-c9pq-4crh).
"""

import difflib
from collections.abc import Mapping
from datetime import UTC, datetime
from string import Template
from zoneinfo import ZoneInfo

from alerts.channels.base import Event, Message
from alerts.domain.escalation import words

VARIABLES = {
    "EVENT": "what it is about: down, reminder, up, expiry, digest, channel, test",
    "MESSAGE_ID": "the same when it is sent once more",
    "TITLE": "the message in a line",
    "TEXT": "the message in a sentence or two",
    "URL": "the incident's page",
    "TEAM": "the team's name",
    "SEVERITY": "low, high or critical",
    "SENT_AT": "when the message was made, ISO 8601 in UTC",
    "MONITOR_ID": "of the monitor",
    "MONITOR": "its name",
    "TARGET": "its address",
    "INCIDENT_ID": "of the incident",
    "INCIDENT_KIND": "outage, certificate, domain or manual",
    "CAUSE": "why, in a sentence",
    "REGIONS": "where it was seen, with commas between",
    "STARTED_AT": "when it began, ISO 8601 in UTC",
    "RESOLVED_AT": "when it ended; empty while it lasts",
    "ACKNOWLEDGED_AT": "when somebody acknowledged it; empty before",
    "ACKNOWLEDGED_BY": "who that was",
    "STARTED": "when it began, in the reader's words and time zone",
    "RESOLVED": "likewise, when it ended; empty while it lasts",
    "DURATION": "how long it has lasted",
    "FACTS": "monitor, cause, times, regions and severity, a line each; a table in HTML",
    "MESSAGES": "of a digest: what it tells, a line each; a list in HTML",
    "ACKNOWLEDGE_URL": "the link that acknowledges; empty where there is nothing to acknowledge",
    "SETTINGS_URL": "where what is sent can be changed",
    "COLOR": "red while it is down, green when it is up again, as HTML writes it",
}
COLORS = {Event.DOWN: "#c41c2b", Event.REMINDER: "#c41c2b", Event.UP: "#117a39", Event.EXPIRY: "#8f5400"}
PLAIN_COLOR = "#3d4ee0"
MOST_VARIABLES = 200


class TemplateError(ValueError):
    """What is wrong with a template, in a sentence that names the line and the way out."""

    def __init__(self, said: str, line: int | None = None) -> None:
        super().__init__(f"Line {line}: {said}" if line else said)


def check(text: str) -> None:
    """Raises TemplateError with the first thing in a template that stands for nothing."""
    count = 0
    for number, line in enumerate(text.split("\n"), 1):
        template = Template(line)
        if not template.is_valid():
            raise TemplateError("a dollar sign here begins no variable. Write $$ for a dollar sign.", number)
        names = template.get_identifiers()
        count += sum(1 for each in Template.pattern.finditer(line) if each["named"] or each["braced"])
        if unknown := [name for name in names if name not in VARIABLES]:
            raise TemplateError(f"There is no ${unknown[0]}. {_instead(unknown[0])}", number)
    if count > MOST_VARIABLES:
        raise TemplateError(f"There are {count} variables in it. Use at most {MOST_VARIABLES}.")


def _instead(name: str) -> str:
    near = difflib.get_close_matches(name.upper(), VARIABLES, 1)
    return f"Did you mean ${near[0]}?" if near else f"There are: {', '.join('$' + each for each in VARIABLES)}."


def filled(text: str, said: Mapping[str, str], longest: int | None = None) -> str:
    """The template with these values. A line whose variables are all empty is left out. Raises TemplateError where one
    is unknown, or the whole becomes longer than `longest` characters."""
    lines, size = [], 0
    for number, line in enumerate(text.split("\n"), 1):
        template = Template(line)
        names = template.get_identifiers()
        if names and not any(said.get(name, "?") for name in names):
            continue
        try:
            lines.append(template.substitute(said))
        except KeyError as error:
            raise TemplateError(f"There is no ${error.args[0]}.", number) from None
        except ValueError:
            raise TemplateError("a dollar sign here begins no variable.", number) from None
        size += len(lines[-1]) + 1
        if longest and size > longest:
            raise TemplateError(f"it becomes longer than {longest:,} characters here.", number)
    return "\n".join(lines)


def values(message: Message) -> dict[str, str]:
    """What each variable stands for, as text."""
    return {
        "EVENT": message.event.value,
        "MESSAGE_ID": message.key,
        "TITLE": message.title,
        "TEXT": message.text,
        "URL": message.url,
        "TEAM": message.team,
        "SEVERITY": message.severity.value,
        "SENT_AT": iso(message.at),
        "FACTS": "\n".join(f"{label}: {value}" for label, value in message.facts),
        "MESSAGES": "\n".join(f"- {line}" for line in message.lines),
        "ACKNOWLEDGE_URL": message.acknowledge_url,
        "SETTINGS_URL": message.settings_url,
        "COLOR": COLORS.get(message.event, PLAIN_COLOR),
        **_of_the_incident(message),
    }


def _of_the_incident(message: Message) -> dict[str, str]:
    about, zone = message.subject, ZoneInfo(message.zone)
    if about is None:
        names = ("MONITOR_ID", "MONITOR", "TARGET", "INCIDENT_ID", "INCIDENT_KIND", "CAUSE", "REGIONS", "STARTED_AT",
                 "RESOLVED_AT", "ACKNOWLEDGED_AT", "ACKNOWLEDGED_BY", "STARTED", "RESOLVED", "DURATION")  # fmt: skip
        return dict.fromkeys(names, "")
    return {
        "MONITOR_ID": str(about.monitor_id or ""),
        "MONITOR": about.monitor,
        "TARGET": about.target,
        "INCIDENT_ID": str(about.id),
        "INCIDENT_KIND": about.kind,
        "CAUSE": about.cause,
        "REGIONS": ", ".join(about.regions),
        "STARTED_AT": iso(about.started_at),
        "RESOLVED_AT": iso(about.resolved_at),
        "ACKNOWLEDGED_AT": iso(about.acknowledged_at),
        "ACKNOWLEDGED_BY": about.acknowledged_by,
        "STARTED": moment_words(about.started_at, zone),
        "RESOLVED": moment_words(about.resolved_at, zone) if about.resolved_at else "",
        "DURATION": words((about.resolved_at or message.at) - about.started_at),
    }


def iso(moment: datetime | None) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else ""


def moment_words(moment: datetime, zone: ZoneInfo) -> str:
    """27 Nov 2026, 07:39:05 UTC."""
    local = moment.astimezone(zone)
    return f"{local.day} {local:%b %Y, %H:%M:%S %Z}"
