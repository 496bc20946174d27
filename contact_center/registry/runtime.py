"""One running hub: everything that was opened, wired together by ``bootstrap`` and used by ``web``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from channels.contract import Channel
from contact_center.delivery.postman import Postman
from contact_center.dispatch.dispatcher import Dispatcher
from contact_center.domain.errors import Unavailable
from contact_center.domain.occasion import Occasion
from contact_center.estimates.expecting import Expecting
from contact_center.estimates.observer import Observer
from contact_center.fetching.fetch import Fetcher
from contact_center.flows.library import FlowLibrary
from contact_center.indexing.indexer import Indexer
from contact_center.live.bus import Bus
from contact_center.live.desks import Desks
from contact_center.live.watchers import Watchers
from contact_center.previews.previews import Previews
from contact_center.recognition.teacher import Teacher
from contact_center.recordings.keeper import Keeper
from contact_center.registry.door import Door
from contact_center.replaying.recorder import Recorder
from contact_center.replaying.trials import Trials
from contact_center.storage import events
from contact_center.storage.blobs import Blobs
from contact_center.storage.effects import FloorMoved
from contact_center.storage.executor import Executor
from contact_center.telephony.services import Services

log = structlog.get_logger(__name__)


PATIENCE_S = 4.0
"""How long a provider waits for the database at most. Twilio gives up after 15 seconds, further tries included, and a
caller hears nothing meanwhile. What was to be stored may still be, later: whoever comes again gets that answer."""


@dataclass(slots=True)
class Runtime:
    """``node`` names this process; ``epoch`` is anew at every start; as ``holder`` it has leases. ``local_api_key``
    is for commands of the same user on the same machine. ``draining``: no new work, sockets are told to come back
    elsewhere."""

    node: str
    holder: str
    epoch: str
    public_url: str
    executor: Executor
    blobs: Blobs
    recordings: Blobs
    uploads: Blobs
    previews: Previews
    fetcher: Fetcher
    channels: Mapping[str, Channel]
    doors: Mapping[str, Door]
    desks: Desks
    watchers: Watchers
    dispatcher: Dispatcher
    recorder: Recorder
    trials: Trials
    postman: Postman
    keeper: Keeper
    indexer: Indexer
    teacher: Teacher
    services: Services
    expecting: Expecting
    observer: Observer
    flows: FlowLibrary
    bus: Bus
    occasion: Callable[[], Occasion]
    bootstrap_api_key: str
    local_api_key: str
    fallback_key: str
    secure_cookies: bool
    time_zone: ZoneInfo
    demo: dict[str, Any] | None = None
    log_whole: events.Sure = field(default_factory=events.Sure)
    on_floor: list[Callable[[FloorMoved], None]] = field(default_factory=list)
    patience_s: float = PATIENCE_S
    log_patience_s: float = 1
    ready: bool = False
    draining: bool = False
    _reloading: set[asyncio.Future[None]] = field(default_factory=set)

    def reload_flows(self) -> None:
        """What was published is in force for the next call."""
        task = asyncio.ensure_future(self._reload_flows())
        self._reloading.add(task)
        task.add_done_callback(self._reloading.discard)

    async def _reload_flows(self) -> None:
        try:
            await self.executor.read(self.flows.reload)
        except Unavailable:
            log.warning("flows_not_reloaded")  # the ones in force stay so; the next change or start reads again

    @property
    def line(self) -> str:
        """The channel that calls of ours leave through; empty where no telephone line is set up."""
        lines = (name for name, channel in self.channels.items() if channel.medium == "voice")
        return next((name for name in lines if self.channels[name].state()[0] != "off"), "")
