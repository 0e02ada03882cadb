"""Who fills in which variable, and what is started for it."""

import json
import os
import shutil
import stat

import pytest

from uptime import embedded, environment, secrets
from uptime.embedded import EmbeddedError
from uptime.lib import unprivileged
from uptime.lib.proc import Crew

OWN = {"DATABASE_URL": "postgresql://db/uptime", "REDIS_URL": "redis://cache/0"}


@pytest.fixture
def bare(data_dir, monkeypatch):
    """An environment that says nothing but DATA_DIR; it is put back afterwards."""
    for name in environment.KNOBS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATA_DIR", str(data_dir))
    before = dict(os.environ)
    monkeypatch.setattr(environment, "_filled", [])
    yield data_dir
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def no_servers(monkeypatch):
    def start(*args, **kwargs):
        raise AssertionError("a server was started")

    monkeypatch.setattr(environment, "start_servers", start)


def during(*command):
    """The environment a `manage.py` command sees."""
    with environment.for_command(["manage.py", *command]):
        return dict(os.environ)


@pytest.mark.usefixtures("no_servers")
def test_what_the_environment_says_wins(bare, monkeypatch):
    full = OWN | {"BROKER_URL": "amqp://rabbit", "SECRET_KEY": "s", "FIELD_KEYS": "f"}
    for name, value in full.items():
        monkeypatch.setenv(name, value)
    assert full.items() <= during("migrate").items()


@pytest.mark.usefixtures("no_servers")
def test_secrets_of_an_operators_own_installation_are_never_invented(bare, monkeypatch):
    for name, value in OWN.items():
        monkeypatch.setenv(name, value)
    seen = during("migrate")
    assert "SECRET_KEY" not in seen
    assert "FIELD_KEYS" not in seen
    assert seen["BROKER_URL"] == "redis://cache/0"
    assert not (bare / "secrets.json").exists()


@pytest.mark.usefixtures("no_servers")
def test_secrets_that_make_run_stored_serve_its_commands(bare, monkeypatch):
    for name, value in OWN.items():
        monkeypatch.setenv(name, value)
    stored = secrets.read_or_create(bare)
    seen = during("migrate")
    assert (seen["SECRET_KEY"], seen["FIELD_KEYS"]) == (stored["SECRET_KEY"], stored["FIELD_KEYS"])
    assert "SETUP_TOKEN" not in seen


@pytest.mark.usefixtures("no_servers")
@pytest.mark.parametrize("command", [(), ("help",), ("check",), ("collectstatic", "--noinput"), ("migrate", "--help")])
def test_commands_without_a_database_start_and_write_nothing(bare, command):
    seen = during(*command)
    assert all(seen[name] for name in environment.NEEDED)
    assert list(bare.iterdir()) == []


@pytest.mark.parametrize("command", [("migrate",), ("check", "--database", "default"), ("shell",)])
def test_other_commands_start_servers_and_stop_them(bare, monkeypatch, command):
    def start(crew, folder):
        started.append(environment.owned(folder))
        environment.fill_urls(folder)

    started = []
    monkeypatch.setattr(environment, "start_servers", start)
    assert all(during(*command)[name] for name in environment.NEEDED)
    assert started == [True]
    assert not environment.owned(bare)
    assert not (bare / "environment.json").exists()


def test_a_command_really_reaches_the_servers_it_started_and_a_second_one_joins_it(bare):
    with environment.for_command(["manage.py", "shell"]):
        assert embedded.postgres_answers(bare)
        assert embedded.valkey_answers(bare)
        url = os.environ["DATABASE_URL"]
        environment.forget()
        assert during("migrate")["DATABASE_URL"] == url
        assert embedded.postgres_answers(bare)
    assert not embedded.postgres_answers(bare)
    assert not embedded.valkey_answers(bare)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can lock itself out in favour of another user")
def test_the_first_start_finds_both_servers_where_postgres_cannot_enter_the_data_folder(bare, monkeypatch):
    monkeypatch.setattr(unprivileged, "choose", lambda: unprivileged.become_nobody)
    monkeypatch.setattr(embedded, "START_S", 20.0)
    bare.chmod(0o700)
    crew = Crew(lambda name, text, log: None)
    try:
        environment.start_servers(crew, bare, forgetful=True)
        assert embedded._outside(bare).exists()
        assert embedded.postgres_answers(bare)
        assert embedded.valkey_answers(bare)
    finally:
        crew.stop()
        shutil.rmtree(embedded.socket_dir(bare))
        shutil.rmtree(embedded._outside(bare))


@pytest.mark.usefixtures("no_servers")
def test_beside_a_running_owner_its_environment_is_taken_over(bare, monkeypatch):
    handle = environment.lock(bare, "make run")
    monkeypatch.setenv("PORT", "9000")
    monkeypatch.setenv("DATABASE_URL", "postgresql://db/uptime")
    environment.publish(bare)
    monkeypatch.delenv("PORT")
    monkeypatch.delenv("DATABASE_URL")
    assert (during("migrate")["PORT"], os.environ["DATABASE_URL"]) == ("9000", "postgresql://db/uptime")
    os.close(handle)


@pytest.mark.usefixtures("no_servers")
def test_what_a_killed_owner_left_behind_counts_for_nothing(bare):
    (bare / "environment.json").write_text(json.dumps({"PORT": "9000"}))
    assert "PORT" not in during("check")


def test_the_published_environment_is_private_and_holds_no_foreign_variable(bare, monkeypatch):
    monkeypatch.setenv("SOMETHING_ELSE", "x")
    monkeypatch.setenv("SECRET_KEY", "s")
    environment.publish(bare)
    path = bare / "environment.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text()) == {"DATA_DIR": str(bare), "SECRET_KEY": "s"}


def test_a_data_folder_has_one_owner_and_the_second_is_told_who(bare):
    handle = environment.lock(bare, "make run")
    with pytest.raises(EmbeddedError, match=rf"in use by make run \(process {os.getpid()}\).*PORT"):
        environment.lock(bare, "manage.py shell", patience_s=0)
    os.close(handle)
    os.close(environment.lock(bare, "manage.py shell", patience_s=0))


@pytest.mark.parametrize("kind", ["file in the way", "file instead"])
def test_a_data_folder_that_cannot_be_written_is_explained(bare, monkeypatch, kind):
    (bare / "file").write_text("")
    monkeypatch.setenv("DATA_DIR", str(bare / "file" / "deeper" if kind == "file in the way" else bare / "file"))
    with pytest.raises(EmbeddedError, match=r"cannot be written.*DATA_DIR"):
        environment.make_data_dir()


def test_without_data_dir_the_folder_is_var_beside_manage_py(bare, monkeypatch):
    monkeypatch.delenv("DATA_DIR")
    assert environment.data_dir() == environment.BASE_DIR / "var"
    assert os.environ["DATA_DIR"] == str(environment.BASE_DIR / "var")


def test_filling_in_takes_empty_for_unset_and_can_be_taken_back(bare, monkeypatch):
    monkeypatch.setenv("HOST", "")
    monkeypatch.setenv("PORT", "9000")
    environment.fill({"HOST": "::1", "PORT": "1"})
    assert (os.environ["HOST"], os.environ["PORT"]) == ("::1", "9000")
    environment.forget()
    assert "HOST" not in os.environ
    assert os.environ["PORT"] == "9000"
