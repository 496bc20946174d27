"""Calls: placed, moved, ended, listed."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from contact_center.domain import contact_points
from contact_center.sandbox.carrier.exchange import Exchange
from contact_center.sandbox.carrier.leg import LONGEST_CALL, Leg
from contact_center.sandbox.carrier.phones import is_desk
from contact_center.sandbox.carrier.rest.forms import (
    Answer,
    Form,
    RestError,
    not_found,
    page_of,
    shown_date,
    slices,
)
from contact_center.sandbox.carrier.switchboard import API_VERSION, seconds

_STATUSES = ("queued", "ringing", "in-progress", "completed", "busy", "failed", "no-answer", "canceled")


class Calls:
    def __init__(self, exchange: Exchange, base: str) -> None:
        self.exchange = exchange
        self._base = base

    def answers(self) -> list[tuple[str, str, Answer]]:
        return [
            ("/Calls.json", "POST", self.create),
            ("/Calls.json", "GET", self.listed),
            ("/Calls/{sid}.json", "GET", self.fetch),
            ("/Calls/{sid}.json", "POST", self.update),
        ]

    async def create(self, _request: Request, form: Form) -> tuple[int, Any]:
        source = form.source()
        leg = new_leg(self.exchange, form)
        if source is None:
            raise RestError(400, 21205, "Url parameter is required.")
        self.exchange.place(leg, source)
        return 201, self._shown(leg)

    async def fetch(self, request: Request, _form: Form) -> tuple[int, Any]:
        return 200, self._shown(find_leg(self.exchange, request, "sid"))

    async def update(self, request: Request, form: Form) -> tuple[int, Any]:
        leg, status, source = find_leg(self.exchange, request, "sid"), form["Status"], form.source()
        if status not in ("", "completed", "canceled"):
            raise RestError(400, 21222, f"Invalid Status: {status}")
        if not leg.live:
            raise RestError(400, 21220, "Invalid call state: Call is not in-progress. Cannot redirect.")
        if status == "canceled" and leg.status == "in-progress":
            raise RestError(400, 21222, "Call is in-progress: it can be completed, not canceled.")
        if source is not None and not status and leg.answered_at is None and leg.direction != "inbound":
            raise RestError(400, 21220, "Invalid call state: Call is not in-progress. Cannot redirect.")
        if "FallbackUrl" in form:
            leg.fallback, leg.fallback_method = form.address("FallbackUrl"), form.method("FallbackMethod")
        if "StatusCallback" in form:
            leg.callback, leg.callback_method = form.address("StatusCallback"), form.method("StatusCallbackMethod")
        if status:
            self.exchange.hang_up(leg, "hub")
        elif source is not None:
            self.exchange.redirect(leg, source)
        return 200, self._shown(leg)

    async def listed(self, request: Request, form: Form) -> tuple[int, Any]:
        if form["Status"] and form["Status"] not in _STATUSES:
            raise RestError(400, 20001, f"Invalid Status: {form['Status'][:40]}")
        form.when("StartTime", None)
        form.when("EndTime", None)
        wanted = {"status": form["Status"], "sender": form["From"], "recipient": form["To"]}
        legs = [
            leg
            for leg in reversed(self.exchange.legs.values())
            if all(not value or getattr(leg, name) == value for name, value in wanted.items())
            and (not form["ParentCallSid"] or leg.parent_sid == form["ParentCallSid"])
            and form.when("StartTime", leg.answered_at or leg.created_at)
            and form.when("EndTime", leg.ended_at)
        ]
        found = slices(legs)
        return 200, page_of(request, form, "calls", lambda size, at: [self._shown(leg) for leg in found(size, at)])

    def _shown(self, leg: Leg) -> dict[str, Any]:
        uri = f"{self._base}/Calls/{leg.sid}"
        return {
            "sid": leg.sid,
            "account_sid": self.exchange.account,
            "annotation": None,
            "answered_by": None,
            "api_version": API_VERSION,
            "caller_name": leg.caller_name or None,
            "date_created": shown_date(leg.created_at),
            "date_updated": shown_date(leg.ended_at or leg.answered_at or leg.created_at),
            "direction": leg.direction,
            "duration": str(seconds(leg)) if leg.ended_at else None,
            "end_time": shown_date(leg.ended_at),
            "forwarded_from": None,
            "from": leg.sender,
            "from_formatted": leg.sender,
            "group_sid": None,
            "parent_call_sid": leg.parent_sid or None,
            "phone_number_sid": None,
            "price": None,
            "price_unit": "USD",
            "queue_time": "0",
            "start_time": shown_date(leg.answered_at or leg.created_at),
            "status": leg.status,
            "subresource_uris": {"recordings": f"{uri}/Recordings.json"},
            "to": leg.recipient,
            "to_formatted": leg.recipient,
            "trunk_sid": None,
            "uri": f"{uri}.json",
        }


def new_leg(exchange: Exchange, form: Form) -> Leg:
    """A call that the hub asks for, not placed yet. Raises :class:`RestError`."""
    to, sender = form["To"], form["From"]
    if not to:
        raise RestError(400, 21201, "No 'To' number is specified")
    if not sender:
        raise RestError(400, 21213, "'From' number is required")
    if not is_desk(to) and contact_points.phone(to).kind != "phone":
        raise RestError(400, 21211, f"Invalid 'To' Phone Number: {to}")
    if sender not in exchange.numbers and not is_desk(sender):
        raise RestError(400, 21210, f"'From' phone number not verified: {sender}")
    return Leg(
        sid=exchange.new_sid("CA"),
        sender=sender,
        recipient=to,
        direction="outbound-api",
        created_at=exchange.world.now(),
        who="" if is_desk(to) else to,
        pace=exchange.pace,
        callback=form.address("StatusCallback"),
        callback_method=form.method("StatusCallbackMethod"),
        events=frozenset(form.all("StatusCallbackEvent")) or frozenset({"completed"}),
        timeout=float(form.number("Timeout", 60, 1, 600)),
        limit=float(form.number("TimeLimit", int(LONGEST_CALL), 1, 86_400)),
        fallback=form.address("FallbackUrl"),
        fallback_method=form.method("FallbackMethod"),
        record=form.tape() if form.flag("Record") else None,
    )


def find_leg(exchange: Exchange, request: Request, name: str) -> Leg:
    leg = exchange.legs.get(request.path_params[name])
    if leg is None:
        raise not_found(request)
    return leg
