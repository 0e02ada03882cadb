"""What the OpenAPI document says about monitors, read from the form and the options of every kind there is."""

from typing import Any

from django import forms
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse

from monitors.forms import DEFAULT_KIND, MonitorForm, values
from monitors.probes.assertions import MAX_ASSERTIONS, AssertionsField
from monitors.probes.grammar import OPERATORS, SOURCES
from monitors.probes.kinds import KINDS, monitor_kinds
from monitors.probes.options import THRESHOLDS, DaysField, HeadersField, LinesField, StatusesField
from monitors.probes.reasons import Reason
from monitors.serializers import ABSENT, types
from monitors.wire import FIELD_NAMES, wire_name

STATUSES = ["pending", "up", "validating", "down", "maintenance", "paused"]
TEXT, WHOLE, FLAG = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
TIME = {"type": "string", "format": "date-time", "nullable": True}
HEADERS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"id": TEXT, "name": TEXT, "value": TEXT, "_destroy": {**FLAG, "writeOnly": True}},
    },
}
ASSERTIONS = {
    "type": "array",
    "maxItems": MAX_ASSERTIONS,
    "items": {
        "type": "object",
        "properties": {
            "source": {**TEXT, "enum": list(SOURCES)},
            "path": {**TEXT, "description": "A header's name, or an expression over JSON."},
            "operator": {**TEXT, "enum": list(OPERATORS)},
            "value": {"nullable": True},
        },
    },
}
POLICY = {
    **TEXT,
    "nullable": True,
    "description": "The policy its alerts go by; `null`: the team's default one.",
}
OBSERVED = {
    "status": {
        **TEXT,
        "enum": STATUSES,
        "description": "While nothing can be measured it is `pending`, and `flags` holds `nodata`.",
    },
    "flags": {
        "type": "array",
        "items": {**TEXT, "enum": ["confirming", "partial", "degraded", "flapping", "nodata"]},
        "description": "`confirming`: it failed, not yet often enough to count. `partial`: too few regions see it "
        "down. `degraded`: up, but slower than it should be. `flapping`: it keeps changing; people are told when it is "
        "steady. `nodata`: nothing can be measured at present.",
    },
    "paused_at": TIME,
    "last_checked_at": TIME,
    "last_reason": {
        **TEXT,
        "nullable": True,
        "enum": [reason.value for reason in Reason],
        "description": "Why the last check was not up.",
    },
    "last_detail": {**TEXT, "nullable": True, "description": "The same as a sentence."},
    "last_response_ms": {
        "type": "number",
        "nullable": True,
        "description": "How long the last whole answer took, in milliseconds.",
    },
    "ssl_certificate_expires_at": {
        **TIME,
        "description": "When the first certificate of the chain ends, the earliest that any region sees.",
    },
    "domain_expires_at": {**TIME, "description": "When the registration of the domain ends; only for `domain`."},
    "created_at": TIME,
    "updated_at": TIME,
}
# The words of these are the wire's and not the form's.
WORDS = {
    "request_timeout": "Seconds until a check counts as failed; milliseconds for ping, tcp, udp, smtp, pop, imap "
    "and dns. At most 60 s, and no more than `check_frequency` or 10 s, whichever is longer. Left out: 5 to 10 s.",
    "url": "What is checked: the address of a website or WebSocket, or a host. For `dns` the name server that is "
    "asked; empty: the region's own.",
    "request_body": "What is sent: with the request to a website, where it is stored encrypted, and to `tcp`, `udp` "
    "and `websocket` once connected. For `dns` the name that is looked up.",
    "pronounceable_name": "What lists and messages call it. Left out: its host.",
    "check_frequency": "Seconds between two checks.",
    "quorum": "How many of its regions must see it down. With `any`, one region is enough to open an incident, even if "
    "only its own network is ill.",
    "at_least": "So many regions must see it down, where `quorum` is `at_least`.",
    "confirm": "Failed rounds in a row until it counts as down.",
    "recover": "Good rounds in a row until it counts as up again.",
    "confirmation_period": "Seconds a failure must last at least until an incident is opened.",
    "recovery_period": "Seconds a recovery must last at least until the incident is resolved.",
    "when_blind": "While none of its regions can look: `stand_in` lets another region look, `wait` does not.",
    "monitor_type": "What is checked, and of a website what counts as up. `status`: a good status. "
    "`expected_status_code`: one of `expected_status_codes`. `keyword`, `keyword_absence`: the page contains "
    "`required_keyword`, or does not. A monitor keeps its type, but for these four.",
    "ssl_expiration": "From how many days before the end of its first certificate an incident is open. `null` or -1: "
    "never.",
    "domain_expiration": "From how many days before the end of its registration an incident is open. `null` or -1: "
    "never.",
    "http_method": "Upper or lower case; answered in lower case.",
    "regions": "The short names of the regions it is checked from. `null` or left out: all of them.",
    "request_headers": "Values are stored encrypted and shown masked. When changing, an item with `id` changes that "
    "header, or removes it with `_destroy`; one without replaces the header of its name, or is added.",
    "required_keyword": "Text to look for on the page, in upper or lower case; of `tcp`, `udp` and `websocket` in the "
    "answer, in exactly these letters.",
    "auth": "How to sign in at a website. Left out while `auth_username` or `auth_password` is sent: `basic`.",
    "proxy_host": "The proxy that leads to a website: its host, which may be written with scheme, user name and "
    "password, as in `socks5h://alice:secret@proxy.example.com`. Answered without them; without a scheme it is an HTTP "
    "proxy. Empty: none.",
    "ip_version": "`ipv4` or `ipv6`: only that one. `both`: one after the other. Empty or `null`: either.",
    "assertions": "Objects, or lines of text such as `json data.status == \"ok\"`; all of them must hold.",
    "expected_status_codes": "Empty: 200 to 299, or 200 to 399 where redirects are not followed.",
}  # fmt: skip
PORT = "The port of the host. Left out: the one in `url`, or where there is none the usual one of the type."
EXAMPLE = {"url": "https://example.com", "pronounceable_name": "Shop", "check_frequency": 30}
A_MOMENT = "2026-01-31T12:00:00.000Z"
SEEN = {
    "status": "up",
    "regions": ["local"],
    "request_timeout": 10,
    "timeout": 10,
    "team_name": "alice's team",
    "last_checked_at": A_MOMENT,
    "last_response_ms": 128.4,
    "created_at": A_MOMENT,
    "updated_at": A_MOMENT,
}


def components():
    """The objects of this API, by name."""
    return {
        "Monitor": {
            "type": "object",
            "example": _example(),
            "properties": {
                "id": TEXT,
                "type": {**TEXT, "enum": ["monitor"]},
                "attributes": {"$ref": "#/components/schemas/MonitorAttributes"},
                "relationships": {"type": "object"},
            },
        },
        "MonitorAttributes": {"type": "object", "properties": _attributes()},
        "MonitorSettings": {
            "type": "object",
            "description": "What may be set. What is left out keeps its value, or has its default in a new "
            "monitor; `null` is the default. Everything else in a body is ignored.",
            "properties": _settings(),
            "example": EXAMPLE,
        },
        "Pagination": {
            "type": "object",
            "description": "Absolute links that keep the filter.",
            "properties": {
                name: {**TEXT, "format": "uri", "nullable": name in {"prev", "next"}}
                for name in ("first", "last", "prev", "next")
            },
        },
    }


def _settings():
    found = {}
    for name, wire in FIELD_NAMES.items():
        found[wire] = field_schema(wire, MonitorForm.base_fields[name])
    for name, value in values(KINDS.get(DEFAULT_KIND)).items():
        if name in FIELD_NAMES:
            found[FIELD_NAMES[name]]["default"] = value
    found["monitor_type"] |= {"enum": types(), "default": types()[0]}
    found["timeout"] = {"type": "number", "description": "The same as `request_timeout`, always in seconds."}
    found["paused"] = {**FLAG, "default": False, "description": "Whether checking is stopped."}
    found["team_name"] = {**TEXT, "description": "The team a new monitor belongs to. Left out: your own."}
    found["policy_id"] = POLICY
    found["port"] = {
        **TEXT,
        "nullable": True,
        "description": _of_kinds(PORT, [k for k in monitor_kinds() if k.has_port]),
    }
    found["proxy_port"] = {**WHOLE, "nullable": True, "description": "The port of `proxy_host`."}
    return {**_options(), **found}


def _options():
    """The options of every kind. Those that several kinds share are described by the first that has them."""
    found: dict[str, dict[str, Any]] = {}
    owners: dict[str, list[Any]] = {}
    for kind in sorted(monitor_kinds(), key=lambda kind: kind.name != DEFAULT_KIND):
        for name, field in kind.Options.base_fields.items():
            wire = wire_name(kind, name)
            if name != "keyword_mode":
                found.setdefault(wire, field_schema(wire, field))
                owners.setdefault(wire, []).append(kind)
    for wire, kinds in owners.items():
        if kinds[0].name != DEFAULT_KIND:
            found[wire]["description"] = _of_kinds(found[wire]["description"], kinds)
    return found


def _of_kinds(text, kinds):
    return f"{text} Only for {', '.join(f'`{kind.name}`' for kind in kinds)}."


def _attributes():
    settings = {name: {k: v for k, v in part.items() if k != "default"} for name, part in _settings().items()}
    absent = {
        name: {"nullable": True, "description": f"Always `{str(value).lower().replace('none', 'null')}` so far."}
        for name, value in ABSENT.items()
        if name not in settings
    }
    return {**settings, **OBSERVED, **absent}


def _example():
    """A monitor that was up when it was last looked at."""
    usual = {name: _usual(part) for name, part in _settings().items()}
    observed = {name: _usual(part) for name, part in OBSERVED.items()}
    return {
        "id": "7",
        "type": "monitor",
        "attributes": {**ABSENT, **usual, **observed, **EXAMPLE, **SEEN},
        "relationships": {"policy": {"data": None}},
    }


def _usual(part):
    if "default" in part or part.get("nullable"):
        return part.get("default")
    return {"array": [], "string": ""}.get(part["type"])


def field_schema(wire, field):
    """An OpenAPI schema of a form field; `wire`: its name on the wire."""
    text = WORDS.get(wire) or f"{field.label}. {field.help_text}".strip()
    found = {**_shape(field), "description": text}
    for attribute, keyword in (("min_value", "minimum"), ("max_value", "maximum"), ("max_length", "maxLength")):
        if getattr(field, attribute, None) is not None and found["type"] != "array":
            found[keyword] = getattr(field, attribute)
    if field.initial is not None:
        found["default"] = field.initial
    if found["type"] == "integer" and field.initial is None and not field.required and wire not in FIELD_NAMES.values():
        found["nullable"] = True
    if wire == "http_method":
        found |= {"enum": [each.lower() for each in found["enum"]], "default": found["default"].lower()}
    return found


# The first match is meant: a field may be several of these.
SHAPES: list[tuple[type[forms.Field], dict[str, Any]]] = [
    (HeadersField, HEADERS),
    (LinesField, {"type": "array", "items": TEXT}),
    (AssertionsField, ASSERTIONS),
    (StatusesField, {"type": "array", "items": WHOLE}),
    (forms.MultipleChoiceField, {"type": "array", "items": TEXT, "nullable": True}),
    (forms.BooleanField, FLAG),
    (forms.FloatField, {"type": "number"}),
    (DaysField, {**WHOLE, "nullable": True, "enum": [None, *reversed(THRESHOLDS)]}),
    (forms.IntegerField, WHOLE),
    (forms.Field, TEXT),
]


def _shape(field):
    if known := getattr(field, "schema", None):  # a field that only one kind has brings its own
        return dict(known)
    shape = next(shape for form_field, shape in SHAPES if isinstance(field, form_field))
    choices = [value for value, _ in getattr(field, "choices", [])]
    return {**shape, "enum": choices} if shape is TEXT and choices else dict(shape)


class MonitorSchema(AutoSchema):
    """Puts the objects into the document together with the first call that names them."""

    components = staticmethod(components)

    def get_operation(self, path, path_regex, path_prefix, method, registry):
        for name, part in self.components().items():
            component = ResolvedComponent(name=name, type=ResolvedComponent.SCHEMA, object=name, schema=part)
            registry.register_on_missing(component)
        return super().get_operation(path, path_regex, path_prefix, method, registry)


def ref(name):
    return {"$ref": f"#/components/schemas/{name}"}


def refusal(text, errors):
    return OpenApiResponse(
        {"type": "object", "properties": {"errors": {}}}, text, [OpenApiExample("error", {"errors": errors})]
    )


WARNINGS = {
    "type": "array",
    "items": {"type": "string"},
    "description": "Only where there are some, after a change: what the monitor will suffer from as it is now.",
}
ONE = {"type": "object", "properties": {"data": ref("Monitor"), "warnings": WARNINGS}}
MANY = {
    "type": "object",
    "properties": {"data": {"type": "array", "items": ref("Monitor")}, "pagination": ref("Pagination")},
}
BODY = {"application/json": ref("MonitorSettings")}
ID = OpenApiParameter("id", str, OpenApiParameter.PATH, description="The monitor's `id`.")
FILTERS = [
    OpenApiParameter("url", str, description="Only monitors of exactly this address."),
    OpenApiParameter("pronounceable_name", str, description="Only monitors of exactly this name."),
    OpenApiParameter("team_name", str, description="Only monitors of the team of this name."),
    OpenApiParameter("page", int, description="From 1 on."),
    OpenApiParameter("per_page", int, description="50 unless told otherwise, at most 250."),
]
NO_TOKEN = refusal("No valid token.", "Invalid Team API token. How to find your Team API token: …")
MISSING = refusal("There is none with this id, or it is not yours.", "Resource type monitor with id = 7 was not found")
INVALID = refusal("A setting cannot be; the errors say which and why.", {"url": ["Can't be blank."]})
TOO_MANY = refusal("Too many calls; `Retry-After` says how long to wait.", "Request was throttled.")
COMMON = {401: NO_TOKEN, 429: TOO_MANY}
