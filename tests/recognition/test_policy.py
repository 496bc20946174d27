"""What the house lets come of a guess, and nothing beyond."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contact_center.recognition.measuring import Asked, Measured
from contact_center.recognition.model import Guess
from contact_center.recognition.policy import (
    NOTHING,
    Intent,
    Mode,
    Rules,
    Verdict,
    judge,
    lower,
    rules_of,
    standing,
)

MODES: tuple[Mode, ...] = ("off", "suggest", "decide")
REFUND = Intent(
    "refund", "Refund", "退款", "decide", {"refunds": 2}, 90, "billing", frozenset({"refunded"}), frozenset()
)
BILL = Intent("bill", "Bill", mode="suggest", queues=frozenset({"billing"}))
RULES = Rules("decide", intents=(REFUND, BILL))


def asked(right: int, wrong: int, confidence: float = 0.9) -> Measured:
    return Measured(
        tuple([Asked("refund", "refund", confidence)] * right + [Asked("bill", "refund", confidence)] * wrong)
    )


@pytest.mark.parametrize(
    "measured, mode, hindrance",
    [
        (asked(100, 1), "decide", ""),
        (asked(10, 0), "suggest", "too_few"),
        (asked(100, 30), "suggest", "too_often_wrong"),
        (asked(100, 0, 0.8), "suggest", "too_often_wrong"),
        (Measured(), "suggest", "never_measured"),
    ],
)
def test_only_what_is_proven_decides(measured: Measured, mode: str, hindrance: str) -> None:
    now = standing(RULES, REFUND, measured)
    assert (now.wanted, now.mode, now.hindrance) == ("decide", mode, hindrance)


@pytest.mark.parametrize("house", MODES)
def test_the_house_says_the_most_that_an_intent_may_do(house: Mode) -> None:
    now = standing(Rules(house, intents=(REFUND,)), REFUND, asked(100, 0))
    assert now.mode == house
    assert (now.hindrance == "") == (house == "decide")


def test_a_sure_guess_brings_what_the_intent_has_and_no_more_priority_than_the_cap() -> None:
    verdict = judge(RULES, Guess("refund", 0.93), frozenset({"refund"}))
    assert verdict == Verdict("decide", "refund", {"refunds": 2}, 10, "billing")


@pytest.mark.parametrize(
    "guess, deciding, trusted, mode",
    [
        (Guess("refund", 0.84), {"refund"}, True, "suggest"),
        (Guess("refund", 0.99), set(), True, "suggest"),
        (Guess("refund", 0.99), {"refund"}, False, "suggest"),
        (Guess("refund", 0.49), {"refund"}, True, "off"),
        (Guess("gone", 0.99), {"gone"}, True, "off"),
        (Guess("", 0.99), {""}, True, "off"),
    ],
)
def test_what_is_not_sure_or_not_trusted_is_only_said(
    guess: Guess, deciding: set[str], trusted: bool, mode: str
) -> None:
    verdict = judge(RULES, guess, frozenset(deciding), trusted=trusted)
    assert verdict.mode == mode
    assert (verdict.skills, verdict.priority, verdict.queue) == ({}, 0, "")


def test_an_intent_that_is_off_says_nothing() -> None:
    off = Rules("decide", intents=(Intent("refund", "Refund", mode="off"),))
    assert judge(off, Guess("refund", 1.0), frozenset({"refund"})) == NOTHING


@given(st.integers(-50, 500), st.integers(0, 100), st.floats(0, 1), st.sampled_from(MODES), st.booleans())
def test_no_words_bring_more_than_the_house_allows(
    priority: int, cap: int, confidence: float, mode: Mode, trusted: bool
) -> None:
    rules = Rules(mode, intents=(Intent("refund", "Refund", mode="decide", priority=priority),), most_priority=cap)
    verdict = judge(rules, Guess("refund", confidence), frozenset({"refund"}), trusted=trusted)
    assert 0 <= verdict.priority <= cap
    assert lower(verdict.mode, mode) == verdict.mode or mode == "suggest"


def test_a_disposition_teaches_before_a_queue() -> None:
    assert RULES.label("refunded", "billing") == "refund"
    assert RULES.label("solved", "billing") == "bill"
    assert RULES.label("solved", "support") is None
    assert RULES.label("", "") is None


def test_rules_are_what_was_applied() -> None:
    stored: dict[str, Any] = {
        "mode": "suggest",
        "intents": [{"id": "refund", "name": "Refund", "dispositions": ["refunded"], "priority": 3}],
        "train": {"every_hours": None},
        "bar": 0.8,
    }
    rules = rules_of(stored)
    assert rules.on
    assert rules.intent("refund") == Intent("refund", "Refund", priority=3, dispositions=frozenset({"refunded"}))
    assert (rules.bar, rules.train_hours, rules.train_after) == (0.8, 0, 50)
    assert rules_of({}) == Rules()
    assert not rules_of({}).on
