"""``python -m tests.laws``: tries the laws for as long as it is told to, says what was tried and whether all held.

``--steps`` is shared out by what a step costs: as many of the engine alone, a 500th of them (in acts of customers,
agents and nodes) with several nodes on a database, a 4,000th through a whole hub. Naming parts runs these alone. The
seed repeats a run; a history of the engine that breaks a law is made small and printed. Those with several nodes are
lived through side by side, a process for each core; ``--history`` repeats one alone, by the seed that was told.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from tests.laws import engine, hub, nodes, processes, side_by_side
from tests.laws.rules import LawBroken
from tests.servers import postgres
from tests.servers.templates import bring_up_to_date

PARTS = ("engine", "nodes", "hub", "processes")
ACTS_TO_A_STEP = {"nodes": 500, "hub": 4_000}
Databases = Callable[[], str]
T = TypeVar("T")


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@contextmanager
def sqlite_databases(folder: Path) -> Iterator[Databases]:
    """The URL of a new one each time."""
    template = folder / "template.db"
    bring_up_to_date(f"sqlite:///{template}")
    count = iter(range(10**9))

    def another() -> str:
        copy = folder / f"{next(count)}.db"
        shutil.copy(template, copy)
        return f"sqlite:///{copy}"

    yield another


@contextmanager
def postgres_databases(url: str) -> Iterator[Databases]:
    """Databases on the server at ``url``, or on one that is started for this run."""
    session = None
    if url:
        server = postgres.Postgres(url, shutil.which("psql") or str(postgres.binaries(Path(), {}) / "psql"))
    else:
        session = postgres.Session()
        postgres.keep(session.folder)  # first: who breaks it off while it starts leaves nothing behind either
        started = postgres.start(session.folder)
        server = postgres.Postgres(started["url"], started["psql"])
    made = [server.create()]
    bring_up_to_date(server.url_of(made[0]))

    def another() -> str:
        made.append(server.create(made[0]))
        return server.url_of(made[-1])

    try:
        yield another
    finally:
        if session:
            session.end()
        else:
            for name in made:
                server.drop(name)


def try_engine(steps: int, seed: str) -> None:
    done = number = 0
    for done, broken in engine.run(steps, seed):  # noqa: B007 — the last is what is told
        if broken:
            raise LawBroken("engine", str(broken))
        number += 1
    say(f"  {done:,} steps in {number:,} histories")


def try_nodes(steps: int, seed: str, another: Databases, processes: int) -> None:
    say(f"  {side_by_side.live(steps, seed, [another() for _ in range(processes)], say)}")


def try_hub(steps: int, seed: str, another: Databases, folder: Path) -> None:
    done = offers = number = 0
    while done < steps:
        place = folder / f"hub{number}"
        place.mkdir()
        world = _tried(f"{seed}/{number}", lambda s, at=place: asyncio.run(hub.history(another(), at, s)))  # type: ignore[misc]
        done, offers, number = done + world.steps, offers + world.offers, number + 1
        shutil.rmtree(place, ignore_errors=True)
    say(f"  {done:,} steps in {number:,} days: {offers:,} offers")


def _tried(seed: str, live: Callable[[str], T]) -> T:
    try:
        return live(seed)
    except Exception as error:
        error.add_note(f"the history's seed is {seed!r}")
        raise


def main() -> int:
    given = argparse.ArgumentParser(prog="python -m tests.laws", description=__doc__)
    given.add_argument("parts", nargs="*", choices=[[], *PARTS], help="all but processes, if none is named")
    given.add_argument("--steps", type=int, default=200_000)
    given.add_argument("--seed", default=str(time.time_ns()))
    given.add_argument("--database", default="", help="sqlite, postgresql, or a server's URL; both if not given")
    given.add_argument("--cases", type=int, default=processes.CASES, help="how many texts the three hubs take")
    cores = os.cpu_count() or 1
    given.add_argument("--processes", type=int, default=cores, help="that try several nodes side by side")
    given.add_argument("--history", default="", help="the seed of one history of several nodes: it alone is tried")
    asked = given.parse_args()
    parts = asked.parts or PARTS[:3]
    say(f"seed {asked.seed}")
    began = time.monotonic()
    tempfile.tempdir = in_memory()
    for each in (signal.SIGINT, signal.SIGTERM):  # what is begun in the background ignores the first
        signal.signal(each, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory() as name:
            _try_all(parts, asked, Path(name))
    except KeyboardInterrupt:
        say(f"Broken off after {time.monotonic() - began:.0f} s; till then all held.")
        return 130
    except Exception as error:
        say(f"BROKEN after {time.monotonic() - began:.0f} s: {error}")
        for note in getattr(error, "__notes__", ()):
            say(note)
        if not isinstance(error, LawBroken):
            raise
        return 1
    say(f"All held, in {time.monotonic() - began:.0f} s.")
    return 0


def in_memory() -> str | None:
    """A folder that is no disk's, where there is one: none of the laws is about power cuts."""
    folder = Path("/dev/shm")
    try:
        roomy = shutil.disk_usage(folder).free > 2**31
    except OSError:
        return None
    return str(folder) if roomy and os.access(folder, os.W_OK) else None


def _try_all(parts: tuple[str, ...], asked: argparse.Namespace, folder: Path) -> None:
    steps, seed, database = asked.steps, asked.seed, asked.database
    if "engine" in parts:
        say("The engine alone")
        try_engine(steps, seed)
    kinds = {"sqlite": sqlite_databases(folder), "postgresql": postgres_databases("")}
    if database.startswith("postgresql://"):
        kinds = {"postgresql": postgres_databases(database)}
    elif database:
        kinds = {database: kinds[database]}
    for kind, opened in kinds.items():
        if not {"nodes", "hub", "processes"} & {*parts}:
            return
        with opened as another:
            if "nodes" in parts:
                say(f"Several nodes, {kind}")
                if asked.history:
                    _tried(asked.history, lambda s: asyncio.run(nodes.history(another(), s)))
                else:
                    try_nodes(max(1, steps // ACTS_TO_A_STEP["nodes"]), seed, another, asked.processes)
            if "hub" in parts:
                say(f"A whole hub, {kind}")
                (folder / kind).mkdir()
                try_hub(max(1, steps // ACTS_TO_A_STEP["hub"]), seed, another, folder / kind)
            if "processes" in parts and kind == "postgresql":
                say("Three hubs that are killed, stopped and cut off")
                say(
                    _tried(
                        seed,
                        lambda s: asyncio.run(processes.history(another(), folder / "processes", s, asked.cases)),
                    )
                )


if __name__ == "__main__":
    raise SystemExit(main())
