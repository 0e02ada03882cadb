"""How soon a broker that was away is found again."""

from typing import Any

import celery.app.amqp
import kombu

RETRY_S = 5.0  # between two attempts to connect, at most; kombu's own limit of 30 would be noticed after each outage


class Connection(kombu.Connection):
    def _ensure_connection(
        self,
        errback: Any = None,
        max_retries: int | None = None,
        interval_start: float = 2,
        interval_step: float = 2,
        interval_max: float = RETRY_S,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        longest = min(interval_max, RETRY_S)
        return super()._ensure_connection(errback, max_retries, interval_start, interval_step, longest, *args, **kwargs)


class AMQP(celery.app.amqp.AMQP):
    """What a Celery app takes its connections from, whatever the broker's kind; name it as its `amqp`."""

    Connection = Connection
