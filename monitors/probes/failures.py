"""What a failed exchange means: from libcurl's number to a Reason and a sentence.

Whatever cannot be laid at the target's door is NODATA: an error number nobody foresaw must not wake anybody up.
"""

import errno
import os
import time
from collections.abc import Iterable, Sequence
from http import HTTPStatus

from monitors.domain.verdict import Vote
from monitors.probes.base import Phases
from monitors.probes.ends import moment
from monitors.probes.kinds import Connect, Finding, Request
from monitors.probes.reasons import Reason
from monitors.probes.route import Proxy
from monitors.probes.transfer import (
    MAX_HEADERS,
    OPERATION_TIMEDOUT,
    PARTIAL_FILE,
    PEER_FAILED_VERIFICATION,
    Result,
)
from uptime.lib.net import URL
from uptime.lib.resolver import Problem

# What the operating system says when the trouble is on this machine.
LOCAL_ERRNOS = frozenset(
    {
        errno.EACCES,
        errno.EADDRINUSE,
        errno.EADDRNOTAVAIL,
        errno.EAFNOSUPPORT,
        errno.EMFILE,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.ENFILE,
        errno.ENOBUFS,
        errno.ENOMEM,
        errno.EPERM,
        errno.EPROTONOSUPPORT,
    }
)

# libcurl-errors(3); pycurl has names for some only.
UNSUPPORTED_PROTOCOL, WEIRD_SERVER_REPLY, HTTP2 = 1, 8, 16
SSL_CONNECT_ERROR, GOT_NOTHING, SEND_ERROR, RECV_ERROR = 35, 52, 55, 56
SSL_CERTPROBLEM, SSL_CIPHER, BAD_CONTENT_ENCODING = 58, 59, 61
SSL_INVALIDCERTSTATUS, HTTP2_STREAM, PROXY, TOO_LARGE = 91, 92, 97, 100

BROKEN_PIPES = frozenset({RECV_ERROR, SEND_ERROR, SSL_CONNECT_ERROR})
CODES = {
    UNSUPPORTED_PROTOCOL: (Reason.PROTOCOL_ERROR, "{server} did not answer in HTTP/1: {message}"),
    WEIRD_SERVER_REPLY: (Reason.PROTOCOL_ERROR, "The answer of {server} is not valid HTTP: {message}"),
    HTTP2: (Reason.PROTOCOL_ERROR, "The answer of {server} is not valid HTTP: {message}"),
    PARTIAL_FILE: (Reason.CLOSED, "{server} closed the connection {progress}"),
    SSL_CONNECT_ERROR: (Reason.TLS_ERROR, "The TLS handshake with {server} failed: {message}"),
    GOT_NOTHING: (Reason.CLOSED, "{server} closed the connection {progress}"),
    RECV_ERROR: (Reason.PROTOCOL_ERROR, "The answer of {server} is not valid HTTP: {message}"),
    SSL_CERTPROBLEM: (Reason.BAD_CHECK, "The client certificate cannot be used: {message}"),
    SSL_CIPHER: (Reason.TLS_ERROR, "The TLS handshake with {server} failed: {message}"),
    BAD_CONTENT_ENCODING: (Reason.PROTOCOL_ERROR, "The page of {server} cannot be decoded: {message}"),
    HTTP2_STREAM: (Reason.PROTOCOL_ERROR, "The answer of {server} is not valid HTTP/2: {message}"),
    SSL_INVALIDCERTSTATUS: (Reason.TLS_ERROR, "The TLS handshake with {server} failed: {message}"),
}
ERRNOS = {
    errno.ECONNREFUSED: (Reason.REFUSED, "Connection refused by {server}"),
    errno.ECONNRESET: (Reason.RESET, "Connection reset by {server} {progress}"),
    errno.EPIPE: (Reason.RESET, "Connection reset by {server} {progress}"),
    errno.EHOSTUNREACH: (Reason.UNREACHABLE, "No route to {server}"),
    errno.ETIMEDOUT: (Reason.TIMEOUT_CONNECT, "{server} accepted no connection in time"),
}

# X509_V_ERR_* of OpenSSL's x509_vfy.h
_NOT_YET_VALID, _EXPIRED = 9, 10
_SELF_SIGNED = frozenset({18, 19})
_NAME_ERRORS = frozenset({0, 1, 62, 64})  # 0 and 1: the chain was not at fault, so it was the name

NO_PINGS = (
    "This region may not send pings. On its machine run: sysctl -w net.ipv4.ping_group_range='0 2147483647', "
    "or give the worker the capability NET_RAW"
)


def explain(request: Request, result: Result, timeout_ms: int) -> Finding:
    """Why an exchange failed: the most telling sign first."""
    if result.code == OPERATION_TIMEDOUT:
        return explain_timeout(request, result, timeout_ms)
    for judge in (_by_guard, _by_proxy, _by_size, _by_certificate, _by_alert, _by_errno, _by_code):
        finding = judge(request, result)
        if finding:
            return finding
    return Finding(Reason.LOCAL_ERROR, f"Unexpected error {result.code} of the HTTP library: {result.message}")


def explain_timeout(request: Request, result: Result, timeout_ms: int) -> Finding:
    """What was waited for when the time was up."""
    phases, time = result.phases, f"{timeout_ms / 1000:g} s"
    connected = "connected"
    if request.proxy:
        if not _is_through(request, request.proxy, result):
            wanted = "way to the target" if result.connected else "connection"
            return Finding(Reason.PROXY, f"The proxy {request.proxy.place} gave us no {wanted} within {time}")
        connected = f"connected to the proxy {request.proxy.place}"
    if not result.connected:
        return Finding(Reason.TIMEOUT_CONNECT, f"No connection to {_server(request, result)} within {time}")
    if request.url.scheme == "https" and phases.tls is None:
        return Finding(Reason.TIMEOUT_TLS, f"No answer within {time}: {connected}, waiting for the TLS handshake")
    if phases.first_byte is None:
        return Finding(Reason.TIMEOUT_FIRST_BYTE, f"No answer within {time}: {connected}, waiting for the first byte")
    return Finding(Reason.TIMEOUT_TRANSFER, f"The answer was not complete within {time}")


def describe(status: int) -> str:
    """ "500 Internal Server Error": our words for the code, never the server's."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def explain_name(host: str, problem: Problem | None) -> Finding:
    """Why a name gave no address."""
    if problem is Problem.NOT_FOUND:
        return Finding(Reason.DNS_NOT_FOUND, f"{host} does not exist or has no address")
    if problem is Problem.FAILED:
        return Finding(Reason.DNS_FAILED, f"The name servers of {host} fail (SERVFAIL)")
    return Finding(Reason.RESOLVER_SICK, f"This region's name servers gave no answer about {host}")


def explain_silence(host: str, resolver_is_alive: bool, timeout_ms: int) -> Finding:
    """Nobody told the address of `host` before the time was up: the name's silence, or our own name servers'."""
    reason = Reason.TIMEOUT_DNS if resolver_is_alive else Reason.RESOLVER_SICK
    return Finding(reason, f"No address for {host} within {timeout_ms / 1000:g} s: waiting for its name servers")


def _by_guard(request: Request, result: Result) -> Finding | None:
    host = request.proxy.host if request.proxy else request.host
    return denied_address(request, result.denied, host) if result.denied else None


def denied_address(request: Request | Connect, address: str, host: str) -> Finding:
    """`host`, of the request or of its proxy, leads to `address`, which the guard does not permit."""
    reason = Reason.BLOCKED_REDIRECT if request.redirected and host == request.host else Reason.BLOCKED_ADDRESS
    return Finding(reason, f"{host} leads to {address}, where checks do not go")


def told_of(request: Request, finding: Finding) -> Finding:
    """A failure as one of that very request, where it says what it is for."""
    if finding.reason is None:
        return finding
    counted = finding.reason.vote is Vote.DOWN and request.counts_as
    return finding._replace(reason=counted or finding.reason, detail=f"{request.said_of}: {finding.detail}")


# What SOCKS proxies say (RFC 1928 and 1929), by libcurl's numbers (CURLPX_ in curl.h).
_SOCKS = {
    12: "accepts none of the ways to sign in that we know",
    19: "was refused by {target}",
    20: "reports a general failure",
    21: "cannot reach the host {target}",
    22: "cannot reach the network of {target}",
    23: "does not allow connections to {target}",
    24: "got no answer from {target} in time",
    33: "does not accept the user name and password",
}


def _by_proxy(request: Request, result: Result) -> Finding | None:
    """Whether the proxy failed, or failed to reach the target, which it tells us in its own way."""
    proxy, number = request.proxy, result.errno
    if proxy is None or _is_through(request, proxy, result) or (not result.connected and number in LOCAL_ERRNOS):
        return None
    if result.proxy_status:
        said = proxy_refusal(proxy, result.proxy_status, request.url)
    elif result.code == PROXY:
        target = f"{request.url.host} port {request.url.port}"
        said = _SOCKS.get(result.proxy_error, f"broke off: {result.message}").format(target=target)
    elif result.code == PEER_FAILED_VERIFICATION:
        said = f"has a certificate that is not trusted: {result.message}"
    else:
        broken = explain_errno(number, f"the proxy {proxy.place}", _progress(result.phases))
        if broken:
            return broken._replace(reason=Reason.PROXY)
        said = f"gave no usable answer: {result.message}"
    return Finding(Reason.PROXY, f"The proxy {proxy.place} {said}")


def proxy_refusal(proxy: Proxy, status: int, url: URL) -> str:
    """What a proxy means that answers with `status` where it should lead to `url`."""
    if status != HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return f"answered {describe(status)} when asked for {url.host} port {url.port}"
    return f"{'does not accept the' if proxy.username else 'asks for a'} user name and password ({describe(status)})"


def _is_through(request: Request, proxy: Proxy, result: Result) -> bool:
    """Whether the exchange got beyond the proxy. What is not sent through a tunnel is the target's from the start."""
    if not result.connected and result.phases.connect is None:
        return False
    if proxy.scheme == "socks5h":
        return result.code != PROXY
    if request.url.scheme == "https":
        return HTTPStatus.OK <= result.proxy_status < HTTPStatus.MULTIPLE_CHOICES
    return result.code not in (SSL_CONNECT_ERROR, PEER_FAILED_VERIFICATION)


# How OpenSSL words what a server says of our certificate (RFC 8446, 6.2).
_ALERTS = ("bad certificate", "unsupported certificate", "certificate revoked", "certificate expired",
           "certificate unknown", "unknown ca", "access denied")  # fmt: skip


def _by_alert(request: Request, result: Result) -> Finding | None:
    """A server that wants to know who we are says so late, when an answer is waited for."""
    message = result.message.lower()
    if "alert certificate required" in message:
        return Finding(Reason.TLS_ERROR, f"{_server(request, result)} asks for a client certificate")
    if request.route and request.route.certificate and any(f"alert {each}" in message for each in _ALERTS):
        said = "{server} does not accept the client certificate: {message}"
        return Finding(Reason.TLS_ERROR, _filled(said, request, result))
    return None


def _by_size(_request: Request, result: Result) -> Finding | None:
    if result.headers_too_large or result.code == TOO_LARGE:
        return Finding(Reason.HEADER_TOO_LARGE, f"The headers are larger than {MAX_HEADERS // 1024} kB")
    return None


def _by_errno(request: Request, result: Result) -> Finding | None:
    """What the system said. Once connected it may have said so of an address that was tried in vain before."""
    connected = result.connected or result.phases.connect is not None
    if connected and result.errno not in (errno.ECONNRESET, errno.EPIPE):
        return None
    return explain_errno(result.errno, _server(request, result), _progress(result.phases))


def explain_errno(number: int, server: str, progress: str) -> Finding | None:
    """What the system's error `number` says of `server`, or of this machine; None: nothing that we know."""
    if number in LOCAL_ERRNOS:
        return Finding(Reason.LOCAL_ERROR, f"This region could not connect: {os.strerror(number)}")
    reason, sentence = ERRNOS.get(number, (None, ""))
    return Finding(reason, sentence.format(server=server, progress=progress)) if reason else None


def _by_code(request: Request, result: Result) -> Finding | None:
    if result.code == RECV_ERROR and "alert" in result.message and "SSL" in result.message:
        # What TLS 1.3 has to say of the client comes once the client is done: that it shows no certificate.
        return Finding(Reason.TLS_ERROR, _filled("The TLS handshake with {server} failed: {message}", request, result))
    violates_http2 = "nghttp2" in result.message
    if result.code in BROKEN_PIPES and _is_end(result.message) and not violates_http2:
        return Finding(Reason.CLOSED, _filled("{server} closed the connection {progress}", request, result))
    if violates_http2 or (request.http2 and result.code in (SEND_ERROR, HTTP2_STREAM)):
        sentence = "{server} does not speak HTTP/2 properly: {message}"
        return Finding(Reason.PROTOCOL_ERROR, _filled(sentence, request, result))
    reason, sentence = CODES.get(result.code, (None, ""))
    return Finding(reason, _filled(sentence, request, result)) if reason else None


def _filled(sentence: str, request: Request, result: Result) -> str:
    server, progress = _server(request, result), _progress(result.phases)
    return sentence.format(server=server, message=result.message, progress=progress)


def _server(request: Request, result: Result) -> str:
    if request.proxy:
        return f"{request.url.host} port {request.url.port}, by way of the proxy {request.proxy.place},"
    return f"{_tried(result)} port {request.url.port}"


def _tried(result: Result) -> str:
    return result.address or (result.tried[-1] if result.tried else "the server")


def _is_end(message: str) -> bool:
    """OpenSSL's and libcurl's words for a connection that ended without a word."""
    return "eof" in message.lower() or "closed" in message.lower() or "SSL_ERROR_SYSCALL" in message


def _progress(phases: Phases) -> str:
    if phases.first_byte is not None:
        return "before its answer was complete"
    return "without an answer" if phases.connect is not None else "while connecting"


def _by_certificate(request: Request, result: Result) -> Finding | None:
    if result.code != PEER_FAILED_VERIFICATION:
        return None
    names = result.certificates[0].get("X509v3 Subject Alternative Name", "") if result.certificates else ""
    covered = [each.strip().removeprefix("DNS:") for each in names.split(",") if each.strip()]
    periods = [(_date(each, "Start date"), _date(each, "Expire date")) for each in result.certificates]
    return explain_certificate(request.url.host, result.verify_result, result.message, covered, periods)


def explain_certificate(
    host: str, code: int, message: str, names: Sequence[str], periods: Iterable[tuple[float | None, float | None]]
) -> Finding:
    """Why OpenSSL does not trust the certificate of `host`: its X509_V_ERR_ `code` and `message`; `names` the server's
    own certificate covers, `periods` of validity of the whole chain (seconds since the epoch)."""
    if code in _NAME_ERRORS:
        covered = f", but for {', '.join(names[:3])}" if names else ""
        return Finding(Reason.TLS_NAME_MISMATCH, f"The certificate is not for {host}{covered}")
    if code in (_EXPIRED, _NOT_YET_VALID):
        return Finding(Reason.TLS_EXPIRED, _validity(periods))
    if code in _SELF_SIGNED:
        return Finding(Reason.TLS_UNTRUSTED, f"The certificate of {host} is self-signed or of an unknown authority")
    return Finding(Reason.TLS_UNTRUSTED, f"The certificate of {host} is not trusted: {message}")


def _validity(periods: Iterable[tuple[float | None, float | None]]) -> str:
    """The first certificate of the chain that is outside its period of validity, in days."""
    now = time.time()
    for start, end in periods:
        if end is not None and end < now:
            return f"Certificate expired {span(now - end)} ago"
        if start is not None and start > now:
            return f"Certificate is valid only in {span(start - now)}"
    return "A certificate of the chain is outside its period of validity"


def _date(certificate: dict[str, str], name: str) -> float | None:
    return moment(certificate.get(name, "").encode())


def span(seconds: float) -> str:
    """ "2 days", "1 hour"."""
    for size, unit in ((86_400, "day"), (3600, "hour")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "less than an hour"
