"""The RabbitMQ of this machine, which the tests marked `rabbitmq` share with whoever else uses it."""

import os
import socket
import subprocess

HOST, PORT = "127.0.0.1", 5672


def rabbitmqctl(*words: str) -> str:
    """Its output. Raises CalledProcessError or OSError when it fails or is not there."""
    command = [*([] if os.geteuid() == 0 else ["sudo", "-n"]), "rabbitmqctl", "--quiet", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def find_rabbitmq() -> bool:
    """Whether one answers that may be administered from here."""
    try:
        socket.create_connection((HOST, PORT), timeout=1).close()
        rabbitmqctl("list_vhosts")
    except (OSError, subprocess.SubprocessError):
        return False
    return True
