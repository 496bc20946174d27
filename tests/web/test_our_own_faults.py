"""A fault of ours costs a customer nothing: their words are kept, the next are served, a mend brings all in."""

from __future__ import annotations

from pathlib import Path

import orjson
from sqlalchemy import Connection, select, text, update

from contact_center.storage.schema import interactions
from tests.hub import TestHub, open_test_hub

LENA = "+4915112345678"
WEI = "+8613800138000"


def spoil(conn: Connection) -> str:
    """Makes the only record one that cannot be read; gives what it was."""
    kept = conn.execute(select(interactions.c.record)).scalar_one()
    conn.execute(text("UPDATE interactions SET record = '{\"segments\": 5}'"))
    return orjson.dumps(kept).decode()


def mend(conn: Connection, kept: str) -> None:
    conn.execute(
        update(interactions).where(interactions.c.thread_key.like(f"{LENA}%")).values(record=orjson.loads(kept))
    )


async def send(hub: TestHub, sender: str, words: str, sid: str) -> int:
    fields = {"MessageSid": sid, "From": sender, "To": "+12025550111", "Body": words, "NumMedia": "0"}
    return (await hub.twilio.post("/twilio_sms", fields)).status_code


async def test_what_a_fault_of_ours_stopped_is_kept_and_comes_in_after_the_mend(
    database_url: str, tmp_path: Path
) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await hub.twilio.sms(LENA, "first")
        kept = await hub.write(spoil)
        assert await send(hub, LENA, "second", "SM" + "a" * 32) == 503
        assert await send(hub, WEI, "somebody else", "SM" + "b" * 32) == 200
        [entry] = (await hub.get("quarantine"))["items"]
        assert entry["reason"].startswith("a fault of ours")
        await hub.write(mend, kept)
        answer = await hub.http.post(f"/api/v1/quarantine/{entry['id']}/replay")
        assert answer.status_code == 200, answer.text
        said = [e.body.text for e in await hub.log() if e.kind == "message.received"]  # type: ignore[union-attr]
        assert sorted(said) == ["first", "second", "somebody else"]
        assert await send(hub, LENA, "second", "SM" + "a" * 32) == 200
        assert (await hub.get("quarantine"))["items"] == []
