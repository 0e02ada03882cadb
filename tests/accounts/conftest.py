import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core.cache import cache

from tests import factories


@pytest.fixture(autouse=True)
def _uncounted():
    """No attempt of another test counts. Only allauth's counters go: the same Valkey may carry other tests' queues."""
    client = cache._cache.get_client()
    for key in client.scan_iter("*allauth:rl:*"):
        client.delete(key)


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch):
    """Real Argon2 with less work: these tests hash some hundred passwords."""
    monkeypatch.setattr(Argon2PasswordHasher, "time_cost", 1)
    monkeypatch.setattr(Argon2PasswordHasher, "memory_cost", 64)  # KiB
    monkeypatch.setattr(factories, "_hashes", {})


@pytest.fixture
def mailbox(settings):
    """Our own mail backend, which pytest-django otherwise replaces."""
    settings.EMAIL_BACKEND = "accounts.mail.MailboxBackend"


@pytest.fixture
def cache_away(settings):
    """A cache nobody answers for."""
    default = {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}
    settings.CACHES = {"default": default}
