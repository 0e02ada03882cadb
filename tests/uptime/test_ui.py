"""The design system: what the template tags say, and that its colours can be read."""

import re
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
import time_machine
from django import forms
from django.conf import settings
from django.core.paginator import Paginator
from django.template import Context, Template
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from monitors.availability import Day
from monitors.domain.availability import measured
from monitors.domain.verdict import Status
from uptime.templatetags import ui

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


def render(text, **context):
    return Template(text).render(Context(context))


# Numbers and times
@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (None, "–"),
        (1, "100%"),
        (1.0, "100%"),
        (0, "0%"),
        (0.9999, "99.99%"),
        (0.99999, "99.99%"),
        (0.999999999, "99.99%"),
        (0.985, "98.50%"),
        (0.29, "29.00%"),
        (0.00001, "0.00%"),
    ],
)
def test_a_percentage_is_cut_and_never_rounded_up(ratio, text):
    assert ui.percent(ratio) == text


@given(st.floats(0, 1, exclude_max=True))
def test_only_everything_is_called_a_hundred_percent(ratio):
    assert ui.percent(ratio) != "100%"


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (None, "–"),
        (0, "0.0 ms"),
        (0.42, "0.4 ms"),
        (132.4, "132 ms"),
        (999.4, "999 ms"),
        (999.7, "1.00 s"),
        (1534, "1.53 s"),
        (-90_000, "-90.00 s"),
    ],
)
def test_a_response_time_has_the_unit_that_suits_it(ms, text):
    assert ui.milliseconds(ms) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (-4, "0 s"),
        (0, "0 s"),
        (45.9, "45 s"),
        (200, "3 min 20 s"),
        (7200, "2 h"),
        (7205, "2 h"),
        (100_800, "1 d 4 h"),
    ],
)
def test_a_duration_shows_its_two_largest_units(seconds, text):
    assert ui.duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "now"),
        (0, "now"),
        (1, "1 s ago"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (3600, "1 h ago"),
        (172_800, "2 d ago"),
    ],
)
def test_an_age_is_said_in_one_unit(seconds, text):
    assert ui.age(seconds) == text


@time_machine.travel(NOW, tick=False)
def test_ago_shows_the_exact_utc_on_hover_and_counts_on():
    html = ui.ago(NOW - timedelta(seconds=5))
    assert 'title="2026-11-22 11:59:55 UTC"' in html
    assert 'datetime="2026-11-22T11:59:55.000Z"' in html
    assert "data-ago" in html
    assert ">5 s ago<" in html


@time_machine.travel(NOW, tick=False)
def test_a_moment_is_in_the_readers_zone_and_names_another_year():
    from django.utils import timezone

    with timezone.override("Europe/Berlin"):
        assert ">22 Nov, 12:59:55<" in ui.moment(NOW - timedelta(seconds=5))
        assert ">31 Dec 2025, 00:30:00<" in ui.moment(datetime(2025, 12, 30, 23, 30, tzinfo=UTC))


@pytest.mark.parametrize("say", [ui.moment, ui.ago, ui.clock, ui.since, ui.duration, ui.milliseconds, ui.percent])
def test_what_is_not_there_is_a_dash(say):
    assert say(None) == say("") == "–"


# Statuses
@pytest.mark.parametrize(
    ("status", "flags", "word"),
    [
        ("up", "", "Up"),
        ("down", "", "Down"),
        ("pending", "", "Pending"),
        ("pending", "checking", "Checking…"),
        ("pending", "confirming", "Confirming…"),
        ("up", {"confirming"}, "Confirming…"),
        ("up", ["partial"], "Partial"),
        ("paused", (), "Paused"),
        ("validating", (), "Validating"),
        ("nodata", (), "No data"),
    ],
)
def test_a_badge_is_icon_word_and_colour(status, flags, word):
    html = ui.status_badge(status, flags)
    assert word in re.findall(r"</svg>([^<]+)</span>", html)
    assert re.search(r'class="badge badge-\w+"><svg class="icon', html)


def test_a_status_nobody_knows_is_shown_and_escaped():
    html = ui.status_badge("<b>new")
    assert "<b>" not in html
    assert "&lt;b&gt;new" in html


@pytest.mark.parametrize(
    ("state", "flags"),
    [
        ({"status": "pending", "last_checked_at": None}, {"checking"}),
        ({"status": "pending"}, set()),
        ({"status": "pending", "since": NOW + timedelta(seconds=1)}, {"checking"}),  # resumed since
        ({"status": "up", "confirming": True}, {"confirming"}),
        ({"status": "up", "partial": True}, {"partial"}),
        ({"status": "down", "partial": True}, set()),
        ({"status": "up", "late": True}, {"late"}),
        ({"status": "up", "shown_degraded": True}, {"degraded"}),
        ({"status": "down", "flapping": True}, {"flapping"}),
        ({"status": "pending", "last_checked_at": None, "monitor": SimpleNamespace(probed=False)}, {"waiting"}),
    ],
)
def test_the_flags_of_a_state(state, flags):
    usual = {"confirming": False, "partial": False, "late": False, "shown_degraded": False, "flapping": False}
    usual["monitor"] = SimpleNamespace(probed=True)
    whole = {**usual, "last_checked_at": NOW, "since": NOW, **state}
    assert ui.flags_of(SimpleNamespace(**whole)) == flags


def test_every_icon_that_is_used_is_in_the_sprite():
    sprite = (settings.BASE_DIR / "static/img/icons.svg").read_text()
    drawn = set(re.findall(r'<symbol id="([^"]+)"', sprite))
    used = {look.icon for look in ui.LOOKS.values()} | {"circle-help"}
    for path in (settings.BASE_DIR / "templates").rglob("*.html"):
        used |= set(re.findall(r'{% icon "([^"]+)"', path.read_text()))
        used |= set(re.findall(r'{% empty "([^"]+)"', path.read_text()))
        used |= set(re.findall(r'icon_name="([^"]+)"', path.read_text()))
    assert used <= drawn


# Bars
def heights(recent):
    return [int(height) for height in re.findall(r'height="(\d+)"', ui.bars(recent))]


def test_bars_fill_up_from_the_left_with_the_newest_right():
    html = ui.bars([100, 200])
    kinds = re.findall(r'class="bar-(\w+)"', html)
    assert kinds == ["none"] * 38 + ["up", "up"]
    assert re.findall(r"<title>([^<]+)</title>", html) == ["100 ms", "200 ms"]


def test_down_stands_out_and_no_data_is_hatched():
    html = ui.bars([50, -1, -2])
    assert 'class="bar-down"' in html
    assert html.count("url(#hatch)") == 1
    assert 'aria-label="Last 3 checks: 1 up, 1 down, 1 without data"' in html


def test_a_slower_check_has_a_higher_bar():
    low, high, down = heights([100, 400, -1])[-3:]
    assert low < high == down


@given(st.lists(st.integers(-2, 32_000), max_size=60))
def test_any_history_gives_forty_bars_that_fit_the_drawing(recent):
    found = heights(recent)
    assert len(found) == 40
    assert all(0 < height <= ui.HEIGHT for height in found)


def test_phases_are_a_stacked_bar_that_says_them():
    tick = SimpleNamespace(dns_ms=10, connect_ms=30, tls_ms=None, first_byte_ms=60, transfer_ms=0)
    html = ui.phases(tick)
    assert "<title>DNS 10 ms, Connect 30 ms, First byte 60 ms</title>" in html
    assert re.findall(r'width="([\d.]+)"', html) == ["9.6", "28.8", "57.6"]
    assert (
        ui.phases(SimpleNamespace(dns_ms=None, connect_ms=None, tls_ms=None, first_byte_ms=None, transfer_ms=None))
        == ""
    )


# Days
def day(up=0.0, down=0.0, blind=0.0, incidents=0):
    spent = {Status.UP: up, Status.DOWN: down, Status.NODATA: blind}
    return Day(date(2026, 11, 3), measured(spent), up, down, blind, incidents)


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (day(), "Not watched"),
        (day(blind=100), "No data"),
        (day(up=86_400), "100% up"),
        (day(up=86_340, down=60, incidents=1), "99.93% up, down 1 min, 1 incident"),
        (day(up=86_399.5, down=0.5, incidents=2), "99.99% up, down 1 s, 2 incidents"),
        (day(up=43_200, blind=43_200), "100% up, 50.00% covered"),
    ],
)
def test_a_day_is_told_in_words(seen, words):
    assert render("{% day_words day %}", day=seen) == words


@given(*[st.floats(0, 86_400)] * 3)
def test_the_parts_of_a_day_fill_its_bar(up, down, blind):
    drawn = ui.day_bar(day(up, down, blind))
    parts = re.findall(r'bar-(\w+)" y="[\d.]+" width="10" height="([\d.]+)"', drawn)
    heights = {kind: float(height) for kind, height in parts}
    assert ("down" in heights) == (down > 0)
    assert all(height > 0 for height in heights.values())
    if up + down + blind:
        assert sum(heights.values()) == pytest.approx(ui.HEIGHT, abs=0.2)
    else:
        assert heights == {"none": 6}


# Forms
class Sample(forms.Form):
    address = forms.URLField(help_text="Where it is.", assume_scheme="https")
    name = forms.CharField(required=False)
    body = forms.CharField(widget=forms.Textarea)
    follow = forms.BooleanField(required=False)
    places = forms.MultipleChoiceField(
        choices=[("eu", "Europe"), ("us", "America")], widget=forms.CheckboxSelectMultiple
    )
    hidden = forms.CharField(widget=forms.HiddenInput)


def test_a_field_has_label_help_and_its_error_beside_it():
    form = Sample({"address": "<nothing>", "name": "typed"})
    html = render("{% field form.address %}{% field form.name %}", form=form)
    assert '<label class="field-label" for="id_address">' in html
    assert 'id="id_address_helptext"' in html
    assert 'id="id_address_error"' in html
    assert "Enter a valid URL." in html
    assert 'value="&lt;nothing&gt;"' in html
    assert 'value="typed"' in html
    assert "optional" in html


def test_only_the_first_field_in_error_takes_the_focus():
    form = Sample({"address": "", "body": ""})
    html = render("{% field form.address %}{% field form.body %}", form=form)
    assert html.count("autofocus") == 1
    assert html.index("autofocus") < html.index("id_body")


def test_choices_are_a_fieldset_and_a_checkbox_follows_its_box():
    html = render("{% field form.places %}{% field form.follow %}{% field form.hidden %}", form=Sample())
    assert "<fieldset" in html
    assert "<legend" in html
    assert re.search(r'class="field-check" for="id_follow"><input type="checkbox"', html)
    assert re.search(r'<input type="hidden" name="hidden" id="id_hidden">', html)


# Containers
def test_a_card_wraps_what_stands_in_it_and_escapes_its_title():
    html = render('{% card title=name note="two" %}<p>{{ name }}</p>{% endcard %}', name="<i>")
    assert "<h2>&lt;i&gt;</h2>" in html
    assert "<p>&lt;i&gt;</p>" in html
    assert "two" in html


def test_an_empty_place_says_the_next_step():
    html = render('{% empty "search" "Nothing" "Try again." "/next" "Go" %}')
    assert "Nothing" in html
    assert 'href="/next">Go<' in html


def test_pages_keep_the_filter_and_drop_the_version():
    request = RequestFactory().get("/", {"q": "a&b", "page": "2", "v": "123"})
    page = Paginator(range(120), 50).page(2)
    html = render("{% pagination page %}", request=request, page=page)
    assert 'href="?q=a%26b&amp;page=1"' in html
    assert 'href="?q=a%26b&amp;page=3"' in html
    assert "51–100 of 120" in html
    assert render("{% pagination page %}", request=request, page=Paginator(range(3), 50).page(1)).strip() == ""


def test_a_message_offers_undo_only_where_it_says_so():
    assert ui.undo_url(SimpleNamespace(extra_tags="undo:/monitors/3/restore")) == "/monitors/3/restore"
    assert ui.undo_url(SimpleNamespace(extra_tags="safe")) == ui.undo_url(SimpleNamespace(extra_tags=None)) == ""


# Colours
def palette():
    css = (settings.BASE_DIR / "static/css/tokens.css").read_text()
    pairs = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\);", css)
    single = re.findall(r"--([\w-]+): (#\w{6});", css)
    return {name: (light, dark) for name, light, dark in pairs} | {name: (same, same) for name, same in single}


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    """WCAG 2.2, 1.4.3."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


GROUNDS = ["canvas", "surface", "sunken", "hover"]
TEXT = [(ink, ground) for ink in ("ink", "muted", "accent", "down", "ok", "warn") for ground in GROUNDS]
TEXT += [(name, f"{name}-soft") for name in ("ok", "down", "warn", "info", "unknown", "accent")]
TEXT += [("on-accent", "accent"), ("on-accent", "accent-hover"), ("on-danger", "danger"), ("ink", "accent-soft")]
TEXT += [("ink", f"{name}-soft") for name in ("ok", "down", "warn", "info", "unknown")]
TEXT += [("muted", f"{name}-soft") for name in ("ok", "down", "warn", "info", "unknown")]
SHAPES = [("edge", "surface"), ("down-fill", "surface"), ("accent", "surface")]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "ground", "least"), [(*pair, 4.5) for pair in TEXT] + [(*pair, 3) for pair in SHAPES])
def test_every_pair_of_colours_can_be_read_in_both_themes(theme, ink, ground, least):
    colours = palette()
    assert contrast(colours[ink][theme], colours[ground][theme]) >= least


def test_no_colour_stands_outside_the_tokens():
    for path in (settings.BASE_DIR / "static/css").glob("*.css"):
        if path.name != "tokens.css":
            stray = re.findall(r"#[0-9a-fA-F]{3,8}\b(?!\s*{)", path.read_text())
            assert not [colour for colour in stray if colour != "#000"], path.name


def test_vendored_files_are_the_ones_they_are_said_to_be():
    import hashlib

    folder = settings.BASE_DIR / "static/vendor"
    told = dict(
        re.findall(r"^\| (\S+\.(?:js|css)) \|.*\| ([0-9a-f]{64}) \|$", (folder / "VENDOR.md").read_text(), re.M)
    )
    there = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.suffix in {".js", ".css"}
    }
    assert told == there
