import threading
import time
from contextlib import ExitStack

import pytest

from tests.helpers import wait_until
from tests.servers import SILENT, NameServer, turns
from uptime.lib.loop import Loop
from uptime.lib.resolver import (
    Names,
    Problem,
    Resolution,
    Resolver,
    parse_hosts,
    parse_resolv_conf,
)

PUBLIC, OTHER, SIX = "192.0.2.1", "192.0.2.2", "2001:db8::1"
DEAD = ("127.0.0.1", 9)  # nothing listens: answered by ICMP at once


class Asker:
    """A resolver on its own loop, asked from the test's thread."""

    def __init__(self, tmp_path, *servers, hosts="", resolv_conf=""):
        self.hosts, conf = tmp_path / "hosts", tmp_path / "resolv.conf"
        self.hosts.write_text(hosts)
        conf.write_text(resolv_conf)
        self.loop = Loop()
        addresses = tuple(getattr(server, "address", server) for server in servers)
        self.resolver = Resolver(self.loop, Names(addresses, conf, self.hosts))
        self.thread = threading.Thread(target=self.loop.run, daemon=True)
        self.thread.start()

    def begin(self, host, fresh=False):
        """The list into which the resolution will come."""
        told = []
        self.loop.post(lambda: told.append(self.resolver.lookup(host, told.append, fresh)))
        return told

    def ask(self, host, fresh=False):
        told = self.begin(host, fresh)
        return wait_until(lambda: next((each for each in told if isinstance(each, Resolution)), None))

    def stop(self):
        self.loop.stop()
        self.thread.join(5)


@pytest.fixture
def asker(tmp_path):
    with ExitStack() as stack:

        def make(*servers, **files):
            made = Asker(tmp_path, *servers, **files)
            stack.callback(made.stop)
            return made

        yield make


@pytest.fixture
def nameserver():
    with ExitStack() as stack:
        yield lambda records=None, **options: stack.enter_context(NameServer(records, **options))


def test_both_families_are_found_and_come_in_turns(asker, nameserver):
    server = nameserver({"www.example": [PUBLIC, OTHER, SIX]})
    first, second, third = asker(server).ask("www.example").addresses
    assert first == SIX
    assert {second, third} == {PUBLIC, OTHER}


def test_hosts_and_localhost_need_no_name_server(asker):
    one = asker(DEAD, hosts="127.0.0.1 localhost\n10.1.2.3 Nas.home nas # the attic\nfd00::3 nas.home\nrubbish x\n")
    assert one.ask("nas.home").addresses == ("10.1.2.3", "fd00::3")
    assert one.ask("nas").addresses == ("10.1.2.3",)
    assert one.ask("localhost").addresses == ("127.0.0.1",)
    assert one.ask("app.localhost").addresses == ("::1", "127.0.0.1")
    assert one.ask("x").problem is Problem.SICK


def test_a_changed_hosts_file_is_read_again(asker):
    one = asker(DEAD, hosts="10.0.0.1 nas\n")
    assert one.ask("nas").addresses == ("10.0.0.1",)
    one.hosts.write_text("10.0.0.22 nas\n")
    wait_until(lambda: one.ask("nas").addresses == ("10.0.0.22",))


def test_an_answer_is_kept_for_its_ttl_and_a_fresh_look_up_passes_it_by(asker, nameserver):
    server = nameserver({"www.example": turns([PUBLIC], [OTHER])}, ttl=300)
    one = asker(server)
    assert one.ask("www.example").addresses == (PUBLIC,)
    assert one.ask("www.example").addresses == (PUBLIC,)
    assert server.asked("www.example") == 1
    assert one.ask("www.example", fresh=True).addresses == (OTHER,)


def test_a_ttl_of_zero_is_not_kept(asker, nameserver):
    one = asker(nameserver({"www.example": turns([PUBLIC], [OTHER])}, ttl=0))
    assert one.ask("www.example").addresses == (PUBLIC,)
    assert one.ask("www.example").addresses == (OTHER,)


def test_many_who_ask_at_once_cause_one_question(asker, nameserver):
    server = nameserver({"www.example": [PUBLIC]})
    one = asker(server)
    told = []
    one.loop.post(lambda: [one.resolver.lookup("www.example", told.append) for _ in range(20)])
    wait_until(lambda: [each.addresses for each in told] == [(PUBLIC,)] * 20)
    assert server.asked("www.example") == 1


def test_a_missing_name_counts_only_when_the_second_name_server_agrees(asker, nameserver):
    first, second = nameserver(), nameserver()
    assert asker(first, second).ask("gone.example").problem is Problem.NOT_FOUND
    assert (first.asked("gone.example"), second.asked("gone.example")) == (1, 1)


def test_a_second_name_server_that_knows_better_is_believed(asker, nameserver):
    assert asker(nameserver(), nameserver({"www.example": [PUBLIC]})).ask("www.example").addresses == (PUBLIC,)


def test_a_single_name_server_is_asked_twice(asker, nameserver):
    server = nameserver({"late.example": turns("NXDOMAIN", [PUBLIC])})
    assert asker(server).ask("late.example").addresses == (PUBLIC,)
    assert asker(server).ask("gone.example").problem is Problem.NOT_FOUND
    assert server.asked("gone.example") == 2


def test_a_name_without_addresses_is_not_found(asker, nameserver):
    server = nameserver({"mail.example": []})
    assert asker(server).ask("mail.example").problem is Problem.NOT_FOUND


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        (["SERVFAIL", "SERVFAIL"], Problem.FAILED),
        (["REFUSED", "REFUSED"], Problem.SICK),
        (["FORMERR", "NOTIMP"], Problem.SICK),
        (["NXDOMAIN", "SERVFAIL", "NXDOMAIN"], Problem.NOT_FOUND),
        (["REFUSED", "SERVFAIL", "REFUSED", "SERVFAIL"], Problem.FAILED),
    ],
)
def test_two_equal_answers_decide(asker, nameserver, answers, problem):
    server = nameserver({"x.example": turns(*answers)})
    assert asker(server).ask("x.example").problem is problem


def test_a_dead_name_server_is_passed_over(asker, nameserver):
    live = nameserver({"www.example": [PUBLIC]})
    one = asker(DEAD, live)
    assert one.ask("www.example").addresses == (PUBLIC,)
    assert one.ask("gone.example").problem is Problem.NOT_FOUND


def test_name_servers_that_are_all_dead_are_our_problem(asker):
    assert asker(DEAD, ("127.0.0.1", 7)).ask("www.example").problem is Problem.SICK


def test_a_silent_name_server_costs_a_second_and_the_next_one_answers(asker, nameserver):
    silent, live = nameserver({"www.example": SILENT}), nameserver({"www.example": [PUBLIC]})
    assert asker(silent, live).ask("www.example").addresses == (PUBLIC,)


def test_a_silent_family_does_not_delay_the_other(asker, nameserver):
    class OnlyFour(NameServer):
        def _record(self, name, kind):
            return SILENT if kind == "AAAA" else super()._record(name, kind)

    with OnlyFour({"www.example": [PUBLIC]}) as server:
        start = time.monotonic()
        assert asker(server).ask("www.example").addresses == (PUBLIC,)
        assert time.monotonic() - start < 0.8


def test_an_answer_too_large_for_a_datagram_is_fetched_by_tcp(asker, nameserver):
    many = [f"10.0.{high}.{low}" for high in range(4) for low in range(250)]
    server = nameserver({"many.example": many})
    assert set(asker(server).ask("many.example").addresses) == set(many)


def test_the_search_list_completes_short_names(asker, nameserver):
    server = nameserver({"web.team.internal": [PUBLIC], "db.web.team.internal": [OTHER], "web": ["192.0.2.9"]})
    one = asker(server, resolv_conf="search other.internal team.internal\n")
    assert one.ask("web").addresses == (PUBLIC,)
    assert one.ask("db.web").addresses == (OTHER,)
    assert server.queries[0][0] == "web.other.internal"


def test_a_full_name_is_asked_as_it_is_first(asker, nameserver):
    server = nameserver({"www.example.com": [PUBLIC]})
    one = asker(server, resolv_conf="options ndots:5\nsearch team.internal\n")
    assert one.ask("www.example.com").addresses == (PUBLIC,)
    assert {name for name, _ in server.queries} == {"www.example.com"}


@pytest.mark.parametrize(("about_the_root", "alive"), [("SERVFAIL", True), (SILENT, False)])
def test_silence_about_one_name_is_told_from_a_dead_resolver(asker, nameserver, about_the_root, alive):
    server = nameserver({"hung.example": SILENT, "": about_the_root})
    told = asker(server).begin("hung.example")
    lookup = wait_until(lambda: told and told[0])
    wait_until(lambda: server.asked("hung.example") >= 3 and ("", "NS") in server.queries)
    assert wait_until(lambda: lookup.resolver_is_alive == alive, what="a sign of life, or none")


def test_who_waits_no_longer_ends_the_look_up(asker, nameserver):
    server = nameserver({"hung.example": SILENT})
    one = asker(server)
    told = one.begin("hung.example")
    lookup = wait_until(lambda: told and told[0])
    wait_until(lambda: server.asked("hung.example"))
    one.loop.post(lambda: lookup.leave(told.append))
    again = one.begin("hung.example")
    wait_until(lambda: server.asked("hung.example") >= 2 and again)
    assert again[0] is not lookup


def test_hundreds_of_hung_names_delay_nobody(asker, nameserver):
    hung = {f"hung{number}.example": SILENT for number in range(100)}
    one = asker(nameserver(hung | {"www.example": [PUBLIC]}))
    for name in hung:
        one.begin(name)
    start = time.monotonic()
    assert one.ask("www.example").addresses == (PUBLIC,)
    assert time.monotonic() - start < 2.0


def test_answers_to_other_questions_are_ignored(asker):
    class Confused(NameServer):
        def _reply(self, query):
            reply = super()._reply(query)
            if self.queries[-1][1] == "A":
                reply.id ^= 1
            return reply

    with Confused({"www.example": [PUBLIC, SIX]}) as server:
        assert asker(server).ask("www.example").addresses == (SIX,)


def test_resolv_conf_is_read_as_the_manual_says():
    conf = parse_resolv_conf(
        "# home\nnameserver 192.0.2.53\nnameserver bad\nnameserver 2001:db8::53\nsearch A.example b.\n"
    )
    assert conf.nameservers == (("192.0.2.53", 53), ("2001:db8::53", 53))
    assert conf.search == ("a.example", "b")
    assert parse_resolv_conf("").nameservers == (("127.0.0.1", 53),)


def test_hosts_are_read_as_the_manual_says():
    assert parse_hosts("::1 a b # c\n\n127.0.0.1\tA\nfe80::1%lo0 z\n") == {"a": ("::1", "127.0.0.1"), "b": ("::1",)}


def test_a_resolver_that_refuses_after_one_opinion_is_not_flooded(asker, nameserver):
    server = nameserver({"spin.example": turns("NXDOMAIN", "REFUSED")})
    assert asker(server).ask("spin.example").problem is Problem.SICK
    assert server.asked("spin.example") < 10
