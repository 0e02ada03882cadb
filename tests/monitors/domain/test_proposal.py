"""What an address is read as, what is offered for it, and what is advised once it was tested."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.domain.proposal import Role, Seen, candidates, parse, propose
from uptime.lib.domains import registered

KINDS = {"http", "tcp", "tls", "dns", "domain", "ping", "smtp", "imap", "pop", "websocket", "grpc"}
UP, DOWN, WAITING = Seen(2, 2, True), Seen(0, 2, True), Seen(0, 2, False)

SITE = "certificate tls example.com:443|name dns example.com|domain domain example.com"
OFFERED = {
    "example.com": "https http https://example.com/|http http http://example.com/|"
    f"twin http https://www.example.com/|{SITE}",
    "  Example.COM. ": "https http https://example.com/|http http http://example.com/|"
    f"twin http https://www.example.com/|{SITE}",
    "www.example.com": "https http https://www.example.com/|http http http://www.example.com/|"
    "twin http https://example.com/|certificate tls www.example.com:443|name dns www.example.com|"
    "domain domain example.com",
    "https://example.com/shop?a=b#c": "https http https://example.com/shop?a=b|http http http://example.com/|"
    f"twin http https://www.example.com/|{SITE}",
    "http://example.com": f"http http http://example.com/|https http https://example.com/|"
    f"twin http http://www.example.com/|{SITE}",
    "example.com:443": "https http https://example.com/|http http http://example.com/|"
    f"twin http https://www.example.com/|{SITE}",
    "https://shop.example.co.uk": "https http https://shop.example.co.uk/|http http http://shop.example.co.uk/|"
    "certificate tls shop.example.co.uk:443|name dns shop.example.co.uk|domain domain example.co.uk",
    "https://example.com:8443/x": "https http https://example.com:8443/x|certificate tls example.com:8443|"
    "name dns example.com|domain domain example.com",
    "example.com:8080": "https http https://example.com:8080/|http http http://example.com:8080/|"
    "tcp tcp example.com:8080|certificate tls example.com:8080|name dns example.com|domain domain example.com",
    "mail.example.com:993": "imap imap mail.example.com:993|certificate tls mail.example.com:993|"
    "name dns mail.example.com|domain domain example.com",
    "mail.example.com:25": "smtp smtp mail.example.com:25|name dns mail.example.com|domain domain example.com",
    "pop3s://mail.example.com": "pop pop mail.example.com:995|certificate tls mail.example.com:995|"
    "name dns mail.example.com|domain domain example.com",
    "db.example.com:5432": "tcp tcp db.example.com:5432|name dns db.example.com|domain domain example.com",
    "postgresql://shop:secret@db.example.com/shop": "tcp tcp db.example.com:5432|name dns db.example.com|"
    "domain domain example.com",
    "wss://example.com/socket": "websocket websocket wss://example.com/socket|certificate tls example.com:443|"
    "name dns example.com|domain domain example.com",
    "ws://example.com:8080/": "websocket websocket ws://example.com:8080/|name dns example.com|"
    "domain domain example.com",
    "grpcs://grpc.example.com:8443": "grpc grpc https://grpc.example.com:8443/|name dns grpc.example.com|"
    "domain domain example.com",
    "example.com:50051": "grpc grpc http://example.com:50051/|grpcs grpc https://example.com:50051/|"
    "tcp tcp example.com:50051|name dns example.com|domain domain example.com",
    "192.0.2.10": "https http https://192.0.2.10/|http http http://192.0.2.10/|ping ping 192.0.2.10|"
    "certificate tls 192.0.2.10:443",
    "2001:db8::1": "https http https://[2001:db8::1]/|http http http://[2001:db8::1]/|ping ping 2001:db8::1|"
    "certificate tls [2001:db8::1]:443",
    "[2001:DB8::1]:993": "imap imap [2001:db8::1]:993|certificate tls [2001:db8::1]:993",
    "localhost:3000": "https http https://localhost:3000/|http http http://localhost:3000/|tcp tcp localhost:3000|"
    "certificate tls localhost:3000",
    "router.lan": "https http https://router.lan/|http http http://router.lan/|certificate tls router.lan:443",
}


def written(found):
    return "|".join(f"{each.key} {each.kind} {each.target}" for each in found)


@pytest.mark.parametrize(("typed", "offered"), OFFERED.items())
def test_an_address_is_offered_what_it_deserves(typed, offered):
    assert written(candidates(parse(typed, registered), KINDS)) == offered


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "Enter an address"),
        ("   ", "Enter an address"),
        ("exam ple.com", "no spaces"),
        ("gopher://example.com", "Nothing here watches “gopher://”"),
        ("https://user:secret@example.com", "Leave user name and password out"),
        ("me@example.com", "as in example.com:25"),
        ("https://", "host name is missing"),
        (":443", "host name is missing"),
        ("example.com:0", "from 1 to 65535"),
        ("example.com:65536", "from 1 to 65535"),
        ("example.com:https", "from 1 to 65535"),
        ("1:2:3", "is not an IPv6 address"),
        ("tcp://example.com", "The port is missing"),
        ("x" * 3000, "longer than 2048"),
    ],
)
def test_what_cannot_be_read_says_why(typed, said):
    with pytest.raises(ValueError, match=said.replace("(", r"\(")):
        candidates(parse(typed, registered), KINDS)


@given(st.text(max_size=80))
def test_whatever_is_typed_is_read_or_refused_in_a_sentence(text):
    try:
        found = candidates(parse(text, registered), KINDS)
    except ValueError as error:
        said = str(error)
    else:
        said = "Read."
        assert len({each.key for each in found}) == len(found) <= 6
        assert found[0].role is Role.MAIN
    assert said.endswith(".") or "as in" in said


def test_a_kind_that_is_not_there_is_not_offered():
    found = candidates(parse("example.com", registered), KINDS - {"domain"})
    assert [each.key for each in found] == ["https", "http", "twin", "certificate", "name"]


def test_a_password_in_a_databases_address_is_dropped_at_once():
    assert "secret" not in repr(parse("redis://user:secret@cache.example.com:6380", registered))


def test_monitors_of_one_host_have_names_of_their_own():
    names = [each.name for each in candidates(parse("https://example.com", registered), KINDS)]
    assert names == ["", "example.com http", "", "example.com certificate", "example.com DNS", "example.com domain"]


def advice(typed, **seen):
    offered = candidates(parse(typed, registered), KINDS)
    return propose(offered, {each.key: seen.get(each.key, DOWN) for each in offered})


def ticked(typed, **seen):
    return {key for key, each in advice(typed, **seen).items() if each.ticked}


EVERYTHING = dict.fromkeys(("https", "http", "twin", "certificate", "name", "domain"), UP)


@pytest.mark.parametrize(
    ("typed", "seen", "chosen"),
    [
        ("example.com", EVERYTHING, {"https", "twin"}),
        ("example.com", {"http": UP}, {"http"}),
        ("example.com", {}, set()),
        ("example.com", {"twin": UP}, {"twin"}),
        ("https://example.com", {}, {"https"}),  # it was asked for by name
        ("http://example.com", {"http": UP, "https": UP}, {"http", "https"}),
        ("example.com:8080", {"tcp": UP}, {"tcp"}),
        ("example.com:8080", {"http": UP, "tcp": UP}, {"http"}),
        ("mail.example.com:993", {"imap": UP, "certificate": UP}, {"imap"}),
        ("192.0.2.10", {"ping": UP}, {"ping"}),
        ("192.0.2.10", {"https": UP, "ping": UP}, {"https"}),
        ("example.com", {"https": Seen(1, 2, True), "http": UP}, {"http"}),  # half of the regions are not most
        ("example.com", {"https": Seen(0, 0, True)}, set()),  # no region could look
    ],
)
def test_what_is_chosen_depends_on_what_answers(typed, seen, chosen):
    assert ticked(typed, **seen) == chosen


def test_nothing_is_advised_of_what_is_not_known_yet():
    found = advice("example.com", https=WAITING, http=UP, twin=UP, certificate=UP, name=WAITING, domain=UP)
    assert set(found) == {"twin", "domain"}  # http depends on https, and so does what is said of the certificate


def test_the_certificate_is_included_where_the_website_is_watched_over_tls():
    assert advice("example.com", **EVERYTHING)["certificate"].why.startswith("Included")
    assert advice("example.com", http=UP, certificate=UP)["certificate"].why.startswith("Optional")


@given(st.sampled_from(sorted(OFFERED)), st.data())
def test_every_candidate_is_advised_of_once_all_is_known_and_never_two_mains(typed, data):
    offered = candidates(parse(typed, registered), KINDS)
    seen = {each.key: data.draw(st.sampled_from([UP, DOWN, Seen(1, 2, True)])) for each in offered}
    found = propose(offered, seen)
    assert set(found) == {each.key for each in offered}
    assert sum(found[each.key].ticked for each in offered if each.role is Role.MAIN) <= 1
    assert all(each.why.endswith((".", "…")) for each in found.values())
