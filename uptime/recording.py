"""What the results worker does with a message: unseal it, store what it says, write down what follows."""

import logging

from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from incidents import services as incidents
from monitors import live
from monitors.models import Region
from monitors.probes.base import Outcome
from monitors.services import regions
from monitors.services.record import dead_letter
from monitors.services.record import record as record_outcomes
from monitors.services.regions import Sign
from monitors.times import from_ms
from uptime.lib.crypto import SealError, key_bytes, unseal

logger = logging.getLogger(__name__)


def take(region_slug: str, sealed: str) -> None:
    """Store one message. Raises only when the database is away; whatever else is wrong with it is put aside."""
    try:
        if region_slug == "":
            _beacon(sealed)
        else:
            _from_region(region_slug, sealed)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        put_aside(region_slug, sealed, error)


def put_aside(region_slug: str, sealed: str, error: Exception) -> None:
    """Keep a message for a human to look at."""
    logger.error("A message of region %r could not be stored", region_slug, exc_info=error)
    dead_letter(str(region_slug), error, sealed if isinstance(sealed, str) else repr(sealed))


def database_answers() -> bool:
    """Whether the database is there; a broken connection is let go of on the way."""
    connection.close()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (OperationalError, InterfaceError):
        return False
    return True


def _beacon(sealed: str) -> None:
    issued_at, _ = unseal(regions.centre_key(), "beacon", "", sealed)
    regions.beacon(from_ms(issued_at))


def _from_region(slug: str, sealed: str) -> None:
    region = Region.objects.filter(slug=slug).first()
    if region is None:
        raise SealError(f"no region is called {slug!r}")
    issued_at, payload = unseal(key_bytes(region.key), "results", slug, sealed)
    match payload:
        case {"outcomes": [*wires]}:
            _outcomes(region, wires)
        case {"sign": [worker, started_at, in_flight, lag_ms, version]}:
            regions.heard(
                region, Sign(str(worker), int(started_at), int(in_flight), float(lag_ms), str(version)), issued_at
            )
        case _:
            raise ValueError("a results message with neither outcomes nor a sign of life")


def _outcomes(region: Region, wires: list) -> None:
    outcomes = []
    for wire in wires:
        try:
            outcomes.append(Outcome.from_wire(wire))
        except ValueError as error:
            dead_letter(region.slug, error, ascii(wire))
    with transaction.atomic():
        done = record_outcomes(region, outcomes, timezone.now())
        incidents.apply(done.changes)
    if done.refused:
        logger.info("%s outcomes of region %s were refused", done.refused, region.slug)
    live.bump(done.teams)
