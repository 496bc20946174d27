"""Reasons in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest

from contact_center.domain.events import MEDIA
from contact_center.replaying.explaining import Language, explain, reason
from routing.policy import Term


@pytest.mark.parametrize(
    ("language", "medium", "words"), [("en", "chat", "none of them does chat"), ("zh", "voice", "都不处理电话")]
)
def test_the_medium_that_nobody_does_is_named(language: Language, medium: str, words: str) -> None:
    said = {"code": "nobody_does_the_medium", "values": {"medium": medium, "available": 2}}
    assert reason(language, said, ZoneInfo("UTC")).endswith(words)


def test_every_medium_has_its_name_in_every_language() -> None:
    for medium in MEDIA:
        told = [reason(each, {"code": "new", "values": {"medium": medium}}, ZoneInfo("UTC")) for each in ("en", "zh")]
        assert told[0] != told[1]


# --- every code that routing has --------------------------------------------------------------------------------

DOCS = (Path(__file__).parents[2] / "docs" / "routing.md").read_text(encoding="utf-8")
VALUES: dict[str, Any] = {
    "medium": "sms", "load": 3, "capacity": 4, "skill": "tax", "needed": 2, "has": 1, "reason": "lunch", "weight": 5,
    "label": "gold", "until_at": 0, "agent_id": "ann", "available": 2, "able": 2, "considered": 2, "count": 2,
    "step": 1, "steps": 3, "at": 0, "need": "billing >= 3", "agents": 4,
}  # fmt: skip


def codes(under: str) -> Iterator[str]:
    """Those of the table that stands under these words of the page."""
    table = DOCS.split(under)[1].split("\n\n")[1]
    for line in table.splitlines()[2:]:
        yield from re.findall(r"`(\w+)`", line.split("|")[1])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_code_is_said_in_words(language: Language) -> None:
    said: list[tuple[str, dict[str, Any]]] = [
        *[(code, VALUES) for code in codes("Each agent's reasons:") if code != "not_chosen"],
        *[("not_chosen", {"by": by}) for by in codes("What put somebody behind (`by`):")],
        *[(code, VALUES) for code in codes("What a waiting case waits for, in a word (`summary`):")],
        *[(code, VALUES) for code in codes("What was special about it (`remarks`):") if code != "weighed_better"],
    ]
    assert len(said) >= 40
    for code, values in said:
        words = reason(language, {"code": code, "values": values}, ZoneInfo("UTC"), {"ann": "Ann Lee"})
        assert "_" not in words, words
        assert "{" not in words, words
        if language == "zh":
            assert re.search("[\u4e00-\u9fff]", words), words


@pytest.mark.parametrize(
    ("code", "values", "words"),
    [
        ("nobody_available", {"able": 1}, "the one agent who has what it needs is not available"),
        ("nobody_available", {"able": 2}, "2 agents have what it needs, and none of them is available"),
        ("no_capacity", {"medium": "chat", "load": 0, "capacity": 0}, "does no chat"),
        ("missing_skill", {"skill": "tax", "needed": 2, "has": 0}, "no tax, needs 2"),
        ("weighed_otherwise", {"count": 9, "agent_id": "ann"}, "would have gone to Ann Lee"),
        ("of_another_release", {"x": 1}, "of_another_release (x: 1)"),
        ("relaxes", {}, "less will be asked at {at}: step {step} of {steps}"),
    ],
)
def test_one_is_not_many_and_nothing_is_said_of_none(code: str, values: dict[str, Any], words: str) -> None:
    assert reason("en", {"code": code, "values": values}, ZoneInfo("UTC"), {"ann": "Ann Lee"}).endswith(words)


def record(**more: Any) -> dict[str, Any]:
    candidate = {"agent_id": "ann", "agent_name": "Ann Lee", "eligible": True, "rank": 1, "reasons": [], "terms": {}}
    about = {"at": 0, "interaction_id": "i1", "queue": "support", "medium": "sms", "policy": "p1"}
    return {**about, "chosen": None, "considered": 1, "summary": [], "candidates": [candidate], **more}


def lines(**more: Any) -> list[str]:
    return explain("en", record(**more), ZoneInfo("UTC"))


def test_what_was_done_by_hand_is_not_said_to_wait() -> None:
    free = [{"code": "could_take_it", "values": {"count": 1}}]
    by_sana = {"agent_id": "bob", "agent_name": "Bob", "by": "sana", "reason": "knows it", "over_capacity": True}
    told = lines(overridden=by_sana, summary=free)
    assert told[0].endswith("i1 (support, SMS) was given to Bob by hand: “knows it”.")
    assert told[1] == "That was past what they may have at once."
    assert "Routing did not choose. What it knew then:" in told
    assert not any("being decided" in each for each in told)
    own = {**by_sana, "by": "bob", "over_capacity": False}
    assert lines(overridden=own)[0].endswith("Bob took i1 (support, SMS) by hand: “knows it”.")


def test_what_was_special_is_told_each_in_a_sentence() -> None:
    seen = {"skills": {"billing": 2}, "language_skills": {"chinese": 3}, "priority": 5, "queue": "sales"}
    remarks = [{"code": "weighed_otherwise", "values": {"count": 3, "agent_id": "ann"}}]
    told = lines(chosen="ann", others=["bob"], recognised=seen, remarks=remarks)
    assert told[0].endswith("was offered to Ann Lee, bob.")
    assert "Its words added: billing ≥ 2, chinese ≥ 3, priority 5, the queue sales." in told
    assert "3 cases were weighed together; by its turn alone this one would have gone to Ann Lee." in told


def test_why_it_waits_is_said_of_all() -> None:
    cooling = [{"code": "cooling_down", "values": {"until_at": 0}}]
    told = lines(summary=cooling)
    assert told[0].endswith("still waits.")
    assert told[1].startswith(
        "Because whoever is free has just missed or declined it; it is offered to them again at"
    )


@pytest.mark.parametrize("by", [*get_args(Term), "served_lately", "turn", "ring"])
def test_whatever_weighing_gains_has_words_in_every_language(by: str) -> None:
    told = [reason(each, {"code": "weighed_better", "values": {"by": by}}, ZoneInfo("UTC")) for each in ("en", "zh")]
    assert told[0] != told[1]
    assert not any(by in each for each in told if "_" in by)
