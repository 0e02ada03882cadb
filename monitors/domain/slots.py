"""When a monitor is due: pure arithmetic, so any process can name any slot without asking another.

The grid of a monitor is `phase + k * interval`, and every region checks the same slot. Times are UTC
milliseconds since the epoch (`Ms`); intervals are whole seconds, as they are configured.
"""

from functools import lru_cache
from hashlib import blake2b

Ms = int


@lru_cache(maxsize=65_536)  # asked several times for each check
def phase(monitor_id: int, interval_s: int) -> Ms:
    """Where in its interval a monitor is due, 0 <= phase < interval; even over all monitors.

    blake2b and not `hash()`: every process, machine and Python version must find the same slots.
    """
    digest = blake2b(str(monitor_id).encode(), digest_size=8).digest()
    return int.from_bytes(digest) % _interval_ms(interval_s)


def grid(monitor_id: int, interval_s: int, after: Ms, until: Ms) -> list[Ms]:
    """All grid slots with after < slot <= until, ascending; the caller bounds the span."""
    return list(range(next_slot(monitor_id, interval_s, after), until + 1, _interval_ms(interval_s)))


def next_slot(monitor_id: int, interval_s: int, after: Ms) -> Ms:
    """The first grid slot strictly after a moment."""
    start, step = phase(monitor_id, interval_s), _interval_ms(interval_s)
    return start + ((after - start) // step + 1) * step


def lateness(interval_s: int) -> Ms:
    """How long after its slot a check may still start: a third of the interval, 2 s to 10 s."""
    return min(10_000, max(2_000, _interval_ms(interval_s) // 3))


def max_timeout(interval_s: int) -> Ms:
    """The longest timeout a monitor may ask for: one interval or 10 s, whichever is longer, at most 60 s."""
    return min(60_000, max(10_000, _interval_ms(interval_s)))


def default_timeout(interval_s: int) -> Ms:
    """The timeout of a monitor that names none: one interval, within 5 s to 10 s."""
    return min(10_000, max(5_000, _interval_ms(interval_s)))


def watermark(slot: Ms, timeout_ms: Ms, lateness_ms: Ms) -> Ms:
    """The moment by which every check of a slot has started and ended; what is missing then stays missing."""
    return slot + timeout_ms + lateness_ms


def _interval_ms(interval_s: int) -> Ms:
    if interval_s < 1:
        raise ValueError(f"an interval is at least 1 second, not {interval_s}")
    return interval_s * 1000
