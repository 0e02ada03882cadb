"""Encryption for browsers, against the examples of RFC 8188 (3.1, 3.2) and RFC 8291 (appendix A), and VAPID."""

from datetime import UTC, datetime, timedelta

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.browsers import Reader, open_records
from uptime.lib import webpush
from uptime.lib.webpush import decode, encode

WALRUS = b"I am the walrus"
ONE_RECORD = "I1BsxtFttlv3u_Oo94xnmwAAEAAA-NAVub2qFgBEuQKRapoZu-IxkIva3MEB1PD-ly8Thjg"
ONE_KEY = "yqdlZ-tYemfogSmv7Ws5PQ"
TWO_RECORDS = "uNCkWiNYzKTnBN9ji3-qWAAAABkCYTHOG8chz_gnvgOqdGYovxyjuqRyJFjEDyoF1Fvkj6hQPdPHI51OEUKEpgz3SsLWIqS_uA"
TWO_KEY = "BO3ZVPxUlnLORbVGMpbT1Q"

WATERMELON = b"When I grow up, I want to be a watermelon"
BROWSER = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
BROWSER_PUBLIC = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
SERVER = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
SERVER_PUBLIC = "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"
SALT, AUTH = "DGv6ra1nlYgDCS1FRnbzlw", "BTBZMqHH6r4Tts7J_aSIgg"
MESSAGE = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A"
    "_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


def test_one_record_is_that_of_rfc_8188():
    assert webpush.seal(WALRUS, decode(ONE_KEY), decode(ONE_RECORD)[:16]) == decode(ONE_RECORD)


def test_the_reader_of_these_tests_reads_both_examples_of_rfc_8188():
    assert open_records(decode(ONE_RECORD), lambda _: decode(ONE_KEY)) == WALRUS
    assert open_records(decode(TWO_RECORDS), lambda name: decode(TWO_KEY) if name == b"a1" else b"") == WALRUS


def test_a_message_is_that_of_rfc_8291():
    made = webpush.encrypt(
        WATERMELON,
        webpush.public_key(BROWSER_PUBLIC),
        webpush.auth_secret(AUTH),
        webpush.private_key(SERVER),
        decode(SALT),
    )
    assert encode(made) == MESSAGE


def test_keys_are_those_of_rfc_8291():
    assert encode(webpush.point(webpush.private_key(SERVER))) == SERVER_PUBLIC
    assert encode(webpush.point(webpush.public_key(BROWSER_PUBLIC))) == BROWSER_PUBLIC
    assert Reader(BROWSER, AUTH).read(decode(MESSAGE)) == WATERMELON


@given(st.binary(max_size=webpush.RECORD_SIZE - webpush.OVERHEAD))
def test_whatever_fits_is_read_as_it_was_written_and_is_no_larger_than_a_push_service_takes(text):
    reader = Reader.new()
    made = webpush.encrypt(text, webpush.public_key(reader.public), webpush.auth_secret(reader.auth))
    assert reader.read(made) == text
    assert len(made) == len(text) + webpush.OVERHEAD <= 4096


def test_no_two_messages_are_alike():
    reader = Reader.new()
    key, auth = webpush.public_key(reader.public), webpush.auth_secret(reader.auth)
    assert webpush.encrypt(b"x", key, auth) != webpush.encrypt(b"x", key, auth)


def test_what_takes_more_than_one_record_is_refused():
    with pytest.raises(ValueError, match="one record"):
        webpush.seal(b"x" * 4080, bytes(16), bytes(16))


@pytest.mark.parametrize(
    "text",
    ["", "AAAA", "ä", "not/base64", encode(b"\x04" + bytes(64)), encode(b"\x05" + decode(BROWSER_PUBLIC)[1:]),
     encode(b"\x03" + decode(BROWSER_PUBLIC)[1:33]), BROWSER_PUBLIC[:-2]],
)  # fmt: skip
def test_what_is_no_point_of_the_curve_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        webpush.public_key(text)


@pytest.mark.parametrize("text", ["", "BTBZMqHH6r4Tts7J_aSI", AUTH + "AA", "BTBZMqHH6r4Tts7J/aSIgg"])
def test_a_secret_has_sixteen_octets(text):
    with pytest.raises(ValueError, match=r".+"):
        webpush.auth_secret(text)


def test_padding_does_not_matter():
    assert webpush.auth_secret(AUTH + "==") == webpush.auth_secret(AUTH)


@pytest.mark.parametrize(
    ("endpoint", "audience"),
    [
        ("https://push.example/a/b?c=1", "https://push.example"),
        ("https://push.example:8443/a", "https://push.example:8443"),
    ],
)
def test_the_server_says_who_it_is_for_this_push_service_and_not_for_long(endpoint, audience):
    key = webpush.private_key(webpush.new_private_key())
    scheme, _, said = webpush.authorization(endpoint, key, "mailto:ops@example.com", NOON).partition(" ")
    given_by = dict(part.split("=", 1) for part in said.split(", "))
    claims = jwt.decode(given_by["t"], key.public_key(), ["ES256"], audience=audience, options={"verify_exp": False})
    assert scheme == "vapid"
    assert decode(given_by["k"]) == webpush.point(key)
    assert claims["sub"] == "mailto:ops@example.com"
    assert 0 < claims["exp"] - NOON.timestamp() <= timedelta(hours=24).total_seconds()
    assert jwt.get_unverified_header(given_by["t"]) == {"alg": "ES256", "typ": "JWT"}
