"""The kind `tls`: a certificate, on any port, that must be good and stay good for some days.

Judged is the whole chain the server presents: its first certificate to end counts. The days left are told also where
the certificate is not trusted.
"""

from datetime import UTC, datetime

from django import forms

from monitors.probes.base import Check
from monitors.probes.certificates import facts
from monitors.probes.failures import span
from monitors.probes.kinds import Connect, Finding, Secure, Secured, Steps, TalkError
from monitors.probes.mail import imap_starttls, pop_starttls, smtp_starttls
from monitors.probes.options import TextField, certificate_days
from monitors.probes.reasons import Reason
from monitors.probes.thresholds import ProbedOptions
from uptime.lib.net import Guard, UrlError, check_endpoint, check_host

STARTTLS = {"smtp": smtp_starttls, "imap": imap_starttls, "pop": pop_starttls}


class Options(ProbedOptions):
    min_days = forms.IntegerField(
        label="Days the certificate must still be good",
        min_value=0,
        max_value=365,
        initial=7,
        help_text="Down once fewer are left. 0: down only when it has expired.",
    )
    starttls = forms.ChoiceField(
        label="How TLS begins",
        required=False,
        choices=[
            ("", "At once"),
            ("smtp", "After STARTTLS of SMTP"),
            ("imap", "After STARTTLS of IMAP"),
            ("pop", "After STLS of POP3"),
        ],
        initial="",
    )
    server_name = TextField(
        label="Name on the certificate",
        required=False,
        max_length=253,
        widget=forms.TextInput(attrs={"placeholder": "www.example.com", "spellcheck": "false"}),
        help_text="Empty: the host itself.",
    )
    verify_tls = forms.BooleanField(
        label="Verify the certificate",
        required=False,
        initial=True,
        help_text="Off, only its last day counts, not who issued it and for which name.",
    )
    certificate_days = certificate_days()

    def clean_server_name(self) -> str:
        name: str = self.cleaned_data["server_name"]
        try:
            return check_host(name, Guard(allow_private=True)) if name else ""
        except UrlError as error:
            raise forms.ValidationError(str(error)) from error


class TlsKind:
    name = "tls"
    label = "TLS certificate"
    description = "Looks at the certificate of any TLS service: whether it is trusted, for whom, and for how long."
    target_label = "Host and port"
    target_example = "example.com:443"
    has_port = True
    Options = Options
    secret_fields = ()

    def clean_target(self, text: str, allow_private: bool) -> str:
        return str(check_endpoint(text, 443, guard=Guard(allow_private=allow_private)))

    def probe(self, check: Check, guard: Guard) -> Steps:
        endpoint, options = check_endpoint(check.target, 443, guard=guard), check.options
        yield Connect(endpoint.host, endpoint.port)
        if options.get("starttls"):
            yield from STARTTLS[options["starttls"]]()
        name = options.get("server_name") or endpoint.host
        try:
            secured = yield Secure(name, options.get("verify_tls", True))
        except TalkError as error:
            return _untrusted(error)
        return judge(secured, options.get("min_days", 7), datetime.now(UTC))


KIND = TlsKind()


def judge(secured: Secured, min_days: int, now: datetime) -> Finding:
    known = facts(secured.chain)
    if not known:
        return Finding(Reason.TLS_ERROR, "The server presented no certificate that can be read")
    left = min(each.end for each in known) - now
    said = f"{describe(secured, now)}, {secured.version}"
    if left.total_seconds() < 0:
        return Finding(Reason.TLS_EXPIRED, said)
    if left.days < min_days:
        return Finding(Reason.TLS_EXPIRING, f"{said}; {min_days} days are asked for")
    return Finding(None, said)


def describe(secured: Secured, now: datetime) -> str:
    """ "61 days left (until 2027-01-27), issued by Let's Encrypt R11, 2 certificates"."""
    known = facts(secured.chain)
    end = min(each.end for each in known)
    seconds = (end - now).total_seconds()
    left = (
        f"{span(seconds)} left (until {end:%Y-%m-%d})" if seconds >= 0 else f"Certificate expired {span(-seconds)} ago"
    )
    count = f"{len(secured.chain)} certificate{'s' if len(secured.chain) > 1 else ''}"
    return ", ".join(filter(None, [left, f"issued by {known[0].issuer}" if known[0].issuer else "", count]))


def _untrusted(error: TalkError) -> Finding:
    """The figures must not vanish just when a certificate stops being trusted."""
    finding = error.finding
    if error.secured is None or not facts(error.secured.chain):
        return finding
    said = describe(error.secured, datetime.now(UTC))
    return Finding(finding.reason, said if said.startswith(finding.detail) else f"{finding.detail}; {said}")
