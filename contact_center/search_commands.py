"""The commands for search: ``python -m contact_center search --help``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from contact_center.terminal import bar, settings, stop

if TYPE_CHECKING:
    pass

app = typer.Typer(no_args_is_help=True, help="The index that cases and customers are found by.")


@app.command()
def rebuild() -> None:
    """Make the index anew from the event log. A running hub does it itself and goes on working: what it has not read
    again yet is not found meanwhile."""
    from contact_center.bootstrap import migrate
    from contact_center.offline import running

    given = settings()
    note = running(given)
    started = time.monotonic()
    if note is not None:
        done = _ask_the_hub(note, bar)
    else:
        migrate(given.database)
        done = asyncio.run(_by_ourselves(given.database, bar))
    typer.echo(f"{done} in {time.monotonic() - started:.1f} s.")


async def _by_ourselves(url: str, progress: Callable[[int, int], None]) -> str:
    from contact_center.indexing import indexer
    from contact_center.storage import full_text
    from contact_center.storage.executor import open_executor

    executor = open_executor(url)
    await executor.start(lambda _: None)
    try:
        if not await executor.read(full_text.possible):
            raise stop("This Python's SQLite was built without full-text search (FTS5).")
        made = await indexer.rebuild(executor, progress)
    finally:
        await executor.stop()
    return f"{made} messages indexed"


def _ask_the_hub(note: dict[str, str], progress: Callable[[int, int], None]) -> str:
    import httpx

    with httpx.Client(base_url=note["url"], headers={"Authorization": f"Bearer {note['key']}"}, timeout=60) as hub:
        hub.post("/api/v1/search/rebuild").raise_for_status()
        while True:
            at = hub.get("/api/v1/search/state").raise_for_status().json()
            progress(at["reached"], at["last"])
            if at["ready"] and at["reached"] >= at["last"]:
                return f"The running hub has read {at['reached']} events again"
            time.sleep(0.2)
