"""`manage.py doctor`: what it prints, what it exits with, and that nothing keeps it waiting."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import timezone

from monitors.models import DeadLetter, Pulse
from tests.helpers import free_port
from tests.uptime.pipeline.cast import black_hole, put_pulses
from uptime.management.commands import doctor

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database, pytest.mark.broker]

ROOT = Path(__file__).resolve().parents[2]


def run(capsys, *options):
    """What it prints, and its exit status."""
    try:
        call_command("doctor", *options)
    except SystemExit as end:
        return capsys.readouterr().out, end.code
    return capsys.readouterr().out, 0


@pytest.fixture
def well():
    """Every part has just worked."""
    put_pulses()


def test_it_is_content_when_all_is_well(capsys, well):
    text, status = run(capsys)
    assert "All is well." in text
    assert "ok       Beat: Last word" in text
    assert status == 0


def test_a_problem_says_what_is_wrong_and_the_way_out(capsys, well):
    Pulse.objects.filter(name="dispatch").update(at=timezone.now() - timezone.timedelta(minutes=2))
    text, status = run(capsys, "--no-color")
    assert "PROBLEM  Dispatch: Last run 2 min ago" in text
    assert "No run has succeeded since" in text
    assert "-> Look into the log of the process `control`" in text
    assert "More: docs/troubleshooting.md, “Checks have not run”" in text
    assert "1 problem." in text
    assert status == 2


@pytest.mark.parametrize(("options", "status"), [([], 0), (["--strict"], 1)])
def test_warnings_matter_to_the_strict_only(capsys, well, options, status):
    DeadLetter.objects.create(error="x", payload="y")
    text, code = run(capsys, *options)
    assert code == status
    assert "1 warning." in text


def test_the_quiet_hear_of_nothing_that_is_well(capsys, well):
    assert run(capsys, "--quiet") == ("", 0)
    DeadLetter.objects.create(error="x", payload="y")
    text, _ = run(capsys, "--quiet")
    assert text.startswith("WARNING  Dead letters")


def test_programs_get_json(capsys, well):
    DeadLetter.objects.create(error="x", payload="y")
    text, status = run(capsys, "--json")
    told = json.loads(text)
    assert (told["state"], status) == ("warning", 0)
    letters = next(part for part in told["parts"] if part["key"] == "letters")
    assert letters["figures"][0] == {"label": "Kept", "value": 1, "unit": "count", "full": None}
    assert letters["problems"][0]["see"] == "Dead letters"


def test_what_nobody_thought_of_is_given_up(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "PATIENCE_S", 0.2)
    over = threading.Event()
    monkeypatch.setattr(doctor, "gather", over.wait)
    text, status = run(capsys)
    over.set()
    assert "could not be looked at within" in text
    assert status == 2


# A process of its own: servers that are away, or hang -----------------------------------------------------------------
def alone(**knobs):
    """The command with these variables in place of ours: (what it prints, exit status, seconds)."""
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "manage.py", "doctor"],
        cwd=ROOT,
        env={**os.environ, **knobs},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout, done.returncode, time.monotonic() - begun


def test_without_any_server_it_says_so_at_once_and_starts_none(tmp_path):
    servers = {"DATABASE_URL": "", "REDIS_URL": "", "BROKER_URL": "", "DATA_DIR": str(tmp_path)}
    text, status, seconds = alone(**servers)
    assert text.count("It does not answer:") == 2
    assert (status, list(tmp_path.iterdir())) == (2, [])
    assert seconds < 20


def test_servers_that_hang_keep_it_for_some_seconds():
    with black_hole() as hole:
        text, status, seconds = alone(
            DATABASE_URL=f"postgresql://u@127.0.0.1:{hole.port}/x",
            REDIS_URL=f"redis://127.0.0.1:{hole.port}/0",
            BROKER_URL=f"redis://127.0.0.1:{hole.port}/1",
        )
    assert text.count("It does not answer:") == 3
    assert status == 2
    assert seconds < doctor.PATIENCE_S + 8  # with the start of Python on a busy machine


def test_a_rabbitmq_that_is_away_is_told_too():
    text, status, _ = alone(BROKER_URL=f"amqp://u:p@127.0.0.1:{free_port()}/x")
    assert "PROBLEM  Broker: Answers no" in text
    assert status == 2
