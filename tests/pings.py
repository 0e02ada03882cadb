"""The real web server, on the database of the tests: pings arrive the way they do in production."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import requests
from django.db import connection

from tests.helpers import free_port, wait_until

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def web_server(log: Path, **knobs: str) -> Iterator[str]:
    """gunicorn with our configuration; yields its address."""
    port = free_port()
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    environment = {**os.environ, "PORT": str(port), "HOST": "127.0.0.1", "DATABASE_URL": database.geturl(), **knobs}
    command = [sys.executable, "-m", "gunicorn", "-c", "python:uptime.gunicorn", "uptime.wsgi"]
    with log.open("ab") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda: _answers(process, url, log), 60, 0.1, "the web server answers")
            yield url
        finally:
            process.terminate()
            process.wait(20)


def _answers(process: subprocess.Popen[bytes], url: str, log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    try:
        return requests.get(f"{url}/healthz", timeout=5).ok
    except requests.ConnectionError:
        return False
