"""The commands for mail: ``python -m contact_center mail --help``."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from contact_center.terminal import say, settings, stop

if TYPE_CHECKING:
    from contact_center.config.environment import Settings
    from contact_center.moving_mail import Door, Told

app = typer.Typer(no_args_is_help=True, help="Move old mail in, and try again what could not be understood.")

_EVERY = 10.0  # seconds between lines of progress where nobody looks at a terminal
_SHOWN = 20  # messages of each kind that the summary names

_Channel = Annotated[str, typer.Option("--channel", help="The channel that the mail belongs to.")]


def _settings() -> Settings:
    import logging

    import structlog

    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    return settings()


# --- import ------------------------------------------------------------------------------------------------------


@app.command("import")
def import_mail(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="An mbox, a Maildir, a folder with .eml.")],
    mailbox: Annotated[str, typer.Option(help="The mailbox of ours that the mail lay in.")],
    form: Annotated[str, typer.Option("--format", help="auto, mbox, maildir or eml.")] = "auto",
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Leave out what is older.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would become of it.")] = False,
    channel: _Channel = "email",
) -> None:
    """Move mail from before the hub's time in, as closed cases that tell each customer's history. Nobody is offered
    them, and nobody is written to. Give what was received and what was sent together, so that questions stand with
    their answers. Begun again after whatever stopped it, it goes on: nothing is taken twice."""
    from contact_center.importing.archives import NotMail
    from contact_center.moving_mail import Archive, move_in

    if form not in ("auto", "mbox", "maildir", "eml"):
        raise stop(f"There is no format {form}: auto, mbox, maildir or eml.")
    given = _settings()
    archive = Archive()
    from_at = round(since.replace(tzinfo=UTC).timestamp() * 1_000) if since else 0
    try:
        with _progress("Looking through", None) as step:
            for path in paths:
                archive.look_through(path, form, from_at, step)  # type: ignore[arg-type]
    except NotMail as error:
        raise stop(str(error)) from error
    except OSError as error:
        raise stop(f"{error.filename or paths[0]} cannot be read: {error.strerror}") from error
    told = _Summary()
    with _progress("Would move in" if dry_run else "Moving in", len(archive)) as step:

        def tell(each: Told) -> None:
            told.add(each)
            step()

        address = mailbox.strip().lower()
        _through_the_door(given, channel, lambda door: move_in(door, archive, address, dry_run, tell))
    told.say("would be " if dry_run else "")


class _Summary:
    """What became of the messages: how many of each, and the first of those that need a look."""

    def __init__(self) -> None:
        self._count: Counter[str] = Counter()
        self._cases: set[int] = set()
        self._named: dict[str, list[str]] = {}

    def add(self, told: Told) -> None:
        outcome = told.outcome
        self._count[outcome.state] += 1
        if outcome.state == "taken" and outcome.case_id:
            self._cases.add(outcome.case_id)
        named = self._named.setdefault(outcome.state, [])
        if outcome.reason and len(named) < _SHOWN:
            named.append(f"  {told.place}: {outcome.reason}")

    def say(self, would: str) -> None:
        count = self._count
        into = f" into {len(self._cases)} cases" if self._cases else ""
        say(f"{count['taken']} {would}taken{into}, {count['known']} known already.")
        for state, words in (("quarantined", "put into quarantine"), ("skipped", "left out")):
            if count[state]:
                say("\n".join((f"{count[state]} {would}{words}:", *self._named[state])))
            if count[state] > _SHOWN:
                say(f"  … and {count[state] - _SHOWN} more")


# --- replay ------------------------------------------------------------------------------------------------------


@app.command()
def replay(
    entries: Annotated[list[str] | None, typer.Argument(metavar="[ID...]", help="What to try again.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Try everything again.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="Only show what lies there, and why.")] = False,
    channel: _Channel = "email",
) -> None:
    """Try again what could not be understood and lies in quarantine. Exit code 1 if any of it stays there."""
    if not (entries or everything or listed):
        raise stop("Say which (their ids), --all or --list.")
    left: list[str] = []
    wanted = entries or []
    _through_the_door(_settings(), channel, lambda door: _again(door, channel, wanted, everything, listed, left))
    if left:
        raise typer.Exit(1)


async def _again(
    door: Door, channel: str, entries: list[str], everything: bool, listed: bool, left: list[str]
) -> None:
    held = [entry for entry in await door.held() if entry["channel"] == channel]
    if listed:
        for entry in held:
            say(f"{entry['id']}  {entry['size']:>9} bytes  {entry['source_id']}\n    {entry['reason']}")
        say(f"{len(held)} in quarantine." if held else "Nothing is in quarantine.")
        return
    wanted = [str(entry["id"]) for entry in held] if everything else entries
    for each in wanted:
        why = await door.again(each)
        say(f"{each}  {why or 'taken in'}")
        if why:
            left.append(each)
    say(f"{len(wanted) - len(left)} taken in, {len(left)} stay." if wanted else "Nothing is in quarantine.")


# --- what both need ----------------------------------------------------------------------------------------------


def _through_the_door(given: Settings, channel: str, do: Callable[[Door], Any]) -> None:
    from httpx import HTTPError

    from channels.contract import Busy
    from contact_center.bootstrap import AlreadyRunning
    from contact_center.domain.errors import Unavailable
    from contact_center.moving_mail import Refused, open_door
    from contact_center.storage.migrate import SchemaTooNew

    async def run() -> None:
        async with open_door(given, channel) as door:
            await do(door)

    try:
        asyncio.run(run())
    except (Refused, AlreadyRunning, SchemaTooNew) as error:
        raise stop(str(error)) from error
    except (Busy, Unavailable, OSError, HTTPError) as error:
        raise stop(f"It stopped: {error}. Begin it again: it goes on where it was.", 3) from error


@contextmanager
def _progress(what: str, whole: int | None) -> Iterator[Callable[[], None]]:
    """A bar on a terminal, else a line now and then. Gives what is to be called for each message."""
    if not sys.stderr.isatty():
        with _lines(what, whole) as step:
            yield step
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=whole)
        yield lambda: bar.advance(task)


@contextmanager
def _lines(what: str, whole: int | None) -> Iterator[Callable[[], None]]:
    done, last = 0, time.monotonic()

    def step() -> None:
        nonlocal done, last
        done += 1
        if time.monotonic() - last >= _EVERY:
            last = time.monotonic()
            typer.echo(f"{what}: {done}{f' of {whole}' if whole else ''}", err=True)

    yield step
    typer.echo(f"{what}: {done}{f' of {whole}' if whole else ''}", err=True)
