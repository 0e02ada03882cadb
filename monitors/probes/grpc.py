"""The kind `grpc`: a service that must say that it is SERVING (the gRPC Health Checking Protocol), over HTTP/2.

Asked is `grpc.health.v1.Health/Check`: about the whole server, or about one of its services.
"""

from django import forms

from monitors.probes.base import Check
from monitors.probes.kinds import Answer, Finding, Request, Steps
from monitors.probes.options import TextField, certificate_days
from monitors.probes.reasons import Reason
from monitors.probes.thresholds import ProbedOptions
from uptime.lib.net import URL, Guard, UrlError, check_url

PATH = "/grpc.health.v1.Health/Check"
STATES = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}
CODES = {5: "NOT_FOUND: the server does not know this service", 12: "UNIMPLEMENTED: it tells nothing of its health"}
MAX_SERVICE = 127  # so that its length is one byte


class Options(ProbedOptions):
    service = TextField(
        label="Service",
        required=False,
        max_length=MAX_SERVICE,
        widget=forms.TextInput(attrs={"placeholder": "shop.v1.Orders", "spellcheck": "false", "autocomplete": "off"}),
        help_text="Empty: the server as a whole.",
    )
    verify_tls = forms.BooleanField(
        label="Verify the certificate",
        required=False,
        initial=True,
        help_text="Off, an expired or self-signed certificate does not count as down.",
    )
    certificate_days = certificate_days()

    def clean_service(self) -> str:
        service: str = self.cleaned_data["service"]
        if len(service.encode("utf-8", "replace")) > MAX_SERVICE:
            raise forms.ValidationError(f"The name is longer than {MAX_SERVICE} bytes.")
        return service


class GrpcKind:
    name = "grpc"
    label = "gRPC service"
    description = "Asks a gRPC server for its health, over HTTP/2 with or without TLS."
    target_label = "URL"
    target_example = "https://grpc.example.com:8443"
    has_port = False
    Options = Options
    secret_fields = ()

    def clean_target(self, text: str, allow_private: bool) -> str:
        return str(_url(text, Guard(allow_private=allow_private)))

    def probe(self, check: Check, guard: Guard) -> Steps:
        url, service = _url(check.target, guard), (check.options.get("service") or "").encode()
        message = b"\x0a" + bytes([len(service)]) + service if service else b""
        answer = yield Request(
            URL(url.scheme, url.host, url.port, PATH),
            method="POST",
            headers=[("Content-Type", "application/grpc"), ("TE", "trailers")],
            body=b"\0" + len(message).to_bytes(4) + message,
            verify_tls=check.options.get("verify_tls", True),
            keep_body=True,
            http2=True,
        )
        return evaluate(answer)


KIND = GrpcKind()


def _url(text: str, guard: Guard) -> URL:
    url = check_url(text, guard=guard)
    if url.path not in ("", "/"):
        raise UrlError("Leave the path out: gRPC has its own. Write it as in https://grpc.example.com:8443.")
    return URL(url.scheme, url.host, url.port, "")


def evaluate(answer: Answer) -> Finding:
    """What the answer says: the status of the call comes behind it, the state of the service in it."""
    if answer.status != 200:
        return Finding(Reason.STATUS, f"Answered HTTP {answer.status}, which is no gRPC")
    code = answer.header("grpc-status")
    if code not in ("", "0"):
        said = CODES.get(int(code), answer.header("grpc-message")) if code.isascii() and code.isdigit() else ""
        return Finding(Reason.STATUS, f"The call failed with status {code[:10]}" + (f" ({said})" if said else ""))
    state = _state(answer.body)
    if state is None:
        return Finding(Reason.PROTOCOL_ERROR, "The answer is no HealthCheckResponse")
    said = STATES.get(state, f"unknown state {state}")
    return Finding(None, said) if said == "SERVING" else Finding(Reason.STATUS, f"The service says {said}")


def _state(body: bytes) -> int | None:
    """The field `status` of a message behind its five-byte head: an enumeration, left out while it is 0."""
    length = int.from_bytes(body[1:5])
    message = body[5 : 5 + length]
    if len(body) < 5 or body[0] or len(message) < length:
        return None
    if not message:
        return 0
    return message[1] if len(message) == 2 and message[0] == 0x08 else None
