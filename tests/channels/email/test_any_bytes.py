"""Whatever arrives is read or refused: never an error, never two readings of the same bytes, never a control."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from channels.contract import Malformed, Parsed
from channels.email import invitations, rtf, signed, tnef, uuencoded
from channels.email.parse import Recipient, parse_message
from channels.email.rendering import MAX_TEXT, to_text
from tests.channels.conformance import strings_in
from tests.channels.email.tnef_made import TEXT, body, embedded, file, text_property, winmail

HERE = Recipient("email", ("support@hub.test",))
MAILS = [path.read_bytes() for path in sorted((Path(__file__).parent / "fixtures").glob("*.eml"))]
HEAD = b"From: mei@example.com\r\nSubject: s\r\n"
PIECES = st.sampled_from(
    (
        *(b"\r\n", b"\n", b"\r", b"\0", b"--", b'"', b"<", b">", b"(", b";", b"=", b"\xff\xfe", b"\x1b$B", b"~{"),
        *(b"=?utf-8?B?", b"?=", b"*0*=", b"begin 644 x\n", b"end\n", b"-----BEGIN PGP SIGNED MESSAGE-----\n\n"),
        *(b"BEGIN:VEVENT\n", b"<blockquote type=cite>", b"&#0;", b"On 1.1.2020 10:00 x <a@b.c> wrote:\n> "),
        *(b"Content-Type: multipart/mixed; boundary=x\r\n", b"Content-Transfer-Encoding: base64\r\n", b"\r\n--x\r\n"),
    )
)


def outcome(raw: bytes) -> Parsed | str:
    try:
        return parse_message(raw, HERE, 1)
    except Malformed as refused:
        return refused.reason


def controls_in(parsed: Parsed) -> Iterator[str]:
    for event in parsed.events:
        for text in strings_in(asdict(event)):
            yield from (c for c in text if unicodedata.category(c) in {"Cc", "Cs"} and c not in "\n\t")


@st.composite
def damaged(draw: st.DrawFn, intact: st.SearchStrategy[bytes]) -> bytes:
    data = draw(intact)
    for _ in range(draw(st.integers(1, 4))):
        at, length = draw(st.integers(0, len(data))), draw(st.integers(0, 30))
        data = data[:at] + draw(st.one_of(st.binary(max_size=8), PIECES)) + data[at + length :]
    return data


def check(raw: bytes) -> None:
    said = outcome(raw)
    assert said == outcome(raw)
    if isinstance(said, Parsed):
        assert not list(controls_in(said))


@settings(max_examples=60)
@given(st.binary(max_size=600))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    check(data)
    check(HEAD + data)
    check(HEAD + b"\r\n" + data)


@settings(max_examples=150)
@given(damaged(st.sampled_from(MAILS)))
def test_any_mail_that_was_damaged_on_its_way_is_read_or_refused(raw: bytes) -> None:
    check(raw)


@settings(max_examples=60)
@given(st.lists(st.one_of(PIECES, st.binary(max_size=20)), max_size=30))
def test_any_html_becomes_text_of_a_bounded_length(pieces: list[bytes]) -> None:
    text, cut = to_text(b"".join(pieces).decode("latin-1"))
    assert not cut
    assert len(text) <= MAX_TEXT


WINMAIL = winmail(
    body(text_property(TEXT, "words")),
    file("a.pdf", b"%PDF"),
    embedded("inner", winmail(body(text_property(TEXT, "inner words")), file("b.pdf", b"%PDF"))),
)


@settings(max_examples=100)
@given(damaged(st.just(WINMAIL)))
def test_any_damaged_winmail_dat_gives_what_is_left_of_it(data: bytes) -> None:
    opened = tnef.opened(data)
    assert opened == tnef.opened(data)
    assert sum(len(file.content) for file in opened.files) <= 2 * len(data) + 100


@settings(max_examples=60)
@given(st.binary(max_size=300), st.lists(PIECES, max_size=10))
def test_the_readers_of_other_formats_bear_anything(data: bytes, pieces: list[bytes]) -> None:
    joined = data + b"".join(pieces)
    text = joined.decode("latin-1")
    rtf.to_text(rtf.unpacked(b"\0" * 4 + b"\xff\xff\0\0LZFu\0\0\0\0" + data))
    rtf.to_text(b"{\\rtf1" + joined)
    signed.signed_content(data)
    signed.is_enveloped(b"\x30\x80" + data)
    signed.without_armour(text)
    invitations.in_words("BEGIN:VCALENDAR\nBEGIN:VEVENT\n" + text)
    kept, files = uuencoded.without_files("begin 644 a\n" + text)
    assert kept or files
