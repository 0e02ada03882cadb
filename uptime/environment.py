"""Fills in what the environment leaves unset, ahead of Django's settings, which only read.

`make run` starts what is needed and notes its environment in DATA_DIR; a `manage.py` command beside it takes that over,
so that commands work with no variable set. Whatever the environment does say wins, and nothing is started for it.
"""

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from uptime import embedded, secrets
from uptime.embedded import EmbeddedError, Server
from uptime.lib.brokers import broker_url
from uptime.lib.env import env
from uptime.lib.proc import Crew

BASE_DIR = Path(__file__).resolve().parent.parent
KNOBS = (  # every variable of uptime/settings.py; docs/configuration.md explains them
    "DATA_DIR",
    "HOST",
    "PORT",
    "BASE_URL",
    "INSTANCE_NONCE",
    "DEBUG",
    "SECRET_KEY",
    "FIELD_KEYS",
    "SETUP_TOKEN",
    "SIGNUP_OPEN",
    "ALLOWED_HOSTS",
    "TRUSTED_PROXY_COUNT",
    "DATABASE_URL",
    "DATABASE_POOL",
    "REDIS_URL",
    "BROKER_URL",
    "QUEUE_PREFIX",
    "EMAIL_URL",
    "DEFAULT_FROM_EMAIL",
    "STATIC_ROOT",
    "DEFAULT_CHECK_INTERVAL",
    "ALLOW_PRIVATE_TARGETS",
    "DOMAIN_CHECKS_PER_SECOND",
    "BACK_OFF",
    "TICK_RETENTION_DAYS",
    "FIVE_MINUTE_RETENTION_DAYS",
    "HOUR_RETENTION_DAYS",
    "DAY_RETENTION_DAYS",
    "PING_BODY_LIMIT",
    "PING_LOG_SIZE",
    "REGION_OFFLINE_AFTER",
    "ARCHIVE_URL",
    "ARCHIVE_S3_REGION",
    "ARCHIVE_S3_ENDPOINT",
    "ARCHIVE_S3_KEY_ID",
    "ARCHIVE_S3_SECRET",
    "REGION_CLOCK_LIMIT",
    "REGION_TRUST_AFTER",
    "DISAGREE_COMPARED",
    "DISAGREE_ALONE",
    "DISAGREE_SHARE",
    "DISAGREE_TEAMS",
    "BRAKE_SHARE",
    "BRAKE_MONITORS",
    "BRAKE_TEAMS",
    "BRAKE_HOLD",
    "BRAKE_LONGEST",
    "FLAP_CHANGES",
    "FLAP_WINDOW",
    "FLAP_QUIET",
    "STALLED_AFTER",
    "HEARTBEAT_URL",
    "HEARTBEAT_FAIL_URL",
    "METRICS_TOKEN",
    "LOG_LEVEL",
)
NEEDED = ("SECRET_KEY", "FIELD_KEYS", "DATABASE_URL", "REDIS_URL", "BROKER_URL")
SERVERLESS = {  # commands that talk to no server
    "help", "version", "--help", "-h", "--version", "run", "check", "diffsettings", "collectstatic", "findstatic",
    "doctor", "compilemessages", "makemessages", "startapp", "startproject", "spectacular",
}  # fmt: skip
LOCK_PATIENCE_S = 10.0

_filled: list[str] = []


def fill(values: Mapping[str, str]) -> None:
    """Set the variables that are unset or empty."""
    for name, value in values.items():
        if not env(name):
            os.environ[name] = value
            _filled.append(name)


def forget() -> None:
    """Take back every variable that was filled in."""
    while _filled:
        os.environ.pop(_filled.pop(), None)


def data_dir() -> Path:
    """DATA_DIR as an absolute path, also put into the environment; not made yet."""
    folder = Path(env("DATA_DIR") or BASE_DIR / "var").absolute()
    os.environ["DATA_DIR"] = str(folder)
    return folder


def make_data_dir() -> Path:
    """DATA_DIR, existing and writable. Raises EmbeddedError."""
    folder = data_dir()
    try:
        (folder / "log").mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = folder / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise EmbeddedError(
            f"The data folder {folder} cannot be written ({error.strerror}). Set DATA_DIR to a folder of yours."
        ) from error
    return folder


# One owner per DATA_DIR -----------------------------------------------------------------------------------------------
def lock(folder: Path, who: str, patience_s: float = LOCK_PATIENCE_S) -> int:
    """Become the one process that owns this DATA_DIR, until it ends. Raises EmbeddedError naming the present owner."""
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + patience_s
    while not _try_lock(handle):
        if time.monotonic() > deadline:
            owner = os.pread(handle, 200, 0).decode(errors="replace")
            os.close(handle)
            raise EmbeddedError(
                f"The data folder {folder} is in use by {owner or 'another process'}. End that first, or set DATA_DIR "
                "(and PORT) to run a second one."
            )
        time.sleep(0.05)
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{who} (process {os.getpid()})".encode(), 0)
    return handle


def owned(folder: Path) -> bool:
    """Whether some process owns this DATA_DIR."""
    try:
        handle = os.open(folder / "lock", os.O_RDWR)
    except OSError:
        return False
    try:
        return not _try_lock(handle)
    finally:
        os.close(handle)


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def publish(folder: Path) -> None:
    """Note our environment for the commands beside us; it counts as long as we own the folder."""
    path = folder / "environment.json"
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    known = {name: os.environ[name] for name in KNOBS if env(name)}
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(known, file, indent=2)
    fresh.replace(path)


def published(folder: Path) -> dict[str, str]:
    """The environment of the owner of this DATA_DIR, waiting for one that is still starting; {} without an owner."""
    deadline = time.monotonic() + embedded.START_S
    while owned(folder) and time.monotonic() < deadline:
        with suppress(OSError, ValueError):
            found: dict[str, str] = json.loads((folder / "environment.json").read_text())
            return found
        time.sleep(0.1)
    return {}


def unpublish(folder: Path) -> None:
    (folder / "environment.json").unlink(missing_ok=True)


# Servers --------------------------------------------------------------------------------------------------------------
def start_servers(
    crew: Crew,
    folder: Path,
    forgetful: bool = False,
    stopping: Callable[[], bool] = lambda: False,
    ready: Callable[[Server], None] = lambda server: None,
) -> None:
    """Start the servers that no variable names, wait until they answer, and set their variables."""
    starting = []
    if not env("DATABASE_URL"):  # first: where its files can live decides where all sockets are
        starting.append(_start(crew, embedded.postgres(folder, forgetful)))
    if not env("REDIS_URL"):
        starting.append(_start(crew, embedded.valkey(folder)))
    for server in starting:
        embedded.wait_until_ready(server, crew.children[server.spec.name], stopping)
        ready(server)
    fill_urls(folder)


def _start(crew: Crew, server: Server) -> Server:
    try:
        crew.start(server.spec)
    except (OSError, subprocess.SubprocessError) as error:
        raise EmbeddedError(f"{server.title} cannot be started: {error}") from error
    return server


def fill_urls(folder: Path) -> None:
    fill({"DATABASE_URL": embedded.database_url(folder), "REDIS_URL": embedded.redis_url(folder)})
    fill({"BROKER_URL": broker_url(env("REDIS_URL"))})


@contextmanager
def for_command(argv: list[str]) -> Iterator[None]:
    """What `manage.py` does around a command: find the servers, or start them for as long as it runs."""
    folder = data_dir()
    if all(env(name) for name in NEEDED):
        yield
    elif shared := published(folder):
        fill(shared)
        yield
    elif env("DATABASE_URL") and env("REDIS_URL"):  # an operator's own servers: secrets are never invented
        fill(_stored_secrets(folder))
        fill_urls(folder)
        yield
    elif _serverless(argv):
        fill(_stored_secrets(folder) or secrets.new())
        fill_urls(folder)
        yield
    else:
        yield from _with_own_servers(make_data_dir(), f"manage.py {argv[1]}")


def _serverless(argv: list[str]) -> bool:
    if len(argv) < 2 or not {"-h", "--help"}.isdisjoint(argv[2:]):
        return True
    return argv[1] in SERVERLESS and "--database" not in argv


def _stored_secrets(folder: Path) -> dict[str, str]:
    return {name: value for name, value in secrets.read(folder).items() if name != "SETUP_TOKEN"}


def _with_own_servers(folder: Path, who: str) -> Iterator[None]:
    handle = lock(folder, who)
    crew = Crew(lambda name, text, log: print(f"{name} {text}", file=sys.stderr))  # noqa: T201
    try:
        secrets.read_or_create(folder)
        fill(_stored_secrets(folder))
        start_servers(crew, folder)
        publish(folder)
        yield
    finally:
        unpublish(folder)
        crew.stop()
        os.close(handle)
