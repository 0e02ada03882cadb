"""Running a program that refuses to be root, as PostgreSQL does.

First choice is a user namespace (user_namespaces(7)) in which we are uid 65534: it needs no other account, no change of
owner and works under /root. Second choice is to really become uid 65534, "nobody".
"""

import ctypes
import os
import pwd
import sys
from collections.abc import Callable
from pathlib import Path

NOBODY = 65534
CLONE_NEWUSER = 0x10000000
LIBC = ctypes.CDLL(None, use_errno=True)  # opened here: a forked child must take no lock


def enter_namespace() -> None:
    """In a child ahead of exec: be uid and gid 65534 inside a new user namespace, still ourselves outside it."""
    uid, gid = os.geteuid(), os.getegid()
    if LIBC.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "user namespaces are not allowed here")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{NOBODY} {uid} 1"), ("gid_map", f"{NOBODY} {gid} 1")):
        Path("/proc/self", name).write_text(text)


def become_nobody() -> None:
    """In a child of root ahead of exec: be uid 65534 for good."""
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def works(become: Callable[[], None], path: Path | None = None) -> bool:
    """Whether `become` succeeds and may then enter the folder of `path`, tried in a child that ends at once."""
    pid = os.fork()
    if pid == 0:
        try:
            become()
            os._exit(0 if path is None or os.access(path.parent, os.X_OK) else 1)
        except BaseException:
            os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


def needs_another_user() -> bool:
    """PostgreSQL refuses root, and initdb a uid that the user database does not know."""
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        return True
    return os.geteuid() == 0


def choose() -> Callable[[], None] | None:
    """What to run in the child: None when we may stay who we are. Raises OSError when nothing works."""
    if not needs_another_user():
        return None
    if sys.platform == "linux" and works(enter_namespace):
        return enter_namespace
    if os.geteuid() == 0 and works(become_nobody):
        return become_nobody
    raise OSError("neither a user namespace nor the user nobody can be used")


def own(folder: Path, uid: int) -> None:
    """Give a folder and all in it to `uid`, unless it has it already."""
    if folder.stat().st_uid == uid:
        return
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(parent, name), uid, -1, follow_symlinks=False)
    os.chown(folder, uid, -1)  # last: an interrupted change is begun again
