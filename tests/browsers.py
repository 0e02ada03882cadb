"""Browsers as a push service and the tests see them: they read what was encrypted for them (RFC 8291, RFC 8188)."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from uptime.lib import webpush
from uptime.lib.webpush import decode, encode, point


def derive(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(secret)


def open_records(body: bytes, secret_of: Callable[[bytes], bytes]) -> bytes:
    """The text of a body in the coding aes128gcm (RFC 8188, 2). `secret_of`: the secret to a key's name. Raises where
    anything is not as it says."""
    salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
    name, rest = body[21 : 21 + length], body[21 + length :]
    secret = secret_of(name)
    cipher = AESGCM(derive(secret, salt, b"Content-Encoding: aes128gcm\0", 16))
    first = int.from_bytes(derive(secret, salt, b"Content-Encoding: nonce\0", 12), "big")
    records = [rest[at : at + size] for at in range(0, len(rest), size)]
    text = b""
    for number, record in enumerate(records):
        plain = cipher.decrypt((first ^ number).to_bytes(12, "big"), record, None).rstrip(b"\0")
        if plain[-1] != (2 if number + 1 == len(records) else 1):
            raise ValueError("a record without its mark")
        text += plain[:-1]
    return text


@dataclass(frozen=True)
class Reader:
    """A browser's keys: `private` and `auth` as it keeps them, in base64url."""

    private: str
    auth: str

    @classmethod
    def new(cls) -> Self:
        return cls(webpush.new_private_key(), encode(os.urandom(16)))

    @property
    def public(self) -> str:
        return encode(point(webpush.private_key(self.private)))

    def subscription(self, endpoint: str) -> dict[str, str]:
        """What it tells a website that may push to it."""
        return {"endpoint": endpoint, "p256dh": self.public, "auth": self.auth}

    def read(self, body: bytes) -> bytes:
        """One record, by the sender's key in front of it (RFC 8291, 4)."""
        if len(body) > 21 + body[20] + int.from_bytes(body[16:20], "big"):
            raise ValueError("more than one record")
        return open_records(body, self._secret)

    def _secret(self, name: bytes) -> bytes:
        own = webpush.private_key(self.private)
        sender = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), name)
        info = b"WebPush: info\0" + point(own) + name
        return derive(own.exchange(ec.ECDH(), sender), decode(self.auth), info, 32)
