"""What makes an agent's browser a telephone: https://www.twilio.com/docs/iam/access-tokens"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contact_center.domain.time import HOUR, SECOND, Moment

VALID_MS = 1 * HOUR
"""Long enough for a console to ask again in time, short enough for one that was taken."""

_IDENTITY = re.compile(r"[A-Za-z0-9_.-]{1,121}")


@dataclass(frozen=True, slots=True)
class Passes:
    """``application`` is the TwiML app that a browser's own calls go to; empty where it only takes calls."""

    account: str
    key: str
    secret: str
    application: str
    region: str

    def issue(self, agent_id: str, now: Moment) -> Mapping[str, Any]:
        """A token that lets the browser be ``client:<agent_id>`` for an hour; nothing for an id that Twilio does not
        take. The same moment gives the same token."""
        if not _IDENTITY.fullmatch(agent_id):
            return {}
        from twilio.jwt.access_token import AccessToken  # type: ignore[import-untyped]  # not at start
        from twilio.jwt.access_token.grants import VoiceGrant  # type: ignore[import-untyped]

        grant = VoiceGrant(incoming_allow=True, outgoing_application_sid=self.application or None)
        begins = now // SECOND
        token = _at(begins, AccessToken)(
            self.account,
            self.key,
            self.secret,
            grants=[grant],
            identity=agent_id,
            nbf=begins,
            valid_until=(now + VALID_MS) // SECOND,
            region=self.region or None,
        )
        told = {"token": str(token.to_jwt()), "identity": agent_id, "expires_at": begins * SECOND + VALID_MS}
        return told | ({"region": self.region} if self.region else {})


def _at(begins: int, tokens: Any) -> Any:
    """Twilio's token, which reads the clock for its name alone, told the time instead."""

    class Token(tokens):  # type: ignore[misc]
        def _generate_payload(self) -> dict[str, Any]:
            payload: dict[str, Any] = super()._generate_payload()
            return payload | {"jti": f"{self.signing_key_sid}-{begins}"}

    return Token


def from_settings(account: str, settings: Mapping[str, str], config: Mapping[str, Any]) -> Passes | None:
    """Nothing without the account's API key: then agents have telephones of their own."""
    key = settings.get("twilio_api_key_sid", "").strip()
    secret = settings.get("twilio_api_key_secret", "").strip()
    if not key or not secret:
        return None
    application = settings.get("twilio_twiml_app_sid", "").strip() or str(config.get("twiml_app_sid", ""))
    return Passes(account, key, secret, application, str(config.get("region", "")))
