"""Brings what lies in a mailbox to the hub: each message once, none forgotten, none in another's way.

Our place in a mailbox is (UIDVALIDITY, last UID), never a flag: people read mail with other programs too.
It moves only after the hub has the message, so a crash between the two fetches it again, and the hub knows
it again. Of several nodes one alone follows a mailbox (:mod:`lease`)."""

from __future__ import annotations

import asyncio
import json
import logging
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from hashlib import sha256

from channels.contract import Busy, Hub, Malformed, Parsed
from channels.email.handover import Fetched, Handover
from channels.email.imap import Connection, LoginRefused, Selected, Summary, TooLarge, Trouble, Unavailable
from channels.email.lease import Lease, Lost
from channels.email.mailboxes import Mailbox
from channels.email.mime import MAX_MESSAGE
from channels.email.oauth import AccessTokens
from channels.email.parse import Recipient
from channels.email.parsers import Parsers
from contact_center.domain.events import MessageReceived, changed
from contact_center.domain.time import MINUTE, Moment

log = logging.getLogger(__name__)
# What one command asks for. Messages beyond come one by one, and one at a time.
_SUMMARIES = 500
_PORTION = 32
_PORTION_BYTES = 2 * 1024 * 1024
_PORTION_LIMIT = 4 * _PORTION_BYTES
_TRIES = 3
# A message that ends this many connections in a row is fetched without its body, and then not at all:
# whatever stands between us and the server objects to it, and the next one must not wait for ever.
_CONNECTIONS = 5
_CLOCKS_DIFFER = 10 * MINUTE
_REFUSALS = 5
_PROGRESS_FROM = 100
SENT = "sent "
"""Stands before the name of what was put aside out of the folder of sent mail."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient fetching is, in seconds. ``poll`` is the longest that IDLE is trusted with (RFC 2177 allows
    29 minutes, NATs and proxies fewer than 9), ``soon`` the first look after a change, from which looks come
    less and less often; ``call`` is how long the server may take to answer. A login that was refused five times is
    tried again after ``refused`` at the soonest. ``lease`` is how long a node that vanished keeps a mailbox,
    ``progress`` how often catching up is told of, ``goodbye`` how long ending a connection politely may take."""

    poll: float = 60.0
    call: float = 25.0
    first_retry: float = 1.0
    longest_retry: float = 300.0
    soon: float = 1.0
    refused: float = 60.0
    lease: float = 30.0
    progress: float = 5.0
    goodbye: float = 1.0


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands with a mailbox: what is the ``trouble``, or else what an operator may like to know."""

    trouble: str = ""
    note: str = ""


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


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of a mailbox, and what mail in it means to us. ``understand`` makes of a parsed message what the hub
    is told, if anything. ``pushed``: the server is asked to tell of new mail at once; else it is asked in turns."""

    name: str
    recipient: Recipient
    understand: Callable[[Parsed], Parsed | None]
    import_existing: bool = False
    pushed: bool = True


class NotTaken(Exception):
    """The hub failed on the message ``uid``: a defect of ours, or of that message."""

    def __init__(self, uid: int, error: Exception) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.uid = uid


class Fetcher:
    """Follows one folder of a mailbox for as long as :meth:`run` runs. ``report`` is told how it stands."""

    def __init__(
        self,
        mailbox: Mailbox,
        folder: Folder,
        parsers: Parsers,
        report: Callable[[Standing], None],
        pace: Pace,
        access: AccessTokens | None = None,
    ) -> None:
        self._mailbox = mailbox
        self._folder = folder
        self._parsers = parsers
        self._report = report
        self._pace = pace
        self._access = access
        self._key = f"place:{mailbox.address}:{folder.name}"
        self._strikes: dict[int, int] = {}
        self._too_large: dict[int, int] = {}
        self._careful_until = 0
        self._behind = 0
        self._told_at = 0.0
        self._wait = pace.first_retry

    async def run(self, hub: Hub) -> None:
        """Never returns; what goes wrong is reported and tried again, more and more slowly."""
        lease = Lease(hub, f"mailbox {self._mailbox.address} {self._folder.name}", self._pace.lease)
        while True:
            try:
                if await lease.take():
                    await lease.during(self._keep_following(hub, lease))
                self._report(Standing())  # whoever has it says how it stands
            except Lost:
                log.warning("another node has taken over %s", self._mailbox.address)
            except Busy as error:
                self._report(Standing(f"The hub can't say which node fetches: {error}"))
            await asyncio.sleep(self._pace.lease / 3)

    async def _keep_following(self, hub: Hub, lease: Lease) -> None:
        self._wait, refusals = self._pace.first_retry, 0
        while True:
            connection = Connection(self._mailbox.imap, self._pace.call, self._access, self._pace.goodbye)
            try:
                place = await self._settle(connection, hub, lease)
                refusals = 0
                await self._follow(connection, hub, lease, place)
            except Busy as error:
                self._report(Standing(f"The hub can't store mail now: {error}"))
            except LoginRefused as error:
                refusals += 1
                self._report(Standing(error.reason))
            except (Trouble, OSError) as error:
                self._report(Standing(getattr(error, "reason", "") or str(error)))
            except (Lost, asyncio.CancelledError):
                raise
            except Exception as error:  # a defect of ours must not end the mailbox for good
                log.exception("fetching %s failed", self._mailbox.address)
                self._report(Standing(f"Fetching failed: {type(error).__name__}: {error}"[:300]))
            finally:
                await connection.close()
            await asyncio.sleep(self._wait if refusals < _REFUSALS else max(self._wait, self._pace.refused))
            self._wait = min(self._wait * 2, self._pace.longest_retry)

    async def _follow(self, connection: Connection, hub: Hub, lease: Lease, place: Place) -> None:
        look = self._pace.soon
        while True:
            before, place = place, await self._catch_up(connection, hub, lease, place)
            self._report(Standing())
            self._wait = self._pace.first_retry
            # A server may tell of new mail while it answers the search that did not see it yet, and not
            # again: after every change the first looks come soon, whatever IDLE says.
            look = self._pace.soon if place != before else min(look * 2, self._pace.poll)
            await connection.wait(look, self._folder.pushed)

    async def _settle(self, connection: Connection, hub: Hub, lease: Lease) -> Place:
        """Opens the folder and finds our place in it."""
        selected = await connection.open(self._folder.name)
        known = Place.read(await hub.recall(self._key))
        last = await self._last_uid(connection, selected)
        if known is None:
            start, since_at = (0, 0) if self._folder.import_existing else (last, hub.now())
            return await self._move(hub, lease, Place(selected.uidvalidity, start, since_at))
        if known.uidvalidity == selected.uidvalidity and known.uid <= last:
            return known
        # Renumbered, or put back from a backup: the UIDs mean nothing now. Everything is looked at again,
        # and what the hub has it knows again.
        log.warning("the UIDs of %s are no longer valid: reading all of it again", self._mailbox.address)
        self._strikes.clear()
        self._too_large.clear()
        self._careful_until = 0
        return await self._move(hub, lease, Place(selected.uidvalidity, 0, known.since_at, last))

    async def _last_uid(self, connection: Connection, selected: Selected) -> int:
        if selected.uidnext:
            return selected.uidnext - 1
        return max(await connection.uids_after(0), default=0)

    async def _move(self, hub: Hub, lease: Lease, place: Place) -> Place:
        await lease.check()
        await hub.remember(self._key, place.written())
        return place

    # --- catching up --------------------------------------------------------------------------------------

    async def _catch_up(self, connection: Connection, hub: Hub, lease: Lease, place: Place) -> Place:
        waiting = await connection.uids_after(place.uid)
        store = partial(self._store, hub, lease)
        async with Handover(place.uid, partial(self._understand, hub, place.uidvalidity), store) as handover:
            try:
                async for portion in self._waiting(connection, waiting, place):
                    await self._fetch(connection, hub, place, portion, handover)
                    handover.look()
                    place = await self._move_through(hub, lease, place, handover)
                    self._progress(waiting, place.uid)
                await handover.drain()
            except Exception as error:
                if isinstance(error, NotTaken):
                    self._strike(error.uid)
                # What is with the hub need not be fetched again.
                handover.look()
                with suppress(Busy):
                    await self._move_through(hub, lease, place, handover)
                raise
            place = await self._move_through(hub, lease, place, handover)
        if self._behind > _PROGRESS_FROM:
            await self._parsers.rest()
        self._behind = 0
        return place

    async def _waiting(
        self, connection: Connection, uids: Sequence[int], place: Place
    ) -> AsyncIterator[list[tuple[int, Summary | None]]]:
        """``uids`` in the portions that they are fetched in. Little is asked at first: it may not last."""
        start, many = 0, _PORTION
        while start < len(uids):
            asked = uids[start : start + many]
            there = {each.uid: each for each in await connection.summaries(asked)}
            for portion in self._portions(asked, there, place):
                yield portion
            start, many = start + many, _SUMMARIES

    async def _move_through(self, hub: Hub, lease: Lease, place: Place, handover: Handover) -> Place:
        if handover.through <= place.uid:
            return place
        self._wait = self._pace.first_retry  # slow as it may be, it gets on
        return await self._move(hub, lease, replace(place, uid=handover.through))

    def _portions(
        self, uids: Sequence[int], there: dict[int, Summary], place: Place
    ) -> Iterator[list[tuple[int, Summary | None]]]:
        """``uids`` as they are fetched together: each with its summary, or None where it is not for us. One that
        needs care comes alone."""
        portion: list[tuple[int, Summary | None]] = []
        size = 0
        for uid in uids:
            summary = there.get(uid)
            if summary is not None and not (place.is_ours(summary) and "\\draft" not in summary.flags):
                summary = None
            alone = summary is not None and self._needs_care(summary)
            more = summary.size if summary is not None else 0
            if portion and (alone or len(portion) >= _PORTION or size + more > _PORTION_BYTES):
                yield portion
                portion, size = [], 0
            portion.append((uid, summary))
            size += more
            if alone:
                yield portion
                portion, size = [], 0
        if portion:
            yield portion

    def _needs_care(self, summary: Summary) -> bool:
        return summary.size > _PORTION_BYTES or summary.uid <= self._careful_until

    async def _fetch(
        self,
        connection: Connection,
        hub: Hub,
        place: Place,
        portion: Sequence[tuple[int, Summary | None]],
        handover: Handover,
    ) -> None:
        wanted = [summary for _, summary in portion if summary is not None]
        came: dict[int, bytes] = {}
        if wanted and not self._needs_care(wanted[0]):
            came = await self._together(connection, [summary.uid for summary in wanted])
        for uid, summary in portion:
            if uid in came:
                await handover.put(Fetched(uid, came.pop(uid)))
            elif summary is None:
                handover.skip(uid)
            else:
                # What is large has the memory to itself; what made trouble is told from its neighbours.
                await handover.drain()
                alone = await self._alone(connection, hub, place, summary)
                if alone is None:
                    handover.skip(uid)
                else:
                    await handover.put(alone)

    async def _together(self, connection: Connection, uids: Sequence[int]) -> dict[int, bytes]:
        """What the server gives of ``uids`` in one answer. What it doesn't, and all of it should it end the
        connection, is fetched one by one from then on."""
        try:
            return await connection.messages(uids, _PORTION_LIMIT)
        except Unavailable:
            return {}
        except (Trouble, OSError):
            self._careful_until = uids[-1]
            raise

    async def _alone(self, connection: Connection, hub: Hub, place: Place, summary: Summary) -> Fetched | None:
        """One message, or its headers; None if it is gone, or put aside because the server won't give it."""
        uid = summary.uid
        name = f"{self._mailbox.address}|uid {place.uidvalidity}.{uid}"
        cut = self._cut(summary)
        try:
            raw = await connection.message(uid, headers_only=bool(cut))
        except TooLarge as error:
            self._careful_until = max(self._careful_until, uid)
            self._too_large[uid] = error.size
            if not cut:
                raise
            await hub.quarantine(name, b"", error.reason)
            return None
        except Trouble as error:
            strikes = self._strike(uid)
            if strikes < (_TRIES if isinstance(error, Unavailable) else 2 * _CONNECTIONS):
                self._careful_until = max(self._careful_until, uid)
                raise
            await hub.quarantine(name, b"", f"{error.reason} (tried {strikes} times)")
            return None
        if raw is None:
            log.info("message %s went away before it was fetched", name)
            return None
        return Fetched(uid, raw, cut)

    def _cut(self, summary: Summary) -> str:
        """Why its headers alone are fetched, if so."""
        size = max(summary.size, self._too_large.get(summary.uid, 0))
        if size > MAX_MESSAGE:
            return f"[This message of {size / 1024 / 1024:,.0f} MB was not downloaded.]"
        if self._strikes.get(summary.uid, 0) >= _CONNECTIONS:
            return "[This message could not be downloaded.]"
        return ""

    def _progress(self, waiting: Sequence[int], through: int) -> None:
        """Tells of a long catching up, counting from its beginning also after a connection was lost."""
        self._behind = max(self._behind, len(waiting))
        now = asyncio.get_running_loop().time()
        if self._behind > _PROGRESS_FROM and now - self._told_at >= self._pace.progress:
            self._told_at = now
            done = self._behind - len(waiting) + bisect_right(waiting, through)
            self._report(Standing(note=f"Catching up, {done:,} of {self._behind:,}."))

    # --- handing over -------------------------------------------------------------------------------------

    async def _understand(self, hub: Hub, uidvalidity: int, fetched: Fetched) -> Parsed | None:
        raw = fetched.raw
        try:
            parsed = await self._parsers.parse(raw, self._folder.recipient, hub.now(), truncated=bool(fetched.cut))
        except Malformed as error:
            await hub.quarantine(self._name_of(raw), raw, error.reason)
            return None
        understood = self._folder.understand(parsed)
        return _saying(understood, fetched.cut) if understood is not None and fetched.cut else understood

    async def _store(self, hub: Hub, lease: Lease, uid: int, parsed: Parsed) -> None:
        """The message is with the hub when this returns, as an event or in quarantine."""
        await lease.check()
        try:
            await hub.take_in(parsed)
        except Busy:
            raise
        except Exception as error:  # whatever it is about this message, the next one must not wait for it
            if self._strikes.get(uid, 0) < _TRIES - 1:
                raise NotTaken(uid, error) from error
            log.exception("the hub can't take in a message of %s", self._mailbox.address)
            reason = f"The hub failed to take it in {_TRIES} times: {type(error).__name__}: {error}"
            await hub.quarantine(self._name_of(parsed.raw), parsed.raw, reason[:500])
        self._strikes.pop(uid, None)
        self._too_large.pop(uid, None)

    def _name_of(self, raw: bytes) -> str:
        """What the message is called in quarantine; it begins with its mailbox."""
        return f"{self._mailbox.address}|{'' if self._folder.pushed else SENT}sha256 {sha256(raw).hexdigest()}"

    def _strike(self, uid: int) -> int:
        self._strikes[uid] = self._strikes.get(uid, 0) + 1
        return self._strikes[uid]


def _saying(parsed: Parsed, words: str) -> Parsed:
    """With ``words`` where the text of the message would be."""
    events = tuple(
        changed(event, body=replace(event.body, text=words)) if isinstance(event.body, MessageReceived) else event
        for event in parsed.events
    )
    return replace(parsed, events=events)
