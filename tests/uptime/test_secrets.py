"""DATA_DIR/secrets.json: made once, private, replaced only when a backup takes over."""

import json
import stat

import pytest
from cryptography.fernet import Fernet

from uptime import secrets


def test_the_first_call_makes_them_and_later_calls_keep_them(tmp_path):
    first = secrets.read_or_create(tmp_path)
    assert secrets.read_or_create(tmp_path) == secrets.read(tmp_path) == first
    assert set(first) == {"SECRET_KEY", "FIELD_KEYS", "SETUP_TOKEN"}


def test_only_the_owner_may_read_the_file(tmp_path):
    secrets.read_or_create(tmp_path)
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["secrets.json"]


def test_the_field_key_is_a_fernet_key_and_the_secret_key_is_long():
    fresh = secrets.new()
    Fernet(fresh["FIELD_KEYS"])
    assert len(fresh["SECRET_KEY"]) >= 50
    assert secrets.new() != fresh


def test_without_a_file_there_are_none(tmp_path):
    assert secrets.read(tmp_path) == {}


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", json.dumps({"SECRET_KEY": 1}), "\x00"])
def test_a_damaged_file_is_an_error_and_stays(tmp_path, text):
    path = tmp_path / "secrets.json"
    path.write_text(text)
    with pytest.raises(secrets.SecretsError, match="backup"):
        secrets.read_or_create(tmp_path)
    assert path.read_text() == text


def test_a_start_interrupted_while_writing_leaves_nothing_in_the_way(tmp_path):
    (tmp_path / "secrets.new").write_text('{"SECRET_')
    assert secrets.read_or_create(tmp_path) == secrets.read(tmp_path) != {}


def test_other_secrets_come_into_force_and_the_ones_before_are_kept(tmp_path):
    before = secrets.read_or_create(tmp_path)
    other = secrets.new()
    kept = secrets.replace(tmp_path, other)
    assert secrets.read(tmp_path) == other
    assert json.loads(kept.read_text()) == before
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
