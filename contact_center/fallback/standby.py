"""The decisions of the fallback: what is believed, what is written down, and what the sender is told.

Nothing here speaks to the hub: whether it is there is told by ``hub_is_there``.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import structlog

from channels.contract import Answer, Channel, Parsed, Refused, Request, Response
from contact_center.domain.calls import CallAction
from contact_center.domain.events import CallArrived, CallerInput, CallerRecorded, InteractionEvent
from contact_center.domain.time import SECOND, Millis, Moment
from contact_center.fallback import wording
from contact_center.fallback.kept import Kept, pack
from contact_center.fallback.spool import Spool, SpoolFull

log = structlog.get_logger(__name__)

ATTEMPTS = 4
"""So often a caller is asked to hold on; then they may leave a message."""
DIRECTED_AT_MOST = 3
"""So often a call is sent on to a hub that says it is ready and still fails it."""
QUIET_MS = 25 * SECOND
"""A call that has not come back for so long is not on the line here any more: one turn takes about ten seconds."""
MOST_CALLS = 20_000


@dataclass(slots=True)
class OnTheLine:
    """``sources`` are the events that are in the spool already."""

    heard_at: Moment
    directed: int = 0
    away: bool = False
    sources: set[str] = field(default_factory=set)


class Standby:
    """Takes what providers send while the hub cannot. ``hub_url`` is where callers are sent back to."""

    def __init__(
        self,
        channels: Mapping[str, Channel],
        spool: Spool,
        hub_url: str,
        hub_is_there: Callable[[], bool],
        now: Callable[[], Moment],
    ) -> None:
        self._channels = channels
        self._spool = spool
        self._hub_url = hub_url
        self._hub_is_there = hub_is_there
        self._now = now
        self._started_at = now()
        self._writing = asyncio.Lock()
        self._calls: OrderedDict[str, OnTheLine] = OrderedDict()
        self.taken = 0
        self.refused = 0
        self.full = 0

    async def receive(self, name: str, request: Request) -> Response:
        """What the sender of a webhook is told; it is on disk by then, wherever the answer says so."""
        channel = self._channels.get(name)
        if channel is None:
            return Response(404, b"There is no such channel.")
        try:
            channel.verify(request)
        except Refused as refused:
            self.refused += 1
            log.warning("refused", channel=name, path=request.path, reason=refused.reason)
            return Response(refused.status, refused.reason.encode())
        try:
            parsed = channel.parse(request, self._now())
        except Exception as error:  # genuine and not understood: kept for the hub's quarantine
            log.warning("not_understood", channel=name, path=request.path, reason=str(error))
            parsed = None
        try:
            if parsed is None or not parsed.events:
                return await self._unclear(channel, request, parsed)
            if channel.medium == "voice":
                return await self._call(channel, request, parsed)
            await self._keep(Kept(name, self._now(), "", request))
            return channel.acknowledge(request, parsed, [Answer() for _ in parsed.events])
        except SpoolFull as full:
            return self._no_room(channel, request, full)

    async def _unclear(self, channel: Channel, request: Request, parsed: Parsed | None) -> Response:
        if parsed is not None:  # a callback that means nothing
            return channel.acknowledge(request, parsed, ())
        await self._keep(Kept(channel.name, self._now(), "", request))
        return channel.apologise(self._to_hub(channel, request)) if channel.medium == "voice" else Response()

    def _no_room(self, channel: Channel, request: Request, full: SpoolFull) -> Response:
        """Nothing was kept, so nothing is acknowledged; a caller is asked to hold on all the same."""
        self.full += 1
        log.error("spool_full", channel=channel.name, path=request.path, reason=str(full))
        return channel.apologise(request)

    async def _keep(self, kept: Kept) -> None:
        async with self._writing:
            await asyncio.to_thread(self._spool.append, pack(kept))
        self.taken += 1

    # --- calls ---------------------------------------------------------------------------------------------------

    async def _call(self, channel: Channel, request: Request, parsed: Parsed) -> Response:
        event = parsed.events[0]
        call = self._heard(channel, event)
        body = event.body
        waits = isinstance(body, CallerInput) and wording.attempt_of(body.position) > 0
        secret = isinstance(body, CallerInput) and body.secret  # written down nowhere: the hub asks again
        if not waits and not secret and (call.away or event.source_id not in call.sources):
            await self._keep(Kept(channel.name, self._now(), event.thread.key, request))
            call.sources.add(event.source_id)
            call.away = False
        if isinstance(body, CallerRecorded):
            actions = wording.thanks() if body.recording_id else wording.goodbye()
            return self._say(channel, request, parsed, actions)
        if isinstance(body, (CallArrived, CallerInput)):
            attempt = wording.attempt_of(body.position) if isinstance(body, CallerInput) else 0
            return await self._on_the_line(channel, request, parsed, call, attempt)
        return self._say(channel, request, parsed, ())

    async def _on_the_line(
        self, channel: Channel, request: Request, parsed: Parsed, call: OnTheLine, attempt: int
    ) -> Response:
        """A caller hears this answer: back to the hub as soon as it is there, else on hold, else a message."""
        if self._hub_is_there() and call.directed < DIRECTED_AT_MOST:
            thread = parsed.events[0].thread.key
            await self._keep(Kept(channel.name, self._now(), thread, directed=True))
            call.directed += 1
            call.away = True
            return channel.apologise(self._to_hub(channel, request))
        if attempt < ATTEMPTS:
            return self._say(channel, request, parsed, wording.hold_on(attempt + 1))
        return self._say(channel, request, parsed, wording.leave_a_message())

    def _to_hub(self, channel: Channel, request: Request) -> Request:
        """The request as if it had come in at the hub's own door for new calls, whose answer is on record there."""
        return replace(request, url=f"{self._hub_url}/webhooks/{channel.name}", path="", query="")

    @staticmethod
    def _say(channel: Channel, request: Request, parsed: Parsed, actions: tuple[CallAction, ...]) -> Response:
        return channel.acknowledge(request, parsed, [Answer(actions=actions)])

    def _heard(self, channel: Channel, event: InteractionEvent) -> OnTheLine:
        key = f"{channel.name}:{event.thread.key}"
        call = self._calls.pop(key, None) or OnTheLine(self._now())
        call.heard_at = self._now()
        self._calls[key] = call
        while len(self._calls) > MOST_CALLS:
            self._calls.popitem(last=False)
        return call

    # --- for the hand-over ---------------------------------------------------------------------------------------

    def quiet_ms(self, channel: str, thread: str) -> Millis:
        """For how long nothing has been heard of the call. What this process cannot know (it was started anew
        meanwhile) counts from its start."""
        call = self._calls.get(f"{channel}:{thread}")
        return max(0, self._now() - (call.heard_at if call is not None else self._started_at))

    def is_quiet(self, channel: str, thread: str) -> bool:
        """Whether what was kept of the call may go to the hub: the caller is not on the line here any more."""
        return not thread or self.quiet_ms(channel, thread) >= QUIET_MS

    def forget(self, channel: str, thread: str) -> None:
        """The hub has everything of this call."""
        if thread and self.is_quiet(channel, thread):
            self._calls.pop(f"{channel}:{thread}", None)
