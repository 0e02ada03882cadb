"""Gives a running installation teams that are told of their monitors by a webhook each, and monitors that are only
there; then lets them all go down. A program of its own, with the installation's DATA_DIR.

python -m bench.teams '{"sites": "http://127.0.0.1:8080/site", "teams": [["http://127.0.0.1:8080/hook/1", 20]],
                        "interval": 30, "others": 15000, "fall_within": 0}'

`interval` 0: nobody checks them. `fall_within`: seconds in which they go down, by the service that the results worker
calls; 0: they stay as they are.
"""

import json
import sys
import time
from typing import Any

from bench import load

# isort: split
# Whoever loads models comes after bench.load, which makes Django ready.
from django.db import transaction
from django.utils import timezone

from accounts.models import Team
from alerts.models import Channel, Step
from alerts.services import policies
from incidents import services as incidents
from monitors.domain.verdict import Status
from monitors.models import Monitor, Region, State
from monitors.services.changes import Shifts, move

OTHERS_EVERY_S = 86_400
PER_MESSAGE = 20  # that go down in one transaction, as many as a results worker may find in one message
OTHERS = "others"


def told(hook: str) -> Team:
    """A team whose default policy tells one webhook, at once."""
    team = Team.objects.create(name=hook.partition("//")[2].partition("/")[2])
    channel = Channel.objects.create(
        team=team, kind="webhook", name="Hook", secrets={"url": hook}, options={"method": "POST", "verify_tls": True}
    )
    policy = policies.ensure_default(team)
    policy.steps.all().delete()
    Step.objects.create(policy=policy, position=1, whom="channel", channel=channel)
    return team


def fall(within: float) -> None:
    """Every monitor that somebody is told of, in an even stream."""
    monitors = list(Monitor.objects.exclude(team__name=OTHERS).order_by("?"))
    began, pause = time.monotonic(), within * PER_MESSAGE / len(monitors)
    for number, first in enumerate(range(0, len(monitors), PER_MESSAGE)):
        time.sleep(max(0.0, began + number * pause - time.monotonic()))
        _fall(monitors[first : first + PER_MESSAGE])


@transaction.atomic
def _fall(monitors: list[Monitor]) -> None:
    now, why, changes = timezone.now(), {"cause": "status", "sentence": "Answered 500."}, []
    states, shifts = State.objects.select_for_update().in_bulk([each.pk for each in monitors]), Shifts()
    for monitor in monitors:
        state = states[monitor.pk]
        changes.append(move(monitor, state, Status.DOWN, now, shifts=shifts, why=why))
        state.verdict = Status.DOWN
    shifts.write()
    State.objects.bulk_create(
        states.values(), update_conflicts=True, unique_fields=["monitor"], update_fields=["status", "since", "verdict"]
    )
    incidents.apply(changes)


def main(wanted: dict[str, Any]) -> None:
    region = Region.objects.get(slug="local")
    idle = Team.objects.create(name=OTHERS)
    for first in range(0, wanted["others"], load.PART):
        count = min(load.PART, wanted["others"] - first)
        urls = [f"{wanted['sites']}/other-{first + number}" for number in range(count)]
        load.make(idle, region, urls, OTHERS_EVERY_S)
    for number, (hook, count) in enumerate(wanted["teams"]):
        urls = [f"{wanted['sites']}/{number}-{place}" for place in range(count)]
        load.make(told(hook), region, urls, wanted["interval"] or OTHERS_EVERY_S)
    if wanted["interval"]:
        load.schedule(wanted["interval"], Monitor.objects.exclude(team=idle))
    if wanted["fall_within"]:
        fall(wanted["fall_within"])


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
