"""Access tokens for mailboxes that are opened by OAuth 2 instead of a password.

:class:`AccessTokens` gives both IMAP and SMTP the token that they log in with (XOAUTH2), and gets a new one from the
provider before the old one runs out (RFC 6749, section 6). A provider that gives a new refresh token with it no
longer honours the old one, so it is remembered by the hub, encrypted with a key that this installation's secret
alone gives; all nodes use what one of them got. Nothing secret stands in an error or in a log.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import os
import time
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from channels.contract import Busy, Hub
from contact_center.domain.time import MINUTE, SECOND, Moment

_MARGIN = 2 * MINUTE
_USUAL_LIFE_S = 3600
_LONGEST_LIFE_S = 30 * 24 * 3600
_PAUSE_AFTER_REFUSAL = 30 * SECOND
_ANSWER_LIMIT = 64 * 1024
_PATIENCE_S = 20.0
_LEASE_S = 30.0
_NONCE_BYTES = 12


class NoToken(Exception):
    """The provider gives no access token now. ``reason`` is for the operator and holds no secret."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Grant(BaseModel):
    """What the provider's consent page and application settings gave the operator."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    token_url: str = Field(max_length=500)
    client_id: str = Field(min_length=1, max_length=500)
    client_secret: SecretStr = SecretStr("")
    refresh_token: SecretStr = Field(min_length=1)
    scope: str = Field(default="", max_length=1000)

    @field_validator("token_url")
    @classmethod
    def _safe_road(cls, value: str) -> str:
        parts = urlsplit(value)
        if not parts.hostname or parts.username is not None:
            raise ValueError("must look like https://host/path")
        if parts.scheme != "https" and not (parts.scheme == "http" and on_this_machine(parts.hostname)):
            raise ValueError("would send the client's secret in the clear; use https://")
        return value


@dataclass(frozen=True, slots=True)
class _Held:
    """What we have from the provider. ``given`` marks the refresh token in the configuration that it began with: a
    new consent counts before whatever is remembered of an earlier one."""

    given: str
    refresh: str
    access: str = ""
    until: Moment = 0


class AccessTokens:
    """The access tokens of the mailbox ``address``. One refresh is under way at a time, on one node."""

    def __init__(
        self,
        grant: Grant,
        address: str,
        secret: bytes,
        now: Callable[[], Moment] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._grant = grant
        self._key = f"oauth:{address}"
        self._cipher = AESGCM(hmac.digest(secret, b"channels.email oauth", "sha256"))
        self._now = now
        self._turn = asyncio.Lock()
        self._hub: Hub | None = None
        given = hmac.digest(secret, grant.refresh_token.get_secret_value().encode(), "sha256").hex()[:32]
        self._held = _Held(given, grant.refresh_token.get_secret_value())
        self._unsaved = False
        self._refused = ("", 0)

    def remembered_by(self, hub: Hub) -> None:
        """From here on what the provider gives outlives this process."""
        self._hub = hub

    async def access_token(self, refused: str = "") -> str:
        """A token that is good for two minutes at least. ``refused`` is one that a server has just turned away: it
        is not given again. Raises :class:`NoToken`; after a refusal the provider is left alone for half a minute."""
        async with self._turn:
            await self._save()
            if not self._good(refused):
                await self._look()
            if not self._good(refused):
                await self._refresh(refused)
            return self._held.access

    def _good(self, refused: str) -> bool:
        held = self._held
        return bool(held.access) and held.access != refused and held.until - _MARGIN > self._now()

    async def _refresh(self, refused: str) -> None:
        reason, until = self._refused
        if self._now() < until:
            raise NoToken(reason)
        await self._turn_among_nodes(refused)
        if self._good(refused):
            return None
        try:
            await self._ask()
        except NoToken as error:
            tried = self._held.refresh
            await self._look()
            if self._held.refresh != tried:  # another node was given a new one in the meantime
                return await self._ask()
            self._refused = (error.reason, self._now() + _PAUSE_AFTER_REFUSAL)
            raise

    async def _turn_among_nodes(self, refused: str) -> None:
        """Returns when it is ours to ask the provider, or another node has what we need."""
        if self._hub is None:
            return None
        for _ in range(round(_LEASE_S)):
            try:
                if await self._hub.lease(self._key, _LEASE_S):
                    return await self._look()
            except Busy as error:
                raise NoToken(f"The hub can't say whose turn it is: {error}") from error
            await asyncio.sleep(1.0)
            await self._look()
            if self._good(refused):
                return None
        raise NoToken("Another node has been getting an access token for half a minute.")

    async def _ask(self) -> None:
        answer = await self._answer()
        access = answer.get("access_token")
        if not isinstance(access, str) or not access or not access.isascii() or not access.isprintable():
            raise NoToken(f"The token server {self._host} answers without an access token.")
        life = answer.get("expires_in")
        try:
            seconds = min(max(int(life), 0), _LONGEST_LIFE_S) if life is not None else _USUAL_LIFE_S
        except (TypeError, ValueError):
            seconds = _USUAL_LIFE_S
        refresh = answer.get("refresh_token")
        refresh = refresh if isinstance(refresh, str) and refresh else self._held.refresh
        # One that lives for less than the margin is used all the same, once.
        until = self._now() + max(seconds * SECOND, _MARGIN + SECOND)
        self._held = _Held(self._held.given, refresh, access, until)
        self._unsaved = True
        await self._save()

    async def _answer(self) -> dict[str, Any]:
        grant = self._grant
        form = {
            "grant_type": "refresh_token",
            "client_id": grant.client_id,
            "client_secret": grant.client_secret.get_secret_value(),
            "refresh_token": self._held.refresh,
            "scope": grant.scope,
        }
        try:
            async with (
                httpx.AsyncClient(timeout=_PATIENCE_S, follow_redirects=False) as http,
                http.stream("POST", grant.token_url, data={k: v for k, v in form.items() if v}) as response,
            ):
                body = b""
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > _ANSWER_LIMIT:
                        raise NoToken(f"The token server {self._host} answers with too much.")
        except httpx.HTTPError as error:
            raise NoToken(f"The token server {self._host} can't be reached: {type(error).__name__}") from error
        try:
            answer = orjson.loads(body)
        except orjson.JSONDecodeError:
            answer = None
        if response.status_code != 200 or not isinstance(answer, dict):
            raise NoToken(f"The token server {self._host} refuses: {self._said(response.status_code, answer)}")
        return answer

    def _said(self, status: int, answer: object) -> str:
        """The provider's words, without what they may repeat of ours."""
        words = [answer.get("error"), answer.get("error_description")] if isinstance(answer, dict) else []
        said = ": ".join(" ".join(word.split()) for word in words if isinstance(word, str) and word.strip())
        grant = self._grant
        for secret in (grant.client_secret.get_secret_value(), self._held.refresh, self._held.access):
            said = said.replace(secret, "…") if secret else said
        return said[:300] or f"status {status}"

    @property
    def _host(self) -> str:
        return urlsplit(self._grant.token_url).hostname or ""

    # --- what outlives the process -------------------------------------------------------------------------

    async def _look(self) -> None:
        """What is remembered counts, unless it is of another consent, or older than what we have."""
        if self._hub is None or self._unsaved:
            return
        try:
            kept = await self._hub.recall(self._key)
        except Busy:
            return
        held = self._opened(kept) if kept else None
        if held is not None and held.given == self._held.given and held.until >= self._held.until:
            self._held = held

    async def _save(self) -> None:
        if self._hub is None or not self._unsaved:
            return
        try:
            await self._hub.remember(self._key, self._sealed(self._held))
        except Busy:
            return  # it works for us; the next call saves it
        self._unsaved = False

    def _sealed(self, held: _Held) -> str:
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, orjson.dumps(asdict(held)), self._key.encode())
        return b64encode(nonce + sealed).decode()

    def _opened(self, kept: str) -> _Held | None:
        try:
            sealed = b64decode(kept)
            plain = self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], self._key.encode())
            return _Held(**orjson.loads(plain))
        except (ValueError, TypeError, InvalidTag):
            return None  # of another installation's secret: what the configuration gives counts


def on_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
