"""Who may make the account that administers the site, and which names are the same."""

import pytest

from accounts.models import User

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


def sign_up(client, username, **headers):
    body = {"username": username, "password": PASSWORD}
    return client.post("/user/signup", body, content_type="application/json", headers=headers)


@pytest.mark.parametrize("origin", ["https://evil.example", "http://evil.example:8000", "null"])
def test_no_page_of_another_site_makes_the_first_account(client, origin):
    assert sign_up(client, "evil", origin=origin).status_code == 403
    assert not User.objects.exists()


@pytest.mark.parametrize("origin", ["http://testserver", "http://localhost:3000"])
def test_our_own_page_and_a_front_end_on_this_machine_may(client, origin, settings):
    settings.LOOPBACK, settings.SETUP_TOKEN = True, ""
    assert sign_up(client, "alice", origin=origin).status_code == 200
    assert User.objects.get().is_superuser


def test_later_accounts_may_come_from_anywhere(client, settings):
    settings.LOOPBACK, settings.SETUP_TOKEN = True, ""
    sign_up(client, "alice")
    assert sign_up(client, "bob", origin="https://front.example").status_code == 200
    assert not User.objects.get(username="bob").is_superuser


@pytest.mark.parametrize(("first", "second"), [("straße", "STRAẞE"), ("Alice", "aLICE"), ("İx", "i̇x")])
def test_names_that_differ_only_in_case_are_the_same(client, settings, first, second):
    settings.LOOPBACK, settings.SETUP_TOKEN = True, ""
    assert sign_up(client, first).status_code == 200
    assert sign_up(client, second).status_code in {200, 403}
    page = client.post("/accounts/signup", {"username": second, "password1": PASSWORD})
    assert page.status_code in {200, 302}
