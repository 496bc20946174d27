"""The sandbox's own door: the *try it* page and its live state, the same for automation, and the shop page.

Everything under ``/sandbox/`` is JSON; docs/sandbox.md describes it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from html import escape
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from contact_center.domain import contact_points
from contact_center.sandbox.carrier.exchange import Exchange, seconds
from contact_center.sandbox.carrier.leg import Leg
from contact_center.sandbox.carrier.rest import Rest
from contact_center.sandbox.carrier.texts import Texts
from contact_center.sandbox.mail import letters
from contact_center.sandbox.mail.post import Post
from contact_center.sandbox.settings import HUB_MAIL, HUB_PHONE, HUB_SMS
from contact_center.sandbox.world import Row, World

MAX_BODY = 1_048_576
LONGEST_WAIT = 60.0
PROBE_SECONDS = 4.0
_PAGE = files("contact_center.sandbox") / "page"


class Mistake(Exception):
    """The request cannot be done; ``message`` says why."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class Door:
    def __init__(
        self, world: World, exchange: Exchange, texts: Texts, post: Post, public_url: str, token: str
    ) -> None:
        self.world = world
        self.exchange = exchange
        self.texts = texts
        self.post = post
        self.public_url = public_url
        self.closing = asyncio.Event()
        self._rest = Rest(exchange, texts, token)
        self._hub: dict[str, Any] = {"reachable": None, "reason": ""}
        self._lookers = 0
        self._briefs: dict[int, Row] = {}
        self._probe: asyncio.Task[None] | None = None

    def application(self, host: str) -> Starlette:
        """The whole door. Where it listens on this machine alone, it goes by no other name: a stranger's page
        whose name was made to lead here would otherwise be of the same origin."""
        here = ["127.0.0.1", "localhost"]
        named = [Middleware(TrustedHostMiddleware, allowed_hosts=here)] if host in here else []
        json_routes: list[tuple[str, str, Callable[[Request], Awaitable[Any]]]] = [
            ("GET", "/settings", self.settings),
            ("POST", "/sms", self.write_text),
            ("GET", "/sms", self.read_texts),
            ("POST", "/calls", self.call),
            ("GET", "/calls", self.calls),
            ("GET", "/calls/{sid}", self.read_call),
            ("POST", "/calls/{sid}/digits", self.digits),
            ("POST", "/calls/{sid}/speech", self.speech),
            ("POST", "/calls/{sid}/answer", self.answer),
            ("POST", "/calls/{sid}/hang_up", self.hang_up),
            ("POST", "/mail", self.write_letter),
            ("GET", "/mail", self.read_letters),
            ("GET", "/mail/{seq:int}", self.read_letter),
            ("POST", "/mail/{seq:int}/seen", self.see_letter),
            ("GET", "/ledger", self.ledger),
            ("POST", "/misbehave", self.misbehave),
        ]
        return Starlette(
            middleware=named,
            routes=[
                Route("/", self.page),
                Route("/shop", self.shop),
                Route("/sandbox/stream", self.stream),
                *(Route("/sandbox" + path, _guarded(do), methods=[method]) for method, path, do in json_routes),
                *self._rest.routes(),
                Mount("/page", StaticFiles(packages=[("contact_center.sandbox", "page")])),
            ],
        )

    async def close(self) -> None:
        self.closing.set()
        self.world.changed()
        if self._probe is not None:
            self._probe.cancel()

    # --- pages ----------------------------------------------------------------------------------------------

    async def page(self, _request: Request) -> Response:
        text = (_PAGE / "index.html").read_text("utf-8").replace("{{hub}}", escape(self.public_url, quote=True))
        policy = (
            "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; media-src *;"
            " frame-src 'self'; base-uri 'none'; form-action 'none'"
        )
        return HTMLResponse(text, headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"})

    async def shop(self, request: Request) -> Response:
        """A stranger's page with the hub's widget on it. ``?lang`` and ``?theme`` dress it."""
        if "lang" not in request.query_params:
            return RedirectResponse("/shop?lang=en")
        language = "zh-CN" if request.query_params["lang"].startswith("zh") else "en"
        theme = "dark" if request.query_params.get("theme") == "dark" else "light"
        text = (_PAGE / ("shop.zh.html" if language == "zh-CN" else "shop.html")).read_text("utf-8")
        text = text.replace("{{hub}}", escape(self.public_url, quote=True)).replace("{{theme}}", theme)
        return HTMLResponse(text, headers={"Cache-Control": "no-store"})

    # --- live state -----------------------------------------------------------------------------------------

    async def stream(self, request: Request) -> Response:
        """Server-sent events: the whole of what a virtual customer has, now and after each change."""
        number = contact_points.phone(request.query_params.get("number", "")).value
        address = contact_points.email(request.query_params.get("email", "")).value
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(self._changes(number, address), media_type="text/event-stream", headers=headers)

    async def _changes(self, number: str, address: str) -> AsyncIterator[str]:
        self._lookers += 1
        if self._probe is None or self._probe.done():
            self._probe = asyncio.get_running_loop().create_task(self._probing())
        try:
            with self.world.watching() as changed:
                sent = ""
                yield "retry: 1000\n\n"
                while not self.closing.is_set():
                    changed.clear()
                    state = json.dumps(self.state(number, address), ensure_ascii=False)
                    if state != sent:
                        sent = state
                        yield f"data: {state}\n\n"
                    await asyncio.sleep(0.06)  # changes come in bursts: one frame for each
                    try:
                        async with asyncio.timeout(15):
                            await changed.wait()
                    except TimeoutError:
                        yield ": still here\n\n"
        finally:
            self._lookers -= 1

    async def _probing(self) -> None:
        """Whether the hub answers, asked for as long as somebody looks."""
        async with httpx.AsyncClient(timeout=3, trust_env=False) as client:
            while self._lookers and not self.closing.is_set():
                try:
                    response = await client.get(self.public_url + "/health")
                    found = {"reachable": response.status_code < 500, "reason": f"HTTP {response.status_code}"}
                except httpx.HTTPError as error:
                    found = {"reachable": False, "reason": type(error).__name__}
                if found != self._hub:
                    self._hub = found
                    self.world.changed()
                await asyncio.sleep(PROBE_SECONDS)

    def state(self, number: str, address: str) -> dict[str, Any]:
        leg = next((leg for leg in reversed(self.exchange.legs.values()) if number and leg.who == number), None)
        return {
            "hub": self._hub,
            "call": shown_call(leg) if leg else None,
            "texts": [_shown_text(text) for text in self.world.thread(number, 100)] if number else [],
            "letters": self._letters(address) if address else [],
            "trace": {
                "voice": self._trace(number, "voice") if number else [],
                "sms": self._trace(number, "sms") if number else [],
                "mail": [
                    _shown_post(line) for line in self.world.lately(address, ("mail.to_hub", "mail.to_customer"), 8)
                ]
                if address
                else [],
            },
        }

    def _letters(self, address: str) -> list[Row]:
        """The mailbox as a list. A letter never changes, so it is read once for all the times it is shown."""
        shown = []
        for row in self.world.letter_list(address, 50):
            brief = self._briefs.get(row["seq"])
            if brief is None:
                letter = self.world.letter(address, row["seq"])
                if letter is None:
                    continue
                if len(self._briefs) > 2_000:
                    self._briefs.clear()
                brief = self._briefs[row["seq"]] = _shown_letter(letter)
            shown.append({**brief, "seen": bool(row["seen"])})
        return shown

    def _trace(self, number: str, medium: str) -> list[Row]:
        kinds = ("webhook", "webhook.lost", "carrier.error")
        lines = [_shown_webhook(line) for line in self.world.lately(number, kinds, 40)]
        return [line for line in lines if (line["what"].startswith("sms")) == (medium == "sms")][:8]

    async def settings(self, _request: Request) -> Any:
        return {
            "hub": self.public_url,
            "numbers": {"phone": HUB_PHONE, "sms": HUB_SMS, "mail": HUB_MAIL},
            "account": self.exchange.account,
        }

    # --- texts ----------------------------------------------------------------------------------------------

    async def write_text(self, request: Request) -> Any:
        body = await _json(request)
        text = _string(body, "text", 1_600)
        written = self.texts.write(_phone(body, "from"), body.get("to") or HUB_SMS, text)
        return _shown_text(written)

    async def read_texts(self, request: Request) -> Any:
        number = contact_points.phone(request.query_params.get("number", "")).value
        after = _number(request, "after", 0)

        def found() -> list[Row]:
            return [text for text in self.world.thread(number) if text["seq"] > after]

        return {"items": [_shown_text(text) for text in await self._wait(request, found)]}

    # --- calls ----------------------------------------------------------------------------------------------

    async def call(self, request: Request) -> Any:
        body = await _json(request)
        pace = body.get("pace")
        if pace is not None and not (isinstance(pace, int | float) and 0 <= pace <= 10):
            raise Mistake(422, "pace", "pace is a number from 0 to 10.")
        caller = _phone(body, "from")
        if any(leg.live and leg.who == caller and leg.direction == "inbound" for leg in self.exchange.legs.values()):
            raise Mistake(409, "engaged", f"{caller} is on the telephone already.")
        leg = self.exchange.dial(
            caller, body.get("to") or HUB_PHONE, pace=pace, name=str(body.get("name") or "")[:50]
        )
        return {"call_sid": leg.sid, **shown_call(leg)}

    async def calls(self, request: Request) -> Any:
        number = request.query_params.get("number", "")
        legs = [leg for leg in self.exchange.legs.values() if not number or number in (leg.who, leg.recipient)]
        return {"items": [shown_call(leg) for leg in legs[-100:]]}

    async def read_call(self, request: Request) -> Any:
        """``?until=listening|queue|conference|ended`` waits for that, at most ``wait_ms``."""
        leg, until = self._leg(request), request.query_params.get("until", "")

        def arrived() -> bool:
            return leg.listening if until == "listening" else leg.where == until

        if until:
            await self._wait(request, lambda: arrived() or not leg.live)
        return shown_call(leg)

    async def digits(self, request: Request) -> Any:
        leg, body = self._leg(request), await _json(request)
        digits = _string(body, "digits", 32)
        if set(digits) - set("0123456789*#ABCD"):
            raise Mistake(422, "digits", "Keys are 0–9, * and #.")
        await self._heard(leg, body)
        self.exchange.press(leg, digits)
        return shown_call(leg)

    async def speech(self, request: Request) -> Any:
        leg, body = self._leg(request), await _json(request)
        text, confidence = _string(body, "text", 2_000), body.get("confidence", 0.92)
        if not isinstance(confidence, int | float):
            raise Mistake(422, "confidence", "confidence is a number from 0 to 1.")
        await self._heard(leg, body)
        self.exchange.speak(leg, text, float(confidence))
        return shown_call(leg)

    async def _heard(self, leg: Leg, body: Row) -> None:
        """Waits until somebody listens on the call, as a caller does: 5 seconds if nothing else is said."""
        patience = body.get("wait_ms", 5_000)
        patience = patience / 1000 if isinstance(patience, int | float) else 5.0
        with self.world.watching() as changed:
            try:
                async with asyncio.timeout(min(max(patience, 0.0), LONGEST_WAIT)):
                    while leg.live and not leg.listening:
                        changed.clear()
                        await changed.wait()
            except TimeoutError:
                pass
        if not leg.live:
            raise Mistake(409, "over", "The call is over.")

    async def answer(self, request: Request) -> Any:
        leg = self._leg(request)
        if leg.direction == "inbound" or leg.status not in ("queued", "ringing"):
            raise Mistake(409, "not_ringing", "The telephone does not ring.")
        self.exchange.answer(leg)
        return shown_call(leg)

    async def hang_up(self, request: Request) -> Any:
        leg = self._leg(request)
        self.exchange.hang_up(leg, "customer" if leg.who else "agent")
        return shown_call(leg)

    def _leg(self, request: Request) -> Leg:
        leg = self.exchange.legs.get(request.path_params["sid"])
        if leg is None:
            raise Mistake(404, "no_call", "There is no such call.")
        return leg

    # --- mail -----------------------------------------------------------------------------------------------

    async def write_letter(self, request: Request) -> Any:
        body = await _json(request)
        sender = contact_points.email(_string(body, "from", 320))
        if sender.kind != "email":
            raise Mistake(422, "from", "from must be an e-mail address.")
        try:
            letter = await self.post.write(
                sender.value,
                str(body.get("name") or "")[:200],
                str(body.get("subject") or "")[:900],
                _string(body, "text", 500_000),
                str(body.get("in_reply_to") or "")[:998],
                str(body.get("to") or ""),
            )
        except (ValueError, OSError) as error:
            raise Mistake(422, "not_sent", str(error)) from None
        return _shown_letter(letter)

    async def read_letters(self, request: Request) -> Any:
        owner = request.query_params.get("to", "").strip().lower()
        after = _number(request, "after", 0)

        def found() -> list[Row]:
            held = self.world.letters(owner, 200)
            return [row for row in held if row["folder"] == "inbox" and row["seq"] > after][::-1]

        return {"items": [_whole_letter(letter) for letter in await self._wait(request, found)]}

    async def read_letter(self, request: Request) -> Any:
        return _whole_letter(self._letter(request))

    async def see_letter(self, request: Request) -> Any:
        letter = self._letter(request)
        self.world.see_letter(letter["owner"], letter["seq"])
        return {}

    def _letter(self, request: Request) -> Row:
        owner = request.query_params.get("to", "").strip().lower()
        letter = self.world.letter(owner, request.path_params["seq"])
        if letter is None:
            raise Mistake(404, "no_letter", "There is no such letter.")
        return letter

    # --- the witness ----------------------------------------------------------------------------------------

    async def ledger(self, request: Request) -> Any:
        limit = min(max(_number(request, "limit", 1_000), 1), 10_000)
        given = request.query_params
        after, kind, who = _number(request, "after", 0), given.get("kind", ""), given.get("who", "")
        return {
            "items": await self._wait(request, lambda: self.world.ledger(after, limit, kind, who)),
        }

    async def misbehave(self, request: Request) -> Any:
        mischief = self.exchange.webhooks.mischief
        for name, value in (await _json(request)).items():
            if not hasattr(mischief, name) or type(getattr(mischief, name)) is not type(value):
                raise Mistake(422, "misbehave", f"{name} is no kind of mischief, or no such value.")
            setattr(mischief, name, value)
        return {name: getattr(mischief, name) for name in type(mischief).__slots__}

    async def _wait(self, request: Request, found: Callable[[], Any]) -> Any:
        """``found()`` as soon as it finds something, or at the end of ``wait_ms`` whatever it finds."""
        patience = min(max(_number(request, "wait_ms", 0) / 1000, 0.0), LONGEST_WAIT)
        with self.world.watching() as changed:
            try:
                async with asyncio.timeout(patience):
                    while not (result := found()) and not self.closing.is_set():
                        changed.clear()
                        await changed.wait()
                    return result
            except TimeoutError:
                return found()


# --- shapes ---------------------------------------------------------------------------------------------------


def shown_call(leg: Leg) -> dict[str, Any]:
    return {
        "sid": leg.sid,
        "from": leg.sender,
        "to": leg.recipient,
        "direction": leg.direction,
        "status": leg.status,
        "where": leg.where,
        "listening": leg.listening,
        "awaiting": leg.awaiting,
        "speaking": leg.speaking,
        "hold_music": leg.hold_music,
        "created_at": leg.created_at,
        "answered_at": leg.answered_at,
        "ended_at": leg.ended_at,
        "ended_by": leg.ended_by,
        "seconds": seconds(leg),
        "conference_sid": leg.conference,
        "queue": leg.queue,
        "lines": leg.lines[-80:],
    }


def _shown_text(text: Row) -> Row:
    kept = ("seq", "sid", "at", "sender", "recipient", "body", "status", "error")
    return {name: text[name] for name in kept} | {"mine": text["direction"] == "inbound"}


def _shown_letter(row: Row) -> Row:
    letter = letters.read(row["raw"])
    preview = " ".join(letter["text"].split())[:160]
    kept = ("from", "from_name", "to", "subject", "message_id", "in_reply_to")
    shown = {name: letter[name] for name in kept}
    return shown | {
        "seq": row["seq"],
        "at": row["at"],
        "folder": row["folder"],
        "seen": bool(row["seen"]),
        "preview": preview,
        "attachments": len(letter["attachments"]),
    }


def _whole_letter(row: Row) -> Row:
    kept = {"seq": row["seq"], "at": row["at"], "folder": row["folder"], "seen": bool(row["seen"])}
    return {**letters.read(row["raw"]), **kept, "raw": row["raw"].decode("utf-8", "replace")[:500_000]}


def _shown_webhook(line: Row) -> Row:
    facts = line["facts"]
    return {
        "at": line["at"],
        "what": facts.get("what", "voice"),
        "path": facts.get("path", ""),
        "status": facts.get("status", 0),
        "ms": facts.get("ms", 0),
        "error": facts.get("error", facts.get("code", 0)),
        "reason": facts.get("reason", ""),
    }


def _shown_post(line: Row) -> Row:
    facts = line["facts"]
    return {"at": line["at"], "what": line["kind"], "size": facts.get("size", 0), "uid": facts.get("uid", 0)}


# --- requests -------------------------------------------------------------------------------------------------


def _guarded(do: Callable[[Request], Awaitable[Any]]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            _same_origin(request)
            return JSONResponse(await do(request), 201 if request.method == "POST" else 200)
        except Mistake as mistake:
            error = {"error": {"code": mistake.code, "message": mistake.message}}
            return JSONResponse(error, mistake.status)

    return endpoint


def _same_origin(request: Request) -> None:
    """Another page in the same browser has no business here; programs send no Origin."""
    origin = request.headers.get("origin")
    if origin and urlsplit(origin).netloc != request.headers.get("host"):
        raise Mistake(403, "origin", "Only the sandbox's own page may ask.")


async def _json(request: Request) -> Row:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise Mistake(413, "too_large", "At most one megabyte.")
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise Mistake(415, "json", "Send JSON, with its content type.")
    try:
        value = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise Mistake(400, "json", "That is not JSON.") from None
    if not isinstance(value, dict):
        raise Mistake(422, "json", "Send an object.")
    return value


def _string(body: Row, name: str, longest: int) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value.strip():
        raise Mistake(422, name, f"{name} is missing.")
    if len(value) > longest:
        raise Mistake(422, name, f"{name} is longer than {longest} characters.")
    return value


def _phone(body: Row, name: str) -> str:
    """A number in E.164; what is none (``anonymous``, a short code) is passed on as it is, as a carrier does."""
    return contact_points.phone(_string(body, name, 64)).value


def _number(request: Request, name: str, default: int) -> int:
    try:
        return int(request.query_params.get(name, default))
    except ValueError:
        raise Mistake(422, name, f"{name} is a whole number.") from None
