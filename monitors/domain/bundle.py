"""Evidence as it is read: a bundle is JSON from a region, so whatever in it is not as expected is as if it were absent.

How a bundle is put together is in monitors/probes/evidence.py; these are its keys.
"""

from dataclasses import dataclass, field
from typing import Any, Self

PHASES = ("dns", "connect", "tls", "first_byte", "transfer")
MOST = 200  # items of any list that are looked at


@dataclass(frozen=True)
class Name:
    """What a name was resolved to. `answers`: the replies in short; `count`: addresses, those not kept included."""

    host: str
    addresses: list[str]
    count: int
    ttl: float | None
    answers: list[str]

    @property
    def more(self) -> int:
        return max(0, self.count - len(self.addresses))


@dataclass(frozen=True)
class Certificate:
    """`names`: what it covers; `start`, `end`: ISO 8601 in UTC; `sha256`: of the whole certificate."""

    subject: str
    issuer: str
    names: list[str]
    count: int
    start: str
    end: str
    sha256: str

    @property
    def more(self) -> int:
        return max(0, self.count - len(self.names))


@dataclass(frozen=True)
class Hop:
    """An answer that sent us elsewhere."""

    status: int | None
    url: str


@dataclass(frozen=True)
class Body:
    """`text`: its beginning; `size`: bytes that were read; `sha256`: of all of these, where all of them were kept."""

    text: str
    size: int | None
    sha256: str
    cut: bool

    @property
    def is_whole(self) -> bool:
        """Whether `text` is all that was read."""
        return not self.cut and self.size is not None and len(self.text.encode("utf-8", "replace")) >= self.size


@dataclass(frozen=True)
class Bundle:
    """What one check came across. `said`: what the other side of a conversation said; `records`: of DNS."""

    names: list[Name] = field(default_factory=list)
    address: str = ""
    tried: list[str] = field(default_factory=list)
    url: str = ""
    method: str = ""
    protocol: str = ""
    tls: str = ""
    cipher: str = ""
    certificates: list[Certificate] = field(default_factory=list)
    redirects: list[Hop] = field(default_factory=list)
    status: int | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    headers_left_out: int = 0
    body: Body | None = None
    said: str = ""
    records: list[str] | None = None
    phases: dict[str, float] = field(default_factory=dict)
    response_ms: float | None = None

    @classmethod
    def of(cls, value: object) -> Self:
        """Reads any JSON, and raises nothing."""
        found = _object(value)
        body = found.get("body")
        spent = _list(found.get("phases"))
        return cls(
            names=[_name(each) for each in _objects(found.get("names"))],
            address=_text(found.get("address")),
            tried=_texts(found.get("tried")),
            url=_text(found.get("url")),
            method=_text(found.get("method")),
            protocol=_text(found.get("protocol")),
            tls=_text(found.get("tls")),
            cipher=_text(found.get("cipher")),
            certificates=[_certificate(each) for each in _objects(found.get("certificates"))],
            redirects=[
                Hop(_whole(each.get("status")), _text(each.get("url"))) for each in _objects(found.get("redirects"))
            ],
            status=_whole(found.get("status")),
            headers=[(_text(n), _text(v)) for n, v in _pairs(found.get("headers"))],
            headers_left_out=_whole(found.get("headers_left_out")) or 0,
            body=_body(body) if isinstance(body, dict) else None,
            said=_text(found.get("said")),
            records=_texts(found["records"]) if isinstance(found.get("records"), list) else None,
            phases={n: ms for n, ms in zip(PHASES, map(_number, spent), strict=False) if ms is not None},
            response_ms=_number(found.get("response_ms")),
        )

    def header(self, name: str) -> str:
        """The first value of a header, or ""."""
        return next((value for key, value in self.headers if key == name), "")


def _name(found: dict[str, Any]) -> Name:
    addresses = _texts(found.get("addresses"))
    count = _whole(found.get("count"))
    ttl = _number(found.get("ttl"))
    return Name(_text(found.get("host")), addresses, count or len(addresses), ttl, _texts(found.get("answers")))


def _certificate(found: dict[str, Any]) -> Certificate:
    names = _texts(found.get("names"))
    words = (_text(found.get(key)) for key in ("start", "end", "sha256"))
    count = _whole(found.get("count")) or len(names)
    return Certificate(_text(found.get("subject")), _text(found.get("issuer")), names, count, *words)


def _body(found: dict[str, Any]) -> Body:
    size = _whole(found.get("size"))
    return Body(_text(found.get("text")), size, _text(found.get("sha256")), found.get("cut") is True)


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value[:MOST] if isinstance(value, list) else []


def _objects(value: object) -> list[dict[str, Any]]:
    return [each for each in _list(value) if isinstance(each, dict)]


def _pairs(value: object) -> list[list[Any]]:
    return [each for each in _list(value) if isinstance(each, list) and len(each) == 2]


def _texts(value: object) -> list[str]:
    return [each for each in _list(value) if isinstance(each, str)]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 2**53 else None


def _number(value: object) -> float | None:
    return float(value) if type(value) in (int, float) and 0 <= value < 2**53 else None  # type: ignore[operator, arg-type]
