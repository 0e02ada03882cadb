"""B7: somebody else answers in the broker's place, or the password has changed. Nobody hears it, and we say so."""

import pytest
import redis
from celery import Celery
from kombu.exceptions import OperationalError

from tests.helpers import wait_until
from tests.servers import Authority, Server
from uptime import queues

SECRET = "password-of-the-site"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


class Impostor:
    """Answers with TLS, and writes down what it is told."""

    def __init__(self) -> None:
        self.heard = b""

    def __call__(self, _server, connection) -> None:
        self.heard += connection.recv(4096)
        connection.sendall(b"-ERR who are you?\r\n")


def publish(url: str) -> None:
    app = Celery("site", set_as_current=False, fixups=[])
    app.conf.update(queues.configuration(url, "site", "", ["control"]), task_publish_retry=False)
    app.send_task("probe", queue="control")


@pytest.mark.parametrize("address", ["rediss://:{secret}@127.0.0.1:{port}/0", "amqps://u:{secret}@127.0.0.1:{port}/v"])
def test_an_unknown_authority_is_told_nothing(address, authority):
    impostor = Impostor()
    with Server(impostor, tls=authority.context("127.0.0.1")) as server:
        with pytest.raises((OperationalError, OSError)):
            publish(address.format(secret=SECRET, port=server.port))
        wait_until(lambda: server.connections)
    assert impostor.heard == b""


@pytest.mark.parametrize(("name", "days"), [("elsewhere.example", (-1, 30)), ("127.0.0.1", (-30, -1))])
def test_neither_is_one_with_another_name_or_an_expired_certificate(name, days, authority):
    impostor = Impostor()
    with Server(impostor, tls=authority.context(name, days=days)) as server:
        url = f"rediss://:{SECRET}@127.0.0.1:{server.port}/0?ssl_ca_certs={authority.ca_file}"
        with pytest.raises(OperationalError, match="CERTIFICATE_VERIFY_FAILED"):
            publish(url)
    assert impostor.heard == b""


def test_the_genuine_one_is_spoken_to(authority):
    genuine = Impostor()
    with (
        Server(genuine, tls=authority.context("127.0.0.1")) as server,
        pytest.raises((OperationalError, redis.RedisError)),
    ):
        publish(f"rediss://:{SECRET}@127.0.0.1:{server.port}/0?ssl_ca_certs={authority.ca_file}")
    assert SECRET.encode() in genuine.heard
