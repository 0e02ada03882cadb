"""When the first certificate of a chain ends, read as cheaply as a check allows.

The same few certificates are seen again and again, so what was read of one is remembered by its bytes. The bytes are a
stranger's: what cannot be read has no end, and says nothing against the others.
"""

import ssl
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache

from cryptography import x509

from monitors.domain.slots import Ms
from monitors.probes.base import MAX_TIME


@lru_cache(maxsize=4096)
def moment(text: bytes) -> float | None:
    """Seconds since the epoch of a date as OpenSSL writes it ("Jan 27 05:00:00 2027 GMT"); None: it is none."""
    try:
        return ssl.cert_time_to_seconds(text.decode("ascii"))
    except ValueError:
        return None


def first_end(raw: Iterable[Iterable[tuple[bytes, bytes]]]) -> Ms | None:
    """Of a chain as libcurl describes it (CURLINFO_CERTINFO), the earliest end; None: none can be read."""
    ends = [moment(value) for fields in raw for name, value in fields if name == b"Expire date"]
    return _as_ms([each for each in ends if each is not None])


def first_end_of(chain: Iterable[bytes]) -> Ms | None:
    """Of a chain in DER, the earliest end; None: none can be read."""
    return _as_ms([each for each in map(_end, chain) if each is not None])


@lru_cache(maxsize=1024)
def _end(der: bytes) -> float | None:
    with suppress(Exception):  # whatever the parser has to say of them
        return x509.load_der_x509_certificate(der).not_valid_after_utc.timestamp()
    return None


def _as_ms(ends: list[float]) -> Ms | None:
    """Within what everybody can write down: a certificate may claim the year 9999, or one before 1970."""
    return min(MAX_TIME, max(0, int(min(ends) * 1000))) if ends else None
