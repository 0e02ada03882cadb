"""What follows from where the site listens and what it is called."""

import os
import subprocess
import sys

import pytest

from tests.product import ROOT

ASK = "from uptime import settings; print(settings.LOOPBACK, *settings.ALLOWED_HOSTS)"


@pytest.mark.parametrize(
    ("knobs", "loopback", "hosts"),
    [
        ({}, True, {"localhost"}),
        ({"BASE_URL": "https://uptime.example.com"}, False, {"uptime.example.com", "localhost"}),
        ({"HOST": "0.0.0.0"}, False, {"localhost"}),
        ({"HOST": "0.0.0.0", "ALLOWED_HOSTS": "a.example"}, False, {"a.example"}),
    ],
    ids=["this machine", "behind a proxy", "every interface", "named hosts"],
)
def test_a_site_is_private_only_when_it_listens_on_and_is_called_loopback(knobs, loopback, hosts):
    env = {**os.environ, "BASE_URL": "", "HOST": "127.0.0.1", "ALLOWED_HOSTS": "", **knobs}
    said = subprocess.run([sys.executable, "-c", ASK], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    found, *allowed = said.stdout.split()
    assert found == str(loopback)
    assert hosts <= set(allowed)
