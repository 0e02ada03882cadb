"""A real Chromium, and pages that fail their test when the browser complains of anything."""

import pytest
from django.conf import settings
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.test import Client
from playwright.sync_api import sync_playwright

from tests.helpers import find_chromium

ARGUMENTS = [  # without a sandbox (we may be root), and without calling home
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def chromium():
    """One browser for the whole file."""
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright keeps an event loop in this thread, where Django's ORM then suspects asynchronous code.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(autouse=True)
def _static_files_as_in_production(monkeypatch):
    """The test server would look for hashed names among the sources; WhiteNoise, behind it, has them."""
    monkeypatch.setattr(StaticFilesHandler, "_should_handle", lambda *_: False)


@pytest.fixture
def browse(chromium):
    """Opens a page of a site, signed in as `user` where one is given; complaints of the browser fail the test."""
    contexts, complaints = [], []

    def open_page(site, user=None, size=(1280, 900), **options):
        viewport = {"width": size[0], "height": size[1]}
        context = chromium.new_context(viewport=viewport, base_url=site, **options)
        contexts.append(context)
        if user:
            context.add_cookies([{**session_cookie(user), "url": site}])
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda said: complaints.append(said.text) if _matters(said) else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def session_cookie(user):
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    return {"name": name, "value": client.cookies[name].value}


def _matters(said):
    """Errors and warnings, but for the note every browser makes of a refused form."""
    return said.type in {"error", "warning"} and "status of 422" not in said.text
