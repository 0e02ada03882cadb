import ssl
from datetime import timedelta

import pytest
import trustme
from django.core import checks
from django.core.mail import EmailMessage, EmailMultiAlternatives, send_mail
from django.utils import timezone

from accounts.mail import smtp_options
from accounts.models import Mail
from tests.inbox import Inbox

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mailbox")]


@pytest.fixture
def start(settings):
    """Starts an Inbox and names it in EMAIL_URL."""
    started = []

    def begin(query="", who="", **options):
        inbox = Inbox(**options)
        inbox.start()
        started.append(inbox)
        settings.EMAIL_URL = f"smtp://{who}127.0.0.1:{inbox.port}/{query}"
        return inbox

    yield begin
    for inbox in started:
        inbox.stop()


def test_without_a_server_a_message_is_kept():
    assert send_mail("Hello", "Body", "a@example.com", ["b@example.com", "c@example.com"]) == 1
    mail = Mail.objects.get()
    assert (mail.recipients, mail.subject, mail.text) == ("b@example.com, c@example.com", "Hello", "Body")
    assert (mail.delivered, mail.error) == (False, "")


def test_with_a_server_it_is_sent_and_kept(start):
    inbox = start()
    assert send_mail("Grüße", "Body", "a@example.com", ["b@example.com"], html_message="<p>Body</p>") == 1
    (message,) = inbox.messages
    assert message["Subject"] == "Grüße"
    assert message.get_body(("plain",)).get_content().strip() == "Body"
    mail = Mail.objects.get()
    assert (mail.delivered, mail.error, mail.html) == (True, "", "<p>Body</p>")


def test_blind_copies_reach_their_reader_and_stay_blind(start):
    inbox = start()
    EmailMessage("Hello", "Body", "a@example.com", ["b@example.com"], bcc=["c@example.com"]).send()
    assert inbox.recipients == ["b@example.com", "c@example.com"]
    assert "c@example.com" not in str(inbox.messages[0])
    assert Mail.objects.get().recipients == "b@example.com, c@example.com"


@pytest.mark.parametrize("refusal", ["550 no such user", "451 try later"])
def test_a_refusal_is_recorded_and_not_raised(start, refusal):
    start().refuse = refusal
    assert send_mail("Hello", "Body", "a@example.com", ["b@example.com"]) == 0
    mail = Mail.objects.get()
    assert not mail.delivered
    assert refusal[:3] in mail.error


def test_a_server_that_is_away_is_recorded_and_not_raised(settings):
    settings.EMAIL_URL = "smtp://127.0.0.1:1/"
    assert send_mail("Hello", "Body", "a@example.com", ["b@example.com"]) == 0
    assert "ConnectionRefusedError" in Mail.objects.get().error


def test_one_failure_does_not_keep_the_others(start):
    inbox = start()
    inbox.refuse = "550 no"
    send_mail("First", "Body", "a@example.com", ["b@example.com"])
    inbox.refuse = ""
    send_mail("Second", "Body", "a@example.com", ["b@example.com"])
    assert [message["Subject"] for message in inbox.messages] == ["Second"]


def tls_context():
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return authority, context


@pytest.fixture
def trusted(monkeypatch, tmp_path):
    """A server context whose authority this process trusts."""
    authority, context = tls_context()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return context


def test_starttls_and_login(start, trusted):
    inbox = start("?tls=1", "user%40here:s3cret%2F%3A%40@", tls_context=trusted, auth_required=True)
    inbox.SMTP_kwargs["authenticator"] = inbox.authenticate
    assert send_mail("Hello", "Body", "a@example.com", ["b@example.com"]) == 1
    assert inbox.logins == [("user@here", "s3cret/:@")]
    assert len(inbox.messages) == 1


def test_a_wrong_login_is_recorded_without_the_password(start, trusted):
    inbox = start("?tls=1", "user:wr0ng@", tls_context=trusted, auth_required=True)
    inbox.SMTP_kwargs["authenticator"] = inbox.authenticate
    assert send_mail("Hello", "Body", "a@example.com", ["b@example.com"]) == 0
    error = Mail.objects.get().error
    assert "535" in error
    assert "wr0ng" not in error


def test_a_certificate_nobody_vouches_for_is_refused(start):
    _, context = tls_context()
    inbox = start("?tls=1", tls_context=context)
    assert send_mail("Hello", "Body", "a@example.com", ["b@example.com"]) == 0
    assert "CERTIFICATE_VERIFY_FAILED" in Mail.objects.get().error
    assert not inbox.messages


# What could harm -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("newline", ["\n", "\r", "\r\n"])
def test_a_line_break_cannot_smuggle_a_header_in(start, newline):
    inbox = start()
    evil = f"Hello{newline}Bcc: evil@example.com"
    assert send_mail(evil, "Body", "a@example.com", ["b@example.com"]) == 0
    assert send_mail("Hello", "Body", "a@example.com", [f"b@example.com{newline}Bcc: evil@example.com"]) == 0
    assert EmailMessage("Hello", "Body", "a@example.com", ["b@example.com"], headers={"X": evil}).send() == 0
    assert not inbox.messages
    assert {mail.error.partition(":")[0] for mail in Mail.objects.all()} == {"BadHeaderError"}
    assert Mail.objects.earliest("pk").subject == "Hello Bcc: evil@example.com"


def test_what_the_database_refuses_is_left_out():
    send_mail("nul\0" + "x" * 2000, "text\0", "a@example.com", ["b@example.com"], html_message="<p>\0</p>")
    mail = Mail.objects.get()
    assert mail.subject == ("nul" + "x" * 2000)[:998]
    assert (mail.text, mail.html) == ("text", "<p></p>")


def test_a_message_of_html_alone_is_kept_as_html():
    message = EmailMessage("Hello", "<p>Body</p>", "a@example.com", ["b@example.com"])
    message.content_subtype = "html"
    message.send()
    assert (Mail.objects.get().text, Mail.objects.get().html) == ("", "<p>Body</p>")


def test_other_alternatives_are_not_mistaken_for_html():
    message = EmailMultiAlternatives("Hello", "Body", "a@example.com", ["b@example.com"])
    message.attach_alternative("BEGIN:VCALENDAR", "text/calendar")
    message.send()
    assert Mail.objects.get().html == ""


def test_messages_are_kept_for_thirty_days():
    for subject in ("old", "young"):
        send_mail(subject, "Body", "a@example.com", ["b@example.com"])
    now = timezone.now()
    Mail.objects.filter(subject="old").update(sent_at=now - timedelta(days=30, minutes=1))
    Mail.objects.filter(subject="young").update(sent_at=now - timedelta(days=29))
    send_mail("new", "Body", "a@example.com", ["b@example.com"])
    assert sorted(Mail.objects.values_list("subject", flat=True)) == ["new", "young"]


# EMAIL_URL -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("smtp://mail.example", ("mail.example", 25, "", "", False, False)),
        ("smtp://mail.example/?tls=1", ("mail.example", 587, "", "", True, False)),
        ("smtp://mail.example/?ssl=1", ("mail.example", 465, "", "", False, True)),
        ("smtp://mail.example:2525?tls=0", ("mail.example", 2525, "", "", False, False)),
        ("smtp://u%40x:p%2Fq%3A@mail.example:587/?tls=1", ("mail.example", 587, "u@x", "p/q:", True, False)),
        ("smtp://[::1]:25", ("::1", 25, "", "", False, False)),
    ],
)
def test_email_url_names_the_server(url, said):
    names = ("host", "port", "username", "password", "use_tls", "use_ssl")
    assert smtp_options(url) == dict(zip(names, said, strict=True))


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mail.example", "must look like"),
        ("http://mail.example", "must look like"),
        ("smtp://", "must look like"),
        ("smtp://mail.example:99999", "[Pp]ort"),
        ("smtp://mail.example:x", "[Pp]ort"),
        ("smtp://mail.example/?tls=1&ssl=1", "choose one"),
        ("smtp://mail.example/?tls=yes", "yes"),
        ("smtp://mail.example/?starttls=1", "starttls"),
    ],
)
def test_a_wrong_email_url_is_told_before_it_hurts(settings, url, why):
    with pytest.raises(ValueError, match=why):
        smtp_options(url)
    settings.EMAIL_URL = url
    assert "accounts.E001" in {message.id for message in checks.run_checks()}


def test_a_right_one_passes_the_checks(settings):
    settings.EMAIL_URL = "smtp://mail.example/?tls=1"
    assert "accounts.E001" not in {message.id for message in checks.run_checks()}


def test_a_public_site_without_a_set_up_token_is_told_so(settings):
    settings.LOOPBACK = False
    assert "accounts.W001" in {message.id for message in checks.run_checks()}
    settings.SETUP_TOKEN = "sesame"
    assert "accounts.W001" not in {message.id for message in checks.run_checks()}
