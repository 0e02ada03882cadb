"""What libcurl tells of an exchange beside its answer: too costly to be asked each time, so for evidence only."""

import re
import ssl
from typing import Any

import pycurl  # type: ignore[import-untyped]

PROTOCOLS = {
    pycurl.CURL_HTTP_VERSION_1_0: "HTTP/1.0",
    pycurl.CURL_HTTP_VERSION_1_1: "HTTP/1.1",
    pycurl.CURL_HTTP_VERSION_2_0: "HTTP/2",
    pycurl.CURL_HTTP_VERSION_3: "HTTP/3",
}
_SECURED = re.compile(rb"SSL connection using ([\w.]{1,20}) / ([\w.-]{1,60})")


def protocol(easy: Any) -> str:
    """The version of HTTP that was spoken; "" where none was."""
    return PROTOCOLS.get(easy.getinfo(pycurl.INFO_HTTP_VERSION), "")


def chain(easy: Any) -> list[bytes]:
    """The certificates the server presented (DER), its own first."""
    return [der for fields in easy.getinfo_raw(pycurl.INFO_CERTINFO) if (der := _certificate(dict(fields)))]


def _certificate(fields: dict[bytes, bytes]) -> bytes | None:
    try:
        return ssl.PEM_cert_to_DER_cert(fields.get(b"Cert", b"").decode("ascii").strip())
    except ValueError:
        return None


def listen(easy: Any, tell: Any) -> None:
    """`tell` how the connection is encrypted, version and cipher: libcurl's account of what it does says that, and
    nothing else does."""

    def hear(kind: int, words: bytes) -> None:
        match = _SECURED.match(words) if kind == pycurl.INFOTYPE_TEXT else None
        if match:
            tell((match[1].decode(), match[2].decode()))

    easy.setopt(pycurl.VERBOSE, 1)
    easy.setopt(pycurl.DEBUGFUNCTION, hear)
