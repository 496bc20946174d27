"""The console's files, as they were built."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

import agent_console

_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self' ws: wss:; frame-src 'self'; media-src 'self' data: blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_NOT_BUILT = "The console has not been built. `make run` builds it; or, in agent_console/: npm ci && npm run build.\n"


class _Assets(StaticFiles):
    """Files whose names change with their content: kept for ever."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def routes() -> list[BaseRoute]:
    dist: Path = agent_console.DIST

    async def page(request: Request) -> Response:
        """Any path of the console's own: its one page, or a file beside it."""
        wanted = request.path_params.get("path", "")
        if wanted.split("/")[0] in ("api", "agent", "webhooks"):
            return PlainTextResponse("There is nothing here.", 404)
        name = Path(wanted).name
        file = dist / name
        if name and name == wanted and file.suffix and file.is_file():
            return FileResponse(file, headers={**_HEADERS, "Cache-Control": "no-cache"})
        if name and Path(wanted).suffix:
            return PlainTextResponse("There is nothing here.", 404)
        index = dist / "index.html"
        if not index.is_file():
            return PlainTextResponse(_NOT_BUILT, 503)
        return FileResponse(index, headers={**_HEADERS, "Cache-Control": "no-cache"})

    found: list[BaseRoute] = []
    if (dist / "assets").is_dir():
        found.append(Mount("/assets", _Assets(directory=dist / "assets")))
    found.append(Route("/", page, methods=["GET"]))
    found.append(Route("/{path:path}", page, methods=["GET"]))
    return found
