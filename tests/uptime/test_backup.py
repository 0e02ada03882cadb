"""The drill: an installation is backed up while it works, and comes back in another database as it was."""

import io
import json
import os
import re
import stat
import subprocess
import sys
import threading
import tracemalloc
import zipfile
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import psycopg
import pytest
from cryptography.fernet import Fernet
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import User
from incidents import services as incidents
from incidents.models import Incident
from monitors.domain.slots import next_slot
from monitors.models import DeadLetter, Monitor, Pulse, Region, Tick
from monitors.probes.reasons import Reason
from monitors.services import partitions
from tests.factories import PASSWORD
from tests.helpers import wait_until
from tests.monitors.services.cast import make_watched, outcome, settle, take
from tests.product import ROOT, Product
from uptime import backup, secrets

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

NASTY = 'a\tb\nc\\N\\.\r\n"q" \x01 ünï日本😀'


@pytest.fixture
def monitor():
    """An installation: its monitor has a secret and went down, seen from two regions."""
    monitor = make_watched(["eu", "us"], name="Shop", secrets={"password": "hunter2"})
    slot = settle(monitor)
    for _ in range(3):
        slot = went_down(monitor, slot)
    assert Incident.objects.count() == 1
    DeadLetter.objects.create(error=NASTY, payload="x" * 100_000)
    return monitor


def went_down(monitor, after):
    """One more round in which nobody could reach it; returns its slot."""
    slot = next_slot(monitor.pk, monitor.interval, after)
    for region in ("eu", "us"):
        with transaction.atomic():
            incidents.apply(
                take(region, [outcome(monitor, slot, Reason.REFUSED, evidence={"said": NASTY})], slot + 500).changes
            )
    return slot


@pytest.fixture
def file(tmp_path):
    return tmp_path / "uptime.backup"


@pytest.fixture
def beside():
    """A new database on the same server; its address."""
    name = f"drill_{os.getpid()}"
    with psycopg.connect(here(), autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {name}")
        server.execute(f"CREATE DATABASE {name}")
        yield address(name)
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def address(name):
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()


def here():
    return address(connection.settings_dict["NAME"])


def manage(database, *words, **knobs):
    """A command in a process of its own, on this database."""
    return subprocess.run(
        [sys.executable, "manage.py", *map(str, words)],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": database, **knobs},
        capture_output=True,
        timeout=60,
    )


def content(database):
    """Every row of every table, as text."""
    with psycopg.connect(database) as server:
        return {
            model._meta.db_table: sorted(
                row for (row,) in server.execute(f'SELECT t::text FROM "{model._meta.db_table}" t').fetchall()
            )
            for model in backup.tables()
        }


def back_up(file, *words):
    call_command("backup", str(file), *words, stderr=io.StringIO())


def restore(file, *words):
    out = io.StringIO()
    call_command("restore", str(file), *words, stdout=out)
    return out.getvalue()


# The drill ------------------------------------------------------------------------------------------------------------
def test_an_installation_comes_back_in_another_database(monitor, file, beside, tmp_path):
    before = content(here())
    assert len(before["monitors_tick"]) == len(before["monitors_evidence"]) == 6
    done = manage(here(), "backup", file)
    assert done.returncode == 0, done.stderr
    assert b"rows of" in done.stderr
    assert b"Keep the keys of this installation too" in done.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    done = manage(beside, "restore", file)
    assert done.returncode == 0, done.stderr
    assert content(beside) == before
    keys = {"SECRET_KEY": settings.SECRET_KEY, "FIELD_KEYS": ",".join(settings.FIELD_KEYS)}
    with Product(tmp_path / "product", DATABASE_URL=beside, **keys) as product:
        sign_in(product, "alice")
        page = product.session.get(f"{product.url}/monitors/{monitor.pk}").text
        assert "Shop" in page
        assert "Connection refused" in page
        assert product.session.get(f"{product.url}/incidents/{Incident.objects.get().pk}").status_code == 200
        # Life goes on: new rows get new numbers.
        product.session.headers["X-CSRFToken"] = product.session.cookies["csrftoken"]
        assert product.add("http://shop.example/", regions=["eu"]) > monitor.pk


def sign_in(product, username):
    page = product.session.get(f"{product.url}/accounts/login").text
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
    form = {"login": username, "password": PASSWORD, "csrfmiddlewaretoken": token}
    assert product.session.post(f"{product.url}/accounts/login", data=form).url == f"{product.url}/"


def test_over_a_pipe_it_is_the_same(monitor, file):
    before = content(here())
    file.write_bytes(manage(here(), "backup", "-").stdout)
    restore(file, "--replace")
    assert content(here()) == before


def test_every_table_of_ours_and_of_djangos_is_in_it(monitor, file):
    back_up(file)
    with psycopg.connect(here()) as server:
        found = {
            name
            for (name,) in server.execute(
                "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition "
                "AND relnamespace = 'public'::regnamespace"
            )
        }
    with zipfile.ZipFile(file) as opened:
        inside = {name.removeprefix("tables/") for name in opened.namelist() if name.startswith("tables/")}
    assert found - inside == {"django_session", "django_migrations"}  # sessions end; the state is in the manifest


def test_without_ticks_everything_else_comes_back(monitor, file):
    before = content(here())
    back_up(file, "--without-ticks")
    restore(file, "--replace")
    assert content(here()) == {**before, "monitors_tick": []}


def test_a_day_that_has_no_partition_gets_one(monitor, file):
    old = timezone.now().date() - timedelta(days=100)
    partitions.ensure_partition(old)
    slot = datetime(old.year, old.month, old.day, tzinfo=UTC)
    Tick.objects.create(monitor=monitor, region_id=1, slot=slot, config_version=1, detail=NASTY)
    back_up(file)
    assert partitions.drop_partition(old)
    restore(file, "--replace")
    assert Tick.objects.get(slot=slot).detail == NASTY
    partitions.drop_partition(old)


def test_it_takes_little_memory(monitor, file):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO monitors_tick (monitor_id, region_id, slot, vote, reason, config_version, attempts, address, "
            "degraded, detail, response_ms) SELECT n, 9, now() + n * interval '1 ms', 'up', '', 1, 1, "
            "'192.0.2.1', false, md5(n::text) || md5((n + 1)::text), random() FROM generate_series(1, 100000) n"
        )
    before = content(here())["monitors_tick"]
    tracemalloc.start()
    try:
        back_up(file)
        restore(file, "--replace")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert content(here())["monitors_tick"] == before
    assert peak < 4 << 20  # of 14 MB


# While everything runs ------------------------------------------------------------------------------------------------
class Watched(io.BytesIO):
    """A file that lets something happen at a certain point of the backup, and goes on once that is done."""

    def __init__(self, happenings):
        super().__init__()
        self.happenings = dict(happenings)

    def write(self, data):
        for point in [point for point in self.happenings if point in bytes(data)]:
            elsewhere(self.happenings.pop(point))
        return super().write(data)


def elsewhere(work):
    """Do it in another session, and insist that nothing makes it wait."""
    trouble = []

    def run():
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '500ms'")
            work()
        except Exception as error:
            trouble.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    assert trouble == []


def test_recording_goes_on_and_the_backup_is_of_one_moment(monitor, file):
    """Ticks are recorded once some tables were read but not theirs, and once all were and every lock is held."""
    before = content(here())
    slot = max(Tick.objects.values_list("slot", flat=True))
    slots = [int(slot.timestamp() * 1000)]

    def record():
        slots.append(went_down(monitor, slots[-1]))

    def record_and_make_room():
        record()
        partitions.ensure_partition(timezone.now().date() + timedelta(days=30))

    out = Watched({b"tables/monitors_tick": record, b"manifest.json": record_and_make_room})
    backup.write(out, timezone.now())
    assert len(slots) == 3
    assert Tick.objects.count() == len(before["monitors_tick"]) + 4
    file.write_bytes(out.getvalue())
    restore(file, "--replace")
    assert content(here()) == before


def test_the_drop_of_an_old_day_waits_for_the_backup_and_stops_nobody(monitor):
    old = timezone.now().date() - timedelta(days=100)
    partitions.ensure_partition(old)
    dropped = []
    out = Watched({b"manifest.json": lambda: dropped.append(partitions.drop_partition(old))})
    backup.write(out, timezone.now())
    assert dropped == [False]
    assert partitions.drop_partition(old)


# What does not go well ------------------------------------------------------------------------------------------------
def refused(file, said, *words):
    """The restore is refused for that reason, and nothing is changed."""
    before = content(here())
    with pytest.raises(CommandError, match=said):
        restore(file, *words)
    assert content(here()) == before


def test_a_database_in_use_is_not_written_over(monitor, file):
    back_up(file)
    refused(file, "there are users and teams and monitors in it. --replace")
    Monitor.objects.all().delete()
    User.objects.all().delete()
    assert "are restored; everybody has to sign in again" in restore(file, "--replace")
    assert Monitor.objects.get().all_options["password"] == "hunter2"


def test_a_running_installation_is_not_restored_under_its_feet(monitor, file):
    back_up(file)
    now = timezone.now()
    pulse = Pulse.objects.create(name="results", at=now, since=now)
    refused(file, "“results” was alive at .* Stop web, beat and the workers", "--replace")
    Pulse.objects.filter(pk=pulse.pk).update(at=now - timedelta(seconds=11))
    restore(file, "--replace")


def test_force_restores_all_the_same(monitor, file):
    back_up(file)
    now = timezone.now()
    Pulse.objects.create(name="results", at=now, since=now)
    restore(file, "--replace", "--force")
    assert not Pulse.objects.exists()


def test_somebody_who_holds_a_table_is_not_waited_for_long(monitor, file):
    back_up(file)
    with psycopg.connect(here()) as other:
        other.execute("SELECT count(*) FROM monitors_tick")
        refused_while_held(file)


def refused_while_held(file):
    with pytest.raises(CommandError, match="Somebody is working with this database"):
        restore(file, "--replace")


@pytest.mark.parametrize("cut", [0, 10, 0.5, 0.99])
def test_half_a_file_is_no_backup(monitor, file, cut):
    back_up(file)
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * cut) if isinstance(cut, float) else cut])
    refused(file, "is not a whole backup of Uptime", "--replace")


def test_a_backup_that_was_broken_off_is_none(monitor, file):
    with pytest.raises(ZeroDivisionError), file.open("wb") as out:
        backup.write(Broken(out), timezone.now())
    refused(file, "is not a whole backup of Uptime", "--replace")


class Broken:
    """A file whose disk fails once half of it is written."""

    def __init__(self, file):
        self.file = file

    def write(self, data):
        if b"tables/monitors_tick" in bytes(data):
            raise ZeroDivisionError
        return self.file.write(data)

    def flush(self):
        self.file.flush()


def rewritten(file, **changes):
    """The same backup with other content in some entries; checksums of the ZIP itself are right."""
    with zipfile.ZipFile(file) as opened:
        entries = {name: opened.read(name) for name in opened.namelist()}
    with zipfile.ZipFile(file, "w") as opened:
        for name, data in entries.items():
            opened.writestr(name, changes[name](data) if name in changes else data)


def in_manifest(change):
    def changed(data):
        manifest = json.loads(data)
        change(manifest)
        return json.dumps(manifest)

    return changed


@pytest.mark.parametrize(
    ("entry", "change", "said"),
    [
        ("tables/monitors_tick", lambda data: data.replace(b"down", b"late"), "what it holds of monitors_tick is not"),
        ("tables/monitors_tick", lambda data: data[: data.rindex(b"\n", 0, -1) + 1], "holds of monitors_tick is not"),
        ("tables/monitors_tick", lambda data: data[: data.rindex(b"down")], "The database refuses the backup"),
        ("manifest.json", lambda data: "[]", "is not a whole backup"),
        ("manifest.json", in_manifest(lambda m: m.pop("tables")), "is not a whole backup"),
        ("manifest.json", in_manifest(lambda m: m.update(format=2, novelty="x")), "has format 2, this version reads 1"),
        (
            "manifest.json",
            in_manifest(lambda m: m["migrations"].append(["monitors", "0099_later"])),
            "made by Uptime .*it has monitors.0099_later, which is not here.* Install that version",
        ),
        (
            "manifest.json",
            in_manifest(lambda m: m["migrations"].remove(["monitors", "0001_initial"])),
            "it lacks monitors.0001_initial",
        ),
        (
            "manifest.json",
            in_manifest(lambda m: m["tables"]["monitors_tick"]["columns"].append("x; DROP TABLE accounts_user")),
            "columns differ",
        ),
    ],
    ids=["changed", "a row less", "cut", "no manifest", "half", "format", "newer", "older", "columns"],
)  # fmt: skip
def test_a_file_that_is_not_right_changes_nothing(monitor, file, entry, change, said):
    back_up(file)
    rewritten(file, **{entry: change})
    refused(file, said, "--replace")


def test_a_damaged_byte_is_noticed(monitor, file):
    back_up(file)
    data = bytearray(file.read_bytes())
    data[data.index(b"tables/monitors_deadletter") + 300] ^= 0xFF
    file.write_bytes(data)
    refused(file, "is not a whole backup of Uptime", "--replace")


def test_rows_that_refer_to_nothing_are_refused(monitor, file):
    back_up(file)
    rewritten(file, **without_rows("accounts_team"))
    refused(file, "The database refuses the backup: .*accounts_team", "--replace")


def without_rows(table):
    def change(manifest):
        manifest["tables"][table] |= {
            "rows": 0,
            "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        }

    return {f"tables/{table}": lambda data: b"", "manifest.json": in_manifest(change)}


def test_killed_in_the_middle_the_database_is_as_it_was(monitor, file):
    """The restore has emptied every table and waits for us to make a partition when it is killed."""
    day = timezone.now().date() + timedelta(days=50)
    partitions.ensure_partition(day)
    back_up(file)
    partitions.drop_partition(day)
    before = content(here())
    with psycopg.connect(here()) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtext('monitors_tick partitions'))")
        process = subprocess.Popen(
            [sys.executable, "manage.py", "restore", str(file), "--replace"],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": here()},
        )
        wait_until(lambda: waits_for_us(other), 30, what="the restore waits for the lock")
        process.kill()
        process.wait(10)
    assert content(here()) == before


def waits_for_us(server):
    (count,) = server.execute(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    ).fetchone()
    return count


@pytest.mark.parametrize(
    ("words", "said"),
    [(["nowhere/file"], "There is no file nowhere/file"), (["/"], "/ cannot be read: Is a directory")],
)
def test_what_is_no_file_is_told(words, said):
    with pytest.raises(CommandError, match=said):
        restore(*words)


def test_a_file_that_is_there_is_not_written_over(file):
    file.write_text("precious")
    with pytest.raises(CommandError, match="is there already: name another file"):
        back_up(file)
    assert file.read_text() == "precious"


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match="file/backup: File exists"):
        back_up(tmp_path / "file" / "backup")


# Keys -----------------------------------------------------------------------------------------------------------------
@pytest.fixture
def self_contained(data_dir, settings):
    """An installation whose keys are in its DATA_DIR."""
    found = secrets.read_or_create(data_dir)
    settings.DATA_DIR, settings.SECRET_KEY, settings.FIELD_KEYS = data_dir, found["SECRET_KEY"], [found["FIELD_KEYS"]]
    return data_dir


def test_keys_are_not_in_it_unless_asked_for(self_contained, monitor, file):
    back_up(file)
    with zipfile.ZipFile(file) as opened:
        assert "secrets.json" not in opened.namelist()
        whole = b"".join(opened.read(name) for name in opened.namelist())
    assert settings.FIELD_KEYS[0].encode() not in whole
    assert settings.SECRET_KEY.encode() not in whole
    refused(file, "holds no secrets: it was made without --with-secrets", "--replace", "--with-secrets")


def test_it_is_said_where_the_keys_to_be_kept_are(self_contained, monitor, file, settings):
    for keys, where in [
        (settings.FIELD_KEYS, str(self_contained / "secrets.json")),
        ([*settings.FIELD_KEYS, Fernet.generate_key().decode()], "the environment of its processes"),
    ]:
        settings.FIELD_KEYS, words = keys, io.StringIO()
        call_command("backup", str(file), stderr=words)
        assert f"They are in {where}" in words.getvalue()
        file.unlink()


def test_with_other_keys_it_is_refused_with_the_way_out(monitor, file, settings):
    back_up(file)
    settings.FIELD_KEYS = [Fernet.generate_key().decode()]
    refused(file, r"FIELD_KEYS of this installation do not open .* \(monitors_\w+\)", "--replace")
    restore(file, "--replace", "--force")


def test_with_its_secrets_another_installation_takes_over_its_keys(self_contained, monitor, file, settings):
    old = list(settings.FIELD_KEYS)
    words = io.StringIO()
    call_command("backup", str(file), "--with-secrets", stderr=words)
    assert "keep it where nobody else can read it" in words.getvalue()
    (self_contained / "secrets.json").unlink()
    own = secrets.read_or_create(self_contained)
    settings.FIELD_KEYS, settings.SECRET_KEY = [own["FIELD_KEYS"]], own["SECRET_KEY"]
    assert "The keys of the backup are in force" in restore(file, "--replace", "--with-secrets")
    assert secrets.read(self_contained)["FIELD_KEYS"] == old[0]
    assert stat.S_IMODE((self_contained / "secrets.json").stat().st_mode) == 0o600
    [kept] = self_contained.glob("secrets.2*.json")
    assert json.loads(kept.read_text()) == own
    settings.FIELD_KEYS = old
    assert Monitor.objects.get().all_options["password"] == "hunter2"
    assert Region.objects.count() == 2


def test_keys_of_the_environment_win_and_are_not_written_over(monitor, file, data_dir, settings):
    settings.DATA_DIR = data_dir
    back_up(file, "--with-secrets")
    refused(file, "come from the environment. Set SECRET_KEY and FIELD_KEYS there", "--replace", "--with-secrets")
    assert list(data_dir.glob("secrets*")) == []
