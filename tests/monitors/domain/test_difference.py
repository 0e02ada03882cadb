"""What became different, in words: a table, and the promise that it says nothing where nothing changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.domain.bundle import Bundle
from monitors.domain.difference import difference

CERTIFICATE = {
    "subject": "CN=shop.example",
    "issuer": "Let's Encrypt R11",
    "names": ["shop.example", "www.shop.example"],
    "count": 2,
    "start": "2026-01-01T00:00:00Z",
    "end": "2026-04-01T00:00:00Z",
    "sha256": "aa" * 32,
}
GOOD = {
    "names": [
        {
            "host": "shop.example",
            "addresses": ["2001:db8::1", "192.0.2.1"],
            "count": 2,
            "ttl": 300,
            "answers": ["AAAA: NOERROR, 1 address", "A: NOERROR, 1 address"],
        }
    ],
    "address": "192.0.2.1",
    "tried": ["192.0.2.1"],
    "url": "https://shop.example/",
    "protocol": "HTTP/1.1",
    "tls": "TLS 1.3",
    "certificates": [CERTIFICATE, {**CERTIFICATE, "subject": "CN=R11", "sha256": "bb" * 32}],
    "status": 200,
    "headers": [
        ["date", "Mon, 01 Jan 2026 00:00:00 GMT"],
        ["server", "nginx/1.18"],
        ["etag", '"abc"'],
        ["set-cookie", "a=••••"],
        ["content-type", "text/html"],
    ],
    "body": {"text": "<title>Shop</title> 17 visitors", "size": 14_000, "sha256": "cc" * 32, "cut": False},
    "phases": [2.0, 10.0, 20.0, 60.0, 5.0],
}


def with_name(**changes):
    return {"names": [{**GOOD["names"][0], **changes}]}


def with_certificate(**changes):
    return {"certificates": [{**CERTIFICATE, **changes}, GOOD["certificates"][1]]}


def with_header(name, value):
    headers = [each for each in GOOD["headers"] if each[0] != name]
    return {"headers": [*headers, [name, value]] if value else headers}


def with_body(**changes):
    return {"body": {**GOOD["body"], "sha256": "dd" * 32, **changes}}


AT_LOGIN = {"redirects": [{"status": 302, "url": "https://shop.example/"}], "url": "https://shop.example/login"}
ON_LONDON = {**AT_LOGIN, "url": "https://other.example/"}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({}, {}, []),
        # addresses
        ({}, {"address": "192.0.2.9"}, ["address 192.0.2.1 became 192.0.2.9"]),
        ({}, {"address": "2001:db8::1"}, []),
        ({}, {"address": ""}, []),
        (
            {},
            with_name(addresses=["192.0.2.1"], answers=["AAAA: NOERROR, 0 addresses", "A: NOERROR, 1 address"]),
            ["shop.example now has no AAAA (IPv6)"],
        ),
        ({}, with_name(addresses=["192.0.2.1"], answers=["A: NOERROR, 1 address"]), []),
        ({}, with_name(addresses=[], count=0), ["shop.example no longer has an address"]),
        (with_name(addresses=["192.0.2.1"]), {}, ["shop.example now has an AAAA (IPv6)"]),
        # the answer
        ({}, {"status": 503}, ["status 200 became 503"]),
        ({}, {"status": None}, []),
        ({}, AT_LOGIN, ["now redirects to https://shop.example/login"]),
        (AT_LOGIN, {}, ["redirect to https://shop.example/login is gone"]),
        (
            AT_LOGIN,
            ON_LONDON,
            ["redirect now leads to https://other.example/ instead of https://shop.example/login"],
        ),
        (AT_LOGIN, {"status": None, "headers": []}, []),
        ({}, with_header("server", "openresty"), ["header server changed from nginx/1.18 to openresty"]),
        ({}, with_header("server", "nginx/1.25"), ["header server changed from nginx/1.18 to nginx/1.25"]),
        ({}, with_header("server", ""), ["header server (nginx/1.18) is gone"]),
        ({}, with_header("retry-after", "120"), ["new header retry-after: 120"]),
        ({}, with_header("date", "Tue, 02 Jan 2026 00:00:00 GMT"), []),
        ({}, with_header("etag", '"def"'), []),
        ({}, with_header("set-cookie", "b=••••"), []),
        ({}, with_body(size=512, text="oops"), ["body changed, 14 kB became 512 bytes"]),
        ({}, with_body(text="<title>Shop</title> 18 visitors"), []),
        ({}, with_body(text="<title>Shop</title> nobody"), ["body changed, still 14 kB"]),
        (
            {},
            with_body(text="<title>Parked</title>"),
            ["title changed from “Shop” to “Parked”", "body changed, still 14 kB"],
        ),
        # TLS
        (
            {},
            with_certificate(issuer="Evil CA", sha256="ee" * 32, end="2026-05-01T00:00:00Z"),
            [
                "issuer changed from Let's Encrypt R11 to Evil CA",
                "certificate replaced, good until 2026-05-01 instead of 2026-04-01",
            ],
        ),
        (
            {},
            with_certificate(sha256="ee" * 32, names=["shop.example"], count=1),
            ["certificate replaced", "certificate no longer covers www.shop.example"],
        ),
        ({}, {"certificates": [CERTIFICATE]}, ["chain of 2 certificates became one of 1"]),
        ({}, {"certificates": []}, []),
        ({}, {"tls": "TLS 1.2"}, ["TLS 1.3 became TLS 1.2"]),
        ({}, {"protocol": "HTTP/2"}, ["HTTP/1.1 became HTTP/2"]),
        # time
        ({}, {"phases": [2.0, 10.0, 20.0, 400.0, 5.0]}, ["first byte +340 ms"]),
        ({}, {"phases": [2.0, 3010.0, 20.0, 400.0, 5.0]}, ["connecting +3.00 s", "first byte +340 ms"]),
        ({}, {"phases": [2.0, 10.0, 20.0, 100.0, 5.0]}, []),
        ({}, {"phases": [1.0, 1.0, 1.0, 1.0, 1.0]}, []),
        # records
        ({"records": ["192.0.2.1"]}, {"records": ["192.0.2.9"]}, ["records 192.0.2.1 became 192.0.2.9"]),
        ({"records": ["a", "b"]}, {"records": ["b", "a"]}, []),
        ({"records": ["a"]}, {"records": []}, ["records a became none"]),
    ],
)
def test_what_became_different_is_said_in_words(before, after, said):
    assert difference({**GOOD, **before}, {**GOOD, **after}) == said


def test_the_weightiest_comes_first():
    after = {**GOOD, **with_header("server", "x"), "status": 503, "address": "192.0.2.9", "phases": [2, 10, 20, 400, 5]}
    assert difference(GOOD, after) == [
        "address 192.0.2.1 became 192.0.2.9",
        "status 200 became 503",
        "first byte +340 ms",
        "header server changed from nginx/1.18 to x",
    ]


def test_what_is_very_long_is_cut():
    [said] = difference(GOOD, {**GOOD, **with_header("server", "x" * 500)})
    assert len(said) < 200


# Whatever comes in ----------------------------------------------------------------------------------------------------
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
KEYS = st.sampled_from([*Bundle.__dataclass_fields__, "nothing"])
TEXTS = st.text(max_size=10)
LIKELY = {
    "names": st.lists(st.fixed_dictionaries({}, optional={"host": TEXTS, "addresses": st.lists(TEXTS), "count": JSON})),
    "certificates": st.lists(st.dictionaries(st.sampled_from(list(CERTIFICATE)), JSON | TEXTS, max_size=7), max_size=3),
    "headers": st.lists(st.tuples(TEXTS | st.just("server"), TEXTS).map(list) | JSON, max_size=5),
    "redirects": st.lists(st.fixed_dictionaries({}, optional={"status": JSON, "url": JSON}), max_size=3),
    "body": st.fixed_dictionaries({}, optional={"text": TEXTS, "size": JSON, "sha256": JSON}),
    "phases": st.lists(st.floats() | st.none() | st.integers(), max_size=7),
    "status": st.integers() | JSON,
    "url": TEXTS,
}
BUNDLES = JSON | st.dictionaries(KEYS, JSON) | st.fixed_dictionaries({}, optional=LIKELY)


@given(BUNDLES)
def test_of_the_same_nothing_is_said(bundle):
    assert difference(bundle, bundle) == []


@given(BUNDLES, BUNDLES)
def test_any_json_is_read(before, after):
    assert all(isinstance(each, str) and each for each in difference(before, after))
