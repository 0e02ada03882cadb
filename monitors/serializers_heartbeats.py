"""Between a heartbeat and its JSON in Better Stack's words; see monitors.serializers.

Options appear under the wire's name where it has one (NAMES), and under the name of their form field otherwise.
"""

from functools import cache
from typing import Any

from django import forms

from monitors import queries_heartbeats
from monitors.forms import MonitorForm
from monitors.judged.heartbeat import KIND, DurationField, Options
from monitors.serializers import BLANK, BOOLEAN, iso, policy_id

# What the wire's clients expect to find and we do not have; the values say so truly: nobody is told by these means.
ABSENT: dict[str, Any] = {
    "call": False,
    "sms": False,
    "email": False,
    "push": False,
    "critical_alert": False,
    "team_wait": None,
    "heartbeat_group_id": None,
    "sort_index": None,
    "maintenance_from": None,
    "maintenance_to": None,
    "maintenance_days": [],
    "maintenance_timezone": None,
}
NAMES = {"target": "slug", "time_zone": "server_timezone"}
FIELDS = {"name": MonitorForm.base_fields["name"], "target": MonitorForm.base_fields["target"], **Options.base_fields}
REQUIRED = ("period", "grace")  # by the wire, though the form has defaults


def wire_name(name):
    return NAMES.get(name, name)


def resource(monitor):
    """`monitor` as an object of the wire. Reads its state, team and heartbeat."""
    return {"id": str(monitor.pk), "type": "heartbeat", "attributes": attributes(monitor)}


def attributes(monitor):
    state, heartbeat = monitor.state, monitor.heartbeat
    where = queries_heartbeats.addresses(monitor)
    options = {**_defaults(), **monitor.options}
    return {
        **ABSENT,
        "url": where.better_stack,
        "ping_url": where.uuid,
        "name": monitor.name,
        "slug": monitor.target,
        **{wire_name(name): options[name] for name in Options.base_fields},
        "policy_id": policy_id(monitor),
        "status": state.status,
        "flags": [name for name in ("late", "flapping") if getattr(state, name)],
        "paused": monitor.paused,
        "paused_at": iso(state.since) if monitor.paused else None,
        "last_ping_at": iso(heartbeat.last_ping_at),
        "due_at": iso(heartbeat.due_at),
        "pings": heartbeat.pings,
        "last_reason": state.last_reason or None,
        "last_detail": state.last_detail or None,
        "last_duration_ms": state.last_response_ms,
        "team_name": monitor.team.name,
        "created_at": iso(monitor.created_at),
        "updated_at": iso(monitor.updated_at),
    }


@cache
def _defaults():
    return Options.defaults()


class HeartbeatBody:
    """A flat body of attributes, read into the monitor form; as monitors.serializers.MonitorBody."""

    def __init__(self, body, *, team, user, instance=None):
        self.body, self.instance, self.errors = body, instance, {}
        given = {name: self._read(name, field) for name, field in FIELDS.items() if wire_name(name) in body}
        if instance is None:
            self._want(given)
        self.form = MonitorForm.of(given, team=team, user=user, instance=instance, kind=KIND.name)
        self.paused = self._paused()
        self._collect()

    def save(self):
        """The monitor, made or changed; an existing one is paused or resumed by its own verbs."""
        return self.form.save() if self.instance else self.form.save(paused=self.paused)

    def _want(self, given):
        for name in REQUIRED:
            if name not in given and (name != "period" or given.get("schedule", "period") == "period"):
                self._refuse(name, BLANK)

    def _paused(self):
        paused = self.body.get("paused")
        if paused is None:
            return self.instance.paused if self.instance else False
        return paused if isinstance(paused, bool) else self._refuse("paused", BOOLEAN)

    def _read(self, name, field):
        value = self.body[wire_name(name)]
        if value is None:
            return field.initial if field.initial is not None else ""
        if isinstance(field, forms.BooleanField):
            return value if isinstance(value, bool) else self._refuse(wire_name(name), BOOLEAN)
        if isinstance(field, DurationField):
            known = isinstance(value, int | str) and not isinstance(value, bool)
            return value if known else self._refuse(wire_name(name), "This must be a number of seconds.")
        return value if isinstance(value, str) else self._refuse(wire_name(name), "This must be text.")

    def _refuse(self, wire, text):
        self.errors.setdefault(wire, [text])
        return ""

    def _collect(self):
        if self.form.is_valid():
            return
        for name, errors in self.form.errors.as_data().items():
            texts = [BLANK if error.code == "required" else text for error in errors for text in error]
            self.errors.setdefault(wire_name(name), texts)
