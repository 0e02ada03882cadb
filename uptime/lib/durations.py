"""Lengths of time as people write them: "15 min", "1 h 30 min", "1 d", or bare seconds."""

import re

UNITS = {"d": 86_400, "h": 3_600, "min": 60, "s": 1}
_SPELLINGS = {
    "d": "d", "day": "d", "days": "d",
    "h": "h", "hour": "h", "hours": "h", "hr": "h", "hrs": "h",
    "min": "min", "m": "min", "mins": "min", "minute": "min", "minutes": "min",
    "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s",
    "w": "w", "week": "w", "weeks": "w",
}  # fmt: skip
_PART = re.compile(r"(\d{1,9})(?!\d)\s*+([a-z]*+)\s*+")


def parse(text: str) -> int:
    """The seconds `text` means. Raises ValueError with a sentence for the person who typed it."""
    rest = text.strip().lower().replace(",", " ")
    total = at = 0
    while not at or at < len(rest):  # part by part: one pattern for them all has too many ways to read "1111…1!"
        part = _PART.match(rest, at)
        if not part:
            raise ValueError(f"“{text[:40]}” is no length of time. Write it as in 15 min, 1 h 30 min or 1 d.")
        total, at = total + int(part[1]) * _size(part[2]), part.end()
    return total


def _size(unit: str) -> int:
    known = _SPELLINGS.get(unit or "s")
    if known is None:
        raise ValueError(f"“{unit[:40]}” is no unit of time. Use d, h, min and s.")
    return 7 * UNITS["d"] if known == "w" else UNITS[known]


def words(seconds: int) -> str:
    """The exact length in as few units as it takes: 90 s is 1 min 30 s."""
    parts, rest = [], seconds
    for unit, size in UNITS.items():
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts) or "0 s"
