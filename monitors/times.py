"""Milliseconds for rules and messages, datetimes for the database: the two ways between them."""

from datetime import UTC, datetime, timedelta

Ms = int
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ONE_MS = timedelta(milliseconds=1)


def to_ms(moment: datetime) -> Ms:
    """UTC milliseconds since the epoch, rounded down."""
    return (moment - EPOCH) // _ONE_MS


def from_ms(ms: Ms) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)


def now_ms() -> Ms:
    return to_ms(datetime.now(UTC))
