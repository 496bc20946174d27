"""Services that flows ask: a real one over HTTP, whatever it answers, and what stays between it and the caller."""

from __future__ import annotations

import asyncio
import html
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from contact_center.domain.events import ServiceAnswered
from contact_center.domain.time import MINUTE, SECOND
from contact_center.storage import codes
from contact_center.storage.effects import ServiceWanted
from contact_center.telephony.services import MOST_BYTES, Services
from tests.hub import SMS_NUMBER, VOICE_NUMBER, WITHIN_S, until
from tests.telephony.talking import LENA, MAY_CALL, Line, a_line, with_calls


@dataclass
class Answering:
    """A service that gives ``answer`` (raw HTTP) after ``wait_s``, or to the next of ``gates`` when that opens;
    ``asked`` is what came, head and body."""

    url: str = ""
    answer: bytes = b""
    wait_s: float = 0
    gates: list[asyncio.Event] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def says(self, status: int, body: str, *headers: str) -> None:
        head = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body.encode())}", "Connection: close", *headers]
        self.answer = "\r\n".join([*head, "", ""]).encode() + body.encode()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = re.search(r"(?i)content-length: (\d+)", head)
            body = (await reader.readexactly(int(length[1]))).decode() if length else ""
            self.asked.append(head + body)
            await (self.gates.pop(0).wait() if self.gates else asyncio.sleep(self.wait_s))
            writer.write(self.answer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def a_service() -> AsyncIterator[Answering]:
    service = Answering()
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0)
    service.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield service
    finally:
        server.close()


async def ask(service: Answering, path: str = "/orders/{number}", **more: Any) -> ServiceAnswered:
    """What a flow hears of the service's answer."""
    told: asyncio.Future[ServiceAnswered] = asyncio.get_running_loop().create_future()

    async def answered(interaction_id: str, answer: ServiceAnswered) -> None:
        told.set_result(answer)

    setting = {"id": "orders", "url": service.url + path, **more.pop("setting", {})}

    async def known() -> tuple[dict[str, Any], ...]:
        return (setting,)

    services = Services(answered, known)
    wanted: dict[str, Any] = {
        "service": more.pop("of", "orders"),
        "values": {"number": "1001"},
        "budget_ms": 60_000,
        **more,
    }
    services.wanted(ServiceWanted("in-1", "at", **wanted))
    try:
        return await asyncio.wait_for(told, WITHIN_S)
    finally:
        await services.stop()


async def test_an_answer_becomes_values_by_name() -> None:
    async with a_service() as service:
        service.says(200, '{"status": "shipped", "paid": true, "to": {"city": "北京"}, "items": [{"n": 2}]}')
        answer = await ask(service)
        assert (answer.outcome, answer.position) == ("ok", "at")
        assert answer.values == {"status": "shipped", "paid": "true", "to.city": "北京", "items.0.n": "2"}
        assert service.asked[0].startswith("GET /orders/1001 ")


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (404, "{}", "not_found"),
        (410, "{}", "not_found"),
        (500, "{}", "error"),
        (403, '{"status": "shipped"}', "error"),
        (200, "not JSON", "error"),
        (200, "", "error"),
        (200, '"' + "x" * MOST_BYTES + '"', "error"),
        (200, "[" * 5_000, "error"),
    ],
)
async def test_an_answer_that_is_none_takes_the_flows_way_for_it(status: int, body: str, outcome: str) -> None:
    async with a_service() as service:
        service.says(status, body)
        answer = await ask(service)
        assert (answer.outcome, answer.values) == (outcome, {})


async def test_a_service_that_is_slow_or_silent_or_gone_is_not_waited_for() -> None:
    async with a_service() as service:
        service.says(200, "{}")
        service.wait_s = 2 * WITHIN_S
        assert (await ask(service, budget_ms=200)).outcome == "timeout"
        service.wait_s = 0
        service.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"
        assert (await ask(service)).outcome == "error"
        assert (await ask(service, of="nobody")).outcome == "error"
    service.url = "http://127.0.0.1:9"
    assert (await ask(service)).outcome == "error"


async def test_a_service_leads_nowhere_else() -> None:
    async with a_service() as service, a_service() as other:
        other.says(200, '{"status": "shipped"}')
        service.says(302, "", f"Location: {other.url}/elsewhere")
        assert (await ask(service)).outcome == "error"
        assert other.asked == []


@pytest.mark.parametrize(
    "hostile",
    [
        "../../admin",
        "1001/../2",
        "1?admin=1",
        "1#x",
        "1&all=1",
        "1@evil.example/",
        "1\r\nX-Evil: 1",
        "%2e%2e",
        "{url}",
    ],
)
async def test_what_a_caller_says_fills_one_hole_and_changes_nothing_else(hostile: str) -> None:
    async with a_service() as service:
        service.says(200, "{}")
        await ask(service, "/orders/{number}/status?of={number}", values={"number": hostile})
        target = service.asked[0].split(" ")[1]
        path, _, query = target.partition("?")
        assert path.count("/") == 3
        assert unquote(path.split("/")[2]) == hostile
        assert query.count("=") == 1
        assert "\r\nX-Evil" not in service.asked[0]


@pytest.mark.parametrize("dots", [".", ".."])
async def test_a_value_that_would_lead_out_of_its_path_asks_nobody(dots: str) -> None:
    async with a_service() as service:
        service.says(200, "{}")
        assert (await ask(service, values={"number": dots})).outcome == "error"
        assert service.asked == []


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ('{"verified": true}', "verified"),
        ('{"verified": false}', "failed"),
        ('{"verified": "maybe"}', "unavailable"),
        ("{}", "unavailable"),
        ("[]", "unavailable"),
    ],
)
async def test_only_a_clear_yes_proves_who_somebody_is(body: str, outcome: str) -> None:
    async with a_service() as service:
        service.says(200, body)
        answer = await ask(service, pin="2468")
        assert (answer.outcome, answer.values) == (outcome, {})
        assert service.asked[0].startswith("POST ")
        assert '"pin":"2468"' in service.asked[0].replace(" ", "")


async def test_a_service_that_cannot_be_told_the_pin_proves_nothing() -> None:
    async with a_service() as service:
        service.says(200, '{"verified": true}')
        assert (await ask(service, pin="2468", setting={"method": "GET"})).outcome == "unavailable"
        assert service.asked == []


# --- in the hub ---------------------------------------------------------------------------------------------------

WITH_PIN = """
flow: main
languages: {en: en-US}
otherwise: person
steps:
  look:
    fetch: orders
    with: {number: "7"}
    budget_ms: 10000
    not_found: proof
    error: proof
    timeout: proof
  proof:
    verify: pin
    service: identity
    budget_ms: 10000
    say: "Please key in your PIN."
    min: 4
    max: 6
    verified: sales
    failed: person
    unavailable: person
  sales: {queue: sales}
  person: {queue: support}
"""


def position(twiml: str) -> str:
    found = re.search(r"position=([^\"&<]+)", html.unescape(twiml))
    assert found, twiml
    return unquote(found[1])


def asking(service: Answering) -> dict[str, Any]:
    doors = [{"channel": "twilio_voice", "dialled": VOICE_NUMBER, "flow": "main", "queue": "support"}]
    known = [{"id": "orders", "url": service.url + "/{number}"}, {"id": "identity", "url": service.url + "/proof"}]
    return with_calls(entry_points=doors, telephony={**MAY_CALL, "services": known})


async def publish(line: Line, text: str) -> None:
    answer = await line.hub.http.post("/api/v1/flows", json={"text": text})
    assert answer.status_code == 200, answer.text


def files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


async def until_asked(service: Answering, times: int) -> None:
    await until(lambda: len(service.asked) >= times, "the service to be asked")


async def test_a_pin_is_written_down_nowhere(
    database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    pin = "918273"
    async with a_service() as service, a_line(database_url, tmp_path, config=asking(service)) as line:
        await publish(line, WITH_PIN)
        service.says(404, "{}")
        call = line.hub.twilio.call(LENA)
        at = position(await call.arrive())
        await until_asked(service, 1)
        interaction_id = await line.hub.only_interaction()
        await line.becomes(interaction_id, lambda r: r.answered, "the service's answer")
        said = await call.press(at, "")
        assert "PIN" in said
        service.says(200, '{"verified": true}')
        await call.press(position(said), pin, secret=True)
        at = (await line.hub.record(interaction_id)).flow_position
        await until_asked(service, 2)
        assert pin in service.asked[1]
        await line.becomes(interaction_id, lambda r: r.answered, "the proof")
        await call.press(at, "")
        assert (await line.hub.record(interaction_id)).queue == "sales"
        kept = [str(await line.hub.rows(t)) for t in ("events", "outbox", "interactions", "quarantine", "settings")]
        assert not [rows for rows in kept if pin in rows]
    assert [file for file in files(tmp_path) if pin.encode() in file.read_bytes()] == []
    assert pin not in caplog.text + capsys.readouterr().out


async def test_an_answer_that_comes_too_late_answers_nothing_else(database_url: str, tmp_path: Path) -> None:
    """Least of all whether somebody is who they say."""
    async with a_service() as service, a_line(database_url, tmp_path, config=asking(service)) as line:
        await publish(line, WITH_PIN)
        service.says(200, '{"status": "shipped"}')
        late = asyncio.Event()
        service.gates = [late, asyncio.Event()]
        call = line.hub.twilio.call(LENA)
        first = position(await call.arrive())
        interaction_id = await line.hub.only_interaction()
        await until_asked(service, 1)
        line.hub.advance(11 * SECOND)
        said = await call.press(first, "")
        assert "PIN" in said, "the flow went on"
        await call.press(position(said), "1234", secret=True)
        checking = (await line.hub.record(interaction_id)).flow_position
        await until_asked(service, 2)
        late.set()
        await until(lambda: len(line.hub.runtime.services._asking) == 1, "the late answer to have come")
        await call.press(checking, "")
        record = await line.hub.record(interaction_id)
        assert record.queue != "sales"
        assert record.variables.get("verified") != "yes"


# --- one-time codes -----------------------------------------------------------------------------------------------


async def test_a_code_is_good_once_for_ten_minutes_and_five_tries(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path) as line:
        hub = line.hub

        async def put(code: str) -> None:
            await hub.write(lambda conn: codes.put(conn, hub.clock.occasion(), "in-1", code))

        async def right(given: str, of: str = "in-1") -> bool:
            return await hub.write(lambda conn: codes.check(conn, hub.clock.occasion(), of, given))

        await put("123456")
        assert not await right("123456", "in-2"), "another call's"
        assert not await right("654321")
        assert await right("123456")
        assert not await right("123456"), "it is used up"
        await put("123456")
        for _ in range(codes.MOST_TRIES):
            assert not await right("000000")
        assert not await right("123456"), "guessed at too often"
        await put("111111")
        await put("222222")
        assert not await right("111111"), "the newest counts"
        hub.advance(10 * MINUTE)
        assert not await right("222222"), "too old"
        assert "222222" not in str(await hub.rows("codes"))


WITH_CODE = """
flow: main
languages: {en: en-US}
otherwise: person
steps:
  proof:
    verify: code
    say: "Please key in the code."
    min: 6
    max: 6
    retries: 1
    verified: sales
    failed: person
    unavailable: person
  sales: {queue: sales}
  person: {queue: support}
"""


@pytest.mark.parametrize(("number", "sent"), [(LENA, True), ("anonymous", False), ("+12025550123", False)])
async def test_a_code_is_sent_only_where_a_call_would_be_allowed(
    database_url: str, tmp_path: Path, number: str, sent: bool
) -> None:
    doors = [{"channel": "twilio_voice", "dialled": VOICE_NUMBER, "flow": "main", "queue": "support"}]
    telephony = {**MAY_CALL, "code_channel": "twilio_sms", "code_sender": SMS_NUMBER}
    async with a_line(database_url, tmp_path, config=with_calls(entry_points=doors, telephony=telephony)) as line:
        await publish(line, WITH_CODE)
        call = line.hub.twilio.call(number)
        said = await call.arrive()
        assert ("key in the code" in said) == sent
        if not sent:
            assert not line.asked("Messages")
            return
        (message,) = await line.is_asked("Messages", To=LENA)
        code = re.search(r"\b(\d{6})\b", message["Body"])
        assert code
        wrong = "000000" if code[1] != "000000" else "111111"
        said = await call.press(position(said), wrong, secret=True)
        await call.press(position(said), code[1], secret=True)
        assert (await line.hub.record(await line.hub.only_interaction())).queue == "sales"
