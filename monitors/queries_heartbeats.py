"""Nouns that read: heartbeats as pages and programs show them."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models.functions import Length

from monitors.domain.heartbeat import next_times
from monitors.judged import heartbeat as kind
from monitors.judged.schedules import in_words
from monitors.models import Heartbeat, Ping
from monitors.queries import Slice
from monitors.times import from_ms, to_ms

PINGS_PER_PAGE = 25
TIMES_SHOWN = 5


@dataclass(frozen=True)
class Expected:
    """What is expected of a heartbeat, in words, and when."""

    words: str
    times: list[datetime]


def expected(options, now, since=None):
    """The schedule of these options, and the next times it names. `since`: a ping from which a period counts."""
    start = since if since and options["schedule"] == "period" else now
    rules = kind.settings(options, 0)
    times = [from_ms(ms) for ms in next_times(rules, to_ms(start), TIMES_SHOWN)]
    return Expected(in_words(options), times)


@dataclass(frozen=True)
class Addresses:
    """Where a heartbeat is pinged, as each kind of client is used to."""

    uuid: str
    slug: str
    better_stack: str
    push: str
    gatus_token: str


def addresses(monitor):
    heartbeat, base = monitor.heartbeat, settings.BASE_URL
    return Addresses(
        uuid=f"{base}/ping/{heartbeat.uuid}",
        slug=f"{base}/ping/{monitor.team.ping_key}/{monitor.target}" if monitor.target else "",
        better_stack=f"{base}/api/v1/heartbeat/{heartbeat.token}",
        push=f"{base}/api/push/{heartbeat.token}",
        gatus_token=heartbeat.token,
    )


def log(monitor, page=1):
    """A Slice of its pings, newest first, without their bodies but with the `size` that was kept of each."""
    number = int(page) if len(str(page)) < 5 and str(page).isdecimal() and int(page) else 1
    first = (number - 1) * PINGS_PER_PAGE
    rows = Ping.objects.filter(heartbeat=monitor.pk).defer("body").annotate(size=Length("body"))
    found = list(rows[first : first + PINGS_PER_PAGE + 1])
    return Slice(found[:PINGS_PER_PAGE], number, len(found) > PINGS_PER_PAGE)


def ping(monitor, n):
    """One ping with its body, or None."""
    return Ping.objects.filter(heartbeat=monitor.pk, n=n).first()


def runs(heartbeat: Heartbeat):
    """When the runs began that have not ended, oldest first."""
    return sorted(from_ms(start) for start in heartbeat.runs.values())
