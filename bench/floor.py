"""What a C program needs for the same exchange: a fresh connection, one GET, the answer, the end. wrk, else ab."""

import re
import resource
import shutil
import subprocess
from dataclasses import dataclass

CONNECTIONS = 100


@dataclass(frozen=True)
class Floor:
    """CPU milliseconds per request, and requests a second."""

    ms: float
    per_second: float


def tool() -> str:
    """The load generator that is installed, empty when there is none."""
    return "wrk" if shutil.which("wrk") else "ab" if shutil.which("ab") else ""


def measure(url: str, seconds: int) -> Floor:
    """Run the load generator against `url`."""
    if tool() == "wrk":
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-H", "Connection: close", f"{url}/"]
        pattern = r"(\d+) requests in"
    else:
        command = ["ab", "-q", f"-c{CONNECTIONS}", f"-t{seconds}", "-n10000000", f"{url}/"]
        pattern = r"Complete requests:\s+(\d+)"
    before = _children_cpu()
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(pattern, output)
    if not found:
        raise RuntimeError(f"{command[0]} said nothing of requests:\n{output}")
    requests = int(found[1])
    return Floor(1000 * (_children_cpu() - before) / requests, requests / seconds)


def _children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
