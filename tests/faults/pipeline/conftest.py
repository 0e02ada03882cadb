"""Faults of an ordinary installation. The quick ones share one, which takes longer to make than each of them lasts; at
full size each file has its own."""

import pytest

from tests.faults.stack import SIZE_NAME, TRUSTING, Stack


@pytest.fixture(scope="package" if SIZE_NAME == "quick" else "module")
def stack(tmp_path_factory):
    """An installation under load, for one fault after the other."""
    with Stack(tmp_path_factory.mktemp("faults"), **TRUSTING) as running:
        yield running
