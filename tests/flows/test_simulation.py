"""A person is the caller: what they type goes to the flow, and what cannot be done is said."""

from __future__ import annotations

from contact_center.flows.shipped import shipped_versions
from ivr_flows.trying.simulation import Simulation

NOW = 1_767_578_400_000


def begin(**facts: str) -> tuple[Simulation, list[str]]:
    simulation = Simulation(shipped_versions()["main"].flow, NOW, {"ani": "+8613800138000", "known": "yes", **facts})
    return simulation, simulation.opening()


def say(simulation: Simulation, *lines: str) -> list[str]:
    return [answer for line in lines for answer in simulation.line(line)]


def test_a_caller_hears_the_flow_and_comes_to_a_queue() -> None:
    simulation, heard = begin()
    assert "“Thank you for calling.”" in heard
    heard = say(simulation, "1", "support")
    assert "· main_menu 2 → support" in heard
    assert "    matter = support" in heard
    assert "(waits in the queue support)" in heard
    heard = say(simulation, ":queue 3 120", "")
    assert any("There are 2 callers ahead of you." in line for line in heard)
    assert any("about 2 minutes" in line for line in heard)
    assert not simulation.over


def test_silence_is_an_answer_too() -> None:
    simulation, _ = begin()
    assert any("I didn't hear anything" in line for line in say(simulation, ""))


def test_a_service_is_answered_by_hand() -> None:
    simulation, _ = begin()
    heard = say(simulation, "1", "4", "1001#")
    assert "⇄ orders {number: 1001}" in heard
    assert heard[-1].startswith("(waits for an answer")
    heard = say(simulation, ":answer ok status=shipped")
    assert any("is on its way" in line for line in heard)


def test_somebody_takes_the_call_and_the_survey_follows() -> None:
    simulation, _ = begin()
    heard = say(simulation, "1", "2", ":talk 2m", "5", "1")
    assert any("How satisfied were you" in line for line in heard)
    assert heard[-1] == "(the call is over)"
    assert simulation.over
    assert simulation.line("1") == []


def test_what_cannot_be_done_is_said_and_changes_nothing() -> None:
    simulation, _ = begin()
    for line in (":record 3s", ":dial busy", ":talk 1m", ":answer ok", ":sing", ":queue x", ":wait soon"):
        assert say(simulation, line)[0].startswith("! "), line
    assert any("status" in line or "press keys" in line for line in say(simulation, ":help"))
    assert say(simulation, ":hang")[0] == "(the caller hangs up)"
    assert simulation.over


def test_a_message_a_closed_queue_and_every_variable() -> None:
    simulation, _ = begin(language="zh-CN")
    heard = say(simulation, "2", "2", ":closed", "")
    assert heard[-1] == "(beep: `:record 12s`)"
    assert "    matter = support" in say(simulation, ":vars")
    assert say(simulation, ":record 12s")[-1] == "(the call is over)"
