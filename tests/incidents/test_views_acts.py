"""Pages on which people work with incidents."""

import pytest
from django.urls import reverse
from django.utils import timezone

from incidents.models import Incident
from monitors.domain.verdict import Status
from tests.factories import make_incident, make_monitor, make_user, team_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(client):
    user = make_user("alice")
    client.force_login(user)
    return user


@pytest.fixture
def shop(alice):
    return make_monitor(team_of(alice), name="Shop", status=Status.DOWN, state={"verdict": "down"})


def url(name, incident):
    return reverse(f"incidents:{name}", args=[incident.pk])


def text(response):
    return response.content.decode()


def test_an_incident_goes_through_its_life_by_buttons(client, shop):
    incident = make_incident(shop)
    page = text(client.get(url("detail", incident)))
    assert "Nobody has acknowledged it yet" in page
    assert "formaction" not in page
    page = text(client.post(url("acknowledge", incident), follow=True))
    assert "alice acknowledged it" in page
    page = text(client.post(url("resolve", incident), follow=True))
    assert "Its monitor is still down" in page
    assert "Resolved by hand by alice" in page
    page = text(client.post(url("reopen", incident), follow=True))
    assert "It is open again." in page
    page = text(client.post(url("comment", incident), {"text": "The <b>disk</b> is full"}, follow=True))
    assert "The &lt;b&gt;disk&lt;/b&gt; is full" in page
    assert "by alice" in page


def test_a_button_pressed_too_late_says_why_nothing_happened(client, shop):
    incident = make_incident(shop, resolved_at=timezone.now(), resolution="recovered")
    assert "nothing left to acknowledge" in text(client.post(url("acknowledge", incident), follow=True))
    assert "resolved already" in text(client.post(url("resolve", incident), follow=True))
    assert "Only manual incidents" in text(client.post(url("delete", incident), follow=True))


def test_an_empty_comment_names_the_field(client, shop):
    response = client.post(url("comment", make_incident(shop)), {"text": "  "})
    assert response.status_code == 422
    assert "Write something first." in text(response)


def test_a_postmortem_is_previewed_before_it_is_kept(client, shop):
    incident = make_incident(shop)
    page = text(client.post(url("postmortem", incident), {"text": "The **disk**", "preview": "1"}))
    assert "<strong>disk</strong>" in page
    assert "The **disk**</textarea>" in page
    incident.refresh_from_db()
    assert incident.postmortem == ""
    page = text(client.post(url("postmortem", incident), {"text": "The **disk** <script>"}, follow=True))
    assert "<strong>disk</strong> &lt;script&gt;" in page


def test_a_manual_incident_is_opened_with_or_without_a_monitor_and_deleted(client, shop):
    wrong = client.post(reverse("incidents:add"), {"description": "All of it"})
    assert wrong.status_code == 422
    assert "Say what is wrong" in text(wrong)
    assert "All of it" in text(wrong)
    for monitor in ("", shop.pk):
        page = text(client.post(reverse("incidents:add"), {"summary": "On fire", "monitor": monitor}, follow=True))
        assert "On fire" in page
        assert "Manual" in page
    assert Incident.objects.open().count() == 2
    assert text(client.get(reverse("incidents:list"))).count("On fire") >= 2
    incident = Incident.objects.get(monitor=None)
    assert "cannot be undone" in text(client.get(url("delete", incident)))
    client.post(url("delete", incident))
    assert not Incident.objects.filter(pk=incident.pk).exists()


def test_a_manual_incident_may_not_name_another_teams_monitor(client, alice):
    theirs = make_monitor(team_of(make_user("bob")))
    response = client.post(reverse("incidents:add"), {"summary": "On fire", "monitor": theirs.pk})
    assert response.status_code == 422
    assert not Incident.objects.exists()


def test_what_is_ticked_is_acknowledged_at_once_and_nothing_of_others(client, alice, shop):
    mine = make_incident(shop)
    theirs = make_incident(make_monitor(team_of(make_user("bob"))))
    ids = [mine.pk, theirs.pk, "x", 9**30]
    page = text(client.post(reverse("incidents:bulk"), {"id": ids, "next": "/incidents?show=open"}, follow=True))
    assert "You acknowledged 1 incident." in page
    theirs.refresh_from_db()
    assert theirs.acknowledged_at is None
    assert client.post(reverse("incidents:bulk"), {"next": "//evil.example"}).url == reverse("incidents:list")


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("show=started", ["Started"]),
        ("show=acknowledged", ["Seen"]),
        ("show=validating", ["Answering"]),
        ("show=open", ["Started", "Seen", "Answering", "By hand"]),
        ("show=resolved", ["Over"]),
        ("kind=manual", ["By hand"]),
        ("kind=nonsense&show=nonsense", ["Started", "Seen", "Answering", "By hand", "Over"]),
        ("q=answer", ["Answering"]),
        ("monitor=99999999999999999999", []),
    ],
)
def test_the_list_is_filtered_by_status_kind_monitor_and_words(client, alice, query, shown):
    team, now = team_of(alice), timezone.now()
    make_incident(make_monitor(team, name="A", status=Status.DOWN), summary="Started")
    make_incident(make_monitor(team, name="B", status=Status.DOWN), summary="Seen", acknowledged_at=now)
    make_incident(make_monitor(team, name="C", status=Status.VALIDATING), summary="Answering", acknowledged_at=now)
    make_incident(make_monitor(team, name="D"), summary="Over", resolved_at=now, resolution="recovered")
    Incident.objects.create(team=team, kind="manual", summary="By hand", started_at=now, acknowledged_at=now)
    found = [each.summary for each in client.get(f"{reverse('incidents:list')}?{query}").context["page"]]
    if query == "show=acknowledged":
        shown = [*shown, "By hand"]
    assert sorted(found) == sorted(shown)


def test_the_filter_by_monitor_offers_those_with_incidents(client, shop):
    make_incident(shop, summary="Ours")
    make_monitor(shop.team, name="Calm")
    page = client.get(f"{reverse('incidents:list')}?monitor={shop.pk}")
    assert [each.summary for each in page.context["page"]] == ["Ours"]
    assert [name for _, name in page.context["monitors"]] == ["Shop"]
