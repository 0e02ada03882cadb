import pytest

from uptime.lib.domains import registered, registrable


@pytest.mark.parametrize(
    ("host", "own", "at_registry"),
    [
        ("example.com", "example.com", "example.com"),
        ("www.shop.example.co.uk", "example.co.uk", "example.co.uk"),
        ("alice.github.io", "alice.github.io", "github.io"),
        ("bucket.s3.amazonaws.com", "bucket.s3.amazonaws.com", "amazonaws.com"),
        ("city.kobe.jp", "city.kobe.jp", "city.kobe.jp"),  # an exception of a wildcard
        ("a.b.c.kobe.jp", "b.c.kobe.jp", "b.c.kobe.jp"),
        ("shop.xn--85x722f.xn--55qx5d.cn", "xn--85x722f.xn--55qx5d.cn", "xn--85x722f.xn--55qx5d.cn"),
        ("db.corp.unknown", "corp.unknown", "corp.unknown"),  # no such suffix: the last label counts as one
        ("nas.home.arpa", "nas.home.arpa", ""),
        ("printer.local", "printer.local", ""),
        ("co.uk", "co.uk", ""),
        ("com", "com", ""),
        ("localhost", "localhost", ""),
        ("192.0.2.1", "192.0.2.1", ""),
        ("2001:db8::1", "2001:db8::1", ""),
    ],
)
def test_a_host_belongs_to_the_domain_somebody_registered(host, own, at_registry):
    assert registrable(host) == own
    assert registered(host) == at_registry
