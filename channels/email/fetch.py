"""Brings what lies in a mailbox to the hub: each message once, none forgotten, none in another's way.

Our place in a mailbox is (UIDVALIDITY, last UID), never a flag: people read mail with other programs too.
It moves only after the hub has the message, so a crash between the two fetches it again, and the hub knows
it again."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from hashlib import sha256

from channels.contract import Busy, Hub, Malformed, Parsed
from channels.email.imap import Connection, Selected, Summary, Trouble, Unavailable
from channels.email.mailboxes import Mailbox
from channels.email.mime import MAX_MESSAGE
from channels.email.parse import Recipient
from channels.email.parsing import ParsingProcess
from channels.email.tokens import Tokens, proven
from contact_center.domain.time import MINUTE, Moment

log = logging.getLogger(__name__)
_BATCH = 50
_TRIES = 3
# A message that ends this many connections in a row is fetched without its body, and then not at all:
# whatever stands between us and the server objects to it, and the next one must not wait for ever.
_CONNECTIONS = 5
_CLOCKS_DIFFER = 10 * MINUTE


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient fetching is, in seconds. ``poll`` is the longest that IDLE is trusted with (RFC 2177 allows
    29 minutes, NATs and proxies fewer than 9), ``soon`` the first look after a change, from which looks come
    less and less often; ``call`` is how long the server may take to answer."""

    poll: float = 60.0
    call: float = 25.0
    first_retry: float = 1.0
    longest_retry: float = 300.0
    soon: float = 1.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where we are in a mailbox. ``since_at`` is when we first saw it, if what lay there before is not
    ours (else 0). Dates can be old on new mail (moved here from another folder), so they count only for
    what lay there when the UIDs were lost: up to ``looked_through``."""

    uidvalidity: int
    uid: int
    since_at: Moment = 0
    looked_through: int = 0

    @classmethod
    def read(cls, text: str) -> Place | None:
        return cls(**json.loads(text)) if text else None

    def written(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    def is_ours(self, message: Summary) -> bool:
        """Whether the message came after we did. One without a date did, and so did one that came a little
        before us by the server's clock: one too many is better than one too few."""
        if message.uid > self.looked_through or not message.arrived_at:
            return True
        return message.arrived_at >= self.since_at - _CLOCKS_DIFFER


class Fetcher:
    """Follows one mailbox for as long as :meth:`run` runs. ``report`` is told (mailbox, what is wrong or
    "")."""

    def __init__(
        self,
        mailbox: Mailbox,
        recipient: Recipient,
        parsing: ParsingProcess,
        tokens: Tokens,
        report: Callable[[str, str], None],
        pace: Pace,
    ) -> None:
        self._mailbox = mailbox
        self._recipient = recipient
        self._parsing = parsing
        self._tokens = tokens
        self._report = report
        self._pace = pace
        self._key = f"place:{mailbox.address}:{mailbox.folder}"
        self._strikes: dict[int, int] = {}

    async def run(self, hub: Hub) -> None:
        """Never returns; what goes wrong is reported and tried again, more and more slowly."""
        wait = self._pace.first_retry
        while True:
            connection = Connection(self._mailbox.imap, self._pace.call)
            try:
                place = await self._settle(connection, hub)
                look = self._pace.soon
                while True:
                    before, place = place, await self._catch_up(connection, hub, place)
                    self._report(self._mailbox.address, "")
                    wait = self._pace.first_retry
                    # A server may tell of new mail while it answers the search that did not see it yet, and not
                    # again: after every change the first looks come soon, whatever IDLE says.
                    look = self._pace.soon if place != before else min(look * 2, self._pace.poll)
                    await connection.wait(look)
            except Busy as error:
                self._report(self._mailbox.address, f"The hub can't store mail now: {error}")
            except (Trouble, OSError) as error:
                self._report(self._mailbox.address, getattr(error, "reason", "") or str(error))
            except Exception as error:  # a defect of ours must not end the mailbox for good
                log.exception("fetching %s failed", self._mailbox.address)
                self._report(self._mailbox.address, f"Fetching failed: {type(error).__name__}: {error}"[:300])
            finally:
                await connection.close()
            await asyncio.sleep(wait)
            wait = min(wait * 2, self._pace.longest_retry)

    async def _settle(self, connection: Connection, hub: Hub) -> Place:
        """Opens the mailbox and finds our place in it."""
        selected = await connection.open(self._mailbox.folder)
        known = Place.read(await hub.recall(self._key))
        last = await self._last_uid(connection, selected)
        if known is None:
            start, since_at = (0, 0) if self._mailbox.import_existing else (last, hub.now())
            return await self._move(hub, Place(selected.uidvalidity, start, since_at))
        if known.uidvalidity == selected.uidvalidity and known.uid <= last:
            return known
        # Renumbered, or put back from a backup: the UIDs mean nothing now. Everything is looked at again,
        # and what the hub has it knows again.
        log.warning("the UIDs of %s are no longer valid: reading all of it again", self._mailbox.address)
        self._strikes.clear()
        return await self._move(hub, Place(selected.uidvalidity, 0, known.since_at, last))

    async def _last_uid(self, connection: Connection, selected: Selected) -> int:
        if selected.uidnext:
            return selected.uidnext - 1
        return max(await connection.uids_after(0), default=0)

    async def _move(self, hub: Hub, place: Place) -> Place:
        await hub.remember(self._key, place.written())
        return place

    async def _catch_up(self, connection: Connection, hub: Hub, place: Place) -> Place:
        waiting = await connection.uids_after(place.uid)
        for start in range(0, len(waiting), _BATCH):
            batch = waiting[start : start + _BATCH]
            there = {summary.uid: summary for summary in await connection.summaries(batch)}
            for uid in batch:
                if uid in there and place.is_ours(there[uid]):
                    await self._take(connection, hub, place, there[uid])
                place = await self._move(hub, replace(place, uid=uid))
        return place

    async def _take(self, connection: Connection, hub: Hub, place: Place, summary: Summary) -> None:
        """The message is with the hub when this returns, as an event or in quarantine, or it is gone."""
        name = f"{self._mailbox.address}|uid {place.uidvalidity}.{summary.uid}"
        headers_only = summary.size > MAX_MESSAGE or self._strikes.get(summary.uid, 0) >= _CONNECTIONS
        try:
            raw = await connection.message(summary.uid, headers_only)
        except Trouble as error:
            strikes = self._strike(summary.uid)
            if strikes < (_TRIES if isinstance(error, Unavailable) else 2 * _CONNECTIONS):
                raise
            await hub.quarantine(name, b"", f"{error.reason} (tried {strikes} times)")
            return
        if raw is None:
            log.info("message %s went away before it was fetched", name)
            return
        try:
            parsed = await self._parsing.parse(raw, self._recipient, hub.now(), truncated=headers_only)
        except Malformed as error:
            await hub.quarantine(_name_of(self._mailbox, raw), raw, error.reason)
            return
        await self._hand_over(hub, proven(parsed, self._tokens), summary.uid)
        self._strikes.pop(summary.uid, None)

    async def _hand_over(self, hub: Hub, parsed: Parsed, uid: int) -> None:
        try:
            await hub.take_in(parsed)
        except Busy:
            raise
        except Exception as error:  # whatever it is about this message, the next one must not wait for it
            if self._strike(uid) < _TRIES:
                raise
            log.exception("the hub can't take in a message of %s", self._mailbox.address)
            reason = f"The hub failed to take it in {_TRIES} times: {type(error).__name__}: {error}"
            await hub.quarantine(_name_of(self._mailbox, parsed.raw), parsed.raw, reason[:500])

    def _strike(self, uid: int) -> int:
        self._strikes[uid] = self._strikes.get(uid, 0) + 1
        return self._strikes[uid]


def _name_of(mailbox: Mailbox, raw: bytes) -> str:
    return f"{mailbox.address}|sha256 {sha256(raw).hexdigest()}"
