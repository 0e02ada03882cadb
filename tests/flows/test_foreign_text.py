"""Text of a target that means harm, all the way: real sockets, engine, database, every page, admin and both APIs.

Control characters, directions of writing, escapes of terminals, bytes that are no text and markup are stored escaped,
and whoever looks at them sees letters.
"""

import json
import re
from contextlib import ExitStack

import pytest

from incidents import services as incidents
from incidents.models import Incident
from monitors.domain.slots import grid
from monitors.models import DeadLetter, Tick
from monitors.probes.base import Outcome
from monitors.probes.engine import Engine
from monitors.probes.reasons import Reason
from monitors.services import edit
from monitors.times import now_ms
from tests.certificates import authority, issue, served
from tests.factories import make_admin, make_region, make_user, team_of
from tests.helpers import wait_until
from tests.monitors.probes.conftest import check_of
from tests.monitors.services.cast import outcome, settle, take
from tests.servers import Server, Target, answer
from tests.test_routes import PATTERNS, client_of, path_of

pytestmark = pytest.mark.django_db

MARKUP = "<script>alert(1)</script><img src=x onerror=alert(1)>"
HARM = f"\x1b[31m\x00\x07\u202egnp.exe\u2066\u200b\ufeff{MARKUP}{{{{7*7}}}}=cmd|' /C calc'!A0"
RAW = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")
PAGES = [
    "monitors:list", "monitors:rows", "monitors:detail", "monitors:summary", "monitors:series", "monitors:edit",
    "incidents:list", "incidents:rows", "incidents:detail", "incidents:summary", "pipeline:page", "pipeline:parts",
    "website", "website_status", "api_monitors", "api_monitor", "api_monitor_sla",
    "api_monitor_response_times", "metrics",
]  # fmt: skip
ADMIN = ["/admin/monitors/monitor/", "/admin/monitors/monitor/{monitor}/change/", "/admin/incidents/incident/"]
ADMIN += ["/admin/incidents/incident/{incident}/change/", "/admin/monitors/deadletter/"]


def banner(said):
    def serve(server, connection):
        connection.sendall(said)
        server.over.wait(2)

    return serve


def hostile_targets(stack, folder):
    """(kind, target, options) of targets whose answers are quoted in sentences."""
    harm = HARM.encode() + b"\xff\xfe\xc3\x28"
    line = harm.replace(b"\0", b"")
    website = stack.enter_context(Target())
    website.does(answer(429, Retry_After=line.decode("latin-1")))
    moved = stack.enter_context(Target())
    moved.does(answer(302, Location=line.decode("latin-1")))
    odd = served(folder, issue(authority(f"Evil {HARM}"[:40].replace("\0", "")), [f"{'x' * 20}.example"]))
    ports = {
        kind: stack.enter_context(Server(banner(said))).port
        for kind, said in {
            "tcp": harm,
            "smtp": b"220 " + line + b"\r\n",
            "imap": b"* OK " + line + b"\r\n",
            "pop": b"+OK " + line + b"\r\n",
            "websocket": b"HTTP/1.1 418 " + line + b"\r\n\r\n",
        }.items()
    }
    secure = stack.enter_context(Server(banner(b""), tls=odd))
    return [
        ("http", website.url, {}),
        ("http", moved.url, {}),
        ("tls", f"127.0.0.1:{secure.port}", {}),
        ("tls", f"127.0.0.1:{secure.port}", {"verify_tls": False}),
        ("tcp", f"127.0.0.1:{ports['tcp']}", {"expect": "welcome"}),
        *((kind, f"127.0.0.1:{ports[kind]}", {}) for kind in ("smtp", "imap", "pop")),
        ("websocket", f"ws://127.0.0.1:{ports['websocket']}/", {}),
    ]


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """[(kind, target, options, outcome)]: what a real engine saw of each, as it travels home."""
    found = []
    engine = Engine(found.append, allow_private=True)
    engine.start()
    with ExitStack() as stack:
        stack.callback(engine.stop, 0)
        targets = hostile_targets(stack, tmp_path_factory.mktemp("foreign"))
        engine.submit(
            check_of(target, kind=kind, monitor=number, timeout_ms=1500, lateness_ms=60_000, **options)
            for number, (kind, target, options) in enumerate(targets, 1)
        )
        wait_until(lambda: len(found) == len(targets), timeout=60, what="all outcomes")
    wires = {each.monitor: json.dumps(each.to_wire()) for each in found}
    return [(*targets[number - 1], Outcome.from_wire(json.loads(wire))) for number, wire in sorted(wires.items())]


@pytest.fixture
def people():
    return make_user("alice"), make_admin()


@pytest.fixture
def monitors(people, seen):
    """One monitor for each hostile target; it was seen twice, so those that are not up are down."""
    region, made = make_region("eu"), []
    for kind, target, options, told in seen:
        values = {"kind": kind, "name": f"Shop {len(made)}", "target": target, "interval": 30, "regions": [region]}
        monitor = edit.create(team_of(people[0]), people[0], values | {"options": options})
        start = settle(monitor)
        for slot in grid(monitor.pk, monitor.interval, start, start + 100_000)[:2]:
            shown = outcome(monitor, slot, told.reason, detail=told.detail, address=told.address)
            incidents.apply(take("eu", [shown], slot + 100).changes)
        made.append(monitor)
    return made


def harmless(text):
    found = RAW.search(text)
    assert found is None, f"{found[0]!r} in {text[max(0, found.start() - 80) : found.end() + 40]!r}"
    return text


def test_it_is_stored_escaped(monitors):
    details = [tick.detail for tick in Tick.objects.filter(monitor__in=monitors)]
    assert len(details) == 2 * len(monitors)
    assert sum("\\x1b[31m" in each for each in details) >= 8, details
    for each in details:
        assert harmless(each).isprintable()
    assert not DeadLetter.objects.exists()


def test_every_page_and_both_apis_show_letters(monitors, people):
    DeadLetter.objects.create(region="eu", error=MARKUP, payload=MARKUP)
    alice, root = map(client_of, people)
    opened = list(Incident.objects.values_list("pk", flat=True))
    assert len(opened) >= 6
    for name in PAGES:
        ids = opened if name.startswith("incidents") else [each.pk for each in monitors]
        for pk in ids if "<" in PATTERNS[name] else ids[:1]:
            response = (root if name.startswith("pipeline") else alice).get(
                path_of(PATTERNS[name], {"pk": pk, "id": pk})
            )
            assert response.status_code in {200, 204}, name
            text = harmless(response.content.decode())
            assert MARKUP not in text or "json" in response.headers["Content-Type"], name


def test_the_admin_shows_letters(monitors, people):
    DeadLetter.objects.create(region="eu", error=MARKUP, payload=MARKUP)
    root, incident = client_of(people[1]), Incident.objects.latest("pk")
    for path in ADMIN:
        response = root.get(path.format(monitor=incident.monitor_id, incident=incident.pk))
        assert response.status_code == 200
        assert MARKUP not in harmless(response.content.decode())


@pytest.mark.parametrize("harm", ["\0", "\x1b[31m", "\ud800", "\x85"])
def test_a_worker_that_sends_raw_control_characters_is_refused(harm):
    wire = outcome_wire(detail=f"x{harm}y")
    with pytest.raises(ValueError, match="clean text"):
        Outcome.from_wire(wire)


def outcome_wire(**fields):
    class Some:
        pk, config_version = 7, 1

    return outcome(Some, now_ms(), Reason.STATUS, **fields).to_wire()
