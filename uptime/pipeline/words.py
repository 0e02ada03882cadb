"""Figures as people read them, in pages and terminals alike."""

from datetime import UTC, datetime

from uptime.pipeline.parts import Figure, Unit
from uptime.templatetags.ui import NONE, age, duration, milliseconds

SIZES = ("B", "kB", "MB", "GB", "TB")


def plain(figure: Figure, now: datetime) -> str:
    """A figure without any markup, with what it may grow to where there is a limit."""
    if figure.value is None or figure.value == "":
        return NONE
    said = _value(figure.value, figure.unit, now)
    return f"{said} of {_value(figure.full, figure.unit, now)}" if figure.full else said


def _value(value: float | datetime | str, unit: Unit, now: datetime) -> str:
    if isinstance(value, datetime):
        return f"{age(int((now - value).total_seconds()))} ({value.astimezone(UTC):%H:%M:%S} UTC)"
    if isinstance(value, str):
        return value
    if unit == Unit.BYTES:
        return size(value)
    if unit == Unit.MILLISECONDS:
        return milliseconds(value)
    if unit == Unit.YES:
        return "yes" if value else "no"
    return duration(value) if unit == Unit.SECONDS else f"{value:,.0f}"


def size(number: float) -> str:
    """Bytes in the unit that leaves at most three digits before the point: 980 B, 4.2 MB, 120 GB."""
    for unit in SIZES[:-1]:
        if abs(number) < 999.5:
            return f"{number:.0f} {unit}" if unit == "B" or number >= 99.95 else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:,.1f} {SIZES[-1]}"
