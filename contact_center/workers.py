"""Processes beside the hub, for work that may take too long or too much: started without a secret, and without
modules of wherever the hub was started from; asked over pipes; ended whatever they do."""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]


async def start(module: str, stderr: int = DEVNULL) -> Process:
    """The module of ours as a process of its own, which can be ended with all that it starts."""
    # -P: a mailbox's own folder, or wherever the hub was started from, must not lend the process its modules.
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", module),
        stdin=PIPE,
        stdout=PIPE,
        stderr=stderr,
        cwd=_ROOT,
        env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(_ROOT), "PYTHONUTF8": "1"},
        start_new_session=True,
    )


# --- one that is asked again and again -----------------------------------------------------------------------------


async def exchange(process: Process, question: bytes, frame: struct.Struct, most: int) -> tuple[bytes, bytes]:
    """The answer's two parts, whose sizes are told before them as ``frame`` has it. Raises ConnectionError where they
    would be larger than ``most``, or the process is gone, and IncompleteReadError where it goes meanwhile."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(question)
    await process.stdin.drain()
    about, data = frame.unpack(await process.stdout.readexactly(frame.size))
    if about + data > most:
        raise ConnectionError("The answer is too long.")
    return await process.stdout.readexactly(about), await process.stdout.readexactly(data)


async def end(process: Process) -> None:
    """Ends it, if it runs."""
    _kill(process)
    # Reading what is left closes the pipes; without it the transport outlives the process.
    await process.communicate()


# --- one that is asked once ----------------------------------------------------------------------------------------


async def ask_once(
    process: Process, question: bytes, heard: Callable[[bytes], object], most: int = sys.maxsize
) -> bytes:
    """All that it answers until it ends by itself; nothing where that is more than ``most``. Each line of its errors
    is ``heard`` as it comes. It has ended in any case when this returns or raises."""
    try:
        return await _answer(process, question, heard, most)
    finally:
        _kill(process)
        await process.wait()


async def _answer(process: Process, question: bytes, heard: Callable[[bytes], object], most: int) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    answer = asyncio.create_task(_all_of(process.stdout, most))
    try:
        with contextlib.suppress(ConnectionError):
            process.stdin.write(question)
            await process.stdin.drain()
            process.stdin.close()
        async for line in process.stderr:
            heard(line)
        return await answer
    finally:
        answer.cancel()


async def _all_of(stream: asyncio.StreamReader, most: int) -> bytes:
    got = bytearray()
    while len(got) <= most and (piece := await stream.read(65_536)):
        got += piece
    return bytes(got) if len(got) <= most else b""


def _kill(process: Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
