"""Addresses are read in every spelling, and what is none is named."""

from ipaddress import ip_address

import pytest

from uptime.lib import addresses


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("203.0.113.7", ["203.0.113.7"]),
        ("203.0.113.7, 203.0.113.8\n2001:DB8:0::1", ["203.0.113.7", "203.0.113.8", "2001:db8::1"]),
        ("203.0.113.0/28 2001:db8::/64", ["203.0.113.0/28", "2001:db8::/64"]),
        ("203.0.113.7,203.0.113.7", ["203.0.113.7"]),
    ],
)
def test_addresses_and_networks_are_read(text, found):
    assert addresses.parse(text) == found


@pytest.mark.parametrize("text", ["example.com", "203.0.113.256", "203.0.113.7/28", "203.0.113.7 x", "x" * 500])
def test_what_is_no_address_is_named(text):
    with pytest.raises(ValueError, match="is no address"):
        addresses.parse(text)


def test_too_many_are_refused():
    with pytest.raises(ValueError, match="at most 50"):
        addresses.parse(" ".join(f"203.0.113.{n}" for n in range(51)))


def test_a_machine_tells_only_addresses_of_the_internet():
    assert all(ip_address(each).is_global for each in addresses.own())
