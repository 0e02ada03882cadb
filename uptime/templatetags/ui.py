"""The design system's template tags: a builtin library, so no template has to load it. See templates/components/."""

from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal
from urllib.parse import urlencode

from django import template
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, HiddenInput, RadioSelect, Textarea
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from uptime.looks import LOOKS, Look

register = template.Library()

NONE = "–"  # there is no number
NOTHING = (None, "")  # a template says "" for the attribute of something that is not there
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


# Icons and statuses ---------------------------------------------------------------------------------------------------
@register.simple_tag
def icon(name: str, classes: str = "", label: str = "") -> SafeString:
    """An icon of static/img/icons.svg. Without `label` it is decoration, and hidden from screen readers."""
    naming = format_html('role="img" aria-label="{}"', label) if label else SafeString('aria-hidden="true"')
    place = static("img/icons.svg")
    return format_html('<svg class="icon {}" {}><use href="{}#{}"></use></svg>', classes, naming, place, name)


def look(status: str, flags=()) -> Look:
    """What a status with its flags is shown as. A first failure, a first check or being late says more than it."""
    if "confirming" in flags:
        return LOOKS["confirming"]
    for flag in ("checking", "waiting"):
        if status == "pending" and flag in flags:
            return LOOKS[flag]
    if "late" in flags:
        return LOOKS["late"]
    return LOOKS.get(status) or Look(str(status).capitalize(), "circle-help", "unknown")


def flags_of(state) -> set[str]:
    """The flags of a monitors.models.State that its badge shows."""
    found = {"confirming"} if state.confirming else set()
    if state.status == "pending" and (state.last_checked_at is None or state.last_checked_at < state.since):
        found.add("checking" if state.monitor.probed else "waiting")
    if state.late:
        found.add("late")
    if state.partial and state.status in {"up", "validating"}:
        found.add("partial")
    if state.shown_degraded:
        found.add("degraded")
    if state.flapping:
        found.add("flapping")
    return found


register.filter("flags", flags_of)


@register.simple_tag
def status_badge(status: str, flags="") -> SafeString:
    """Icon, word and colour of a status. `flags`: names, as a collection or a text with spaces between."""
    names = set(flags.split() if isinstance(flags, str) else flags or ())
    shown = [look(status, names)]
    shown += [LOOKS[name] for name in ("flapping", "partial", "degraded") if name in names]
    badges = format_html_join(
        "",
        '<span class="badge badge-{}">{}{}</span>',
        ((each.tone, icon(each.icon, "spin" if each.turning else ""), each.word) for each in shown),
    )
    return badges if len(shown) == 1 else format_html('<span class="badges">{}</span>', badges)


@register.simple_tag
def vote_badge(vote: str, degraded: bool = False) -> SafeString:
    """One region's vote: up, down or nodata. Degraded is said instead of up: there is room for one badge."""
    return status_badge("degraded" if degraded else vote) if vote else SafeString("")


@register.filter
def tone(status: str) -> str:
    """The colour word of a status: ok, down, warn, info, unknown."""
    return look(status).tone


# Times and numbers ----------------------------------------------------------------------------------------------------
def _time(moment: datetime, text: str, mark: str = "") -> SafeString:
    utc = moment.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{} UTC"{}>{}</time>',
        utc.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        utc.strftime("%Y-%m-%d %H:%M:%S"),
        SafeString(mark),
        text,
    )


@register.filter
def ago(moment: datetime | None) -> str:
    """How long ago `moment` was; the page keeps counting, and the exact UTC time shows on hover."""
    if moment in NOTHING:
        return NONE
    seconds = int((timezone.now() - moment).total_seconds())
    return _time(moment, age(seconds), " data-ago")


def age(seconds: int) -> str:
    """`seconds` in one unit, as static/js/live.js counts on: now, 5 s ago, 3 min ago, 2 h ago, 4 d ago."""
    if seconds < 1:
        return "now"
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    raise AssertionError("a whole second or more has a unit")


@register.filter
def since(moment: datetime | None) -> str:
    """How long something has lasted, counting on in the page: 3 min 20 s."""
    if moment in NOTHING:
        return NONE
    return _time(moment, duration((timezone.now() - moment).total_seconds()), " data-since")


@register.filter
def moment(when: datetime | None) -> str:
    """A date and time in the reader's zone, to the second; the year only when it is another one."""
    if when in NOTHING:
        return NONE
    local = timezone.localtime(when)
    year = "" if local.year == timezone.localtime().year else f" {local.year}"
    return _time(when, f"{local.day} {MONTHS[local.month - 1]}{year}, {local:%H:%M:%S}")


@register.filter
def clock(when: datetime | None) -> str:
    """The time of day in the reader's zone."""
    return NONE if when in NOTHING else _time(when, f"{timezone.localtime(when):%H:%M:%S}")


@register.filter
def duration(seconds: float | None) -> str:
    """Seconds in the two largest units that are not zero: 45 s, 3 min 20 s, 2 h, 1 d 4 h."""
    if seconds in NOTHING:
        return NONE
    rest = max(0, int(seconds))
    parts: list[tuple[int, str]] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append((count, unit))
    return " ".join(f"{count} {unit}" for count, unit in parts[:2] if count) or "0 s"


@register.filter
def milliseconds(ms: float | None) -> str:
    """A response time: 0.4 ms, 132 ms, 1.53 s."""
    if ms in NOTHING:
        return NONE
    if abs(ms) >= 999.5:
        return f"{ms / 1000:.2f} s"
    return f"{ms:.1f} ms" if abs(ms) < 10 else f"{ms:.0f} ms"


@register.filter
def percent(ratio: float | None) -> str:
    """A ratio from 0 to 1 with two decimals, cut and never rounded: 100% means all of it."""
    if ratio in NOTHING:
        return NONE
    value = (Decimal(str(ratio)) * 100).quantize(Decimal("0.01"), rounding=ROUND_DOWN)
    return f"{value:.0f}%" if ratio in (0, 1) else f"{value}%"


# Bars -----------------------------------------------------------------------------------------------------------------
BARS = 40  # monitors.models.State.RECENT
DOWN, NODATA = -1, -2
STEP, WIDTH, HEIGHT = 6, 4, 28  # user units of the drawing
HATCH = ' fill="url(#hatch)"'  # a pattern of base.html; a stylesheet could not refer to it


@register.simple_tag
def bars(recent, classes: str = "", noun: str = "checks") -> SafeString:
    """Recent rounds (or what `noun` says) as bars, the newest right: times in ms, -1 for down, -2 for no data."""
    values = list(recent or [])[-BARS:]
    missing = BARS - len(values)
    slowest = max([value for value in values if value >= 0], default=0)
    drawn = [_bar(slot, "none", 6) for slot in range(missing)]
    drawn += [_measured_bar(slot, value, slowest) for slot, value in enumerate(values, missing)]
    return format_html(
        '<svg class="bars {}" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>',
        classes,
        BARS * STEP - (STEP - WIDTH),
        HEIGHT,
        _bars_in_words(values, noun),
        SafeString("".join(drawn)),  # numbers and our own words
    )


def _measured_bar(slot: int, value: int, slowest: int) -> str:
    if value == DOWN:
        return _bar(slot, "down", HEIGHT, "Down")
    if value == NODATA:
        return _bar(slot, "nodata", HEIGHT, "No data", HATCH)
    height = 10 + round(18 * value / slowest) if slowest else HEIGHT
    return _bar(slot, "up", height, milliseconds(value))


def _bar(slot: int, kind: str, height: int, title: str = "", fill: str = "") -> str:
    """Short on purpose: a page of the list has two thousand of them, and is drawn again with every change."""
    place = f'x="{slot * STEP}" y="{HEIGHT - height}" width="{WIDTH}" height="{height}"'
    return f'<rect class="bar-{kind}" {place}{fill}>' + (f"<title>{title}</title></rect>" if title else "</rect>")


def _bars_in_words(values: list[int], noun: str) -> str:
    if not values:
        return f"No {noun} yet"
    counted = [
        (sum(value >= 0 for value in values), "up"),
        (values.count(DOWN), "down"),
        (values.count(NODATA), "without data"),
    ]
    said = ", ".join(f"{count} {word}" for count, word in counted if count)
    return f"Last {len(values)} {noun}: {said}"


@register.simple_tag
def day_bar(day) -> SafeString:
    """One day (monitors.availability.Day) as a bar: up from below, on top of it what was down or not seen."""
    known = day.up + day.down + day.blind
    down = max(6.0, HEIGHT * day.down / known) if day.down else 0.0  # a minute of it is seen, too
    blind = min(HEIGHT - down, max(4.0, (HEIGHT - down) * day.blind / known)) if day.blind else 0.0
    parts = [("down", 0.0, down), ("nodata", down, blind), ("up", down + blind, HEIGHT - down - blind)]
    if not known:
        parts = [("none", HEIGHT - 6.0, 6.0)]
    drawn = [
        f'<rect class="bar-{kind}" y="{top:.1f}" width="10" height="{height:.1f}"{HATCH if kind == "nodata" else ""}/>'
        for kind, top, height in parts
        if height >= 0.1
    ]
    return format_html(
        '<svg class="day-bar" viewBox="0 0 10 {}" preserveAspectRatio="none" aria-hidden="true">{}</svg>',
        HEIGHT,
        SafeString("".join(drawn)),  # numbers and our own words
    )


@register.simple_tag
def day_words(day) -> str:
    """A day in words: 99.93% up, down 1 min, 1 incident, 98.00% covered."""
    if day.uptime.ratio is None:
        return "No data" if day.blind else "Not watched"
    said = [f"{percent(day.uptime.ratio)} up"]
    if day.down:
        said.append(f"down {duration(max(1, day.down))}")
    if day.incidents:
        said.append(f"{day.incidents} incident{'' if day.incidents == 1 else 's'}")
    if day.uptime.coverage < 1:
        said.append(f"{percent(day.uptime.coverage)} covered")
    return ", ".join(said)


PHASES = {"dns": "DNS", "connect": "Connect", "tls": "TLS", "first_byte": "First byte", "transfer": "Transfer"}
PHASES_WIDTH = 96


@register.simple_tag
def phases(tick) -> SafeString:
    """The phases of one check (monitors.models.Tick) as a small stacked bar that says them in words on hover."""
    spent = [(name, title, getattr(tick, f"{name}_ms")) for name, title in PHASES.items()]
    spent = [(name, title, ms) for name, title, ms in spent if ms]
    whole = sum(ms for _, _, ms in spent)
    if not whole:
        return SafeString("")
    drawn, left = [], 0.0
    for name, _, ms in spent:
        width = PHASES_WIDTH * ms / whole
        drawn.append((name, f"{left:.1f}", f"{width:.1f}"))
        left += width
    words = ", ".join(f"{title} {milliseconds(ms)}" for _, title, ms in spent)
    return format_html(
        '<svg class="phases" viewBox="0 0 {} 8" role="img" aria-label="{}"><title>{}</title>{}</svg>',
        PHASES_WIDTH,
        words,
        words,
        format_html_join("", '<rect class="phase-{}" x="{}" width="{}" height="8"/>', drawn),
    )


# Forms ----------------------------------------------------------------------------------------------------------------
@register.simple_tag
def field(bound: BoundField, label: str = "", placeholder: str = "") -> SafeString:
    """A form field with its label, help and errors; the first one in error takes the focus."""
    widget = bound.field.widget
    if isinstance(widget, HiddenInput):
        return bound.as_widget()
    attrs: dict[str, str | bool] = {"placeholder": placeholder} if placeholder else {}
    if bound.errors and _first_in_error(bound):
        attrs["autofocus"] = True
    context = {
        "field": bound,
        "label": label or bound.label,
        "widget": bound.as_widget(attrs=attrs),
        "checkbox": isinstance(widget, CheckboxInput),
        "choices": isinstance(widget, CheckboxSelectMultiple | RadioSelect),
        "wide": isinstance(widget, Textarea | CheckboxSelectMultiple) or widget.attrs.get("inputmode") == "url",
    }
    return SafeString(render_to_string("components/field.html", context))


def _first_in_error(bound: BoundField) -> bool:
    return next(name for name in bound.form.fields if name in bound.form.errors) == bound.name


# Containers and navigation --------------------------------------------------------------------------------------------
@register.simple_block_tag
def card(content, title="", note="", flush=False, classes=""):
    """A card: `{% card title="Regions" %}…{% endcard %}`; `flush` leaves out the padding, for tables."""
    context = {"content": content, "title": title, "note": note, "flush": flush, "classes": classes}
    return SafeString(render_to_string("components/card.html", context))


@register.inclusion_tag("components/empty.html")
def empty(icon_name, title, text="", url="", action="", small=False):
    """Nothing here yet, and the next step."""
    return {"icon": icon_name, "title": title, "text": text, "url": url, "action": action, "small": small}


@register.inclusion_tag("components/pagination.html", takes_context=True)
def pagination(context, page, parameter="page"):
    """Links to the neighbours of a paginator's page; every other query parameter is kept but `v`."""
    kept = context["request"].GET.copy()
    for name in (parameter, "v"):
        kept.pop(name, None)

    def link(number):
        return f"?{urlencode([*((k, v) for k in kept for v in kept.getlist(k)), (parameter, number)])}"

    return {
        "page": page,
        "previous": link(page.previous_page_number()) if page.has_previous() else "",
        "next": link(page.next_page_number()) if page.has_next() else "",
    }


@register.filter
def undo_url(message) -> str:
    """Where a message's Undo button posts to: put there by `extra_tags="undo:<url>"`."""
    tags = message.extra_tags or ""
    return tags.removeprefix("undo:") if tags.startswith("undo:") else ""
