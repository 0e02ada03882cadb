"""A monitor that keeps going down and coming up: one incident, told of once, and again when it is steady."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from alerts.messages import compose
from alerts.models import Delivery
from incidents import brake, flapping, handling, maintaining
from incidents import services as incidents
from incidents.handling import Person
from incidents.models import Incident, Notice, Transition
from monitors.domain.verdict import Status
from monitors.models import State
from monitors.services import edit
from monitors.services.changes import move
from tests.alerts.cast import announce, ledger, make_owned, make_policy, minutes, send
from tests.factories import make_channel
from uptime.pipeline.reading_alerts import outbox

pytestmark = pytest.mark.django_db
START = (timezone.now() - timedelta(hours=5)).replace(microsecond=0)
WHY = {"cause": "status", "sentence": "Answered 500."}
QUIET = "Quiet: it is flapping, and was told of once."


@pytest.fixture
def monitor():
    found = make_owned()
    State.objects.filter(pk=found.pk).update(verdict=Status.UP, since=START - minutes(600))
    make_policy(found.team, (make_channel(found.team), 0))
    return found


def turns(monitor, status, minute, silent=False):
    """It goes down, or comes up, and the outbox is looked at."""
    at = START + minutes(minute)
    with transaction.atomic():
        state = State.objects.select_for_update().get(pk=monitor.pk)
        change = move(monitor, state, Status(status), at, silent=silent, why=WHY)
        state.verdict, state.last_decided = status, at
        state.save()
        incidents.apply([change])
    announce(at)
    return Incident.objects.filter(monitor=monitor).latest("started_at")


def flaps(monitor, until=8):
    """Down and up every minute: with the fifth change, at minute 4, it flaps."""
    for minute in range(until + 1):
        turns(monitor, "up" if minute % 2 else "down", minute)
    return Incident.objects.filter(monitor=monitor).latest("started_at")


def looked_at(monitor, minute, **state):
    """It was seen the same up to then, and the job looks for what is steady."""
    now = START + minutes(minute)
    State.objects.filter(pk=monitor.pk).update(**{"last_decided": now, **state})
    teams = flapping.settle(now)
    announce(now)
    return teams


def told():
    return [(event, status) for event, _, status in ledger()]


def test_the_fall_that_makes_it_flapping_opens_one_incident_and_is_told_once(monitor):
    incident = flaps(monitor, until=9)
    assert State.objects.get(pk=monitor.pk).flapping
    assert Incident.objects.filter(monitor=monitor).count() == 3
    assert (incident.started_at, incident.changes, incident.flapping) == (START + minutes(4), 9, True)
    assert incident.flapping_since == START + minutes(1)
    assert incident.status == "started"
    events = [event for event, _ in told()]
    assert events == ["down", "up", "down", "up", "down"]
    assert Transition.objects.filter(flapping=True).count() == 5
    assert not Transition.objects.waiting().exists()
    assert outbox(timezone.now()).waiting == 0
    assert [entry.kind for entry in incident.timeline.all()] == ["opened", "flapping"]
    assert "It changed 4 times in 3 min." in incident.timeline.last().text


def test_the_message_says_that_it_flaps_how_often_and_what_is_awaited(monitor, settings):
    incident = flaps(monitor, until=5)
    send(timezone.now())
    message = Delivery.objects.get(incident=incident)
    assert message.title == "Shop is flapping"
    assert "It changed 5 times in " in message.text
    assert ", and is up now: " in message.text
    assert "Nothing more is sent until it is steady for 15 min." in message.text


def test_when_it_stays_up_one_message_says_so_and_the_incident_ended_with_the_last_recovery(monitor):
    incident = flaps(monitor, until=9)
    assert looked_at(monitor, 23.9) == set()
    assert looked_at(monitor, 24) == {monitor.team_id}
    incident.refresh_from_db()
    assert (incident.resolved_at, incident.resolution) == (START + minutes(9), "recovered")
    assert not State.objects.get(pk=monitor.pk).flapping
    assert [event for event, _ in told()][5:] == ["up"]
    assert looked_at(monitor, 40) == set()
    assert Notice.objects.filter(incident=incident).count() == 1
    kinds = [entry.kind for entry in incident.timeline.all()]
    assert kinds == ["opened", "flapping", "settled", "resolved"]


def test_when_it_stays_down_one_message_says_so_and_the_incident_goes_on(monitor):
    incident = flaps(monitor)
    handling.acknowledge(incident, Person("Ann"))
    looked_at(monitor, 23)
    incident.refresh_from_db()
    assert (incident.resolved_at, incident.flapping, incident.status) == (None, False, "acknowledged")
    last = Delivery.objects.filter(incident=incident).latest("pk")
    message = compose(last, timezone.now())
    assert (last.event, message.title) == ("down", "Shop is down")
    assert "It has been down for 15 min, after 8 changes." in message.text
    Delivery.objects.exclude(pk=last.pk).delete()
    [sent] = send(timezone.now())
    assert sent.status == "failed"  # nobody listens, but an acknowledgement does not stop it
    turns(monitor, "up", 60)
    incident.refresh_from_db()
    assert incident.resolution == "recovered"
    assert [event for event, _ in told()][-1] == "up"


def test_steps_and_reminders_that_fall_due_while_it_flaps_are_in_the_ledger_as_quiet(monitor):
    hook = make_channel(monitor.team, name="Other")
    policy = make_policy(monitor.team, (hook, 0), (hook, 600), ("owners", 600))
    policy.remind_every = 300
    policy.save()
    incident = flaps(monitor)
    announce(START + minutes(4 + 10))
    rows = list(incident.deliveries.order_by("pk").values_list("channel_name", "event", "answer"))
    assert rows[0] == ("Other", "down", "")
    quiet = [row for row in rows if row[2] == QUIET]
    assert {(name, event) for name, event, _ in quiet} >= {("Other", "down"), ("Other", "reminder")}
    # Whose turn it is for the first time has not heard of it, and hears once.
    assert next(row for row in rows if row[0] == "alice's email") == ("alice's email", "down", "")


def test_what_is_acknowledged_stays_so_and_stops_what_is_not_due(monitor):
    make_policy(monitor.team, (make_channel(monitor.team, name="Other"), 0), ("owners", 600))
    incident = flaps(monitor)
    Incident.objects.filter(pk=incident.pk).update(acknowledged_at=START + minutes(8.5), acknowledged_name="Ann")
    turns(monitor, "up", 9)
    turns(monitor, "down", 10)
    announce(START + minutes(30))
    incident.refresh_from_db()
    assert (incident.status, incident.resolved_at) == ("acknowledged", None)
    assert incident.deliveries.filter(channel_kind="email").count() == 0


def test_no_data_is_not_steady_and_neither_is_a_streak(monitor):
    flaps(monitor, until=9)
    assert looked_at(monitor, 30, last_decided=START + minutes(10)) == set()
    assert looked_at(monitor, 30, streak=1) == set()
    assert looked_at(monitor, 31, streak=0, status=Status.NODATA) == set()
    assert looked_at(monitor, 31, status=Status.UP) == {monitor.team_id}


def test_who_resolves_it_by_hand_hears_again_only_if_it_stays_down(monitor):
    incident = flaps(monitor, until=9)
    handling.resolve(incident, Person("Ann"))
    incident = turns(monitor, "down", 10)
    assert incident.resolution == "by_hand"
    Incident.objects.update(resolved_at=START + minutes(9.5))
    looked_at(monitor, 25)
    fresh = Incident.objects.filter(monitor=monitor).latest("started_at")
    assert (fresh.started_at, fresh.resolved_at) == (START + minutes(10), None)
    assert fresh.deliveries.get().event == "down"


def test_resolved_by_hand_after_it_went_down_it_does_not_open_again(monitor):
    incident = flaps(monitor)
    handling.resolve(incident, Person("Ann"))
    looked_at(monitor, 30)
    assert Incident.objects.open().count() == 0


def test_a_fall_after_a_quiet_time_that_nobody_noticed_is_told_as_ever(monitor):
    incident = flaps(monitor, until=9)
    later = turns(monitor, "down", 40)
    incident.refresh_from_db()
    assert later != incident
    assert (incident.resolved_at, incident.resolution) == (START + minutes(9), "recovered")
    assert later.deliveries.get().event == "down"
    assert not later.flapping


def test_a_recovery_after_a_quiet_time_that_nobody_noticed_ends_it(monitor):
    incident = flaps(monitor)
    turns(monitor, "up", 40)
    incident.refresh_from_db()
    assert incident.resolved_at == START + minutes(40)
    events = [(event, status) for event, _, status in ledger(incident=incident)]
    assert events[-1][0] == "up"


def test_pausing_ends_it_and_nobody_hears(monitor):
    incident = flaps(monitor)
    before = len(ledger())
    with transaction.atomic():
        incidents.apply([edit.pause(monitor)])
    announce()
    incident.refresh_from_db()
    assert (incident.resolution, State.objects.get(pk=monitor.pk).turns) == ("paused", [])
    assert len(ledger()) == before


def test_in_maintenance_it_waits_and_counts_anew_afterwards(monitor):
    incident = flaps(monitor, until=9)
    row = maintaining.start(monitor.team, None, 30, [monitor])
    assert looked_at(monitor, 60) == set()
    maintaining.end(row)
    assert State.objects.get(pk=monitor.pk).flapping
    assert flapping.settle(timezone.now()) == set()
    State.objects.filter(pk=monitor.pk).update(last_decided=timezone.now() + minutes(15))
    assert flapping.settle(timezone.now() + minutes(15)) == {monitor.team_id}
    incident.refresh_from_db()
    assert incident.resolution == "recovered"


def test_a_fall_the_brake_holds_is_not_over_because_it_bounced(monitor):
    for minute in range(4):
        turns(monitor, "up" if minute % 2 else "down", minute)
    with transaction.atomic():
        state = State.objects.get(pk=monitor.pk)
        change = move(monitor, state, Status.DOWN, START + minutes(4), why=WHY)
        state.save()
        incidents.apply([change])
    Transition.objects.waiting().update(hold_until=timezone.now() - minutes(1))
    turns(monitor, "up", 5)
    assert Transition.objects.filter(dropped_at=None, flapping=False, to_status="down").count() == 3
    brake.review(timezone.now())
    announce()
    assert Incident.objects.open().get().deliveries.get().event == "down"


def test_the_same_change_again_counts_once(monitor):
    incident = flaps(monitor)
    with transaction.atomic():
        state = State.objects.get(pk=monitor.pk)
        change = move(monitor, state, Status.UP, START + minutes(9))
        incidents.apply([change])
        incidents.apply([change])
    incident.refresh_from_db()
    assert incident.changes == 9


def test_pages_and_the_api_say_so(monitor, client):
    incident = flaps(monitor)
    client.force_login(monitor.created_by)
    assert "Flapping since" in client.get(reverse("monitors:detail", args=[monitor.pk])).content.decode()
    assert "Flapping" in client.get(reverse("monitors:list")).content.decode()
    assert ">Flapping</span>" in client.get(reverse("incidents:list")).content.decode()
    page = client.get(reverse("incidents:detail", args=[incident.pk])).content.decode()
    assert "Its monitor is flapping:" in page
    assert "it changed 8 times" in page
    data = client.get(f"/api/v2/monitors/{monitor.pk}").json()["data"]["attributes"]
    assert data["flags"] == ["flapping"]
    assert client.get(f"/api/v2/incidents/{incident.pk}").json()["data"]["attributes"]["flapping"] is True
