"""Which figure waiting callers are told: the average, nine in ten, or none while the figures are not right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contact_center.domain.time import HOUR
from contact_center.storage import estimates
from contact_center.telephony.standing import Standing
from tests.hub import TestHub, house, open_test_hub


def a_house(estimate: str) -> dict[str, Any]:
    queues = [{**q, "calls": {"estimate": estimate}} if q["id"] == "support" else q for q in house()["queues"]]
    agents = [{**a, "capacity": {"voice": 1}} for a in house()["agents"]]
    return house(queues=queues, agents=agents)


async def told(hub: TestHub, interaction_id: str) -> int | None:
    def ask(conn: Any) -> int | None:
        from contact_center.storage import journal

        loaded = journal.look(conn, interaction_id)
        assert loaded is not None
        return Standing(hub.runtime.expecting).of(conn, hub.clock.occasion(), loaded).estimate_ms

    return await hub.read(ask)


def _past(conn: Any, hub: TestHub, waited_ms: int) -> None:
    """Forty callers who were told 60 s."""
    on = hub.clock.occasion()
    facts: dict[str, Any] = {"priority": 0, "others": 0, "agents": 2.0, "handling_ms": 120_000, "patience_ms": 0}
    promised = {"answer_ms": 0, "mean_ms": 60_000, "p50_ms": 41_000, "p90_ms": 138_000}
    ago = on.now - 2 * HOUR
    estimates.add(
        conn,
        on,
        [estimates.Expected(f"past{n}", "support", "voice", ago + n, **facts, **promised) for n in range(40)],
    )
    ended = {"new_outcome": "answered", "new_waited": waited_ms, "new_agent": "mei", "new_rang": 0}
    rows = conn.execute(estimates.waiting_estimates.select()).all()
    estimates.settle(conn, [{"row": row.id, **ended, "new_handled": 120_000, "new_done": 1} for row in rows])


@pytest.mark.parametrize(
    "estimate, waited_ms, says",
    [
        ("average", 600_000, "mean_ms"),
        ("at_most", 60_000, "p90_ms"),
        ("if_right", 60_000, "mean_ms"),
        ("if_right", 600_000, None),
        ("if_right", None, None),
    ],
)
async def test_a_caller_is_told_what_the_queue_wants(
    database_url: str, tmp_path: Path, estimate: str, waited_ms: int | None, says: str | None
) -> None:
    async with (
        open_test_hub(database_url, tmp_path, config=a_house(estimate)) as hub,
        hub.at_work("jonas") as (jonas,),
    ):
        await hub.twilio.call("+4915112345678").arrive()
        await jonas.offer()
        await hub.twilio.call("+4915112345679").arrive()
        _, second = await hub.interactions()
        if waited_ms is not None:
            await hub.write(_past, hub, waited_ms)
        found = (await hub.get(f"interactions/{second}/estimate"))["estimate"]
        assert await told(hub, second) == (found[says] if says else None)
