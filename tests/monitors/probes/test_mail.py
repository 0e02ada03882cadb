"""The kinds smtp, imap and pop: greetings, replies, and the ways to be secure."""

import pytest
from aiosmtpd.controller import Controller

from monitors.domain.verdict import Vote
from monitors.probes.kinds import KINDS, Connect, Receive, Secure
from monitors.probes.reasons import Reason
from tests.helpers import free_port
from tests.monitors.probes.conftest import check_of
from tests.servers import Server, silent
from uptime.lib.net import STRICT, UrlError


def scripted(*script, tls=None):
    """For `Server`: pairs of what is awaited ("" for nothing) and what is said then; TLS begins at "TLS"."""

    def handle(server, connection):
        for wanted, said in script:
            if said == "TLS":
                connection = tls.wrap_socket(connection, server_side=True)
                continue
            if wanted:
                heard = connection.recv(4096).decode()
                assert wanted in heard, heard
            connection.sendall(said.encode())
        server.over.wait(5)

    return handle


SMTP = [("", "220 mail.example ESMTP\r\n"), ("EHLO", "250-mail.example\r\n250-SIZE\r\n250 STARTTLS\r\n")]
IMAP = [("", "* OK [CAPABILITY IMAP4rev1] ready\r\n"), ("NOOP", "* 3 EXISTS\r\na1 OK done\r\n")]
POP = [("", "+OK POP3 ready\r\n")]
DIALOGUES = {"smtp": SMTP, "imap": IMAP, "pop": POP}
STARTTLS = {
    "smtp": [*SMTP, ("STARTTLS", "220 go ahead\r\n"), ("", "TLS"), ("EHLO", "250 mail.example\r\n")],
    "imap": [IMAP[0], ("STARTTLS", "a1 OK go ahead\r\n"), ("", "TLS"), IMAP[1]],
    "pop": [*POP, ("STLS", "+OK go ahead\r\n"), ("", "TLS")],
}
GREETINGS = {"smtp": "220 mail.example ESMTP", "imap": "* OK [CAPABILITY IMAP4rev1] ready", "pop": "+OK POP3 ready"}
each_kind = pytest.mark.parametrize("kind", DIALOGUES)


def probe(prober, server, kind, **options):
    return prober.probe(f"127.0.0.1:{server.port}", kind=kind, **options)


@each_kind
def test_a_server_that_greets_and_answers_is_up(prober, kind):
    with Server(scripted(*DIALOGUES[kind])) as server:
        outcome = probe(prober, server, kind)
    assert (outcome.vote, outcome.detail) == (Vote.UP, GREETINGS[kind])
    assert outcome.phases.tls is None


def test_a_real_mail_server_is_up(prober):
    controller = Controller(object(), hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        outcome = prober.probe(f"127.0.0.1:{controller.port}", kind="smtp")
    finally:
        controller.stop()
    assert outcome.vote is Vote.UP
    assert outcome.detail.startswith("220 ")


@each_kind
def test_tls_from_the_start(make_prober, authority, kind):
    prober = make_prober(ca_file=authority.ca_file)
    with Server(scripted(*DIALOGUES[kind]), tls=authority.context("127.0.0.1")) as server:
        outcome = probe(prober, server, kind, security="tls")
    assert (outcome.vote, outcome.detail) == (Vote.UP, GREETINGS[kind])
    assert outcome.phases.tls > 0


@each_kind
def test_tls_after_starttls(make_prober, authority, kind):
    prober = make_prober(ca_file=authority.ca_file)
    with Server(scripted(*STARTTLS[kind], tls=authority.context("127.0.0.1"))) as server:
        outcome = probe(prober, server, kind, security="starttls")
    assert (outcome.vote, outcome.detail) == (Vote.UP, GREETINGS[kind])
    assert outcome.phases.tls > 0


@each_kind
def test_a_bad_certificate_counts_unless_it_is_not_verified(prober, authority, kind):
    context = authority.context("127.0.0.1")
    with Server(scripted(*STARTTLS[kind], tls=context)) as server:
        assert probe(prober, server, kind, security="starttls").reason is Reason.TLS_UNTRUSTED
        assert probe(prober, server, kind, security="starttls", verify_tls=False).vote is Vote.UP


@pytest.mark.parametrize(
    ("kind", "said", "reason", "detail"),
    [
        ("smtp", "554 no service\r\n", Reason.STATUS, "Answered “554 no service”, expected 220"),
        ("smtp", "220-one\r\n554 two\r\n", Reason.STATUS, "Answered “554 two”, expected 220"),
        ("smtp", "SSH-2.0-OpenSSH\r\n", Reason.PROTOCOL_ERROR, "“SSH-2.0-OpenSSH” is not SMTP"),
        ("smtp", "220-and on\r\n" * 500, Reason.STATUS, "Answered “220-and on”"),
        ("imap", "* BYE full\r\n", Reason.STATUS, "Answered “* BYE full”, expected * OK"),
        ("imap", "220 hello\r\n", Reason.PROTOCOL_ERROR, "“220 hello” is not IMAP"),
        ("pop", "-ERR busy\r\n", Reason.STATUS, "Answered “-ERR busy”, expected +OK"),
        ("pop", "HTTP/1.1 400\r\n", Reason.PROTOCOL_ERROR, "is not POP3"),
        ("pop", "\x1b[31m\r\n", Reason.PROTOCOL_ERROR, "“\\x1b[31m” is not POP3"),
    ],
)
def test_another_greeting_is_down_and_quoted(prober, kind, said, reason, detail):
    with Server(scripted(("", said))) as server:
        outcome = probe(prober, server, kind)
    assert (outcome.vote, outcome.reason) == (Vote.DOWN, reason)
    assert detail in outcome.detail


@pytest.mark.parametrize(
    ("kind", "script", "detail"),
    [
        ("smtp", [SMTP[0], ("EHLO", "502 no\r\n")], "Answered “502 no”, expected 250"),
        ("smtp", [*SMTP, ("STARTTLS", "454 not now\r\n")], "Answered “454 not now”, expected 220"),
        ("imap", [IMAP[0], ("STARTTLS", "a1 BAD what?\r\n")], "Answered “a1 BAD what?”, expected a1 OK"),
        ("pop", [*POP, ("STLS", "-ERR what?\r\n")], "Answered “-ERR what?”, expected +OK"),
    ],
)
def test_a_server_that_refuses_to_go_on_is_down(prober, kind, script, detail):
    with Server(scripted(*script)) as server:
        outcome = probe(prober, server, kind, security="starttls")
    assert (outcome.reason, outcome.detail) == (Reason.STATUS, detail)


@each_kind
def test_a_server_that_does_not_greet_is_a_timeout(prober, kind):
    with Server(silent) as server:
        outcome = probe(prober, server, kind)
    assert outcome.reason is Reason.TIMEOUT_FIRST_BYTE
    assert outcome.detail.endswith("waiting for the greeting")


# Targets -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "typed", "stored"),
    [
        ("smtp", "mail.example.com", "mail.example.com:25"),
        ("smtp", "mail.example.com:465", "mail.example.com:465"),
        ("imap", "Mail.example.com", "mail.example.com:143"),
        ("pop", "mail.example.com:995", "mail.example.com:995"),
    ],
)
def test_the_usual_port_may_be_left_out(kind, typed, stored):
    assert KINDS.get(kind).clean_target(typed, allow_private=False) == stored


@each_kind
@pytest.mark.parametrize("typed", ["", "https://mail.example.com", "127.0.0.1", "mail.example.com:25,587"])
def test_a_wrong_target_is_refused(kind, typed):
    with pytest.raises(UrlError):
        KINDS.get(kind).clean_target(typed, allow_private=False)


@pytest.mark.parametrize(
    ("kind", "port", "security"),
    [
        ("smtp", 25, "none"),
        ("smtp", 465, "tls"),
        ("smtp", 587, "starttls"),
        ("imap", 143, "none"),
        ("imap", 993, "tls"),
        ("pop", 110, "none"),
        ("pop", 995, "tls"),
    ],
)
def test_as_usual_means_what_the_port_is_made_for(kind, port, security):
    steps = KINDS.get(kind).probe(check_of(f"mail.example.com:{port}", kind=kind), STRICT)
    assert next(steps) == Connect("mail.example.com", port)
    following = steps.send("192.88.98.1")
    assert isinstance(following, Secure if security == "tls" else Receive)
    if security == "starttls":
        steps.send(b"220 hello\r\n")
        steps.send(None)
        assert steps.send(b"250 hello\r\n").data == b"STARTTLS\r\n"
