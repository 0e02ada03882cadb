"""Every route of the product, asked for by everyone who should not get anything there.

Each route is in ROUTES, with who may use it; a route nobody listed fails. Alice owns one of everything; nobody without
an account, and nobody of another team, may see or change any of it, by whatever method.
"""

import re

import pytest
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.urls import get_resolver
from rest_framework_simplejwt.tokens import AccessToken

from accounts.models import Mail, Membership, Team, User
from alerts.models import Browser, Channel, Delivery, MailTemplate, MonitorPolicy, Policy, Step
from incidents.models import Incident, Maintenance, MaintenanceLink, TimelineEntry, Transition
from monitors.domain.heartbeat import PingKind
from monitors.models import (
    DeadLetter,
    Evidence,
    ExtraSlot,
    Heartbeat,
    Monitor,
    Ping,
    Region,
    Schedule,
    State,
    Status,
    StatusInterval,
)
from monitors.models import TestAnswer as Answer
from monitors.models import TestRun as Run
from monitors.services import pings
from monitors.services.pings import Arrival, Key
from monitors.times import from_ms, to_ms
from tests.factories import (
    make_admin,
    make_browser,
    make_channel,
    make_delivery,
    make_heartbeat,
    make_incident,
    make_monitor,
    make_region,
    make_test_run,
    make_user,
    team_of,
)

pytestmark = pytest.mark.django_db

ANYONE, SIGNED_IN, TEAM, STAFF, ADMINISTRATOR = "anyone", "signed in", "its team", "staff", "administrator"
ROUTES = {
    # accounts
    "account_login": ANYONE,
    "account_logout": ANYONE,
    "account_signup": ANYONE,
    "account_inactive": ANYONE,
    "account_confirm_email": ANYONE,
    "account_change_password": SIGNED_IN,
    "account_reset_password": ANYONE,
    "account_reset_password_done": ANYONE,
    "account_reset_password_from_key": ANYONE,
    "account_reset_password_from_key_done": ANYONE,
    "accounts:profile": SIGNED_IN,
    "accounts:theme": ANYONE,
    "accounts:mailbox": ADMINISTRATOR,
    "accounts:mail": ADMINISTRATOR,
    "accounts:mail_html": ADMINISTRATOR,
    "user_signup": ANYONE,
    "user_signin": ANYONE,
    "token": ANYONE,
    "token_refresh": ANYONE,
    # monitors
    "monitors:list": SIGNED_IN,
    "monitors:rows": SIGNED_IN,
    "monitors:add": SIGNED_IN,
    "monitors:propose": SIGNED_IN,
    "monitors:add_proposed": SIGNED_IN,
    "monitors:schedule": SIGNED_IN,
    "monitors:bulk": SIGNED_IN,
    "monitors:restore_all": SIGNED_IN,
    "monitors:detail": TEAM,
    "monitors:summary": TEAM,
    "monitors:series": TEAM,
    "monitors:edit": TEAM,
    "monitors:delete": TEAM,
    "monitors:pause": TEAM,
    "monitors:resume": TEAM,
    "monitors:check": TEAM,
    "monitors:test": TEAM,
    "monitors:test_run": TEAM,
    "monitors:test_results": TEAM,
    "monitors:ping": TEAM,
    "monitors:one_check": TEAM,
    "monitors:restore": TEAM,
    "monitors:regions": SIGNED_IN,
    "monitors:regions_rows": SIGNED_IN,
    "monitors:region_edit": STAFF,
    "monitors:region_remove": STAFF,
    "monitors:ips_text": ANYONE,
    "monitors:ips_json": ANYONE,
    "monitors:ips_by_cluster": ANYONE,
    "monitors:welcome": SIGNED_IN,
    "monitors:welcome_panel": SIGNED_IN,
    "monitors:welcome_add": SIGNED_IN,
    "monitors:practice": SIGNED_IN,
    "website": SIGNED_IN,
    "website_status": TEAM,
    "api_monitors": SIGNED_IN,
    "api_monitor": TEAM,
    "api_monitor_sla": TEAM,
    "api_monitor_response_times": TEAM,
    "api_monitor_checks": TEAM,
    "api_monitor_check": TEAM,
    "api_heartbeats": SIGNED_IN,
    "api_heartbeat": TEAM,
    "api_tests": SIGNED_IN,
    "api_test": TEAM,
    "schema": ANYONE,
    "api_docs": ANYONE,
    # alerts
    "alerts:channels": SIGNED_IN,
    "alerts:channel_add": SIGNED_IN,
    "alerts:channel_edit": TEAM,
    "alerts:channel_delete": TEAM,
    "alerts:channel_secret": TEAM,
    "alerts:channel_test": TEAM,
    "alerts:channel_switch": TEAM,
    "alerts:policies": SIGNED_IN,
    "alerts:policy_add": SIGNED_IN,
    "alerts:policy_edit": TEAM,
    "alerts:policy_delete": TEAM,
    "alerts:policy_default": TEAM,
    "alerts:monitor": TEAM,
    "alerts:messages": SIGNED_IN,
    "alerts:message": TEAM,
    "alerts:message_html": TEAM,
    "alerts:again": TEAM,
    "alerts:mail_templates": SIGNED_IN,
    "alerts:mail_template": SIGNED_IN,
    "alerts:mail_preview": SIGNED_IN,
    "alerts:mail_preview_html": SIGNED_IN,
    "alerts:mail_default": SIGNED_IN,
    "alerts:banner": SIGNED_IN,
    "alerts:unsubscribe": ANYONE,
    "alerts:browsers": SIGNED_IN,
    "alerts:browser_add": SIGNED_IN,
    "alerts:browser_remove": TEAM,
    "alerts:browser_renew": ANYONE,
    "alerts:twilio_status": ANYONE,
    "alerts:twilio_call": ANYONE,
    "alerts:twilio_digit": ANYONE,
    "api_channels": SIGNED_IN,
    "api_channel": TEAM,
    "api_channel_test": TEAM,
    "api_policies": SIGNED_IN,
    "api_policy": TEAM,
    "api_policies_v3": SIGNED_IN,
    "api_policy_v3": TEAM,
    "api_mail_templates": SIGNED_IN,
    "api_mail_template": SIGNED_IN,
    "api_deliveries": SIGNED_IN,
    "api_delivery": TEAM,
    # the project's own
    "pipeline:page": STAFF,
    "pipeline:parts": STAFF,
    "pipeline:letters": STAFF,
    "pipeline:banner": ANYONE,
    "metrics": ANYONE,
    "manifest": ANYONE,
    "service_worker": ANYONE,
    "offline": ANYONE,
    # incidents
    "api_incidents": SIGNED_IN,
    "api_incidents_v3": SIGNED_IN,
    "api_incident": TEAM,
    "api_incident_v3": TEAM,
    "api_incident_acknowledge": TEAM,
    "api_incident_acknowledge_v3": TEAM,
    "api_incident_resolve": TEAM,
    "api_incident_resolve_v3": TEAM,
    "api_incident_reopen": TEAM,
    "api_incident_reopen_v3": TEAM,
    "api_incident_timeline": TEAM,
    "api_incident_timeline_v3": TEAM,
    "api_incident_comments": TEAM,
    "api_maintenances": SIGNED_IN,
    "api_maintenance_start": SIGNED_IN,
    "api_maintenance": TEAM,
    "api_maintenance_end": TEAM,
    "incidents:list": SIGNED_IN,
    "incidents:rows": SIGNED_IN,
    "incidents:detail": TEAM,
    "incidents:summary": TEAM,
    "incidents:add": SIGNED_IN,
    "incidents:bulk": SIGNED_IN,
    "incidents:acknowledge": TEAM,
    "incidents:resolve": TEAM,
    "incidents:reopen": TEAM,
    "incidents:comment": TEAM,
    "incidents:postmortem": TEAM,
    "incidents:delete": TEAM,
    "incidents:acknowledge_link": ANYONE,
    "incidents:maintenances": SIGNED_IN,
    "incidents:maintenance_add": SIGNED_IN,
    "incidents:maintenance_start": SIGNED_IN,
    "incidents:maintenance": TEAM,
    "incidents:maintenance_end": TEAM,
    "incidents:maintenance_delete": TEAM,
    "incidents:maintenance_link_add": SIGNED_IN,
    "incidents:maintenance_link_revoke": TEAM,
    "incidents:maintenance_link": ANYONE,
    "incidents:maintenance_link_end": ANYONE,
}
ADMIN = "admin/"  # Django's admin: one rule for all its routes
METHODS = ["get", "post", "put", "patch", "delete"]
NO_CSRF = {  # they read no cookie
    "user_signup",
    "user_signin",
    "token",
    "token_refresh",
    "alerts:unsubscribe",
    "alerts:browser_renew",
    "incidents:maintenance_link",
    "incidents:maintenance_link_end",
}
SECRET = "Known to Alice alone"
UNKNOWN = 987_654_321


# The routes -----------------------------------------------------------------------------------------------------------
def walk(resolver, prefix="", spaces=()):
    """(name, pattern) of every route below `resolver`; the name of an unnamed one is its pattern."""
    for entry in resolver.url_patterns:
        pattern = prefix + str(entry.pattern)
        if hasattr(entry, "url_patterns"):
            yield from walk(entry, pattern, [*spaces, entry.namespace] if entry.namespace else spaces)
        else:
            yield (":".join([*spaces, entry.name]) if entry.name else pattern), pattern


def every_route():
    return list(walk(get_resolver()))


PATTERNS = {name: pattern for name, pattern in every_route() if not pattern.startswith(ADMIN)}


def named(*who):
    return [name for name, allowed in ROUTES.items() if allowed in who]


def path_of(pattern, values):
    """`pattern` with its parameters filled in."""
    plain = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", r"<\1>", pattern)
    plain = re.sub(r"[\^$\\]", "", plain)
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(values[found[1]]), plain)


def test_every_route_is_listed_here_and_every_listed_route_exists():
    assert set(PATTERNS) == set(ROUTES)


def test_no_route_is_hidden_by_another_of_the_same_name():
    ours = [name for name, pattern in every_route() if not pattern.startswith(ADMIN)]
    assert len(ours) == len(set(ours))


# The people and what they own -----------------------------------------------------------------------------------------
class World:
    def __init__(self):
        self.alice, self.bob, self.root = make_user("alice"), make_user("bob"), make_admin()
        self.region = make_region("eu-west")
        team = team_of(self.alice)
        said = {"regions": [self.region], "name": SECRET, "status": Status.UP, "created_by": self.alice}
        self.monitor = make_monitor(team, **said)
        self.heartbeat = make_heartbeat(team, name=SECRET, created_by=self.alice)
        key = Key(uuid=self.heartbeat.heartbeat.uuid)
        pings.take(key, Arrival(PingKind.FAIL, self.alice.date_joined, body=SECRET.encode(), body_size=20))
        self.deleted = make_monitor(team, **said, deleted_at=self.alice.date_joined)
        self.run = make_test_run(self.monitor)
        self.incident = make_incident(self.monitor, summary=SECRET)
        self.slot = to_ms(self.alice.date_joined)
        Evidence.objects.create(
            monitor=self.monitor,
            region=self.region,
            slot=from_ms(self.slot),
            vote="down",
            run=1,
            bundle={"said": SECRET},
        )
        self.maintenance = Maintenance.objects.create(
            team=team, name=SECRET, starts_at=self.alice.date_joined, length=60
        )
        self.link = MaintenanceLink.objects.create(team=team, name=SECRET, monitor=self.monitor)
        MailTemplate.objects.create(team=team, event="down", subject=SECRET)
        cache.set(f"mail-preview:{self.alice.pk}:abc-def", SECRET, 3600)
        DeadLetter.objects.create(region="eu-west", error=SECRET, payload=SECRET)
        self.channel = make_channel(team, name=SECRET)
        self.browser = make_browser(self.alice, name=SECRET)
        self.policy = Policy.objects.create(team=team, name=SECRET)
        Step.objects.create(policy=self.policy, position=1, whom="channel", channel=self.channel)
        MonitorPolicy.objects.create(monitor=self.monitor, policy=self.policy)
        self.delivery = make_delivery(self.channel, incident=self.incident, title=SECRET, html=SECRET, status="dead")
        self.mail = Mail.objects.create(recipients="a@example.com", subject=SECRET, text=SECRET, html=SECRET)

    def path(self, name, unknown=False):
        pk = {"incidents": self.incident.pk, "accounts": self.mail.pk}.get(name.split(":")[0], self.monitor.pk)
        for word, row in {
            "channel": self.channel, "polic": self.policy, "message": self.delivery, "again": self.delivery,
            "deliver": self.delivery, "browser": self.browser,
        }.items():  # fmt: skip
            pk = row.pk if word in name else pk
        pk = self.deleted.pk if name == "monitors:restore" else pk
        pk = self.heartbeat.pk if name in {"monitors:ping", "api_heartbeat"} else pk
        pk = self.incident.pk if name.startswith("api_incident") else pk
        pk = self.maintenance.pk if name.startswith(("incidents:maintenance", "api_maintenance")) else pk
        pk = self.link.pk if name == "incidents:maintenance_link_revoke" else pk
        pk = self.run.pk if name in {"monitors:test_run", "monitors:test_results", "api_test"} else pk
        pk = UNKNOWN if unknown else pk
        slug = "unknown" if unknown else self.region.slug
        values = {
            "region": slug,
            "pk": pk,
            "id": pk,
            "n": 1,
            "slug": slug,
            "key": self.delivery.uuid if "twilio" in name else "abc-def",
            "slot": self.slot,
            "event": "unknown" if unknown else "down",
            "token": "x:y",
            "uidb36": self.alice.pk.hex,
        }
        return path_of(PATTERNS[name], values) + f"?id={self.monitor.pk}&id={self.deleted.pk}"

    def body(self):
        """What would take over, were it let through."""
        return {
            "id": [self.monitor.pk, self.deleted.pk],
            "action": "delete",
            "purge": "all",
            "sure": "1",
            "name": "Taken over",
            "target": "https://evil.example/",
            "pronounceable_name": "Taken over",
            "slug": self.region.slug,
            "email": "evil@example.com",
            "mode": "error",
        }

    def send(self, client, method, path, as_json=False):
        if method == "get":
            return client.get(path)
        if as_json or method != "post":
            return getattr(client, method)(path, self.body(), content_type="application/json")
        return client.post(path, self.body())

    def alices(self):
        """Every row that is hers, or everyone's."""
        team = team_of(self.alice)
        mine = {"monitor__team": team}
        rows = [
            User.objects.filter(pk=self.alice.pk),
            Team.objects.filter(pk=team.pk),
            Membership.objects.filter(team=team),
            Monitor.objects.filter(team=team),
            MailTemplate.objects.filter(team=team),
            Incident.objects.filter(team=team),
            TimelineEntry.objects.filter(incident__team=team),
            *(each.objects.filter(**mine) for each in (Schedule, ExtraSlot, State, StatusInterval, Transition)),
            Maintenance.objects.filter(team=team),
            MaintenanceLink.objects.filter(team=team),
            Heartbeat.objects.filter(**mine),
            Run.objects.filter(team=team),
            Answer.objects.filter(run__team=team),
            Evidence.objects.filter(**mine),
            Ping.objects.filter(heartbeat__monitor__team=team),
            Region.objects.all(),
            Channel.objects.filter(team=team),
            Browser.objects.filter(user=self.alice),
            Policy.objects.filter(team=team, is_default=False),
            Step.objects.filter(policy=self.policy),
            MonitorPolicy.objects.filter(**mine),
            Delivery.objects.filter(team=team),
            Mail.objects.filter(pk=self.mail.pk),
            DeadLetter.objects.all(),
        ]
        return [list(each.order_by("pk").values_list()) for each in rows]


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker):
    """Made once: what a test changes is rolled back behind it."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield World()
        transaction.set_rollback(True)


def client_of(user, **options):
    """Signed in both ways: pages look at the session, the API at the token."""
    client = Client(headers={"Authorization": f"Bearer {AccessToken.for_user(user)}"}, **options)
    client.force_login(user)
    return client


def is_shut_out(response):
    """Sent to sign in, refused, or (a live fragment) told to load the whole page, which then is."""
    if response.status_code == 302:
        return response.url.startswith("/accounts/login?next=")
    if response.status_code == 204:
        return response.headers.get("HX-Refresh") == "true"
    return response.status_code in {401, 403, 404, 405}


# Who gets nothing -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", named(SIGNED_IN, TEAM, STAFF, ADMINISTRATOR))
def test_without_an_account_nothing_is_seen_or_changed(world, name):
    before = world.alices()
    for method in METHODS:
        response = world.send(Client(), method, world.path(name))
        assert is_shut_out(response), f"{method} {name}: {response.status_code}"
        assert SECRET not in response.content.decode()
    assert world.alices() == before


@pytest.mark.parametrize("name", named(TEAM))
def test_what_is_another_teams_is_as_if_it_did_not_exist(world, name):
    before, bob = world.alices(), client_of(world.bob)
    for method in METHODS:
        for as_json in (False, True):
            theirs = world.send(bob, method, world.path(name), as_json)
            nobodys = world.send(bob, method, world.path(name, unknown=True), as_json)
            case = f"{method} {name}: {theirs.status_code}, {nobodys.status_code}"
            assert theirs.status_code in {302, 403, 404, 405}, case
            assert theirs.status_code == nobodys.status_code, case
            assert theirs.headers.get("Location") == nobodys.headers.get("Location"), case
            assert SECRET not in theirs.content.decode()
    assert world.alices() == before


@pytest.mark.parametrize("name", named(STAFF, ADMINISTRATOR))
def test_what_is_the_administrators_is_refused_to_others(world, name):
    before, bob = world.alices(), client_of(world.bob)
    for method in METHODS:
        response = world.send(bob, method, world.path(name))
        assert response.status_code in {403, 404, 405}, f"{method} {name}: {response.status_code}"
        assert SECRET not in response.content.decode()
    assert world.alices() == before


@pytest.mark.parametrize("name", named(ANYONE, SIGNED_IN))
def test_what_is_open_to_a_stranger_shows_and_changes_nothing_of_others(world, name):
    before = world.alices()
    for method in METHODS:
        for as_json in (False, True):
            response = world.send(client_of(world.bob), method, world.path(name), as_json)
            assert response.status_code < 500, f"{method} {name}: {response.status_code}"
            assert SECRET not in response.content.decode()
    assert world.alices() == before


@pytest.mark.parametrize("action", ["pause", "resume", "check", "delete", "restore"])
def test_no_bulk_action_reaches_another_teams_monitors(world, action):
    before = world.alices()
    said = {**world.body(), "action": action}
    client_of(world.bob).post("/monitors/bulk", said)
    assert world.alices() == before


@pytest.mark.parametrize("name", [name for name in ROUTES if name not in NO_CSRF])
def test_a_session_changes_nothing_without_a_csrf_token(world, name):
    """Another site can make a browser send its cookies, but neither read the token nor set a header."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.alice)
    before = world.alices()
    for method in METHODS[1:]:
        for as_json in (False, True):
            response = world.send(client, method, world.path(name), as_json)
            assert response.status_code in {401, 403, 404, 405, 415}, f"{method} {name}: {response.status_code}"
    assert world.alices() == before


# Who gets something: or the tests above would pass for addresses that lead nowhere ------------------------------------
@pytest.mark.parametrize("name", named(ANYONE, SIGNED_IN, TEAM, STAFF, ADMINISTRATOR))
def test_whoever_may_is_let_in(world, name):
    who = {STAFF: world.root, ADMINISTRATOR: world.root}.get(ROUTES[name], world.alice)
    client = Client() if ROUTES[name] == ANYONE else client_of(who)
    response = client.get(world.path(name))
    if response.status_code == 405:
        response = world.send(client, "post", world.path(name))
    not_here = {"monitors:welcome_add", "monitors:practice"}  # `make run` alone has a practice website
    refused = {403, 404} if ROUTES[name] != ANYONE and name not in not_here else set()
    assert response.status_code < 500
    assert response.status_code not in refused, f"{name}: {response.status_code}"


# The admin ------------------------------------------------------------------------------------------------------------
def admin_paths(world):
    ids = {"user": world.alice.pk, "team": team_of(world.alice).pk, "mail": world.mail.pk}
    ids |= {"channel": world.channel.pk, "policy": world.policy.pk, "delivery": world.delivery.pk}
    for _, pattern in every_route():
        if pattern.startswith(ADMIN):
            model = pattern.split("/")[2] if pattern.count("/") > 2 else ""
            pk = ids.get(model, world.incident.pk if model in {"incident", "alarm"} else world.monitor.pk)
            known = {"object_id": pk, "id": world.alice.pk, "app_label": "accounts", "url": "x"}
            known |= {"content_type_id": 1, "pk": pk, "monitor_id": world.monitor.pk}
            yield path_of(pattern, known)


def test_the_admin_is_shut_to_who_is_no_staff(world):
    before, outsiders = world.alices(), (Client(), client_of(world.bob))
    paths = list(admin_paths(world))
    assert len(paths) > 40
    for path in paths:
        for method in METHODS:
            for client in outsiders:
                response = world.send(client, method, path)
                case = f"{method} {path}: {response.status_code}"
                assert response.status_code in {302, 403, 404, 405}, case
                if response.status_code == 302:
                    assert re.match(r"/(admin/(login/|$)|accounts/login\?next=)", response.url), (
                        f"{case} {response.url}"
                    )
                assert SECRET not in response.content.decode(), case
    assert world.alices() == before


def test_the_admin_is_open_to_the_administrator(world):
    client = client_of(world.root)
    for path in admin_paths(world):
        if path != "/admin/logout/":
            assert client.get(path).status_code in {200, 302, 403, 404, 405}, path
    assert SECRET in client.get("/admin/monitors/monitor/").content.decode()
