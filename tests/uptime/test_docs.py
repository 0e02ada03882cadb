"""The docs name what is there: variables with their defaults, metrics, reasons, and links that lead somewhere."""

import re
from pathlib import Path

import pytest

from alerts.channels.base import KINDS
from alerts.channels.wording import VARIABLES
from monitors.domain.verdict import Vote
from monitors.probes.reasons import Reason
from uptime import environment
from uptime.metrics import METRICS
from uptime.pipeline import flow, storage, telling

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


PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def headings(page):
    """The anchors of a page, as they are made of its headings."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        path, _, anchor = link.partition("#")
        there = page.parent / path if path else page
        if "://" not in link and not (there.exists() and (not anchor or anchor in headings(there))):
            broken.append(link)
    assert broken == []


def test_every_reason_for_no_data_is_explained():
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    assert [each.label for each in Reason if each.vote == Vote.NODATA and f"| {each.label} |" not in page] == []


def test_whoever_is_sent_to_the_troubleshooting_page_finds_the_heading():
    sources = [(ROOT / "uptime" / "pipeline" / file).read_text() for file in ("flow.py", "storage.py")]
    named = set(re.findall(r"^            \"([A-Z][^\"]+[^.\"])\",\n        \)", "\n".join(sources), re.MULTILINE))
    named |= {storage.SEE_DATABASE, storage.SEE_BROKER, storage.SEE_DISK, *flow.SEE_TROUBLE.values()}
    named |= {telling.SEE_ALERT, telling.SEE_PINGS}
    assert len(named) >= 10
    titles = re.findall(r"^## (.+)$", (ROOT / "docs" / "troubleshooting.md").read_text(), re.MULTILINE)
    assert named - set(titles) == set()


def test_every_metric_is_documented_and_none_else():
    rows = re.findall(r"^\| `(uptime_\w+)` \| .* \| (.+) \|$", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE)
    assert dict(rows) == METRICS


def rows_of(heading):
    """The first cells of the table below a heading of docs/alerts.md."""
    part = (ROOT / "docs" / "alerts.md").read_text().partition(f"## {heading}\n")[2].partition("\n#")[0]
    return [row.split(" | ")[0].strip("| `") for row in part.splitlines() if row.startswith("| ")][1:]


def test_every_kind_of_channel_is_documented_with_whether_it_was_tried_live():
    assert set(rows_of("Channels")) == {kind.label for kind in KINDS}
    table = (ROOT / "docs" / "alerts.md").read_text().partition("## Channels")[2].partition("\n\n*Tried live*")[0]
    lines = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert all(line.count(" | ") == 3 for line in lines)


def test_every_variable_of_templates_is_documented_as_the_pages_explain_it():
    assert rows_of("Variables") == [f"${name}" for name in VARIABLES]
    assert all(f"| {meaning} |" in (ROOT / "docs" / "alerts.md").read_text() for meaning in VARIABLES.values())
