"""A folder as a store: a file is there whole or not at all, and nobody else may read it."""

import os
import stat

import pytest

from uptime.lib.stores import Folder, MissingError, StoreError


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "made" / "when needed")


def put(folder, name, *pieces):
    with folder.writing(name) as sink:
        for piece in pieces:
            sink.write(piece)


def get(folder, name):
    with folder.reading(name) as file:
        return file.read()


def test_what_is_written_is_read_back_and_listed(folder):
    put(folder, "days/b", b"one ", b"two")
    put(folder, "days/a", b"")
    assert (get(folder, "days/b"), get(folder, "days/a")) == (b"one two", b"")
    assert folder.names("days") == ["days/a", "days/b"]


def test_only_the_owner_may_read_it(folder):
    put(folder, "days/a", b"x")
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder.path / "days", folder.path / "days" / "a")]
    assert modes == [0o700, 0o600]


def test_what_fails_while_it_is_written_never_exists_and_the_older_one_stays(folder):
    put(folder, "days/a", b"old")
    for name in ("days/a", "days/b"):
        with pytest.raises(ZeroDivisionError):
            put(folder, name, *(b"new" if n else 1 / n for n in (1, 0)))
    assert get(folder, "days/a") == b"old"
    assert [path.name for path in (folder.path / "days").iterdir()] == ["a"]


def test_what_a_killed_process_left_is_cleared_away_after_a_day(folder):
    put(folder, "days/a", b"x")
    old, young = folder.path / "days" / ".a.1.new", folder.path / "days" / ".a.2.new"
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (1, 1))
    put(folder, "days/a", b"y")
    assert {path.name for path in (folder.path / "days").iterdir()} == {"a", ".a.2.new"}
    assert folder.names("days") == ["days/a"]


def test_it_is_replaced_as_a_whole(folder):
    put(folder, "days/a", b"old and long")
    put(folder, "days/a", b"new")
    assert get(folder, "days/a") == b"new"


def test_what_is_not_there_is_said_to_be_missing(folder):
    with pytest.raises(MissingError, match="days/a does not exist"):
        get(folder, "days/a")
    assert folder.names("days") == []


def test_a_folder_that_cannot_be_one_is_told(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    folder = Folder(tmp_path / "file")
    for use in (lambda: put(folder, "days/a", b"x"), lambda: get(folder, "days/a"), lambda: folder.names("days")):
        with pytest.raises(StoreError, match="Not a directory"):
            use()


def test_trouble_of_the_one_who_reads_is_not_blamed_on_the_store(folder):
    put(folder, "days/a", b"x")
    with pytest.raises(BrokenPipeError), folder.reading("days/a"):
        raise BrokenPipeError
