"""The agents' websocket: a desk's numbered stream out, commands in (docs/agent-websocket.md)."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import orjson
import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from contact_center.dispatch import presence
from contact_center.domain.errors import Refusal, Unavailable
from contact_center.domain.time import SECOND
from contact_center.live.desks import Desk, ReadAfter
from contact_center.registry.runtime import Runtime
from contact_center.storage import announcements, desks
from contact_center.storage.executor import Executor
from contact_center.web import commands
from contact_center.web.floor import FloorFeed
from contact_center.web.principal import Principal, identify, runtime_of

log = structlog.get_logger(__name__)

HEARTBEAT_MS = 25 * SECOND
FRAME_LIMIT = 1_048_576
BAD_FRAMES = 10
_AWAY = "the database is away, come back in a moment"
MOST_COMMANDS = 16
"""Commands of one socket under way at most; a client that sends more waits for its turn."""


class AgentSocket:
    """One console's connection."""

    def __init__(self, websocket: WebSocket, runtime: Runtime, principal: Principal, floor: FloorFeed) -> None:
        self._websocket = websocket
        self._runtime = runtime
        self._principal = principal
        self._floor = floor
        self._desk = Desk(principal.agent_id, principal.key)
        self._bad = 0
        self._commands: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        runtime, agent_id = self._runtime, self._principal.agent_id
        writer = asyncio.create_task(self._write())
        first = bool(agent_id) and runtime.desks.add(self._desk)
        try:
            if first:
                await runtime.executor.write(presence.came, agent_id)
            await self._greet()
            await self._read()
        except WebSocketDisconnect:
            pass
        except TimeoutError:
            self._desk.close(4408, "silent for too long")
        except Unavailable:
            self._desk.close(1013, _AWAY)
        finally:
            self._floor.leave(self._desk)
            if agent_id and runtime.desks.remove(self._desk) and not runtime.draining:
                with contextlib.suppress(Unavailable):
                    await runtime.executor.write(lambda conn: presence.left(conn, runtime.occasion(), agent_id))
            self._desk.close(1000, "")
            with contextlib.suppress(Exception):
                await asyncio.wait_for(writer, 2)

    async def _greet(self) -> None:
        agent_id = self._principal.agent_id
        seq = await self._runtime.executor.read(announcements.last, agent_id) if agent_id else 0
        self._send(
            {
                "type": "hello",
                "epoch": self._runtime.epoch,
                "heartbeat_ms": HEARTBEAT_MS,
                "agent_id": agent_id or None,
                "seq": seq,
                "now": self._runtime.occasion().now,
            }
        )

    def _send(self, frame: dict[str, Any]) -> None:
        self._desk.send(orjson.dumps(frame))

    async def _write(self) -> None:
        """Sends what the desk has queued until it is closed."""
        desk, websocket = self._desk, self._websocket
        try:
            while frames := await desk.frames():
                for frame in frames:
                    await websocket.send_text(frame.decode())
            code, reason = desk.closed or (1000, "")
            await websocket.close(code, reason)
        except (WebSocketDisconnect, RuntimeError, OSError):
            desk.close(1006, "")

    async def _read(self) -> None:
        """Takes frames until the other side is gone, or silent for two heartbeats."""
        while self._desk.closed is None:
            message = await asyncio.wait_for(self._receive(), 2 * HEARTBEAT_MS / 1_000)
            if message is None:
                self._bad += 1
                if self._bad >= BAD_FRAMES:
                    self._desk.close(4400, "not understood")
                    return
                self._send({"type": "error", "code": "not_understood", "message": "That frame makes no sense."})
                continue
            await self._take(message)

    async def _receive(self) -> dict[str, Any] | None:
        try:
            text = await self._websocket.receive_text()
        except KeyError:
            return None
        if len(text) > FRAME_LIMIT:
            self._desk.close(1009, "too big")
            return None
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError:
            return None
        return message if isinstance(message, dict) and isinstance(message.get("type"), str) else None

    async def _take(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "command":
                await self._command(message)
            case "ping":
                self._send({"type": "pong", "now": self._runtime.occasion().now})
            case "pong":
                pass
            case "snapshot":
                await self._snapshot()
            case "resume":
                await self._resume(message.get("after"))
            case "watch" if message.get("what") == "floor":
                if self._principal.supervises:
                    self._floor.join(self._desk)
                else:
                    self._refuse("", "not_allowed", "Only supervisors watch the floor.")
            case "unwatch":
                self._floor.leave(self._desk)
            case _:
                self._bad += 1
                self._refuse("", "unknown_type", "There is no such frame.")

    def _refuse(self, command_id: str, code: str, message: str) -> None:
        self._send({"type": "result", "id": command_id, "ok": False, "error": {"code": code, "message": message}})

    async def _snapshot(self) -> None:
        if not self._principal.agent_id:
            self._send_channels()
            return
        state = await self._runtime.executor.read(desks.desk, self._principal.agent_id)
        if state is None:
            self._desk.close(4403, "no such agent")
            return
        self._send({"type": "snapshot", "state": state})
        self._desk.at = state.seq
        self._runtime.desks.behind(self._desk)
        self._send_channels()

    async def _resume(self, after: Any) -> None:
        agent_id = self._principal.agent_id
        if not agent_id:
            self._send_channels()
            return
        last = await self._runtime.executor.read(announcements.last, agent_id)
        if not isinstance(after, int) or isinstance(after, bool) or after < 0 or after > last:
            await self._resync()
            return
        if after < last:
            first = await self._runtime.executor.read(announcements.after, agent_id, after, 1)
            if not first or first[0][0] != after + 1 or last - after > 2_000:
                await self._resync()
                return
        self._desk.at = after
        await self._desk.catch_up(read_after(self._runtime.executor))
        self._send_channels()

    async def _resync(self) -> None:
        self._send({"type": "resync"})
        await self._snapshot()

    def _send_channels(self) -> None:
        for name, door in self._runtime.doors.items():
            state, reason = door.state
            self._send({"type": "channel", "name": name, "state": state, "reason": reason})

    async def _command(self, message: dict[str, Any]) -> None:
        command_id = message.get("id")
        if not isinstance(command_id, str) or not 0 < len(command_id) <= 64:
            self._bad += 1
            self._refuse("", "args", "A command needs an id of at most 64 characters.")
            return
        while len(self._commands) >= MOST_COMMANDS:
            await asyncio.wait(self._commands, return_when=asyncio.FIRST_COMPLETED)
        task = asyncio.create_task(self._do(command_id, message))
        self._commands.add(task)
        task.add_done_callback(self._commands.discard)

    async def _do(self, command_id: str, message: dict[str, Any]) -> None:
        try:
            name = str(message.get("name", ""))
            args = commands.parse(name, message.get("args", {}))
            value = await commands.run(self._runtime, self._principal, name, args, command_id)
        except Refusal as refusal:
            self._refuse(command_id, refusal.code, refusal.message)
        except Unavailable:
            self._refuse(command_id, "unavailable", "The hub cannot store anything just now. Try again.")
        except Exception:
            log.exception("command_failed", name=message.get("name"))
            self._refuse(command_id, "fault", "Something went wrong on our side. It has been logged.")
        else:
            self._send({"type": "result", "id": command_id, "ok": True, "value": value})


def read_after(executor: Executor) -> ReadAfter:
    """How desks read what they missed."""

    async def read(agent_id: str, seq: int) -> list[tuple[int, int, bytes]] | None:
        return await executor.read(announcements.after, agent_id, seq, 500)

    return read


async def agent_socket(websocket: WebSocket) -> None:
    """``GET /agent``."""
    runtime = runtime_of(websocket)
    try:
        principal = await identify(websocket)
    except Refusal as refusal:
        await websocket.accept()
        await websocket.close(4403, refusal.message)
        return
    except Unavailable:
        await websocket.accept()
        await websocket.close(1013, _AWAY)
        return
    if principal is None or runtime.draining:
        await websocket.accept()
        await websocket.close(4401 if principal is None else 1012)
        return
    await websocket.accept()
    await AgentSocket(websocket, runtime, principal, websocket.app.state.floor).run()
