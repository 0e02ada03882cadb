"""Addresses no tenant may reach, addresses every tenant may, and spellings that hide the former.

The rule they test is `uptime.lib.net.denied`; forms, API, redirects and name look-ups are held to the same list."""

MUST_DENY = """127.0.0.1 127.255.255.254 0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.100.100.200 169.254.169.254
169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.8 192.0.0.192 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1
198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255 168.63.129.16
:: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:169.254.169.254 ::ffff:0:127.0.0.1 64:ff9b::7f00:1
64:ff9b::a9fe:a9fe 64:ff9b:1::7f00:1 100::1 2001::1 2001:0:7f00:1:: 2001:20::1 2001:db8::1 2002:7f00:1::
2002:a9fe:a9fe::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 febf::1 fec0::1 ff02::1
nonsense 1.2.3 0x7f000001"""
MUST_DENY = MUST_DENY.split()

MUST_ALLOW = """1.1.1.1 8.8.8.8 9.9.9.9 172.15.255.255 172.32.0.1 100.63.255.255 100.128.0.1 198.17.255.255
198.20.0.1 2606:4700:4700::1111 2001:4860:4860::8888 2a00:1450:4001:80e::200e 2400:cb00::1"""
MUST_ALLOW = MUST_ALLOW.split()

# Host spellings that glibc's getaddrinfo turns into an internal address without asking DNS.
SPELLINGS = {
    "0x7f000001": "127.0.0.1",
    "2130706433": "127.0.0.1",
    "0177.0.0.1": "127.0.0.1",
    "127.1": "127.0.0.1",
    "0x7f.1": "127.0.0.1",
    "0": "0.0.0.0",
    "017700000001": "127.0.0.1",
    "169.254.43518": "169.254.169.254",
    "①②⑦.⓪.⓪.①": "127.0.0.1",
    "１２７.0.0.1": "127.0.0.1",
    "127。0。0。1": "127.0.0.1",
}


def as_host(address: str) -> str:
    """How an address of the lists above is written inside a URL."""
    return f"[{address}]" if ":" in address else address
