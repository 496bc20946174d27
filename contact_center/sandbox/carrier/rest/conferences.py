"""Conferences and who takes part in them, found by CallSid or by label."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from starlette.requests import Request

from contact_center.sandbox import twiml
from contact_center.sandbox.carrier.conference import Conference, Member
from contact_center.sandbox.carrier.exchange import Exchange
from contact_center.sandbox.carrier.leg import Leg, Source
from contact_center.sandbox.carrier.rest.calls import new_leg
from contact_center.sandbox.carrier.rest.forms import (
    Answer,
    Form,
    RestError,
    not_found,
    page_of,
    shown_date,
    slices,
)
from contact_center.sandbox.carrier.switchboard import API_VERSION

_STATUSES = {"queued": "queued", "ringing": "ringing", "in-progress": "connecting"}
_AS_TWIML = {
    "Label": "participantLabel",
    "Muted": "muted",
    "Beep": "beep",
    "StartConferenceOnEnter": "startConferenceOnEnter",
    "EndConferenceOnExit": "endConferenceOnExit",
    "WaitUrl": "waitUrl",
    "WaitMethod": "waitMethod",
    "MaxParticipants": "maxParticipants",
    "ConferenceRecord": "record",
    "ConferenceTrim": "trim",
    "ConferenceStatusCallback": "statusCallback",
    "ConferenceStatusCallbackMethod": "statusCallbackMethod",
    "ConferenceRecordingStatusCallback": "recordingStatusCallback",
    "ConferenceRecordingStatusCallbackMethod": "recordingStatusCallbackMethod",
    "CallSidToCoach": "coach",
}
_EVENTS = {
    "ConferenceStatusCallbackEvent": "statusCallbackEvent",
    "ConferenceRecordingStatusCallbackEvent": "recordingStatusCallbackEvent",
}


class Conferences:
    def __init__(self, exchange: Exchange, base: str) -> None:
        self.exchange = exchange
        self._base = base

    def answers(self) -> list[tuple[str, str, Answer]]:
        people = "/Conferences/{conference}/Participants"
        return [
            ("/Conferences.json", "GET", self.listed),
            ("/Conferences/{sid}.json", "GET", self.fetch),
            ("/Conferences/{sid}.json", "POST", self.update),
            (people + ".json", "GET", self.participants),
            (people + ".json", "POST", self.invite),
            (people + "/{sid}.json", "GET", self.fetch_participant),
            (people + "/{sid}.json", "POST", self.update_participant),
            (people + "/{sid}.json", "DELETE", self.remove_participant),
        ]

    async def listed(self, request: Request, form: Form) -> tuple[int, Any]:
        found = [
            self._shown(conference)
            for conference in reversed(self.exchange.rooms.conferences.values())
            if (not form["FriendlyName"] or conference.name == form["FriendlyName"])
            and (not form["Status"] or conference.status == form["Status"])
            and form.when("DateCreated", conference.created_at)
            and form.when("DateUpdated", conference.updated_at)
        ]
        return 200, page_of(request, form, "conferences", slices(found))

    async def fetch(self, request: Request, _form: Form) -> tuple[int, Any]:
        return 200, self._shown(self._room(request, "sid"))

    async def update(self, request: Request, form: Form) -> tuple[int, Any]:
        conference = self._room(request, "sid")
        if form["Status"] not in ("", "completed"):
            raise RestError(400, 20001, f"Invalid Status: {form['Status'][:40]}")
        announcement = form.address("AnnounceUrl")
        if form["Status"] == "completed":
            self.exchange.rooms.end(conference, "conference-ended-via-api")
        if announcement:
            for member in list(conference.members.values()):
                self.exchange.rooms.announce(conference, member, announcement, form.method("AnnounceMethod"))
        return 200, self._shown(conference)

    # --- participants ---------------------------------------------------------------------------------------

    async def participants(self, request: Request, form: Form) -> tuple[int, Any]:
        conference = self._room(request, "conference")
        members = [
            self._participant(conference, member)
            for member in [*conference.members.values(), *self._invited(conference)]
            if ("Hold" not in form or member.hold == form.flag("Hold"))
            and ("Muted" not in form or member.muted == form.flag("Muted"))
            and ("Coaching" not in form or member.coaching == form.flag("Coaching"))
        ]
        return 200, page_of(request, form, "participants", slices(members))

    async def invite(self, request: Request, form: Form) -> tuple[int, Any]:
        """Calls somebody into a conference, known by its sid or by its name; a new name makes a new one."""
        leg, rooms = new_leg(self.exchange, form), self.exchange.rooms
        document = _document(form, request.path_params["conference"])
        known = rooms.conferences.get(request.path_params["conference"])
        if known is not None and known.status == "completed":
            raise not_found(request)
        settings = _settings(_document(form, known.name) if known else document)
        if settings.coach and (known is None or settings.coach not in known.members):
            raise RestError(400, 16028, "The participant to be coached is not in the conference.")
        conference = known or rooms.room(settings)
        label = settings.label
        if label and any(other.label == label for other in conference.members.values()):
            raise RestError(400, 16025, f"The label {label[:60]} is taken in this conference.")
        leg.invited_to, leg.invited_as = conference.sid, label
        self.exchange.place(leg, Source("", text=_document(form, conference.name)))
        return 201, self._participant(conference, _pending(leg))

    async def fetch_participant(self, request: Request, _form: Form) -> tuple[int, Any]:
        conference, member = self._member(request)
        return 200, self._participant(conference, member)

    async def update_participant(self, request: Request, form: Form) -> tuple[int, Any]:
        conference, member = self._member(request)
        if member.leg.sid not in conference.members:
            raise not_found(request)
        addresses = {name: form.address(name) for name in ("HoldUrl", "AnnounceUrl", "WaitUrl")}
        self._coach(conference, member, form)
        if "Muted" in form and member.muted != form.flag("Muted"):
            member.muted = form.flag("Muted")
            self._told(conference, "participant-mute" if member.muted else "participant-unmute", member)
        if "Hold" in form:
            self._hold(conference, member, form.flag("Hold"), addresses["HoldUrl"], form.method("HoldMethod", "GET"))
        if "EndConferenceOnExit" in form and member.end_on_exit != form.flag("EndConferenceOnExit"):
            member.end_on_exit = form.flag("EndConferenceOnExit")
            self._told(conference, "participant-modify", member)
        if "BeepOnExit" in form:
            member.beep_on_exit = form.flag("BeepOnExit")
        if "WaitUrl" in form:
            member.wait_url, member.wait_method = addresses["WaitUrl"], form.method("WaitMethod")
        if addresses["AnnounceUrl"]:
            how = form.method("AnnounceMethod")
            self.exchange.rooms.announce(conference, member, addresses["AnnounceUrl"], how)
        conference.wake()
        return 200, self._participant(conference, member)

    async def remove_participant(self, request: Request, _form: Form) -> tuple[int, Any]:
        conference, member = self._member(request)
        if member.leg.sid in conference.members:
            self.exchange.rooms.kick(conference, member)
        else:
            self.exchange.hang_up(member.leg, "hub")
        return 204, None

    def _coach(self, conference: Conference, member: Member, form: Form) -> None:
        if "Coaching" not in form and "CallSidToCoach" not in form:
            return
        coaching = form.flag("Coaching", default=True)
        coach = (form["CallSidToCoach"] or member.coach) if coaching else ""
        coached = conference.members.get(coach)
        if coaching and (coached is None or coached is member):
            raise RestError(400, 16028, "The participant to be coached is not in the conference.")
        if coached is not None and coached.hold:
            raise RestError(400, 16027, "The participant to be coached is on hold.")
        if (member.coaching, member.coach) != (coaching, coach):
            member.coaching, member.coach = coaching, coach
            self._told(conference, "participant-modify", member)

    def _hold(self, conference: Conference, member: Member, hold: bool, url: str, method: str) -> None:
        changed = member.hold != hold
        if changed or (hold and url and url != member.hold_url):
            member.hold, member.hold_url, member.hold_method = hold, url, method
            member.hold_turn += 1
        if changed:
            self._told(conference, "participant-hold" if hold else "participant-unhold", member)

    def _told(self, conference: Conference, event: str, member: Member) -> None:
        self.exchange.rooms.announce_event(conference, event, member)

    def _invited(self, conference: Conference) -> list[Member]:
        """Those who were called and are not in it yet."""
        legs = self.exchange.legs.values()
        return [_pending(leg) for leg in legs if leg.invited_to == conference.sid and leg.live]

    def _room(self, request: Request, name: str) -> Conference:
        conference = self.exchange.rooms.conferences.get(request.path_params[name])
        if conference is None:
            raise not_found(request)
        return conference

    def _member(self, request: Request) -> tuple[Conference, Member]:
        conference, key = self._room(request, "conference"), request.path_params["sid"]
        member = conference.find(key)
        if member is None:
            invited = self._invited(conference)
            member = next((one for one in invited if key and key in (one.leg.sid, one.label)), None)
        if member is None:
            raise not_found(request)
        return conference, member

    def _shown(self, conference: Conference) -> dict[str, Any]:
        uri = f"{self._base}/Conferences/{conference.sid}"
        return {
            "sid": conference.sid,
            "account_sid": self.exchange.account,
            "api_version": API_VERSION,
            "call_sid_ending_conference": conference.ended_by or None,
            "date_created": shown_date(conference.created_at),
            "date_updated": shown_date(conference.updated_at),
            "friendly_name": conference.name,
            "reason_conference_ended": conference.reason or None,
            "region": "us1",
            "status": conference.status,
            "subresource_uris": {
                "participants": f"{uri}/Participants.json",
                "recordings": f"{uri}/Recordings.json",
            },
            "uri": f"{uri}.json",
        }

    def _participant(self, conference: Conference, member: Member) -> dict[str, Any]:
        uri = f"{self._base}/Conferences/{conference.sid}/Participants/{member.leg.sid}.json"
        joined = member.leg.sid in conference.members
        return {
            "account_sid": self.exchange.account,
            "call_sid": member.leg.sid,
            "call_sid_to_coach": member.coach or None,
            "coaching": member.coaching,
            "conference_sid": conference.sid,
            "date_created": shown_date(member.joined_at),
            "date_updated": shown_date(member.joined_at),
            "end_conference_on_exit": member.end_on_exit,
            "hold": member.hold,
            "label": member.label or None,
            "muted": member.muted,
            "queue_time": None,
            "start_conference_on_enter": member.start_on_enter,
            "status": "connected" if joined else _STATUSES.get(member.leg.status, "complete"),
            "uri": uri,
        }


def _pending(leg: Leg) -> Member:
    return Member(leg, leg.invited_as, True, False, joined_at=leg.created_at)


def _document(form: Form, name: str) -> str:
    """What the called party will hear: nothing but the conference."""
    response = ElementTree.Element("Response")
    dial = ElementTree.SubElement(response, "Dial")
    room = ElementTree.SubElement(dial, "Conference")
    room.text = _clean(name)
    for parameter, attribute in _AS_TWIML.items():
        if parameter in form:
            room.set(attribute, _clean(form[parameter]))
    for parameter, attribute in _EVENTS.items():
        if parameter in form:
            room.set(attribute, _clean(" ".join(form.all(parameter))))
    if "Coaching" in form and not form.flag("Coaching"):
        room.attrib.pop("coach", None)
    return ElementTree.tostring(response, "unicode")


def _clean(text: str) -> str:
    """Without what no XML may hold."""
    return "".join(character for character in text if character >= " ")[:2_000]


def _settings(document: str) -> twiml.Conference:
    try:
        verbs = twiml.read(document, "")
    except twiml.Unreadable as unreadable:
        raise RestError(400, unreadable.code, unreadable.reason) from None
    dial = verbs[0] if verbs else None
    if not isinstance(dial, twiml.Dial) or not isinstance(dial.target, twiml.Conference):
        raise RestError(400, 20001, "The conference has no name.")
    return dial.target
