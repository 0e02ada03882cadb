"""The language of texts of one's own: what stands for what, and what is said of a mistake."""

import string
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.channels.base import Event
from alerts.channels.wording import MOST_VARIABLES, VARIABLES, TemplateError, check, filled, values
from tests.alerts.channels.messages import NOON, make_message, make_subject


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("one\ntwo $TITEL", "Line 2: There is no $TITEL. Did you mean $TITLE?"),
        ("$title", "Line 1: There is no $title. Did you mean $TITLE?"),
        ("$XYZZY", "Line 1: There is no $XYZZY. There are: $EVENT,"),
        ("a\nb\nfor 5 $", "Line 3: a dollar sign here begins no variable. Write $$ for a dollar sign."),
        ("${TITLE", "Line 1: a dollar sign here begins no variable"),
        ("$TITLE " * (MOST_VARIABLES + 1), f"There are {MOST_VARIABLES + 1} variables in it."),
    ],
)
def test_a_mistake_is_told_with_its_line_and_the_way_out(text, said):
    with pytest.raises(TemplateError) as raised:
        check(text)
    assert str(raised.value).startswith(said)


@pytest.mark.parametrize(
    ("template", "becomes"),
    [
        ("$TITLE costs $$5, ${MONITOR}s", "Shop is down costs $5, Shops"),
        ("a\nResolved: $RESOLVED\nb", "a\nb"),
        ("$RESOLVED$TITLE", "Shop is down"),
        ("{{ 7*7 }} {% include 'x' %} #{1} ${TITLE}", "{{ 7*7 }} {% include 'x' %} #{1} Shop is down"),
        ("no variable\n\nat all", "no variable\n\nat all"),
    ],
)
def test_variables_are_filled_in_and_nothing_else_is(template, becomes):
    assert filled(template, values(make_message())) == becomes


def test_what_a_value_holds_is_not_read_again():
    assert filled("$TITLE", {"TITLE": "$TEXT $$ ${URL} {{ x }}"}) == "$TEXT $$ ${URL} {{ x }}"


def test_a_template_that_becomes_too_long_is_stopped():
    with pytest.raises(TemplateError, match="Line 2: it becomes longer than 1,000"):
        filled("a\n" + "$TEXT" * 3, {"TEXT": "x" * 500}, 1000)


def test_every_variable_has_a_value_whatever_the_message_is_about():
    for event in Event:
        for about in (None, make_subject(), make_subject(resolved_at=NOON + timedelta(minutes=90))):
            assert set(values(make_message(event=event, subject=about))) == set(VARIABLES)


def test_times_are_in_the_readers_zone():
    said = values(make_message(zone="Europe/Berlin", subject=make_subject(resolved_at=NOON + timedelta(minutes=90))))
    assert said["STARTED"] == "27 Nov 2026, 13:00:00 CET"
    assert (said["RESOLVED_AT"], said["DURATION"]) == ("2026-11-27T13:30:00.000Z", "1 h 30 min")


@given(st.text(alphabet=string.printable + "é$${}", max_size=300))
def test_what_passes_the_check_can_be_filled_and_what_does_not_is_an_error_in_words(text):
    try:
        check(text)
    except TemplateError:
        return
    filled(text, values(make_message()))
