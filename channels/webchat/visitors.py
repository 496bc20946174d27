"""Who a visitor is: a random handle, and a token that proves it is theirs.

The token is ``<handle>.<issued, base 36>.<HMAC-SHA256 of both>`` under a key made from the installation's. It
lives in the browser's own storage for the page's origin. Knowing a handle (agents see it) opens nothing; a
token that we did not make, or made too long ago, is as good as none.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256

from contact_center.domain.time import DAY, Moment

HANDLE_BYTES = 16
VALID_FOR_MS = 90 * DAY
_PURPOSE = b"contact-center webchat visitor 1"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Visitors:
    """Makes handles and tokens, and knows its own again. ``random`` gives that many random bytes."""

    def __init__(self, secret: bytes, random: Callable[[int], bytes]) -> None:
        self._key = hmac.digest(secret, _PURPOSE, sha256)
        self._random = random

    def new_handle(self) -> str:
        return self._random(HANDLE_BYTES).hex()

    def token(self, handle: str, now: Moment) -> str:
        claim = f"{handle}.{_base36(now)}"
        return f"{claim}.{self._proof(claim)}"

    def handle_of(self, token: str, now: Moment) -> str:
        """The handle that ``token`` proves; empty where it proves nothing."""
        claim, _, proof = token.rpartition(".")
        # isascii: compare_digest takes no other str, and we never made any other token.
        if not token.isascii() or not hmac.compare_digest(proof, self._proof(claim)):
            return ""
        handle, _, issued = claim.partition(".")
        return handle if now - int(issued, 36) <= VALID_FOR_MS else ""

    def _proof(self, claim: str) -> str:
        proof = hmac.digest(self._key, claim.encode(), sha256)
        return urlsafe_b64encode(proof).decode().rstrip("=")


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits or "0"
