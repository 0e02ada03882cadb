"""What tests of alerting share: who is told, and where it arrives."""

import pytest

from tests.factories import make_user, team_of
from tests.servers import Target


@pytest.fixture
def team(client, settings):
    """Of somebody who is signed in, and may send to this machine."""
    settings.ALLOW_PRIVATE_TARGETS = True
    user = make_user("alice", email="alice@example.com")
    client.force_login(user)
    return team_of(user)


@pytest.fixture
def sink():
    """Takes whatever is sent."""
    with Target() as target:
        yield target
