"""What writing a letter needs over REST: how it begins, drafts, files, ready-made replies, what did not arrive."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from channels.contract import Answer, Parsed
from contact_center.domain.contact_points import email
from contact_center.domain.events import Attachment, InteractionEvent, MessageReceived, changed
from contact_center.domain.time import DAY, MINUTE, SECOND
from contact_center.storage import customers, outbox
from contact_center.web import drafts
from tests.channels.twilio_fake import Told, twilio_fake
from tests.hub import Clock, TestHub, house, letter, open_test_hub

LENA = "lena@example.com"
HTML = b'<p>My <b>parcel</b> <img src="cid:photo@phone"><img src="https://spy.example/p.gif"></p><script>x()</script>'
CANNED = [
    {
        "id": "thanks",
        "title": "Thanks",
        "title_zh": "感谢",
        "language": "en",
        "text": "Hello {{customer.name}},\n\nsee case {{ case.id }}.\n{{agent.name}}, {{queue.name}}",
    },
    {"id": "zh", "title": "Thanks (Chinese)", "language": "zh", "html": "<p>{{customer.name}}，您好</p>"},
    {"id": "sales", "title": "Offer", "text": "Buy!", "queues": ["sales"]},
    {"id": "support", "title": "Help", "text": "Help!", "queues": ["support", "sales"]},
]


@asynccontextmanager
async def a_hub(database_url: str, tmp_path: Path, **mail: Any) -> AsyncIterator[TestHub]:
    config = house(mail={"canned_replies": CANNED, **mail})
    async with open_test_hub(database_url, tmp_path, config=config) as hub:
        yield hub


def asked(hub: TestHub, text: str = "Where is my parcel?", sender: str = LENA, **body: Any) -> InteractionEvent:
    event = letter(sender, text, hub.clock.now, subject="Re: My parcel", name="Lena Ott")
    assert isinstance(event.body, MessageReceived)
    return changed(event, body=replace(event.body, **body))


async def arrives(
    hub: TestHub, event: InteractionEvent, *files: tuple[Attachment, bytes], html: bytes = b""
) -> Answer:
    blobs = {file.digest: data for file, data in files}
    if html:
        digest = await hub.runtime.blobs.put(html)
        assert isinstance(event.body, MessageReceived)
        event = changed(event, body=replace(event.body, html=digest))
    event = changed(event, attachments=tuple(file for file, _ in files))
    (answer,) = await hub.runtime.doors["email"].take_in(Parsed((event,), blobs=blobs))
    found: Answer = answer
    return found


async def begins(hub: TestHub, interaction_id: str, mode: str = "reply") -> dict[str, Any]:
    found: dict[str, Any] = await hub.get(f"interactions/{interaction_id}/composing", mode=mode)
    return found


def codes(composing: dict[str, Any]) -> list[tuple[str, str]]:
    return [(warning["code"], warning["address"]) for warning in composing["warnings"]]


# --- how a letter begins --------------------------------------------------------------------------------------------


async def test_an_answer_begins_with_what_it_answers(database_url: str, tmp_path: Path) -> None:
    async with a_hub(database_url, tmp_path) as hub:
        digest = await hub.runtime.blobs.put(b"jpeg")
        photo = Attachment(digest, "photo.jpg", "image/jpeg", 4, "photo@phone")
        pdf = Attachment(await hub.runtime.blobs.put(b"%PDF"), "bill.pdf", "application/pdf", 4)
        taken = await arrives(
            hub, asked(hub, signature="Lena", history="> Older"), (photo, b"jpeg"), (pdf, b"%PDF"), html=HTML
        )
        reply = await begins(hub, taken.interaction_id)
        assert (reply["to"], reply["cc"], reply["subject"]) == ([LENA], [], "Re: My parcel")
        assert reply["quoted_text"].split("\n") == [
            "On 2026-09-21 16:13, Lena Ott <lena@example.com> wrote:",
            "> Where is my parcel?",
            "> Lena",
            ">> Older",
        ]
        assert f'<img src="cid:{digest}">' in reply["quoted_html"]
        assert "<b>parcel</b>" in reply["quoted_html"]
        assert "script" not in reply["quoted_html"]
        assert "spy.example" not in reply["quoted_html"]
        assert [file["name"] for file in reply["attachments"]] == ["photo.jpg"], "the picture in it goes along"
        assert (reply["undo_seconds"], reply["warnings"]) == (10, [])

        passed_on = await begins(hub, taken.interaction_id, "forward")
        assert (passed_on["to"], passed_on["subject"]) == ([], "Fwd: My parcel")
        assert [file["name"] for file in passed_on["attachments"]] == ["photo.jpg", "bill.pdf"]
        assert passed_on["quoted_text"].startswith("---------- Forwarded message ----------\nFrom: Lena Ott <lena@")


async def test_what_is_quoted_in_chinese_is_introduced_in_chinese(database_url: str, tmp_path: Path) -> None:
    async with a_hub(database_url, tmp_path) as hub:
        taken = await arrives(hub, asked(hub, "我的包裹在哪里？"))
        reply = await begins(hub, taken.interaction_id)
        assert reply["quoted_text"] == "在 2026-09-21 16:13，Lena Ott <lena@example.com> 写道：\n> 我的包裹在哪里？"
        assert "写道：" in reply["quoted_html"]


async def test_an_answer_to_all_names_whom_the_message_named_and_warns_of_strangers(
    database_url: str, tmp_path: Path
) -> None:
    async with a_hub(database_url, tmp_path) as hub:
        event = asked(
            hub, to=("tom@example.com", "support@hub.example", LENA), cc=("eve@evil.example", "tom@example.com")
        )
        taken = await arrives(hub, event)
        everybody = await begins(hub, taken.interaction_id, "reply_all")
        assert (everybody["to"], everybody["cc"]) == ([LENA, "tom@example.com"], ["eve@evil.example"])
        assert codes(everybody) == [("not_participant", "tom@example.com"), ("not_participant", "eve@evil.example")]
        assert (await begins(hub, taken.interaction_id))["cc"] == [], "an answer goes to nobody whom a stranger named"


async def test_a_reply_to_of_another_domain_is_offered_and_not_followed(database_url: str, tmp_path: Path) -> None:
    async with a_hub(database_url, tmp_path) as hub:
        taken = await arrives(hub, asked(hub, reply_to="lena@elsewhere.example"))
        reply = await begins(hub, taken.interaction_id)
        assert reply["to"] == [LENA]
        assert codes(reply) == [("reply_to_elsewhere", "lena@elsewhere.example")]
        near = await arrives(hub, asked(hub, "Another", "tom@example.com", reply_to="team@example.com"))
        assert (await begins(hub, near.interaction_id))["to"] == ["team@example.com"]


async def test_an_address_that_nothing_reaches_is_told_before_one_writes_to_it(
    database_url: str, tmp_path: Path
) -> None:
    async with a_hub(database_url, tmp_path) as hub:
        taken = await arrives(hub, asked(hub))
        why = "550 5.1.1 no such user"
        await hub.write(lambda conn: customers.in_trouble(conn, hub.clock.occasion(), email(LENA), why))
        reply = await begins(hub, taken.interaction_id)
        assert reply["warnings"] == [{"code": "undeliverable", "address": LENA, "detail": why}]


async def test_a_chat_has_no_letter_to_begin(database_url: str, tmp_path: Path) -> None:
    async with a_hub(database_url, tmp_path) as hub:
        chat = await hub.chat("visitor", "Hello")
        for path, status in ((chat.interaction_id, 422), ("nobody", 404)):
            assert (await hub.http.get(f"/api/v1/interactions/{path}/composing")).status_code == status


# --- ready-made replies ---------------------------------------------------------------------------------------------


async def test_ready_made_replies_are_filled_in_for_the_queue(database_url: str, tmp_path: Path) -> None:
    async with a_hub(database_url, tmp_path) as hub:
        event = changed(asked(hub), sender_name="<b>Lena</b> & Co")
        taken = await arrives(hub, event)
        items = (await hub.get("canned-replies", interaction=taken.interaction_id, agent="mei"))["items"]
        assert [item["id"] for item in items] == ["thanks", "zh", "support"]
        assert items[0]["text"] == f"Hello <b>Lena</b> & Co,\n\nsee case {taken.case_id}.\nMei, Support"
        assert items[0]["html"].startswith("<p>Hello &lt;b&gt;Lena&lt;/b&gt; &amp; Co,</p>")
        assert items[1]["html"] == "<p>&lt;b&gt;Lena&lt;/b&gt; &amp; Co，您好</p>"
        assert items[1]["text"] == "<b>Lena</b> & Co，您好"
        nameless = await arrives(hub, changed(asked(hub, "Hi", "anon@example.com"), sender_name=""))
        items = (await hub.get("canned-replies", interaction=nameless.interaction_id, agent="mei"))["items"]
        assert items[1]["text"] == "尊敬的客户，您好"


# --- drafts ---------------------------------------------------------------------------------------------------------

DRAFT = {
    "text": "Hi",
    "html": "<p>Hi</p>",
    "subject": "S",
    "to": [LENA],
    "cc": [],
    "bcc": [],
    "attachments": [],
    "mode": "reply",
}


def person(hub: TestHub, agent: str) -> Any:
    """Requests as that agent."""

    async def ask(method: str, path: str, **more: Any) -> httpx.Response:
        params = {"agent": agent, **more.pop("params", {})}
        return await hub.http.request(method, f"/api/v1/{path}", params=params, **more)

    return ask


async def test_a_draft_is_its_writers_alone_and_goes_with_sending(database_url: str, tmp_path: Path) -> None:
    async with a_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,):
        taken = await arrives(hub, asked(hub))
        work = await mei.accept()
        ask, other = person(hub, "mei"), person(hub, "jonas")
        path = f"interactions/{taken.interaction_id}/draft/reply"
        assert (await ask("GET", path)).json() == {"updated_at": 0}
        put = await ask("PUT", path, json=DRAFT)
        assert put.json() == {"updated_at": hub.clock.now}
        hub.clock.now += MINUTE
        await ask("PUT", path, json={**DRAFT, "text": "Hi again"})
        found = (await ask("GET", path)).json()
        assert (found["text"], found["updated_at"]) == ("Hi again", hub.clock.now)
        assert (await other("GET", path)).status_code == 404
        await ask("PUT", path.replace("reply", "note"), json={"text": "By the way"})
        await mei.command("reply", interaction_id=work.interaction_id, text="Hi again")
        assert (await ask("GET", path)).json() == {"updated_at": 0}
        assert (await ask("GET", path.replace("reply", "note"))).status_code == 200
        await mei.command("note", interaction_id=work.interaction_id, text="By the way")
        assert await hub.rows("drafts") == []


async def test_no_draft_is_no_error_for_whoever_has_it_in_hand_and_not_there_for_others(
    database_url: str, tmp_path: Path
) -> None:
    async with a_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,):
        taken = await arrives(hub, asked(hub))
        path = f"interactions/{taken.interaction_id}/draft/reply"
        assert (await person(hub, "mei")("GET", path)).status_code == 404
        await mei.accept()
        for agent, status in (("mei", 200), ("jonas", 404)):
            assert (await person(hub, agent)("GET", path)).status_code == status
        nobody = await person(hub, "mei")("GET", "interactions/nobody/draft/reply")
        assert nobody.status_code == 404


NO_DRAFTS = [
    ("interactions/nobody/draft/reply", b"{}", 404),
    ("interactions/{id}/draft/poem", b"{}", 422),
    ("interactions/{id}/draft/reply", b"{", 422),
    ("interactions/{id}/draft/reply", b"[]", 422),
    ("interactions/{id}/draft/reply", b'{"text": "\\ud800"}', 422),
    ("interactions/{id}/draft/reply", b'{"colour": "red"}', 422),
    ("interactions/{id}/draft/reply", b'{"text": "' + b"x" * 513 * 1_024 + b'"}', 422),
]


async def test_what_is_no_draft_is_refused(database_url: str, tmp_path: Path) -> None:
    async with a_hub(database_url, tmp_path) as hub:
        taken = await arrives(hub, asked(hub))
        for path, body, status in NO_DRAFTS:
            answer = await person(hub, "mei")("PUT", path.format(id=taken.interaction_id), content=body)
            assert answer.status_code == status, path
            assert answer.json()["error"]["message"]
        assert await hub.rows("drafts") == []


async def test_who_has_no_desk_writes_nothing(database_url: str, tmp_path: Path) -> None:
    async with a_hub(database_url, tmp_path) as hub:
        taken = await arrives(hub, asked(hub))
        path = f"/api/v1/interactions/{taken.interaction_id}/draft/reply"
        assert (await hub.http.put(path, json=DRAFT)).status_code == 403
        assert (await hub.http.post("/api/v1/uploads", content=b"x")).status_code == 403
        for method, door in (("PUT", path), ("POST", "/api/v1/uploads"), ("GET", "/api/v1/undelivered")):
            assert (await hub.anonymous.request(method, door, content=b"{}")).status_code == 401


# --- files ----------------------------------------------------------------------------------------------------------


async def test_a_file_is_brought_and_shown_to_who_brought_it_alone(database_url: str, tmp_path: Path) -> None:
    async with a_hub(database_url, tmp_path) as hub:
        ask = person(hub, "mei")
        brought = await ask("POST", "uploads", params={"name": "C:\\temp\\..\\图 片\u202e.png"}, content=b"\x89PNG")
        assert brought.json()["name"] == "图 片 .png"
        assert (brought.json()["media_type"], brought.json()["size"]) == ("image/png", 4)
        shown = await ask("GET", f"uploads/{brought.json()['digest']}")
        assert (shown.content, shown.headers["content-type"]) == (b"\x89PNG", "image/png")
        page = await ask("POST", "uploads", params={"name": "page.html"}, content=b"<script>x()</script>")
        download = await ask("GET", f"uploads/{page.json()['digest']}")
        assert download.headers["content-type"] == "application/octet-stream"
        assert download.headers["content-disposition"].startswith("attachment;")
        assert "sandbox" in download.headers["content-security-policy"]
        other = await person(hub, "jonas")("GET", f"uploads/{page.json()['digest']}")
        assert other.status_code == 404
        for odd in ("..", "0" * 64, "%2e%2e%2fsecret.key"):
            assert (await ask("GET", f"uploads/{odd}")).status_code == 404


async def test_a_file_that_is_too_large_is_refused_and_not_kept(database_url: str, tmp_path: Path) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(27):
            yield b"x" * 1_048_576

    async with a_hub(database_url, tmp_path) as hub:
        ask = person(hub, "mei")
        for content in (b"x" * (25 * 1_048_576 + 1), endless()):
            answer = await ask("POST", "uploads", content=content)
            assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
        assert await hub.rows("uploads") == []
        assert [path for path in (tmp_path / "uploads").rglob("*") if path.is_file()] == []


async def test_what_was_never_sent_is_forgotten_in_time(database_url: str, tmp_path: Path) -> None:
    async with a_hub(database_url, tmp_path) as hub:
        taken = await arrives(hub, asked(hub))
        mei, jonas = person(hub, "mei"), person(hub, "jonas")
        await mei("PUT", f"interactions/{taken.interaction_id}/draft/reply", json=DRAFT)
        digest = (await mei("POST", "uploads", content=b"file")).json()["digest"]
        hub.clock.now += 4 * DAY
        await jonas("POST", "uploads", content=b"file")
        hub.clock.now += 4 * DAY
        await drafts.forget(hub.runtime, hub.clock.now)
        assert (await mei("GET", f"uploads/{digest}")).status_code == 404
        assert (await jonas("GET", f"uploads/{digest}")).content == b"file", "somebody else has brought it since"
        hub.clock.now += 25 * DAY
        await drafts.forget(hub.runtime, hub.clock.now)
        assert not hub.runtime.uploads.path(digest).exists()
        assert await hub.rows("drafts") == []


# --- what did not arrive --------------------------------------------------------------------------------------------


async def test_undelivered_messages_are_shown_to_those_whom_they_concern(database_url: str, tmp_path: Path) -> None:
    async with (
        twilio_fake() as twilio,
        open_test_hub(database_url, tmp_path, environment={"twilio_rest_url": twilio.url}) as hub,
    ):
        async with hub.at_work("mei") as (mei,):
            ids = []
            for n in range(3):
                hub.clock.now += SECOND
                await hub.twilio.sms(f"+491511234567{n}", "Hello?")
                work = await mei.accept()
                twilio.answer_next(Told(400, 21610, "Attempt to send to unsubscribed recipient"))
                value = await mei.command("reply", interaction_id=work.interaction_id, text="Hi!")
                ids.append(value["event"]["body"]["outbox_id"])
                await mei.line("delivery.changed", lambda e, n=n: e.body["outbox_id"] == ids[n])
        newest = await hub.get("undelivered", limit=2)
        assert [item["outbox_id"] for item in newest["items"]] == ids[:0:-1]
        assert newest["count"] == 3
        (oldest,) = (await hub.get("undelivered", limit=2, after=newest["next"]))["items"]
        assert (
            oldest.items()
            >= {
                "outbox_id": ids[0],
                "recipient": "+4915112345670",
                "channel": "twilio_sms",
                "medium": "sms",
                "state": "failed",
                "attempts": 1,
                "agent_id": "mei",
                "customer": oldest["customer"],
            }.items()
        )
        assert oldest["reason"]
        for who, count in (("mei", 3), ("jonas", 3), ("sana", 3)):
            assert await seen_by(hub, who) == count
        await hub.write(lambda conn: outbox.dismiss(conn, hub.clock.now, ids[0]))
        assert await seen_by(hub, "jonas") == 2
        assert (await hub.http.get("/api/v1/undelivered", params={"after": "x'; drop"})).status_code == 422


async def test_undelivered_messages_of_other_queues_are_nobody_elses_business(
    database_url: str, tmp_path: Path
) -> None:
    clock = Clock()
    config = house(entry_points=[{"channel": "twilio_sms", "dialled": "+12025550111", "queue": "sales"}])
    async with (
        twilio_fake() as twilio,
        open_test_hub(
            database_url, tmp_path, clock=clock, config=config, environment={"twilio_rest_url": twilio.url}
        ) as hub,
    ):
        async with hub.at_work("mei") as (mei,):
            await hub.twilio.sms("+4915112345678", "Hello?")
            work = await mei.accept()
            twilio.answer_next(Told(400, 21610, "no"))
            value = await mei.command("reply", interaction_id=work.interaction_id, text="Hi!")
            await mei.line("delivery.changed")
        assert [await seen_by(hub, who) for who in ("mei", "jonas", "sana")] == [1, 0, 1]
        cookie = {"Cookie": f"cch_session={await cookie_of(hub, 'jonas')}"}
        row = {"outbox_id": value["event"]["body"]["outbox_id"]}
        for name in ("outbox.retry", "outbox.dismiss"):
            answer = await hub.anonymous.post(f"/api/v1/commands/{name}", headers=cookie, json=row)
            assert answer.status_code == 404
        assert [each["state"] for each in await hub.rows("outbox")] == ["failed"]


async def seen_by(hub: TestHub, login: str) -> int:
    cookie = {"Cookie": f"cch_session={await cookie_of(hub, login)}"}
    answer = await hub.anonymous.get("/api/v1/undelivered", headers=cookie)
    count = answer.json()["count"]
    assert len(answer.json()["items"]) == count
    return int(count)


async def cookie_of(hub: TestHub, login: str) -> str:
    known: dict[str, str] = hub.__dict__.setdefault("cookies", {})
    if login not in known:
        known[login] = await hub.cookie_of(login)
    return known[login]
