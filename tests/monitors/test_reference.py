"""docs/checks.md says what the kinds themselves say, and no kind needs a line of it to be written by hand."""

import io
from pathlib import Path

import pytest
from django.core.management import call_command

from monitors.probes.kinds import KINDS, probed_kinds
from monitors.probes.reasons import Reason
from monitors.reference import checks_page
from tests.monitors.test_forms import Knock

PAGE = Path(__file__).parents[2] / "docs" / "checks.md"


def test_the_page_is_what_the_command_prints():
    printed = io.StringIO()
    call_command("checks", stdout=printed)
    assert PAGE.read_text() == printed.getvalue(), "run: manage.py checks > docs/checks.md"


@pytest.mark.parametrize("kind", probed_kinds(), ids=lambda kind: kind.name)
def test_every_kind_is_on_the_page_with_all_its_settings(kind):
    part = PAGE.read_text().partition(f"\n## {kind.label}\n")[2].partition("\n## ")[0]
    assert kind.description in part
    assert kind.target_example in part
    for field in kind.Options.base_fields.values():
        assert f"| {field.label} |" in part
        assert field.help_text or getattr(field, "choices", ()), "a setting needs a word of explanation"


def test_every_reason_is_on_the_page():
    text = PAGE.read_text()
    assert [each for each in Reason if f"| `{each.value}` | {each.label} | {each.vote} |" not in text] == []


def test_a_kind_added_later_is_on_the_page_by_itself(monkeypatch):
    monkeypatch.setitem(KINDS._kinds, "knock", Knock())
    page = checks_page()
    assert "## Knock on a door\n\n`knock`. Knocks. Door, as in `door 7`: `url` of the API." in page
    assert "| Knocks | `knocks` | 3 | How often. |" in page
