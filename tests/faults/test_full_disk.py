"""D4: the volume under PostgreSQL is full. It gets one of its own, which takes the right to mount."""

import contextlib
import os
import subprocess
import time

import pytest

from tests.faults.pipeline.test_database_faults import BACK_S, DATABASE_AWAY, OF_OURS, slots_within, statuses
from tests.faults.stack import SIZE, Stack
from uptime import embedded

pytestmark = [pytest.mark.faults, pytest.mark.full, pytest.mark.timeout(900)]

VOLUME_MB = 400
FULL_S = max(SIZE.fault_s, 30)


@pytest.fixture(scope="module")
def volume(tmp_path_factory):
    """Where the servers will have their files, PostgreSQL's on a volume of its own."""
    folder = tmp_path_factory.mktemp("faults")
    for each in (folder, folder.parent):
        each.chmod(0o711)  # PostgreSQL may run as another user
    servers = folder / "servers"
    servers.mkdir(mode=0o711)
    embedded.postgres(servers)  # makes the cluster
    place, made = servers / "postgres", (servers / "postgres").rename(servers / "made")
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={VOLUME_MB}m", "none", place], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no right to mount a volume here: {mounted.stderr.decode().strip()}")
    subprocess.run(["cp", "-a", f"{made}/.", place], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", place], check=True)


@pytest.fixture(scope="module")
def stack(volume):
    with Stack(volume) as running:
        yield running


@contextlib.contextmanager
def full(place):
    """Takes every byte that is left, and gives all back."""
    filler = place / "filler"
    with filler.open("wb") as file:
        for piece in (bytes(2**20), bytes(4096)):  # to the last page
            with contextlib.suppress(OSError):
                while True:
                    os.write(file.fileno(), piece)
    try:
        yield
    finally:
        filler.unlink()


def test_the_database_s_disk_is_full(stack, trial):
    place = stack.servers / "postgres"
    with trial("D4", f"disk full {FULL_S:g} s", recovers_in=BACK_S, logs=DATABASE_AWAY) as tried:
        before = stack.sql("SELECT count(*) FROM monitors_tick WHERE slot < now() - interval '2 seconds'")
        with full(place):
            found = statuses(stack, FULL_S)
        assert "No space left on device" in (stack.servers / "log" / "postgres.log").read_text()
        if stack.crew.children["postgres"].process.poll() is not None:  # it ended, as the supervisor's would
            stack.crew.children.pop("postgres")
            stack.start_server(embedded.postgres(stack.servers))
        time.sleep(1)
    assert found <= {200, 503}
    assert tried.lost.keys() <= OF_OURS
    assert sum(tried.lost.values()) <= slots_within(FULL_S + 10)
    assert stack.sql("SELECT count(*) FROM monitors_tick WHERE slot < now() - interval '2 seconds'") > before
