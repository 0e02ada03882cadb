"""Where files are kept for long: a folder, or a bucket (see s3.py). A file is there whole or not at all."""

import glob
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from io import BufferedIOBase
from pathlib import Path
from typing import BinaryIO, Protocol

UNFINISHED = ".new"
A_DAY_S = 86_400


class StoreError(Exception):
    """The store does not do what it should; the message is for the operator."""


class MissingError(StoreError):
    """There is no file of that name."""


class Sink(Protocol):
    """What a file is written to."""

    def write(self, data: bytes) -> int: ...


class Store(Protocol):
    """Names are relative paths with slashes. Every method may raise StoreError."""

    def writing(self, name: str) -> AbstractContextManager[Sink]:
        """A new file, which takes the place of an older one when the block ends well, and never exists otherwise."""

    def reading(self, name: str) -> AbstractContextManager[BufferedIOBase]:
        """The file, from its start; it can be read more than once."""

    def names(self, folder: str) -> list[str]:
        """The names of the files in a folder, sorted; [] when there is none."""


class Folder:
    """A folder of this machine, made when it is needed. Files are readable by their owner only."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        target = self.path / name
        with _told_as_store_error(target):
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _remove_left_over(target)
            handle, fresh = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=UNFINISHED)
            try:
                with os.fdopen(handle, "wb") as file:
                    yield file
                    file.flush()
                    os.fsync(handle)
                Path(fresh).replace(target)
                _sync_folder(target.parent)
            finally:
                Path(fresh).unlink(missing_ok=True)

    @contextmanager
    def reading(self, name: str) -> Iterator[BufferedIOBase]:
        with _told_as_store_error(self.path / name):
            file = (self.path / name).open("rb")
        with file:  # what goes wrong in the caller's block is not ours to tell
            yield file

    def names(self, folder: str) -> list[str]:
        with _told_as_store_error(self.path), suppress(FileNotFoundError):
            found = [each for each in (self.path / folder).iterdir() if not each.name.startswith(".")]
            return sorted(f"{folder}/{each.name}" for each in found)
        return []


def _remove_left_over(target: Path) -> None:
    """What a process that was killed had begun to write; one that is still at it is younger."""
    for path in target.parent.glob(f".{glob.escape(target.name)}.*{UNFINISHED}"):
        if time.time() - path.stat().st_mtime > A_DAY_S:
            path.unlink(missing_ok=True)


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _told_as_store_error(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise MissingError(f"{path} does not exist.") from error
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror or error}.") from error
