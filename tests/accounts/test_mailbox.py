import re

import pytest
from django.urls import reverse

from accounts.models import Mail
from tests.factories import make_admin, make_user

pytestmark = pytest.mark.django_db
HTML = '<p style="color:red">Hello</p><script>alert(1)</script><img src="https://tracker.example/1.gif">'


@pytest.fixture
def admin(client):
    user = make_admin()
    client.force_login(user)
    return user


def make_mail(**fields):
    return Mail.objects.create(**{"recipients": "b@example.com", "subject": "Hello", "text": "Body", **fields})


def pages():
    mail = make_mail(html=HTML)
    return [f"/mailbox{rest}" for rest in ("", f"/{mail.pk}", f"/{mail.pk}/html")]


@pytest.mark.parametrize("rights", [{}, {"is_staff": True}])
def test_only_the_administrator_reads_mail(client, rights):
    for page in pages():
        assert client.get(page).url == f"/accounts/login?next={page}"
    client.force_login(make_user("bob", **rights))
    for page in pages():
        response = client.get(page)
        assert response.status_code == 403
        assert "Hello" not in response.content.decode()


def test_an_empty_mailbox_tells_of_email_url(client, admin, settings):
    page = client.get("/mailbox").content.decode()
    assert "No mail yet" in page
    assert "EMAIL_URL=smtp://" in page
    settings.EMAIL_URL = "smtp://mail.example/"
    page = client.get("/mailbox").content.decode()
    assert "No mail yet" in page
    assert "EMAIL_URL=smtp://" not in page


@pytest.mark.parametrize(
    ("fields", "state"), [({}, "Kept"), ({"delivered": True}, "Sent"), ({"error": "SMTPDataError: 550"}, "Failed")]
)
def test_the_list_says_what_became_of_each(client, admin, fields, state):
    make_mail(**fields)
    page = client.get("/mailbox").content.decode()
    assert f"</svg>{state}</span>" in page


def test_the_list_has_pages_newest_first(client, admin):
    for number in range(30):
        make_mail(subject=f"Message {number:02}")
    first, second = client.get("/mailbox"), client.get("/mailbox?page=2")
    assert [mail.subject for mail in first.context["page"]][:2] == ["Message 29", "Message 28"]
    assert [mail.subject for mail in second.context["page"]] == [f"Message {n:02}" for n in range(4, -1, -1)]
    for nonsense in ("0", "-1", "99", "x", "", "9" * 400, "\0"):
        assert client.get("/mailbox", {"page": nonsense}).status_code == 200


@pytest.mark.parametrize(
    ("search", "found"), [("passw", 1), ("CAROL", 1), ("b@example", 1), ("nothing", 0), ("\0", 2), ("x" * 3000, 0)]
)
def test_the_list_can_be_searched(client, admin, search, found):
    make_mail(subject="Choose a new password")
    make_mail(subject="Hello", recipients="carol@other.example")
    response = client.get("/mailbox", {"search": search})
    assert len(response.context["page"].object_list) == found
    if not found:
        assert "No mail matches" in response.content.decode()


def test_a_message_shows_its_text_with_links_and_nothing_else_alive(client, admin):
    mail = make_mail(text="See https://example.com/x\n<script>alert(1)</script>", subject="<b>x</b>")
    page = client.get(reverse("accounts:mail", args=[mail.pk])).content.decode()
    assert 'href="https://example.com/x"' in page
    assert "&lt;script&gt;" in page
    assert "<b>x</b>" not in page
    assert "<iframe" not in page


def test_html_is_shown_in_a_frame_that_can_do_nothing(client, admin):
    mail = make_mail(html=HTML)
    page = client.get(f"/mailbox/{mail.pk}")
    assert f'<iframe class="mail-frame" width="100%" height="480" src="/mailbox/{mail.pk}/html" sandbox ' in (
        page.content.decode()
    )
    assert "frame-src 'self'" in page["Content-Security-Policy"]
    framed = client.get(f"/mailbox/{mail.pk}/html")
    assert framed.content.decode() == HTML
    policy = framed["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "sandbox" in policy
    assert "allow-" not in policy
    assert framed["X-Frame-Options"] == "SAMEORIGIN"
    assert framed["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("pk", ["0", "999999", "9" * 30])
def test_a_message_that_is_not_there_is_404(client, admin, pk):
    assert client.get(f"/mailbox/{pk}").status_code == 404
    assert client.get(f"/mailbox/{pk}/html").status_code == 404


def test_a_message_without_html_has_no_frame_to_load(client, admin):
    assert client.get(f"/mailbox/{make_mail().pk}/html").status_code == 404


def test_the_link_to_a_new_password_is_seen_by_the_administrator_alone(client, mailbox):
    """Whoever reads such a mail can take the account over: no team, no staff and no alert page shows it."""
    alice, staff = make_user("alice", email="alice@example.com"), make_user("bob", is_staff=True)
    client.post("/accounts/password/reset", {"email": "alice@example.com"})
    mail = Mail.objects.get()
    key = re.search(r"/accounts/password/reset/key/(\S+)", mail.text)[1]
    places = [
        f"/mailbox/{mail.pk}",
        "/mailbox",
        "/alerts/messages",
        "/profile",
        reverse("monitors:list"),
    ]
    places += ["/api/v2/deliveries", "/admin/accounts/mail/", f"/admin/accounts/mail/{mail.pk}/change/"]
    for person in (alice, staff):
        client.force_login(person)
        assert [key for place in places if key in client.get(place).content.decode()] == []
        assert 'href="/mailbox"' not in client.get(reverse("monitors:list")).content.decode()
    client.force_login(make_admin())
    assert key in client.get(f"/mailbox/{mail.pk}").content.decode()
