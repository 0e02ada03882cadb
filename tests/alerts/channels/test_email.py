"""Email: what a real mail server gets, and what is made of its answers."""

import pytest

from alerts.channels.base import KINDS, Event, Permanent, Temporary
from alerts.channels.email import EmailOptions
from alerts.transport import Transport
from tests.alerts.channels.messages import make_message, make_subject
from tests.helpers import free_port
from tests.inbox import Inbox
from uptime.lib.net import Guard

KIND = KINDS.get("email")


@pytest.fixture
def inbox(settings):
    server = Inbox()
    server.start()
    settings.EMAIL_URL = server.url
    settings.BASE_URL = "https://uptime.example"
    yield server
    server.stop()


def send(message=None, *, to=("ops@example.com",), **options):
    with Transport(Guard()) as way:
        return KIND.send(message or make_message(), {"addresses": list(to), "channel_id": 5, **options}, way)


def test_a_mail_says_it_in_text_and_html(inbox):
    receipt = send()
    [mail] = inbox.messages
    text, html = (mail.get_body([kind]).get_content() for kind in ("plain", "html"))
    assert (mail["To"], mail["Subject"]) == ("ops@example.com", "Shop is down")
    assert "Answered 500. Down since" in text
    assert "https://uptime.example/incidents/12" in text
    assert "Shop is down</h1>" in html
    assert receipt.answer == "250 OK"
    assert receipt.reference == "<0191f2a0-0000-4000-8000-000000000001@uptime.example>"


def test_messages_of_one_incident_make_a_thread_and_the_same_message_keeps_its_id(inbox):
    send()
    send()
    send(make_message(key="k2", event=Event.UP, title="Shop is up again"))
    first, again, later = inbox.messages
    assert first["Message-ID"] == again["Message-ID"] != later["Message-ID"]
    assert first["References"] == later["References"] == later["In-Reply-To"] == "<incident-12@uptime.example>"


def test_it_can_be_left_with_one_click(inbox):
    send()
    [mail] = inbox.messages
    assert mail["List-Unsubscribe"].strip().startswith("<https://uptime.example/unsubscribe/")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["Auto-Submitted"] == "auto-generated"


def test_one_mail_to_several_offers_no_link_by_which_one_could_end_it_for_all(inbox):
    send(to=["a@example.com", "b@example.com"])
    assert inbox.messages[0]["List-Unsubscribe"] is None
    assert inbox.recipients == ["a@example.com", "b@example.com"]


def test_hostile_names_smuggle_in_neither_headers_nor_html(inbox):
    evil = "Shop\r\nBcc: thief@example.com\r\n\r\n<script>alert(1)</script>"
    send(make_message(title=f"{evil} is down", text=evil, subject=make_subject(monitor=evil)))
    [mail] = inbox.messages
    assert mail["Bcc"] is None
    assert inbox.recipients == ["ops@example.com"]
    assert "<script>" not in mail.get_body(["html"]).get_content()


def test_without_a_mail_server_it_is_kept(settings):
    settings.EMAIL_URL = ""
    receipt = send()
    assert receipt.kept
    assert "EMAIL_URL" in receipt.answer


def test_a_member_without_an_address_is_told_so(inbox):
    receipt = send(to=[], member_email="", member_name="alice")
    assert (receipt.kept, receipt.answer) == (True, "alice has no email address: it is set on the profile.")
    send(to=[], member_email="alice@example.com", member_name="alice")
    assert inbox.recipients == ["alice@example.com"]


def test_an_address_nobody_knows_is_given_up_and_the_others_are_served(inbox):
    inbox.unknown = {"gone@example.com"}
    with pytest.raises(Permanent, match=r"gone@example\.com: 550") as raised:
        send(to=["gone@example.com"])
    assert not raised.value.disable
    receipt = send(to=["gone@example.com", "ops@example.com"])
    assert inbox.recipients == ["ops@example.com"]
    assert receipt.answer == "250 OK. refused gone@example.com: 550 5.1.1 No such user"


@pytest.mark.parametrize(("answer", "error"), [("451 4.7.1 Greylisted", Temporary), ("554 5.7.1 Spam", Permanent)])
def test_what_the_server_says_is_told(inbox, answer, error):
    inbox.refuse = answer
    with pytest.raises(error, match=answer):
        send()


def test_a_server_that_is_away_is_tried_again(settings):
    settings.EMAIL_URL = f"smtp://127.0.0.1:{free_port()}/"
    with pytest.raises(Temporary, match="refused"):
        send()


@pytest.mark.parametrize(
    ("typed", "cleaned"),
    [("a@example.com, b@example.com\na@example.com", ["a@example.com", "b@example.com"]), ("", [])],
)
def test_addresses_are_lines_or_have_commas_between(typed, cleaned):
    form = EmailOptions({"addresses": typed})
    assert form.is_valid()
    assert form.cleaned_data["addresses"] == cleaned


def test_what_is_no_address_is_named():
    assert "“nobody” is not an email address" in str(EmailOptions({"addresses": "nobody"}).errors["addresses"])
