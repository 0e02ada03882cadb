"""Between channels, policies, deliveries and their JSON. Policies are in Better Stack's words."""

from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS

from accounts.models import User
from alerts.channels import mailtext
from alerts.channels.base import KINDS, Event
from alerts.domain.escalation import WhomKind
from alerts.forms import ChannelForm, shown_options
from alerts.forms_mail import MailTemplateForm
from alerts.forms_policy import MAX_STEPS, PolicyForm, whom_text
from alerts.models import Channel, Delivery, MailTemplate, Policy, all_severities
from monitors.serializers import iso

# The wire's word for whom a step tells. Until there are calendars, the owners are on call.
MEMBER_TYPES = {WhomKind.TEAM: "entire_team", WhomKind.OWNERS: "current_on_call", WhomKind.MEMBER: "user"}
CHANNEL_TYPES = {"webhook": "webhook", "slack": "slack_integration", "teams": "microsoft_teams_integration",
                 "pagerduty": "pagerduty_integration"}  # fmt: skip
CHANNEL_WORDS = {"channel", "zapier_webhook", *CHANNEL_TYPES.values()}
POLICY_FIELDS = ("name", "tell_recovery", "tell_expiry", "quiet_zone", "quiet_days", "quiet_up_to")


# Channels -------------------------------------------------------------------------------------------------------------
def channel(found: Channel) -> dict[str, Any]:
    return {
        "id": str(found.pk),
        "type": "channel",
        "attributes": {
            "name": found.name,
            "kind": found.kind,
            "options": shown_options(found),
            "whose": "me" if found.member_id else "team",
            "severities": found.severities,
            "fallback": found.fallback_id and str(found.fallback_id),
            "per_minute": found.per_minute,
            "per_hour": found.per_hour,
            "enabled": found.enabled,
            "problem": found.problem or None,
            "last_ok_at": iso(found.last_ok_at),
            "last_failed_at": iso(found.last_failed_at),
            "last_error": found.last_error or None,
            "team_name": found.team.name,
            "created_at": iso(found.created_at),
            "updated_at": iso(found.updated_at),
        },
    }


class ChannelBody:
    """A flat body of attributes, `options` in an object of their own, read into the channel form."""

    def __init__(self, data, *, team, user, instance=None):
        self.errors: dict[str, list[str]] = {}
        self.enabled = data.get("enabled", True if instance is None else instance.enabled)
        kind = instance.kind if instance else data.get("kind")
        if kind not in KINDS:
            self.errors["kind"] = [f"This must be one of {', '.join(KINDS.names)}."]
            return
        options = data.get("options", {})
        if not isinstance(options, dict):
            self.errors["options"] = ["This must be an object."]
            return
        names = ("name", "whose", "severities", "fallback", "per_minute", "per_hour")
        given = {name: data[name] for name in names if name in data} | options
        self.form = ChannelForm.of(given, team=team, user=user, kind=KINDS.get(kind), instance=instance)
        self.errors = _errors(self.form.errors)
        if not isinstance(self.enabled, bool):
            self.errors["enabled"] = ["This must be true or false."]

    def save(self) -> Channel:
        return self.form.save(enabled=self.enabled)


# Policies -------------------------------------------------------------------------------------------------------------
def policy(found: Policy) -> dict[str, Any]:
    return {
        "id": str(found.pk),
        "type": "policy",
        "attributes": {
            "name": found.name,
            "repeat_count": found.repeats,
            "repeat_delay": found.repeat_every,
            "fallback_policy_id": None,
            "policy_group_id": None,
            "steps": _wire_steps(found),
            "default": found.is_default,
            "remind_every": found.remind_every,
            "tell_recovery": found.tell_recovery,
            "tell_expiry": found.tell_expiry,
            "quiet_from": found.quiet_from and found.quiet_from.isoformat("minutes"),
            "quiet_to": found.quiet_to and found.quiet_to.isoformat("minutes"),
            "quiet_zone": found.quiet_zone or None,
            "quiet_days": found.quiet_days,
            "quiet_up_to": found.quiet_up_to,
            "team_name": found.team.name,
            "created_at": iso(found.created_at),
            "updated_at": iso(found.updated_at),
        },
    }


def _wire_steps(found: Policy) -> list[dict[str, Any]]:
    """Steps of the same time and severities are one of the wire, which counts from the step before."""
    steps: list[dict[str, Any]] = []
    last, key = 0, None
    for step in found.steps.all():
        if (step.after, tuple(step.severities)) != key:
            key = (step.after, tuple(step.severities))
            steps.append(
                {
                    "type": "escalation",
                    "wait_before": step.after - last,
                    "urgency_id": None,
                    "severities": step.severities,
                    "step_members": [],
                }
            )
            last = step.after
        steps[-1]["step_members"].append(_wire_member(step))
    return steps


def _wire_member(step) -> dict[str, Any]:
    if step.channel is not None:
        return {"type": CHANNEL_TYPES.get(step.channel.kind, "channel"), "id": step.channel_id}
    kind = WhomKind(step.whom)
    if step.member is not None:
        return {"type": MEMBER_TYPES[kind], "id": str(step.member_id), "email": step.member.email}
    return {"type": MEMBER_TYPES[kind]}


class PolicyBody:
    """A body in Better Stack's words, read into the policy form. What it leaves out keeps its value or default."""

    def __init__(self, data, *, team, user, instance=None):
        self.errors: dict[str, list[str]] = {}
        self.team = team
        given = self._steps(data, instance)
        blank = PolicyForm(team=team, user=user, instance=instance)
        start = {name: value for name, value in blank.initial.items() if value is not None}
        wire = {"repeats": "repeat_count", "repeat_every": "repeat_delay"}
        names = (*POLICY_FIELDS, "remind_every", "quiet_from", "quiet_to")
        said = {name: data[name] for name in names if name in data}
        said |= {name: data[word] for name, word in wire.items() if word in data}
        form = {**start, **{name: "" if value is None else value for name, value in said.items()}, **given}
        self.form = PolicyForm(form, team=team, user=user, instance=instance)
        if not self.form.is_valid():
            self.errors |= _errors(self.form.errors, wire)
            for step in self.form.steps:
                for texts in step.errors.values():
                    self.errors.setdefault("steps", []).extend(str(text) for text in texts)

    def _steps(self, data, instance) -> dict[str, Any]:
        """The posted fields of the step forms."""
        steps = data.get("steps")
        if steps is None:
            rows = [(whom_text(each), each.after, each.severities) for each in instance.steps.all()] if instance else []
        elif not isinstance(steps, list) or not all(isinstance(each, dict) for each in steps):
            self.errors["steps"] = ["This must be a list of objects."]
            rows = []
        else:
            rows = self._rows(steps)
        if len(rows) > MAX_STEPS:
            self.errors["steps"] = [f"At most {MAX_STEPS} members in all steps together."]
        fields: dict[str, Any] = {"step-0-whom": ""}
        for at, (whom, after, severities) in enumerate(rows[:MAX_STEPS]):
            fields |= {f"step-{at}-whom": whom, f"step-{at}-after": after, f"step-{at}-severities": severities}
        return fields

    def _rows(self, steps):
        rows, after = [], 0
        for step in steps:
            wait, members = step.get("wait_before") or 0, step.get("step_members") or []
            if step.get("type", "escalation") != "escalation":
                self.errors["steps"] = ["Only steps of the type escalation are known here."]
            elif type(wait) is not int or wait < 0 or not isinstance(members, list):
                self.errors["steps"] = ["wait_before is in whole seconds, and step_members is a list."]
            else:
                after += wait
                severities = step.get("severities") or all_severities()
                rows += [(self._whom(member), after, severities) for member in members]
        return rows

    def _whom(self, member) -> str:
        kind, name = (member.get("type"), member.get("id")) if isinstance(member, dict) else (None, None)
        if kind in CHANNEL_WORDS:
            return f"channel:{name}"
        if kind == "user":
            found = User.objects.filter(memberships__team=self.team)
            email = member.get("email")
            user = found.filter(email=str(email).lower()).first() if email else None
            return f"member:{user.pk if user else name}"
        known = {word: whom.value for whom, word in MEMBER_TYPES.items() if whom is not WhomKind.MEMBER}
        if kind not in known:
            words = ", ".join(sorted({*known, "user", *CHANNEL_WORDS}))
            self.errors["steps"] = [f"A member of a step has a type: one of {words}."]
        return known.get(str(kind), "")

    def save(self) -> Policy:
        return self.form.save()


# Mail templates -------------------------------------------------------------------------------------------------------
def mail_template(event: str, own: MailTemplate | None) -> dict[str, Any]:
    wording = own.wording if own else mailtext.default()
    return {
        "id": event,
        "type": "mail_template",
        "attributes": {
            "subject": wording.subject,
            "text": wording.text,
            "html": wording.html,
            "own": own is not None,
            "problem": own.problem or None if own else None,
        },
    }


class MailTemplateBody:
    """A flat body of attributes, read into the form of a mail template."""

    def __init__(self, data, *, team, event):
        blank = MailTemplateForm(team=team, event=Event(event))
        given = {name: data[name] for name in blank.fields if name in data}
        self.form = MailTemplateForm({**blank.initial, **given}, team=team, event=Event(event))
        self.errors = _errors(self.form.errors)

    def save(self) -> None:
        self.form.save()


# Deliveries -----------------------------------------------------------------------------------------------------------
def delivery(found: Delivery) -> dict[str, Any]:
    return {
        "id": str(found.pk),
        "type": "delivery",
        "attributes": {
            "event": found.event,
            "severity": found.severity,
            "status": found.status,
            "title": found.title or None,
            "text": found.text or None,
            "why": found.why,
            "answer": found.answer or None,
            "attempts": found.attempts,
            "key": str(found.uuid),
            "channel_id": found.channel_id and str(found.channel_id),
            "channel_name": found.channel_name,
            "channel_kind": found.channel_kind,
            "incident_id": found.incident_id and str(found.incident_id),
            "due_at": iso(found.due_at),
            "next_attempt_at": iso(found.next_attempt_at) if found.is_open else None,
            "finished_at": iso(found.finished_at),
        },
    }


def _errors(errors, wire=None) -> dict[str, list[str]]:
    names = {NON_FIELD_ERRORS: "base", **(wire or {})}
    return {names.get(name, name): [str(text) for text in texts] for name, texts in errors.items()}
