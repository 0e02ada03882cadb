"""Where messages go when only a Redis is named, whom they are sent to (nobody whose certificate is not good), and how
soon a broker that was away is found again."""

import ssl
from typing import Any
from urllib.parse import urlsplit

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


def broker_url(redis: str) -> str:
    """The Celery broker that is the Redis of `redis` (redis://, rediss:// or unix://)."""
    if redis.startswith("unix://"):
        return redis.replace("unix://", "redis+socket://", 1).replace("?db=", "?virtual_host=")
    return redis


def verified(broker: str) -> str:
    """`broker`, with its certificate verified unless it says otherwise: kombu alone would send the password to anybody.

    For rediss://; amqps:// is told by `tls`.
    """
    if not broker.startswith("rediss://") or "ssl_cert_reqs=" in broker:
        return broker
    return f"{broker}{'&' if urlsplit(broker).query else '?'}ssl_cert_reqs=CERT_REQUIRED"


def tls(broker: str) -> dict[str, object] | None:
    """How amqps:// is verified: by the machine's authorities, or those of SSL_CERT_FILE. None for other brokers."""
    if not broker.startswith("amqps://"):
        return None
    return {"server_hostname": urlsplit(broker).hostname, "cert_reqs": ssl.CERT_REQUIRED}
