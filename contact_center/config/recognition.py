"""``recognition:`` of the configuration: what cases are about, and what the hub may make of it
(docs/recognition.md)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from contact_center.recognition.model import MOST_INTENTS

Name = Annotated[str, Field(min_length=1, max_length=200)]
Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
Code = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]
Level = Annotated[int, Field(ge=1, le=5)]


def _word(value: object) -> object:
    """YAML reads a bare ``off`` as false."""
    return "off" if value is False else value


Mode = Annotated[Literal["off", "suggest", "decide"], BeforeValidator(_word)]
Share = Annotated[float, Field(gt=0, lt=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class IntentModel(_Strict):
    """Something that cases are about. ``skills``, ``priority`` and ``queue`` are what it brings where it decides;
    cases that ended with one of ``dispositions`` or in one of ``queues`` are what it is learnt from."""

    id: Id
    name: Name
    name_zh: Annotated[str, Field(max_length=200)] = ""
    mode: Mode = "suggest"
    skills: dict[Id, Level] = {}
    priority: Annotated[int, Field(ge=0, le=100)] = 0
    queue: Id | Literal[""] = ""
    dispositions: list[Id] = []
    queues: list[Id] = []


class TrainModel(_Strict):
    """When a new model is learnt by itself: null is never."""

    every_hours: Annotated[float, Field(ge=0.1, le=24 * 365)] | None = 24
    after_corrections: Annotated[int, Field(ge=1, le=100_000)] | None = 50


class RecognitionModel(_Strict):
    """``mode`` is the most that any intent may do, ``language_mode`` the same for ``languages``: the skills that a
    language needs. ``bar`` is the precision that must be proven before anything is decided. ``corrected`` is what
    becomes of a case of which somebody says something else (docs/recognition.md)."""

    mode: Mode = "off"
    language_mode: Mode = "suggest"
    intents: Annotated[list[IntentModel], Field(max_length=MOST_INTENTS - 1)] = []
    languages: dict[Code, dict[Id, Level]] = {}
    suggest_at: Share = 0.5
    decide_at: Share = 0.85
    bar: Annotated[float, Field(ge=0.5, lt=1)] = 0.9
    most_priority: Annotated[int, Field(ge=0, le=100)] = 10
    train: TrainModel = TrainModel()
    corrected: Literal["note", "waiting", "always"] = "waiting"

    @model_validator(mode="after")
    def _makes_sense(self) -> RecognitionModel:
        if self.decide_at < self.suggest_at:
            raise ValueError("decide_at cannot be below suggest_at: what is not even shown cannot decide")
        ids = [intent.id for intent in self.intents]
        if twice := sorted({each for each in ids if ids.count(each) > 1}):
            raise ValueError(f"the intent {twice[0]!r} is there twice")
        claimed: dict[str, str] = {}
        for intent in self.intents:
            for what, named in (("disposition", intent.dispositions), ("queue", intent.queues)):
                for each in named:
                    other = claimed.setdefault(f"{what} {each!r}", intent.id)
                    if other != intent.id:
                        raise ValueError(
                            f"the {what} {each!r} speaks for {other!r} and for {intent.id!r}: it can teach only one"
                        )
        return self

    def unknown(self, queues: set[str], dispositions: set[str]) -> str:
        """What is wrong with the queues and dispositions that intents name; empty if nothing."""
        for intent in self.intents:
            for queue in (*intent.queues, *([intent.queue] if intent.queue else [])):
                if queue not in queues:
                    return f"the intent {intent.id!r} names the queue {queue!r}, which is not defined"
            for disposition in intent.dispositions:
                if disposition not in dispositions:
                    return f"the intent {intent.id!r} names the disposition {disposition!r}, which is not defined"
        return ""
