"""Twilio's side of the signature, by Twilio's own package: the oracle for our verification."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qsl

from twilio.request_validator import RequestValidator

from channels.contract import Request

TOKEN = "the auth token of the account"
SETTINGS = {"twilio_account_sid": "AC5ef872f6da5a21de157d80997a64bd33", "twilio_auth_token": TOKEN}


class Multi(dict[str, list[str]]):
    """A form with several values for a name, in the shape that Twilio's package knows from Django."""

    @classmethod
    def of(cls, pairs: list[tuple[str, str]]) -> Multi:
        form = cls()
        for name, value in pairs:
            form.setdefault(name, []).append(value)
        return form

    def getlist(self, name: str) -> list[str]:
        return self[name]


def sign(request: Request, secret: str) -> Request:
    """The request as the account with the auth token ``secret`` would have sent it."""
    pairs = parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
    proof = RequestValidator(secret).compute_signature(request.url, Multi.of(pairs))
    return replace(request, headers={**request.headers, "x-twilio-signature": proof})
