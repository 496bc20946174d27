"""That the figures are honest: what is asked was not learnt, what is sure is right, and what is proven is enough."""

from __future__ import annotations

import random

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contact_center.recognition import report
from contact_center.recognition.measuring import (
    FOLDS,
    LEAST_EXAMPLES,
    Asked,
    Measured,
    calibration_error,
    fit,
    fold_of,
    in_bins,
    restored,
    surely,
    teachable,
    train,
)
from contact_center.recognition.model import EMPTY, NONE, UNFITTED, Lesson, lesson
from contact_center.recognition.policy import Intent, Rules
from tests.recognition.corpus import INTENTS, corpus


def lessons(code: str, count: int, **more: bool) -> list[Lesson]:
    return [lesson(each) for each in corpus(code, count, **more)]  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=["en", "zh"])
def measured(request: pytest.FixtureRequest) -> Measured:
    return train(lessons(request.param, 400, by_piece=True))[1]


def test_sentences_that_nobody_has_seen_are_named_rightly_where_it_is_sure(measured: Measured) -> None:
    sure = [each for each in measured.asked if each.confidence >= 0.85 and each.said != NONE]
    assert len(sure) >= 0.2 * len(measured.asked)
    assert sum(each.truth == each.said for each in sure) >= 0.85 * len(sure)


def test_it_is_about_as_sure_as_it_is_right(measured: Measured) -> None:
    assert measured.ece < 0.1
    assert measured.ece < measured.ece_before


def test_what_is_sure_is_right_more_often_than_what_is_not(measured: Measured) -> None:
    assert measured.bins[-1].right > measured.bins[0].right
    assert measured.coverage(0.3) > measured.coverage(0.9)


def test_labels_that_mean_nothing_prove_nothing() -> None:
    chance = random.Random(3)
    nonsense = [each._replace(intent=chance.choice(INTENTS)) for each in lessons("en", 400)]
    _, found = train(nonsense)
    assert found.accuracy < 0.35
    assert all(each.at_least < 0.9 for each in found.at(0.5))


def test_a_customer_is_in_one_fold_alone() -> None:
    told = [Lesson((i,), "refund", f"customer {i % 7}") for i in range(100)]
    assert len({(each.group, fold_of(each)) for each in told}) == 7
    assert all(0 <= fold_of(each) < FOLDS for each in told)


def test_the_same_words_count_once_and_the_last_that_was_said_of_them() -> None:
    told = [Lesson((1, 2), "refund")] * 50 + [Lesson((1, 2), "cancel")] + [Lesson((), "refund")] * 50
    taught, few = teachable(told)
    assert taught == []
    assert few == {"cancel": 1}


def test_an_intent_with_few_cases_is_left_out_and_said() -> None:
    told = lessons("en", 400) + [Lesson((i,), "praise") for i in range(5)]
    model, found = train(told)
    assert "praise" not in model.intents
    assert found.left_out == {"praise": 5}


@pytest.mark.parametrize("told", [[], lessons("en", 8), [Lesson((i,), "refund") for i in range(100)]])
def test_from_too_little_nothing_is_learnt(told: list[Lesson]) -> None:
    model, found = train(told)
    assert model == EMPTY
    assert found.asked == ()
    assert found.coverage(0.5) == 0
    assert found.of("refund", 0.5).precision == 0


def test_one_who_wrote_everything_of_an_intent_teaches_it_and_proves_nothing() -> None:
    told = lessons("en", 240) + [Lesson((i, i + 1), "spam", "one") for i in range(0, 2 * LEAST_EXAMPLES, 2)]
    _, found = train(told)
    assert found.of("spam", 0.5).named == 0


def test_training_says_how_far_it_is() -> None:
    steps: list[tuple[int, int]] = []
    train(lessons("en", 200), lambda done, whole: steps.append((done, whole)))
    assert [done for done, _ in steps] == list(range(1, FOLDS + 3))
    assert {whole for _, whole in steps} == {FOLDS + 2}


def test_the_same_lessons_give_the_same_figures() -> None:
    assert train(lessons("zh", 200)) == train(lessons("zh", 200))


def test_figures_are_kept_as_they_were(measured: Measured) -> None:
    again = restored(orjson.loads(orjson.dumps(measured.stored())))
    assert again.bins == measured.bins
    assert again.at(0.85) == measured.at(0.85)
    assert again.confusion == measured.confusion


def test_nothing_to_fit_leaves_it_as_it_is() -> None:
    assert fit([]) == UNFITTED


@pytest.mark.parametrize(
    "right, named, least, most",
    [(25, 25, 0.9, 0.91), (10, 10, 0.78, 0.8), (0, 10, 0, 0), (0, 47, 0, 0), (0, 0, 0, 0)],
)
def test_few_cases_prove_little(right: int, named: int, least: float, most: float) -> None:
    assert least <= surely(right, named) <= most


@given(st.integers(0, 500), st.integers(0, 500))
def test_what_is_proven_is_never_more_than_what_was_seen(right: int, wrong: int) -> None:
    proven = surely(right, right + wrong)
    assert 0 <= proven <= (right / (right + wrong) if right + wrong else 0)
    assert proven <= surely(right + 1, right + wrong + 1)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("ab"), st.floats(0, 1))))
def test_every_answer_is_in_one_bin(told: list[tuple[str, str, float]]) -> None:
    bins = in_bins([Asked(*each) for each in told])
    assert sum(each.count for each in bins) == len(told)
    assert all(each.low <= each.confidence <= each.high + 1e-9 for each in bins)
    assert 0 <= calibration_error(bins) <= 1


def test_answers_of_one_confidence_are_of_that_on_average() -> None:
    (only,) = in_bins([Asked("a", "a", 0.7)] * 3)
    assert only.confidence == 0.7


def test_the_report_says_it_in_words(measured: Measured) -> None:
    intents = tuple(Intent(each, each, mode="decide") for each in (*INTENTS[1:], "new"))
    told = "\n".join(report.lines(Rules(mode="decide", intents=intents), measured))
    assert "no held-out case was about it" in told
    assert f"{INTENTS[0]:16} is not in the configuration any more" in told
    assert "taken for" in told
    assert "\n".join(report.lines(Rules(), Measured(left_out={"new": 3}))).splitlines() == [
        "Too few cases to learn from: new (3).",
        "Nothing was measured.",
    ]
    perfect = Measured((Asked("a", "a", 1.0),), confusion={"a": {"a": 2}}, bins=in_bins([Asked("a", "a", 1.0)]))
    assert list(report.lines(Rules(), perfect))[-1] == "  nothing"
