"""A complement naive Bayes over what texts say: learnt in one pass, the same from the same cases, and each of its
answers is a sum of what single words say (Rennie et al., *Tackling the Poor Assumptions of Naive Bayes Text
Classifiers*, ICML 2003).

``guess`` costs a fraction of a millisecond. How sure it is has been fitted on cases that the model had not seen, by a
temperature (Guo et al., *On Calibration of Modern Neural Networks*, ICML 2017) and the part of the answers that
nothing in the text explains, for people label wrongly too.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from math import exp, log, sqrt
from typing import Any, NamedTuple

import orjson

from contact_center.recognition.features import FORM, Said, buckets, said, shown_once
from contact_center.recognition.language import is_little

NONE = ""
"""What cases are about that are about nothing of the list."""
MOST_INTENTS = 40
MOST_ROWS = 30_000
"""A model knows so many things that texts say, those that most texts say before others."""
SMOOTHING = 0.3
LEAST_TEXTS = 2
"""What a single case says was said by chance."""
MOST_BECAUSE = 4
PAIR, PAIR_WITH_LITTLE, HARDLY = 0.8, 0.45, 0.1
QUIET = 0.4
"""What a pair of words, one with a little word in it, and nothing but little words tell a person, beside a word that
speaks as loudly; and what is too quiet beside the loudest to be said at all."""
MOST_BYTES = 16_000_000


class Example(NamedTuple):
    """A case that is over: what it said, what it was about, and whose it was."""

    text: str
    intent: str
    customer: str = ""


class Unusable(ValueError):
    """The bytes are not a model, or one of another release."""


@dataclass(frozen=True, slots=True)
class Guess:
    """The likeliest ``intent`` with its ``confidence`` (:data:`NONE` is an answer too), the ``because`` words that
    spoke most for it, and the ``second`` likeliest."""

    intent: str = NONE
    confidence: float = 0.0
    because: tuple[str, ...] = ()
    second: str = NONE


NO_IDEA = Guess()


class Fit(NamedTuple):
    """How scores become probabilities: softmax at ``temperature``, and by the chance ``lapse`` any intent at all."""

    temperature: float = 1.0
    lapse: float = 0.0

    def probabilities(self, scores: Sequence[float]) -> list[float]:
        if not scores:
            return []
        top = max(scores)
        powers = [exp((score - top) / self.temperature) for score in scores]
        rest = self.lapse / len(scores)
        scale = (1 - self.lapse) / sum(powers)
        return [power * scale + rest for power in powers]


UNFITTED = Fit()


@dataclass(frozen=True, slots=True)
class Model:
    """``rows`` finds what a text says among ``weights``, which has one number for each of ``intents`` in a row: how
    much it speaks for them, beyond what it says for all. Made by :func:`learn` or :func:`unpack`."""

    intents: tuple[str, ...]
    rows: Mapping[int, int]
    weights: Sequence[float]
    fit: Fit = UNFITTED
    learnt_from: int = 0
    classes: Mapping[str, int] = field(default_factory=dict)

    def guess(self, text: str) -> Guess:
        return self.judge(said(text))

    def judge(self, things: Sequence[Said]) -> Guess:
        """What it is about; :data:`NO_IDEA` where it says nothing that was ever said before."""
        known = [(each, self.rows[each.bucket]) for each in things if each.bucket in self.rows]
        if not known or not self.intents:
            return NO_IDEA
        probabilities = self._probabilities([row for _, row in known], len(things))
        ranked = sorted(range(len(self.intents)), key=lambda i: (-probabilities[i], self.intents[i]))
        first = ranked[0]
        second = self.intents[ranked[1]] if len(ranked) > 1 else NONE
        return Guess(self.intents[first], probabilities[first], self._because(known, first), second)

    def probabilities(self, things: Sequence[int]) -> list[float]:
        """How likely each of ``intents`` is, for what a text says (by :func:`features.buckets`)."""
        return self._probabilities([self.rows[each] for each in things if each in self.rows], len(things))

    def scores(self, things: Sequence[int]) -> list[float]:
        return self._scores([self.rows[each] for each in things if each in self.rows], len(things))

    def _probabilities(self, rows: Sequence[int], length: int) -> list[float]:
        return self.fit.probabilities(self._scores(rows, length))

    def _scores(self, rows: Sequence[int], length: int) -> list[float]:
        """A text counts as one, however long; what was never said before makes it say less."""
        width = len(self.intents)
        total = [0.0] * width
        weights = self.weights
        for row in rows:
            at = row * width
            total = [a + b for a, b in zip(total, weights[at : at + width], strict=True)]
        scale = 1 / sqrt(length) if length else 0.0
        return [each * scale for each in total]

    def _because(self, known: Sequence[tuple[Said, int]], chosen: int) -> tuple[str, ...]:
        width = len(self.intents)
        spoke = [(self.weights[row * width + chosen], each.shown) for each, row in known]
        loudest = sorted([(-_worth_saying(weight, shown), i, shown) for i, (weight, shown) in enumerate(spoke)])
        loudest = [each for each in loudest if each[0] < 0 and each[0] <= QUIET * loudest[0][0]]
        return shown_once([shown for _, _, shown in loudest[: MOST_BECAUSE * 3]], MOST_BECAUSE)


def _worth_saying(weight: float, shown: str) -> float:
    """How much the words tell a person: a word more than a pair, and little words alone nothing."""
    parts = shown.split()
    little = sum(is_little(part) for part in parts)
    if little == len(parts):
        return weight * HARDLY
    return weight * (1.0 if len(parts) == 1 else PAIR_WITH_LITTLE if little else PAIR)


EMPTY = Model((), {}, array("f"))


# --- learning ----------------------------------------------------------------------------------------------------


class Lesson(NamedTuple):
    """An example as the model sees it."""

    things: tuple[int, ...]
    intent: str
    group: str = ""


def lesson(example: Example) -> Lesson:
    return Lesson(tuple(buckets(example.text)), example.intent, example.customer)


def learn(lessons: Iterable[Lesson], fit: Fit = UNFITTED) -> Model:
    """The model of what the lessons say, in whatever order. Without two intents there is nothing to tell apart."""
    told = [each for each in lessons if each.things]
    classes = Counter(each.intent for each in told)
    intents = tuple(sorted(classes))[:MOST_INTENTS]
    if len(intents) < 2:
        return EMPTY
    texts = Counter(thing for each in told for thing in each.things)
    kept = [(-n, thing) for thing, n in texts.items() if n >= LEAST_TEXTS]
    order = [thing for _, thing in sorted(kept)[:MOST_ROWS]]
    rows = {thing: row for row, thing in enumerate(order)}
    counts = [Counter[int]() for _ in intents]
    place = {intent: i for i, intent in enumerate(intents)}
    for each in told:
        if each.intent in place:
            counts[place[each.intent]].update([thing for thing in each.things if thing in rows])
    weights = _weights(order, texts, counts, len(told))
    return Model(intents, rows, weights, fit, len(told), dict(sorted(classes.items())))


def _weights(
    order: Sequence[int], texts: Mapping[int, int], counts: Sequence[Counter[int]], whole: int
) -> array[float]:
    """For each thing and intent: the logarithm of how rarely it is said in what is about something else, less the
    mean of that over all intents, and less where everybody says it. Each intent's weights count together as much as
    any other's, so that having most cases is no argument."""
    width = len(counts)
    said_of = [sum(each.values()) for each in counts]
    everything = sum(said_of)
    floor = SMOOTHING * len(order)
    rare = {thing: log((whole + 1) / (texts[thing] + 0.5)) for thing in order}
    found: list[list[float]] = []
    for thing in order:
        total = sum(each[thing] for each in counts)
        row = [
            -log((total - counts[i][thing] + SMOOTHING) / (everything - said_of[i] + floor)) * rare[thing]
            for i in range(width)
        ]
        mean = sum(row) / width
        found.append([each - mean for each in row])
    sizes = [sqrt(sum(row[i] ** 2 for row in found) / len(found)) or 1.0 if found else 1.0 for i in range(width)]
    return array("f", [row[i] / sizes[i] for row in found for i in range(width)])


# --- kept --------------------------------------------------------------------------------------------------------


def pack(model: Model) -> bytes:
    """The model as bytes: the same bytes for the same model."""
    about = {
        "form": FORM,
        "intents": list(model.intents),
        "fit": list(model.fit),
        "learnt_from": model.learnt_from,
        "classes": dict(model.classes),
        "rows": len(model.rows),
    }
    head = orjson.dumps(about, option=orjson.OPT_SORT_KEYS)
    things = _little(array("I", sorted(model.rows, key=lambda thing: model.rows[thing])))
    return zlib.compress(len(head).to_bytes(4, "little") + head + things + _little(array("f", model.weights)), 6)


def _little(numbers: array[Any]) -> bytes:
    if sys.byteorder == "big":
        numbers = array(numbers.typecode, numbers)
        numbers.byteswap()
    return numbers.tobytes()


def _numbers(kind: str, data: bytes) -> array[Any]:
    numbers = array(kind)
    numbers.frombytes(data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def unpack(data: bytes) -> Model:
    """Raises :class:`Unusable`."""
    return unpack_first(data)[0]


def unpack_first(data: bytes) -> tuple[Model, bytes]:
    """The first of several models one behind the other, and the bytes of the rest. Raises :class:`Unusable`."""
    try:
        opened = zlib.decompressobj()
        whole = opened.decompress(data, MOST_BYTES)
        size = int.from_bytes(whole[:4], "little")
        about = orjson.loads(whole[4 : 4 + size])
        if about["form"] != FORM:
            raise Unusable("the model is of another release")
        count, intents = about["rows"], tuple(about["intents"])
        at = 4 + size
        things = _numbers("I", whole[at : at + 4 * count])
        weights = _numbers("f", whole[at + 4 * count :])
        if len(things) != count or len(weights) != count * len(intents):
            raise Unusable("the model is not whole")
        rows = {thing: row for row, thing in enumerate(things)}
        made = Model(intents, rows, weights, Fit(*about["fit"]), about["learnt_from"], about["classes"])
        return made, opened.unused_data
    except (zlib.error, orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, Unusable):
            raise
        raise Unusable(f"the bytes are no model: {error}") from error


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()
