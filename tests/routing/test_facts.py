"""What an engine is told can be written down, read again and decided again, whatever it was."""

from __future__ import annotations

import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contact_center.domain.events import MEDIA
from routing import Engine, Policy, QueuePolicy, Seat, Waiting
from routing.facts import (
    Again,
    Begun,
    Dated,
    Decided,
    Fact,
    Made,
    NotReadable,
    SeatGone,
    WaitsNoMore,
    WitnessedEngine,
    World,
    decode,
    encode,
)
from routing.needs import Every, Has, Not

NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6)
IDS = st.sampled_from(["a", "b", "c", "d"])
MOMENTS = st.integers(0, 2**45)
LEVELS = st.dictionaries(NAMES, st.integers(0, 5), max_size=3)
BY_MEDIUM = st.dictionaries(st.sampled_from(MEDIA), st.integers(0, 9), max_size=3)
SEATS = st.builds(
    Seat,
    agent_id=IDS,
    name=NAMES,
    queues=st.frozensets(NAMES, max_size=3),
    skills=LEVELS,
    capacity=BY_MEDIUM,
    load=BY_MEDIUM,
    available=st.booleans(),
    unavailable_reason=st.sampled_from(["", "offline", "lunch"]),
    idle_since_at=MOMENTS,
    most=st.integers(0, 50),
    most_of=LEVELS,
    labelled=LEVELS,
)
CASES = st.builds(
    Waiting,
    interaction_id=IDS,
    case_id=st.integers(0, 2**50),
    queue=NAMES,
    medium=st.sampled_from(MEDIA),
    priority=st.integers(-5, 200),
    virtual_enqueued_at=MOMENTS,
    skills=LEVELS,
    epoch=st.integers(0, 99),
    served_before=st.dictionaries(IDS, MOMENTS, max_size=2),
    missed=st.dictionaries(IDS, MOMENTS, max_size=2),
    only_agent=st.sampled_from(["", "a"]),
    owner=st.sampled_from(["", "b"]),
    preferred=st.lists(IDS, max_size=2).map(tuple),
    label=st.sampled_from(["", "vip"]),
)
POLICIES = st.builds(
    Policy,
    version=NAMES,
    sticky_ms=st.integers(0, 10**9),
    weights=BY_MEDIUM,
    queues=st.dictionaries(
        NAMES,
        st.builds(QueuePolicy, need=st.sampled_from([Has("x", 2), Every((Has("x"), Not(Has("y"))))])),
        max_size=2,
    ),
)
MADE = st.builds(Made, IDS, st.integers(0, 9), IDS, st.lists(IDS, max_size=2).map(tuple), explanation=st.none())
FACTS: st.SearchStrategy[Fact] = st.one_of(
    SEATS,
    CASES,
    st.builds(SeatGone, IDS),
    st.builds(WaitsNoMore, IDS),
    st.builds(Begun, POLICIES, st.integers(0, 3), st.sampled_from(["", "0f"])),
    st.builds(
        Decided,
        MOMENTS,
        st.integers(1, 100),
        st.lists(MADE, max_size=2).map(tuple),
    ),
)


@given(st.lists(st.tuples(MOMENTS, FACTS), min_size=1, max_size=12))
def test_facts_read_as_they_were_written(facts: list[Dated]) -> None:
    assert list(decode(encode(facts))) == facts


@given(st.lists(st.tuples(MOMENTS, FACTS), min_size=1, max_size=4), st.data())
def test_a_damaged_block_is_refused_and_never_an_error_of_another_kind(facts: list[Dated], data: Any) -> None:
    block = bytearray(encode(facts))
    at = data.draw(st.integers(0, len(block) - 1))
    block[at] ^= 1 << data.draw(st.integers(0, 7))
    try:
        read = list(decode(bytes(block)))
    except NotReadable:
        return
    assert read == facts  # a flag that means nothing to the reader


@pytest.mark.parametrize(
    "text, why",
    [
        (b'{"form":2,"at":1}', "form 2"),
        (b"", "damaged"),
        (b'{"form":1,"at":1}\n[0,"unheard_of",{}]', "damaged"),
        (b'{"form":1,"at":1}\n[0,"seat",{"agent_id":"a"}]', "damaged"),
        (b'{"form":1,"at":1}\n[0,"seat",[]]', "damaged"),
        (b'[1]\n[0,"seat_gone","a"]', "damaged"),
        (b'{"form":1,"at":1}\n7', "damaged"),
    ],
)
def test_what_is_no_block_is_refused_with_the_reason(text: bytes, why: str) -> None:
    with pytest.raises(NotReadable, match=why):
        list(decode(zlib.compress(text)))


def test_a_block_that_is_cut_off_is_refused() -> None:
    with pytest.raises(NotReadable, match="cut off"):
        list(decode(encode([(1, SeatGone("a"))])[:-4]))


def test_fields_of_a_later_release_are_left_out() -> None:
    text = b'{"form":1,"at":1}\n[0,"seat",{"agent_id":"a","name":"A","queues":["q"],"mood":"good"}]'
    assert list(decode(zlib.compress(text))) == [(1, Seat("a", "A", frozenset({"q"})))]


# --- deciding again -----------------------------------------------------------------------------------------------


class Notes:
    """A witness that keeps all it is told."""

    def __init__(self) -> None:
        self.facts: list[Dated] = []

    def begins(self, engine: Engine) -> None:
        self.facts.append((0, Begun(engine.policy)))

    def told(self, fact: Fact) -> None:
        self.facts.append((len(self.facts), fact))


POLICY = Policy("p1")
WORK = st.lists(
    st.one_of(
        SEATS.map(lambda seat: ("seat", seat)),
        CASES.map(lambda waiting: ("waits", waiting)),
        IDS.map(lambda key: ("seat_gone", key)),
        IDS.map(lambda key: ("waits_no_more", key)),
        st.tuples(st.just("decide"), MOMENTS),
    ),
    max_size=40,
)


def acted(work: list[Any]) -> tuple[Engine, list[Dated]]:
    notes = Notes()
    engine = WitnessedEngine(POLICY, notes)
    for what, about in work:
        {
            "seat": engine.put_seat,
            "waits": engine.put_waiting,
            "seat_gone": engine.remove_seat,
            "waits_no_more": engine.remove_waiting,
            "decide": engine.decide,
        }[what](about)
    return engine, notes.facts


def known(engine: Engine) -> list[Fact]:
    return [*engine.seats(), *engine.waiting()]


@given(WORK)
@settings(max_examples=200)
def test_any_history_is_decided_again_as_it_was(work: list[Any]) -> None:
    engine, facts = acted(work)
    snapshot = known(engine)
    facts += [(0, Begun(POLICY, len(snapshot))), *[(0, fact) for fact in snapshot]]
    again = Again()
    assert [again.feed(at, fact) for at, fact in facts] == [None] * len(facts)


@given(WORK)
def test_the_world_knows_what_the_engine_knows(work: list[Any]) -> None:
    engine, facts = acted(work)
    world = World()
    for _, fact in facts:
        world.told(fact)
    assert sorted(world.seats.values(), key=lambda seat: seat.agent_id) == engine.seats()
    assert {waiting.interaction_id: waiting for waiting in engine.waiting()} == world.waiting


SEAT = Seat("a", "A", frozenset({"q"}), capacity={"chat": 1})
OTHER = Seat("b", "B", frozenset({"q"}), capacity={"chat": 1}, idle_since_at=5)
CASE = Waiting("i1", 1, "q", "chat", 0, 10)


def fed(*facts: Fact) -> list[Any]:
    again = Again()
    return [again.feed(0, fact) for fact in facts]


def test_a_decision_that_was_another_is_shown_with_both_sides() -> None:
    *_, difference = fed(Begun(POLICY), SEAT, OTHER, CASE, Decided(20, 9, (Made("i1", 0, "b"),)))
    assert difference.recorded == (Made("i1", 0, "b"),)
    assert difference.again[0][:3] == ("i1", 0, "a")
    assert difference.again[0].explanation.considered == 2


def test_after_a_difference_it_goes_on_from_what_was_recorded() -> None:
    second = Waiting("i2", 2, "q", "chat", 0, 11)
    told = fed(
        Begun(POLICY),
        SEAT,
        OTHER,
        CASE,
        Decided(20, 9, (Made("i1", 0, "b"),)),
        second,
        Decided(21, 9, (Made("i2", 0, "a"),)),
    )
    assert [each is not None for each in told] == [False] * 4 + [True, False, False]


def test_a_decision_that_was_not_made_is_found() -> None:
    *_, difference = fed(Begun(POLICY), SEAT, CASE, Decided(20, 9, ()))
    assert (difference.recorded, difference.again[0].agent_id) == ((), "a")


def test_a_snapshot_that_says_otherwise_is_found() -> None:
    *_, difference = fed(Begun(POLICY), SEAT, CASE, Begun(POLICY, 1), OTHER)
    assert difference.knows == ("a", "b", "i1")


def test_a_snapshot_of_another_engine_begins_anew() -> None:
    assert fed(Begun(POLICY), SEAT, Begun(Policy("p2"), 1), OTHER) == [None] * 4


def test_what_comes_before_the_beginning_is_passed_over() -> None:
    assert fed(SEAT, CASE, Decided(20, 9, (Made("i1", 0, "b"),))) == [None] * 3
