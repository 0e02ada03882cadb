"""How soon somebody hears of it: from a website's death to the message, and when thousands die within a minute.

    make bench BENCH_ARGS=alerts      # some of many monitors die
    make bench BENCH_ARGS=storm       # 5,000 incidents within a minute

A message counts when its receiver has it. Transitions count from the moment their row was made, a little before it is
committed. In `alerts` monitors are checked and judged as always; in `storm` the same service writes the transitions
down, from a program of its own, so that what is measured is the telling.
"""

import json
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import requests

from bench.installation import ROOT, Installation

INTERVAL = 30
WARM_S = 5.0
DETECTED_S = INTERVAL + 15.0  # by then every death has been seen twice
PATIENCE_S = 240.0
WITHIN = 20  # messages a minute that a channel takes one by one
ROLES = ("dispatch", "record", "work", "postgres", "redis")

TOLD = """
SELECT team.name, extract(epoch FROM t.created_at)::float8, coalesce(g.uuid, d.uuid)::text, d.status
FROM incidents_transition t JOIN alerts_delivery d ON d.transition_id = t.id
JOIN accounts_team team ON team.id = d.team_id LEFT JOIN alerts_delivery g ON g.id = d.digest_id
WHERE t.to_status = 'down' AND NOT t.silent AND d.instead_of_id IS NULL
"""


@dataclass(frozen=True)
class Told:
    """An incident and the message that told of it: `digested` with others, `heard_at` None while nobody has."""

    team: str
    decided_at: float
    heard_at: float | None
    digested: bool

    @property
    def deaf(self) -> bool:
        """Whether its receiver answers nobody."""
        return self.team.startswith("deaf")

    @property
    def took_s(self) -> float:
        return float("inf") if self.heard_at is None else self.heard_at - self.decided_at


class Receivers:
    """The process of bench/receiver.py."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._session = requests.Session()
        self._session.trust_env = False

    def ask(self, path: str) -> str:
        return self._session.get(f"{self.url}/{path}", timeout=30).text

    def heard(self) -> dict[str, float]:
        """When each message came for the first time, by its id."""
        found: dict[str, float] = {}
        for at, key, _ in json.loads(self.ask("heard")):
            found.setdefault(key, at)
        return found


@contextmanager
def receivers() -> Iterator[Receivers]:
    command = [sys.executable, "-m", "bench.receiver"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield Receivers(int(process.stdout.readline()))
    finally:
        process.terminate()
        process.wait(10)


def few(installation: Installation, dying: int, others: int) -> Iterator[str]:
    """Some of many monitors die at the same moment, each checked at another one."""
    teams = [(f"hook/{number}", WITHIN) for number in range(dying // WITHIN)]
    with receivers() as there:
        installation.run("bench.teams", _wanted(there, teams, INTERVAL, others))
        time.sleep(WARM_S)
        there.ask("break")
        died_at = time.time()
        found = _wait(installation, there, dying, DETECTED_S + PATIENCE_S)
        installation.unload()
    whole = others + len(found)
    yield f"{len(found)} of {whole:,} monitors died, each checked every {INTERVAL} s; {len(teams)} channels"
    yield _spread("death to message", [(each.heard_at or float("inf")) - died_at for each in found])
    yield _spread("transition to message", [each.took_s for each in found])


def storm(installation: Installation, incidents: int, within: float) -> Iterator[str]:
    """Most channels have as many messages as they take one by one, one a fifth of all, and one answers nobody."""
    many = incidents // 5
    rest = (incidents - many - WITHIN) // WITHIN
    teams = [("deaf/0", WITHIN), ("hook/many", many), *((f"hook/{number}", WITHIN) for number in range(rest))]
    count = sum(each for _, each in teams)
    with receivers() as there:
        before = installation.cpu()
        # So many others are there and well that the brake is not pulled.
        installation.run("bench.teams", _wanted(there, teams, 0, 3 * incidents + 1000, within))
        found = _wait(installation, there, count, PATIENCE_S)
        spent = {role: installation.cpu()[role] - before[role] for role in ROLES}
        installation.unload()
    heard = [each for each in found if not each.deaf]
    decided = [each.decided_at for each in found]
    single, digested = (sum(each.digested is kind for each in heard) for kind in (False, True))
    took = max(decided) - min(decided)
    yield f"{len(found):,} incidents within {took:.0f} s; {len(teams)} channels, one of which answers nobody"
    yield f"{single:,} told one by one, {digested:,} in digests"
    yield _spread("transition to message", [each.took_s for each in heard])
    yield _spread("of those told one by one", [each.took_s for each in heard if not each.digested])
    yield f"CPU s: {', '.join(f'{role} {seconds:.1f}' for role, seconds in spent.items())}"


def _wanted(there: Receivers, teams: Sequence[tuple[str, int]], interval: int, others: int, within: float = 0) -> str:
    """What bench/teams.py is to make: `teams` are hooks and the number of their monitors."""
    hooks = [(f"{there.url}/{hook}", count) for hook, count in teams]
    wanted = {"sites": f"{there.url}/site", "teams": hooks, "interval": interval, "others": others}
    return json.dumps({**wanted, "fall_within": within})


def _wait(installation: Installation, there: Receivers, count: int, patience_s: float) -> list[Told]:
    """Until all that can hear have heard."""
    until = time.monotonic() + patience_s
    while True:
        heard = there.heard()
        found = [
            Told(team, decided_at, heard.get(key), status == "digested")
            for team, decided_at, key, status in installation.sql(TOLD)
        ]
        missing = [each for each in found if each.heard_at is None and not each.deaf]
        if (len(found) == count and not missing) or time.monotonic() > until:
            return found
        time.sleep(2.0)


def _spread(name: str, seconds: Sequence[float]) -> str:
    if not seconds:
        return f"{name}: nothing was told"
    late = Counter(each == float("inf") for each in seconds)[True]
    cuts = statistics.quantiles(seconds, n=100) if len(seconds) > 1 else [seconds[0]] * 99
    figures = f"p50 {cuts[49]:.2f} s, p99 {cuts[98]:.2f} s, at most {max(seconds):.2f} s"
    return f"{name}: {figures}{f'; {late:,} were never heard of' if late else ''}"
