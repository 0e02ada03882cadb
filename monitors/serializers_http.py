"""What Better Stack's clients say of HTTP in other words than our form."""

from monitors.wire import read_proxy, split_proxy

MAX_PORT = 65_535


def http_attributes(options):
    """Of a monitor with these options: the proxy's host and port are apart."""
    host, port = split_proxy(options.get("proxy") or "")
    return {"proxy_host": host or None, "proxy_port": port}


def http_given(body, stored, refuse):
    """What `body` says in the wire's words, in the form's names. `stored`: the options there are. `refuse` is told the
    wire's name and what is wrong with it."""
    return _auth(body, stored) | _proxy(body, stored, refuse)


def _auth(body, stored):
    """On the wire a user name or password by itself means Basic authentication, and empty ones that there is none."""
    if "auth" in body or not {"auth_username", "auth_password"} & set(body):
        return {}
    if body.get("auth_username") or body.get("auth_password"):
        return {"auth": "basic"}
    emptied = all(name in body or not stored.get(name) for name in ("auth_username", "auth_password"))
    return {"auth": "none"} if emptied and stored.get("auth") == "basic" else {}


def _proxy(body, stored, refuse):
    if not {"proxy_host", "proxy_port"} & set(body):
        return {}
    old_host, old_port = split_proxy(stored.get("proxy") or "")
    host, port = body.get("proxy_host", old_host), body.get("proxy_port", old_port)
    if not isinstance(host, str | None):
        return refuse("proxy_host", "This must be text.") or {}
    if isinstance(port, bool) or not isinstance(port, int | str | None) or not str(port or 1).isdecimal():
        return refuse("proxy_port", "This must be one port, as in 3128.") or {}
    if port and not 1 <= int(port) <= MAX_PORT:
        return refuse("proxy_port", "The port must be a number from 1 to 65535, as in 3128.") or {}
    if host:
        return read_proxy(host, port and str(int(port)))
    return {"proxy": "", "proxy_username": "", "proxy_password": ""}
