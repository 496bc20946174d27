"""Where people put a language right, the house's own words overrule what letters and little words say of it:
neighbours that nothing else tells apart, and messages that are too short. Learnt like intents, by the same model, and
believed only where held-out cases prove it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from contact_center.recognition.language import Language, language_of
from contact_center.recognition.measuring import (
    FOLDS,
    LEAST_EXAMPLES,
    Progress,
    answers,
    fit,
    held_out,
    surely,
    teachable,
)
from contact_center.recognition.model import EMPTY, Example, Lesson, Model, learn, lesson

SURE = 0.85
"""From this confidence on anything may be decided by a language."""


class Spoken(NamedTuple):
    """A case that is over: what it said, in which language it was as a person said (empty: nobody did, or none that
    we know), and whose it was."""

    text: str
    said: str
    customer: str = ""


@dataclass(frozen=True, slots=True)
class Overruled:
    """Of the held-out cases that the house's words say are in ``language``, other than letters do: how many that were
    (``named``), and how many that were right. ``said`` is of how many cases people said so."""

    language: str
    said: int
    named: int
    right: int

    @property
    def at_least(self) -> float:
        return surely(self.right, self.named)


def overruled_from(stored: Iterable[Mapping[str, Any]]) -> tuple[Overruled, ...]:
    return tuple(Overruled(**each) for each in stored)


def proven(overruled: Iterable[Overruled], bar: float) -> frozenset[str]:
    """The languages of which the house's own words are believed."""
    return frozenset(each.language for each in overruled if each.at_least >= bar)


def better(told: Language, text: str, tongues: Model, believed: frozenset[str]) -> Language:
    """``told`` of ``text`` by letters and little words, or what the house's own words say instead."""
    if not believed:
        return told
    guess = tongues.guess(text)
    if guess.intent == told.code or guess.intent not in believed or guess.confidence < SURE:
        return told
    return Language(guess.intent, round(guess.confidence, 3))


def learn_tongues(
    spoken: Sequence[Spoken], progress: Progress = lambda done, whole: None
) -> tuple[Model, tuple[Overruled, ...]]:
    """What tells the house's languages apart, and how often it is right where it says something else than letters do.
    Where nobody has put at least :data:`LEAST_EXAMPLES` cases right there is nothing to learn. A case of which nobody
    said anything counts as what its letters surely say: whoever had it in hand saw no reason to say otherwise."""
    said = Counter(each.said for each in spoken if each.said)
    if not said or max(said.values()) < LEAST_EXAMPLES:
        return EMPTY, ()
    told: dict[tuple[int, ...], str] = {}
    lessons: list[Lesson] = []
    for each in spoken:
        by_letters = language_of(each.text)
        truth = each.said or (by_letters.code if by_letters.confidence >= SURE else "")
        if truth:
            lessons.append(lesson(Example(each.text, truth, each.customer)))
            told[lessons[-1].things] = by_letters.code
    taught, _ = teachable(lessons)
    if len({each.intent for each in taught}) < 2:
        return EMPTY, ()
    return _measured(taught, told, said, progress)


def _measured(
    taught: Sequence[Lesson], told: Mapping[tuple[int, ...], str], said: Mapping[str, int], progress: Progress
) -> tuple[Model, tuple[Overruled, ...]]:
    asked, scored = [], []
    for fold in range(FOLDS):
        lessons, scores = held_out(taught, fold)
        asked += lessons
        scored += scores
        progress(fold + 1, FOLDS + 1)
    named: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for each, answer in zip(asked, answers(scored), strict=True):
        if answer.confidence >= SURE and answer.said != told[each.things]:
            named[answer.said] += 1
            right[answer.said] += answer.said == answer.truth
    model = learn(taught, fit(scored))
    progress(FOLDS + 1, FOLDS + 1)
    languages = sorted({*said, *named})
    return model, tuple(Overruled(each, said.get(each, 0), named[each], right[each]) for each in languages)
