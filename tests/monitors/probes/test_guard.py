"""Where checks must never arrive: private addresses, however they are spelled, named, redirected to or rebound."""

import pytest

from monitors.probes.reasons import Reason
from monitors.probes.transfer import Transfers
from tests.servers import NameServer, Target, answer, redirect, tripwire, turns
from tests.ssrf_cases import MUST_DENY, SPELLINGS, as_host
from uptime.lib.net import networks
from uptime.lib.resolver import Names

HOSTS = [as_host(each) for each in MUST_DENY if each != "nonsense"]  # that one is simply a name

# 127.0.0.2 stands for a public address: the operator's list allows it, while 127.0.0.1 stays private.
PUBLIC, PRIVATE = "127.0.0.2", "127.0.0.1"


@pytest.fixture
def strict(make_prober):
    """A prober for public targets, resolving by the given records."""
    servers = []

    def make(records=None, **settings):
        server = NameServer(records)
        servers.append(server)
        return make_prober(allow_private=False, allowed=networks([PUBLIC]), names=Names((server.address,)), **settings)

    yield make
    for server in servers:
        server.close()


@pytest.fixture
def wire():
    """Whoever connects to it fails the test."""
    with tripwire(PRIVATE) as server:
        yield server


@pytest.fixture
def public(wire):
    """A public website, and on the same port of the private address the wire."""
    with Target(PUBLIC, port=wire.port) as website:
        yield website


def test_the_stand_in_for_a_public_website_is_reached(strict, public):
    prober = strict({"www.example": [PUBLIC]})
    assert prober.probe(public.url).reason is None
    assert prober.probe(f"http://www.example:{public.port}/").reason is None


@pytest.mark.parametrize("host", [*HOSTS, *SPELLINGS, "localhost", "a.localhost"])
def test_a_private_target_is_never_connected_to(strict, wire, host):
    outcome = strict().probe(f"http://{host}:{wire.port}/")
    assert outcome.reason in (Reason.BLOCKED_ADDRESS, Reason.BAD_CHECK), outcome
    assert outcome.reason.vote == "nodata"
    assert outcome.attempts <= 1


@pytest.mark.parametrize("addresses", [["127.0.0.1"], [PUBLIC, "127.0.0.1"], [PUBLIC, "::1"], ["::ffff:127.0.0.1"]])
def test_one_private_address_spoils_a_name(strict, public, addresses):
    outcome = strict({"www.example": addresses}).probe(f"http://www.example:{public.port}/")
    assert outcome.reason is Reason.BLOCKED_ADDRESS
    assert "www.example leads to" in outcome.detail
    assert public.requests == []


def test_a_thousand_addresses_with_a_private_one_among_them_are_refused(strict):
    many = [f"198.41.{high}.{low}" for high in range(4) for low in range(250)] + ["10.0.0.1"]
    outcome = strict({"many.example": many}).probe("http://many.example/", timeout_ms=5000)
    assert outcome.reason is Reason.BLOCKED_ADDRESS
    assert "10.0.0.1" in outcome.detail


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://0x7f000001:{port}/",
        "http://2130706433:{port}/",
        "//127.1:{port}/",
        "http://localhost:{port}/",
        "http://inside.example:{port}/",
        "http://169.254.169.254/latest/meta-data/",
    ],
)
def test_a_redirect_into_the_private_network_is_not_followed(strict, public, location):
    prober = strict({"inside.example": [PRIVATE]})
    public.does(redirect(location.format(port=public.port)))
    outcome = prober.probe(public.url)
    assert outcome.reason is Reason.BLOCKED_REDIRECT, outcome
    assert outcome.reason.vote == "down"


def test_a_name_is_asked_once_per_attempt_and_the_connection_pinned_to_the_answer(strict, public):
    """Rebinding: the first answer is public, every later one private."""
    prober = strict({"rebind.example": turns([PUBLIC], [PRIVATE])})
    outcome = prober.probe(f"http://rebind.example:{public.port}/")
    assert outcome.reason is None
    assert outcome.address == PUBLIC
    assert prober.probe(f"http://rebind.example:{public.port}/").reason is Reason.BLOCKED_ADDRESS
    assert len(public.requests) == 1


def test_a_name_rebound_between_two_attempts_is_refused(strict, public):
    public.does(answer(500))
    prober = strict({"rebind.example": turns([PUBLIC], [PRIVATE])})
    outcome = prober.probe(f"http://rebind.example:{public.port}/", timeout_ms=5000)
    assert outcome.reason is Reason.BLOCKED_ADDRESS
    assert outcome.attempts == 2


def test_a_name_rebound_between_two_hops_is_refused(strict, public):
    public.does(redirect(f"http://rebind.example:{public.port}/next"))
    public.does(answer(), "/next")
    prober = strict({"rebind.example": turns([PUBLIC], [PRIVATE])})
    outcome = prober.probe(f"http://rebind.example:{public.port}/")
    assert outcome.reason is Reason.BLOCKED_REDIRECT


def test_even_a_wrong_pin_does_not_get_past_the_second_wall(strict, public, monkeypatch):
    """The socket itself is refused when libcurl is led to an address that was not checked."""
    monkeypatch.setattr(
        "monitors.probes.transfer.pin", lambda place, addresses: f"+www.example:{public.port}:{PRIVATE}"
    )
    prober = strict({"www.example": [PUBLIC]})
    outcome = prober.probe(f"http://www.example:{public.port}/")
    assert outcome.reason is Reason.BLOCKED_ADDRESS
    assert public.requests == []


def test_the_second_wall_asks_the_guard_once_more(strict, public, monkeypatch):
    """Whatever hands an unchecked address down, the guard has the last word."""
    start = Transfers.start

    def careless(self, request, addresses, timeout_s, done):
        return start(self, request, (PRIVATE,), timeout_s, done)

    monkeypatch.setattr(Transfers, "start", careless)
    prober = strict({"www.example": [PUBLIC]})
    outcome = prober.probe(f"http://www.example:{public.port}/")
    assert outcome.reason is Reason.BLOCKED_ADDRESS
