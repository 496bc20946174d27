"""The hub's side of the hand-over: what was kept goes through the same door as if it came now, once in effect."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import structlog

from channels.contract import Busy, Parsed, Refused, Request
from contact_center.domain.errors import Unavailable
from contact_center.domain.events import CUSTOMER, CallArrived, CallerInput, CustomerLeft, InteractionEvent, Thread
from contact_center.domain.occasion import Occasion
from contact_center.domain.time import Moment
from contact_center.fallback.kept import Kept
from contact_center.registry.door import Door
from contact_center.storage import events, journal, quarantine
from contact_center.storage.connection import Connection
from contact_center.storage.executor import Executor

log = structlog.get_logger(__name__)

NOBODY_SERVES = frozenset({"flow", "waiting", "offered"})
AT_THE_DOOR = (CallArrived, CallerInput)
"""What a caller did before the hub could be told. Their leaving comes after it, and before what they left behind."""


@dataclass(slots=True)
class Outcome:
    """``done`` are the numbers that the fallback may forget. ``busy``: the rest must come again."""

    done: list[int] = field(default_factory=list)
    new: int = 0
    quarantined: int = 0
    busy: bool = False


class TakeOver:
    """Takes in, in order, what a fallback kept. One that cannot be understood is put into quarantine and stops no
    other; where the database is away, what was not taken in stays with the fallback."""

    def __init__(self, executor: Executor, doors: Mapping[str, Door], occasion: Callable[[], Occasion]) -> None:
        self._executor = executor
        self._doors = doors
        self._occasion = occasion

    async def __call__(self, kept: Iterable[Kept]) -> Outcome:
        outcome = Outcome()
        for pieces in _by_call(kept):
            try:
                await self._take(pieces, outcome)
            except (Busy, Unavailable, OSError) as error:
                log.warning("not_taken_over", reason=str(error))
                outcome.busy = True
                break
            outcome.done += [piece.number for piece in pieces]
        if outcome.done:
            said = {"requests": len(outcome.done), "new": outcome.new, "quarantined": outcome.quarantined}
            log.info("taken_over", **said)
        return outcome

    async def _take(self, pieces: list[Kept], outcome: Outcome) -> None:
        door = self._doors.get(pieces[0].channel)
        understood: list[tuple[Kept, Parsed]] = []
        for piece in pieces:
            if piece.request is None:
                continue
            reason = "There is no such channel."
            if door is not None:
                try:
                    understood.append((piece, door.channel.parse(piece.request, piece.at)))
                    continue
                except Refused as refused:
                    reason = refused.reason
                except Exception as error:  # poison: kept for a person, and the next one goes on
                    log.exception("not_understood", channel=piece.channel, path=piece.request.path)
                    reason = f"a fault of ours: {type(error).__name__}"
            await self._put_aside(door, piece.channel, piece.request, reason, outcome)
        if door is not None and understood:
            if pieces[0].thread and door.channel.medium == "voice":
                understood = await self._with_the_end(door, pieces, understood)
            for piece, parsed in understood:
                await self._take_in(door, piece, parsed, outcome)

    async def _take_in(self, door: Door, piece: Kept, parsed: Parsed, outcome: Outcome) -> None:
        try:
            answers = await door.take_in(parsed)
        except (Busy, Unavailable, OSError):
            raise
        except Exception as error:
            log.exception("not_taken_in", channel=piece.channel)
            assert piece.request is not None
            reason = f"a fault of ours: {type(error).__name__}"
            await self._put_aside(door, piece.channel, piece.request, reason, outcome)
            return
        outcome.new += sum(1 for answer in answers if not answer.repeated and not answer.unknown)

    async def _put_aside(
        self, door: Door | None, channel: str, request: Request, reason: str, outcome: Outcome
    ) -> None:
        outcome.quarantined += 1
        if door is not None:
            await door.quarantine_request(request, f"kept by the fallback: {reason}")
            return
        digest = hashlib.sha256(request.body).hexdigest()
        on = self._occasion()
        await self._executor.write(
            lambda conn: quarantine.add(
                conn,
                on,
                channel=channel[:32],
                source_id=digest,
                reason=f"kept by the fallback: {reason}",
                digest=digest,
                size=len(request.body),
                request=None,
            )
        )

    # --- a call that nobody is on any more ------------------------------------------------------------------------

    async def _with_the_end(
        self, door: Door, pieces: list[Kept], understood: list[tuple[Kept, Parsed]]
    ) -> list[tuple[Kept, Parsed]]:
        """The call's requests, with its end where the caller gave up: in the transaction of their coming, so that no
        agent is ever offered a line that is dead. What they left behind (a message) follows."""
        first = [(piece, parsed) for piece, parsed in understood if _at_the_door(parsed)]
        rest = [(piece, parsed) for piece, parsed in understood if not _at_the_door(parsed)]
        thread, quiet_ms = pieces[-1].thread, pieces[-1].quiet_ms
        sent_on = pieces[-1].directed
        heard_at = self._occasion().now - quiet_ms
        arrives = any(isinstance(event.body, CallArrived) for _, parsed in first for event in parsed.events)
        if sent_on or not await self._executor.read(_is_gone, door.channel.name, thread, heard_at, arrives):
            return first + rest
        left = InteractionEvent(
            body=CustomerLeft("gone before the hub was back"),
            channel=door.channel.name,
            source_id=f"{thread}:left-at-the-fallback",
            medium="voice",
            direction="inbound",
            occurred_at=heard_at,
            received_at=heard_at,
            actor=CUSTOMER,
            thread=Thread(thread),
        )
        together = [event for _, parsed in first for event in parsed.events]
        raw = first[0][1].raw if first else b""
        return [(pieces[0], Parsed((*together, left), raw)), *rest]


def _by_call(kept: Iterable[Kept]) -> list[list[Kept]]:
    """Each call's requests in one piece, in the order in which the calls came; everything else by itself."""
    pieces: list[list[Kept]] = []
    calls: dict[tuple[str, str], list[Kept]] = {}
    for each in kept:
        key = (each.channel, each.thread)
        if each.thread and key in calls:
            calls[key].append(each)
            continue
        pieces.append([each])
        if each.thread:
            calls[key] = pieces[-1]
    return pieces


def _at_the_door(parsed: Parsed) -> bool:
    return bool(parsed.events) and isinstance(parsed.events[0].body, AT_THE_DOOR)


def _is_gone(conn: Connection, channel: str, thread: str, heard_at: Moment, arrives: bool) -> bool:
    """Whether the hub, too, has nobody on that line: it never knew of the call, or nobody serves it and the caller
    has done nothing here since the fallback last heard of them."""
    loaded = journal.look_latest_of_thread(conn, channel, thread)
    if loaded is None:
        return arrives
    if loaded.record.state not in NOBODY_SERVES:
        return False
    return not _heard_since(events.of_interaction(conn, loaded.record.interaction_id), heard_at)


def _heard_since(log_of_call: Iterable[InteractionEvent], at: Moment) -> bool:
    return any(event.actor.kind == "customer" and event.received_at > at for event in log_of_call)
