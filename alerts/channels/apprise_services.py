"""The services of Apprise that are offered, and how their addresses are read and written anew.

Apprise's own reading of an address takes parameters that open files, send attachments or set headers of requests
(`template=/etc/passwd` reads one). What goes to it is therefore never what somebody typed, but made of the parts a
service is known to have; everything else is an error. Shapes: https://appriseit.com/services/.
"""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote

MAX_PARTS = 20
OFTEN = ("priority",)


@dataclass(frozen=True)
class Service:
    """A service and the shape of its addresses. `schemas`: the first is what is written, others are read as well.
    `params`: the parameters it may have. `own_host`: its server is one's own, with or without TLS by schema."""

    label: str
    schemas: tuple[str, ...]
    shape: str
    params: tuple[str, ...] = ()
    own_host: bool = False


SERVICES = (
    Service("46elks", ("46elks",), "46elks://USER:PASSWORD@NUMBER/…"),
    Service("AWS SNS", ("sns",), "sns://ACCESS_KEY/SECRET_KEY/REGION/+NUMBER or TOPIC"),
    Service("Bark", ("barks", "bark"), "barks://HOST/DEVICE_KEY", ("level", "sound", "group"), own_host=True),
    Service("Brevo", ("brevo",), "brevo://API_KEY:FROM/TO"),
    Service("BulkSMS", ("bulksms",), "bulksms://USER:PASSWORD@NUMBER/…"),
    Service("Clickatell", ("clickatell",), "clickatell://API_KEY/NUMBER/…"),
    Service("ClickSend", ("clicksend",), "clicksend://USER:API_KEY@NUMBER/…"),
    Service("D7 Networks", ("d7sms",), "d7sms://TOKEN@NUMBER/…"),
    Service("DingTalk", ("dingtalk",), "dingtalk://SECRET@TOKEN"),
    Service("Feishu", ("feishu",), "feishu://TOKEN"),
    Service("FireHydrant", ("firehydrant",), "firehydrant://TOKEN"),
    Service("Flock", ("flock",), "flock://TOKEN"),
    Service("Google Chat", ("gchat",), "gchat://WORKSPACE/KEY/TOKEN"),
    Service("Gotify", ("gotifys", "gotify"), "gotifys://HOST/TOKEN", OFTEN, own_host=True),
    Service("GroupMe", ("groupme",), "groupme://BOT_ID"),
    Service("Home Assistant", ("hassios", "hassio"), "hassios://HOST/ACCESS_TOKEN", own_host=True),
    Service("IFTTT", ("ifttt",), "ifttt://WEBHOOK_ID/EVENT"),
    Service("ilert", ("ilert",), "ilert://INTEGRATION_KEY"),
    Service("incident.io", ("incidentio",), "incidentio://SOURCE_ID/TOKEN"),
    Service("Join", ("join",), "join://API_KEY/DEVICE", OFTEN),
    Service("Lark", ("lark",), "lark://TOKEN"),
    Service("LINE", ("line",), "line://TOKEN/TARGET"),
    Service("Mailgun", ("mailgun",), "mailgun://USER@DOMAIN/API_KEY/TO", ("region",)),
    Service("Mattermost", ("mmosts", "mmost"), "mmosts://HOST/TOKEN", ("channel",), own_host=True),
    Service("MessageBird", ("msgbird",), "msgbird://API_KEY/FROM/NUMBER/…"),
    Service("Nextcloud Talk", ("nctalks", "nctalk"), "nctalks://USER:PASSWORD@HOST/ROOM", own_host=True),
    Service("Notifiarr", ("notifiarr",), "notifiarr://API_KEY/CHANNEL_ID"),
    Service("OneSignal", ("onesignal",), "onesignal://APP_ID@API_KEY/PLAYER_ID"),
    Service("Opsgenie", ("opsgenie",), "opsgenie://API_KEY/TARGET/…", ("priority", "region")),
    Service("Plivo", ("plivo",), "plivo://AUTH_ID@TOKEN/FROM/NUMBER/…"),
    Service("Postmark", ("postmark",), "postmark://API_KEY:FROM/TO"),
    Service("Prowl", ("prowl",), "prowl://API_KEY", OFTEN),
    Service("Pushbullet", ("pbul",), "pbul://ACCESS_TOKEN/TARGET"),
    Service("Pushed", ("pushed",), "pushed://APP_KEY/APP_SECRET"),
    Service("Pushplus", ("pushplus",), "pushplus://TOKEN"),
    Service("Pushsafer", ("psafer",), "psafer://PRIVATE_KEY", OFTEN),
    Service("Pushy", ("pushy",), "pushy://API_KEY/DEVICE"),
    Service("Resend", ("resend",), "resend://API_KEY:FROM/TO"),
    Service("Rocket.Chat", ("rockets", "rocket"), "rockets://USER:PASSWORD@HOST/%23CHANNEL", own_host=True),
    Service("SendGrid", ("sendgrid",), "sendgrid://API_KEY:FROM/TO"),
    Service("ServerChan", ("schan",), "schan://SEND_KEY"),
    Service("seven", ("seven",), "seven://API_KEY/NUMBER/…"),
    Service("SIGNL4", ("signl4",), "signl4://SECRET"),
    Service("Simplepush", ("spush", "simplepush"), "spush://API_KEY", ("event",)),
    Service("Sinch", ("sinch",), "sinch://PLAN_ID:TOKEN@FROM/NUMBER/…", ("region",)),
    Service("SMTP2Go", ("smtp2go",), "smtp2go://USER@DOMAIN/API_KEY/TO"),
    Service("Spike.sh", ("spike",), "spike://TOKEN"),
    Service("Splunk On-Call", ("splunk", "victorops"), "splunk://ROUTING_KEY@API_KEY"),
    Service("Squadcast", ("squadcast",), "squadcast://TOKEN"),
    Service("Synology Chat", ("synologys", "synology"), "synologys://HOST/TOKEN", own_host=True),
    Service("Telnyx", ("telnyx",), "telnyx://API_KEY@FROM/NUMBER/…"),
    Service("Threema Gateway", ("threema",), "threema://%2AGATEWAY_ID@SECRET/TARGET"),
    Service("Viber", ("viber",), "viber://TOKEN/RECEIVER"),
    Service("Vonage", ("vonage", "nexmo"), "vonage://API_KEY:SECRET@FROM/NUMBER/…"),
    Service("Webex", ("wxteams", "webex"), "wxteams://WEBHOOK_TOKEN"),
    Service("WeCom bot", ("wecombot",), "wecombot://BOT_KEY"),
    Service("Zoho Cliq", ("cliq",), "cliq://TOKEN"),
    Service("Zoom", ("zoom",), "zoom://WEBHOOK_ID/TOKEN"),
    Service("Zulip", ("zulip",), "zulip://BOT@ORGANIZATION/TOKEN/STREAM"),
)
BY_SCHEMA = {schema: service for service in SERVICES for schema in service.schemas}
# What has a kind of its own here, which says more and goes through the guarded door.
ELSEWHERE = {
    "discord": "Discord", "slack": "Slack", "tgram": "Telegram", "workflow": "Microsoft Teams",
    "workflows": "Microsoft Teams", "pagerduty": "PagerDuty", "pover": "Pushover", "ntfy": "ntfy", "ntfys": "ntfy",
    "mailto": "Email", "mailtos": "Email", "twilio": "SMS", "whatsapp": "WhatsApp", "json": "Webhook",
    "jsons": "Webhook", "xml": "Webhook", "xmls": "Webhook", "form": "Webhook", "forms": "Webhook",
    "http": "Webhook", "https": "Webhook",
}  # fmt: skip
DANGEROUS = {"attach", "config", "cto", "include", "rto", "template", "tpl", "verify", "redirect", "store"}

_ADDRESS = re.compile(
    r"(?P<schema>[A-Za-z0-9]+)://(?:(?P<user>[^:@/?#]+)(?::(?P<password>[^@/?#]+))?@)?"
    r"(?P<host>[^:@/?#]+)(?::(?P<more>[^/?#]+))?(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?"
)
_PORT = re.compile(r"[0-9]{1,5}")
_HOST = re.compile(r"(?!-)[A-Za-z0-9.-]{1,253}(?<!-)")
_VALUE = re.compile(r"[\w .,:+#@-]{1,100}")


@dataclass(frozen=True)
class Address:
    """An address in parts that mean the same to everybody: nothing in them is an escape."""

    service: Service
    schema: str
    host: str
    user: str = ""
    password: str = ""
    port_or_more: str = ""  # behind a colon: the port of one's own server, else a further word such as a sender
    path: tuple[str, ...] = ()
    params: tuple[tuple[str, str], ...] = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        """The parts that may be secret, the longest first: all but the name of one's own server."""
        place = () if self.service.own_host else (self.host, self.port_or_more)
        parts = filter(None, (self.user, self.password, *place, *self.path))
        return tuple(sorted(parts, key=len, reverse=True))

    @property
    def text(self) -> str:
        """Written anew of its parts. What does not fit into one message is cut by Apprise."""
        login = _quoted(self.user) + (f":{_quoted(self.password)}" if self.password else "")
        place = _quoted(self.host) + (f":{_quoted(self.port_or_more)}" if self.port_or_more else "")
        path = "".join(f"/{_quoted(part)}" for part in self.path)
        params = "&".join(f"{name}={quote(value, safe='')}" for name, value in (*self.params, ("overflow", "truncate")))
        return f"{self.schema}://{f'{login}@' if login else ''}{place}{path or '/'}?{params}"


def read(text: str) -> Address:
    """The parts of an address. Raises ValueError with what is wrong with it and what would be right."""
    schema = text.partition("://")[0].lower()
    service = _service(schema, "://" in text)
    found = _ADDRESS.fullmatch(text)
    if found is None:
        said = " What belongs to a name and is one of : @ / ? # is written as %3A %40 %2F %3F %23."
        raise ValueError(f"{service.label} is addressed as {service.shape}.{said}")
    host, more = unquote(found["host"]), unquote(found["more"] or "")
    if service.own_host:
        _check_host(host, more)
    path = tuple(unquote(part) for part in (found["path"] or "").split("/") if part)
    parts = (host, more, unquote(found["user"] or ""), unquote(found["password"] or ""), *path)
    for part in parts:
        _check_part(part)
    if len(path) > MAX_PARTS:
        raise ValueError(f"This address names {len(path)} receivers and more. At most {MAX_PARTS} parts are read.")
    params = _params(service, found["query"] or "")
    return Address(service, schema, host, parts[2], parts[3], more, path, params)


def _service(schema: str, whole: bool) -> Service:
    service = BY_SCHEMA.get(schema)
    if service:
        return service
    if not whole:
        raise ValueError("Write the whole address, as in gotifys://push.example.com/TOKEN.")
    if schema in ELSEWHERE:
        raise ValueError(f"{schema}:// is not sent from here. Add a channel of the kind {ELSEWHERE[schema]} instead.")
    raise ValueError(f"{schema[:40]}:// is none of the services offered here. They are listed below.")


def _check_host(host: str, port: str) -> None:
    if not _HOST.fullmatch(host):
        raise ValueError(f"“{host[:60]}” is not the name of a server. Write it as in push.example.com.")
    if port and not (_PORT.fullmatch(port) and 0 < int(port) < 65_536):
        raise ValueError(f"“{port[:20]}” is no port. Write a number up to 65535.")


def _check_part(part: str) -> None:
    if not part.isprintable() and part:
        raise ValueError("There is a control character in this address. Take it out.")
    if part in {".", ".."} or "\\" in part:
        raise ValueError(f"“{part[:40]}” cannot be part of an address. Take it out.")


def _params(service: Service, query: str) -> tuple[tuple[str, str], ...]:
    found = parse_qsl(query, keep_blank_values=True)
    known = f"It may have {', '.join(service.params)}." if service.params else "It has none here."
    for name, value in found:
        if name.lower() in DANGEROUS or name[:1] in "+-: ":
            raise ValueError(
                f"The parameter “{name.strip()[:40]}” is refused: it could read files of this server, or change how "
                "requests are made. Take it out."
            )
        if name not in service.params:
            raise ValueError(f"{service.label} has no parameter “{name[:40]}” here. {known}")
        if not _VALUE.fullmatch(value):
            raise ValueError(f"The parameter {name} may hold letters, digits and . , : + # @ -, up to 100 of them.")
    return tuple(dict(found).items())


def _quoted(part: str) -> str:
    return quote(part, safe="+=,!*")
