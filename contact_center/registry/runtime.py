"""One running hub: everything that was opened, wired together by ``bootstrap`` and used by ``web``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from channels.contract import Channel
from contact_center.delivery.postman import Postman
from contact_center.dispatch.dispatcher import Dispatcher
from contact_center.domain.occasion import Occasion
from contact_center.live.bus import Bus
from contact_center.live.desks import Desks
from contact_center.live.watchers import Watchers
from contact_center.recordings.keeper import Keeper
from contact_center.registry.door import Door
from contact_center.storage.blobs import Blobs
from contact_center.storage.effects import FloorMoved
from contact_center.storage.executor import Executor


@dataclass(slots=True)
class Runtime:
    """``node`` names this process; ``epoch`` is anew at every start. ``local_api_key`` is for commands of the same
    user on the same machine. ``draining``: no new work, sockets are told to come back elsewhere."""

    node: str
    epoch: str
    public_url: str
    executor: Executor
    blobs: Blobs
    recordings: Blobs
    channels: Mapping[str, Channel]
    doors: Mapping[str, Door]
    desks: Desks
    watchers: Watchers
    dispatcher: Dispatcher
    postman: Postman
    keeper: Keeper
    bus: Bus
    occasion: Callable[[], Occasion]
    bootstrap_api_key: str
    local_api_key: str
    secure_cookies: bool
    time_zone: ZoneInfo
    demo: dict[str, Any] | None = None
    on_floor: list[Callable[[FloorMoved], None]] = field(default_factory=list)
    ready: bool = False
    draining: bool = False
