"""Websites that die when told to, and the receivers of what is said about it, in a process of their own.

Prints its port, then serves until it is ended. `/site/...` is up until `/break` is asked for, `/hook/...` takes a
message, `/deaf/...` takes a connection and never answers, and `/heard` gives all that was taken: the moment, the id of
the message and its type.
"""

import asyncio
import json
import time

BACKLOG = 4096
GOOD, BAD = "200 OK", "500 Broken"


class Receiver(asyncio.Protocol):
    """One request and one answer per connection."""

    heard: list[tuple[float, str, str]] = []
    sites = GOOD

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.data = transport, b""

    def data_received(self, data: bytes) -> None:
        self.data += data
        head, found, body = self.data.partition(b"\r\n\r\n")
        if found and len(body) >= _length(head):
            self._answer(head.decode("latin-1"), body)

    def _answer(self, head: str, body: bytes) -> None:
        path = head.split(" ", 2)[1]
        if path.startswith("/deaf/"):
            return
        status, said = GOOD, b"fine"
        if path.startswith("/site/"):
            status = Receiver.sites
        elif path.startswith("/hook/"):
            Receiver.heard.append((time.time(), _header(head, "webhook-id"), json.loads(body)["type"]))
        elif path == "/break":
            Receiver.sites = BAD
        elif path == "/mend":
            Receiver.sites, Receiver.heard = GOOD, []
        elif path == "/heard":
            said = json.dumps(Receiver.heard).encode()
        answer = f"HTTP/1.1 {status}\r\nContent-Length: {len(said)}\r\nConnection: close\r\n\r\n"
        self.transport.write(answer.encode() + said)
        self.transport.close()


def _header(head: str, wanted: str) -> str:
    for line in head.split("\r\n")[1:]:
        name, _, value = line.partition(":")
        if name.lower() == wanted:
            return value.strip()
    return ""


def _length(head: bytes) -> int:
    return int(_header(head.decode("latin-1"), "content-length") or 0)


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", 0, backlog=BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
