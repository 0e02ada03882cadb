"""What the environment of a worker says of proxies, passwords and trusted authorities moves no kind of check.

A real process with hostile values of every variable that libraries are known to read. Kinds are found through the
registry.
"""

from contextlib import ExitStack

import pytest

from monitors.domain.verdict import Vote
from monitors.probes.kinds import probed_kinds
from monitors.probes.reasons import Reason
from tests.certificates import Pki, authority
from tests.helpers import wait_until
from tests.monitors.probes.conftest import check_of
from tests.monitors.probes.test_forbidden_places import ASKED, target_of, walls
from tests.prober_process import ProberProcess
from tests.servers import Server, Target

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "ws_proxy", "wss_proxy", "socks_proxy", "ftp_proxy")
FILES = ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE")


def hostile(folder, port, ca_file):
    """Everything that could lead a check astray, or make it trust a stranger."""
    netrc = folder / ".netrc"
    netrc.write_text("machine 127.0.0.2 login alice password s3cret\ndefault login bob password s3cret\n")
    netrc.chmod(0o600)
    (folder / ".curlrc").write_text(f"proxy = http://127.0.0.1:{port}\ninsecure\n")
    proxy = f"http://alice:s3cret@127.0.0.1:{port}"
    return {
        **{name: proxy for each in PROXIES for name in (each, each.upper())},
        **dict.fromkeys(FILES, str(ca_file)),
        "HOME": str(folder),
        "CURL_HOME": str(folder),
        "NETRC": str(netrc),
        "SSL_CERT_DIR": str(folder),
        "no_proxy": "",
        "NO_PROXY": "",
        "PYTHONHTTPSVERIFY": "0",
        "SSL_VERIFY": "0",
        "HOSTALIASES": str(folder / "aliases"),
        "LOCALDOMAIN": "evil.example",
        "RES_OPTIONS": "ndots:9",
    }


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return Pki(tmp_path_factory.mktemp("environment"))


def test_no_kind_asks_a_proxy_or_sends_a_password_of_the_environment(tmp_path, pki):
    """The target is 127.0.0.2; the proxy that is named everywhere is 127.0.0.1, where nobody may connect."""
    heard = []

    def listen(_server, connection):
        heard.append(connection.recv(65_536))

    with walls() as port, Server(listen, "127.0.0.2") as server:
        with ProberProcess(allow_private=True, environment=hostile(tmp_path, port, pki.ca_file)) as prober:
            kinds = [kind for kind in probed_kinds() if kind.name not in {"ping", "dns"}]  # those connect to no port
            checks = [
                check_of(
                    target_of(kind, server.host, server.port).replace("https:", "http:").replace("wss:", "ws:"),
                    kind=kind.name,
                    monitor=number,
                    timeout_ms=1900,
                    lateness_ms=60_000,
                    **ASKED.get(kind.name, {}),
                )
                for number, kind in enumerate(kinds, 1)
            ]
            prober.submit(*checks)
            wait_until(lambda: len(prober.order) == len(checks), timeout=60, what="all outcomes")
        assert server.connections >= len([kind for kind in kinds if kind.has_port or "://" in kind.target_example]) - 1
    assert [each for each in heard if b"s3cret" in each or b"uthorization" in each] == []


def test_no_kind_trusts_an_authority_of_the_environment(tmp_path, pki):
    """One who could name a file of authorities, or switch verification off, could stand in for every target."""
    evil = authority("Evil Root")
    evil_file = tmp_path / "evil.pem"
    evil_file.write_text(evil.pem)
    with ExitStack() as stack:
        bad = stack.enter_context(Target(tls=pki.by(evil)))
        good = stack.enter_context(Target(tls=pki.of()))
        environment = hostile(tmp_path, 9, evil_file)
        prober = ProberProcess(allow_private=True, ca_file=str(pki.ca_file), environment=environment)
        stack.enter_context(prober)
        kinds = [kind for kind in probed_kinds() if "https:" in kind.target_example or "wss:" in kind.target_example]
        kinds += [kind for kind in probed_kinds() if kind.name == "tls"]
        assert {"http", "grpc", "websocket", "tls"} <= {kind.name for kind in kinds}
        checks = [
            check_of(target_of(kind, "127.0.0.1", website.port), kind=kind.name, monitor=start + number)
            for start, website in ((0, bad), (100, good))
            for number, kind in enumerate(kinds, 1)
        ]
        prober.submit(*checks)
        wait_until(lambda: len(prober.order) == len(checks), timeout=60, what="all outcomes")
        for number, kind in enumerate(kinds, 1):
            assert prober.heard(number).outcome.reason is Reason.TLS_UNTRUSTED, kind.name
            assert prober.heard(100 + number).outcome.reason not in {Reason.TLS_UNTRUSTED, Reason.TLS_ERROR}, kind.name
        http = 1 + [kind.name for kind in kinds].index("http")
        assert prober.heard(100 + http).outcome.vote is Vote.UP
