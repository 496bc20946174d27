"""What becomes of a case of which somebody says something else than its words did, through the real doors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from contact_center.domain.events import AsksChanged, Enqueued, LanguageSet, OfferEnded
from contact_center.recognition import recognise
from contact_center.storage import settings
from contact_center.storage.connection import Connection
from tests.hub import TestHub, house, open_test_hub
from tests.recognition.school import learnt, school

LENA = "+4915112345678"
REFUND = "Hello, I was charged twice for the blue kettle, please refund it."
CHINESE = "你好，我的快递还没有收到，请帮我查一下。"
GERMAN = "Hallo, ich habe eine Frage zu meiner Bestellung und warte noch auf eine Antwort."


async def say(hub: TestHub, what: str, interaction_id: str, **said: Any) -> None:
    """As a supervisor would."""
    answer = await hub.http.post(f"/api/v1/commands/{what}", json={"interaction_id": interaction_id, **said})
    assert answer.status_code == 200, answer.text


async def bodies(hub: TestHub, interaction_id: str, kind: type[Any]) -> list[Any]:
    return [each.body for each in await hub.log(interaction_id) if isinstance(each.body, kind)]


def asked(record: Any) -> tuple[str, int, dict[str, int]]:
    return record.queue, record.priority, record.skills


async def test_what_a_wrong_guess_brought_is_taken_back_and_the_place_is_kept(
    database_url: str, tmp_path: Path
) -> None:
    async with open_test_hub(database_url, tmp_path, config=school()) as hub:
        await learnt(hub)
        await hub.twilio.sms(LENA, REFUND)
        interaction_id = await hub.only_interaction()
        guessed = await hub.record(interaction_id)
        assert asked(guessed) == ("billing", 10, {"billing": 2, "refunds": 1})
        hub.advance(60_000)
        await say(hub, "set_intent", interaction_id, intent="cancel")
        corrected = await hub.record(interaction_id)
        assert asked(corrected) == ("support", 0, {})
        assert corrected.virtual_enqueued_at == guessed.virtual_enqueued_at
        assert corrected.epoch > guessed.epoch  # whoever decided by the wrong guess comes too late
        waits = (await bodies(hub, interaction_id, Enqueued))[-1]
        assert (waits.reason, waits.queue) == ("corrected", "support")
        await say(hub, "set_intent", interaction_id, intent="delivery")
        assert asked(await hub.record(interaction_id)) == ("support", 4, {})
        await say(hub, "set_intent", interaction_id, intent=None)  # that was a slip: as it was
        again = await hub.record(interaction_id)
        assert (asked(again), again.intent) == (asked(guessed), None)
        assert again.virtual_enqueued_at == guessed.virtual_enqueued_at


async def test_whoever_could_not_take_the_wrong_one_is_offered_the_right_one(
    database_url: str, tmp_path: Path
) -> None:
    async with open_test_hub(database_url, tmp_path, config=school()) as hub, hub.at_work("jonas") as (jonas,):
        await learnt(hub)
        await hub.twilio.sms(LENA, REFUND)  # which asks for a skill that mei alone has
        interaction_id = await hub.only_interaction()
        why = await hub.get(f"interactions/{interaction_id}/why")
        assert why["recognised"]["skills"] == {"refunds": 1}
        await say(hub, "set_intent", interaction_id, intent="cancel")
        offer = await jonas.offer(interaction_id)
        assert offer.recognised is not None
        assert (offer.recognised.intent, offer.recognised.said) == ("refund", "cancel")
        decision = await hub.get(f"decisions/{offer.decision_id}")
        assert (decision["recognised"]["said"], decision["recognised"]["skills"]) == ("cancel", {})


async def test_a_language_is_corrected_and_routed_by(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=school()) as hub, hub.at_work("jonas") as (jonas,):
        await hub.chat("wei", "OK")  # too short to tell
        work = await jonas.accept()
        assert work.recognised is not None
        assert (work.recognised.language, work.recognised.language_said) == ("", None)
        await jonas.command("set_language", interaction_id=work.interaction_id, language="zh")
        said = await jonas.work(work.interaction_id, lambda one: one.recognised.language_said == "zh")  # type: ignore[union-attr]
        assert said.recognised is not None
        assert said.recognised.asks == {"chinese": 3}  # but it stays with them
        await jonas.line("case.language_set")
        async with hub.at_work("mei") as (mei,):
            await jonas.command("return_to_queue", interaction_id=work.interaction_id)
            assert (await mei.offer(work.interaction_id)).queue == "support"
        (body,) = await bodies(hub, work.interaction_id, LanguageSet)
        assert body == LanguageSet("zh", "")


async def test_a_wrong_language_asks_for_nothing_any_more(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=school()) as hub:
        await hub.chat("wei", CHINESE)
        interaction_id = await hub.only_interaction()
        assert (await hub.record(interaction_id)).skills == {"chinese": 3}
        await say(hub, "set_language", interaction_id, language="ja")
        assert (await hub.record(interaction_id)).skills == {}
        await say(hub, "set_language", interaction_id, language=None)
        assert (await hub.record(interaction_id)).skills == {"chinese": 3}
        events = len(await hub.log(interaction_id))
        await say(hub, "set_language", interaction_id, language=None)
        assert len(await hub.log(interaction_id)) == events
        wrong = {"interaction_id": interaction_id, "language": "xx"}
        refused = await hub.http.post("/api/v1/commands/set_language", json=wrong)
        assert (refused.status_code, "no language 'xx'" in refused.text) == (422, True)


async def test_what_rings_for_the_wrong_agent_stops_and_rings_for_the_right_one(
    database_url: str, tmp_path: Path
) -> None:
    async with open_test_hub(database_url, tmp_path, config=school()) as hub, hub.at_work("jonas") as (jonas,):
        await hub.chat("wei", "OK")
        offer = await jonas.offer()
        async with hub.at_work("mei") as (mei,):
            await say(hub, "set_language", offer.interaction_id, language="zh")
            await mei.accept(offer.interaction_id)
        ended = await bodies(hub, offer.interaction_id, OfferEnded)
        assert [(each.agent_id, each.outcome) for each in ended] == [("jonas", "rescinded"), ("mei", "accepted")]
        assert "jonas" not in (await hub.record(offer.interaction_id)).missed  # it is no fault of theirs


async def test_what_is_in_hand_goes_where_it_belongs_once_it_waits_again(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=school()) as hub, hub.at_work("mei") as (mei,):
        await hub.chat("lena", "Hello there")
        work = await mei.accept()
        await mei.command("set_intent", interaction_id=work.interaction_id, intent="refund")
        kept = await hub.record(work.interaction_id)
        assert (kept.state, kept.queue, kept.bound_for) == ("assigned", "support", "billing")
        await mei.command("return_to_queue", interaction_id=work.interaction_id)
        back = await hub.record(work.interaction_id)
        assert asked(back) == ("billing", 12, {"billing": 2, "refunds": 1})
        assert (back.bound_for, back.virtual_enqueued_at) == ("", kept.virtual_enqueued_at)


async def test_where_the_house_says_so_it_leaves_the_hands_of_who_cannot_take_it(
    database_url: str, tmp_path: Path
) -> None:
    always = school(recognition={"corrected": "always"})
    async with open_test_hub(database_url, tmp_path, config=always) as hub, hub.at_work("jonas") as (jonas,):
        await hub.chat("wei", "OK")
        work = await jonas.accept()
        await jonas.command("set_intent", interaction_id=work.interaction_id, intent="delivery")
        assert (await hub.record(work.interaction_id)).state == "assigned"  # which they can take
        await jonas.command("set_language", interaction_id=work.interaction_id, language="zh")
        await jonas.gone(work.interaction_id)
        waits = await hub.record(work.interaction_id)
        assert (waits.state, asked(waits)) == ("waiting", ("support", 6, {"chinese": 3}))


async def test_where_the_house_says_so_it_is_only_written_down(database_url: str, tmp_path: Path) -> None:
    noted = school(recognition={"corrected": "note"})
    async with open_test_hub(database_url, tmp_path, config=noted) as hub:
        await hub.chat("wei", CHINESE)
        interaction_id = await hub.only_interaction()
        before = await hub.record(interaction_id)
        await say(hub, "set_language", interaction_id, language="ja")
        after = await hub.record(interaction_id)
        assert (asked(after), after.epoch, after.language_said) == (asked(before), before.epoch, "ja")


async def test_what_people_sent_on_stays_where_they_sent_it(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=school()) as hub, hub.at_work("mei") as (mei,):
        await learnt(hub)
        await hub.twilio.sms(LENA, REFUND)
        work = await mei.accept()
        await mei.command("set_state", state="not_ready")
        await mei.command("return_to_queue", interaction_id=work.interaction_id, queue="sales")
        await say(hub, "set_intent", work.interaction_id, intent="cancel")
        moved = await hub.record(work.interaction_id)
        assert (moved.state, moved.queue, moved.skills) == ("waiting", "sales", {})
        await say(hub, "set_intent", work.interaction_id, intent="refund")
        assert (await hub.record(work.interaction_id)).queue == "sales"


async def test_a_correction_asks_for_no_skill_that_nobody_there_has(database_url: str, tmp_path: Path) -> None:
    alone = school(recognition={"languages": {"de": {"german": 3}}})
    async with open_test_hub(database_url, tmp_path, config=alone) as hub:
        await hub.chat("wei", "OK")
        interaction_id = await hub.only_interaction()
        await say(hub, "set_language", interaction_id, language="de")
        record = await hub.record(interaction_id)
        assert (record.skills, record.brought, await bodies(hub, interaction_id, AsksChanged)) == ({}, {}, [])


async def test_a_call_keeps_the_queue_that_the_caller_chose(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=school()) as hub:
        await hub.twilio.call(LENA).arrive()
        interaction_id = await hub.only_interaction()
        await say(hub, "set_intent", interaction_id, intent="refund")
        record = await hub.record(interaction_id)
        assert (record.queue, record.state) == ("support", "waiting")
        assert record.skills == {"refunds": 1}


async def test_a_language_can_be_said_where_the_list_of_intents_is_empty(database_url: str, tmp_path: Path) -> None:
    tongues = house(recognition={"mode": "suggest", "languages": {"zh": {"chinese": 3}}})
    async with open_test_hub(database_url, tmp_path, config=tongues) as hub:
        listed = (await hub.get("console"))["languages"]
        assert (listed[0], "de" in listed, listed.count("zh")) == ("zh", True, 1)
        await hub.chat("lena", GERMAN)
        interaction_id = await hub.only_interaction()
        await say(hub, "set_language", interaction_id, language="zh")
        assert (await hub.record(interaction_id)).skills == {}  # languages only suggest here


async def test_corrections_are_counted_whichever_they_are(database_url: str, tmp_path: Path) -> None:
    house = school(recognition={"train": {"every_hours": None, "after_corrections": 2}})
    async with open_test_hub(database_url, tmp_path, config=house) as hub:
        for name, said in (("wei", {"language": "ja"}), ("ann", {"intent": "refund"})):
            assert not await hub.runtime.teacher.is_due()
            await hub.chat(name, "Hello")
            hub.advance(3_600_000)
            interaction_id = (await hub.interactions())[-1]
            await say(hub, f"set_{next(iter(said))}", interaction_id, **said)
        assert await hub.runtime.teacher.is_due()


async def test_with_recognition_switched_off_a_correction_changes_no_routing(
    database_url: str, tmp_path: Path
) -> None:
    async with open_test_hub(database_url, tmp_path, config=school()) as hub:
        await hub.chat("wei", CHINESE)
        interaction_id = await hub.only_interaction()

        def off(conn: Connection) -> None:
            stored = settings.get(conn, recognise.SETTING, {})
            settings.put(conn, recognise.SETTING, {**stored, "mode": "off"})

        await hub.write(off)
        await say(hub, "set_language", interaction_id, language="ja")
        record = await hub.record(interaction_id)
        assert (record.language_said, record.skills) == ("ja", {"chinese": 3})
