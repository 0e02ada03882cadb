"""Whether pings could be taken: we ping ourselves the way jobs do, and where that broke off there is a gap."""

from datetime import datetime, timedelta

from django.db import transaction

from monitors.domain.heartbeat import Gap
from monitors.models import IngestGap, Pulse
from monitors.times import to_ms

PULSE = "ingest"
EVERY_S = 2.0  # between two pings to ourselves
BREAK = timedelta(seconds=5)  # a longer silence is a gap
RESTART = timedelta(seconds=3)  # and this one for a process that has just started: somebody was away before it
KEEP = timedelta(days=400)  # longer than any period: until then a heartbeat may still count from before the gap


@transaction.atomic
def alive(now: datetime, starting: bool = False) -> None:
    """A ping to ourselves has arrived."""
    pulse = Pulse.objects.select_for_update().filter(name=PULSE).first()
    if pulse is None:
        Pulse.objects.get_or_create(name=PULSE, defaults={"at": now, "since": now})
        return
    if now - pulse.at > (RESTART if starting else BREAK):
        IngestGap.objects.create(start=pulse.at, end=now)
        pulse.since = now
    pulse.at = max(pulse.at, now)
    pulse.save(update_fields=["at", "since"])


def gaps(since: datetime, now: datetime) -> list[Gap]:
    """The gaps that reach beyond `since`, and the one that is still open at `now`."""
    rows = IngestGap.objects.filter(end__gt=since).values_list("start", "end")
    found = [Gap(to_ms(start), to_ms(end)) for start, end in rows]
    pulse = Pulse.objects.filter(name=PULSE).first()
    if pulse and now - pulse.at > BREAK:
        found.append(Gap(to_ms(pulse.at), to_ms(now)))
    return sorted(found)
