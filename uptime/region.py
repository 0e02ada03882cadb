"""The regional worker: a small Celery app with two tasks, `probe` and `test`. It needs a broker and its key, no more.

No database, no models, no settings of the centre: importing this module loads none of them. Checks arrive sealed,
outcomes and signs of life leave sealed, all with the region's own key.
"""

import logging
import os
import socket
import ssl
import threading
import time

from celery import Celery, signals

from monitors.probes.base import Check, Outcome
from monitors.probes.engine import Engine
from uptime import canaries, queues, testwire
from uptime.lib import addresses
from uptime.lib.crypto import SealError, key_bytes, unseal
from uptime.lib.env import EnvError, env, env_bool, env_int
from uptime.lib.memory import keep_what_is_loaded
from uptime.lib.reconnecting import AMQP
from uptime.lib.version import VERSION
from uptime.sender import Sender

logger = logging.getLogger(__name__)

SIGN_EVERY = 5.0  # seconds between two signs of life
DRAIN = 10.0  # seconds the checks in flight get when the worker is told to stop


def required(name: str) -> str:
    value = env(name)
    if not value:
        raise EnvError(f"{name} is not set. `manage.py region add` prints the command that starts a worker.")
    return value


def public_addresses(text: str) -> list[str]:
    """Where our checks come from: as the operator says, or as far as this machine can tell."""
    try:
        return addresses.parse(text) or addresses.own()
    except ValueError as error:
        raise EnvError(f"PUBLIC_ADDRESSES: {error}") from None


def authorities(path: str) -> str:
    """A file of trusted authorities that can be used; empty stays empty."""
    try:
        if path:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except OSError as error:
        raise EnvError(f"PROBE_CA_FILE is {path!r}, which holds no certificates in PEM form: {error}") from None
    return path


REGION = required("REGION_ID")
KEY = key_bytes(required("REGION_KEY"))
PREFIX = env("QUEUE_PREFIX")
BROKER_URL = required("BROKER_URL")
logging.getLogger("celery.worker.strategy").setLevel(logging.WARNING)  # no line for each message
ADDRESSES = public_addresses(env("PUBLIC_ADDRESSES"))
NAME = f"{socket.gethostname()}:{os.getpid()}"

# No Django in here, whatever the environment names: fixups would load the centre's settings.
app = Celery("uptime-region", set_as_current=False, fixups=[], amqp=AMQP)
# A check delivered a second time would come too late to count.
app.conf.update(
    queues.configuration(BROKER_URL, f"region.{REGION}", PREFIX, [queues.checks(REGION, PREFIX)], redeliver=False),
    task_acks_late=False,
)

sender = Sender(app, REGION, KEY, queues.into_results(BROKER_URL, PREFIX))


def take(outcome: Outcome) -> None:
    """What the engine saw: of a canary it stays here, of a monitor or a test it goes home."""
    tested = testwire.revealed(outcome)
    if tested or not watched.take(outcome):
        sender.put(tested or outcome)


engine = Engine(
    on_outcome=take,
    handles=env_int("PROBE_HANDLES", 1000, least=1, most=5000),
    allow_private=env_bool("ALLOW_PRIVATE_TARGETS", False),
    link=env("BASE_URL"),
    ca_file=authorities(env("PROBE_CA_FILE")),
)
watched = canaries.Canaries(canaries.parse(env("CANARY_URLS")), engine.submit)


@app.task(name="probe", bind=True, shared=False)
def probe(self, sealed: str) -> None:
    """Admit a batch of checks to the engine; waits while the engine is full."""
    self.request.update(callbacks=None, errbacks=None, chain=None, chord=None)
    engine.submit(_opened("checks", sealed))


@app.task(name="test", bind=True, shared=False)
def test(self, sealed: str) -> None:
    """Admit what somebody tries out; it takes its turn among the checks."""
    self.request.update(callbacks=None, errbacks=None, chain=None, chord=None)
    engine.submit([testwire.disguised(check) for check in _opened(testwire.PURPOSE, sealed)])


def _opened(purpose: str, sealed: str) -> list[Check]:
    """The checks of a message; none where it is not genuine."""
    try:
        _, wires = unseal(KEY, purpose, REGION, sealed)
        return [Check.from_wire(wire) for wire in wires]
    except (SealError, ValueError, TypeError) as error:
        logger.warning("A message was not for us: %s", error)
        return []


signals.worker_ready.connect(keep_what_is_loaded)


@signals.worker_init.connect
def start(**kwargs) -> None:
    engine.start()
    sender.start()
    watched.start()
    threading.Thread(target=_give_signs, name="signs of life", daemon=True).start()


@signals.worker_shutdown.connect
def stop(**kwargs) -> None:
    engine.stop(grace_s=DRAIN)
    sender.stop()


def _give_signs() -> None:
    started_at = round(time.time() * 1000)
    while True:
        lag_ms = round(engine.lag_ms, 1)
        sender.sign([NAME, started_at, engine.in_flight, lag_ms, VERSION, watched.to_wire(), ADDRESSES])
        time.sleep(SIGN_EVERY)
