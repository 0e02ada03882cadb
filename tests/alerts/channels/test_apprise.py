"""More services through Apprise: which addresses are read and how they are written anew, and what comes of sending,
with real servers in the place of one's own Gotify and Mattermost."""

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from apprise import Apprise
from hypothesis import given
from hypothesis import strategies as st

from alerts.channels import apprise as module
from alerts.channels.apprise import AppriseOptions
from alerts.channels.apprise_services import BY_SCHEMA, DANGEROUS, ELSEWHERE, SERVICES, read
from alerts.channels.base import KINDS, Event, Permanent, Temporary
from alerts.models import Channel
from alerts.services.claiming import LEASE
from tests.alerts.channels.messages import make_message
from tests.factories import make_user
from tests.helpers import free_port
from tests.servers import Target, answer, drip, flood, hang, redirect

KIND = KINDS.get("apprise")
HEX = "0123456789abcdef0123456789abcdef"
PHONE = "15551230000"
ADDRESSES = [  # one of each service, as the service gives them out
    f"46elks://user:password@{PHONE}", f"sns://AKIAIOSFODNN7EXAMPLE/{'k' * 40}/us-east-1/{PHONE}",
    "barks://bark.example.com/devicekey", "brevo://apikey:from@example.com/to@example.com",
    f"bulksms://user:password@{PHONE}", f"clickatell://apikey/{PHONE}", f"clicksend://user:apikey@{PHONE}",
    f"d7sms://token@{PHONE}", f"dingtalk://SECabc@{'a' * 64}", f"feishu://{'a' * 36}", "firehydrant://token",
    f"flock://{'a' * 24}", "gchat://workspace/key/token", "gotifys://push.example.com/Atoken?priority=high",
    f"groupme://{'a' * 26}", f"hassios://ha.example.com/{'a' * 60}", "ifttt://WebhookID01/event", "ilert://abc123",
    "incidentio://abc/def", f"join://{HEX}/group.all", f"lark://{'a' * 36}", f"line://{'a' * 40}/U0123",
    f"mailgun://user@example.com/{HEX}-12345678-12345678/to@example.com?region=eu",
    f"mmosts://chat.example.com/{'a' * 26}?channel=alerts", f"msgbird://{'a' * 25}/{PHONE}/{PHONE}",
    "nctalks://user:password@cloud.example.com/roomid", "notifiarr://abc123/123456789012345678",
    "onesignal://appid@apikey/player", "opsgenie://12345678-1234-1234-1234-123456789012",
    f"plivo://{'a' * 25}@{'b' * 40}/{PHONE}/{PHONE}", "postmark://apikey:from@example.com/to@example.com",
    f"prowl://{'a' * 40}", "pbul://o.abcdefghijklmnopqrstuvwxyz012345", f"pushed://{'a' * 20}/{'b' * 64}",
    f"pushplus://{HEX}", "psafer://abcdefghij0123456789", f"pushy://{HEX}{HEX}/device",
    "resend://apikey:from@example.com/to@example.com", "rockets://user:password@chat.example.com/%23alerts",
    "sendgrid://SG.abc:from@example.com/to@example.com", "schan://abcdef123", f"seven://apikey/{PHONE}",
    "signl4://abcdef12", "spush://abc123?event=alarm", f"sinch://{HEX}:{HEX}@{PHONE}/{PHONE}",
    "smtp2go://user@example.com/key/to@example.com", f"spike://{HEX}",
    "splunk://default@12345678-1234-1234-1234-123456789012", f"squadcast://{'a' * 40}",
    "synologys://nas.example.com/token", f"telnyx://KEYabc@{PHONE}/{PHONE}",
    f"threema://%2AGATEWAY@secretkey12345/{PHONE}", "viber://abc-def-ghi/01234567890A",
    f"vonage://abcd1234:{'a' * 16}@{PHONE}/{PHONE}", f"wxteams://{'a' * 80}", f"wecombot://{'a' * 36}",
    "cliq://1001.abc", "zoom://webhook/token", f"zulip://bot@acme/{'a' * 32}/alerts",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _private_targets_are_allowed(settings):
    settings.ALLOW_PRIVATE_TARGETS = True


@pytest.fixture
def server():
    with Target() as target:
        yield target


def send(server, message=None, path="/SECRET-1234", schema="gotify"):
    return KIND.send(message or make_message(), {"url": f"{schema}://127.0.0.1:{server.port}{path}"}, None)


# Addresses ------------------------------------------------------------------------------------------------------------
def test_there_is_an_address_of_every_service():
    assert [read(each).service for each in ADDRESSES] == list(SERVICES)


@pytest.mark.parametrize("text", ADDRESSES, ids=lambda text: text.partition(":")[0])
def test_an_address_written_anew_means_the_same_to_apprise(text):
    """But for what is too long, which is cut."""
    asked, ours = Apprise.instantiate(text), Apprise.instantiate(read(text).text)
    assert ours is not None
    assert ours.url() == asked.url().replace("overflow=upstream", "overflow=truncate")


def every_schema():
    return sorted({name for each in Apprise().details()["schemas"] for name in _names(each)})


def _names(each):
    return {*(each["protocols"] or []), *(each["secure_protocols"] or [])}


@pytest.mark.parametrize("schema", [*(name for name in every_schema() if name not in BY_SCHEMA), "file", "ftp", "x"])
def test_every_other_schema_is_refused_with_the_way_out(schema):
    with pytest.raises(ValueError, match=r"instead|listed below"):
        read(f"{schema}://127.0.0.1/token")


def test_those_with_a_kind_of_their_own_name_one_there_is():
    labels = " ".join(kind.label for kind in KINDS)
    assert all(label in labels for label in ELSEWHERE.values())
    assert not set(ELSEWHERE) & set(BY_SCHEMA)


@pytest.mark.parametrize("schema", ["gotify", "mmost", "gchat", "zulip", "pbul"])
@pytest.mark.parametrize("name", [*sorted(DANGEROUS), "Template", "+X-Header", "-x", ":a", "%2BX-Header"])
def test_parameters_that_reach_files_or_requests_are_refused(schema, name):
    with pytest.raises(ValueError, match="is refused"):
        read(f"{schema}://host/a/b/c?{name}=/etc/passwd")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("push.example.com", "Write the whole address"),
        ("gotify://", "Gotify is addressed as gotifys://HOST/TOKEN."),
        ("gotify://push.example.com/token#x", "is written as"),
        ("gotify://-rf/token", "is not the name of a server"),
        ("gotify://ex%2Fample/token", "is not the name of a server"),
        ("gotify://host:99999/token", "“99999” is no port"),
        ("gotify://host:x/token", "“x” is no port"),
        ("gotify://host/../token", "“..” cannot be part"),
        ("gotify://host/%2e%2e/token", "“..” cannot be part"),
        ("gotify://host/to%0aken", "control character"),
        ("gotify://host/token?priority=a%0ab", "The parameter priority may hold"),
        ("gotify://host/token?mode=x", "Gotify has no parameter “mode” here. It may have priority."),
        ("pbul://token?x=1", "It has none here."),
        ("gotify://host/" + "a" * 1000, "at most 1000 characters"),
        ("gotify://host/" + "a/" * 21, "At most 20 parts"),
        ("json://127.0.0.1/", "Add a channel of the kind Webhook instead"),
        ("syslog://localhost", "is none of the services offered here"),
    ],
)
def test_what_is_wrong_with_an_address_is_told_with_the_way_out(text, said):
    form = AppriseOptions({"url": text})
    assert not form.is_valid()
    assert said in " ".join(form.errors["url"])


@given(st.text(max_size=60), st.sampled_from(["gotify://", "mmosts://", "zulip://", "gchat://", ""]))
def test_whatever_is_typed_is_read_the_same_when_written_anew_or_refused_in_words(text, schema):
    try:
        found = read(schema + text)
    except ValueError:
        return
    again = read(found.text.replace("overflow=truncate", "").rstrip("?&"))
    assert again == found


def test_only_where_private_targets_are_allowed(settings, server):
    settings.ALLOW_PRIVATE_TARGETS = False
    form = AppriseOptions({"url": "gotify://push.example.com/token"})
    assert not form.is_valid()
    assert "ALLOW_PRIVATE_TARGETS" in str(form.errors)
    assert "ALLOW_PRIVATE_TARGETS" in KIND.problem({"url": "gotify://push.example.com/token"})
    with pytest.raises(Permanent, match="ALLOW_PRIVATE_TARGETS"):
        send(server)
    assert server.requests == []


def test_the_summary_names_service_and_server_and_no_secret():
    assert KIND.summary({"url": "gotify://push.example.com:8080/SECRET"}) == "Gotify, push.example.com"
    assert KIND.summary({"url": f"pbul://{HEX}"}) == "Pushbullet"


# Sending --------------------------------------------------------------------------------------------------------------
def test_gotify_gets_title_text_and_links(server):
    message = make_message(acknowledge_url="https://uptime.example/a/12")
    assert send(server, message, "/SECRET-1234?priority=high").answer == "Gotify has taken it."
    [seen] = server.requests
    said = json.loads(seen.body)
    assert (seen.method, seen.path, seen.headers["x-gotify-key"]) == ("POST", "/message", "SECRET-1234")
    assert (said["title"], said["priority"]) == ("🔴 Shop is down", 8)
    assert "Answered 500." in said["message"]
    assert "https://uptime.example/a/12" in said["message"]


def test_mattermost_gets_it_in_its_own_words(server):
    send(server, path=f"/{HEX[:26]}", schema="mmost")
    [seen] = server.requests
    assert seen.path == f"/hooks/{HEX[:26]}"
    assert "Shop is down" in json.loads(seen.body)["text"]


@pytest.mark.parametrize(
    ("status", "error", "disable"),
    [
        (401, Permanent, True),
        (404, Permanent, True),
        (400, Permanent, False),
        (429, Temporary, False),
        (500, Temporary, False),
    ],
)
def test_a_refusal_is_told_by_its_status(server, status, error, disable):
    server.does(answer(status, "no"))
    with pytest.raises(error, match=f"Gotify answered {status}") as raised:
        send(server)
    assert getattr(raised.value, "disable", False) is disable


def test_nobody_there_is_said_so():
    with pytest.raises(Temporary, match=r"127\.0\.0\.1 could not be reached"):
        KIND.send(make_message(), {"url": f"gotify://127.0.0.1:{free_port()}/token"}, None)


def test_a_redirect_is_not_followed(server):
    with Target() as elsewhere:
        server.does(redirect(f"{elsewhere.url}/message", 307))
        with pytest.raises(Temporary, match="Gotify answered 307"):
            send(server)
        assert elsewhere.requests == []


def test_a_part_that_the_service_does_not_give_out_is_told_before_anything_is_sent():
    with pytest.raises(Permanent, match=r"is not what Spike\.sh gives out"):
        KIND.send(make_message(), {"url": "spike://short"}, None)


@pytest.mark.parametrize(
    "behaviour", [hang, drip(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"), flood(b"HTTP/1.1 200 OK\r\n\r\n")]
)
def test_whatever_the_other_side_does_it_ends_in_time(server, monkeypatch, behaviour):
    monkeypatch.setattr(module, "DEADLINE_S", 6)
    server.does(behaviour)
    began = time.monotonic()
    with pytest.raises(Temporary):
        send(server)
    assert time.monotonic() - began < 20  # twice the deadline and a busy machine


def test_one_that_hangs_is_in_nobodys_way(server, monkeypatch):
    monkeypatch.setattr(module, "DEADLINE_S", 15)
    server.does(hang)
    with ThreadPoolExecutor(2) as pool, Target() as other:
        hanging = [pool.submit(send, server) for _ in range(2)]
        assert send(other).answer == "Gotify has taken it."
        assert not all(each.done() for each in hanging)
        for each in hanging:
            assert isinstance(each.exception(), Temporary)


def test_what_apprise_says_is_told_without_the_secrets_of_the_address():
    address = read("zulip://bot@acme/T0K3N-1234567890/alerts")
    answer = {"known": True, "sent": False, "said": ["The token T0K3N-1234567890 of acme is odd."]}
    with pytest.raises(Temporary, match=r"Apprise says: The token ••••7890 of •••• is odd\."):
        module.receipt(address, answer)


def test_all_of_it_ends_before_somebody_else_may_send_the_message():
    assert LEASE.total_seconds() > 2 * module.DEADLINE_S


@pytest.mark.django_db
def test_it_is_added_tested_and_kept_from_the_pages(client, server, settings):
    client.force_login(make_user("alice", email="alice@example.com"))
    assert "?kind=apprise" in client.get("/alerts/channels/add").content.decode()
    form = client.get("/alerts/channels/add?kind=apprise").content.decode()
    assert all(each.shape.replace("&", "&amp;") in form for each in SERVICES)
    typed = {"url": f"gotify://127.0.0.1:{server.port}/SECRET-1234", "whose": "team"}
    assert client.post("/alerts/channels/add?kind=apprise", typed).status_code == 302
    channel = Channel.objects.get()
    assert (channel.name, channel.options) == ("More services (Apprise): Gotify, 127.0.0.1", {})
    page = client.post(f"/alerts/channels/{channel.pk}/test", follow=True).content.decode()
    assert "Gotify has taken it." in page
    shown = client.get(f"/alerts/channels/{channel.pk}").content.decode() + page
    assert "SECRET-1234" not in shown
    assert "••••1234" in shown
    settings.ALLOW_PRIVATE_TARGETS = False
    kinds = client.get("/alerts/channels/add").content.decode()
    assert "?kind=apprise" not in kinds
    assert "ALLOW_PRIVATE_TARGETS" in kinds
    assert "Not ready" in client.get("/alerts").content.decode()


def test_neither_proxies_nor_logins_of_the_environment_count(server, monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login thief password secret\n")
    with Target() as proxy:
        monkeypatch.setenv("HOME", str(tmp_path))
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        send(server)
        assert proxy.requests == []
    assert "authorization" not in server.requests[0].headers


def test_what_is_too_long_is_cut(server):
    send(server, make_message(title="x" * 900, text="y" * 90_000))
    said = json.loads(server.requests[0].body)
    assert len(said["title"]) <= 200
    assert len(said["message"]) <= 3000


def test_hostile_names_stay_text(server):
    evil = "$(id) `id` {{7*7}} \x00 <b>"
    send(server, make_message(title=evil, text=evil, event=Event.UP))
    assert "{{7*7}}" in json.loads(server.requests[0].body)["title"]


def test_only_the_process_that_sends_loads_apprise():
    program = (
        "import django, sys; django.setup(); from alerts.channels.base import KINDS; KINDS.get('apprise'); "
        "print([name for name in sys.modules if name.split('.')[0] == 'apprise'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
