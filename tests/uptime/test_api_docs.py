"""The OpenAPI document and the reference page: complete, true, and within the strict content policy."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.test import Client
from django.urls import get_resolver

from monitors.probes.kinds import KINDS, probed_kinds
from monitors.serializers import ABSENT
from monitors.wire import option_name
from tests.factories import make_region, make_user
from tests.monitors.test_api import OURS, Caller, Knock
from tests.monitors.test_api_kinds import body_of
from uptime.api import CALLS_PER_MINUTE, reference

pytestmark = pytest.mark.django_db
PATHS = {
    "/api/token": {"post"},
    "/api/token/refresh": {"post"},
    "/api/v2/monitors": {"get", "post"},
    "/api/v2/monitors/{id}": {"get", "patch", "delete"},
    "/api/v2/tests": {"post"},
    "/api/v2/tests/{id}": {"get"},
    "/api/v2/heartbeats": {"get", "post"},
    "/api/v2/heartbeats/{id}": {"get", "patch", "delete"},
    "/api/v2/channels": {"get", "post"},
    "/api/v2/channels/{id}": {"get", "patch", "delete"},
    "/api/v2/channels/{id}/test": {"post"},
    "/api/v2/policies": {"get", "post"},
    "/api/v2/policies/{id}": {"get", "patch", "delete"},
    "/api/v2/mail-templates": {"get"},
    "/api/v2/mail-templates/{event}": {"get", "patch", "delete"},
    "/api/v2/deliveries": {"get"},
    "/api/v2/deliveries/{id}": {"get"},
    "/api/v2/monitors/{id}/checks": {"get"},
    "/api/v2/monitors/{id}/checks/{region}/{slot}": {"get"},
    "/api/v2/incidents": {"get", "post"},
    "/api/v2/incidents/{id}": {"get", "delete"},
    "/api/v2/incidents/{id}/acknowledge": {"post"},
    "/api/v2/incidents/{id}/resolve": {"post"},
    "/api/v2/incidents/{id}/reopen": {"post"},
    "/api/v2/incidents/{id}/timeline": {"get"},
    "/api/v2/incidents/{id}/comments": {"get", "post"},
    "/api/v2/maintenances": {"get", "post"},
    "/api/v2/maintenances/start": {"post"},
    "/api/v2/maintenances/{id}": {"get", "patch", "delete"},
    "/api/v2/maintenances/{id}/end": {"post"},
    "/api/v2/monitors/{id}/sla": {"get"},
    "/api/v2/monitors/{id}/response-times": {"get"},
    "/status/{id}": {"get"},
    "/user/signin": {"post"},
    "/user/signup": {"post"},
    "/website": {"get", "post"},
}


@pytest.fixture
def schema(client):
    return client.get("/api/schema").json()


@pytest.fixture
def page(client):
    response = client.get("/api/docs")
    assert response.status_code == 200
    return response


def properties(schema, name):
    return schema["components"]["schemas"][name]["properties"]


def group_of_all(caller):
    """The attributes of a group of every monitor there is."""
    members = [each["id"] for each in caller.get("/api/v2/monitors").json()["data"]]
    made = caller.create(monitor_type="group", pronounceable_name="All", members=members, url=None)
    return made.json()["data"]["attributes"]


def test_every_call_is_in_the_document(schema):
    assert {path: set(methods) for path, methods in schema["paths"].items()} == PATHS


def test_every_rest_route_is_in_the_document(schema):
    from accounts import api_urls as accounts
    from monitors import api_urls as monitors

    patterns = [*accounts.urlpatterns, *monitors.urlpatterns]
    routes = {re.sub(r"<\w+:(\w+)>", r"{\1}", str(each.pattern)) for each in patterns}
    documented = {path[1:] for path in schema["paths"]}
    assert routes - documented == {"api/schema", "api/docs"}
    assert get_resolver().resolve("/api/docs")


def test_the_document_is_made_without_a_complaint(capsys):
    from drf_spectacular.drainage import GENERATOR_STATS
    from drf_spectacular.generators import SchemaGenerator

    GENERATOR_STATS.reset()
    SchemaGenerator().get_schema(public=True)
    assert capsys.readouterr().err == ""


def test_every_reference_leads_somewhere(schema):
    for name in re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(schema)):
        assert name in schema["components"]["schemas"]


def test_every_attribute_that_is_answered_is_described_and_none_else(schema):
    make_region("local")
    caller = Caller(make_user("alice"))
    website = set(caller.create().json()["data"]["attributes"])
    others = [caller.create(**body_of(kind)).json()["data"]["attributes"] for kind in probed_kinds()]
    others.append(group_of_all(caller))
    assert website.union(*others) == set(properties(schema, "MonitorAttributes"))
    example = schema["components"]["schemas"]["Monitor"]["example"]
    assert set(example["attributes"]) >= website


def test_the_defaults_it_tells_are_those_a_new_monitor_gets(schema):
    make_region("local")
    caller = Caller(make_user("alice"))
    answered = {}
    for kind in sorted(probed_kinds(), key=lambda kind: kind.name == "http"):
        attributes = caller.create(**body_of(kind)).json()["data"]["attributes"]
        answered |= {name: value for name, value in attributes.items() if value is not None}
    answered = group_of_all(caller) | answered
    told = {name: part["default"] for name, part in properties(schema, "MonitorSettings").items() if "default" in part}
    assert len(told) >= 12
    assert {name: answered.get(name, "") for name in told} == told


def test_what_may_be_set_has_the_words_and_limits_of_the_form(schema):
    settings = properties(schema, "MonitorSettings")
    assert settings["check_frequency"]["minimum"] == 1
    assert settings["check_frequency"]["maximum"] == 86_400
    assert settings["http_method"]["enum"] == ["get", "head", "post", "put", "patch", "delete", "options"]
    assert settings["http_method"]["default"] == "get"
    assert settings["expected_status_codes"]["type"] == "array"
    assert settings["verify_ssl"] == {
        "type": "boolean",
        "default": True,
        "description": "Verify the certificate. Off, an expired or self-signed certificate does not count as down.",
    }
    assert "one region is enough to open an incident" in settings["quorum"]["description"]
    assert not {"status", "last_checked_at", "created_at"} & set(settings)


def test_tokens_and_sessions_are_how_one_signs_in(schema):
    assert schema["components"]["securitySchemes"]["token"] == {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
    }
    assert {"token": []} in schema["paths"]["/api/v2/monitors"]["get"]["security"]


def test_a_kind_added_later_is_in_the_document_and_on_the_page_by_itself(client, monkeypatch):
    monkeypatch.setitem(KINDS._kinds, "knock", Knock())
    settings = properties(client.get("/api/schema").json(), "MonitorSettings")
    assert "knock" in settings["monitor_type"]["enum"]
    assert settings["knocks"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 9,
        "default": 3,
        "description": "Knocks. How often. Only for `knock`.",
    }
    assert "knocks" in client.get("/api/docs").content.decode()


def test_the_handbook_names_our_own_attributes_and_those_we_do_not_have():
    text = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    ours, differing = text.partition("What differs")[0], text.partition("What we do not have yet")[2]
    assert set(re.findall(r"^\| `(\w+)` \|", ours, re.MULTILINE)) == OURS
    ignored = differing.partition("* A monitor keeps")[0]
    settings = {name for kind in probed_kinds() for name in map(option_name, kind.Options.base_fields)} | {"port"}
    for name in set(ABSENT) - settings:
        assert f"`{name}`" in ignored or (name.startswith("maintenance_") and "`maintenance_*`" in ignored), name
    assert f"more than {CALLS_PER_MINUTE} calls" in text


# The page -------------------------------------------------------------------------------------------------------------
class Tags(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.found, self.ids, self.text = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]


def test_the_page_shows_every_call_with_its_path_and_an_example(page, schema):
    html = page.content.decode()
    for path, methods in schema["paths"].items():
        assert f"<code>{path}</code>" in html
        for operation in methods.values():
            assert f'id="{operation["operationId"]}"' in html
    assert html.count("curl ") >= sum(map(len, PATHS.values()))
    assert "curl -X POST" in html
    assert "Authorization: Bearer $TOKEN" in html
    for code in (401, 404, 422, 429):
        assert f"<td>{code}</td>" in html


def test_the_page_keeps_to_the_content_policy(page):
    policy = page["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy
    for tag, attrs in Tags(page.content.decode()).found:
        assert tag != "style"
        assert "style" not in attrs
        assert not [name for name in attrs if name.startswith("on")]
        assert tag != "script" or attrs.get("src", "").startswith("/")
        assert tag != "link" or attrs["href"].startswith("/")


def test_every_link_of_the_page_leads_to_a_place_on_it_once(page):
    tags = Tags(page.content.decode())
    targets = [attrs["href"][1:] for tag, attrs in tags.found if tag == "a" and attrs.get("href", "").startswith("#")]
    assert len(targets) > 15
    assert [target for target in targets if tags.ids.count(target) != 1] == []


def test_everybody_may_read_the_reference():
    assert Client().get("/api/docs").status_code == Client().get("/api/schema").status_code == 200
    assert Client().post("/api/docs").status_code == 405


def test_words_of_the_document_are_escaped_and_code_is_code():
    operation = {"operationId": "x", "description": "a `b` <script>", "responses": {}}
    call = reference({"info": {}, "paths": {"/x": {"get": operation}}})["groups"]["other"][0]
    assert call["text"] == "a <code>b</code> &lt;script&gt;"


def test_the_example_call_survives_quotes_in_its_body():
    body = {"content": {"application/json": {"schema": {"example": {"name": "it's"}}}}}
    operation = {"operationId": "x", "requestBody": body, "security": [{"token": []}], "responses": {}}
    call = reference({"info": {}, "paths": {"/x": {"post": operation}}})["groups"]["other"][0]
    assert call["curl"].endswith("""-d '{"name": "it'\\''s"}'""")
    assert "$TOKEN" in call["curl"]
