"""A website in a process of its own: prints its ports as JSON, then serves until it is ended.

Always: a port that accepts and never answers. With `everything`: the same page over HTTP and HTTPS, for machines
without nginx.
"""

import asyncio
import json
import ssl
import sys
from pathlib import Path

from bench.target import BODY

ANSWER = (
    f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(BODY)}\r\nConnection: close\r\n\r\n{BODY}"
).encode()
BACKLOG = 4096


class Hanging(asyncio.Protocol):
    """Reads, and says nothing until the other side has had enough."""


class Page(asyncio.Protocol):
    """One answer per connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.heard = b""

    def data_received(self, data: bytes) -> None:
        self.heard += data
        if b"\r\n\r\n" in self.heard:
            self.transport.write(ANSWER)
            self.transport.close()


async def main(folder: Path, everything: bool) -> None:
    loop = asyncio.get_running_loop()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(folder / "chain.pem", folder / "key.pem")
    tls.num_tickets = 0
    wanted = {"hanging": (Hanging, None)} | ({"http": (Page, None), "https": (Page, tls)} if everything else {})
    servers = {
        name: await loop.create_server(protocol, "127.0.0.1", 0, ssl=context, backlog=BACKLOG)
        for name, (protocol, context) in wanted.items()
    }
    print(json.dumps({name: server.sockets[0].getsockname()[1] for name, server in servers.items()}), flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers.values()))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2] == "everything"))
