"""Without a broker of its own, the messages go through Redis."""

import pytest

from uptime.lib.brokers import broker_url


@pytest.mark.parametrize(
    ("url", "broker"),
    [
        ("unix:///var/run/valkey.sock?db=3", "redis+socket:///var/run/valkey.sock?virtual_host=3"),
        ("redis://host:6379/1", "redis://host:6379/1"),
        ("rediss://:secret@host/0?ssl_cert_reqs=required", "rediss://:secret@host/0?ssl_cert_reqs=required"),
    ],
)
def test_the_broker_is_derived_from_the_redis_address(url, broker):
    assert broker_url(url) == broker
