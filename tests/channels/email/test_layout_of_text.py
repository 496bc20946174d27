"""Plain text in its several layouts reads as it was written."""

from __future__ import annotations

import pytest

from channels.email import enriched, flowed, invitations

FLOWED = {
    "a \nb": "a b",
    "a \nb \nc\nd": "a b c\nd",
    "a \n": "a ",
    "a \r\nb\r\n": "a b\n",
    "> a \n> b\n>> c \n> d": "> a b\n>> c \n> d",
    "> a \nb": "> a \nb",
    "a \n-- \nMei \nLin": "a \n-- \nMei Lin",
    " stuffed\n >not a quotation": "stuffed\n>not a quotation",
    "": "",
}


@pytest.mark.parametrize("text", FLOWED)
def test_lines_that_flow_are_joined(text: str) -> None:
    assert flowed.joined(text, False) == FLOWED[text]


def test_with_delsp_the_space_goes_with_the_break() -> None:
    assert flowed.joined("我的 \n订单 \n在哪", True) == "我的订单在哪"


ENRICHED = {
    "<bold>a</bold> <<b>": "a <b>",
    "one\nline": "one line",
    "two\n\nlines\n\n\nthree": "two\nlines\n\nthree",
    "<nofill>one\ntwo\n</nofill>": "one\ntwo\n",
    "<fontfamily><param>Times</param>a</fontfamily>": "a",
    "<color><param>red<bold></param>a": "a",
    "a < b > c": "a < b > c",
    "</param></nofill>a": "a",
}


@pytest.mark.parametrize("text", ENRICHED)
def test_enriched_text_loses_its_commands(text: str) -> None:
    assert enriched.to_text(text) == ENRICHED[text]


def test_richtext_breaks_lines_where_it_says_so() -> None:
    assert enriched.to_text("a\nb<nl>c<np>d<lt>e<comment>x</comment><<", richtext=True) == "a b\nc\nd<e<<"
    assert enriched.to_text("<paragraph>a</paragraph>b", richtext=True) == "a\n\nb"


def calendar(*lines: str, method: str = "REQUEST") -> str:
    event = "\r\n".join(("BEGIN:VEVENT", *lines, "END:VEVENT"))
    return f"BEGIN:VCALENDAR\r\nMETHOD:{method}\r\n{event}\r\nEND:VCALENDAR\r\n"


START = "DTSTART;TZID=Asia/Shanghai:20261125T140000"
SAID = {
    ("SUMMARY:Tea", START, "DTEND:20261125T153000"): "Tea, 2026-11-25 14:00–15:30 Asia/Shanghai",
    ("SUMMARY:Tea", START, "DTEND:20261126T010000"): "Tea, 2026-11-25 14:00 – 2026-11-26 01:00 Asia/Shanghai",
    ("SUMMARY:Tea", "DTSTART:20261125T060000Z"): "Tea, 2026-11-25 06:00 UTC",
    ("SUMMARY:Tea", "DTSTART:20261125T060000", "DURATION:P1DT2H"): "Tea, 2026-11-25 06:00 (1 d 2 h)",
    ("SUMMARY:Tea", "DTSTART:20261125T060000", "DURATION:soon"): "Tea, 2026-11-25 06:00",
    ("SUMMARY:Trip", "DTSTART;VALUE=DATE:20261224"): "Trip, 2026-12-24",
    ("SUMMARY:Trip", "DTSTART;VALUE=DATE:20261224", "DTEND:20261226"): "Trip, 2026-12-24 – before 2026-12-26",
    ("SUMMARY:Tea", "DTSTART:whenever"): "Tea",
    ("LOCATION:Room\\, 2\\nFloor 3",): "(no title), Room, 2 Floor 3",
    ("SUMMARY:A", "  long", "\t one"): "A long one",
    ("SUMMARY:Tea", "RRULE:FREQ=DAILY"): "Tea, daily",
    ("SUMMARY:Tea", "RRULE:FREQ=HOURLY"): "Tea, repeated",
    ("SUMMARY:Tea", "RRULE:x"): "Tea",
    ("SUMMARY:Tea", 'ORGANIZER;CN="Lin: Mei":MAILTO:mei@example.com'): "Tea, organiser Lin: Mei <mei@example.com>",
    ("SUMMARY:Tea", "ORGANIZER;CN=mei@example.com:mailto:mei@example.com"): "Tea, organiser mei@example.com",
    ("SUMMARY:Tea", "ORGANIZER:mailto:mei@example.com"): "Tea, organiser mei@example.com",
    ("SUMMARY:Tea", "ORGANIZER;CN=Mei:urn:uuid:7"): "Tea, organiser Mei",
    ("SUMMARY:first", "SUMMARY:second", "no property"): "first",
    ("SUMMARY:Tea", "BEGIN:VALARM", "SUMMARY:alarm", "END:VALARM"): "Tea",
    ("SUMMARY:a\x07b\u202ec",): "a bc",
}


@pytest.mark.parametrize("lines", SAID)
def test_an_invitation_is_said_in_a_line(lines: tuple[str, ...]) -> None:
    assert invitations.in_words(calendar(*lines)) == [f"Invitation: {SAID[lines]}"]


@pytest.mark.parametrize(
    "method, lines, said",
    [
        ("CANCEL", (), "Cancelled: Tea"),
        ("PUBLISH", (), "Event: Tea"),
        ("PUBLISH", ("STATUS:cancelled",), "Cancelled: Tea"),
        ("REPLY", ("ATTENDEE;PARTSTAT=declined:mailto:a@b.example",), "Declined: Tea"),
        ("REPLY", ("ATTENDEE;PARTSTAT=DELEGATED:mailto:a@b.example",), "Answered: Tea"),
        ("REPLY", (), "Answered: Tea"),
        ("COUNTER", (), "Another time proposed: Tea"),
    ],
)
def test_what_is_done_with_an_invitation_is_said_first(method: str, lines: tuple[str, ...], said: str) -> None:
    assert invitations.in_words(calendar("SUMMARY:Tea", *lines, method=method)) == [said]


def test_what_the_line_was_made_of_is_told_beside_it() -> None:
    lines = ("SUMMARY:Tea", START, "DTEND:20261125T153000", "LOCATION:Room 2", "RRULE:FREQ=WEEKLY")
    (told,) = invitations.read(calendar(*lines, "ORGANIZER;CN=Mei:mailto:mei@example.com"))
    when = "2026-11-25 14:00–15:30 Asia/Shanghai"
    assert told == {
        "said": f"Invitation: Tea, {when}, weekly, Room 2, organiser Mei <mei@example.com>",
        "what": "request",
        "title": "Tea",
        "day": "2026-11-25",
        "hour": "14:00",
        "until_hour": "15:30",
        "zone": "Asia/Shanghai",
        "repeats": "weekly",
        "place": "Room 2",
        "organiser": "Mei <mei@example.com>",
    }
    (lasts,) = invitations.read(calendar("DTSTART:20261125T060000", "DURATION:P1DT2H"))
    assert (lasts["lasts"], "title" in lasts) == ("1d 2h", False)
    (whole,) = invitations.read(calendar("DTSTART;VALUE=DATE:20261224", "DTEND:20261226"))
    assert (whole["before"], "hour" in whole) == ("2026-12-26", False)


def test_of_many_events_five_are_said_and_of_none_nothing() -> None:
    many = "BEGIN:VCALENDAR\n" + "BEGIN:VEVENT\nSUMMARY:x\nEND:VEVENT\n" * 9
    assert invitations.in_words(many) == ["Event: x"] * 5
    assert invitations.in_words("no calendar") == []
    assert invitations.in_words("BEGIN:VCALENDAR\nEND:VCALENDAR\nEND:VCALENDAR") == []
    assert invitations.in_words("SUMMARY:outside\n" + "x" * 5_000 + ":y\n" + '"' * 100) == []
