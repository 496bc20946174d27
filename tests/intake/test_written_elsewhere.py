"""Letters that people of ours wrote with other programs, out of the folder of sent mail."""

from __future__ import annotations

from pathlib import Path

import pytest

from channels.contract import Answer
from channels.email.parse import Recipient, parse_message
from channels.email.sent_folder import written_elsewhere
from channels.email.tokens import Tokens, proven
from contact_center.bootstrap import secret_of
from tests.hub import TestHub
from tests.intake.mailing import OURS, Post
from tests.intake.test_whose_letter import LENA, answered, mailroom, over


async def found_sent(hub: TestHub, post: Post, text: str, to: str = LENA, **more: str) -> Answer:
    post.number += 1
    lines = {
        "From": OURS,
        "To": to,
        "Subject": "Re: A letter",
        "Message-ID": f"<sent{post.number}@hub.example>",
        **more,
    }
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
    tokens = Tokens(secret_of(post.folder), ("hub.example",))
    mailbox = Recipient("email", (OURS,), frozenset({OURS}), "", tokens.instance)
    parsed = parse_message(f"{head}\r\n{text}".encode(), mailbox, hub.clock.now)
    letter = written_elsewhere(proven(parsed, tokens), tokens)
    assert letter is not None
    (answer,) = await hub.runtime.doors["email"].take_in(letter)
    return answer


@pytest.mark.parametrize("open_still", [True, False])
async def test_an_answer_by_our_token_is_an_answer_in_its_conversation(
    database_url: str, tmp_path: Path, open_still: bool
) -> None:
    async with mailroom(database_url, tmp_path) as (hub, post, mei):
        lenas, case_id, our_id = await answered(post, mei)
        await post.comes(LENA, "And?", answers=our_id)
        if not open_still:
            await over(mei, lenas)
        hub.advance(1_000)
        answer = await found_sent(hub, post, "I answered from my telephone", In_Reply_To=our_id)
        assert (answer.interaction_id, answer.case_id) == (lenas, case_id)
        record = await hub.record(lenas)
        assert (record.unanswered, record.messages_out) == (0, 2)
        assert record.is_open is open_still
        if open_still:
            await mei.line("message.sent", lambda e: e.body["elsewhere"])


async def test_an_answer_to_what_this_mailbox_received_is_filed_with_it(database_url: str, tmp_path: Path) -> None:
    async with mailroom(database_url, tmp_path) as (hub, post, _mei):
        first = await post.comes(LENA, "One", message_id="<one@customer.example>")
        await post.comes(LENA, "Two")
        answer = await found_sent(hub, post, "About one", References="<one@customer.example>")
        assert answer.interaction_id == first.interaction_id
        assert (await hub.record(first.interaction_id)).unanswered == 0
        again = await found_sent(hub, post, "About one", Message_ID=f"<sent{post.number}@hub.example>")
        assert not again.repeated, "another id is another letter"


async def test_a_stranger_who_used_the_id_before_does_not_get_the_answer(database_url: str, tmp_path: Path) -> None:
    async with mailroom(database_url, tmp_path) as (hub, post, _mei):
        squat = await post.comes("eve@elsewhere.example", "Nothing", message_id="<one@customer.example>")
        first = await post.comes(LENA, "One", message_id="<one@customer.example>")
        answer = await found_sent(hub, post, "About one", In_Reply_To="<one@customer.example>")
        assert answer.interaction_id == first.interaction_id != squat.interaction_id


async def test_a_letter_to_somebody_with_one_open_case_joins_it_and_else_is_one_of_its_own(
    database_url: str, tmp_path: Path
) -> None:
    async with mailroom(database_url, tmp_path) as (hub, post, _mei):
        first = await post.comes(LENA, "One")
        assert (await found_sent(hub, post, "Hello")).interaction_id == first.interaction_id
        second = await post.comes(LENA, "Two")
        own = await found_sent(hub, post, "About which?", Subject="News for you")
        assert own.case_id not in (first.case_id, second.case_id)
        record = await hub.record(own.interaction_id)
        assert (record.state, record.ended_reason, record.subject) == ("ended", "completed", "News for you")
        assert (record.point, record.direction, record.messages_out) == (LENA, "outbound", 1)
        assert (await hub.get(f"cases/{own.case_id}"))["case"]["status"] == "closed"
        stranger = await found_sent(hub, post, "Dear Ms Wu", "wu@new.example")
        assert (await hub.record(stranger.interaction_id)).point == "wu@new.example"
        assert (await hub.record(stranger.interaction_id)).state == "ended"
