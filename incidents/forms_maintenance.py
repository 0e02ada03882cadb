"""The one description of a maintenance: what pages ask for."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone

from incidents import maintaining
from incidents.domain import maintenance as rules
from incidents.forms import AboutForm
from incidents.models import Maintenance
from monitors.models import Monitor
from uptime.lib import durations
from uptime.lib.zones import time_zones

REPEATS = [
    ("", "Once"),
    ("FREQ=DAILY", "Every day"),
    ("FREQ=WEEKLY", "Every week, on this day"),
    ("FREQ=MONTHLY", "Every month, on this day"),
    ("own", "By a rule of my own"),
]


class MaintenanceForm(forms.Form):
    """Of a new maintenance of `team`, or of `instance`."""

    use_required_attribute = False

    name = forms.CharField(label="Name", max_length=100, error_messages={"required": "Give it a name."})
    starts_at = forms.DateTimeField(
        label="Begins",
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text="By the clock of the time zone below.",
        error_messages={"required": "When does it begin?", "invalid": "Write it as in 2026-12-24 22:00."},
    )
    length = forms.CharField(
        label="Lasts", max_length=40, initial="1 h", help_text="Such as 30 min or 2 h.",
        error_messages={"required": "How long does it last? Write it as in 30 min."},
    )  # fmt: skip
    time_zone = forms.ChoiceField(label="Time zone", choices=[])
    repeats = forms.ChoiceField(label="Repeats", choices=REPEATS, required=False)
    rule = forms.CharField(
        label="Rule",
        max_length=200,
        required=False,
        help_text="For “By a rule of my own”: an RRULE, such as FREQ=MONTHLY;BYDAY=1SU.",
    )
    everything = forms.BooleanField(label="All monitors of the team, new ones too", required=False)
    monitors = forms.ModelMultipleChoiceField(
        Monitor.objects.none(),
        label="Monitors",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": "Choose among your team’s monitors."},
    )

    def __init__(self, data=None, *, team, user, instance=None, initial=None):
        self.team, self.user, self.instance = team, user, instance
        super().__init__(data, initial={**self._initial(), **(initial or {})})
        fields: dict[str, Any] = self.fields
        fields["time_zone"].choices = [(zone, zone) for zone in time_zones()]
        fields["monitors"].queryset = Monitor.objects.alive().filter(team=team).order_by("name")

    def _initial(self) -> dict[str, Any]:
        row, zone = self.instance, self.user.time_zone or "UTC"
        if row is None:
            now = timezone.now().astimezone(ZoneInfo(zone)).replace(second=0, microsecond=0, tzinfo=None)
            return {"time_zone": zone, "starts_at": now}
        plain = row.rule in dict(REPEATS)
        return {
            "name": row.name,
            "starts_at": row.starts_at.astimezone(ZoneInfo(row.time_zone)).replace(tzinfo=None),
            "length": durations.words(row.length),
            "time_zone": row.time_zone,
            "repeats": row.rule if plain else "own",
            "rule": "" if plain else row.rule,
            "everything": row.everything,
            "monitors": list(row.monitors.values_list("pk", flat=True)),
        }

    def clean_length(self) -> int:
        try:
            seconds = durations.parse(self.cleaned_data["length"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error
        if not rules.SHORTEST <= timedelta(seconds=seconds) <= rules.LONGEST:
            raise forms.ValidationError("It lasts from 1 min to 30 d.")
        return seconds

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("repeats") == "own":
            try:
                if rules.parse(cleaned.get("rule") or "") is None:
                    self.add_error("rule", "Write the rule, such as FREQ=WEEKLY;BYDAY=SA,SU.")
            except ValueError as error:
                self.add_error("rule", str(error))
        else:
            cleaned["rule"] = cleaned.get("repeats") or ""
        if not cleaned.get("everything") and not cleaned.get("monitors") and "monitors" not in self.errors:
            self.add_error("monitors", "Choose some, or all monitors of the team.")
        return cleaned

    def save(self) -> Maintenance:
        cleaned = self.cleaned_data
        row = self.instance or Maintenance(team=self.team, created_by=self.user)
        for name in ("name", "length", "time_zone", "everything"):
            setattr(row, name, cleaned[name])
        row.rule = cleaned["rule"].strip().upper().removeprefix("RRULE:")
        local = cleaned["starts_at"].replace(tzinfo=ZoneInfo(cleaned["time_zone"]), fold=0)
        if row.starts_at != local:
            row.starts_at, row.ended_at = local, None
        maintaining.save(row, cleaned["monitors"])
        return row


class LinkForm(AboutForm):
    """A signed address by which a script starts maintenance, of one monitor of `team` or of all."""

    name = forms.CharField(
        label="Who uses it",
        max_length=100,
        help_text="Such as Deployment. The maintenance it starts is called so.",
        error_messages={"required": "Say who uses it, such as Deployment."},
    )
    monitor = forms.ModelChoiceField(
        Monitor.objects.none(),
        label="Monitor",
        required=False,
        empty_label="All monitors of the team",
        error_messages={"invalid_choice": "Choose one of your team’s monitors."},
    )
