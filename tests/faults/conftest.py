"""FAULT_SIZE=quick (in `make test`) tries the most telling faults for seconds; `make faults` tries all of them, for as
long as it takes with FAULT_SIZE=full, for seconds each with FAULT_SIZE=small.

How to write a fault: see trial.py. A test that is too long for every change is marked `full`.
"""

from dataclasses import asdict

import pytest

from tests.faults.stack import SIZE_NAME
from tests.faults.trial import Line, Trial

TITLES = ("id", "fault", "lost/due", "twice", "false", "recovery s", "", "why lost")
PROPERTY = "fault"


@pytest.fixture
def trial(stack, request):
    """Makes a Trial; what it finds is printed in the table at the end."""
    tried = []

    def begin(fault: str, what: str, **expected) -> Trial:
        tried.append(Trial(stack, fault, what, **expected))
        return tried[-1]

    yield begin
    for each in tried:
        request.node.user_properties.append((PROPERTY, asdict(each.line)))


def pytest_collection_modifyitems(config, items):
    if SIZE_NAME != "quick":
        return
    long = [item for item in items if item.get_closest_marker("full")]
    items[:] = [item for item in items if item not in long]
    config.hook.pytest_deselected(items=long)


def pytest_terminal_summary(terminalreporter):
    reports = [report for group in terminalreporter.stats.values() for report in group if hasattr(report, "when")]
    found = [value for r in reports if r.when == "teardown" for name, value in r.user_properties if name == PROPERTY]
    if not found:
        return
    rows = [TITLES, *(Line(**value).cells() for value in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(TITLES))]
    terminalreporter.section(f"faults, {SIZE_NAME}")
    for row in rows:
        terminalreporter.write_line(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )
