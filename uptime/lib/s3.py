"""An S3-compatible bucket as a store: the five requests that takes, each signed with AWS Signature Version 4.

Of what is written nothing larger than one part is held in memory. What fails in passing (a cut connection, 500, 503)
is tried again; every part carries its SHA-256, so that the store itself notices what was damaged on the way.
"""

import hashlib
import hmac
import html
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from io import BufferedIOBase
from urllib.parse import quote, urlsplit

import requests
from requests.auth import AuthBase

from uptime.lib.stores import MissingError, Sink, StoreError

PART = 8 << 20  # bytes; S3 takes parts from 5 MiB on, and 10 000 of them: files up to 80 GiB
PAUSES_S = (0.5, 1.0, 2.0, 4.0)  # before each further try
TIMEOUT_S = (5.0, 60.0)  # to connect, and between two bytes
PASSING = {429, 500, 502, 503, 504}


class Signature(AuthBase):
    """Signs a request: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html."""

    def __init__(self, key_id: str, secret: str, region: str) -> None:
        self._key_id, self._secret, self._region = key_id, secret, region

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        moment = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        scope = f"{moment[:8]}/{self._region}/s3/aws4_request"
        url = urlsplit(str(request.url))
        body = request.body if isinstance(request.body, bytes) else b""
        signed = {
            "host": url.netloc,
            "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
            "x-amz-date": moment,
        }
        names = ";".join(signed)
        lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
        query = "&".join(sorted(url.query.split("&")))
        canonical = "\n".join(
            [str(request.method), url.path, query, lines, names, signed["x-amz-content-sha256"]]
        ).encode()
        text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical).hexdigest()}"
        signature = hmac.new(self._key(scope), text.encode(), hashlib.sha256).hexdigest()
        request.headers.update(signed)
        request.headers["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self._key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
        )
        return request

    def _key(self, scope: str) -> bytes:
        key = f"AWS4{self._secret}".encode()
        for word in scope.split("/"):
            key = hmac.new(key, word.encode(), hashlib.sha256).digest()
        return key


class Bucket:
    """The files under one prefix of a bucket, addressed by path: `endpoint/bucket/prefix/name`."""

    def __init__(self, endpoint: str, name: str, prefix: str, signature: Signature) -> None:
        self._base = f"{endpoint.rstrip('/')}/{quote(name)}"
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._session = requests.Session()
        self._session.auth = signature

    @contextmanager
    def writing(self, name: str) -> Iterator[Sink]:
        upload = Upload(self, name)
        try:
            yield upload
            upload.finish()
        except BaseException:
            upload.abandon()
            raise

    @contextmanager
    def reading(self, name: str) -> Iterator[BufferedIOBase]:
        with tempfile.TemporaryFile() as file:
            for pause in (*PAUSES_S, None):
                file.seek(0)
                file.truncate()
                try:
                    self._download(name, file)
                    break
                except requests.RequestException as error:  # cut off in the middle
                    if pause is None:
                        raise StoreError(f"{self._where(name)} cannot be read: {error}.") from error
                    time.sleep(pause)
            file.seek(0)
            yield file

    def names(self, folder: str) -> list[str]:
        prefix = f"{self._prefix}{folder}/"
        found: list[str] = []
        more = ""
        while True:
            query = {"list-type": "2", "prefix": prefix} | ({"continuation-token": more} if more else {})
            text = self.ask("GET", "", query).text
            keys = [html.unescape(key) for key in re.findall(r"<Key>([^<]*)</Key>", text)]
            found += [key.removeprefix(self._prefix) for key in keys]
            more = _value(text, "NextContinuationToken")
            if not more:
                return sorted(found)

    def ask(
        self, method: str, name: str, query: Mapping[str, str] | None = None, body: bytes = b""
    ) -> requests.Response:
        """One request, tried again while the trouble may pass. Raises StoreError with what the store says."""
        for pause in (*PAUSES_S, None):
            try:
                answer = self._send(method, name, query or {}, body)
            except requests.RequestException as error:
                trouble = StoreError(f"{self._where(name)} cannot be reached: {error}.")
            else:
                if answer.status_code < 300 and "<Error>" not in answer.text[:300]:  # an assembly may fail with 200
                    return answer
                trouble = self._trouble(answer, name)
                if answer.status_code >= 300 and answer.status_code not in PASSING:
                    raise trouble
            if pause is None:
                raise trouble
            time.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _send(
        self, method: str, name: str, query: Mapping[str, str], body: bytes, stream: bool = False
    ) -> requests.Response:
        path = f"{self._base}/{quote(self._prefix + name)}" if name else f"{self._base}/"
        words = "&".join(f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in sorted(query.items()))
        return self._session.request(
            method,
            f"{path}?{words}" if words else path,
            data=body or None,
            timeout=TIMEOUT_S,
            allow_redirects=False,  # a signature counts for one host
            stream=stream,
        )

    def _download(self, name: str, file: BufferedIOBase) -> None:
        with self._send("GET", name, {}, b"", stream=True) as answer:
            if answer.status_code in PASSING:
                raise requests.ConnectionError(f"the store answered {answer.status_code}")
            if answer.status_code != 200:
                raise self._trouble(answer, name)
            for piece in answer.iter_content(1 << 16):
                file.write(piece)

    def _trouble(self, answer: requests.Response, name: str) -> StoreError:
        code = _value(answer.text, "Code")
        message = _value(answer.text, "Message").rstrip(".")
        said = " ".join(word for word in (str(answer.status_code), code, message) if word)
        if code == "NoSuchKey":
            return MissingError(f"{self._where(name)} does not exist.")
        hint = ""
        if 300 <= answer.status_code < 400:
            hint = " The bucket is elsewhere: check ARCHIVE_S3_ENDPOINT and ARCHIVE_S3_REGION."
        elif answer.status_code in {401, 403}:
            hint = " Check ARCHIVE_S3_KEY_ID, ARCHIVE_S3_SECRET and ARCHIVE_S3_REGION, and what that key may do."
        return StoreError(f"{self._where(name)}: the store answered {said}.{hint}")

    def _where(self, name: str) -> str:
        return f"{self._base}/{self._prefix}{name}"


class Upload:
    """A file on its way into a bucket: in one piece while it fits into one, in parts from then on."""

    def __init__(self, bucket: Bucket, name: str) -> None:
        self._bucket, self._name = bucket, name
        self._buffer = bytearray()
        self._id = ""
        self._tags: list[str] = []

    def write(self, data: bytes) -> int:
        self._buffer += data
        while len(self._buffer) > PART:
            self._send_part(bytes(self._buffer[:PART]))
            del self._buffer[:PART]
        return len(data)

    def finish(self) -> None:
        if not self._id:
            self._bucket.ask("PUT", self._name, body=bytes(self._buffer))
            return
        self._send_part(bytes(self._buffer))
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{html.escape(tag)}</ETag></Part>"
            for number, tag in enumerate(self._tags, 1)
        )
        body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
        self._bucket.ask("POST", self._name, {"uploadId": self._id}, body)
        self._id = ""

    def abandon(self) -> None:
        """Free what the parts take up. A store that is away keeps them until its own rules remove them."""
        if self._id:
            with suppress(StoreError):
                self._bucket.ask("DELETE", self._name, {"uploadId": self._id})

    def _send_part(self, data: bytes) -> None:
        if not self._id:
            self._id = _value(self._bucket.ask("POST", self._name, {"uploads": ""}).text, "UploadId")
        query = {"partNumber": str(len(self._tags) + 1), "uploadId": self._id}
        self._tags.append(self._bucket.ask("PUT", self._name, query, data).headers["ETag"])


def _value(text: str, tag: str) -> str:
    """What an answer says between <tag> and </tag>."""
    found = re.search(f"<{tag}>([^<]*)</{tag}>", text)
    return html.unescape(found[1]) if found else ""
