"""Whatever the database does, a caller hears something within seconds, and the call goes on when it is back."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest

from contact_center.registry.runtime import PATIENCE_S
from tests.channels.twilio_fake import ACCOUNT, TOKEN
from tests.faults.line import FLOW, LENA, OMAR, hears, position
from tests.hub import SHORT_IDLE, WITHIN_S, HubProcess, TestHub, Twilio, house, open_test_hub

T = TypeVar("T")

IMPATIENT_S = 0.5
"""What a webhook has to wait here; see ``PATIENCE_S`` for what it waits in earnest."""
IN_TIME = 9.0
"""Less than the database itself would wait, and much more than somebody impatient does, also on a busy machine."""
LOCK_SECONDS = 12
"""SQLite waits 10 seconds for a lock, PostgreSQL 5 before it tries again."""
SAID_MEANWHILE = "Please hold the line."


@asynccontextmanager
async def locked(database_url: str) -> AsyncIterator[None]:
    """Nobody else can write: on SQLite the write lock is held, on PostgreSQL the table of events."""
    if database_url.startswith("sqlite"):
        other = sqlite3.connect(database_url.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")
            other.close()
        return
    there = await asyncpg.connect(database_url)
    try:
        async with there.transaction():
            await there.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        await there.close()


@contextmanager
def impatient(hub: TestHub) -> Iterator[None]:
    """No webhook waits for the database for long."""
    hub.runtime.patience_s = IMPATIENT_S
    try:
        yield
    finally:
        hub.runtime.patience_s = WITHIN_S


def test_a_provider_is_answered_before_it_gives_up() -> None:
    assert PATIENCE_S < 15 / 3


async def timed(answer: Awaitable[T]) -> T:
    began = time.monotonic()
    said = await answer
    took = time.monotonic() - began
    assert took < IN_TIME, f"the caller heard nothing for {took:.1f} s"
    return said


async def nothing_doubled(hub: TestHub) -> None:
    log = await hub.log()
    assert [key for key, n in Counter((e.channel, e.source_id) for e in log).items() if n > 1] == []


async def test_every_voice_webhook_is_answered_in_time_and_the_call_goes_on(
    database_url: str, tmp_path: Path
) -> None:
    """Longer than SQLite waits for a lock, and than PostgreSQL does before the first further attempt."""
    async with open_test_hub(database_url, tmp_path, config=house(entry_points=FLOW)) as hub:
        lena, omar = hub.twilio.call(LENA), hub.twilio.call(OMAR)
        at = position(await lena.arrive())
        async with locked(database_url):
            hub.runtime.patience_s = IMPATIENT_S
            until = time.monotonic() + LOCK_SECONDS
            while time.monotonic() < until:
                for said in await asyncio.gather(
                    timed(lena.press(at, "1")),
                    timed(omar.arrive()),
                    timed(hub.twilio.call("+4930901822").arrive()),
                ):
                    hears(said, "Redirect")
                    assert SAID_MEANWHILE in said
        hub.runtime.patience_s = WITHIN_S
        went_on = await in_the_end(lambda: lena.press(at, "1"))
        assert position(went_on) != at
        assert await lena.press(at, "1") == went_on, "told again, answered again"
        began = await in_the_end(omar.arrive)
        assert await omar.arrive() == began
        await nothing_doubled(hub)
        points = Counter([(await hub.record(each)).point for each in await hub.interactions()])
        assert (points[LENA], points[OMAR]) == (1, 1)


async def in_the_end(ask: Any) -> str:
    """What is said once nobody is asked to hold the line any more."""
    deadline = time.monotonic() + WITHIN_S
    while SAID_MEANWHILE in (said := str(await ask())):
        assert time.monotonic() < deadline, "the database is back, and callers are still asked to hold the line"
        await asyncio.sleep(0.2)
    return said


async def test_what_was_stored_after_its_caller_was_asked_to_hold_is_what_the_retry_gets(
    database_url: str, tmp_path: Path
) -> None:
    async with open_test_hub(database_url, tmp_path, config=house(entry_points=FLOW)) as hub:
        caller = hub.twilio.call(LENA)
        with impatient(hub):
            async with locked(database_url):
                assert SAID_MEANWHILE in await timed(caller.arrive())
        interaction_id = await hub.eventually(lambda: first_of(hub), "the call to be stored all the same")
        stored = len(await hub.log(interaction_id))
        hears(await caller.arrive(), "Gather")
        assert len(await hub.log(interaction_id)) == stored


async def first_of(hub: TestHub) -> str:
    return next(iter(await hub.interactions()), "")


async def test_a_report_that_cannot_be_stored_in_time_is_not_acknowledged(database_url: str, tmp_path: Path) -> None:
    """The carrier comes again with it, or is asked by reconciling; silence would be a lie."""
    async with open_test_hub(database_url, tmp_path) as hub:
        caller = hub.twilio.call(LENA)
        await caller.arrive()
        form = {"CallSid": caller.sid, "AccountSid": ACCOUNT, "From": LENA, "CallStatus": "completed"}
        with impatient(hub):
            async with locked(database_url):
                assert (await timed(hub.twilio.post("/twilio_voice/status", form))).status_code == 503
        await in_the_end(caller.arrive)
        await caller.completed()
        assert (await hub.record(await hub.only_interaction())).ended_reason == "abandoned"


async def test_a_backend_that_stands_still_keeps_no_caller_waiting(database_url: str, tmp_path: Path) -> None:
    if database_url.startswith("sqlite"):
        pytest.skip("SQLite has no process of its own that could stand still")
    async with open_test_hub(database_url, tmp_path, config=house(entry_points=FLOW)) as hub:
        caller = hub.twilio.call(LENA)
        await caller.arrive()
        there = await asyncpg.connect(database_url)
        mine = "SELECT pid FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()"
        stopped = [row["pid"] for row in await there.fetch(mine, urlsplit(database_url).path[1:])]
        assert stopped
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            with impatient(hub):
                hears(await timed(hub.twilio.call(OMAR).arrive()), "Redirect")
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
            await there.close()
        hears(await in_the_end(caller.arrive), "Gather")
        await nothing_doubled(hub)


async def test_a_full_disk_loses_no_caller(tmp_path: Path) -> None:
    """Files of the hub may grow no further: nothing is acknowledged that is not stored, and when there is room again
    the call goes on."""
    hub = HubProcess(tmp_path, f"sqlite:///{tmp_path}/hub.db", config=house(entry_points=FLOW), environment=SIGNED)
    asking = httpx.AsyncClient(base_url=hub.url, timeout=WITHIN_S, limits=SHORT_IDLE)
    async with hub.running(), asking as http:
        twilio = Twilio(http, hub.url)
        caller = twilio.call(LENA)
        at = position(await caller.arrive())
        pid = process_of(tmp_path)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (4_096, resource.RLIM_INFINITY))
        try:
            said = await caller.press(at, "1")
            hears(said, "Redirect")
            assert SAID_MEANWHILE in said
        finally:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert position(await in_the_end(lambda: caller.press(at, "1"))) != at
    proof = hub.command("rebuild", "--check")
    assert proof.returncode == 0, proof.stdout + proof.stderr


SIGNED = {"CONTACT_CENTER_TWILIO_ACCOUNT_SID": ACCOUNT, "CONTACT_CENTER_TWILIO_AUTH_TOKEN": TOKEN}


def process_of(folder: Path) -> int:
    [pid] = [int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit() and serves(each, folder)]
    return pid


def serves(process: Path, folder: Path) -> bool:
    """Whether the process is the hub with its data in ``folder``."""
    try:
        command = (process / "cmdline").read_bytes()
        return b"contact_center\0serve" in command and str(folder).encode() in (process / "environ").read_bytes()
    except OSError:
        return False
