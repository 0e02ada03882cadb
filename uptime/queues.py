"""Queue names and broker settings that every Celery app of the product shares; imports no Django.

reliability.md, section 1, in short: time-outs on every socket (a half-open connection otherwise hangs a worker for
ever), no result backend, no ETA, late acknowledgement for what must not be lost, own `unacked` keys per role, and
queues named explicitly so that a typo raises instead of dropping messages.
"""

from kombu import Queue

from uptime.lib.brokers import tls, verified

CONTROL, RESULTS, WORK = "control", "results", "work"
BACKLOG = 25  # waiting messages from which on a region gets no more: what waits that long would start too late


def name(queue: str, prefix: str) -> str:
    return f"{prefix}{queue}"


def checks(region: str, prefix: str) -> str:
    """The queue the workers of `region` consume."""
    return f"{prefix}checks.{region}"


def declare(queue: str) -> Queue:
    """A durable queue reached by its own name through the default exchange."""
    return Queue(queue, routing_key=queue, durable=True)


def waiting(channel, *queues: str) -> dict[str, int]:
    """How many messages wait in each of some queues; Redis, which may be far away, is asked for all of them at once."""
    if hasattr(channel, "conn_or_acquire"):
        with channel.conn_or_acquire() as client, client.pipeline(transaction=False) as asking:
            for queue in queues:
                asking.llen(queue)
            return dict(zip(queues, asking.execute(), strict=True))
    return {queue: declare(queue).bind(channel).queue_declare().message_count for queue in queues}


def speaks_amqp(broker_url: str) -> bool:
    return broker_url.startswith("amqp")


def into_results(broker_url: str, prefix: str) -> dict:
    """How a region publishes into `results`: the arguments for send_task that need the fewest rights.

    Nothing is declared, which would be a right to configure. RabbitMQ cannot narrow the right to publish through its
    default exchange to one queue, so there the exchange is used that Celery's worker of `results` declares for it.
    """
    queue = name(RESULTS, prefix)
    arguments = {"queue": declare(queue), "declare": []}
    if speaks_amqp(broker_url):
        arguments |= {"exchange": queue, "routing_key": queue, "confirm_timeout": 5}
    return arguments


def transport_options(broker_url: str, role: str, prefix: str, redeliver: bool) -> dict:
    if speaks_amqp(broker_url):
        return {"confirm_publish": True}
    return {
        "socket_timeout": 5,
        "socket_connect_timeout": 5,
        "socket_keepalive": not broker_url.startswith("redis+socket"),
        "health_check_interval": 10,
        "priority_steps": [0],  # no priorities: a queue is one key, named as the queue
        "ack_emulation": redeliver,
        "visibility_timeout": 60,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "unacked_key": f"{prefix}unacked.{role}",
        "unacked_index_key": f"{prefix}unacked_index.{role}",
        "unacked_mutex_key": f"{prefix}unacked_mutex.{role}",
        "client_name": f"uptime-{role}",
    }


def configuration(broker_url: str, role: str, prefix: str, queues: list[str], redeliver: bool = True) -> dict:
    """Celery settings of one role; with `redeliver`, what a worker that died had taken is delivered once more."""
    return {
        "broker_url": verified(broker_url),
        "broker_use_ssl": tls(broker_url),
        "broker_transport_options": transport_options(broker_url, role, prefix, redeliver),
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_connection_timeout": 5,
        "broker_pool_acquire_timeout": 5,
        "result_backend": None,
        "task_ignore_result": True,
        "accept_content": ["json"],
        "task_serializer": "json",
        "task_queues": [declare(queue) for queue in queues],
        "task_default_queue": queues[0],
        "task_create_missing_queues": False,
        "task_publish_retry_policy": {"max_retries": 1, "interval_start": 0, "interval_max": 0.2},
        "worker_prefetch_multiplier": 1,
        "worker_enable_remote_control": False,
        "worker_send_task_events": False,
        "worker_hijack_root_logger": False,
        "worker_soft_shutdown_timeout": 10,
        "worker_eta_task_limit": 10,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "enable_utc": True,
        "timezone": "UTC",
    }
