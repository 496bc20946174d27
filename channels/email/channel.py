"""The e-mail channel: several mailboxes, one parser, one way in and one way out."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Literal

from channels.contract import Channel, Context, Hub, Malformed, Outgoing, Parsed, Rejected, Request, Retry, Sent
from channels.email.compose import compose, letter_of
from channels.email.fetch import SENT, Fetcher, Folder, Pace, Standing
from channels.email.history import as_history
from channels.email.mailboxes import Mailbox, mailboxes_from, recipient_of
from channels.email.oauth import AccessTokens
from channels.email.parse import Recipient, parse_message
from channels.email.parsers import Parsers
from channels.email.send import Patience, send_letter
from channels.email.sent_folder import written_elsewhere
from channels.email.tokens import Tokens, proven
from contact_center.domain.contact_points import ContactPoint
from contact_center.domain.events import Medium
from contact_center.domain.time import Moment


class EmailChannel(Channel):
    medium: Medium = "email"

    def __init__(self, context: Context, pace: Pace | None = None, patience: Patience | None = None) -> None:
        self.name = context.name
        self._mailboxes, self._missing = mailboxes_from(context)
        self._tokens = Tokens(context.secret, (box.address.rpartition("@")[2] for box in self._mailboxes))
        self._pace = pace or Pace()
        self._patience = patience or Patience()
        self._parsing = Parsers()
        self._standing: dict[str, Standing] = {}
        self._access = {
            mailbox.address: AccessTokens(mailbox.oauth, mailbox.address, context.secret)
            for mailbox in self._mailboxes
            if mailbox.oauth is not None
        }
        everyone = frozenset(address for mailbox in self._mailboxes for address in mailbox.addresses)
        self._recipients = {
            mailbox.address: recipient_of(mailbox, self.name, everyone, self._tokens.instance)
            for mailbox in self._mailboxes
        }

    def state(self) -> tuple[Literal["ready", "degraded", "off"], str]:
        if self._missing:
            return "off", self._missing
        standing = sorted(self._standing.items())
        wrong = [f"{name}: {each.trouble}" for name, each in standing if each.trouble]
        if wrong:
            return "degraded", " ".join(wrong)
        return "ready", " ".join(f"{name}: {each.note}" for name, each in standing if each.note)

    def parse(self, request: Request, now: Moment) -> Parsed:
        """The event in a raw message (``request.body``), as if it had been fetched. ``request.path`` may
        name the mailbox: ``/support@example.com``. E-mail takes no webhooks, so nobody outside gets here."""
        parsed = parse_message(request.body, self._recipient(request.path.strip("/")), now)
        return proven(parsed, self._tokens)

    async def parse_again(self, raw: bytes, source_id: str, now: Moment) -> Parsed:
        """What was put into quarantine under ``source_id``, which begins with its mailbox."""
        address, _, name = source_id.partition("|")
        parsed = await self._parsing.parse(raw, self._recipient(address), now)
        if name.startswith(SENT):
            return self._written_elsewhere(parsed) or replace(parsed, events=())
        return proven(parsed, self._tokens)

    def is_ours(self, address: str) -> bool:
        return any(address.lower() in mailbox.addresses for mailbox in self._mailboxes)

    async def read_history(self, raw: bytes, address: str, now: Moment) -> Parsed:
        own = next((box.address for box in self._mailboxes if address.lower() in box.addresses), "")
        recipient = self._recipient(own)
        return as_history(await self._parsing.parse(raw, recipient, now), self._tokens, recipient.everyone)

    def signature(self, address: str, language: str) -> str:
        return next((box.signed(language) for box in self._mailboxes if address.lower() in box.addresses), "")

    def prepare(self, message: Outgoing) -> bytes:
        if self._missing:
            return b""
        return compose(message, self._sending(message.sender), self._tokens).data

    async def send(self, message: Outgoing) -> Sent:
        if self._missing:
            raise Retry(self._missing)
        if message.verb != "message":
            raise Rejected(f"E-mail can't {message.verb.replace('_', ' ')}.")
        mailbox = self._sending(message.sender)
        letter = letter_of(message, mailbox, self._tokens)
        return await send_letter(letter, mailbox.smtp, self._patience, self._access.get(mailbox.address))

    async def listen(self, hub: Hub) -> None:
        if self._missing:
            hub.report("off", self._missing)
            return
        for each in self._access.values():
            each.remembered_by(hub)

        def report(name: str, standing: Standing) -> None:
            if self._standing.get(name) != standing:
                self._standing[name] = standing
                hub.report(*self.state())

        try:
            with suppress(OSError):  # a machine that is short of processes now may have one for the first message
                await self._parsing.start()
            async with asyncio.TaskGroup() as group:
                for mailbox in self._mailboxes:
                    for folder in self._folders(mailbox):
                        name = mailbox.address if folder.pushed else f"{mailbox.address} ({folder.name})"
                        access = self._access.get(mailbox.address)
                        told = partial(report, name)
                        fetcher = Fetcher(mailbox, folder, self._parsing, told, self._pace, access)
                        group.create_task(fetcher.run(hub))
        finally:
            await self._parsing.close()

    def _folders(self, mailbox: Mailbox) -> list[Folder]:
        recipient = self._recipients[mailbox.address]
        understand = partial(proven, tokens=self._tokens)
        folders = [Folder(mailbox.folder, recipient, understand, mailbox.import_existing)]
        if mailbox.sent_folder:
            folders.append(Folder(mailbox.sent_folder, recipient, self._written_elsewhere, pushed=False))
        return folders

    def _written_elsewhere(self, parsed: Parsed) -> Parsed | None:
        return written_elsewhere(proven(parsed, self._tokens), self._tokens)

    async def close(self) -> None:
        await self._parsing.close()

    def _recipient(self, address: str) -> Recipient:
        if not self._recipients:
            raise Malformed(self._missing)
        return self._recipients.get(address) or next(iter(self._recipients.values()))

    def _sending(self, sender: ContactPoint | None) -> Mailbox:
        if sender is None:
            return self._mailboxes[0]
        for mailbox in self._mailboxes:
            if sender.value.lower() in mailbox.addresses:
                return mailbox
        raise Rejected(f"No mailbox of ours has the address {sender.value[:120]}.")
