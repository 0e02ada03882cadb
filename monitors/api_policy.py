"""`policy_id` of monitors and heartbeats: whose alerts go by which policy.

Policies belong to an app that knows monitors, so they are found and given by uptime.actions.
"""

from rest_framework import exceptions

from monitors.models import Monitor
from uptime import actions

TEXT = "This must be the id of a policy as text, or null for the team's default policy."


class PolicyChoice:
    """What a body says of it; `errors` by wire names. A body that leaves it out changes nothing."""

    def __init__(self, data, team):
        self.errors: dict[str, list[str]] = {}
        self.said, self.policy = "policy_id" in data, None
        value = data.get("policy_id")
        if value is None:
            return
        if isinstance(value, bool) or not isinstance(value, str | int):
            self.errors["policy_id"] = [TEXT]
            return
        try:
            self.policy = actions.policy_of(team, str(value))
        except ValueError as error:
            self.errors["policy_id"] = [str(error)]

    def give(self, monitor: Monitor) -> None:
        if self.said:
            actions.assign_policy(monitor, self.policy)


def body_and_policy(kind, request, team, instance=None):
    """The checked body, a `kind`, and the policy it chooses. Raises ValidationError, keyed by wire names."""
    body = kind(request.data, team=team, user=request.user, instance=instance)
    choice = PolicyChoice(request.data, team)
    if body.errors or choice.errors:
        raise exceptions.ValidationError(body.errors | choice.errors)
    return body, choice
