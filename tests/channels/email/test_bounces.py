"""What mail servers say became of a letter. A case of ``bounces/`` is a message, with what it says beside it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.contract import Malformed
from channels.email import bounces
from channels.email.bounces import Bounced, read
from channels.email.headers import read_head
from channels.email.mime import take_apart

CORPUS = sorted((Path(__file__).parent / "bounces").glob("*.eml"))
FROM_A_MACHINE = b"From: MAILER-DAEMON@example.net\nReturn-Path: <>\n"


def told_by(raw: bytes) -> tuple[Bounced, ...]:
    headers, body = read_head(raw)
    return read(take_apart(raw, headers, body), headers)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_report_is_read_as_its_server_meant_it(path: Path) -> None:
    expected = json.loads(path.with_suffix(".expected.json").read_text(encoding="utf-8"))
    assert [asdict(each) for each in told_by(path.read_bytes())] == expected


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_line_ends_make_no_difference(path: Path) -> None:
    raw = path.read_bytes()
    assert told_by(raw.replace(b"\n", b"\r\n")) == told_by(raw)


def test_the_corpus_is_large() -> None:
    assert len(CORPUS) >= 40


@pytest.mark.parametrize(
    ("status", "permanent"),
    [
        *[(status, True) for status in ("5.1.1", "5.1.2", "5.1.10", "5.4.4", "5.2.1")],
        *[(status, False) for status in ("5.2.2", "5.7.1", "5.7.26", "4.1.1", "4.4.7", "5.3.4")],
    ],
)
def test_only_an_address_that_is_none_is_given_up(status: str, permanent: bool) -> None:
    report = f"Final-Recipient: rfc822; a@example.net\nAction: failed\nStatus: {status}\n"
    (said,) = told_by(FROM_A_MACHINE + b"Content-Type: message/delivery-status\n\n" + report.encode())
    assert (said.status, said.permanent) == (status, permanent)


def test_an_address_behind_a_delay_is_never_given_up() -> None:
    report = b"Final-Recipient: rfc822; a@example.net\nAction: delayed\nStatus: 5.1.1\n"
    (said,) = told_by(FROM_A_MACHINE + b"Content-Type: message/delivery-status\n\n" + report)
    assert (said.action, said.permanent) == ("delayed", False)


def test_a_report_about_very_many_is_cut_short() -> None:
    each = "Final-Recipient: rfc822; a{}@example.net\nAction: failed\nStatus: 5.1.1\n\n"
    report = "".join(each.format(number) for number in range(500)).encode()
    told = told_by(FROM_A_MACHINE + b"Content-Type: message/delivery-status\n\n" + report)
    assert len(told) == bounces.MAX_RECIPIENTS


@given(st.binary(max_size=400))
def test_whatever_a_machine_writes_is_read_or_is_no_report(body: bytes) -> None:
    try:
        told = told_by(FROM_A_MACHINE + b"X-Failed-Recipients: a@example.net\n\n" + body)
    except Malformed:  # the limits of headers and parts, which come before reading
        return
    assert all("\n" not in each.reason and len(each.reason) <= 300 for each in told)


def steps(raw: bytes) -> int:
    """How many lines of our own program run."""
    count = 0

    def line(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return line

    def call(frame: FrameType, event: str, argument: Any) -> Any:
        return line if frame.f_code.co_filename == bounces.__file__ else None

    headers, body = read_head(raw)
    message = take_apart(raw, headers, body)
    before = sys.gettrace()
    sys.settrace(call)
    try:
        read(message, headers)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize(
    "line",
    [
        *(b"Final-Recipient: rfc822; a@example.net\n", b"Action: failed\n", b"\n", b"a@a@a@a@\n", b"5.5.5.5.5\n"),
        *(
            b"<a@example.net>: 550 5.1.1 no\n",
            b"<<<<<<<<\n",
            b"Message-ID: <\n",
            b" > \n",
            b"could not be delivered\n",
        ),
    ],
)
def test_twice_the_report_takes_no_more_than_twice_the_steps(line: bytes) -> None:
    head = FROM_A_MACHINE + b"\nThis could not be delivered to a@example.net\n\n"
    assert steps(head + line * 160) <= 2.2 * steps(head + line * 80) + 200
    assert steps(head + line * 20_000) < 400_000
