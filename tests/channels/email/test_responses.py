"""Whatever pieces an IMAP server's answer comes in, it is cut up alike; whatever it announces, little is kept."""

from __future__ import annotations

import pytest

from channels.email.responses import LINE, Response, Responses

MESSAGE = b"Subject: x\r\n\r\n" + b"text ) {5}\r\nA1 OK not really\r\n* BYE nor this\r\n" * 65
STREAM = (
    b"* OK [ALERT] a literal {7}\r\n"
    b"* 1 FETCH (UID 9 BODY[] {%d}\r\n%s FLAGS (\\Seen))\r\n"
    b"* 2 EXISTS\r\n"
    b"A7 OK done {3}\r\n" % (len(MESSAGE), MESSAGE)
)
WHOLE = [
    Response((b"* OK [ALERT] a literal {7}",)),
    Response((b"* 1 FETCH (UID 9 BODY[] {%d}" % len(MESSAGE), MESSAGE, b" FLAGS (\\Seen))")),
    Response((b"* 2 EXISTS",)),
    Response((b"A7 OK done {3}",)),
]


def test_an_answer_in_two_pieces_is_the_same_wherever_it_is_parted_and_cut_short_it_is_no_message() -> None:
    assert len(MESSAGE) > 3_000
    ended = STREAM.index(b"FLAGS (\\Seen))\r\n") + len(b"FLAGS (\\Seen))\r\n")
    for at in range(len(STREAM) + 1):
        responses = Responses()
        first = responses.feed(STREAM[:at])
        assert any(len(each.parts) > 1 for each in first) == (at >= ended)
        assert first + responses.feed(STREAM[at:]) == WHOLE


def test_byte_by_byte_it_is_the_same() -> None:
    responses = Responses()
    assert [found for byte in STREAM for found in responses.feed(bytes([byte]))] == WHOLE
    assert responses.fault is None


def test_a_literal_that_is_announced_too_large_is_not_waited_for() -> None:
    responses = Responses()
    responses.allow(literal=1_000_000)
    (before,) = responses.feed(b"* 1 EXISTS\r\n* 1 FETCH (BODY[] {200000000}\r\nbegin")
    assert before.parts == (b"* 1 EXISTS",)
    assert responses.fault is not None
    assert responses.fault.size == 200_000_000
    assert responses.feed(b"* 2 EXISTS\r\n") == []


@pytest.mark.parametrize(
    "piece", [b"* OK babble\r\n" * 1_000, b"x" * 100_000, b"* 1 FETCH (A {1}\r\nxB {1}\r\n" * 500]
)
def test_a_flood_ends(piece: bytes) -> None:
    responses = Responses()
    fed = 0
    while responses.fault is None:
        responses.feed(piece)
        fed += len(piece)
        assert fed <= LINE
