"""`release` brings everything up to this version, `region` manages regions; both may be repeated."""

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django_celery_beat.models import PeriodicTask

from monitors.models import Region
from monitors.services import edit
from tests.factories import make_region, make_user, team_of
from uptime import localregions
from uptime.celery import beat_entries
from uptime.lib.crypto import key_bytes
from uptime.management.commands.release import ensure_local_region, sync_periodic

pytestmark = pytest.mark.django_db


def run(*words, **options):
    out = io.StringIO()
    call_command(*words, stdout=out, **options)
    return out.getvalue()


def test_beats_entries_follow_the_code():
    sync_periodic()
    ours = PeriodicTask.objects.filter(name__startswith="uptime: ")
    assert {(entry.task, entry.interval.every, entry.queue) for entry in ours} == {
        (entry.task, entry.every, entry.queue) for entry in beat_entries()
    }
    assert all(entry.expire_seconds for entry in ours)


def test_entries_that_left_the_code_leave_the_table_and_an_operators_own_stay():
    sync_periodic()
    entry = PeriodicTask.objects.first()
    PeriodicTask.objects.create(name="uptime: gone", task="uptime.gone", interval=entry.interval)
    PeriodicTask.objects.create(name="backup", task="their.backup", interval=entry.interval)
    sync_periodic()
    assert not PeriodicTask.objects.filter(name="uptime: gone").exists()
    assert PeriodicTask.objects.filter(name="backup").exists()


def test_the_first_release_makes_the_local_region_and_later_ones_keep_its_key(data_dir):
    ensure_local_region()
    key = Region.objects.get().key
    ensure_local_region()
    assert localregions.read() == {"local": key}


def test_adding_a_region_prints_the_one_command_that_starts_its_worker(data_dir):
    out = run("region", "add", "eu-west", "--name", "EU West")
    region = Region.objects.get()
    assert (region.slug, region.name, len(key_bytes(region.key))) == ("eu-west", "EU West", 32)
    assert f"REGION_ID=eu-west REGION_KEY={region.key}" in out
    assert "celery -A uptime.region worker" in out
    assert "checks.eu-west" in out


@pytest.mark.parametrize(
    ("slug", "message"),
    [
        ("eu west", "small letters, digits and single dashes"),
        ("EU", "small letters"),
        ("eu-", "small letters"),
        ("eu_west", "small letters"),
        ("eu*", "small letters"),
        ("x" * 33, "32 characters"),
        ("eu", "already"),
    ],
)
def test_a_region_that_cannot_be_is_refused_with_the_reason(slug, message, data_dir):
    make_region("eu")
    with pytest.raises(CommandError, match=message):
        run("region", "add", slug)


@pytest.mark.parametrize(
    ("broker", "words"),
    [
        (
            "rediss://site:secret@broker.example:6380/0?ssl_cert_reqs=CERT_REQUIRED&ssl_ca_certs=/ca.pem",
            [
                "BROKER_URL='rediss://probe-eu:PASSWORD@broker.example:6380/0"
                "?ssl_cert_reqs=CERT_REQUIRED&ssl_ca_certs=/ca.pem'",
                "user probe-eu on >PASSWORD resetchannels -@all +ping +select +client|setname +multi +exec +llen +brpop"
                " +lpush +sadd ~my.checks.eu ~_kombu.binding.my.checks.eu ~_kombu.binding_permanent.my.checks.eu"
                " (+lpush ~my.results)",
            ],
        ),
        (
            "amqps://site:secret@broker.example/up",
            [
                "BROKER_URL=amqps://probe-eu:PASSWORD@broker.example/up",
                "rabbitmqctl add_user probe-eu PASSWORD",
                r"rabbitmqctl set_permissions -p up probe-eu '^my\.checks\.eu$' '^(my\.checks\.eu|my\.results)$'"
                r" '^my\.checks\.eu$'",
            ],
        ),
        ("amqp://site:secret@broker.example:5672//", ["set_permissions -p / probe-eu"]),
    ],
)
def test_a_remote_region_comes_with_the_brokers_least_privileges(broker, words, data_dir, settings):
    settings.BROKER_URL, settings.QUEUE_PREFIX = broker, "my."
    out = run("region", "add", "eu", "--remote")
    assert all(word in out for word in words)
    assert "secret" not in out


def test_with_the_embedded_broker_a_remote_region_is_refused_with_the_way_out(data_dir, settings):
    settings.BROKER_URL = "redis+socket:///somewhere/valkey.sock?virtual_host=0"
    with pytest.raises(CommandError, match="BROKER_URL"):
        run("region", "add", "eu", "--remote")
    assert not Region.objects.exists()


def test_regions_are_listed():
    make_region("eu", name="EU", same_machine=True)
    assert "this machine" in run("region", "list")
    assert json.loads(run("region", "list", "--json"))[0]["slug"] == "eu"


def test_a_region_some_monitor_depends_on_is_not_removed(data_dir):
    region = make_region("eu")
    edit.create(team_of(make_user()), None, {"target": "http://x.example/", "interval": 30, "regions": [region]})
    with pytest.raises(CommandError, match="1 monitor is checked from Eu only"):
        run("region", "remove", "eu")
    make_region("us")
    with pytest.raises(CommandError, match="another region first"):
        run("region", "remove", "eu")
    assert Region.objects.count() == 2


def test_a_region_nobody_depends_on_is_removed(data_dir):
    make_region("eu")
    assert "removed" in run("region", "remove", "eu")
    assert not Region.objects.exists()


def test_an_unknown_region_is_a_clear_error():
    with pytest.raises(CommandError, match="region list"):
        run("region", "show", "nowhere")
