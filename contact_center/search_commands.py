"""The commands for search: ``python -m contact_center search --help``."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from contact_center.config.environment import Settings

app = typer.Typer(no_args_is_help=True, help="The index that cases and customers are found by.")
BAR = 40


def _stop(text: str, code: int = 2) -> typer.Exit:
    typer.echo(text, err=True)
    return typer.Exit(code)


def _settings() -> Settings:
    from pydantic import ValidationError

    from contact_center.config.environment import PREFIX, Settings

    try:
        return Settings()
    except ValidationError as error:
        problems = [f"{PREFIX}{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors()]
        raise _stop("\n".join(problems)) from error


def _bar(done: int, whole: int) -> None:
    """How far it is, on one line; a log that nobody watches gets none of it."""
    if not sys.stderr.isatty():
        return
    full = BAR if whole <= 0 else min(BAR, BAR * done // whole)
    percent = 100 if whole <= 0 else min(100, 100 * done // whole)
    typer.echo(f"\r[{'#' * full}{'.' * (BAR - full)}] {percent:3} %", nl=False, err=True)


@app.command()
def rebuild() -> None:
    """Make the index anew from the event log. A running hub does it itself and goes on working: what it has not read
    again yet is not found meanwhile."""
    from contact_center.bootstrap import migrate
    from contact_center.offline import running

    given = _settings()
    note = running(given)
    started = time.monotonic()
    if note is not None:
        done = _ask_the_hub(note, _bar)
    else:
        migrate(given.database)
        done = asyncio.run(_by_ourselves(given.database, _bar))
    if sys.stderr.isatty():
        typer.echo(err=True)
    typer.echo(f"{done} in {time.monotonic() - started:.1f} s.")


async def _by_ourselves(url: str, progress: Callable[[int, int], None]) -> str:
    from contact_center.indexing import indexer
    from contact_center.storage import full_text
    from contact_center.storage.executor import open_executor

    executor = open_executor(url)
    await executor.start(lambda _: None)
    try:
        if not await executor.read(full_text.possible):
            raise _stop("This Python's SQLite was built without full-text search (FTS5).")
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
