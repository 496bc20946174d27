"""Who is asking: a session's cookie or an API key, and what their role may."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends
from starlette.requests import HTTPConnection

from contact_center.desk.verbs import Acting
from contact_center.domain.errors import NotAllowed, NotFound, Refusal
from contact_center.domain.time import HOUR
from contact_center.registry.runtime import Runtime
from contact_center.storage import agents, logins

COOKIE = "cch_session"
SESSION_MS = 12 * HOUR
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class NotSignedIn(Refusal):
    status = 401

    def __init__(self) -> None:
        super().__init__("not_signed_in", "Sign in first.")


@dataclass(frozen=True, slots=True)
class Principal:
    """``key`` identifies the session (its token's hash) or the API key; ``agent_id`` is whose desk is meant."""

    key: str
    role: str
    name: str
    agent_id: str
    login_id: str = ""
    email: str = ""
    locale: str = ""

    @property
    def acting(self) -> Acting:
        return Acting(self.agent_id, self.role, self.name)

    @property
    def supervises(self) -> bool:
        return self.role in ("supervisor", "admin")


def runtime_of(connection: HTTPConnection) -> Runtime:
    runtime: Runtime = connection.app.state.runtime
    return runtime


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def new_token() -> str:
    return secrets.token_urlsafe(32)


def own_origin(connection: HTTPConnection) -> bool:
    """Whether a browser's request comes from the hub's own pages. A browser says so in ``Sec-Fetch-Site`` or
    ``Origin``; what sends neither is no browser, and carries no ambient cookie by accident."""
    site = connection.headers.get("sec-fetch-site")
    if site is not None and connection.scope["type"] == "http":
        return site in ("same-origin", "none")
    origin = connection.headers.get("origin")
    if origin is None:
        return True
    return urlsplit(origin).netloc in (
        connection.headers.get("host", ""),
        urlsplit(runtime_of(connection).public_url).netloc,
    )


async def identify(connection: HTTPConnection) -> Principal | None:
    """Who it is; None where nobody is proven. With an API key, ``?agent=`` names the agent to act as. Raises
    ``NotFound`` for an agent that doesn't exist, ``NotAllowed`` for a foreign page's use of the cookie."""
    runtime = runtime_of(connection)
    authorization = connection.headers.get("authorization", "")
    if authorization[:7].lower() == "bearer ":
        key = authorization[7:].strip()
        known = [k for k in (runtime.bootstrap_api_key, runtime.local_api_key) if k]
        if not any(hmac.compare_digest(key.encode(), wanted.encode()) for wanted in known):
            return None
        agent_id = connection.query_params.get("agent", "")
        name = "API"
        if agent_id:
            agent = await runtime.executor.read(agents.get, agent_id)
            if agent is None:
                raise NotFound("agent")
            name = agent.name
        return Principal("key:bootstrap", "admin", name, agent_id)
    token = connection.cookies.get(COOKIE, "")
    if not token:
        return None
    ambient = connection.scope["type"] == "websocket" or connection.scope["method"] not in _SAFE
    if ambient and not own_origin(connection):
        raise NotAllowed("This request comes from another site.")
    key = digest(token)
    login = await runtime.executor.read(logins.of_session, key, runtime.occasion().now)
    if login is None:
        return None
    return Principal(key, login.role, login.name, login.agent_id, login.id, login.email, login.locale)


async def signed_in(connection: HTTPConnection) -> Principal:
    """Raises :class:`NotSignedIn`."""
    principal = await identify(connection)
    if principal is None:
        raise NotSignedIn()
    return principal


async def supervising(connection: HTTPConnection) -> Principal:
    """Raises :class:`NotSignedIn`, or ``NotAllowed`` for agents."""
    principal = await signed_in(connection)
    if not principal.supervises:
        raise NotAllowed("Only supervisors and admins may see this.")
    return principal


SignedIn = Annotated[Principal, Depends(signed_in)]
Supervising = Annotated[Principal, Depends(supervising)]
Hub = Annotated[Runtime, Depends(runtime_of)]
