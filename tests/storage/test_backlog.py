"""What waits, read in bulk out of what is kept beside the record, is what the record itself says."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any, Literal, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from contact_center.domain.record import Party, Record, Segment
from contact_center.storage import backlog, gist, journal, schema
from contact_center.storage.customers import LAST_SERVED
from contact_center.storage.executor import run_alone
from routing import Waiting

CUSTOMERS = 3
COLUMNS = ("case_id", "customer_id", "channel", "medium", "state", "queue", "epoch", "started_at", "answered_at")
BESIDE = Literal["as ever", "earlier", "overtaken"]
"""Who wrote the row last: this release; an earlier one, always; or an earlier one, after this one had."""
AGENTS = st.sampled_from(["ann", "bob", "cem", "dö \"'"])
MOMENTS = st.integers(1, 6)
"""Few, so that many are the same."""
SKILLS = st.dictionaries(st.sampled_from(["en", "zh", "billing"]), st.integers(1, 5))
SEGMENTS = st.lists(st.builds(Segment, st.just("queue"), MOMENTS, agent_id=AGENTS), max_size=2)
PARTY = st.builds(Party, AGENTS, st.just("agent"), AGENTS, st.just("consult"), st.just("talk"))

RECORDS = st.builds(
    Record,
    interaction_id=st.just(""),
    case_id=st.just(0),
    customer_id=st.integers(1, CUSTOMERS).map(str),
    channel=st.just("webchat"),
    medium=st.sampled_from(["voice", "sms", "email", "chat", "other"]),
    direction=st.just("inbound"),
    thread_key=st.just(""),
    point=st.text(max_size=3).filter(lambda said: "\0" not in said),
    point_kind=st.just("other"),
    dialled=st.just(""),
    started_at=MOMENTS,
    subject=st.sampled_from(["", '"served_by":[]', "喂\n"]),
    state=st.sampled_from(["waiting", "waiting", "ended"]),
    queue=st.sampled_from(["support", "sales"]),
    priority=st.integers(0, 100),
    skills=SKILLS,
    virtual_enqueued_at=MOMENTS,
    enqueued_at=MOMENTS,
    epoch=st.integers(0, 9),
    assigned_at=st.integers(0, 3),
    served_by=st.lists(AGENTS, unique=True, max_size=3),
    missed=st.dictionaries(AGENTS, MOMENTS),
    missed_by=st.dictionaries(AGENTS, st.sampled_from(["rejected", "busy"])),
    segments=SEGMENTS,
    parties=st.lists(PARTY, max_size=2),
    only_agent=st.just("") | AGENTS,
    directed_by=st.just("") | AGENTS,
    label=st.sampled_from(["", "vip"]),
)
OF_ANOTHER_RELEASE = st.sets(st.sampled_from(["missed_by", "parties", "only_agent", "segments"]), max_size=1)
STORED = st.lists(
    st.tuples(RECORDS, OF_ANOTHER_RELEASE, st.sampled_from(get_args(BESIDE))), min_size=1, max_size=3 * LAST_SERVED
)
Stored = tuple[Record, set[str], BESIDE]
STANDINGS = st.lists(
    st.fixed_dictionaries(
        {
            "first_seen_at": MOMENTS,
            "owner": st.just("") | AGENTS,
            "preferred": st.lists(AGENTS, max_size=2),
            "segment": st.sampled_from(["", "gold"]),
        }
    ),
    min_size=CUSTOMERS,
    max_size=CUSTOMERS,
)


@given(stored=STORED, standings=STANDINGS)
@settings(max_examples=30, suppress_health_check=list(HealthCheck))
def test_what_is_read_in_bulk_is_what_is_read_one_by_one(
    database_url: str, stored: list[Stored], standings: list[dict[str, Any]]
) -> None:
    run_alone(database_url, _both_ways_are_one, stored, standings)


def _both_ways_are_one(conn: Connection, stored: list[Stored], standings: list[dict[str, Any]]) -> None:
    _put(conn, stored, standings)
    ids = backlog.waiting_ids(conn)
    for whole in (False, True):
        bulk = {each.interaction_id: each for each in backlog.waiting(conn, ids, whole=whole)}
        assert bulk == {each: _one(conn, each) for each in ids}
        for each in bulk.values():
            assert type(each.preferred) is tuple


def _one(conn: Connection, interaction_id: str) -> Waiting:
    loaded = journal.look(conn, interaction_id)
    assert loaded is not None
    return journal.waiting(conn, loaded)


def _put(conn: Connection, stored: list[Stored], standings: list[dict[str, Any]]) -> None:
    for table in (schema.interactions, schema.cases, schema.customers):
        conn.execute(table.delete())
    for number, standing in enumerate(standings, 1):
        conn.execute(schema.customers.insert(), {"id": str(number), "updated_at": 1, **standing})
    for number, (record, left_out, beside) in enumerate(stored, 1):
        record.interaction_id, record.case_id = f"i{number:03}", number
        record.answered_at = 1 if record.served_by else 0  # as the fold has it
        case = {"id": number, "customer_id": record.customer_id, "status": "open", "opened_at": 1, "updated_at": 1}
        conn.execute(schema.cases.insert(), case)
        columns = {name: getattr(record, name) for name in COLUMNS}
        told = {name: value for name, value in asdict(record).items() if beside == "as ever" or name not in left_out}
        row = {"id": record.interaction_id, "record": told, "queued_at": record.virtual_enqueued_at, **columns}
        conn.execute(schema.interactions.insert(), {**row, **_beside(record, beside)})


def _beside(record: Record, beside: BESIDE) -> dict[str, Any]:
    if beside == "earlier":
        return {"waits": None, "served": None}
    waited = record if beside == "as ever" else replace(record, epoch=record.epoch - 1, priority=101)
    return {"waits": gist.waits(waited), "served": gist.served(record)}


@pytest.mark.parametrize("broken", ['{"state":', '{"segments": [{}]}', "[]", "7", '"text"', "null"])
def test_one_that_cannot_be_read_is_left_out(database_url: str, broken: str) -> None:
    run_alone(database_url, _left_out, broken)


def _left_out(conn: Connection, broken: str) -> None:
    waits = Record("", 0, "1", "webchat", "chat", "inbound", "", "", "other", "", 2, state="waiting", queue="support")
    nobody = {"first_seen_at": 1, "owner": "", "preferred": [], "segment": ""}
    _put(conn, [(waits, set(), "as ever")], [nobody] * CUSTOMERS)
    read = backlog.waiting(conn, ["i001"])
    assert len(read) == 1
    cases = {"id": 2, "customer_id": "1", "status": "open", "opened_at": 1, "updated_at": 1}
    other = {"id": "i002", "case_id": 2, "customer_id": "2", "channel": "", "medium": "chat", "state": "waiting"}
    conn.execute(schema.cases.insert(), cases)
    conn.execute(schema.interactions.insert(), {**other, "started_at": 1, "record": {}})
    conn.execute(text("UPDATE interactions SET record = :broken WHERE id = 'i002'"), {"broken": broken})
    assert backlog.waiting(conn, ["i001", "i002"]) == read
    assert backlog.waiting(conn, ["i001", "i002"], whole=True) == read


@pytest.mark.parametrize("broken", ["{", "[]", "[0]", "7", '"12345678"', "{}"])
def test_a_gist_that_is_none_is_left_out_too_or_read_out_of_the_record(database_url: str, broken: str) -> None:
    run_alone(database_url, _broken_beside, broken)


def _broken_beside(conn: Connection, broken: str) -> None:
    waits = Record("", 0, "1", "webchat", "chat", "inbound", "", "", "other", "", 2, state="waiting", queue="support")
    nobody = {"first_seen_at": 1, "owner": "", "preferred": [], "segment": ""}
    _put(conn, [(waits, set(), "as ever"), (replace(waits), set(), "as ever")], [nobody] * CUSTOMERS)
    read = backlog.waiting(conn, ["i001", "i002"])
    assert len(read) == 2
    conn.execute(text("UPDATE interactions SET waits = :broken WHERE id = 'i002'"), {"broken": broken})
    assert [each for each in backlog.waiting(conn, ["i001", "i002"]) if each.interaction_id == "i001"] == read[:1]
    assert backlog.waiting(conn, ["i001", "i002"], whole=True) == read
