"""Days that never were, out of a file: what it may say, and what is said of its mistakes."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from contact_center.config.model import ConfigError
from contact_center.config.synthetic import BREAK_MS, DayModel, read_day, with_breaks
from contact_center.domain.time import HOUR, MINUTE
from routing.simulation import Simulation

SHIPPED = Path(__file__).parents[2] / "docs" / "examples" / "day.yaml"

SMALL: dict[str, Any] = {
    "begins": "09:00",
    "ends": "11:00",
    "queues": [{"id": "q", "name": "Q", "priority": 3, "skills": {"german": 1}}],
    "cases": [
        {
            "queue": "q",
            "medium": "voice",
            "per_hour": {"09:00": 0, "10:00": 200},
            "handling": {"mean_seconds": 60, "variation": 0},
            "priority": 2,
            "needs": [{"skills": {"tax": 2}}],
        }
    ],
    "agents": [{"name": "ann", "queues": ["q"], "skills": {"german": 2, "tax": 2}, "shift": ["09:00-11:00"]}],
}


def test_the_shipped_day_can_be_simulated() -> None:
    model = read_day(SHIPPED)
    day = Simulation(
        model.own_policy(), model.shifts(0), model.coming(0), answer_ms=model.answer_ms, ends_at=model.last
    ).run()
    assert len(day.answered()) > 1_000


def test_a_day_is_the_same_whenever_it_is_drawn_and_another_is_another() -> None:
    model = read_day(SHIPPED)
    assert list(model.coming(0)) == list(model.coming(0))
    assert list(model.shifts(0)) == list(model.shifts(0))
    assert list(model.coming(0)) != list(model.coming(1))
    assert list(model.shifts(0)) != list(model.shifts(1))


def test_what_comes_is_what_the_file_says() -> None:
    model = DayModel.model_validate(SMALL)
    coming = list(model.coming(0))
    assert all(case.at >= model.first + HOUR for case in coming)
    assert len(coming) == pytest.approx(model.expected(), rel=0.3)
    first = coming[0]
    assert (first.waiting.priority, first.waiting.skills) == (5, {"german": 1, "tax": 2})
    assert (first.handling_ms, first.patience_ms) == (MINUTE, -1)


def changed(**parts: Any) -> dict[str, Any]:
    return {**SMALL, **parts}


@pytest.mark.parametrize(
    "day, why",
    [
        (changed(begins="25:00"), "begins: '25:00' is no time of day"),
        (changed(begins="24:30"), "no time of day"),
        (changed(ends="08:00"), "not after it begins"),
        (changed(queues=[]), "queues"),
        (changed(cases=[{**SMALL["cases"][0], "queue": "z"}]), "'z', which is not in queues"),
        (changed(cases=[{**SMALL["cases"][0], "per_hour": {}}]), "says nothing"),
        (changed(cases=[{**SMALL["cases"][0], "per_hour": {"noon": 3}}]), "'noon' is no time of day"),
        (changed(cases=[{**SMALL["cases"][0], "per_hour": 90_000}], days=200), "a million is the most"),
        (changed(agents=[{**SMALL["agents"][0], "queues": ["z"]}]), "'z', which is not in queues"),
        (changed(agents=[{**SMALL["agents"][0], "shift": ["11:00-09:00"]}]), "no stretch of a day"),
        (changed(agents=[{**SMALL["agents"][0], "shift": ["9"]}]), "no stretch of a day"),
        (changed(agents=[{**SMALL["agents"][0], "shift": ["09:00-11:00", "10:00-12:00"]}]), "has ended"),
        (changed(agents=[SMALL["agents"][0], SMALL["agents"][0]]), "two teams of agents are named 'ann'"),
        (changed(agents=[{**SMALL["agents"][0], "moods": 1}]), "agents.0.moods"),
        ([], "the file"),
    ],
)
def test_a_mistake_is_told_with_its_place(day: Any, why: str, tmp_path: Path) -> None:
    file = tmp_path / "day.yaml"
    file.write_text(yaml.safe_dump(day))
    with pytest.raises(ConfigError) as told:
        read_day(file)
    assert why in str(told.value)


@pytest.mark.parametrize("text, why", [("a: [", "day.yaml:1:"), ("\udcff", "day.yaml"), (None, "No such file")])
def test_a_file_that_cannot_be_read_is_told_of(text: str | None, why: str, tmp_path: Path) -> None:
    file = tmp_path / "day.yaml"
    if text is not None:
        file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ConfigError, match=why):
        read_day(file)


@given(st.integers(1, 24 * 60), st.floats(0, 0.9), st.integers())
def test_breaks_take_their_share_in_pieces_no_longer_than_a_quarter_of_an_hour(
    minutes: int, shrinkage: float, seed: int
) -> None:
    end = minutes * MINUTE
    spans = with_breaks(0, end, shrinkage, random.Random(seed))
    there = sum(until - since for since, until in spans)
    away = [
        after - before
        for before, after in zip([0, *[b for _, b in spans]], [*[a for a, _ in spans], end], strict=True)
    ]
    assert there == pytest.approx(end * (1 - shrinkage), abs=200)
    assert all(since < until for since, until in spans)
    assert max(away) <= 2 * BREAK_MS + 2
