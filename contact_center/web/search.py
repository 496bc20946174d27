"""Looking for cases: by words, by filters, by both. The query's language is described in docs/search.md."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from starlette.responses import Response

from contact_center.domain import search_words
from contact_center.domain.errors import NotAllowed, NotValid
from contact_center.indexing import looking
from contact_center.storage import agents, events, full_text, inbox, queues
from contact_center.storage.connection import Connection
from contact_center.storage.full_text import Span
from contact_center.storage.inbox import CaseFilter
from contact_center.web.answers import Json
from contact_center.web.principal import Hub, Principal, SignedIn

router = APIRouter(prefix="/api/v1")

Limit = Annotated[int, Query(ge=1, le=200)]
Ref = Annotated[str, Query(max_length=64)]
Status = Annotated[str, Query(pattern="^(open|pending|closed|live)?$")]
Words = Annotated[str, Query(max_length=400)]
After = Annotated[str, Query(pattern=r"^(\d{1,18}\.\d{1,18}|\d{1,19})?$")]
LONGEST_SNIPPETS = 100
"""Cases on a page of results at most: each is read and marked."""


def case_item(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "subject": row.subject,
        "status": row.status,
        "queue": row.queue,
        "customer": {"id": row.customer_id, "name": row.customer_name},
        "opened_at": row.opened_at,
        "updated_at": row.updated_at,
        "closed_at": row.closed_at or None,
        "agent_id": row.agent_id,
        "agent_name": row.agent_name or "",
        "merged_into": row.merged_into or None,
        "linked_to": row.linked_to or None,
        "link_state": row.link_state,
    }


def understood(text: str) -> search_words.Query:
    """Raises :class:`NotValid` with what to type instead."""
    try:
        return search_words.read_query(text)
    except search_words.NotUnderstood as error:
        raise NotValid(f"query_{error.code}", str(error)) from error


@router.get("/cases", summary="Cases: a list by filters, or what words find")
async def list_cases(
    principal: SignedIn,
    runtime: Hub,
    status: Status = "",
    queue: Ref = "",
    agent: Ref = "",
    customer: Ref = "",
    unassigned: bool = False,
    undelivered: bool = False,
    q: Words = "",
    after: After = "",
    limit: Limit = 50,
) -> Response:
    """Without words in ``q``: last touched first. With words: newest match first, each with its ``match``, and
    ``count`` (at least so many, where ``more``). A page may be short and still have a ``next``: go on from it. 422
    says what cannot be understood in ``q``."""
    asked = understood(q)
    wanted = CaseFilter(
        status="" if status == "live" else status,
        queue=queue,
        agent_id=agent,
        customer_id=customer,
        live=status == "live",
        unassigned=unassigned,
        undelivered=undelivered,
    )

    def read(conn: Connection) -> dict[str, Any]:
        filters = _with(conn, wanted, asked, principal)
        if asked.has_words or asked.medium or asked.attachment or asked.before or asked.after:
            return _found(conn, asked, filters, _span(asked, runtime.time_zone), after, limit)
        return _listed(conn, asked, filters, after, limit)

    return Json(await runtime.executor.read(read))


def _with(conn: Connection, wanted: CaseFilter, asked: search_words.Query, principal: Principal) -> CaseFilter:
    """The filters beside the query and those in it, which count where both say something."""
    if asked.status:
        wanted = replace(wanted, status=asked.status, live=False)
    if asked.queue:
        wanted = replace(wanted, queue=_queue(conn, asked.queue))
    if asked.agent:
        wanted = replace(wanted, agent_id=_agent(conn, asked.agent, principal))
    return wanted


def _queue(conn: Connection, said: str) -> str:
    return _one({queue.id: queue.name for queue in queues.every(conn)}, said, "queue")


def _agent(conn: Connection, said: str, principal: Principal) -> str:
    if said.lower() in ("me", "我"):
        return principal.agent_id or "-"
    return _one({agent.id: agent.name for agent in agents.every(conn)}, said, "agent")


def _one(names: dict[str, str], said: str, what: str) -> str:
    """The id that ``said`` is, or the one whose name it is, or begins."""
    if said in names:
        return said
    wanted = search_words.fold(said)
    named = {search_words.fold(name): each for each, name in names.items()}
    begun = [each for name, each in named.items() if name.startswith(wanted) or each.lower() == wanted]
    found = named.get(wanted) or (begun[0] if len(begun) == 1 else "")
    if not found:
        known = ", ".join(sorted(names)[:12])
        raise NotValid(f"query_{what}", f"There is no {what} {said!r}." + (f" There are: {known}." if known else ""))
    return found


def _span(asked: search_words.Query, zone: ZoneInfo) -> Span:
    return Span(_midnight(asked.after, zone), _midnight(asked.before, zone))


def _midnight(day: date | None, zone: ZoneInfo) -> int:
    if day is None:
        return 0
    return max(1, round(datetime.combine(day, time(), zone).timestamp() * 1_000))


def _listed(
    conn: Connection, asked: search_words.Query, wanted: CaseFilter, after: str, limit: int
) -> dict[str, Any]:
    if asked.number:
        rows = inbox.by_id(conn, [asked.number])
        return {"items": [case_item(row) for row in rows], "next": None}
    at, _, case_id = after.partition(".")
    before = (int(at), int(case_id)) if case_id else None
    rows = inbox.find(conn, wanted, before, limit)
    last = f"{rows[-1].updated_at}.{rows[-1].id}" if len(rows) == limit else None
    return {"items": [case_item(row) for row in rows], "next": last}


def _found(
    conn: Connection,
    asked: search_words.Query,
    wanted: CaseFilter,
    span: Span,
    after: str,
    limit: int,
) -> dict[str, Any]:
    begin = int(after) if after.isdigit() else 0
    found = looking.look(conn, asked, wanted, span, begin, min(limit, LONGEST_SNIPPETS))
    names = events.agent_names(conn)
    items = [
        {**case_item(item.case), "subject_pieces": item.subject, "match": _match(item, names)} for item in found.items
    ]
    numbered = _numbered(conn, asked, items) if not begin else []
    at = full_text.progress(conn)
    return {
        "items": numbered + items,
        "next": None if found.next is None else str(found.next),
        "count": found.count + len(numbered),
        "more": found.more,
        "behind": max(0, at.last - at.reached),
    }


def _numbered(conn: Connection, asked: search_words.Query, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The case of that number, before all others: a number may be one's own, or a word of the text."""
    number = asked.number or _as_number(asked)
    if not number or any(item["id"] == number for item in items):
        return []
    return [case_item(row) for row in inbox.by_id(conn, [number])]


def _as_number(asked: search_words.Query) -> int:
    if len(asked.shown) != 1 or len(asked.clauses) != 1:
        return 0
    word = asked.shown[0][0]
    return int(word) if word.isascii() and word.isdigit() and len(word) < 16 else 0


def _match(item: looking.FoundCase, names: dict[str, str]) -> dict[str, Any]:
    event = item.event
    said_by = names.get(event.actor_id, event.actor_id) if event.actor_kind == "agent" else event.sender_name
    return {
        "event_id": event.id,
        "seq": event.seq,
        "interaction_id": event.interaction_id,
        "case_id": event.case_id,
        "kind": event.kind,
        "medium": event.medium,
        "at": event.received_at,
        "by": event.actor_kind,
        "name": said_by,
        "pieces": item.snippet,
    }


@router.get("/cases/counts", summary="How many cases each view holds")
async def case_counts(principal: SignedIn, runtime: Hub, agent: Ref = "") -> Response:
    """``open``, ``pending``, ``unassigned``, ``mine`` and ``undelivered``, each counted up to ``most``."""
    whose = agent if principal.supervises and agent else principal.agent_id
    found = await runtime.executor.read(inbox.counts, whose)
    return Json({**found, "most": inbox.MOST_COUNTED})


@router.get("/search/state", summary="How far the search has read")
async def search_state(_: SignedIn, runtime: Hub) -> Response:
    at = await runtime.executor.read(full_text.progress)
    return Json({"ready": at.ready, "reached": at.reached, "last": at.last})


@router.post("/search/rebuild", summary="Make the search index anew")
async def rebuild(principal: SignedIn, runtime: Hub) -> Response:
    """Admins only. What was found until now is found again as the log is read; ``/search/state`` says how far."""
    if principal.role != "admin":
        raise NotAllowed("Only an admin may have the search index made anew.")
    await runtime.indexer.rebuild()
    return Json({"started": True})
