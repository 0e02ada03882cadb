"""From whom a step names to the channels they are told through."""

from collections.abc import Iterable

from accounts.models import Membership, Role
from alerts.domain.escalation import Policy, Severity, Whom, WhomKind
from alerts.models import Channel

EMAIL = "email"


class Book:
    """The channels and members of some teams, read at once."""

    def __init__(self, team_ids: Iterable[int]) -> None:
        ids = set(team_ids)
        self.channels = {
            channel.pk: channel for channel in Channel.objects.filter(team__in=ids).select_related("member", "team")
        }
        memberships = Membership.objects.filter(team__in=ids, user__is_active=True).select_related("user", "team")
        self.memberships = list(memberships.order_by("id"))

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
            self._account_email(each)
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
        """What a member chose for this severity. Who has chosen no channel at all gets email, unless they left that."""
        own = [each for each in self.channels.values() if self._is_of(each, membership) and not each.automatic]
        email = self._account_email(membership)
        chosen = own or [email]
        return [each for each in chosen if each.enabled and severity in each.severities]

    def _account_email(self, membership: Membership) -> Channel:
        for each in self.channels.values():
            if self._is_of(each, membership) and each.automatic and each.kind == EMAIL:
                return each
        name = f"{membership.user.username[:90]}'s email"
        return Channel(
            team=membership.team,
            member=membership.user,
            kind=EMAIL,
            name=name,
            automatic=True,
            options={"addresses": []},
        )

    @staticmethod
    def _is_of(channel: Channel, membership: Membership) -> bool:
        return channel.member_id == membership.user_id and channel.team_id == membership.team_id


def saved(channel: Channel) -> Channel:
    """The channel as a row, made now if it is a member's account email that was never used before."""
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
