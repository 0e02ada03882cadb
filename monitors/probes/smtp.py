"""The kind `smtp`: a mail server that must greet and take part in a conversation. No mail is ever sent."""

from monitors.probes.base import Check
from monitors.probes.kinds import Finding, Secure, Send, Steps
from monitors.probes.mail import NAME, MailOptions, Service, smtp_command, smtp_reply, smtp_starttls
from uptime.lib.net import Guard

SMTP = Service(25, {465: "tls", 587: "starttls"})


class SmtpKind:
    name = "smtp"
    label = "Mail server, SMTP"
    description = "Waits for a mail server's greeting and says EHLO. No mail is sent."
    target_label = "Host and port"
    target_example = "mail.example.com:25"
    has_port = True
    Options = MailOptions
    secret_fields = ()

    def clean_target(self, text: str, allow_private: bool) -> str:
        return SMTP.clean_target(text, allow_private)

    def probe(self, check: Check, guard: Guard) -> Steps:
        endpoint, security = yield from SMTP.connect(check, guard)
        if security == "starttls":
            greeting = yield from smtp_starttls()
            yield Secure(endpoint.host, check.options.get("verify_tls", True))
        else:
            greeting = yield from smtp_reply("220", "the greeting")
        yield from smtp_command(b"EHLO " + NAME, "250", "the answer to EHLO")
        yield Send(b"QUIT\r\n")
        return Finding(None, greeting)


KIND = SmtpKind()
