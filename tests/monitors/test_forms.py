"""The form every surface shares: limits, defaults, targets, masks, and kinds it has never heard of."""

import pytest
from django import forms
from django.http import QueryDict
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from monitors.domain.slots import default_timeout
from monitors.forms import MonitorForm
from monitors.masks import MASK, masked, unmasked
from monitors.models import Monitor
from monitors.probes.kinds import KINDS
from monitors.probes.options import OptionsForm
from tests.factories import make_region, make_user
from tests.ssrf_cases import MUST_DENY, SPELLINGS, as_host

pytestmark = pytest.mark.django_db
SITE = "https://example.com/"


class Knock:
    """A kind nobody wrote a line for: no file of the form or the API names it."""

    name = "knock"
    label = "Knock on a door"
    description = "Knocks."
    target_label = "Door"
    target_example = "door 7"
    has_port = False
    secret_fields = ("phrase",)

    class Options(OptionsForm):
        knocks = forms.IntegerField(label="Knocks", min_value=1, max_value=9, initial=3, help_text="How often.")
        loud = forms.BooleanField(label="Loudly", required=False, initial=True)
        phrase = forms.CharField(label="Phrase", required=False)

    def clean_target(self, text, allow_private):
        if not text.startswith("door"):
            raise ValueError("Start with “door”.")
        return text


@pytest.fixture
def knock(monkeypatch):
    monkeypatch.setitem(KINDS._kinds, "knock", Knock())


@pytest.fixture
def alice():
    return make_user("alice")


@pytest.fixture
def regions():
    return [make_region("eu-west"), make_region("local"), make_region("us-east")]


def form_of(user, instance=None, **given):
    given = given if instance else {"target": SITE, **given}
    return MonitorForm.of(given, team=user.ensure_team(), user=user, instance=instance)


def saved(form):
    assert form.is_valid(), form.errors
    return form.save()


def page_form(user, text, instance=None):
    return MonitorForm(QueryDict(text), team=user.ensure_team(), user=user, instance=instance)


def whole_page(form):
    """What a browser posts when the form is shown and sent as it is."""
    posted = QueryDict(mutable=True)
    for bound in form:
        value = bound.value()
        if isinstance(bound.field, forms.BooleanField):
            value = ["on"] if value else []
        posted.setlist(bound.name, [str(v) for v in value] if isinstance(value, list) else [str(value or "")])
        if isinstance(bound.field, forms.CharField) and not isinstance(value, str):
            posted[bound.name] = bound.field.prepare_value(value) or ""
    return posted


def test_a_target_alone_is_enough_and_everything_else_has_its_default(alice, regions, settings):
    settings.DEFAULT_CHECK_INTERVAL = 45
    monitor = saved(form_of(alice))
    assert (monitor.name, monitor.interval, monitor.timeout_ms) == ("example.com", 45, 10_000)
    assert (monitor.quorum, monitor.at_least, monitor.confirm, monitor.recover) == ("majority", 2, 2, 2)
    assert (monitor.confirmation_period, monitor.recovery_period, monitor.paused) == (0, 0, False)
    assert list(monitor.regions.all()) == regions
    assert monitor.options["method"] == "GET"
    assert monitor.options["follow_redirects"] is monitor.options["verify_tls"] is True
    assert (monitor.team, monitor.created_by) == (alice.ensure_team(), alice)


def test_a_page_that_shows_no_options_does_not_switch_their_boxes_off(alice, regions):
    monitor = saved(page_form(alice, "target=https://example.com&name=Shop&interval=60"))
    assert monitor.options["follow_redirects"] is monitor.options["verify_tls"] is True
    assert (monitor.name, monitor.interval) == ("Shop", 60)


def test_on_the_whole_page_an_unticked_box_is_off(alice, regions):
    monitor = saved(page_form(alice, "target=https://example.com&method=GET&keyword_mode=present&verify_tls=on"))
    assert monitor.options["follow_redirects"] is False
    assert monitor.options["verify_tls"] is True


@pytest.mark.parametrize(
    ("interval", "timeout"), [(3, 5), (30, 30), (180, 60), (300, 60), (1, 10), (1, 0.5), (86_400, 60)]
)
def test_these_intervals_and_timeouts_go_together(alice, interval, timeout):
    form = form_of(alice, interval=interval, timeout=timeout)
    assert saved(form).timeout_ms == timeout * 1000


@pytest.mark.parametrize(
    ("interval", "timeout", "message"),
    [
        (3, 10.5, "At most 10 seconds when checked every 3 s. Lower it, or check less often."),
        (30, 31, "At most 30 seconds when checked every 30 s. Lower it, or check less often."),
        (300, 61, "At most 60 seconds when checked every 300 s. Lower it."),
        (30, 0.4, "Ensure this value is greater than or equal to 0.5."),
        (30, "soon", "Enter a number."),
        (30, "nan", "Enter a number."),
    ],
)
def test_a_timeout_above_its_limit_names_the_limit(alice, interval, timeout, message):
    assert form_of(alice, interval=interval, timeout=timeout).errors == {"timeout": [message]}


@pytest.mark.parametrize("interval", [1, 3, 5, 7, 10, 30, 180, 86_400])
def test_an_empty_timeout_is_the_default_of_the_interval(alice, interval):
    assert saved(form_of(alice, interval=interval, timeout="")).timeout_ms == default_timeout(interval)


@pytest.mark.parametrize(
    ("field", "value", "part"),
    [
        ("interval", 0, "greater than or equal to 1"),
        ("interval", -5, "greater than or equal to 1"),
        ("interval", 86_401, "less than or equal to 86400"),
        ("interval", "often", "whole number"),
        ("confirm", 0, "greater than or equal to 1"),
        ("confirm", 11, "less than or equal to 10"),
        ("recover", 11, "less than or equal to 10"),
        ("confirmation_period", 86_401, "less than or equal to 86400"),
        ("recovery_period", -1, "greater than or equal to 0"),
        ("quorum", "some", "not one of the available choices"),
        ("regions", ["mars"], "not one of the available choices"),
        ("regions", ["a\0b"], "not one of the available choices"),
        ("name", "x" * 101, "at most 100 characters"),
        ("name", "a\0b", "Null characters"),
        ("name", "two\nlines", "control characters"),
        ("method", "TRACE", "not one of the available choices"),
        ("expected_status", "999", "999"),
        ("headers", "no colon", "no colon"),
        ("headers", "A: \0", "control character"),
        ("keyword", "a\0b", "Null characters"),
    ],
)
def test_what_cannot_be_is_said_at_its_own_field(alice, field, value, part):
    errors = form_of(alice, **{field: value}).errors
    assert list(errors) == [field]
    assert part in errors[field][0]


@pytest.mark.parametrize(
    ("target", "part"),
    [
        ("", "This field is required"),
        ("example.com", "Add https:// in front: https://example.com"),
        ("javascript:alert(1)", "cannot be monitored here"),
        ("ftp://example.com", "Use http:// or https://"),
        ("https://", "host name is missing"),
        ("https://ex ample.com", "space"),
        ("https://example.com/\0", "control character"),
        ("https://example.com/" + "a" * 3000, "longer than 2048 characters"),
        ("https://user:pass@example.com", "Authorization header"),
        ("https://example.com:99999", "1 to 65535"),
    ],
)
def test_a_target_that_cannot_be_watched_names_the_way_out(alice, target, part):
    errors = form_of(alice, target=target).errors
    assert list(errors) == ["target"]
    assert part in errors["target"][0]


# A name such as “nonsense” is looked up, and judged by its addresses, when it is checked.
HOSTS = [as_host(address) for address in MUST_DENY if address != "nonsense"]


@pytest.mark.parametrize("host", [*HOSTS, *SPELLINGS, "localhost", "a.localhost"])
def test_internal_addresses_are_refused_while_private_targets_are_off(alice, settings, host):
    settings.ALLOW_PRIVATE_TARGETS = False
    errors = form_of(alice, target=f"http://{host}/").errors
    assert list(errors) == ["target"]


def test_private_targets_are_accepted_when_the_server_allows_them(alice, settings):
    settings.ALLOW_PRIVATE_TARGETS = True
    assert form_of(alice, target="http://127.0.0.1:8091/").is_valid()
    settings.ALLOW_PRIVATE_TARGETS = False
    assert "ALLOW_PRIVATE_TARGETS=1" in form_of(alice, target="http://127.0.0.1:8091/").errors["target"][0]


def test_a_monitor_keeps_a_target_that_is_no_longer_allowed_when_other_things_change(alice, settings):
    monitor = saved(form_of(alice, target="http://127.0.0.1:8091/"))
    settings.ALLOW_PRIVATE_TARGETS = False
    assert form_of(alice, monitor, name="Practice").is_valid()
    assert not form_of(alice, monitor, target="http://127.0.0.1:8092/").is_valid()


def test_more_regions_must_not_be_needed_than_there_are(alice, regions):
    form = form_of(alice, quorum="at_least", at_least=3, regions=["local", "eu-west"])
    assert form.errors == {
        "at_least": [
            "Only 2 of the regions check it, so 3 can never agree. Lower it, or choose more regions.",
        ]
    }
    assert form_of(alice, quorum="at_least", at_least=3).is_valid()
    assert form_of(alice, quorum="majority", at_least=3, regions=["local"]).is_valid()


def test_regions_are_the_chosen_ones_and_none_chosen_means_all_enabled_ones(alice, regions):
    make_region("off", enabled=False)
    assert [r.slug for r in saved(form_of(alice, regions=["local"])).regions.all()] == ["local"]
    assert [r.slug for r in saved(form_of(alice, regions=[])).regions.all()] == ["eu-west", "local", "us-east"]
    assert "regions" in form_of(alice, regions=["off"]).errors


def test_a_region_that_was_disabled_stays_assigned_when_something_else_changes(alice, regions):
    monitor = saved(form_of(alice, regions=["local", "eu-west"]))
    type(regions[0]).objects.filter(slug="eu-west").update(enabled=False)
    changed = saved(form_of(alice, monitor, name="New"))
    assert {r.slug for r in changed.regions.all()} == {"local", "eu-west"}
    assert changed.config_version == 1


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        ("", ""),
        ("12345678", MASK),
        ("123456789", f"{MASK}6789"),
        ([{"name": "X", "value": "Bearer abcdefgh"}], [{"name": "X", "value": f"{MASK}efgh"}]),
        ({"headers": [], "body": "0123456789"}, {"headers": [], "body": f"{MASK}6789"}),
    ],
)
def test_a_secret_is_shown_by_its_last_four_characters_at_most(secret, shown):
    assert masked(secret) == shown


HEADER = st.fixed_dictionaries({"name": st.sampled_from(["A", "B"]), "value": st.text("ab1", max_size=12)})


@given(st.lists(HEADER, max_size=6))
def test_sending_the_masks_back_keeps_every_header(headers):
    assert unmasked(masked(headers), headers) == headers


@given(st.lists(HEADER, min_size=1, max_size=6), st.data())
def test_a_header_that_was_removed_does_not_move_another_ones_value(headers, data):
    gone = data.draw(st.integers(0, len(headers) - 1))
    kept = [each for at, each in enumerate(headers) if at != gone]
    restored = unmasked(masked(kept), headers)
    assert [(e["name"], masked(e["value"])) for e in restored] == [(e["name"], masked(e["value"])) for e in kept]


def test_secrets_are_stored_apart_encrypted_and_survive_the_page_being_sent_back(alice, regions):
    text = "Authorization: Bearer 0123456789\nAccept: text/html"
    monitor = saved(form_of(alice, headers=text, body='{"a": "secret body"}', method="POST"))
    assert set(monitor.secrets) == {"headers", "body"}
    assert not {"headers", "body"} & set(monitor.options)
    monitor = Monitor.objects.get(pk=monitor.pk)
    shown = MonitorForm(team=monitor.team, user=alice, instance=monitor)
    assert "0123456789" not in str(shown["headers"])
    assert f"Authorization: {MASK}6789" in str(shown["headers"])
    again = MonitorForm(whole_page(shown), team=monitor.team, user=alice, instance=monitor)
    stored = Monitor.objects.get(pk=saved(again).pk)
    assert stored.secrets == monitor.secrets
    assert (stored.config_version, stored.options) == (1, monitor.options)


def test_one_header_may_change_while_the_masked_others_stay(alice):
    monitor = saved(form_of(alice, headers="A: aaaaaaaaaaaa\nB: bbbbbbbbbbbb"))
    changed = saved(form_of(alice, monitor, headers=f"B: {MASK}bbbb\nA: new"))
    assert changed.secrets["headers"] == [{"name": "B", "value": "bbbbbbbbbbbb"}, {"name": "A", "value": "new"}]


@pytest.mark.parametrize("headers", [f"A: {MASK}aaab", f"C: {MASK}aaaa", f"A: {MASK}aaaa\nA: {MASK}aaaa"])
def test_a_mask_of_nothing_is_refused_instead_of_sent(alice, headers):
    monitor = saved(form_of(alice, headers="A: aaaaaaaaaaaa"))
    assert "Enter the value again" in form_of(alice, monitor, headers=headers).errors["headers"][0]


def test_a_new_name_is_no_new_configuration(alice, regions):
    monitor = saved(form_of(alice, headers="A: aaaaaaaaaaaa"))
    assert saved(form_of(alice, monitor, name="Other")).config_version == 1
    assert saved(form_of(alice, monitor, interval=60)).config_version == 2


def test_an_option_that_was_never_stored_is_no_new_configuration_at_its_default(alice, regions):
    monitor = saved(form_of(alice))
    Monitor.objects.filter(pk=monitor.pk).update(options={})
    monitor.refresh_from_db()
    assert saved(form_of(alice, monitor, name="Other")).config_version == 1
    assert saved(form_of(alice, monitor, keyword="shop")).config_version == 2


def test_wrong_input_is_shown_again_as_it_was_typed(alice):
    form = page_form(alice, "target=example.com&interval=0&timeout=abc&keyword=Shop&method=GET&keyword_mode=present")
    assert not form.is_valid()
    assert [form[n].value() for n in ("target", "interval", "timeout", "keyword")] == [
        "example.com",
        "0",
        "abc",
        "Shop",
    ]
    assert {"target", "interval", "timeout"} == set(form.errors)


def test_every_field_is_in_exactly_one_section_and_has_a_label(alice):
    form = MonitorForm(team=alice.ensure_team(), user=alice)
    names = [bound.name for _, fields in form.sections() for bound in fields]
    assert sorted(names) == sorted({*form.fields, *form.options.fields})
    assert [title for title, _ in form.sections()][:2] == ["What to check", "When"]
    assert all(bound.label for _, fields in form.sections() for bound in fields)


def test_no_option_of_a_kind_has_the_name_of_a_field_every_monitor_has():
    for kind in KINDS:
        assert not set(kind.Options.base_fields) & set(MonitorForm.base_fields), kind.name


def test_the_form_says_that_one_region_is_enough(alice):
    form = MonitorForm(team=alice.ensure_team(), user=alice)
    assert "one region is enough to open an incident" in form["quorum"].help_text


# A kind added later ---------------------------------------------------------------------------------------------------
def test_a_kind_added_later_is_in_the_form_by_itself(alice, knock):
    form = MonitorForm(team=alice.ensure_team(), user=alice, kind="knock")
    assert ("knock", "Knock on a door") in form["kind"].field.choices
    assert form["target"].label == "Door"
    assert {"knocks", "loud", "phrase"} <= {bound.name for bound in form}
    assert "keyword" not in {bound.name for bound in form}


def test_a_monitor_of_a_kind_added_later_is_made_and_changed(alice, regions, knock):
    form = page_form(alice, "kind=knock&target=door 7&knocks=5&phrase=open sesame")
    monitor = saved(form)
    assert (monitor.kind, monitor.name, monitor.target) == ("knock", "door 7", "door 7")
    assert monitor.options == {"knocks": 5, "loud": False}
    assert monitor.secrets == {"phrase": "open sesame"}
    changed = saved(form_of(alice, monitor, knocks=6))
    assert (changed.options["knocks"], changed.secrets["phrase"]) == (6, "open sesame")


def test_the_options_of_a_kind_added_later_are_checked_by_its_own_form(alice, knock):
    form = page_form(alice, "kind=knock&target=window&knocks=10")
    assert form.errors == {
        "target": ["Start with “door”."],
        "knocks": ["Ensure this value is less than or equal to 9."],
    }


def test_an_unknown_kind_is_an_error_of_its_field(alice):
    assert "not one of the available choices" in page_form(alice, "kind=nope&target=x").errors["kind"][0]


class Fuzz(TestCase):
    @settings(deadline=None)
    @given(
        st.dictionaries(st.sampled_from([*MonitorForm.base_fields, *KINDS.get("http").Options.base_fields]), st.text())
    )
    def test_no_text_whatever_breaks_the_form(self, posted):
        data = QueryDict(mutable=True)
        data.update(posted)
        form = MonitorForm(data, team=None, user=None)
        form.is_valid()
        str(form)
