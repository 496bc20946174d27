"""What the hub writes by itself to whoever opens a case, and above all when it does not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from contact_center.config.model import ConfigError, parse
from contact_center.domain.events import MessageSent
from contact_center.domain.time import DAY, HOUR, MINUTE
from tests.hub import TestHub, house, open_test_hub
from tests.intake.mailing import OURS, Post, words

TEXT = "Thank you. Your case has the number {{case.id}}. We answer within a day."
CHINESE = "您好，我们已收到您的来信，服务单号为 {{case.id}}。"


def acknowledging(**changes: Any) -> dict[str, Any]:
    return house(mail={"acknowledgement": {"text": TEXT, "text_zh": CHINESE, **changes}})


@asynccontextmanager
async def house_that_acknowledges(
    database_url: str, folder: Path, **changes: Any
) -> AsyncIterator[tuple[TestHub, Post]]:
    async with open_test_hub(database_url, folder, config=acknowledging(**changes)) as hub:
        yield hub, Post(hub, folder)


async def test_who_opens_a_case_is_told_its_number_in_the_operators_words_alone(
    database_url: str, tmp_path: Path
) -> None:
    async with house_that_acknowledges(database_url, tmp_path) as (hub, post):
        came = await post.comes(
            "lena@a.example", "BUY CHEAP http://evil.example", subject="FREE MONEY", name="Evil Corp Ltd"
        )
        (letter,) = await post.automatic()
        assert letter["To"] == "lena@a.example"
        assert letter["Subject"] == f"Re: We have received your message (case {came.case_id})"
        assert f"number {came.case_id}." in letter.get_payload(decode=True).decode()  # type: ignore[union-attr]
        whole = letter.as_string()
        assert not any(said in whole for said in ("CHEAP", "MONEY", "evil", "Evil"))
        assert letter["Auto-Submitted"] == "auto-replied"
        sent = [e.body for e in await hub.log(came.interaction_id) if isinstance(e.body, MessageSent)]
        assert [each.automatic for each in sent] == [True]
        record = await hub.record(came.interaction_id)
        assert (record.unanswered, record.first_response_at, record.participants) == (1, 0, []), "it answers nothing"


@pytest.mark.parametrize(
    ("text", "subject", "chinese"),
    [
        ("我的订单还没有到，请帮我查一下。", "订单", True),
        ("Hello, my order 订单 has not come and I have been waiting for it for weeks", "Order", False),
        ("注文した商品がまだ届いていません。", "注文", False),
        ("订单号 A-1234 什么时候发货？", "Order", True),
    ],
)
async def test_it_is_in_the_customers_language(
    database_url: str, tmp_path: Path, text: str, subject: str, chinese: bool
) -> None:
    async with house_that_acknowledges(database_url, tmp_path) as (_, post):
        await post.comes("lena@a.example", text, subject=subject)
        ((letter),) = [each for each in await post.sent() if each.automatic]
        assert letter.text.startswith("您好") is chinese


async def test_nobody_is_told_who_did_not_open_a_case_or_is_not_believed(database_url: str, tmp_path: Path) -> None:
    async with (
        house_that_acknowledges(database_url, tmp_path) as (hub, post),
        hub.at_work("mei") as (mei,),
    ):
        answer = await post.comes("lena@f.example", "A question")
        await mei.accept(answer.interaction_id)
        await mei.command("reply", interaction_id=answer.interaction_id, text="An answer.")
        await post.comes("a@a.example", "Forged", vouched=False)
        await post.comes("b@b.example", "Away until Monday", Auto_Submitted="auto-replied")
        await post.comes("c@c.example", "News", List_Id="<news.c.example>")
        await post.comes("mailer-daemon@d.example", "Undelivered")
        await post.comes(OURS, "From ourselves")
        await post.comes("e@e.example", "Alert", Auto_Submitted="auto-generated")
        assert len(await post.automatic()) == 1
        assert len({row["id"] for row in await hub.rows("cases")}) == 7, "each of them is a case"
        our_id = await post.our_id(answer.interaction_id)
        await post.comes("lena@f.example", "Thanks", answers=our_id)
        await post.comes("eve@g.example", "I am Lena", answers=our_id)
        assert len(await post.automatic()) == 1


async def test_only_the_queues_that_are_named_acknowledge(database_url: str, tmp_path: Path) -> None:
    async with house_that_acknowledges(database_url, tmp_path, queues=["billing"]) as (_, post):
        await post.comes("lena@a.example", "Hello")
        assert await post.automatic() == []


async def test_without_configuration_nobody_is_written_to(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        post = Post(hub, tmp_path)
        await post.comes("lena@a.example", "Hello")
        assert await post.sent() == []


async def test_one_victim_of_many_forged_letters_is_written_to_once(database_url: str, tmp_path: Path) -> None:
    async with house_that_acknowledges(database_url, tmp_path) as (hub, post):
        for n in range(60):
            hub.clock.now += MINUTE
            await post.comes("victim@a.example", f"Complaint {chr(65 + n % 26) * (n + 1)}")
        assert len(await post.automatic()) == 1
        assert len(await hub.rows("cases")) == 60
        hub.clock.now += DAY
        await post.comes("victim@a.example", "It is really me")
        assert len(await post.automatic()) == 2


async def test_too_many_at_once_stop_all_and_somebody_hears_of_it(database_url: str, tmp_path: Path) -> None:
    async with house_that_acknowledges(database_url, tmp_path, per_hour=20) as (hub, post):
        door = hub.runtime.doors["email"]
        door.report("ready")
        for n in range(40):
            await post.comes(f"victim{n}@{n}.example", f"Complaint {chr(65 + n % 26) * (n + 1)}")
        assert len(await post.automatic()) == 20
        assert len(await hub.rows("cases")) == 40, "every case is there"
        state, reason = door.state
        assert (state, reason.startswith("More than 20 acknowledgements")) == ("degraded", True)
        hub.clock.now += HOUR + 1
        assert door.state[0] == "ready"
        await post.comes("later@later.example", "Hello from later")
        assert len(await post.automatic()) == 21


async def test_one_domain_is_written_to_so_often_and_others_go_on(database_url: str, tmp_path: Path) -> None:
    async with house_that_acknowledges(database_url, tmp_path, per_domain_per_hour=3) as (_, post):
        for n in range(9):
            await post.comes(f"crm{n}@machine.example", f"Ticket {chr(65 + n) * (n + 5)}")
        await post.comes("lena@a.example", "A person")
        assert [each["To"].partition("@")[2] for each in await post.automatic()] == ["machine.example"] * 3 + [
            "a.example"
        ]


async def test_words_that_were_answered_once_are_not_answered_again(database_url: str, tmp_path: Path) -> None:
    """A machine that changes its address every time, and counts, says the same again."""
    async with house_that_acknowledges(database_url, tmp_path) as (hub, post):
        for n in range(5):
            await post.comes(f"ticket-{n}@{n}.example", f"We have opened ticket {n} for you.")
        assert len(await post.automatic()) == 1
        assert len(await hub.rows("cases")) == 5


async def test_our_own_words_that_come_back_are_a_loop(database_url: str, tmp_path: Path) -> None:
    async with house_that_acknowledges(database_url, tmp_path) as (_, post):
        came = await post.comes("crm@machine.example", TEXT.replace("{{case.id}}", "77"))
        (event,) = await post.received(came.interaction_id)
        assert words(event).automatic.startswith("loop: our own words")
        assert await post.automatic() == []


async def test_letters_of_one_sender_at_once_are_acknowledged_once(
    database_url: str, database_kind: str, tmp_path: Path
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        hub, post = await stack.enter_async_context(house_that_acknowledges(database_url, tmp_path))
        beside = post
        if database_kind == "postgresql":  # another node on the same database
            other = open_test_hub(database_url, tmp_path, clock=hub.clock, config=acknowledging())
            beside = Post(await stack.enter_async_context(other), tmp_path)
        letters = [post.written("lena@a.example", f"{'Question ' * n}?") for n in range(1, 13)]
        doors = [post if n % 2 else beside for n in range(12)]
        await asyncio.gather(*(each.arrives(raw) for each, raw in zip(doors, letters, strict=True)))
        assert len(await hub.rows("cases")) == 12
        assert len(await post.automatic()) == 1


# --- the same again and again -------------------------------------------------------------------------------------


async def test_the_same_letter_again_and_again_is_one_case_and_nothing_of_it_is_lost(
    database_url: str, tmp_path: Path
) -> None:
    async with house_that_acknowledges(database_url, tmp_path) as (hub, post):
        for n in range(30):
            hub.clock.now += MINUTE
            await post.comes(
                "robot@machine.example", "Your message could  not\nbe processed.", subject="Re: " * n + "X"
            )
        assert len(await hub.rows("cases")) == 2
        received = [e for each in await hub.interactions() for e in await post.received(each)]
        assert len(received) == 30
        assert sum(words(e).automatic.startswith("loop:") for e in received) == 28
        assert len(await post.automatic()) == 1


async def test_alerts_and_notices_that_differ_are_cases_each(database_url: str, tmp_path: Path) -> None:
    async with house_that_acknowledges(database_url, tmp_path) as (hub, post):
        for n in range(8):
            hub.clock.now += 1_000
            notice = f"A new order was placed in your shop. {'Please ship it soon. ' * 10} Order {1000 + n}"
            await post.comes("shop@machine.example", notice, subject="New order", Auto_Submitted="auto-generated")
        assert len(await hub.rows("cases")) == 8


# --- what the operator may write ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "is missing"),
        ({"text": "Dear {{customer.name}}"}, "not {{customer.name}}"),
        ({"text": "x", "subject": "Your {{subject}}"}, "not {{subject}}"),
        ({"text": "x", "subject": "two\nlines"}, "one line"),
        ({"text": "x", "queues": ["nowhere"]}, "is for the queue 'nowhere', which is not defined"),
        ({"text": "x", "per_address_hours": 0}, "must be at least 1"),
    ],
)
def test_what_cannot_be_sent_is_no_setting(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told.replace("{", r"\{")):
        parse(house(mail={"acknowledgement": settings}))
