"""What the hub says no with. Each has a code for programs and a sentence for people."""

from __future__ import annotations

# Refusal                what was asked cannot be done; nothing was changed
# ├── NotFound       404  it is not there, or not for you to see
# ├── NotAllowed     403  your role may not do it
# ├── TooLate        409  someone was faster, or it is over
# └── NotValid       422  what was given makes no sense
# Unavailable       503   storage cannot take it now; nothing was changed


class Refusal(Exception):
    """``code`` is for programs, the message for people."""

    status = 400

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class NotFound(Refusal):
    status = 404

    def __init__(self, what: str) -> None:
        super().__init__("not_found", f"There is no such {what}.")


class NotAllowed(Refusal):
    status = 403

    def __init__(self, message: str) -> None:
        super().__init__("not_allowed", message)


class TooLate(Refusal):
    status = 409


class NotValid(Refusal):
    status = 422


class Unavailable(Exception):
    """The database cannot take this now. Nothing of it was stored; it may be tried again."""
