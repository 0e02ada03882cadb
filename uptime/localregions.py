"""Which regions of this machine need a worker: the centre writes the file, the supervisor watches it.

DATA_DIR/regions.json, mode 0600, maps slug to region key. Written after every change; without a supervisor nobody
reads it.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from uptime.lib.env import env

NAME = "regions.json"


def write(regions: Mapping[str, str], data_dir: Path | None = None) -> None:
    """Replace the list at once: a reader sees the old one or the new one."""
    path = _path(data_dir)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, fresh = tempfile.mkstemp(prefix=f"{NAME}.", dir=path.parent)  # 0600; threads write at the same time
    with os.fdopen(handle, "w") as file:
        json.dump(dict(regions), file, indent=2, sort_keys=True)
    os.replace(fresh, path)


def read(data_dir: Path | None = None) -> dict[str, str]:
    """Slug to key, {} when nothing was written yet. Raises ValueError when the file is damaged."""
    try:
        found = json.loads(_path(data_dir).read_text())
    except FileNotFoundError:
        return {}
    if not isinstance(found, dict):
        raise ValueError(f"{NAME} holds no object")  # noqa: TRY004 - damage of any kind is one error
    return found


def version(data_dir: Path | None = None) -> tuple[int, int]:
    """Changes with every `write`: inode and time of the last change, (0, 0) without a file."""
    try:
        found = _path(data_dir).stat()
    except FileNotFoundError:
        return (0, 0)
    return (found.st_ino, found.st_mtime_ns)


def _path(data_dir: Path | None) -> Path:
    return (data_dir or Path(env("DATA_DIR") or "var")) / NAME
