"""Needs as people write them: read, written back, and what can be said of them without knowing anybody."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routing.expression import (
    DEEPEST,
    LONGEST,
    NOBODY,
    NotReadable,
    agents_in,
    can_be_met,
    covers,
    lowered,
    read_need,
    skills_in,
    written,
)
from routing.needs import ANYBODY, Every, Has, IsOne, Need, Not, Some, meets

SKILLS = ("en", "zh", "billing", "and", "in")
AGENTS = ("mei", "jonas", "sana")

levels = st.integers(1, 5)
atoms: st.SearchStrategy[Need] = st.one_of(
    st.builds(Has, st.sampled_from(SKILLS), levels),
    st.frozensets(st.sampled_from(AGENTS), max_size=3).map(IsOne),
    st.sampled_from([ANYBODY, NOBODY]),
)
needs: st.SearchStrategy[Need] = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda of: Every(tuple(of))),
        st.lists(inner, max_size=3).map(lambda of: Some(tuple(of))),
        inner.map(Not),
    ),
    max_leaves=8,
)
people = st.tuples(
    st.sampled_from([*AGENTS, "somebody"]),
    st.dictionaries(st.sampled_from(SKILLS), levels),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(needs, people)
def test_what_is_written_reads_back_as_what_it_means(need: Need, person: tuple[str, dict[str, int]]) -> None:
    again = read_need(written(need))
    assert meets(*person, again) == meets(*person, need)
    assert read_need(written(again)) == again


def test_all_of_these_is_not_one_of_these() -> None:
    assert read_need("a and b") != read_need("a or b")
    assert read_need("anybody") != read_need("nobody")
    assert len({read_need("a and b"), read_need("b and a"), read_need("a or b"), read_need("a and  b")}) == 3


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(needs, needs, people)
def test_a_need_that_covers_another_turns_nobody_away(
    one: Need, other: Need, person: tuple[str, dict[str, int]]
) -> None:
    if meets(*person, one):
        assert can_be_met(one)
        assert meets(*person, other) or not covers(other, one)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(needs, people, st.dictionaries(st.sampled_from(SKILLS), st.integers(0, 5)))
def test_a_need_that_is_lowered_turns_nobody_away(
    need: Need, person: tuple[str, dict[str, int]], to: dict[str, int]
) -> None:
    assert meets(*person, lowered(need, to)) or not meets(*person, need)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=40))
def test_any_text_is_a_need_or_a_mistake_with_its_place(text: str) -> None:
    at = 0
    try:
        assert isinstance(read_need(text), Has | IsOne | Every | Some | Not)
    except NotReadable as wrong:
        at = wrong.at
    assert 0 <= at <= len(text)


@pytest.mark.parametrize(
    ("text", "need"),
    [
        (
            "billing >= 3 and (en or zh) and not trainee",
            Every((Has("billing", 3), Some((Has("en"), Has("zh"))), Not(Has("trainee")))),
        ),
        ("en or zh and de", Some((Has("en"), Every((Has("zh"), Has("de")))))),
        ("agent:mei", IsOne(frozenset({"mei"}))),
        ("agent in (mei, 'in')", IsOne(frozenset({"mei", "in"}))),
        ("en ≥ 2 and （zh）", Every((Has("en", 2), Has("zh")))),
        ("en > 2", Has("en", 3)),
        ("en < 2", Not(Has("en", 2))),
        ("en <= 2", Not(Has("en", 3))),
        ("en = 2", Every((Has("en", 2), Not(Has("en", 3))))),
        ("en == 5", Has("en", 5)),
        ("not not en", Has("en")),
        ('"and" and en', Every((Has("and"), Has("en")))),
        ("anybody", ANYBODY),
        ("nobody", NOBODY),
        ("(a and b) and c", Every((Has("a"), Has("b"), Has("c")))),
        ("a or (b or c)", Some((Has("a"), Has("b"), Has("c")))),
    ],
)
def test_needs_are_read(text: str, need: Need) -> None:
    assert read_need(text) == need


@pytest.mark.parametrize(
    ("text", "at", "told"),
    [
        ("", 0, "says nothing"),
        ("en and", 6, "ends where a skill is expected"),
        ("en zh", 3, "expected 'and' or 'or' before 'zh'"),
        ("en & zh", 3, "written 'and'"),
        ("! zh", 0, "written 'not'"),
        ("en => 3", 3, "written '>='"),
        ("en )", 3, "without its '('"),
        ("en, zh", 2, "joined by 'and' or 'or'"),
        ("(en or zh", 9, "never closed"),
        ("en >= 6", 3, "levels go from 1 to 5"),
        ("en > 5", 3, "levels go from 1 to 5"),
        ("en >= high", 6, "a level from 1 to 5"),
        ("en >= 33", 6, "a level from 1 to 5"),
        ("and en", 0, "expected a skill, not 'and'"),
        ("EN", 0, "small letters"),
        ("en ? zh", 3, "means nothing"),
        ("agent mei", 6, "agent:mei"),
        ("agent in mei", 9, "expected '('"),
        ("agent in (mei jonas)", 14, "expected ',' or ')'"),
        ("agent:)", 6, "an agent's id"),
        ("'no skill'", 0, "is no skill"),
        ("not " * (DEEPEST + 1) + "en", 4 * DEEPEST, "nested deeper"),
        ("a" * (LONGEST + 1), LONGEST, "longer than"),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, at: int, told: str) -> None:
    with pytest.raises(NotReadable) as wrong:
        read_need(text)
    assert told in str(wrong.value)
    assert wrong.value.at == at


@pytest.mark.parametrize(
    ("text", "possible"),
    [
        ("en and not en", False),
        ("en >= 3 and en < 3", False),
        ("en >= 3 and en < 4", True),
        ("agent:mei and agent:jonas", False),
        ("agent:mei and not agent in (mei, jonas)", False),
        ("(en or zh) and not en", True),
        ("(en or zh) and not en and not zh", False),
        ("nobody", False),
        ("not nobody", True),
    ],
)
def test_a_need_that_nobody_could_ever_meet_is_known(text: str, possible: bool) -> None:
    assert can_be_met(read_need(text)) is possible


def test_a_need_of_too_many_cases_is_believed() -> None:
    knots: list[Need] = [Some((Has(f"a{n}"), Has(f"b{n}"))) for n in range(18)]
    assert can_be_met(Every((NOBODY, *knots)))
    assert not can_be_met(Every((*knots, NOBODY)))


def test_what_a_need_names_is_found() -> None:
    need = read_need("billing >= 3 and (billing or agent in (mei, jonas)) and not trainee")
    assert skills_in(need) == {"billing": 3, "trainee": 1}
    assert agents_in(need) == {"mei", "jonas"}


@pytest.mark.parametrize(
    ("text", "to", "less"),
    [
        ("billing >= 3 and zh", {"billing": 1}, "billing and zh"),
        ("billing >= 3 and zh", {"zh": 0}, "billing >= 3"),
        ("billing and (en or zh)", {"zh": 0}, "billing"),
        ("billing and not trainee", {"trainee": 0}, "billing"),
        ("billing and not trainee", {"trainee": 1}, "billing and not trainee"),
        ("not (en and zh)", {"zh": 0}, "anybody"),
        ("billing", {"billing": 5}, "billing"),
        ("agent:mei or zh", {"en": 0}, "agent:mei or zh"),
        ("nobody and zh", {"en": 0}, "nobody"),
        ("nobody or zh", {"en": 0}, "zh"),
        ("not anybody", {"en": 0}, "nobody"),
    ],
)
def test_less_can_be_asked(text: str, to: dict[str, int], less: str) -> None:
    assert written(lowered(read_need(text), to)) == less
