"""`/metrics`: who may ask, what is told, and that a real Prometheus understands it."""

import math
import re
import subprocess
from pathlib import Path

import pytest
import requests
from django.core.cache import cache
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from monitors.models import DeadLetter, RegionTrouble, Status
from monitors.services import pulses
from tests.factories import make_monitor, make_region, make_user, team_of
from tests.helpers import empty_queues, free_port, wait_until
from tests.uptime.pipeline.cast import put_pulse, put_pulses
from uptime.metrics import METRICS
from uptime.pipeline import gather

pytestmark = [pytest.mark.django_db, pytest.mark.database, pytest.mark.broker]


@pytest.fixture(autouse=True)
def _nothing_shared():
    cache.delete_many([gather.KEY, gather.LOCK])
    empty_queues("checks.eu")  # others may have had something checked there
    yield
    cache.delete_many([gather.KEY, gather.LOCK])


def samples(client):
    """{(name, labels): value} of a scrape."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


# Who may ask ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("address", "headers", "token", "status"),
    [
        ("127.0.0.1", {}, "", 200),
        ("127.1.2.3", {}, "", 200),
        ("::1", {}, "", 200),
        ("192.0.2.1", {}, "", 403),
        ("", {}, "", 403),  # a Unix socket, so some proxy
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, "", 403),
        ("127.0.0.1", {"X-Real-IP": "192.0.2.1"}, "", 403),
        ("127.0.0.1", {"Forwarded": "for=192.0.2.1"}, "", 403),
        ("127.0.0.1", {"Via": "1.1 proxy"}, "", 403),
        ("192.0.2.1", {"Authorization": "Bearer s3cret"}, "s3cret", 200),
        ("192.0.2.1", {"Authorization": "bearer s3cret", "X-Forwarded-For": "192.0.2.9"}, "s3cret", 200),
        ("192.0.2.1", {"Authorization": "Bearer other"}, "s3cret", 403),
        ("192.0.2.1", {"Authorization": "Bearer é"}, "s3cret", 403),
        ("192.0.2.1", {"Authorization": "Basic s3cret"}, "s3cret", 403),
        ("192.0.2.1", {"Authorization": "Bearer "}, "", 403),
        ("192.0.2.1", {"Authorization": "Bearer"}, "", 403),
    ],
)
def test_this_machine_and_who_has_the_token_may_ask(client, settings, address, headers, token, status):
    settings.METRICS_TOKEN = token
    answer = client.get("/metrics", headers=headers, REMOTE_ADDR=address)
    assert answer.status_code == status
    if status == 403:
        assert "METRICS_TOKEN" in answer.content.decode()
        assert "uptime_" not in answer.content.decode()


def test_being_signed_in_is_not_enough_and_nothing_can_be_posted(client):
    client.force_login(make_user())
    assert client.get("/metrics", REMOTE_ADDR="192.0.2.1").status_code == 403
    assert client.post("/metrics").status_code == 405


# What is told ---------------------------------------------------------------------------------------------------------
def test_the_figures_of_every_part_are_told(client):
    region = make_region("eu")
    team = team_of(make_user())
    for status in (Status.UP, Status.UP, Status.DOWN):
        make_monitor(team, regions=[region], status=status)
    make_monitor(team, status=Status.UP, deleted_at=timezone.now())
    put_pulses()
    put_pulse(pulses.STORED, 5, done=1234)
    DeadLetter.objects.create(error="x", payload="y")
    RegionTrouble.objects.create(region=region, kind="canary", start=timezone.now())
    found = samples(client)
    expected = {
        ("uptime_monitors", ("status", "up")): 2,
        ("uptime_monitors", ("status", "down")): 1,
        ("uptime_ticks_stored_total",): 1234,
        ("uptime_task_seconds", ("task", "dispatch")): 0.004,
        ("uptime_queue_messages", ("queue", "checks.eu")): 0,
        ("uptime_region_troubles", ("region", "eu")): 1,
        ("uptime_dead_letters",): 1,
        ("uptime_problems", ("part", "region-eu"), ("severity", "problem")): 2,  # nobody has heard of it either
        ("uptime_problems", ("part", "letters"), ("severity", "warning")): 1,
        ("uptime_problems", ("part", "beat"), ("severity", "problem")): 0,
        ("uptime_database_up",): 1,
        ("uptime_broker_up",): 1,
        ("uptime_build_info", ("version", "0.1.0")): 1,
    }
    assert {name: found.get(name) for name in expected} == expected
    stored = found[("uptime_stored_timestamp_seconds",)]
    assert math.isclose(timezone.now().timestamp() - stored, 5, abs_tol=5)


def test_nothing_is_exported_under_a_name_that_is_not_described():
    files = ("flow.py", "telling.py", "storage.py")
    source = "".join((Path(gather.__file__).parent / file).read_text() for file in files)
    used = set(re.findall(r'metric="(\w+)"', source)) | {"uptime_problems", "uptime_build_info"}
    assert used == set(METRICS)


# The real thing -------------------------------------------------------------------------------------------------------
CONFIGURATION = """
scrape_configs:
  - job_name: uptime
    scrape_interval: 1s
    scrape_timeout: 1s
    authorization: {{credentials: s3cret}}
    static_configs: [{{targets: ["{target}"]}}]
rule_files: [rules.yml]
"""


@pytest.fixture
def prometheus(tmp_path, live_server):
    """A Prometheus that scrapes the live server, with the rules of docs/metrics.md; yields how to ask it."""
    docs = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
    [rules] = [block for block in re.findall(r"```yaml\n(.*?)```", docs, re.DOTALL) if block.startswith("groups:")]
    (tmp_path / "rules.yml").write_text(rules)
    target = live_server.url.removeprefix("http://")
    (tmp_path / "prometheus.yml").write_text(CONFIGURATION.format(target=target))
    address = f"127.0.0.1:{free_port()}"
    command = ["prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([*command, f"--web.listen-address={address}"], stdout=log, stderr=log)
    session = requests.Session()
    session.trust_env = False

    def ask(path, **parameters):
        return session.get(f"http://{address}/api/v1/{path}", params=parameters, timeout=10).json()["data"]

    def ready():
        assert process.poll() is None, (tmp_path / "log").read_text()
        try:
            return session.get(f"http://{address}/-/ready", timeout=2).ok
        except requests.ConnectionError:
            return False

    try:
        wait_until(ready, 60, 0.1)
        yield ask
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.prometheus
@pytest.mark.django_db(transaction=True)
def test_a_real_prometheus_scrapes_it_and_understands_everything(prometheus, settings):
    settings.METRICS_TOKEN = "s3cret"
    put_pulses()
    make_region("eu")
    DeadLetter.objects.create(error="x", payload="y")

    def value(query):
        result = prometheus("query", query=query)["result"]
        return float(result[0]["value"][1]) if result else None

    wait_until(lambda: value("up") == 1, 60, 0.2, "a scrape has succeeded")
    assert value("uptime_dead_letters") == 1
    assert value('uptime_queue_messages{queue="checks.eu"}') == 0
    assert value('uptime_problems{part="letters",severity="warning"}') == 1
    known = {each["metric"] for each in prometheus("targets/metadata", match_target='{job="uptime"}')}
    assert {"uptime_monitors_due", "uptime_build_info", "uptime_beat_last_timestamp_seconds"} <= known
    [group] = prometheus("rules")["groups"]
    wait_until(
        lambda: {rule["health"] for rule in prometheus("rules")["groups"][0]["rules"]} == {"ok"},
        90,
        0.5,
        "rules are run",
    )
    assert len(group["rules"]) == 4
