"""What each announcement does to a desk: the cases that the console's reducer is held to as well."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from contact_center.domain.views import Announcement, DeskState, Gap, apply

CASES = sorted((Path(__file__).parent / "cases").glob("*.json"))
STATE = TypeAdapter(DeskState)
BODY: TypeAdapter[Announcement] = TypeAdapter(Announcement)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_an_announcement_does_to_a_desk_what_the_case_says(path: Path) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    before = STATE.validate_python(case["before"])
    announcement = BODY.validate_python(case["announcement"])
    if case.get("gap"):
        with pytest.raises(Gap):
            apply(before, case["seq"], announcement)
        return
    assert apply(before, case["seq"], announcement) == STATE.validate_python(case["after"])


def test_there_are_cases_for_every_kind_of_announcement() -> None:
    kinds = {json.loads(path.read_text(encoding="utf-8"))["announcement"]["kind"] for path in CASES}
    assert kinds == {"agent.changed", "offer.rings", "offer.over", "work.changed", "work.left"}
