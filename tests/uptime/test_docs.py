"""docs/configuration.md and .env.example name exactly the variables the code reads, with their defaults."""

import re
from pathlib import Path

import pytest

from uptime import environment

ROOT = Path(__file__).parents[2]
READERS = ("settings.py", "region.py", "gunicorn.py", "practice.py", "supervisor.py", "environment.py")
READ = re.compile(r"""\b(?:env|env_bool|env_int|env_list|required)\(\s*"([A-Z0-9_]+)"(?:,\s*"?([\w.]+)"?)?""")
ROW = re.compile(r"^\| `([A-Z0-9_]+)` \| (.+?) \| (.+) \|$", re.MULTILINE)


def read_by(*names):
    return {name for file in names for name, _ in READ.findall((ROOT / "uptime" / file).read_text())}


def documented():
    return {name: default for name, default, _ in ROW.findall((ROOT / "docs" / "configuration.md").read_text())}


def test_every_variable_that_is_read_is_documented_and_none_else():
    assert set(documented()) == read_by(*READERS)


def test_the_example_file_names_every_variable_once():
    named = re.findall(r"^#([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert sorted(named) == sorted(documented())


def test_the_variables_handed_to_commands_are_those_the_settings_read():
    assert set(environment.KNOBS) == read_by("settings.py")


@pytest.mark.parametrize("file", ["settings.py", "region.py", "gunicorn.py", "practice.py"])
def test_documented_defaults_are_the_ones_in_the_code(file):
    text = (ROOT / "uptime" / file).read_text()
    numbers = {name: value for name, value in READ.findall(text) if value.isdecimal() or name in {"HOST", "LOG_LEVEL"}}
    assert {name: documented()[name].strip("`") for name in numbers} == numbers


def test_every_link_of_the_page_leads_somewhere():
    page = ROOT / "docs" / "configuration.md"
    links = [link for link in re.findall(r"\]\(([^)#]+)", page.read_text()) if "://" not in link]
    assert links
    assert [link for link in links if not (page.parent / link).exists()] == []
