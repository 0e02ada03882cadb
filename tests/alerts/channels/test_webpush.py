"""Web push, against a push service that enforces the RFCs and Mozilla's limits and words: tests/pushservice.py names
the pages."""

import json
from dataclasses import dataclass

import pytest

from alerts.channels.base import KINDS, Event, Permanent, Temporary
from alerts.channels.webpush import LIMIT, WebPushOptions, compact, document, topic
from alerts.domain.escalation import Severity
from tests.alerts.channels.messages import make_message, make_subject
from tests.alerts.channels.providers import all_messages
from tests.pushservice import PHONE_LIMIT, PushService, refusal
from tests.servers import answer, hang
from uptime.lib import webpush
from uptime.lib.webpush import OVERHEAD

KIND = KINDS.get("webpush")
KEY = webpush.new_private_key()


@dataclass
class Browser:
    """What is stored of one."""

    pk: int
    name: str
    secrets: dict
    last_key: str = ""


@pytest.fixture
def service(tmp_path):
    with PushService(KEY, tmp_path) as service:
        yield service


@pytest.fixture
def laptop(service):
    return service.subscribe("laptop")


@pytest.fixture
def phone(service):
    return service.subscribe("phone", limit=PHONE_LIMIT)


@pytest.fixture
def browsers(laptop, phone):
    return [Browser(1, "Firefox on Linux", laptop.told), Browser(2, "Firefox on Android", phone.told)]


def options_for(browsers, **more):
    return {"browsers": browsers, "push_key": KEY, "contact": "mailto:ops@example.com", "member_name": "alice", **more}


@pytest.fixture
def send(service, browsers):
    def send(message=None, deadline_s=10, **more):
        with service.way(deadline_s) as way:
            return KIND.send(message or make_message(), options_for(browsers, **more), way)

    return send


# What arrives ---------------------------------------------------------------------------------------------------------
def test_every_browser_shows_what_is_wrong_and_leads_to_the_incident(send, laptop, phone):
    receipt = send(make_message(acknowledge_url="https://uptime.example/a/12?x=1"))
    for browser in (laptop, phone):
        (said,) = browser.shown
        shown = said["notification"]
        assert said["web_push"] == 8030
        assert shown["title"] == "🔴 Shop is down"
        assert shown["body"].startswith("Answered 500. Down since")
        assert shown["navigate"] == "https://uptime.example/incidents/12"
        assert shown["tag"] == "incident-12"
        assert shown["actions"] == [
            {"action": "acknowledge", "title": "Acknowledge", "navigate": "https://uptime.example/a/12?x=1"}
        ]
    assert receipt.places.told == {1, 2}
    assert receipt.answer == "Firefox on Linux: 201 taken; Firefox on Android: 201 taken"


@pytest.mark.parametrize("message", all_messages(), ids=lambda each: each.key)
def test_a_phone_takes_every_message(send, phone, message):
    assert send(message).places.told == {1, 2}
    assert len(phone.seen[0].body) <= PHONE_LIMIT == LIMIT + OVERHEAD


def test_an_address_of_any_length_leaves_the_message_small():
    message = make_message(url=f"https://{'a' * 1500}.example/", text="x" * 3000)
    assert len(compact(document(message, {}))) <= LIMIT


def test_what_comes_later_about_an_incident_replaces_what_waits(send, laptop):
    send()
    send(make_message(event=Event.UP, key="other", title="Shop is up again"))
    topics = {seen.headers["topic"] for seen in laptop.seen}
    tags = {said["notification"]["tag"] for said in laptop.shown}
    assert topics == {"incident12"}
    assert tags == {"incident-12"}


@pytest.mark.parametrize(
    "message", [make_message(subject=None), make_message(subject=make_subject(id=9_223_372_036_854_775_807))]
)
def test_a_topic_is_never_too_long(message):
    assert 0 < len(topic(message)) <= 32


@pytest.mark.parametrize(
    ("event", "severity", "urgency", "ttl"),
    [
        (Event.DOWN, Severity.CRITICAL, "high", 86_400),
        (Event.DOWN, Severity.LOW, "normal", 86_400),
        (Event.UP, Severity.CRITICAL, "normal", 86_400),
        (Event.REMINDER, Severity.HIGH, "high", 3600),
        (Event.TEST, Severity.HIGH, "normal", 600),
    ],
)
def test_what_is_urgent_wakes_a_phone_and_what_is_old_is_not_shown(send, phone, event, severity, urgency, ttl):
    send(make_message(event=event, severity=severity))
    (seen,) = phone.seen
    assert (seen.headers["urgency"], seen.headers["ttl"]) == (urgency, str(ttl))


def test_it_stays_on_the_screen_only_where_that_was_chosen_and_only_while_it_is_down(send, laptop):
    send()
    send(make_message(key="b"), stay=True)
    send(make_message(key="c", event=Event.UP), stay=True)
    assert [said["notification"]["requireInteraction"] for said in laptop.shown] == [False, True, False]


def test_nobody_in_between_can_read_it(send, laptop):
    send()
    assert b"Shop" not in laptop.seen[0].body
    assert b"notification" not in laptop.seen[0].body


# What goes wrong ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("gone", [refusal(410, 103, "Expired URL endpoint"), refusal(404, 102, "Invalid URL endpoint")])
def test_a_browser_that_is_gone_is_forgotten_without_a_word(service, send, phone, gone):
    service.answers("laptop", gone)
    receipt = send()
    assert (receipt.places.told, receipt.places.gone) == ({2}, {1})
    assert receipt.answer == "Firefox on Android: 201 taken"
    assert phone.shown


def test_with_the_last_browser_the_channel_is_over(service, send):
    for name in ("laptop", "phone"):
        service.answers(name, refusal(410, 106, "Invalid subscription"))
    with pytest.raises(Permanent, match="All 2 browsers take no more messages") as raised:
        send()
    assert raised.value.disable is True
    assert raised.value.places.gone == {1, 2}


def test_whoever_is_told_to_wait_is_tried_again_and_the_others_are_not_told_twice(service, send, browsers, laptop):
    service.answers("phone", refusal(429, 201, "Use exponential back-off", Retry_After="120"))
    with pytest.raises(
        Temporary, match="Firefox on Android: its push service answered 429 Use exponential back-off"
    ) as raised:
        send()
    assert raised.value.retry_after_s == 120
    assert raised.value.places.told == {1}
    browsers[0].last_key = make_message().key  # as it is written down
    with pytest.raises(Temporary):
        send()
    assert len(laptop.shown) == 1


@pytest.mark.parametrize(
    ("status", "errno", "words"), [(500, 999, "Unknown error"), (502, 903, "timed out"), (503, 201, "back-off")]
)
def test_what_may_become_well_is_tried_again(service, send, status, errno, words):
    service.answers("phone", refusal(status, errno, words))
    with pytest.raises(Temporary, match=words):
        send()


@pytest.mark.parametrize(
    ("status", "errno", "words"),
    [(400, 110, "Invalid crypto keys"), (401, 109, "VAPID public key mismatch"), (413, 104, "Data payload too large")],
)
def test_what_a_push_service_refuses_is_said_and_costs_no_browser(service, send, status, errno, words):
    service.answers("phone", refusal(status, errno, words))
    receipt = send()
    assert receipt.places.told == {1}
    assert not receipt.places.gone
    assert words in receipt.answer
    service.answers("laptop", refusal(status, errno, words))
    with pytest.raises(Permanent, match=words) as raised:
        send()
    assert raised.value.disable is False


def test_apples_reason_for_a_token_it_does_not_take_is_said(service, send):
    for name in ("laptop", "phone"):
        service.answers(name, answer(403, '{"reason":"BadJwtToken"}'))
    with pytest.raises(Permanent, match="403 BadJwtToken"):
        send()


def test_a_push_service_that_hangs_keeps_no_browser_from_the_message_but_its_own(service, send, browsers, laptop):
    service.answers("phone", hang)
    browsers.reverse()
    browsers[1].last_key = "an earlier message"
    with pytest.raises(Temporary, match="Firefox on Android") as raised:
        send(deadline_s=1)
    assert raised.value.places.told == {1}
    assert laptop.shown


def test_a_key_that_is_not_this_sites_is_refused(service, send):
    with pytest.raises(Permanent, match="VAPID public key mismatch"):
        send(push_key=webpush.new_private_key())


@pytest.mark.parametrize("contact", ["ops@example.com", "", "http://localhost"])
def test_the_push_service_of_these_tests_wants_a_contact(send, contact):
    with pytest.raises(Permanent, match=r"contact|sub"):
        send(contact=contact)


def test_without_a_browser_nothing_is_sent_and_the_way_out_is_said(service):
    with service.way() as way, pytest.raises(Permanent, match="alice has notifications on in no browser"):
        KIND.send(make_message(), options_for([]), way)
    assert KIND.problem(options_for([], member_name="")).startswith("Nobody in the team has notifications on.")
    assert KIND.problem(options_for(["one"])) == ""


# What is kept ---------------------------------------------------------------------------------------------------------
def test_what_is_kept_names_no_browsers_address_and_no_key(browsers):
    kept = KIND.render(make_message(), options_for(browsers))
    assert json.loads(kept.body)["notification"]["title"] == "🔴 Shop is down"
    for secret in (KEY, *browsers[0].secrets.values()):
        assert secret not in kept.body


def test_its_one_option_may_be_left_out():
    assert WebPushOptions.defaults() == {"stay": False}
    assert KIND.summary(options_for([])) == "alice's browsers"
    assert KIND.summary(options_for([], member_name="")) == "the team's browsers"
