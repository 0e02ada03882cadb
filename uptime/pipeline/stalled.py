"""Whether checks run at all: asked for every page, so it is one small question."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import Error
from django.utils import timezone
from psycopg_pool import PoolTimeout

from monitors.models import Pulse
from uptime.pipeline.flow import DISPATCH, RESULTS


def stalled_since() -> datetime | None:
    """Since when checks are not sent, or their results not stored; None also while nobody can tell."""
    try:
        last = list(Pulse.objects.filter(name__in=[DISPATCH, RESULTS]).values_list("at", flat=True))
    except (Error, PoolTimeout):
        return None
    limit = timezone.now() - timedelta(seconds=settings.STALLED_AFTER)
    return min((at for at in last if at < limit), default=None)
