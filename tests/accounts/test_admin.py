import pytest

from accounts.models import Mail, Membership, Role, Team, User
from tests.factories import PASSWORD, make_admin, make_user, team_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(client):
    user = make_admin()
    client.force_login(user)
    return user


def errors(response):
    assert response.status_code == 200
    return str(response.context["errors"])


def test_signing_in_there_is_signing_in_anywhere(client):
    make_admin()
    for path in ("/admin/", "/admin/login/", "/admin/accounts/user/"):
        assert client.get(path, follow=True).redirect_chain[-1][0].startswith("/accounts/login?next=%2Fadmin%2F")
    client.post("/admin/login/", {"username": "root", "password": PASSWORD})
    assert "_auth_user_id" not in client.session
    assert client.post("/accounts/login?next=/admin/", {"login": "root", "password": PASSWORD}).url == "/admin/"


def test_who_is_no_staff_is_told_so(client):
    client.force_login(make_user("bob"))
    assert client.get("/admin/login/").status_code == 403


def test_the_password_is_changed_on_our_page_with_its_limit(client, root):
    assert client.get("/admin/password_change/").url == "/accounts/password/change"


@pytest.mark.parametrize("model", ["user", "team", "mail"])
def test_lists_search_and_filter(client, root, model):
    Mail.objects.create(recipients="b@example.com", subject="Hello", text="Body")
    for query in ("", "?q=root", "?q=%00", "?o=1"):
        assert client.get(f"/admin/accounts/{model}/{query}", follow=True).status_code == 200


@pytest.mark.parametrize("model", ["user", "team", "mail"])
def test_staff_without_all_rights_see_nothing_here(client, model):
    client.force_login(make_user("staff", is_staff=True))
    assert client.get(f"/admin/accounts/{model}/").status_code == 403
    assert f"/admin/accounts/{model}/" not in client.get("/admin/").content.decode()


def user_form(user, **changes):
    known = {"username": user.username, "email": user.email or "", "time_zone": user.time_zone}
    return {**known, **{f"is_{flag}": "on" for flag in ("active", "staff") if getattr(user, f"is_{flag}")}, **changes}


def change(client, user, **changes):
    return client.post(f"/admin/accounts/user/{user.pk}/change/", user_form(user, **changes))


def test_a_user_can_be_changed(client, root):
    bob = make_user("bob", email="bob@example.com")
    assert change(client, bob, email="Robert@Example.com", time_zone="Europe/Berlin").status_code == 302
    bob.refresh_from_db()
    assert (bob.email, bob.time_zone) == ("robert@example.com", "Europe/Berlin")
    assert list(bob.emailaddress_set.values_list("email", "verified")) == [("robert@example.com", False)]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"username": "ROOT"}, "taken"),
        ({"username": ""}, "required"),
        ({"username": "nul\0"}, "Null characters"),
        ({"username": "u" * 3000}, "at most 150"),
        ({"email": "Root@example.com"}, "Another account"),
        ({"time_zone": "Mars/Olympus"}, "valid choice"),
    ],
)
def test_but_not_into_nonsense(client, root, changes, why):
    User.objects.filter(pk=root.pk).update(email="root@example.com")
    assert why in errors(change(client, make_user("bob"), **changes))


def test_nobody_takes_their_own_rights_away(client, root):
    client.post(f"/admin/accounts/user/{root.pk}/change/", {"username": "root", "email": "", "time_zone": ""})
    root.refresh_from_db()
    assert (root.is_active, root.is_staff, root.is_superuser) == (True, True, True)


def test_users_and_teams_are_not_deleted(client, root):
    bob = make_user("bob")
    assert client.post(f"/admin/accounts/user/{bob.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.post(f"/admin/accounts/team/{team_of(bob).pk}/delete/", {"post": "yes"}).status_code == 403
    for model, row in (("user", bob), ("team", team_of(bob))):
        said = {"action": "delete_selected", "_selected_action": str(row.pk), "post": "yes"}
        client.post(f"/admin/accounts/{model}/", said)
    assert User.objects.filter(pk=bob.pk).exists()
    assert Team.objects.count() == 2


def test_a_user_made_here_has_a_team_too(client, root):
    said = {"username": "carol", "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    assert client.post("/admin/accounts/user/add/", said).status_code == 302
    assert team_of(User.objects.get(username="carol")).name == "carol's team"


def team_form(team, *rows, name="Ours"):
    said = {"name": name, "memberships-TOTAL_FORMS": len(rows), "memberships-INITIAL_FORMS": team.memberships.count()}
    for at, (membership, user, role, *delete) in enumerate(rows):
        said |= {
            f"memberships-{at}-id": membership.pk if membership else "",
            f"memberships-{at}-team": team.pk,
            f"memberships-{at}-user": user.pk,
            f"memberships-{at}-role": role,
        }
        if delete:
            said[f"memberships-{at}-DELETE"] = "on"
    return said


def test_a_team_keeps_an_owner(client, root):
    bob, carol = make_user("bob"), make_user("carol")
    team, own = team_of(bob), bob.memberships.get()
    path = f"/admin/accounts/team/{team.pk}/change/"
    assert "needs an owner" in client.post(path, team_form(team, (own, bob, Role.MEMBER))).content.decode()
    gone = team_form(team, (own, bob, Role.OWNER, "delete"), (None, carol, Role.MEMBER))
    assert "needs an owner" in client.post(path, gone).content.decode()
    assert own in Membership.objects.filter(role=Role.OWNER)
    shared = team_form(team, (own, bob, Role.OWNER), (None, carol, Role.MEMBER))
    assert client.post(path, shared).status_code == 302
    assert set(team.members.all()) == {bob, carol}


def test_nobody_is_twice_in_a_team(client, root):
    bob = make_user("bob")
    team, own = team_of(bob), bob.memberships.get()
    twice = team_form(team, (own, bob, Role.OWNER), (None, bob, Role.MEMBER))
    assert client.post(f"/admin/accounts/team/{team.pk}/change/", twice).status_code == 200
    assert team.memberships.count() == 1


def test_mail_is_only_read(client, root):
    mail = Mail.objects.create(recipients="b@example.com", subject="<b>x</b>", text="Body")
    page = client.get(f"/admin/accounts/mail/{mail.pk}/change/")
    assert page.status_code == 200
    assert "<b>x</b>" not in page.content.decode()
    assert client.post(f"/admin/accounts/mail/{mail.pk}/change/", {"subject": "forged"}).status_code == 403
    assert client.post(f"/admin/accounts/mail/{mail.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.get("/admin/accounts/mail/add/").status_code == 403
    assert Mail.objects.get().subject == "<b>x</b>"
