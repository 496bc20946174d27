"""Who is let in, what fails on purpose, and which resource answers."""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from contact_center.sandbox.carrier.exchange import Exchange
from contact_center.sandbox.carrier.rest.calls import Calls
from contact_center.sandbox.carrier.rest.conferences import Conferences
from contact_center.sandbox.carrier.rest.forms import Answer, Form, RestError, not_found, read_form
from contact_center.sandbox.carrier.rest.messages import Messages
from contact_center.sandbox.carrier.rest.recordings import Recordings
from contact_center.sandbox.carrier.switchboard import API_VERSION
from contact_center.sandbox.carrier.texts import Texts

_SHOWN = (
    "To", "From", "Body", "Url", "Twiml", "Status", "StatusCallback", "AnnounceUrl", "Hold", "HoldUrl", "Muted",
    "Coaching", "CallSidToCoach", "Label", "PauseBehavior", "FriendlyName",
)  # fmt: skip


class Rest:
    """Everything under ``/2010-04-01/``, with the account and its token as Basic credentials."""

    def __init__(self, exchange: Exchange, texts: Texts, token: str) -> None:
        self.exchange = exchange
        self._secret = f"{exchange.account}:{token}".encode()
        base = f"/{API_VERSION}/Accounts/{exchange.account}"
        self._base = base
        self._resources = (
            Messages(exchange, texts, base),
            Calls(exchange, base),
            Conferences(exchange, base),
            Recordings(exchange, base),
        )

    def routes(self) -> Sequence[BaseRoute]:
        base = f"/{API_VERSION}/Accounts/{{account}}"
        answers: list[tuple[str, str, Answer]] = [(".json", "GET", self.fetch_account)]
        for resource in self._resources:
            answers += resource.answers()
        known = [Route(base + path, self._door(answer), methods=[method]) for path, method, answer in answers]
        unknown = Route(f"/{API_VERSION}/{{rest:path}}", self._door(self.unknown), methods=["GET", "POST", "DELETE"])
        return [*known, unknown]

    def _door(self, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            form = Form([])
            try:
                self._admit(request)
                form = await read_form(request)
                status, body = await answer(request, form)
                response = _response(status, body)
            except RestError as error:
                status, response = error.status, error.response()
            self.exchange.world.note(
                "rest", form["To"], method=request.method, path=request.url.path, status=status,
                parameters={name: form[name] for name in _SHOWN if name in form},
            )  # fmt: skip
            await self._hang(request)
            return response

        return endpoint

    def _admit(self, request: Request) -> None:
        mischief = self.exchange.webhooks.mischief
        if mischief.means(request.method, request.url.path) and mischief.strikes("rest_failures"):
            code = 20429 if mischief.rest_status == 429 else 20500
            raise RestError(mischief.rest_status, code, "Failed on purpose.")
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        try:
            given = base64.b64decode(credentials, validate=True)
        except (binascii.Error, ValueError):
            given = b""
        account = request.path_params.get("account", self.exchange.account)
        genuine = secrets.compare_digest(given, self._secret)
        if scheme.lower() != "basic" or not genuine or account != self.exchange.account:
            raise RestError(401, 20003, "Authenticate")

    async def _hang(self, request: Request) -> None:
        """It was carried out, but the one who asked hears of it late, or gives up before."""
        mischief = self.exchange.webhooks.mischief
        if mischief.rest_hangs and mischief.means(request.method, request.url.path):
            mischief.rest_hangs -= 1
            await asyncio.sleep(mischief.rest_hang_ms / 1000)

    async def unknown(self, request: Request, _form: Form) -> tuple[int, Any]:
        raise not_found(request)

    async def fetch_account(self, _request: Request, _form: Form) -> tuple[int, Any]:
        return 200, {
            "sid": self.exchange.account,
            "friendly_name": "Sandbox",
            "status": "active",
            "type": "Trial",
            "uri": f"{self._base}.json",
        }


def _response(status: int, body: Any) -> Response:
    if isinstance(body, Response):
        return body
    return Response(status_code=204) if status == 204 else JSONResponse(body, status)
