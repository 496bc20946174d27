"""How long routing takes to know again what waits, from the database. Run: python -m benchmarks.rebuild

    python -m benchmarks.rebuild [--waiting 100000] [--agents 10000] [--database postgresql]

Fills a database: SQLite in a folder of its own, PostgreSQL on a server that is started for the run, or the one whose
URL is given, which must be empty. A third of the customers have been served before. *From nothing* is a start: it is
all read, and the index built. *Held against* is the regular look at a database that says what routing knows already.
*One by one* reads a sample as it was read before there was a way in bulk, and is counted up. CPU is this process's;
the longest pause is what another task of the same event loop had to wait for its turn.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import text

from contact_center.dispatch.truth import Sweep, facts, put_all
from contact_center.domain.contact_points import email
from contact_center.domain.events import Enqueued, InteractionEvent, MessageReceived
from contact_center.domain.record import fold, record_from
from contact_center.storage import backlog, gist, journal, schema
from contact_center.storage.connection import Connection
from contact_center.storage.executor import Executor, open_executor
from contact_center.storage.migrate import migrate
from routing import Engine, Policy, Waiting

NOW = 1_795_000_000_000
PRODUCTS = [f"product{n}" for n in range(8)]
PORTION = 2_000
BEAT = 0.002
SAMPLE = 2_000


def _template() -> dict[str, Any]:
    event = InteractionEvent(
        MessageReceived(text="Where is my parcel?", subject="My parcel"), "email", "s", "email", "inbound", NOW, NOW,
        sender=email("a@example.com"), id="e", seq=1, interaction_id="i", case_id=1, customer_id="c",
    )  # fmt: skip
    waits = replace(event, body=Enqueued("q", 0, {}, NOW), id="w", seq=2)
    record: dict[str, Any] = orjson.loads(orjson.dumps(fold([event, waits])))
    return record


def _interaction(template: dict[str, Any], case: int, customer: str, at: int, **changes: Any) -> dict[str, Any]:
    interaction = f"i{case:09}"
    told = {"state": "waiting", "queue": "q", "agent_id": "", **changes}
    record = {
        **template, "interaction_id": interaction, "case_id": case, "customer_id": customer, "started_at": at,
        "virtual_enqueued_at": at, "enqueued_at": at, "priority": case % 5, **told,
    }  # fmt: skip
    folded = record_from(record)
    return {
        "id": interaction, "case_id": case, "customer_id": customer, "channel": "email", "medium": "email",
        "thread_key": "", "state": told["state"], "queue": "q", "agent_id": told["agent_id"], "started_at": at,
        "queued_at": at, "answered_at": record["answered_at"], "epoch": record["epoch"], "record": record,
        "waits": gist.waits(folded), "served": gist.served(folded),
    }  # fmt: skip


def _put(conn: Connection, first: int, last: int) -> None:
    """Cases ``first`` to ``last``, each with its customer, and the past of every third."""
    template = _template()
    customers, cases, interactions = [], [], []
    for number in range(first, last):
        customer = f"c{number:09}"
        customers.append({"id": customer, "name": "", "first_seen_at": NOW - 9_000_000, "updated_at": NOW})
        known = number % 3 == 0
        skills = {PRODUCTS[number % 8]: 1 + number % 3}
        at = NOW - 3_600_000 + number % 3_000_000 if known else NOW - 9_000_000
        interactions.append(_interaction(template, 2 * number, customer, at, skills=skills))
        cases.append(2 * number)
        if known:
            past = {"state": "ended", "served_by": [f"a{number % 7}"], "assigned_at": NOW - 8_000_000}
            past["answered_at"] = past["assigned_at"]
            interactions.append(_interaction(template, 2 * number + 1, customer, NOW - 8_900_000, **past))
            cases.append(2 * number + 1)
    conn.execute(schema.customers.insert(), customers)
    conn.execute(
        schema.cases.insert(),
        [{"id": case, "customer_id": f"c{case // 2:09}", "status": "open", "opened_at": NOW, "updated_at": NOW}
         for case in cases],
    )  # fmt: skip
    conn.execute(schema.interactions.insert(), interactions)


def _people(conn: Connection, agents: int) -> None:
    conn.execute(
        schema.queues.insert(), [{"id": "q", "name": "Q", "skills": {}, "target_ms": 60_000, "settings": {}}]
    )
    conn.execute(
        schema.agents.insert(),
        [
            {"id": f"a{number}", "name": f"Agent {number}", "role": "agent", "queues": ["q"], "chosen": "ready",
             "skills": {PRODUCTS[number % 8]: 3}, "capacity": {"email": 0}}
            for number in range(agents)
        ],
    )  # fmt: skip


def _slowly(conn: Connection, interaction_ids: list[str]) -> list[Waiting]:
    return [journal.waiting(conn, found) for each in interaction_ids if (found := journal.look(conn, each))]


async def timed(name: str, do: Callable[[], Awaitable[Any]]) -> Any:
    """Prints how long it took, and how long another task of the loop had to wait meanwhile at most."""
    longest = 0.0
    over = False

    async def beat() -> None:
        nonlocal longest
        while not over:
            before = time.perf_counter()
            await asyncio.sleep(BEAT)
            longest = max(longest, time.perf_counter() - before - BEAT)

    beating = asyncio.create_task(beat())
    started, spent = time.perf_counter(), time.process_time()
    result = await do()
    took, spent = time.perf_counter() - started, time.process_time() - spent
    over = True
    await beating
    print(f"{name:<28}{took:>7.2f} s{spent:>7.2f} s CPU   longest pause {longest * 1_000:>4.0f} ms", flush=True)
    return result


async def rebuild(executor: Executor) -> Engine:
    engine = Engine(Policy("bench"))
    seats, waits = await timed("  read", lambda: facts(executor))
    await timed("  index built", lambda: put_all(engine, seats, waits))
    engine.decide(NOW)
    return engine


async def measure(executor: Executor, waiting: int, agents: int) -> None:
    await executor.write(_people, agents)
    for first in range(1, waiting + 1, PORTION):
        await executor.write(_put, first, min(first + PORTION, waiting + 1))
    await executor.write(lambda conn: conn.execute(text("ANALYZE")))  # PostgreSQL does so by itself, in a while
    print(f"{executor.dialect}: {waiting:,} cases wait, {agents:,} agents")
    engine: Engine = await timed("from nothing", lambda: rebuild(executor))
    told, gone = await timed("held against the database", Sweep(executor, engine, set()).differences)
    assert len(engine.waiting()) == waiting
    assert (told, gone) == ([], [])
    some = (await executor.read(backlog.waiting_ids))[:SAMPLE]
    started, spent = time.perf_counter(), time.process_time()
    slow = await executor.read(_slowly, some)
    took, spent = [
        (now - then) * waiting / len(some)
        for now, then in ((time.perf_counter(), started), (time.process_time(), spent))
    ]
    assert all(engine.case(each.interaction_id) == each for each in slow)
    print(f"{'one by one, counted up':<28}{took:>7.2f} s{spent:>7.2f} s CPU")


async def run(url: str, waiting: int, agents: int) -> None:
    executor = open_executor(url)
    await executor.start(lambda _: None)
    try:
        await measure(executor, waiting, agents)
    finally:
        await executor.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--waiting", type=int, default=100_000)
    parser.add_argument("--agents", type=int, default=10_000)
    parser.add_argument("--database", default="sqlite", help="sqlite, postgresql, or the URL of an empty one")
    given = parser.parse_args()
    with database(given.database) as url:
        migrate(url)
        asyncio.run(run(url, given.waiting, given.agents))


@contextmanager
def database(kind: str) -> Iterator[str]:
    """The URL of an empty one."""
    if "://" in kind:
        yield kind
    elif kind == "sqlite":
        with tempfile.TemporaryDirectory(prefix="rebuild-") as folder:
            yield f"sqlite:///{Path(folder) / 'hub.db'}"
    else:
        from tests.servers import postgres

        session = postgres.Session()
        try:
            started = postgres.start(session.folder)
            postgres.keep(session.folder)
            server = postgres.Postgres(started["url"], started["psql"])
            yield server.url_of(server.create())
        finally:
            session.end()


if __name__ == "__main__":
    main()
