"""`make run`: starts the servers, the site and the workers, restarts what dies, stops all of it in order.

One thread, one loop. Every process leads its own session, writes to DATA_DIR/log and dies with us (uptime/lib/proc.py).
"""

import errno
import os
import secrets as random
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from uptime import environment, localregions, queues, secrets
from uptime.embedded import EmbeddedError, Server
from uptime.environment import BASE_DIR
from uptime.lib.env import EnvError, env, env_bool, env_int
from uptime.lib.proc import Crew, Spec, how_it_ended, signal_group, spawn, tail
from uptime.secrets import SecretsError

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
RELEASE_S, ANSWER_S = 600.0, 60.0
PORT_PATIENCE_S = 3.0  # a killed predecessor's last process lets go of the port within a second
RANK_FRONT, RANK_REGION, RANK_CENTRE, RANK_RESULTS = 10, 20, 30, 40  # what stops first; the servers stop last
LEAN = {"PYTHONUNBUFFERED": "1", "MALLOC_ARENA_MAX": "2"}  # glibc otherwise keeps an arena for every thread
PLAIN = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "LD_LIBRARY_PATH")
REGION_KNOBS = (
    "LOG_LEVEL",
    "BASE_URL",
    "BROKER_URL",
    "QUEUE_PREFIX",
    "ALLOW_PRIVATE_TARGETS",
    "PROBE_HANDLES",
    "PROBE_CA_FILE",
    "CANARY_URLS",
)


# How to see in a process of its own that a server the environment names is there; drivers would stay in our memory.
GIVEN_SERVERS = {
    "DATABASE_URL": "import os, psycopg; psycopg.connect(os.environ['DATABASE_URL'], connect_timeout=5).close()",
    "REDIS_URL": "import os, redis; redis.from_url(os.environ['REDIS_URL'], socket_timeout=5).ping()",
    "BROKER_URL": "import os, kombu; from uptime.lib.brokers import tls, verified; url = os.environ['BROKER_URL']; "
    "kombu.Connection(verified(url), ssl=tls(url), connect_timeout=5).connect()",
}
GIVEN_S = 20.0  # they may be starting beside us


class Stopped(Exception):  # noqa: N818 - it is no error
    """We were asked to stop while starting."""


# The process table ----------------------------------------------------------------------------------------------------
def python(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *words)


def worker(app: str, queue: str, name: str, *pool: str) -> tuple[str, ...]:
    """A Celery worker's command line; the three switches turn off chatter between workers nobody listens to."""
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", env("LOG_LEVEL", "INFO"))
    return python("celery", "-A", app, "worker", "-Q", queue, "-n", f"{name}@%h", *pool, *quiet)


def environment_of(*names: str, **values: str) -> dict[str, str]:
    """A child's environment with nothing in it that is not its business."""
    return {name: os.environ[name] for name in (*PLAIN, *names) if name in os.environ} | LEAN | values


def centre(folder: Path) -> list[Spec]:
    """Web, beat, the central workers and the practice website."""
    prefix, full = env("QUEUE_PREFIX"), dict(os.environ) | LEAN
    control, results, work = (queues.name(q, prefix) for q in (queues.CONTROL, queues.RESULTS, queues.WORK))

    def spec(name: str, argv: tuple[str, ...], rank: int, grace_s: float = 6.0, env: dict[str, str] = full) -> Spec:
        return Spec(name, argv, folder / "log" / f"{name}.log", env, BASE_DIR, rank, grace_s)

    beat = python("celery", "-A", "uptime.celery", "beat", "--pidfile=", "--loglevel", env("LOG_LEVEL", "INFO"))
    return [
        spec("web", python("gunicorn", "-c", "python:uptime.gunicorn", "uptime.wsgi"), RANK_FRONT, 8.0),
        spec("results", worker("uptime.results", results, "results", "-P", "solo"), RANK_RESULTS),
        spec("control", worker("uptime.celery", control, "control", "-P", "threads", "-c", "4"), RANK_CENTRE),
        spec("work", worker("uptime.celery", work, "work", "-P", "threads", "-c", "4"), RANK_CENTRE, 12.0),
        spec("beat", beat, RANK_FRONT),
        spec("practice", python("uptime.practice"), RANK_FRONT, 3.0, environment_of("DATA_DIR", "PRACTICE_PORT")),
    ]


def region_workers(folder: Path) -> list[Spec]:
    """One worker per region of this machine; it knows the broker and its key, and no secret of the centre."""
    prefix = env("QUEUE_PREFIX")
    return [
        Spec(
            name=f"region {slug}",
            argv=worker("uptime.region", queues.checks(slug, prefix), slug, "-P", "threads", "-c", "8"),
            log=folder / "log" / f"region-{slug}.log",
            env=environment_of(*REGION_KNOBS, REGION_ID=slug, REGION_KEY=key),
            cwd=BASE_DIR,
            rank=RANK_REGION,
            grace_s=13.0,  # checks in flight get 10 s, then they are accounted as not measured
        )
        for slug, key in localregions.read(folder).items()
    ]


# Small questions ------------------------------------------------------------------------------------------------------
def public_address() -> bool:
    """Whether BASE_URL says that others reach the site, through a proxy say, wherever it listens."""
    return bool(env("BASE_URL")) and urlsplit(env("BASE_URL")).hostname not in LOOPBACK


def say(text: str) -> None:
    """To the terminal; once that is gone, to nobody."""
    try:
        print(text, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def check_port(host: str, port: int) -> None:
    """Raises EmbeddedError when we could not listen there."""
    deadline = time.monotonic() + PORT_PATIENCE_S
    while problem := _port_problem(host, port):
        if problem.errno != errno.EADDRINUSE:
            raise EmbeddedError(f"Cannot listen on {host}:{port}: {problem.strerror}. Set HOST and PORT.")
        if time.monotonic() > deadline:
            raise EmbeddedError(
                f"Port {port} on {host} is taken by another program. Stop it, or choose another port: "
                f"PORT={port + 1 if port < 65535 else 8001} make run"
            )
        time.sleep(0.1)


def _port_problem(host: str, port: int) -> OSError | None:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()
    except OSError as error:
        return error
    return None


def site_answers(host: str, port: int, nonce: str) -> bool:
    """Whether it is our own web process that answers there, not a stranger."""
    local = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
    try:
        with socket.create_connection((local, port), timeout=5) as channel:
            channel.sendall(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
            answer = channel.makefile("rb").read(4096).decode(errors="replace").lower()
    except OSError:
        return False
    return f"x-uptime-instance: {nonce}".lower() in answer


def ask_python(code: str) -> tuple[bool, str]:
    """Run a line of Python in a process of its own: whether it succeeded, and what it said last."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    return done.returncode == 0, last_words((done.stdout or done.stderr).strip().splitlines())


def has_account() -> bool:
    query = "SELECT EXISTS (SELECT FROM accounts_user)"
    code = f"import os, psycopg; print(psycopg.connect(os.environ['DATABASE_URL']).execute('{query}').fetchone()[0])"
    return ask_python(code) == (True, "True")


def last_words(lines: list[str]) -> str:
    """The end of some output, without the traceback a final error may come with."""
    code = max((number for number, line in enumerate(lines[:-1]) if line.startswith("  ")), default=-1)
    return "\n".join(line.strip() for line in lines[code + 1 :])


# The supervisor -------------------------------------------------------------------------------------------------------
class Supervisor:
    def __init__(self) -> None:
        self.began = self.step_began = time.monotonic()
        self.crew = Crew(self.report)
        self.asked: list[int] = []  # the stop signals so far
        self.folder = Path()
        self.lock: int | None = None
        self.regions_seen = (-1, -1)

    def report(self, name: str, text: str, log: list[str]) -> None:
        say("\n".join([f"{name} {text}", *(f"    | {line}" for line in log)]))

    def step(self, text: str) -> None:
        now = time.monotonic()
        say(f"  {text} ({now - self.step_began:.1f} s)")
        self.step_began = now

    def listen_for_signals(self) -> None:
        """Signals only note themselves and wake the loop; a SIGHUP ignored by nohup stays ignored.

        A closed terminal tells its first process alone, which may be `make` waiting for us: so we look ourselves.
        """
        self.wake, self._writer = socket.socketpair()
        for end in (self.wake, self._writer):
            end.setblocking(False)
        self.poll = select.poll()
        self.poll.register(self.wake, select.POLLIN)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        stops = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            stops.append(signal.SIGHUP)
            if sys.stdout.isatty():
                self.poll.register(os.dup(sys.stdout.fileno()), 0)  # nothing but its end is reported
        for number in stops:
            signal.signal(number, lambda number, frame: self.asked.append(number))

    def pause(self, seconds: float) -> None:
        """Until a signal arrives, at most so long."""
        for handle, _ in self.poll.poll(seconds * 1000):
            if handle == self.wake.fileno():
                with suppress(BlockingIOError):
                    self.wake.recv(4096)
            else:
                self.poll.unregister(handle)
                self.asked.append(signal.SIGHUP)

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Raises Stopped when we are asked to stop meanwhile."""
        deadline = time.monotonic() + seconds
        while not condition():
            if self.asked:
                raise Stopped
            if time.monotonic() > deadline:
                return False
            self.pause(0.05)
        return True

    # Starting, in order
    def prepare(self) -> None:
        """Whatever can be refused is refused before anything is started."""
        self.host, self.port = env("HOST", "127.0.0.1"), env_int("PORT", 8000, least=1, most=65535)
        loopback = self.host in LOOPBACK and not public_address()
        environment.fill({"ALLOW_PRIVATE_TARGETS": "1" if loopback else "0"})
        env_bool("ALLOW_PRIVATE_TARGETS", False)
        self.folder = environment.make_data_dir()
        self.lock = environment.lock(self.folder, "make run", patience_s=3.0)
        environment.unpublish(self.folder)  # what a killed predecessor noted
        check_port(self.host, self.port)
        found = secrets.read_or_create(self.folder)
        environment.fill({name: value for name, value in found.items() if name != "SETUP_TOKEN" or not loopback})
        os.environ["INSTANCE_NONCE"] = self.nonce = random.token_hex(16)

    def check_given_servers(self) -> None:
        """The servers an operator named must be there before anything else makes sense."""
        for name in filter(env, GIVEN_SERVERS):
            problem = ""

            def answers(name: str = name) -> bool:
                nonlocal problem
                good, problem = ask_python(GIVEN_SERVERS[name])
                return good

            if not self.wait_for(answers, GIVEN_S):
                raise EmbeddedError(f"The server of {name} does not answer: {problem}")
            self.step(f"The server of {name} answers")

    def start_servers(self) -> None:
        def ready(server: Server) -> None:
            if not self.asked:
                self.step(f"{server.title} is ready")

        environment.start_servers(self.crew, self.folder, stopping=lambda: bool(self.asked), ready=ready)
        if self.asked:
            raise Stopped
        environment.publish(self.folder)

    def release(self) -> None:
        """Migrations, partitions, beat's entries, the region `local`: `manage.py release`."""
        path = self.folder / "log" / "release.log"
        path.unlink(missing_ok=True)
        process = spawn(Spec("release", (sys.executable, "manage.py", "release"), path, cwd=BASE_DIR))
        try:
            self.wait_for(lambda: process.poll() is not None, RELEASE_S)
        finally:
            signal_group(process.pid, signal.SIGKILL)
            process.wait()
        if process.returncode != 0:
            how = how_it_ended(process.returncode)
            raise EmbeddedError(f"`manage.py release` {how}. {path} ends with:\n{last_words(tail(path, 15))}")
        self.step("The database is up to date")

    def start_everything(self) -> None:
        """The site first, so that it has the processor for itself; the rest as soon as it answers."""
        web, *rest = centre(self.folder)
        child = self.crew.start(web)
        answers = self.wait_for(lambda: not child.alive or site_answers(self.host, self.port, self.nonce), ANSWER_S)
        if not answers or not child.alive:
            taken = f"Port {self.port} was taken meanwhile: set PORT. " if _port_problem(self.host, self.port) else ""
            raise EmbeddedError(
                f"The site did not come up. {taken}{web.log} ends with:\n{last_words(tail(web.log, 15))}"
            )
        self.step("The site answers")
        for spec in rest:
            self.crew.start(spec)
        self.follow_regions()

    def announce(self) -> None:
        shown = {"0.0.0.0": "localhost", "::": "localhost"}.get(self.host, self.host)
        address = env("BASE_URL") or f"http://{f'[{shown}]' if ':' in shown else shown}:{self.port}"
        say(f"\nUptime is ready after {time.monotonic() - self.began:.1f} s:  {address}\n")
        if (self.host not in LOOPBACK or public_address()) and not has_account():
            say(f"The first sign-up asks for this set-up token:  {env('SETUP_TOKEN')}\n")
        say(f"Logs: {self.folder / 'log'}    Stop: Ctrl-C")

    # Running
    def follow_regions(self) -> None:
        """Start and stop region workers when the centre changed the list."""
        version = localregions.version(self.folder)
        if version == self.regions_seen:
            return
        self.regions_seen = version
        try:
            wanted = region_workers(self.folder)
        except ValueError as error:
            say(f"{localregions.NAME} is damaged ({error}); the regions stay as they are")
            return
        current = [name for name in self.crew.children if name.startswith("region ")]
        self.crew.assign(wanted, current)
        self.crew.tend()

    def run(self) -> None:
        """Until asked to stop."""
        while not self.asked:
            self.crew.tend()
            self.follow_regions()
            self.pause(0.5)

    def stop(self) -> None:
        began = time.monotonic()
        if self.asked:
            name = signal.Signals(self.asked[0]).name
            say(f"\n{name}: stopping everything (once more: at once)")
        first = len(self.asked)
        if self.lock is not None:  # otherwise it is somebody else's
            environment.unpublish(self.folder)
        self.crew.stop(hurry=lambda: len(self.asked) > max(first, 1))
        if self.asked:
            say(f"Everything has stopped ({time.monotonic() - began:.1f} s)")


def main() -> int:
    """The exit status: 0 after a stop we were asked for, 1 when Uptime cannot run."""
    supervisor = Supervisor()
    supervisor.listen_for_signals()
    try:
        supervisor.prepare()
        say(f"Starting Uptime, data in {supervisor.folder}")
        supervisor.check_given_servers()
        supervisor.start_servers()
        supervisor.release()
        supervisor.start_everything()
        supervisor.announce()
        supervisor.run()
    except Stopped:
        pass
    except (EmbeddedError, SecretsError, EnvError, OSError, subprocess.SubprocessError) as error:
        say(f"\nUptime cannot start. {error}")
        return 1
    finally:
        supervisor.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
