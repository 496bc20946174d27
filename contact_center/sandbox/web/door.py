"""All of the sandbox's HTTP, put together: pages, the live stream, the JSON for automation, the carrier's REST."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from html import escape
from importlib.resources import files
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from contact_center.domain import contact_points
from contact_center.sandbox import orders
from contact_center.sandbox.carrier.exchange import Exchange
from contact_center.sandbox.carrier.rest import Rest
from contact_center.sandbox.carrier.texts import Texts
from contact_center.sandbox.mail.post import Post
from contact_center.sandbox.settings import HUB_MAIL, HUB_PHONE, HUB_SMS
from contact_center.sandbox.web import views
from contact_center.sandbox.web.asking import (
    Do,
    Mistake,
    guarded,
    number,
    optional,
    phone,
    read_json,
    string,
    waited,
)
from contact_center.sandbox.web.calls import Telephones
from contact_center.sandbox.web.mailboxes import Mailboxes
from contact_center.sandbox.world import Row, World

PROBE_SECONDS = 4.0
_PAGE = files("contact_center.sandbox") / "page"


class Door:
    def __init__(
        self, world: World, exchange: Exchange, texts: Texts, post: Post, public_url: str, token: str
    ) -> None:
        self.world = world
        self.exchange = exchange
        self.texts = texts
        self.public_url = public_url
        self.closing = asyncio.Event()
        self._rest = Rest(exchange, texts, token)
        self._telephones = Telephones(exchange)
        self._mailboxes = Mailboxes(world, post, self.closing)
        self._hub: dict[str, Any] = {"reachable": None, "reason": ""}
        self._lookers = 0
        self._probe: asyncio.Task[None] | None = None

    def application(self, host: str) -> Starlette:
        """The whole door. Where it listens on this machine alone, it goes by no other name: a stranger's page
        whose name was made to lead here would otherwise be of the same origin."""
        here = ["127.0.0.1", "localhost"]
        named = [Middleware(TrustedHostMiddleware, allowed_hosts=here)] if host in here else []
        answers: list[tuple[str, str, Do]] = [
            ("GET", "/settings", self.settings),
            ("POST", "/sms", self.write_text),
            ("GET", "/sms", self.read_texts),
            *self._telephones.answers(),
            *self._mailboxes.answers(),
            ("GET", "/ledger", self.ledger),
            ("GET", "/misbehave", self.mischief),
            ("POST", "/misbehave", self.misbehave),
        ]
        return Starlette(
            middleware=named,
            routes=[
                Route("/", self.page),
                Route("/shop", self.shop),
                Route("/sandbox/stream", self.stream),
                *(
                    Route("/sandbox" + path, guarded(do, 201 if method == "POST" else 200), methods=[method])
                    for method, path, do in answers
                ),
                Route("/sandbox/orders/verify", guarded(self.verify), methods=["POST"]),
                Route("/sandbox/orders/{number}", guarded(self.order), methods=["GET"]),
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
        mail = ("mail.to_hub", "mail.to_customer")
        return {
            "hub": self._hub,
            "call": views.shown_call(self.exchange, leg) if leg else None,
            "phones": views.phones(self.exchange, without=number),
            "mischief": self.exchange.webhooks.mischief.shown(),
            "texts": [_shown_text(text) for text in self.world.thread(number, 100)] if number else [],
            "letters": self._mailboxes.briefs(address) if address else [],
            "trace": {
                "voice": self._trace(number, "voice") if number else [],
                "sms": self._trace(number, "sms") if number else [],
                "mail": [_shown_post(line) for line in self.world.lately(address, mail, 8)] if address else [],
            },
        }

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
        body = await read_json(request)
        text = string(body, "text", 1_600)
        return _shown_text(self.texts.write(phone(body, "from"), optional(body, "to", 64) or HUB_SMS, text))

    async def read_texts(self, request: Request) -> Any:
        customer = contact_points.phone(request.query_params.get("number", "")).value
        after = number(request, "after", 0)

        def found() -> list[Row]:
            return [text for text in self.world.thread(customer) if text["seq"] > after]

        return {"items": [_shown_text(text) for text in await waited(self.world, request, found, self.closing)]}

    # --- the shop's order service ---------------------------------------------------------------------------

    async def order(self, request: Request) -> Any:
        await self._trouble(request)
        order = orders.find(request.path_params["number"])
        if order is None:
            raise Mistake(404, "no_order", "There is no such order.")
        return order

    async def verify(self, request: Request) -> Any:
        await self._trouble(request)
        body = await read_json(request)
        who = optional(body, "number", 64) or phone(body, "phone")
        return {"verified": orders.verify(who, string(body, "pin", 32))}

    async def _trouble(self, request: Request) -> None:
        """Slow or broken, for whoever asks with ``delay_ms`` and ``fail``, or on purpose for everybody."""
        mischief = self.exchange.webhooks.mischief
        delay = number(request, "delay_ms", mischief.orders_delay_ms)
        status = number(request, "fail", mischief.orders_status)
        await asyncio.sleep(min(max(delay, 0), 60_000) / 1000)
        if 400 <= status <= 599:
            raise Mistake(status, "on_purpose", "Failed on purpose.")

    # --- the witness ----------------------------------------------------------------------------------------

    async def ledger(self, request: Request) -> Any:
        limit = min(max(number(request, "limit", 1_000), 1), 10_000)
        given = request.query_params
        after, kind, who = number(request, "after", 0), given.get("kind", ""), given.get("who", "")

        def found() -> list[Row]:
            return self.world.ledger(after, limit, kind, who)

        return {"items": await waited(self.world, request, found, self.closing)}

    async def mischief(self, _request: Request) -> Any:
        return self.exchange.webhooks.mischief.shown()

    async def misbehave(self, request: Request) -> Any:
        mischief = self.exchange.webhooks.mischief
        try:
            mischief.change(await read_json(request))
        except ValueError as error:
            raise Mistake(422, "misbehave", str(error)) from None
        self.world.changed()
        return mischief.shown()


# --- shapes ---------------------------------------------------------------------------------------------------


def _shown_text(text: Row) -> Row:
    kept = ("seq", "sid", "at", "sender", "recipient", "body", "status", "error")
    return {name: text[name] for name in kept} | {"mine": text["direction"] == "inbound"}


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
