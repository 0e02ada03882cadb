"""The words of the wire: what Better Stack's clients call our fields and options."""

FIELD_NAMES = {
    "kind": "monitor_type",
    "target": "url",
    "name": "pronounceable_name",
    "interval": "check_frequency",
    "timeout": "request_timeout",
    "regions": "regions",
    "quorum": "quorum",
    "at_least": "at_least",
    "confirm": "confirm",
    "recover": "recover",
    "confirmation_period": "confirmation_period",
    "recovery_period": "recovery_period",
    "when_blind": "when_blind",
}
OPTION_NAMES = {
    "method": "http_method",
    "expected_status": "expected_status_codes",
    "keyword": "required_keyword",
    "verify_tls": "verify_ssl",
    "headers": "request_headers",
    "certificate_days": "ssl_expiration",
    "domain_days": "domain_expiration",
    "body": "request_body",
    "send": "request_body",
    "expect": "required_keyword",
    "proxy": "proxy_host",
}
# Where the wire uses a name of its own for one kind: of a DNS monitor the url is the name server.
KIND_NAMES = {"dns": {"target": "request_body", "server": "url"}}


def option_name(name):
    """What the wire calls an option of a kind."""
    return OPTION_NAMES.get(name, name)


def wire_name(kind, name):
    """What the wire calls a field of the form of `kind`."""
    return KIND_NAMES.get(kind.name, {}).get(name) or FIELD_NAMES.get(name) or option_name(name)


def split_port(text):
    """ "example.com:25" as the wire has it: ("example.com", "25"); without a port, None. An IPv6 address loses its
    brackets."""
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or (":" in host and not host.endswith("]")):
        host, port = text, None
    return host.removeprefix("[").removesuffix("]"), port


def join_port(host, port):
    host = f"[{host}]" if host.count(":") > 1 else host
    return host if port is None else f"{host}:{port}"


def split_proxy(text):
    """ "http://proxy.example.com:3128" as the wire has it: ("proxy.example.com", 3128). A scheme other than http stays
    in front of the host; without a port, None."""
    scheme, _, place = text.rpartition("://")
    host, port = split_port(place)
    host = f"[{host}]" if ":" in host else host
    return (host if scheme in {"", "http"} else f"{scheme}://{host}"), port and int(port)


def read_proxy(host, port):
    """The wire's proxy in the form's names: a host, which may have scheme, user name and password in front and a port
    behind it, and a port of its own."""
    scheme, _, rest = host.strip().rpartition("://")
    user, at, place = rest.rpartition("@")
    name, own_port = split_port(place.rstrip("/"))
    username, _, password = user.partition(":")
    signed_in = {"proxy_username": username, "proxy_password": password} if at else {}
    return {"proxy": f"{scheme or 'http'}://{join_port(name, port or own_port)}" if name else "", **signed_in}
