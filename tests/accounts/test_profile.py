import re

import pytest

from accounts.models import Mail, User
from tests.factories import PASSWORD, make_admin, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mailbox")]


@pytest.fixture
def alice(client):
    user = make_user("alice", email="alice@example.com")
    client.force_login(user)
    return user


def save(client, **said):
    known = {"email": "alice@example.com", "time_zone": "", "password": ""}
    return client.post("/profile", {**known, **said})


def errors(response, field):
    assert response.status_code == 200
    assert f'id="id_{field}_error"' in response.content.decode()
    return " ".join(response.context["form"].errors[field])


def test_it_tells_who_one_is(client, alice):
    page = client.get("/profile").content.decode()
    for fact in ("alice@example.com", "not confirmed", "alice&#x27;s team", "Owner", str(alice.pk), "User"):
        assert fact in page
    assert "Administrator of this site" not in page
    client.force_login(make_admin())
    assert "Administrator of this site" in client.get("/profile").content.decode()


def test_a_time_zone_is_one_of_the_worlds(client, alice):
    assert save(client, time_zone="Asia/Kathmandu").url == "/profile"
    assert User.objects.get().time_zone == "Asia/Kathmandu"
    assert '<option value="Asia/Kathmandu" selected>' in client.get("/profile").content.decode()
    for nonsense in ("Mars/Olympus", "../../etc/passwd", "nul\0", "x" * 3000):
        assert "valid choice" in errors(save(client, time_zone=nonsense), "time_zone")
    assert save(client, time_zone="").status_code == 302
    assert User.objects.get().time_zone == ""


def test_times_are_shown_in_it(client, alice):
    User.objects.update(date_joined="2026-01-01T00:00:00Z", time_zone="Asia/Kathmandu")
    assert "05:45:00" in client.get("/profile").content.decode()


def test_another_email_needs_the_password(client, alice):
    assert "current password" in errors(save(client, email="new@example.com"), "password")
    assert "not your password" in errors(save(client, email="new@example.com", password="wrong"), "password")
    assert User.objects.get().email == "alice@example.com"
    assert save(client, email="New@Example.com", password=PASSWORD).status_code == 302
    assert User.objects.get().email == "new@example.com"


def test_the_new_email_is_confirmed_by_mail_and_the_old_one_opens_nothing_more(client, alice, settings):
    save(client, email="new@example.com", password=PASSWORD)
    mail = Mail.objects.get()
    assert mail.recipients == "new@example.com"
    path = re.search(r"\S+/accounts/email/\S+", mail.text)[0].removeprefix(settings.BASE_URL)
    assert "not confirmed" in client.get("/profile").content.decode()
    client.post(path)
    assert "(confirmed)" in client.get("/profile").content.decode()
    client.logout()
    Mail.objects.all().delete()
    client.post("/accounts/password/reset", {"email": "alice@example.com"})
    assert "/password/reset/key/" not in Mail.objects.get().text
    client.post("/accounts/login", {"login": "alice@example.com", "password": PASSWORD})
    assert "_auth_user_id" not in client.session


def test_the_email_can_be_taken_away(client, alice):
    save(client, email="", password=PASSWORD)
    assert User.objects.get().email is None
    assert not Mail.objects.exists()


@pytest.mark.parametrize(
    ("email", "why"),
    [
        ("bob@example.com", "Another account"),
        ("BOB@example.com", "Another account"),
        ("nonsense", "valid email"),
        ("a" * 3000 + "@example.com", "valid email"),
        ("nul\0@example.com", "Null characters"),
    ],
)
def test_a_bad_email_is_explained_beside_its_field(client, alice, email, why):
    make_user("bob", email="bob@example.com")
    assert why in errors(save(client, email=email, password=PASSWORD), "email")


def test_guessing_the_password_here_is_limited_like_at_sign_in(client, alice):
    for _ in range(10):
        save(client, email="new@example.com", password="wrong")
    response = save(client, email="new@example.com", password=PASSWORD)
    assert response.status_code == 200
    assert "Too many failed attempts" in response.content.decode()
    assert User.objects.get().email == "alice@example.com"


def test_one_address_is_not_flooded_with_links(client, alice):
    for email in ("new@example.com", "alice@example.com", "new@example.com"):
        save(client, email=email, password=PASSWORD)
    assert sorted(mail.recipients for mail in Mail.objects.all()) == ["alice@example.com", "new@example.com"]


def test_a_form_that_is_refused_changes_nothing_shown_elsewhere(client, alice):
    page = save(client, email="new@example.com").content.decode()
    assert "<dd>alice@example.com" in page
    assert 'value="new@example.com"' in page


# Theme ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("theme", ["auto", "light", "dark"])
def test_the_theme_is_remembered_for_a_year_in_this_browser(client, theme):
    response = client.post("/theme", {"theme": theme, "next": "/accounts/login"})
    assert response.url == "/accounts/login"
    cookie = response.cookies["theme"]
    assert (cookie.value, cookie["max-age"], cookie["samesite"]) == (theme, 31_536_000, "Lax")


def test_the_page_is_drawn_in_it(client, alice):
    client.post("/theme", {"theme": "dark"})
    assert '<html lang="en" data-theme="dark">' in client.get("/profile").content.decode()


@pytest.mark.parametrize("theme", ["", "pink", "dark\r\nSet-Cookie: a=b", "x" * 3000])
def test_there_are_no_other_themes(client, theme):
    response = client.post("/theme", {"theme": theme})
    assert response.status_code == 400
    assert not response.cookies


@pytest.mark.parametrize("elsewhere", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", ""])
def test_choosing_a_theme_leads_nowhere_else(client, elsewhere):
    assert client.post("/theme", {"theme": "dark", "next": elsewhere}).url == "/"
