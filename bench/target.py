"""What is checked: nginx on loopback with a connection per request, and a port that accepts and never answers.

Where nginx is not installed, a small server of our own takes its place (bench/website.py); the table says which.
"""

import json
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import certifi
import trustme

BODY = "x" * 612  # the size of nginx's own welcome page
NGINX = """
daemon off; master_process off; worker_processes 1; worker_rlimit_nofile 20000;
pid {folder}/nginx.pid; error_log {folder}/error.log crit;
events {{ worker_connections 16000; }}
http {{
    access_log off; keepalive_timeout 0; default_type text/html;
    client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
    ssl_certificate {folder}/chain.pem; ssl_certificate_key {folder}/key.pem;
    ssl_session_tickets off; ssl_session_cache off; ssl_protocols TLSv1.2 TLSv1.3;
    server {{
        listen 127.0.0.1:{http} backlog=4096; listen 127.0.0.1:{https} ssl backlog=4096;
        location / {{ return 200 "{body}"; }}
    }}
}}
"""


class Target:
    """A context manager; `https` shows a certificate of an authority in `ca_file`, which holds Mozilla's too."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca_file = folder / "authorities.pem"
        self.nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
        self._processes: list[subprocess.Popen[str]] = []

    @property
    def kind(self) -> str:
        return "nginx" if self.nginx else "our own small server"

    def __enter__(self) -> "Target":
        self.folder.mkdir(parents=True)
        self._make_certificate()
        ports = self._start_website()
        self.hanging = f"http://127.0.0.1:{ports['hanging']}"
        if self.nginx:
            ports = self._start_nginx()
        self.http, self.https = (f"{scheme}://127.0.0.1:{ports[scheme]}" for scheme in ("http", "https"))
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.terminate()
            process.wait(10)

    def _make_certificate(self) -> None:
        """ECDSA P-256 is what trustme makes, and what most sites have today."""
        authority = trustme.CA()
        certificate = authority.issue_cert("127.0.0.1")
        certificate.private_key_pem.write_to_path(self.folder / "key.pem")
        for part in certificate.cert_chain_pems:
            part.write_to_path(self.folder / "chain.pem", append=True)
        self.ca_file.write_bytes(Path(certifi.where()).read_bytes())
        authority.cert_pem.write_to_path(self.ca_file, append=True)

    def _start_website(self) -> dict[str, int]:
        command = [sys.executable, "-m", "bench.website", str(self.folder), "hanging" if self.nginx else "everything"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._processes.append(process)
        assert process.stdout is not None
        return json.loads(process.stdout.readline())

    def _start_nginx(self) -> dict[str, int]:
        ports = {"http": free_port(), "https": free_port()}
        path = self.folder / "nginx.conf"
        path.write_text(NGINX.format(folder=self.folder, body=BODY, **ports))
        command = [self.nginx, "-p", str(self.folder), "-c", str(path), "-e", str(self.folder / "start.log")]
        self._processes.append(subprocess.Popen(command, text=True))
        deadline = time.monotonic() + 10
        while not all(listens(port) for port in ports.values()):
            if time.monotonic() > deadline:
                raise RuntimeError(f"nginx does not start: {(self.folder / 'start.log').read_text()}")
            time.sleep(0.05)
        return ports


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
