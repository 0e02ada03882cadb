"""When what a monitor watches runs out, as pages say it: a certificate or a domain, and how soon."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from monitors.probes.kinds import KINDS

# By the option that holds the first threshold: what ends. Incidents of them are of a kind of this name.
WATCHED = {"certificate_days": "certificate", "domain_days": "domain"}
EXPIRIES = tuple(WATCHED.values())
URGENT = timedelta(days=3)


@dataclass(frozen=True)
class Ending:
    """`noun`: what ends; `left`: how long it lasts, negative once it has ended; `tone`: "warn" or "down" where it is
    near, else empty."""

    noun: str
    at: datetime
    left: timedelta
    tone: str

    @property
    def words(self):
        """ "expires in 41 days", "expired 2 days ago"."""
        span = abs(self.left)
        count, unit = (span.days, "day") if span.days else (span.seconds // 3600, "hour")
        some = f"{count} {unit}{'' if count == 1 else 's'}" if count else "less than an hour"
        return f"expired {some} ago" if self.left < timedelta() else f"expires in {some}"


def first_threshold(monitor):
    """What of a monitor ends, and from how many days before people are told of it; None: nothing does."""
    fields = KINDS.get(monitor.kind).Options.base_fields
    for name, noun in WATCHED.items():
        if name in fields:
            return noun, monitor.options.get(name, fields[name].initial)
    return None


def ending(monitor, now):
    """The Ending of a monitor whose state is loaded; None while nobody has seen one."""
    watched, at = first_threshold(monitor), monitor.state.expires_at
    if watched is None or at is None:
        return None
    noun, first = watched
    left = at - now
    tone = "down" if left <= URGENT else "warn" if left <= timedelta(days=first) else ""
    return Ending(noun, at, left, tone)
