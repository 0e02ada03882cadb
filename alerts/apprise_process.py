"""Sends one message through Apprise, as a process of its own: an order as JSON on stdin, the answer as JSON on stdout.

Nothing imports this. Apprise takes half a second and 43 MB to load, and its requests know neither our guard nor a
deadline for the whole: here it can be stopped, whatever it does, and what it took is given back. Its environment is
empty: no proxy, no .netrc, no folder of plugins or configuration.
"""

import json
import logging
import resource
import signal
import sys
from collections.abc import Iterable

from apprise import Apprise, AppriseAsset, NotifyFormat, PersistentStoreMode
from apprise.manager_plugins import NotificationManager

MEMORY = 1024 * 1024 * 1024  # bytes of address space: an endless answer ends the process, not the machine
LINES = 5


class Said(logging.Handler):
    """What Apprise complains of, which is all it tells of a failure."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage()[:300])


def send(order: dict, schemas: Iterable[str]) -> dict:
    """{"known": whether Apprise can read the address, "sent": whether it was taken, "said": complaints}."""
    said = Said()
    logger = logging.getLogger("apprise")
    logger.addHandler(said)
    logger.propagate = False
    NotificationManager().enable_only(*schemas)
    asset = AppriseAsset(
        app_id="Uptime",
        app_desc="Uptime",
        app_url=order["site"],
        async_mode=False,
        http_redirects=False,
        service_timeout=order["seconds"],
        storage_mode=PersistentStoreMode.MEMORY,
        allow_templates=False,
    )
    apprise = Apprise(asset=asset)
    known = apprise.add(order["address"])
    sent = known and bool(
        apprise.notify(
            body=order["body"], title=order["title"], notify_type=order["type"], body_format=NotifyFormat.TEXT
        )
    )
    return {"known": bool(known), "sent": bool(sent), "said": said.lines[:LINES]}


def main() -> None:
    order = json.load(sys.stdin)
    signal.alarm(order["seconds"] + 1)  # should nobody be left to stop us
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    json.dump(send(order, order["schemas"]), sys.stdout)


if __name__ == "__main__":
    main()
