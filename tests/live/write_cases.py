"""Writes ``tests/live/cases/*.json``: what each announcement does to a desk, as ``apply`` says it.

The console's reducer is held to the same files, so both sides mean the same. After changing ``apply`` run
``python tests/live/write_cases.py`` and read the difference.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from contact_center.domain.views import (
    ActorView,
    AgentChanged,
    AgentView,
    Announcement,
    CustomerBrief,
    DeskState,
    EventView,
    Gap,
    OfferOver,
    OfferRings,
    OfferView,
    Past,
    Why,
    WorkChanged,
    WorkLeft,
    WorkView,
    apply,
)

CASES = Path(__file__).parent / "cases"
T0 = 1_760_000_000_000

AGENT = AgentView(
    id="ag-mei",
    name="Mei Lin 林美",
    role="agent",
    state="ready",
    chosen="ready",
    reason="",
    since_at=T0,
    load={"voice": 0, "chat": 1},
    capacity={"voice": 1, "chat": 4},
    skills={"de": 5, "repairs": 4},
)
LENA = CustomerBrief("cu-1", "Lena Fischer", True, "lena@example.com", "email")
NOBODY = CustomerBrief("cu-2", "", False, "+447700900123", "phone")


def offer(offer_id: str, made_at: int) -> OfferView:
    return OfferView(
        id=offer_id,
        interaction_id=f"in-{offer_id}",
        case_id=48213,
        medium="email",
        queue="repairs",
        queue_name="Repairs",
        subject="Ersatzteil kam beschädigt an",
        preview="Guten Tag, das Ersatzteil …",
        customer=LENA,
        dialled="support@example.com",
        waiting_since_at=made_at - 2_000,
        made_at=made_at,
        deadline_at=made_at + 30_000,
        decision_id=f"de-{offer_id}",
        why=(Why("skill", {"skill": "de", "level": 5, "needed": 3}), Why("considered", {"count": 4})),
        history=(Past("in-0", 48001, "chat", "Repair booked", T0 - 864_000_000, "Mei Lin", "solved", "closed"),),
    )


def work(interaction_id: str, assigned_at: int) -> WorkView:
    return WorkView(
        interaction_id=interaction_id,
        case_id=48214,
        case_status="open",
        channel="sms-main",
        medium="sms",
        state="assigned",
        queue="billing",
        queue_name="Billing",
        subject="",
        preview="Still waiting for the engineer",
        customer=NOBODY,
        dialled="+441632960000",
        started_at=assigned_at - 60_000,
        assigned_at=assigned_at,
        last_message_at=assigned_at - 1_000,
        unanswered=1,
        undelivered=0,
        call=None,
        customer_left=False,
    )


DESK = DeskState(
    7,
    AGENT,
    (offer("of-2", T0 + 2_000), offer("of-4", T0 + 4_000)),
    (work("in-b", T0 + 1_000), work("in-c", T0 + 3_000)),
)
EVENT = EventView(
    seq=991,
    id="ev-991",
    kind="message.received",
    interaction_id="in-b",
    case_id=48214,
    medium="sms",
    direction="inbound",
    at=T0 + 9_000,
    actor=ActorView("customer", "", ""),
    body={
        "text": "还在吗？",
        "subject": "",
        "html": "",
        "automatic": "",
        "unverified": "",
        "truncated": False,
    },
)

STEPS: dict[str, tuple[DeskState, int, Announcement]] = {
    "an agent's new state replaces the old one": (
        DESK,
        8,
        AgentChanged(replace(AGENT, state="not_ready", chosen="not_ready", reason="lunch", since_at=T0 + 9)),
    ),
    "a new offer stands after those made before it": (DESK, 8, OfferRings(offer("of-5", T0 + 5_000))),
    "an offer made earlier stands before the others": (DESK, 8, OfferRings(offer("of-1", T0 + 1_000))),
    "offers made in the same moment stand by their ids": (DESK, 8, OfferRings(offer("of-3", T0 + 4_000))),
    "an offer that rings again replaces itself": (
        DESK,
        8,
        OfferRings(replace(offer("of-2", T0 + 2_000), preview="changed")),
    ),
    "an offer that is over leaves": (DESK, 8, OfferOver("of-2", "in-of-2", "expired")),
    "an offer that is over and was never seen changes only the number": (
        DESK,
        8,
        OfferOver("of-9", "in-of-9", "rescinded"),
    ),
    "accepted work is added in the order it was taken": (DESK, 8, WorkChanged(work("in-a", T0 + 2_000))),
    "changed work keeps its place": (
        DESK,
        8,
        WorkChanged(replace(work("in-b", T0 + 1_000), unanswered=2, preview="还在吗？"), EVENT),
    ),
    "a call that was connected says so": (
        DESK,
        8,
        WorkChanged(replace(work("in-v", T0 + 8_000), medium="voice", channel="voice", call="connected")),
    ),
    "work that left is gone": (DESK, 8, WorkLeft("in-c", "wrapped_up")),
    "work that left and was never here changes only the number": (DESK, 8, WorkLeft("in-z", "returned")),
    "an announcement that was applied before changes nothing": (DESK, 7, WorkLeft("in-c", "wrapped_up")),
    "an old announcement changes nothing": (DESK, 3, OfferOver("of-2", "in-of-2", "accepted")),
    "a skipped number is a gap": (DESK, 9, OfferOver("of-2", "in-of-2", "accepted")),
    "the first announcement on an empty desk": (DeskState(0, AGENT), 1, OfferRings(offer("of-1", T0))),
}


def main() -> None:
    CASES.mkdir(exist_ok=True)
    for name, (before, seq, announcement) in STEPS.items():
        case: dict[str, object] = {
            "name": name,
            "before": asdict(before),
            "seq": seq,
            "announcement": asdict(announcement),
        }
        try:
            case["after"] = asdict(apply(before, seq, announcement))
        except Gap:
            case["gap"] = True
        file = name.replace("'", "").replace(" ", "_") + ".json"
        text = json.dumps(case, ensure_ascii=False, indent=1) + "\n"
        (CASES / file).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
