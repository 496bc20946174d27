"""Conferences as they are lived: who comes and goes, who waits, who hears whom, what is announced."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from email.utils import formatdate
from typing import Protocol

from contact_center.sandbox import twiml
from contact_center.sandbox.carrier.conference import Conference, Member
from contact_center.sandbox.carrier.leg import Enough, HungUp, Leg, Redirected
from contact_center.sandbox.carrier.recorder import Recorder
from contact_center.sandbox.carrier.switchboard import MAX_LEGS_KEPT, Switchboard, lower
from contact_center.sandbox.carrier.transcripts import Transcripts

HUNG_UP, BY_API = "participant_hung_up", "participant_updated_via_api"


class Wait(Protocol):
    """Plays the document at ``url`` again and again, music without one (None), silence for an empty one."""

    def __call__(
        self, leg: Leg, url: str | None, method: str, facts: Callable[[], dict[str, str]]
    ) -> Awaitable[None]: ...


class Rooms:
    def __init__(self, board: Switchboard, recorder: Recorder, transcripts: Transcripts) -> None:
        self._board = board
        self._recorder = recorder
        self._transcripts = transcripts
        self.conferences: OrderedDict[str, Conference] = OrderedDict()

    # --- being in one ---------------------------------------------------------------------------------------

    async def confer(self, leg: Leg, dial: twiml.Dial, settings: twiml.Conference, wait: Wait) -> twiml.Returned:
        """Until the leg has left, or is put out. Raises ``Interrupt``."""
        conference = self.room(settings)
        if len(conference.members) >= settings.max_parties:
            self._board.error(leg, 13221, "The conference has as many participants as it may.")
            return twiml.Returned({"DialCallStatus": "failed"})
        if settings.coach and settings.coach not in conference.members:
            self._board.error(leg, 13240, "Whoever is to be coached is not in the conference.")
            return twiml.Returned({"DialCallStatus": "failed"})
        member = self._join(conference, leg, settings)
        began, loop, why = self._board.world.now(), asyncio.get_running_loop(), HUNG_UP
        too_long = loop.call_later(dial.time_limit, self._time_is_up, conference, leg)

        def lasted() -> dict[str, str]:
            waited = str((self._board.world.now() - began) // 1000)
            return {"DialCallStatus": "answered", "DialCallDuration": waited, "DialBridged": "true"}

        try:
            while leg.sid in conference.members:
                try:
                    if await self._one_turn(conference, member, dial, wait):
                        break
                except Enough:
                    pass
                finally:
                    leg.until, leg.hold_music = None, False
        except HungUp:
            self.left_for_good(leg, dial, lasted())
            if leg.ended_by == "hub":
                why = BY_API
            raise
        except Redirected:
            why = BY_API
            raise
        finally:
            too_long.cancel()
            leg.conference = ""
            self._part(conference, leg, why)
        leg.go("menu")
        return twiml.Returned(lasted())

    async def _one_turn(self, conference: Conference, member: Member, dial: twiml.Dial, wait: Wait) -> bool:
        """Waits (before the beginning, or on hold) or talks, until that changes. True: the party leaves."""
        leg, turn = member.leg, member.hold_turn

        def turned() -> bool:
            return leg.sid not in conference.members or member.hold_turn != turn

        if member.hold or conference.status == "init":
            leg.until = lambda: turned() or (conference.status != "init" and not member.hold)
            url = (member.hold_url or None) if member.hold else member.wait_url
            method = member.hold_method if member.hold else member.wait_method
            known = {"ConferenceSid": conference.sid, "FriendlyName": conference.name}
            await wait(leg, url, method, lambda: dict(known))
            return False
        leg.until = turned
        given = await leg.next(None)
        if isinstance(given, twiml.Words):
            self.say(conference, member, given)
        return isinstance(given, twiml.Keys) and dial.hang_up_on_star and "*" in given.digits

    def _time_is_up(self, conference: Conference, leg: Leg) -> None:
        self._part(conference, leg)
        leg.wake()

    def left_for_good(self, leg: Leg, dial: twiml.Dial, facts: dict[str, str]) -> None:
        """The caller hung up while connected: the action is told, its answer comes too late to be executed."""
        leg.status = "completed"
        if dial.action:
            told = {**self._board.facts(leg), **facts}
            self._board.spawn(self._board.tell(dial.action, told, leg.who, "voice left", dial.method))

    def say(self, conference: Conference, member: Member, words: twiml.Words) -> None:
        """``member`` says something: everybody who hears them does, and so do the recordings."""
        heard_by = conference.hearers(member)
        if not member.muted:
            self._transcripts.hear(member.leg, words)
            self._recorder.hear(member.leg, "inbound", words.text)
        for other in heard_by:
            self._board.line(other.leg, "heard", words.text, speaker=member.leg.sid)
            self._transcripts.hear(other.leg, words, "outbound_track")
            self._recorder.hear(other.leg, "outbound", words.text)
        if conference.recording is not None and heard_by and not member.coaching:
            self._recorder.take_down([conference.recording], "inbound", words.text)
        if heard_by:
            self.announce_event(conference, "participant-speech-start", member)
            self.announce_event(conference, "participant-speech-stop", member)

    # --- coming and going -----------------------------------------------------------------------------------

    def room(self, settings: twiml.Conference) -> Conference:
        """The one of that name that goes on, or a new one."""
        for conference in reversed(self.conferences.values()):
            if conference.name == settings.name and conference.status != "completed":
                return conference
        now = self._board.world.now()
        conference = Conference(self._board.new_sid("CF"), settings.name, settings, now, updated_at=now)
        self.conferences[conference.sid] = conference
        while len(self.conferences) > MAX_LEGS_KEPT:
            self.conferences.popitem(last=False)
        return conference

    def _join(self, conference: Conference, leg: Leg, settings: twiml.Conference) -> Member:
        member = Member(
            leg,
            settings.label,
            settings.start_on_enter,
            settings.end_on_exit,
            settings.muted,
            joined_at=self._board.world.now(),
            beep_on_exit=settings.beep in ("true", "onExit"),
            wait_url=settings.wait_url,
            wait_method=settings.wait_method,
        )
        member.coaching, member.coach = bool(settings.coach), settings.coach
        if settings.beep in ("true", "onEnter"):
            self._beep(conference, "enter")
        conference.members[leg.sid] = member
        leg.invited_to, leg.conference = "", conference.sid
        leg.go("conference")
        self._board.world.note(
            "conference.joined", leg.who, sid=leg.sid, conference=conference.sid, name=conference.name
        )
        self.announce_event(conference, "participant-join", member)
        if conference.due():
            self._begin(conference, member)
        conference.wake()
        return member

    def _begin(self, conference: Conference, member: Member) -> None:
        conference.status = "in-progress"
        self.announce_event(conference, "conference-start", member)
        tape = conference.settings.record
        if tape is not None and conference.recording is None:
            conference.recording = self._recorder.begin("Conference", tape, conference=conference.sid)

    def _beep(self, conference: Conference, when: str) -> None:
        for other in conference.members.values():
            if conference.status == "in-progress" and not other.hold:
                self._board.line(other.leg, "beep", when)

    def _part(self, conference: Conference, leg: Leg, why: str = HUNG_UP, how: str = "left") -> None:
        member = conference.members.pop(leg.sid, None)
        if member is None:
            return
        self._board.world.note("conference.left", leg.who, sid=leg.sid, conference=conference.sid)
        self._left(conference, member, why)
        # A coach who has lost the one they coached must not be heard by the customer all of a sudden.
        for coach in conference.coaches_of(member):
            coach.muted, coach.coaching, coach.coach = True, False, ""
        if member.end_on_exit or not conference.members:
            who = "participant-with-end-conference-on-exit" if member.end_on_exit else "last-participant"
            self.end(conference, f"{who}-{how}", leg.sid)
        elif member.beep_on_exit:
            self._beep(conference, "exit")
        conference.wake()

    def _left(self, conference: Conference, member: Member, why: str) -> None:
        facts = {"ReasonParticipantLeft": why, "ParticipantCallStatus": member.leg.status}
        self.announce_event(conference, "participant-leave", member, facts)

    def given_up(self, leg: Leg) -> None:
        """Somebody who was called into a conference never came: nobody else there or coming, it is over."""
        conference = self.conferences.get(leg.invited_to)
        leg.invited_to = ""
        if conference is None or conference.status == "completed":
            return
        self._left(conference, Member(leg, leg.invited_as, True, False), "participant_add_failed")
        if conference.members:
            return
        if not any(other.invited_to == conference.sid and other.live for other in self._board.legs.values()):
            self.end(conference, "last-participant-left")

    def end(self, conference: Conference, reason: str, by: str = "") -> None:
        """Everybody still in it goes on with their own document (or, with nothing left there, is cut off)."""
        if conference.status == "completed":
            return
        conference.status, conference.reason, conference.ended_by = "completed", reason, by
        rest, conference.members = conference.members, {}
        for member in rest.values():
            self._left(conference, member, "moderator_ended_conference" if by else "conference_ended_via_api")
            member.leg.wake()
        facts = {"ReasonConferenceEnded": reason, "Reason": reason}
        if by:
            facts["CallSidEndingConference"] = by
        self.announce_event(conference, "conference-end", None, facts)
        if conference.recording is not None:
            self._recorder.end(conference.recording)

    def kick(self, conference: Conference, member: Member) -> None:
        self._part(conference, member.leg, BY_API, "kicked")
        member.leg.wake()

    # --- telling --------------------------------------------------------------------------------------------

    def announce_event(
        self, conference: Conference, event: str, member: Member | None, more: Mapping[str, str] | None = None
    ) -> None:
        """Tells the hub, if it asked to be told; one after the other, as they happened."""
        conference.updated_at = self._board.world.now()
        for one in conference.members.values():
            one.leg.stir()
        self._board.world.changed()
        if not conference.wants(event):
            return
        conference.sequence += 1
        facts = {
            "AccountSid": self._board.account,
            "ConferenceSid": conference.sid,
            "FriendlyName": conference.name,
            "StatusCallbackEvent": event,
            "SequenceNumber": str(conference.sequence),
            "Timestamp": formatdate(self._board.world.now() / 1000),
        }
        facts |= _of_member(member) if member else {}
        facts |= more or {}
        who = member.leg.who if member else ""
        url, method = conference.settings.callback, conference.settings.callback_method
        self._board.callback(conference.in_order, url, facts, who, "conference status", method)

    def announce(self, conference: Conference, member: Member, url: str, method: str) -> None:
        """One member is told something by the hub (AnnounceUrl), while the conference goes on."""
        self._board.spawn(self._announce(conference, member, url, method))

    async def _announce(self, conference: Conference, member: Member, url: str, method: str) -> None:
        leg = member.leg
        async with leg.announcing:
            facts = {**self._board.facts(leg), "ConferenceSid": conference.sid, "FriendlyName": conference.name}
            reply = await self._board.tell(url, facts, leg.who, "voice announce", method)
            try:
                verbs = twiml.read(reply.text, url) if not reply.error else ()
            except twiml.Unreadable as unreadable:
                verbs = ()
                self._board.error(leg, unreadable.code, unreadable.reason)
            prompts = [verb for verb in verbs if isinstance(verb, twiml.Say | twiml.Play | twiml.Pause)]
            asked = {"AnnounceUrl": url}
            if not prompts:
                reason = {"ReasonAnnouncementFailed": reply.reason or "nothing to announce"}
                self.announce_event(conference, "announcement-fail", member, asked | reason)
                return
            self.announce_event(conference, "announcement-begin", member, asked)
            for prompt in prompts:
                if not leg.live or leg.sid not in conference.members:
                    break
                if isinstance(prompt, twiml.Say):
                    self._board.line(leg, "announce", prompt.text, prompt.language)
                    self._recorder.hear(leg, "outbound", prompt.text)
                    leg.speaking = True
                elif isinstance(prompt, twiml.Play):
                    self._board.line(leg, "music", prompt.url)
                await asyncio.sleep(twiml.lasts(prompt) * leg.pace)
                leg.speaking = False
            self.announce_event(conference, "announcement-end", member, asked)


def _of_member(member: Member) -> dict[str, str]:
    facts = {
        "CallSid": member.leg.sid,
        "Muted": lower(member.muted),
        "Hold": lower(member.hold),
        "Coaching": lower(member.coaching),
        "StartConferenceOnEnter": lower(member.start_on_enter),
        "EndConferenceOnExit": lower(member.end_on_exit),
    }
    if member.coaching:
        facts["CallSidToCoach"] = member.coach
    if member.label:
        facts["ParticipantLabel"] = member.label
    return facts
