"""Real proxies on port 0: HTTP (RFC 9110, 9.3.6) and SOCKS5 (RFC 1928), with a password where one is asked for."""

import base64
import contextlib
import socket
import ssl
import threading
from urllib.parse import urlsplit

from tests.servers import Server


class Proxy:
    """Leads wherever it is asked to, and remembers where. `asked`: host and port; `heads`: what was sent to it.

    `answers`: what it says instead of leading there. `places`: where a name really is, as a proxy knows and we may
    not."""

    scheme = "http"

    def __init__(self, host="127.0.0.1", user="", tls: ssl.SSLContext | None = None, port=0, places=None):
        self.user, self.places = user, places or {}
        self.asked: list[tuple[str, int]] = []
        self.heads: list[str] = []
        self.answers = b""
        self._server = Server(self._serve, host, port, tls)
        self.host, self.port = self._server.host, self._server.port
        self.url = f"{'https' if tls else self.scheme}://{self.host}:{self.port}"

    @property
    def connections(self):
        return self._server.connections

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.close()

    def _open(self, host, port):
        self.asked.append((host, port))
        return socket.create_connection((self.places.get(host, host), port), 5)

    def _serve(self, _server, client):
        head = b""
        while b"\r\n\r\n" not in head:
            part = client.recv(4096)
            if not part:
                return
            head += part
        text = head.decode("latin-1")
        self.heads.append(text)
        method, target = text.split(" ")[:2]
        wanted = f"proxy-authorization: basic {base64.b64encode(self.user.encode()).decode()}".lower()
        if self.answers:
            client.sendall(self.answers)
        elif self.user and wanted not in text.lower():
            client.sendall(b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n")
        elif method == "CONNECT":
            host, _, port = target.rpartition(":")
            with self._open(host.strip("[]"), int(port)) as upstream:
                client.sendall(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n")
                relay(client, upstream)
        else:
            url = urlsplit(target)
            with self._open(url.hostname, url.port or 80) as upstream:
                upstream.sendall(head.replace(target.encode(), (url.path or "/").encode(), 1))
                relay(client, upstream)


class SocksProxy(Proxy):
    """`answers` is here the number of a reply (RFC 1928, 6)."""

    scheme = "socks5h"

    def _serve(self, _server, client):
        stream = client.makefile("rb")
        _, methods = stream.read(2)
        offered = stream.read(methods)
        if self.user:
            client.sendall(b"\x05\x02" if b"\x02" in offered else b"\x05\xff")
            if b"\x02" not in offered:
                return
            name = stream.read(stream.read(2)[1])
            password = stream.read(stream.read(1)[0])
            right = b"%b:%b" % (name, password) == self.user.encode()
            client.sendall(b"\x01\x00" if right else b"\x01\x01")
            if not right:
                return
        else:
            client.sendall(b"\x05\x00")
        kind = stream.read(4)[3]
        if kind == 3:
            host = stream.read(stream.read(1)[0]).decode()
        else:
            family = socket.AF_INET if kind == 1 else socket.AF_INET6
            host = socket.inet_ntop(family, stream.read(4 if kind == 1 else 16))
        port = int.from_bytes(stream.read(2))
        if self.answers:
            self.asked.append((host, port))
            client.sendall(bytes([5, self.answers[0], 0, 1, 0, 0, 0, 0, 0, 0]))
            return
        with self._open(host, port) as upstream:
            client.sendall(bytes([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]))
            relay(client, upstream)


def relay(one, other):
    """Both ways, until one side is through."""
    back = threading.Thread(target=_pour, args=(other, one), daemon=True)
    back.start()
    _pour(one, other)
    back.join(10)


def _pour(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
