"""PagerDuty, as its documentation says it is: “Events API v2 Overview” (response codes, rate limits), “Send an Alert
Event” (fields and their limits, event actions) and “PD-CEF” (severities)."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from alerts.channels.base import KINDS, Event, Permanent, Temporary
from alerts.channels.pagerduty import REGIONS, PagerDutyOptions
from alerts.domain.escalation import Severity
from tests.alerts.channels.messages import NOON, make_message, make_subject
from tests.alerts.channels.providers import Sender, all_messages, provider, require, text_of
from tests.servers import Seen, answer

KIND = KINDS.get("pagerduty")
KEY = "0123456789abcdef0123456789ABCDEF"
ENDED = make_subject(resolved_at=NOON + timedelta(minutes=5))


def invalid(*errors: str) -> dict:
    return {"status": "invalid event", "message": "Event object is invalid", "errors": list(errors)}


def accept(seen: Seen) -> dict:
    require((seen.method, seen.path) == ("POST", "/v2/enqueue"), 404, "not found")
    require(len(seen.body) <= 512 * 1024, 413, "payload too large")
    said = json.loads(seen.body)
    require(said["routing_key"] == KEY, 400, invalid("'routing_key' is invalid"))
    require(said["event_action"] in {"trigger", "acknowledge", "resolve"}, 400, invalid("'event_action' is invalid"))
    require(0 < len(said["dedup_key"]) <= 255, 400, invalid("Length of 'dedup_key' is wrong"))
    if said["event_action"] == "trigger":
        payload = said["payload"]
        require(0 < len(payload["summary"]) <= 1024, 400, invalid("Length of 'payload.summary' is wrong"))
        require(payload["source"], 400, invalid("'payload.source' is missing or blank"))
        require(payload["severity"] in {"critical", "error", "warning", "info"}, 400, invalid("'severity' is invalid"))
    return {"status": "success", "message": "Event processed", "dedup_key": said["dedup_key"]}


@pytest.fixture
def pagerduty():
    with provider(accept, 202) as target:
        yield target


@pytest.fixture
def send(pagerduty, settings):
    settings.BASE_URL = "https://uptime.example"
    return Sender("pagerduty", {"routing_key": KEY}, pagerduty.url)


def sent(pagerduty) -> list[dict]:
    return [json.loads(seen.body) for seen in pagerduty.requests]


def test_an_outage_triggers_an_alert_that_says_it_all(pagerduty, send):
    receipt = send(make_message(severity=Severity.CRITICAL))
    [said] = sent(pagerduty)
    assert (said["event_action"], said["dedup_key"]) == ("trigger", "uptime.example/incident-12")
    assert said["payload"] == {
        "summary": "Shop is down",
        "source": "https://shop.example/",
        "severity": "critical",
        "timestamp": "2026-11-27T12:00:00.000+00:00",
        "component": "Shop",
        "group": "alice's team",
        "class": "outage",
        "custom_details": {
            "text": "Answered 500. Down since 27 Nov 2026, 12:00:00 UTC.",
            "Monitor": "https://shop.example/",
            "Cause": "Answered 500.",
        },
    }
    assert said["links"] == [{"href": "https://uptime.example/incidents/12", "text": "Open the incident"}]
    assert receipt.answer == "202 trigger: Event processed"
    assert receipt.reference == "uptime.example/incident-12"


@pytest.mark.parametrize(
    ("message", "actions"),
    [
        (make_message(event=Event.REMINDER), ["trigger"]),
        (make_message(event=Event.REMINDER, subject=make_subject(acknowledged_at=NOON)), ["acknowledge"]),
        (make_message(event=Event.UP, subject=ENDED, first=False), ["resolve"]),
        (make_message(event=Event.UP, subject=ENDED), ["trigger", "resolve"]),
        (make_message(event=Event.EXPIRY), ["trigger"]),
        (make_message(event=Event.EXPIRY, subject=ENDED, first=False), ["resolve"]),
        (make_message(event=Event.TEST, subject=None), ["trigger", "resolve"]),
        (make_message(event=Event.CHANNEL, subject=None), ["trigger"]),
    ],
)
def test_an_alert_goes_through_the_states_of_its_incident(pagerduty, send, message, actions):
    send(message)
    assert [said["event_action"] for said in sent(pagerduty)] == actions
    assert len({said["dedup_key"] for said in sent(pagerduty)}) == 1


@pytest.mark.parametrize("message", all_messages(), ids=lambda each: each.key)
def test_pagerduty_takes_every_message(send, message):
    assert send(message).answer.startswith("202 ")


@pytest.mark.parametrize(
    ("status", "said", "disable"),
    [
        (400, invalid("'routing_key' is invalid"), True),
        (400, invalid("Length of 'payload.summary' is wrong"), False),
        (403, "forbidden", True),
    ],
)
def test_what_pagerduty_refuses_is_given_up_and_the_key_is_not_told(pagerduty, send, status, said, disable):
    pagerduty.does(answer(status, text_of(said)))
    with pytest.raises(Permanent, match=f"PagerDuty answered {status}") as raised:
        send()
    assert raised.value.disable is disable
    assert KEY not in raised.value.reason


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_may_become_well_is_tried_again(pagerduty, send, status):
    pagerduty.does(answer(status, ""))
    with pytest.raises(Temporary, match=f"PagerDuty answered {status}"):
        send()


def test_what_cannot_be_is_refused_with_the_way_out():
    assert "32 letters and digits" in str(PagerDutyOptions({"routing_key": "u+abc"}).errors["routing_key"])
    assert "Select a valid choice" in str(PagerDutyOptions({"routing_key": KEY, "region": "mars"}).errors["region"])


def test_the_region_is_the_united_states_where_none_is_named():
    form = PagerDutyOptions({"routing_key": "••••CDEF"})
    assert form.is_valid()
    assert form.cleaned_data["region"] == "us"
    assert REGIONS["eu"] == "https://events.eu.pagerduty.com"
    assert KIND.summary({"region": "eu"}) == "a service of PagerDuty (EU)"


def test_what_is_kept_holds_no_secret():
    assert KEY not in KIND.render(replace(make_message(), event=Event.TEST), {"routing_key": KEY}).body
