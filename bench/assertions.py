"""What assertions cost on 50 kB of JSON: on the engine's thread, and in the processes beside it.

make bench BENCH_ARGS=assertions
"""

import json
import statistics
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

from monitors.probes.aside import Aside
from monitors.probes.assertions import judged
from monitors.probes.content import Content, judge
from monitors.probes.grammar import parse
from monitors.probes.kinds import Answer, Compute
from uptime.lib.loop import Loop

SIZE = 50_000  # bytes
ROUNDS = 300
HEADERS = [("content-type", "application/json; charset=utf-8"), ("x-request-id", "f00d")]
# All of them hold, so that everything is looked at to its end.
AT_ONCE = [
    "header content-type contains json",
    "json data.status == ok",
    "json data.items[300].owner.id == 300",
    'body contains "item 420"',
    'body not contains "not to be found"',
]
ASIDE = [
    "json data.items[?status == 'bad'].id not empty",
    "json length(data.items) > 100",
    "json $.data.items[?@.id == 300].name not empty",
    "json $..price not empty",
    "body matches /item 4[0-9]{2}/",
    r"body not matches /(\w+ )+gone/",
]


def document() -> bytes:
    """About SIZE bytes of JSON as an API gives it."""
    items: list[dict[str, object]] = []
    while len(json.dumps(items)) < SIZE - 300:
        count = len(items)
        found = {"id": count, "name": f"item {count}", "status": "bad" if count % 7 == 0 else "ok"}
        items += [{**found, "price": count * 1.5, "owner": {"id": count}}]
    return json.dumps({"data": {"status": "ok", "items": items}}).encode()


def lines() -> list[str]:
    """The figures, as they are printed."""
    body = document()
    found = [f"{len(body):,} bytes of JSON; milliseconds for one assertion, the median of {ROUNDS}"]
    parsed = _median(lambda: Content(HEADERS, body).document)
    found.append(f"{parsed:8.4f}  reading the JSON, once a check")
    found.append(f"{_median(lambda: Content(HEADERS, body).text):8.4f}  decoding the body, once a check")
    found += [f"{_assertion(line, body):8.4f}  {line}" for line in AT_ONCE]
    loop = Loop()
    aside = Aside(loop)
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        found.append("beside the worker, with reading the JSON: until it is known, and CPU on the engine's thread")
        found += [_aside(line, body, loop, aside) for line in ASIDE]
    finally:
        loop.post(aside.close)
        loop.stop()
        thread.join()
    return found


def _median(work: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return 1000 * statistics.median(times)


def _assertion(line: str, body: bytes) -> float:
    """One assertion on a body that is decoded or parsed already, as by one before it."""
    options = {"assertions": [parse(line)._asdict()]}
    content = Content(HEADERS, body)
    read = {"json": lambda: content.document, "body": lambda: content.text}.get(line[:4], lambda: None)
    read()
    if judge(options, content) != (None, ""):
        raise RuntimeError(f"{line} does not hold")

    def work() -> None:
        content.__dict__.pop("_folded", None)  # each is the first to look for text in upper or lower case
        judge(options, content)

    return _median(work)


def _aside(line: str, body: bytes, loop: Loop, aside: Aside) -> str:
    options = {"assertions": [parse(line)._asdict()]}
    told: SimpleQueue[object] = SimpleQueue()
    times, spent = [], []

    def begin() -> None:
        began = time.thread_time()
        step = next(judged(options, Answer(200, HEADERS, body)))
        if not isinstance(step, Compute):
            raise TypeError(f"{line} is not computed aside")
        aside.start(step, told.put)
        spent.append(time.thread_time() - began)

    for _ in range(ROUNDS // 3):
        began = time.perf_counter()
        loop.post(begin)
        if told.get(timeout=30) != [None, ""]:
            raise RuntimeError(f"{line} does not hold")
        times.append(time.perf_counter() - began)
    return f"{1000 * statistics.median(times):8.3f}  {1000 * statistics.median(spent):.3f}  {line}"
