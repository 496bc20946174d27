"""Text messages between virtual customers and the hub's number, with receipts and the carrier's STOP rules."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from contact_center.sandbox import twiml
from contact_center.sandbox.carrier.switchboard import API_VERSION, Number, places
from contact_center.sandbox.carrier.webhooks import Reply, Webhooks
from contact_center.sandbox.world import Row, World

MAX_BODY = 1_600
OPT_OUT = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
OPT_IN = frozenset({"START", "YES", "UNSTOP"})
_GOODBYE = (
    "You have successfully been unsubscribed. You will not receive any more messages from this number."
    " Reply START to resubscribe."
)
_WELCOME = "You have successfully been re-subscribed to messages from this number. Reply STOP to unsubscribe."

# GSM 03.38: what fits into 160 characters; anything else makes the whole message UCS-2 with 70.
_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_LONG = frozenset("^{}\\[~]|€")


def segments(body: str) -> int:
    """How many parts the message is sent (and billed) in."""
    if all(character in _GSM or character in _GSM_LONG for character in body):
        length, single, part = len(body) + sum(c in _GSM_LONG for c in body), 160, 153
    else:
        length, single, part = len(body.encode("utf-16-be")) // 2, 70, 67
    return 1 if length <= single else -(-length // part)


class Texts:
    """``receipt_after`` are the seconds until a message counts as sent, and again as delivered."""

    def __init__(
        self,
        world: World,
        webhooks: Webhooks,
        account: str,
        numbers: tuple[Number, ...],
        new_sid: Callable[[str], str],
        receipt_after: float = 0.15,
    ) -> None:
        self.world = world
        self.webhooks = webhooks
        self.account = account
        self.numbers = {number.number: number for number in numbers if number.sms_url}
        self.new_sid = new_sid
        self.receipt_after = receipt_after
        self._tasks: set[asyncio.Task[Any]] = set()

    def write(self, sender: str, recipient: str, body: str) -> Row:
        """A virtual customer sends a text. The hub is told at once; its answer (TwiML) is carried out."""
        text = self.world.add_text(self.new_sid("SM"), "inbound", sender, recipient, body, "receiving")
        self.world.note("sms.in", sender, sid=text["sid"], recipient=recipient, body=body)
        number = self.numbers.get(recipient)
        if number is None:
            self.world.set_text(text["sid"], "failed", 21408)
            return text
        self._spawn(self._deliver(text, number))
        self._keywords(sender, recipient, body)
        return text

    def send(self, sender: str, recipient: str, body: str, callback: str = "") -> Row:
        """The hub sends a text to a virtual customer."""
        text = self.world.add_text(self.new_sid("SM"), "outbound-api", sender, recipient, body, "queued", callback)
        self.world.note("sms.out", recipient, sid=text["sid"], sender=sender, body=body)
        self._spawn(self._carry(text))
        return text

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _deliver(self, text: Row, number: Number) -> None:
        facts = {
            **self._facts(text),
            "SmsSid": text["sid"],
            "SmsMessageSid": text["sid"],
            "SmsStatus": "received",
            "NumMedia": "0",
            "NumSegments": str(segments(text["body"])),
            "Body": text["body"],
            **places(text["sender"], text["recipient"]),
        }
        reply = await self._ask(text, number.sms_url, facts, "sms")
        if reply.error and number.sms_fallback_url:
            wrong = {"ErrorCode": str(reply.error), "ErrorUrl": number.sms_url}
            reply = await self._ask(text, number.sms_fallback_url, facts | wrong, "sms fallback")
        self.world.set_text(text["sid"], "failed" if reply.error else "received", reply.error or None)
        if reply.error:
            return
        for verb in twiml.read(reply.text, reply.url) if "<" in reply.text else ():
            if isinstance(verb, twiml.Message) and verb.text:
                self.send(text["recipient"], verb.to or text["sender"], verb.text, verb.callback)

    async def _ask(self, text: Row, url: str, facts: dict[str, str], what: str) -> Reply:
        """The hub's answer; what is no TwiML is as good as none."""
        reply = await self.webhooks.call(url, facts, token=self.new_sid("")[:36], who=text["sender"], what=what)
        try:
            twiml.read(reply.text if "<" in reply.text and not reply.error else "", url)
        except twiml.Unreadable as unreadable:
            self.world.note("carrier.error", text["sender"], code=unreadable.code, reason=unreadable.reason)
            return replace(reply, error=unreadable.code, reason=unreadable.reason)
        return reply

    async def _carry(self, text: Row) -> None:
        in_order = asyncio.Lock()
        for status in ("sent", "delivered"):
            await asyncio.sleep(self.receipt_after)
            self.world.set_text(text["sid"], status)
            self.world.note("sms.status", text["recipient"], sid=text["sid"], status=status)
            if text["callback"]:
                facts = {
                    **self._facts(text),
                    "SmsSid": text["sid"],
                    "MessageStatus": status,
                    "SmsStatus": status,
                }
                self._spawn(self._tell(in_order, text, facts))

    async def _tell(self, in_order: asyncio.Lock, text: Row, facts: dict[str, str]) -> None:
        await self.webhooks.hold_back("sms status")
        async with in_order:
            token = self.new_sid("")[:36]
            await self.webhooks.call(text["callback"], facts, token=token, who=text["recipient"], what="sms status")

    def _facts(self, text: Row) -> dict[str, str]:
        return {
            "AccountSid": self.account,
            "ApiVersion": API_VERSION,
            "MessageSid": text["sid"],
            "From": text["sender"],
            "To": text["recipient"],
        }

    def _keywords(self, sender: str, recipient: str, body: str) -> None:
        word = body.strip().upper()
        if word in OPT_OUT:
            self.send(recipient, sender, _GOODBYE)
            self.world.opt_out(sender, recipient, True)
        elif word in OPT_IN and self.world.opted_out(sender, recipient):
            self.world.opt_out(sender, recipient, False)
            self.send(recipient, sender, _WELCOME)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
