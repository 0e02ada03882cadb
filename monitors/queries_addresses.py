"""Who asks, as targets see it: the addresses checks come from, and the name they give themselves."""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import Prefetch
from django.utils import timezone

from monitors.models import Region, RegionWorker
from monitors.probes.base import user_agent

LATELY = timedelta(days=1)  # what a worker said of itself is believed for so long after it fell silent


@dataclass(frozen=True)
class Place:
    """A region and its addresses; none are known where workers stand behind a router and nobody wrote them down."""

    slug: str
    name: str
    addresses: list[str]


def places(regions=None):
    """A Place for each region in use, or for those of `regions`; what an operator wrote down wins."""
    heard = RegionWorker.objects.filter(heard_at__gt=timezone.now() - LATELY).order_by("name")
    found = (Region.objects if regions is None else regions).filter(enabled=True).defer("key").order_by("slug")
    return [
        Place(each.slug, each.name, each.public_addresses or _told(each.workers.all()))
        for each in found.prefetch_related(Prefetch("workers", heard))
    ]


def name_given():
    """The User-Agent of our checks."""
    return user_agent(settings.BASE_URL)


def _told(workers):
    return list(dict.fromkeys(address for worker in workers for address in worker.addresses))
