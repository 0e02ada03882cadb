"""From whom a step names to the channels they are told through."""

from collections.abc import Iterable
from uuid import UUID

from accounts.models import Membership, Role
from alerts.channels.base import KINDS
from alerts.domain.escalation import Policy, Severity, Whom, WhomKind
from alerts.models import Browser, Channel

EMAIL, WEB_PUSH = "email", "webpush"
NAMES = {EMAIL: "{}'s email", WEB_PUSH: "{}'s browsers"}


class Book:
    """The channels and members of some teams, read at once."""

    def __init__(self, team_ids: Iterable[int]) -> None:
        ids = set(team_ids)
        self.channels = {
            channel.pk: channel for channel in Channel.objects.filter(team__in=ids).select_related("member", "team")
        }
        memberships = Membership.objects.filter(team__in=ids, user__is_active=True).select_related("user", "team")
        self.memberships = list(memberships.order_by("id"))
        self._browsers = self._read_browsers()

    def resolve(self, team_id: int, whom: Whom, severity: Severity) -> list[Channel]:
        """Switched-on channels, each once. The account email of somebody who chose nothing is not saved yet where it
        was never used."""
        if whom.kind is WhomKind.CHANNEL:
            found = self.channels.get(int(whom.id))
            return self._standing_in(found) if found and found.team_id == team_id else []
        people = [each for each in self.memberships if each.team_id == team_id and self._means(whom, each)]
        return [channel for each in people for channel in self._own(each, severity)]

    def hearers(self, team_id: int, policy: Policy, severity: Severity) -> list[Channel]:
        """Every channel that hears of an incident of this severity sooner or later."""
        found = [
            channel
            for step in policy.steps
            if step.takes(severity)
            for channel in self.resolve(team_id, step.whom, severity)
        ]
        return list({(each.pk, each.member_id, each.kind): each for each in found}.values())

    def owners(self, team_id: int) -> list[Channel]:
        """The account emails of a team's owners: what is left when nothing else works."""
        return [
            self._automatic(each, EMAIL)
            for each in self.memberships
            if each.team_id == team_id and each.role == Role.OWNER
        ]

    def _means(self, whom: Whom, membership: Membership) -> bool:
        match whom.kind:
            case WhomKind.MEMBER:
                return str(membership.user_id) == whom.id
            case WhomKind.OWNERS:
                return bool(membership.role == Role.OWNER)
        return True

    def _standing_in(self, channel: Channel) -> list[Channel]:
        """The channel, or while it is switched off the one that is to be told instead."""
        if channel.enabled:
            return [channel]
        instead = self.channels.get(channel.fallback_id or 0)
        return [instead] if instead and instead.enabled else []

    def _own(self, membership: Membership, severity: Severity) -> list[Channel]:
        """What a member chose for this severity. Who has chosen no channel at all gets email, unless they left that.
        The browsers in which notifications are on come on top: they show them only while they run."""
        own = [each for each in self.channels.values() if self._is_of(each, membership)]
        chosen = [each for each in own if not each.automatic and not each.about.to_browsers]
        found = (chosen or [self._automatic(membership, EMAIL)]) + self._push(membership, own)
        return [each for each in found if each.enabled and severity in each.severities]

    def _push(self, membership: Membership, own: list[Channel]) -> list[Channel]:
        if not self._browsers.get(membership.user_id):
            return []
        chosen = [each for each in own if each.about.to_browsers and not each.automatic]
        return chosen or [self._automatic(membership, WEB_PUSH)]

    def _automatic(self, membership: Membership, kind: str) -> Channel:
        """A channel nobody had to add: the account's email, or the browsers in which notifications are on."""
        for each in self.channels.values():
            if self._is_of(each, membership) and each.automatic and each.kind == kind:
                return each
        made = automatic(membership, kind)
        if kind == WEB_PUSH:
            made.browsers = self._browsers.get(membership.user_id, [])
        return made

    def _read_browsers(self) -> dict[UUID, list[Browser]]:
        """By member; given to the channels that lead to them, so that none asks by itself."""
        found: dict[UUID, list[Browser]] = {each.user_id: [] for each in self.memberships}
        for browser in Browser.objects.filter(user__in=list(found)).defer("secrets"):
            found[browser.user_id].append(browser)
        for channel in self.channels.values():
            if channel.about.to_browsers:
                people = [each.user_id for each in self.memberships if each.team_id == channel.team_id]
                whose = [channel.member_id] if channel.member_id else people
                channel.browsers = [browser for user in whose for browser in found.get(user, [])]
        return found

    @staticmethod
    def _is_of(channel: Channel, membership: Membership) -> bool:
        return channel.member_id == membership.user_id and channel.team_id == membership.team_id


def automatic(membership: Membership, kind: str) -> Channel:
    """Not saved yet: see `saved`."""
    return Channel(
        team=membership.team,
        member=membership.user,
        kind=kind,
        name=NAMES[kind].format(membership.user.username[:90]),
        automatic=True,
        options=KINDS.get(kind).Options.defaults(),
    )


def saved(channel: Channel) -> Channel:
    """The channel as a row, made now if it is an automatic one that was never used before."""
    if channel.pk:
        return channel
    made, _ = Channel.objects.get_or_create(
        team=channel.team,
        member=channel.member,
        kind=channel.kind,
        automatic=True,
        defaults={"name": channel.name, "options": channel.options},
    )
    return made
