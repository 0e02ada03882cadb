"""`make run` as a whole: real servers, real workers, real signals."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.helpers import free_port, wait_until
from uptime import environment, localregions, supervisor
from uptime.lib.crypto import new_key

STARTED_S = 90


class Run:
    """One `make run` on a folder, and what can be seen of it from outside."""

    def __init__(self, folder, **variables):
        self.folder = folder
        self.port = free_port()
        self.output = folder / "output"
        hidden = {*environment.KNOBS, "PYTEST_CURRENT_TEST"}
        base = {name: value for name, value in os.environ.items() if name not in hidden}
        self.environment = base | {"DATA_DIR": str(folder / "data"), "PORT": str(self.port)} | variables
        self.process = None

    def start(self, terminal=None):
        with self.output.open("a") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "uptime.supervisor"],
                env=self.environment,
                cwd=environment.BASE_DIR,
                stdout=terminal or output,
                stderr=terminal or output,
                start_new_session=True,
            )
        return self

    def until_it_says(self, text, after=0):
        def said():
            assert text in self.said(after) or self.process.poll() is None, self.said(after)
            return text in self.said(after)

        wait_until(said, STARTED_S, every=0.1, what=f"{text!r} in {self.said(after)}")
        return self

    def said(self, after=0):
        return self.output.read_text()[after:]

    def processes(self):
        return processes_of(self.folder)

    def one(self, words):
        """The number of the oldest process with these words in its command line."""
        return min((pid for pid, line in self.processes().items() if words in line), default=None)

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return answer.status, answer.headers, answer.read().decode()

    def end(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(60)
        wait_until(lambda: not self.processes(), 15, what=f"still there: {self.processes()}")
        return code


def processes_of(folder):
    """Command lines of everything that has to do with the folder, by process number."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes()
            about = line + (entry / "environ").read_bytes() + os.fsencode((entry / "cwd").readlink())
        except OSError:
            continue
        if os.fsencode(folder) in about and line:
            found[int(entry.name)] = line.replace(b"\0", b" ").decode()
    return found


def kill_all(folder):
    for pid in processes_of(folder):
        with suppress(ProcessLookupError):  # the end of one may end another
            os.kill(pid, signal.SIGKILL)


@contextmanager
def fresh_folder():
    """Short, open to the user PostgreSQL runs as, and gone afterwards with all that runs in it."""
    path = Path(tempfile.mkdtemp(prefix="up-"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        kill_all(path)
        wait_until(lambda: not processes_of(path))
        shutil.rmtree(path)


@pytest.fixture
def folder():
    with fresh_folder() as path:
        yield path


@pytest.fixture(scope="module")
def site():
    with fresh_folder() as path:
        run = Run(path).start().until_it_says("Ctrl-C")
        yield run
        run.end()


# A running site -------------------------------------------------------------------------------------------------------
def test_it_says_how_long_each_step_took_and_where_the_site_is(site):
    said = site.said()
    for step in ("PostgreSQL", "Valkey", "The database is up to date", "The site answers"):
        assert re.search(rf"^  {step}.* \(\d+\.\d s\)$", said, re.MULTILINE), step
    assert f"http://127.0.0.1:{site.port}" in said


def test_the_site_answers_and_proves_that_it_is_this_one(site):
    nonce = json.loads((site.folder / "data" / "environment.json").read_text())["INSTANCE_NONCE"]
    status, headers, _ = site.get("/healthz")
    assert (status, headers["X-Uptime-Instance"]) == (200, nonce)
    assert supervisor.site_answers("127.0.0.1", site.port, nonce)
    assert not supervisor.site_answers("127.0.0.1", site.port, "0" * 32)
    assert site.get("/readyz")[0] == 200


def test_a_stranger_on_the_port_is_not_taken_for_the_site():
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        stranger.listen()
        assert not supervisor.site_answers("127.0.0.1", free_port(), "nonce")


def test_commands_work_beside_it_with_no_variable_but_the_folder(site):
    few = {"PATH": os.defpath, "DATA_DIR": str(site.folder / "data")}
    code = "from monitors.models import Region; print(list(Region.objects.values_list('slug', flat=True)))"
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", code]
    done = subprocess.run(command, env=few, cwd=environment.BASE_DIR, capture_output=True, text=True, timeout=60)
    assert "'local'" in done.stdout, done.stderr
    assert site.get("/readyz")[0] == 200  # the command did not stop the servers


def test_a_regional_worker_knows_its_key_and_no_secret_of_the_centre(site):
    worker = wait_until(lambda: site.one("checks.local"))
    pairs = Path(f"/proc/{worker}/environ").read_text().rstrip("\0").split("\0")
    names = {pair.split("=")[0] for pair in pairs}
    assert {"REGION_ID", "REGION_KEY", "BROKER_URL", "ALLOW_PRIVATE_TARGETS"} <= names
    assert names & {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "FIELD_KEYS", "SETUP_TOKEN"} == set()


def test_a_region_added_on_this_machine_gets_a_worker_until_it_is_removed(site):
    data = site.folder / "data"
    before = localregions.read(data)
    localregions.write({**before, "second": new_key()}, data)
    wait_until(lambda: site.one("checks.second"))
    localregions.write(before, data)
    wait_until(lambda: not site.one("checks.second"), 30)
    assert site.one("checks.local")


def test_a_second_one_on_the_same_folder_is_told_who_runs(site):
    second = subprocess.run(
        [sys.executable, "-m", "uptime.supervisor"], env=site.environment, cwd=environment.BASE_DIR,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert second.returncode == 1
    assert f"in use by make run (process {site.process.pid})" in second.stdout
    assert "Traceback" not in second.stdout + second.stderr
    assert (site.folder / "data" / "environment.json").exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("web", "uptime.wsgi"),
        ("beat", "uptime.celery beat"),
        ("control", "-Q control"),
        ("results", "uptime.results"),
        ("region local", "checks.local"),
        ("practice", "uptime.practice"),
        ("valkey", "valkey.sock"),
        ("postgres", "/postgres --"),
    ],
)
def test_whatever_is_killed_is_reported_and_comes_back(site, name, words):
    words = "-D " + str(site.folder / "data/postgres") if name == "postgres" else words
    victim, said = wait_until(lambda: site.one(words)), len(site.said())
    os.kill(victim, signal.SIGKILL)
    site.until_it_says(f"{name} was ended by SIGKILL; starting again in", after=said)
    wait_until(lambda: site.one(words) not in (victim, None), 30)
    wait_until(lambda: ready(site), 60, every=0.2)


def ready(site):
    try:
        return site.get("/readyz")[0] == 200
    except OSError:
        return False


# Ends -----------------------------------------------------------------------------------------------------------------
def test_a_killed_supervisor_takes_everything_along_and_the_next_start_finds_all_data(site):
    data = site.folder / "data"
    code = "from accounts.models import Team; Team.objects.create(name='kept')"
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c"]
    few = {"PATH": os.defpath, "DATA_DIR": str(data)}
    run = {"env": few, "cwd": environment.BASE_DIR, "capture_output": True, "text": True, "timeout": 60}
    subprocess.run([*command, code], check=True, **run)
    secrets = (data / "secrets.json").read_text()
    site.end(signal.SIGKILL)
    said = len(site.said())
    site.start().until_it_says("Ctrl-C", after=said)
    code = "from accounts.models import Team; print(Team.objects.filter(name='kept').count())"
    assert subprocess.run([*command, code], check=True, **run).stdout == "1\n"
    assert (data / "secrets.json").read_text() == secrets


def test_killed_all_at_once_it_starts_again(site):
    kill_all(site.folder)
    site.process.wait()
    said = len(site.said())
    site.start().until_it_says("Ctrl-C", after=said)
    assert ready(site)


def test_a_closed_terminal_stops_it_like_any_other_signal(site):
    said = len(site.said())
    assert site.end(signal.SIGHUP) == 0
    assert "Everything has stopped" in site.said(said)
    assert not (site.folder / "data" / "environment.json").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_asked_to_stop_while_starting_it_leaves_nothing_behind(folder, number):
    run = Run(folder).start().until_it_says("is ready (")
    assert run.end(number) == 0
    assert "Traceback" not in run.said()


def test_a_terminal_that_closes_under_it_stops_it_even_if_no_signal_comes(folder):
    ours, terminal = os.openpty()
    run = Run(folder).start(terminal)
    os.close(terminal)
    said = b""
    while b"is ready (" not in said:
        said += os.read(ours, 1000)
    os.close(ours)
    assert run.process.wait(60) == 0
    wait_until(lambda: not run.processes(), 15)


def test_nohup_keeps_it_running_without_a_terminal(folder):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # what nohup does, and children inherit
    try:
        run = Run(folder).start()
    finally:
        signal.signal(signal.SIGHUP, before)
    run.until_it_says("Starting Uptime")
    run.process.send_signal(signal.SIGHUP)
    run.until_it_says("is ready (")
    assert run.end() == 0
    assert "SIGTERM: stopping everything" in run.said()


# Open to others -------------------------------------------------------------------------------------------------------
def test_on_all_addresses_the_first_sign_up_needs_the_printed_token(folder, monkeypatch):
    run = Run(folder, HOST="0.0.0.0").start().until_it_says("Ctrl-C")
    token = json.loads((folder / "data" / "secrets.json").read_text())["SETUP_TOKEN"]
    published = json.loads((folder / "data" / "environment.json").read_text())
    assert f"The first sign-up asks for this set-up token:  {token}" in run.said()
    assert (published["SETUP_TOKEN"], published["ALLOW_PRIVATE_TARGETS"]) == (token, "0")
    monkeypatch.setenv("DATABASE_URL", published["DATABASE_URL"])
    assert not supervisor.has_account()  # which is why it was printed
    code = "from accounts.models import User; User.objects.create(username='owner')"
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", code]
    subprocess.run(command, env=run.environment, cwd=environment.BASE_DIR, check=True, timeout=60)
    assert supervisor.has_account()
    run.end()


# Refusals -------------------------------------------------------------------------------------------------------------
def refused(run):
    """What it says; it must be one paragraph, and nothing may be left running."""
    assert run.start().process.wait(60) == 1
    assert "Traceback" not in run.said()
    assert run.processes() == {}
    return run.said()


def test_a_taken_port_is_named_with_the_way_out(folder):
    run = Run(folder)
    with socket.create_server(("127.0.0.1", run.port)):
        said = refused(run)
    assert f"Port {run.port} on 127.0.0.1 is taken by another program" in said
    assert "PORT=" in said
    assert not (folder / "data" / "postgres").exists()


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"PORT": "eighty"}, "PORT is 'eighty': use a whole number"),
        ({"PORT": "70000"}, "PORT is 70000: use a number from 1 to 65535"),
        ({"HOST": "192.0.2.1"}, "Cannot listen on 192.0.2.1"),
        ({"HOST": "no.such.host.invalid"}, "Cannot listen on no.such.host.invalid"),
        ({"ALLOW_PRIVATE_TARGETS": "perhaps"}, "ALLOW_PRIVATE_TARGETS is 'perhaps': use 1 or 0"),
        ({"DATA_DIR": "/dev/null/x"}, "The data folder /dev/null/x cannot be written"),
        ({"DEFAULT_CHECK_INTERVAL": "0"}, "DEFAULT_CHECK_INTERVAL is 0: use a number from 1 to 86400"),
    ],
)
def test_a_setting_that_cannot_work_is_named(folder, variables, words):
    assert words in refused(Run(folder, **variables))


@pytest.mark.parametrize(
    ("name", "url", "words"),
    [
        ("DATABASE_URL", "postgresql://127.0.0.1:{port}/uptime", "refused"),
        ("REDIS_URL", "redis://127.0.0.1:{port}/0", "refused"),
        ("BROKER_URL", "amqp://127.0.0.1:{port}//", "refused"),
    ],
)
def test_a_server_that_the_environment_names_and_is_not_there_is_named(folder, monkeypatch, name, url, words):
    for other in supervisor.GIVEN_SERVERS:
        monkeypatch.delenv(other)
    monkeypatch.setenv(name, url.format(port=free_port()))
    monkeypatch.setattr(supervisor, "GIVEN_S", 0)
    with pytest.raises(supervisor.EmbeddedError, match=rf"The server of {name} does not answer: (?s:.*){words}"):
        supervisor.Supervisor().check_given_servers()


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ('Traceback:\n  File "x.py", line 1\n    raise\nValueError: what to do', "ValueError: what to do"),
        (
            'Traceback:\n  File "x.py", line 1\n    raise\nError: no server.\n\tIs it on?',
            "Error: no server.\nIs it on?",
        ),
        ("first\nlast", "first\nlast"),
        ("", ""),
    ],
)
def test_of_output_that_ends_in_a_traceback_only_the_error_is_shown(text, last):
    assert supervisor.last_words(text.splitlines()) == last


def test_data_of_another_postgres_is_explained(folder):
    cluster = folder / "data" / "postgres"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("9\n")
    assert "made by PostgreSQL 9, which is not on this machine" in refused(Run(folder))


def test_damaged_secrets_are_explained_and_kept(folder):
    path = folder / "data" / "secrets.json"
    path.parent.mkdir()
    path.write_text("{")
    assert "restore it from a backup" in refused(Run(folder))
    assert path.read_text() == "{"
