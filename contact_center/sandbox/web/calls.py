"""Telephones as they are played: by hand, by a test, by a script."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from contact_center.sandbox.carrier import steps
from contact_center.sandbox.carrier.exchange import Exchange
from contact_center.sandbox.carrier.leg import Leg
from contact_center.sandbox.carrier.phones import MANNERS
from contact_center.sandbox.settings import HUB_PHONE
from contact_center.sandbox.web import views
from contact_center.sandbox.web.asking import (
    LONGEST_WAIT,
    Do,
    Mistake,
    milliseconds,
    optional,
    patience,
    phone,
    read_json,
    string,
)
from contact_center.sandbox.world import Row

_KEYS = frozenset("0123456789*#ABCD")


class Telephones:
    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    def answers(self) -> list[tuple[str, str, Do]]:
        return [
            ("POST", "/calls", self.call),
            ("GET", "/calls", self.calls),
            ("POST", "/calls/script", self.script),
            ("GET", "/calls/script/{sid}", self.performance),
            ("GET", "/calls/{sid}", self.read_call),
            ("GET", "/calls/{sid}/hears", self.hears),
            ("POST", "/calls/{sid}/digits", self.digits),
            ("POST", "/calls/{sid}/speech", self.speech),
            ("POST", "/calls/{sid}/answer", self.answer),
            ("POST", "/calls/{sid}/hang_up", self.hang_up),
            ("GET", "/phones", self.phones),
            ("POST", "/phones", self.set_phone),
        ]

    def _shown(self, leg: Leg) -> Row:
        return views.shown_call(self.exchange, leg)

    # --- calling --------------------------------------------------------------------------------------------

    async def call(self, request: Request) -> Any:
        leg = self._dial(await read_json(request))
        return {"call_sid": leg.sid, **self._shown(leg)}

    def _dial(self, body: Row) -> Leg:
        pace = body.get("pace")
        if pace is not None and not (isinstance(pace, int | float) and 0 <= pace <= 10):
            raise Mistake(422, "pace", "pace is a number from 0 to 10.")
        caller, to = phone(body, "from"), optional(body, "to", 64) or HUB_PHONE
        if any(leg.direction == "inbound" for leg in self.exchange.live(caller)):
            raise Mistake(409, "engaged", f"{caller} is on the telephone already.")
        return self.exchange.dial(caller, to, pace=pace, name=str(body.get("name") or "")[:50])

    async def script(self, request: Request) -> Any:
        """A call that plays itself; what became of it is at ``/calls/script/{sid}``."""
        body = await read_json(request)
        try:
            plan = steps.read(body.get("steps"))
        except ValueError as error:
            raise Mistake(422, "steps", str(error)) from None
        leg = self._dial(body)
        return self.exchange.scripts.run(leg, plan).shown()

    async def performance(self, request: Request) -> Any:
        """``wait_ms`` waits for its end."""
        play = self.exchange.scripts.kept.get(request.path_params["sid"])
        if play is None:
            raise Mistake(404, "no_script", "There is no such script.")
        await play.leg.reach(lambda: play.state != "running", patience(request))
        return {**play.shown(), "call": self._shown(play.leg)}

    async def calls(self, request: Request) -> Any:
        number = request.query_params.get("number", "")
        legs = [leg for leg in self.exchange.legs.values() if not number or number in (leg.who, leg.recipient)]
        return {"items": [self._shown(leg) for leg in legs[-100:]]}

    async def read_call(self, request: Request) -> Any:
        """``?until=listening|queue|conference|ended`` waits for that, at most ``wait_ms``."""
        leg, until = self._leg(request), request.query_params.get("until", "")

        def arrived() -> bool:
            return leg.listening if until == "listening" else leg.where == until

        if until:
            await leg.reach(lambda: arrived() or not leg.live, patience(request))
        return self._shown(leg)

    async def hears(self, request: Request) -> Any:
        return {"items": views.heard(self.exchange, self._leg(request))}

    # --- on the telephone -----------------------------------------------------------------------------------

    async def digits(self, request: Request) -> Any:
        leg, body = self._leg(request), await read_json(request)
        digits = string(body, "digits", 32)
        if set(digits) - _KEYS:
            raise Mistake(422, "digits", "Keys are 0–9, * and #.")
        await self._heard(leg, body)
        self.exchange.press(leg, digits)
        return self._shown(leg)

    async def speech(self, request: Request) -> Any:
        leg, body = self._leg(request), await read_json(request)
        text, confidence = string(body, "text", 2_000), body.get("confidence", 0.92)
        if not isinstance(confidence, int | float):
            raise Mistake(422, "confidence", "confidence is a number from 0 to 1.")
        await self._heard(leg, body)
        self.exchange.speak(leg, text, float(confidence))
        return self._shown(leg)

    async def _heard(self, leg: Leg, body: Row) -> None:
        """Waits until somebody listens on the call, as a caller does: 5 seconds if nothing else is said."""
        wanted = body.get("wait_ms", 5_000)
        seconds = wanted / 1000 if isinstance(wanted, int | float) else 5.0
        await leg.reach(lambda: leg.listening or not leg.live, min(max(seconds, 0.0), LONGEST_WAIT))
        if not leg.live:
            raise Mistake(409, "over", "The call is over.")

    async def answer(self, request: Request) -> Any:
        leg = self._leg(request)
        if leg.direction == "inbound" or leg.status not in ("queued", "ringing"):
            raise Mistake(409, "not_ringing", "The telephone does not ring.")
        self.exchange.answer(leg)
        return self._shown(leg)

    async def hang_up(self, request: Request) -> Any:
        leg = self._leg(request)
        self.exchange.put_down(leg)
        return self._shown(leg)

    def _leg(self, request: Request) -> Leg:
        leg = self.exchange.legs.get(request.path_params["sid"])
        if leg is None:
            raise Mistake(404, "no_call", "There is no such call.")
        return leg

    # --- whose telephone does what --------------------------------------------------------------------------

    async def phones(self, _request: Request) -> Any:
        return {"items": views.phones(self.exchange)}

    async def set_phone(self, request: Request) -> Any:
        """``answers``: what it does when it rings, empty for what is usual; ``after_ms``: how soon."""
        body = await read_json(request)
        number = phone(body, "number")
        answers = optional(body, "answers", 20)
        if answers and answers not in MANNERS:
            raise Mistake(422, "answers", f"answers is one of {', '.join(MANNERS)}.")
        after = milliseconds(body, "after_ms", 0, 600_000) if body.get("after_ms") is not None else None
        name = optional(body, "name", 60)
        try:
            plan = steps.read(body.get("steps") or [])
        except ValueError as error:
            raise Mistake(422, "steps", str(error)) from None
        known = self.exchange.phones.at(number)
        known.stands = True
        if "answers" in body:
            known.answers, known.after_ms = answers, after
        elif after is not None:
            known.after_ms = after
        known.name = name or known.name
        if "steps" in body:
            known.steps = plan
        self.exchange.world.changed()
        return views.shown_phone(self.exchange, known, self.exchange.live(number))
