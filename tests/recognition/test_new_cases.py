"""What becomes of a new case whose words say what it is about, through the real doors."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest

from contact_center.domain.events import CUSTOMER, CallerInput
from contact_center.domain.occasion import Occasion
from contact_center.moves import moves
from contact_center.recognition import recognise
from contact_center.storage import journal, recognition, settings
from contact_center.storage.connection import Connection
from contact_center.web.recognition import state
from tests.hub import CommandRefused, open_test_hub
from tests.recognition.school import INTENTS, examples, learnt, past, school

LENA = "+4915112345678"
REFUND = "Hello, I was charged twice for the blue kettle, please refund it."
CHINESE = "你好，我的快递还没有收到，请帮我查一下。"


async def test_without_any_setting_nobody_looks(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await hub.twilio.sms(LENA, REFUND)
        assert [event.kind for event in await hub.log()] == ["message.received", "enqueued"]
        assert (await hub.get("console"))["intents"] == []
        assert (await hub.get("recognition"))["mode"] == "off"


async def test_what_is_proven_decides_and_says_why(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=school()) as hub, hub.at_work("mei") as (mei,):
        version = await learnt(hub)
        await hub.twilio.sms(LENA, REFUND)
        offer = await mei.offer()
        assert offer.queue == "billing"
        assert offer.recognised is not None
        assert (offer.recognised.intent, offer.recognised.mode) == ("refund", "decide")
        assert any("refund" in each or "charged" in each for each in offer.recognised.because)
        record = await hub.record(offer.interaction_id)
        assert record.skills == {"billing": 2, "refunds": 1}
        assert record.priority == 10  # and not the 90 that the intent would have: the house's cap
        assert record.recognised["model"] == version
        decision = await hub.get(f"decisions/{offer.decision_id}")
        assert decision["recognised"]["skills"] == {"refunds": 1}
        assert decision["recognised"]["because"] == list(offer.recognised.because)


async def test_whoever_asks_why_it_waits_is_told_what_the_words_added(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=school()) as hub:
        await learnt(hub)
        await hub.twilio.sms(LENA, REFUND)
        why = await hub.get(f"interactions/{await hub.only_interaction()}/why")
        assert why["recognised"]["skills"] == {"refunds": 1}
        assert why["recognised"]["intent"] == "refund"


async def test_until_it_is_proven_it_only_suggests(database_url: str, tmp_path: Path) -> None:
    strict = school(recognition={"bar": 0.995})
    async with open_test_hub(database_url, tmp_path, config=strict) as hub:
        await learnt(hub)
        await hub.twilio.sms(LENA, REFUND)
        record = await hub.record(await hub.only_interaction())
        assert (record.queue, record.skills, record.priority) == ("support", {}, 0)
        assert (record.recognised["mode"], record.recognised["intent"]) == ("suggest", "refund")
        about = await hub.get("recognition")
        refund = next(each for each in about["intents"] if each["id"] == "refund")
        assert (refund["wanted"], refund["mode"]) == ("decide", "suggest")
        assert refund["hindrance"] in ("too_few", "too_often_wrong")


async def test_the_language_brings_its_skill_without_any_model(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=school()) as hub:
        await hub.chat("wei", CHINESE)
        await hub.chat("ann", "Hi")
        wei, ann = [await hub.record(each) for each in await hub.interactions()]
        assert wei.skills == {"chinese": 3}
        assert (wei.recognised["language"], wei.recognised["language_skills"]) == ("zh", {"chinese": 3})
        assert ann.skills == {}
        assert ann.recognised["language"] == ""


async def test_no_skill_is_asked_for_that_nobody_in_the_queue_has(database_url: str, tmp_path: Path) -> None:
    house = school()
    for agent in house["agents"]:
        agent.get("skills", {}).pop("refunds", None)
    async with open_test_hub(database_url, tmp_path, config=house) as hub:
        await learnt(hub)
        await hub.twilio.sms(LENA, REFUND)
        record = await hub.record(await hub.only_interaction())
        assert (record.queue, record.skills) == ("support", {})
        assert record.recognised["withheld"] == "nobody_has_the_skills"
        assert record.recognised["mode"] == "suggest"


async def test_a_letter_that_may_be_from_somebody_else_decides_nothing(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=school()) as hub:
        await learnt(hub)
        answer = await hub.letter("lena@mail.example", REFUND, subject="Refund", unverified="no proof")
        record = await hub.record(answer.interaction_id)
        assert (record.queue, record.priority, record.recognised["mode"]) == ("support", 0, "suggest")


async def test_a_call_is_looked_at_by_what_was_said_and_keeps_its_queue(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=school()) as hub:
        await learnt(hub)
        await hub.twilio.call(LENA).arrive()
        interaction_id = await hub.only_interaction()
        assert (await hub.record(interaction_id)).recognised == {}  # nothing was said yet
        await hub.write(_waits, hub.clock.occasion(), interaction_id)
        record = await hub.record(interaction_id)
        assert (record.recognised["intent"], record.recognised["mode"]) == ("refund", "decide")
        assert (record.queue, record.skills) == ("support", {"refunds": 1})


@pytest.mark.parametrize("text", ["👍👍👍", "\u202e\u200b\u200b", "退" * 100_000, "refund " * 20_000, "?"])
async def test_no_text_stops_a_case(database_url: str, tmp_path: Path, text: str) -> None:
    async with open_test_hub(database_url, tmp_path, config=school()) as hub:
        await learnt(hub)
        await hub.chat("mallory", text, source_id="mallory-1")
        record = await hub.record(await hub.only_interaction())
        assert record.state == "waiting"
        assert record.priority <= 12  # the door's two and the most that words may add


async def test_a_model_that_cannot_be_read_stops_no_case(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=school()) as hub:

        def broken(conn: Connection) -> None:
            recognition.add_model(conn, hub.clock.now, b"no model", "broken", 1, {})

        await hub.write(broken)
        await hub.chat("wei", CHINESE)
        record = await hub.record(await hub.only_interaction())
        assert record.skills == {"chinese": 3}
        assert record.recognised["model"] == 0


async def test_rules_of_another_release_stop_no_case(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=school()) as hub:
        await hub.write(settings.put, recognise.SETTING, {"mode": "decide", "intents": [{"called": "refund"}]})
        await hub.twilio.sms(LENA, REFUND)
        record = await hub.record(await hub.only_interaction())
        assert (record.state, record.recognised) == ("waiting", {})


async def test_what_a_supervisor_said_before_it_waits_is_what_counts(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=school()) as hub:
        call = hub.twilio.call(LENA)
        await call.arrive()
        interaction_id = await hub.only_interaction()
        said = {"interaction_id": interaction_id, "intent": "refund"}
        assert (await hub.http.post("/api/v1/commands/set_intent", json=said)).status_code == 200
        await hub.write(_waits, hub.clock.occasion(), interaction_id)
        record = await hub.record(interaction_id)
        assert (record.state, record.intent, record.recognised) == ("waiting", "refund", {})


def _waits(conn: Connection, on: Occasion, interaction_id: str) -> None:
    loaded = journal.load(conn, interaction_id)
    assert loaded is not None
    journal.happen(conn, on, loaded, CallerInput("main.1", speech="I want a refund, I was charged twice"), CUSTOMER)
    moves.enqueue(conn, on, loaded, "support")
    journal.save(conn, loaded)


async def test_a_fault_in_the_recogniser_stops_no_case(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def falls_over(*_: Any, **__: Any) -> None:
        raise RuntimeError("out of its mind")

    monkeypatch.setattr(recognise, "look_at", falls_over)
    async with open_test_hub(database_url, tmp_path, config=school()) as hub:
        await hub.twilio.sms(LENA, REFUND)
        record = await hub.record(await hub.only_interaction())
        assert (record.state, record.recognised) == ("waiting", {})


# --- what agents say ---------------------------------------------------------------------------------------------


async def test_an_agent_accepts_or_corrects_what_was_said(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=school()) as hub, hub.at_work("mei") as (mei,):
        await learnt(hub)
        await hub.twilio.sms(LENA, REFUND)
        work = await mei.accept()
        assert work.recognised is not None
        assert work.recognised.said is None
        await mei.command("set_intent", interaction_id=work.interaction_id, intent="refund")
        await mei.command("set_intent", interaction_id=work.interaction_id, intent="refund")
        await mei.command("set_intent", interaction_id=work.interaction_id, intent="cancel")
        await mei.line("case.intent_set", lambda event: event.body["intent"] == "cancel")
        work = await mei.work(work.interaction_id, lambda one: one.recognised.said == "cancel")  # type: ignore[union-attr]
        said = [each.body for each in await hub.log(work.interaction_id) if each.kind == "case.intent_set"]
        assert [(each.intent, each.before) for each in said] == [("refund", "refund"), ("cancel", "refund")]  # type: ignore[union-attr]
        (row,) = (await hub.get("recognition"))["lately"]
        assert (row["intent"], row["named"], row["answered"], row["agreed"]) == ("refund", 1, 1, 0)
        with pytest.raises(CommandRefused, match="There is no intent 'money'"):
            await mei.command("set_intent", interaction_id=work.interaction_id, intent="money")


async def test_what_is_not_in_hand_is_not_ones_to_say(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=school()) as hub:
        await hub.twilio.sms(LENA, REFUND)
        interaction_id = await hub.only_interaction()
        async with hub.signed_in("mei") as mei, hub.signed_in("sana") as sana:
            with pytest.raises(CommandRefused, match="not_found"):
                await mei.command("set_intent", interaction_id=interaction_id, intent="refund")
            with pytest.raises(CommandRefused, match="not_found"):
                await sana.command("set_intent", interaction_id="nothing", intent="refund")
            await sana.command("set_intent", interaction_id=interaction_id, intent="")
        assert (await hub.record(interaction_id)).intent == ""


# --- learning ----------------------------------------------------------------------------------------------------


async def test_the_house_learns_from_how_its_cases_ended(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=school()) as hub:
        told = await past(hub, examples(300))
        await hub.http.post("/api/v1/commands/set_intent", json={"interaction_id": told[0], "intent": "cancel"})
        started = await hub.http.post("/api/v1/recognition/train")
        assert started.status_code == 200, started.text
        await hub.runtime.teacher.ended()  # it has the processor when nobody else wants it
        state = await hub.get("recognition")
        assert state["training"] == {"phase": "idle", "done": 0, "whole": 0, "problem": ""}
        assert state["model"]["version"] == 1
        assert state["model"]["examples"] > 200
        assert {each["id"] for each in state["intents"]} == set(INTENTS)
        tried = await hub.http.post("/api/v1/recognition/try", json={"text": REFUND})
        assert tried.json()["intent"] == "refund"
        again = await hub.runtime.teacher.train()
        chosen = await hub.http.post("/api/v1/recognition/models/1/choose")
        assert (again, chosen.status_code) == (2, 200)
        models = (await hub.get("recognition"))["models"]
        assert [(each["version"], each["in_force"]) for each in models] == [(2, False), (1, True)]
        assert (await hub.http.post("/api/v1/recognition/models/9/choose")).status_code == 404


async def test_a_training_that_ends_while_the_models_are_read_is_not_over_without_its_model(
    database_url: str, tmp_path: Path
) -> None:
    async with open_test_hub(database_url, tmp_path, config=school()) as hub:
        await past(hub, examples(200))
        inner, teacher = hub.runtime.executor, hub.runtime.teacher

        class EndsMeanwhile:
            async def read(self, query: Any, *given: Any) -> Any:
                found = await inner.read(query, *given)
                await teacher.train()
                return found

        teacher.begin()
        runtime: Any = SimpleNamespace(executor=EndsMeanwhile(), teacher=teacher, occasion=hub.runtime.occasion)
        told = orjson.loads((await state(cast(Any, None), runtime)).body)
        assert (told["model"], told["training"]["phase"]) == (None, "reading")
        after = await hub.get("recognition")
        assert (after["model"]["version"], after["training"]["phase"]) == (2, "idle")


async def test_with_nothing_to_learn_from_it_says_so(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=school()) as hub:
        await hub.http.post("/api/v1/recognition/train")
        await hub.runtime.teacher.ended()
        state = await hub.get("recognition")
        assert state["training"]["phase"] == "failed"
        assert "there are none that say what they were about" in state["training"]["problem"]
        assert state["model"] is None


async def test_agents_and_supervisors_may_not_change_what_it_goes_by(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=school()) as hub:
        for login, reading in (("mei", 403), ("sana", 200)):
            cookies = {"Cookie": f"cch_session={await hub.cookie_of(login)}", "Sec-Fetch-Site": "same-origin"}
            assert (await hub.anonymous.get("/api/v1/recognition", headers=cookies)).status_code == reading
            for path in ("train", "models/1/choose"):
                answer = await hub.anonymous.post(f"/api/v1/recognition/{path}", headers=cookies)
                assert answer.status_code == 403
        assert (await hub.anonymous.get("/api/v1/recognition")).status_code == 401
