"""A process beside the hub: what it is given, what it answers, and how it ends."""

from __future__ import annotations

import struct
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from contact_center import workers

ECHOES = "json.tool"
"""Of the standard library: reads JSON to its end and writes it again."""


def environment_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


async def test_a_worker_has_nothing_of_the_hub_s_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTACT_CENTER_A_SECRET", "swordfish")
    process = await workers.start(ECHOES)
    try:
        assert b"swordfish" not in environment_of(process.pid)
    finally:
        await workers.end(process)
    assert process.returncode == -9
    await workers.end(process)


async def test_one_that_is_asked_once_answers_until_its_end_and_is_heard_beside_it() -> None:
    heard: list[bytes] = []
    process = await workers.start(ECHOES, stderr=PIPE)
    assert (await workers.ask_once(process, b"[7]", heard.append)).split() == [b"[", b"7", b"]"]
    assert heard == []
    process = await workers.start(ECHOES, stderr=PIPE)
    assert await workers.ask_once(process, b"no JSON", heard.append) == b""
    assert heard
    assert process.returncode is not None


async def test_what_is_more_than_it_may_answer_is_no_answer() -> None:
    process = await workers.start(ECHOES, stderr=PIPE)
    assert await workers.ask_once(process, b"[7, 8, 9]", lambda line: None, most=3) == b""


async def test_an_answer_in_two_parts_must_not_be_larger_than_allowed() -> None:
    process = await workers.start(ECHOES)
    assert process.stdin is not None
    process.stdin.write(b'"abcdefgh"')
    process.stdin.write_eof()
    try:
        # It begins with a quotation mark, a letter and so on, which are no small numbers.
        with pytest.raises(ConnectionError):
            await workers.exchange(process, b"", struct.Struct(">II"), 1_000)
    finally:
        await workers.end(process)
