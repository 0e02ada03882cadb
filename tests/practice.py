"""The practice website for tests: the real process, on a port of its own choice, in the DATA_DIR of the test."""

import os
import subprocess
import sys
from contextlib import contextmanager

from tests.helpers import wait_until
from uptime import practice


@contextmanager
def practice_website():
    """Runs as long as the block; gives its address. The caller has set DATA_DIR."""
    process = subprocess.Popen([sys.executable, "-m", "uptime.practice"], env={**os.environ, "PRACTICE_PORT": "0"})
    try:
        wait_until(lambda: practice.practice_url() and practice.get_mode(), what="the practice website runs")
        yield practice.practice_url()
    finally:
        process.terminate()
        process.wait(10)
