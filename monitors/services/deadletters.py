"""What could not be stored: kept whole, so that it can be replayed once what stood in its way is gone.

A message is kept as it came, still sealed; a single outcome as the JSON it travelled as. Nothing in either is trusted
more than when it came: a replay goes through the same path as the first try (see uptime/recording.py).
"""

import json
from collections.abc import Iterable

from django.db.models import F
from django.utils import timezone

from monitors.models import DeadLetter
from monitors.probes.base import printable

MESSAGE, OUTCOME = "message", "outcome"
MOST_BYTES = 512 * 1024  # a message of 200 checks has about 6 kB, so more than this is nobody's result
ERROR_LENGTH = 500


def keep_message(region: str, sealed: object, error: Exception) -> None:
    """Keep a message that could not be read or stored."""
    genuine = isinstance(sealed, str) and sealed.isascii() and "\0" not in sealed
    _keep(MESSAGE, region, str(sealed) if genuine else ascii(sealed), error)


def keep_outcome(region: str, wire: object, error: Exception) -> None:
    """Keep one outcome that could not be read or stored; its neighbours in the message were."""
    _keep(OUTCOME, region, json.dumps(wire), error)


def tried(letter: DeadLetter, error: Exception) -> None:
    """Note that a replay failed, and why."""
    DeadLetter.objects.filter(pk=letter.pk).update(
        tries=F("tries") + 1, tried_at=timezone.now(), error=_in_words(error)
    )


def purge(ids: Iterable[int]) -> int:
    """Remove dead letters for good; returns how many there were."""
    return DeadLetter.objects.filter(pk__in=list(ids)).delete()[0]


def _keep(kind: str, region: str, payload: str, error: Exception) -> None:
    words = _in_words(error)
    if len(payload) > MOST_BYTES:
        words = f"{words[: ERROR_LENGTH - 60]} (not kept: {len(payload)} characters are too many)"
        payload = ""
    DeadLetter.objects.create(kind=kind, region=printable(str(region), 32), error=words, payload=payload)


def _in_words(error: Exception) -> str:
    """On one line, and without what PostgreSQL does not take."""
    return printable(f"{type(error).__name__}: {' '.join(str(error).split())}", ERROR_LENGTH)
