"""Sixty callers on the main line together: none is lost, none hangs, and every agent's state is true."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import calls

CALLS = 60
AGENTS = 12
PATIENCE_S = 300.0

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]


async def test_sixty_calls_at_once_are_sixty_interactions_that_all_end(tmp_path: Path) -> None:
    result = await calls.run(tmp_path, CALLS, AGENTS, patience_s=PATIENCE_S)
    assert calls.wrong(result) == [], calls.report(result)
    assert len(result.callers) == CALLS
    assert all(play["state"] == "done" for play in result.plays.values()), calls.report(result)
    assert_everything_happened(result)


async def test_reports_that_come_twice_or_late_or_never_change_nothing_of_that(tmp_path: Path) -> None:
    result = await calls.run(tmp_path, CALLS, AGENTS, mischief=7, patience_s=PATIENCE_S)
    assert calls.wrong(result) == [], calls.report(result)
    assert result.ledger["webhook.lost"], "the carrier behaved itself"
    assert any(hook["what"].endswith("(again)") for hook in result.facts("webhook")), "nothing came twice"
    assert_everything_happened(result)


def assert_everything_happened(result: calls.Calls) -> None:
    """Every caller came to what they rang for."""
    by_number = {caller.number: caller.kind.name for caller in result.callers.values()}
    became: dict[str, list[dict[str, object]]] = {}
    for record in result.records:
        became.setdefault(by_number[record["point"]], []).append(record)
    for kind in ("support", "sales", "billing, in Chinese", "order, then a person"):
        assert all(record["served_by"] for record in became[kind]), kind
    assert all(not record["served_by"] for record in became["order status"])
    for kind in ("callback", "callback, engaged", "hangs up while waiting"):
        tried = [record for record in became[kind] if record["task"] == "callback"]
        assert len(tried) == CALLS // 12, f"{kind}: each of them is owed one call"
        assert all(record["attempts"] for record in tried), kind
    left = [record for record in became["voicemail"] if record["task"] == "voicemail"]
    assert len(left) == CALLS // 12, "each message is work for somebody"
    answers = [record["survey"] for record in became["support, asked afterwards"]]
    assert sum(bool(survey) for survey in answers) >= CALLS // 24, answers
