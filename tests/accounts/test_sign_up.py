import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import connection
from django.urls import reverse

from accounts import services
from accounts.models import Mail, Role, Team, User
from tests.factories import PASSWORD, make_user, team_of

pytestmark = pytest.mark.django_db
PAGE = "/accounts/signup"
FREE_TEXT = ["0.8123456789", "alice", "Jörg Müller", "名前", "a@b", "<b>x</b>", "' OR 1=1 --", "🦊", "x" * 150]


def sign_up(client, **said):
    return client.post(PAGE, {"username": "alice", "password1": PASSWORD, **said})


def errors(response, field):
    assert response.status_code == 200
    return " ".join(response.context["form"].errors.get(field, []))


def test_the_first_account_is_told_that_it_will_administer_the_site(client):
    assert "This is the first account" in client.get(PAGE).content.decode()
    make_user("alice")
    assert "This is the first account" not in client.get(PAGE).content.decode()


def test_the_first_account_administers_the_site_and_later_ones_do_not(client):
    response = sign_up(client)
    assert (response.status_code, response.url) == (302, reverse("monitors:welcome"))
    client.logout()
    sign_up(client, username="bob")
    rights = User.objects.order_by("date_joined").values_list("username", "is_superuser", "is_staff")
    assert list(rights) == [("alice", True, True), ("bob", False, False)]


def test_signing_up_signs_in_and_keeps_no_password(client):
    sign_up(client)
    user = User.objects.get()
    assert client.session["_auth_user_id"] == str(user.pk)
    assert user.password.startswith("argon2$")


def test_everyone_owns_a_personal_team(client):
    sign_up(client)
    user = User.objects.get()
    membership = user.memberships.get()
    assert (membership.team.name, membership.team.personal, membership.role) == ("alice's team", True, Role.OWNER)
    assert user.ensure_team() == membership.team
    assert Team.objects.count() == 1


def test_being_made_an_owner_of_someone_elses_personal_team_does_not_make_it_ones_own():
    alice = make_user("alice")
    bob = make_user("bob", team=team_of(alice))
    assert bob.ensure_team() == team_of(bob) != team_of(alice)


def test_createsuperuser_makes_a_team_too():
    call_command("createsuperuser", username="root", email="Root@Example.com", interactive=False)
    user = User.objects.get()
    assert team_of(user).name == "root's team"
    assert user.email == "root@example.com"
    assert not services.is_first_account()


@pytest.mark.parametrize("username", FREE_TEXT)
def test_a_username_is_free_text(client, username):
    sign_up(client, username=username)
    assert User.objects.get().username == username
    client.logout()
    client.post("/accounts/login", {"login": username, "password": PASSWORD})
    assert "_auth_user_id" in client.session


@pytest.mark.parametrize(
    ("said", "field", "why"),
    [
        ({"username": ""}, "username", "required"),
        ({"username": "   "}, "username", "required"),
        ({"username": "nul\0"}, "username", "Null characters"),
        ({"username": "u" * 3000}, "username", "at most 150"),
        ({"username": "ﬁ" * 100}, "username", "at most 150"),  # a ligature: stored as two letters each
        ({"password1": ""}, "password1", "required"),
        ({"password1": "nul\0nul\0nul"}, "password1", "Null characters"),
        ({"password1": "p" * 3000}, "password1", "at most 1000"),
        ({"password1": "short1!"}, "password1", "too short"),
        ({"password1": "password"}, "password1", "too common"),
        ({"username": "margarete", "password1": "margarete1"}, "password1", "too similar"),
        ({"email": "not an email"}, "email", "valid email"),
        ({"email": "a" * 3000 + "@example.com"}, "email", "valid email"),
        ({"email": "nul\0@example.com"}, "email", "Null characters"),
        ({"email": "a@example.com\r\nBcc: evil@example.com"}, "email", "valid email"),
    ],
)
def test_bad_input_is_explained_beside_its_field(client, said, field, why):
    response = sign_up(client, **said)
    assert why in errors(response, field)
    assert f'id="id_{field}_error"' in response.content.decode()
    assert not User.objects.exists()


def test_what_was_typed_is_kept_but_the_password(client):
    page = sign_up(client, username="jean-luc", email="jl@example.com", password1="short").content.decode()
    assert 'value="jean-luc"' in page
    assert 'value="jl@example.com"' in page
    assert 'value="short"' not in page


@pytest.mark.parametrize("username", ["alice", "ALICE", " Alice ", "\uff41lice"])
def test_a_username_that_reads_the_same_is_taken(client, username):
    make_user("alice")
    assert "taken" in errors(sign_up(client, username=username), "username")


def test_an_email_belongs_to_one_account(client):
    make_user("alice", email="alice@example.com")
    response = sign_up(client, username="bob", email="ALICE@example.com")
    assert "Another account" in errors(response, "email")


def test_a_name_taken_between_checking_and_saving_is_a_field_error(client, monkeypatch):
    make_user("alice")
    monkeypatch.setattr(services, "clean_username", lambda text: text)
    monkeypatch.setattr("accounts.adapter.AccountAdapter.clean_username", lambda self, name, shallow=False: name)
    assert "taken" in errors(sign_up(client), "username")


# The set-up token ----------------------------------------------------------------------------------------------------
def test_a_site_others_can_reach_asks_the_first_account_for_the_token(client, settings):
    settings.SETUP_TOKEN = "sesame"
    assert 'name="setup_token"' in client.get(PAGE).content.decode()
    assert "required" in errors(sign_up(client), "setup_token")
    assert "needs the set-up token" in errors(sign_up(client, setup_token="wrong"), "setup_token")
    assert not User.objects.exists()
    assert sign_up(client, setup_token=" sesame ").status_code == 302
    assert User.objects.get().is_superuser
    client.logout()
    assert 'name="setup_token"' not in client.get(PAGE).content.decode()
    assert sign_up(client, username="bob").status_code == 302


def test_on_this_machine_alone_no_token_is_asked_for(client):
    assert 'name="setup_token"' not in client.get(PAGE).content.decode()


@pytest.mark.parametrize("given", ["", "anything"])
def test_without_a_token_to_compare_with_a_public_site_gives_itself_to_nobody(settings, given):
    settings.LOOPBACK, settings.SETUP_TOKEN = False, ""
    with pytest.raises(ValidationError) as refused:
        services.sign_up("alice", PASSWORD, setup_token=given)
    assert "setup_token" in refused.value.message_dict


# Closed --------------------------------------------------------------------------------------------------------------
def test_a_closed_site_takes_its_first_account_and_then_no_more(client, settings):
    settings.SIGNUP_OPEN = False
    assert sign_up(client).status_code == 302
    client.logout()
    assert "Sign-up is closed" in client.get(PAGE).content.decode()
    assert "Sign-up is closed" in sign_up(client, username="bob").content.decode()
    assert User.objects.count() == 1
    with pytest.raises(ValidationError, match="no new accounts"):
        services.sign_up("bob", PASSWORD)


# Two at once ---------------------------------------------------------------------------------------------------------
def at_once(*names):
    """Signs all of `names` up at the same moment; True for who got in."""
    ready = Barrier(len(names))

    def one(name):
        try:
            ready.wait(10)
            services.sign_up(name, PASSWORD)
        except ValidationError:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(len(names)) as pool:
        return list(pool.map(one, names))


@pytest.mark.django_db(transaction=True)
def test_of_several_first_accounts_at_once_exactly_one_administers():
    assert at_once("alice", "bob", "carol", "dave") == [True] * 4
    assert User.objects.filter(is_superuser=True).count() == 1
    assert Team.objects.filter(personal=True).count() == 4


@pytest.mark.django_db(transaction=True)
def test_of_several_accounts_with_one_name_at_once_exactly_one_is_made():
    assert at_once("alice", "Alice", "ALICE").count(True) == 1
    assert User.objects.count() == 1


# Confirming the email ------------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("mailbox")
def test_an_email_given_at_sign_up_can_be_confirmed(client, settings):
    sign_up(client, email="Alice@Example.com")
    mail = Mail.objects.get()
    assert mail.recipients == "alice@example.com"
    link = re.search(r"\S+/accounts/email/\S+", mail.text)[0]
    assert link.startswith(settings.BASE_URL)
    path = link.removeprefix(settings.BASE_URL)
    assert "Confirm your email" in client.get(path).content.decode()
    assert not User.objects.get().emailaddress_set.get().verified
    assert client.post(path).url == reverse("accounts:profile")
    assert User.objects.get().emailaddress_set.get().verified


@pytest.mark.parametrize("key", ["nonsense", "a:b:c", "x" * 3000])
def test_a_wrong_confirmation_link_says_so(client, key):
    assert "This link does not work" in client.get(f"/accounts/email/{key}").content.decode()


@pytest.mark.usefixtures("mailbox")
def test_no_mail_is_sent_at_later_sign_ins(client):
    sign_up(client, email="alice@example.com")
    client.logout()
    client.post("/accounts/login", {"login": "alice", "password": PASSWORD})
    assert Mail.objects.count() == 1
