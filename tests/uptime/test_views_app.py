"""The manifest, the service worker and the page for when there is no connection, as a browser wants them."""

import re
import struct
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders

from tests.factories import make_user

ROOT = Path(settings.BASE_DIR)


def png_size(data):
    """Width and height (PNG specification, 11.2.2)."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", data[16:24])


def source_of(url):
    """The file behind the address of a static one, whose name holds a hash."""
    name = re.sub(r"\.[0-9a-f]{12}(?=\.\w+$)", "", url.removeprefix("/static/"))
    return Path(finders.find(name))


@pytest.fixture
def manifest(client):
    response = client.get("/manifest.webmanifest")
    assert response["Content-Type"] == "application/manifest+json"
    return response.json()


def test_the_manifest_makes_it_an_app(manifest):
    assert (manifest["display"], manifest["start_url"], manifest["scope"]) == ("standalone", "/", "/")
    assert manifest["name"] == manifest["short_name"] == "Uptime"


def test_its_icons_have_the_sizes_it_says(manifest):
    for icon in manifest["icons"]:
        assert "x".join(map(str, png_size(source_of(icon["src"]).read_bytes()))) == icon["sizes"]
    said = {(icon["sizes"], icon["purpose"]) for icon in manifest["icons"]}
    assert said >= {("192x192", "any"), ("512x512", "any"), ("512x512", "maskable")}


def test_its_colours_are_those_of_the_pages(manifest):
    tokens = (ROOT / "static/css/tokens.css").read_text()
    for name, colour in {"brand": manifest["theme_color"], "canvas": manifest["background_color"]}.items():
        assert f"--{name}: light-dark({colour}, " in tokens


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("chosen", "colours"), [("", ["#ffffff", "#12161d"]), ("light", ["#ffffff"]), ("dark", ["#12161d"])]
)
def test_the_frame_around_a_page_has_its_colour(client, chosen, colours):
    make_user("alice")
    client.cookies["theme"] = chosen
    page = client.get("/accounts/login").content.decode()
    said = re.findall(r'<meta name="theme-color" content="(#\w+)"( media=)?', page)
    assert [colour for colour, _ in said] == colours
    assert all(bool(media) is not bool(chosen) for _, media in said)
    assert "--surface: light-dark(#ffffff, #12161d)" in (ROOT / "static/css/tokens.css").read_text()


def test_the_service_worker_has_the_whole_site_as_its_scope_and_is_never_old(client):
    response = client.get("/service-worker.js")
    assert response["Content-Type"].startswith("text/javascript")
    assert response["Cache-Control"] == "no-cache"
    assert "default-src 'none'" in response["Content-Security-Policy"]
    assert "connect-src 'self'" in response["Content-Security-Policy"]


def test_the_service_worker_keeps_what_the_page_without_a_connection_needs_and_nothing_else(client):
    worker, page = (client.get(path).content.decode() for path in ("/service-worker.js", "/offline"))
    kept = set(re.findall(r'"(/static/[^"]+)"', re.search(r"const ASSETS = \[(.*)\];", worker)[1]))
    needed = {each.split("#")[0] for each in re.findall(r'href="(/static/[^"]+)"', page)}
    assert kept == needed
    assert not re.search(r"innerHTML|\beval\(|new Function|importScripts", worker)


@pytest.mark.parametrize("path", ["/service-worker.js", "/offline", "/manifest.webmanifest"])
def test_none_needs_the_database(client, path):
    """Which a test without the mark `django_db` does not get."""
    assert client.get(path).status_code == 200


@pytest.mark.django_db
def test_only_who_is_signed_in_gets_the_service_worker(client):
    make_user("bob")
    assert "js/app" not in client.get("/accounts/login").content.decode()
    client.force_login(make_user("alice"))
    assert 'data-worker="/service-worker.js"' in client.get("/").content.decode()
