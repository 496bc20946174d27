"""The verb that says whether two cases are one matter: see ``moves/joining.py``."""

from __future__ import annotations

from typing import Any

from contact_center.desk.verbs import Acting
from contact_center.domain.errors import NotFound, NotValid, TooLate
from contact_center.domain.events import HUB, Actor, CaseLinked
from contact_center.domain.occasion import Occasion
from contact_center.domain.record import IN_HAND
from contact_center.moves import joining
from contact_center.storage import cases, journal
from contact_center.storage.connection import Connection
from contact_center.storage.journal import Loaded

_MAY_BECOME = {"suggested": ("merged", "refused"), "refused": ("merged", "undone"), "merged": ("undone",)}


def link_case(conn: Connection, on: Occasion, acting: Acting, case_id: int, state: str) -> dict[str, Any]:
    """Says that a linked case is part of the one it is linked to (``merged``), or isn't (``refused``), or takes that
    back (``undone``): for whoever has either in hand, and for supervisors. Saying it twice is saying it once."""
    row = cases.get(conn, case_id)
    part = _conversation(conn, case_id)
    if row is None or part is None or not _may(conn, acting, part, row.linked_to):
        raise NotFound("case")
    if not row.linked_to:
        raise NotValid("not_linked", "This case is linked to no other.")
    cases.lock(conn, case_id, row.linked_to)
    row = cases.get(conn, case_id) or row
    before = row.link_state
    wanted = "suggested" if state == "undone" else state
    if before != wanted:
        if state not in _MAY_BECOME.get(before, ()):
            raise TooLate("merged", "These cases are one by now. Undo that first.")
        _say(conn, on, acting, part, row.linked_to, before, state)
    row = cases.get(conn, case_id) or row
    return {"case": {name: getattr(row, name) for name in ("id", "linked_to", "link_state", "merged_into")}}


def _conversation(conn: Connection, case_id: int) -> Loaded | None:
    return journal.open_of_case(conn, case_id) or journal.last_of_case(conn, case_id, "email")


def _may(conn: Connection, acting: Acting, part: Loaded, to_case: int) -> bool:
    if acting.supervises:
        return True
    other = joining.open_of_family(conn, to_case) if to_case else None
    return any(_in_hand(acting, each) for each in (part, other))


def _in_hand(acting: Acting, loaded: Loaded | None) -> bool:
    return loaded is not None and loaded.record.agent_id == acting.agent_id != "" and loaded.record.state in IN_HAND


def _say(
    conn: Connection, on: Occasion, acting: Acting, part: Loaded, linked_to: int, before: str, state: str
) -> None:
    case_id = part.record.case_id
    actor = Actor("agent", acting.agent_id) if acting.agent_id else HUB
    if state == "merged":
        to_case = cases.leading(conn, linked_to)
        if to_case == case_id:
            raise NotValid("circle", "The other case is part of this one.")
        going_on = joining.open_of_family(conn, to_case)
        live = [each for each in (part, going_on) if each is not None and each.record.is_open]
        if len(live) > 1 and any(each.record.medium != "email" for each in live):
            raise TooLate("live", "They are talking to us in another way just now. Try again when that is over.")
        cases.set_link(conn, on, case_id, before, "merged", to_case)
        joining.merge(conn, on, part, to_case, actor)
        return
    cases.set_link(conn, on, case_id, before, "suggested" if state == "undone" else state, 0)
    if before == "merged":
        joining.part_again(conn, on, part, linked_to, actor)
        return
    said = CaseLinked(linked_to, state)  # type: ignore[arg-type]  # one of the words of _MAY_BECOME
    event = journal.happen(conn, on, part, said, actor)
    journal.save(conn, part)
    journal.tell_owner(conn, on, part, event, acting.name)
