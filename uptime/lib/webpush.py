"""Web Push as an application server speaks it: messages are encrypted for one browser (RFC 8291, in the content coding
aes128gcm of RFC 8188), and the server says who it is (VAPID, RFC 8292).

The curves, HKDF and AES-GCM are those of `cryptography`, the token is made by PyJWT; here is what the RFCs add to them.
"""

import base64
import os
import re
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

RECORD_SIZE = 4096  # octets; a push service need not take a larger body (RFC 8030, 7.2)
SALT_BYTES, KEY_BYTES, NONCE_BYTES, AUTH_BYTES = 16, 16, 12, 16
OVERHEAD = SALT_BYTES + 4 + 1 + 65 + 1 + 16  # octets around the plain text: header with the sender's key, mark, tag
LAST = b"\x02"  # the mark behind the text of a last record, before padding
VALID_FOR = timedelta(hours=12)  # at most 24 hours (RFC 8292, 2)

_ALPHABET = re.compile(r"[A-Za-z0-9_-]*")

PrivateKey = ec.EllipticCurvePrivateKey
PublicKey = ec.EllipticCurvePublicKey


def encode(data: bytes) -> str:
    """base64url without padding (RFC 7515, 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """The bytes of base64url with or without padding. Raises ValueError."""
    plain = text.rstrip("=")
    if not _ALPHABET.fullmatch(plain) or len(plain) % 4 == 1:
        raise ValueError("not base64url")
    return base64.urlsafe_b64decode(plain + "=" * (-len(plain) % 4))


# Keys -----------------------------------------------------------------------------------------------------------------
def new_private_key() -> str:
    """A fresh key of a server, as `private_key` reads it."""
    number = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
    return encode(number.to_bytes(32, "big"))


def private_key(text: str) -> PrivateKey:
    """Raises ValueError where `text` is no key."""
    return ec.derive_private_key(int.from_bytes(decode(text), "big"), ec.SECP256R1())


def public_key(text: str) -> PublicKey:
    """A point of P-256 as browsers write it: 65 octets, uncompressed. Raises ValueError."""
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _uncompressed(decode(text)))


def _uncompressed(point: bytes) -> bytes:
    if len(point) != 65 or point[0] != 4:
        raise ValueError("not an uncompressed point of P-256")
    return point


def auth_secret(text: str) -> bytes:
    """The secret a browser shares with its server (RFC 8291, 3.2). Raises ValueError."""
    secret = decode(text)
    if len(secret) != AUTH_BYTES:
        raise ValueError(f"the secret has {len(secret)} octets instead of {AUTH_BYTES}")
    return secret


def point(key: PrivateKey | PublicKey) -> bytes:
    """The public half, uncompressed."""
    public = key.public_key() if isinstance(key, PrivateKey) else key
    return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


# Messages -------------------------------------------------------------------------------------------------------------
def seal(text: bytes, secret: bytes, salt: bytes, key_id: bytes = b"") -> bytes:
    """`text` in the coding aes128gcm, as one record (RFC 8188, 2). Raises ValueError where it takes more than one."""
    size = len(text) + len(LAST) + 16
    if size > RECORD_SIZE:
        raise ValueError(f"{len(text)} octets do not fit into one record")
    key = _derive(secret, salt, b"Content-Encoding: aes128gcm\0", KEY_BYTES)
    nonce = _derive(secret, salt, b"Content-Encoding: nonce\0", NONCE_BYTES)
    header = salt + RECORD_SIZE.to_bytes(4, "big") + bytes([len(key_id)]) + key_id
    return header + AESGCM(key).encrypt(nonce, text + LAST, None)


def encrypt(
    text: bytes, receiver: PublicKey, auth: bytes, sender: PrivateKey | None = None, salt: bytes | None = None
) -> bytes:
    """The body of a push message for a browser (RFC 8291, 3). `sender` and `salt` are fresh for each message unless
    given. Raises ValueError where `text` is too long."""
    own = sender or ec.generate_private_key(ec.SECP256R1())
    info = b"WebPush: info\0" + point(receiver) + point(own)
    secret = _derive(own.exchange(ec.ECDH(), receiver), auth, info, 32)
    return seal(text, secret, os.urandom(SALT_BYTES) if salt is None else salt, point(own))


def _derive(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(secret)


# Who sends ------------------------------------------------------------------------------------------------------------
def authorization(endpoint: str, key: PrivateKey, contact: str, now: datetime) -> str:
    """The Authorization header for a message to `endpoint` (RFC 8292, 3). `contact`: a mailto: or https: address at
    which the push service finds whoever sends."""
    url = urlsplit(endpoint)
    claims = {"aud": f"{url.scheme}://{url.netloc}", "exp": int((now + VALID_FOR).timestamp()), "sub": contact}
    return f"vapid t={jwt.encode(claims, key, 'ES256')}, k={encode(point(key))}"
