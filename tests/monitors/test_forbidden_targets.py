"""Every door by which a target comes in, and every address that must not: form, edit, both APIs, admin, and the rest.

Where private targets are off, none of them may be stored, and the answer names the field.
"""

import pytest

from monitors.models import Monitor
from monitors.probes.kinds import KINDS, probed_kinds
from tests.factories import make_admin, make_monitor, make_region, make_user, team_of
from tests.monitors.probes.test_forbidden_places import VECTORS, target_of
from tests.test_routes import METHODS, PATTERNS, World, admin_paths, client_of

pytestmark = pytest.mark.django_db

KINDS_BY_NAME = {kind.name: kind for kind in probed_kinds()}
FEW = ["127.0.0.1", "[::ffff:127.0.0.1]", "2130706433", "localhost"]  # of each kind; of http, all of them


@pytest.fixture(autouse=True)
def _public_only(settings):
    settings.ALLOW_PRIVATE_TARGETS = False


@pytest.fixture
def alice(client):
    make_region("eu")
    user = make_user("alice")
    client.force_login(user)
    return user


def cases():
    for kind in probed_kinds():
        for host in VECTORS if kind.name == "http" else FEW:
            yield kind, target_of(kind, host, 8080)


def test_no_page_takes_a_forbidden_target(client, alice):
    kept = {kind.name: make_monitor(team_of(alice), kind=kind.name, target=f"kept.{kind.name}") for kind in KINDS}
    for kind, target in cases():
        typed = {"kind": kind.name, "target": target, "name": "Trap", "interval": "30"}
        added = client.post("/monitors/add", typed)
        changed = client.post(f"/monitors/{kept[kind.name].pk}/edit", typed)
        for answer in (added, changed):
            assert answer.status_code == 422, (kind.name, target)
            assert "target" in answer.context["form"].errors, (kind.name, target)
    assert not Monitor.objects.exclude(target__startswith="kept.").exists()


def test_no_api_takes_a_forbidden_target(client, alice):
    kept = {
        kind.name: make_monitor(team_of(alice), kind=kind.name, target=f"kept.{kind.name}:80")
        for kind in probed_kinds()
    }
    said = {"content_type": "application/json"}
    for kind, target in cases():
        body = {"monitor_type": kind.name if kind.name != "http" else "status", "url": target}
        made = client.post("/api/v2/monitors", body, **said)
        address = f"/api/v2/monitors/{kept[kind.name].pk}"
        changed = [client.patch(address, {"url": target}, **said), client.put(address, {"url": target}, **said)]
        for answer in (made, *changed):
            assert answer.status_code == 422, (kind.name, target, answer.content)
            assert set(answer.json()["errors"]) & {"url", "port"}, (kind.name, target)
    assert not Monitor.objects.exclude(target__startswith="kept.").exists()


def test_the_api_of_the_clones_takes_no_forbidden_target(alice):
    client = client_of(alice)
    for host in VECTORS:
        answer = client.post("/website", {"url": f"http://{host}/"}, content_type="application/json")
        assert answer.status_code == 411, host
        assert answer.json()["message"]
    assert not Monitor.objects.exists()


def test_no_other_route_stores_a_forbidden_target_either():
    """Whatever takes something: every route, every method, the target under every name that is in use."""
    world = World()
    names = ("target", "url", "host", "address", "domain", "server", "to", "link")
    stored = {(each.pk, each.target) for each in Monitor.objects.all()}
    people = [client_of(world.alice), client_of(make_admin("second"))]
    paths = [world.path(name) for name in PATTERNS] + [each for each in admin_paths(world) if "logout" not in each]
    for target in ("http://127.0.0.1:8080/", "127.0.0.1:8080", "2130706433"):
        body = dict.fromkeys(names, target) | {"name": "Trap", "interval": 30, "kind": "http"}
        for path in paths:
            for client in people:
                client.post(path, body)
                for method in METHODS[1:4]:
                    getattr(client, method)(path, body, content_type="application/json")
    assert {(each.pk, each.target) for each in Monitor.objects.all()} <= stored
