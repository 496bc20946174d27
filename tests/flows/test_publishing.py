"""Flows are published as versions that stay: what is in force can change at any moment, what a call is in cannot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import pytest
from sqlalchemy import event

from contact_center.domain.errors import NotFound, TooLate
from contact_center.domain.events import CustomerLeft, FlowStepped, InteractionEvent
from contact_center.flows.library import FlowLibrary
from contact_center.flows.publish import Published, history, library, publish, rollback, text_of
from contact_center.flows.shipped import shipped_texts
from contact_center.flows.versions import FlowsWrong, made_ready
from contact_center.storage import events, flows
from contact_center.storage.connection import Connection
from contact_center.storage.executor import open_executor
from contact_center.storage.schema import flow_versions
from ivr_flows import start

T = TypeVar("T")

LINE = """
flow: line
languages: {en: en-US}
steps:
  hello: {say: "%s"}
  wait: {queue: support}
"""


def on(url: str, *units: Callable[[Connection], T]) -> list[T]:
    async def run() -> list[T]:
        executor = open_executor(url)
        await executor.start(lambda _: None)
        try:
            return [await executor.write(unit) for unit in units]
        finally:
            await executor.stop()

    return asyncio.run(run())


def put(words: str, now: int = 1, by: str = "Ada", note: str = "") -> Callable[[Connection], Published]:
    def unit(conn: Connection) -> Published:
        ready = made_ready({"line.yaml": LINE % words}, library(conn))
        return publish(conn, now, ready.values(), by, note)[0]

    return unit


def test_a_published_flow_is_in_force_at_once_and_earlier_versions_stay(database_url: str) -> None:
    shelf = FlowLibrary()
    first, second = on(database_url, put("One", 1), put("Two", 2, "Bo", "a better greeting"))
    on(database_url, shelf.reload)

    now, before = shelf.current("line"), shelf.version("line", first.version)
    assert now is not None
    assert now.version == second.version
    assert before is not None
    assert before.version == first.version
    assert [v.current for v in on(database_url, lambda conn: history(conn, "line"))[0]] == [True, False]
    newest = on(database_url, lambda conn: history(conn, "line"))[0][0]
    assert (newest.by, newest.note, newest.published_at) == ("Bo", "a better greeting", 2)


def test_the_same_text_again_changes_nothing(database_url: str) -> None:
    _, again = on(database_url, put("One", 1), put("One", 2))
    assert not again.changed
    assert len(on(database_url, lambda conn: flows.changes(conn, "line"))[0]) == 1


def test_rolling_back_goes_to_the_version_before_and_then_to_the_one_before_that(database_url: str) -> None:
    first, second, _ = on(database_url, put("One", 1), put("Two", 2), put("Three", 3))
    back = lambda conn: rollback(conn, 4, "line", "", "Ada")  # noqa: E731
    assert [r.version for r in on(database_url, back, back)] == [second.version, first.version]
    with pytest.raises(TooLate):
        on(database_url, back)
    (forth,) = on(database_url, lambda conn: rollback(conn, 5, "line", second.version, "Ada"))
    assert forth.changed
    stored = on(database_url, lambda conn: text_of(conn, "line"))[0]
    assert stored is not None
    assert "Two" in stored.text


def test_rolling_back_to_what_is_not_there_is_refused(database_url: str) -> None:
    on(database_url, put("One"))
    with pytest.raises(NotFound):
        on(database_url, lambda conn: rollback(conn, 2, "line", "000000000000", "Ada"))
    with pytest.raises(NotFound):
        on(database_url, lambda conn: rollback(conn, 2, "nobody", "", "Ada"))


def test_a_shipped_flow_is_in_force_until_something_is_published_and_can_be_gone_back_to(database_url: str) -> None:
    shelf = FlowLibrary()
    shipped = shelf.shipped("direct")
    assert shipped is not None
    assert shelf.current("direct") is shipped
    changed = shipped_texts()["direct"].replace("Thank you for calling.", "Good day.")

    def put_direct(conn: Connection) -> str:
        return publish(conn, 1, made_ready({"d.yaml": changed}, library(conn)).values(), "Ada")[0].version

    (published,) = on(database_url, put_direct)
    on(database_url, shelf.reload)
    current = shelf.current("direct")
    assert current is not None
    assert current.version == published != shipped.version
    on(database_url, lambda conn: rollback(conn, 2, "direct", "", "Ada"))
    on(database_url, shelf.reload)
    assert shelf.current("direct") is shipped
    entered = shelf.version("direct", published)
    assert entered is not None
    assert entered.version == published


def test_a_text_with_mistakes_is_refused_and_changes_nothing(database_url: str) -> None:
    with pytest.raises(FlowsWrong) as refused:
        made_ready({"good.yaml": LINE % "One", "bad.yaml": "flow: other\nsteps: {a: {sai: b}}"}, {})
    assert [error.source for error in refused.value.errors] == ["bad.yaml"]
    assert on(database_url, flows.current) == [{}]


def test_a_stored_text_that_cannot_be_read_leaves_the_last_good_one_in_force(database_url: str) -> None:
    shelf = FlowLibrary()
    (first,) = on(database_url, put("One", 1))
    on(database_url, shelf.reload)
    (second,) = on(database_url, put("Two", 2))

    def spoil(conn: Connection) -> None:
        row = flow_versions.c
        conn.execute(flow_versions.update().where(row.version == second.version).values(text="steps: ["))

    on(database_url, spoil, shelf.reload)
    current = shelf.current("line")
    assert current is not None
    assert current.version == first.version
    assert shelf.version("line", second.version) is None
    assert "line" in shelf.problems()[0]


def test_a_version_too_old_to_be_at_hand_is_found_in_the_database(database_url: str) -> None:
    first, _ = on(database_url, put("One", 1), put("Two", 2))
    fresh = FlowLibrary()
    assert fresh.version("line", first.version) is None
    found = on(database_url, lambda conn: fresh.version("line", first.version, conn))[0]
    assert found is not None
    assert found.version == first.version


INNER = """
flow: inner
languages: {en: en-US}
steps:
  words: {say: "%s"}
  done: {return: null}
"""
OUTER = """
flow: outer
languages: {en: en-US}
steps:
  part: {subflow: inner}
  bye: {hang_up: null}
"""


def put_all(texts: dict[str, str], now: int) -> Callable[[Connection], dict[str, Published]]:
    def unit(conn: Connection) -> dict[str, Published]:
        done = publish(conn, now, made_ready(texts, library(conn)).values(), "Ada")
        return {each.name: each for each in done}

    return unit


def said(shelf: FlowLibrary, version: str) -> str:
    flow = shelf.version("outer", version)
    assert flow is not None
    return start(flow, 0, {}).steps[1].said + start(flow, 0, {}).steps[0].said


def test_a_version_keeps_the_subflows_that_it_was_published_with(database_url: str) -> None:
    shelf = FlowLibrary()
    (first,) = on(database_url, put_all({"i.yaml": INNER % "One", "o.yaml": OUTER}, 1))
    (changed,) = on(database_url, put_all({"i.yaml": INNER % "Two"}, 2))
    on(database_url, shelf.reload)
    assert changed["inner"].used_by == ("outer",)
    current = shelf.current("outer")
    assert current is not None
    assert current.version == first["outer"].version
    assert "One" in said(shelf, first["outer"].version)

    (again,) = on(database_url, put_all({"o.yaml": OUTER}, 3))
    on(database_url, shelf.reload)
    assert again["outer"].version != first["outer"].version, "another subflow makes another version"
    assert "Two" in said(shelf, again["outer"].version)
    assert "One" in said(shelf, first["outer"].version), "a call that entered before hears what it entered with"
    assert [v.note for v in on(database_url, lambda conn: history(conn, "inner"))[0]] == ["", ""]


def test_a_published_flow_can_have_a_shipped_one_within_for_good(database_url: str) -> None:
    text = OUTER.replace("languages: {en: en-US}", "languages: {en: en-US, zh: zh-CN}").replace("inner", "voicemail")
    (done,) = on(database_url, put_all({"o.yaml": text}, 1))
    stored = on(database_url, lambda conn: flows.find(conn, "outer", done["outer"].version))[0]
    assert stored is not None
    pinned = on(database_url, lambda conn: flows.find(conn, "voicemail", stored.pins["voicemail"]))[0]
    assert pinned is not None
    assert pinned.text == shipped_texts()["voicemail"], "a later release may ship another text"
    assert len(on(database_url, lambda conn: history(conn, "voicemail"))[0]) == 1


def test_steps_of_the_log_are_found_by_halving_and_by_their_own_index(database_url: str) -> None:
    def fill(conn: Connection) -> list[int]:
        for number in range(1, 41):
            body = FlowStepped("line", "v", f"v.{number}.0.ask.0.0.hello", "", "")
            kind = body if number % 4 == 0 else CustomerLeft()
            events.append(conn, event_at(kind, number * 10))
        return [flows.seq_at(conn, at) for at in (0, 10, 11, 200, 205, 10_000)]

    found, steps = on(database_url, fill, lambda conn: [row.seq for row in flows.steps_after(conn, 20, 31, 3)])
    assert found == [0, 0, 1, 19, 20, 40]
    assert steps == [24, 28]


def event_at(body: FlowStepped | CustomerLeft, now: int) -> InteractionEvent:
    return InteractionEvent(
        body=body,
        channel="hub",
        source_id=f"e{now}",
        medium="voice",
        direction="internal",
        occurred_at=now,
        received_at=now,
        id=f"e{now}",
        interaction_id="i1",
        case_id=1,
        customer_id="c1",
    )


def plan(conn: Connection, unit: Callable[[Connection], object]) -> str:
    """How SQLite finds what ``unit`` asks for."""
    asked: list[tuple[str, object]] = []

    def note(conn: Connection, cursor: object, statement: str, parameters: object, *_: object) -> None:
        asked.append((statement, parameters))

    event.listen(conn, "before_cursor_execute", note)
    unit(conn)
    event.remove(conn, "before_cursor_execute", note)
    found = [conn.exec_driver_sql("EXPLAIN QUERY PLAN " + said, given) for said, given in asked]  # type: ignore[arg-type]
    return "\n".join(row[-1] for rows in found for row in rows)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_what_callers_do_is_counted_from_an_index_and_never_by_reading_the_log(database_url: str) -> None:
    steps, calls = on(
        database_url,
        lambda conn: plan(conn, lambda c: flows.steps_after(c, 7, 10_000, 10)),
        lambda conn: plan(conn, flows.live_calls),
    )
    assert "ix_events_flow_steps" in steps
    assert "ix_interactions_open_state" in calls
    assert "SCAN" not in steps + calls
