"""Policies: the one a team begins with, and changes to any."""

from collections.abc import Iterable

from django.db import IntegrityError, transaction

from accounts.models import Team
from alerts.domain.escalation import Severity, WhomKind
from alerts.models import Alarm, MonitorPolicy, Policy, Step, all_severities
from monitors.models import Monitor

DEFAULT_NAME = "Default"


def ensure_defaults(team_ids: Iterable[int]) -> dict[int, Policy]:
    """Each team's default policy, with its steps; made now where there is none: the owners, at once."""
    ids = set(team_ids)
    found = {each.team_id: each for each in Policy.objects.filter(team__in=ids, is_default=True)}
    for team in ids - set(found):
        found[team] = _make_default(team)
    return found


def ensure_default(team) -> Policy:
    return ensure_defaults([team.pk])[team.pk]


def _make_default(team_id: int) -> Policy:
    try:
        with transaction.atomic():
            policy = Policy.objects.create(team_id=team_id, name=DEFAULT_NAME, is_default=True)
            Step.objects.create(policy=policy, position=1, whom=WhomKind.OWNERS)
            return policy
    except IntegrityError:  # somebody else was faster
        return Policy.objects.get(team=team_id, is_default=True)


@transaction.atomic
def save(policy: Policy, fields: dict, steps: list[dict]) -> Policy:
    """Set a policy's fields, and replace its steps; open incidents go by what it says from now on."""
    for name, value in fields.items():
        setattr(policy, name, value)
    policy.save()
    policy.steps.all().delete()
    Step.objects.bulk_create(
        Step(policy=policy, position=number, **{"severities": all_severities(), **step})
        for number, step in enumerate(steps, 1)
    )
    look_again(policy.team_id)
    return policy


@transaction.atomic
def make_default(policy: Policy) -> None:
    Policy.objects.select_for_update().filter(team=policy.team_id, is_default=True).update(is_default=False)
    policy.is_default = True
    policy.save(update_fields=["is_default"])
    look_again(policy.team_id)


def delete(policy: Policy) -> None:
    """Its monitors go by the default from now on. Raises ValueError for the default itself."""
    if policy.is_default:
        raise ValueError("This is the policy of every monitor that names no other. Make another one the default first.")
    with transaction.atomic():
        team = policy.team_id
        policy.delete()
        look_again(team)


def assign(monitor: Monitor, policy: Policy | None, severity: str = Severity.HIGH) -> None:
    """Let a monitor go by `policy`, or by the default."""
    if policy is None and severity == Severity.HIGH:
        MonitorPolicy.objects.filter(monitor=monitor).delete()
    else:
        MonitorPolicy.objects.update_or_create(monitor=monitor, defaults={"policy": policy, "severity": severity})
    look_again(monitor.team_id)


def choose(monitor: Monitor, policy: Policy | None) -> None:
    """The same, and its severity stays."""
    own = MonitorPolicy.objects.filter(monitor=monitor).first()
    assign(monitor, policy, own.severity if own else Severity.HIGH)


def find(team: Team, text: str) -> Policy:
    """The team's policy of this id. Raises ValueError with a sentence where it has none."""
    known = text.isascii() and text.isdigit() and len(text) < 19
    found = Policy.objects.filter(team=team, pk=int(text)).first() if known else None
    if found is None:
        raise ValueError(f"The team has no policy with the id {text[:40]}. GET /api/v2/policies lists them.")
    return found


def look_again(team_id: int) -> None:
    """What is due for open incidents is worked out anew, with the next second."""
    for alarm in Alarm.objects.filter(incident__team=team_id, incident__resolved_at=None).select_for_update():
        alarm.next_at = alarm.begun_at
        alarm.save(update_fields=["next_at"])
