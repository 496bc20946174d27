"""A conversation by mail through real servers: acknowledged, answered, joined by a third person and a stranger."""

from __future__ import annotations

from typing import Any

from contact_center.domain.views import WorkView
from tests.hub import Console
from tests.walk.conftest import Town
from tests.walk.test_four_channels import mei, wrap_up

LENA, BOB, EVE = "lena.fischer@example.org", "bob.ng@partner.example", "lena.privat@example.net"


async def in_mailbox(town: Town, address: str, words: str) -> dict[str, Any]:
    letter = await town.seen(
        "mail",
        lambda got: next((m for m in got["items"] if words in m["text"]), None),
        f"{words!r} in the mailbox of {address}",
        to=address,
    )
    return dict(letter)


async def answer(desk: Console, work: WorkView, text: str, **more: Any) -> None:
    said = await desk.command("reply", interaction_id=work.interaction_id, text=text, **more)
    outbox_id = said["event"]["body"]["outbox_id"]
    await desk.command("send_now", interaction_id=work.interaction_id, outbox_id=outbox_id)


async def test_a_conversation_by_mail_with_a_third_person_and_a_stranger(town: Town) -> None:
    async with mei(town) as desk:
        await desk.ready()
        about = {"subject": "空调漏水", "text": "您好，空调漏水，请尽快派人来修，谢谢。"}
        await town.do("mail", **{"from": LENA, "name": "Lena Fischer", **about})
        work = await desk.accept()
        told = await in_mailbox(town, LENA, f"您的服务单号是 {work.case_id}")
        assert "空调" not in told["subject"] + told["text"]

        await answer(desk, work, "师傅明天到。", to=[LENA], cc=[BOB])
        copy = await in_mailbox(town, BOB, "师傅明天到。")
        re = {"subject": "Re: 空调漏水", "in_reply_to": copy["message_id"]}
        await town.do("mail", **{"from": BOB, "name": "Bob Ng", "text": "I bring the part.", **re})
        line = await desk.line("message.received", lambda e: e.actor.name == "Bob Ng")
        assert line.interaction_id == work.interaction_id
        assert line.body["sender"] == BOB

        await town.do("mail", **{"from": EVE, "name": "Lena", "text": "It is me, from home.", **re})
        strange = await desk.accept()
        assert strange.case_id != work.case_id
        await desk.command("case.link", case_id=strange.case_id, state="merged")
        await desk.gone(strange.interaction_id)
        line = await desk.line("message.received", lambda e: "It is me, from home" in e.body["text"])
        assert line.case_id == work.case_id
        whole = await desk.work(work.interaction_id, lambda w: w.unanswered == 2)
        assert whole.customer.point == LENA
        await wrap_up(desk, whole)
