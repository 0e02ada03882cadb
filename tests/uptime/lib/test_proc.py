"""Processes that are restarted when they die, stopped in order, and never outlive us."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers import wait_until
from uptime.lib import proc
from uptime.lib.proc import Child, Crew, Spec

SLEEP = "import time; time.sleep(60)"


@pytest.fixture
def told():
    return []


@pytest.fixture
def crew(told):
    crew = Crew(lambda name, text, log: told.append((name, text, log)))
    yield crew
    crew.stop(hurry=lambda: True)


@pytest.fixture
def spec(tmp_path):
    def make(name, code, **more):
        return Spec(name, (sys.executable, "-c", code), tmp_path / f"{name}.log", **more)

    return make


def says(path, text):
    wait_until(lambda: path.exists() and text in path.read_text(), what=f"{text} in {path}")


def exists(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_process_that_dies_is_reported_with_its_last_words_and_started_again(crew, spec, told):
    child = crew.start(spec("worker", f"print('out of luck', flush=True); {SLEEP}"))
    says(child.spec.log, "out of luck")
    first = child.process.pid
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: crew.tend() or (child.process and child.alive and child.process.pid != first))
    assert told == [("worker", "was ended by SIGKILL; starting again in 0.5 s", ["out of luck"])]


def test_a_process_that_cannot_run_is_tried_ever_more_rarely_and_never_given_up(spec):
    child, now, delays = Child(spec("worker", "")), 0.0, []
    for _ in range(8):
        child.started_at = now
        delays.append(child.schedule_restart(now))
    assert delays == [0.5, 1, 2, 4, 8, 8, 8, 8]


def test_a_process_that_ran_for_long_starts_again_at_once(spec):
    child = Child(spec("worker", ""))
    child.failures = 7
    assert child.schedule_restart(proc.STEADY_S) == 0.5


def test_a_vanished_program_is_tried_again_later(crew, spec, told, tmp_path):
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\nexec {sys.executable} -c '{SLEEP}'\n")
    program.chmod(0o755)
    child = crew.start(Spec("worker", (str(program),), tmp_path / "worker.log"))
    program.rename(tmp_path / "elsewhere")
    os.kill(child.process.pid, signal.SIGKILL)
    wait_until(lambda: crew.tend() or len(told) == 2)
    assert "cannot be started" in told[1][1]
    (tmp_path / "elsewhere").rename(program)
    wait_until(lambda: crew.tend() or (child.process and child.alive))


def test_a_program_that_is_missing_from_the_start_is_an_error(crew, tmp_path):
    with pytest.raises(FileNotFoundError):
        crew.start(Spec("worker", (str(tmp_path / "nothing"),), tmp_path / "worker.log"))


def test_everything_stops_rank_by_rank(crew, spec, tmp_path):
    order = tmp_path / "order"
    code = (
        "import signal, sys, time\n"
        "def leave(*_):\n"
        "    time.sleep(0.1); open({order!r}, 'a').write({name!r} + ' '); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, leave); print('ready', flush=True); time.sleep(60)"
    )
    for name, rank in (("last", 3), ("first", 1), ("middle", 2)):
        says(crew.start(spec(name, code.format(order=str(order), name=name), rank=rank)).spec.log, "ready")
    crew.stop()
    assert order.read_text().split() == ["first", "middle", "last"]


def test_a_process_that_ignores_the_stop_signal_is_killed_after_its_grace(crew, spec):
    code = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); {SLEEP}"
    child = crew.start(spec("deaf", code, grace_s=0.2))
    says(child.spec.log, "deaf")
    began = time.monotonic()
    crew.stop()
    assert 0.2 <= time.monotonic() - began < 5
    assert child.process.returncode == -signal.SIGKILL


def test_whoever_is_in_a_hurry_does_not_wait_for_the_grace(crew, spec):
    code = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); {SLEEP}"
    child = crew.start(spec("deaf", code, grace_s=60))
    says(child.spec.log, "deaf")
    crew.stop(hurry=lambda: True)
    assert child.process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("end", ["stop", "crash"])
def test_what_a_process_started_itself_ends_with_it(crew, spec, told, end):
    code = (
        f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {SLEEP!r}]).pid, flush=True); {SLEEP}"
    )
    child = crew.start(spec("parent", code))
    grandchild = int(wait_until(child.spec.log.read_text))
    if end == "stop":
        crew.stop()
    else:
        os.kill(child.process.pid, signal.SIGKILL)
        wait_until(lambda: crew.tend() or told)
    wait_until(lambda: not exists(grandchild))


@pytest.mark.skipif(not proc.LINUX, reason="only Linux ends the children of a killed parent")
def test_children_do_not_outlive_a_killed_parent(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from uptime.lib.proc import Crew, Spec\n"
        "sleep = (sys.executable, '-c', 'import time; time.sleep(60)')\n"
        "child = Crew(print).start(Spec('worker', sleep, Path(sys.argv[1])))\n"
        "print(child.process.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, tmp_path / "log"], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_until(lambda: not exists(child))


def test_assigning_starts_the_new_restarts_the_changed_and_stops_the_missing(crew, spec, told):
    crew.assign([spec("kept", SLEEP), spec("changed", SLEEP), spec("dropped", SLEEP)], [])
    crew.tend()
    before = {name: child.process for name, child in crew.children.items()}
    changed = spec("changed", SLEEP, env={"PATH": os.defpath, "NEW": "1"})
    crew.assign([spec("kept", SLEEP), changed, spec("added", SLEEP)], list(before))
    wait_until(lambda: crew.tend() or all(child.process and child.alive for child in crew.children.values()))
    assert set(crew.children) == {"kept", "changed", "added"}
    assert crew.children["kept"].process is before["kept"]
    assert crew.children["changed"].process is not before["changed"]
    assert before["changed"].wait(10) == before["dropped"].wait(10) == -signal.SIGTERM
    assert told == []


def test_a_changed_process_starts_only_when_the_old_one_is_gone(crew, spec):
    slow = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    crew.assign([spec("region", slow, grace_s=0.3)], [])
    crew.tend()
    old = crew.children["region"].process
    says(crew.children["region"].spec.log, "deaf")
    crew.assign([spec("region", SLEEP)], ["region"])

    def started():
        crew.tend()
        new = crew.children["region"].process
        assert new is None or old.returncode is not None
        return new

    wait_until(started)
    assert old.returncode == -signal.SIGKILL


def test_a_log_is_cut_under_its_writer_and_one_older_file_kept(tmp_path):
    path = tmp_path / "worker.log"
    with proc.open_log(path) as log:
        log.write(b"old " * 100)
        log.flush()
        proc.rotate(path, above=100)
        log.write(b"new")
    assert path.read_bytes() == b"new"
    assert (tmp_path / "worker.log.1").read_bytes() == b"old " * 100


def test_a_small_log_and_a_missing_one_stay_as_they_are(tmp_path):
    path = tmp_path / "worker.log"
    proc.rotate(path, above=10)
    path.write_text("short")
    proc.rotate(path, above=10)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["worker.log"]


@pytest.mark.parametrize(
    ("text", "last"),
    [("", []), ("a\nb\nc\n", ["b", "c"]), ("x" * 10_000 + "\nlast\n", ["x" * 4090, "last"])],
)
def test_the_last_lines_of_a_log(tmp_path, text, last):
    (tmp_path / "log").write_text(text)
    assert proc.tail(tmp_path / "log", lines=2) == last


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "ended with status 0"),
        (3, "ended with status 3"),
        (-9, "was ended by SIGKILL"),
        (-99, "was ended by signal 99"),
    ],
)
def test_how_a_process_ended_in_words(code, words):
    assert proc.how_it_ended(code) == words
