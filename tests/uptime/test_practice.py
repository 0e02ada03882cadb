"""The practice website: a real process, visited over real sockets."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from urllib.parse import urlsplit

import pytest

from tests.helpers import free_port, wait_until
from uptime import practice
from uptime.embedded import socket_dir


@pytest.fixture
def start(data_dir):
    running = []

    def start(port=0):
        environment = os.environ | {"DATA_DIR": str(data_dir), "PRACTICE_PORT": str(port)}
        process = subprocess.Popen([sys.executable, "-m", "uptime.practice"], env=environment)
        running.append(process)
        wait_until(practice.get_mode)
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()


@pytest.fixture
def site(start):
    return start()


def visit(method="GET", timeout=5.0):
    connection = http.client.HTTPConnection(urlsplit(practice.practice_url()).netloc, timeout=timeout)
    try:
        connection.request(method, "/")
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_it_is_healthy_at_first_and_friendly(site):
    status, body = visit()
    assert status == 200
    assert "Everything is fine" in body
    assert practice.get_mode() == "healthy"


def test_head_has_no_body(site):
    assert visit("HEAD") == (200, "")


def test_error_answers_500_until_it_is_healed(site):
    practice.set_mode("error")
    assert visit()[0] == 500
    assert practice.get_mode() == "error"
    practice.set_mode("healthy")
    assert visit()[0] == 200


def test_slow_answers_after_three_seconds(site):
    practice.set_mode("slow")
    began = time.monotonic()
    assert visit()[0] == 200
    assert 2.9 <= time.monotonic() - began < 4.5


def test_refuse_refuses_connections_and_healing_opens_the_same_port(site):
    url = practice.practice_url()
    practice.set_mode("refuse")
    with pytest.raises(ConnectionRefusedError):
        visit()
    practice.set_mode("healthy")
    assert (visit()[0], practice.practice_url()) == (200, url)


def test_hang_takes_the_connection_and_says_nothing(site):
    practice.set_mode("hang")
    with pytest.raises(TimeoutError):
        visit(timeout=0.5)
    practice.set_mode("healthy")
    assert visit()[0] == 200


def test_it_cannot_heal_while_another_program_has_its_port(site):
    practice.set_mode("refuse")
    port = urlsplit(practice.practice_url()).port
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(ValueError, match=f"port {port} cannot be opened again"):
            practice.set_mode("healthy")
        assert practice.get_mode() == "refuse"
    practice.set_mode("healthy")
    assert visit()[0] == 200


def test_an_unknown_mode_is_refused_before_it_is_sent(site):
    with pytest.raises(ValueError, match="healthy, error, slow, refuse, hang"):
        practice.set_mode("explode")


def test_a_restart_keeps_the_address_and_heals(start):
    first = start()
    url = practice.practice_url()
    practice.set_mode("error")
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert practice.get_mode() is None
    start()
    assert (practice.practice_url(), practice.get_mode()) == (url, "healthy")


def test_a_configured_port_is_used(start):
    port = free_port()
    start(port)
    assert practice.practice_url() == f"http://127.0.0.1:{port}/"


def test_a_taken_port_of_the_last_time_is_replaced(start, data_dir):
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        taken = stranger.getsockname()[1]
        (data_dir / "practice.json").write_text(json.dumps({"port": taken}))
        start()
        assert urlsplit(practice.practice_url()).port != taken
        assert visit()[0] == 200


def test_it_ends_when_told(site):
    site.terminate()
    assert site.wait(5) == 0


def test_its_switch_is_private(site, data_dir):
    assert socket_dir(data_dir).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"port": "x"}'])
def test_without_a_practice_website_there_is_no_url_and_no_mode(data_dir, text):
    (data_dir / "practice.json").write_text(text)
    assert practice.practice_url() is None
    assert practice.get_mode() is None
    with pytest.raises(OSError):  # noqa: PT011 - a missing socket, a refused connection: the system's own words
        practice.set_mode("error")
