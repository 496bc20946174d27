"""What programs and browsers read: whole, in order, described, and harmless."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contact_center.domain.time import HOUR
from tests.hub import Clock, TestHub, open_test_hub

LENA = "+4915112345678"


async def a_scenario(hub: TestHub) -> None:
    """Something of most kinds."""
    async with hub.at_work("mei") as (mei,):
        call = hub.twilio.call(LENA)
        await call.arrive()
        work = await mei.accept()
        await call.agent_answers(work.interaction_id, (await hub.get("offers"))["items"][0]["id"])
        await mei.command("note", interaction_id=work.interaction_id, text="On the line")
        await call.completed()
        await mei.command("wrap_up", interaction_id=work.interaction_id, disposition="solved")
        await mei.gone(work.interaction_id)
        await hub.letter("lena@example.com", "Hello", name="Lena", references=("<a@b>",))
        offer = await mei.offer()
        await mei.command("reject", offer_id=offer.id)
        await mei.gone(offer.interaction_id)
        hub.advance(HOUR)
        work = await mei.accept()
        await mei.command("reply", interaction_id=work.interaction_id, text="Hi!")
        await mei.command("wrap_up", interaction_id=work.interaction_id, disposition="solved")
        await mei.gone(work.interaction_id)


# --- described ------------------------------------------------------------------------------------------------------


def mistakes(schema: dict[str, Any], value: Any, whole: dict[str, Any], at: str = "") -> list[str]:
    """What is wrong with ``value`` by the part of JSON Schema that we publish."""
    if "$ref" in schema:
        return mistakes(whole["$defs"][schema["$ref"].rsplit("/", 1)[1]], value, whole, at)
    if "anyOf" in schema:
        tries = [mistakes(each, value, whole, at) for each in schema["anyOf"]]
        return [] if any(not found for found in tries) else tries[0]
    types = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool}
    wrong = []
    kind = schema.get("type")
    if kind == "null":
        return [] if value is None else [f"{at} is not null"]
    if kind and (not isinstance(value, types[kind]) or (kind != "boolean" and isinstance(value, bool))):
        return [f"{at} is {value!r}, not {kind}"]
    if "enum" in schema and value not in schema["enum"]:
        wrong.append(f"{at} is {value!r}, not one of {schema['enum']}")
    if "const" in schema and value != schema["const"]:
        wrong.append(f"{at} is not {schema['const']!r}")
    if isinstance(value, dict):
        known = schema.get("properties", {})
        wrong += [f"{at} lacks {name}" for name in schema.get("required", []) if name not in value]
        for name, part in value.items():
            inner = known.get(name, schema.get("additionalProperties"))
            if isinstance(inner, dict):
                wrong += mistakes(inner, part, whole, f"{at}.{name}")
            elif name not in known and inner is not True and known:
                wrong.append(f"{at} says {name}, of which the schema knows nothing")
        for rule in schema.get("allOf", []):
            if not mistakes(rule["if"], value, whole, at):
                wrong += mistakes(rule["then"], value, whole, at)
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        for number, part in enumerate(value):
            wrong += mistakes(schema["items"], part, whole, f"{at}[{number}]")
    return wrong


async def test_every_event_is_what_the_published_schema_says(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await a_scenario(hub)
        schema = (await hub.anonymous.get("/api/v1/schema/interaction-event.json")).json()
        events = (await hub.get("events", limit=1000))["items"]
        assert len({event["kind"] for event in events}) >= 10
        wrong = [(event["kind"], found) for event in events if (found := mistakes(schema, event, schema, "event"))]
        assert wrong == []
        broken = {**events[0], "received_at": "yesterday"}
        assert mistakes(schema, broken, schema), "a schema that allows everything says nothing"


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_the_interfaces_describe_themselves(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        openapi = (await hub.anonymous.get("/openapi.json")).json()
        assert "/api/v1/commands/accept" in openapi["paths"]
        asyncapi = (await hub.anonymous.get("/asyncapi.json")).json()
        messages = asyncapi["channels"]["agent"]["messages"]
        async with hub.at_work("mei") as (mei,):
            await hub.twilio.sms(LENA, "Hello?")
            await mei.accept()
            await mei.say(type="ping")
            await mei.frame("pong")
            assert {frame["type"] for frame in mei.frames} <= set(messages)
        flat = str(asyncapi)
        for reference in {part.split("'")[0] for part in flat.split("#/components/schemas/")[1:]}:
            assert reference in asyncapi["components"]["schemas"], reference


# --- whole and in order --------------------------------------------------------------------------------------------


async def test_the_log_is_read_page_by_page_without_a_gap(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await a_scenario(hub)
        whole = [event["seq"] for event in (await hub.get("events", limit=1000))["items"]]
        assert whole == sorted(set(whole))
        after, read = 0, []
        while after is not None:
            page = await hub.get("events", after=after, limit=3)
            read += [event["seq"] for event in page["items"]]
            after = page["next"]
        assert read == whole


@pytest.mark.parametrize("path", ["interactions", "customers", "cases", "offers"])
async def test_a_list_is_read_page_by_page_without_a_gap(database_url: str, tmp_path: Path, path: str) -> None:
    """Though everything in it happened in the same millisecond."""
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei"):
        for n in range(7):
            await hub.chat(f"visitor-{n}", "Hello?")
            await hub.twilio.sms(f"+4915112345{n:03}", "Hello?")

        async def offered() -> bool:
            return len((await hub.get("offers"))["items"]) == 7

        await hub.eventually(offered)
        name = {"interactions": "interaction_id"}.get(path, "id")
        whole = [item[name] for item in (await hub.get(path))["items"]]
        assert len(whole) >= 7
        read: list[Any] = []
        after: Any = ""
        while after is not None:
            page = await hub.get(path, limit=2, **({"after": after} if after else {}))
            read += [item[name] for item in page["items"]]
            after = page["next"]
        assert read == whole


async def test_today_begins_at_the_hubs_own_midnight(database_url: str, tmp_path: Path) -> None:
    """23:30 UTC on the day before is half past midnight in Berlin in winter: today, there."""
    clock = Clock(1_796_081_400_000)  # 2026-11-30T23:30:00Z
    async with open_test_hub(database_url, tmp_path, clock=clock) as hub:
        await hub.twilio.sms(LENA, "Hello?")
        clock.now += HOUR  # in UTC another day has begun, in Berlin it has not
        support = next(q for q in (await hub.get("queues"))["items"] if q["id"] == "support")
        assert support["offered_today"] == 1


async def test_a_case_is_one_stream_over_all_channels(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,):
        await hub.twilio.sms(LENA, "By text")
        work = await mei.accept()
        await mei.command("wrap_up", interaction_id=work.interaction_id, disposition="waiting", case_status="pending")
        await mei.gone(work.interaction_id)
        await hub.twilio.call(LENA).arrive()
        found = await hub.get(f"cases/{work.case_id}")
        assert [i["medium"] for i in found["interactions"]] == ["voice", "sms"]
        stream = (await hub.get(f"cases/{work.case_id}/events"))["items"]
        assert [event["seq"] for event in stream] == sorted(event["seq"] for event in stream)
        assert {event["medium"] for event in stream} == {"sms", "voice"}
        assert next(e for e in stream if e["kind"] == "wrapped_up")["actor"]["name"] == "Mei Lin 林美"


# --- harmless ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_the_consoles_pages_may_be_framed_by_nobody(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        page = await hub.anonymous.get("/")
        if page.status_code == 503:
            assert "has not been built" in page.text
            return
        policy = page.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "object-src 'none'" in policy
        assert "script-src 'unsafe-inline'" not in policy
        assert page.headers["x-content-type-options"] == "nosniff"
        for path in ("/..%2f..%2fetc%2fpasswd", "/secret.key", "/%00", "/assets/..%2f..%2fpyproject.toml"):
            answer = await hub.anonymous.get(path)
            assert "[project]" not in answer.text
            assert "root:" not in answer.text


# --- up, and not quite ---------------------------------------------------------------------------------------------


async def test_a_hub_says_whether_it_can_work(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.agent("mei"):
        await hub.twilio.sms(LENA, "Hello?")
        ready = (await hub.anonymous.get("/ready")).json()
        assert ready["ready"]
        assert ready["database"]["kind"] == hub.runtime.executor.dialect
        assert ready["channels"]["twilio_sms"]["state"] == "ready"
        assert ready["channels"]["email"]["state"] == "off"
        assert "CONTACT_CENTER_EMAIL" in ready["channels"]["email"]["reason"]
        metrics = (await hub.anonymous.get("/metrics")).text
        assert "contact_center_consoles 1.0" in metrics
        assert 'contact_center_interactions{state="waiting"} 1.0' in metrics


async def test_a_hub_without_its_database_says_so_and_a_caller_hears_no_error(
    database_url: str, tmp_path: Path
) -> None:
    async with open_test_hub(database_url, tmp_path, checked=False) as hub:
        await hub.runtime.executor.stop()
        ready = await hub.anonymous.get("/ready")
        assert ready.status_code == 503
        assert ready.json()["database"]["state"] == "off"
        assert (await hub.anonymous.get("/health")).status_code == 200
        said = await hub.twilio.call(LENA).arrive()
        assert "<Say" in said
        assert "<Redirect" in said, "and comes back"
        text = await hub.twilio.post("/twilio_sms", {"MessageSid": hub.twilio.sid("SM"), "From": LENA, "Body": "x"})
        assert text.status_code == 503, "Twilio comes again"
        for path in ("/metrics", "/api/v1/queues"):
            answer = await hub.http.get(path)
            assert answer.status_code == 503
            assert answer.headers["retry-after"]
        async with hub.agent("mei", snapshot=False) as console:
            assert await console.ended() == 1013, "come back in a moment"
