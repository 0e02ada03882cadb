"""gunicorn's configuration, for `make run` and for production alike."""

import gc
import os
import signal

from uptime.lib.env import env, env_int
from uptime.lib.proc import die_with_parent

_host = env("HOST", "127.0.0.1")
bind = f"[{_host}]:{env_int('PORT', 8000)}" if ":" in _host else f"{_host}:{env_int('PORT', 8000)}"
worker_class = "gthread"
workers = env_int("WEB_WORKERS", 1, least=1, most=64)
threads = env_int("WEB_THREADS", 8, least=1, most=64)
preload_app = True  # one import, shared by all workers
timeout = 60
graceful_timeout = 5
keepalive = 5
accesslog = None
control_socket_disable = True
_master = os.getpid()


def pre_fork(server, worker):
    gc.freeze()  # what is loaded stays shared: the collector does not touch its pages


def post_fork(server, worker):
    die_with_parent(_master, signal.SIGKILL)  # an orphan would keep the port


def post_worker_init(worker):
    host, port = worker.sockets[0].getsockname()[:2]
    worker.wsgi.watch_itself({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port)
