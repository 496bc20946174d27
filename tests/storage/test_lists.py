"""Lists are right however they are filtered, and are read along an index however much there is."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.pool import NullPool

from contact_center.storage import inbox, schema, search
from contact_center.storage.executor import open_executor
from contact_center.storage.inbox import CaseFilter

T = TypeVar("T")
AGENTS = ("mei", "jonas", "")
QUEUES = ("support", "sales")
STATUSES = ("open", "pending", "closed")


def on(url: str, unit: Callable[[Connection], T]) -> T:
    async def run() -> T:
        executor = open_executor(url)
        await executor.start(lambda _: None)
        try:
            return await executor.write(unit)
        finally:
            await executor.stop()

    return asyncio.run(run())


def fill(conn: Connection, many: int = 600) -> None:
    """Cases of every kind with an interaction each; every seventh became part of the one before it."""
    conn.execute(
        schema.customers.insert(),
        [{"id": f"c{i}", "name": f"Customer {i}", "first_seen_at": 1, "updated_at": 1} for i in range(10)],
    )
    rows, talks = [], []
    for i in range(1, many + 1):
        status = "closed" if i % 20 else STATUSES[i % 3 % 2]
        agent, queue = AGENTS[i % 3], QUEUES[i % 2] if i != 50 else "rare"
        touched = 1_000 + i // 2
        rows.append(
            {"id": i, "customer_id": f"c{i % 10}", "subject": "s", "status": status, "queue": queue,
             "agent_id": agent, "opened_at": i, "updated_at": touched, "closed_at": 0,
             "merged_into": i - 1 if i % 7 == 0 else 0,
             "linked_to": 0, "link_state": ""}
        )  # fmt: skip
        state = "ended" if status == "closed" else "waiting"
        talks.append(
            {"id": f"i{i:06}", "case_id": i, "customer_id": f"c{i % 10}", "channel": "email", "medium": "email",
             "state": state, "queue": queue, "agent_id": agent, "started_at": i,
             "record": {"interaction_id": f"i{i:06}", "point": "", "point_kind": "email"}}
        )  # fmt: skip
    conn.execute(schema.cases.insert(), rows)
    conn.execute(schema.interactions.insert(), talks)


FILTERS = [
    CaseFilter(status=status, queue=queue, agent_id=agent, customer_id=customer, live=live)
    for status in ("", *STATUSES)
    for queue in ("", "support", "rare")
    for agent in ("", "mei", "nobody")
    for customer in ("", "c4")
    for live in (False, True)
]


def expected(conn: Connection, wanted: CaseFilter) -> list[int]:
    rows = conn.execute(schema.cases.select().where(schema.cases.c.merged_into == 0)).all()
    fits = [
        row
        for row in rows
        if (not wanted.status or row.status == wanted.status)
        and (not wanted.queue or row.queue == wanted.queue)
        and (not wanted.agent_id or row.agent_id == wanted.agent_id)
        and (not wanted.customer_id or row.customer_id == wanted.customer_id)
        and (not wanted.live or row.status != "closed")
        and (not wanted.unassigned or (row.agent_id == "" and row.status != "closed"))
    ]
    return [row.id for row in sorted(fits, key=lambda row: (row.updated_at, row.id), reverse=True)]


def paged(conn: Connection, wanted: CaseFilter, most: int) -> list[int]:
    seen: list[int] = []
    before = None
    while page := inbox.find(conn, wanted, before, most):
        seen += [row.id for row in page]
        before = (page[-1].updated_at, page[-1].id)
    return seen


def test_every_combination_of_filters_gives_its_cases_in_order_page_by_page(database_url: str) -> None:
    def check(conn: Connection) -> None:
        fill(conn)
        for wanted in [*FILTERS, CaseFilter(unassigned=True)]:
            assert paged(conn, wanted, 37) == expected(conn, wanted), wanted

    on(database_url, check)


def test_views_are_counted_as_they_are_listed(database_url: str) -> None:
    def check(conn: Connection) -> None:
        fill(conn)
        counted = inbox.counts(conn, "mei")
        assert counted == {
            "open": len(expected(conn, CaseFilter(status="open"))),
            "pending": len(expected(conn, CaseFilter(status="pending"))),
            "unassigned": len(expected(conn, CaseFilter(unassigned=True))),
            "mine": len(expected(conn, CaseFilter(agent_id="mei", live=True))),
            "undelivered": 0,
        }
        assert inbox.counts(conn, "")["mine"] == 0

    on(database_url, check)


def test_a_case_that_became_part_of_another_leads_there(database_url: str) -> None:
    def check(conn: Connection) -> None:
        fill(conn, 20)
        conn.execute(schema.cases.update().where(schema.cases.c.id == 6).values(merged_into=3))
        assert inbox.leading(conn, [7, 6, 3, 14, 1]) == {7: 3, 6: 3, 3: 3, 14: 13, 1: 1}
        assert inbox.parts(conn, [3]) == [3, 6, 7]
        assert inbox.among(conn, [3, 6, 7, 1], CaseFilter()) == {1, 3}

    on(database_url, check)


def test_what_was_not_delivered_is_a_view_of_its_own(database_url: str) -> None:
    def check(conn: Connection) -> None:
        fill(conn, 40)
        row = {"channel": "email", "verb": "message", "next_at": 0, "payload": {}, "created_at": 1}
        for i, state, seen in ((8, "failed", 0), (9, "uncertain", 0), (10, "failed", 5), (11, "delivered", 0)):
            sent = {**row, "id": f"o{i}", "interaction_id": f"i{i:06}", "state": state, "seen_at": seen}
            conn.execute(schema.outbox.insert(), sent)
        assert [each.id for each in inbox.find(conn, CaseFilter(undelivered=True))] == [9, 8]
        assert inbox.counts(conn, "mei")["undelivered"] == 2

    on(database_url, check)


def test_interactions_are_listed_newest_first_whether_they_are_over_or_not(database_url: str) -> None:
    def check(conn: Connection) -> None:
        fill(conn, 200)
        for given in ({}, {"state": "ended"}, {"state": "waiting"}, {"agent_id": "mei"}, {"queue": "rare"}):
            seen: list[str] = []
            after = ""
            while page := search.interactions(conn, **given, after=after, most=30):
                seen += [item["interaction_id"] for item in page]
                after = seen[-1]
            query = schema.interactions.select().order_by(schema.interactions.c.id.desc())
            for name, value in given.items():
                query = query.where(schema.interactions.c[name] == value)
            assert seen == [row.id for row in conn.execute(query)], given

    on(database_url, check)


# --- along an index ------------------------------------------------------------------------------------------------


def plans(conn: Connection, ask: Callable[[], Any]) -> list[str]:
    """How the database would answer every statement that ``ask`` makes."""
    asked: list[tuple[str, Any]] = []

    def take(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: Any) -> None:
        asked.append((statement, parameters))

    event.listen(conn.engine, "before_cursor_execute", take)
    try:
        ask()
    finally:
        event.remove(conn.engine, "before_cursor_execute", take)
    explain = "EXPLAIN QUERY PLAN " if conn.dialect.name == "sqlite" else "EXPLAIN "
    return ["\n".join(str(row[-1]) for row in conn.exec_driver_sql(explain + s, p)) for s, p in asked]


LISTS: dict[str, Callable[[Connection], Any]] = {
    "all": lambda conn: inbox.find(conn, CaseFilter()),
    "open": lambda conn: inbox.find(conn, CaseFilter(status="open")),
    "closed": lambda conn: inbox.find(conn, CaseFilter(status="closed")),
    "mine": lambda conn: inbox.find(conn, CaseFilter(agent_id="mei", live=True)),
    "an agent's": lambda conn: inbox.find(conn, CaseFilter(agent_id="mei")),
    "a queue's": lambda conn: inbox.find(conn, CaseFilter(queue="support")),
    "a closed one's": lambda conn: inbox.find(conn, CaseFilter(status="closed", agent_id="mei", queue="support")),
    "unassigned": lambda conn: inbox.find(conn, CaseFilter(unassigned=True)),
    "deep": lambda conn: inbox.find(conn, CaseFilter(), (1_200, 300)),
    "counts": lambda conn: inbox.counts(conn, "mei"),
    "undelivered": lambda conn: inbox.find(conn, CaseFilter(undelivered=True)),
    "interactions": lambda conn: search.interactions(conn),
    "interactions of an agent": lambda conn: search.interactions(conn, agent_id="mei"),
    "interactions of a queue": lambda conn: search.interactions(conn, queue="rare"),
    "interactions that ended": lambda conn: search.interactions(conn, state="ended", agent_id="mei"),
    "interactions of a case": lambda conn: search.interactions(conn, case_id=5),
}


@pytest.mark.parametrize("which", sorted(LISTS))
def test_no_list_reads_through_a_whole_table(which: str, database_url: str) -> None:
    def check(conn: Connection) -> None:
        if conn.dialect.name == "postgresql":
            conn.execute(text("ANALYZE"))
            conn.execute(text("SET LOCAL enable_seqscan = off"))  # so few rows are read faster without an index
        found = plans(conn, lambda: LISTS[which](conn))
        assert found
        for plan in found:
            through = re.search(r"(?:SCAN|Seq Scan on) (cases|interactions|customers)\b(?! USING)", plan)
            assert through is None, plan

    on(database_url, lambda conn: fill(conn, 3_000))
    if database_url.startswith("sqlite"):  # the executor's connection gives statements to the driver unseen
        with create_engine(database_url, poolclass=NullPool).connect() as conn:
            check(conn)
    else:
        on(database_url, check)
