"""What becomes of a new case whose words say what it is about, through the real doors."""

from __future__ import annotations

from pathlib import Path

from tests.hub import open_test_hub
from tests.recognition.school import learnt, school

LENA = "+4915112345678"
REFUND = "Hello, I was charged twice for the blue kettle, please refund it."


async def test_without_any_setting_nobody_looks(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await hub.twilio.sms(LENA, REFUND)
        kinds = [event.kind for event in await hub.log()]
        assert kinds == ["message.received", "enqueued"]
        assert (await hub.get("console"))["intents"] == []


async def test_what_is_proven_decides_and_says_why(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=school()) as hub, hub.at_work("mei") as (mei,):
        version = await learnt(hub)
        await hub.twilio.sms(LENA, REFUND)
        offer = await mei.offer()
        assert offer.queue == "billing"
        assert offer.recognised is not None
        assert (offer.recognised.intent, offer.recognised.mode) == ("refund", "decide")
        assert {"charged twice", "twice", "refund", "charged"} & set(offer.recognised.because)
        record = await hub.record(offer.interaction_id)
        assert record.skills == {"billing": 2, "refunds": 1}
        assert record.priority == 10  # and not the 90 that the intent would have: the house's cap
        assert record.recognised["model"] == version
        decision = await hub.get(f"decisions/{offer.decision_id}")
        assert decision["recognised"]["skills"] == {"refunds": 1}
        assert decision["recognised"]["because"] == list(offer.recognised.because)
