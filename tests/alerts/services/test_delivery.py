"""The threads that send: nobody waits for somebody else's provider, and nothing takes a thread for good."""

import time

import pytest
from django.db import OperationalError, connection

from alerts.services.delivery import Crew
from alerts.transport import DEADLINE_S
from monitors.models import Pulse
from tests.alerts.cast import ledger, make_owned, make_policy, many_go_down
from tests.factories import make_channel
from tests.helpers import wait_until
from tests.servers import Target, hang


@pytest.mark.django_db(transaction=True)
def test_a_hanging_receiver_holds_up_nobody_else():
    with Target() as stuck, Target() as fine:
        stuck.does(hang)
        monitor = make_owned()
        slow = make_channel(monitor.team, stuck.url, name="Stuck")
        quick = make_channel(monitor.team, fine.url, name="Fine")
        make_policy(monitor.team, (slow, 0), (quick, 0))
        many_go_down(monitor, 12)
        crew = Crew(16)
        try:
            wait_until(lambda: told_by(crew).count(("down", "Fine", "sent")) == 12, 60, what="all are told")
            assert not [name for _, name, _ in ledger(status="sent") if name == "Stuck"]
            wait_until(lambda: counted(crew, "sent:webhook") == 12, what="they are counted, each kind by itself")
        finally:
            stuck.close()
            crew.finish()


@pytest.mark.django_db(transaction=True)
def test_more_receivers_may_hang_than_there_are_connections_to_the_database():
    """What waits for a provider holds a thread, and no connection."""
    connections_at_most = connection.settings_dict["OPTIONS"]["pool"]["max_size"]
    with Target() as stuck, Target() as fine:
        stuck.does(hang)
        monitor = make_owned()
        hanging = [make_channel(monitor.team, stuck.url, name=f"Stuck {n}") for n in range(connections_at_most)]
        quick = make_channel(monitor.team, fine.url, name="Fine")
        make_policy(monitor.team, *((each, 0) for each in hanging), (quick, 0))
        many_go_down(monitor, 2)
        crew = Crew()
        started = time.monotonic()
        try:
            crew.run()
            wait_until(lambda: ledger(status="sent").count(("down", "Fine", "sent")) == 2, what="both are told")
            assert time.monotonic() - started < DEADLINE_S
        finally:
            stuck.close()
            crew.finish()


def test_a_database_that_is_away_takes_no_thread_for_good(monkeypatch):
    crew = Crew(2)
    with monkeypatch.context() as broken:
        broken.setattr("alerts.services.delivery.claim", failing)
        for _ in range(3):
            with pytest.raises(OperationalError):
                crew.run()
    assert crew._free() == 2
    crew.finish()


def failing(*_):
    raise OperationalError("the database is away")


def told_by(crew):
    """What is sent after one more run, which ends when nothing has ended for half a second."""
    crew.run()
    return ledger(status="sent")


def counted(crew, name):
    crew.tell()
    return Pulse.objects.filter(name=name).values_list("done", flat=True).first()
