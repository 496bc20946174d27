"""Who is counted on, how it went lately, and what follows for somebody who waits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from contact_center.domain.time import HOUR, MINUTE, SECOND
from contact_center.estimates.expecting import Expecting, rates_of
from contact_center.storage import estimates
from routing.foreseeing import Estimate, Line, Rates, estimate_of, foresee
from routing.places import Later, Prospect
from tests.hub import TestHub, house, open_test_hub


@dataclass(frozen=True)
class Row:
    began_at: int
    outcome: str
    waited_ms: int
    rang_ms: int = 0
    handled_ms: int = 0
    done: int = 1


def test_what_goes_on_counts_as_far_as_it_has_come() -> None:
    now = HOUR
    rows = [
        Row(now - 10 * MINUTE, "", 0),
        Row(now - 20 * MINUTE, "answered", 10 * SECOND, 5 * SECOND, 0, 0),
        Row(now - 30 * MINUTE, "answered", 30 * SECOND, 5 * SECOND, 100 * SECOND),
        Row(now - 40 * MINUTE, "abandoned", 60 * SECOND),
    ]
    found = rates_of(rows, now, "voice", 4 * MINUTE)
    assert (found.handled, found.abandoned, found.seen) == (1, 1, 4)
    assert found.handling_ms > 10 * MINUTE, "a talk of 20 minutes goes on"
    assert found.patience_ms > 5 * MINUTE, "somebody has waited for 10 minutes and stays"
    assert found.answer_ms == 5 * SECOND


def test_with_nothing_seen_it_is_what_is_usual() -> None:
    assert rates_of([], 0, "voice", 4 * MINUTE) == Rates(4 * MINUTE, 5 * MINUTE, 0)
    assert rates_of([], 0, "email", 4 * MINUTE).patience_ms == 0


def test_who_finds_somebody_free_only_waits_for_the_ring() -> None:
    assert estimate_of(-1, 3, Rates(60_000, 0, 4_000)) == Estimate(4_000, 4_000, 4_000)


def test_the_published_figure_is_met_with_the_ring_on_top() -> None:
    """Four ahead of ten agents of 180 s, 120 s of patience: 71.16 s."""
    found = estimate_of(4, 10, Rates(180_000, 120_000, 3_000))
    assert found.mean_ms == pytest.approx(74_160, abs=10)
    assert found.p50_ms < found.mean_ms < found.p90_ms


RATES = Rates(240_000, 300_000, 2_000)
PLAIN = estimate_of(2, 3, RATES)


def told(found: Prospect, others: int = 2, now: int = 100_000, **line: int) -> Estimate:
    front = [now - 10_000 * n for n in range(others, 0, -1)]
    foreseen = foresee(found, Line(front, others, **line), RATES, now)
    assert foreseen is not None
    return foreseen


def test_where_nobody_joins_it_is_the_plain_figure() -> None:
    assert told(Prospect(3, 0)) == PLAIN
    assert foresee(Prospect(0, 0), Line([], 0), RATES, 0) is None


def test_a_step_that_comes_after_nine_in_ten_are_served_is_not_reckoned_with() -> None:
    assert told(Prospect(3, 0, (Later(10**6, 100_000 + 10**6, 5, 5),))) == PLAIN


def test_a_step_that_comes_in_time_shortens_it() -> None:
    one = told(Prospect(3, 0, (Later(60_000, 160_000, 2, 0),)))
    two = told(Prospect(3, 0, (Later(60_000, 160_000, 2, 2), Later(90_000, 190_000, 2, 2))))
    assert two.mean_ms < one.mean_ms < PLAIN.mean_ms
    assert two.p90_ms < one.p90_ms < PLAIN.p90_ms
    assert told(Prospect(0, 0, (Later(60_000, 160_000, 2, 0),)), others=0).p50_ms > 60_000, "nobody before it"


def test_what_is_kept_for_somebody_waits_for_them_first() -> None:
    nobody_else = told(Prospect(1, 0, until=400_000, kept_places=1), others=0)
    assert nobody_else.p90_ms > PLAIN.p50_ms
    free = Prospect(3, 2, until=130_000, kept_places=1)
    assert told(free, others=-2).p90_ms == pytest.approx(32_000, abs=200), "then somebody is free, and it rings"
    rush = told(free, others=-2, behind=6, per_hour=200)
    assert rush.p90_ms > 60_000, "others take them until then"
    assert told(Prospect(3, 0, until=130_000, kept_places=1, kept_free=1), others=0).p90_ms == 2_000
    later = Later(60_000, 160_000, 3, 3)
    assert told(Prospect(3, 0, (later,), 130_000, 1)).mean_ms < told(Prospect(3, 0, (), 130_000, 1)).mean_ms


def test_a_long_line_is_followed_by_some_of_it() -> None:
    long = told(Prospect(3, 0, (Later(60_000, 160_000, 30, 0),)), others=400)
    assert long.p50_ms < long.p90_ms
    assert long.mean_ms == pytest.approx(estimate_of(400, 33, RATES).mean_ms, rel=0.15)


async def test_an_agent_of_two_busy_queues_is_there_for_each_in_part(database_url: str, tmp_path: Path) -> None:
    """Three callers for support and one for sales in the last hour: Mei is three quarters of an agent for support."""
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei"):
        assert await counted(hub, "support") == 1
        await hub.write(_came, hub, {"support": 3, "sales": 1})
        assert await counted(hub, "support") == 0.75
        assert await counted(hub, "sales") == 0.25
        assert await counted(hub, "support", without="mei") == 0


async def test_calls_take_from_chats_and_nothing_from_calls(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("jonas"):
        assert await counted(hub, "support", "chat") == 3
        await hub.write(_came, hub, {"support": 6})
        # Six calls of four minutes in an hour: 0.4 of the one who takes them.
        assert await counted(hub, "support", "chat") == pytest.approx(3 * 0.6)
        assert await counted(hub, "support", "voice") == 1


async def test_only_who_has_what_the_queue_asks_for_counts(database_url: str, tmp_path: Path) -> None:
    queues = [{**q, "routing": {"needs": "chinese >= 3"}} if q["id"] == "support" else q for q in house()["queues"]]
    async with (
        open_test_hub(database_url, tmp_path, config=house(queues=queues)) as hub,
        hub.at_work("mei", "jonas"),
    ):
        assert await counted(hub, "support") == 1
        assert await counted(hub, "billing") == 2


async def counted(hub: TestHub, queue: str, medium: Any = "voice", without: str = "") -> float:
    now = hub.clock.now
    return await hub.read(lambda conn: Expecting().count(conn, now, queue, medium, without))


def _came(conn: Any, hub: TestHub, numbers: dict[str, int]) -> None:
    on = hub.clock.occasion()
    facts: dict[str, Any] = {"medium": "voice", "priority": 0, "others": 0, "agents": 1.0, "handling_ms": 60_000}
    times: dict[str, Any] = {"patience_ms": 0, "answer_ms": 0, "mean_ms": None, "p50_ms": None, "p90_ms": None}
    estimates.add(
        conn,
        on,
        [
            estimates.Expected(f"{queue}{n}", queue, began_at=on.now - MINUTE, **facts, **times)
            for queue, number in numbers.items()
            for n in range(number)
        ],
    )
