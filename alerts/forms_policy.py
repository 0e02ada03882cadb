"""A policy's settings and steps as a page and the API fill them in."""

from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q

from accounts.models import User
from alerts.domain import escalation
from alerts.domain.escalation import Severity, Whom, WhomKind
from alerts.forms import SEVERITY_CHOICES
from alerts.models import DAYS, Channel, MonitorPolicy, Policy, all_severities
from alerts.services import policies
from uptime.lib import durations
from uptime.lib.zones import time_zones

MAX_STEPS = 20
EMPTY_STEP = {"severities": all_severities()}
LONGEST = 7 * 86_400  # seconds after which a step may come
REMINDERS = [
    (0, "Never"),
    (900, "Every 15 minutes"),
    (3600, "Every hour"),
    (21_600, "Every 6 hours"),
    (86_400, "Every day"),
]


class LengthField(forms.CharField):
    """A length of time as people write it; cleans to seconds."""

    def __init__(self, *, shortest=0, longest=LONGEST, **more):
        super().__init__(**more)
        self.shortest, self.longest = shortest, longest

    def clean(self, value):
        text = super().clean("" if value is None else str(value))
        if not text:
            return self.shortest
        try:
            seconds = durations.parse(text)
        except ValueError as error:
            raise ValidationError(str(error)) from error
        if not self.shortest <= seconds <= self.longest:
            least, most = durations.words(self.shortest), durations.words(self.longest)
            raise ValidationError(f"From {least} to {most}.")
        return seconds

    def prepare_value(self, value):
        if value == 0:
            return ""
        return durations.words(value) if isinstance(value, int) else value


class StepForm(forms.Form):
    """One step. Without somebody to tell it is left out."""

    use_required_attribute = False

    whom = forms.ChoiceField(label="Tell", required=False)
    after = LengthField(label="After", required=False, help_text="Such as 5 min. Empty: at once.")
    severities = forms.MultipleChoiceField(
        label="Severities", choices=SEVERITY_CHOICES, required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args, choices, **more):
        super().__init__(*args, **more)
        field = self.fields["whom"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        field.choices = choices

    def clean(self):
        cleaned = super().clean() or {}
        cleaned["severities"] = cleaned.get("severities") or all_severities()
        return cleaned


def whom_choices(team, user, instance=None):
    """Who can be told, by the text that stands for them."""
    usable = Q(member=None) | Q(member=user)
    if instance:
        usable |= Q(steps__policy=instance)
    channels = Channel.objects.filter(team=team).filter(usable).distinct().order_by("name", "id")
    members = User.objects.filter(memberships__team=team).order_by("username")
    return [
        ("", "Nobody"),
        ("People", [(WhomKind.OWNERS.value, "The owners"), (WhomKind.TEAM.value, "The whole team")]
         + [(f"member:{each.pk}", each.username) for each in members]),
        ("Channels", [(f"channel:{each.pk}", f"{each.name} ({each.about.label})") for each in channels]),
    ]  # fmt: skip


class PolicyForm(forms.Form):
    """Settings of a new policy of `team`, or of `instance`, with its steps."""

    use_required_attribute = False

    name = forms.CharField(label="Name", max_length=100)
    repeats = forms.IntegerField(
        label="Repeat all steps",
        min_value=0,
        max_value=20,
        required=False,
        help_text="So many times more, until somebody acknowledges.",
    )
    repeat_every = LengthField(
        label="Time before they are repeated", shortest=60, longest=86_400, required=False, help_text="Such as 30 min."
    )
    remind_every = forms.TypedChoiceField(
        label="Remind while it lasts",
        choices=REMINDERS,
        coerce=int,
        required=False,
        help_text="Those who were told before, until it is resolved.",
    )
    tell_recovery = forms.BooleanField(label="Tell when it is up again", required=False, initial=True)
    tell_expiry = forms.BooleanField(
        label="Tell of certificates and domains that end soon", required=False, initial=True
    )
    quiet_from = forms.TimeField(label="From", required=False, widget=forms.TimeInput(attrs={"placeholder": "22:00"}))
    quiet_to = forms.TimeField(label="To", required=False, widget=forms.TimeInput(attrs={"placeholder": "07:00"}))
    quiet_zone = forms.CharField(
        label="Time zone", required=False, max_length=64, help_text="Such as Europe/Berlin. Empty: UTC."
    )
    quiet_days = forms.TypedMultipleChoiceField(
        label="On nights that begin on",
        choices=list(enumerate(DAYS)),
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None chosen: all.",
    )
    quiet_up_to = forms.ChoiceField(
        label="What waits until they are over",
        choices=[("low", "Low severity"), ("high", "Low and high severity"), ("critical", "Everything")],
        required=False,
    )

    def __init__(self, data=None, *, team, user, instance=None, extra=0):
        """`extra`: empty steps shown behind the others."""
        self.team, self.instance = team, instance
        super().__init__(data, initial=_initial(instance))
        choices, stored = whom_choices(team, user, instance), _steps(instance)
        count = _count(data) if data is not None else len(stored)
        count = max(1, min(MAX_STEPS, count + extra))
        self.steps = [
            StepForm(data, prefix=f"step-{at}", choices=choices, initial=stored[at] if at < len(stored) else EMPTY_STEP)
            for at in range(count)
        ]
        if data is not None and extra:
            for at in range(count - extra, count):
                self.steps[at] = StepForm(None, prefix=f"step-{at}", choices=choices, initial=EMPTY_STEP)

    def section(self, *names):
        return [self[name] for name in names]

    @property
    def repeating(self):
        return self.section("repeats", "repeat_every", "remind_every", "tell_recovery", "tell_expiry")

    @property
    def quiet(self):
        return self.section("quiet_from", "quiet_to", "quiet_zone", "quiet_up_to", "quiet_days")

    def is_valid(self):
        return all([super().is_valid(), *(step.is_valid() for step in self.steps if step.is_bound)])

    def clean_quiet_zone(self):
        zone = self.cleaned_data["quiet_zone"]
        if zone and zone not in time_zones():
            raise ValidationError(f"“{zone[:60]}” is no time zone. Use a name such as Europe/Berlin.")
        return zone

    def clean(self):
        cleaned = super().clean() or {}
        for name in ("repeats", "remind_every"):
            cleaned[name] = cleaned.get(name) or 0
        cleaned["quiet_up_to"] = cleaned.get("quiet_up_to") or Severity.LOW.value
        starts, ends = cleaned.get("quiet_from"), cleaned.get("quiet_to")
        if (starts is None) != (ends is None) and not {"quiet_from", "quiet_to"} & set(self.errors):
            self.add_error("quiet_to" if ends is None else "quiet_from", "Quiet hours need both: from and to.")
        if starts is not None and starts == ends:
            self.add_error("quiet_to", "Quiet hours end at another time than they begin.")
        return cleaned

    def chosen_steps(self) -> list[dict[str, Any]]:
        """The fields of each Step, in the order they are taken."""
        found = [
            {"after": step.cleaned_data["after"], "severities": step.cleaned_data["severities"], **named(whom)}
            for step in self.steps
            if step.is_bound and (whom := step.cleaned_data.get("whom"))
        ]
        return sorted(found, key=lambda step: step["after"])

    def rules(self) -> escalation.Policy:
        """The policy as it would be, for a preview; of a valid form."""
        fields = {name: value for name, value in self.cleaned_data.items() if name != "name"}
        unsaved = Policy(team=self.team, name=self.cleaned_data["name"], **fields)
        steps = tuple(
            escalation.Step(
                Whom(WhomKind(step["whom"]), str(step.get("channel_id") or step.get("member_id") or "")),
                timedelta(seconds=step["after"]),
                frozenset(Severity(each) for each in step["severities"]),
            )
            for step in self.chosen_steps()
        )
        return unsaved.rules_with(steps)

    def save(self) -> Policy:
        policy = self.instance or Policy(team=self.team)
        return policies.save(policy, self.cleaned_data, self.chosen_steps())


def named(text: str) -> dict[str, Any]:
    """The fields of a Step that a choice of `whom_choices` stands for."""
    kind, _, name = text.partition(":")
    if kind == WhomKind.CHANNEL:
        return {"whom": kind, "channel_id": int(name)}
    return {"whom": kind, "member_id": name} if kind == WhomKind.MEMBER else {"whom": kind}


def whom_text(step) -> str:
    """The choice that stands for a Step's whom."""
    name = step.channel_id or step.member_id
    return f"{step.whom}:{name}" if name else step.whom


def _initial(policy):
    if policy is None:
        return {"repeat_every": 1800, "tell_recovery": True, "tell_expiry": True, "repeats": 0}
    names = PolicyForm.base_fields
    return {name: getattr(policy, name) for name in names}


def _steps(policy):
    if policy is None:
        return [{"whom": WhomKind.OWNERS.value, "after": 0, "severities": all_severities()}]
    return [
        {"whom": whom_text(step), "after": step.after, "severities": step.severities} for step in policy.steps.all()
    ]


def _count(data):
    """How many steps a page posted."""
    return sum(f"step-{at}-whom" in data for at in range(MAX_STEPS))


class MonitorPolicyForm(forms.Form):
    """Which policy a monitor goes by."""

    use_required_attribute = False

    policy = forms.ModelChoiceField(Policy.objects.none(), label="Policy", required=False, empty_label="The default")
    severity = forms.ChoiceField(
        label="Severity of its incidents",
        choices=SEVERITY_CHOICES,
        required=False,
        help_text="Steps, quiet hours and people's own channels may go by it.",
    )

    def __init__(self, data=None, *, monitor):
        self.monitor = monitor
        own = MonitorPolicy.objects.filter(monitor=monitor).first()
        initial = {"policy": own and own.policy_id, "severity": own.severity if own else Severity.HIGH.value}
        super().__init__(data, initial=initial)
        field = self.fields["policy"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101
        field.queryset = Policy.objects.filter(team=monitor.team_id)

    def save(self):
        severity = self.cleaned_data["severity"] or Severity.HIGH.value
        policies.assign(self.monitor, self.cleaned_data["policy"], severity)
