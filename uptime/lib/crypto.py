"""Secrets at rest and secrets on the wire.

At rest: Fernet with a list of keys, the first of which encrypts (rotation: put a new key in front, keep the old ones).
On the wire between centre and region: AES-256-GCM over the whole message with the region's own key, the purpose, the
region and the issue time being part of what is authenticated. A broker, or another region, can neither read such a
message nor make one.
"""

import base64
import json
import os
import zlib
from collections.abc import Sequence
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12  # the size AES-GCM is specified for (NIST SP 800-38D, section 8.2)
MAX_PLAIN_BYTES = 4 * 1024 * 1024  # an opened message never inflates beyond this: no zip bombs from a region


class SealError(ValueError):
    """A sealed message that is not ours: wrong key, wrong purpose, wrong region, damaged or oversize."""


def new_key() -> str:
    """A fresh region key: 32 random bytes, base64url without padding."""
    return base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).rstrip(b"=").decode()


def key_bytes(text: str) -> bytes:
    """The bytes of a key written by `new_key`. Raises ValueError when it is not 32 bytes of base64url."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise ValueError("the key is not base64url text") from error
    if len(raw) != KEY_BYTES:
        raise ValueError(f"the key has {len(raw)} bytes, {KEY_BYTES} are needed")
    return raw


def seal(key: bytes, purpose: str, region: str, issued_at: int, payload: Any) -> str:
    """Encrypt `payload` (anything JSON can say) for `region`; `issued_at` is UTC milliseconds. Returns base64 text."""
    plain = zlib.compress(json.dumps([issued_at, payload], separators=(",", ":")).encode(), 1)
    nonce = os.urandom(NONCE_BYTES)
    sealed = AESGCM(key).encrypt(nonce, plain, _context(purpose, region))
    return base64.b64encode(nonce + sealed).decode()


def unseal(key: bytes, purpose: str, region: str, text: str) -> tuple[int, Any]:
    """The issue time (UTC milliseconds) and payload of a sealed message. Raises SealError when it is not genuine."""
    try:
        raw = base64.b64decode(text, validate=True)
        plain = AESGCM(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], _context(purpose, region))
        issued_at, payload = json.loads(_inflate(plain))
    except (ValueError, TypeError, AttributeError, InvalidTag, zlib.error) as error:
        raise SealError(f"not a genuine {purpose} message of region {region}") from error
    if not isinstance(issued_at, int):
        raise SealError(f"a {purpose} message without issue time")
    return issued_at, payload


def _inflate(data: bytes) -> bytes:
    stream = zlib.decompressobj()
    plain = stream.decompress(data, MAX_PLAIN_BYTES)
    if stream.unconsumed_tail:
        raise ValueError("message inflates beyond the limit")
    return plain


def _context(purpose: str, region: str) -> bytes:
    return f"uptime/1|{purpose}|{region}".encode()


class Vault:
    """Encrypts what is stored. `keys`: Fernet keys, the first encrypts, all decrypt."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ValueError("no field key is configured")
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def lock(self, value: Any) -> str:
        return self._fernet.encrypt(json.dumps(value, separators=(",", ":")).encode()).decode()

    def unlock(self, text: str) -> Any:
        """Raises ValueError when no configured key opens `text`."""
        try:
            return json.loads(self._fernet.decrypt(text.encode()))
        except InvalidToken as error:
            raise ValueError("no configured field key opens this value; was FIELD_KEYS changed?") from error
