"""The command that says how many agents are needed: ``python -m contact_center routing staffing --help``."""

from __future__ import annotations

import asyncio
from math import ceil, inf, isinf
from typing import TYPE_CHECKING, Annotated

import typer

from contact_center.terminal import settings, stop

if TYPE_CHECKING:
    from contact_center.estimates.staffing import Asked, Line, Staffing

PerHour = Annotated[float | None, typer.Option("--per-hour", help="How many come in an hour.")]
Handling = Annotated[float | None, typer.Option(help="Seconds that one takes, with what follows it.")]
Patience = Annotated[float | None, typer.Option(help="Seconds after which people give up, on average. 0: never.")]
Wanted = Annotated[str, typer.Option("--target", help="80/20: four in five answered within 20 seconds.")]


def staffing(
    queue: Annotated[str, typer.Option(help="What of the figures is not given is taken from this queue.")] = "",
    medium: Annotated[str, typer.Option(help="voice, sms, email, chat or other.")] = "voice",
    per_hour: PerHour = None,
    handling: Handling = None,
    patience: Patience = None,
    target: Wanted = "",
    shrinkage: Annotated[float, typer.Option(min=0, max=0.9, help="The share of time for breaks and such.")] = 0.0,
) -> None:
    """How many agents a queue needs, and what each number of them means (Erlang A)."""
    from contact_center.estimates.staffing import Asked

    share, within = _target(target)
    endless = inf if patience == 0 else patience
    try:
        asked = Asked(per_hour, handling, endless, None, share, within, shrinkage)
        found = _of_queue(queue, medium, asked) if queue else _of_figures(asked)
    except ValueError as error:
        raise stop(str(error)) from error
    typer.echo("\n".join(table(found, bool(queue))))


def _target(text: str) -> tuple[float, float | None]:
    """``80/20`` as a share and seconds; the queue's own seconds where nothing is said."""
    if not text:
        return 0.8, None
    share, slash, within = text.partition("/")
    try:
        found = float(share) / 100, float(within)
    except ValueError:
        found = (0.0, 0.0)
    if not slash or not 0 < found[0] < 1 or not 0 <= found[1] <= 86_400:
        raise stop("The target is written as 80/20: 80 % answered within 20 seconds.")
    return found


def _of_figures(asked: Asked) -> Staffing:
    """Out of what was given alone. Raises ValueError."""
    from contact_center.estimates.staffing import Coming, planned
    from routing.staffing import Demand, Target

    if asked.per_hour is None or asked.handling_s is None:
        raise ValueError("Give --per-hour and --handling, or a --queue to take them from.")
    load = Demand(asked.per_hour, asked.handling_s).load
    if load > 5_000:
        raise ValueError("That is more work than 5,000 agents could do.")
    return planned(
        "",
        "voice",
        Coming(asked.per_hour, None, asked.per_hour, 0),
        asked.handling_s,
        inf if asked.patience_s is None else asked.patience_s,
        float(ceil(load)),
        1.0,
        Target(asked.share, 20.0 if asked.within_s is None else asked.within_s),
        shrinkage=asked.shrinkage,
    )


def _of_queue(queue_id: str, medium: str, asked: Asked) -> Staffing:
    """The queue as the database knows it. Raises ValueError."""
    from contact_center.bootstrap import occasion
    from contact_center.domain.events import MEDIA
    from contact_center.estimates.expecting import Expecting
    from contact_center.estimates.staffing import of_queue
    from contact_center.storage import queues
    from contact_center.storage.connection import Connection
    from contact_center.storage.executor import open_executor

    if medium not in MEDIA:
        raise ValueError(f"{medium!r} is no medium; there are {', '.join(MEDIA)}.")
    given = settings()

    def read(conn: Connection) -> Staffing:
        queue = queues.get(conn, queue_id)
        if queue is None:
            raise ValueError(
                f"There is no queue {queue_id!r}; there are {', '.join(q.id for q in queues.every(conn))}."
            )
        return of_queue(conn, occasion().now, Expecting(), queue, medium, asked)

    async def run() -> Staffing:
        executor = open_executor(given.database)
        await executor.start(lambda _: None)
        try:
            return await executor.read(read)
        finally:
            await executor.stop()

    return asyncio.run(run())


# --- what is printed ----------------------------------------------------------------------------------------------


def table(found: Staffing, live: bool) -> list[str]:
    """The figures that it is told from, each number of agents, and how many are needed."""
    patience = "for ever" if isinf(found.patience_s) else f"{found.patience_s:.0f} s"
    lines = [
        f"{found.coming.expected:g} an hour, {found.handling_s:.0f} s each, they wait {patience}",
        f"Target: {100 * found.target.share:g} % answered within {found.target.within_s:g} s",
        "",
        "Agents  Answered in time  Average wait  Given up   Busy",
    ]
    lines += [_row(line, found.needed) for line in found.lines if _worth_showing(line, found)]
    lines += ["", *_models(found), ""]
    if found.needed is None:
        lines.append("No number of agents reaches the target.")
    else:
        lines.append(f"Needed: {found.needed}" + _schedule(found))
    if live:
        lines.append(
            f"There now: {found.agents:.1f}, told from {found.handled} handled and {found.abandoned} given up."
        )
        if found.missing:
            lines.append(f"A guess until {found.missing} more are handled.")
    return lines


def _models(found: Staffing) -> list[str]:
    """The three models of the same agents: who finds everybody busy is turned away, waits for ever, or gives up."""
    heading = f"With {found.agents:g} agents"
    told = [f"{heading:18} Find all busy  In time  Average wait   Lost  Needed"]
    for each in found.models:
        wait = "endless" if isinf(each.average_wait_s) else f"{each.average_wait_s:.1f} s"
        needed = "none" if each.needed is None else str(each.needed)
        told.append(
            f"Erlang {each.name.upper():11} {100 * each.waits:11.1f} %  {100 * each.service_level:5.1f} %  "
            f"{wait:>12}  {100 * each.lost:3.0f} %  {needed:>6}"
        )
    return told


def _schedule(found: Staffing) -> str:
    if found.on_schedule is None or found.on_schedule == found.needed:
        return ""
    return f" at work, {found.on_schedule} on the schedule"


def _worth_showing(line: Line, found: Staffing) -> bool:
    """Around what is needed and what is there; beyond, nothing changes any more."""
    marks = [found.agents, found.needed or found.agents]
    return min(marks) - 5 <= line.agents <= max(marks) + 4


def _row(line: Line, needed: int | None) -> str:
    wait = "endless" if isinf(line.average_wait_s) else f"{line.average_wait_s:.1f} s"
    mark = "  <- needed" if line.agents == needed else ""
    return (
        f"{line.agents:6.0f}  {100 * line.service_level:14.1f} %  {wait:>12}  {100 * line.abandoned:6.1f} %  "
        f"{100 * line.occupancy:3.0f} %{mark}"
    )
