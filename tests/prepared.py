"""A database that is up to date, made once for a run of tests: to make one takes as long as all else at a start.

It is a stopped cluster, which whoever starts the product puts into an empty DATA_DIR. The first start on a new machine
is tried by those that put none there (tests/uptime/test_supervisor.py, tests/browser/test_newcomer.py).
"""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

from uptime import embedded
from uptime.lib.proc import Crew

ROOT = Path(__file__).resolve().parent.parent
CLUSTER = "postgres"  # as the embedded PostgreSQL calls its folder


def put_database_into(folder: Path) -> None:
    """Into the DATA_DIR `folder`, which has none yet."""
    source = Path(os.environ["DATA_DIR"]) / "prepared"
    with (source.parent / "prepared.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not source.exists():
            _make(source)
    if (source / CLUSTER).exists():  # else PostgreSQL's user may not enter, and it lies where no copy is looked for
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", source / CLUSTER, folder / CLUSTER], check=True)


def _make(folder: Path) -> None:
    folder.mkdir(mode=0o711)
    crew = Crew(lambda name, text, log: print(name, text, *log, sep="\n"))
    server = embedded.postgres(folder, forgetful=True)
    try:
        child = crew.start(server.spec)
        embedded.wait_until_ready(server, child)
        env = os.environ | {"DATABASE_URL": embedded.database_url(folder)}
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=env, check=True)
    finally:
        crew.stop()
