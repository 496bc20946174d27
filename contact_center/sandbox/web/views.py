"""What a call and a telephone look like to whoever plays them."""

from __future__ import annotations

from typing import Any

from contact_center.sandbox.carrier.exchange import Exchange
from contact_center.sandbox.carrier.leg import Leg
from contact_center.sandbox.carrier.phones import Phone, is_desk
from contact_center.sandbox.carrier.switchboard import seconds

MAX_LINES = 80
MAX_PHONES = 24
LOOKED_BACK = 400
HEARD = frozenset({"say", "announce", "heard", "music", "beep"})


def shown_call(exchange: Exchange, leg: Leg, lines: int = MAX_LINES) -> dict[str, Any]:
    return {
        "sid": leg.sid,
        "parent_sid": leg.parent_sid,
        "from": leg.sender,
        "to": leg.recipient,
        "phone": leg.phone,
        "direction": leg.direction,
        "status": leg.status,
        "where": leg.where,
        "listening": leg.listening,
        "awaiting": leg.awaiting,
        "speaking": leg.speaking,
        "hold_music": leg.hold_music,
        "recorded": exchange.is_recorded(leg),
        "created_at": leg.created_at,
        "answered_at": leg.answered_at,
        "ended_at": leg.ended_at,
        "ended_by": leg.ended_by,
        "seconds": seconds(leg),
        "conference_sid": leg.conference,
        "queue": leg.queue,
        **_seat(exchange, leg),
        "with": [_party(exchange, other) for other in exchange.others(leg)],
        "lines": [_line(exchange, line) for line in leg.lines[-lines:]],
    }


def heard(exchange: Exchange, leg: Leg) -> list[dict[str, Any]]:
    """Every word that reached this telephone, and from whom."""
    return [_line(exchange, line) for line in leg.lines if line["kind"] in HEARD]


def shown_phone(exchange: Exchange, phone: Phone, calls: list[Leg]) -> dict[str, Any]:
    manner, after = exchange.phones.manner(phone.number)
    return {
        "number": phone.number,
        "name": phone.name,
        "kind": "desk" if is_desk(phone.number) else "outside",
        "answers": manner,
        "usual": not phone.answers,
        "after_ms": round(after * 1000),
        "calls": [shown_call(exchange, leg, 40) for leg in calls],
    }


def phones(exchange: Exchange, without: str = "") -> list[dict[str, Any]]:
    """The telephones that the hub lately called or somebody set, each with its live calls or its last one."""
    calls: dict[str, list[Leg]] = {}
    for leg in list(exchange.legs.values())[: -LOOKED_BACK - 1 : -1]:
        if leg.direction != "inbound" or is_desk(leg.phone) or leg.phone in calls:
            calls.setdefault(leg.phone, []).append(leg)
    numbers = dict.fromkeys([*(p.number for p in exchange.phones.known.values() if p.stands), *calls])
    shown = [number for number in numbers if number != without]
    # An agent's first, and everybody's place stays where it was.
    shown.sort(key=lambda number: (not is_desk(number), number))
    return [
        shown_phone(exchange, exchange.phones.at(number), _on_it(calls.get(number, [])))
        for number in shown[:MAX_PHONES]
    ]


def _on_it(calls: list[Leg]) -> list[Leg]:
    live = [leg for leg in calls if leg.live]
    return live[:3] or calls[:1]


def _seat(exchange: Exchange, leg: Leg) -> dict[str, Any]:
    conference, member = exchange.seat(leg)
    if conference is None or member is None:
        return {"label": leg.invited_as, "muted": False, "hold": False, "coaching": "", "coached_by": []}
    return {
        "label": member.label,
        "muted": member.muted,
        "hold": member.hold,
        "coaching": _name(exchange, member.coach) if member.coaching else "",
        "coached_by": [_name(exchange, coach.leg.sid) for coach in conference.coaches_of(member)],
    }


def _party(exchange: Exchange, leg: Leg) -> dict[str, Any]:
    return {"sid": leg.sid, "name": _name(exchange, leg.sid), **_seat(exchange, leg)}


def _line(exchange: Exchange, line: dict[str, Any]) -> dict[str, Any]:
    return {**line, "name": _name(exchange, line["from"]) if line["from"] else ""}


def _name(exchange: Exchange, sid: str) -> str:
    """Whose telephone it is, as a person would say."""
    leg = exchange.legs.get(sid)
    if leg is None:
        return ""
    known = exchange.phones.known.get(leg.phone)
    return (known.name if known else "") or leg.phone
