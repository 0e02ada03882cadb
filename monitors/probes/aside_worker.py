"""The process in which monitors.probes.aside has work done: `python -m monitors.probes.aside_worker`.

Reads jobs from its standard input and writes their results to its standard output, both one socket. A job that
computes for longer than it may is ended by the kernel, together with this process: within any code.
"""

import json
import os
import resource
import signal
import struct
from collections.abc import Callable
from importlib import import_module
from typing import Any, BinaryIO

CPU_LIMIT_S = 1.0  # seconds of computing per job; 50 kB of JSON take some thousandths
MEMORY = 512 * 1024 * 1024  # bytes of address space
HEAD = struct.Struct("!II")  # lengths of the JSON [function, arguments] and of the bytes behind it


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with os.fdopen(0, "rb") as ears, os.fdopen(os.dup(1), "wb") as mouth:
        while serve(ears, mouth):
            pass


def serve(ears: BinaryIO, mouth: BinaryIO) -> bool:
    """One job; false when there is no other."""
    head = ears.read(HEAD.size)
    if len(head) < HEAD.size:
        return False
    words, size = HEAD.unpack(head)
    name, arguments = json.loads(ears.read(words))
    function, blob = _function(name), ears.read(size)
    signal.setitimer(signal.ITIMER_PROF, CPU_LIMIT_S)  # what SIGPROF does is to end the process
    try:
        done, result = True, function(*arguments, blob)
    except MemoryError:
        done, result = False, "MemoryError"
    except Exception as error:
        done, result = False, f"{type(error).__name__}"
    signal.setitimer(signal.ITIMER_PROF, 0)
    reply = json.dumps([done, result]).encode()
    mouth.write(struct.pack("!I", len(reply)) + reply)
    mouth.flush()
    return bool(result != "MemoryError")  # what is left of it may be a lot


def _function(name: str) -> Callable[..., Any]:
    module, _, attribute = name.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), attribute)
    return found


if __name__ == "__main__":
    main()
