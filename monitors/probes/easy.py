"""What an easy handle of libcurl is told before an exchange: what always holds, the request, and its route."""

from collections.abc import Sequence
from typing import Any

import pycurl  # type: ignore[import-untyped]

from monitors.probes.kinds import Request
from monitors.probes.route import Proxy, Route
from uptime.lib.net import URL

# curl.h; pycurl has no names for these.
_SUPPRESS_CONNECT_HEADERS, _SOCKS5_AUTH = 265, 267

BASE_OPTIONS: tuple[tuple[int, Any], ...] = (
    (pycurl.NOSIGNAL, 1),
    (pycurl.PROXY, ""),
    (pycurl.NETRC, pycurl.NETRC_IGNORED),
    (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
    (pycurl.FOLLOWLOCATION, 0),
    (pycurl.FRESH_CONNECT, 1),
    (pycurl.FORBID_REUSE, 1),
    (pycurl.SSL_SESSIONID_CACHE, 0),  # a resumed session would not show the certificate
    (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
    (pycurl.ACCEPT_ENCODING, ""),  # everything libcurl can decode
    (pycurl.OPT_CERTINFO, 1),
    # Every server knows one of these. OpenSSL's own list begins with a post-quantum key, a tenth of the cost of a
    # handshake, for what must stay secret for decades.
    (pycurl.SSL_EC_CURVES, "X25519:P-256:P-384:P-521"),
    # As browsers put them; OpenSSL begins with the second, whose SHA-384 few processors are made for.
    (pycurl.TLS13_CIPHERS, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"),
)


def pin(place: URL | Proxy, addresses: Sequence[str]) -> str:
    """CURLOPT_RESOLVE(3). The "+" lets the entry time out: else the multi would keep every name for ever."""
    hosts = ",".join(f"[{address}]" if ":" in address else address for address in addresses)
    return f"+{place.host}:{place.port}:{hosts}"


def set_request(easy: Any, request: Request) -> None:
    if request.method == "HEAD":
        easy.setopt(pycurl.NOBODY, 1)
    elif request.method == "POST" or request.body:
        easy.setopt(pycurl.POSTFIELDS, request.body)
        easy.setopt(pycurl.CUSTOMREQUEST, request.method)
    elif request.method != "GET":
        easy.setopt(pycurl.CUSTOMREQUEST, request.method)
    if request.headers:
        # "Name;" is libcurl's way to send a header without a value; "Name:" would remove one.
        lines = [f"{name}: {value}" if value else f"{name};" for name, value in request.headers]
        easy.setopt(pycurl.HTTPHEADER, [line.encode() for line in lines])
    if request.http2:
        easy.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE)
    if not request.verify_tls:
        easy.setopt(pycurl.SSL_VERIFYPEER, 0)
        easy.setopt(pycurl.SSL_VERIFYHOST, 0)


def set_route(easy: Any, route: Route, ca_file: str) -> None:
    if route.version:  # agreed on under TLS (ALPN); without TLS it stays HTTP/1.1
        easy.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS)
    if route.authorities:
        easy.setopt(pycurl.CAINFO_BLOB, route.authorities)
    if route.certificate:
        easy.setopt(pycurl.SSLCERT_BLOB, route.certificate)
        easy.setopt(pycurl.SSLKEY_BLOB, route.key)
    if route.proxy:
        _set_proxy(easy, route.proxy, route.authorities, ca_file)


def _set_proxy(easy: Any, proxy: Proxy, authorities: bytes, ca_file: str) -> None:
    """Its certificate is verified whatever is said of the target's: it is given a password."""
    easy.setopt(pycurl.PROXY, str(proxy))
    easy.setopt(pycurl.NOPROXY, "")  # else the environment's no_proxy would make us go there directly
    easy.setopt(_SUPPRESS_CONNECT_HEADERS, 1)
    easy.setopt(_SOCKS5_AUTH, pycurl.HTTPAUTH_BASIC)
    easy.setopt(pycurl.PROXYAUTH, pycurl.HTTPAUTH_BASIC)
    if authorities:
        easy.setopt(pycurl.PROXY_CAINFO_BLOB, authorities)
    else:
        easy.setopt(pycurl.PROXY_CAINFO, ca_file)
    if proxy.username:
        easy.setopt(pycurl.PROXYUSERNAME, proxy.username.encode())
        easy.setopt(pycurl.PROXYPASSWORD, proxy.password.encode())
