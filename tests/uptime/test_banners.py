"""Staff read of regions in trouble and of alerts that wait on every page; nobody else does."""

from datetime import timedelta

import pytest
from django.utils import timezone

from incidents.models import Transition
from monitors.models import RegionTrouble
from tests.factories import make_admin, make_monitor, make_region, make_user, team_of

pytestmark = pytest.mark.django_db
PAGES = ["/", "/incidents", "/regions", "/profile"]


@pytest.fixture
def sick():
    region, now = make_region(name="EU <West>"), timezone.now()
    return RegionTrouble.objects.create(region=region, kind="disagrees", start=now, doubted_from=now, detail="Sees 9")


@pytest.fixture
def held():
    monitor, now = make_monitor(team_of(make_user("alice"))), timezone.now()
    facts = {"from_status": "up", "to_status": "down", "at": now, "decided_at": now}
    return Transition.objects.create(monitor=monitor, hold_until=now + timedelta(minutes=2), **facts)


def page(client, user, url="/"):
    client.force_login(user)
    return client.get(url, follow=True).content.decode()


@pytest.mark.parametrize("url", PAGES)
def test_staff_read_it_on_every_page(client, sick, held, url):
    found = page(client, make_admin(), url)
    assert "<strong>EU &lt;West&gt;</strong> is not trusted since" in found
    assert "it disagrees with the others. Its votes count as no data." in found
    assert "1 change of status is not announced until that is known" in found


def test_a_silent_region_is_offline_not_untrusted(client, sick):
    RegionTrouble.objects.update(kind="offline", doubted_from=None)
    assert "is offline since" in page(client, make_admin())


def test_others_do_not(client, sick, held):
    found = page(client, make_user("bob"))
    assert "is not trusted" not in found
    assert "not announced" not in found


def test_when_all_is_well_nobody_does(client, sick, held):
    RegionTrouble.objects.update(end=timezone.now())
    Transition.objects.update(hold_until=timezone.now())
    assert "Trouble with regions" not in page(client, make_admin())


def test_a_region_that_is_switched_off_is_no_news(client, sick):
    sick.region.enabled = False
    sick.region.save()
    assert "Trouble with regions" not in page(client, make_admin())
