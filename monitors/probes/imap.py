"""The kind `imap`: a mailbox server that must greet and answer. Nobody signs in."""

from monitors.probes.base import Check
from monitors.probes.kinds import Finding, Secure, Send, Steps
from monitors.probes.mail import MailOptions, Service, imap_command, imap_greeting, imap_starttls
from uptime.lib.net import Guard

IMAP = Service(143, {993: "tls"})


class ImapKind:
    name = "imap"
    label = "Mail server, IMAP"
    description = "Waits for a mailbox server's greeting and asks for a sign of life. Nobody signs in."
    target_label = "Host and port"
    target_example = "mail.example.com:993"
    has_port = True
    Options = MailOptions
    secret_fields = ()

    def clean_target(self, text: str, allow_private: bool) -> str:
        return IMAP.clean_target(text, allow_private)

    def probe(self, check: Check, guard: Guard) -> Steps:
        endpoint, security = yield from IMAP.connect(check, guard)
        if security == "starttls":
            greeting = yield from imap_starttls()
            yield Secure(endpoint.host, check.options.get("verify_tls", True))
        else:
            greeting = yield from imap_greeting()
        yield from imap_command(b"NOOP", "the answer to NOOP")
        yield Send(b"a2 LOGOUT\r\n")
        return Finding(None, greeting)


KIND = ImapKind()
