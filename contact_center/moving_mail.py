"""Moves mail in and tries put-aside messages again, by whichever door is open: a running hub's, or the database's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from contact_center.bootstrap import migrate, open_hub, take_folder
from contact_center.config.environment import Settings
from contact_center.domain.errors import Refusal
from contact_center.domain.time import Moment
from contact_center.importing.archives import Format, Found, Place, content, messages
from contact_center.importing.conversations import Conversations
from contact_center.importing.history import MOST_LETTERS, Outcome
from contact_center.offline import running
from contact_center.registry.runtime import Runtime
from contact_center.storage import quarantine
from contact_center.web import replay
from contact_center.web.importing import framed, importer

LARGEST = 25 * 1024 * 1024
_TOGETHER = 16 * 1024 * 1024
_AT_ONCE = 4
_PAGE = 200
_PATIENCE = 120


class Refused(Exception):
    """The hub said no; the message says why."""


class Door(Protocol):
    """Where history and what was put aside go in."""

    async def check(self, mailbox: str) -> None:
        """Raises :class:`Refused` where the mailbox is none of ours."""
        ...

    async def take(self, mailbox: str, letters: Sequence[bytes], dry_run: bool) -> list[Outcome]: ...

    async def held(self) -> list[dict[str, Any]]:
        """What lies in the quarantine, oldest first: id, channel, source_id, reason, size."""
        ...

    async def again(self, entry: str) -> str:
        """Tries it again; what keeps it there, or empty."""
        ...


class _Direct:
    """The database itself: no hub runs."""

    def __init__(self, runtime: Runtime, channel: str) -> None:
        self._runtime = runtime
        self._channel = channel

    async def check(self, mailbox: str) -> None:
        try:
            importer(self._runtime, self._channel).check(mailbox)
        except Refusal as refusal:
            raise Refused(refusal.message) from refusal

    async def take(self, mailbox: str, letters: Sequence[bytes], dry_run: bool) -> list[Outcome]:
        return await importer(self._runtime, self._channel).take(mailbox, letters, dry_run)

    async def held(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        before = ""
        while True:
            rows = await self._runtime.executor.read(quarantine.find, "held", before, _PAGE)
            found += [{name: getattr(row, name) for name in _SHOWN} for row in rows]
            if len(rows) < _PAGE:
                return found[::-1]
            before = rows[-1].id

    async def again(self, entry: str) -> str:
        try:
            await replay.again(self._runtime, entry)
        except Refusal as refusal:
            return refusal.message
        return ""


class _Running:
    """The hub that runs on this machine."""

    def __init__(self, client: Any, channel: str) -> None:
        self._client = client
        self._channel = channel

    async def check(self, mailbox: str) -> None:
        await self.take(mailbox, [], dry_run=True)

    async def take(self, mailbox: str, letters: Sequence[bytes], dry_run: bool) -> list[Outcome]:
        asked = {"mailbox": mailbox, "channel": self._channel, "dry_run": dry_run}
        answer = await self._ask("POST", "/api/v1/mail/import", params=asked, content=framed(letters))
        return [Outcome(**item) for item in answer.json()["items"]]

    async def held(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        after = ""
        while True:
            asked = {"state": "held", "after": after, "limit": _PAGE}
            page = (await self._ask("GET", "/api/v1/quarantine", params=asked)).json()
            found += [{name: item[name] for name in _SHOWN} for item in page["items"]]
            after = page["next"] or ""
            if not after:
                return found[::-1]

    async def again(self, entry: str) -> str:
        try:
            await self._ask("POST", f"/api/v1/quarantine/{entry}/replay")
        except Refused as refused:
            return str(refused)
        return ""

    async def _ask(self, method: str, path: str, **more: Any) -> Any:
        """The hub's answer; while it is busy it is asked again. Raises :class:`Refused`."""
        wait = 0.5
        while True:
            answer = await self._client.request(method, path, **more)
            if answer.status_code != 503 or wait > _PATIENCE:
                break
            await asyncio.sleep(wait)
            wait *= 2
        if answer.status_code >= 400:
            raise Refused(answer.json()["error"]["message"])
        return answer


_SHOWN = ("id", "channel", "source_id", "reason", "size")


@asynccontextmanager
async def open_door(given: Settings, channel: str) -> AsyncIterator[Door]:
    """The door of the hub that runs on the data folder; where none does, the database, with the folder held until
    the end."""
    note = running(given)
    if note is not None:
        import httpx

        headers = {"Authorization": f"Bearer {note['key']}"}
        async with httpx.AsyncClient(base_url=note["url"], headers=headers, timeout=_PATIENCE) as client:
            yield _Running(client, channel)
        return
    lock = take_folder(given.data_dir)
    try:
        async with _opened(given) as runtime:
            yield _Direct(runtime, channel)
    finally:
        lock.close()


@asynccontextmanager
async def _opened(given: Settings) -> AsyncIterator[Runtime]:
    """The hub's parts without its work: nothing is fetched, offered or sent."""

    def prepared() -> Runtime:
        migrate(given.database)
        return open_hub(given).runtime

    runtime = await asyncio.to_thread(prepared)
    await runtime.executor.start(lambda _: None)
    try:
        yield runtime
    finally:
        for each in runtime.channels.values():
            await each.close()
        await runtime.executor.stop()


# --- moving in ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one message of an archive, for whoever watches."""

    place: Place
    outcome: Outcome


class Archive:
    """What lies at some paths, looked through once: where each letter is, and which belong together."""

    def __init__(self) -> None:
        self._places: list[Place | None] = []
        self._conversations = Conversations()
        self.left_out: list[Told] = []
        """What nobody would want back, what is too large and what is too old."""

    def look_through(self, path: Path, form: Format, since: Moment, seen: Callable[[], None]) -> None:
        """Raises ``NotMail`` and ``OSError``."""
        for found in messages(path, form):
            seen()
            self._conversations.add(found.head)
            why = self._unwanted(found, since)
            self._places.append(None if why else found.place)
            if why:
                self.left_out.append(Told(found.place, Outcome("skipped", why)))

    def __len__(self) -> int:
        return len(self._places)

    def _unwanted(self, found: Found, since: Moment) -> str:
        if found.place.size > LARGEST:
            return f"it is larger than {LARGEST // 1024 // 1024} MB"
        if not found.head.strip():
            return "it is empty"
        old = since and 0 < self._conversations.written_at(len(self._conversations) - 1) < since
        return found.unwanted or ("it is older" if old else "")

    def conversations(self) -> Iterator[list[list[Place]]]:
        """Letters that belong together, oldest first, each conversation in as many units as it needs."""
        for group in self._conversations.groups():
            wanted = [place for number in group if (place := self._places[number]) is not None]
            if wanted:
                yield list(_units(wanted))


def _units(places: list[Place]) -> Iterator[list[Place]]:
    unit: list[Place] = []
    size = 0
    for place in places:
        if unit and (len(unit) >= MOST_LETTERS or size + place.size > _TOGETHER):
            yield unit
            unit, size = [], 0
        unit.append(place)
        size += place.size
    yield unit


async def move_in(door: Door, archive: Archive, mailbox: str, dry_run: bool, tell: Callable[[Told], None]) -> None:
    """Moves the archive in, several conversations at a time. ``tell`` hears of every message. Raises
    :class:`Refused`."""
    await door.check(mailbox)
    for told in archive.left_out:
        tell(told)
    turn = asyncio.Semaphore(_AT_ONCE)

    async def one(conversation: list[list[Place]]) -> None:
        try:
            for unit in conversation:
                letters = [await asyncio.to_thread(content, place) for place in unit]
                outcomes = await door.take(mailbox, letters, dry_run)
                for place, outcome in zip(unit, outcomes, strict=True):
                    tell(Told(place, outcome))
        finally:
            turn.release()

    try:
        async with asyncio.TaskGroup() as group:
            for conversation in archive.conversations():
                await turn.acquire()
                group.create_task(one(conversation))
    except BaseExceptionGroup as several:
        raise _first(several) from several


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
