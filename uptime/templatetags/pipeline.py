"""How figures of the pipeline are drawn."""

from datetime import datetime

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from uptime.pipeline.parts import Figure
from uptime.pipeline.words import plain
from uptime.templatetags.ui import ago

register = template.Library()


@register.simple_tag
def figure(shown: Figure, now: datetime) -> str:
    """The value of a figure; a moment goes on counting in the page."""
    return ago(shown.value) if isinstance(shown.value, datetime) else plain(shown, now)


@register.filter
def code(text: str) -> SafeString:
    """A sentence with `words between backticks` set as code."""
    parts = enumerate(text.split("`"))
    return format_html_join(
        "", "{}", ((format_html("<code>{}</code>", each) if at % 2 else each,) for at, each in parts)
    )


@register.simple_tag
def gauge(shown: Figure) -> SafeString:
    """How far a figure has grown towards its limit, as a small bar."""
    if not shown.full or not isinstance(shown.value, int | float):
        return SafeString("")
    share = min(1, shown.value / shown.full)
    tone = "down" if share > 0.95 else "warn" if share > 0.8 else "ok"
    return format_html(
        '<svg class="gauge" viewBox="0 0 100 4" preserveAspectRatio="none" role="img" aria-label="{}%">'
        '<rect class="gauge-ground" width="100" height="4"/><rect class="gauge-{}" width="{}" height="4"/></svg>',
        round(share * 100),
        tone,
        f"{share * 100:.1f}",
    )
