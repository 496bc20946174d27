"""What every resource shares: parameters, errors, dates, pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from contact_center.sandbox import twiml
from contact_center.sandbox.carrier.leg import Source

MAX_FORM = 262_144
Answer = Callable[[Request, "Form"], Awaitable[tuple[int, Any]]]


class RestError(Exception):
    """A refusal with the carrier's number for it."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def response(self) -> Response:
        headers = {}
        if self.status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="Twilio API"'
        if self.status == 429:
            headers["Retry-After"] = "1"
        return JSONResponse(
            {
                "code": self.code,
                "message": self.message,
                "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
                "status": self.status,
            },
            self.status,
            headers=headers,
        )


class Form:
    """The parameters of a request, from its body or its query. Names are the carrier's (``StatusCallback``)."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self.pairs = pairs

    def __getitem__(self, name: str) -> str:
        return next((value for key, value in self.pairs if key == name), "")

    def __contains__(self, name: str) -> bool:
        return any(key == name for key, _ in self.pairs)

    def all(self, name: str) -> list[str]:
        return [word for key, value in self.pairs if key == name for word in value.replace(",", " ").split()]

    def flag(self, name: str, default: bool = False) -> bool:
        return self[name].lower() == "true" if name in self else default

    def number(self, name: str, default: int, low: int, high: int) -> int:
        try:
            return min(max(int(self[name]), low), high)
        except ValueError:
            return default

    def method(self, name: str, default: str = "POST") -> str:
        given = self[name].upper()
        return given if given in ("GET", "POST") else default

    def address(self, name: str) -> str:
        url = self[name]
        if url:
            try:
                parts = urlsplit(url)
            except ValueError:
                parts = urlsplit("")
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise RestError(400, 21205, f"{name} is not a valid URL: {url[:200]}")
        return url

    def source(self) -> Source | None:
        """The document that ``Twiml`` is or ``Url`` leads to."""
        if self["Twiml"]:
            try:
                twiml.read(self["Twiml"], "")
            except twiml.Unreadable as unreadable:
                raise RestError(400, unreadable.code, unreadable.reason) from None
            return Source("", text=self["Twiml"])
        url = self.address("Url")
        return Source(url, self.method("Method")) if url else None

    def tape(self) -> twiml.Tape:
        """How a recording is to be made, and who is told."""
        track = self["RecordingTrack"]
        return twiml.Tape(
            callback=self.address("RecordingStatusCallback"),
            method=self.method("RecordingStatusCallbackMethod"),
            events=frozenset(self.all("RecordingStatusCallbackEvent")) or frozenset({"completed"}),
            channels=2 if self["RecordingChannels"] == "dual" else 1,
            track=track if track in ("inbound", "outbound") else "both",
            trim=self["Trim"] == "trim-silence",
        )

    def when(self, name: str, at: int | None) -> bool:
        """Whether ``at`` is on the day of ``name``, not before ``name>`` and not after ``name<``. What has not
        happened is on no day. Raises :class:`RestError` where that is no date."""
        wanted = [(sign, _moment(self[name + sign])) for sign in ("", "<", ">") if self[name + sign]]
        if not wanted:
            return True
        if at is None:
            return False
        then = datetime.fromtimestamp(at // 1000, UTC)
        tests = {
            "": lambda moment: then.date() == moment.date(),
            "<": lambda moment: then <= moment,
            ">": lambda moment: then >= moment,
        }
        return all(tests[sign](moment) for sign, moment in wanted)


def _moment(text: str) -> datetime:
    try:
        if len(text) == 10:
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise RestError(400, 20001, f"Not a date: {text[:40]}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


async def read_form(request: Request) -> Form:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM:
            raise RestError(413, 20413, "The request is too large.")
    text = body.decode("utf-8", "replace") if request.method == "POST" else request.url.query
    try:
        return Form(parse_qsl(text, keep_blank_values=True, max_num_fields=500))
    except ValueError:
        raise RestError(400, 20001, "The request has more than 500 parameters.") from None


def not_found(request: Request) -> RestError:
    return RestError(404, 20404, f"The requested resource {request.url.path} was not found")


def shown_date(at: int | None) -> str | None:
    return formatdate(at / 1000).replace("-0000", "+0000") if at is not None else None


def slices(items: Sequence[Any]) -> Callable[[int, int], Sequence[Any]]:
    return lambda limit, offset: items[offset : offset + limit]


def page_of(request: Request, form: Form, name: str, found: Callable[[int, int], Sequence[Any]]) -> dict[str, Any]:
    """A page of a list, with the addresses of its neighbours. One more than asked for tells whether it goes on."""
    size, page = form.number("PageSize", 50, 1, 1000), form.number("Page", 0, 0, 1_000_000)
    items = list(found(size + 1, page * size))
    path = request.url.path
    kept = [(key, value) for key, value in form.pairs if key not in ("Page", "PageSize", "PageToken")]

    def at(number: int) -> str:
        return f"{path}?{urlencode([*kept, ('PageSize', str(size)), ('Page', str(number))])}"

    return {
        name: items[:size],
        "page": page,
        "page_size": size,
        "start": page * size,
        "end": max(page * size, page * size + min(len(items), size) - 1),
        "first_page_uri": at(0),
        "next_page_uri": at(page + 1) if len(items) > size else None,
        "previous_page_uri": at(page - 1) if page else None,
        "uri": at(page),
    }
