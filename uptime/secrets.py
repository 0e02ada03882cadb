"""The secrets of a self-contained installation: DATA_DIR/secrets.json, readable by its owner only.

In production the environment holds them; then this file is neither read nor made.
"""

import base64
import json
import os
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

NAMES = ("SECRET_KEY", "FIELD_KEYS", "SETUP_TOKEN")


class SecretsError(RuntimeError):
    """The file exists and cannot be used; it is never replaced, because what it encrypted would be lost."""


def new() -> dict[str, str]:
    """Fresh secrets, named like the environment variables they stand for."""
    return {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "FIELD_KEYS": base64.urlsafe_b64encode(os.urandom(32)).decode(),  # one Fernet key
        "SETUP_TOKEN": secrets.token_urlsafe(12),
    }


def read(data_dir: Path) -> dict[str, str]:
    """What the file holds, {} when there is none. Raises SecretsError when it is damaged or not ours to read."""
    path = data_dir / "secrets.json"
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SecretsError(
            f"{path} cannot be read ({error}). It holds the keys of this installation: "
            "restore it from a backup, or delete the whole folder to begin anew."
        ) from error
    if not isinstance(found, dict) or not all(isinstance(found.get(name), str) for name in NAMES):
        raise SecretsError(f"{path} lacks one of {', '.join(NAMES)}: restore it from a backup.")
    return {name: found[name] for name in NAMES}


def read_or_create(data_dir: Path) -> dict[str, str]:
    """The installation's secrets, made on the first call. The caller holds the folder's lock."""
    if found := read(data_dir):
        return found
    _write(data_dir, new())
    return read(data_dir)


def in_force(data_dir: Path, field_keys: Sequence[str]) -> bool:
    """Whether the keys of this process are those of the file: what the environment says wins over it."""
    return read(data_dir).get("FIELD_KEYS") == ",".join(field_keys)


def replace(data_dir: Path, values: dict[str, str]) -> Path:
    """Put other secrets in force; returns where the ones from before are kept, for what they encrypted."""
    before = data_dir / f"secrets.{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    os.link(data_dir / "secrets.json", before)
    _write(data_dir, values)
    return before


def _write(data_dir: Path, values: dict[str, str]) -> None:
    path = data_dir / "secrets.json"
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(values, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
