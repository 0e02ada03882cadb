"""Signed addresses by which a script starts and ends maintenance, such as `curl -X POST` in a deployment.

Whoever knows one may do that for its monitor, or for its whole team, and nothing else. It works until it is revoked.
Opening one changes nothing; only a POST does.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from math import ceil

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from accounts.models import Team, User
from incidents import maintaining
from incidents.links import LinkError
from incidents.models import Maintenance, MaintenanceLink
from monitors.models import Monitor

SALT = "incidents.maintenance"
MINUTES = 30  # where nothing else is said
MOST_MINUTES = 43_200  # incidents.domain.maintenance.LONGEST


def make(team: Team, user: User | None, name: str, monitor: Monitor | None = None) -> MaintenanceLink:
    """For one monitor, or for all of the team."""
    return MaintenanceLink.objects.create(team=team, created_by=user, name=name, monitor=monitor)


def address(link: MaintenanceLink) -> str:
    """The same each time it is asked for, so that it can be shown again."""
    token = signing.Signer(salt=SALT).sign_object({"m": link.pk})
    return settings.BASE_URL + reverse("incidents:maintenance_link", args=[token])


def follow(token: str) -> MaintenanceLink:
    """Raises LinkError for an address that is forged, revoked, or of a monitor that was deleted."""
    try:
        said = signing.Signer(salt=SALT).unsign_object(token)
    except signing.BadSignature as error:
        raise LinkError("This address is not whole. Copy it from the maintenance page once more.") from error
    link = MaintenanceLink.objects.filter(pk=said["m"]).select_related("team", "monitor", "maintenance").first()
    if link is None:
        raise LinkError("This address was revoked. Make another one on the maintenance page.")
    if link.monitor and link.monitor.deleted_at:
        raise LinkError("The monitor this address is about was deleted.")
    return link


def minutes_of(said: Mapping[str, str]) -> int:
    """How long maintenance is to last by a body or a query string. Raises ValueError with a sentence."""
    text = said.get("minutes", "").strip() or str(MINUTES)
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= MOST_MINUTES):
        raise ValueError(f"minutes: write a whole number from 1 to {MOST_MINUTES}, as in minutes=30.")
    return int(text)


def under_way(link: MaintenanceLink, now: datetime) -> datetime | None:
    """Until when what it started lasts; None where that is over."""
    row = link.maintenance
    coming = maintaining.coming(row, now, 1) if row else []
    return coming[0].end if coming and coming[0].start <= now else None


@transaction.atomic
def start(link: MaintenanceLink, minutes: int) -> datetime:
    """Begin now, for so many minutes; returns until when. What it started before, and is under way, is made longer and
    never shorter: two deployments may overlap."""
    now, link = timezone.now(), _lock(link)
    row, until = link.maintenance, under_way(link, now)
    end = max(until or now, now + timedelta(minutes=minutes))
    if row is None or row.rule:  # somebody has made another one of it meanwhile
        row, until = Maintenance(team_id=link.team_id, created_by=link.created_by), None
    if until is None:
        row.starts_at, row.ended_at = now, None
    row.name, row.everything, row.time_zone = link.name, link.monitor is None, "UTC"
    row.length = ceil((end - row.starts_at).total_seconds())
    maintaining.save(row, [link.monitor] if link.monitor else [])
    link.maintenance, link.used_at = row, now
    link.save(update_fields=["maintenance", "used_at"])
    return row.starts_at + timedelta(seconds=row.length)


@transaction.atomic
def end(link: MaintenanceLink) -> bool:
    """End what it started; False where nothing is under way."""
    now, link = timezone.now(), _lock(link)
    if link.maintenance is None or under_way(link, now) is None:
        return False
    maintaining.end(link.maintenance)
    MaintenanceLink.objects.filter(pk=link.pk).update(used_at=now)
    return True


def revoke(link: MaintenanceLink) -> None:
    """It works no more. What it started goes on."""
    link.delete()


def _lock(link: MaintenanceLink) -> MaintenanceLink:
    MaintenanceLink.objects.select_for_update().get(pk=link.pk)
    return MaintenanceLink.objects.select_related("team", "monitor", "maintenance", "created_by").get(pk=link.pk)
