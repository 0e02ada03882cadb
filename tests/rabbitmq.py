"""The RabbitMQ of this machine, which the tests marked `rabbitmq` share with whoever else uses it."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

HOST, PORT = "127.0.0.1", 5672


def rabbitmqctl(*words: str) -> str:
    """Its output. Raises CalledProcessError or OSError when it fails or is not there."""
    command = [*([] if os.geteuid() == 0 else ["sudo", "-n"]), "rabbitmqctl", "--quiet", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


@contextmanager
def virtual_host(name: str) -> Iterator[str]:
    """The address of a virtual host with a user of the same name; both are removed afterwards."""
    try:
        rabbitmqctl("add_vhost", name)
        rabbitmqctl("add_user", name, "of-the-site")
        rabbitmqctl("set_permissions", "-p", name, name, ".*", ".*", ".*")
        yield f"amqp://{name}:of-the-site@{HOST}:{PORT}/{name}"
    finally:
        rabbitmqctl("delete_vhost", name)
        rabbitmqctl("delete_user", name)


def find_rabbitmq() -> bool:
    """Whether one answers that may be administered from here."""
    try:
        socket.create_connection((HOST, PORT), timeout=1).close()
        rabbitmqctl("list_vhosts")
    except (OSError, subprocess.SubprocessError):
        return False
    return True
