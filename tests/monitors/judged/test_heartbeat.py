"""The kind `heartbeat`: its options, which pings count, and its words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.domain.heartbeat import Cause, Move, PingKind
from monitors.domain.verdict import Status
from monitors.judged import sentences
from monitors.judged.heartbeat import KIND, Options, counts_as, is_plain
from monitors.probes.kinds import KINDS, is_probed, probed_kinds

SUCCESS, START, FAIL, LOG, IGNORED = PingKind


def cleaned(**given):
    form = Options.of(given)
    assert form.is_valid(), form.errors
    return form.cleaned_data


def errors(**given):
    form = Options.of(given)
    form.full_clean()
    return set(form.errors)


def test_it_is_found_by_its_name_among_the_others_and_is_not_probed():
    assert KINDS.get("heartbeat") is KIND
    assert not is_probed(KIND)
    assert KIND not in probed_kinds()


# Options --------------------------------------------------------------------------------------------------------------
def test_who_chooses_nothing_has_a_day_and_an_hour_of_grace():
    options = Options.defaults()
    assert (options["schedule"], options["period"], options["grace"]) == ("period", 86_400, 3_600)
    assert options["manual_resume"]


def test_lengths_of_time_are_words_or_seconds():
    assert cleaned(period="1 h 30 min", grace=60)["period"] == 5_400
    assert Options.of({"period": 5_400})["period"].field.prepare_value(5_400) == "1 h 30 min"


REFUSED = {
    "a period that is too short": ({"period": "9 s"}, {"period"}),
    "a period longer than a year": ({"period": "366 d"}, {"period"}),
    "no period": ({"period": ""}, {"period"}),
    "no length of time": ({"grace": "a while"}, {"grace"}),
    "no grace at all": ({"grace": ""}, {"grace"}),
    "no expression": ({"schedule": "cron"}, {"expression"}),
    "no cron expression": ({"schedule": "cron", "expression": "daily at noon"}, {"expression"}),
    "a cron expression for systemd": ({"schedule": "oncalendar", "expression": "30 2 * * 1-5"}, {"expression"}),
    "no such zone": ({"time_zone": "Europe/Atlantis"}, {"time_zone"}),
    "no such schedule": ({"schedule": "sometimes"}, {"schedule"}),
}


@pytest.mark.parametrize(("given_", "wrong"), REFUSED.values(), ids=REFUSED)
def test_the_field_in_error_is_named(given_, wrong):
    assert errors(**given_) == wrong


@given(
    st.dictionaries(
        st.sampled_from(sorted(Options.base_fields)), st.text("0 1hm*:,-/ä\0", max_size=20) | st.integers() | st.none()
    )
)
def test_odd_input_is_an_error_or_a_setting_and_never_a_crash(given_):
    Options.of(given_).full_clean()


@pytest.mark.parametrize("slug", ["backup", "back-up_2", ""])
def test_a_short_name_is_small_letters_digits_dashes_and_underscores(slug):
    assert KIND.clean_target(slug, allow_private=False) == slug


@pytest.mark.parametrize("slug", ["Backup", "back up", "bäckup", "a/b", "a" * 101])
def test_another_short_name_is_refused_with_the_way_out(slug):
    with pytest.raises(ValueError, match="Use"):
        KIND.clean_target(slug, allow_private=False)


# Which pings count ----------------------------------------------------------------------------------------------------
WORDS = {"failure_words": "error, failed", "success_words": "done", "start_words": "begin"}
RULES = {
    "no rules": ({}, SUCCESS, "GET", b"error", SUCCESS),
    "only POST counts": ({"post_only": True}, SUCCESS, "GET", b"", IGNORED),
    "only POST counts, for failures too": ({"post_only": True}, FAIL, "HEAD", b"", IGNORED),
    "a POST": ({"post_only": True}, SUCCESS, "POST", b"", SUCCESS),
    "failure comes first": (WORDS, SUCCESS, "POST", b"Done, with one ERROR", FAIL),
    "success": (WORDS, SUCCESS, "POST", b"all Done", SUCCESS),
    "start": (WORDS, SUCCESS, "POST", b"Begin of it", START),
    "none of the words": (WORDS, SUCCESS, "POST", b"hello", IGNORED),
    "none of the words is a failure": ({**WORDS, "otherwise_fail": True}, SUCCESS, "POST", b"hello", FAIL),
    "no body": (WORDS, SUCCESS, "GET", b"", IGNORED),
    "what is said plainly needs no words": (WORDS, FAIL, "POST", b"done", FAIL),
    "bytes that are no text": (WORDS, SUCCESS, "POST", b"\xff\x00 done", SUCCESS),
}


@pytest.mark.parametrize(("options", "asked", "method", "body", "kind"), RULES.values(), ids=RULES)
def test_a_ping_counts_as(options, asked, method, body, kind):
    assert counts_as(options, asked, method, body) is kind


@pytest.mark.parametrize(
    ("given_", "plain"),
    [
        ({}, True),
        ({"post_only": True}, False),
        ({"success_words": "ok"}, False),
        ({"schedule": "cron", "expression": "* * * * *"}, False),
    ],
)
def test_a_ping_is_plain_when_nothing_has_to_be_looked_at(given_, plain):
    assert is_plain(cleaned(**given_)) is plain


# Words ----------------------------------------------------------------------------------------------------------------
H = 3_600_000
SAID = {
    "No ping since 02:00 UTC; it was due at 03:00 UTC and had 10 min of grace": (
        Move(Status.DOWN, 3 * H + 600_000, Cause.NO_PING, due=3 * H, last_ping=2 * H)
    ),
    "No ping since 1970-01-01 02:00 UTC; it was due at 02:00 UTC and had 10 min of grace": (
        Move(Status.DOWN, 26 * H + 600_000, Cause.NO_PING, due=26 * H, last_ping=2 * H)
    ),
    "The job started at 05:00 UTC and did not finish within its 10 min of grace": (
        Move(Status.DOWN, 5 * H + 600_000, Cause.NOT_FINISHED, due=5 * H)
    ),
    "The job said it failed: exit code 3": Move(Status.DOWN, H, Cause.JOB_FAILED, exit_code=3),
    "The job said it failed": Move(Status.DOWN, H, Cause.JOB_FAILED),
}


@pytest.mark.parametrize(("text", "move"), SAID.items())
def test_why_it_is_down_in_a_sentence(text, move):
    assert sentences.why_down(cleaned(grace=600), move) == text


def test_seconds_are_told_where_they_matter():
    move = Move(Status.DOWN, 2 * H + 90_000, Cause.NO_PING, due=2 * H + 60_000, last_ping=2 * H)
    said = sentences.why_down(cleaned(grace=30, period=60), move)
    assert said == "No ping since 02:00:00 UTC; it was due at 02:01:00 UTC and had 30 s of grace"


def test_what_is_expected_in_words():
    assert sentences.expectation(cleaned(period=300, grace=60)) == "Every 5 min, with 1 min of grace"
