"""Conversations out of archives, through the running hub's door."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from channels.contract import Channel, Parsed, Request
from contact_center.domain.contact_points import email
from contact_center.domain.events import InteractionEvent, MessageReceived, MessageSent
from contact_center.domain.time import DAY, HOUR, SECOND, Moment
from contact_center.importing.history import Importer
from contact_center.web.importing import framed, letters_in
from tests.hub import T0, TestHub, open_test_hub

OURS = "support@hub.example"
ANNA, BEN = "Anna Berg <anna@example.net>", "Ben <ben@example.net>"
LONG_AGO = T0 - 500 * DAY
MAIL = {
    "email_address": OURS,
    "email_aliases": "help@hub.example",
    "email_imap_url": "imap://u:p@127.0.0.1:9",
    "email_smtp_url": "smtp://127.0.0.1:9",
}


@pytest.fixture
async def hub(database_url: str, tmp_path: Path) -> AsyncIterator[TestHub]:
    async with open_test_hub(database_url, tmp_path, environment=MAIL) as hub:
        yield hub


def letter(
    own: str, sender: str, to: str = OURS, *, at: int = LONG_AGO, answers: str = "", text: str = "Hello", **more: str
) -> bytes:
    fields = {
        "From": sender,
        "To": to,
        "Subject": "My bill",
        "Date": formatdate(at / SECOND),
        "Message-ID": f"<{own}@example.net>",
        "References": f"<{answers}@example.net>" if answers else "",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
    return f"{head}\r\n{text}\r\n".encode()


async def move_in(hub: TestHub, *letters: bytes, **query: Any) -> list[dict[str, Any]]:
    answer = await hub.http.post("/api/v1/mail/import", params={"mailbox": OURS, **query}, content=framed(letters))
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def states(items: list[dict[str, Any]]) -> list[str]:
    return [item["state"] for item in items]


async def test_a_conversation_becomes_a_closed_case_of_its_own_time(hub: TestHub) -> None:
    items = await move_in(
        hub,
        letter("c", ANNA, answers="b", at=LONG_AGO + 2 * HOUR, text="Thanks"),
        letter("a", ANNA, text="It is wrong"),
        letter("b", f"Support <{OURS}>", ANNA, answers="a", at=LONG_AGO + HOUR, text="Mended"),
    )
    assert states(items) == ["taken"] * 3
    (case,) = await hub.rows("cases")
    assert (case["status"], case["subject"], case["queue"]) == ("closed", "My bill", "support")
    assert (case["opened_at"], case["updated_at"]) == (LONG_AGO, LONG_AGO + 2 * HOUR)
    assert case["closed_at"] == case["updated_at"]
    record = await hub.record(await hub.only_interaction())
    assert (record.state, record.ended_reason, record.queue) == ("ended", "imported", "")
    assert (record.started_at, record.ended_at) == (LONG_AGO, LONG_AGO + 2 * HOUR)
    assert (record.messages_in, record.messages_out, record.point) == (2, 1, "anna@example.net")
    log = await hub.log(record.interaction_id)
    assert [getattr(event.body, "text", "") for event in log] == ["It is wrong", "Mended", "Thanks", ""]
    sent = log[1].body
    assert isinstance(sent, MessageSent)
    assert sent.elsewhere
    assert (sent.to, log[1].direction) == (("anna@example.net",), "outbound")


async def test_nobody_is_offered_it_and_nobody_is_written_to(hub: TestHub) -> None:
    await move_in(hub, letter("a", ANNA), letter("b", OURS, ANNA, answers="a"))
    assert await hub.rows("offers") == []
    assert await hub.rows("outbox") == []
    assert await hub.rows("announcements") == []


async def test_the_customer_is_known_since_then(hub: TestHub) -> None:
    await arrives(hub, letter("now", ANNA, at=T0))
    await move_in(hub, letter("a", ANNA), letter("z", BEN, at=LONG_AGO + DAY))
    known = {row["name"]: row["first_seen_at"] for row in await hub.rows("customers")}
    assert known == {"Anna Berg": LONG_AGO, "Ben": LONG_AGO + DAY}
    (anna,) = [row for row in await hub.rows("contact_points") if row["value"] == "anna@example.net"]
    assert anna["first_seen_at"] == LONG_AGO


async def arrives(hub: TestHub, raw: bytes) -> Any:
    """The letter as fetching would bring it."""
    parsed = hub.runtime.channels["email"].parse(Request("POST", "", f"/{OURS}", "", {}, raw), hub.clock.now)
    (answer,) = await hub.runtime.doors["email"].take_in(parsed)
    return answer


async def test_the_same_letters_again_change_nothing(hub: TestHub) -> None:
    letters = [letter("a", ANNA), letter("b", OURS, ANNA, answers="a"), letter("a", ANNA)]
    assert states(await move_in(hub, *letters)) == ["taken", "taken", "known"]
    before = len(await hub.log())
    assert states(await move_in(hub, *letters)) == ["known"] * 3
    assert len(await hub.log()) == before


async def test_what_was_moved_in_and_is_fetched_later_is_known(hub: TestHub) -> None:
    raw = letter("a", ANNA, text="From the start\r\n\r\nwith 中文")
    await move_in(hub, raw.replace(b"\r\n", b"\n") + b"\n")
    assert (await arrives(hub, raw)).repeated


async def test_what_was_fetched_and_is_moved_in_later_is_known(hub: TestHub) -> None:
    raw = letter("a", ANNA)
    answer = await arrives(hub, raw)
    (item,) = await move_in(hub, raw)
    assert (item["state"], item["case_id"]) == ("known", answer.case_id)


async def test_who_takes_no_part_gets_a_case_of_their_own(hub: TestHub) -> None:
    await move_in(
        hub,
        letter("a", ANNA),
        letter("b", OURS, ANNA, answers="a", Cc="carla@example.net"),
        letter("c", "carla@example.net", answers="b", text="I take part: you wrote to me"),
        letter("d", BEN, answers="a", text="I don't"),
    )
    records = [await hub.record(each) for each in await hub.interactions()]
    assert {record.point: record.messages_in for record in records} == {"anna@example.net": 2, "ben@example.net": 1}
    assert len(await hub.rows("cases")) == 2


async def test_what_comes_later_joins_what_was_moved_in_before(hub: TestHub) -> None:
    (first,) = await move_in(hub, letter("a", ANNA))
    (answer, stranger) = await move_in(
        hub, letter("b", OURS, ANNA, answers="a", at=LONG_AGO + DAY), letter("c", BEN, answers="a")
    )
    assert answer["case_id"] == first["case_id"] != stranger["case_id"]
    (case,) = [row for row in await hub.rows("cases") if row["id"] == first["case_id"]]
    assert (case["status"], case["updated_at"], case["closed_at"]) == ("closed", LONG_AGO + DAY, LONG_AGO + DAY)


async def test_a_letter_never_joins_a_conversation_that_goes_on(hub: TestHub) -> None:
    live = await arrives(hub, letter("a", ANNA, at=T0))
    (item,) = await move_in(hub, letter("b", ANNA, answers="a"))
    assert item["case_id"] != live.case_id
    assert (await hub.record(live.interaction_id)).messages_in == 1


async def test_a_letter_that_we_began_with_tells_whom_we_wrote_to(hub: TestHub) -> None:
    await move_in(hub, letter("a", OURS, BEN, text="An offer"), letter("b", BEN, answers="a", at=LONG_AGO + DAY))
    record = await hub.record(await hub.only_interaction())
    assert (record.point, record.messages_out, record.messages_in) == ("ben@example.net", 1, 1)


async def test_what_cannot_be_read_is_put_aside_and_the_next_goes_on(hub: TestHub) -> None:
    broken, good = b"no header\r\n\r\nat all", letter("a", ANNA)
    assert states(await move_in(hub, broken, good)) == ["quarantined", "taken"]
    (entry,) = await hub.rows("quarantine")
    assert (entry["state"], entry["size"]) == ("held", len(broken))
    assert entry["source_id"].startswith(f"{OURS}|history|")
    assert states(await move_in(hub, broken, good)) == ["quarantined", "known"]
    assert len(await hub.rows("quarantine")) == 1


async def test_what_was_put_aside_and_is_understood_now_is_history_too(hub: TestHub) -> None:
    raw = letter("a", ANNA)
    digest = await hub.runtime.blobs.put(raw)
    await hub.runtime.doors["email"].quarantine(f"{OURS}|history|sha256 {digest}", raw, "a fault that was mended")
    (entry,) = await hub.rows("quarantine")
    answer = await hub.http.post(f"/api/v1/quarantine/{entry['id']}/replay")
    assert answer.json() == {"value": {"taken": 1}}
    assert (await hub.record(await hub.only_interaction())).ended_reason == "imported"


async def test_mail_among_ourselves_and_what_the_hub_sent_is_left_out(hub: TestHub) -> None:
    instance = hub.runtime.channels["email"]._tokens.instance
    ours = letter("b", OURS, ANNA, X_CCH_Instance=instance)
    assert states(await move_in(hub, letter("a", OURS, "help@hub.example"), ours)) == ["skipped", "skipped"]
    assert await hub.rows("events") == []


async def test_a_dry_run_says_what_would_be_and_does_nothing(hub: TestHub) -> None:
    await move_in(hub, letter("a", ANNA))
    before = {table: await hub.rows(table) for table in ("events", "cases", "customers", "quarantine")}
    letters = (letter("a", ANNA), letter("b", BEN), b"nothing")
    assert states(await move_in(hub, *letters, dry_run=True)) == ["known", "taken", "quarantined"]
    assert {table: await hub.rows(table) for table in before} == before


async def test_large_letters_and_files_are_kept_whole(hub: TestHub) -> None:
    raw = letter("a", ANNA, text="x" * 100_000)
    await move_in(hub, raw)
    (event,) = [event for event in await hub.log() if isinstance(event.body, MessageReceived)]
    assert await hub.runtime.blobs.get(event.raw_digest) == raw


async def test_letters_of_a_customer_s_several_conversations_may_come_at_once(hub: TestHub) -> None:
    await asyncio.gather(*(move_in(hub, letter(f"a{n}", ANNA, at=LONG_AGO + n * DAY)) for n in range(12)))
    assert len(await hub.rows("customers")) == 1
    assert len(await hub.rows("cases")) == 12


class Elsewhere(Channel):
    """A channel whose letters are a sender each; some of them no database can hold."""

    name = "elsewhere"
    medium = "email"

    def is_ours(self, address: str) -> bool:
        return True

    async def read_history(self, raw: bytes, address: str, now: Moment) -> Parsed:
        event = InteractionEvent(
            body=MessageReceived("Hello"),
            channel=self.name,
            source_id=raw.decode(),
            medium="email",
            direction="inbound",
            occurred_at=2**70 if raw.startswith(b"poison") else LONG_AGO,
            received_at=now,
            sender=email(f"{raw.decode()}@example.net"),
        )
        return Parsed((event,), raw)


async def test_what_the_database_cannot_hold_takes_nothing_with_it(hub: TestHub) -> None:
    importer = Importer(Elsewhere(), hub.runtime.executor, hub.runtime.blobs, hub.runtime.occasion)
    outcomes = await importer.take(OURS, [b"one", b"poison", b"two", b"poison-too"])
    assert [outcome.state for outcome in outcomes] == ["taken", "quarantined", "taken", "quarantined"]
    assert len(await hub.rows("cases")) == 2
    assert sorted(row["size"] for row in await hub.rows("quarantine")) == [6, 10]


async def test_only_an_admin_moves_mail_in_and_only_into_mailboxes_of_ours(hub: TestHub) -> None:
    path = "/api/v1/mail/import"
    assert (await hub.anonymous.post(path, params={"mailbox": OURS})).status_code == 401
    for params, status in (({"mailbox": "x@y.example"}, 422), ({"mailbox": OURS, "channel": "fax"}, 404)):
        assert (await hub.http.post(path, params=params)).status_code == status
    for body in (b"\x00", b"\x00\x00\x00\x05abc", framed([b"x"] * 101)):
        assert (await hub.http.post(path, params={"mailbox": OURS}, content=body)).status_code == 422


def test_what_was_framed_is_read_back() -> None:
    assert letters_in(framed([b"a", b"", b"c" * 1000])) == [b"a", b"", b"c" * 1000]
