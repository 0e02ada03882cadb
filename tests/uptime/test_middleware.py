"""Liveness, readiness, the reader's time zone, and the answer while the database is away."""

from datetime import UTC, datetime
from unittest.mock import patch

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from tests.factories import make_user
from uptime import middleware
from uptime.middleware import ReaderTimeZone


def test_liveness_needs_no_database_and_carries_the_nonce(client, settings):
    settings.INSTANCE_NONCE = "n0nce"
    answer = client.get("/healthz", headers={"host": "whatever.example"})
    assert (answer.status_code, answer.headers["X-Uptime-Instance"]) == (200, "n0nce")


@pytest.mark.django_db
def test_readiness_is_200_when_database_and_cache_answer(client):
    assert client.get("/readyz").json() == {"status": "ok"}


@pytest.mark.django_db
def test_readiness_names_the_part_that_does_not_answer(client, monkeypatch):
    def away():
        raise OperationalError("gone")

    monkeypatch.setitem(middleware.PARTS, "database", away)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"status": "unready", "database": "OperationalError"})


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("zone", "hour"), [("Europe/Berlin", 13), ("America/New_York", 7), ("", 12), ("Mars/Olympus", 12)]
)
def test_times_are_shown_in_the_readers_zone(rf, zone, hour):
    request = rf.get("/")
    request.user = make_user(time_zone=zone)
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert ReaderTimeZone(lambda _: timezone.localtime(noon).hour)(request) == hour


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "kind"), [("/accounts/login", "text/html"), ("/api/v2/monitors", "application/json")])
def test_while_the_database_is_away_pages_and_api_say_503_and_when_to_try_again(path, kind, monkeypatch):
    client = Client(raise_request_exception=False)
    with patch("uptime.middleware.ReaderTimeZone.__call__", side_effect=OperationalError("gone")):
        answer = client.get(path)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.headers["Content-Type"].startswith(kind)


@pytest.mark.parametrize(("path", "kind"), [("/api/v2/nothing", "application/json"), ("/nothing", "text/html")])
@pytest.mark.django_db
def test_what_is_not_there_is_404_in_the_callers_own_language(client, path, kind):
    answer = client.get(path)
    assert (answer.status_code, answer.headers["Content-Type"].split(";")[0]) == (404, kind)
