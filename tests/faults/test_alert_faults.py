"""N: receivers hang, drip, refuse, are away and come back; the worker that sends is killed; much happens at once.

Incidents are declared by hand, which is told as an outage is, without waiting for anything to be measured.
"""

import json
import re
import subprocess
import sys
import time
from itertools import pairwise

import pytest

from tests.faults.proxy import Proxy
from tests.faults.sinks import add_channel, tell
from tests.faults.stack import SIZE, SIZE_NAME
from tests.helpers import wait_until
from tests.inbox import Inbox
from tests.product import ROOT, Product
from tests.servers import Target, answer, drip, hang

pytestmark = [pytest.mark.faults, pytest.mark.timeout(2400)]

AWAY_S = 600.0 if SIZE_NAME == "full" else 8.0
# What waits doubles, with some chance in it: so long after the end of a fault the next attempt is due at the latest.
AGAIN_S = 1.5 * AWAY_S + 20
OTHERS_S = 5.0 + SIZE.slack_s
OWNER = "alice@example.com"


@pytest.fixture(scope="module")
def inbox():
    box = Inbox()
    box.start()
    yield box
    box.stop()


@pytest.fixture(scope="module")
def mail_wire(inbox):
    """The way to the mail server."""
    with Proxy(("127.0.0.1", inbox.port)) as wire:
        yield wire


@pytest.fixture(scope="module")
def product(tmp_path_factory, mail_wire):
    with Product(tmp_path_factory.mktemp("alerts"), EMAIL_URL=f"smtp://127.0.0.1:{mail_wire.port}/") as running:
        running.sign_up()
        running.sql("UPDATE accounts_user SET email = %s RETURNING 1", OWNER)
        yield running


@pytest.fixture(autouse=True)
def _nothing_goes_on(product):
    """Incidents that are still open would be told to the channels of the next test too."""
    yield
    product.sql("UPDATE incidents_incident SET resolved_at = now(), resolution = 'dropped' RETURNING 1")


@pytest.fixture
def hook():
    with Target() as target:
        yield target


def hooked(product, target, **more):
    return add_channel(product, "webhook", {"url": f"{target.url}/hook"}, **more)


def declare(product, summary, times=1):
    """Open incidents; returns the moment of the last one."""
    for _ in range(times):
        made = product.session.post(f"{product.url}/api/v2/incidents", json={"summary": summary})
        assert made.status_code == 201, made.text
    return time.time()


def keys(target):
    return [seen.headers["webhook-id"] for seen in target.requests]


def statuses(product, channel):
    """Of the messages to a channel, in order."""
    rows = product.sql("SELECT status FROM alerts_delivery WHERE channel_id = %s ORDER BY id", int(channel))
    return [status for (status,) in rows]


def test_receivers_that_hang_and_drip_are_in_nobodys_way(product, inbox):
    """N1: the others are told as ever; an attempt ends after ten seconds, and the next has the same key."""
    with Target() as stuck, Target() as slow, Target() as fine:
        stuck.does(hang)
        slow.does(drip(b"HTTP/1.1 200 OK\r\nX: ", pause_s=1))
        channels = [hooked(product, each) for each in (stuck, slow, fine)]
        tell(product, *channels, add_channel(product, "email", {"addresses": "ops@example.com"}))
        before = len(inbox.messages)
        began = declare(product, "The shop is closed", 3)
        wait_until(lambda: len(fine.requests) == 3 and len(inbox.messages) == before + 3, what="the others are told")
        assert time.time() - began < OTHERS_S
        for target, channel in ((stuck, channels[0]), (slow, channels[1])):
            wait_until(lambda channel=channel: "failed" in statuses(product, channel), what="an attempt has ended")
            target.does(answer(200))
        for target, channel in ((stuck, channels[0]), (slow, channels[1])):
            wait_until(lambda channel=channel: statuses(product, channel) == ["sent"] * 3, 60, 0.2, "all are told")
            assert len(set(keys(target))) == 3
        said = product.sql("SELECT extract(epoch FROM finished_at - tried_at)::float8 FROM alerts_delivery "
                           "WHERE channel_id = %s", int(channels[0]))  # fmt: skip
        assert all(took >= 10 for (took,) in said)
        assert len(keys(fine)) == len(set(keys(fine))) == 3


@pytest.mark.full
def test_a_receiver_that_fails_for_a_while_is_told_once_when_it_is_back(product, hook):
    """N2: 500, then 429 with the wait it asks for, then 200."""
    channel = hooked(product, hook)
    tell(product, channel)
    hook.does(answer(500))
    declare(product, "The shop is closed")
    wait_until(lambda: hook.requests, what="it was tried")
    time.sleep(AWAY_S)
    hook.does(answer(429, Retry_After="12"))
    count = len(hook.requests)
    wait_until(lambda: len(hook.requests) > count, AGAIN_S, 0.1, "it is tried again")
    asked = hook.requests[count].at
    hook.does(answer(200))
    wait_until(lambda: statuses(product, channel) == ["sent"], 120, 0.2, "it is told")
    assert hook.requests[-1].at - asked >= 12
    assert len(hook.requests) == count + 2
    assert len(set(keys(hook))) == 1
    waits = [after.at - before.at for before, after in pairwise(hook.requests[: count + 1])]
    assert all(wait > 3 for wait in waits)


def test_a_mail_server_that_is_away_breaks_off_and_knows_not_everybody(product, inbox, mail_wire):
    """N3: all are told in the end, nobody more than once too often and never by another id."""
    mail = add_channel(product, "email", {"addresses": "ops@example.com"})
    tell(product, mail)
    mail_wire.cut()
    declare(product, "The mail server is away")
    wait_until(lambda: "failed" in statuses(product, mail), 60, 0.1, "it was tried")
    time.sleep(AWAY_S if SIZE_NAME == "full" else 0)
    inbox.drops, inbox.unknown = 1, {"nobody@example.com"}
    mail_wire.heals()
    wait_until(lambda: statuses(product, mail) == ["sent"], AGAIN_S + 60, 0.2, "it is told")
    ids = [str(each["Message-ID"]) for each in mails(inbox, "ops@example.com", "The mail server is away")]
    # The one that was taken without a word, and the next; after ten minutes it is the owners' mail that this befalls.
    assert (len(ids), len(set(ids))) == (1 if SIZE_NAME == "full" else 2, 1)
    unknown = add_channel(product, "email", {"addresses": "nobody@example.com"})
    tell(product, unknown)
    declare(product, "Nobody lives there")
    wait_until(lambda: set(statuses(product, unknown)) == {"dead"}, 60, 0.2, "it is given up")
    wait_until(lambda: mails(inbox, OWNER, "Nobody lives there"), 60, 0.2, "the owner is told instead")


def mails(inbox, to, words):
    return [each for each in inbox.messages if each["To"] == to and words in str(each["Subject"])]


@pytest.mark.full
def test_the_worker_that_sends_is_killed_after_sending(product, hook):
    """N4: exactly one message more, with the same key, once its lease has run out."""
    channel = hooked(product, hook)
    tell(product, channel)
    hook.does(hang)
    declare(product, "The shop is closed")
    wait_until(lambda: hook.requests, what="it was sent")
    product.kill("work@", "worker")
    hook.does(answer(200))
    wait_until(lambda: statuses(product, channel) == ["sent"], 150, 0.5, "it is told once more")
    time.sleep(2)
    assert len(keys(hook)) == 2
    assert len(set(keys(hook))) == 1


@pytest.mark.full
def test_what_is_too_much_for_a_channel_comes_together_and_in_time(product, hook):
    """N5, in small: more than a channel takes in a minute, beside one that hangs."""
    with Target() as stuck:
        stuck.does(hang)
        channels = [hooked(product, each, per_minute=10) for each in (hook, stuck)]
        tell(product, *channels)
        began = declare(product, "The shop is closed", 30)
        wait_until(lambda: told(hook) >= 30, 60 + SIZE.slack_s, 0.2, "all are told")
        assert time.time() - began < 60 + SIZE.slack_s
        assert len(hook.requests) < 30
        tell(product, channels[0])


def told(target):
    """How many alerts have come, one by one or in a digest."""
    said = [json.loads(seen.body) for seen in target.requests]
    return sum(len(each["data"].get("messages", [0])) for each in said)


@pytest.mark.full
def test_five_thousand_incidents_in_a_minute():
    """N5: in full size as it stands, in small a tenth of it."""
    size = [] if SIZE_NAME == "full" else ["--incidents", "500", "--storm-seconds", "10"]
    done = subprocess.run([sys.executable, "-m", "bench", "storm", *size], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"^transition to message: .* at most ([\d.]+) s$", done.stdout, re.MULTILINE)
    assert found, done.stdout
    assert float(found[1]) < 60 + SIZE.slack_s


def test_all_channels_of_a_team_are_lost(product, inbox):
    """N6: every page says so, and the owner has a mail of the channels and of what they should have told."""
    with Target() as one, Target() as two:
        one.does(answer(410, "gone"))
        two.does(answer(410, "gone"))
        channels = [hooked(product, each, name=name) for each, name in ((one, "First"), (two, "Second"))]
        tell(product, *channels)
        declare(product, "All that could be told is gone")
        for words in ("The channel First was", "The channel Second was", "All that could be told"):
            wait_until(lambda words=words: mails(inbox, OWNER, words), 60, 0.2, words)
    page = signed_in(product).get(f"{product.url}/").text
    assert re.search(r"<strong>First</strong>\s+was switched off: It answered 410", page)
    assert re.search(r"<strong>Second</strong>\s+was switched off", page)


def signed_in(product):
    """A browser's session."""
    session = type(product.session)()
    session.trust_env = False
    page = session.get(f"{product.url}/accounts/login").text
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
    who = {"login": "alice", "password": "correct horse battery", "csrfmiddlewaretoken": token}
    assert session.post(f"{product.url}/accounts/login", who).status_code == 200
    return session
