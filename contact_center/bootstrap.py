"""The one place that knows everybody: opens a hub and wires it together."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import secrets
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import structlog
import uuid_utils
from fastapi import FastAPI

from contact_center.config import apply as config_apply
from contact_center.config.environment import Settings, of_environment
from contact_center.config.model import Config, read
from contact_center.delivery.postman import Postman
from contact_center.dispatch import presence
from contact_center.dispatch.dispatcher import Dispatcher, subject
from contact_center.domain.errors import Unavailable
from contact_center.domain.events import ServiceAnswered
from contact_center.domain.occasion import Occasion
from contact_center.domain.time import DAY
from contact_center.estimates.expecting import Expecting
from contact_center.estimates.observer import Observer
from contact_center.fallback.settings import key_in
from contact_center.fetching.fetch import Fetcher
from contact_center.flows.library import FlowLibrary
from contact_center.indexing.indexer import Indexer
from contact_center.intake.take_in import CallSteps
from contact_center.live.bus import Bus, Hint, NoBus, RedisBus
from contact_center.live.desks import Desks
from contact_center.live.watchers import Watchers
from contact_center.moves import lines
from contact_center.previews.previews import Previews
from contact_center.recognition.teacher import Teacher
from contact_center.reconciling.reconciler import Reconciler
from contact_center.recordings.keeper import Keeper
from contact_center.registry.discover import open_channels
from contact_center.registry.door import Door, State
from contact_center.registry.runtime import Runtime
from contact_center.replaying.recorder import Recorder
from contact_center.replaying.trials import Trials
from contact_center.storage import announcements, automatic, dials, leases, policies, settings
from contact_center.storage.blobs import Blobs
from contact_center.storage.connection import Connection
from contact_center.storage.effects import (
    Alarm,
    Announced,
    ConfigChanged,
    Due,
    Effect,
    Engaged,
    FloorMoved,
    SeatChanged,
    ServiceWanted,
    SessionsEnded,
    ThreadGrew,
    Waits,
    WaitsNoMore,
)
from contact_center.storage.executor import open_executor, run_alone
from contact_center.storage.migrate import migrate
from contact_center.telephony.services import Services
from contact_center.telephony.steps import Telephony
from contact_center.web import drafts
from contact_center.web.agent_socket import read_after
from contact_center.web.app import create_app
from contact_center.web.webhooks import Webhooks

T = TypeVar("T")

log = structlog.get_logger(__name__)

KEEP_ANNOUNCEMENTS_MS = 7 * DAY
KEEP_COMMANDS_MS = DAY
KEEP_DIALS_MS = 2 * DAY
KEEP_AUTOMATIC_MS = 31 * DAY
LOOK_ROUND_S = 4.0
"""How long a console may be behind when the bus between nodes is down."""


class AlreadyRunning(Exception):
    """Another hub has this data folder. SQLite has one writer; two would corrupt it."""


def occasion() -> Occasion:
    """Now, and ids that sort by time (UUID version 7, RFC 9562)."""
    return Occasion(time.time_ns() // 1_000_000, _new_id)


def _new_id() -> str:
    return uuid_utils.uuid7().hex


def take_folder(folder: Path) -> Any:
    """Holds the data folder for this process alone, for as long as the file that it returns is open. Raises
    :class:`AlreadyRunning`."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = (folder / "hub.lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise AlreadyRunning(f"Another hub runs on {folder}. Stop it, or choose another data folder.") from error
    return file


def secret_of(folder: Path) -> bytes:
    """This installation's key for tokens: made once, readable by its owner alone."""
    path = folder / "secret.key"
    with contextlib.suppress(FileExistsError):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(32))
    return path.read_bytes()


def holder_of(folder: Path) -> str:
    """The name under which this hub holds leases: the same after a restart on this machine in this folder, which one
    hub alone has at a time, so that nobody waits for a lease of their own."""
    machine = ""
    with contextlib.suppress(OSError):  # machines made from one image may have one name
        machine = Path("/etc/machine-id").read_text().strip()
    return hashlib.sha256(f"{socket.gethostname()} {machine} {folder.resolve()}".encode()).hexdigest()[:32]


MOST_NAMED = 1_000
"""Of more that changed at once, other nodes are told that they must look at everything."""


class Committed:
    """Hands what committed to whoever must know: routing, consoles, customers' sockets, the post, other nodes."""

    def __init__(self, bus: Bus) -> None:
        self.runtime: Runtime | None = None
        self._bus = bus

    def __call__(self, effects: Sequence[Effect]) -> None:
        runtime = self.runtime
        if runtime is None:
            return
        hints: list[Hint] = []
        interactions: set[str] = set()
        agents: set[str] = set()
        for effect in effects:
            match effect:
                case Announced():
                    runtime.desks.announced(effect.agent_id, effect.seq, effect.at, effect.body)
                    hints.append(["desk", effect.agent_id, effect.seq])
                case Waits() | WaitsNoMore() | SeatChanged():
                    runtime.dispatcher.told(effect)
                    runtime.observer.told(effect)
                    (agents if isinstance(effect, SeatChanged) else interactions).add(subject(effect))
                case Due():
                    runtime.dispatcher.due(effect)
                    runtime.postman.due(effect)
                    runtime.keeper.due(effect)
                    hints.append(["due", effect.kind, effect.at])
                case ThreadGrew():
                    runtime.watchers.grew(effect.channel, effect.thread_key)
                    hints.append(["thread", effect.channel, effect.thread_key])
                case FloorMoved():
                    for listen in runtime.on_floor:
                        listen(effect)
                    hints.append(["floor", effect.queue, effect.line])
                case SessionsEnded():
                    runtime.desks.close_sessions(set(effect.token_hashes))
                    hints.append(["sessions", list(effect.token_hashes)])
                case Engaged():
                    runtime.dispatcher.engaged(effect)
                case ServiceWanted():
                    runtime.services.wanted(effect)
                case Alarm():
                    runtime.doors[effect.channel].warn(effect.reason, effect.until_at)
                case ConfigChanged():
                    runtime.dispatcher.config_changed(effect)
                    runtime.reload_flows()
                    hints.append(["config"])
        if len(interactions) + len(agents) > MOST_NAMED:
            hints.append(["routing"])
        elif interactions or agents:
            hints.append(["routing", sorted(interactions), sorted(agents)])
        if effects:
            runtime.indexer.nudge()
        self._bus.publish(hints)

    def heard(self, hint: Hint) -> None:
        """A hint from another node: look at the database, or wake who does."""
        runtime = self.runtime
        if runtime is None:
            return
        match hint:
            case ["desk", str(agent_id), int(seq)]:
                runtime.desks.grew(agent_id, seq)
            case ["config"]:
                runtime.dispatcher.doubt()
                runtime.reload_flows()
            case ["routing"]:
                runtime.dispatcher.doubt()
            case ["routing", [*interactions], [*agents]]:
                runtime.dispatcher.changed_elsewhere(map(str, interactions), map(str, agents))
            case ["due", str(kind), int(at)]:
                runtime.dispatcher.due(Due(kind, at))
                runtime.postman.due(Due(kind, at))
                runtime.keeper.due(Due(kind, at))
            case ["thread", str(channel), str(thread_key)]:
                runtime.watchers.grew(channel, thread_key)
            case ["floor", str(queue), line]:
                for listen in runtime.on_floor:
                    listen(FloorMoved(queue, line))
            case ["sessions", [*hashes]]:
                runtime.desks.close_sessions({str(each) for each in hashes})
            case _:
                log.warning("unknown_hint", hint=str(hint)[:200])


class Hub:
    """A hub that was opened: its application, and how to start and stop it."""

    def __init__(self, runtime: Runtime, committed: Committed) -> None:
        self.runtime = runtime
        self._committed = committed
        self._listeners: list[asyncio.Task[None]] = []
        self._tidy: asyncio.Task[None] | None = None
        self.reconciler = Reconciler(runtime.executor, runtime.doors, runtime.occasion)
        self.api: FastAPI = create_app(runtime, self.start, self.stop)
        self.api.state.drain = self.drain
        self.app = Webhooks(self.api, runtime)

    async def start(self) -> None:
        runtime = self.runtime
        await runtime.executor.start(self._committed)
        await runtime.executor.write(lambda conn: presence.all_gone(conn, runtime.occasion()))
        await runtime.executor.read(runtime.flows.reload)
        await runtime.bus.start(self._committed.heard)
        await runtime.recorder.start()
        await runtime.dispatcher.start()
        await runtime.postman.start()
        await runtime.keeper.start()
        await runtime.indexer.start()
        await runtime.teacher.start()
        await runtime.trials.start()
        await runtime.observer.start()
        for door in runtime.doors.values():
            if door.channel.state()[0] != "off":
                task = asyncio.create_task(self._listen(door), name=f"channel-{door.channel.name}")
                self._listeners.append(task)
        self._tidy = asyncio.create_task(self._keep_tidy(), name="tidy")
        if not isinstance(runtime.bus, NoBus):
            self._listeners.append(asyncio.create_task(self._look_round(), name="other-nodes"))
        await self.reconciler.start()
        runtime.ready = True

    def drain(self) -> None:
        """No new work, and consoles told to come back. The server calls it before it closes its connections."""
        runtime = self.runtime
        runtime.ready, runtime.draining = False, True
        for desk in runtime.desks.every():
            desk.send(b'{"type":"drain","retry_after_ms":1000}')
            desk.close(1012, "the hub restarts")

    async def stop(self) -> None:
        """In order: no new work, consoles told to come back, what is under way ended, then the database."""
        runtime = self.runtime
        self.drain()
        tasks = [*self._listeners, *([self._tidy] if self._tidy else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.reconciler.stop()
        await runtime.dispatcher.stop()
        await runtime.recorder.stop()
        await runtime.trials.stop()
        await runtime.services.stop()
        await runtime.postman.stop()
        await runtime.keeper.stop()
        await runtime.indexer.stop()
        await runtime.teacher.stop()
        await runtime.observer.stop()
        await runtime.previews.close()
        for channel in runtime.channels.values():
            await channel.close()
        with contextlib.suppress(Unavailable):  # they end by themselves too
            await runtime.executor.write(leases.give_back, runtime.holder)
        await runtime.bus.stop()
        await runtime.executor.stop()

    async def _listen(self, door: Door) -> None:
        """Runs a channel's own listening; a channel that falls over is started again and harms no other."""
        wait = 1.0
        while True:
            try:
                await door.channel.listen(door)
                return
            except asyncio.CancelledError:
                raise
            except Exception as error:
                log.exception("channel_fell_over", channel=door.channel.name)
                door.report("degraded", f"{type(error).__name__}: {error}")
                await asyncio.sleep(wait)
                wait = min(wait * 2, 60)

    async def _look_round(self) -> None:
        """With other nodes about: what a lost hint kept from this node's consoles is found here, and agents who left
        another node but sit at this one stay."""
        runtime = self.runtime
        while True:
            await asyncio.sleep(LOOK_ROUND_S)
            agent_ids = sorted({desk.agent_id for desk in runtime.desks.every() if desk.agent_id})
            if not agent_ids:
                continue
            try:
                for agent_id, seq in (await runtime.executor.read(announcements.last_of, agent_ids)).items():
                    runtime.desks.grew(agent_id, seq)
                await runtime.executor.write(presence.still_here, agent_ids)
            except Exception:
                log.exception("look_round_failed")

    async def _keep_tidy(self) -> None:
        """Lets go of what nobody can ask for any more."""
        runtime = self.runtime
        while True:
            await asyncio.sleep(600)
            now = runtime.occasion().now
            with contextlib.suppress(Exception):
                await runtime.executor.write(announcements.forget, now - KEEP_ANNOUNCEMENTS_MS)
                await runtime.executor.write(settings.forget_command_results, now - KEEP_COMMANDS_MS)
                await runtime.executor.write(dials.forget, now - KEEP_DIALS_MS)
                await drafts.forget(runtime, now)
                await runtime.executor.write(automatic.forget, now - KEEP_AUTOMATIC_MS)


def open_hub(
    given: Settings,
    *,
    make_occasion: Callable[[], Occasion] = occasion,
    environment: Mapping[str, str] | None = None,
    demo: dict[str, Any] | None = None,
) -> Hub:
    """Opens a hub on a database that is up to date. Blocks; call it before the event loop runs."""
    environment = of_environment() if environment is None else environment
    public_url = given.public_url or f"http://{given.host}:{given.port}"
    executor = open_executor(given.database)
    config = read(given.config) if given.config else Config()
    stored = run_alone(given.database, _stored)
    desks = Desks(read_after(executor))
    watchers = Watchers()
    node, holder = secrets.token_hex(8), holder_of(given.data_dir)
    recorder = Recorder(executor, make_occasion, node)
    dispatcher = Dispatcher(executor, stored["in_force"], make_occasion, recorder)
    bus: Bus = RedisBus(given.redis_url, node, dispatcher.doubt) if given.redis_url else NoBus()
    committed = Committed(bus)
    channels = open_channels(public_url, environment, config.channels, secret_of(given.data_dir))
    flows = FlowLibrary()
    expecting = Expecting()
    telephony = Telephony(flows, expecting)
    calls = CallSteps(telephony.arrive, telephony.hear, telephony.talked, telephony.left)

    async def answered(interaction_id: str, answer: ServiceAnswered) -> None:
        await executor.write(lambda conn: telephony.answered(conn, make_occasion(), interaction_id, answer))

    async def known_services() -> tuple[dict[str, Any], ...]:
        return (await executor.read(lines.telephony_settings)).services

    blobs = Blobs(given.data_dir / "blobs")
    recordings = Blobs(given.data_dir / "recordings")

    def on_state(name: str, state: State, reason: str) -> None:
        frame: dict[str, object] = {"type": "channel", "name": name, "state": state, "reason": reason}
        for agent_id in {desk.agent_id for desk in desks.every()}:
            desks.tell(agent_id, frame)

    doors = {
        name: Door(channel, executor, blobs, calls, desks, watchers, make_occasion, on_state, holder)
        for name, channel in channels.items()
    }
    runtime = Runtime(
        node=node,
        holder=holder,
        epoch=node,
        public_url=public_url,
        executor=executor,
        blobs=blobs,
        recordings=recordings,
        uploads=Blobs(given.data_dir / "uploads"),
        previews=Previews(given.data_dir / "previews"),
        fetcher=Fetcher(),
        channels=channels,
        doors=doors,
        desks=desks,
        watchers=watchers,
        dispatcher=dispatcher,
        recorder=recorder,
        trials=Trials(given.database, executor, make_occasion, holder),
        postman=Postman(executor, channels, blobs, make_occasion),
        keeper=Keeper(executor, channels, recordings, make_occasion),
        indexer=Indexer(executor, make_occasion, holder),
        teacher=Teacher(executor, make_occasion, holder),
        services=Services(answered, known_services),
        expecting=expecting,
        observer=Observer(executor, expecting, make_occasion),
        flows=flows,
        bus=bus,
        occasion=make_occasion,
        bootstrap_api_key=given.bootstrap_api_key,
        local_api_key=secrets.token_urlsafe(32),
        fallback_key=given.fallback_key or key_in(given.data_dir),
        secure_cookies=public_url.startswith("https://") if given.secure_cookies is None else given.secure_cookies,
        time_zone=ZoneInfo(stored.get("time_zone", "UTC")),
        demo=demo,
    )
    committed.runtime = runtime
    return Hub(runtime, committed)


def _stored(conn: Connection) -> dict[str, Any]:
    """What was applied."""
    config_apply.keep_policy(conn, occasion().now)
    applied = {key: settings.get(conn, key, default) for key, default in _NEEDED.items()}
    return {**applied, "in_force": policies.in_force(conn)}


_NEEDED: dict[str, Any] = {"time_zone": "UTC"}

__all__ = [
    "AlreadyRunning",
    "Hub",
    "migrate",
    "occasion",
    "open_hub",
    "take_folder",
]
