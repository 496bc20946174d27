"""What cases that are over teach, and when the house learns anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contact_center.domain.events import CallerInput, MessageReceived, TranscriptAdded
from contact_center.domain.time import HOUR
from contact_center.recognition import recognise, teacher, worker
from contact_center.recognition.model import Example
from contact_center.recognition.policy import rules_of
from contact_center.recognition.recognise import words_of
from contact_center.recognition.teacher import CannotLearn, example_of
from contact_center.storage import recognition
from contact_center.storage.connection import Connection
from contact_center.storage.recognition import Past
from tests.hub import open_test_hub
from tests.recognition.school import examples, learnt, school

RULES = rules_of(
    {
        "mode": "decide",
        "intents": [
            {"id": "refund", "name": "Refund", "dispositions": ["refunded"]},
            {"id": "bill", "name": "Bill", "queues": ["billing"]},
        ],
    }
)


def over(text: str = "Hello there", **record: Any) -> Past:
    stored = {"direction": "inbound", "customer_id": "lena", "disposition": "", "queue": "support", **record}
    return Past("id1", stored, (MessageReceived(text, "About it"),) if text else ())


@pytest.mark.parametrize(
    "past, intent",
    [
        (over(disposition="refunded"), "refund"),
        (over(queue="billing"), "bill"),
        (over(intent="bill", disposition="refunded"), "bill"),
        (over(intent="", disposition="refunded"), ""),
        (over(intent="gone", disposition="refunded"), "refund"),
        (over(queue="billing", recognised={"queue": "billing"}), None),
        (over(queue="billing", recognised={"queue": ""}), "bill"),
        (over(), None),
        (over("", disposition="refunded"), None),
        (over(disposition="refunded", direction="outbound"), None),
    ],
)
def test_what_an_agent_said_teaches_before_how_it_ended(past: Past, intent: str | None) -> None:
    told = example_of(RULES, past)
    assert (told.intent if told else None) == intent
    assert told is None or told == Example("About it\nHello there", told.intent, "lena")


def test_the_words_of_a_case_are_its_first_message_or_what_was_said() -> None:
    assert words_of((MessageReceived("one"), MessageReceived("two"))) == "one"
    pressed, spoken = CallerInput("main.1", digits="1"), CallerInput("main.2", speech="my bill")
    assert words_of((pressed, spoken, TranscriptAdded("customer", "hi"))) == "my bill hi"
    assert words_of(()) == ""
    assert len(words_of((MessageReceived("x" * 1_000_000),))) < 2_000


async def test_it_is_learnt_anew_after_corrections_and_after_some_time(database_url: str, tmp_path: Path) -> None:
    house = school(recognition={"train": {"every_hours": 24, "after_corrections": 3}})
    async with open_test_hub(database_url, tmp_path, config=house) as hub:
        due = hub.runtime.teacher.is_due
        hub.advance(2 * HOUR)
        assert await due()
        assert not await due()  # what could not be learnt is not tried every minute
        await learnt(hub)
        hub.advance(2 * HOUR)
        assert not await due()

        def corrected(conn: Connection) -> None:
            for i in range(3):
                recognition.agent_said(conn, f"case-{i}", "refund", hub.clock.now)

        await hub.write(corrected)
        assert await due()
        hub.advance(25 * HOUR)
        assert await due()


async def test_one_training_at_a_time(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=school()) as hub:
        first = await hub.http.post("/api/v1/recognition/train")
        second = await hub.http.post("/api/v1/recognition/train")
        assert (first.status_code, second.status_code) == (200, 409)


async def test_learning_that_takes_too_long_or_breaks_is_ended(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_test_hub(database_url, tmp_path, config=school()) as hub:
        monkeypatch.setattr(teacher, "DEADLINE_S", 0.0)
        with pytest.raises(CannotLearn, match="too long"):
            await hub.runtime.teacher.train()
        monkeypatch.setattr(teacher, "DEADLINE_S", 100.0)
        monkeypatch.setattr(teacher, "asked", lambda *_: b"[[1]]")
        with pytest.raises(CannotLearn, match="broke off"):
            await hub.runtime.teacher.train()
        assert hub.runtime.teacher.progress.phase == "failed"


async def test_only_the_last_models_are_kept_and_the_one_in_force(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=school()) as hub:

        def many(conn: Connection) -> list[int]:
            first = recognition.add_model(conn, 1, b"one", "first", 1, {})
            for i in range(recognition.KEPT - 1):
                recognition.add_model(conn, 1, b"more", str(i), 1, {})
            recognition.choose_model(conn, 1, first)
            recognition.add_model(conn, 1, b"last", "last", 1, {})
            recognition.choose_model(conn, 1, first)
            return [row.version for row in recognition.models(conn)]

        kept = await hub.write(many)
        assert len(kept) == recognition.KEPT
        assert kept[0] == recognition.KEPT + 1


async def test_models_that_were_opened_are_not_opened_again(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=school()) as hub:
        await learnt(hub)
        assert await hub.read(recognise.ready) is await hub.read(recognise.ready)


def test_the_worker_answers_what_it_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    import io
    import sys
    from types import SimpleNamespace

    out, err = io.BytesIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(worker.asked(examples(300)))))
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=out))
    monkeypatch.setattr(sys, "stderr", err)
    monkeypatch.setattr(worker, "_be_modest", lambda: None)
    worker.main()
    model, packed, measured = worker.answered(out.getvalue())
    assert model.guess("please refund me").intent == "refund"
    assert len(packed) < 100_000
    assert measured.accuracy > 0.5
    assert err.getvalue().splitlines()[-1] == "[7,7]"
