"""Messages to the real providers, for whoever has credentials: LIVE_<KIND> holds a kind's options as JSON, as in

LIVE_NTFY='{"topic": "…"}' pytest -m live tests/alerts/channels/test_live.py

For email, LIVE_EMAIL_URL is the mail server, as EMAIL_URL names it, and LIVE_EMAIL_FROM the sender.
"""

import json
import os
from dataclasses import replace

import pytest

from alerts.channels.base import KINDS, Event
from alerts.transport import Transport
from tests.alerts.channels.messages import make_message
from uptime.lib.net import Guard

pytestmark = pytest.mark.live


@pytest.mark.parametrize("name", [kind.name for kind in KINDS if not kind.to_browsers])  # those have a page: Browsers
def test_the_provider_takes_an_outage_and_its_end(name, settings):
    settings.EMAIL_URL = os.environ.get("LIVE_EMAIL_URL", "")
    settings.DEFAULT_FROM_EMAIL = os.environ.get("LIVE_EMAIL_FROM", settings.DEFAULT_FROM_EMAIL)
    given = os.environ.get(f"LIVE_{name.upper()}")
    if not given:
        pytest.skip(f"LIVE_{name.upper()} is not set")
    kind = KINDS.get(name)
    form = kind.Options.of(json.loads(given))
    assert form.is_valid(), form.errors.as_text()
    down = make_message(title="Test: the shop is down", text="Nothing is wrong: this tries the channel out.")
    for message in (down, replace(down, event=Event.UP, title="Test: the shop is up again", first=False)):
        with Transport(Guard()) as way:
            receipt = kind.send(message, {**form.cleaned_data, "channel_id": 0}, way)
        print(f"{kind.label}: {receipt.answer}")
        assert not receipt.kept, receipt.answer
