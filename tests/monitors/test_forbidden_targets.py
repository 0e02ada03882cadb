"""Every door by which a target comes in, and every address that must not: form, edit, both APIs, admin, and the rest.

Where private targets are off, none of them may be stored, and the answer names the field.
"""

import pytest

from monitors.forms import MonitorForm
from monitors.models import Monitor
from monitors.probes.kinds import KINDS, probed_kinds
from monitors.wire import wire_name
from tests.factories import make_monitor, make_region, make_user, team_of
from tests.monitors.probes.test_forbidden_places import VECTORS, target_of
from tests.test_routes import PATTERNS, World, admin_paths, client_of

pytestmark = pytest.mark.django_db

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


def cases(every):
    """(kind, target): of each kind one vector in turn, of http each `every`-th; what is between is the form's."""
    for number, kind in enumerate(probed_kinds()):
        for host in VECTORS[::every] if kind.name == "http" else [FEW[number % len(FEW)]]:
            yield kind, target_of(kind, host, 8080)


def test_the_form_that_all_of_them_share_takes_no_forbidden_target(alice):
    team = team_of(alice)
    for kind in probed_kinds():
        for host in VECTORS:
            form = MonitorForm.of({"target": target_of(kind, host, 8080)}, team=team, user=alice, kind=kind.name)
            assert "target" in form.errors, (kind.name, host)


def test_no_page_takes_a_forbidden_target(client, alice):
    kept = {kind.name: make_monitor(team_of(alice), kind=kind.name, target=f"kept.{kind.name}") for kind in KINDS}
    for kind, target in cases(every=10):
        typed = {"kind": kind.name, "target": target, "name": "Trap", "interval": "30"}
        for path in ("/monitors/add", f"/monitors/{kept[kind.name].pk}/edit"):
            answer = client.post(path, typed)
            assert answer.status_code == 422, (kind.name, target)
            assert "target" in answer.context["form"].errors, (kind.name, target)
    assert not Monitor.objects.exclude(target__startswith="kept.").exists()


def test_no_api_takes_a_forbidden_target(client, alice):
    kept = {
        kind.name: make_monitor(team_of(alice), kind=kind.name, target=f"kept.{kind.name}:80")
        for kind in probed_kinds()
    }
    said = {"content_type": "application/json"}
    for kind, target in cases(every=4):
        body = {wire_name(kind, "target"): target}
        typed = {"monitor_type": kind.name if kind.name != "http" else "status", **body}
        address = f"/api/v2/monitors/{kept[kind.name].pk}"
        made, changed = client.post("/api/v2/monitors", typed, **said), client.patch(address, body, **said)
        for answer in (made, changed):
            assert answer.status_code == 422, (kind.name, target, answer.content)
            assert set(answer.json()["errors"]) & {wire_name(kind, "target"), "port"}, (kind.name, target)
    assert not Monitor.objects.exclude(target__startswith="kept.").exists()


def test_the_api_of_the_clones_takes_no_forbidden_target(alice):
    client = client_of(alice)
    for host in VECTORS:
        answer = client.post("/website", {"url": f"http://{host}/"}, content_type="application/json")
        assert answer.status_code == 411, host
        assert answer.json()["message"]
    assert not Monitor.objects.exists()


def test_no_other_route_stores_a_forbidden_target_either():
    """Whatever takes something: every route and method, the target under every name that is in use."""
    world = World()
    names = ("target", "url", "host", "address", "domain", "server", "to", "link", "proxy")
    stored = {(each.pk, each.target) for each in Monitor.objects.all()}
    alice, root = client_of(world.alice), client_of(world.root)
    doors = [(alice, world.path(name), method) for name in PATTERNS for method in ("post", "patch", "put")]
    doors += [(root, path, "form") for path in admin_paths(world) if "monitors/" in path]
    doors += [(alice, world.path(name), "form") for name in PATTERNS]
    body = dict.fromkeys(names, "http://127.0.0.1:8080/") | {"name": "Trap", "interval": 30, "kind": "http"}
    for client, path, method in doors:
        if method == "form":
            client.post(path, body)
        else:
            getattr(client, method)(path, body, content_type="application/json")
    assert {(each.pk, each.target) for each in Monitor.objects.all()} <= stored
