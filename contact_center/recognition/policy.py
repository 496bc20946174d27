"""What the house lets recognition do: which intents there are, what each brings with it, and from when on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from contact_center.recognition.measuring import Figures, Measured
from contact_center.recognition.model import NONE, Guess

Mode: TypeAlias = Literal["off", "suggest", "decide"]
Corrected: TypeAlias = Literal["note", "waiting", "always"]
"""What becomes of a case of which a person says something else: it is only written down; or it asks for what belongs
to that, and what waits is routed anew; or what is in somebody's hands who cannot take it any more, too."""
_RANK: dict[Mode, int] = {"off": 0, "suggest": 1, "decide": 2}

SUGGEST_AT = 0.5
DECIDE_AT = 0.85
BAR = 0.9
MOST_PRIORITY = 10
LANGUAGE_AT = 0.85


@dataclass(frozen=True, slots=True)
class Intent:
    """Something that cases are about. Where it decides, a case needs its ``skills``, has ``priority`` more and goes
    into ``queue`` (empty: where its door leads). Cases that ended with one of ``dispositions``, or in one of
    ``queues``, were about it."""

    id: str
    name: str
    name_zh: str = ""
    mode: Mode = "suggest"
    skills: Mapping[str, int] = field(default_factory=dict)
    priority: int = 0
    queue: str = ""
    dispositions: frozenset[str] = frozenset()
    queues: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rules:
    """``mode`` is the most that any intent may do, ``language_mode`` the same for ``languages`` (the skills that each
    one needs). Something is suggested from the confidence ``suggest_at`` on, decided from ``decide_at`` on, and
    decided only where the measured precision is at least ``bar``. No case gets more than ``most_priority`` from what
    its words say, for whoever wants to be served first knows what to write."""

    mode: Mode = "off"
    language_mode: Mode = "suggest"
    intents: tuple[Intent, ...] = ()
    languages: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    suggest_at: float = SUGGEST_AT
    decide_at: float = DECIDE_AT
    bar: float = BAR
    most_priority: int = MOST_PRIORITY
    train_hours: float = 24
    train_after: int = 50
    corrected: Corrected = "waiting"

    @property
    def on(self) -> bool:
        return self.mode != "off"

    def intent(self, intent_id: str) -> Intent | None:
        return next((each for each in self.intents if each.id == intent_id), None)

    def mode_of(self, intent: Intent) -> Mode:
        return lower(self.mode, intent.mode)

    def label(self, disposition: str, queue: str) -> str | None:
        """What a case that ended so was about; None where that says nothing. A disposition says more than a
        queue."""
        for each in self.intents:
            if disposition and disposition in each.dispositions:
                return each.id
        return next((each.id for each in self.intents if queue and queue in each.queues), None)


OFF = Rules()


def lower(one: Mode, other: Mode) -> Mode:
    return one if _RANK[one] <= _RANK[other] else other


def rules_of(stored: Mapping[str, Any]) -> Rules:
    """The rules as they were applied (``recognition:`` of the configuration, without what is default)."""
    train = stored.get("train", {})
    return Rules(
        mode=stored.get("mode", "off"),
        language_mode=stored.get("language_mode", "suggest"),
        intents=tuple(_intent(each) for each in stored.get("intents", ())),
        languages=stored.get("languages", {}),
        suggest_at=stored.get("suggest_at", SUGGEST_AT),
        decide_at=stored.get("decide_at", DECIDE_AT),
        bar=stored.get("bar", BAR),
        most_priority=stored.get("most_priority", MOST_PRIORITY),
        train_hours=train.get("every_hours", 24) or 0,
        train_after=train.get("after_corrections", 50) or 0,
        corrected=stored.get("corrected", "waiting"),
    )


def _intent(each: Mapping[str, Any]) -> Intent:
    return Intent(
        id=each["id"],
        name=each["name"],
        name_zh=each.get("name_zh", ""),
        mode=each.get("mode", "suggest"),
        skills=each.get("skills", {}),
        priority=each.get("priority", 0),
        queue=each.get("queue", ""),
        dispositions=frozenset(each.get("dispositions", ())),
        queues=frozenset(each.get("queues", ())),
    )


# --- who may decide ----------------------------------------------------------------------------------------------

Hindrance: TypeAlias = Literal["", "not_asked", "never_measured", "too_few", "too_often_wrong"]


@dataclass(frozen=True, slots=True)
class Standing:
    """What an intent may do now, and what keeps it from deciding where it was asked to."""

    intent: str
    wanted: Mode
    mode: Mode
    hindrance: Hindrance
    figures: Figures


def standing(rules: Rules, intent: Intent, measured: Measured) -> Standing:
    """An intent decides only if it was asked to and held-out cases prove that what it says is right: with 95 %
    certainty its precision is not below the bar."""
    figures = measured.of(intent.id, rules.decide_at)
    wanted = rules.mode_of(intent)
    hindrance: Hindrance = ""
    if wanted != "decide":
        hindrance = "not_asked"
    elif not figures.cases:
        hindrance = "never_measured"
    elif figures.at_least < rules.bar:
        hindrance = "too_few" if figures.precision >= rules.bar else "too_often_wrong"
    return Standing(intent.id, wanted, lower(wanted, "suggest" if hindrance else "decide"), hindrance, figures)


# --- what comes of a guess ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is made of a guess: ``mode`` says whether it is shown or counts."""

    mode: Mode = "off"
    intent: str = NONE
    skills: Mapping[str, int] = field(default_factory=dict)
    priority: int = 0
    queue: str = ""


NOTHING = Verdict()


def judge(rules: Rules, guess: Guess, deciding: frozenset[str], *, trusted: bool = True) -> Verdict:
    """What the house lets come of a guess. ``deciding`` are the intents whose standing lets them decide. What a
    machine wrote, or somebody who may not be who they say, (not ``trusted``) decides nothing."""
    intent = rules.intent(guess.intent)
    if intent is None or guess.confidence < rules.suggest_at or rules.mode_of(intent) == "off":
        return NOTHING
    if not trusted or intent.id not in deciding or guess.confidence < rules.decide_at:
        return Verdict("suggest", intent.id)
    return _decided(rules, intent)


def _decided(rules: Rules, intent: Intent) -> Verdict:
    return Verdict(
        "decide", intent.id, dict(intent.skills), max(0, min(intent.priority, rules.most_priority)), intent.queue
    )


# --- what comes of what people say -------------------------------------------------------------------------------


def wanted_by(rules: Rules, intent_id: str | None) -> Verdict:
    """What the house has for an intent that a person names, where it may decide at all: they need no proof."""
    intent = rules.intent(intent_id) if intent_id else None
    if intent is None or rules.mode_of(intent) != "decide":
        return NOTHING
    return _decided(rules, intent)


def skills_of_language(rules: Rules, code: str) -> Mapping[str, int]:
    """The skills that a language needs, where languages may decide."""
    return rules.languages.get(code, {}) if lower(rules.mode, rules.language_mode) == "decide" else {}
