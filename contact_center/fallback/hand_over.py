"""Gives the hub what was kept, as soon as it is back, and forgets only what it has acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace

import httpx
import orjson
import structlog

from contact_center.fallback.kept import Kept, plain, unpack
from contact_center.fallback.spool import Spool
from contact_center.fallback.standby import Standby

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 2.0
STALE_S = 10.0
"""An answer of the hub's that is older says nothing about now."""
MOST_BYTES = 1_000_000
MOST_REQUESTS = 200
PATH = "/api/v1/fallback/requests"


class HandOver:
    """Watches the hub, and hands over in order. What belongs to one call goes together, and not before the call has
    left this place: a caller who is on the line here will come to the hub by themselves."""

    def __init__(self, spool: Spool, hub_url: str, key: str) -> None:
        self._spool = spool
        self._key = key
        self._http = httpx.AsyncClient(base_url=hub_url, timeout=30, trust_env=False)
        self._seen_ready_at = -STALE_S
        self._was_ready: bool | None = None
        self._task: asyncio.Task[None] | None = None
        self._reason = ""
        self.handed_over = 0
        self.reason = "The hub has not been asked yet."

    def hub_is_there(self) -> bool:
        return time.monotonic() - self._seen_ready_at < STALE_S

    def start(self, standby: Standby) -> None:
        self._task = asyncio.create_task(self._work(standby), name="hand-over")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._http.aclose()

    async def _work(self, standby: Standby) -> None:
        while True:
            try:
                await self.look(standby)
            except Exception:  # a defect of ours must not end it for good
                log.exception("hand_over_failed")
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self, standby: Standby) -> None:
        """Asks how the hub is and, if it is well, gives it all that may go."""
        ready = await self._ask()
        if ready != self._was_ready:
            log.info("hub_is_back" if ready else "hub_is_away", reason=self.reason, waiting=len(self._spool))
            self._was_ready = ready
        if not ready:
            self._seen_ready_at = -STALE_S
            return
        self._seen_ready_at = time.monotonic()
        while batch := await asyncio.to_thread(self._batch, standby):
            if not await self._hand_over(batch, standby):
                return

    async def _ask(self) -> bool:
        try:
            answer = await self._http.get("/ready", timeout=3)
        except (httpx.HTTPError, OSError) as error:
            self.reason = f"The hub does not answer: {type(error).__name__}"
            return False
        self.reason = "" if answer.status_code == 200 else f"The hub is not ready ({answer.status_code})."
        return answer.status_code == 200

    def _batch(self, standby: Standby) -> list[Kept]:
        """The oldest that may go, each call's in one piece."""
        calls: dict[str, list[Kept]] = {}
        for number in self._spool.waiting()[: MOST_REQUESTS * 20]:
            kept = self._read(number)
            if kept is not None and standby.is_quiet(kept.channel, kept.thread):
                together = f"{kept.channel}:{kept.thread}" if kept.thread else str(number)
                quiet_ms = standby.quiet_ms(kept.channel, kept.thread)
                calls.setdefault(together, []).append(replace(kept, quiet_ms=quiet_ms))
        batch: list[Kept] = []
        size = 0
        for pieces in calls.values():
            size += sum(len(piece.request.body) + len(piece.request.url) + 2_000 for piece in pieces if piece.request)
            if batch and (size > MOST_BYTES or len(batch) + len(pieces) > MOST_REQUESTS):
                break
            batch += pieces
        return batch

    def _read(self, number: int) -> Kept | None:
        try:
            return unpack(self._spool.read(number), number)
        except (ValueError, OSError, KeyError) as error:
            log.error("spool_entry_unreadable", number=number, reason=str(error))
            return None

    async def _hand_over(self, batch: list[Kept], standby: Standby) -> bool:
        """Whether the hub has acknowledged anything, so that it is worth going on."""
        body = orjson.dumps({"requests": [plain(kept) for kept in batch]})
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        try:
            answer = await self._http.post(PATH, content=body, headers=headers)
            if answer.status_code != 200:
                self._complain(f"The hub refuses what was kept ({answer.status_code}): {answer.text[:300]}")
                return False
            done = {int(number) for number in answer.json()["done"]}
        except (httpx.HTTPError, OSError, ValueError, KeyError, TypeError) as error:
            self._complain(f"The hub did not take what was kept: {error!r}"[:400])
            return False
        taken = [kept for kept in batch if kept.number in done]
        await asyncio.to_thread(self._spool.done, [kept.number for kept in taken])
        for kept in taken:
            standby.forget(kept.channel, kept.thread)
        self.handed_over += len(taken)
        self._reason = ""
        log.info("handed_over", requests=len(taken), waiting=len(self._spool))
        return bool(taken)

    def _complain(self, reason: str) -> None:
        """Once for each reason, and not every two seconds."""
        self.reason = reason
        if reason != self._reason:
            self._reason = reason
            log.error("not_handed_over", reason=reason, waiting=len(self._spool))
