"""Where messages go when only a Redis is named, and whom they are sent to: nobody whose certificate is not good."""

import ssl
from urllib.parse import urlsplit


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
