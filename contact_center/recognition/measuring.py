"""How right a model is about cases that it has not seen, and whether it is as sure as it is right.

The lessons are cut into folds by customer, so that nobody's way of writing, signature or repeated letter is both
learnt and asked. Each fold is asked of a model of the others, fitted without it: no figure here has seen its own
answer.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import exp, log, sqrt
from statistics import mean
from typing import Any, NamedTuple
from zlib import crc32

from contact_center.recognition.model import EMPTY, NONE, Fit, Lesson, Model, learn

FOLDS = 5
BINS = 10
CERTAIN = 1.645
"""Standard deviations: 95 times in 100 the truth is not below (one-sided)."""
LAPSES = (0.01, 0.02, 0.05, 0.1, 0.2)
"""Nothing is ever quite certain."""
STEPS = 10
LEAST_EXAMPLES = 20
"""An intent with fewer cases is neither learnt nor asked about."""

Progress = Callable[[int, int], None]


class Asked(NamedTuple):
    """A held-out case: what it was about, what the model said, and how sure it was."""

    truth: str
    said: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Bin:
    """The cases with a confidence from ``low`` to ``high``: how sure the model was of them, and how right."""

    low: float
    high: float
    count: int
    confidence: float
    right: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What is known of one intent at a threshold. ``precision`` of ``named`` cases were it; with 95 % certainty at
    least ``at_least`` are. ``recall`` of the ``cases`` that were it are found."""

    intent: str
    cases: int
    named: int
    right: int
    precision: float
    at_least: float
    recall: float


@dataclass(frozen=True, slots=True)
class Measured:
    """``ece`` is the expected calibration error: by how much confidence and truth lie apart on the mean. ``asked``
    are all held-out answers. ``confusion`` counts truth → what was said, of those above no threshold.
    ``overruled`` is what is known of languages, see :mod:`overruling`."""

    asked: tuple[Asked, ...] = ()
    ece: float = 0.0
    ece_before: float = 0.0
    accuracy: float = 0.0
    bins: tuple[Bin, ...] = ()
    confusion: dict[str, dict[str, int]] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    overruled: tuple[dict[str, Any], ...] = ()

    def at(self, threshold: float) -> list[Figures]:
        """The figures of each intent, of what is said with at least this confidence."""
        intents = sorted({each.truth for each in self.asked} - {NONE})
        return [self.of(intent, threshold) for intent in intents]

    def of(self, intent: str, threshold: float) -> Figures:
        cases = sum(each.truth == intent for each in self.asked)
        named = [each for each in self.asked if each.said == intent and each.confidence >= threshold]
        right = sum(each.truth == intent for each in named)
        return Figures(
            intent,
            cases,
            len(named),
            right,
            right / len(named) if named else 0.0,
            surely(right, len(named)),
            right / cases if cases else 0.0,
        )

    def coverage(self, threshold: float) -> float:
        """Which part of all cases it says anything about at this confidence."""
        named = sum(each.said != NONE and each.confidence >= threshold for each in self.asked)
        return named / len(self.asked) if self.asked else 0.0

    def stored(self) -> dict[str, Any]:
        return {**asdict(self), "asked": [[e.truth, e.said, round(e.confidence, 4)] for e in self.asked]}


def restored(data: Mapping[str, Any]) -> Measured:
    """What :meth:`Measured.stored` gave."""
    return Measured(
        tuple(Asked(*each) for each in data["asked"]),
        data["ece"],
        data["ece_before"],
        data["accuracy"],
        tuple(Bin(**each) for each in data["bins"]),
        data["confusion"],
        data["left_out"],
        tuple(data.get("overruled", ())),
    )


def surely(right: int, named: int) -> float:
    """The lower end of Wilson's interval: the precision that ``right`` of ``named`` prove."""
    if not right:  # exactly: what is left of the formula then is the error of its rounding
        return 0.0
    share, z2 = right / named, CERTAIN**2
    middle = share + z2 / (2 * named)
    spread = CERTAIN * sqrt(share * (1 - share) / named + z2 / (4 * named**2))
    return max(0.0, (middle - spread) / (1 + z2 / named))


# --- what may be learnt ------------------------------------------------------------------------------------------


def teachable(lessons: Iterable[Lesson]) -> tuple[list[Lesson], dict[str, int]]:
    """The lessons that teach something: those that say the same count once (the last, for people change their minds),
    and intents of fewer than :data:`LEAST_EXAMPLES` are left out, with how many they have."""
    last = {each.things: each for each in lessons if each.things}
    counts = Counter(each.intent for each in last.values())
    few = {intent: n for intent, n in sorted(counts.items()) if n < LEAST_EXAMPLES}
    return [each for each in last.values() if each.intent not in few], few


def fold_of(each: Lesson) -> int:
    """Which fold the lesson is in: its customer's."""
    return crc32((each.group or repr(each.things)).encode()) % FOLDS


# --- measuring ---------------------------------------------------------------------------------------------------


class Scored(NamedTuple):
    """A held-out case, and how much speaks for each intent."""

    truth: str
    intents: tuple[str, ...]
    scores: list[float]
    fold: int


def train(lessons: Iterable[Lesson], progress: Progress = lambda done, whole: None) -> tuple[Model, Measured]:
    """The model of all lessons, and what is to be expected of it. The empty model where there are not two intents
    with enough cases."""
    taught, few = teachable(lessons)
    if len({each.intent for each in taught}) < 2:
        return EMPTY, Measured(left_out=few)
    scored: list[Scored] = []
    for fold in range(FOLDS):
        scored += held_out(taught, fold)[1]
        progress(fold + 1, FOLDS + 2)
    asked = answers(scored)
    raw = [_answer(each, Fit()) for each in scored]
    progress(FOLDS + 1, FOLDS + 2)
    model = learn(taught, fit(scored))
    progress(FOLDS + 2, FOLDS + 2)
    return model, _measured(asked, raw, few)


def held_out(taught: Sequence[Lesson], fold: int) -> tuple[list[Lesson], list[Scored]]:
    """The lessons of the fold, and what a model of the others says of them."""
    model = learn([each for each in taught if fold_of(each) != fold])
    kept = [each for each in taught if fold_of(each) == fold]
    return kept, [Scored(each.intent, model.intents, model.scores(each.things), fold) for each in kept]


def answers(scored: Sequence[Scored]) -> list[Asked]:
    """What each held-out case is told, fitted on the folds that it is not in."""
    fitted = {fold: fit([each for each in scored if each.fold != fold]) for fold in range(FOLDS)}
    return [_answer(each, fitted[each.fold]) for each in scored]


def _answer(each: Scored, fitted: Fit) -> Asked:
    if not each.intents or not any(each.scores):
        return Asked(each.truth, NONE, 0.0)
    likely = fitted.probabilities(each.scores)
    best = max(range(len(likely)), key=lambda i: (likely[i], -i))
    return Asked(each.truth, each.intents[best], likely[best])


def fit(scored: Sequence[Scored]) -> Fit:
    """What makes the answers surprise least: for each part of lapses the best temperature (golden-section search over
    its logarithm), and the best of these."""
    useful = [(each.scores, each.intents.index(each.truth)) for each in scored if each.truth in each.intents]
    if not useful:
        return Fit()
    found = [(_coolest(useful, lapse), lapse) for lapse in LAPSES]
    (_, temperature), lapse = min(found)
    return Fit(temperature, lapse)


def _coolest(useful: Sequence[tuple[list[float], int]], lapse: float) -> tuple[float, float]:
    """The least surprise, and the temperature that has it."""

    def surprise(logarithm: float) -> float:
        fitted = Fit(exp(logarithm), lapse)
        return sum(-log(max(1e-12, fitted.probabilities(scores)[truth])) for scores, truth in useful)

    low, high, ratio = -4.0, 2.0, (sqrt(5) - 1) / 2
    a, b = high - ratio * (high - low), low + ratio * (high - low)
    at_a, at_b = surprise(a), surprise(b)
    for _ in range(STEPS):
        if at_a <= at_b:
            high, b, at_b = b, a, at_a
            a = high - ratio * (high - low)
            at_a = surprise(a)
        else:
            low, a, at_a = a, b, at_b
            b = low + ratio * (high - low)
            at_b = surprise(b)
    return min((at_a, exp(a)), (at_b, exp(b)))


def _measured(asked: Sequence[Asked], raw: Sequence[Asked], few: dict[str, int]) -> Measured:
    bins = in_bins([each for each in asked if each.confidence])  # no idea at all is no answer
    confusion: dict[str, dict[str, int]] = defaultdict(dict)
    for each in sorted(asked):
        confusion[each.truth][each.said] = confusion[each.truth].get(each.said, 0) + 1
    right = sum(each.truth == each.said for each in asked)
    return Measured(
        tuple(asked),
        calibration_error(bins),
        calibration_error(in_bins([each for each in raw if each.confidence])),
        right / len(asked),
        bins,
        dict(confusion),
        few,
    )


def in_bins(asked: Sequence[Asked]) -> tuple[Bin, ...]:
    """The reliability diagram: cases by tenths of confidence, without tenths that have none."""
    found: dict[int, list[Asked]] = defaultdict(list)
    for each in asked:
        found[min(BINS - 1, int(each.confidence * BINS))].append(each)
    return tuple(
        Bin(
            place / BINS,
            (place + 1) / BINS,
            len(members),
            mean(each.confidence for each in members),  # exact: three times 0.7, summed up, is less than 0.7 each
            sum(each.truth == each.said for each in members) / len(members),
        )
        for place, members in sorted(found.items())
    )


def calibration_error(bins: Sequence[Bin]) -> float:
    whole = sum(each.count for each in bins)
    return sum(each.count * abs(each.confidence - each.right) for each in bins) / whole if whole else 0.0
