"""What a model learns, what it says of a text and why; and that it is the same model wherever it is opened."""

from __future__ import annotations

import random
import zlib

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contact_center.recognition import features, model
from contact_center.recognition.features import buckets, said, shown_once
from contact_center.recognition.model import (
    EMPTY,
    NO_IDEA,
    NONE,
    Example,
    Fit,
    Lesson,
    Unusable,
    learn,
    lesson,
    pack,
    unpack,
)
from tests.recognition.corpus import corpus

LESSONS = [lesson(each) for code in ("en", "zh") for each in corpus(code, 240)]
LEARNT = learn(LESSONS, Fit(0.4, 0.05))


# --- what a text says --------------------------------------------------------------------------------------------


def test_words_pairs_and_beginnings_are_said_once() -> None:
    shown = [each.shown for each in said("Charged twice, CHARGED twice!")]
    assert shown == ["charged", "charged", "twice", "charged twice", "twice charged"]


def test_chinese_says_pairs_of_characters_and_traditional_ones_are_the_same() -> None:
    assert [each.shown for each in said("我要退款")] == ["我要", "要退", "退款"]
    assert buckets("我要退款，發票") == buckets("我要退款，发票")


def test_numbers_emoji_and_signs_say_nothing() -> None:
    assert said("4711-22 +49 151 12345678 👍 ?!") == []


def test_a_long_text_says_what_its_beginning_says() -> None:
    assert [each.shown for each in said("refund " * 1_000_000)] == ["refund", "refund", "refund refund"]
    assert len(said(" ".join(f"wort{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(10_000)))) <= 300


@pytest.mark.parametrize(
    "pieces, told",
    [
        (["charged twice", "twice", "charged", "refund"], ("charged twice", "refund")),
        (["twice", "charged twice"], ("charged twice",)),
        (["退款", "款进", "发票"], ("退款进", "发票")),
        (["到账", "没到", "账号"], ("没到账号",)),
        (["退款", "退款"], ("退款",)),
        ([], ()),
    ],
)
def test_words_are_shown_whole_and_once(pieces: list[str], told: tuple[str, ...]) -> None:
    assert shown_once(pieces, 4) == told


@given(st.text(max_size=400))
def test_any_text_can_be_asked_about(text: str) -> None:
    guess = LEARNT.guess(text)
    assert guess == LEARNT.guess(text)
    assert 0 <= guess.confidence <= 1
    assert len(guess.because) <= model.MOST_BECAUSE
    assert all(each.bucket < features.BUCKETS for each in said(text))


# --- what a model says -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, intent, word",
    [
        ("You charged me twice, I want my money back", "refund", "charged"),
        ("where is my parcel, the tracking page shows nothing", "delivery", "tracking"),
        ("请给我开发票，抬头写错了", "invoice", "发票"),
        ("忘记密码了，登录不了", "account", "密码"),
    ],
)
def test_a_model_says_what_it_is_about_and_because_of_which_words(text: str, intent: str, word: str) -> None:
    guess = LEARNT.guess(text)
    assert guess.intent == intent
    assert guess.confidence > 0.8
    assert any(word in each for each in guess.because)


@pytest.mark.parametrize("text", ["", "👍", "12345", "zzzz qqqq", "\u202e\u200b\u0000"])
def test_what_says_nothing_known_is_no_idea(text: str) -> None:
    assert LEARNT.guess(text) == NO_IDEA


def test_strange_words_make_a_model_less_sure() -> None:
    plain = LEARNT.guess("please refund").confidence
    strange = LEARNT.guess("please refund " + " ".join(f"q{chr(97 + i)}xz" for i in range(26))).confidence
    assert strange < plain


def test_the_order_of_lessons_changes_nothing() -> None:
    mixed = list(LESSONS)
    random.Random(7).shuffle(mixed)
    assert pack(learn(mixed, LEARNT.fit)) == pack(LEARNT)


def test_one_intent_alone_is_nothing_to_tell_apart() -> None:
    assert learn([lesson(Example("refund", "refund"))] * 30) == EMPTY
    assert EMPTY.guess("refund") == NO_IDEA
    assert EMPTY.probabilities([1, 2]) == []


def test_probabilities_are_a_whole_and_fall_with_doubt() -> None:
    things = buckets("please refund my kettle")
    for fit in (Fit(), Fit(0.1, 0.0), Fit(5.0, 0.2)):
        whole = learn(LESSONS, fit).probabilities(things)
        assert sum(whole) == pytest.approx(1)
    assert max(learn(LESSONS, Fit(5.0)).probabilities(things)) < max(LEARNT.probabilities(things))


def test_no_model_has_more_intents_than_it_may() -> None:
    told = [Lesson((i, i + 1, 9_999), f"intent {i:02}") for i in range(50) for _ in range(2)]
    assert len(learn(told).intents) == model.MOST_INTENTS


def test_none_of_the_list_is_learnt_like_the_others() -> None:
    assert NONE in LEARNT.intents
    assert LEARNT.guess("we offer cheap seo for your website").intent == NONE


# --- kept --------------------------------------------------------------------------------------------------------


def test_a_model_opened_again_says_the_same() -> None:
    opened = unpack(pack(LEARNT))
    assert opened == LEARNT
    for each in corpus("en", 50, seed=9):
        assert opened.guess(each.text) == LEARNT.guess(each.text)
    assert len(pack(LEARNT)) < 100_000


def test_a_model_of_another_release_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = pack(LEARNT)
    monkeypatch.setattr(model, "FORM", features.FORM + 1)
    with pytest.raises(Unusable, match="another release"):
        unpack(packed)


def test_numbers_are_kept_the_same_on_every_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model.sys, "byteorder", "big")
    swapped = pack(LEARNT)
    assert unpack(swapped) == LEARNT
    assert swapped != b""


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nonsense",
        zlib.compress(b""),
        zlib.compress((4).to_bytes(4, "little") + b"null"),
        zlib.compress((2).to_bytes(4, "little") + b"{}"),
        pack(LEARNT)[:-20],
        zlib.compress(zlib.decompress(pack(LEARNT))[:-4]),
        zlib.compress(zlib.decompress(pack(LEARNT)) + b"\0\0\0\0"),
        zlib.compress(zlib.decompress(pack(LEARNT))[:-3]),
    ],
)
def test_what_is_no_model_is_refused(data: bytes) -> None:
    with pytest.raises(Unusable):
        unpack(data)


@settings(max_examples=50)
@given(st.binary(max_size=200), st.dictionaries(st.text(max_size=5), st.integers(-9, 9)))
def test_any_bytes_are_a_model_or_are_refused(data: bytes, head: dict[str, int]) -> None:
    about = orjson.dumps(head)
    with pytest.raises(Unusable):
        unpack(zlib.compress(len(about).to_bytes(4, "little") + about + data))
