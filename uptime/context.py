"""What every page's frame needs: the reader's theme, where they are, and whether something is down."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from alerts import queries as alerts
from incidents.models import Transition
from monitors import queries
from monitors.queries_health import open_troubles
from uptime.pipeline.stalled import stalled_since

OPEN_SHOWN = 4  # incidents named in the banner; the list has them all
THEMES = ("light", "dark")  # anything else follows the reader's system
OUTSIDE_THEIR_APP = {"monitors:regions": "regions", "monitors:region_remove": "regions", "accounts:mailbox": "mailbox"}


@dataclass(frozen=True)
class Link:
    """An entry of the navigation."""

    section: str
    title: str
    icon: str
    url: str


class Shell:
    """Read by base.html; nothing is looked up that a page does not show."""

    version = settings.VERSION

    def __init__(self, request: HttpRequest) -> None:
        self.request = request

    @property
    def flap_quiet(self) -> int:
        """Seconds after which what flapped counts as steady."""
        return settings.FLAP_QUIET

    @property
    def theme(self) -> str:
        chosen = self.request.COOKIES.get("theme", "")
        return chosen if chosen in THEMES else ""

    @property
    def section(self) -> str:
        """The entry of the navigation the page belongs to."""
        match = self.request.resolver_match
        if match is None:
            return ""
        return OUTSIDE_THEIR_APP.get(match.view_name, match.namespace)

    @property
    def links(self) -> list[Link]:
        found = [
            Link("monitors", "Monitors", "activity", reverse("monitors:list")),
            Link("incidents", "Incidents", "zap", reverse("incidents:list")),
            Link("alerts", "Alerts", "bell", reverse("alerts:channels")),
            Link("regions", "Regions", "map-pin", reverse("monitors:regions")),
        ]
        if self.request.user.is_superuser:
            found.append(Link("mailbox", "Mailbox", "inbox", reverse("accounts:mailbox")))
        if self.request.user.is_staff:
            found.append(Link("pipeline", "Pipeline", "server", reverse("pipeline:page")))
            found.append(Link("admin", "Admin", "settings", reverse("admin:index")))
        return found

    @cached_property
    def down(self) -> int:
        """How many monitors the reader sees down."""
        return queries.down_count(self.request.user) if self._signed_in else 0

    @cached_property
    def open_incidents(self):
        """What is going on now: the banner of every page, which tells whoever looks even if nothing else does."""
        return list(alerts.open_incidents(self.request.user)[:OPEN_SHOWN]) if self._signed_in else []

    @cached_property
    def more_incidents(self) -> int:
        """How many beyond those."""
        if len(self.open_incidents) < OPEN_SHOWN:
            return 0
        return alerts.open_incidents(self.request.user).count() - OPEN_SHOWN

    @cached_property
    def channel_troubles(self):
        return alerts.trouble(self.request.user) if self._signed_in else []

    @cached_property
    def unheard(self):
        """Which of the reader's monitors nobody would be told about."""
        return alerts.Unheard(alerts.team_ids(self.request.user))

    @cached_property
    def untold(self) -> int:
        """How many monitors that is."""
        return self.unheard.monitors().count()

    @cached_property
    def region_troubles(self):
        """What operators must know of the regions; others see it at their own monitors."""
        return open_troubles() if self._is_staff else []

    @cached_property
    def held(self) -> int:
        """How many changes of status are not announced yet because everything failed at once."""
        return Transition.objects.held(timezone.now()).count() if self._is_staff else 0

    @property
    def _signed_in(self) -> bool:
        user = getattr(self.request, "user", None)
        return user is not None and user.is_authenticated

    @property
    def _is_staff(self) -> bool:
        return getattr(getattr(self.request, "user", None), "is_staff", False)

    @cached_property
    def stalled_since(self) -> datetime | None:
        """Since when checks have not run, if they do not."""
        return stalled_since()

    @property
    def favicon(self) -> str:
        return "img/favicon-down.svg" if self.down else "img/favicon-up.svg"


def shell(request: HttpRequest) -> dict[str, Shell]:
    return {"shell": Shell(request)}
