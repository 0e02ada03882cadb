"""Where messages go when only a Redis is named."""


def broker_url(redis: str) -> str:
    """The Celery broker that is the Redis of `redis` (redis://, rediss:// or unix://)."""
    if redis.startswith("unix://"):
        return redis.replace("unix://", "redis+socket://", 1).replace("?db=", "?virtual_host=")
    return redis
