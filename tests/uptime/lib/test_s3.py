"""The bucket, against a store that checks every signature with another implementation and breaks down when told to."""

import os

import pytest

from tests import s3 as other_side
from uptime.lib import s3
from uptime.lib.s3 import Bucket, Signature
from uptime.lib.stores import MissingError, StoreError

MB = 1 << 20


@pytest.fixture
def store(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(s3, "PAUSES_S", (0.0, 0.0, 0.0))
    with other_side.Store() as store:
        yield store


@pytest.fixture
def bucket(store):
    return connect(store)


def connect(store, prefix="up time/ä+b", **wrong):
    who = {"key_id": other_side.KEY_ID, "secret": other_side.SECRET, "region": other_side.REGION, **wrong}
    return Bucket(store.url, other_side.BUCKET, prefix, Signature(**who))


def put(bucket, name, *pieces):
    with bucket.writing(name) as sink:
        for piece in pieces:
            sink.write(piece)


def get(bucket, name):
    with bucket.reading(name) as file:
        return file.read()


@pytest.mark.parametrize("name", ["days/2026-01-31.csv.gz", "days/a b&c=d;e~f'(g)*!.json", "days/日本 %41+.x"])
def test_what_is_written_under_any_name_is_read_back(bucket, store, name):
    put(bucket, name, b"one ", b"two")
    assert get(bucket, name) == b"one two"
    assert store.objects == {f"up time/ä+b/{name}": b"one two"}


def test_an_empty_file_is_a_file(bucket):
    put(bucket, "days/empty")
    assert get(bucket, "days/empty") == b""


def test_a_large_file_goes_in_parts_and_none_is_held_longer_than_it_takes_to_send(bucket, store):
    data = os.urandom(20 * MB)
    with bucket.writing("days/large") as sink:
        for start in range(0, len(data), MB):
            sink.write(data[start : start + MB])
            assert len(sink._buffer) <= s3.PART
    assert get(bucket, "days/large") == data
    assert [line.split()[0] for line in store.requests] == ["POST", "PUT", "PUT", "PUT", "POST", "GET"]


def test_names_are_listed_over_several_pages(bucket, store):
    for name in ("days/a&b", "days/c", "days/d", "days/e", "days/f", "other/g"):
        put(bucket, name, b"x")
    assert bucket.names("days") == ["days/a&b", "days/c", "days/d", "days/e", "days/f"]
    assert bucket.names("nothing") == []


def test_what_is_not_there_is_said_to_be_missing(bucket):
    with pytest.raises(MissingError, match="days/none does not exist"):
        get(bucket, "days/none")


@pytest.mark.parametrize("trouble", ["500", "503", "cut", "429"])
def test_trouble_that_passes_is_tried_again(bucket, store, trouble):
    store.trouble.extend([trouble, trouble])
    put(bucket, "days/a", b"x")
    store.trouble.extend([trouble])
    assert get(bucket, "days/a") == b"x"
    store.trouble.extend([trouble])
    assert bucket.names("days") == ["days/a"]


@pytest.mark.parametrize("trouble", ["500", "503", "cut"])
def test_each_part_of_a_large_file_is_tried_again(bucket, store, trouble):
    store.trouble.extend([None, None, trouble, None, trouble, None])
    put(bucket, "days/large", b"x" * (10 * MB), b"y" * (8 * MB))
    assert get(bucket, "days/large") == b"x" * (10 * MB) + b"y" * (8 * MB)


def test_an_assembly_that_fails_after_it_was_answered_with_200_is_tried_again(bucket, store):
    store.trouble.extend([None, None, None, "late"])
    put(bucket, "days/large", b"x" * (10 * MB))
    assert get(bucket, "days/large") == b"x" * (10 * MB)


def test_a_download_that_is_cut_off_halfway_begins_anew(bucket, store):
    put(bucket, "days/a", b"0123456789")
    store.trouble.extend(["cut half", "cut half"])
    assert get(bucket, "days/a") == b"0123456789"


@pytest.mark.parametrize("trouble", ["500", "cut"])
def test_trouble_that_lasts_is_told_and_leaves_nothing(bucket, store, trouble):
    store.trouble.extend([None, None, *[trouble] * 4])
    with pytest.raises(StoreError, match="days/large"):
        put(bucket, "days/large", b"x" * (20 * MB))
    assert store.objects == store.uploads == {}


def test_a_download_that_never_ends_well_is_told(bucket, store):
    put(bucket, "days/a", b"0123456789")
    store.trouble.extend(["cut half"] * 4)
    with pytest.raises(StoreError, match=r"days/a cannot be read"):
        get(bucket, "days/a")


def test_what_fails_while_it_is_written_never_exists(bucket, store):
    put(bucket, "days/a", b"old")
    with pytest.raises(ZeroDivisionError):
        put(bucket, "days/a", *(b"new" * (5 * MB) if n else 1 / n for n in (1, 0)))
    assert get(bucket, "days/a") == b"old"
    assert store.uploads == {}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"secret": "guess"}, "403 SignatureDoesNotMatch Check your key & signing method"),
        ({"key_id": "nobody"}, "403 InvalidAccessKeyId"),
        ({"region": "elsewhere"}, f"The region is {other_side.REGION}"),
    ],
    ids=["secret", "key id", "region"],
)
def test_wrong_credentials_are_told_at_once_with_what_to_check(store, wrong, said):
    with pytest.raises(StoreError, match=said) as caught:
        put(connect(store, **wrong), "days/a", b"x")
    assert "ARCHIVE_S3_KEY_ID" in str(caught.value)
    assert len(store.requests) == 1
    assert "guess" not in str(caught.value)


def test_a_store_that_is_not_there_is_told(store, bucket):
    elsewhere = Bucket("http://127.0.0.1:1", "ticks", "", Signature("a", "b", "c"))
    with pytest.raises(StoreError, match=r"http://127\.0\.0\.1:1/ticks/days/a cannot be reached"):
        put(elsewhere, "days/a", b"x")
