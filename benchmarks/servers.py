"""The two programs that are compared, started alike: the hub, and the floor."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import yaml

from benchmarks import load, world
from benchmarks.load import Agent

ROOT = Path(__file__).resolve().parent.parent

IMPORTS = "import fastapi, sqlalchemy.ext.asyncio, uvicorn, uvloop, httptools, orjson, pydantic_settings, nh3"
"""What any program of this kind has to load: the floor of starting."""


_given: set[int] = set()


def free_port() -> int:
    """One that nobody listens at. Never the same twice: whoever was given one may not listen there yet."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in _given:
            _given.add(port)
            return port


class Server:
    """A program under test, with a database in ``folder``."""

    name = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.started_in_ms = 0.0

    def command(self) -> tuple[list[str], dict[str, str]]:
        """The command, and what is added to the environment."""
        raise NotImplementedError

    async def start(self) -> None:
        """Returns when it says that it is ready."""
        started = time.perf_counter()
        self._spawn()
        while not await self._is_ready():
            if self.process.poll() is not None or time.perf_counter() - started > 240:
                self.stop()
                raise RuntimeError(f"{self.name} did not start:\n{(self.folder / 'log').read_text()[-3000:]}")
            await asyncio.sleep(0.004)
        self.started_in_ms = (time.perf_counter() - started) * 1000

    def _spawn(self) -> None:
        command, settings = self.command()
        env = {**os.environ, **settings}
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    async def _is_ready(self) -> bool:
        try:
            connection = await load.connect(self.port)
            status, _ = await load.get(connection, self.port, "/ready")
        except OSError:
            return False
        connection.close()
        return status == 200

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self) -> None:
        """In order if it can, by force if it does not."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(90)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    async def stored(self) -> int:
        """How many of the messages that were sent to it are in its database."""
        raise NotImplementedError

    async def hold(self, agents: Sequence[Agent]) -> None:
        """Puts the conversation with customer n into the hands of one agent, for every n below
        ``len(agents)``."""

    def is_about(self, frame: bytes) -> bool:
        """Is this the frame that tells an agent what a customer wrote?"""
        return b'"work.changed"' in frame and b'"text":"m ' in frame


class Floor(Server):
    name = "the floor"

    def command(self) -> tuple[list[str], dict[str, str]]:
        database = self.folder / "floor.db"
        database.unlink(missing_ok=True)
        return [sys.executable, "-m", "benchmarks.floor", str(self.port), str(database)], {}

    async def stored(self) -> int:
        database = sqlite3.connect(self.folder / "floor.db")
        try:
            return int(database.execute("SELECT count(*) FROM events").fetchone()[0])
        except sqlite3.OperationalError:  # nothing was ever sent
            return 0
        finally:
            database.close()


class Hub(Server):
    """The hub with its embedded database, without the sandbox, configured for ``agents`` agents."""

    name = "the hub"

    def __init__(self, folder: Path, agents: int, flow: str = "", **settings: str) -> None:
        super().__init__(folder)
        self.settings = settings
        self._counted, self._after = 0, 0
        (folder / "hub.yaml").write_text(yaml.safe_dump(configuration(agents, flow)), encoding="utf-8")

    def command(self) -> tuple[list[str], dict[str, str]]:
        settings = {
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "PUBLIC_URL": world.public_url(self.port),
            "DATA_DIR": str(self.folder / "data"),
            "CONFIG": str(self.folder / "hub.yaml"),
            "SANDBOX": "off",
            "BOOTSTRAP_API_KEY": world.API_KEY,
            "TWILIO_ACCOUNT_SID": world.ACCOUNT,
            "TWILIO_AUTH_TOKEN": world.AUTH_TOKEN,
            **self.settings,
        }
        command = [sys.executable, "-m", "contact_center", "serve"]
        return command, {f"CONTACT_CENTER_{name}": value for name, value in settings.items()}

    async def stored(self) -> int:
        connection = await load.connect(self.port)
        while True:
            path = f"/api/v1/events?after={self._after}&limit=200"
            status, page = await load.get(connection, self.port, path)
            if status != 200:
                raise RuntimeError(f"GET {path} answered {status}: {page!r}")
            if not page["items"]:
                break
            self._after = page["items"][-1]["seq"]
            self._counted += sum(_was_sent(item) for item in page["items"])
        connection.close()
        return self._counted

    async def hold(self, agents: Sequence[Agent]) -> None:
        held = asyncio.Event()
        taken = set[str]()

        def accept(agent: Agent, frame: bytes, at: float) -> None:
            message = orjson.loads(frame)
            body = message.get("body") or {}
            if body.get("kind") == "offer.rings":
                _ = agent.command("accept", offer_id=body["offer"]["id"])
            elif body.get("kind") == "work.changed" and body["work"]["state"] == "assigned":
                taken.add(body["work"]["interaction_id"])
                if len(taken) == len(agents):
                    held.set()

        for agent in agents:
            agent.on_frame = accept
        for start in range(0, len(agents), 50):
            await asyncio.gather(*(agent.command("set_state", state="ready") for agent in agents[start : start + 50]))
        requests = [world.sms(self.port, number, f"a{number:x}", "first") for number in range(len(agents))]
        run = await load.closed_loop(self.port, self.pid, requests, connections=8)
        if run.refused:
            raise RuntimeError(f"The hub refused {run.refused} of the first messages.")
        try:
            await asyncio.wait_for(held.wait(), 60)
        except TimeoutError:
            raise RuntimeError(f"Only {len(taken)} of {len(agents)} conversations were taken.") from None


def _was_sent(event: dict[str, Any]) -> bool:
    """Whether it is a message of a benchmark's, or what one of its callers keyed in."""
    return event["kind"] == "ivr.input" or str(event["body"].get("text", "")).startswith("m ")


def configuration(agents: int, flow: str = "") -> dict[str, object]:
    """One queue for everything, and agents who take four text conversations each. Offers ring for long, so
    that none expires while the client is slow. Callers come into ``flow``, or straight to the queue."""
    return {
        "queues": [{"id": "support", "name": "Support", "offer_seconds": 3_600}],
        "entry_points": [
            {
                "channel": channel,
                "dialled": "*",
                "queue": "support",
                "flow": flow if channel == "twilio_voice" else "",
            }
            for channel in ("twilio_sms", "twilio_voice", "webchat")
        ],
        "agents": [
            {
                "id": f"agent-{number}",
                "name": f"Agent {number}",
                "email": f"agent-{number}@example.com",
                "queues": ["support"],
                "capacity": {"sms": 4, "voice": 1, "chat": 3},
            }
            for number in range(agents)
        ],
        "dispositions": [{"id": "done", "name": "Done"}],
    }
