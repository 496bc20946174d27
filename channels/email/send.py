"""Hands one letter to the mailbox's SMTP server, and knows for certain whether it did, or says that it
doesn't."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass

import aiosmtplib
from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPDataError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPResponse,
    SMTPResponseException,
    SMTPSenderRefused,
)
from aiosmtplib.protocol import SMTPProtocol

from channels.contract import NotSent, Rejected, Retry, Sent, Uncertain
from channels.email.compose import Letter
from channels.email.mailboxes import Server
from channels.email.oauth import AccessTokens, NoToken


@dataclass(frozen=True, slots=True)
class Patience:
    """In seconds. ``data`` is how long the server may think after the last byte: RFC 5321 4.5.3.2.6 asks for
    ten minutes, and giving up sooner is how mail gets sent twice. A large letter has the time beside that its bytes
    need on a slow line. All that comes before it, ``begin``, can be given up at any time and begun again."""

    connect: float = 30.0
    command: float = 60.0
    data: float = 630.0
    begin: float = 90.0
    slowest: int = 100_000

    def for_bytes(self, size: int) -> float:
        return self.data + size / self.slowest


async def send_letter(letter: Letter, server: Server, patience: Patience, access: AccessTokens | None = None) -> Sent:
    """Returns when the server took responsibility. Raises :class:`Retry` while nothing can have gone out,
    :class:`Rejected` for a final no, :class:`Uncertain` where the answer to the message itself is missing."""
    client = SMTP(
        hostname=server.host,
        port=server.port,
        local_hostname=(letter.sender or letter.message_id.strip("<>")).rpartition("@")[2],
        timeout=patience.command,
        use_tls=server.security == "tls",
        start_tls=server.security == "starttls",
        tls_context=ssl.create_default_context(cafile=server.ca or None),
    )
    try:
        async with asyncio.timeout(patience.begin):
            await _prepare(client, letter, server, patience, access)
        await _transmit(client, letter, patience)
        return Sent(provider_id=letter.message_id)
    except TimeoutError as error:
        raise Retry(f"The SMTP server {server.host}:{server.port} is too slow.") from error
    finally:
        client.close()


async def _prepare(
    client: SMTP, letter: Letter, server: Server, patience: Patience, access: AccessTokens | None
) -> None:
    where = f"{server.host}:{server.port}"
    try:
        await client.connect(timeout=patience.connect)
        if access is not None:
            await _log_in_by_token(client, server, access)
        elif server.user:
            await client.login(server.user, server.password.get_secret_value())
        await _envelope(client, letter, where)
    except SMTPAuthenticationError as error:
        # Whatever its code, a refused login is mended by the operator, and the letter should then still go.
        raise Retry(f"The SMTP server {where} refuses the login: {_said(error)}", 60_000) from error
    except NoToken as error:
        raise Retry(f"The login to the SMTP server {where} is not possible: {error.reason}", 60_000) from error
    except aiosmtplib.SMTPConnectError as error:
        raise Retry(f"The SMTP server {where} can't be reached: {error}") from error
    except aiosmtplib.SMTPResponseException as error:
        raise _verdict(error, where) from error
    except (SMTPException, OSError, ValueError) as error:
        raise Retry(f"The SMTP server {where} can't be used: {type(error).__name__} {error}") from error


async def _log_in_by_token(client: SMTP, server: Server, access: AccessTokens) -> None:
    """By XOAUTH2; a token that the server turns away is changed for a new one, once."""
    token = await access.access_token()
    try:
        await client.auth_xoauth2(server.user, token)
    except SMTPAuthenticationError:
        await client.auth_xoauth2(server.user, await access.access_token(refused=token))


async def _envelope(client: SMTP, letter: Letter, where: str) -> None:
    """Says from whom to whom; what the server cannot take it isn't given."""
    if client.is_ehlo_or_helo_needed:
        await client.ehlo()
    largest = client.esmtp_extensions.get("size", "").strip()
    if largest.isdigit() and 0 < int(largest) < len(letter.data):
        size, most = _megabytes(len(letter.data)), _megabytes(int(largest))
        raise Rejected(f"The letter has {size} MB, and the SMTP server {where} takes {most} MB.")
    options: list[bytes] = []
    if letter.utf8:
        if not client.supports_extension("smtputf8"):
            raise Rejected(f"The SMTP server {where} takes no address with other letters than a to z before the @.")
        options = [b"SMTPUTF8", b"BODY=8BITMIME"]
    if largest:
        options.append(f"SIZE={len(letter.data)}".encode())
    said = await client.execute_command(b"MAIL", b"FROM:<" + letter.sender.encode() + b">", *options)
    if said.code != 250:
        raise SMTPSenderRefused(said.code, said.message, letter.sender)
    said = await client.execute_command(b"RCPT", b"TO:<" + letter.recipient.encode() + b">")
    if said.code not in (250, 251):
        raise SMTPRecipientRefused(said.code, said.message, letter.recipient)


def _megabytes(size: int) -> str:
    return f"{size / 1_048_576:.1f}"


async def _transmit(client: SMTP, letter: Letter, patience: Patience) -> None:
    """Hands over the message itself. Once its last dot is on the way, a lost answer may mean a sent message."""
    where = f"{client.hostname}:{client.port}"
    ended = False
    try:
        said = await client.execute_command(b"DATA")
        protocol = client.protocol
        if said.code != 354 or protocol is None:
            raise SMTPDataError(said.code, said.message)
        answer = asyncio.create_task(protocol.read_response(timeout=patience.for_bytes(len(letter.data))))
        try:
            await asyncio.sleep(0)  # whatever it says from here on is the answer
            await _write(client, protocol, letter.data, answer)
            if not answer.done():
                ended = True
                protocol.write(b".\r\n" if letter.data.endswith(b"\r\n") else b"\r\n.\r\n")
            said = await answer
        finally:
            answer.cancel()
            await asyncio.gather(answer, return_exceptions=True)
        if said.code != 250:
            raise SMTPDataError(said.code, said.message)
    except SMTPResponseException as error:
        raise _verdict(error, where) from error
    except (SMTPException, OSError) as error:
        if not ended:
            raise Retry(f"The SMTP server {where} was lost in the middle of the letter: {error}") from error
        raise Uncertain(f"The SMTP server {where} didn't say if it took the message: {error}") from error


_PIECE = 65_536
_AHEAD = 1_048_576


async def _write(client: SMTP, protocol: SMTPProtocol, data: bytes, answer: asyncio.Task[SMTPResponse]) -> None:
    """The lines of a letter, those that begin with a dot with one more (RFC 5321 4.5.2). Piece by piece, since a
    large letter would keep this process from everything else; no further ahead of the server than a megabyte."""
    at = 0
    while at < len(data) and not answer.done():
        end = len(data) if len(data) - at <= _PIECE else data.rfind(b"\r\n", at, at + _PIECE) + 2
        piece = data[at:end]
        protocol.write((b"." if piece.startswith(b".") else b"") + piece.replace(b"\r\n.", b"\r\n.."))
        at = end
        await asyncio.sleep(0)
        transport = client.transport
        while isinstance(transport, asyncio.WriteTransport) and transport.get_write_buffer_size() > _AHEAD:
            if answer.done():
                break
            await asyncio.sleep(0.02)


_NOT_LOGGED_IN = (530, 534, 535, 538)
"""RFC 4954: it is about us and not about the letter, and the operator's to mend."""


def _verdict(error: SMTPResponseException, where: str) -> NotSent:
    reason = f"The SMTP server {where} says {_said(error)}"
    return Rejected(reason) if 500 <= error.code < 600 and error.code not in _NOT_LOGGED_IN else Retry(reason)


def _said(error: SMTPResponseException) -> str:
    return f"{error.code} {error.message}"[:300]
