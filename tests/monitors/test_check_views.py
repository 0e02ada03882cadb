"""The page of a check and what an incident says of its regions: from a real hostile server to the page."""

import json
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from django.utils import timezone

from incidents.models import Incident
from monitors.masks import MASK
from monitors.models import Evidence, Region, Tick
from monitors.probes.engine import Engine
from monitors.probes.reasons import Reason
from monitors.services.partitions import ensure_partitions
from monitors.services.record import record
from monitors.times import now_ms, to_ms
from tests.factories import make_admin, make_incident, make_monitor, make_region, make_user, team_of
from tests.helpers import wait_until
from tests.incidents.test_views import why
from tests.monitors.probes.conftest import check_of
from tests.monitors.probes.test_evidence import HOSTILE
from tests.monitors.test_api import LIST, Caller
from tests.servers import Target, answer, raw

pytestmark = pytest.mark.django_db

GOOD = {"address": "192.0.2.1", "status": 200, "headers": [["server", "nginx"]], "phases": [1, 2, 3, 20, 1]}
BAD = {
    **GOOD,
    "address": "192.0.2.9",
    "status": 503,
    "url": "https://shop.example/",
    "method": "GET",
    "protocol": "HTTP/2",
    "tls": "TLS 1.3",
    "cipher": "TLS_AES_256_GCM_SHA384",
    "names": [{"host": "shop.example", "addresses": ["192.0.2.9"], "count": 3, "ttl": 300, "answers": ["A: NOERROR"]}],
    "certificates": [
        {
            "subject": "CN=shop.example",
            "issuer": "Some CA",
            "names": ["shop.example"],
            "count": 4,
            "start": "2026-01-01T00:00:00Z",
            "end": "2026-04-01T00:00:00Z",
            "sha256": "ab" * 32,
        }
    ],
    "redirects": [{"status": 301, "url": "http://shop.example/"}],
    "headers": [["server", "nginx"], ["retry-after", "120"]],
    "headers_left_out": 7,
    "body": {"text": "<h1>Down</h1>", "size": 5000, "sha256": "cd" * 32, "cut": True},
    "phases": [1, 2, 3, 400, 1],
}


@pytest.fixture
def alice(client):
    user = make_user("alice")
    client.force_login(user)
    return user


@pytest.fixture
def region():
    ensure_partitions(timezone.now().date())
    return make_region("eu-west")


@pytest.fixture
def shop(alice, region):
    return make_monitor(team_of(alice), name="Shop", target="https://shop.example/", regions=[region])


def seen(monitor, region, slot, reason="", bundle=None):
    """A tick, and evidence if there is a bundle."""
    vote = "down" if reason else "up"
    values = {"detail": "It is so", "first_byte_ms": 40.0, "connect_ms": 10.0, "response_ms": 51.0}
    Tick.objects.create(monitor=monitor, region=region, slot=slot, vote=vote, reason=reason, config_version=1, **values)
    if bundle is not None:
        Evidence.objects.create(monitor=monitor, region=region, slot=slot, vote=vote, run=1, bundle=bundle)
    return f"/monitors/{monitor.pk}/checks/{region.slug}/{to_ms(slot)}"


def moments(count):
    start = timezone.now().replace(microsecond=0) - timedelta(minutes=10)
    return [start + timedelta(seconds=30 * number) for number in range(count)]


# The page of a check --------------------------------------------------------------------------------------------------
def test_a_failure_shows_what_became_different_and_everything_seen(client, shop, region):
    good, bad, after = moments(3)
    before = seen(shop, region, good, bundle=GOOD)
    url = seen(shop, region, bad, "status", BAD)
    later = seen(shop, region, after, "status")
    page = client.get(url).content.decode()
    for words in (
        "Address 192.0.2.1 became 192.0.2.9", "Status 200 became 503", "New header retry-after: 120",
        "First byte +380 ms", f'href="{before}"', f'href="{later}"', "Unexpected status", "It is so",
        "TLS_AES_256_GCM_SHA384", "HTTP/2", "and 2 more", "for 5 min", "CN=shop.example", "2026-01-01 to 2026-04-01",
        "and 3 more", "ab:ab", "http://shop.example/", "7 more are not kept", "&lt;h1&gt;Down&lt;/h1&gt;",
        "the server had more", "Where the time went", "40 ms",
    ):  # fmt: skip
        assert words in page, words


def test_an_ordinary_check_has_a_page_without_evidence(client, shop, region):
    page = client.get(seen(shop, region, moments(1)[0])).content.decode()
    assert "evidence of this check was not kept" in page
    assert "What became different" not in page
    assert "Where the time went" in page


def test_a_failure_without_a_good_check_before_it_says_so(client, shop, region):
    page = client.get(seen(shop, region, moments(1)[0], "status", BAD)).content.decode()
    assert "There is no earlier good check from Eu West" in page


def test_evidence_outlives_its_tick(client, shop, region):
    url = seen(shop, region, moments(1)[0], bundle=GOOD)
    Tick.objects.all().delete()
    assert "192.0.2.1" in client.get(url).content.decode()


@pytest.mark.parametrize("bundle", [{}, {"names": 3, "headers": [1, [2]], "body": [], "phases": {}}, {"body": {}}])
def test_an_odd_bundle_is_shown_as_far_as_it_goes(client, shop, region, bundle):
    assert client.get(seen(shop, region, moments(1)[0], "status", bundle)).status_code == 200


def test_what_is_not_there_is_not_found(client, shop, region):
    url = seen(shop, region, moments(1)[0])
    assert client.get(url + "0").status_code == 404
    assert client.get(url + "0" * 30).status_code == 404
    assert client.get(url.replace("eu-west", "us-east")).status_code == 404
    make_region("us-east")
    assert client.get(url.replace("eu-west", "us-east")).status_code == 404


def test_the_list_of_checks_leads_there(client, shop, region):
    url = seen(shop, region, moments(1)[0])
    assert f'href="{url}"' in client.get(f"/monitors/{shop.pk}").content.decode()


# Incidents ------------------------------------------------------------------------------------------------------------
def test_an_incident_shows_what_each_region_saw_first(client, shop, region):
    far = make_region("us-east")
    good, bad, worse = moments(3)
    seen(shop, region, good, bundle=GOOD)
    url = seen(shop, region, bad, "status", BAD)
    seen(shop, region, worse, "status", {**BAD, "status": 500})
    seen(shop, far, bad, "refused", {"tried": ["192.0.2.9"]})
    incident = make_incident(shop, started_at=bad, votes=why([region, far], **{"eu-west": "down", "us-east": "down"}))
    page = client.get(f"/incidents/{incident.pk}").content.decode()
    assert page.count('<section class="sight') == 2
    for words in ("Status 200 became 503", "Connection refused", f'href="{url}"', "no earlier good check from Us East"):
        assert words in page, words
    assert "became 500" not in page


def test_an_incident_without_evidence_says_nothing_of_it(client, shop, region):
    incident = make_incident(shop, votes=why([region], **{"eu-west": "down"}))
    assert "What each region saw" not in client.get(f"/incidents/{incident.pk}").content.decode()


# The API --------------------------------------------------------------------------------------------------------------
def test_the_api_lists_checks_and_tells_all_of_one(alice, shop, region):
    good, bad = moments(2)
    seen(shop, region, good, bundle=GOOD)
    seen(shop, region, bad, "status", BAD)
    caller = Caller(alice)
    listed = caller.get(f"{LIST}/{shop.pk}/checks").json()
    assert [each["attributes"]["vote"] for each in listed["data"]] == ["down", "up"]
    assert [each["attributes"]["has_evidence"] for each in listed["data"]] == [True, True]
    first = listed["data"][0]
    assert first["attributes"]["first_byte_time"] == 0.04
    one = caller.get(f"{LIST}/{shop.pk}/checks/{first['id']}").json()["data"]
    assert (one["id"], one["type"]) == (first["id"], "check")
    found = one["attributes"]
    assert found["response_content"] == "<h1>Down</h1>"
    assert found["response_options"] == BAD
    assert found["response_url"] == "https://shop.example/"
    assert "status 200 became 503" in found["difference"]
    assert found["compared_with"] == listed["data"][1]["attributes"]["at"]


def test_the_api_narrows_the_list_and_refuses_what_it_does_not_know(alice, shop, region):
    good, bad = moments(2)
    seen(shop, region, good)
    seen(shop, region, bad, "status")
    caller = Caller(alice)

    def votes(query):
        return [each["attributes"]["vote"] for each in caller.get(f"{LIST}/{shop.pk}/checks?{query}").json()["data"]]

    assert votes("vote=up") == ["up"]
    assert votes("region=eu-west&per_page=1") == ["down"]
    assert votes("region=nowhere") == []
    assert caller.get(f"{LIST}/{shop.pk}/checks?vote=maybe").json()["errors"] == {"vote": ["Use up, down or nodata."]}
    assert caller.get(f"{LIST}/{shop.pk}/checks/eu-west/1").status_code == 404


def test_the_api_tells_of_a_check_whose_tick_is_gone(alice, shop, region):
    [at] = moments(1)
    seen(shop, region, at, bundle=GOOD)
    Tick.objects.all().delete()
    found = Caller(alice).get(f"{LIST}/{shop.pk}/checks/eu-west/{to_ms(at)}").json()["data"]["attributes"]
    assert (found["vote"], found["response_code"], found["address"]) == ("up", 200, "192.0.2.1")


# From a hostile server to the page ------------------------------------------------------------------------------------
class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def probed(monitor, behaviour, **options):
    """What a real engine made of a real server, stored as it comes over the wire."""
    outcomes = []
    engine = Engine(outcomes.append, allow_private=True)
    engine.start()
    try:
        with Target() as target:
            target.does(behaviour)
            engine.submit([check_of(target.url, monitor=monitor.pk, **options)])
            wait_until(lambda: outcomes, what="an outcome")
    finally:
        engine.stop(0)
    wire = json.loads(json.dumps(outcomes[0].to_wire()))
    record(Region.objects.get(), [type(outcomes[0]).from_wire(wire)], timezone.now())
    return outcomes[0]


def shown_everywhere(client, monitor, outcome):
    """Each place the evidence of an outcome is shown in, as text."""
    user = monitor.team.members.get()
    incident = Incident.objects.filter(monitor=monitor).first() or make_incident(
        monitor, started_at=timezone.now() - timedelta(minutes=5),
        votes=why(Region.objects.all(), **{"eu-west": "down"}),
    )  # fmt: skip
    path = f"checks/eu-west/{outcome.slot}"
    pages = [client.get(f"/monitors/{monitor.pk}/{path}"), client.get(f"/incidents/{incident.pk}")]
    client.force_login(make_admin())
    pages.append(client.get(f"/admin/monitors/evidence/{Evidence.objects.get().pk}/change/"))
    pages.append(client.get("/admin/monitors/evidence/"))
    answers = [Caller(user).get(f"{LIST}/{monitor.pk}/{path}"), Caller(user).get(f"{LIST}/{monitor.pk}/checks")]
    assert {each.status_code for each in [*pages, *answers]} == {200}
    return [each.content.decode() for each in pages], [each.content.decode() for each in answers]


def test_what_a_hostile_server_says_is_harmless_everywhere(client, shop):
    outcome = probed(shop, raw(HOSTILE))
    assert outcome.reason is Reason.STATUS
    pages, answers = shown_everywhere(client, shop, outcome)
    assert "alert(2)" in pages[0]
    for text in [*pages, *answers]:
        assert not set("\x00\x1b\u202e") & set(text)
    for page in pages:
        assert not any(tag == "script" and "src" not in attrs for tag, attrs in Tags(page).found)
        assert "<script>alert" not in page
    for each in answers:
        json.loads(each)


def test_planted_secrets_are_neither_in_the_database_nor_shown(client, shop):
    def echo(target, connection, request):
        said = f"<p>{request.headers['x-api-key']}</p>{request.body.decode()}"
        behave = answer(500, said, X_Echo=request.headers["x-api-key"], Set_Cookie="sid=t4rget-s3ssion; Secure")
        behave(target, connection, request)

    secrets = ["k3y-0815-abcdef", "b0dy-p4ssw0rd-mno", "t4rget-s3ssion"]
    headers = [{"name": "X-Api-Key", "value": secrets[0]}]
    outcome = probed(shop, echo, method="POST", headers=headers, body=f"user=joe&password={secrets[1]}")
    stored = json.dumps(list(Evidence.objects.values_list("bundle", flat=True)), ensure_ascii=False)
    assert MASK in stored
    pages, answers = shown_everywhere(client, shop, outcome)
    for text in [stored, *pages, *answers]:
        assert not [secret for secret in secrets if secret in text]


def test_a_megabyte_of_headers_makes_no_large_page(client, shop):
    lines = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 1000) for number in range(1000))
    outcome = probed(shop, raw(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\nhello"))
    assert outcome.slot <= now_ms()
    pages, answers = shown_everywhere(client, shop, outcome)
    assert max(map(len, [*pages, *answers])) < 60_000
