"""Channels, policies and deliveries over REST, policies in Better Stack's words."""

import pytest
from rest_framework_simplejwt.tokens import AccessToken

from alerts.models import MAILS, Channel, MailTemplate, Policy
from tests.factories import make_channel, make_delivery, make_user, team_of
from tests.servers import Target

pytestmark = pytest.mark.django_db
API = "/api/v2"


@pytest.fixture
def alice():
    return make_user("alice", email="alice@example.com")


@pytest.fixture
def call(client, alice):
    headers = {"Authorization": f"Bearer {AccessToken.for_user(alice)}"}

    def send(method, path, body=None):
        return getattr(client, method)(f"{API}{path}", body, content_type="application/json", headers=headers)

    return send


def test_a_channel_is_made_read_changed_and_deleted(call):
    made = call("post", "/channels", {"kind": "webhook", "options": {"url": "https://hooks.example/T0K3N-123456"}})
    assert made.status_code == 201
    data = made.json()["data"]
    assert (data["type"], data["attributes"]["name"]) == ("channel", "Webhook: POST hooks.example")
    assert data["attributes"]["options"]["url"] == "••••3456"
    assert Channel.objects.get().options["verify_tls"] is True
    path = f"/channels/{data['id']}"
    changed = call("patch", path, {"name": "Pager", "enabled": False}).json()["data"]["attributes"]
    assert (changed["name"], changed["enabled"]) == ("Pager", False)
    assert Channel.objects.get().secrets == {"url": "https://hooks.example/T0K3N-123456"}
    assert [each["id"] for each in call("get", "/channels").json()["data"]] == [data["id"]]
    assert call("delete", path).status_code == 204
    assert call("get", path).json() == {"errors": f"Resource type channel with id = {data['id']} was not found"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "pigeon"}, "kind"),
        ({"kind": "webhook"}, "url"),
        ({"kind": "webhook", "options": {"url": 5}}, "url"),
        ({"kind": "webhook", "options": []}, "options"),
        ({"kind": "email", "options": {"addresses": ["nobody"]}}, "addresses"),
        ({"kind": "email", "enabled": "yes"}, "enabled"),
    ],
)
def test_a_channel_that_cannot_be_names_the_field(call, body, field):
    answer = call("post", "/channels", body)
    assert answer.status_code == 422
    assert field in answer.json()["errors"]


def test_a_test_is_sent_and_answered(call, alice):
    with Target() as sink:
        channel = make_channel(team_of(alice), sink.url)
        said = call("post", f"/channels/{channel.pk}/test").json()["data"]["attributes"]
    assert (said["event"], said["status"], said["answer"]) == ("test", "sent", "200 fine")


def test_the_default_policy_is_there_from_the_first_call(call):
    [policy] = call("get", "/policies").json()["data"]
    assert policy["attributes"]["steps"] == [
        {
            "type": "escalation",
            "wait_before": 0,
            "urgency_id": None,
            "severities": ["low", "high", "critical"],
            "step_members": [{"type": "current_on_call"}],
        }
    ]
    assert call("delete", f"/policies/{policy['id']}").status_code == 422


def test_a_policy_in_better_stacks_words_is_read_as_it_was_written(call, alice):
    channel = make_channel(team_of(alice))
    steps = [
        {"type": "escalation", "wait_before": 0, "step_members": [{"type": "entire_team"}]},
        {
            "type": "escalation",
            "wait_before": 300,
            "step_members": [{"type": "user", "email": "alice@example.com"}, {"type": "webhook", "id": channel.pk}],
        },
    ]
    body = {"name": "Night", "repeat_count": 2, "repeat_delay": 600, "steps": steps, "quiet_zone": None}
    made = call("post", "/policies", body)
    assert made.status_code == 201, made.json()
    found = made.json()["data"]["attributes"]
    assert (found["repeat_count"], found["repeat_delay"]) == (2, 600)
    waits = [(step["wait_before"], [each["type"] for each in step["step_members"]]) for step in found["steps"]]
    assert waits == [(0, ["entire_team"]), (300, ["user", "webhook"])]
    policy = Policy.objects.get(name="Night")
    assert [(step.whom, step.after) for step in policy.steps.all()] == [("team", 0), ("member", 300), ("channel", 300)]
    changed = call("patch", f"/policies/{policy.pk}", {"name": "Late", "quiet_from": "22:00", "quiet_to": "07:00"})
    found = changed.json()["data"]["attributes"]
    assert (found["name"], found["quiet_from"], len(found["steps"])) == ("Late", "22:00", 2)
    assert found["repeat_count"] == 2
    assert call("patch", f"/policies/{policy.pk}", {"steps": []}).json()["data"]["attributes"]["steps"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": "x", "steps": 5}, "steps"),
        ({"name": "x", "steps": [{"type": "time_branching"}]}, "steps"),
        ({"name": "x", "steps": [{"step_members": [{"type": "pigeon"}]}]}, "steps"),
        ({"name": "x", "steps": [{"wait_before": -1}]}, "steps"),
        ({"name": "x", "steps": [{"step_members": [{"type": "webhook", "id": 99999}]}]}, "steps"),
        ({"name": "x", "repeat_count": 99}, "repeat_count"),
    ],
)
def test_a_policy_that_cannot_be_names_the_field(call, body, field):
    answer = call("post", "/policies", body)
    assert answer.status_code == 422
    assert field in answer.json()["errors"]


def test_the_newer_address_of_policies_answers_the_same(client, call, alice):
    headers = {"Authorization": f"Bearer {AccessToken.for_user(alice)}"}
    assert client.get("/api/v3/policies", headers=headers).json()["data"] == call("get", "/policies").json()["data"]


def test_mail_templates_are_read_changed_and_reset(call, alice):
    found = call("get", "/mail-templates").json()["data"]
    assert [each["id"] for each in found] == list(MAILS)
    assert not any(each["attributes"]["own"] for each in found)
    changed = call("patch", "/mail-templates/down", {"subject": "[$SEVERITY] $MONITOR"})
    said = changed.json()["data"]["attributes"]
    assert (said["subject"], said["own"]) == ("[$SEVERITY] $MONITOR", True)
    assert said["html"] == found[0]["attributes"]["html"]
    assert MailTemplate.objects.get().team == team_of(alice)
    assert call("get", "/mail-templates/down").json() == changed.json()
    assert call("delete", "/mail-templates/down").status_code == 204
    assert call("get", "/mail-templates/down").json()["data"] == found[0]
    assert call("get", "/mail-templates/never").status_code == 404


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("subject", "a\nb", "A subject is one line"),
        ("text", "$WHAT", "Line 1: There is no $WHAT"),
        ("html", "<script>", "Line 1: <script> is not allowed"),
        ("text", 5, "This must be text."),
    ],
)
def test_a_mail_template_that_cannot_be_names_field_and_line(call, field, value, words):
    answer = call("patch", "/mail-templates/down", {field: value})
    assert answer.status_code == 422
    assert words in answer.json()["errors"][field][0]


@pytest.mark.parametrize("body", [[], [1], "x", None])
def test_a_body_that_is_no_object_changes_no_mail_template(call, body):
    assert call("patch", "/mail-templates/down", body).status_code in {200, 400, 422}
    assert not MailTemplate.objects.exists()


def test_deliveries_are_read_and_filtered(call, alice):
    channel = make_channel(team_of(alice))
    make_delivery(channel, status="sent", title="Shop is down")
    dead = make_delivery(channel, status="dead")
    assert len(call("get", "/deliveries").json()["data"]) == 2
    [found] = call("get", "/deliveries?status=dead").json()["data"]
    assert found == call("get", f"/deliveries/{dead.pk}").json()["data"]
    assert call("get", "/deliveries?incident_id=7").json()["data"] == []
    assert call("post", "/deliveries", {}).status_code == 405


def test_the_reference_tells_of_them(client):
    paths = client.get("/api/schema").json()["paths"]
    assert {"/api/v2/channels", "/api/v2/policies/{id}", "/api/v2/deliveries"} <= set(paths)
    assert "Send a test" in client.get("/api/docs").content.decode()
