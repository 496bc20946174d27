"""What is asked of a live call through the outbox, and what the hub may dial at all."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from channels.contract import Outgoing, OutVerb
from contact_center.domain.calls import CallAction, Hold, Say, pack
from contact_center.domain.contact_points import ContactPoint
from contact_center.domain.dialling import DiallingPolicy, Verdict, judge, number_of
from contact_center.domain.occasion import Occasion
from contact_center.domain.record import Party
from contact_center.domain.time import MINUTE
from contact_center.storage import dials, outbox, queues, settings
from contact_center.storage.connection import Connection
from contact_center.storage.journal import Loaded

HOLD = "hold"
"""The position of a caller who waits outside any flow; a number follows, which counts how often they heard it."""

OUTSIDE = "outside"
"""The position of a caller whom an agent handed on to a number outside."""

PLEASE_HOLD = {
    "en-US": "Thank you for calling. Please hold the line; someone will be with you as soon as possible.",
    "zh-CN": "感谢您的来电，请稍候，我们会尽快为您接通。",
}
PASSED_ON = {
    "en-US": "We are passing you on. Please hold the line; your place is kept.",
    "zh-CN": "正在为您转接，请稍候，我们会为您保留排队位置。",
}


_NOBODY = DiallingPolicy()


@dataclass(frozen=True, slots=True)
class TelephonySettings:
    """The configuration's ``telephony`` section. ``caller_id`` is shown by calls of ours where no number was dialled
    that could be. ``code_channel`` and ``code_sender`` send one-time codes; without them none are sent."""

    dialling: DiallingPolicy = _NOBODY
    caller_id: str = ""
    code_channel: str = ""
    code_sender: str = ""
    services: tuple[dict[str, Any], ...] = ()


def telephony_settings(conn: Connection) -> TelephonySettings:
    stored = settings.get(conn, "telephony") or {}
    rules = dict(stored.get("dialling") or {})
    for name in ("countries", "kinds", "numbers"):
        if name in rules:
            rules[name] = frozenset(rules[name])
    return TelephonySettings(
        dialling=DiallingPolicy(**rules),
        caller_id=stored.get("caller_id", ""),
        code_channel=stored.get("code_channel", ""),
        code_sender=stored.get("code_sender", ""),
        services=tuple(stored.get("services", ())),
    )


# --- out --------------------------------------------------------------------------------------------------------


def outgoing(on: Occasion, loaded: Loaded, verb: OutVerb, **more: Any) -> Outgoing:
    """Something to do with the interaction, as the outbox takes it."""
    record = loaded.record
    message = Outgoing(
        verb=verb,
        outbox_id=on.new_id(),
        interaction_id=record.interaction_id,
        case_id=record.case_id,
        created_at=on.now,
        attempt=0,
        thread_key=record.thread_key,
        recipient=ContactPoint(record.point_kind, record.point),  # type: ignore[arg-type]
        recipient_name=loaded.customer_name,
        sender=ContactPoint("other", record.dialled),
        language=record.language,
    )
    return replace(message, **more) if more else message


def ask(conn: Connection, on: Occasion, loaded: Loaded, verb: OutVerb, **more: Any) -> str:
    """Puts it into the outbox; returns its id there."""
    message = outgoing(on, loaded, verb, **more)
    outbox.put(conn, loaded.record.channel, message)
    return message.outbox_id


def tell(conn: Connection, on: Occasion, loaded: Loaded, *actions: CallAction) -> None:
    """The customer, wherever they are in the call, hears this next."""
    ask(conn, on, loaded, "tell", actions=tuple(pack(actions)))


def drop_agent(conn: Connection, on: Occasion, loaded: Loaded) -> None:
    """The agent's own leg ends; the customer's goes on. Call it before the record forgets who the agent was."""
    record = loaded.record
    ask(
        conn,
        on,
        loaded,
        "drop",
        offer_id=record.accepted_offer,
        agent_leg=record.agent_leg or record.ringing_leg,
        party_id=record.agent_party,
        party_leg=record.agent_leg if record.agent_party else "",
    )


def drop_parties(conn: Connection, on: Occasion, loaded: Loaded, but: Collection[str] = ()) -> None:
    """Whoever else was brought in goes, ``but`` some."""
    for party in loaded.record.parties:
        if party.there and party.id not in but:
            ask(conn, on, loaded, "drop", party_id=party.id, party_leg=party.leg_id)


def drop_supervisors(conn: Connection, on: Occasion, loaded: Loaded) -> None:
    """Who listens in goes: nobody of ours is left whom they could listen to."""
    drop_parties(conn, on, loaded, but=[p.id for p in loaded.record.parties if p.purpose != "supervise"])


def consultation_over(conn: Connection, on: Occasion, loaded: Loaded, party: Party, *, talked: bool = True) -> None:
    """``party`` has gone: where nobody else is consulted, the customer, who heard music meanwhile, hears us again.
    The music may not have begun yet if they never talked."""
    record = loaded.record
    others = any(p.there and p.purpose == "consult" and p.id != party.id for p in record.parties)
    if (
        party.purpose == "consult"
        and not others
        and record.state == "assigned"
        and record.call == "connected"
        and (record.held or not talked)
    ):
        ask(conn, on, loaded, "hold", mode="off")


def please_hold(language: str, epoch: int, words: dict[str, str] | None = None) -> Hold:
    """What a caller hears who waits outside any flow. ``epoch`` keeps its answers apart from those of before."""
    spoken = "zh-CN" if language.startswith(("zh", "cmn")) else "en-US"
    return Hold(f"{HOLD}.{epoch}.0", (Say((words or PLEASE_HOLD)[spoken], spoken),), spoken)


# --- money ------------------------------------------------------------------------------------------------------


def may_call(conn: Connection, on: Occasion, number: str, behalf: str) -> Verdict:
    """Whether ``number`` may be called now on behalf of ``agent:<id>`` or ``caller:<number>``."""
    policy = telephony_settings(conn).dialling
    return judge(number, policy, dials.counted(conn, on.now, number_of(number) or number[:32], behalf))


def spend(conn: Connection, on: Occasion, number: str, behalf: str, interaction_id: str) -> Verdict:
    """As :func:`may_call`, and counts it as dialled if it may be."""
    verdict = may_call(conn, on, number, behalf)
    if verdict.allowed:
        dials.add(conn, on, verdict.number, behalf[:400], interaction_id)
    return verdict


def longest_ms(conn: Connection) -> int:
    return max(MINUTE, telephony_settings(conn).dialling.longest_ms)


def our_number(conn: Connection, channel: str, dialled: str = "") -> str:
    """The number of ours that a call of ours shows: the one that was dialled, else the configured one, else the
    channel's first."""
    if number_of(dialled):
        return dialled
    return telephony_settings(conn).caller_id or queues.first_number(conn, channel)
