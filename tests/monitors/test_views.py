"""Pages of monitors: who may see them, what they say, what their buttons do, how they stay live."""

import json
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from monitors import charts, live, views
from monitors.models import ExtraSlot, Monitor, Tick
from monitors.probes.kinds import KINDS
from monitors.services.partitions import ensure_partitions
from tests.factories import make_incident, make_monitor, make_region, make_user, team_of

pytestmark = pytest.mark.django_db

ONE = ["detail", "summary", "series", "edit", "delete", "pause", "resume", "check", "restore"]


@pytest.fixture
def alice(client):
    user = make_user("alice")
    client.force_login(user)
    return user


@pytest.fixture
def eu():
    return make_region("eu", name="Frankfurt")


@pytest.fixture
def shop(alice, eu):
    facts = {"verdict": "up", "recent": [90, 120], "last_response_ms": 120.4, "last_checked_at": timezone.now()}
    return make_monitor(
        team_of(alice), name="Shop", target="https://shop.example/", status="up", regions=[eu], state=facts
    )


def text(response):
    return response.content.decode()


def told(client):
    """The messages the next page shows, with the address of their Undo."""
    return [(str(m), m.extra_tags) for m in client.get(reverse("monitors:list")).context["messages"]]


# Who may
@pytest.mark.parametrize("name", ONE)
def test_a_stranger_finds_no_page_and_no_button_of_others(client, shop, name):
    client.force_login(make_user("bob"))
    url = reverse(f"monitors:{name}", args=[shop.pk])
    if name == "restore":
        Monitor.objects.update(deleted_at=timezone.now())
        client.post(url)
    else:
        assert {client.get(url).status_code, client.post(url).status_code} <= {404, 405}
    shop.refresh_from_db()
    assert (shop.paused, bool(shop.deleted_at)) == (False, name == "restore")


@pytest.mark.parametrize("name", ["list", "add"])
def test_who_is_not_signed_in_is_sent_to_sign_in(client, name):
    response = client.get(reverse(f"monitors:{name}"))
    assert response.status_code == 302
    assert response.url.startswith(reverse("account_login"))


@pytest.mark.parametrize("name", ["rows", "summary"])
def test_a_live_part_reloads_the_page_once_the_session_is_over(client, shop, name):
    client.logout()
    response = client.get(reverse(f"monitors:{name}", args=[shop.pk] if name == "summary" else []))
    assert (response.status_code, response["HX-Refresh"]) == (204, "true")


@pytest.mark.parametrize("name", ["pause", "resume", "check", "bulk", "restore_all"])
def test_what_changes_something_is_not_a_link(client, shop, name):
    args = [] if name in {"bulk", "restore_all"} else [shop.pk]
    assert client.get(reverse(f"monitors:{name}", args=args)).status_code == 405


def test_bulk_actions_leave_the_monitors_of_others_alone(client, shop):
    client.force_login(make_user("bob"))
    client.post(reverse("monitors:bulk"), {"action": "delete", "id": [shop.pk]})
    shop.refresh_from_db()
    assert shop.deleted_at is None


# The list
def test_the_first_visit_says_the_next_step(client, alice):
    page = text(client.get("/"))
    assert "Nothing is watched yet" in page
    assert reverse("monitors:welcome") in page
    assert reverse("monitors:add") in page


def test_a_row_says_everything_at_a_glance(client, shop):
    page = text(client.get("/"))
    for part in ["Shop", "https://shop.example/", "120 ms", "data-ago", ">Up<", "100%"]:
        assert part in page
    assert '<svg class="bars' in page
    for name in ("pause", "edit", "check", "delete"):
        assert reverse(f"monitors:{name}", args=[shop.pk]) in page


def test_a_name_is_text_and_never_markup(client, alice):
    make_monitor(team_of(alice), name="<script>alert(1)</script>", target='https://x.example/"><b>')
    page = text(client.get("/"))
    assert "<script>alert" not in page
    assert '"><b>' not in page


def test_filters_count_and_link(client, shop, alice):
    make_monitor(team_of(alice), name="Broken", status="down")
    response = client.get("/", {"status": "down"})
    assert [row.monitor.name for row in response.context["page"].object_list] == ["Broken"]
    chips = {key: (number, link) for key, _, number, link in response.context["filters"]}
    assert chips == {"all": (2, "/"), "up": (1, "/?status=up"), "down": (1, "/?status=down")}


def test_a_search_that_finds_nothing_says_so(client, shop):
    page = text(client.get("/", {"q": "zzz<"}))
    assert "No monitor matches" in page
    assert "zzz&lt;" in page


def test_an_outage_is_in_the_title_the_icon_and_the_navigation(client, shop):
    assert "(1 down)" not in text(client.get("/"))
    shop.state.status = "down"
    shop.state.save()
    page = text(client.get("/"))
    assert "<title>(1 down) Monitors · Uptime</title>" in page
    assert 'data-down-count="1"' in page
    assert "favicon-down" in page.split('data-up="')[0]


def test_the_list_costs_as_many_queries_for_fifty_monitors_as_for_one(client, alice, django_assert_num_queries):
    team = team_of(alice)
    make_monitor(team)
    client.get("/")  # the session is in the cache from here on
    with CaptureQueriesContext(connection) as first:
        client.get("/")
    for number in range(49):
        make_monitor(team, name=str(number))
    with django_assert_num_queries(len(first)):
        assert len(client.get("/").context["page"].object_list) == 50
    assert len(first) <= 22


def test_an_open_page_of_what_is_gone_is_left_as_it_is(client, shop):
    url = reverse("monitors:summary", args=[shop.pk + 1])
    assert client.get(url, headers={"HX-Request": "true"}).status_code == 204
    assert client.get(url).status_code == 404


@pytest.mark.parametrize("name", ["rows", "summary"])
def test_a_live_part_is_silent_until_something_changes(client, shop, name):
    url = reverse(f"monitors:{name}", args=[shop.pk] if name == "summary" else [])
    live.bump([shop.team_id])
    first = client.get(url)
    assert first.status_code == 200
    shown = {"v": first.context["version"]}
    assert client.get(url, shown).status_code == 204
    live.bump([shop.team_id])
    assert client.get(url, shown).status_code == 200


def test_a_live_part_is_always_drawn_while_the_cache_is_away(client, shop, monkeypatch):
    monkeypatch.setattr(views.live, "version", lambda teams: "")
    assert client.get(reverse("monitors:rows"), {"v": ""}).status_code == 200


def test_a_live_part_keeps_filter_sort_and_page(client, shop):
    response = client.get(reverse("monitors:rows"), {"q": "sh", "status": "up", "sort": "name", "page": "2"})
    assert response.context["poll"].startswith("?q=sh&status=up&sort=name&page=2&v=")
    assert "<html" not in text(response)


# One monitor
@pytest.mark.parametrize(
    ("status", "state", "words"),
    [
        ("pending", {}, ["Checking…", "The first result comes within seconds"]),
        ("pending", {"last_checked_at": timezone.now() + timedelta(hours=1)}, ["Not decided yet"]),
        ("up", {"verdict": "up"}, ["Up for"]),
        (
            "up",
            {"verdict": "up", "streak": 1, "last_reason": "refused"},
            ["Confirming…", "1 of 2 failed rounds", "Connection refused"],
        ),
        (
            "down",
            {"last_reason": "status", "last_detail": "Answered 500"},
            ["Unexpected status", "Answered 500", "since"],
        ),
        ("validating", {"verdict": "down", "streak": 1}, ["1 of 2 good rounds"]),
        ("nodata", {}, ["No data since", "says nothing about the site"]),
        ("paused", {}, ["Paused since"]),
    ],
)
def test_the_page_says_in_words_what_is_the_matter(client, alice, eu, status, state, words):
    facts = {"verdict": status if status in {"up", "down"} else "pending", **state}
    monitor = make_monitor(team_of(alice), status=status, paused=status == "paused", regions=[eu], state=facts)
    page = text(client.get(reverse("monitors:detail", args=[monitor.pk])))
    for word in words:
        assert word in page


def test_an_outage_names_how_many_regions_see_it(client, alice, eu):
    ensure_partitions(timezone.now().date())
    us = make_region("us")
    facts = {"verdict": "down", "last_reason": "refused"}
    monitor = make_monitor(team_of(alice), status="down", regions=[eu, us], state=facts)
    for region, vote in [(eu, "down"), (us, "up")]:
        Tick.objects.create(monitor=monitor, region=region, slot=timezone.now(), vote=vote, config_version=1)
    assert "Connection refused: 1 of 2 regions, since" in text(
        client.get(reverse("monitors:detail", args=[monitor.pk]))
    )


def test_the_page_shows_regions_checks_incidents_and_the_rule(client, shop, eu):
    ensure_partitions(timezone.now().date())
    slot = timezone.now() - timedelta(seconds=30)
    Tick.objects.create(
        monitor=shop, region=eu, slot=slot, vote="down", config_version=1, response_ms=88, dns_ms=8, first_byte_ms=80,
        reason="status", detail="Answered 500", attempts=2,
    )  # fmt: skip
    incident = make_incident(shop, started_at=slot, summary="Answered 500")
    page = text(client.get(reverse("monitors:detail", args=[shop.pk])))
    for part in [
        "Frankfurt",
        "88 ms",
        "(2 attempts)",
        "DNS 8.0 ms, First byte 80 ms",
        reverse("incidents:detail", args=[incident.pk]),
        "Down when its region fails in 2 rounds in a row",
        reverse("monitors:series", args=[shop.pk]),
        "as a table",
    ]:
        assert part in page


def test_a_paused_monitor_offers_to_resume_and_no_check(client, alice):
    monitor = make_monitor(team_of(alice), status="paused", paused=True)
    page = text(client.get(reverse("monitors:detail", args=[monitor.pk])))
    assert reverse("monitors:resume", args=[monitor.pk]) in page
    assert reverse("monitors:pause", args=[monitor.pk]) not in page
    assert "disabled" in page


def test_a_live_part_of_the_page_leaves_the_chart_to_itself(client, shop):
    page = text(client.get(reverse("monitors:summary", args=[shop.pk])))
    assert '<section class="card" id="chart" data-keep></section>' in page
    assert "data-chart" not in page


@pytest.mark.parametrize("name", [*charts.RANGES, None])
def test_the_chart_has_ranges_of_an_hour_to_a_year_which_are_links_too(client, shop, name):
    asked = {"range": name} if name else {}
    found = json.loads(client.get(reverse("monitors:series", args=[shop.pk]), asked).content)
    assert found["to"] - found["from"] >= charts.RANGES[name or "1h"].span.total_seconds()
    page = text(client.get(reverse("monitors:detail", args=[shop.pk]), asked))
    assert [f'href="?range={each}#chart"' in page for each in charts.RANGES] == [True] * len(charts.RANGES)
    assert f'data-to="{name or "1h"}" aria-current="true"' in page


@pytest.mark.parametrize("name", ["", "2h", "1Y", "99999", "x"])
@pytest.mark.parametrize("page", ["detail", "series"])
def test_there_is_no_other_range(client, shop, page, name):
    assert client.get(reverse(f"monitors:{page}", args=[shop.pk]), {"range": name}).status_code == 404


def test_the_table_of_a_range_is_on_the_page_without_a_script(client, shop, eu):
    ensure_partitions(timezone.now().date())
    Tick.objects.create(
        monitor=shop, region=eu, slot=timezone.now() - timedelta(minutes=5), vote="up", config_version=1, response_ms=88
    )
    page = text(client.get(reverse("monitors:detail", args=[shop.pk]), {"range": "30d"}))
    assert '<th scope="col">Day from</th><th scope="col" class="number">Frankfurt</th>' in page
    assert '88 ms <span class="muted nowrap">95 %: 88 ms</span>' in page


def test_each_of_the_last_ninety_days_is_a_bar_that_says_what_happened(client, alice, eu):
    long_ago = timezone.now() - timedelta(days=100)
    monitor = make_monitor(team_of(alice), status="up", since=long_ago, regions=[eu])
    page = text(client.get(reverse("monitors:detail", args=[monitor.pk])))
    assert page.count('class="day-bar"') == 90
    assert page.count("100% up</span>") == page.count(': 100% up"') == 90
    assert page.count('class="day" tabindex="0"') == 1


# Forms
def test_a_website_is_added_with_its_address_alone(client, alice, eu):
    response = client.post(reverse("monitors:add"), {"target": "https://example.com/", "name": "", "interval": "5"})
    monitor = Monitor.objects.get()
    assert response.url == reverse("monitors:detail", args=[monitor.pk])
    assert (monitor.team, monitor.created_by, monitor.name, monitor.interval) == (
        team_of(alice),
        alice,
        "example.com",
        5,
    )
    assert list(monitor.regions.all()) == [eu]
    assert monitor.extra_slots.get().cause == ExtraSlot.Cause.FIRST


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("target", ""),
        ("target", "example.com/no-scheme"),
        ("target", "javascript:alert(1)"),
        ("target", "https://example.com/" + "x" * 3000),
        ("target", "https://exa\0mple.com/"),
        ("interval", "0"),
        ("interval", "soon"),
        ("timeout", "61"),
        ("name", "x" * 101),
    ],
)
def test_bad_input_is_answered_beside_its_field_and_nothing_typed_is_lost(client, alice, eu, field, typed):
    given = {"target": "https://example.com/", "name": "Typed name", "interval": "30", "timeout": "7", field: typed}
    response = client.post(reverse("monitors:add"), given)
    page = text(response)
    assert response.status_code == 422
    assert Monitor.objects.count() == 0
    assert f'id="id_{field}_error"' in page
    assert page.count("autofocus") == 1
    for name, value in given.items():
        if name != field:
            assert f'value="{value}"' in page


def test_advanced_settings_open_where_something_is_wrong(client, alice, eu):
    assert "<details" in text(client.get(reverse("monitors:add")))
    assert " open>" not in text(client.get(reverse("monitors:add")))
    page = text(client.post(reverse("monitors:add"), {"target": "https://example.com/", "confirm": "99"}))
    assert page.count(" open>") == 1
    assert page.index(" open>") < page.index('id="id_confirm_error"')


# Types
def switched(client, **posted):
    response = client.post(reverse("monitors:add"), {"switch": "1", **posted})
    assert Monitor.objects.count() == 0
    return response


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_each_type_has_a_form_of_its_own(client, alice, eu, kind):
    page = text(switched(client, kind=kind.name, shown="http"))
    assert f'<option value="{kind.name}" selected>' in page
    assert kind.description in page.replace("&#x27;", "'")
    assert not kind.target_label or f'placeholder="{kind.target_example}"' in page
    for name in kind.Options.base_fields:
        assert f'name="{name}"' in page or "There is no monitor yet that it could be made of" in page


def test_another_type_keeps_what_was_typed(client, alice, eu):
    typed = {"kind": "tcp", "shown": "http", "target": "example.com", "name": "Mine", "interval": "77", "confirm": "3"}
    response = switched(client, **typed, keyword="welcome", regions="eu")
    assert response.status_code == 200
    form = response.context["form"]
    assert {name: str(form[name].value()) for name in typed if name != "shown"} == {
        name: value for name, value in typed.items() if name != "shown"
    }
    assert form["regions"].value() == ["eu"]
    assert 'class="field-error"' not in text(response), "nothing is wrong yet"
    page = text(response)
    assert '<input type="hidden" name="keyword" value="welcome">' in page
    back = switched(client, **{**typed, "kind": "http", "shown": "tcp", "keyword": "welcome"})
    assert back.context["form"]["keyword"].value() == "welcome"


def test_a_box_that_was_unticked_stays_so_where_the_new_type_has_it_too(client, alice, eu):
    form = switched(client, kind="tls", shown="http", target="example.com").context["form"]
    assert form["verify_tls"].value() is False
    form = switched(client, kind="tls", shown="tcp", target="example.com").context["form"]
    assert form["verify_tls"].value() is True, "it was not on the page"


def test_an_unknown_type_is_the_usual_one(client, alice, eu):
    assert switched(client, kind="nonsense", shown="worse").context["form"].chosen.name == "http"


def test_a_monitor_of_another_type_is_added_shown_and_edited(client, alice, eu):
    given = {"kind": "tcp", "target": "example.com:5432", "name": "Database", "expect": "", "send": ""}
    client.post(reverse("monitors:add"), given)
    monitor = Monitor.objects.get()
    assert (monitor.kind, monitor.target, monitor.options) == (
        "tcp",
        "example.com:5432",
        {"send": "", "expect": ""},
    )
    page = text(client.get(reverse("monitors:detail", args=[monitor.pk])))
    assert "TCP port · example.com:5432" in page
    client.post(reverse("monitors:edit", args=[monitor.pk]), {**given, "expect": "SSH"})
    monitor.refresh_from_db()
    assert monitor.options == {"send": "", "expect": "SSH"}
    assert "Show the settings" not in text(client.get(reverse("monitors:edit", args=[monitor.pk])))


def test_what_does_not_go_with_the_target_is_told_beside_its_field(client, alice, eu, settings):
    settings.ALLOW_PRIVATE_TARGETS = False
    given = {"kind": "tcp", "target": "example.com:25", "send": "EHLO", "shown": "tcp"}
    response = client.post(reverse("monitors:add"), given)
    assert response.status_code == 422
    assert 'id="id_send_error"' in text(response)
    assert "Nothing is sent to port 25" in text(response)


def test_every_field_of_the_form_is_on_the_page(client, shop):
    page = text(client.get(reverse("monitors:edit", args=[shop.pk])))
    form = client.get(reverse("monitors:edit", args=[shop.pk])).context["form"]
    fields = [bound for _, section in form.sections() for bound in section]
    assert len(fields) > 12
    for bound in fields:
        assert f'name="{bound.html_name}"' in page
    assert 'value="https://shop.example/"' in page


def test_an_edit_is_saved(client, shop, eu):
    form = client.get(reverse("monitors:edit", args=[shop.pk])).context["form"]
    given = {bound.html_name: bound.value() for bound in form if bound.value() not in (None, False)}
    response = client.post(reverse("monitors:edit", args=[shop.pk]), {**given, "name": "Store", "interval": "60"})
    shop.refresh_from_db()
    assert response.url == reverse("monitors:detail", args=[shop.pk])
    assert (shop.name, shop.interval, shop.config_version) == ("Store", 60, 2)


# Buttons
def test_pause_and_resume(client, shop):
    response = client.post(reverse("monitors:pause", args=[shop.pk]))
    assert response.url == reverse("monitors:detail", args=[shop.pk])
    shop.refresh_from_db()
    assert (shop.paused, shop.state.status) == (True, "paused")
    client.post(reverse("monitors:resume", args=[shop.pk]))
    shop.refresh_from_db()
    shop.state.refresh_from_db()
    assert (shop.paused, shop.state.status) == (False, "pending")


def test_check_now_says_when_one_is_already_waiting(client, shop):
    url = reverse("monitors:check", args=[shop.pk])
    client.post(url)
    assert shop.extra_slots.get().cause == ExtraSlot.Cause.MANUAL
    assert told(client) == [("Shop is checked now.", "")]
    client.post(url)
    assert told(client) == [("A check is already on its way.", "")]


def test_a_paused_monitor_is_not_checked_now(client, alice):
    monitor = make_monitor(team_of(alice), name="Blog", status="paused", paused=True)
    client.post(reverse("monitors:check", args=[monitor.pk]))
    assert told(client) == [("Blog is paused: resume first.", "")]


def test_deleting_asks_and_can_be_undone(client, shop):
    url = reverse("monitors:delete", args=[shop.pk])
    assert "Delete Shop?" in text(client.get(url))
    assert Monitor.objects.alive().exists()
    assert client.post(url).url == "/"
    assert not Monitor.objects.alive().exists()
    undo = reverse("monitors:restore", args=[shop.pk])
    page = text(client.get("/"))
    assert f'action="{undo}"' in page
    client.post(undo)
    assert Monitor.objects.alive().get() == shop


def test_what_is_gone_for_good_cannot_be_brought_back(client, alice):
    client.post(reverse("monitors:restore", args=[4711]))
    assert "gone for good" in told(client)[0][0]


@pytest.mark.parametrize("action", ["pause", "check", "delete"])
def test_bulk_actions(client, alice, action):
    monitors = [make_monitor(team_of(alice), name=name, status="up") for name in "abc"]
    response = client.post(reverse("monitors:bulk"), {"action": action, "id": [m.pk for m in monitors[:2]]})
    assert response.url == "/"
    touched = {
        "pause": Monitor.objects.filter(paused=True),
        "check": Monitor.objects.filter(extra_slots__cause="manual"),
        "delete": Monitor.objects.exclude(deleted_at=None),
    }[action]
    assert set(touched) == set(monitors[:2])


def test_a_bulk_deletion_can_be_undone(client, alice):
    monitors = [make_monitor(team_of(alice), name=name) for name in "ab"]
    ids = [monitor.pk for monitor in monitors]
    client.post(reverse("monitors:bulk"), {"action": "delete", "id": ids})
    ((said, tags),) = told(client)
    assert said == "2 monitors are deleted."
    client.post(tags.removeprefix("undo:"))
    assert Monitor.objects.alive().count() == 2


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"action": "pause"}, "Tick the monitors first."),
        ({"action": "pause", "id": ["x", "9" * 30, "-1"]}, "Tick the monitors first."),
    ],
)
def test_a_bulk_action_on_nothing_says_so(client, shop, data, said):
    client.post(reverse("monitors:bulk"), data)
    assert told(client) == [(said, "")]


def test_there_is_no_other_bulk_action(client, shop):
    assert client.post(reverse("monitors:bulk"), {"action": "explode", "id": [shop.pk]}).status_code == 404


@pytest.mark.parametrize(
    ("wanted", "got"),
    [("/?status=up", "/?status=up"), ("https://evil.example/", None), ("//evil.example/", None), ("", None)],
)
def test_a_button_leads_back_to_its_page_and_nowhere_else(client, shop, wanted, got):
    response = client.post(reverse("monitors:pause", args=[shop.pk]), {"next": wanted})
    assert response.url == (got or reverse("monitors:detail", args=[shop.pk]))


def test_a_change_tells_open_pages(client, shop, django_capture_on_commit_callbacks):
    cache.delete(f"live:{shop.team_id}")
    before = live.version([shop.team_id])
    with django_capture_on_commit_callbacks(execute=True):
        client.post(reverse("monitors:pause", args=[shop.pk]))
    assert live.version([shop.team_id]) != before


# The frame
@pytest.mark.parametrize(
    ("cookie", "attribute"), [("dark", ' data-theme="dark"'), ("light", ' data-theme="light"'), ("<b>", ""), ("", "")]
)
def test_the_theme_is_printed_by_the_server(client, alice, cookie, attribute):
    client.cookies["theme"] = cookie
    assert f'<html lang="en"{attribute}>' in text(client.get("/"))


@pytest.mark.parametrize(
    ("rights", "more"),
    [
        ({}, set()),
        ({"is_staff": True}, {"admin", "pipeline"}),
        ({"is_staff": True, "is_superuser": True}, {"admin", "pipeline", "mailbox"}),
    ],
)
def test_the_navigation_offers_what_the_reader_may_open(client, alice, rights, more):
    for name, value in rights.items():
        setattr(alice, name, value)
    alice.save()
    links = {link.section for link in client.get("/").context["shell"].links}
    assert links == {"monitors", "incidents", "alerts", "regions"} | more


@pytest.mark.parametrize(
    ("url", "section"),
    [("monitors:list", "monitors"), ("incidents:list", "incidents"), ("monitors:regions", "regions")],
)
def test_the_navigation_marks_where_one_is(client, alice, url, section):
    assert client.get(reverse(url)).context["shell"].section == section


def test_a_page_that_is_not_there_looks_like_the_rest(client, alice):
    response = client.get("/no/such/page")
    assert response.status_code == 404
    assert "There is no such page" in text(response)


def test_a_broken_page_needs_neither_database_nor_session(client, alice, monkeypatch, django_assert_num_queries):
    def broken(*_args, **_kwargs):
        raise RuntimeError

    client.raise_request_exception = False
    monkeypatch.setattr(views.queries, "counts", broken)
    response = client.get("/")
    assert response.status_code == 500
    assert "Something broke on our side" in text(response)


# Degraded
def test_a_degraded_monitor_is_shown_as_such_everywhere(client, shop, eu):
    shop.state.degraded, shop.state.last_detail = True, "Answered in 900 ms, expected at most 500 ms"
    shop.state.save()
    slot = timezone.now() - timedelta(minutes=1)
    ensure_partitions(slot.date(), ahead=1)
    seen = {"config_version": 1, "started_at": slot, "response_ms": 900, "detail": shop.state.last_detail}
    Tick.objects.create(monitor=shop, region=eu, slot=slot, vote="up", degraded=True, **seen)
    page = text(client.get(reverse("monitors:detail", args=[shop.pk])))
    assert page.count("Degraded</span>") == 3, "title, region and check"
    assert "Degraded: up for" in page
    assert "Degraded</span>" in text(client.get(reverse("monitors:list")))
    assert "Shop" in text(client.get(reverse("monitors:list") + "?status=degraded"))


def test_assertions_typed_on_the_page_are_kept_with_their_errors(client, alice, eu):
    lines = 'json data.status == "ok"\njson a = 1'
    posted = {"kind": "http", "target": "https://shop.example/", "assertions": lines, "interval": "30"}
    page = text(client.post(reverse("monitors:add"), posted))
    assert "Line 2: There is no operator" in page
    assert "json data.status == &quot;ok&quot;\njson a = 1</textarea>" in page


@pytest.mark.parametrize("status", ["pending", "nodata"])
def test_why_nothing_can_be_measured_is_told(client, shop, status):
    detail = "The assertion “json $..a == 1” took more than 1 s of computing: simplify the settings"
    shop.state.status, shop.state.last_vote, shop.state.last_detail = status, "nodata", detail
    shop.state.since = shop.state.last_checked_at - timedelta(minutes=1)
    shop.state.save()
    assert detail in text(client.get(reverse("monitors:detail", args=[shop.pk])))
