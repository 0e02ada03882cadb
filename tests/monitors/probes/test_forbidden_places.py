"""Whatever kind there is, whatever its target or an option of it names: no private address gets a single packet.

Kinds and their options are found through the registry, so that a new one is held to this without a line here.
"""

import contextlib
import re
import socket

import pytest
from django import forms

from monitors.domain.verdict import Vote
from monitors.probes.kinds import probed_kinds
from monitors.probes.reasons import Reason
from tests.helpers import wait_until
from tests.monitors.probes.conftest import check_of
from tests.servers import NameServer, Server, Target, turns
from tests.ssrf_cases import MUST_DENY, SPELLINGS, as_host
from uptime.lib.net import networks
from uptime.lib.resolver import Names

PUBLIC, PRIVATE = "127.0.0.2", "127.0.0.1"  # the operator's list opens the former; it stands for the internet
VECTORS = [*(as_host(each) for each in MUST_DENY if each != "nonsense"), *SPELLINGS, "localhost", "a.localhost"]
TRAPS = {
    "trap.example": [PRIVATE],
    "half.example": [PUBLIC, PRIVATE],
    "six.example": [PUBLIC, "::1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "thousand.example": [f"198.41.{high}.{low}" for high in range(4) for low in range(250)] + [PRIVATE],
    ("alias.example", "A"): [PRIVATE],
    ("alias.example", "CNAME"): ["localhost."],
    "bare.example": [],  # an alias whose end has no address: nobody may look "localhost" up instead
    ("bare.example", "CNAME"): ["localhost."],
}
NAMES = sorted({name if isinstance(name, str) else name[0] for name in TRAPS})
EXAMPLE = re.compile(r"(?:[\w-]+\.)*example\.com(?::\d+)?")
# What each kind is asked to do beside its target, so that it has something to say; others say something anyway.
ASKED = {
    "tcp": {"send": "hello"},
    "udp": {"send": "hello"},
    "http": {"keyword": "welcome"},
    "websocket": {"expect": "x"},
}


def target_of(kind, host, port):
    """A target of `kind` at this place, written as its own example is."""
    takes_port = kind.has_port or "://" in kind.target_example
    place = f"{host}:{port}" if takes_port else host
    target, count = EXAMPLE.subn(place, kind.target_example, count=1)
    assert count == 1, f"the target_example of {kind.name} holds no example.com"
    return target


@contextlib.contextmanager
def walls():
    """A port at which the private addresses, of both families, may get nothing over TCP or UDP."""
    seen = []
    with contextlib.ExitStack() as stack:
        port = _free_everywhere()
        for host in (PRIVATE, "::1"):
            peers = []
            server = stack.enter_context(
                Server(lambda _, link, peers=peers: peers.append(link.getpeername()), host, port)
            )
            stack.callback(lambda server=server, peers=peers: seen.extend(["tcp"] * _strangers(server, peers)))
            link = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
            link.bind((host, port))
            stack.callback(link.close)
            stack.callback(lambda link=link: seen.extend(_heard(link)))
        yield port
    assert seen == [], "a private address got something"


def _free_everywhere():
    """A TCP port of 127.0.0.1 that is most likely free for every other family and transport too."""
    with socket.socket() as probe:
        probe.bind((PRIVATE, 0))
        return probe.getsockname()[1]


def _strangers(server, peers):
    """How many connected before we do: they are accepted in their order."""
    with socket.create_connection((server.host, server.port)) as ours:
        wait_until(lambda: ours.getsockname() in peers)
        return server.connections - 1


def _heard(link):
    link.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        return [link.recv(100)]
    return []


@pytest.fixture
def strict(make_prober):
    servers = []

    def make(records):
        servers.append(NameServer(records))
        names = Names((servers[-1].address,))
        return make_prober(allow_private=False, allowed=networks([PUBLIC]), names=names)

    yield make
    for server in servers:
        server.close()


def probe_all(prober, checks):
    prober.submit(*checks)
    wait_until(lambda: len(prober.outcomes) >= len(checks), timeout=60, what="all outcomes")
    return {outcome.monitor: outcome for outcome in prober.outcomes}


def test_no_kind_sends_anything_to_a_forbidden_target(strict):
    with walls() as port:
        cases = [(kind, host) for kind in probed_kinds() for host in [*VECTORS, *NAMES]]
        outcomes = probe_all(
            strict(TRAPS),
            [
                check_of(
                    target_of(kind, host, port),
                    kind=kind.name,
                    monitor=number,
                    lateness_ms=60_000,
                    **ASKED.get(kind.name, {}),
                )
                for number, (kind, host) in enumerate(cases, 1)
            ],
        )
    reached = [
        (kind.name, host, outcomes[number])
        for number, (kind, host) in enumerate(cases, 1)
        if outcomes[number].vote is Vote.UP or outcomes[number].address in {PRIVATE, "::1"}
    ]
    # A name may be looked up by anybody: only the kind that shows what it found must keep our own network to itself.
    assert [each for each in reached if each[0] != "dns" or "127.0.0.1" in each[2].detail] == []


def test_a_name_that_leads_elsewhere_the_second_time_is_judged_anew_by_every_kind(strict):
    records = {f"{kind.name}.example": turns([PUBLIC], [PRIVATE]) for kind in probed_kinds()}
    with walls() as port:
        prober = strict(records)
        for start in (0, 100):
            probe_all(
                prober,
                [
                    check_of(
                        target_of(kind, f"{kind.name}.example", port),
                        kind=kind.name,
                        monitor=start + number,
                        timeout_ms=2500,
                        **ASKED.get(kind.name, {}),
                    )
                    for number, kind in enumerate(probed_kinds(), 1)
                ],
            )


def options_that_name_places():
    """(kind, option) for every option somebody may write free text into."""
    for kind in probed_kinds():
        for name, field in kind.Options.base_fields.items():
            if isinstance(field, forms.CharField) and not isinstance(field, forms.ChoiceField):
                yield kind, name


def test_no_option_of_any_kind_leads_to_a_private_address(strict):
    """Past the form, as if it had let the place through: the worker decides for itself."""
    hosts = [PRIVATE, "[::1]", "localhost", "trap.example", "half.example", "2130706433", "[::ffff:127.0.0.1]"]
    with walls() as port, Target(PUBLIC) as public:
        shapes = ["{}:{}", "http://{}:{}/", "socks5://{}:{}", "http://{}:{}/.well-known/x"]
        checks, number = [], 0
        for kind, option in options_that_name_places():
            for shape in shapes:
                for host in hosts:
                    number += 1
                    options = {**ASKED.get(kind.name, {}), option: shape.format(host, port)}
                    target = target_of(kind, "www.example", public.port)
                    checks.append(
                        check_of(target, kind=kind.name, monitor=number, timeout_ms=1000, lateness_ms=60_000, **options)
                    )
        assert len(checks) > 100
        probe_all(strict({**TRAPS, "www.example": [PUBLIC]}), checks)


def _trespass(transport):
    with walls() as port, socket.socket(socket.AF_INET, transport) as link:
        link.connect((PRIVATE, port))
        link.send(b"x")


def test_the_walls_notice():
    """A single connection or datagram fails the test that stands behind them."""
    for transport in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with pytest.raises(AssertionError, match="got something"):
            _trespass(transport)


def test_a_redirect_to_any_vector_is_not_followed(strict):
    with walls() as port, Target(PUBLIC) as public:
        hosts = [*VECTORS, *NAMES]

        def lead(_target, connection, seen):
            host = hosts[int(seen.path[1:])]
            head = f"HTTP/1.1 302 Found\r\nLocation: http://{host}:{port}/\r\nContent-Length: 0\r\n\r\n"
            connection.sendall(head.encode())

        public.does(lead)
        checks = [
            check_of(f"{public.url}/{number}", monitor=number + 1, lateness_ms=60_000) for number in range(len(hosts))
        ]
        outcomes = probe_all(strict(TRAPS), checks)
    allowed = {Reason.BLOCKED_REDIRECT, Reason.BAD_REDIRECT, Reason.DNS_NOT_FOUND}
    assert {hosts[number - 1]: seen for number, seen in outcomes.items() if seen.reason not in allowed} == {}
