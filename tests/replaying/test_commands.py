"""The commands, as an operator types them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from benchmarks.days import BEGINS_AT, Known, known_day, store
from contact_center.__main__ import app
from contact_center.storage import offers, settings
from contact_center.storage.connection import Connection
from contact_center.storage.executor import run_alone
from routing import Policy

DAY = "2026-03-02"
SHIPPED = Path(__file__).parents[2] / "docs" / "examples" / "day.yaml"
SMALL = """
begins: "09:00"
ends: "10:00"
queues: [{id: q, name: Q}]
cases: [{queue: q, medium: voice, per_hour: 60, handling: {mean_seconds: 120}, patience: {mean_seconds: 90}}]
agents: [{name: ann, count: 2, queues: [q], shift: ["09:00-10:00"]}]
"""
POLICY = """
queues:
  - {id: queue0, name: Q0}
  - {id: queue1, name: Q1, target_seconds: 60}
policy: {ranking: [longest_idle], ageing_seconds: 0}
"""

Typed = Callable[..., Result]


@pytest.fixture(scope="module")
def known() -> Known:
    return known_day(Policy("p1"), 120, hours=1)


@pytest.fixture
def typed(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Typed:
    monkeypatch.setenv("CONTACT_CENTER_DATABASE_URL", database_url)
    monkeypatch.setenv("CONTACT_CENTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "160")

    def run(*words: str) -> Result:
        return CliRunner().invoke(app, ["routing", *words])

    return run


def kept(url: str, known: Known) -> None:
    def put(conn: Connection) -> None:
        store(conn, known)
        settings.put(conn, "time_zone", "Europe/Berlin")

    run_alone(url, put)


def policy(folder: Path) -> str:
    file = folder / "other.yaml"
    file.write_text(POLICY)
    return str(file)


def test_a_kept_day_is_proved_in_the_house_s_own_time(database_url: str, known: Known, typed: Typed) -> None:
    kept(database_url, known)
    done = typed("replay", "--from", DAY)
    assert done.exit_code == 0, done.output
    assert f"{known.day.decisions} decisions" in done.output
    assert "0 differ" in done.output
    assert "Policy p1" in done.output
    told = json.loads(typed("replay", "--from", f"{DAY}T08:59", "--to", f"{DAY}T12:00", "--json").output)
    assert told["identical"] is True
    assert typed("replay", "--from", f"{DAY}T12:30").exit_code == 3


def test_another_policy_is_shown_beside_the_day_as_it_was(
    database_url: str, known: Known, typed: Typed, tmp_path: Path
) -> None:
    kept(database_url, known)
    page = tmp_path / "report.html"
    words = ["replay", "--from", DAY, "--policy", policy(tmp_path)]
    done = typed(*words, "--report", str(page))
    assert done.exit_code == 0, done.output
    for word in ("The day as it was", "Simulated, other", "Service level", "Queue queue1, target 1:00", "Kaplan"):
        assert word in done.output
    text = page.read_text()
    assert text.count("<svg") == 4
    assert "<script" not in text
    assert "Agent 1" in text
    chinese = typed(*words, "--language", "zh").output
    assert "服务水平" in chinese
    assert "Waiting" not in chinese
    figures = json.loads(typed(*words, "--json").output)
    assert figures["queues"]["*"]["came"] == [len(known.day.cases)] * 3


def test_a_shadow_can_be_asked_about_a_kept_day(
    database_url: str, known: Known, typed: Typed, tmp_path: Path
) -> None:
    kept(database_url, known)
    done = typed("shadow", "--from", DAY, "--policy", policy(tmp_path))
    assert done.exit_code == 0, done.output
    assert f"asked about {known.day.decisions} decisions" in done.output
    told = json.loads(typed("shadow", "--from", DAY, "--policy", policy(tmp_path), "--json").output)
    assert sum(told["counts"].values()) >= known.day.decisions


def test_days_that_never_were_need_no_hub(typed: Typed, tmp_path: Path) -> None:
    other, day, page = (tmp_path / name for name in ("idle.yaml", "day.yaml", "page.html"))
    other.write_text("policy: {ranking: [longest_idle]}\n")
    day.write_text(SMALL)
    done = typed("simulate", str(day), "--policy", str(other), "--days", "3", "--report", str(page))
    assert done.exit_code == 0, done.output
    assert "3 trials" in done.output
    assert "a second" in done.output
    assert "A day that never was" in page.read_text()
    one, again, another = (typed("simulate", str(day), "--seed", seed, "--json").output for seed in "112")
    assert one == again
    assert one != another


def test_a_decision_is_explained_in_words(database_url: str, typed: Typed) -> None:
    record = {
        "at": BEGINS_AT,
        "interaction_id": "i1",
        "queue": "support",
        "medium": "chat",
        "policy": "p1",
        "chosen": "ann",
        "considered": 3,
        "counts": {},
        "summary": [],
        "remarks": [
            {"code": "weighed_otherwise", "values": {"count": 3, "agents": 2, "agent_id": "ben"}},
            {"code": "weighed_better", "values": {"by": "known"}},
        ],
        "candidates": [
            {
                "agent_id": "ann",
                "agent_name": "Ann",
                "eligible": True,
                "rank": 1,
                "reasons": [{"code": "chosen", "values": {}}],
                "terms": {"served_before_at": 0, "share_taken": 250_000, "idle_since_at": BEGINS_AT - 90_000},
            },
            {
                "agent_id": "ben",
                "agent_name": "Ben",
                "eligible": True,
                "rank": 2,
                "reasons": [{"code": "not_chosen", "values": {"by": "least_loaded"}}],
                "terms": {"odd": 3},
            },
            {
                "agent_id": "cem",
                "agent_name": "Cem",
                "eligible": False,
                "rank": None,
                "reasons": [
                    {"code": "missing_skill", "values": {"skill": "tax", "needed": 2, "has": 0}},
                    {"code": "cooling_down", "values": {"until_at": BEGINS_AT}},
                    {"code": "of_another_release", "values": {"x": 1}},
                ],
                "terms": {},
            },
        ],
    }
    run_alone(database_url, lambda conn: offers.decide(conn, "d1", "i1", BEGINS_AT, record))
    for about in ("i1", "d1"):
        done = typed("explain", about)
        assert done.exit_code == 0, done.output
        assert "i1 (support, chat) was offered to Ann." in done.output
        assert "1. Ann: chosen; 25 % taken; free for 1:30" in done.output
        assert "2. Ben: somebody with less in hand came first; odd: 3" in done.output
        assert (
            "Cem: no tax, needs 2; has just missed or declined it, is asked again at 2026-03-02 08:00:00"
            in done.output
        )
        assert "of_another_release (x: 1)" in done.output
        assert "3 cases were weighed together; by its turn alone this one would have gone to ben." in done.output
        assert "In all, more customers get somebody who knows them, or knows them better." in done.output
    in_chinese = typed("explain", "i1", "--language", "zh").output
    assert "已分给 Ann" in in_chinese
    assert "整体上，更多客户由熟悉（或更熟悉）他们的人接待。" in in_chinese


@pytest.mark.parametrize(
    "words, why, code",
    [
        (["replay", "--from", "yesterday"], "no day and no moment", 2),
        (["replay", "--from", "2026-03-02", "--to", "2026-03-01"], "is not after", 2),
        (["replay", "--from", "2026-03-02"], "was kept between", 3),
        (["replay", "--from", "2026-03-02", "--language", "de"], "en or zh", 2),
        (["replay", "--from", "2026-03-02", "--policy", "nowhere.yaml"], "nowhere.yaml", 2),
        (["explain", "nothing"], "no interaction and no decision", 3),
        (["shadow", "--from", "2026-03-02"], "go together", 2),
        (["shadow"], "No hub runs", 3),
        (["compare", "--from", "2026-03-02"], "was kept between", 3),
        (["simulate", "nowhere.yaml"], "nowhere.yaml", 2),
        (["simulate", str(SHIPPED), "--days", "-3"], "1 to 200", 2),
        (["simulate", str(SHIPPED), "--days", "1", "--report", "/nowhere/at/all.html"], "cannot be written", 2),
    ],
)
def test_a_mistake_is_told_in_a_sentence(typed: Typed, words: list[str], why: str, code: int) -> None:
    done = typed(*words)
    assert why in done.output
    assert done.exit_code == code


def test_without_an_experiment_there_is_nothing_to_compare(database_url: str, known: Known, typed: Typed) -> None:
    kept(database_url, known)
    done = typed("compare", "--from", DAY)
    assert "No experiment is under way" in done.output
    assert done.exit_code == 3


def test_an_experiment_is_compared(database_url: str, known: Known, typed: Typed) -> None:
    kept(database_url, known)
    trial = {"name": "x", "share": 0.5, "block_ms": 300_000, "warm_up_ms": 0, "document": {}, "version": "p2"}
    run_alone(database_url, lambda conn: settings.put(conn, "trials", {"experiment": {**trial, "began_at": 0}}))
    done = typed("compare", "--from", DAY)
    assert done.exit_code == 0, done.output
    assert "Experiment x" in done.output
    assert "Blocks of time" in done.output
    assert json.loads(typed("compare", "--from", DAY, "--json").output)["blocks"] == {"a": 6, "b": 6}
