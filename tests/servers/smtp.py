"""A real SMTP server on loopback, which keeps what it takes and can refuse, wait or speak TLS."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from tests.servers.process import free_port


class Box:
    """What the server took, and how it answers.

    Attributes:
        taken: Mails, with their headers decoded.
        raw: The same, as they came.
        refuse: Answer to a recipient; empty: all are taken.
        refuse_data: Answer to the text; empty: it is taken.
        slow: Seconds before the answer to the text.
        logins: Names and passwords that were given.
    """

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.recipients: list[list[str]] = []
        self.refuse = ""
        self.refuse_data = ""
        self.slow = 0.0
        self.logins: list[tuple[str, str]] = []

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        if self.refuse:
            return self.refuse
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        if self.refuse_data:
            return self.refuse_data
        self.raw.append(envelope.content)
        self.recipients.append(list(envelope.rcpt_tos))
        self.taken.append(message_from_bytes(envelope.content, policy=policy.SMTP))  # type: ignore[arg-type]
        if self.slow:
            time.sleep(self.slow)
        return "250 taken"

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        if isinstance(given, LoginPassword):
            self.logins.append((given.login.decode(), given.password.decode()))
        return AuthResult(success=bool(self.logins) and self.logins[-1][1] == "s:cr@t", handled=False)


@contextmanager
def smtp(certificate: Path | None = None, *, asks: bool = False) -> Iterator[tuple[Box, int]]:
    """Serve on a free port; with a certificate by STARTTLS, which is then demanded.

    Args:
        asks: Whether it demands a name and a password.
    """
    box, context = Box(), None
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
    server = Controller(
        box,
        hostname="127.0.0.1",
        port=free_port(),
        tls_context=context,
        require_starttls=context is not None,
        auth_required=asks,
        auth_require_tls=context is not None,
        authenticator=box.authenticate,
    )
    server.start()
    try:
        yield box, server.port
    finally:
        server.stop()
