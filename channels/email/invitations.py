"""Says in one line what an invitation is about (iCalendar, RFC 5545): bounded, and never at the calendar's mercy. The
line is in English, as the log is; whoever shows it in another language has what it was made of."""

from __future__ import annotations

import re
from collections.abc import Iterator

from channels.email.headers import seemly

_LONGEST = 256 * 1024
_MOST_EVENTS = 5
_MOST_LINES = 5_000
_MOMENT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)\d{0,2}(Z?))?")
_LASTS = re.compile(r"P(?:(\d{1,4})W)?(?:(\d{1,4})D)?(?:T(?:(\d{1,4})H)?(?:(\d{1,4})M)?(?:\d{1,5}S)?)?")
_NAME = re.compile(r'CN=(?:"([^"]*)"|([^;:]*))', re.IGNORECASE)
_ZONE = re.compile(r'TZID=(?:"([^"]*)"|([^;:]*))', re.IGNORECASE)
_ANSWER = re.compile(r"PARTSTAT=([A-Za-z-]{1,20})", re.IGNORECASE)

_METHODS = {
    "REQUEST": "Invitation",
    "CANCEL": "Cancelled",
    "COUNTER": "Another time proposed",
    "DECLINECOUNTER": "Proposed time declined",
    "REFRESH": "Asked for the invitation again",
    "ADD": "Added",
}
_UNITS = {"w": "w", "d": "d", "h": "h", "m": "min"}
_PIECE = re.compile(r"(\d+)([wdhm])")
_ANSWERS = {"ACCEPTED": "Accepted", "DECLINED": "Declined", "TENTATIVE": "Accepted tentatively"}
_REPEATS = {"DAILY": "daily", "WEEKLY": "weekly", "MONTHLY": "monthly", "YEARLY": "yearly"}

_WHAT = {
    "event": "Event",
    "answered": "Answered",
    **{method.lower(): said for method, said in _METHODS.items()},
    **{answer.lower(): said for answer, said in _ANSWERS.items()},
}

_Event = dict[str, tuple[str, str]]
"""Name → (parameters, value) of each property's first appearance."""


def read(calendar: str) -> list[dict[str, str]]:
    """Each event, at most five, with what is known of it: ``said`` (the line), ``what``, ``title``, ``day``,
    ``hour``, ``until_day``, ``until_hour``, ``before`` (the day after the last of whole days), ``lasts``
    (``1d 2h``), ``zone``, ``repeats``, ``place``, ``organiser``. Empty where it is no calendar."""
    method, events = _events(calendar[:_LONGEST])
    known = ({"what": _what(method, event), **_facts(event)} for event in events)
    return [{"said": _line(each), **{name: value for name, value in each.items() if value}} for each in known]


def in_words(calendar: str) -> list[str]:
    """The lines alone: what, when, where, and who asks."""
    return [each["said"] for each in read(calendar)]


def _events(calendar: str) -> tuple[str, list[_Event]]:
    method = ""
    events: list[_Event] = []
    within: list[str] = []
    for name, parameters, value in _properties(calendar):
        if name == "BEGIN":
            within.append(value.strip().upper()[:40])
            if within[-1] == "VEVENT":
                if len(events) == _MOST_EVENTS:
                    break
                events.append({})
        elif name == "END":
            del within[-1:]
        elif name == "METHOD" and not events:
            method = value.strip().upper()
        elif within and within[-1] == "VEVENT":
            events[-1].setdefault(name, (parameters, value))
    return method, events


def _properties(calendar: str) -> Iterator[tuple[str, str, str]]:
    lines = calendar.replace("\r\n", "\n").replace("\r", "\n").replace("\n ", "").replace("\n\t", "").split("\n")
    for line in lines[:_MOST_LINES]:
        at = _colon(line)
        if at > 0:
            name, _, parameters = line[:at].partition(";")
            yield name.strip().upper(), parameters, line[at + 1 :]


def _colon(line: str) -> int:
    """The first one outside quotes; -1 if there is none."""
    quoted = False
    for at, letter in enumerate(line[:2_000]):
        if letter == '"':
            quoted = not quoted
        elif letter == ":" and not quoted:
            return at
    return -1


def _what(method: str, event: _Event) -> str:
    if method == "REPLY":
        answer = _ANSWER.search(event.get("ATTENDEE", ("", ""))[0])
        answered = answer[1].upper() if answer else ""
        return answered.lower() if answered in _ANSWERS else "answered"
    if event.get("STATUS", ("", ""))[1].strip().upper() == "CANCELLED":
        return "cancel"
    return method.lower() if method in _METHODS else "event"


def _facts(event: _Event) -> dict[str, str]:
    return {
        "title": _text(event, "SUMMARY"),
        **_when(event),
        "repeats": _repeats(event),
        "place": _text(event, "LOCATION"),
        "organiser": _organiser(event),
    }


def _line(known: dict[str, str]) -> str:
    said = [known["title"] or "(no title)", _moment(known), known["repeats"], known["place"]]
    if known["organiser"]:
        said.append(f"organiser {known['organiser']}")
    return f"{_WHAT[known['what']]}: {', '.join(each for each in said if each)}"


def _moment(known: dict[str, str]) -> str:
    if not known.get("day"):
        return ""
    begins = f"{known['day']} {known['hour']}".strip()
    if known["until_day"]:
        until = f" – {known['until_day']} {known['until_hour']}".rstrip()
    elif known["until_hour"]:
        until = f"–{known['until_hour']}"
    elif known["before"]:
        until = f" – before {known['before']}"
    else:
        lasts = _PIECE.sub(lambda found: f"{found[1]} {_UNITS[found[2]]}", known["lasts"])
        until = f" ({lasts})" if lasts else ""
    return begins + until + (f" {known['zone']}" if known["zone"] and known["hour"] else "")


def _text(event: _Event, name: str) -> str:
    value = event.get(name, ("", ""))[1][:2_000]
    return seemly(re.sub(r"\\(.)", lambda match: " " if match[1] in "nN" else match[1], value), 300)


def _when(event: _Event) -> dict[str, str]:
    """Nothing where it doesn't say when it begins."""
    parameters, begins = event.get("DTSTART", ("", ""))
    start = _MOMENT.match(begins.strip())
    if start is None:
        return {}
    zone = _ZONE.search(parameters)
    named = "UTC" if start[6] else seemly((zone[1] or zone[2]) if zone else "", 80)
    day, hour = "-".join(start.group(1, 2, 3)), _hour(start)
    return {"day": day, "hour": hour, **_until(event, day, hour), "zone": named}


def _until(event: _Event, day: str, hour: str) -> dict[str, str]:
    until = {"until_day": "", "until_hour": "", "before": "", "lasts": ""}
    end = _MOMENT.match(event.get("DTEND", ("", ""))[1].strip())
    if end is None:
        return {**until, "lasts": _lasting(event)}
    last_day = "-".join(end.group(1, 2, 3))
    if not hour:  # the end of a whole day is the day after it, which says nothing that people would say
        return {**until, "before": last_day}
    return {**until, "until_day": "" if last_day == day else last_day, "until_hour": _hour(end)}


def _lasting(event: _Event) -> str:
    lasts = _LASTS.fullmatch(event.get("DURATION", ("", ""))[1].strip())
    units = zip(lasts.groups(), _UNITS, strict=True) if lasts else ()
    return " ".join(f"{number}{unit}" for number, unit in units if number)


def _hour(moment: re.Match[str]) -> str:
    return f"{moment[4]}:{moment[5]}" if moment[4] else ""


def _repeats(event: _Event) -> str:
    found = re.search(r"FREQ=([A-Z]{1,10})", event.get("RRULE", ("", ""))[1][:500].upper())
    return _REPEATS.get(found[1], "repeated") if found else ""


def _organiser(event: _Event) -> str:
    parameters, value = event.get("ORGANIZER", ("", ""))
    found = _NAME.search(parameters)
    name = seemly((found[1] or found[2] or "") if found else "", 120)
    address = seemly(value[7:] if value[:7].lower() == "mailto:" else "", 254)
    return f"{name} <{address}>" if name and address and name != address else name or address
