"""The exchange: calls placed by virtual customers or by the hub, walked through their TwiML in real time."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any, TypeVar

import phonenumbers

from contact_center.sandbox import twiml
from contact_center.sandbox.carrier.conference import Conference, Member
from contact_center.sandbox.carrier.leg import (
    Enough,
    HungUp,
    Interrupt,
    Leg,
    Redirected,
    Source,
    Transcript,
)
from contact_center.sandbox.carrier.webhooks import Reply, Webhooks
from contact_center.sandbox.world import World

_T = TypeVar("_T")

API_VERSION = "2010-04-01"
APOLOGY = "We are sorry, an application error has occurred. Goodbye."
SHORTEST_WAIT = 1.0
"""Seconds: a wait document is fetched at most this often, however little there is to hear in it."""
HASTY = 0.25
MAX_HASTY_DOCUMENTS = 50
"""A call that asks for so many documents in a row, none of which took a quarter of a second, goes in circles."""
MAX_LEGS_KEPT = 5_000


_NOT_WHILE_WAITING = (twiml.Enqueue, twiml.Dial, twiml.Record, twiml.Message, twiml.Reject)


@dataclass(frozen=True, slots=True)
class Number:
    """A number of the hub's, and the addresses that are typed into the carrier for it."""

    number: str
    voice_url: str = ""
    voice_status_url: str = ""
    sms_url: str = ""


class Exchange:
    def __init__(
        self,
        world: World,
        webhooks: Webhooks,
        account: str,
        numbers: tuple[Number, ...],
        new_sid: Callable[[str], str],
        pace: float = 1.0,
        desk_answers_after: float = 0.8,
    ) -> None:
        self.world = world
        self.webhooks = webhooks
        self.account = account
        self.numbers = {number.number: number for number in numbers}
        self.new_sid = new_sid
        self.pace = pace
        self.desk_answers_after = desk_answers_after
        self.legs: OrderedDict[str, Leg] = OrderedDict()
        self.conferences: OrderedDict[str, Conference] = OrderedDict()
        self._tasks: set[asyncio.Task[Any]] = set()

    # --- what customers and agents do with their telephones -------------------------------------------------

    def dial(self, sender: str, recipient: str, *, pace: float | None = None, name: str = "") -> Leg:
        """A virtual customer calls one of the hub's numbers (any other is not in service)."""
        leg = self._add(
            Leg(
                sid=self.new_sid("CA"),
                sender=sender,
                recipient=recipient,
                direction="inbound",
                created_at=self.world.now(),
                who=sender,
                status="ringing",
                caller_name=name,
                number=recipient,
                pace=self.pace if pace is None else pace,
            )
        )
        self._spawn(self._run_inbound(leg))
        return leg

    def place(self, leg: Leg, source: Source) -> Leg:
        """The hub calls somebody: an agent's desk telephone answers by itself, a customer's rings on the page."""
        self._add(leg)
        self._spawn(self._run_outbound(leg, source))
        return leg

    def answer(self, leg: Leg) -> None:
        leg.answered.set()
        leg.wake()

    def press(self, leg: Leg, digits: str) -> None:
        self._line(leg, "key", digits)
        leg.put_in(twiml.Keys(digits))

    def speak(self, leg: Leg, text: str, confidence: float = 0.92) -> None:
        self._line(leg, "me", text)
        leg.put_in(twiml.Words(text, confidence))

    def hang_up(self, leg: Leg, by: str) -> None:
        """``by``: ``customer``, ``agent`` or ``hub``."""
        leg.ended_by = leg.ended_by or by
        leg.stop(HungUp())

    def redirect(self, leg: Leg, source: Source) -> None:
        leg.stop(Redirected(source))

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- a leg's life ---------------------------------------------------------------------------------------

    def _add(self, leg: Leg) -> Leg:
        self.legs[leg.sid] = leg
        while len(self.legs) > MAX_LEGS_KEPT:
            oldest = next((sid for sid, old in self.legs.items() if not old.live), None)
            if oldest is None:
                break
            del self.legs[oldest]
        self.world.note(
            "call.placed",
            leg.who,
            sid=leg.sid,
            sender=leg.sender,
            recipient=leg.recipient,
            direction=leg.direction,
        )
        return leg

    async def _run_inbound(self, leg: Leg) -> None:
        leg.where = "ringing"
        number = self.numbers.get(leg.recipient)
        if number is None or not number.voice_url:
            self._line(leg, "note", "not-in-service")
            leg.ended_by = leg.ended_by or "carrier"
            self._finish(leg, "failed")
            return
        leg.callback = number.voice_status_url
        await self._follow(leg, Source(number.voice_url))

    async def _run_outbound(self, leg: Leg, source: Source) -> None:
        self._report(leg, "initiated")
        leg.status, leg.where = "ringing", "ringing"
        self.world.changed()
        self._report(leg, "ringing")
        outcome = await self._ring(leg)
        if outcome != "answered":
            self._finish(leg, outcome)
            return
        self._take_up(leg)
        self._report(leg, "answered")
        await self._follow(leg, source)

    async def _ring(self, leg: Leg) -> str:
        """``answered``, ``busy``, ``no-answer`` or ``canceled``."""
        desk = leg.recipient.startswith(("client:", "sip:"))
        manners = self.webhooks.mischief.desk
        if desk and manners == "busy":
            return "busy"
        if desk and manners == "answer":
            asyncio.get_running_loop().call_later(self.desk_answers_after, self.answer, leg)
        leg.until = leg.answered.is_set
        try:
            await leg.next(leg.timeout)
        except Enough:
            return "answered"
        except HungUp:
            return "busy" if leg.ended_by == "customer" else "canceled"
        except Interrupt:
            return "canceled"
        finally:
            leg.until = None
        return "no-answer"

    def _take_up(self, leg: Leg) -> None:
        leg.status, leg.where = "in-progress", "menu"
        leg.answered_at = leg.answered_at or self.world.now()
        self.world.note("call.answered", leg.who, sid=leg.sid)

    async def _follow(self, leg: Leg, source: Source) -> None:
        """From document to document until nothing is left to do."""
        try:
            while True:
                try:
                    how = await self._documents(leg, source)
                    break
                except Redirected as redirected:
                    source = redirected.source
                    leg.where, leg.awaiting = "menu", None
        except (HungUp, Enough):
            how = "hangup"
        leg.ended_by = leg.ended_by or "hub"
        if leg.answered_at is None:
            self._finish(leg, {"busy": "busy", "rejected": "busy", "hangup": "no-answer"}.get(how, "completed"))
        else:
            self._finish(leg, "completed")

    def _finish(self, leg: Leg, status: str) -> None:
        leg.status, leg.where, leg.awaiting = status, "ended", None
        leg.hold_music = leg.speaking = False
        leg.ended_at = self.world.now()
        self.world.note("call.ended", leg.who, sid=leg.sid, status=status, by=leg.ended_by, seconds=seconds(leg))
        for transcript in list(leg.transcripts):
            self._stop_transcript(leg, transcript)
        leg.over.set()
        self._report(leg, "completed")

    def _report(self, leg: Leg, event: str) -> None:
        """A status callback, for whoever asked for ``event`` (initiated, ringing, answered, completed)."""
        if not leg.callback or event not in leg.events:
            return
        facts = {
            "CallStatus": {"initiated": "initiated", "ringing": "ringing", "answered": "in-progress"}.get(
                event, leg.status
            ),
            "Timestamp": formatdate(self.world.now() / 1000),
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(leg.sequence),
        }
        leg.sequence += 1
        if event == "completed":
            facts |= {"CallDuration": str(seconds(leg)), "Duration": str(-(-seconds(leg) // 60))}
        self._spawn(
            self._tell_in_order(
                leg.in_order,
                leg.callback,
                {**self.facts(leg), **facts},
                leg.who,
                "voice status",
                leg.callback_method,
            )
        )

    async def _tell_in_order(
        self, order: asyncio.Lock, url: str, facts: dict[str, str], who: str, what: str, method: str
    ) -> None:
        async with order:
            await self.tell(url, facts, who, what, method)

    # --- documents ------------------------------------------------------------------------------------------

    async def _documents(self, leg: Leg, source: Source) -> str:
        """Plays documents, each asked for by the one before. Returns how it ended; raises ``Interrupt``."""
        loop, hasty = asyncio.get_running_loop(), 0
        while True:
            began = loop.time()
            verbs = await self._fetch(leg, source)
            if verbs is None:
                self._take_up_once(leg)
                await self._hear(leg, twiml.Say(APOLOGY), None)
                return "hangup"
            position, step = twiml.step(twiml.Position(verbs), twiml.Begin())
            while not isinstance(step, twiml.Ask | twiml.End | twiml.LeaveQueue):
                leg.check()
                self._take_up_once(leg)
                happened = await self._carry_out(leg, step)
                position, step = twiml.step(position, happened)
            if isinstance(step, twiml.End) and step.how in ("busy", "rejected"):
                return step.how
            self._take_up_once(leg)
            if not isinstance(step, twiml.Ask):
                return "hangup"
            hasty = hasty + 1 if loop.time() - began < HASTY else 0
            if hasty > MAX_HASTY_DOCUMENTS:
                self._error(leg, 12205, "The documents redirect to each other without end.")
                return "hangup"
            source = Source(step.url, step.method, dict(step.facts))

    def _take_up_once(self, leg: Leg) -> None:
        # A call is answered by the first verb that is not <Reject>: until then the caller hears it ring.
        if leg.answered_at is None:
            self._take_up(leg)

    async def _carry_out(self, leg: Leg, step: twiml.Step) -> twiml.Happening:
        match step:
            case twiml.Hear(prompt, gather):
                return await self._hear(leg, prompt, gather)
            case twiml.Listen(gather, typed, patience):
                with self._listening(leg, gather, typed):
                    return await leg.next(patience) or twiml.Silence()
            case twiml.Do(verb):
                return await self._do(leg, verb)
        return await leg.next(None) or twiml.Silence()

    async def _fetch(self, leg: Leg, source: Source) -> tuple[twiml.Verb, ...] | None:
        """The next document; None where there is no good one. A caller who hangs up meanwhile isn't kept."""
        leg.check()
        if source.text is not None:
            text = source.text
        else:
            asked = self._start(
                self.tell(source.url, {**self.facts(leg), **source.facts}, leg.who, "voice", source.method)
            )
            asked.add_done_callback(lambda _: leg.wake())
            previous, leg.until = leg.until, lambda: asked.done() or bool(previous and previous())
            try:
                while not asked.done():
                    await leg.next(None)
            except Enough:
                if not asked.done():
                    raise
            finally:
                leg.until = previous
            reply = asked.result()
            if reply.error:
                self._error(leg, reply.error, reply.reason)
                return None
            text = reply.text
        try:
            return twiml.read(text, source.url)
        except twiml.Unreadable as unreadable:
            self._error(leg, unreadable.code, unreadable.reason)
            return None

    async def _hear(self, leg: Leg, prompt: twiml.Prompt, gather: twiml.Gather | None) -> twiml.Happening:
        if isinstance(prompt, twiml.Say):
            self._line(leg, "say", prompt.text, prompt.language)
        elif isinstance(prompt, twiml.Play):
            self._line(leg, "music", prompt.url)
        leg.speaking, leg.hold_music = isinstance(prompt, twiml.Say), isinstance(prompt, twiml.Play)
        patience = twiml.lasts(prompt) * leg.pace
        try:
            if gather is None:
                await self._pass_time(leg, patience)
                return twiml.Done()
            with self._listening(leg, gather, ""):
                return await leg.next(patience) or twiml.Done()
        finally:
            leg.speaking = leg.hold_music = False

    async def _pass_time(self, leg: Leg, patience: float) -> None:
        """Lets time go by; whatever is keyed in or said meanwhile is heard by nobody."""
        loop = asyncio.get_running_loop()
        end = loop.time() + patience
        while await leg.next(max(0.0, end - loop.time())) is not None:
            pass

    @contextmanager
    def _listening(self, leg: Leg, gather: twiml.Gather, typed: str) -> Iterator[None]:
        leg.awaiting = {
            "digits": gather.digits,
            "speech": gather.speech,
            "max_digits": gather.num_digits,
            "finish_on": gather.finish_on,
            "typed": typed,
            "language": gather.language,
        }
        self.world.changed()
        try:
            yield
        finally:
            leg.awaiting = None

    async def _do(self, leg: Leg, verb: twiml.Verb) -> twiml.Happening:
        match verb:
            case twiml.Transcribe():
                self._transcribe(leg, verb)
                return twiml.Done()
            case twiml.Enqueue():
                return await self._enqueue(leg, verb)
            case twiml.Dial(twiml.Conference() as conference):
                return await self._confer(leg, verb, conference)
            case twiml.Dial(twiml.Target() as target):
                return await self._bridge(leg, verb, target)
            case twiml.Record():
                return await self._record(leg, verb)
        return twiml.Done()

    # --- waiting --------------------------------------------------------------------------------------------

    async def _enqueue(self, leg: Leg, verb: twiml.Enqueue) -> twiml.Returned:
        leg.where, leg.queue = "queue", verb.queue
        entered_at, queue_sid = self.world.now(), "QU" + leg.sid[2:]
        self.world.note("call.queued", leg.who, sid=leg.sid, queue=verb.queue)

        def facts(result: str = "") -> dict[str, str]:
            waited = str((self.world.now() - entered_at) // 1000)
            known = {"QueueSid": queue_sid, "QueueTime": waited}
            waiting = [other for other in self.legs.values() if other.queue == verb.queue]
            place = {
                "QueuePosition": str(waiting.index(leg) + 1 if leg in waiting else 1),
                "CurrentQueueSize": str(len(waiting)),
                "AvgQueueTime": waited,
                "MaxQueueSize": "1000",
            }
            return known | ({"QueueResult": result} if result else place)

        def told(result: str) -> None:
            # The answer to these is not executed: the call is already elsewhere.
            if verb.action:
                said = {**self.facts(leg), **facts(result)}
                self._spawn(self.tell(verb.action, said, leg.who, "voice left", verb.method))

        try:
            await self._wait(leg, verb.wait_url, verb.wait_method, facts)
            return twiml.Returned(facts("leave"))
        except HungUp:
            leg.status = "completed"
            told("hangup")
            raise
        except Redirected:
            told("redirected")
            raise
        finally:
            leg.queue = ""

    async def _wait(self, leg: Leg, url: str | None, method: str, facts: Callable[[], dict[str, str]]) -> None:
        """Plays the wait document again and again until it says ``<Leave>``. Without one there is music (None)
        or silence (empty). Raises ``Interrupt``."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            if not url:
                leg.hold_music = url is None
                self.world.changed()
                await self._pass_time(leg, 60)
                continue
            if await self._wait_document(leg, Source(url, method, facts())):
                return
            await self._pass_time(leg, max(0.0, began + SHORTEST_WAIT - loop.time()))

    async def _wait_document(self, leg: Leg, source: Source) -> bool:
        """One round of the wait document; True where it said ``<Leave>``."""
        for _ in range(MAX_HASTY_DOCUMENTS):
            verbs = await self._fetch(leg, source)
            # A wait document that fails doesn't end the call: the carrier goes on with its own music.
            if verbs is None:
                verbs = (twiml.Play("music:"),)
            allowed = tuple(verb for verb in verbs if not isinstance(verb, _NOT_WHILE_WAITING))
            position, step = twiml.step(twiml.Position(allowed), twiml.Begin())
            while not isinstance(step, twiml.Ask | twiml.End | twiml.LeaveQueue):
                leg.check()
                position, step = twiml.step(position, await self._carry_out(leg, step))
            if isinstance(step, twiml.LeaveQueue):
                return True
            if isinstance(step, twiml.End):
                if step.how != "finished":
                    self.hang_up(leg, "hub")
                    leg.check()
                return False
            source = Source(step.url, step.method, {**source.facts, **step.facts})
        return False

    # --- conferences ----------------------------------------------------------------------------------------

    async def _confer(self, leg: Leg, dial: twiml.Dial, settings: twiml.Conference) -> twiml.Returned:
        conference = self._room(settings)
        member = self._join(conference, leg, settings)
        began, loop = self.world.now(), asyncio.get_running_loop()
        too_long = loop.call_later(dial.time_limit, self._part, conference, leg)

        def out() -> bool:
            return leg.sid not in conference.members

        def lasted() -> dict[str, str]:
            waited = str((self.world.now() - began) // 1000)
            return {"DialCallStatus": "answered", "DialCallDuration": waited, "DialBridged": "true"}

        try:
            while not out():
                waiting = conference.status == "init" or member.hold
                try:
                    if waiting:
                        leg.until = lambda: out() or (conference.status != "init" and not member.hold)
                        url = (member.hold_url or None) if member.hold else settings.wait_url
                        await self._wait(leg, url, settings.wait_method, dict)
                    else:
                        leg.until = lambda: out() or member.hold
                        given = await leg.next(None)
                        if isinstance(given, twiml.Words) and not member.muted:
                            self._said(leg, given)
                        elif isinstance(given, twiml.Keys) and dial.hang_up_on_star and "*" in given.digits:
                            break
                except Enough:
                    pass
                finally:
                    leg.until, leg.hold_music = None, False
        except HungUp:
            self._left_for_good(leg, dial, lasted())
            raise
        finally:
            too_long.cancel()
            leg.conference = ""
            self._part(conference, leg)
        leg.where = "menu"
        return twiml.Returned(lasted())

    def _left_for_good(self, leg: Leg, dial: twiml.Dial, facts: dict[str, str]) -> None:
        """The caller hung up while connected: the action is told, its answer comes too late to be executed."""
        leg.status = "completed"
        if dial.action:
            self._spawn(self.tell(dial.action, {**self.facts(leg), **facts}, leg.who, "voice left", dial.method))

    def _room(self, settings: twiml.Conference) -> Conference:
        for conference in reversed(self.conferences.values()):
            if conference.name == settings.name and conference.status != "completed":
                return conference
        now = self.world.now()
        conference = Conference(self.new_sid("CF"), settings.name, settings, now, updated_at=now)
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
            joined_at=self.world.now(),
        )
        conference.members[leg.sid] = member
        leg.where, leg.conference = "conference", conference.sid
        self.world.note("conference.joined", leg.who, sid=leg.sid, conference=conference.sid, name=conference.name)
        self.announce_event(conference, "participant-join", member)
        if conference.due():
            conference.status = "in-progress"
            self.announce_event(conference, "conference-start", member)
        conference.wake()
        return member

    def _part(self, conference: Conference, leg: Leg) -> None:
        member = conference.members.pop(leg.sid, None)
        if member is None:
            return
        self.world.note("conference.left", leg.who, sid=leg.sid, conference=conference.sid)
        self.announce_event(conference, "participant-leave", member, {"ReasonParticipantLeft": "participant_hung_up"})
        if member.end_on_exit or not conference.members:
            reason = "participant-with-end-conference-on-exit-left" if member.end_on_exit else "last-participant-left"
            self.end_conference(conference, reason, leg.sid)
        conference.wake()

    def end_conference(self, conference: Conference, reason: str, by: str = "") -> None:
        """Everybody still in it goes on with their own document (or, with nothing left there, is cut off)."""
        if conference.status == "completed":
            return
        conference.status, conference.reason, conference.ended_by = "completed", reason, by
        rest, conference.members = conference.members, {}
        for member in rest.values():
            self.announce_event(conference, "participant-leave", member, {"ReasonParticipantLeft": reason})
            member.leg.wake()
        facts = {"ReasonConferenceEnded": reason, "Reason": reason}
        if by:
            facts["CallSidEndingConference"] = by
        self.announce_event(conference, "conference-end", None, facts)

    def kick(self, conference: Conference, member: Member) -> None:
        self._part(conference, member.leg)
        member.leg.wake()

    def announce_event(
        self, conference: Conference, event: str, member: Member | None, more: Mapping[str, str] | None = None
    ) -> None:
        """Tells the hub, if it asked to be told; one after the other, as they happened."""
        conference.updated_at = self.world.now()
        if not conference.wants(event):
            return
        conference.sequence += 1
        facts = {
            "AccountSid": self.account,
            "ConferenceSid": conference.sid,
            "FriendlyName": conference.name,
            "StatusCallbackEvent": event,
            "SequenceNumber": str(conference.sequence),
            "Timestamp": formatdate(self.world.now() / 1000),
        }
        if member is not None:
            facts |= {
                "CallSid": member.leg.sid,
                "Muted": _lower(member.muted),
                "Hold": _lower(member.hold),
                "Coaching": "false",
                "StartConferenceOnEnter": _lower(member.start_on_enter),
                "EndConferenceOnExit": _lower(member.end_on_exit),
            }
            if member.label:
                facts["ParticipantLabel"] = member.label
        facts |= more or {}
        who = member.leg.who if member else ""
        url, method = conference.settings.callback, conference.settings.callback_method
        self._spawn(self._tell_in_order(conference.in_order, url, facts, who, "conference status", method))

    def announce(self, conference: Conference, member: Member, url: str, method: str) -> None:
        """One member is told something by the hub (AnnounceUrl), while the conference goes on."""
        self._spawn(self._announce(conference, member, url, method))

    async def _announce(self, conference: Conference, member: Member, url: str, method: str) -> None:
        leg = member.leg
        async with leg.announcing:
            facts = {**self.facts(leg), "ConferenceSid": conference.sid, "FriendlyName": conference.name}
            reply = await self.tell(url, facts, leg.who, "voice announce", method)
            try:
                verbs = twiml.read(reply.text, url) if not reply.error else ()
            except twiml.Unreadable as unreadable:
                verbs = ()
                self._error(leg, unreadable.code, unreadable.reason)
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
                    self._line(leg, "announce", prompt.text, prompt.language)
                    leg.speaking = True
                await asyncio.sleep(twiml.lasts(prompt) * leg.pace)
                leg.speaking = False
            self.announce_event(conference, "announcement-end", member, asked)

    # --- other telephones -----------------------------------------------------------------------------------

    async def _bridge(self, leg: Leg, dial: twiml.Dial, target: twiml.Target) -> twiml.Returned:
        child = Leg(
            sid=self.new_sid("CA"),
            sender=dial.caller_id or leg.sender,
            recipient=target.address,
            direction="outbound-dial",
            created_at=self.world.now(),
            who="" if target.address.startswith(("client:", "sip:")) else target.address,
            parent_sid=leg.sid,
            pace=leg.pace,
            callback=target.callback,
            callback_method=target.callback_method,
            events=target.events,
            timeout=dial.timeout,
        )
        self._add(child)
        task = self._start(self._run_child(child, target, leg))
        task.add_done_callback(lambda _: leg.wake())
        leg.where, leg.until = "bridged", child.over.is_set
        try:
            while True:
                given = await leg.next(None)
                if isinstance(given, twiml.Words):
                    self._said(leg, given)
                elif isinstance(given, twiml.Keys) and dial.hang_up_on_star and "*" in given.digits:
                    break
        except Enough:
            pass
        except HungUp:
            self._left_for_good(leg, dial, {"DialCallStatus": "completed", "DialCallSid": child.sid})
            raise
        finally:
            leg.until = None
            self.hang_up(child, "hub")
        leg.where = "menu"
        facts = {"DialCallStatus": child.status, "DialCallSid": child.sid, "DialBridged": "true"}
        return twiml.Returned(facts | {"DialCallDuration": str(seconds(child))})

    async def _run_child(self, child: Leg, target: twiml.Target, parent: Leg) -> None:
        self._report(child, "initiated")
        child.status, child.where = "ringing", "ringing"
        self.world.changed()
        self._report(child, "ringing")
        outcome = await self._ring(child)
        if outcome == "answered":
            self._take_up(child)
            self._report(child, "answered")
            outcome = "completed"
            try:
                if target.url:
                    await self._documents(child, Source(target.url, target.method))
                child.where = "bridged"
                self.world.changed()
                while True:
                    await child.next(None)
            except Interrupt:
                pass
        child.ended_by = child.ended_by or "hub"
        self._finish(child, outcome)
        parent.wake()

    async def _record(self, leg: Leg, verb: twiml.Record) -> twiml.Returned:
        leg.where, began = "recording", self.world.now()
        self.world.changed()
        digits = ""
        try:
            async with asyncio.timeout(verb.max_seconds):
                while (given := await leg.next(max(verb.timeout, 1.0))) is not None:
                    if isinstance(given, twiml.Keys) and any(key in verb.finish_on for key in given.digits):
                        digits = given.digits
                        break
        except TimeoutError:
            pass
        leg.where = "menu"
        sid = self.new_sid("RE")
        return twiml.Returned(
            {
                "RecordingSid": sid,
                "RecordingUrl": f"/{API_VERSION}/Accounts/{self.account}/Recordings/{sid}",
                "RecordingDuration": str(max(1, (self.world.now() - began) // 1000)),
                "Digits": digits or "hangup",
            }
        )

    # --- live transcripts -----------------------------------------------------------------------------------

    def _transcribe(self, leg: Leg, verb: twiml.Transcribe) -> None:
        if not verb.start:
            for transcript in [t for t in leg.transcripts if not verb.name or t.verb.name == verb.name]:
                self._stop_transcript(leg, transcript)
            return
        transcript = Transcript(self.new_sid("GT"), verb)
        leg.transcripts.append(transcript)
        started = {
            "TranscriptionEngine": "google",
            "PartialResults": "false",
            "InboundTrackLabel": "inbound_track",
            "OutboundTrackLabel": "outbound_track",
        }
        self._transcript_event(leg, transcript, "transcription-started", started)

    def _stop_transcript(self, leg: Leg, transcript: Transcript) -> None:
        leg.transcripts.remove(transcript)
        self._transcript_event(leg, transcript, "transcription-stopped", {})

    def _said(self, leg: Leg, words: twiml.Words) -> None:
        """What a person said on this leg, for every transcript that listens to it. Only people are written down:
        the sandbox's agents have no voice, and what the hub itself announces it knows."""
        for transcript in leg.transcripts:
            if transcript.verb.track == "outbound_track":
                continue
            data = json.dumps({"transcript": words.text, "confidence": words.confidence}, ensure_ascii=False)
            facts = {"TranscriptionData": data, "Final": "true", "Track": "inbound_track"}
            self._transcript_event(leg, transcript, "transcription-content", facts)

    def _transcript_event(self, leg: Leg, transcript: Transcript, event: str, more: dict[str, str]) -> None:
        verb = transcript.verb
        if not verb.callback:
            return
        transcript.sequence += 1
        facts = {
            "AccountSid": self.account,
            "CallSid": leg.sid,
            "TranscriptionSid": transcript.sid,
            "TranscriptionEvent": event,
            "LanguageCode": verb.language,
            "Track": verb.track,
            "SequenceId": str(transcript.sequence),
            "Timestamp": _iso(self.world.now()),
        }
        if verb.name:
            facts["Name"] = verb.name
        self._spawn(self.tell(verb.callback, facts | more, leg.who, "transcript", verb.method))

    # --- telling the hub ------------------------------------------------------------------------------------

    async def tell(self, url: str, facts: Mapping[str, str], who: str, what: str, method: str = "POST") -> Reply:
        return await self.webhooks.call(url, facts, token=self.new_sid("")[:36], who=who, what=what, method=method)

    def facts(self, leg: Leg) -> dict[str, str]:
        """What every voice webhook says of its call."""
        facts = {
            "AccountSid": self.account,
            "ApiVersion": API_VERSION,
            "CallSid": leg.sid,
            "CallStatus": leg.status,
            "Direction": leg.direction,
            "From": leg.sender,
            "Caller": leg.sender,
            "To": leg.recipient,
            "Called": leg.recipient,
            **places(leg.sender, leg.recipient),
        }
        if leg.caller_name:
            facts["CallerName"] = leg.caller_name
        if leg.parent_sid:
            facts["ParentCallSid"] = leg.parent_sid
        if leg.direction == "inbound":
            facts["StirVerstat"] = "TN-Validation-Passed-A"
        return facts

    def _line(self, leg: Leg, kind: str, text: str, language: str = "") -> None:
        leg.add_line(kind, text, language, self.world.now())
        self.world.note("call.line", leg.who, sid=leg.sid, line=kind, text=text, language=language)

    def _error(self, leg: Leg, code: int, reason: str) -> None:
        self.world.note("carrier.error", leg.who, sid=leg.sid, code=code, reason=reason)

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        _ = self._start(work)

    def _start(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def seconds(leg: Leg) -> int:
    """How long the call lasted since it was answered, in whole seconds begun."""
    if leg.answered_at is None:
        return 0
    return -(-((leg.ended_at or leg.answered_at) - leg.answered_at) // 1000)


def places(sender: str, recipient: str) -> dict[str, str]:
    """Where the two numbers are, as the carrier adds it."""
    found = {"FromCountry": _country(sender), "ToCountry": _country(recipient)}
    return {name: value for name, value in found.items() if value}


def _country(number: str) -> str:
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(number)) or ""
    except phonenumbers.NumberParseException:
        return ""


def _lower(value: bool) -> str:
    return "true" if value else "false"


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
