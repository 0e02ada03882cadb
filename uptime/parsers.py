"""How bodies of REST calls are read."""

import io
import json

from rest_framework import exceptions, status
from rest_framework.parsers import JSONParser

MAX_BODY = 1024 * 1024  # bytes; no body of ours comes near it


class TooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = f"The body is larger than {MAX_BODY} bytes."


class BodyParser(JSONParser):
    """A JSON object in UTF-8 (RFC 8259, section 8.1), of bounded size, whose text can be stored.

    Raises ParseError for anything else: the plain parser lets deep nesting and lone surrogates through, to become
    an error of ours.
    """

    def parse(self, stream, media_type=None, parser_context=None):
        raw = stream.read(MAX_BODY + 1)
        if len(raw) > MAX_BODY:
            raise TooLarge
        try:
            body = super().parse(io.BytesIO(raw), media_type, {"encoding": "utf-8"})
            json.dumps(body, ensure_ascii=False).encode()
        except (RecursionError, UnicodeError) as error:
            raise exceptions.ParseError("The body holds text that cannot be stored, or is nested too deep.") from error
        if not isinstance(body, dict):
            raise exceptions.ParseError('Send one JSON object, such as {"url": "https://example.com"}.')
        return body
