"""A stand-in for Twilio that refuses what Twilio refuses.

Pages of https://www.twilio.com/docs: messaging/api/message-resource and voice/api/call-resource (fields and answers),
usage/twilios-response (shape of errors), api/errors/20003, 20429, 21211, 21609, 21617, 21654, 32018 (limits).
"""

import base64
import json
import re
from urllib.parse import parse_qs, urlsplit

from tests.servers import Target, answer

ACCOUNT, TOKEN = "AC" + "0" * 31 + "1", "0123456789abcdef0123456789abcdef"
E164 = re.compile(r"(whatsapp:)?\+[1-9][0-9]{6,14}")
PROOF = "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()


class Twilio(Target):
    """Takes messages and calls; `said` holds the fields of those that were taken."""

    def __init__(self):
        super().__init__()
        self.said = []
        self.does(self._take)

    def says(self, status, code, message, **headers):
        """From now on, this error."""
        self.does(error(status, code, message, **headers))

    def _take(self, target, connection, seen):
        fields = {name: values[0] for name, values in parse_qs(seen.body.decode(), keep_blank_values=True).items()}
        calls = seen.path.endswith("/Calls.json")
        problem = _account(seen) or (_call(fields) if calls else _message(fields)) or _common(fields)
        if problem:
            return error(*problem)(target, connection, seen)
        self.said.append(fields)
        sid = ("CA" if calls else "SM") + f"{len(self.said):032x}"
        return answer(201, json.dumps({"sid": sid, "status": "queued", "error_code": None}))(target, connection, seen)


def error(status, code, message, **headers):
    more = f"https://www.twilio.com/docs/errors/{code}"
    body = {"code": code, "message": message, "more_info": more, "status": status}
    return answer(status, json.dumps(body), Content_Type="application/json", **headers)


def _account(seen):
    if seen.headers.get("authorization") != PROOF:
        return 401, 20003, "Authenticate"
    if not re.fullmatch(rf"/2010-04-01/Accounts/{ACCOUNT}/(Messages|Calls)\.json", seen.path) or seen.method != "POST":
        return 404, 20404, f"The requested resource {seen.path} was not found"
    return None


def _message(fields):
    body = fields.get("Body", "")
    if len(body) > 1600:
        return 400, 21617, "The concatenated message body exceeds the 1600 character limit"
    if "ContentVariables" in fields and "ContentSid" not in fields:
        return 400, 21654, "ContentSid Required"
    if not body and "ContentSid" not in fields:
        return 400, 21619, "A text message body or media urls must be specified."
    if not fields.get("From") and not fields.get("MessagingServiceSid"):
        return 400, 21603, "A 'From' phone number is required."
    return None


def _call(fields):
    if not fields.get("Url") and not fields.get("Twiml"):
        return 400, 21205, "Url parameter is required."
    if len(fields.get("Twiml", "")) > 4000:
        return 400, 32018, "Twiml size exceeded maximum allowed value of 4000 characters"
    if not E164.fullmatch(fields.get("From", "")):
        return 400, 21212, f"Invalid From Number (caller ID): {fields.get('From')}"
    return None


def _common(fields):
    if not E164.fullmatch(fields.get("To", "")):
        return 400, 21211, f"The 'To' number {fields.get('To')} is not a valid phone number."
    host = urlsplit(fields.get("StatusCallback", "https://a.example/")).hostname or ""
    if "." not in host or "_" in host:
        return 400, 21609, "Invalid 'StatusCallback'"
    return None
