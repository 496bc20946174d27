"""``python -m contact_center.sandbox``: the outside world as a process of its own."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import stat
import sys
from typing import Any

from contact_center.sandbox.settings import Settings
from contact_center.sandbox.town import Town

_PR_SET_PDEATHSIG = 1


def main() -> int:
    parent = os.getppid()
    try:
        settings = Settings.read(os.environ)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    _die_with(parent)
    try:
        asyncio.run(_run(settings))
    except OSError as error:
        sys.stderr.write(f"The sandbox cannot listen on {error.strerror or error}.\n")
        return 1
    return 0


def _die_with(parent: int) -> None:
    """On Linux the kernel sends SIGTERM when the parent is gone; elsewhere, and if standard input is a pipe from
    it, its end says so."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # it died before we asked
            sys.exit(0)


async def _run(settings: Settings) -> None:
    town = Town(settings)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, town.stop)
    if stat.S_ISFIFO(os.fstat(0).st_mode) if _has_stdin() else False:
        loop.add_reader(0, _read_on, loop, town)

    def ready(told: dict[str, Any]) -> None:
        os.write(settings.ready_fd, (json.dumps(told) + "\n").encode())

    await town.serve(ready)


def _has_stdin() -> bool:
    try:
        os.fstat(0)
    except OSError:
        return False
    return True


def _read_on(loop: asyncio.AbstractEventLoop, town: Town) -> None:
    if not os.read(0, 4096):
        loop.remove_reader(0)
        town.stop()


if __name__ == "__main__":
    sys.exit(main())
