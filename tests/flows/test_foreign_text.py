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
from monitors.models import DeadLetter, Tick
from monitors.probes.base import Outcome, Reason
from monitors.probes.engine import Engine
from monitors.services import edit
from monitors.times import now_ms
from tests.certificates import authority, issue, served
from tests.factories import make_admin, make_region, make_user, team_of
from tests.helpers import wait_until
from tests.monitors.probes.conftest import check_of
from tests.monitors.services.cast import outcome, take
from tests.servers import Server, Target, answer
from tests.test_routes import PATTERNS, client_of, path_of

pytestmark = pytest.mark.django_db

MARKUP = "<script>alert(1)</script><img src=x onerror=alert(1)>"
HARM = f"\x1b[31m\x00\x07\u202egnp.exe\u2066\u200b\ufeff{MARKUP}{{{{7*7}}}}=cmd|' /C calc'!A0"
RAW = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")
PAGES = [
    "monitors:list", "monitors:rows", "monitors:detail", "monitors:summary", "monitors:series", "monitors:edit",
    "incidents:list", "incidents:rows", "incidents:detail", "incidents:summary", "pipeline:page", "pipeline:parts",
    "pipeline:letters", "website", "website_status", "api_monitors", "api_monitor", "api_monitor_sla",
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
    odd = served(folder, issue(authority(f"Evil {HARM}"[:60].replace("\0", "")), [f"{'x' * 20}.example"]))
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


@pytest.fixture
def people():
    alice, root = make_user("alice"), make_admin()
    return alice, root


@pytest.fixture
def monitors(people, tmp_path):
    """One monitor for each hostile target, with what a real engine saw of it stored twice: all are down."""
    region = make_region("eu")
    seen = []
    engine = Engine(seen.append, allow_private=True)
    engine.start()
    with ExitStack() as stack:
        stack.callback(engine.stop, 0)
        made = {}
        for kind, target, options in hostile_targets(stack, tmp_path):
            values = {"kind": kind, "name": f"Shop {len(made)}", "target": target, "interval": 30, "regions": [region]}
            monitor = edit.create(team_of(people[0]), people[0], values | {"options": options})
            made[monitor] = check_of(target, kind=kind, monitor=monitor.pk, timeout_ms=1500, **options)
        engine.submit(made.values())
        wait_until(lambda: len(seen) == len(made), timeout=30, what="all outcomes")
    now = now_ms()
    for monitor in made:
        found = next(each for each in seen if each.monitor == monitor.pk)
        told = Outcome.from_wire(json.loads(json.dumps(found.to_wire())))
        for step in (2, 1):
            shown = outcome(monitor, now - step * 1000, told.reason, detail=told.detail, address=told.address)
            incidents.apply(take("eu", [shown], now).changes)
    return list(made)


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


@pytest.mark.parametrize("name", PAGES)
def test_every_page_and_both_apis_show_letters(client, monitors, people, name):
    client = client_of(people[1] if name.startswith("pipeline") else people[0])
    DeadLetter.objects.create(region="eu", error=HARM.replace("\0", "\\x00"), payload=HARM.replace("\0", "\\x00"))
    ids = [each.pk for each in monitors]
    opened = list(Incident.objects.values_list("pk", flat=True))
    assert opened
    for pk in (opened if name.startswith("incidents") else ids) if "<" in PATTERNS[name] else ids[:1]:
        response = client.get(path_of(PATTERNS[name], {"pk": pk, "id": pk}))
        assert response.status_code in {200, 204}, name
        is_json = "json" in response.headers.get("Content-Type", "")
        text = response.content.decode()
        assert is_json or MARKUP not in text
        assert is_json or "<img src=x" not in text
        assert name == "pipeline:letters" or harmless(text)


@pytest.mark.parametrize("path", ADMIN)
def test_the_admin_shows_letters(monitors, people, path):
    DeadLetter.objects.create(region="eu", error=MARKUP, payload=MARKUP)
    incident = Incident.objects.latest("pk")
    path = path.format(monitor=incident.monitor_id, incident=incident.pk)
    response = client_of(people[1]).get(path)
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
