"""The parser may be killed; the next message is parsed all the same."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import pytest

from channels.contract import Malformed, Parsed
from channels.email.parse import Recipient, parse_message
from channels.email.parsing import ParsingProcess
from tests.channels.email import test_conformance

HERE = Recipient("email", ("support@hub.test",), frozenset({"a@hub.test"}), "mx.hub.test", "me")
FIXTURES = sorted((Path(__file__).parent / "fixtures").glob("*.eml"))
BOUNCES = sorted((Path(__file__).parent / "bounces").glob("*.eml"))
BEYOND_THE_LIMITS = (
    "20,000 encoded words",
    "100,000 parts",
    "2,000 levels",
    "20,000 parameters",
    "a head of a megabyte",
)
NOW = 1_795_000_000_000
GOOD = b"From: mei@example.com\r\nSubject: good\r\n\r\nhello"


@pytest.fixture
async def parsing() -> AsyncIterator[ParsingProcess]:
    process = ParsingProcess(deadline=100)
    yield process
    await process.close()


async def outcome(parsing: Awaitable[Parsed]) -> Parsed | str:
    try:
        return await parsing
    except Malformed as refused:
        return refused.reason


async def test_it_says_exactly_what_parsing_here_would_say(parsing: ParsingProcess) -> None:
    async def here(raw: bytes) -> Parsed:
        return parse_message(raw, HERE, NOW)

    for path in (*FIXTURES, *BOUNCES):
        raw = path.read_bytes()
        assert await outcome(parsing.parse(raw, HERE, NOW)) == await outcome(here(raw)), path.name


async def test_hostile_mail_is_refused_and_the_next_message_is_parsed(parsing: ParsingProcess) -> None:
    hostile = dict(test_conformance.TestEmail().hostile())
    for name in BEYOND_THE_LIMITS:
        assert isinstance(await outcome(parsing.parse(hostile[name], HERE, NOW)), str), name
    pid = parsing.pid
    assert (await parsing.parse(GOOD, HERE, NOW)).events
    assert parsing.pid == pid, "the limits are the parser's own: nothing had to be killed"


async def test_it_is_one_process_for_many_messages(parsing: ParsingProcess) -> None:
    await parsing.parse(GOOD, HERE, NOW)
    pid = parsing.pid
    await asyncio.gather(*(parsing.parse(GOOD, HERE, NOW) for _ in range(20)))
    assert parsing.pid == pid


async def test_a_process_that_was_killed_is_replaced_without_losing_the_message(parsing: ParsingProcess) -> None:
    await parsing.parse(GOOD, HERE, NOW)
    assert parsing.pid is not None
    os.kill(parsing.pid, signal.SIGKILL)
    assert (await parsing.parse(GOOD, HERE, NOW)).events


async def test_a_process_that_hangs_is_ended_and_the_next_message_is_parsed(parsing: ParsingProcess) -> None:
    await parsing.parse(GOOD, HERE, NOW)
    assert parsing.pid is not None
    os.kill(parsing.pid, signal.SIGSTOP)
    usual, parsing._deadline = parsing._deadline, 1  # for the one that hangs alone: others take what they need
    with pytest.raises(Malformed, match="longer than 1 s"):
        await parsing.parse(GOOD, HERE, NOW)
    parsing._deadline = usual
    assert (await parsing.parse(GOOD, HERE, NOW)).events


async def test_a_message_at_the_limit_passes_and_one_beyond_is_refused(parsing: ParsingProcess) -> None:
    body = b"Content-Type: application/zip\r\n\r\n"
    large = b"From: mei@example.com\r\n" + body + b"z" * (25 * 1024 * 1024 - 200)
    parsed = await parsing.parse(large, HERE, NOW)
    assert parsed.events[0].attachments[0].size > 25_000_000
    with pytest.raises(Malformed, match="25 MB"):
        await parsing.parse(large + b"z" * 1000, HERE, NOW)
    assert (await parsing.parse(GOOD, HERE, NOW)).events


async def test_cancelling_a_parse_leaves_no_answer_for_the_next_message(parsing: ParsingProcess) -> None:
    large = b"From: a@b.example\r\nSubject: large\r\n\r\n" + b"word " * 1_000_000
    await parsing.parse(GOOD, HERE, NOW)
    doomed = asyncio.create_task(parsing.parse(large, HERE, NOW))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    doomed.cancel()
    with pytest.raises(asyncio.CancelledError):
        await doomed
    parsed = await parsing.parse(GOOD, HERE, NOW)
    assert getattr(parsed.events[0].body, "subject", "") == "good"


async def test_closing_ends_the_process(parsing: ParsingProcess) -> None:
    await parsing.parse(GOOD, HERE, NOW)
    pid = parsing.pid
    assert pid is not None
    await parsing.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_hub_that_is_killed_leaves_no_process_behind() -> None:
    program = (
        "import asyncio, os, signal\n"
        "from channels.email.parsing import ParsingProcess\n"
        "async def die():\n"
        "    process = ParsingProcess()\n"
        "    await process.start()\n"
        "    print(process.pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(die())\n"
    )
    root = Path(__file__).parents[3]
    hub = subprocess.run([sys.executable, "-c", program], capture_output=True, cwd=root, timeout=300)
    deadline = time.monotonic() + 100
    while _runs(int(hub.stdout)):
        assert time.monotonic() < deadline
        time.sleep(0.02)  # nobody tells us of the end of another's process


def _runs(pid: int) -> bool:
    """A process that has ended and is not yet buried (Z) runs no more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
