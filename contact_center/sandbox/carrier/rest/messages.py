"""Messages: sent, fetched, and listed for whoever wants to find what was missed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request

from contact_center.domain import contact_points
from contact_center.sandbox.carrier.exchange import Exchange
from contact_center.sandbox.carrier.rest.forms import Answer, Form, RestError, not_found, page_of, shown_date
from contact_center.sandbox.carrier.switchboard import API_VERSION
from contact_center.sandbox.carrier.texts import MAX_BODY, Texts, segments
from contact_center.sandbox.world import Row

MAX_LISTED = 100_000


class Messages:
    def __init__(self, exchange: Exchange, texts: Texts, base: str) -> None:
        self.exchange = exchange
        self.texts = texts
        self._base = base

    def answers(self) -> list[tuple[str, str, Answer]]:
        return [
            ("/Messages.json", "POST", self.create),
            ("/Messages.json", "GET", self.listed),
            ("/Messages/{sid}.json", "GET", self.fetch),
        ]

    async def create(self, _request: Request, form: Form) -> tuple[int, Any]:
        to, sender, body = form["To"], form["From"], form["Body"]
        if not to:
            raise RestError(400, 21604, "A 'To' phone number is required.")
        if contact_points.phone(to).kind != "phone":
            raise RestError(400, 21211, f"Invalid 'To' Phone Number: {to}")
        if not sender and not form["MessagingServiceSid"]:
            raise RestError(400, 21603, "A 'From' phone number is required.")
        sender = sender or next(iter(self.texts.numbers))
        if sender not in self.texts.numbers:
            raise RestError(400, 21659, f"'{sender}' is not a Twilio phone number or Short Code country mismatch")
        if not body and "MediaUrl" not in form:
            raise RestError(400, 21602, "Message body is required.")
        if len(body) > MAX_BODY:
            raise RestError(400, 21617, "The concatenated message body exceeds the 1600 character limit")
        if self.exchange.world.opted_out(to, sender):
            raise RestError(400, 21610, "Attempt to send to unsubscribed recipient")
        text = self.texts.send(sender, to, body or f"[{form['MediaUrl']}]", form.address("StatusCallback"))
        return 201, self._shown(text)

    async def fetch(self, request: Request, _form: Form) -> tuple[int, Any]:
        text = self.exchange.world.text(request.path_params["sid"])
        if text is None:
            raise not_found(request)
        return 200, self._shown(text)

    async def listed(self, request: Request, form: Form) -> tuple[int, Any]:
        dated = any(f"DateSent{sign}" in form for sign in ("", "<", ">"))

        form.when("DateSent", None)

        def found(limit: int, offset: int) -> Sequence[Any]:
            if not dated:
                rows = self.exchange.world.texts(form["From"], form["To"], limit, offset)
            else:
                rows = self.exchange.world.texts(form["From"], form["To"], MAX_LISTED, 0)
                rows = [row for row in rows if form.when("DateSent", _sent(row))][offset : offset + limit]
            return [self._shown(row) for row in rows]

        return 200, page_of(request, form, "messages", found)

    def _shown(self, text: Row) -> dict[str, Any]:
        uri = f"{self._base}/Messages/{text['sid']}"
        inbound = text["direction"] == "inbound"
        return {
            "sid": text["sid"],
            "account_sid": self.exchange.account,
            "api_version": API_VERSION,
            "body": text["body"],
            "date_created": shown_date(text["at"]),
            "date_sent": shown_date(_sent(text)),
            "date_updated": shown_date(text["sent_at"] or text["at"]),
            "direction": text["direction"],
            # What the hub made of a customer's message is not the message's own fate.
            "error_code": None if inbound else text["error"],
            "error_message": None,
            "from": text["sender"],
            "messaging_service_sid": None,
            "num_media": "0",
            "num_segments": str(segments(text["body"])),
            "price": None,
            "price_unit": "USD",
            "status": "received" if inbound else text["status"],
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": text["recipient"],
            "uri": f"{uri}.json",
        }


def _sent(text: Row) -> int | None:
    at: int | None = text["at"] if text["direction"] == "inbound" else text["sent_at"]
    return at
