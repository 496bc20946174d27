"""A customer by each channel: in at the public door, offered, accepted, answered, the answer at their side."""

from __future__ import annotations

import json
from contextlib import AbstractAsyncContextManager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from contact_center.domain.views import WorkView
from tests.hub import Console
from tests.walk.conftest import Town

LENA = "+4930901820"
WEI = "+8613800138000"


async def wrap_up(desk: Console, work: WorkView) -> None:
    await desk.command("wrap_up", interaction_id=work.interaction_id, disposition="solved", note="Done.")
    await desk.gone(work.interaction_id)


def mei(town: Town) -> AbstractAsyncContextManager[Console]:
    return town.hub.agent("mei.lin")


async def record(town: Town, work: WorkView) -> dict[str, Any]:
    async with town.hub.http() as rest:
        answer = await rest.get(f"/api/v1/interactions/{work.interaction_id}")
        return dict(answer.json()["record"])


async def test_an_sms_is_answered_and_its_delivery_is_known(town: Town) -> None:
    async with mei(town) as desk:
        await desk.ready()
        await town.do("sms", **{"from": LENA, "text": "Wo bleibt mein Techniker?"})
        offer = await desk.offer()
        assert (offer.medium, offer.customer.point, offer.customer.known) == ("sms", LENA, False)
        assert offer.preview == "Wo bleibt mein Techniker?"
        assert offer.why
        work = await desk.accept()
        await desk.command("reply", interaction_id=work.interaction_id, text="Er ist um 10 Uhr da. 十点到。")
        await town.seen(
            "sms",
            lambda got: any(t["body"] == "Er ist um 10 Uhr da. 十点到。" for t in got["items"]),
            "the answer on the customer's phone",
            number=LENA,
        )
        await desk.line("delivery.changed", lambda e: e.body["state"] == "delivered")
        await wrap_up(desk, work)
        found = await record(town, work)
        assert (found["state"], found["disposition"], found["ended_reason"]) == ("ended", "solved", "wrapped_up")


async def test_a_second_text_shows_the_history_of_the_first(town: Town) -> None:
    async with mei(town) as desk:
        await desk.ready()
        await town.do("sms", **{"from": LENA, "text": "Erste Frage"})
        first = await desk.accept()
        await wrap_up(desk, first)
        await town.do("sms", **{"from": LENA, "text": "Zweite Frage"})
        offer = await desk.offer()
        assert offer.customer.known
        [past] = offer.history
        assert (past.interaction_id, past.agent_name, past.disposition) == (
            first.interaction_id,
            "Mei Lin 林美",
            "solved",
        )
        assert "served_before" in {why.code for why in offer.why}


async def test_an_e_mail_is_answered_and_the_reply_to_the_answer_comes_to_the_same_case(town: Town) -> None:
    lena = "lena.fischer@example.org"
    async with mei(town) as desk:
        await desk.ready()
        await town.do(
            "mail", **{"from": lena, "name": "Lena Fischer", "subject": "Ersatzteil kaputt", "text": "Bitte helfen!"}
        )
        offer = await desk.offer()
        assert (offer.medium, offer.customer.name, offer.subject) == ("email", "Lena Fischer", "Ersatzteil kaputt")
        work = await desk.accept()
        await desk.command("reply", interaction_id=work.interaction_id, text="Ein neues ist unterwegs.")
        letter = await town.seen(
            "mail",
            lambda got: next((m for m in got["items"] if "Ein neues ist unterwegs." in m["text"]), None),
            "the answer in the customer's mailbox",
            to=lena,
        )
        assert letter["subject"] == "Re: Ersatzteil kaputt"
        await wrap_up(desk, work)
        await town.do(
            "mail",
            **{
                "from": lena,
                "name": "Lena Fischer",
                "subject": "Re: Ersatzteil kaputt",
                "text": "Danke!",
                "in_reply_to": letter["message_id"],
            },
        )
        again = await desk.accept()
        assert again.case_id == work.case_id
        assert again.interaction_id != work.interaction_id
        await wrap_up(desk, again)


async def test_a_call_goes_through_the_menu_to_an_agent_and_is_spoken_to(town: Town) -> None:
    async with mei(town) as desk:
        await desk.ready()
        sid = (await town.do("calls", **{"from": WEI}))["call_sid"]

        await town.do(f"calls/{sid}/digits", digits="2")  # 中文
        await town.seen(
            f"calls/{sid}",
            lambda call: any("请" in line["text"] for line in call["lines"]) or None,
            "the menu in Chinese",
        )
        await town.do(f"calls/{sid}/digits", digits="2")  # 客服
        offer = await desk.offer()
        assert (offer.medium, offer.customer.point, offer.dialled) == ("voice", WEI, "+12025550100")
        work = await desk.accept()
        await desk.work(work.interaction_id, lambda w: w.call == "connected")
        await desk.command("reply", interaction_id=work.interaction_id, text="您好，我是林美。")
        await town.seen(
            f"calls/{sid}",
            lambda call: any("您好，我是林美。" in line["text"] for line in call["lines"]) or None,
            "the agent's words in the caller's ear",
        )
        await town.do(f"calls/{sid}/speech", text="洗碗机又漏水了。")
        await desk.line("transcript.added", lambda e: "洗碗机又漏水了" in e.body["text"])
        await town.do(f"calls/{sid}/hang_up")
        await desk.work(work.interaction_id, lambda w: w.state == "wrap_up")
        await desk.until(lambda: desk.state.agent.state == "wrap_up", "the agent to be in wrap-up")
        await wrap_up(desk, work)
        await desk.until(lambda: desk.state.agent.state == "ready", "the agent to be ready")
        found = await record(town, work)
        assert [s["kind"] for s in found["segments"]] == ["flow", "queue", "offer", "talk", "wrap_up"]
        assert found["language"].startswith("zh")


async def test_a_caller_who_gives_up_is_not_offered_any_more(town: Town) -> None:
    async with mei(town) as desk:
        await desk.ready()
        sid = (await town.do("calls", **{"from": WEI}))["call_sid"]
        for _ in range(2):
            await town.do(f"calls/{sid}/digits", digits="2")
        offer = await desk.offer()
        await town.do(f"calls/{sid}/hang_up")
        await desk.gone(offer.interaction_id)
        await desk.until(lambda: desk.state.agent.state == "ready", "the agent to be ready")
        async with town.hub.http() as rest:
            record = (await rest.get(f"/api/v1/interactions/{offer.interaction_id}")).json()["record"]
        assert (record["state"], record["ended_reason"]) == ("ended", "abandoned")


class Visitor:
    """A page with the widget, as far as the hub can see: its frames over the public socket."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.token = ""

    async def say(self, **frame: Any) -> None:
        await self._socket.send(json.dumps(frame))

    async def until(self, kind: str, **fields: Any) -> dict[str, Any]:
        while True:
            frame = json.loads(await self._socket.recv())
            if frame["type"] == kind and all(frame.get(key) == value for key, value in fields.items()):
                return dict(frame)

    async def hello(self, token: str = "", after: int = 0, conversation: int = 0) -> dict[str, Any]:
        known = {"token": token} if token else {}
        await self.say(
            type="hello", entry="support", language="zh-CN", conversation=conversation, after=after, **known
        )
        welcome = await self.until("welcome")
        self.token = welcome["token"]
        return welcome


def widget(town: Town) -> connect:
    address = town.hub.url.replace("http", "ws", 1) + "/webhooks/webchat/socket"
    return connect(address, origin=town.hub.page, ping_interval=None)  # type: ignore[arg-type]


async def test_a_chat_is_answered_and_goes_on_after_a_lost_connection(town: Town) -> None:
    async with mei(town) as desk:
        await desk.ready()
        async with widget(town) as socket:
            visitor = Visitor(socket)
            welcome = await visitor.hello()
            assert welcome["greeting"].startswith("您好")
            await visitor.say(type="message", id="m1", text="可以换尺码吗？")
            await visitor.until("ack", id="m1")
            work = await desk.accept()
            assert work.preview == "可以换尺码吗？"
            await visitor.until("state", state="attended", agent="Mei")
            await visitor.say(type="typing")
            await desk.frame("typing")
            await desk.command("reply", interaction_id=work.interaction_id, text="可以，请告诉我订单号。")
            line = await visitor.until("line", sender="agent")
            assert (line["text"], line["name"]) == ("可以，请告诉我订单号。", "Mei")
        await desk.command("reply", interaction_id=work.interaction_id, text="您还在吗？")
        async with widget(town) as socket:
            back = Visitor(socket)
            welcome = await back.hello(visitor.token, line["seq"], welcome["conversation"])
            assert welcome["resumed"]
            missed = await back.until("line")
            assert missed["text"] == "您还在吗？"
            await desk.command("note", interaction_id=work.interaction_id, text="INTERNAL: difficult customer")
            await back.say(type="message", id="m2", text="在")
            shown = await back.until("line", sender="customer")
            assert shown["text"] == "在"
            await desk.line("message.received", lambda e: e.body["text"] == "在")
            await wrap_up(desk, work)
            await back.until("state", state="ended")
