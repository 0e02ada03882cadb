"""How many checks a domain gets from one region: a token bucket, kept as one moment.

The generic cell rate algorithm (ITU-T I.371): `free_at` is when the next check would be on time if they came evenly.
One that comes a burst earlier starts at once; another waits until it would not be earlier than that; and one that would
have to wait for longer than its slot lasts is left out.
"""

from dataclasses import dataclass

from monitors.domain.slots import Ms

SLACK_MS = 1_000  # of a slot's start budget that stays the engine's
BURST_S = 2  # as many checks at once as come in this time


@dataclass(frozen=True, slots=True)
class Rate:
    """Checks a second, from one region to one domain."""

    per_second: int

    @property
    def apart_ms(self) -> Ms:
        return -(-1000 // self.per_second)

    @property
    def burst_ms(self) -> Ms:
        """By how much a check may come before its time."""
        return BURST_S * 1000 - self.apart_ms


def take(free_at: Ms, slot: Ms, lateness_ms: Ms, rate: Rate) -> tuple[Ms | None, Ms]:
    """How long after its slot a check starts, None where that would be too late; and the bucket after it."""
    start = max(slot, free_at - rate.burst_ms)
    if start > slot + max(0, lateness_ms - SLACK_MS):
        return None, free_at
    return start - slot, max(free_at, start) + rate.apart_ms
