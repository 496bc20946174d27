"""The carrier's REST interface, as far as a contact center uses it, in the carrier's own shapes and errors.

https://www.twilio.com/docs/usage/api: Messages, Calls, Conferences and Participants under
``/2010-04-01/Accounts/{sid}/``, with the account and its token as Basic credentials.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Awaitable, Callable, Sequence
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from contact_center.domain import contact_points
from contact_center.sandbox import twiml
from contact_center.sandbox.carrier.conference import Conference, Member
from contact_center.sandbox.carrier.exchange import API_VERSION, Exchange, seconds
from contact_center.sandbox.carrier.leg import Leg, Source
from contact_center.sandbox.carrier.texts import MAX_BODY, Texts, segments
from contact_center.sandbox.world import Row

MAX_FORM = 262_144


class RestError(Exception):
    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def response(self) -> Response:
        return JSONResponse(
            {
                "code": self.code,
                "message": self.message,
                "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
                "status": self.status,
            },
            self.status,
            headers={"WWW-Authenticate": 'Basic realm="Twilio API"'} if self.status == 401 else None,
        )


class Form:
    """The parameters of a request, from its body or its query. Names are the carrier's (``StatusCallback``)."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._pairs = pairs

    def __getitem__(self, name: str) -> str:
        return next((value for key, value in self._pairs if key == name), "")

    def __contains__(self, name: str) -> bool:
        return any(key == name for key, _ in self._pairs)

    def all(self, name: str) -> list[str]:
        return [word for key, value in self._pairs if key == name for word in value.split()]

    def flag(self, name: str) -> bool:
        return self[name].lower() == "true"

    def number(self, name: str, default: int, low: int, high: int) -> int:
        try:
            return min(max(int(self[name]), low), high)
        except ValueError:
            return default


Answer = Callable[[Request, Form], Awaitable[tuple[int, Any]]]


class Rest:
    def __init__(self, exchange: Exchange, texts: Texts, token: str) -> None:
        self.exchange = exchange
        self.texts = texts
        self._secret = f"{exchange.account}:{token}".encode()
        self._base = f"/{API_VERSION}/Accounts/{exchange.account}"

    def routes(self) -> Sequence[BaseRoute]:
        base = f"/{API_VERSION}/Accounts/{{account}}"
        participant = "/Conferences/{conference}/Participants"
        return [
            Route(base + path, self._door(answer), methods=[method])
            for path, method, answer in (
                (".json", "GET", self.fetch_account),
                ("/Messages.json", "POST", self.create_message),
                ("/Messages.json", "GET", self.list_messages),
                ("/Messages/{sid}.json", "GET", self.fetch_message),
                ("/Calls.json", "POST", self.create_call),
                ("/Calls.json", "GET", self.list_calls),
                ("/Calls/{sid}.json", "GET", self.fetch_call),
                ("/Calls/{sid}.json", "POST", self.update_call),
                ("/Conferences.json", "GET", self.list_conferences),
                ("/Conferences/{sid}.json", "GET", self.fetch_conference),
                ("/Conferences/{sid}.json", "POST", self.update_conference),
                (participant + ".json", "GET", self.list_participants),
                (participant + "/{sid}.json", "GET", self.fetch_participant),
                (participant + "/{sid}.json", "POST", self.update_participant),
                (participant + "/{sid}.json", "DELETE", self.delete_participant),
            )
        ] + [Route(f"/{API_VERSION}/{{rest:path}}", self._door(self.unknown), methods=["GET", "POST", "DELETE"])]

    def _door(self, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            form = Form([])
            try:
                self._admit(request)
                form = await _form(request)
                status, body = await answer(request, form)
                response: Response = Response(status_code=204) if status == 204 else JSONResponse(body, status)
            except RestError as error:
                status, response = error.status, error.response()
            self.exchange.world.note(
                "rest", form["To"], method=request.method, path=request.url.path, status=status,
                parameters={name: form[name] for name in _SHOWN if name in form},
            )  # fmt: skip
            return response

        return endpoint

    def _admit(self, request: Request) -> None:
        mischief = self.exchange.webhooks.mischief
        if mischief.rest_failures > 0:
            mischief.rest_failures -= 1
            code = 20429 if mischief.rest_status == 429 else 20500
            raise RestError(mischief.rest_status, code, "Failed on purpose.")
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        try:
            given = base64.b64decode(credentials, validate=True)
        except (binascii.Error, ValueError):
            given = b""
        account = request.path_params.get("account", self.exchange.account)
        genuine = secrets.compare_digest(given, self._secret)
        if scheme.lower() != "basic" or not genuine or account != self.exchange.account:
            raise RestError(401, 20003, "Authenticate")

    async def unknown(self, request: Request, _form: Form) -> tuple[int, Any]:
        raise _not_found(request)

    async def fetch_account(self, _request: Request, _form: Form) -> tuple[int, Any]:
        return 200, {
            "sid": self.exchange.account,
            "friendly_name": "Sandbox",
            "status": "active",
            "type": "Trial",
            "uri": f"{self._base}.json",
        }

    # --- messages -------------------------------------------------------------------------------------------

    async def create_message(self, _request: Request, form: Form) -> tuple[int, Any]:
        to, sender, body = form["To"], form["From"], form["Body"]
        if not to:
            raise RestError(400, 21604, "A 'To' phone number is required.")
        if contact_points.phone(to).kind != "phone":
            raise RestError(400, 21211, f"Invalid 'To' Phone Number: {to}")
        if not sender and not form["MessagingServiceSid"]:
            raise RestError(400, 21603, "A 'From' phone number is required.")
        sender = sender or next(iter(self.texts.numbers))
        if sender not in self.texts.numbers:
            raise RestError(400, 21659, f"'{sender}' is not a Twilio phone number or Short Code country mismatch")
        if not body and "MediaUrl" not in form:
            raise RestError(400, 21602, "Message body is required.")
        if len(body) > MAX_BODY:
            raise RestError(400, 21617, "The concatenated message body exceeds the 1600 character limit")
        if self.exchange.world.opted_out(to, sender):
            raise RestError(400, 21610, "Attempt to send to unsubscribed recipient")
        text = self.texts.send(sender, to, body or f"[{form['MediaUrl']}]", _address(form, "StatusCallback"))
        return 201, self._message(text)

    async def fetch_message(self, request: Request, _form: Form) -> tuple[int, Any]:
        text = self.exchange.world.text(request.path_params["sid"])
        if text is None:
            raise _not_found(request)
        return 200, self._message(text)

    async def list_messages(self, request: Request, form: Form) -> tuple[int, Any]:
        def found(limit: int, offset: int) -> Sequence[Any]:
            rows = self.exchange.world.texts(form["From"], form["To"], limit, offset)
            return [self._message(row) for row in rows]

        return 200, _page(request, form, "messages", found)

    def _message(self, text: Row) -> dict[str, Any]:
        uri = f"{self._base}/Messages/{text['sid']}"
        return {
            "sid": text["sid"],
            "account_sid": self.exchange.account,
            "api_version": API_VERSION,
            "body": text["body"],
            "date_created": _date(text["at"]),
            "date_sent": _date(text["sent_at"]) if text["sent_at"] else None,
            "date_updated": _date(text["sent_at"] or text["at"]),
            "direction": text["direction"],
            "error_code": text["error"],
            "error_message": None,
            "from": text["sender"],
            "messaging_service_sid": None,
            "num_media": "0",
            "num_segments": str(segments(text["body"])),
            "price": None,
            "price_unit": "USD",
            "status": text["status"],
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": text["recipient"],
            "uri": f"{uri}.json",
        }

    # --- calls ----------------------------------------------------------------------------------------------

    async def create_call(self, _request: Request, form: Form) -> tuple[int, Any]:
        to, sender = form["To"], form["From"]
        if not to:
            raise RestError(400, 21201, "No 'To' number is specified")
        if not sender:
            raise RestError(400, 21213, "'From' number is required")
        if not to.startswith(("client:", "sip:")) and contact_points.phone(to).kind != "phone":
            raise RestError(400, 21211, f"Invalid 'To' Phone Number: {to}")
        if sender not in self.exchange.numbers and not sender.startswith(("client:", "sip:")):
            raise RestError(400, 21210, f"'From' phone number not verified: {sender}")
        source = _source(form)
        if source is None:
            raise RestError(400, 21205, "Url parameter is required.")
        leg = Leg(
            sid=self.exchange.new_sid("CA"),
            sender=sender,
            recipient=to,
            direction="outbound-api",
            created_at=self.exchange.world.now(),
            who="" if to.startswith(("client:", "sip:")) else to,
            pace=self.exchange.pace,
            callback=_address(form, "StatusCallback"),
            callback_method="GET" if form["StatusCallbackMethod"].upper() == "GET" else "POST",
            events=frozenset(form.all("StatusCallbackEvent")) or frozenset({"completed"}),
            timeout=float(form.number("Timeout", 60, 1, 600)),
        )
        self.exchange.place(leg, source)
        return 201, self._call(leg)

    async def fetch_call(self, request: Request, _form: Form) -> tuple[int, Any]:
        return 200, self._call(self._leg(request))

    async def update_call(self, request: Request, form: Form) -> tuple[int, Any]:
        leg, status, source = self._leg(request), form["Status"], _source(form)
        if status not in ("", "completed", "canceled"):
            raise RestError(400, 21222, f"Invalid Status: {status}")
        if not leg.live:
            raise RestError(400, 21220, "Invalid call state: Call is not in-progress. Cannot redirect.")
        if status == "canceled" and leg.status == "in-progress":
            raise RestError(400, 21222, "Call is in-progress: it can be completed, not canceled.")
        if status:
            self.exchange.hang_up(leg, "hub")
        elif source is not None:
            self.exchange.redirect(leg, source)
        return 200, self._call(leg)

    async def list_calls(self, request: Request, form: Form) -> tuple[int, Any]:
        wanted = {"status": form["Status"], "sender": form["From"], "recipient": form["To"]}
        legs = [
            leg
            for leg in reversed(self.exchange.legs.values())
            if all(not value or getattr(leg, name) == value for name, value in wanted.items())
            and (not form["ParentCallSid"] or leg.parent_sid == form["ParentCallSid"])
        ]
        return 200, _page(request, form, "calls", _slices([self._call(leg) for leg in legs]))

    def _leg(self, request: Request) -> Leg:
        leg = self.exchange.legs.get(request.path_params["sid"])
        if leg is None:
            raise _not_found(request)
        return leg

    def _call(self, leg: Leg) -> dict[str, Any]:
        uri = f"{self._base}/Calls/{leg.sid}"
        return {
            "sid": leg.sid,
            "account_sid": self.exchange.account,
            "annotation": None,
            "answered_by": None,
            "api_version": API_VERSION,
            "caller_name": leg.caller_name or None,
            "date_created": _date(leg.created_at),
            "date_updated": _date(leg.ended_at or leg.answered_at or leg.created_at),
            "direction": leg.direction,
            "duration": str(seconds(leg)) if leg.ended_at else None,
            "end_time": _date(leg.ended_at) if leg.ended_at else None,
            "forwarded_from": None,
            "from": leg.sender,
            "from_formatted": leg.sender,
            "group_sid": None,
            "parent_call_sid": leg.parent_sid or None,
            "phone_number_sid": None,
            "price": None,
            "price_unit": "USD",
            "queue_time": "0",
            "start_time": _date(leg.answered_at or leg.created_at),
            "status": leg.status,
            "subresource_uris": {},
            "to": leg.recipient,
            "to_formatted": leg.recipient,
            "trunk_sid": None,
            "uri": f"{uri}.json",
        }

    # --- conferences ----------------------------------------------------------------------------------------

    async def list_conferences(self, request: Request, form: Form) -> tuple[int, Any]:
        found = [
            self._conference(conference)
            for conference in reversed(self.exchange.conferences.values())
            if (not form["FriendlyName"] or conference.name == form["FriendlyName"])
            and (not form["Status"] or conference.status == form["Status"])
        ]
        return 200, _page(request, form, "conferences", _slices(found))

    async def fetch_conference(self, request: Request, _form: Form) -> tuple[int, Any]:
        return 200, self._conference(self._room(request, "sid"))

    async def update_conference(self, request: Request, form: Form) -> tuple[int, Any]:
        conference = self._room(request, "sid")
        if form["Status"] == "completed":
            self.exchange.end_conference(conference, "conference-ended-via-api")
        if url := _address(form, "AnnounceUrl"):
            for member in list(conference.members.values()):
                self.exchange.announce(conference, member, url, _method(form, "AnnounceMethod"))
        return 200, self._conference(conference)

    async def list_participants(self, request: Request, form: Form) -> tuple[int, Any]:
        conference = self._room(request, "conference")
        members = [
            self._participant(conference, member)
            for member in conference.members.values()
            if ("Hold" not in form or member.hold == form.flag("Hold"))
            and ("Muted" not in form or member.muted == form.flag("Muted"))
        ]
        return 200, _page(request, form, "participants", _slices(members))

    async def fetch_participant(self, request: Request, _form: Form) -> tuple[int, Any]:
        return 200, self._participant(*self._member(request))

    async def update_participant(self, request: Request, form: Form) -> tuple[int, Any]:
        conference, member = self._member(request)
        if "Muted" in form and member.muted != form.flag("Muted"):
            member.muted = form.flag("Muted")
            event = "participant-mute" if member.muted else "participant-unmute"
            self.exchange.announce_event(conference, event, member)
        if "Hold" in form and member.hold != form.flag("Hold"):
            member.hold = form.flag("Hold")
            member.hold_url, member.hold_method = _address(form, "HoldUrl"), _method(form, "HoldMethod")
            event = "participant-hold" if member.hold else "participant-unhold"
            self.exchange.announce_event(conference, event, member)
        if "EndConferenceOnExit" in form:
            member.end_on_exit = form.flag("EndConferenceOnExit")
        if url := _address(form, "AnnounceUrl"):
            self.exchange.announce(conference, member, url, _method(form, "AnnounceMethod"))
        conference.wake()
        return 200, self._participant(conference, member)

    async def delete_participant(self, request: Request, _form: Form) -> tuple[int, Any]:
        self.exchange.kick(*self._member(request))
        return 204, None

    def _room(self, request: Request, name: str) -> Conference:
        conference = self.exchange.conferences.get(request.path_params[name])
        if conference is None:
            raise _not_found(request)
        return conference

    def _member(self, request: Request) -> tuple[Conference, Member]:
        conference = self._room(request, "conference")
        member = conference.find(request.path_params["sid"])
        if member is None:
            raise _not_found(request)
        return conference, member

    def _conference(self, conference: Conference) -> dict[str, Any]:
        uri = f"{self._base}/Conferences/{conference.sid}"
        return {
            "sid": conference.sid,
            "account_sid": self.exchange.account,
            "api_version": API_VERSION,
            "call_sid_ending_conference": conference.ended_by or None,
            "date_created": _date(conference.created_at),
            "date_updated": _date(conference.updated_at),
            "friendly_name": conference.name,
            "reason_conference_ended": conference.reason or None,
            "region": "us1",
            "status": conference.status,
            "subresource_uris": {"participants": f"{uri}/Participants.json"},
            "uri": f"{uri}.json",
        }

    def _participant(self, conference: Conference, member: Member) -> dict[str, Any]:
        uri = f"{self._base}/Conferences/{conference.sid}/Participants/{member.leg.sid}.json"
        return {
            "account_sid": self.exchange.account,
            "call_sid": member.leg.sid,
            "call_sid_to_coach": None,
            "coaching": False,
            "conference_sid": conference.sid,
            "date_created": _date(member.joined_at),
            "date_updated": _date(member.joined_at),
            "end_conference_on_exit": member.end_on_exit,
            "hold": member.hold,
            "label": member.label or None,
            "muted": member.muted,
            "queue_time": None,
            "start_conference_on_enter": member.start_on_enter,
            "status": "connected",
            "uri": uri,
        }


_SHOWN = (
    "To", "From", "Body", "Url", "Twiml", "Status", "StatusCallback", "AnnounceUrl", "Hold", "Muted",
    "FriendlyName",
)  # fmt: skip


async def _form(request: Request) -> Form:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM:
            raise RestError(413, 20413, "The request is too large.")
    text = body.decode("utf-8", "replace") if request.method == "POST" else request.url.query
    return Form(parse_qsl(text, keep_blank_values=True, max_num_fields=500))


def _source(form: Form) -> Source | None:
    if form["Twiml"]:
        try:
            twiml.read(form["Twiml"], "")
        except twiml.Unreadable as unreadable:
            raise RestError(400, unreadable.code, unreadable.reason) from None
        return Source("", text=form["Twiml"])
    url = _address(form, "Url")
    return Source(url, _method(form, "Method")) if url else None


def _address(form: Form, name: str) -> str:
    url = form[name]
    if url:
        try:
            parts = urlsplit(url)
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise RestError(400, 21205, f"{name} is not a valid URL: {url[:200]}")
    return url


def _method(form: Form, name: str) -> str:
    return "GET" if form[name].upper() == "GET" else "POST"


def _not_found(request: Request) -> RestError:
    return RestError(404, 20404, f"The requested resource {request.url.path} was not found")


def _date(at: int) -> str:
    return formatdate(at / 1000).replace("-0000", "+0000")


def _slices(items: Sequence[Any]) -> Callable[[int, int], Sequence[Any]]:
    return lambda limit, offset: items[offset : offset + limit]


def _page(request: Request, form: Form, name: str, found: Callable[[int, int], Sequence[Any]]) -> dict[str, Any]:
    """A page of a list, with the addresses of its neighbours. One more than asked for tells whether it goes on."""
    size, page = form.number("PageSize", 50, 1, 1000), form.number("Page", 0, 0, 1_000_000)
    items = list(found(size + 1, page * size))
    path = request.url.path
    kept = [(key, value) for key, value in form._pairs if key not in ("Page", "PageSize", "PageToken")]

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
