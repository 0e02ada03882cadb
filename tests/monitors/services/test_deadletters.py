"""What could not be stored is kept whole, whatever it consists of."""

import json

import pytest

from monitors.models import DeadLetter
from monitors.services import deadletters

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_a_message_is_kept_to_the_last_character():
    sealed = "c2VhbGVk" * 10_000
    deadletters.keep_message("eu", sealed, ValueError("broken"))
    letter = DeadLetter.objects.get()
    assert (letter.kind, letter.region, letter.payload) == ("message", "eu", sealed)
    assert letter.error == "ValueError: broken"


def test_an_outcome_is_kept_as_it_travelled():
    wire = [1, 2, "a \x00 byte", "\ud800", float("inf"), None]
    deadletters.keep_outcome("eu", wire, ValueError("broken"))
    letter = DeadLetter.objects.get()
    assert (letter.kind, json.loads(letter.payload)) == ("outcome", wire)


@pytest.mark.parametrize("sealed", ["a \x00 byte", "\ud800", "é", None, ["a", "list"], {"an": "object"}])
def test_a_message_of_anything_at_all_is_kept(sealed):
    deadletters.keep_message("e\x00u\ud800" * 20, sealed, ValueError("a \x00 byte,\nand a line"))
    letter = DeadLetter.objects.get()
    assert letter.payload == ascii(sealed)
    assert letter.error == "ValueError: a \\x00 byte, and a line"
    assert len(letter.region) == 32


def test_one_that_is_too_large_says_so():
    deadletters.keep_message("eu", "A" * (deadletters.MOST_BYTES + 1), ValueError("x" * 900))
    letter = DeadLetter.objects.get()
    assert letter.payload == ""
    assert letter.error.endswith("(not kept: 524289 characters are too many)")
    assert len(letter.error) <= 500


def test_tries_are_counted_and_the_last_error_is_told():
    deadletters.keep_message("eu", "A", ValueError("first"))
    for _ in range(2):
        deadletters.tried(DeadLetter.objects.get(), KeyError("second"))
    letter = DeadLetter.objects.get()
    assert (letter.tries, letter.error) == (2, "KeyError: 'second'")
    assert letter.tried_at >= letter.received_at


def test_only_the_named_ones_are_purged():
    for _ in range(3):
        deadletters.keep_message("eu", "A", ValueError())
    first, *_, last = DeadLetter.objects.values_list("pk", flat=True)
    assert deadletters.purge([first, last, 987_654_321]) == 2
    assert DeadLetter.objects.count() == 1
