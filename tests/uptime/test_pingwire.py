"""What each address means, and what each product's clients are told."""

import json
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.domain.heartbeat import PingKind
from monitors.services.pings import Key
from uptime.pingwire import BETTER_STACK, GATUS, HEALTHCHECKS, KUMA, Answer, Call, read, same_name

SUCCESS, START, FAIL, LOG, _ = PingKind
ID, RID = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278", "123e4567-e89b-12d3-a456-426614174000"
UUID_KEY, NAMED, TOKEN = Key(uuid=UUID(ID)), Key(ping_key="fqOOd6-F4MMNuCEnzTU01w", slug="db-backup"), Key(token="t0k")

MEANT = {
    # Healthchecks
    f"/ping/{ID}": Call(HEALTHCHECKS, UUID_KEY),
    f"/ping/{ID}/": Call(HEALTHCHECKS, UUID_KEY),
    f"/ping/{ID.upper()}": Call(HEALTHCHECKS, UUID_KEY),
    f"/ping/{ID}/start": Call(HEALTHCHECKS, UUID_KEY, START),
    f"/ping/{ID}/fail": Call(HEALTHCHECKS, UUID_KEY, FAIL),
    f"/ping/{ID}/log": Call(HEALTHCHECKS, UUID_KEY, LOG),
    f"/ping/{ID}/0": Call(HEALTHCHECKS, UUID_KEY, SUCCESS, 0),
    f"/ping/{ID}/255": Call(HEALTHCHECKS, UUID_KEY, FAIL, 255),
    f"/ping/{ID}?rid={RID}": Call(HEALTHCHECKS, UUID_KEY, run=RID),
    f"/ping/{ID}/start?rid={RID.upper()}": Call(HEALTHCHECKS, UUID_KEY, START, run=RID),
    "/ping/fqOOd6-F4MMNuCEnzTU01w/db-backup": Call(HEALTHCHECKS, NAMED),
    "/ping/fqOOd6-F4MMNuCEnzTU01w/db-backup/fail": Call(HEALTHCHECKS, NAMED, FAIL),
    "/ping/fqOOd6-F4MMNuCEnzTU01w/db-backup/3": Call(HEALTHCHECKS, NAMED, FAIL, 3),
    "/ping/fqOOd6-F4MMNuCEnzTU01w/db-backup?create=1": Call(HEALTHCHECKS, NAMED, create=True),
    # Better Stack, OneUptime
    "/api/v1/heartbeat/t0k": Call(BETTER_STACK, TOKEN),
    "/api/v1/heartbeat/t0k/fail": Call(BETTER_STACK, TOKEN, FAIL),
    "/api/v1/heartbeat/t0k/0": Call(BETTER_STACK, TOKEN, SUCCESS, 0),
    "/api/v1/heartbeat/t0k/7": Call(BETTER_STACK, TOKEN, FAIL, 7),
    "/heartbeat/t0k": Call(BETTER_STACK, TOKEN),
    # Uptime Kuma, Peekaping
    "/api/push/t0k": Call(KUMA, TOKEN),
    "/push/t0k": Call(KUMA, TOKEN),
    "/api/push/t0k?status=up&msg=OK&ping=": Call(KUMA, TOKEN),
    "/api/push/t0k?status=up&msg=OK&ping=12.5": Call(KUMA, TOKEN, duration_ms=12.5),
    "/api/push/t0k?status=down&msg=disk%20full": Call(KUMA, TOKEN, FAIL, said="disk full"),
    "/api/push/t0k?status=UP": Call(KUMA, TOKEN, FAIL),
    "/api/push/t0k?ping=0": Call(KUMA, TOKEN),
    "/api/push/t0k?ping=fast": Call(KUMA, TOKEN),
    # Gatus
    "/api/v1/endpoints/core_job/external?success=true": Call(GATUS, TOKEN, named="core_job"),
    "/api/v1/endpoints/core_job/external?success=false&error=no%20disk&duration=1m30s": (
        Call(GATUS, TOKEN, FAIL, duration_ms=90_000.0, said="no disk", named="core_job")
    ),
}


def asked(address, authorization="Bearer t0k"):
    path, _, query = address.partition("?")
    return read(path, query, authorization)


@pytest.mark.parametrize(("address", "call"), MEANT.items())
def test_an_address_means(address, call):
    assert asked(address) == call


NO_MONITOR = {"ok": False, "msg": "Monitor not found or not active."}
REFUSED = {
    f"/ping/{ID}/256": (400, "invalid url format"),
    f"/ping/{ID}/99999999999": (400, "invalid url format"),
    f"/ping/{ID}/start/now": (404, "not found"),
    f"/ping/{ID}?rid=7": (400, "invalid uuid format"),
    "/ping/": (404, "not found"),
    "/ping/nobody": (404, "not found"),
    "/ping/fqOOd6-F4MMNuCEnzTU01w/DB-Backup": (400, "invalid url format"),
    "/ping/fqOOd6-F4MMNuCEnzTU01w/db backup": (404, "not found"),
    "/ping/fqOOd6-F4MMNuCEnzTU01w/db-backup/later": (404, "not found"),
    "/api/v1/heartbeat/": (404, "not found"),
    "/api/v1/heartbeat/t0k/start": (404, "not found"),
    "/api/v1/heartbeat/t0k/256": (400, "invalid url format"),
    "/heartbeat/t0k/fail": (404, "not found"),
    f"/ping/{ID}?{'&'.join('a=1' for _ in range(51))}": (400, "invalid url format"),
    "/api/push/": (404, NO_MONITOR),
    "/api/push/t0k/x": (404, NO_MONITOR),
    "/api/push/t0k?ping=-1": (404, {"ok": False, "msg": "Invalid ping value. Must be between 0 and 100000000000 ms."}),
    "/api/v1/endpoints/core_job/external": (400, "missing or invalid success query parameter"),
    "/api/v1/endpoints/core_job/external?success=maybe": (400, "missing or invalid success query parameter"),
    "/api/v1/endpoints/core_job/external?success=true&duration=soon": (
        400,
        'invalid duration: time: invalid duration "soon"',
    ),
    "/api/v1/endpoints/core_job/statuses": (404, "not found"),
}


@pytest.mark.parametrize(("address", "told"), REFUSED.items())
def test_what_cannot_be_is_told_in_the_products_own_words(address, told):
    answer = asked(address)
    assert isinstance(answer, Answer)
    text = json.loads(answer.text) if answer.content_type.startswith("application/json") else answer.text
    assert (answer.status, text) == told


@pytest.mark.parametrize("authorization", ["", "t0k", "Basic t0k", "Bearer ", "Bearer \0"])
def test_gatus_wants_a_bearer_token(authorization):
    answer = asked("/api/v1/endpoints/core_job/external?success=true", authorization)
    assert (answer.status, answer.text) == (401, "invalid Authorization header")


@pytest.mark.parametrize("path", ["/", "/pinged", "/ping", "/api/v2/monitors", "/api/v1/", "/heartbeats"])
def test_other_addresses_are_the_sites(path):
    assert read(path, "") is None


@pytest.mark.parametrize("prefix", ["/ping/", "/api/v1/heartbeat/", "/api/push/", "/push/", "/heartbeat/"])
@given(st.text("abAB01/-_%é\0 .", max_size=60), st.text("rid=&%1a;+\0 ", max_size=30))
def test_whatever_is_asked_for_is_a_call_or_an_answer(prefix, rest, query):
    assert isinstance(read(prefix + rest, query), Call | Answer)


@pytest.mark.parametrize(
    ("key", "name", "same"),
    [
        ("core_nightly-backup", "Nightly backup", True),
        ("_nightly-backup", "Nightly backup", True),
        ("core_a-b-c", "a/b.c", True),
        ("core_other", "Nightly backup", False),
        ("core_db-backup", "Whatever", True),  # its short name
    ],
)
def test_the_key_of_gatus_is_made_of_the_name(key, name, same):
    assert same_name(key, name, "db_backup") is same
