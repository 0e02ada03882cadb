"""The bench measures the real product; what it prints can be read, and what it divides by is what it says."""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from bench import alerts, floor, measure
from bench.target import BODY, Target
from uptime import environment

ROOT = Path(__file__).resolve().parents[2]


def stretch(own, **figures):
    values = {"seconds": 10.0, "checks": 100, "missed": 0, "down": 0, "p50": 1.0, "p99": 2.0}
    values |= {"behind": 0.4, "load": 0.5}
    values |= figures
    return measure.Stretch(cpu={role: own if role == "probe" else 0.0 for role in measure.COLUMNS}, **values)


def test_the_middle_one_of_several_stretches_is_shown_whole():
    found = measure.median([stretch(3.0), stretch(1.0, checks=7), stretch(2.0, checks=50)])
    assert (found.own, found.per_second) == (2.0, 5.0)


def test_a_table_has_its_columns_under_their_heads():
    lines = measure.table([("", "a", "long head"), ("name", "1,000", "2")]).splitlines()
    assert [line.rstrip().rindex(end) + len(end) for line, end in zip(lines, ("long head", "2"), strict=True)] == [
        22,
        22,
    ]
    assert lines[1].startswith("name")


def test_a_row_says_how_often_the_floor_fits_in_and_nothing_where_there_is_none():
    row = dict(zip(measure.HEAD, measure.row("http", stretch(0.6), 0.1), strict=True))
    assert (row["own CPU"], row["x floor"], row["checks/s"]) == ("0.600", "6.0", "10")
    assert measure.row("http", stretch(0.6), None)[measure.HEAD.index("x floor")] == "-"


def test_how_soon_people_were_told_is_said_with_those_who_never_were():
    told = [alerts.Told("hook/1", 100.0, 100.0 + number / 100, False) for number in range(1, 100)]
    lost = alerts.Told("hook/2", 100.0, None, False)
    assert alerts._spread("told", [each.took_s for each in told]) == "told: p50 0.50 s, p99 0.99 s, at most 0.99 s"
    assert alerts._spread("told", [each.took_s for each in [*told, lost]]).endswith("; 1 were never heard of")
    assert alerts._spread("told", []) == "told: nothing was told"


@pytest.fixture(params=["nginx", "own"])
def target(request, tmp_path, monkeypatch):
    if request.param == "own":
        monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    website = Target(tmp_path / "target")
    if request.param == "nginx" and not website.nginx:
        pytest.xfail("this machine has no nginx")
    with website:
        yield website


def test_the_target_answers_over_http_and_https_and_hangs_up(target):
    session = requests.Session()
    session.trust_env = False
    for url in (target.http, target.https):
        answer = session.get(f"{url}/7", verify=str(target.ca_file), timeout=10)
        assert (answer.status_code, answer.text, answer.headers["Connection"]) == (200, BODY, "close")


def test_the_hanging_port_accepts_and_says_nothing(target):
    host, port = target.hanging.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_a_small_run_measures_the_product():
    """Fifty checks a second for two seconds: every one is made, and costs something in each part that works on it."""
    kept = {name: value for name, value in os.environ.items() if name not in environment.KNOBS}
    command = [sys.executable, "-m", "bench", "http", "--rate", "50", "--rounds", "1", "--seconds", "2"]
    done = subprocess.run(command, cwd=ROOT, env=kept, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"^http, 50/s +(.+)$", done.stdout, re.MULTILINE)
    assert found, done.stdout
    row = dict(zip(measure.HEAD[1:], found[1].split(), strict=True))
    assert 40 <= int(row["checks/s"]) <= 60
    assert all(float(row[role]) > 0 for role in ("dispatch", "probe", "record", "postgres"))
    assert row["missed"] == "0"
    assert (row["x floor"] == "-") == (not floor.tool())
