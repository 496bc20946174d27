"""Takes a conversation out of an archive in, whole or not at all: its letters as events of the time when they were
written, in one closed case for each customer, with an interaction that is over.

Nobody is asked to do anything about it, and nobody is written to. The same letters again change nothing: they are
known by the same source ids that fetching gives them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import structlog

from channels.contract import Busy, Channel, Malformed, Parsed
from contact_center.domain.contact_points import ContactPoint
from contact_center.domain.errors import NotValid, Unavailable
from contact_center.domain.events import Ended, InteractionEvent, MessageReceived, MessageSent, changed
from contact_center.domain.occasion import Occasion
from contact_center.domain.record import Record, preview_of
from contact_center.domain.time import Moment
from contact_center.moves.moves import FALLBACK_QUEUE
from contact_center.storage import cases, customers, events, history, journal, quarantine, queues
from contact_center.storage.blobs import Blobs
from contact_center.storage.connection import Connection
from contact_center.storage.executor import Executor
from contact_center.storage.journal import Loaded

log = structlog.get_logger(__name__)

MOST_LETTERS = 100
HISTORY = "|history|sha256 "
"""Stands in the name of what an archive put into quarantine, so that trying it again makes history of it too."""
_LONGEST_ID = 150
_NOBODY = ContactPoint("other", "")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a letter. ``known``: it is here already, from an earlier import or from fetching."""

    state: Literal["taken", "known", "quarantined", "skipped"]
    reason: str = ""
    case_id: int = 0


@dataclass(frozen=True, slots=True)
class _Letter:
    number: int
    event: InteractionEvent
    raw: bytes


class Importer:
    """Moves history of ``channel`` in."""

    def __init__(self, channel: Channel, executor: Executor, blobs: Blobs, occasion: Callable[[], Occasion]) -> None:
        self._channel = channel
        self._executor = executor
        self._blobs = blobs
        self._occasion = occasion

    def check(self, address: str) -> None:
        """Raises :class:`NotValid` where ``address`` is no mailbox of ours."""
        if not self._channel.is_ours(address):
            raise NotValid(
                "mailbox", f"No mailbox of the channel {self._channel.name} has the address {address[:200]}."
            )

    async def take(self, address: str, letters: Sequence[bytes], dry_run: bool = False) -> list[Outcome]:
        """What became of each of ``letters``, which lay in the mailbox ``address`` and answer one another. Durable
        when it returns; ``dry_run`` only says what would become of them. Raises :class:`NotValid` and
        :class:`Busy`."""
        self.check(address)
        outcomes: dict[int, Outcome] = {}
        understood: list[_Letter] = []
        for number, raw in enumerate(letters[:MOST_LETTERS]):
            try:
                parsed = await self._channel.read_history(raw, address, self._occasion().now)
            except Malformed as error:
                outcomes[number] = Outcome("quarantined", error.reason)
                if not dry_run:
                    await self._put_aside(address, raw, error.reason)
                continue
            if not parsed.events:
                outcomes[number] = Outcome("skipped", "the hub sent it, or it went to nobody outside")
                continue
            if not dry_run:
                await self._keep_files(parsed)
            understood.append(_Letter(number, _dated(parsed), parsed.raw))
        understood.sort(key=lambda letter: letter.event.occurred_at)
        outcomes |= await self._store(address, understood, dry_run)
        return [outcomes[number] for number in sorted(outcomes)]

    async def _store(self, address: str, letters: list[_Letter], dry_run: bool) -> dict[int, Outcome]:
        try:
            if dry_run:
                return await self._executor.read(_foreseen, letters)
            return await self._executor.write(lambda conn: _take(conn, self._occasion(), letters))
        except (Unavailable, OSError) as error:
            raise Busy(str(error)) from error
        except Exception as error:  # whatever it is about one letter, the others must not go without it
            if len(letters) > 1:
                return await self._one_by_one(address, letters, dry_run)
            reason = f"The hub failed to take it in: {type(error).__name__}: {error}"[:500]
            log.error("letter_not_moved_in", mailbox=address, reason=reason)
            if not dry_run:
                await self._put_aside(address, letters[0].raw, reason)
            return {letters[0].number: Outcome("quarantined", reason)}

    async def _one_by_one(self, address: str, letters: list[_Letter], dry_run: bool) -> dict[int, Outcome]:
        outcomes: dict[int, Outcome] = {}
        for letter in letters:
            outcomes |= await self._store(address, [letter], dry_run)
        return outcomes

    async def _keep_files(self, parsed: Parsed) -> None:
        try:
            for data in parsed.blobs.values():
                await self._blobs.put(data)
            if len(parsed.raw) > events.RAW_INLINE:
                await self._blobs.put(parsed.raw)
        except OSError as error:
            raise Busy(str(error)) from error

    async def _put_aside(self, address: str, raw: bytes, reason: str) -> None:
        try:
            digest = await self._blobs.put(raw)
            await self._executor.write(
                lambda conn: quarantine.add(
                    conn,
                    self._occasion(),
                    channel=self._channel.name,
                    source_id=f"{address}{HISTORY}{digest}",
                    reason=reason,
                    digest=digest,
                    size=len(raw),
                    request=None,
                )
            )
        except (Unavailable, OSError) as error:
            raise Busy(str(error)) from error


def _dated(parsed: Parsed) -> InteractionEvent:
    """The letter as an event of its own time: that is what its customer's history is read by."""
    event = parsed.events[0]
    digest = hashlib.sha256(parsed.raw).hexdigest() if parsed.raw else ""
    return changed(event, received_at=event.occurred_at, raw_digest=digest)


def _at(on: Occasion, moment: Moment) -> Occasion:
    """The occasion as it was then: its ids sort among those of that time (RFC 9562, version 7)."""
    return Occasion(moment, lambda: f"{moment & 0xFFFFFFFFFFFF:012x}{on.new_id()[-20:]}")


def _foreseen(conn: Connection, letters: list[_Letter]) -> dict[int, Outcome]:
    return {letter.number: _known(conn, letter.event) or Outcome("taken") for letter in letters}


def _known(conn: Connection, event: InteractionEvent) -> Outcome | None:
    seen = events.seen(conn, event.channel, event.source_id)
    return Outcome("known", case_id=seen.case_id) if seen is not None else None


def _take(conn: Connection, on: Occasion, letters: list[_Letter]) -> dict[int, Outcome]:
    outcomes: dict[int, Outcome] = {}
    under_way: list[Loaded] = []
    for letter in letters:
        known = _known(conn, letter.event)
        if known is not None:
            outcomes[letter.number] = known
            continue
        then = _at(on, letter.event.occurred_at)
        event = changed(letter.event, id=then.new_id())
        loaded = _of_the_same(conn, event, under_way)
        if loaded is None:
            loaded = _begin(conn, then, event, letter.raw)
        else:
            journal.take(conn, loaded, event, letter.raw)
        if not any(each is loaded for each in under_way):
            under_way.append(loaded)
        outcomes[letter.number] = Outcome("taken", case_id=loaded.record.case_id)
    for loaded in under_way:
        _end(conn, on, loaded)
    return outcomes


def _of_the_same(conn: Connection, event: InteractionEvent, under_way: list[Loaded]) -> Loaded | None:
    """The conversation that the letter belongs to: one of its group, or one that was moved in before and that it
    refers to; and in which its writer, or one of those whom we wrote it to, takes part."""
    owner = customers.owner_of(conn, event.sender or _NOBODY)
    found = next((each for each in under_way if _takes_part(event, owner, each.record)), None)
    if found is not None:
        return found
    mailbox = event.source_id.partition("|")[0]
    for message_id in reversed(event.thread.references[1:]):
        for row in events.under_id(conn, event.channel, f"{mailbox}|{message_id[:_LONGEST_ID]}|"):
            loaded = journal.load(conn, row.interaction_id)
            if loaded is None or loaded.record.ended_reason != "imported":
                continue
            if _takes_part(event, owner, loaded.record):
                return loaded
    return None


def _takes_part(event: InteractionEvent, owner: str, record: Record) -> bool:
    body, point = event.body, event.sender or _NOBODY
    there = {record.point, *record.participants}
    if isinstance(body, MessageSent):
        return not there.isdisjoint((*body.to, *body.cc))
    if not point.identifies:
        return False
    return point.value in there or owner == record.customer_id


def _begin(conn: Connection, then: Occasion, event: InteractionEvent, raw: bytes) -> Loaded:
    point = event.sender or _NOBODY
    customer = customers.at_point(conn, point) or customers.add(conn, then, point, event.sender_name)
    history.known_since(conn, customer.id, point.kind, point.value, then.now)
    door = queues.entry_point(conn, event.channel, event.dialled.value if event.dialled else "")
    body = event.body
    assert isinstance(body, (MessageReceived, MessageSent))
    subject = body.subject or preview_of(body.text)
    case_id = cases.add(conn, then, customer.id, subject, door.queue if door else FALLBACK_QUEUE)
    return journal.begin(
        conn,
        changed(event, interaction_id=then.new_id(), case_id=case_id, customer_id=customer.id),
        raw,
        None,
        customer_name=customer.name,
        customer_since=min(customer.first_seen_at, then.now),
        case_subject=subject,
    )


def _end(conn: Connection, on: Occasion, loaded: Loaded) -> None:
    """It is over, and was when the last of it was written."""
    record = loaded.record
    if record.is_open:
        last = _at(on, max(record.started_at, record.last_message_at))
        journal.happen(conn, last, loaded, Ended("imported"))
        cases.set_status(conn, last, record.case_id, "closed", "")
    journal.save(conn, loaded)
    history.went_on(conn, record.case_id, record.started_at, record.last_message_at)
