"""Finds cases by what was written and said in them, newest first, at a cost that does not grow with the years.

Each request looks at :data:`MOST_LOOKED_AT` matches at most. Where the filters leave too few of them for a page, the
page is short and says where to go on from: whoever asks goes on until they have enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from contact_center.domain.search_words import Query, excerpt
from contact_center.storage import customers, full_text, inbox
from contact_center.storage.connection import Connection
from contact_center.storage.customers import Customer
from contact_center.storage.full_text import Asked, Hit, Span
from contact_center.storage.inbox import CaseFilter

FIRST_LOOK = 200
MOST_LOOKED_AT = 20_000
VERY_FEW = 300
FEW_CASES = 4_000
"""Where the first matches are not enough for a page, and the filters leave no more cases than this, only those are
looked in: always where they are very few, else where hardly a match was among them."""
LONGEST_SUBJECT = 400
Pieces = list[tuple[str, bool]]


@dataclass(frozen=True, slots=True)
class FoundCase:
    """A case with its newest match: ``event`` is the row of the log, ``snippet`` and ``subject`` in pieces with
    whether each was looked for."""

    case: Any
    event: Any
    snippet: Pieces
    subject: Pieces


@dataclass(frozen=True, slots=True)
class Found:
    """A page. ``next`` is where to go on from (None: that was all); ``count`` says how many cases were seen to match,
    ``more`` that there may be others."""

    items: list[FoundCase]
    next: int | None
    count: int
    more: bool


def look(
    conn: Connection,
    query: Query,
    wanted: CaseFilter,
    span: Span,
    before: int = 0,
    most: int = 30,
) -> Found:
    """Cases whose messages match all of ``query``; ``before`` is the last page's ``next``. Raises
    :class:`full_text.NotIndexed`."""
    full_text.ready(conn)
    ask = full_text.asked(query, span)
    seen, exhausted = _walked(conn, ask, wanted, min(before or full_text.BIG, full_text.BIG), most)
    return _page(conn, ask, query, seen, exhausted, before, most)


class _Seen:
    """Cases in the order in which they were found, each with its newest match."""

    def __init__(self, conn: Connection, wanted: CaseFilter) -> None:
        self._conn = conn
        self._wanted = wanted
        self._known: dict[int, int] = {}
        self._right: dict[int, bool] = {}
        self.found: dict[int, Hit] = {}
        self.looked_at = 0
        self.last = 0

    def add(self, hits: list[Hit]) -> None:
        self.looked_at += len(hits)
        self._learn({hit.case_id for hit in hits})
        for hit in hits:
            case_id = self._known[hit.case_id]
            if self._right[case_id]:
                self.found.setdefault(case_id, hit)

    def _learn(self, case_ids: set[int]) -> None:
        new = case_ids - self._known.keys()
        if not new:
            return
        self._known |= inbox.leading(self._conn, new)
        leading = {self._known[each] for each in new} - self._right.keys()
        right = inbox.among(self._conn, leading, self._wanted)
        self._right |= {each: each in right for each in leading}


def _walked(conn: Connection, ask: Asked, wanted: CaseFilter, begin: int, most: int) -> tuple[_Seen, bool]:
    """What matches from ``begin`` back, until there is enough of it or nothing more (True)."""
    seen = _Seen(conn, wanted)
    look_at = FIRST_LOOK
    within: list[int] | None = None
    while True:
        if within is None:
            hits, begin = full_text.walk(conn, ask, begin, look_at)
        else:
            hits, begin = full_text.in_cases(conn, ask, within, begin, look_at)
        seen.add(hits)
        seen.last = begin
        if not begin:
            return seen, True
        if len(seen.found) > most or seen.looked_at >= MOST_LOOKED_AT or len(hits) < look_at:
            return seen, False
        if wanted.any and within is None and seen.looked_at == FIRST_LOOK:
            within = _few(conn, wanted, FEW_CASES if len(seen.found) * 4 < most else VERY_FEW)
        look_at = min(look_at * 3, MOST_LOOKED_AT - seen.looked_at)


def _few(conn: Connection, wanted: CaseFilter, few: int) -> list[int] | None:
    """The cases that the filters leave, where they are no more than ``few``."""
    ids = inbox.ids_of(conn, wanted, most=few + 1)
    return inbox.parts(conn, ids) if len(ids) <= few else None


def _page(conn: Connection, ask: Asked, query: Query, seen: _Seen, exhausted: bool, before: int, most: int) -> Found:
    found = seen.found
    if before:
        shown = _newer(conn, ask, found, before)
        found = {case_id: hit for case_id, hit in found.items() if case_id not in shown}
    page = list(found.items())[:most]
    full = len(found) > most
    going_on = page[-1][1].number if full else (None if exhausted else seen.last)
    return Found(_items(conn, query, page), going_on, len(found), not exhausted)


def _newer(conn: Connection, ask: Asked, found: dict[int, Hit], before: int) -> set[int]:
    """Those of ``found`` that an earlier page has shown already, by a newer match of theirs."""
    if not found:
        return set()
    parts = inbox.parts(conn, list(found)[:1_000])
    leads = inbox.leading(conn, parts)
    hits, _ = full_text.in_cases(conn, ask, parts, full_text.BIG, MOST_LOOKED_AT, before)
    return {leads[hit.case_id] for hit in hits}


def _items(conn: Connection, query: Query, page: list[tuple[int, Hit]]) -> list[FoundCase]:
    if not page:
        return []
    events = full_text.rows_of(conn, [hit.seq for _, hit in page])
    cases = {row.id: row for row in inbox.by_id(conn, [case_id for case_id, _ in page])}
    items = []
    for case_id, hit in page:
        event = events[hit.seq]
        text = _text(conn, event, hit.since)
        row = cases[case_id]
        subject = excerpt(row.subject, query.shown, LONGEST_SUBJECT)
        items.append(FoundCase(row, event, excerpt(text, query.shown), subject))
    return items


def _text(conn: Connection, event: Any, since: int) -> str:
    """What of the event is shown as having been found."""
    if event.kind == "transcript.added":
        lines = full_text.lines_between(conn, event.interaction_id, since, event.seq)
        return "\n".join(line.body["text"] for line in lines)
    body = event.body
    files = (each["name"] for each in (event.extra or {}).get("attachments", ()))
    said = body.get("text") or body.get("note") or body.get("number") or ""
    return "\n".join(part for part in (said, *files, body.get("signature", ""), body.get("history", "")) if part)


def people(conn: Connection, query: Query, after: str, most: int) -> list[Customer]:
    """Customers whom the words name, newest first; ``after`` is the last one's id."""
    full_text.ready(conn)
    before = full_text.number_of(conn, after) if after else full_text.BIG
    found = full_text.customers_named(conn, query, before, most)
    return customers.by_id(conn, [customer_id for _, customer_id in found])
