"""An S3-compatible store that believes nobody: every request's signature is computed again with botocore."""

import contextlib
import hashlib
import re
import socket
import struct
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEY_ID, SECRET, REGION, BUCKET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "eu-test-1", "ticks"
PAGE = 2  # names in one answer to a listing: few, so that there is a second page


class Store:
    """`objects` is what it holds; `trouble` is what comes before the next requests are served, one word each."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.trouble: deque[str | None] = deque()  # a status, "cut", "cut half", "late", or None
        self.requests: list[str] = []
        store = self

        class Handler(_Handler):
            held = store

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    held: Store
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        self.query = dict(parse_qsl(url.query, keep_blank_values=True))
        self.held.requests.append(f"{self.command} {self.path}")
        trouble = self.held.trouble.popleft() if self.held.trouble else None
        if trouble == "late":
            self._answer(200, _error("InternalError", "Noticed while the answer had begun."))
        elif trouble == "cut":
            self._cut(b"")
        elif trouble and trouble != "cut half":
            self._answer(int(trouble), _error("SlowDown", "Please try again."))
        elif complaint := self._complaint(body):
            self._answer(403, _error(*complaint))
        else:
            self.half = trouble == "cut half"
            path = unquote(url.path).removeprefix(f"/{BUCKET}/")
            getattr(self, self.command.lower())(path, body)

    do_GET = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815 - so BaseHTTPRequestHandler finds them

    # Who asks
    def _complaint(self, body: bytes) -> tuple[str, str] | None:
        found = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request, SignedHeaders=(\S+), "
            r"Signature=([0-9a-f]{64})",
            self.headers.get("Authorization", ""),
        )
        if not found or found[1] != KEY_ID:
            return "InvalidAccessKeyId", "The key is not known here."
        if found[3] != REGION:
            return "AuthorizationHeaderMalformed", f"The region is {REGION}."
        if hashlib.sha256(body).hexdigest() != self.headers["x-amz-content-sha256"]:
            return "XAmzContentSHA256Mismatch", "The content is not what was signed."
        if not {"host", "x-amz-content-sha256", "x-amz-date"} <= set(found[4].split(";")):
            return "AccessDenied", "A header that must be signed is not."
        if self._signature(found[4].split(";"), body) != found[5]:
            return "SignatureDoesNotMatch", "Check your key & signing method."
        return None

    def _signature(self, names: list[str], body: bytes) -> str:
        headers = {name: self.headers[name] for name in names}
        request = AWSRequest(self.command, f"http://{self.headers['host']}{self.path}", headers, body)
        request.context["timestamp"] = self.headers["x-amz-date"]
        signer = S3SigV4Auth(Credentials(KEY_ID, SECRET), "s3", REGION)
        return signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)

    # What it does
    def put(self, path: str, body: bytes) -> None:
        if "uploadId" in self.query:
            self.held.uploads[self.query["uploadId"]][int(self.query["partNumber"])] = body
        else:
            self.held.objects[path] = body
        self._answer(200, "", ETag=f'"{hashlib.md5(body).hexdigest()}"')

    def post(self, path: str, body: bytes) -> None:
        if "uploads" in self.query:
            upload = f"up/load+{len(self.held.uploads)}"
            self.held.uploads[upload] = {}
            return self._answer(200, f"<R><UploadId>{escape(upload)}</UploadId></R>")
        parts = self.held.uploads[self.query["uploadId"]]
        asked = re.findall(r"<PartNumber>(\d+)</PartNumber><ETag>([^<]+)</ETag>", body.decode())
        known = [(str(n), f"&quot;{hashlib.md5(data).hexdigest()}&quot;") for n, data in sorted(parts.items())]
        if asked != known:
            return self._answer(400, _error("InvalidPart", "These are not the parts."))
        self.held.objects[path] = b"".join(data for _, data in sorted(parts.items()))
        del self.held.uploads[self.query["uploadId"]]
        return self._answer(200, "<CompleteMultipartUploadResult/>")

    def delete(self, path: str, body: bytes) -> None:
        self.held.uploads.pop(self.query["uploadId"])
        self._answer(204, "")

    def get(self, path: str, body: bytes) -> None:
        if "list-type" in self.query:
            return self._list()
        if path not in self.held.objects:
            return self._answer(404, _error("NoSuchKey", "There is no such key."))
        data = self.held.objects[path]
        return self._cut(data[: len(data) // 2], len(data)) if self.half else self._answer(200, data)

    def _list(self) -> None:
        after = self.query.get("continuation-token", "")
        names = sorted(n for n in self.held.objects if n.startswith(self.query["prefix"]) and n > after)
        keys = "".join(f"<Contents><Key>{escape(name)}</Key></Contents>" for name in names[:PAGE])
        more = f"<NextContinuationToken>{escape(names[PAGE - 1])}</NextContinuationToken>" if names[PAGE:] else ""
        self._answer(200, f"<ListBucketResult>{keys}{more}</ListBucketResult>")

    def _answer(self, status: int, body: str | bytes, **headers: str) -> None:
        data = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _cut(self, data: bytes, promised: int = 0) -> None:
        """Break the connection off, after `data` of the `promised` bytes."""
        if promised:
            self.send_response(200)
            self.send_header("Content-Length", str(promised))
            self.end_headers()
            self.wfile.write(data)
        else:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: object) -> None: ...


def _error(code: str, message: str) -> str:
    return f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
