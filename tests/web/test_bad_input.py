"""Whatever comes in at any door, the answer is clear, nothing is lost, and the next good input is served."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.hub import KEY, WITHIN_S, CommandRefused, TestHub, open_test_hub

LENA = "+4915112345678"
HUGE = 10**30
STRANGE: list[Any] = [
    None,
    True,
    -1,
    HUGE,
    1.5,
    [],
    {},
    "",
    "a\x00b",
    "\ud800",
    "x" * 100_000,
    "../../etc/passwd",
    "'; DROP TABLE events; --",
    "%s%n",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 \u202e",
]
ARGUMENTS: dict[str, dict[str, Any]] = {
    "set_state": {"state": "ready", "reason": "break"},
    "set_agent_state": {"agent_id": "mei", "state": "ready", "reason": "break"},
    "accept": {"offer_id": "nothing"},
    "reject": {"offer_id": "nothing", "reason": "busy"},
    "reply": {"interaction_id": "nothing", "text": "Hello", "subject": "Hello"},
    "note": {"interaction_id": "nothing", "text": "Hello"},
    "hang_up": {"interaction_id": "nothing"},
    "wrap_up": {"interaction_id": "nothing", "disposition": "solved", "note": "Hello", "case_status": "closed"},
    "return_to_queue": {"interaction_id": "nothing", "queue": "sales"},
    "rename_customer": {"customer_id": "nothing", "name": "Lena"},
    "pick": {"interaction_id": "nothing", "agent_id": "mei", "reason": "mine", "over_capacity": True},
    "keep_work": {"interaction_id": "nothing"},
    "set_capacity": {"agent_id": "mei", "capacity": {"sms": 1}, "most": 1, "most_of": {"care": 1}},
    "set_intent": {"interaction_id": "nothing", "intent": "refund"},
    "set_language": {"interaction_id": "nothing", "language": "zh"},
}


async def still_serves(hub: TestHub) -> None:
    await hub.twilio.sms(LENA, "Hello?")
    assert (await hub.get("interactions"))["items"]


async def test_no_argument_of_any_command_makes_the_hub_fail(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await still_serves(hub)
        interaction_id = await hub.only_interaction()
        (customer,) = await hub.rows("customers")
        failed = []
        for name, good in ARGUMENTS.items():
            if "interaction_id" in good:
                good = {**good, "interaction_id": interaction_id}
            if "customer_id" in good:
                good = {**good, "customer_id": customer["id"]}
            tries: list[Any] = [[], None, "text", 1, {}, {**good, "unknown": 1}]
            tries += [{**good, key: value} for key in good for value in STRANGE]
            for arguments in tries:
                answer = await hub.http.post(
                    f"/api/v1/commands/{name}?agent=jonas",
                    content=json.dumps(arguments).encode(),
                    headers={"content-type": "application/json"},
                )
                if answer.status_code >= 500:
                    failed.append((name, str(arguments)[:100], answer.status_code))
                elif answer.status_code >= 400:
                    assert answer.json()["error"]["message"]
        assert failed == []
        await still_serves(hub)


BAD_BODIES: list[bytes] = [
    b"",
    b"{",
    b"nonsense",
    b"\xff\xfe\x00",
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b'{"state": "ready", "state": "offline"}  trailing',
    b"NaN",
]


@pytest.mark.parametrize("body", BAD_BODIES, ids=range(len(BAD_BODIES)))
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_body_that_is_no_json_is_refused(database_url: str, tmp_path: Path, body: bytes) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        for path in ("/api/v1/session", "/api/v1/commands/set_state?agent=mei"):
            for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded", ""):
                answer = await hub.http.post(path, content=body, headers={"content-type": kind} if kind else {})
                assert 400 <= answer.status_code < 500, (path, kind, answer.status_code)
                assert answer.json()["error"]["message"]
        await still_serves(hub)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_body_beyond_measure_is_refused_before_it_is_read(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        for path in ("/api/v1/session", "/api/v1/commands/note?agent=mei", "/api/v1/quarantine/x/replay"):
            big = b'{"text": "' + b"x" * 3_000_000 + b'"}'
            answer = await hub.http.post(path, content=big, headers={"content-type": "application/json"})
            assert answer.status_code == 413, path
            assert answer.json()["error"]["code"] == "too_large"

            async def endless() -> Any:
                for _ in range(300):
                    yield b"x" * 10_000

            if path.endswith("replay"):
                continue  # reads no body at all
            # Without a length, too: what is beyond the limit is not kept.
            answer = await hub.http.post(path, content=endless(), headers={"content-type": "application/json"})
            assert answer.status_code == 413, path
        await still_serves(hub)


QUERIES = [
    "interactions?limit=0",
    "interactions?limit=201",
    f"interactions?limit={HUGE}",
    "interactions?limit=x",
    "interactions?state=%00",
    "interactions?queue=%00&agent=%ff",
    "interactions?after=%00",
    "interactions?customer=" + "x" * 5_000,
    "interactions/%00",
    "interactions/" + "x" * 5_000,
    "interactions/..%2f..%2fetc",
    "interactions/%00/events",
    f"interactions/x/events?after={HUGE}",
    "interactions/x/events?after=-1",
    "interactions/%00/why",
    "cases?after=1.2.3",
    "cases?after=999999999999999999.999999999999999999",
    "cases?q=%00",
    "cases?q=%25_%5c",
    "cases?q=99999999999999999999",
    "cases?q=%C2%B2",  # ² is a digit to some
    "cases/0",
    "cases/-1",
    f"cases/{HUGE}",
    f"cases/{HUGE}/events",
    "cases/-5/events",
    "cases/x",
    "customers?q=%00",
    "customers?q=%25%25%25",
    "customers/%00",
    "offers?after=-1",
    f"offers?after={HUGE}",
    "offers?state=%00",
    "decisions/%00",
    "events?after=-1",
    f"events?after={HUGE}",
    "events?after=9223372036854775807",
    "events/%00/html",
    "events/%00/attachments/%00",
    "events/x/attachments/..%2f..%2fsecret.key",
    "quarantine?state=%00&after=%00",
    "console?agent=%00",
    "nothing",
    "%00",
]


async def test_no_query_makes_the_hub_fail(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await still_serves(hub)
        failed = []
        for query in QUERIES:
            answer = await hub.http.get(f"/api/v1/{query}")
            if answer.status_code >= 500:
                failed.append((query[:60], answer.status_code))
        answer = await hub.http.post("/api/v1/quarantine/%00/replay")
        assert answer.status_code in (404, 422)
        assert failed == []
        await still_serves(hub)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_method_that_is_not_there_is_refused(database_url: str, tmp_path: Path, method: str) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        for path in ("/api/v1/interactions", "/webhooks/twilio_sms", "/", "/api/v1/commands/accept"):
            answer = await hub.http.request(method, path)
            assert 400 <= answer.status_code < 500, (path, answer.status_code)


# --- webhooks --------------------------------------------------------------------


async def test_a_forged_webhook_is_refused_and_leaves_nothing(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        for path in ("/twilio_sms", "/twilio_voice", "/twilio_sms/status", "/twilio_voice/status"):
            answer = await hub.twilio.post(path, {"MessageSid": "SM1", "From": LENA, "Body": "Hello"}, signed=False)
            assert answer.status_code == 403
            assert "X-Twilio-Signature" in answer.text
        assert await hub.interactions() == []
        assert (await hub.get("quarantine"))["items"] == [], "strangers cannot fill the quarantine"
        await still_serves(hub)


async def test_garbage_at_a_webhook_is_refused(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        for body in (b"", b"\x00\xff\xfe", b"&&&&==", b"%" * 1_000, b"a=" + b"x" * 60_000, b"{}", b"a=1&" * 10_000):
            for path in ("/webhooks/twilio_sms", "/webhooks/twilio_voice", "/webhooks/webchat", "/webhooks/email"):
                answer = await hub.anonymous.post(path, content=body)
                assert 400 <= answer.status_code < 500 or answer.status_code == 503, (path, answer.status_code)
        await still_serves(hub)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_webhook_beyond_measure_is_refused(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        answer = await hub.anonymous.post("/webhooks/twilio_sms", content=b"x" * 2_000_000)
        assert answer.status_code == 413

        async def endless() -> Any:
            for _ in range(300):
                yield b"x" * 10_000

        answer = await hub.anonymous.post("/webhooks/twilio_sms", content=endless())
        assert answer.status_code == 413
        await still_serves(hub)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_channel_that_does_not_exist_is_not_found(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        for path in ("/webhooks/nothing", "/webhooks/nothing/status", "/webhooks/..%2ftwilio_sms", "/webhooks/%00"):
            assert (await hub.anonymous.post(path, content=b"a=1")).status_code == 404
        await still_serves(hub)


async def test_a_genuine_message_that_cannot_be_stored_is_kept_and_harms_nobody(
    database_url: str, tmp_path: Path
) -> None:
    """Whatever a customer writes, it is either taken in or kept where a person sees it."""
    async with open_test_hub(database_url, tmp_path) as hub:
        hostile = ["a\x00b", "\ufeff", "x" * 1_600, "\u202e\u0000", "💥" * 300, "\r\n.\r\n"]
        for text in hostile:
            answer = await hub.twilio.post(
                "/twilio_sms", {"MessageSid": hub.twilio.sid("SM"), "From": LENA, "To": "+12025550111", "Body": text}
            )
            assert answer.status_code < 500, repr(text[:20])
        await hub.twilio.post(
            "/twilio_sms",
            {"MessageSid": hub.twilio.sid("SM"), "From": "\x00" * 5, "To": "\x00", "Body": "Hello"},
        )
        for caller in ("\x00", "x" * 2_000, "+49\x00151"):
            call = {"CallSid": hub.twilio.sid("CA"), "From": caller, "To": caller, "CallerName": "\x00" + "y" * 900}
            answer = await hub.twilio.post("/twilio_voice", {**call, "CallStatus": "ringing"})
            assert answer.status_code < 500
        await still_serves(hub)


# --- the agents' socket --------------------------------------------------------------------


def socket_at(url: str, headers: dict[str, str]) -> connect:
    return connect(url, additional_headers=headers, open_timeout=WITHIN_S, ping_interval=None, proxy=None)


async def test_frames_that_make_no_sense_are_answered_and_ten_are_enough(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        url = hub.url.replace("http", "ws") + "/agent?agent=mei"
        headers = {"Authorization": f"Bearer {KEY}"}
        bad: list[str | bytes] = [
            "nonsense", "[]", "1", "{}", '{"type":1}', b"\x00\x01", "", "null", '{"type":null}', "[" * 1_000,
        ]  # fmt: skip
        async with socket_at(url, headers) as connection:
            await connection.recv()
            for frame in bad[:9]:
                await connection.send(frame)
                assert json.loads(await connection.recv())["type"] == "error"
            await connection.send('{"type":"ping"}')
            assert json.loads(await connection.recv())["type"] == "pong"
            await connection.send(bad[9])
            with pytest.raises(ConnectionClosed):  # noqa: PT012
                while True:
                    await connection.recv()
            assert connection.close_code == 4400
        async with socket_at(url, headers) as connection:
            await connection.recv()
            await connection.send('{"type":"command","id":"a","name":"' + "x" * 1_100_000 + '"}')
            with pytest.raises(ConnectionClosed):  # noqa: PT012
                while True:
                    await connection.recv()
            assert connection.close_code == 1009
        await still_serves(hub)


async def test_commands_that_make_no_sense_are_refused_one_by_one(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.agent("mei") as mei:
        with pytest.raises(CommandRefused, match="unknown_command"):
            await mei.command("fly")
        with pytest.raises(CommandRefused, match="unknown_command"):
            await mei.command("")
        with pytest.raises(CommandRefused, match="args"):
            await mei.command("accept")
        with pytest.raises(CommandRefused, match="args"):
            await mei.command("accept", offer_id="x", more=1)
        for frame in (
            {"id": 1, "name": "set_state"},
            {"name": "set_state"},
            {"id": "x" * 65, "name": "set_state"},
        ):
            seen = len(mei.frames)
            await mei.say(type="command", **frame)
            result = await mei.frame("result", seen)
            assert (result["ok"], result["error"]["code"]) == (False, "args")
        for arguments in ([], "text", None, 1):
            seen = len(mei.frames)
            await mei.say(type="command", id=f"c-{arguments}", name="set_state", args=arguments)
            assert (await mei.frame("result", seen))["ok"] is False
        for name in (1, None, ["set_state"], {}):
            seen = len(mei.frames)
            await mei.say(type="command", id=f"n-{name}", name=name, args={})
            assert (await mei.frame("result", seen))["error"]["code"] == "unknown_command"
        await mei.command("set_state", state="ready")


async def test_a_command_with_characters_that_cannot_be_stored_is_refused(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.agent("mei") as mei:
        with pytest.raises(CommandRefused) as refused:
            await mei.command("accept", offer_id="a\x00b")
        assert refused.value.code in ("args", "not_found", "not_storable")
        seen = len(mei.frames)
        await mei.say(type="command", id="a\x00b", name="set_state", args={"state": "ready"})
        result = await mei.frame("result", seen)
        assert result["ok"] or result["error"]["code"] in ("args", "not_storable")
        await mei.command("set_state", state="ready")


async def test_a_socket_with_no_credentials_is_closed(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        url = hub.url.replace("http", "ws") + "/agent"
        for query, headers, code in (
            ("", {}, 4401),
            ("", {"Cookie": "cch_session=nothing"}, 4401),
            ("", {"Authorization": "Bearer wrong-key-012345678"}, 4401),
            ("?agent=nobody", {"Authorization": f"Bearer {KEY}"}, 4403),
        ):
            async with socket_at(url + query, headers) as connection:
                with pytest.raises(ConnectionClosed):
                    await connection.recv()
                assert connection.close_code == code, query
        await still_serves(hub)


async def test_many_bad_and_good_inputs_at_once_end_well(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        good = [hub.twilio.sms(f"+4915112345{n:03}", "Hello?") for n in range(30)]
        bad = [hub.twilio.post("/twilio_sms", {"Nonsense": str(n)}) for n in range(30)]
        forged = [hub.twilio.post("/twilio_sms", {"MessageSid": f"SM{n}"}, signed=False) for n in range(30)]
        answers = await asyncio.gather(*good, *bad, *forged)
        assert [answer.status_code for answer in answers[30:]] == [400] * 30 + [403] * 30
        assert len(await hub.interactions()) == 30
        assert len((await hub.get("quarantine"))["items"]) == 30
