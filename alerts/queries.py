"""Nouns that read: channels, policies, messages, and who would hear of what."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.paginator import Paginator
from django.db.models import Q

from alerts.domain.escalation import Facts, Severity, plan
from alerts.domain.escalation import Policy as Rules
from alerts.models import Browser, Channel, Delivery, MonitorPolicy, Policy
from alerts.recipients import WEB_PUSH, Book
from alerts.services import policies
from incidents.models import Incident
from monitors.models import Monitor

PER_PAGE = 25
SHOWS = {"all": "All", "dead": "Given up", "open": "Waiting", "test": "Tests"}
AHEAD = timedelta(hours=24)  # how far a preview looks
MOST_PREVIEWED = 12


def team_ids(user) -> list[int]:
    return list(user.teams.values_list("pk", flat=True)) if user.is_authenticated else []


# Channels and policies ------------------------------------------------------------------------------------------------
def channels(user):
    """The teams' channels that `user` may use: those of others are their own business."""
    return Channel.objects.visible_to(user).filter(Q(member=None) | Q(member=user)).listed()


def browsers(user):
    """Those in which `user` has notifications on; nobody else sees them."""
    return Browser.objects.filter(user=user).order_by("-created_at", "-id")


def push_channel(user):
    """The channel that leads to them, in the member's own team; None before the first one is turned on."""
    own = channels(user).filter(member=user, kind=WEB_PUSH, team=user.ensure_team())
    return own.order_by("automatic", "id").first()


def visible_policies(user):
    return Policy.objects.visible_to(user).select_related("team").prefetch_related("steps__channel", "steps__member")


# Previews -------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Preview:
    """One line of “if a monitor went down now”. `problem`: why it would not arrive."""

    at: datetime
    said: str
    why: str
    problem: str = ""


def preview(team_id: int, rules: Rules, now: datetime, severity: Severity = Severity.HIGH) -> list[Preview]:
    """Who would hear when, if a monitor went down at `now` and nobody did anything."""
    book, found = Book([team_id]), []
    heard: dict[str, Channel] = {}
    for planned in plan(rules, Facts(begun_at=now, severity=severity), now + AHEAD):
        channels = book.resolve(team_id, planned.whom, severity) if planned.whom else list(heard.values())
        for channel in channels:
            heard[_name(channel)] = channel
            found.append(
                Preview(planned.at, f"{channel.about.label} to {_name(channel)}", planned.why, channel.problem)
            )
        if len(found) >= MOST_PREVIEWED:
            break
    return found[:MOST_PREVIEWED]


def _name(channel: Channel) -> str:
    return channel.summary or channel.name


# Who would hear -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Hearing:
    """Who hears of a monitor's incidents: `channels` that work, `problems` of those that do not."""

    policy: Policy
    severity: Severity
    channels: list[Channel]
    problems: list[str]

    @property
    def nobody(self) -> bool:
        return not self.channels


def hearing(monitor: Monitor) -> Hearing:
    own = MonitorPolicy.objects.filter(monitor=monitor).select_related("policy").first()
    policy = (own and own.policy) or policies.ensure_default(monitor.team)
    severity = Severity(own.severity) if own else Severity.HIGH
    return _hearing(Book([monitor.team_id]), policy, severity)


def _hearing(book: Book, policy: Policy, severity: Severity) -> Hearing:
    found = book.hearers(policy.team_id, policy.rules, severity)
    problems = [problem for each in found if (problem := each.problem)]
    if not found:
        problems = [f"The policy “{policy.name}” tells nobody."]
    return Hearing(policy, severity, [each for each in found if not each.problem], problems)


class Unheard:
    """The monitors of some teams nobody would be told about, and why; looked up once for a whole page."""

    def __init__(self, team_ids: Iterable[int]) -> None:
        ids = list(team_ids)
        book, defaults = Book(ids), policies.ensure_defaults(ids)
        own = MonitorPolicy.objects.filter(monitor__team__in=ids).select_related("policy", "monitor")
        self._own: dict[int, list[str]] = {}
        for each in own.prefetch_related("policy__steps"):
            policy = each.policy or defaults[each.monitor.team_id]
            self._own[each.pk] = self._problems(book, policy, Severity(each.severity))
        self._teams = {team: self._problems(book, policy, Severity.HIGH) for team, policy in defaults.items()}

    @staticmethod
    def _problems(book: Book, policy: Policy, severity: Severity) -> list[str]:
        found = _hearing(book, policy, severity)
        return found.problems if found.nobody else []

    def problems(self, monitor: Monitor) -> list[str]:
        """Why nobody would be told about it; empty when somebody would."""
        return self._own.get(monitor.pk, self._teams.get(monitor.team_id, []))

    def monitors(self):
        """All of them."""
        told = [pk for pk, problems in self._own.items() if not problems]
        untold = [pk for pk, problems in self._own.items() if problems]
        teams = [team for team, problems in self._teams.items() if problems]
        found = Monitor.objects.alive().filter(paused=False)
        return found.filter(Q(team__in=teams) & ~Q(pk__in=told) | Q(pk__in=untold))

    @property
    def reasons(self) -> list[str]:
        every = [*self._own.values(), *self._teams.values()]
        return list(dict.fromkeys(problem for problems in every for problem in problems))


# Messages -------------------------------------------------------------------------------------------------------------
def messages(user):
    return Delivery.objects.visible_to(user).select_related("channel", "incident__monitor", "team")


def message_page(user, show: str, search: str, number):
    found = messages(user).defer("html", "body", "text").order_by("-id")
    if show == "dead":
        found = found.dead()
    elif show == "open":
        found = found.open()
    elif show == "test":
        found = found.filter(event="test")
    if search:
        found = found.filter(Q(title__icontains=search) | Q(channel_name__icontains=search))
    return Paginator(found, PER_PAGE).get_page(number)


def ledger(incident: Incident):
    """Who was told what of an incident, in order."""
    return incident.deliveries.select_related("channel").defer("html", "body", "text").order_by("due_at", "id")


def waiting(incident: Incident, now: datetime) -> list[Preview]:
    """What is planned for an open incident and not written down yet."""
    alarm = getattr(incident, "alarm", None)
    if alarm is None or incident.resolved_at:
        return []
    own = MonitorPolicy.objects.filter(monitor=incident.monitor_id).select_related("policy").first()
    policy = (own and own.policy) or policies.ensure_default(incident.team)
    severity, book = Severity(alarm.severity), Book([incident.team_id])
    told = set(incident.deliveries.values_list("channel_id", flat=True)) if incident.flapping else set()
    facts = Facts(alarm.begun_at, severity, incident.kind in {"certificate", "domain"}, incident.acknowledged_at)
    found = []
    for planned in plan(policy.rules, facts, now + AHEAD):
        if planned.due > now and planned.whom:
            for channel in book.resolve(incident.team_id, planned.whom, severity):
                if channel.pk in told:
                    continue  # quiet: it has heard that it is flapping
                said = f"{channel.about.label} to {_name(channel)}"
                found.append(Preview(planned.at, said, planned.why, channel.problem))
    return found[:MOST_PREVIEWED]


def trouble(user):
    """Channels of the reader's teams that were switched off by us, or fail."""
    found = channels(user).filter(Q(enabled=False, disabled_at__isnull=False) | Q(last_failed_at__isnull=False))
    return [each for each in found if each.failing or (not each.enabled and each.disabled_at)]


def given_up(user) -> int:
    return Delivery.objects.visible_to(user).dead().count()


def open_incidents(user):
    return Incident.objects.visible_to(user).open().select_related("monitor").order_by("-started_at")
