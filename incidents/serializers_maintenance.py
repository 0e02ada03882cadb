"""Between maintenance and its JSON. A body is read into the form of the pages."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone

from incidents import maintaining
from incidents.forms_maintenance import MaintenanceForm
from incidents.maintenance_links import minutes_of
from incidents.models import Maintenance
from monitors.models import Monitor
from monitors.serializers import BLANK, BOOLEAN, iso

SHOWN = 5  # times to come
LIST = "This must be a list of ids of your team's monitors."
WIRE = {"monitors": "monitor_ids", "repeats": "rule"}


def maintenance(row: Maintenance) -> dict[str, Any]:
    now = timezone.now()
    coming = maintaining.coming(row, now, SHOWN)
    return {
        "id": str(row.pk),
        "type": "maintenance",
        "attributes": {
            "name": row.name,
            "everything": row.everything,
            "monitor_ids": [str(pk) for pk in sorted(monitor.pk for monitor in row.monitors.all())],
            "starts_at": iso(row.starts_at),
            "length": row.length,
            "rule": row.rule or None,
            "time_zone": row.time_zone,
            "under_way": bool(coming) and coming[0].start <= now,
            "coming": [{"starts_at": iso(each.start), "ends_at": iso(each.end)} for each in coming],
            "ended_at": iso(row.ended_at),
            "team_name": row.team.name,
            "created_at": iso(row.created_at),
        },
    }


class MaintenanceBody:
    """What the body leaves out keeps its value or default; a new one begins now where it says nothing else."""

    def __init__(self, data, *, team, user, instance=None):
        self.errors: dict[str, list[str]] = {}
        blank = MaintenanceForm(team=team, user=user, instance=instance)
        given = {"length": "1 h", **blank.initial}
        given["repeats"], given["rule"] = "own" if instance and instance.rule else "", instance.rule if instance else ""
        given["time_zone"] = self._text(data, "time_zone") or given["time_zone"]
        for name in ("name", "length"):
            if name in data:
                given[name] = self._text(data, name)
        if "rule" in data:
            given["rule"] = self._text(data, "rule")
            given["repeats"] = "own" if given["rule"] else ""
        if "starts_at" in data:
            given["starts_at"] = self._moment(data["starts_at"], given["time_zone"])
        given |= self._whom(data, given)
        self.form = MaintenanceForm(given, team=team, user=user, instance=instance)
        if not self.form.is_valid():
            for name, texts in self.form.errors.items():
                self.errors.setdefault(WIRE.get(name, name), [str(text) for text in texts])

    def save(self) -> Maintenance:
        return self.form.save()

    def _text(self, data, name) -> str:
        value = data.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if value is not None and not isinstance(value, str):
            self.errors[name] = ["This must be text."]
        return value.strip() if isinstance(value, str) else ""

    def _moment(self, value, zone) -> Any:
        """By the clock of the zone, which the form asks for; with an offset it is that moment wherever it is."""
        try:
            found = datetime.fromisoformat(value)
        except (TypeError, ValueError):
            self.errors["starts_at"] = ["Write it as in 2026-12-24T22:00:00Z."]
            return timezone.now()
        if found.tzinfo is None:
            return found.replace(microsecond=0)
        try:
            return found.astimezone(ZoneInfo(zone)).replace(tzinfo=None, microsecond=0)
        except (KeyError, ValueError, OverflowError):
            return found.replace(tzinfo=None, microsecond=0)  # the form says what is wrong with the zone

    def _whom(self, data, given) -> dict[str, Any]:
        """To name monitors means those alone, to say `everything` means all."""
        found: dict[str, Any] = {}
        if "monitor_ids" in data:
            found = {"monitors": _ids(data["monitor_ids"], self.errors), "everything": False}
        if "everything" in data:
            if not isinstance(data["everything"], bool):
                self.errors["everything"] = [BOOLEAN]
            found["everything"] = data["everything"] is not False
        return found


class StartBody:
    """Minutes, and perhaps monitors and a name."""

    def __init__(self, data, *, team):
        self.errors: dict[str, list[str]] = {}
        self.minutes, self.monitors = 0, []
        name = data.get("name") or ""
        if not isinstance(name, str) or len(name) > 100 or "\0" in name:
            self.errors["name"] = ["This must be text of at most 100 characters."]
        self.name = name
        self._minutes(data.get("minutes"))
        if data.get("monitor_ids") is not None:
            ids = _ids(data["monitor_ids"], self.errors)
            self.monitors = list(Monitor.objects.alive().filter(team=team, pk__in=ids))
            if len(self.monitors) != len(set(ids)) or not ids:
                self.errors.setdefault("monitor_ids", [LIST])

    def _minutes(self, value) -> None:
        if value is None or isinstance(value, bool):
            self.errors["minutes"] = [BLANK]
            return
        try:
            self.minutes = minutes_of({"minutes": str(value)})
        except ValueError as error:
            self.errors["minutes"] = [str(error).removeprefix("minutes: ").capitalize()]


def _ids(value, errors) -> list[int]:
    """The numbers in a list of ids; anything else is an error."""
    texts = [str(each) for each in value] if isinstance(value, list) else [""]
    if not all(text.isascii() and text.isdigit() and len(text) < 19 for text in texts):
        errors["monitor_ids"] = [LIST]
        return []
    return [int(text) for text in texts]
