"""A real SMTP server for tests."""

from email import message_from_bytes
from email.policy import default

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult


class Inbox(Controller):
    """A real SMTP server on a free port of this machine that keeps what it takes.

    `refuse`: what it answers to every message; `unknown`: addresses it does not know; `drops`: so many messages are
    taken without a word, and the connection is broken off."""

    def __init__(self, **options):
        self.messages, self.logins, self.refuse, self.unknown, self.drops = [], [], "", set(), 0
        super().__init__(self, hostname="127.0.0.1", port=0, **options)

    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()

    @property
    def url(self):
        return f"smtp://127.0.0.1:{self.port}/"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.unknown:
            return "550 5.1.1 No such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.refuse:
            return self.refuse
        self.messages.append(message_from_bytes(envelope.content, policy=default))
        self.recipients = envelope.rcpt_tos
        if self.drops:
            self.drops -= 1
            server.transport.abort()
        return "250 OK"

    def authenticate(self, server, session, envelope, mechanism, data):
        self.logins.append((data.login.decode(), data.password.decode()))
        right = data.password == b"s3cret/:@"
        return AuthResult(success=right, handled=right)
