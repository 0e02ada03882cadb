"""House laws for every template, ours or another app's: nothing inline, nothing unescaped, nothing from elsewhere.

The content security policy would stop the first kind in a browser; here it is found with file and line.
"""

import re
from html.parser import HTMLParser

import pytest
from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.template.loader import get_template, render_to_string
from django.urls import reverse
from django.utils import timezone

from monitors.domain.heartbeat import PingKind
from monitors.services import pings
from monitors.services.pings import Arrival, Key
from tests.factories import make_admin, make_heartbeat, make_incident, make_monitor, make_region, team_of

TEMPLATES = settings.BASE_DIR / "templates"
PAGES = sorted(path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.html"))
MAIL = re.compile(r"(^|/)(email|messages)/")  # mails have no policy, and need their styles inside
EVENT = re.compile(r"^on[a-z]+$")
FORBIDDEN = {
    "a filter that stops escaping": re.compile(r"\|\s*(safe|safeseq)\b"),
    "escaping switched off": re.compile(r"{%\s*autoescape\s+off"),
    "an htmx expression that is evaluated": re.compile(r"\bjs:|\bjavascript:|hx-on|hx-vars|hx-trigger=\"[^\"]*\["),
    "a script, style or image of another host": re.compile(
        r"<(?:script|link|img|iframe|use)[^>]+(?:src|href)=\"(?:https?:)?//"
    ),
}


class Inline(HTMLParser):
    """Collects what a strict policy refuses."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.found, self.ids = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in given and given.get("type") != "application/json"):
            self.found.append((self.getpos()[0], f"<{tag}>"))
        for name, value in attrs:
            if name == "style" or EVENT.match(name) or (value or "").strip().lower().startswith("javascript:"):
                self.found.append((self.getpos()[0], f"{name}={value}"))
            if name == "id":
                self.ids.append(value)


def source(name):
    return (TEMPLATES / name).read_text()


@pytest.mark.parametrize("name", [name for name in PAGES if not MAIL.search(name)])
def test_a_template_has_nothing_inline(name):
    text = re.sub(r"{%.*?%}|{#.*?#}", "", source(name), flags=re.S)
    assert Inline(text).found == []


@pytest.mark.parametrize("law", FORBIDDEN)
@pytest.mark.parametrize("name", PAGES)
def test_a_template_keeps_the_house_laws(name, law):
    lines = source(name).splitlines()
    assert [number for number, line in enumerate(lines, 1) if FORBIDDEN[law].search(line)] == []


@pytest.mark.parametrize("name", PAGES)
def test_a_template_can_be_parsed(name):
    assert get_template(name)


@pytest.mark.parametrize("path", sorted((settings.BASE_DIR / "static/js").glob("*.js")), ids=lambda path: path.name)
def test_a_script_writes_no_markup_and_evaluates_nothing(path):
    text = path.read_text()
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\(.style", text
    )


@pytest.mark.parametrize("name", ["400.html", "500.html"])
def test_the_pages_of_last_resort_need_no_context(name):
    page = render_to_string(name)
    assert Inline(page).found == []
    assert "Error " + name[:3] in page


def test_every_static_file_that_is_named_was_collected_under_a_hashed_name():
    named = {name for page in PAGES for name in re.findall(r"{% static \"([^\"]+)\" %}", source(page))}
    named |= {"img/icons.svg", "img/favicon-up.svg", "img/favicon-down.svg"}
    assert len(named) > 12
    for name in named:
        hashed = staticfiles_storage.stored_name(name)
        assert hashed != name
        assert (settings.STATIC_ROOT / hashed).is_file()


PUBLIC = ["account_login", "account_signup", "account_reset_password"]
OWN = [
    "monitors:list", "monitors:add", "monitors:rows", "monitors:regions", "monitors:welcome", "incidents:list",
    "accounts:profile", "accounts:mailbox", "account_change_password",
]  # fmt: skip
OF_A_HEARTBEAT = ["monitors:detail", "monitors:edit", "monitors:summary"]
OF_ONE = ["monitors:detail", "monitors:edit", "monitors:delete", "monitors:summary"]


@pytest.mark.django_db
@pytest.mark.parametrize("name", [*OF_A_HEARTBEAT, "monitors:ping"])
def test_a_page_of_a_heartbeat_has_nothing_inline(client, name):
    admin = make_admin()
    job = make_heartbeat(team_of(admin))
    pings.take(Key(uuid=job.heartbeat.uuid), Arrival(PingKind.FAIL, timezone.now(), body=b"<b>", body_size=3))
    client.force_login(admin)
    page = client.get(reverse(name, args=[job.pk, 1] if name == "monitors:ping" else [job.pk])).content.decode()
    read = Inline(page)
    assert read.found == []
    assert sorted(read.ids) == sorted(set(read.ids)), "an id must be unique on its page"


@pytest.mark.django_db
@pytest.mark.parametrize("name", PUBLIC + OWN + OF_ONE + ["incidents:detail", "404"])
def test_a_page_as_the_browser_gets_it_has_nothing_inline(client, name):
    admin = make_admin()
    monitor = make_monitor(team_of(admin), status="down", regions=[make_region()], state={"recent": [50, -1, -2]})
    incident = make_incident(monitor)
    if name not in PUBLIC:
        client.force_login(admin)
    args = [monitor.pk] if name in OF_ONE else [incident.pk] if name == "incidents:detail" else []
    response = client.get("/no/such/page" if name == "404" else reverse(name, args=args))
    page = response.content.decode()
    assert response.status_code == (404 if name == "404" else 200)
    read = Inline(page)
    assert read.found == []
    assert sorted(read.ids) == sorted(set(read.ids)), "an id must be unique on its page"
    assert "default-src 'none'" in response["Content-Security-Policy"]
    assert "unsafe" not in response["Content-Security-Policy"]
