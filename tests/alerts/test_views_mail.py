"""Mail templates, from the page to the mail, and what happens when one does not work."""

import re

import pytest
from django.core.cache import cache

from alerts.channels import mailtext
from alerts.models import MAILS, Channel, Delivery, MailTemplate
from alerts.services import channels
from tests.alerts.cast import announce, goes_down, make_owned, send
from tests.factories import make_admin, make_user, team_of
from tests.inbox import Inbox

pytestmark = pytest.mark.django_db
TYPED = {"subject": "[$SEVERITY] $MONITOR", "text": "Down: $CAUSE", "html": "<p>Down: <b>$CAUSE</b></p>"}


@pytest.fixture
def inbox(settings):
    server = Inbox()
    server.start()
    settings.EMAIL_URL = server.url
    yield server
    server.stop()


@pytest.fixture
def monitor(client):
    found = make_owned()
    client.force_login(found.created_by)
    return found


def test_every_kind_of_mail_is_listed_as_usual(client, monitor):
    page = client.get("/alerts/mails").content.decode()
    assert page.count("As usual") == len(MAILS)
    for event, label in MAILS.items():
        assert f'href="/alerts/mails/{event}"' in page
        form = client.get(f"/alerts/mails/{event}").content.decode()
        assert f"<h1>{label}</h1>" in form
        assert "There is no preview" not in form


def test_what_is_saved_is_what_is_sent(client, monitor, inbox):
    assert client.post("/alerts/mails/down", TYPED).url == "/alerts/mails"
    goes_down(monitor)
    announce()
    send()
    [mail] = inbox.messages
    assert mail["Subject"] == "[high] Shop"
    assert mail.get_body(["plain"]).get_content().split() == ["Down:", "Answered", "500."]
    assert "<p>Down: <b>Answered 500.</b></p>" in mail.get_body(["html"]).get_content()
    assert mail["References"].startswith("<incident-")
    assert mail["List-Unsubscribe"]
    assert "Your own" in client.get("/alerts/mails").content.decode()


def test_another_team_is_sent_the_usual_words(client, monitor, inbox):
    client.post("/alerts/mails/down", TYPED)
    goes_down(make_owned("bob", "bob@example.com"))
    announce()
    send()
    assert inbox.messages[0]["Subject"] == "Shop is down"


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("subject", "$TITEL", "Line 1: There is no $TITEL. Did you mean $TITLE?"),
        ("text", "a\n5 $ b", "Line 2: a dollar sign here begins no variable."),
        ("html", "<p>\n<script>x</script></p>", "Line 2: &lt;script&gt; is not allowed in a mail."),
        ("subject", "x" * 201, "at most 200 characters"),
        ("text", "x" * 10_001, "at most 10000 characters"),
        ("html", "x" * 50_001, "at most 50000 characters"),
        ("text", "$RESOLVED", "The text is empty for this message."),
    ],
)
def test_a_mistake_names_its_line_and_nothing_typed_is_lost(client, monitor, field, typed, said):
    response = client.post("/alerts/mails/down", {**TYPED, field: typed})
    page = response.content.decode()
    assert response.status_code == 422
    assert said in page
    assert typed.replace("<", "&lt;").replace(">", "&gt;") in page
    assert TYPED["subject" if field != "subject" else "text"] in page
    assert not MailTemplate.objects.exists()


def test_what_is_left_as_it_is_or_emptied_stays_ours(client, monitor):
    usual = mailtext.default()
    client.post("/alerts/mails/down", {"subject": "Mine: $TITLE", "text": usual.text.replace("\n", "\r\n"), "html": ""})
    made = MailTemplate.objects.get()
    assert (made.subject, made.text, made.html) == ("Mine: $TITLE", "", "")
    assert made.wording.html == usual.html
    client.post("/alerts/mails/down", vars(usual))
    assert not MailTemplate.objects.exists()


def test_back_to_the_default(client, monitor):
    client.post("/alerts/mails/down", TYPED)
    page = client.post("/alerts/mails/down/default", follow=True).content.decode()
    assert "in the usual words again" in page
    assert not MailTemplate.objects.exists()


def frame_of(page):
    return re.search(r'<iframe class="mail-frame"[^>]* src="([^"]+)" sandbox title', page)[1]


def test_the_preview_is_of_what_is_typed_and_can_do_nothing(client, monitor):
    response = client.post("/alerts/mails/up/preview", {**TYPED, "html": "<p>$MONITOR was down for $DURATION</p>"})
    page = response.content.decode()
    assert "[high] Shop" in page
    framed = client.get(frame_of(page))
    assert "<p>Shop was down for 7 min 30 s</p>" in framed.content.decode()
    policy = framed["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "allow-" not in policy
    assert not MailTemplate.objects.exists()
    assert not Delivery.objects.exists()


def test_a_preview_of_a_mistake_says_what_is_wrong(client, monitor):
    page = client.post("/alerts/mails/up/preview", {**TYPED, "text": "\n$WHAT"}).content.decode()
    assert "Text: Line 2: There is no $WHAT" not in page  # an empty first line is not kept
    assert "Text: Line 1: There is no $WHAT" in page


def test_a_preview_needs_no_script(client, monitor):
    response = client.post("/alerts/mails/down", {**TYPED, "preview": "1"})
    assert response.status_code == 200
    assert "frame-src 'self'" in response["Content-Security-Policy"]
    assert client.get(frame_of(response.content.decode())).status_code == 200
    assert not MailTemplate.objects.exists()


def test_nobody_else_sees_a_preview(client, monitor):
    place = frame_of(client.post("/alerts/mails/down/preview", TYPED).content.decode())
    client.force_login(make_user("bob"))
    assert client.get(place).status_code == 404
    client.force_login(monitor.created_by)
    client_of_the_cache = cache._cache.get_client()
    for key in client_of_the_cache.scan_iter("*mail-preview:*"):
        client_of_the_cache.delete(key)
    assert client.get(place).status_code == 404


def break_the_template(monitor, **parts):
    """As one that was saved before something about templates changed."""
    fields = {"subject": "Mine", "text": "$NO_LONGER_THERE", "html": "<p>x</p>", **parts}
    return MailTemplate.objects.create(team=monitor.team, event="down", **fields)


@pytest.mark.parametrize(
    "broken", [{}, {"text": "5 $"}, {"text": "$RESOLVED"}, {"text": "x", "html": "<script>x</script>"}]
)
def test_a_template_that_does_not_work_loses_no_alert_and_the_owner_is_told_once(client, monitor, inbox, broken):
    template = break_the_template(monitor, **broken)
    for _ in range(2):
        goes_down(monitor)
        announce()
        send()
        monitor.incidents.update(resolved_at=monitor.created_at)
    send()
    subjects = ["Shop is down", "Shop is down", "The mail template “Outage” does not work"]
    assert sorted(mail["Subject"] for mail in inbox.messages) == subjects
    assert "Answered 500." in inbox.messages[0].get_body(["plain"]).get_content()
    template.refresh_from_db()
    assert template.problem
    page = client.get("/alerts/mails").content.decode()
    assert "Does not work" in page
    assert "The usual words are sent instead" in page
    assert template.problem.split("<")[0] in client.get("/alerts/mails/down").content.decode()
    client.post("/alerts/mails/down", TYPED)
    assert "Your own" in client.get("/alerts/mails").content.decode()


def test_a_broken_template_for_trouble_does_not_trouble_for_ever(monitor, inbox):
    break_the_template(monitor)
    MailTemplate.objects.create(team=monitor.team, event="channel", text="5 $")
    goes_down(monitor)
    announce()
    for _ in range(5):
        send()
    assert len(inbox.messages) == 3


def test_send_test_is_put_in_the_teams_words_too(monitor, inbox):
    team = team_of(monitor.created_by)
    MailTemplate.objects.create(team=team, event="test", subject="Hello $TEAM")
    channel = Channel.objects.create(team=team, kind="email", name="Mail", options={"addresses": ["a@example.com"]})
    channels.send_test(channel, "alice")
    assert inbox.messages[0]["Subject"] == f"Hello {team.name}"


@pytest.mark.parametrize("place", ["nonsense", "DOWN"])
def test_there_are_no_other_mails(client, monitor, place):
    assert client.get(f"/alerts/mails/{place}").status_code == 404


def test_the_operator_sees_which_teams_have_words_of_their_own(client, monitor):
    MailTemplate.objects.create(team=monitor.team, event="down", subject="Mine", problem="Text: Line 1: gone.")
    client.force_login(make_admin())
    page = client.get("/admin/alerts/mailtemplate/").content.decode()
    assert "Mine" in page
    assert "Text: Line 1: gone." in page
