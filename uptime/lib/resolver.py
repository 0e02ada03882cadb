"""Names to addresses, without ever holding anybody up.

A look-up is a few datagrams on the loop that also drives the checks: hundreds of hung names cost no thread and delay
nobody. /etc/hosts, `localhost` (RFC 6761), /etc/resolv.conf with its search list, IPv4 and IPv6 are respected.
That a name does not exist, or that its servers fail, counts only when two answers agree, the second one from another
name server where there is one.
"""

import ipaddress
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from itertools import chain, zip_longest
from pathlib import Path
from typing import Generic, TypeVar

from uptime.lib import dnswire
from uptime.lib.loop import Loop, Timer
from uptime.lib.nameserver import Exchange, Replies, Server

CACHE_S = 5.0  # long enough to share a look-up between neighbours in time, short enough to see a change at once
CACHE_SIZE = 4096
PATIENCE_S = (1.0, 1.0, 2.0)  # until the next name server is asked as well; the last one repeats
OPEN_EXCHANGES = 3  # late answers are welcome, but a hung name must not collect sockets
FILE_CHECK_S = 1.0  # how often the system's files are looked at for changes
LOCALHOST = ("::1", "127.0.0.1")

T = TypeVar("T")


class Problem(Enum):
    """Why there are no addresses. SICK is our own name servers' failure, the others are the name's."""

    NOT_FOUND = "not found"
    FAILED = "failed"
    SICK = "sick"


@dataclass(frozen=True, slots=True)
class Resolution:
    """`replies`: what name servers said; none where it was not asked of them."""

    addresses: tuple[str, ...] = ()
    problem: Problem | None = None
    replies: tuple[dnswire.Reply, ...] = ()


OnResolution = Callable[[Resolution], None]


@dataclass(frozen=True)
class Names:
    """Where names come from. `nameservers` empty: those of `resolv_conf`."""

    nameservers: tuple[Server, ...] = ()
    resolv_conf: Path = Path("/etc/resolv.conf")
    hosts: Path = Path("/etc/hosts")


class Resolver:
    """Belongs to the thread of its loop."""

    def __init__(self, loop: Loop, names: Names) -> None:
        self.loop = loop
        self.heard_at = 0.0  # when any name server last answered anything
        self._nameservers = names.nameservers
        self._hosts = _File(names.hosts, parse_hosts)
        self._resolv_conf = _File(names.resolv_conf, parse_resolv_conf)
        self._cache: dict[str, tuple[float, Resolution]] = {}
        self._pending: dict[str, Lookup] = {}

    def lookup(self, host: str, done: OnResolution, fresh: bool = False) -> "Lookup | None":
        """Tell `done` the addresses of `host`: at once, and None is returned, where they are known already.

        A look-up has no end of its own: whoever has waited enough leaves (`Lookup.leave`). `fresh` passes the cache
        by."""
        known = self._known(host, fresh)
        if known:
            done(known)
            return None
        pending = self._pending.get(host)
        if pending is None:
            candidates = self._resolv_conf.value().candidates(host)
            pending = self._pending[host] = Lookup(self, host, self.servers, candidates)
        pending.waiters.append(done)
        return pending

    @property
    def servers(self) -> tuple[Server, ...]:
        """The name servers that are asked, at least one."""
        return self._nameservers or self._resolv_conf.value().nameservers

    def _known(self, host: str, fresh: bool) -> Resolution | None:
        entries = self._hosts.value().get(host)
        if entries:
            return Resolution(entries)
        if host == "localhost" or host.endswith(".localhost"):
            return Resolution(LOCALHOST)
        entry = self._cache.get(host)
        return entry[1] if entry and not fresh and entry[0] > time.monotonic() else None

    def forget(self, lookup: "Lookup") -> None:
        self._pending.pop(lookup.host, None)

    def remember(self, host: str, resolution: Resolution, ttl: float) -> None:
        now = time.monotonic()
        if len(self._cache) >= CACHE_SIZE:
            self._cache = {key: entry for key, entry in self._cache.items() if entry[0] > now}
        if ttl > 0 and len(self._cache) < CACHE_SIZE:
            self._cache[host] = now + min(ttl, CACHE_S), resolution

    def note_sign(self) -> None:
        self.heard_at = time.monotonic()


class Lookup:
    """One name being looked up for everybody who waits for it."""

    def __init__(self, resolver: Resolver, host: str, servers: tuple[Server, ...], candidates: tuple[str, ...]) -> None:
        self.host = host
        self.waiters: list[OnResolution] = []
        self._resolver, self._servers, self._candidates = resolver, servers, candidates
        self._began = time.monotonic()
        self._asked = 0
        self._opinions: Counter[Problem] = Counter()
        self._replies: Replies = []
        self._exchanges: deque[Exchange] = deque()
        self._timer: Timer | None = None
        self._over = False
        # Not within the caller's own call: what fails at once would be told before anybody waits.
        resolver.loop.soon(self._ask)

    @property
    def resolver_is_alive(self) -> bool:
        """Whether a name server answered anything since this look-up began: then the silence is the name's."""
        return self._resolver.heard_at >= self._began

    def leave(self, done: OnResolution) -> None:
        self.waiters.remove(done)
        if not self.waiters:
            self._close()

    def _ask(self) -> None:
        """Ask the next name server, and be ready to ask a further one when it stays silent."""
        if self._over:
            return
        server = self._servers[self._asked % len(self._servers)]
        patience = PATIENCE_S[min(self._asked, len(PATIENCE_S) - 1)]
        self._asked += 1
        if self._timer:
            self._timer.cancel()
        self._timer = self._resolver.loop.at(time.monotonic() + patience, partial(self._silence, server))
        self._try(server, 0)

    def _try(self, server: Server, candidate: int) -> None:
        told = partial(self._told, server, candidate)
        self._exchange(server, self._candidates[candidate], (dnswire.AAAA, dnswire.A), told)

    def _exchange(
        self, server: Server, name: str, kinds: tuple[int, ...], told: Callable[[Replies | None], None]
    ) -> None:
        resolver = self._resolver
        self._exchanges.append(Exchange(resolver.loop, server, name, kinds, told, resolver.note_sign))
        if len(self._exchanges) > OPEN_EXCHANGES:
            self._exchanges.popleft().close()

    def _silence(self, server: Server) -> None:
        """Does this server answer at all? Every resolver knows the name servers of the root."""
        self._exchange(server, ".", (dnswire.NS,), lambda replies: None)
        self._ask()

    def _told(self, server: Server, candidate: int, replies: Replies | None) -> None:
        found = [reply for reply in replies or () if reply.addresses]
        if found:
            resolution = Resolution(_interleaved(found), replies=tuple(replies or ()))
            self._resolver.remember(self.host, resolution, min(reply.ttl for reply in found))
            self._finish(resolution)
            return
        self._replies += replies or ()
        opinion = _opinion(replies or [])
        if opinion is Problem.NOT_FOUND and candidate + 1 < len(self._candidates):
            self._try(server, candidate + 1)
            return
        self._opinions[opinion] += 1
        problem = self._agreed()
        if problem:
            self._finish(Resolution(problem=problem, replies=tuple(self._replies)))
        elif self._asked < 2 * max(2, len(self._servers)):
            self._ask()  # else the timer of the last one asks again: refusals at once are no reason to flood

    def _agreed(self) -> Problem | None:
        for problem in (Problem.NOT_FOUND, Problem.FAILED):
            if self._opinions[problem] >= 2:
                return problem
        sick = self._opinions[Problem.SICK]
        enough = max(2, len(self._servers)) + self._opinions.total() - sick
        return Problem.SICK if sick >= enough else None

    def _finish(self, resolution: Resolution) -> None:
        self._close()
        for done in list(self.waiters):
            done(resolution)

    def _close(self) -> None:
        if self._over:
            return
        self._over = True
        self._resolver.forget(self)
        if self._timer:
            self._timer.cancel()
        for exchange in self._exchanges:
            exchange.close()


def _interleaved(replies: Replies) -> tuple[str, ...]:
    """IPv6 and IPv4 in turns, IPv6 first (RFC 8305, section 4)."""
    families = [reply.addresses for reply in sorted(replies, key=lambda reply: -reply.kind)]
    return tuple(address for address in chain.from_iterable(zip_longest(*families)) if address)


def _opinion(replies: Replies) -> Problem:
    """What replies without addresses mean. REFUSED, FORMERR and silence say nothing about the name."""
    codes = {reply.rcode for reply in replies}
    if codes and codes <= {dnswire.NOERROR, dnswire.NXDOMAIN}:
        return Problem.NOT_FOUND
    return Problem.FAILED if dnswire.SERVFAIL in codes else Problem.SICK


@dataclass(frozen=True)
class ResolvConf:
    nameservers: tuple[Server, ...]
    search: tuple[str, ...]

    def candidates(self, host: str) -> tuple[str, ...]:
        """The full names `host` may stand for, in the order they are tried.

        A name with a dot is tried as it is first, whatever `ndots` says: that spares every public name a tour of the
        search list, and a name of one's own network is still found through it."""
        searched = tuple(f"{host}.{domain}" for domain in self.search if len(host) + len(domain) < 253)
        return (host, *searched) if "." in host else (*searched, host)


def parse_resolv_conf(text: str) -> ResolvConf:
    """resolv.conf(5): `nameserver`, `search` and `domain`; without a name server, the one on this machine."""
    servers: list[Server] = []
    search: tuple[str, ...] = ()
    for words in map(str.split, text.splitlines()):
        if len(words) < 2:
            continue
        if words[0] == "nameserver" and _is_ip(words[1]):
            servers.append((words[1], 53))
        elif words[0] in ("search", "domain"):
            search = tuple(word.strip(".").lower() for word in words[1:7] if word.strip(".").isascii())
    return ResolvConf(tuple(servers[:3]) or (("127.0.0.1", 53),), tuple(filter(None, search)))


def parse_hosts(text: str) -> dict[str, tuple[str, ...]]:
    """hosts(5): name to addresses, in the order of the file."""
    hosts: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if "%" not in address and _is_ip(address):
            for name in names:
                key = name.lower().rstrip(".")
                hosts[key] = (*hosts.get(key, ()), str(ipaddress.ip_address(address)))
    return hosts


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


class _File(Generic[T]):
    """A file of the system, parsed again when it changes. A missing one reads as empty."""

    def __init__(self, path: Path, parse: Callable[[str], T]) -> None:
        self._path, self._parse = path, parse
        self._stamp: tuple[int, int] | None = None
        self._value = parse("")
        self._looked_at = float("-inf")

    def value(self) -> T:
        now = time.monotonic()
        if now - self._looked_at >= FILE_CHECK_S:
            self._looked_at = now
            self._refresh()
        return self._value

    def _refresh(self) -> None:
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            if stamp != self._stamp:
                self._value = self._parse(self._path.read_text(errors="replace"))
                self._stamp = stamp
        except OSError:
            self._value, self._stamp = self._parse(""), None
