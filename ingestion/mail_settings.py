"""Settings of mail: which server takes ours, under whose name. Read once."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, SecretStr

from archive.model.mails import is_address, is_line


class MailSecurity(StrEnum):
    """How the way to the server is protected."""

    STARTTLS = "smtp"
    """Demanded: without it nothing is said, neither password nor mail."""
    TLS = "smtps"
    """From the first byte."""
    NONE = "smtp+plain"
    """Nothing: only to a server on this machine."""


_PORTS: Final = {MailSecurity.STARTTLS: 587, MailSecurity.TLS: 465, MailSecurity.NONE: 25}


class MailSettings(BaseModel):
    """Settings of mail, whole: a server and a sender."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    security: MailSecurity
    host: str
    port: int
    user: str = ""
    password: SecretStr = SecretStr("")
    ca: Path | None = None
    """PEM of the authority behind the server; None: the system's."""
    name: str = ""
    """Name of the sender, before the address."""
    address: str


def mail_settings(url: str, ca: str, sender: str) -> MailSettings | None:
    """Read the settings of mail; None where no server is set.

    Raises:
        ValueError: A fault, in words, without the password.
    """
    if not url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError("SMTP_URL: not a URL") from error
    if parts.scheme not in set(MailSecurity):
        raise ValueError(f"SMTP_URL: {', '.join(f'{one}://' for one in MailSecurity)}")
    security, host = MailSecurity(parts.scheme), parts.hostname or ""
    if not host or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("SMTP_URL: a scheme, perhaps a user and a password, a host, perhaps a port")
    if security is MailSecurity.NONE and not _is_here(host):
        raise ValueError("SMTP_URL: smtp+plain:// only to this machine; smtp:// demands STARTTLS")
    name, address = _sender(sender)
    return MailSettings(
        security=security,
        host=host,
        port=port or _PORTS[security],
        user=unquote(parts.username or ""),
        password=SecretStr(unquote(parts.password or "")),
        ca=Path(ca) if ca else None,
        name=name,
        address=address,
    )


def _sender(written: str) -> tuple[str, str]:
    """Read « Archives <archives@mairie.example> », or an address alone."""
    name, opened, rest = written.strip().rpartition("<")
    address = rest.removesuffix(">").strip() if opened else written.strip()
    name = name.strip().strip('"')
    if not is_address(address) or not is_line(name) or set(name) & set('<>,;@"'):
        raise ValueError("MAIL_FROM: an address, perhaps with a name: Archives <archives@mairie.example>")
    return name, address


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
