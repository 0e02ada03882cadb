"""Every kind there is over REST: made, read and changed in the words of Better Stack's clients."""

import pytest

from monitors.models import Monitor, State
from monitors.probes.kinds import probed_kinds
from monitors.wire import join_port, split_port
from tests.factories import make_region, make_user
from tests.monitors.test_api import Caller, errors, made

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def caller(settings):
    settings.ALLOW_PRIVATE_TARGETS = False
    make_region("local")
    return Caller(make_user("alice"))


def body_of(kind):
    """The least that makes a monitor of this kind."""
    wire = {"dns": "request_body"}.get(kind.name, "url")
    body = {"monitor_type": "status" if kind.name == "http" else kind.name, "url": "", wire: kind.target_example}
    return {**body, "request_body": "hello"} if kind.name == "udp" else body


@pytest.mark.parametrize("kind", probed_kinds(), ids=lambda kind: kind.name)
def test_every_kind_is_made_read_and_sent_back_unchanged(caller, kind):
    data = made(caller.create(**body_of(kind)))
    monitor = Monitor.objects.get(pk=data["id"])
    assert monitor.kind == kind.name
    assert monitor.target == kind.clean_target(kind.target_example, allow_private=False)
    again = caller.change(data["id"], **data["attributes"]).json()["data"]
    monitor.refresh_from_db()
    assert monitor.config_version == 1
    assert {**again["attributes"], "updated_at": ""} == {**data["attributes"], "updated_at": ""}


@pytest.mark.parametrize(
    ("given", "target", "url", "port"),
    [
        ({"url": "example.com", "port": "5432"}, "example.com:5432", "example.com", "5432"),
        ({"url": "example.com", "port": 5432}, "example.com:5432", "example.com", "5432"),
        ({"url": "example.com:5432"}, "example.com:5432", "example.com", "5432"),
        ({"url": "example.com:5432", "port": "5432"}, "example.com:5432", "example.com", "5432"),
        ({"url": "2606:2800::1", "port": "22"}, "[2606:2800::1]:22", "2606:2800::1", "22"),
        ({"url": "[2606:2800::1]:22"}, "[2606:2800::1]:22", "2606:2800::1", "22"),
    ],
)
def test_host_and_port_are_apart_on_the_wire(caller, given, target, url, port):
    found = made(caller.create(monitor_type="tcp", **given))["attributes"]
    assert (found["url"], found["port"]) == (url, port)
    assert Monitor.objects.get().target == target
    assert len(caller.get("/api/v2/monitors", {"url": url}).json()["data"]) == 1


def test_a_mail_server_has_a_usual_port(caller):
    assert made(caller.create(monitor_type="smtp", url="mail.example.com"))["attributes"]["port"] == "25"


def test_host_and_port_change_one_by_one(caller):
    pk = made(caller.create(monitor_type="tcp", url="example.com", port="22"))["id"]
    caller.change(pk, url="example.org")
    assert Monitor.objects.get().target == "example.org:22"
    caller.change(pk, port="443")
    assert Monitor.objects.get().target == "example.org:443"
    caller.change(pk, pronounceable_name="Door")
    assert Monitor.objects.get().target == "example.org:443"


@pytest.mark.parametrize(
    ("given", "field", "text"),
    [
        ({"url": "example.com"}, "port", "The port is missing."),
        ({"url": "example.com", "port": "25,587"}, "port", "The port must be a number from 1 to 65535"),
        ({"url": "example.com", "port": ["25"]}, "port", "This must be one port"),
        ({"url": "example.com", "port": True}, "port", "This must be one port"),
        ({"url": "example.com:22", "port": "23"}, "port", "The url names another port."),
        ({"url": "example.com", "port": "2375"}, "port", "Port 2375 is not monitored here"),
        ({"port": "22"}, "url", "Can't be blank."),
        ({"url": "127.0.0.1", "port": "22"}, "url", "127.0.0.1 is not a public address."),
        ({"url": "https://example.com", "port": "22"}, "url", "This takes a host and port"),
        ({"url": "example.com", "port": "25", "request_body": "EHLO"}, "request_body", "Nothing is sent to port 25"),
        (
            {"url": "example.com", "port": "22", "required_keyword": "\\q"},
            "required_keyword",
            "“\\q” stands for nothing",
        ),
    ],
)
def test_what_cannot_be_is_named_under_its_own_name(caller, given, field, text):
    body = {"monitor_type": "tcp", "url": "", **given}
    found = errors(caller.create(**body))
    assert list(found) == [field]
    assert found[field][0].startswith(text)


def test_a_udp_monitor_speaks_in_the_wire_s_words(caller):
    body = {"url": "game.example.com", "port": "27015", "request_body": "status", "required_keyword": "players"}
    found = made(caller.create(monitor_type="udp", **body))["attributes"]
    assert {name: found[name] for name in body} == body
    assert Monitor.objects.get().options == {"send": "status", "expect": "players"}


def test_of_a_dns_monitor_the_url_is_the_name_server(caller):
    body = {"url": "ns1.example.com", "request_body": "shop.example.com"}
    found = made(caller.create(monitor_type="dns", record_type="MX", expected=["10 mail.example.com"], **body))
    assert {name: found["attributes"][name] for name in body} == body
    assert found["attributes"]["expected"] == ["10 mail.example.com"]
    monitor = Monitor.objects.get()
    assert (monitor.target, monitor.options["server"]) == ("shop.example.com", "ns1.example.com")
    assert errors(caller.create(monitor_type="dns", url="1.1.1.1")) == {"request_body": ["Can't be blank."]}
    wrong = errors(caller.create(monitor_type="dns", url="10.0.0.1", request_body="example.com"))
    assert list(wrong) == ["url"]


@pytest.mark.parametrize(("kind", "sent", "ms"), [("tcp", 3000, 3000), ("ping", 500, 500), ("tls", 3, 3000)])
def test_the_timeout_is_in_the_unit_of_the_type(caller, kind, sent, ms):
    body = {"url": "example.com", "port": "443"} if kind != "ping" else {"url": "example.com"}
    found = made(caller.create(monitor_type=kind, request_timeout=sent, **body))["attributes"]
    assert (found["request_timeout"], found["timeout"]) == (sent, ms / 1000)
    assert Monitor.objects.get().timeout_ms == ms


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("example.com:25", "example.com", "25"),
        ("example.com", "example.com", None),
        ("[2001:db8::1]:25", "2001:db8::1", "25"),
        ("[2001:db8::1]", "2001:db8::1", None),
        ("2001:db8::1", "2001:db8::1", None),
        ("", "", None),
    ],
)
def test_a_port_is_split_off(text, host, port):
    assert split_port(text) == (host, port)
    assert split_port(join_port(host, port)) == (host, port)


LIMITS = ("degraded_above_ms", "down_above_ms", "upside_down")
ASSERTION = {"source": "json", "path": "data.status", "operator": "==", "value": "ok"}


def test_assertions_are_set_as_objects_or_lines_and_answered_as_objects(caller):
    data = made(caller.create(url="https://example.com", assertions=[ASSERTION, "header via exists"]))
    second = {"source": "header", "path": "via", "operator": "exists", "value": None}
    assert data["attributes"]["assertions"] == [ASSERTION, second]
    data = caller.change(data["id"], assertions="json data.status == ok").json()["data"]
    assert data["attributes"]["assertions"] == [ASSERTION]
    assert caller.change(data["id"], assertions=None).json()["data"]["attributes"]["assertions"] == []
    found = errors(caller.change(data["id"], assertions=["json a[ exists"]))
    assert found["assertions"][0].startswith("Assertion 1: There is no operator")
    assert "assertions" in errors(caller.change(data["id"], assertions=5))


def test_limits_and_the_switch_are_set_and_cleared(caller):
    data = made(caller.create(url="https://example.com", degraded_above_ms=500, down_above_ms=2000))
    attributes = data["attributes"]
    assert (attributes["degraded_above_ms"], attributes["down_above_ms"], attributes["upside_down"]) == (
        500,
        2000,
        False,
    )
    changed = caller.change(data["id"], degraded_above_ms=None, down_above_ms=None, upside_down=True).json()["data"]
    assert changed["attributes"]["degraded_above_ms"] is None
    assert changed["attributes"]["upside_down"] is True


def test_degraded_is_a_flag(caller):
    data = made(caller.create(url="https://example.com"))
    State.objects.update(status="up", verdict="up", degraded=True)
    assert caller.get(f"/api/v2/monitors/{data['id']}").json()["data"]["attributes"]["flags"] == ["degraded"]
