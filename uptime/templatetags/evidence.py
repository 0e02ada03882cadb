"""Template tags of evidence: where the time of a check went, as bars one after the other."""

from dataclasses import dataclass

from django import template

from uptime.templatetags.ui import PHASES

register = template.Library()

WIDTH = 1000  # user units of the drawing
LEAST = 6  # a bar one can see


@dataclass(frozen=True)
class Span:
    """One phase: `start` and `width` in user units."""

    phase: str
    title: str
    ms: float
    start: str
    width: str


@register.simple_tag
def spans(phases: dict[str, float]) -> list[Span]:
    """The phases (milliseconds by name) as bars that begin where the one before ends."""
    spent = [(name, title, float(phases[name])) for name, title in PHASES.items() if phases.get(name) is not None]
    whole = sum(ms for _, _, ms in spent) or 1.0
    found, at = [], 0.0
    for name, title, ms in spent:
        width = max(LEAST, WIDTH * ms / whole)
        found.append(Span(name, title, ms, f"{min(at, WIDTH - width):.2f}", f"{width:.2f}"))
        at += WIDTH * ms / whole
    return found


@register.filter
def day(text: str) -> str:
    """The day of a moment in ISO 8601."""
    return text[:10]


@register.filter
def fingerprint(text: str) -> str:
    """A SHA-256 as it is read aloud: ab:cd:ef…"""
    return ":".join(text[at : at + 2] for at in range(0, len(text), 2))
