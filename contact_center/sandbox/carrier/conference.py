"""A conference: who is in it, when it begins and ends, and what the hub is told about it, in order."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Literal

from contact_center.sandbox import twiml
from contact_center.sandbox.carrier.leg import Leg
from contact_center.sandbox.carrier.tape import Recording


@dataclass(slots=True)
class Member:
    leg: Leg
    label: str
    start_on_enter: bool
    end_on_exit: bool
    muted: bool = False
    hold: bool = False
    hold_url: str = ""
    hold_method: str = "POST"
    joined_at: int = 0
    coaching: bool = False
    coach: str = ""
    beep_on_exit: bool = True
    wait_url: str | None = None
    wait_method: str = "POST"
    hold_turn: int = 0


@dataclass(slots=True)
class Conference:
    """``settings`` are those of the party that came first: the carrier takes the callback from there."""

    sid: str
    name: str
    settings: twiml.Conference
    created_at: int
    status: Literal["init", "in-progress", "completed"] = "init"
    members: dict[str, Member] = field(default_factory=dict)
    sequence: int = 0
    updated_at: int = 0
    ended_by: str = ""
    reason: str = ""
    recording: Recording | None = None
    in_order: asyncio.Lock = field(default_factory=asyncio.Lock)

    def wants(self, event: str) -> bool:
        """Whether the hub asked to hear of ``event`` (``participant-join``). TwiML subscribes by short words."""
        return bool(self.settings.callback) and _SUBSCRIPTION.get(event, "") in self.settings.events

    def due(self) -> bool:
        """Begins when two are there and one of them may begin it."""
        members = self.members.values()
        return self.status == "init" and len(members) > 1 and any(m.start_on_enter for m in members)

    def find(self, key: str) -> Member | None:
        """A member by CallSid or by label."""
        return self.members.get(key) or next(
            (member for member in self.members.values() if member.label and member.label == key), None
        )

    def hearers(self, speaker: Member) -> list[Member]:
        """Who hears ``speaker``: everybody else who is not on hold; a coach is heard by the coached alone."""
        if self.status != "in-progress" or speaker.muted or speaker.hold:
            return []
        others = [m for m in self.members.values() if m is not speaker and not m.hold]
        return [m for m in others if m.leg.sid == speaker.coach] if speaker.coaching else others

    def coaches_of(self, member: Member) -> list[Member]:
        return [m for m in self.members.values() if m.coaching and m.coach == member.leg.sid]

    def wake(self) -> None:
        for member in self.members.values():
            member.leg.wake()


_SUBSCRIPTION = {
    "conference-start": "start",
    "conference-end": "end",
    "participant-join": "join",
    "participant-leave": "leave",
    "participant-mute": "mute",
    "participant-unmute": "mute",
    "participant-hold": "hold",
    "participant-unhold": "hold",
    "participant-modify": "modify",
    "participant-speech-start": "speaker",
    "participant-speech-stop": "speaker",
    "announcement-begin": "announcement",
    "announcement-end": "announcement",
    "announcement-fail": "announcement",
}
