"""A region's worker on another machine's broker, as a user that may do exactly what `region add` prints."""

import io
import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import amqp
import pytest
import redis
from celery import Celery
from django.core.management import call_command
from kombu import Connection

from monitors.models import Region
from monitors.probes.base import Check, Outcome
from monitors.times import now_ms
from tests import rabbitmq
from tests.helpers import free_port, wait_until
from tests.servers import Target
from uptime import embedded, queues, tasks
from uptime.lib.crypto import key_bytes, unseal
from uptime.results import RESULTS
from uptime.results import app as results_app

pytestmark = [pytest.mark.django_db, pytest.mark.broker]

PREFIX = os.environ["QUEUE_PREFIX"]
SLUG = f"eu-{os.getpid()}"  # a broker may be shared, and its users are everybody's
OWN, ANOTHER = queues.checks(SLUG, PREFIX), queues.checks("us", PREFIX)
PASSWORD = "pass-of-the-region"


@dataclass
class Printed:
    """What `region add --remote` says, with the password filled in."""

    text: str

    @property
    def worker(self) -> dict[str, str]:
        """The variables of the worker's command."""
        command = self.text.split("database:\n")[1].split("--without-gossip")[0]
        return dict(word.split("=", 1) for word in shlex.split(command) if re.match(r"[A-Z_]+=", word))

    def lines(self, start: str) -> list[str]:
        return [line.strip() for line in self.text.splitlines() if line.strip().startswith(start)]


@pytest.fixture
def add_region(data_dir, settings):
    """Adds the region to a site whose broker is at `url`."""

    def add(url: str) -> Printed:
        settings.BROKER_URL = url
        out = io.StringIO()
        call_command("region", "add", SLUG, "--remote", stdout=out)
        return Printed(out.getvalue().replace("PASSWORD", PASSWORD))

    return add


class Centre:
    """The site's side of a broker: it sends checks with the real task code, and reads what comes back."""

    def __init__(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.app = Celery("centre", set_as_current=False, fixups=[])
        self.app.conf.update(queues.configuration(url, "central", PREFIX, [PREFIX + queues.CONTROL]))
        monkeypatch.setattr(tasks, "app", self.app)
        self.region = Region.objects.get(slug=SLUG)
        self.said: list[dict] = []
        with self.app.connection_or_acquire() as connection:  # as the results worker does when it starts
            results_app.amqp.queues[RESULTS].bind(connection.default_channel).declare()

    def send(self, monitor: int, url: str) -> None:
        check = Check(monitor, now_ms(), 1, "http", url, 5000, 60_000, {})
        tasks.publish_checks(self.region, [check])

    def waiting(self) -> int:
        with self.app.connection_or_acquire() as connection:
            return queues.waiting(connection.default_channel, OWN)[OWN]

    def hear(self) -> None:
        """Take what waits in `results`, every message of which must be sealed by the region."""
        with self.app.connection_or_acquire() as connection:
            queue = queues.declare(RESULTS).bind(connection.default_channel)
            while message := queue.get(no_ack=True):
                slug, sealed = message.decode()[0]
                assert slug == SLUG
                self.said.append(unseal(key_bytes(self.region.key), "results", SLUG, sealed)[1])

    def outcome_of(self, monitor: int) -> Outcome | None:
        self.hear()
        outcomes = [Outcome.from_wire(wire) for payload in self.said for wire in payload.get("outcomes", [])]
        return next((outcome for outcome in outcomes if outcome.monitor == monitor), None)

    def sign(self) -> bool:
        self.hear()
        return any("sign" in payload for payload in self.said)


def works_through_a_restart(centre: Centre, worker) -> None:
    """Checks are made, also those that came while no worker ran; `worker()` runs one."""
    with Target() as website:
        with worker():
            centre.send(1, f"{website.url}/")
            assert wait_until(lambda: centre.outcome_of(1), 30).vote == "up"
            wait_until(centre.sign, 15)
        assert centre.waiting() == 0
        centre.send(2, f"{website.url}/")
        assert centre.waiting() == 1
        with worker():
            assert wait_until(lambda: centre.outcome_of(2), 30).vote == "up"
        assert centre.waiting() == 0


# Redis and Valkey -----------------------------------------------------------------------------------------------------
def programs() -> list[str]:
    """The Valkey that comes with the product, and the machine's Redis where there is one."""
    found = [embedded.valkey(Path(os.environ["DATA_DIR"])).spec.argv[0], shutil.which("redis-server")]
    return list(dict.fromkeys(filter(None, found)))


@pytest.fixture(params=programs(), ids=lambda program: Path(program).name)
def redis_server(request, tmp_path):
    """Starts a server of this test's own with these users."""
    started = []

    def start(port: int, users: list[str]) -> None:
        (tmp_path / "users.acl").write_text("\n".join(users) + "\n")
        command = [request.param, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
        with (tmp_path / "server.log").open("wb") as log:
            started.append(subprocess.Popen([*command, "--aclfile", str(tmp_path / "users.acl")], stdout=log))

    yield start
    for process in started:
        process.terminate()
        process.wait(10)


def answers(client: redis.Redis) -> bool:
    try:
        return client.ping()
    except redis.ConnectionError:
        return False


FORBIDDEN = [
    ["RPOP", RESULTS],
    ["BRPOP", RESULTS, "0.1"],
    ["LRANGE", RESULTS, "0", "-1"],
    ["LLEN", RESULTS],
    ["DEL", RESULTS],
    ["BRPOP", ANOTHER, "0.1"],
    ["LPUSH", ANOTHER, "x"],
    ["LPUSH", f"{PREFIX}control", "x"],
    ["HGETALL", f"{PREFIX}unacked.central"],
    ["SADD", f"_kombu.binding.{ANOTHER}", "x"],
    ["EVAL", "return 1", "0"],
    ["SCRIPT", "LOAD", "return 1"],
    ["FLUSHALL"],
    ["CONFIG", "GET", "*"],
    ["ACL", "WHOAMI"],
    ["KEYS", "*"],
    ["SUBSCRIBE", "x"],
    ["PUBLISH", "x", "y"],
]


def test_a_region_works_on_redis_with_the_printed_line_and_can_do_nothing_else(
    redis_server, add_region, worker_process, monkeypatch
):
    port = free_port()
    url = f"redis://:of-the-site@127.0.0.1:{port}/3"
    printed = add_region(url)
    assert "of-the-site" not in printed.text
    (line,) = printed.lines("user ")
    redis_server(port, ["user default on >of-the-site ~* &* +@all", line])
    wait_until(lambda: answers(redis.Redis.from_url(url)))
    centre = Centre(url, monkeypatch)
    works_through_a_restart(centre, lambda: worker_process(SLUG, centre.region.key, **printed.worker))
    missed = {entry["object"] for entry in redis.Redis.from_url(url, decode_responses=True).acl_log()}
    assert missed <= {"client|setinfo"}  # unknown to Redis 7.0, and done without

    region = redis.Redis.from_url(printed.worker["BROKER_URL"])
    for command in FORBIDDEN:
        with pytest.raises(redis.exceptions.NoPermissionError):
            region.execute_command(*command)


# RabbitMQ -------------------------------------------------------------------------------------------------------------
@pytest.fixture
def rabbitmq_site():
    """The address of a virtual host of this test's own; it and its users are removed afterwards."""
    with rabbitmq.virtual_host(f"uptime-test-{os.getpid()}") as url:
        yield url
    if f"probe-{SLUG}" in rabbitmq.rabbitmqctl("list_users"):
        rabbitmq.rabbitmqctl("delete_user", f"probe-{SLUG}")


def refused(url: str, act) -> None:
    """RabbitMQ closes a channel on which something forbidden was asked for."""
    with Connection(url, transport_options={"confirm_publish": True}) as connection, pytest.raises(amqp.AccessRefused):
        act(connection.channel())


def publish(exchange: str, routing_key: str):
    return lambda channel: channel.basic_publish(amqp.Message("x"), exchange=exchange, routing_key=routing_key)


@pytest.mark.rabbitmq
def test_a_region_works_on_rabbitmq_with_the_printed_commands_and_can_do_nothing_else(
    rabbitmq_site, add_region, worker_process, monkeypatch
):
    printed = add_region(rabbitmq_site)
    assert "of-the-site" not in printed.text
    for line in printed.lines("rabbitmqctl "):
        rabbitmq.rabbitmqctl(*shlex.split(line)[1:])
    centre = Centre(rabbitmq_site, monkeypatch)
    works_through_a_restart(centre, lambda: worker_process(SLUG, centre.region.key, **printed.worker))

    region = printed.worker["BROKER_URL"]
    refused(region, lambda channel: channel.basic_get(RESULTS))
    refused(region, lambda channel: channel.basic_consume(RESULTS))
    refused(region, lambda channel: channel.queue_purge(RESULTS))
    refused(region, lambda channel: channel.queue_delete(RESULTS))
    refused(region, lambda channel: channel.queue_declare(ANOTHER))
    refused(region, lambda channel: channel.queue_declare("anything"))
    refused(region, publish("", f"{PREFIX}control"))
    refused(region, publish("", ANOTHER))
    refused(region, publish("amq.topic", "x"))
