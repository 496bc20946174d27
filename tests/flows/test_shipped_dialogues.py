"""The dialogues that are shipped with the flows go as they are written, and take every exit that a call can take."""

from __future__ import annotations

import importlib.resources

import pytest

from contact_center.flows.shipped import shipped_texts, shipped_versions
from ivr_flows.trying.dialogues import Case, Dialogues, read_dialogues, run_case
from ivr_flows.trying.report import try_out


def dialogues(name: str) -> Dialogues:
    file = importlib.resources.files("ivr_flows").joinpath("dialogues", f"{name}.test.yaml")
    return read_dialogues(file.read_text(encoding="utf-8"), f"{name}.test.yaml")


CASES = [(name, case) for name in sorted(shipped_texts()) for case in dialogues(name).cases]


@pytest.mark.parametrize(("name", "case"), CASES, ids=[f"{name}: {case.name}" for name, case in CASES])
def test_the_dialogue_goes_as_it_is_written(name: str, case: Case) -> None:
    outcome = run_case(shipped_versions()[name].flow, case)
    told = "\n".join([f"{name}.test.yaml:{outcome.line}: {outcome.failure}", *outcome.so_far])
    assert outcome.passed, told


@pytest.mark.parametrize("name", ["main", "identify", "voicemail", "survey", "direct"])
def test_every_exit_that_a_call_can_take_is_taken_by_a_dialogue(name: str) -> None:
    tried = try_out(shipped_versions()[name].flow, dialogues(name))
    assert [each for each in tried.exits if tried.how(each) == "reached"] == []
    assert tried.sound
