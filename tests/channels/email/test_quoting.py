"""What is new in a message, told from what it repeats.

A text of ``quoting/`` is written as its parts, each under a line ``=== text``, ``=== signature`` or ``=== history``
in the message's own order, with blank lines put between them; ``=== subject`` is the message's subject.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from channels.email import quoting
from channels.email.quoting import Split, split
from channels.email.quoting_words import FORWARDED, LABELS, ORIGINAL, WROTE

CORPUS = sorted((Path(__file__).parent / "quoting").glob("*.txt"))
GERMAN = "Am Sa., 21. Nov. 2026 um 10:00 Uhr schrieb Support <support@example.com>:"
HOSTILE = {
    "newlines": "\n",
    "on": "On On On On On On On On On On On On\n",
    "quotes": ">\n",
    "quotes with words": "> x\n",
    "attributions": "On Sat, Nov 21, 2026 at 10:00 AM X <x@example.com> wrote:\n",
    "attributions over quotes": "On Sat, Nov 21, 2026 at 10:00 AM X <x@example.com> wrote:\n> x\ny\n",
    "halves of attributions": "On Sat, Nov 21, 2026 at 10:00 AM X:\n",
    "labels": "From: x\n",
    "header blocks that break off": "From: x\nTo: y\nDate: 1\n",
    "originals with answers inside": "see below\n-----Original Message-----\n",
    "dashes": "--\n",
    "signatures": "Sent from my iPhone\n",
    "rules": "____________\n\nFrom: x\n",
    "colons": "a:\n",
}


def parts_of(path: Path) -> list[tuple[str, str]]:
    sections = path.read_text(encoding="utf-8").split("=== ")[1:]
    return [(name, text.removesuffix("\n")) for name, _, text in (section.partition("\n") for section in sections)]


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_text_is_split_as_its_writer_meant_it(path: Path) -> None:
    parts = parts_of(path)
    subject = dict(parts).get("subject", "")
    written = [text for name, text in parts if name != "subject" and text]
    assert split("\n\n".join(written), subject) == Split(**{"text": "", **{n: t for n, t in parts if n != "subject"}})


def test_the_corpus_is_large() -> None:
    assert len(CORPUS) >= 100


def test_lines_that_end_as_in_mail_are_split_too() -> None:
    assert split(f"Danke.\r\n\r\n{GERMAN}\r\n> Ja\r\n").text.strip() == "Danke."


def test_no_history_is_found_under_a_forwarded_message() -> None:
    for marker in FORWARDED:
        text = f"Look:\n\n---------- {marker} ---------\nFrom: a\nSent: 1.1.2026\nTo: b\nSubject: c\n\nwords"
        assert split(text) == Split(text), marker


def test_every_program_s_rule_begins_a_history() -> None:
    for marker in ORIGINAL:
        assert split(f"New.\n\n----- {marker} -----\nold").history == f"----- {marker} -----\nold", marker


# --- properties --------------------------------------------------------------------------------------------------

pieces = st.sampled_from(
    [
        *(
            "",
            " ",
            "new words",
            "> quoted",
            ">> deeper",
            ">",
            "-- ",
            "--",
            "Anna",
            "Sent from my iPhone",
            "发自我的iPhone",
        ),
        *(
            GERMAN,
            "On Sat, Nov 21, 2026 at 10:00 AM X <x@y.example>",
            "wrote:",
            "X wrote:",
            "在 2026-11-21 10:00，X 写道：",
        ),
        *(
            "-----Original Message-----",
            "From: x",
            "Sent: 21.11.2026",
            "To: y",
            "Subject: z",
            "_______________",
            "see below",
        ),
        *(
            "---------- Forwarded message ---------",
            "发件人： x",
            "主题： y",
            "发送时间： 2026",
            "\u200b",
            "a\rb",
            "\x0c",
            "\u2028",
        ),
    ]
)
texts = st.lists(st.one_of(pieces, st.text(max_size=20)), max_size=14).map("\n".join)


def lines_in(*parts: str) -> list[str]:
    return [line for part in parts for line in part.split("\n") if line.strip()]


@given(texts, st.sampled_from(["", "Fwd: x", "Re: x"]))
@example("x\n\n> y\n-- \nz", "")
def test_every_line_is_in_exactly_one_part_and_in_its_place(text: str, subject: str) -> None:
    found = split(text, subject)
    above = lines_in(found.text, found.signature, found.history)
    under = lines_in(found.text, found.history, found.signature)
    assert lines_in(text) in (above, under)


@given(texts)
def test_the_text_does_not_change_when_it_is_split_again(text: str) -> None:
    """What was left as new has no more to fold, but for a signature that stood over another."""
    found = split(text)
    assert not split(found.text).history or found.signature


@given(st.lists(st.sampled_from(["> q", "new", "", "-- ", "Max schrieb:"]), max_size=8))
def test_new_words_under_a_marked_quote_are_never_folded(lines: list[str]) -> None:
    found = split("\n".join([*lines, GERMAN, "> old", "", "NEW WORDS"]))
    assert "NEW WORDS" in found.text


@given(texts)
def test_a_message_is_emptied_only_by_a_signature_or_marked_quotes(text: str) -> None:
    found = split(text)
    if not found.text.strip() and found.history:
        assert any(line.lstrip().startswith(">") for line in found.history.split("\n"))


@given(st.text(), st.text(max_size=30))
def test_any_text_is_split(text: str, subject: str) -> None:
    assert isinstance(split(text, subject), Split)


# --- cost --------------------------------------------------------------------------------------------------------


def steps(text: str) -> int:
    """How many lines of our own program run."""
    count = 0

    def line(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return line

    def call(frame: FrameType, event: str, argument: Any) -> Any:
        return line if frame.f_code.co_filename == quoting.__file__ else None

    before = sys.gettrace()
    sys.settrace(call)
    try:
        split(text)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("name", HOSTILE)
def test_twice_the_text_takes_no_more_than_twice_the_steps(name: str) -> None:
    line = HOSTILE[name]
    once = steps("hello\n" + line * 150)
    assert steps("hello\n" + line * 300) <= 2.2 * once
    assert isinstance(split("hello\n" + line * (20_000 // len(line))), Split)


def test_one_long_line_is_looked_at_no_further_than_its_beginning() -> None:
    for long in ("On " * 7_000, ">" * 20_000, "-" * 20_000, "x:" * 10_000, "<a@" * 7_000):
        assert steps(f"hello\n{long}\n") < 3_000
        assert split(f"hello\n{long}").text.startswith("hello")


def test_a_label_means_one_thing() -> None:
    assert [LABELS[label] for label in ("from", "de", "日期", "a", "objet")] == [
        "from",
        "from",
        "date",
        "to",
        "subject",
    ]
    assert all(word == word.lower().strip() and word for word in (*LABELS, *WROTE))
