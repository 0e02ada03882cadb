"""Between a monitor and its JSON in Better Stack's words.

`resource` writes a monitor down, `MonitorBody` turns a flat body of attributes into the monitor form and the form's
errors back into wire names (monitors.wire). Options of a kind appear under the wire's name where it has one, and under
the name of their form field otherwise: a new kind needs nothing here.
"""

from collections import Counter
from datetime import UTC
from typing import Any
from zlib import crc32

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS

from monitors.forms import DEFAULT_KIND, MonitorForm, seconds, values
from monitors.masks import masked
from monitors.models import Status
from monitors.probes.assertions import AssertionsField
from monitors.probes.kinds import KINDS, monitor_kinds
from monitors.probes.options import DaysField, HeadersField, LinesField, StatusesField, parse_statuses, statuses_text
from monitors.queries_expiry import first_threshold
from monitors.serializers_http import http_attributes, http_given
from monitors.wire import FIELD_NAMES, join_port, split_port, wire_name

ENDS = {"certificate": "ssl_certificate", "domain": "domain"}  # what ends, and what the wire calls it
BLANK = "Can't be blank."
BOOLEAN = "This must be true or false."

# What the wire's clients expect to find and we do not have; the values say so truly: nobody is told by these means.
ABSENT: dict[str, Any] = {
    "monitor_group_id": None,
    "call": False,
    "sms": False,
    "email": False,
    "push": False,
    "team_wait": None,
    "http_method": None,
    "required_keyword": None,
    "request_headers": [],
    "request_body": "",
    "expected_status_codes": [],
    "follow_redirects": False,
    "remember_cookies": False,
    "verify_ssl": False,
    "ssl_expiration": None,
    "domain_expiration": None,
    "port": None,
    "maintenance_from": None,
    "maintenance_to": None,
    "maintenance_timezone": None,
}
# What a form field takes in JSON; the first match is meant.
JSON_TYPES: list[tuple[type[forms.Field], Any, str]] = [
    (forms.BooleanField, bool, BOOLEAN),
    (forms.MultipleChoiceField, list, "This must be a list."),
    (LinesField, list, "This must be a list of texts."),
    (AssertionsField, (str, list), "This must be a list of assertions, or text with one a line."),
    (forms.Field, str, "This must be text."),
]
# Monitors of these types take their request_timeout in milliseconds; all others in seconds.
TIMEOUT_IN_MS = {"ping", "tcp", "udp", "smtp", "pop", "imap", "dns"}
# The wire splits our kind http by what counts as up.
HTTP_TYPES = ["status", "expected_status_code", "keyword", "keyword_absence"]
KEYWORD_MODES = {"keyword": "present", "keyword_absence": "absent"}


def iso(moment):
    """ISO 8601 in UTC with milliseconds: 2026-01-31T12:00:00.000Z."""
    return moment and moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def resource(monitor):
    """`monitor` as an object of the wire. Reads its state, team, regions and policy."""
    chosen = policy_id(monitor)
    return {
        "id": str(monitor.pk),
        "type": "monitor",
        "attributes": attributes(monitor),
        "relationships": {"policy": {"data": {"id": chosen, "type": "policy"} if chosen else None}},
    }


def policy_id(monitor):
    """The policy it names; None where it goes by the team's default. Reads its `alerting`."""
    own = getattr(monitor, "alerting", None)
    return str(own.policy_id) if own and own.policy_id else None


def attributes(monitor):
    """The monitor's settings and state, under the wire's names."""
    kind = KINDS.get(monitor.kind)
    shown = values(kind, monitor)
    options = {name: shown.get(name) for name in kind.Options.base_fields}
    fields = kind.Options.base_fields
    return {
        **ABSENT,
        **{wire_name(kind, each): shown[each] for each in FIELD_NAMES},
        **{
            wire_name(kind, name): written(name, fields[name], options[name])
            for name in fields
            if name != "keyword_mode"
        },
        **(dict(zip(("url", "port"), split_port(monitor.target), strict=True)) if kind.has_port else {}),
        **(http_attributes(options) if kind.name == DEFAULT_KIND else {}),
        "monitor_type": type_of(monitor.kind, options),
        "request_timeout": seconds(monitor.timeout_ms * timeout_unit(monitor.kind)),
        "timeout": seconds(monitor.timeout_ms),
        "policy_id": policy_id(monitor),
        **observed(monitor, monitor.state),
    }


def observed(monitor, state):
    """What only we set."""
    ends, _ = first_threshold(monitor) or ("", 0)
    return {
        "status": "pending" if state.status == Status.NODATA else state.status,
        "flags": flags(state),
        "paused": monitor.paused,
        "paused_at": iso(state.since) if monitor.paused else None,
        "last_checked_at": iso(state.last_checked_at),
        "last_reason": state.last_reason or None,
        "last_detail": state.last_detail or None,
        "last_response_ms": state.last_response_ms,
        **{f"{wire}_expires_at": iso(state.expires_at) if ends == noun else None for noun, wire in ENDS.items()},
        "team_name": monitor.team.name,
        "created_at": iso(monitor.created_at),
        "updated_at": iso(monitor.updated_at),
    }


def flags(state):
    """What `status` alone does not tell."""
    found = {
        "confirming": state.confirming,
        "partial": state.partial,
        "degraded": state.shown_degraded,
        "flapping": state.flapping,
        "nodata": state.status == Status.NODATA,
    }
    return [name for name, true in found.items() if true]


def type_of(kind, options):
    """The wire's `monitor_type` of a kind with these options."""
    if kind != DEFAULT_KIND:
        return kind
    if options.get("keyword"):
        return "keyword_absence" if options.get("keyword_mode") == "absent" else "keyword"
    return "expected_status_code" if options.get("expected_status") else "status"


def types():
    """Every `monitor_type` there is."""
    return [*HTTP_TYPES, *(kind.name for kind in monitor_kinds() if kind.name != DEFAULT_KIND)]


def written(name, field, value):
    """An option's stored value as the wire shows it."""
    if isinstance(field, HeadersField):
        return [{"id": key, **header} for key, header in numbered(value or [])]
    if isinstance(field, StatusesField):
        return [code for first, last in parse_statuses(value or "") for code in range(first, last + 1)]
    if name == "method":
        return value.lower()
    if isinstance(field, LinesField | AssertionsField):
        return value or []
    if name in {"keyword", "expect", "ip_version"} or isinstance(field, DaysField):
        return value or None
    return "" if value is None and isinstance(field, forms.CharField) else value


def numbered(headers):
    """Pairs of a lasting id and its header: made from the name, so that a repeated request means the same header."""
    seen: Counter[str] = Counter()
    for header in headers:
        name = header["name"].lower()
        seen[name] += 1
        yield str(crc32(f"{name}:{seen[name]}".encode())), header


def compact(codes):
    """Status codes as the form's text: consecutive ones are a range. Anything else is left for the form to refuse."""
    if not all(type(code) is int for code in codes):
        return codes
    ranges: list[tuple[int, int]] = []
    for code in sorted(set(codes)):
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1] = (ranges[-1][0], code)
        else:
            ranges.append((code, code))
    return statuses_text(ranges)


class MonitorBody:
    """A flat body of attributes, read into a monitor form. What the body leaves out keeps its value or default.

    `errors` holds texts by wire name. Attributes nobody knows, and those that only we set, change nothing.
    """

    def __init__(self, body, *, team, user, instance=None):
        self.body, self.instance, self.errors = body, instance, {}
        self.kind = self._kind()
        self.fields = {**MonitorForm.base_fields, **self.kind.Options.base_fields}
        given = self._given()
        self.form = MonitorForm.of(given, team=team, user=user, instance=instance, kind=self.kind.name)
        self.paused = self._paused()
        self._collect()

    def save(self):
        """The monitor, made or changed. An existing one is paused or resumed by its own verbs, not by its settings."""
        return self.form.save() if self.instance else self.form.save(paused=self.paused)

    def _kind(self):
        """The kind the body asks for; a monitor keeps its own for life."""
        wanted = self.body.get("monitor_type")
        current = self.instance.kind if self.instance else DEFAULT_KIND
        if wanted is None:
            return KINDS.get(current)
        if not isinstance(wanted, str) or wanted not in types():
            self._refuse("monitor_type", f"Use one of: {', '.join(types())}.")
            return KINDS.get(current)
        found = DEFAULT_KIND if wanted in HTTP_TYPES else wanted
        if self.instance and found != current:
            self._refuse("monitor_type", "A monitor keeps its type. Make a new one, and delete this one.")
            found = current
        return KINDS.get(found)

    def _paused(self):
        paused = self.body.get("paused")
        if paused is None:
            return self.instance.paused if self.instance else False
        if not isinstance(paused, bool):
            self._refuse("paused", BOOLEAN)
        return paused is True

    def _given(self):
        """The body in the form's names."""
        given = {}
        for name, field in self.fields.items():
            wire = wire_name(self.kind, name)
            if wire in self.body and name not in {"kind", "timeout"}:
                given[name] = self._read(name, field, wire)
        given |= self._timeout()
        if self.kind.has_port:
            given |= self._endpoint(given)
        if self.kind.name == DEFAULT_KIND:
            given |= self._http_type(given)
            given |= http_given(self.body, self.instance.options if self.instance else {}, self._refuse)
        return given

    def _read(self, name, field, wire):
        value = self.body[wire]
        if value is None and isinstance(field, DaysField):
            return "0"
        if value is None:
            return field.initial if field.initial is not None else ""
        if isinstance(field, HeadersField):
            return self._headers(name, wire)
        if isinstance(field, StatusesField) and isinstance(value, list):
            return compact(value)
        if isinstance(field, forms.IntegerField):
            return self._number(wire)
        expected, text = next((kind, text) for form_field, kind, text in JSON_TYPES if isinstance(field, form_field))
        return value if isinstance(value, expected) else self._refuse(wire, text)

    def _number(self, wire):
        value = self.body[wire]
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            return self._refuse(wire, "This must be a number.")
        return str(value)

    def _timeout(self):
        """`request_timeout` in the wire's unit, or our own `timeout` in seconds."""
        found = {}
        for wire, unit in (("timeout", 1), ("request_timeout", timeout_unit(self.kind.name))):
            if wire in self.body:
                text = self._number(wire) if self.body[wire] is not None else ""
                found[wire] = _divided(text, unit)
        if len(set(found.values())) > 1:
            self._refuse("timeout", "This says something else than request_timeout. Send only one of them.")
        return {"timeout": next(iter(found.values()))} if found else {}

    def _endpoint(self, given):
        """Host and port, which the wire has apart. A host alone keeps the port there was."""
        old_host, old_port = split_port(self.instance.target) if self.instance else ("", None)
        host, port = split_port(given["target"].strip()) if "target" in given else (old_host, None)
        sent = self.body.get("port")
        if sent is not None and (isinstance(sent, bool) or not isinstance(sent, int | str)):
            self._refuse("port", 'This must be one port, as in "25".')
        elif sent is not None and port not in {None, str(sent)}:
            self._refuse("port", "The url names another port. Send only one of them.")
        elif sent is not None:
            port = str(sent).strip()
        return {"target": join_port(host, port or old_port)} if host else {}

    def _headers(self, name, wire):
        """Items with a known `id` change that header, or remove it by `_destroy`; others replace one of their name,
        or are added."""
        items = self.body[wire]
        if not isinstance(items, list) or not all(isinstance(each, dict) for each in items):
            return self._refuse(wire, "Send a list of objects with name and value.")
        stored = self.instance.all_options.get(name) if self.instance else None
        kept, added = dict(numbered(stored or [])), []
        for each in items:
            known = [key for key, old in kept.items() if key == str(each.get("id")) or _same(old, each)]
            key = known[0] if known else ""
            header = {part: each[part] for part in ("name", "value") if part in each}
            if each.get("_destroy") is True:
                kept.pop(key, None)
            elif key:
                kept[key] = {**kept[key], **_without_mask(header, kept[key])}
            else:
                added.append(header)
        return [*kept.values(), *added]

    def _http_type(self, given):
        """What `monitor_type` says about keyword and statuses, which our one kind has as options."""
        wanted = self.body.get("monitor_type")
        if wanted not in HTTP_TYPES:
            return {}
        current = {**(self.instance.options if self.instance else {}), **given}
        if wanted in KEYWORD_MODES:
            self._want(current.get("keyword"), "required_keyword")
            return {"keyword_mode": KEYWORD_MODES[wanted]}
        self._exclude("required_keyword", "keyword or keyword_absence")
        if wanted == "expected_status_code":
            self._want(current.get("expected_status"), "expected_status_codes")
            return {"keyword": ""}
        self._exclude("expected_status_codes", "expected_status_code")
        return {"keyword": "", "expected_status": ""}

    def _want(self, value, wire):
        if not value:
            self._refuse(wire, BLANK)

    def _exclude(self, wire, types_with_it):
        if self.body.get(wire):
            self._refuse(wire, f"A monitor with this is of type {types_with_it}.")

    def _refuse(self, wire, text):
        self.errors.setdefault(wire, [text])
        return ""

    def _collect(self):
        """The form's errors, under the wire's names, beside what could not even be handed to it."""
        if self.form.is_valid():
            return
        for name, errors in self.form.errors.as_data().items():
            wire = "base" if name == NON_FIELD_ERRORS else wire_name(self.kind, name)
            if name == "target" and self.kind.has_port and _is_of_port(errors):
                wire = "port"
            if wire == "request_timeout" and wire not in self.body and "timeout" in self.body:
                wire = "timeout"
            texts = [BLANK if error.code == "required" else text for error in errors for text in error]
            self.errors.setdefault(wire, texts)


def _is_of_port(errors):
    """Whether a target is at fault only for its port, which is an attribute of its own on the wire."""
    return all(text.startswith(("The port ", "Port ")) for error in errors for text in error)


def timeout_unit(kind):
    """How many of the wire's units are a second."""
    return 1000 if kind in TIMEOUT_IN_MS else 1


def _divided(text, unit):
    """A number as text, in seconds; what is no number stays as it is, for the form to refuse."""
    try:
        return str(float(text) / unit)
    except ValueError:
        return text


def _without_mask(header, old):
    """The parts of a changed header that say something new; the mask of the old value keeps that value."""
    return {part: text for part, text in header.items() if part != "value" or text != masked(old["value"])}


def _same(header, item):
    name = item.get("name")
    return "id" not in item and isinstance(name, str) and name.strip().lower() == str(header["name"]).lower()
