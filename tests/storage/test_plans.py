"""What is asked at every event is answered from an index: a database with years in it is as quick as a new one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.dialects import sqlite
from sqlalchemy.pool import NullPool

from contact_center.storage import (
    agents,
    announcements,
    automatic,
    backlog,
    cases,
    customers,
    deadlines,
    estimates,
    events,
    floor,
    journal,
    outbox,
    recordings,
    silence,
)

ASKED: dict[str, tuple[Any, str]] = {
    "seen before": (events._SEEN, "uq_events_channel_source_id|sqlite_autoindex_events"),
    "open interaction of a thread": (journal._BY_THREAD, "uq_interactions_open_thread"),
    "latest interaction of a thread": (journal._LATEST_OF_THREAD, "ix_interactions_thread"),
    "open interaction of a case": (journal._OPEN_OF_CASE, "uq_interactions_open_case"),
    "what an agent holds": (agents._LOAD, "ix_interactions_agent_open"),
    "what rings at an agent": (agents._LOAD, "ix_offers_agent_id_state"),
    "what rings anywhere": (agents._LOADS, "uq_offers_pending"),
    "what every agent holds": (agents._LOADS, "ix_interactions_agent_open|ix_interactions_open_state"),
    "what agents of a list hold": (agents._LOADS_OF_THESE, "ix_interactions_agent_open"),
    "what rings at agents of a list": (agents._LOADS_OF_THESE, "ix_offers_agent_id_state"),
    "agents of a list": (agents._THESE, "SEARCH agents USING INDEX sqlite_autoindex"),
    "whom an interaction concerns": (journal._WHOSE, "SEARCH interactions USING INDEX sqlite_autoindex"),
    "whom a thread's last interaction concerns": (journal._WHOSE_OF_LATEST, "ix_interactions_thread"),
    "whom a case's last interaction concerns": (journal._WHOSE_OF_LAST, "ix_interactions_case_id"),
    "who waits": (backlog._IDS, "ix_interactions_open_state"),
    "those of a list who wait": (backlog._WAITING, "SEARCH interactions USING INDEX sqlite_autoindex"),
    "the whole records of those": (backlog._WHOLE, "SEARCH interactions USING INDEX sqlite_autoindex"),
    "who served those of a list": (
        backlog._PAST,
        "SEARCH interactions USING INDEX ix_interactions_customer_id_started_at",
    ),
    "the floor now": (floor._NOW, "ix_interactions_open_state|ix_interactions_agent_open"),
    "the floor today": (floor._TODAY, "ix_interactions_day"),
    "a customer's open cases": (customers._OPEN_CASES, "ix_cases_customer_id_status"),
    "a customer's history": (customers._HISTORY, "ix_interactions_customer_id_started_at"),
    "who served a customer": (customers._SERVED, "ix_interactions_customer_id_started_at"),
    "missed announcements": (announcements._AFTER, "sqlite_autoindex_announcements"),
    "deadlines that are due": (deadlines._DUE, "ix_deadlines_due_at"),
    "what is to be sent": (outbox._DUE, "ix_outbox_due"),
    "recordings that are due": (recordings._DUE, "ix_recordings_next_at"),
    "mail of one Message-ID": (events._UNDER_ID, "uq_events_channel_source_id|sqlite_autoindex_events"),
    "a customer's mail of late": (customers._LATELY, "ix_interactions_customer_id_started_at"),
    "whose address it is": (customers._OWNER, "sqlite_autoindex_contact_points"),
    "the last letter of a case": (journal._LAST_OF_CASE, "ix_interactions_case_id"),
    "what was merged into a case": (cases._PARTS, "ix_cases_merged_into"),
    "a stranger's case": (cases._LINKED, "ix_cases_linked_to"),
    "what we wrote to an address by ourselves": (automatic._ADDRESS, "ix_automatic_messages_address_at"),
    "what we wrote to a domain by ourselves": (automatic._DOMAIN, "ix_automatic_messages_domain_at"),
    "what we wrote by ourselves": (automatic._COUNT, "ix_automatic_messages_at"),
    "who stands before somebody": (estimates._TURNS, "ix_interactions_open_state"),
    "how it went in a queue lately": (estimates._RECENT, "ix_waiting_estimates_queue_medium_began_at"),
    "how many came lately": (estimates._ARRIVALS, "ix_waiting_estimates_began_at"),
    "how many came to a queue": (estimates._CAME, "ix_waiting_estimates_queue_medium_began_at"),
    "waits that are over": (estimates._OVER, "ix_waiting_estimates_running"),
    "how right estimates were": (estimates._OUTCOME, "ix_waiting_estimates_began_at"),
    "calls that have gone silent": (silence._SILENT, "ix_interactions_open_state|ix_interactions_agent_open"),
}


@pytest.mark.parametrize("asked", sorted(ASKED))
def test_what_is_asked_often_is_found_by_its_index(asked: str, sqlite_template: Path) -> None:
    statement, wanted = ASKED[asked]
    engine = create_engine(f"sqlite:///{sqlite_template}", poolclass=NullPool)
    compiled = statement.compile(dialect=sqlite.dialect())
    unset = [name for name, value in compiled.params.items() if value is None]
    statement = statement.params({name: [1] if compiled.binds[name].expanding else 1 for name in unset})
    options = {"render_postcompile": True}
    named = statement.compile(dialect=sqlite.dialect(paramstyle="named"), compile_kwargs=options).string
    with engine.connect() as conn:
        plan = [row[-1] for row in conn.exec_driver_sql("EXPLAIN QUERY PLAN " + re.sub(r":\w+", "1", named))]
    used = "\n".join(plan)
    assert any(index in used for index in wanted.split("|")), used
    assert not [line for line in plan if line.startswith("SCAN interactions") and "INDEX" not in line], used
