"""Hands one letter to the mailbox's SMTP server, and knows for certain whether it did, or says that it
doesn't."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

import aiosmtplib
from aiosmtplib import SMTP, SMTPAuthenticationError, SMTPException, SMTPResponseException

from channels.contract import NotSent, Rejected, Retry, Sent, Uncertain
from channels.email.compose import Letter
from channels.email.mailboxes import Server


@dataclass(frozen=True, slots=True)
class Patience:
    """In seconds. ``data`` is how long the server may think after the last byte: RFC 5321 4.5.3.2.6 asks for
    ten minutes, and giving up sooner is how mail gets sent twice."""

    connect: float = 30.0
    command: float = 60.0
    data: float = 630.0


async def send_letter(letter: Letter, server: Server, patience: Patience) -> Sent:
    """Returns when the server took responsibility. Raises :class:`Retry` while nothing can have gone out,
    :class:`Rejected` for a final no, :class:`Uncertain` where the answer to the message itself is missing."""
    client = SMTP(
        hostname=server.host,
        port=server.port,
        local_hostname=letter.sender.rpartition("@")[2],
        timeout=patience.command,
        use_tls=server.security == "tls",
        start_tls=server.security == "starttls",
        tls_context=ssl.create_default_context(cafile=server.ca or None),
    )
    try:
        await _prepare(client, letter, server, patience)
        await _transmit(client, letter, patience)
        return Sent(provider_id=letter.message_id)
    finally:
        client.close()


async def _prepare(client: SMTP, letter: Letter, server: Server, patience: Patience) -> None:
    where = f"{server.host}:{server.port}"
    try:
        await client.connect(timeout=patience.connect)
        if server.user:
            await client.login(server.user, server.password.get_secret_value())
        await client.mail(letter.sender)
        await client.rcpt(letter.recipient)
    except SMTPAuthenticationError as error:
        # Whatever its code, a refused login is mended by the operator, and the letter should then still go.
        raise Retry(f"The SMTP server {where} refuses the login: {_said(error)}", 60_000) from error
    except aiosmtplib.SMTPConnectError as error:
        raise Retry(f"The SMTP server {where} can't be reached: {error}") from error
    except aiosmtplib.SMTPResponseException as error:
        raise _verdict(error, where) from error
    except (SMTPException, OSError, ValueError) as error:
        raise Retry(f"The SMTP server {where} can't be used: {type(error).__name__} {error}") from error


async def _transmit(client: SMTP, letter: Letter, patience: Patience) -> None:
    """From here on a lost answer may mean a sent message."""
    where = f"{client.hostname}:{client.port}"
    try:
        await client.data(letter.data, timeout=patience.data)
    except SMTPResponseException as error:
        raise _verdict(error, where) from error
    except (SMTPException, OSError) as error:
        raise Uncertain(f"The SMTP server {where} didn't say if it took the message: {error}") from error


def _verdict(error: SMTPResponseException, where: str) -> NotSent:
    reason = f"The SMTP server {where} says {_said(error)}"
    return Rejected(reason) if 500 <= error.code < 600 else Retry(reason)


def _said(error: SMTPResponseException) -> str:
    return f"{error.code} {error.message}"[:300]
