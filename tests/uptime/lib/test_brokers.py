"""Without a broker of its own, the messages go through Redis."""

import pytest

from uptime.lib.brokers import broker_url, tls, verified


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


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("redis://host/1", "redis://host/1"),
        ("rediss://:secret@host/0", "rediss://:secret@host/0?ssl_cert_reqs=CERT_REQUIRED"),
        ("rediss://host/0?ssl_ca_certs=/ca", "rediss://host/0?ssl_ca_certs=/ca&ssl_cert_reqs=CERT_REQUIRED"),
        ("rediss://host/0?ssl_cert_reqs=CERT_NONE", "rediss://host/0?ssl_cert_reqs=CERT_NONE"),
        ("amqps://host/v", "amqps://host/v"),
    ],
)
def test_a_certificate_is_verified_unless_the_address_says_otherwise(url, asked):
    assert verified(url) == asked


def test_amqps_is_verified_by_name():
    assert tls("amqps://u:p@rabbit.example/v")["server_hostname"] == "rabbit.example"
    assert tls("amqp://rabbit.example/v") is None
