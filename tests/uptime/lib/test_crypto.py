"""Messages are private and genuine; stored secrets open with any configured key and no other."""

import base64
import json
import os
import zlib

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from uptime.lib import crypto
from uptime.lib.crypto import SealError, Vault, key_bytes, new_key, seal, unseal

KEY = key_bytes(new_key())
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda x: st.lists(x) | st.dictionaries(st.text(), x),
)


@given(ANYTHING, st.integers(0, 2**48))
def test_what_was_sealed_is_unsealed(payload, issued_at):
    assert unseal(KEY, "checks", "eu", seal(KEY, "checks", "eu", issued_at, payload)) == (issued_at, payload)


@pytest.mark.parametrize(
    ("key", "purpose", "region"),
    [(key_bytes(new_key()), "checks", "eu"), (KEY, "results", "eu"), (KEY, "checks", "us")],
    ids=["another key", "another purpose", "another region"],
)
def test_a_message_opens_only_for_its_key_purpose_and_region(key, purpose, region):
    with pytest.raises(SealError):
        unseal(key, purpose, region, seal(KEY, "checks", "eu", 1, []))


@given(st.integers(0, 200), st.integers(1, 255))
def test_one_changed_byte_is_noticed(position, change):
    raw = bytearray(base64.b64decode(seal(KEY, "checks", "eu", 1, ["x" * 100])))
    raw[position % len(raw)] ^= change
    with pytest.raises(SealError):
        unseal(KEY, "checks", "eu", base64.b64encode(bytes(raw)).decode())


@pytest.mark.parametrize("text", ["", "x", "ÄÖ", "A" * 40, None, 7, ["x"]])
def test_nonsense_is_not_genuine(text):
    with pytest.raises(SealError):
        unseal(KEY, "checks", "eu", text)


def test_a_bomb_does_not_inflate():
    plain = zlib.compress(b"[1," + b"0" * (crypto.MAX_PLAIN_BYTES + 10) + b"]")
    nonce = os.urandom(12)
    sealed = base64.b64encode(nonce + AESGCM(KEY).encrypt(nonce, plain, b"uptime/1|checks|eu")).decode()
    with pytest.raises(SealError):
        unseal(KEY, "checks", "eu", sealed)


def test_a_sealed_message_shows_nothing_of_its_payload():
    sealed = seal(KEY, "checks", "eu", 1, {"Authorization": "Bearer planted-secret"})
    assert b"planted" not in base64.b64decode(sealed)


@pytest.mark.parametrize("text", ["", "short", "A" * 44, "!" * 43])
def test_a_key_of_another_size_is_refused(text):
    with pytest.raises(ValueError, match="key"):
        key_bytes(text)


def test_a_vault_writes_with_the_first_key_and_reads_with_all():
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    locked = Vault([old]).lock({"a": 1})
    assert Vault([new, old]).unlock(locked) == {"a": 1}
    with pytest.raises(ValueError, match="FIELD_KEYS"):
        Vault([new]).unlock(locked)
    with pytest.raises(ValueError, match="FIELD_KEYS"):
        Vault([old]).unlock(Vault([new, old]).lock(1))


def test_what_is_locked_cannot_be_read():
    assert "planted" not in Vault([Fernet.generate_key().decode()]).lock(json.dumps("planted"))
