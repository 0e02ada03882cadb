"""What the results worker does with a message: unseal it, store what it says, write down what follows."""

import json
import logging
from collections.abc import Iterator

from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from incidents import expiry
from incidents import services as incidents
from monitors import live
from monitors.models import DeadLetter, Region
from monitors.probes.base import Outcome
from monitors.services import clock, deadletters, pulses, regions, testruns
from monitors.services.record import PutAside, Recorded
from monitors.services.record import record as record_outcomes
from monitors.services.regions import Sign
from monitors.times import from_ms
from uptime.lib.crypto import SealError, key_bytes, unseal

logger = logging.getLogger(__name__)


AWAY = (OperationalError, InterfaceError)
stored = pulses.Tally(pulses.STORED)


class RefusedError(ValueError):
    """Nothing of a replayed message can still be stored."""


def take(region_slug: str, sealed: str) -> None:
    """Store one message. Raises only when the database is away; whatever else is wrong with it is put aside."""
    try:
        _store(region_slug, sealed)
    except AWAY:
        raise
    except Exception as error:
        put_aside(region_slug, sealed, error)


def put_aside(region_slug: str, sealed: str, error: Exception) -> None:
    """Keep a message for a human to look at."""
    logger.error("A message of region %r could not be stored", region_slug, exc_info=error)
    deadletters.keep_message(region_slug, sealed, error)


def replay(letter: DeadLetter) -> bool:
    """Take a dead letter once more, by the way it came; it is gone when that succeeds. May run twice.

    False when something stands in its way still: the letter then says what. Raises only when the database is away.
    """
    try:
        done = _store_letter(letter)
        if done and done.refused and not done.teams:
            raise RefusedError("its monitor is gone or not checked from there, or its time is more than a day away")
    except AWAY:
        raise
    except Exception as error:
        deadletters.tried(letter, error)
        return False
    deadletters.purge([letter.pk])
    return True


def database_answers() -> bool:
    """Whether the database is there; a broken connection is let go of on the way."""
    connection.close()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except AWAY:
        return False
    return True


def _store_letter(letter: DeadLetter) -> Recorded | None:
    if not letter.payload:
        raise RefusedError("it was too large to be kept, so there is nothing to replay")
    if letter.kind == deadletters.MESSAGE:
        return _store(letter.region, letter.payload, fresh=False)
    return _outcomes(_region(letter.region), [json.loads(letter.payload)], _give_up)


def _give_up(region_slug: str, wire: object, error: Exception) -> None:
    """What is put aside already is not put aside again."""
    raise error


def _store(region_slug: str, sealed: str, fresh: bool = True) -> Recorded | None:
    """`fresh`: it has just come, so that a sign of life in it tells of now."""
    if region_slug == "":
        issued_at, _ = unseal(regions.centre_key(), "beacon", "", sealed)
        if regions.beacon(from_ms(issued_at)):
            logger.warning("This machine's clock was set back: what lies ahead of it is put right")
            clock.set_back(timezone.now())
        return None
    return _from_region(_region(region_slug), sealed, fresh)


def _region(slug: str) -> Region:
    region = Region.objects.filter(slug=slug).first()
    if region is None:
        raise SealError(f"no region is called {slug!r}")
    return region


def _from_region(region: Region, sealed: str, fresh: bool) -> Recorded | None:
    issued_at, payload = unseal(key_bytes(region.key), "results", region.slug, sealed)
    match payload:
        case {"outcomes": [*wires]}:
            return _outcomes(region, wires, deadletters.keep_outcome)
        case {"tests": [*wires]}:
            testruns.take(region, list(_tested(wires)), timezone.now())
        case {"sign": _} if not fresh:
            pass
        case {"sign": [*facts]}:
            regions.heard(region, Sign.from_wire(facts), issued_at)
        case _:
            raise ValueError("a results message with neither outcomes nor a sign of life")
    return None


def _tested(wires: list) -> Iterator[Outcome]:
    """Outcomes of tests. One that cannot be read is not worth keeping: whoever waits for it tries again."""
    for wire in wires:
        try:
            yield Outcome.from_wire(wire)
        except ValueError as error:
            logger.warning("An outcome of a test cannot be read: %s", error)


def _outcomes(region: Region, wires: list, put_aside: PutAside) -> Recorded:
    outcomes = []
    for wire in wires:
        try:
            outcomes.append(Outcome.from_wire(wire))
        except ValueError as error:
            put_aside(region.slug, wire, error)
    with transaction.atomic():
        done = record_outcomes(region, outcomes, timezone.now(), put_aside)
        incidents.apply(done.changes)
        expiry.review(done.expiring, timezone.now())
    if done.refused:
        logger.info("%s outcomes of region %s were refused", done.refused, region.slug)
    live.bump(done.teams)
    stored.add(len(outcomes) - done.refused)
    return done
