"""The exchange: calls placed by virtual customers or by the hub, walked through their TwiML in real time."""

from __future__ import annotations

from collections.abc import Callable

from contact_center.sandbox import twiml
from contact_center.sandbox.carrier.bridges import Bridges
from contact_center.sandbox.carrier.conference import Conference, Member
from contact_center.sandbox.carrier.documents import Documents
from contact_center.sandbox.carrier.leg import Enough, HungUp, Leg, Redirected, Source
from contact_center.sandbox.carrier.lives import Lives
from contact_center.sandbox.carrier.phones import Phones, is_desk
from contact_center.sandbox.carrier.recorder import Recorder
from contact_center.sandbox.carrier.rooms import Rooms
from contact_center.sandbox.carrier.scripts import Scripts
from contact_center.sandbox.carrier.switchboard import Number, Switchboard
from contact_center.sandbox.carrier.transcripts import Transcripts
from contact_center.sandbox.carrier.webhooks import Webhooks
from contact_center.sandbox.world import World

_UNANSWERED = {"busy": "busy", "rejected": "busy", "hangup": "no-answer", "finished": "no-answer"}


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
        self.new_sid = new_sid
        self.pace = pace
        self.numbers = {number.number: number for number in numbers}
        self.board = Switchboard(world, webhooks, account, new_sid)
        self.legs = self.board.legs
        self.phones = Phones(webhooks.mischief, desk_answers_after)
        self.recorder = Recorder(self.board)
        self.transcripts = Transcripts(self.board)
        self.rooms = Rooms(self.board, self.recorder, self.transcripts)
        self._lives = Lives(self.board, self.phones, self.recorder, self.transcripts)
        bridges = Bridges(self.board, self._lives, self.recorder, self.transcripts, self.rooms)
        self.scripts = Scripts(self)
        self._documents = Documents(self.board, self._lives, self.rooms, bridges, self.recorder, self.transcripts)

    # --- what people do with their telephones ---------------------------------------------------------------

    def dial(self, sender: str, recipient: str, *, pace: float | None = None, name: str = "") -> Leg:
        """Somebody calls one of the hub's numbers (any other is not in service)."""
        self.phones.at(sender).name = name or self.phones.at(sender).name
        leg = self.board.add(
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
        self.board.spawn(self._run_inbound(leg))
        return leg

    def place(self, leg: Leg, source: Source) -> Leg:
        """The hub calls somebody. What their telephone does is :class:`Phones`' to say."""
        self.board.add(leg)
        if steps := self.phones.at(leg.recipient).steps:
            self.scripts.run(leg, steps)
        self.board.spawn(self._run_outbound(leg, source))
        return leg

    def answer(self, leg: Leg) -> None:
        self._lives.answer(leg)

    def press(self, leg: Leg, digits: str) -> None:
        self.board.line(leg, "key", digits)
        leg.put_in(twiml.Keys(digits))

    def speak(self, leg: Leg, text: str, confidence: float = 0.92) -> None:
        self.board.line(leg, "me", text)
        if leg.where in ("menu", "queue"):
            self.recorder.hear(leg, "inbound", text)
        leg.put_in(twiml.Words(text, confidence))

    def put_down(self, leg: Leg) -> None:
        """Whoever holds the telephone hangs up."""
        self.hang_up(leg, "agent" if is_desk(leg.phone) else "customer")

    # --- what the hub does with a call ----------------------------------------------------------------------

    def hang_up(self, leg: Leg, by: str) -> None:
        """``by``: ``customer``, ``agent`` or ``hub``."""
        self._lives.hang_up(leg, by)

    def redirect(self, leg: Leg, source: Source) -> None:
        leg.stop(Redirected(source))

    async def close(self) -> None:
        await self.board.close()

    # --- who is with whom -----------------------------------------------------------------------------------

    def seat(self, leg: Leg) -> tuple[Conference | None, Member | None]:
        """The conference that the leg is in, and as what."""
        conference = self.rooms.conferences.get(leg.conference)
        return conference, conference.members.get(leg.sid) if conference else None

    def others(self, leg: Leg) -> list[Leg]:
        """Whom the leg is connected with."""
        conference, _ = self.seat(leg)
        if conference is not None and conference.status == "in-progress":
            return [member.leg for member in conference.members.values() if member.leg is not leg]
        other = self.legs.get(leg.partner)
        return [other] if other is not None else []

    def is_recorded(self, leg: Leg) -> bool:
        conference, _ = self.seat(leg)
        of_room = conference.recording if conference else None
        return leg.recorded or (of_room is not None and of_room.status == "in-progress")

    def live(self, number: str) -> list[Leg]:
        """The calls that the telephone of ``number`` is on or rings for, newest first."""
        return [leg for leg in reversed(self.legs.values()) if leg.live and leg.phone == number]

    # --- a leg's life ---------------------------------------------------------------------------------------

    async def _run_inbound(self, leg: Leg) -> None:
        leg.go("ringing")
        number = self.numbers.get(leg.recipient)
        if number is None or not number.voice_url:
            self.board.line(leg, "note", "not-in-service")
            leg.ended_by = leg.ended_by or "carrier"
            self._lives.finish(leg, "failed")
            return
        leg.callback, leg.fallback = number.voice_status_url, number.voice_fallback_url
        await self._follow(leg, Source(number.voice_url))

    async def _run_outbound(self, leg: Leg, source: Source) -> None:
        outcome = await self._lives.ring(leg)
        if outcome != "answered":
            self._lives.finish(leg, outcome)
            self.rooms.given_up(leg)
            return
        self._lives.take_up(leg)
        await self._follow(leg, source)

    async def _follow(self, leg: Leg, source: Source) -> None:
        """From document to document until nothing is left to do."""
        try:
            while True:
                try:
                    how = await self._documents.play(leg, source)
                    break
                except Redirected as redirected:
                    source = redirected.source
                    leg.awaiting = None
                    leg.go("menu")
        except (HungUp, Enough):
            how = "hangup"
        leg.ended_by = leg.ended_by or "hub"
        status = "completed" if leg.answered_at is not None else _UNANSWERED.get(how, "completed")
        self._lives.finish(leg, status)
