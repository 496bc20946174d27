"""What is found in flows whose every step is right."""

from __future__ import annotations

import pytest

from ivr_flows import FlowError, Problem, check, load
from tests.ivr_flows.callers import HEAD, LIBRARY

END = "  end: {hang_up: null}\n"


def found(steps: str, head: str = HEAD, library: dict[str, str] | None = None) -> list[Problem]:
    return check(f"{head}steps:\n{steps}", "f.yaml", library)


def told(problems: list[Problem]) -> list[tuple[int, int, str]]:
    return [(problem.line, problem.column, problem.severity) for problem in problems]


# --- what is personal --------------------------------------------------------------------------------------------

FETCH = "  a: {fetch: s, into: {x: {variable: secret, personal: true}, y: open}, error: end}\n"


def test_what_a_service_marked_personal_is_not_said_before_proof() -> None:
    (problem,) = found(FETCH + '  b: {say: "{secret|} {open|}"}\n' + END)
    assert (problem.line, problem.column, problem.severity) == (5, 12, "error")
    assert problem.what == "a caller who proved nothing may hear 'secret', which is personal"
    assert "verify" in problem.mend
    with pytest.raises(FlowError, match="personal"):
        load(HEAD + "steps:\n" + FETCH + '  b: {say: "{secret|}"}\n' + END)


def test_after_proof_it_may_be_said() -> None:
    steps = FETCH + '  v: {verify: code, failed: end}\n  b: {say: "{secret}"}\n' + END
    assert found(steps) == []
    before = "  v: {verify: code, failed: a}\n" + FETCH + '  b: {say: "{secret|}"}\n' + END
    assert told(found(before)) == [(6, 12, "error")], "who failed comes there, too"


def test_one_way_round_the_proof_is_enough_to_be_told() -> None:
    steps = (
        FETCH
        + "  m: {menu: Hi., choices: {'1': v, '2': b}, no_input: end, no_match: end}\n"
        + '  v: {verify: code, failed: end}\n  b: {say: "{secret|}"}\n'
        + END
    )
    assert told(found(steps)) == [(7, 12, "error")]


@pytest.mark.parametrize(
    "case, safe",
    [
        ('when: {verified: "yes"}', True),
        ('when: {verified: ["yes", "no"]}', False),
        ('when: {known: "yes"}', False),
        ("if: 'verified == \"yes\"'", True),
        ("if: 'size(ani) > 1 && verified == \"yes\"'", True),
        ('if: \'verified == "yes" || known == "yes"\'', False),
        ("if: 'known == \"yes\"'", False),
        ("if: '!(verified == \"yes\")'", False),
    ],
)
def test_a_branch_that_asks_for_the_proof_is_one(case: str, safe: bool) -> None:
    steps = FETCH + f'  b: {{branch: [{{{case}, next: c}}], otherwise: end}}\n  c: {{say: "{{secret|}}"}}\n' + END
    assert (found(steps) == []) is safe


def test_what_is_made_of_something_personal_is_personal() -> None:
    steps = (
        '  a: {set: {hi: "Hi {caller_name}"}}\n  b: {say: "{hi}"}\n  c: {set: {hi: Hi}}\n  d: {say: "{hi}"}\n' + END
    )
    assert told(found(steps)) == [(5, 12, "error")]


def test_who_we_think_it_is_and_what_the_operator_lists_is_personal() -> None:
    steps = '  a: {say: "{caller_name|} {account|}"}\n' + END
    problems = found(steps, HEAD + "personal: [account]\n")
    assert [problem.what.split("'")[1] for problem in problems] == ["account", "caller_name"]


def test_a_choice_that_keeps_something_personal_is_followed() -> None:
    steps = (
        "  m:\n    menu: Hi.\n    choices: {'1': {set: {n: \"{caller_name}\"}, next: b}, '2': c}\n"
        "    no_input: end\n    no_match: end\n"
        '  b: {say: "{n}", next: end}\n  c: {say: "{n|}"}\n' + END
    )
    assert told(found(steps)) == [(9, 12, "error")]


def test_a_number_from_our_records_is_not_said_back_to_whoever_calls() -> None:
    steps = "  a: {callback: null, number: mobile, declined: end}\n" + END
    assert told(found(steps, HEAD + "personal: [mobile]\n")) == [(5, 31, "error")]
    assert found(steps, HEAD + "facts: [mobile]\n") == []


def test_after_a_conversation_nothing_is_proved() -> None:
    head = HEAD + "after_call: z\n"
    steps = (
        "  q: {queue: q, offer: {'1': v}}\n  v: {verify: code, failed: end}\n"
        + FETCH
        + END
        + '  z: {say: "{secret|}", next: end}\n'
    )
    assert told(found(steps, head)) == [(9, 12, "error")]


# --- numbers that are called -------------------------------------------------------------------------------------


def test_digits_that_a_caller_keys_in_are_never_called_back() -> None:
    steps = (
        "  a: {collect: No., variable: n, no_input: end, no_match: end}\n"
        '  b: {set: {m: "+1{n}"}}\n  c: {callback: null, number: m, declined: end}\n' + END
    )
    (problem,) = found(steps)
    assert (problem.line, problem.column) == (6, 31)
    assert "a caller could choose 'm'" in problem.what


@pytest.mark.parametrize("number", ["{n}", "0190123456", "+1", "sip:a@b", "+14155550100;x", "٣٣٣٣٣٣٣٣٣"])
def test_a_transfer_rings_only_what_is_written_in_the_flow(number: str) -> None:
    problems = found(f'  a: {{transfer: {{number: "{number}"}}, failed: end}}\n' + END)
    assert told(problems) == [(4, 26, "error")]


@pytest.mark.parametrize("name", ["ani", "verified", "known", "dnis", "candidate", "consent"])
def test_a_flow_does_not_say_itself_who_calls(name: str) -> None:
    assert told(found(f"  a: {{set: {{{name}: 'yes'}}}}\n" + END)) == [(4, 13, "error")]
    assert "can't set" in found(f"  a: {{fetch: s, into: {{x: {name}}}, error: end}}\n" + END)[0].what


# --- what is not set yet -----------------------------------------------------------------------------------------


def test_a_variable_that_some_way_leaves_unset_is_a_warning() -> None:
    steps = (
        "  m: {menu: Hi., choices: {'1': {set: {n: x}, next: b}, '2': b}, no_input: end, no_match: end}\n"
        '  b: {say: "You chose {n}."}\n' + END
    )
    (problem,) = found(steps)
    assert (problem.line, problem.column, problem.severity) == (5, 12, "warning")
    assert "{name|words}" in problem.mend
    assert load(HEAD + "steps:\n" + steps).name == "f", "it is used all the same"
    assert found(steps.replace("{n}", "{n|nothing}")) == []


def test_a_variable_that_every_way_sets_is_none() -> None:
    steps = (
        "  m: {menu: Hi., choices: {'1': {set: {n: x}, next: b}, '2': {set: {n: y}, next: b}}, no_input: end,"
        ' no_match: end}\n  b: {say: "You chose {n}."}\n' + END
    )
    assert found(steps) == []


def test_a_variable_is_not_asked_for_twice() -> None:
    # The round brings the variable along, the first way in doesn't.
    steps = (
        "  m: {menu: 'Hi {n}.', choices: {'1': s}, no_input: end, no_match: end}\n  s: {set: {n: x}, next: m}\n" + END
    )
    assert told(found(steps)) == [(4, 13, "warning")]


# --- names outside the flow --------------------------------------------------------------------------------------


def test_names_outside_are_looked_up_where_they_are_known() -> None:
    text = HEAD + (
        'steps:\n  a: {skills: {french: 2, "{language}": 1}}\n  b: {fetch: orders, error: c}\n'
        "  c: {transfer: {queue: slaes}}\n"
    )
    assert check(text) == []
    problems = check(text, known_queues={"sales"}, known_skills={"phones"}, known_services=frozenset())
    assert told(problems) == [(4, 16, "warning"), (5, 14, "warning"), (6, 25, "error")]
    assert problems[2].mend == "Did you mean 'sales'?"


# --- flows in flows ----------------------------------------------------------------------------------------------

INNER = "flow: i\nlanguages: {en: en-US}\nsteps:\n  x: {say: Hi.}\n  y: {return: done}\n"
OUTER = "  a: {subflow: i, exits: {done: end}}\n" + END


def test_a_mistake_in_a_flow_in_a_flow_is_told_where_it_is() -> None:
    broken = INNER.replace("{say: Hi.}", '{say: "{caller_name}"}')
    (problem,) = found(OUTER, library={"i": broken})
    assert (problem.source, problem.line, problem.column) == ("i", 4, 12)
    with pytest.raises(FlowError, match=r"^i:4:12: a caller who proved nothing"):
        load(HEAD + "steps:\n" + OUTER, "f.yaml", {"i": broken})


@pytest.mark.parametrize(
    "library, what",
    [
        ({}, "no flow 'i'"),
        ({"i": ""}, "is empty"),
        ({"i": "#" * 1_000_001}, "too long"),
        ({"i": "a: ["}, "not YAML"),
        ({"i": INNER.replace("done", "gone")}, "never returns 'done'"),
        ({"i": INNER.replace("en: en-US", "fr: fr-FR")}, "doesn't speak en"),
        ({"i": INNER.replace("  y: {return: done}", "  y: {subflow: i}")}, "part of itself: i → i"),
        ({"i": INNER.replace("  y: {return: done}", "  y: {subflow: f}"), "f": HEAD + "steps:\n" + OUTER}, "part of"),
    ],
)
def test_a_flow_that_can_not_be_part_of_another_is_told(library: dict[str, str], what: str) -> None:
    assert what in " ".join(problem.what for problem in found(OUTER, library=library))


def test_flows_in_flows_have_a_depth() -> None:
    library = {f"l{n}": INNER.replace("  x: {say: Hi.}", f"  x: {{subflow: l{n + 1}}}") for n in range(12)}
    problems = found("  a: {subflow: l0}\n" + END, library=library)
    assert "flows in flows, more than 8 deep" in [problem.what for problem in problems]


def test_flows_in_flows_do_not_add_up_without_end() -> None:
    many = "".join(f"  s{n}: {{subflow: NEXT}}\n" for n in range(9))
    library = {
        f"l{n}": HEAD + "steps:\n" + many.replace("NEXT", f"l{n + 1}") + "  r: {return: null}\n" for n in range(5)
    }
    library["l5"] = INNER.replace("return: done", "return: null")
    assert any("more than 5000 steps" in p.what for p in found("  a: {subflow: l0}\n" + END, library=library))


def test_a_round_through_another_flow_is_told() -> None:
    inner = "flow: i\nlanguages: {en: en-US}\nsteps:\n  x: {say: Hi.}\n  y: {return: null}\n"
    (problem,) = found("  a: {subflow: i, next: a}\n", library={"i": inner})
    assert "a → a/x → a/y → a" in problem.what


def test_an_outcome_that_leads_nowhere_is_a_dead_end() -> None:
    assert "dead end" in found("  a: {subflow: i}\n", library={"i": INNER})[0].what


# --- the whole ---------------------------------------------------------------------------------------------------


def test_a_text_that_is_no_flow_is_a_list_of_problems() -> None:
    assert told(check("a: [")) == [(1, 5, "error")]
    assert told(check("")) == [(1, 1, "error")]


def test_the_flows_that_we_ship_need_the_queues_that_the_sandbox_has() -> None:
    queues = {"sales", "support", "billing"}
    assert [p for text in LIBRARY.values() for p in check(text, "x", LIBRARY, known_queues=queues)] == []
