"""The list of this machine's regions, from the centre to the supervisor."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from uptime import localregions


def test_what_was_written_is_read(tmp_path):
    localregions.write({"local": "key", "eu-west": "other"}, tmp_path)
    assert localregions.read(tmp_path) == {"local": "key", "eu-west": "other"}


def test_the_keys_are_private(tmp_path):
    localregions.write({"local": "key"}, tmp_path)
    assert stat.S_IMODE((tmp_path / localregions.NAME).stat().st_mode) == 0o600


def test_threads_that_write_at_the_same_time_do_not_disturb_each_other(tmp_path):
    lists = [{f"region-{n}": "key" * n * 200} for n in range(40)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda regions: localregions.write(regions, tmp_path), lists * 5))
    assert json.loads((tmp_path / localregions.NAME).read_text()) in lists
    assert [path.name for path in tmp_path.iterdir()] == [localregions.NAME]


def test_without_a_file_there_are_no_regions(tmp_path):
    assert localregions.read(tmp_path) == {}
    assert localregions.version(tmp_path) == (0, 0)


def test_every_write_changes_the_version(tmp_path):
    seen = set()
    for _ in range(3):
        localregions.write({"local": "key"}, tmp_path)
        seen.add(localregions.version(tmp_path))
    assert len(seen) == 3


def test_data_dir_names_the_folder_and_is_made(data_dir, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(data_dir / "fresh"))
    localregions.write({"local": "key"})
    assert localregions.read() == localregions.read(data_dir / "fresh") == {"local": "key"}


@pytest.mark.parametrize("text", ["{", "[1]", "\x00"])
def test_a_damaged_file_is_a_value_error(tmp_path, text):
    (tmp_path / localregions.NAME).write_text(text)
    with pytest.raises(ValueError, match=r"."):
        localregions.read(tmp_path)
