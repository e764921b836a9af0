"""SMTP: hand one mail to the server of the settings, by the standard library."""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Final

from ingestion.mail_settings import MailSecurity, MailSettings

TIMEOUT: Final = 20.0
"""Seconds for each answer of the server."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """A mail as it goes to the server.

    Attributes:
        id: The same at each attempt.
        written_at: When it was caused.
    """

    id: str
    recipient: str
    subject: str
    body: str
    written_at: datetime


class NotSent(Exception):
    """The server did not take a mail.

    Attributes:
        why: For people: the server's answer or ours, without the mail.
        for_good: Whether another attempt would change nothing.
    """

    def __init__(self, why: str, *, for_good: bool = False) -> None:
        super().__init__(why)
        self.why, self.for_good = why, for_good


def message_of(settings: MailSettings, mail: Message) -> EmailMessage:
    """Return the mail with its headers; a header that holds a line break is refused.

    Raises:
        ValueError: A header is not one line.
    """
    made = EmailMessage(policy=SMTP)
    made["From"] = Address(display_name=settings.name, addr_spec=settings.address)
    made["To"] = Address(addr_spec=mail.recipient)
    made["Subject"] = mail.subject
    made["Date"] = mail.written_at
    made["Message-ID"] = f"<{mail.id}@{settings.address.rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"
    made["Content-Language"] = "fr"
    made.set_content(mail.body, charset="utf-8", cte="quoted-printable")
    return made


def send(settings: MailSettings, mail: Message, timeout: float = TIMEOUT) -> None:
    """Hand a mail to the server; when this returns, the server has taken it.

    Raises:
        NotSent: It has not, or not said so in time.
    """
    try:
        message = message_of(settings, mail)
    except ValueError as error:
        raise NotSent("un en-tête n’est pas d’une seule ligne", for_good=True) from error
    try:
        _hand_over(settings, message, timeout)
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()), (550, b""))
        raise NotSent(f"adresse refusée : {_said(code, said)}", for_good=code >= 500) from error
    except smtplib.SMTPAuthenticationError as error:
        raise NotSent(f"nom ou mot de passe refusé : {error.smtp_code}") from error
    except smtplib.SMTPResponseException as error:
        is_data = isinstance(error, smtplib.SMTPDataError | smtplib.SMTPSenderRefused)
        why = f"refusé par le serveur : {_said(error.smtp_code, error.smtp_error)}"
        raise NotSent(why, for_good=is_data and error.smtp_code >= 500) from error
    except smtplib.SMTPNotSupportedError as error:
        raise NotSent("le serveur ne propose pas STARTTLS ou l’identification : rien n’est envoyé en clair") from error
    except ssl.SSLError as error:
        raise NotSent(f"certificat du serveur refusé : {error.reason or 'illisible'}") from error
    except (smtplib.SMTPException, OSError) as error:
        raise NotSent(f"le serveur ne répond pas : {type(error).__name__}") from error


def _hand_over(settings: MailSettings, message: EmailMessage, timeout: float) -> None:
    context = ssl.create_default_context(cafile=str(settings.ca) if settings.ca is not None else None)
    host, port = settings.host, settings.port
    server: smtplib.SMTP
    if settings.security is MailSecurity.TLS:
        server = smtplib.SMTP_SSL(host, port, timeout=timeout, context=context)
    else:
        server = smtplib.SMTP(host, port, timeout=timeout)
    try:
        server.ehlo()
        if settings.security is MailSecurity.STARTTLS:
            server.starttls(context=context)
            server.ehlo()
        if settings.user:
            server.login(settings.user, settings.password.get_secret_value())
        server.send_message(message)
    except BaseException:
        server.close()
        raise
    with suppress(smtplib.SMTPException, OSError):  # it has taken the mail: how it says goodbye changes nothing
        server.quit()


def _said(code: int, words: bytes | str) -> str:
    """Return a server's answer as one short line."""
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return f"{code} {' '.join(text.split())}"[:200]
