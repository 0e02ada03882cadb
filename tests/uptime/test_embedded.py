"""Real PostgreSQL and real Valkey, made, started, killed and started again."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest
import redis

from tests.helpers import wait_until
from uptime import embedded
from uptime.embedded import EmbeddedError
from uptime.lib import unprivileged
from uptime.lib.proc import Crew

WAYS = [None]  # how PostgreSQL may be run by the user who runs the tests
if os.geteuid() == 0:
    ways = (unprivileged.enter_namespace, unprivileged.become_nobody)
    WAYS = [way for way in ways if unprivileged.works(way)]


@pytest.fixture
def folder():
    """A DATA_DIR that other users may enter, with a short path."""
    path = Path(tempfile.mkdtemp(prefix="up-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def crew():
    crew = Crew(lambda name, text, log: None)
    yield crew
    crew.stop()


@pytest.fixture
def run(crew):
    def run(server):
        child = crew.start(server.spec)
        embedded.wait_until_ready(server, child)
        return child

    return run


@pytest.fixture
def postgres(folder, run):
    return lambda: run(embedded.postgres(folder, forgetful=True))


@pytest.fixture
def valkey(folder, run):
    return lambda: run(embedded.valkey(folder))


def sql(folder, text):
    with psycopg.connect(embedded.database_url(folder), autocommit=True) as connection:
        cursor = connection.execute(text)
        return cursor.fetchall() if cursor.description else None


# PostgreSQL -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__ if way else "directly")
def test_postgres_is_made_started_stopped_and_keeps_what_it_was_told(folder, postgres, crew, monkeypatch, way):
    monkeypatch.setattr(unprivileged, "choose", lambda: way)
    postgres()
    sql(folder, "CREATE TABLE kept AS SELECT 42 AS answer")
    crew.stop()
    assert not embedded.postgres_answers(folder)
    postgres()
    assert sql(folder, "SELECT answer FROM kept") == [(42,)]


@pytest.mark.skipif(len(WAYS) < 2, reason="only root can run PostgreSQL in two ways")
def test_data_made_in_one_way_of_not_being_root_serves_the_other_too(folder, postgres, crew, monkeypatch):
    for way in (*WAYS, WAYS[0]):
        monkeypatch.setattr(unprivileged, "choose", lambda way=way: way)
        postgres()
        sql(folder, "CREATE TABLE IF NOT EXISTS kept AS SELECT 42 AS answer")
        assert sql(folder, "SELECT answer FROM kept") == [(42,)]
        crew.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can lock itself out in favour of another user")
def test_where_the_other_user_cannot_enter_programs_and_data_live_elsewhere(folder, postgres, crew, monkeypatch):
    monkeypatch.setattr(unprivileged, "choose", lambda: unprivileged.become_nobody)
    folder.chmod(0o700)
    home = embedded._outside(folder)
    try:
        postgres()
        sockets = embedded.socket_dir(folder)
        assert sql(folder, "SELECT 1") == [(1,)]
        assert (home / "postgres" / "PG_VERSION").exists()
        assert not (folder / "postgres").exists()
        crew.stop()
        shutil.rmtree(sockets)
    finally:
        crew.stop()
        shutil.rmtree(home)


def test_a_killed_postgres_starts_again_with_everything_committed(folder, run):
    child = run(embedded.postgres(folder))
    sql(folder, "CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(child.process.pid, signal.SIGKILL)
    child.process.wait()
    run(embedded.postgres(folder))
    assert sql(folder, "SELECT answer FROM kept") == [(42,)]


def test_a_lock_file_whose_process_number_now_is_somebody_elses_does_not_stop_the_start(folder, postgres, crew):
    child = postgres()
    lock = (folder / "postgres" / "postmaster.pid").read_text()
    os.kill(child.process.pid, signal.SIGKILL)
    child.process.wait()
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        text = lock.replace(str(child.process.pid), str(stranger.pid), 1)
        (folder / "postgres" / "postmaster.pid").write_text(text)
        postgres()
        assert sql(folder, "SELECT 1") == [(1,)]
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_an_interrupted_first_start_is_begun_anew(folder, postgres):
    half = folder / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18")
    postgres()
    assert sql(folder, "SELECT current_database()") == [("uptime",)]
    assert not half.exists()


def test_ctrl_c_during_the_first_start_does_not_reach_initdb(folder):
    program = (
        "import signal, sys; from pathlib import Path; from uptime import embedded\n"
        "signal.signal(signal.SIGINT, lambda *_: None)\n"
        "embedded.postgres(Path(sys.argv[1]), forgetful=True)"
    )
    starter = subprocess.Popen([sys.executable, "-c", program, folder], start_new_session=True)
    try:
        wait_until((folder / "postgres.new" / "global" / "pg_control").exists, 60)
        os.killpg(starter.pid, signal.SIGINT)
        assert starter.wait(60) == 0
        assert (folder / "postgres" / "PG_VERSION").exists()
    finally:
        starter.kill()
        starter.wait()


def test_it_listens_on_a_private_socket_only_and_sorts_text_by_code_point(folder, postgres):
    postgres()
    assert sql(folder, "SHOW listen_addresses") == [("",)]
    assert embedded.socket_dir(folder).stat().st_mode & 0o077 == 0
    query = "SELECT string_agg(word, '' ORDER BY word), lower('Ä') FROM unnest(ARRAY['b', 'ä', 'B', 'a']) AS word"
    assert sql(folder, query) == [("Babä", "ä")]


def test_data_of_another_version_is_explained(folder):
    (folder / "postgres").mkdir()
    (folder / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedError, match=r"made by PostgreSQL 9, which is not on this machine .*DATABASE_URL"):
        embedded.postgres(folder)


def test_a_machine_without_postgres_is_told_what_to_do(folder, monkeypatch):
    monkeypatch.setattr(embedded, "_program_folders", lambda: iter([folder]))
    with pytest.raises(EmbeddedError, match=r"No PostgreSQL 14 or newer.*DATABASE_URL"):
        embedded.postgres(folder)


def test_a_machine_where_root_cannot_step_down_is_told_what_to_do(folder, monkeypatch):
    def choose():
        raise OSError("neither works")

    monkeypatch.setattr(unprivileged, "choose", choose)
    with pytest.raises(EmbeddedError, match=r"does not run as root, and neither works.*DATABASE_URL"):
        embedded.postgres(folder)


def test_the_newest_postgres_is_taken_and_an_older_cluster_keeps_its_own(folder):
    versions = {embedded._postgres_version(path) for path in embedded._program_folders()} - {None}
    assert embedded._choose_programs(folder / "postgres", folder, None)[1] == max(versions)
    (folder / "postgres").mkdir()
    for version in versions & set(range(embedded.OLDEST_POSTGRES, 30)):
        (folder / "postgres" / "PG_VERSION").write_text(f"{version}\n")
        programs, chosen = embedded._choose_programs(folder / "postgres", folder, None)
        assert chosen == embedded._postgres_version(programs) == version


def test_a_server_that_ends_at_once_is_reported_with_its_log(folder, crew):
    server = embedded.postgres(folder, forgetful=True)
    (folder / "postgres" / "postgresql.conf").write_text("nonsense = 1\n")
    child = crew.start(server.spec)
    with pytest.raises(EmbeddedError, match=r"PostgreSQL \d+ ended with status 1.*(?s:.*)nonsense"):
        embedded.wait_until_ready(server, child)


# Valkey ---------------------------------------------------------------------------------------------------------------
def test_a_killed_valkey_starts_again_with_its_data(folder, valkey):
    child = valkey()
    client = redis.Redis.from_url(embedded.redis_url(folder))
    client.set("kept", 42)
    os.kill(child.process.pid, signal.SIGKILL)
    child.process.wait()
    valkey()
    assert client.get("kept") == b"42"
    client.close()


def test_a_second_valkey_waits_until_the_first_one_let_go_of_the_socket(folder, valkey):
    first = valkey()
    second = valkey()
    assert first.process.wait(10) is not None
    assert second.alive
    assert embedded.valkey_answers(folder)


def test_valkey_listens_on_a_private_socket_only_and_never_evicts(folder, valkey):
    valkey()
    client = redis.Redis.from_url(embedded.redis_url(folder))
    assert client.config_get("port", "maxmemory-policy", "appendonly") == {
        "port": "0",
        "maxmemory-policy": "noeviction",
        "appendonly": "yes",
    }
    client.close()
    assert embedded.socket_dir(folder).stat().st_mode & 0o077 == 0


def test_a_machine_without_valkey_is_told_what_to_do(folder, monkeypatch):
    monkeypatch.setattr(embedded.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(embedded.shutil, "which", lambda name: None)
    with pytest.raises(EmbeddedError, match=r"No Valkey or Redis.*REDIS_URL"):
        embedded.valkey(folder)


def test_valkey_of_the_machine_serves_where_the_wheel_is_missing(folder, run, monkeypatch):
    program = embedded._valkey_program()[0]
    monkeypatch.setattr(embedded.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(embedded.shutil, "which", lambda name: str(program))
    run(embedded.valkey(folder))
    assert embedded.valkey_answers(folder)


# Sockets and addresses ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["short", "long" * 30, "with space", "späť", "per%cent", "que?stion"])
def test_sockets_fit_their_limit_and_a_url(name):
    folder = Path("/srv") / name
    sockets = embedded.socket_dir(folder)
    assert len(os.fsencode(sockets / f"{embedded.POSTGRES_SOCKET}.lock")) <= embedded.SOCKET_PATH_BYTES
    assert (sockets == folder / "run") == (name == "short")


def test_servers_of_a_folder_with_a_long_name_work(folder, run):
    deep = folder / ("long" * 30)
    run(embedded.valkey(deep))
    run(embedded.postgres(deep, forgetful=True))
    assert sql(deep, "SELECT 1") == [(1,)]
    shutil.rmtree(embedded.socket_dir(deep))


def test_a_socket_folder_of_somebody_else_is_not_used(tmp_path):
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)
    with pytest.raises(EmbeddedError, match="belongs to somebody else"):
        embedded.private_folder(tmp_path / "link", os.geteuid())


def test_nobody_answers_where_nothing_runs(folder):
    assert not embedded.postgres_answers(folder)
    assert not embedded.valkey_answers(folder)


def test_waiting_ends_when_we_are_asked_to_stop(folder, crew):
    server = embedded.valkey(folder)
    never = embedded.Server(server.title, server.spec, lambda: False)
    embedded.wait_until_ready(never, crew.start(server.spec), stopping=lambda: True)
    wait_until(server.answers)
