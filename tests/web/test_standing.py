"""What the back office says of customers, and what it is worth."""

from __future__ import annotations

from pathlib import Path

import pytest

from contact_center.storage import backlog, journal
from tests.hub import house, open_test_hub

LENA = "+4915112345678"
STAFF = house(
    segments=[{"id": "vip", "name": "VIP", "name_zh": "贵宾", "priority": 20, "skills": {"chinese": 3}}],
)


async def test_what_a_valued_customer_brings_in_comes_first_and_needs_more(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=STAFF) as hub:
        await hub.twilio.sms(LENA, "Hello?")
        first = await hub.record(await hub.only_interaction())
        path = f"/api/v1/customers/{first.customer_id}/standing"
        said = {"segment": "vip", "owner": "jonas", "preferred": ["mei", "jonas", "mei"]}
        answer = await hub.http.put(path, json=said)
        assert answer.json() == {"segment": "vip", "owner": "jonas", "preferred": ["mei", "jonas"]}
        assert (await hub.get(f"customers/{first.customer_id}/standing"))["segment"] == "vip"
        hub.advance(1_000)
        await hub.letter("lena@x.example", "About my order")  # somebody else
        await hub.twilio.call(LENA).arrive()
        records = [await hub.record(each) for each in await hub.interactions()]
        call = next(record for record in records if record.medium == "voice")
        assert (call.priority, call.skills, call.customer_id) == (20, {"chinese": 3}, first.customer_id)
        assert [record.priority for record in records if record is not call] == [0, 0]
        waits = {each.interaction_id: each for each in await hub.read(backlog.waiting, await hub.interactions())}
        assert (waits[call.interaction_id].owner, waits[call.interaction_id].preferred) == ("jonas", ("mei", "jonas"))
        loaded = await hub.read(journal.look, call.interaction_id)
        assert loaded is not None
        assert await hub.read(journal.waiting, loaded) == waits[call.interaction_id], "one by one as all at once"
        assert (await hub.http.put(path, json={})).json() == {"segment": "", "owner": "", "preferred": []}


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"segment": "vips"}, 422),
        ({"owner": "nobody"}, 422),
        ({"preferred": ["nobody"]}, 422),
        ({"preferred": ["mei"] * 21}, 422),
        ({"colour": "red"}, 422),
    ],
)
async def test_what_makes_no_sense_is_refused(
    database_url: str, tmp_path: Path, said: dict[str, object], status: int
) -> None:
    async with open_test_hub(database_url, tmp_path, config=STAFF) as hub:
        await hub.twilio.sms(LENA, "Hello?")
        customer = (await hub.record(await hub.only_interaction())).customer_id
        assert (await hub.http.put(f"/api/v1/customers/{customer}/standing", json=said)).status_code == status
        assert (await hub.get(f"customers/{customer}/standing"))["segment"] == ""


async def test_only_supervisors_say_it_and_only_of_customers(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=STAFF) as hub:
        assert (await hub.http.put("/api/v1/customers/none/standing", json={})).status_code == 404
        assert (await hub.http.get("/api/v1/customers/none/standing")).status_code == 404
        assert (await hub.anonymous.put("/api/v1/customers/none/standing", json={})).status_code == 401
        cookie = {"Cookie": f"cch_session={await hub.cookie_of('mei')}", "Origin": hub.url}
        refused = await hub.anonymous.put("/api/v1/customers/none/standing", json={}, headers=cookie)
        assert refused.status_code == 403


async def test_a_segment_that_is_gone_is_worth_nothing(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=STAFF) as hub:
        await hub.twilio.sms(LENA, "Hello?")
        customer = (await hub.record(await hub.only_interaction())).customer_id
        await hub.http.put(f"/api/v1/customers/{customer}/standing", json={"segment": "vip"})
        assert (await hub.http.post("/api/v1/config", json=house())).is_success
        hub.advance(1_000)
        await hub.twilio.call(LENA).arrive()
        records = [await hub.record(each) for each in await hub.interactions()]
        assert [record.priority for record in records] == [0, 0]
