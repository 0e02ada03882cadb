"""What the broker and the cache say: how much waits in each queue, how much memory is left."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import redis
from django.conf import settings

from uptime import queues
from uptime.celery import app
from uptime.lib.brokers import broker_url

TIMEOUT_S = 2


@dataclass(frozen=True, slots=True)
class Memory:
    used: int
    most: int  # 0: as much as there is
    written: bool = True  # whether what it is told reaches the disk, where it is asked to keep things


@dataclass(frozen=True, slots=True)
class Broker:
    """An answer of the broker, or why there is none."""

    error: str = ""
    waiting: Mapping[str, int] = field(default_factory=dict)  # messages, by the queue's plain name
    memory: Memory | None = None  # RabbitMQ does not tell


@dataclass(frozen=True, slots=True)
class Cache:
    error: str = ""
    memory: Memory | None = None


def apart() -> bool:
    """Whether the cache is another server than the broker."""
    return broker_url(settings.REDIS_URL) != settings.BROKER_URL


def read_broker(names: Iterable[str]) -> Broker:
    """Ask the broker; `names` are plain names of queues. Fails when it does not answer."""
    options = {**app.conf.broker_transport_options}
    if not queues.speaks_amqp(settings.BROKER_URL):
        options |= {"socket_timeout": TIMEOUT_S, "socket_connect_timeout": TIMEOUT_S}
    with app.connection_for_read(connect_timeout=TIMEOUT_S, transport_options=options) as connection:
        connection.ensure_connection(max_retries=1, interval_start=0)
        # A channel of its own: the default one would try to connect for as long as it takes.
        channel = connection.channel()
        full = {name: queues.name(name, settings.QUEUE_PREFIX) for name in names}
        found = queues.waiting(channel, *full.values())
        waiting = {name: found[queue] for name, queue in full.items()}
        if queues.speaks_amqp(settings.BROKER_URL):
            return Broker(waiting=waiting)
        return Broker(waiting=waiting, memory=_memory(channel.client))


def read_cache() -> Cache:
    with redis.from_url(settings.REDIS_URL, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S) as client:
        client.ping()
        return Cache(memory=_memory(client))


def _memory(client) -> Memory | None:
    """None where we may not ask."""
    try:
        told = client.info()
    except redis.ResponseError:
        return None
    return Memory(told["used_memory"], told.get("maxmemory", 0), told.get("aof_last_write_status", "ok") == "ok")
