"""Signed links that stand in messages: whoever has one may acknowledge that incident, and is named as who did.

Opening one changes nothing: scanners of mail open every link. The page it leads to has a button.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.urls import reverse

from accounts.models import User
from incidents.handling import Person
from incidents.models import Incident

LIFETIME = timedelta(days=7)
SALT = "incidents.acknowledge"


class LinkError(ValueError):
    """A link that does not work; the message says why, for whoever followed it."""


@dataclass(frozen=True, slots=True)
class Followed:
    """What a link stands for."""

    incident: Incident
    who: Person


def acknowledge_url(incident: Incident, user_or_name: User | str) -> str:
    """A link for seven days, by which this member, or somebody known by a name only, acknowledges an incident."""
    return settings.BASE_URL + reverse("incidents:acknowledge_link", args=[acknowledge_token(incident, user_or_name)])


def acknowledge_token(incident: Incident, user_or_name: User | str) -> str:
    whose = {"u": str(user_or_name.pk)} if isinstance(user_or_name, User) else {"n": user_or_name[:150]}
    return signing.dumps({"i": incident.pk, **whose}, salt=SALT)


def follow(token: str) -> Followed:
    """Raises LinkError for a link that is forged, too old, of somebody who left the team, or of what is deleted."""
    try:
        said = signing.loads(token, salt=SALT, max_age=LIFETIME)
    except signing.SignatureExpired as error:
        raise LinkError("This link is older than seven days.") from error
    except signing.BadSignature as error:
        raise LinkError("This link is not whole. Copy it from the message once more.") from error
    incident = Incident.objects.filter(pk=said["i"]).select_related("monitor__state", "team").first()
    if incident is None:
        raise LinkError("The incident this link is about was deleted.")
    if "u" not in said:
        return Followed(incident, Person(said["n"]))
    user = User.objects.filter(pk=said["u"], is_active=True, memberships__team=incident.team_id).first()
    if user is None:
        raise LinkError("This link belongs to somebody who is no longer in the team.")
    return Followed(incident, Person.of(user))
