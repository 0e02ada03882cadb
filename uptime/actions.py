"""What people do, where more than one app is concerned: each verb is one transaction over several apps' services.

Pages, REST endpoints and the admin call these. Every verb may be repeated, wakes dispatch once the change is committed
instead of leaving it to wait for its turn, and tells open pages that there is something new to draw.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from accounts.models import Team
from alerts.models import Policy
from alerts.services import policies
from incidents import services as incidents
from monitors import live
from monitors.judged.heartbeat import KIND
from monitors.models import DeadLetter, Monitor, Region, TestRun
from monitors.probes.reasons import Reason
from monitors.services import deadletters, edit, regions, testruns
from monitors.services.changes import StatusChange
from uptime import localregions, practice, recording, tasks

logger = logging.getLogger(__name__)


def create(team, user, fields: dict) -> Monitor:
    """A new monitor of `team`; its first check is on its way when this returns."""
    with transaction.atomic():
        monitor = edit.create(team, user, fields)
    _tell(monitor)
    return monitor


def create_all(team, user, wanted: Sequence[dict]) -> list[Monitor]:
    """Several new monitors of `team`, all or none; what it watches already is not made again."""
    made = []
    with transaction.atomic():
        Team.objects.select_for_update().get(pk=team.pk)  # a second click waits here, and finds them made
        for fields in wanted:
            same = {"kind": fields["kind"], "target": fields["target"]}
            if not team.monitors.alive().filter(**same).exists():
                made.append(edit.create(team, user, fields))
    if made:
        _tell(made[0])
    return made


def create_heartbeat(ping_key: str, slug: str) -> bool:
    """A new heartbeat that a job names by itself. False when no team has this key."""
    with transaction.atomic():
        team = Team.objects.select_for_update().filter(ping_key=ping_key).first()
        if team and not team.monitors.alive().filter(kind=KIND.name, target=slug).exists():
            options = {**KIND.Options.defaults(), "manual_resume": False}
            _tell(edit.create(team, None, {"kind": KIND.name, "name": slug, "target": slug, **KIND.columns(options)}))
    return team is not None


def change(monitor: Monitor, fields: dict) -> Monitor:
    with transaction.atomic():
        edit.change(monitor, fields)
    _tell(monitor)
    return monitor


def pause(monitor: Monitor) -> None:
    _change_status(monitor, edit.pause)


def resume(monitor: Monitor) -> None:
    _change_status(monitor, edit.resume)


def delete(monitor: Monitor) -> None:
    """Hide it everywhere; `restore` undoes that until it is purged, an hour later."""
    _change_status(monitor, edit.delete)


def restore(monitor: Monitor) -> None:
    _change_status(monitor, edit.restore)


def check_now(monitor: Monitor) -> bool:
    """False when it is paused or a check is already waiting."""
    asked = edit.check_now(monitor)
    if asked:
        _tell(monitor)
    return asked


def try_out(
    team, user, trials: Sequence[testruns.Trial], where: Sequence[Region], *, monitor: Monitor | None = None, address=""
) -> TestRun:
    """Try settings out from regions; the answers come to the run that is returned. `address`: see testruns.start.

    Raises testruns.TooManyTestsError. A broker that is away is what the run then says of every region."""
    try:
        silent = tasks.silent_regions()
    except OperationalError:
        silent = dict.fromkeys((region.pk for region in where), Reason.NOT_DISPATCHED)
    with transaction.atomic():
        started = testruns.start(
            team, user, trials, where, timezone.now(), silent=silent, monitor=monitor, address=address
        )
    for region, checks in started.checks.items():
        try:
            tasks.publish_tests(region, checks)
        except OperationalError:
            testruns.not_sent(started.run, region)
    return started.run


def add_region(slug: str, name: str, same_machine: bool, addresses: Sequence[str] = ()) -> Region:
    """A new region; on this machine the supervisor starts its worker within seconds."""
    region = regions.add(slug, name, same_machine, addresses)
    _write_local_regions()
    return region


def edit_region(region: Region, name: str, addresses: Sequence[str]) -> None:
    regions.edit(region, name, addresses)


def remove_region(region: Region) -> None:
    """Raises monitors.services.regions.RegionInUseError while a monitor would be left without any region."""
    with transaction.atomic():
        regions.remove(region)
    _write_local_regions()


@dataclass(frozen=True, slots=True)
class PracticeSite:
    """The website of `make run` that newcomers may break."""

    url: str
    mode: str


def practice_site() -> PracticeSite | None:
    """None where no practice site runs, as in production."""
    url = practice.practice_url()
    mode = practice.get_mode() if url else None
    return PracticeSite(url, mode) if url and mode else None


def set_practice(mode: str) -> None:
    practice.set_mode(mode)


def policy_of(team: Team, text: str) -> Policy:
    """The team's policy of an id somebody wrote. Raises ValueError with a sentence where it has none."""
    return policies.find(team, text)


def assign_policy(monitor: Monitor, policy: Policy | None) -> None:
    """From now on its alerts go by this policy, or by the team's default."""
    with transaction.atomic():
        policies.choose(monitor, policy)
    live.bump([monitor.team_id])


def replay(letters: Iterable[DeadLetter]) -> tuple[int, int]:
    """Take dead letters once more, the oldest first: how many were stored and are gone, and how many were not."""
    done = [recording.replay(letter) for letter in sorted(letters, key=lambda letter: letter.pk)]
    return done.count(True), done.count(False)


def purge(ids: Iterable[int]) -> int:
    """Remove dead letters for good; returns how many there were."""
    return deadletters.purge(ids)


def write_down(changes: list[StatusChange]) -> None:
    """Incidents and outbox rows of some changes of status, within the transaction that made them."""
    incidents.apply(changes)


def _change_status(monitor: Monitor, verb) -> None:
    with transaction.atomic():
        changed = verb(monitor)
        if changed:
            write_down([changed])
    _tell(monitor)


def _tell(monitor: Monitor) -> None:
    """After the commit: pages redraw, and dispatch runs now. Both are conveniences that may fail."""

    def commit() -> None:
        live.bump([monitor.team_id])
        try:
            tasks.dispatch.apply_async()
        except OperationalError:
            logger.warning("The broker is away: %s is checked when dispatch runs again", monitor)

    transaction.on_commit(commit)


def _write_local_regions() -> None:
    localregions.write(regions.as_file())
