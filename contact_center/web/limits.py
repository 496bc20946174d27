"""No request is read beyond measure, whatever the route does with it."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contact_center.web.answers import error

BODY_LIMIT = 2 * 1_048_576
UPLOAD_LIMIT = 26 * 1_048_576
UPLOADS = "/api/v1/uploads"
IMPORTS = "/api/v1/mail/import"
_SENTENCE = "That is too much for one request."


class BodyLimit:
    """Refuses a body of more than ``most`` bytes: by its declared length, or where it has come that far. Files that
    agents bring may be larger; they are written down as they come."""

    def __init__(self, app: ASGIApp, most: int = BODY_LIMIT) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = UPLOAD_LIMIT if scope["path"] in (UPLOADS, IMPORTS) else self._most
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if declared.isdigit() and int(declared) > most:
            await error(413, "too_large", _SENTENCE)(scope, receive, send)
            return
        size = 0

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > most:
                raise HTTPException(413, _SENTENCE)
            return message

        await self._app(scope, counted, send)
