"""Generic fixtures; what a team, a user or a monitor looks like is in tests/factories.py."""

from pathlib import Path

import pytest


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A DATA_DIR of this test's own."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    return tmp_path
