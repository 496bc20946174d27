"""Signing in and out: argon2, a random token of which only the hash is kept, and patience with guessing."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from fastapi import APIRouter
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from pydantic import BaseModel, ConfigDict, StringConstraints
from starlette.requests import Request
from starlette.responses import Response

from contact_center.domain.errors import NotAllowed
from contact_center.storage import logins
from contact_center.web.answers import Json, error
from contact_center.web.principal import (
    COOKIE,
    SESSION_MS,
    Hub,
    Principal,
    SignedIn,
    digest,
    new_token,
    own_origin,
)

router = APIRouter(prefix="/api/v1")

_HASHER = PasswordHasher()
_NOBODY = _HASHER.hash(new_token())
"""Verified against where there is no such login, so that an unknown address takes as long as a wrong password."""

PER_ADDRESS = RateLimitItemPerMinute(20, 1)
PER_LOGIN = RateLimitItemPerMinute(10, 15)
AT_ONCE = 4


class Patience:
    """How often may be guessed. Only failures count: a whole office signs in from one address. Few guesses are
    looked at at once, so that many at the same moment cannot slip through before the first has counted."""

    def __init__(self) -> None:
        self._failures = MovingWindowRateLimiter(MemoryStorage())
        self.turn = asyncio.Semaphore(AT_ONCE)

    def is_over(self, address: str, account: str) -> bool:
        return not (
            self._failures.test(PER_ADDRESS, "address", address) and self._failures.test(PER_LOGIN, "login", account)
        )

    def failed(self, address: str, account: str) -> None:
        self._failures.hit(PER_ADDRESS, "address", address)
        self._failures.hit(PER_LOGIN, "login", account)


class Credentials(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: Annotated[str, StringConstraints(min_length=1, max_length=320)]
    password: Annotated[str, StringConstraints(min_length=1, max_length=200)]


def me(principal: Principal) -> dict[str, Any]:
    return {
        "me": {
            "id": principal.login_id or principal.key,
            "name": principal.name,
            "email": principal.email,
            "role": principal.role,
            "locale": principal.locale,
            "agent_id": principal.agent_id or None,
        }
    }


def _matches(password_hash: str, password: str) -> bool:
    try:
        return _HASHER.verify(password_hash or _NOBODY, password) and bool(password_hash)
    except (VerificationError, InvalidHashError):
        return False


@router.post("/session", summary="Sign in")
async def sign_in(given: Credentials, request: Request, runtime: Hub) -> Response:
    """Sets the session's cookie. The answer to a wrong password and to an unknown address is the same."""
    if not own_origin(request):
        raise NotAllowed("This request comes from another site.")
    address = request.client.host if request.client else ""
    account = given.email.strip().lower()
    patience: Patience = request.app.state.patience
    async with patience.turn:
        if patience.is_over(address, account):
            return error(429, "too_many", "Too many attempts. Wait a minute and try again.", {"Retry-After": "60"})
        login = await runtime.executor.read(logins.by_email, account)
        known = login.password_hash if login else ""
        if not await asyncio.to_thread(_matches, known, given.password) or login is None:
            patience.failed(address, account)
            return error(401, "wrong_credentials", "That e-mail address and password do not go together.")
    token, now = new_token(), runtime.occasion().now
    await runtime.executor.write(logins.begin_session, digest(token), login.id, now, now + SESSION_MS)
    principal = Principal(digest(token), login.role, login.name, login.agent_id, login.id, login.email, login.locale)
    answer = Json(me(principal))
    answer.set_cookie(
        COOKIE,
        token,
        max_age=SESSION_MS // 1_000,
        httponly=True,
        samesite="lax",
        secure=runtime.secure_cookies,
        path="/",
    )
    return answer


@router.get("/session", summary="Who am I")
async def who_am_i(principal: SignedIn) -> Response:
    return Json(me(principal))


@router.delete("/session", summary="Sign out")
async def sign_out(principal: SignedIn, runtime: Hub) -> Response:
    """Ends the session and closes its sockets."""
    await runtime.executor.write(logins.end_session, principal.key)
    answer = Response(status_code=204)
    answer.delete_cookie(COOKIE, path="/")
    return answer


@router.get("/demo", summary="Demo accounts", include_in_schema=False)
async def demo(runtime: Hub) -> Response:
    """The demonstration's accounts, where this hub is one."""
    if runtime.demo is None:
        return error(404, "not_found", "This is no demonstration.")
    return Json(runtime.demo)
