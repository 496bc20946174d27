"""The next thing that a caller hears. A caller is never left with silence or an error: whatever is missing, the
call ends up in a queue where a person answers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from contact_center.domain import calls
from contact_center.domain.calls import CallAction, Hold, Say
from contact_center.domain.events import FLOW, CallerInput, Ended
from contact_center.domain.occasion import Occasion
from contact_center.moves import moves
from contact_center.storage import journal
from contact_center.storage.connection import Connection
from contact_center.storage.journal import Loaded
from contact_center.storage.queues import EntryPoint
from ivr_flows import Flow, Turn, advance, start

_PLEASE_HOLD = {
    "en-US": "Thank you for calling. Please hold the line; someone will be with you as soon as possible.",
    "zh-CN": "感谢您的来电，请稍候，我们会尽快为您接通。",
}


class Telephony:
    """``flows`` by id. Everything of a call is in its record: nothing is kept here."""

    def __init__(self, flows: Mapping[str, Flow]) -> None:
        self._flows = dict(flows)
        self._versions = {(flow.name, flow.version): flow for flow in flows.values()}

    def arrive(
        self, conn: Connection, on: Occasion, loaded: Loaded, door: EntryPoint | None
    ) -> tuple[CallAction, ...]:
        """The call's first turn: its entry point's flow, or straight to its queue."""
        flow = self._flows.get(door.flow) if door else None
        if flow is None:
            return self._to_queue(conn, on, loaded, door)
        facts = {
            "caller_name": loaded.customer_name,
            "ani": loaded.record.point,
            "dnis": loaded.record.dialled,
            "known": "yes" if loaded.customer.known else "no",
        }
        if door is not None and door.language:
            facts["language"] = door.language
        return self._take_turn(conn, on, loaded, flow, start(flow, on.now, facts))

    def hear(self, conn: Connection, on: Occasion, loaded: Loaded, did: CallerInput) -> tuple[CallAction, ...]:
        """What follows the caller's keys, words or silence."""
        record = loaded.record
        if record.state == "ended":
            return (calls.HangUp(),)
        if record.state != "flow":
            return (self._hold(record.language),)
        flow = self._versions.get((record.flow, record.flow_version)) or self._flows.get(record.flow)
        if flow is None:
            return self._to_queue(conn, on, loaded, None)
        turn = advance(flow, record.flow_position, record.variables, did, on.now)
        return self._take_turn(conn, on, loaded, flow, turn)

    def _take_turn(
        self, conn: Connection, on: Occasion, loaded: Loaded, flow: Flow, turn: Turn
    ) -> tuple[CallAction, ...]:
        for step in turn.steps:
            journal.happen(conn, on, loaded, step, FLOW)
        if turn.enqueue is not None:
            asked = turn.enqueue
            moves.enqueue(
                conn,
                on,
                loaded,
                asked.queue,
                priority=asked.priority,
                skills=dict(asked.skills),
                since=loaded.record.started_at,
                actor=FLOW,
            )
        elif turn.over:
            journal.happen(conn, on, loaded, Ended("completed"), FLOW)
        return turn.actions

    def _to_queue(
        self, conn: Connection, on: Occasion, loaded: Loaded, door: EntryPoint | None
    ) -> tuple[CallAction, ...]:
        moves.enqueue_through(conn, on, loaded, door)
        return (self._hold(door.language if door else ""),)

    @staticmethod
    def _hold(language: str) -> Hold:
        spoken = "zh-CN" if language.startswith("zh") else "en-US"
        return Hold((Say(_PLEASE_HOLD[spoken], spoken),), spoken)

    @staticmethod
    def pack(actions: tuple[CallAction, ...]) -> list[Any]:
        """Actions as JSON, for keeping with the event that they answer."""
        return [[type(action).__name__, _plain(action)] for action in actions]

    @staticmethod
    def unpack(told: list[Any]) -> tuple[CallAction, ...]:
        return tuple(_action(name, data) for name, data in told)


def _plain(action: CallAction) -> dict[str, Any]:
    data = asdict(action)
    if "prompts" in data:
        prompts = action.prompts  # type: ignore[union-attr]  # only actions with prompts have the key
        data["prompts"] = [[type(p).__name__, asdict(p)] for p in prompts]
    return data


def _action(name: str, data: dict[str, Any]) -> CallAction:
    data = dict(data)
    if "prompts" in data:
        data["prompts"] = tuple(_action(kind, prompt) for kind, prompt in data["prompts"])
    if "hints" in data:
        data["hints"] = tuple(data["hints"])
    made: CallAction = _ACTIONS[name](**data)
    return made


_ACTIONS: dict[str, Any] = {
    kind.__name__: kind for kind in (calls.Say, calls.Pause, calls.Collect, calls.Hold, calls.HangUp)
}
