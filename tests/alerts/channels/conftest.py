"""Live tests are left out unless they are asked for: `pytest -m live tests/alerts/channels/test_live.py`."""

import pytest


def pytest_configure(config):
    config.addinivalue_line("markers", "live: sends real messages with credentials of the environment")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    if "live" in config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker("live")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
