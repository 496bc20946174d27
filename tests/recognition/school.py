"""A house that has learnt: cases that are over, and a model made of them."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any

from contact_center.domain.events import Ended, WrappedUp
from contact_center.recognition.measuring import train
from contact_center.recognition.model import Example, digest, lesson, pack
from contact_center.storage import journal, recognition
from contact_center.storage.connection import Connection
from tests.hub import TestHub, chat, house
from tests.recognition.corpus import INTENTS, corpus


def school(mode: str = "decide", **changes: Any) -> dict[str, Any]:
    """The house with an intent for each of the corpus, and a disposition that says it. Refunds need somebody who
    does them, and go to billing."""
    intents: list[dict[str, Any]] = [
        {"id": each, "name": each.title(), "mode": mode, "dispositions": [f"was-{each}"]} for each in INTENTS
    ]
    of = {each["id"]: each for each in intents}
    of["refund"] |= {"name_zh": "退款", "skills": {"refunds": 1}, "priority": 90, "queue": "billing"}
    of["delivery"] |= {"priority": 4}
    recognition = {
        "mode": mode,
        "language_mode": "decide",
        "languages": {"zh": {"chinese": 3}},
        "intents": intents,
        "bar": 0.8,
        "train": {"every_hours": None, "after_corrections": None},
        **changes.pop("recognition", {}),
    }
    whole = house(recognition=recognition)
    whole["dispositions"] += [{"id": f"was-{each}", "name": each.title()} for each in INTENTS]
    for agent in whole["agents"]:
        if agent["id"] == "mei":
            agent["skills"] |= {"refunds": 2}
    return {**whole, **changes}


def examples(count: int = 240) -> list[Example]:
    return corpus("en", count // 2, wrong=0.0) + corpus("zh", count // 2, wrong=0.0)


@cache
def _model(count: int) -> tuple[bytes, dict[str, Any]]:
    model, measured = train([lesson(each) for each in examples(count)])
    return pack(model), measured.stored()


async def learnt(hub: TestHub, count: int = 400) -> int:
    """Puts a model of the corpus into force, as a training would; its version."""
    packed, stored = await asyncio.to_thread(_model, count)

    def add(conn: Connection) -> int:
        return recognition.add_model(conn, hub.clock.now, packed, digest(packed), count, stored)

    return await hub.write(add)


async def past(hub: TestHub, told: list[Example]) -> list[str]:
    """Cases that are over: what each said, and the disposition of what it was about. Their ids."""
    answers = await hub.take_in(*[chat(f"past-{i}", each.text, hub.clock.now) for i, each in enumerate(told)])
    intents = {answer.interaction_id: each.intent for answer, each in zip(answers, told, strict=True)}

    def end(conn: Connection) -> None:
        for interaction_id, intent in intents.items():
            loaded = journal.load(conn, interaction_id)
            assert loaded is not None
            on = hub.clock.occasion()
            journal.happen(conn, on, loaded, WrappedUp(f"was-{intent}" if intent else "solved"))
            journal.happen(conn, on, loaded, Ended("completed"))
            journal.save(conn, loaded)

    await hub.write(end)
    return list(intents)
