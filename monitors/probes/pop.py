"""The kind `pop`: a mailbox server that must greet. Nobody signs in."""

from monitors.probes.base import Check
from monitors.probes.kinds import Finding, Secure, Send, Steps
from monitors.probes.mail import MailOptions, Service, line, pop_reply, pop_starttls
from uptime.lib.net import Guard

POP = Service(110, {995: "tls"})


class PopKind:
    name = "pop"
    label = "Mail server, POP3"
    description = "Waits for a mailbox server's greeting. Nobody signs in."
    target_label = "Host and port"
    target_example = "mail.example.com:995"
    has_port = True
    Options = MailOptions
    secret_fields = ()

    def clean_target(self, text: str, allow_private: bool) -> str:
        return POP.clean_target(text, allow_private)

    def probe(self, check: Check, guard: Guard) -> Steps:
        endpoint, security = yield from POP.connect(check, guard)
        if security == "starttls":
            greeting = yield from pop_starttls()
            yield Secure(endpoint.host, check.options.get("verify_tls", True))
        else:
            greeting = pop_reply((yield from line("the greeting")))
        yield Send(b"QUIT\r\n")
        return Finding(None, greeting)


KIND = PopKind()
