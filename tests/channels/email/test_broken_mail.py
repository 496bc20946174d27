"""Broken mail is read as its sender meant it where that is plain, and dropped nowhere."""

from __future__ import annotations

import pytest

from channels.contract import Malformed
from channels.email.headers import MAX_HEAD, Headers, message_ids, parameters, read_head
from channels.email.mime import Part, take_apart
from channels.email.parse import Recipient, parse_message
from channels.email.rendering import MAX_TEXT
from channels.email.wording import words_of
from contact_center.domain.events import DeliveryReported, InteractionEvent, MessageReceived
from contact_center.domain.time import Moment

HERE = Recipient("email", ("support@hub.test",), frozenset({"news@hub.test"}))
NOW = 1_795_000_000_000
HEAD = b"From: mei@example.com\r\nSubject: s\r\n"


def parts_of(raw: bytes) -> Part:
    headers, start = read_head(raw)
    return take_apart(raw, headers, start)


def said_in(raw: bytes) -> MessageReceived:
    body = parse_message(raw, HERE, NOW).events[0].body
    assert isinstance(body, MessageReceived)
    return body


# --- heads ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw, fields, body",
    [
        (b"A: 1\r\n\r\nbody", {"a": [b"1"]}, b"body"),
        (b"A: 1\n\nbody", {"a": [b"1"]}, b"body"),
        (b"A : 1\r\n 2\r\n\t3\r\n\r\nbody", {"a": [b"1 2\t3"]}, b"body"),
        (b"A: 1\r\na: 2\r\n\r\n", {"a": [b"1", b"2"]}, b""),
        (b"A: 1\r\nno header\r\nB: 2\r\n\r\nbody", {"a": [b"1"], "b": [b"2"]}, b"body"),
        (
            b"A: 1\r\n folded\r\nwords at once\r\n more\r\n\r\nbody",
            {"a": [b"1 folded"]},
            b"words at once\r\n more\r\n\r\nbody",
        ),
        (b"words alone", {}, b"words alone"),
        (b"\r\nbody", {}, b"body"),
        (b"\nbody", {}, b"body"),
        (b"A: 1", {"a": [b"1"]}, b""),
        (b"A: 1\r\n", {"a": [b"1"]}, b""),
        (b"From x\r\nA: 1\r\n\r\nbody", {"a": [b"1"]}, b"body"),
        (b">From x\r\nA: 1\r\n\r\nbody", {"a": [b"1"]}, b"body"),
        (b"From x", {}, b""),
        (b"\xef\xbb\xbf\r\n \r\nA: 1\r\n\r\nbody", {"a": [b"1"]}, b"body"),
        (b"", {}, b""),
    ],
)
def test_a_head_ends_where_its_sender_meant_it_to(raw: bytes, fields: dict[str, list[bytes]], body: bytes) -> None:
    headers, start = read_head(raw)
    assert (headers.fields, raw[start:]) == (fields, body)


def test_an_endless_head_is_refused() -> None:
    with pytest.raises(Malformed, match="64 KB"):
        read_head(b"A: " + b"x" * (MAX_HEAD + 1))
    assert read_head(b"A: " + b"x" * (MAX_HEAD - 20))[0].fields


@pytest.mark.parametrize(
    "value, main, given",
    [
        (b"text/plain", "text/plain", {}),
        (b"Text/Plain; Charset=UTF-8", "text/plain", {"charset": "UTF-8"}),
        (b"multipart/mixed boundary=x; a=b", "multipart/mixed", {"boundary": "x", "a": "b"}),
        (b"attachment filename=x", "attachment", {"filename": "x"}),
        (b'a/b; x = "y;z" ; w=v', "a/b", {"x": "y;z", "w": "v"}),
        (b'a/b; x="y\\"z\\\\"', "a/b", {"x": 'y"z\\'}),
        (b'a/b; x="never closed; y=z', "a/b", {"x": "never closed"}),
        (b"a/b; x=1; x=2", "a/b", {"x": "1"}),
        (b"a/b; ; x", "a/b", {}),
        (b"a/b; x*=utf-8'en'%E4%BD%A0", "a/b", {"x": "你"}),
        (b"a/b; x*0*=gbk''%C4%E3; x*1=b; x*2*=%25", "a/b", {"x": "你b%"}),
        (b"a/b; x*=no-charset", "a/b", {"x": "no-charset"}),
        (b"a/b; x*y=1", "a/b", {}),
        (b'a/b; x="' + b'\\"' * 3000 + b'"', "a/b", {"x": '\\"' * 2048 + "\\"}),
    ],
)
def test_parameters_are_read_as_programs_write_them(value: bytes, main: str, given: dict[str, str]) -> None:
    read, found = parameters(value)
    if len(value) < 5_000:
        assert (read, found) == (main, given)
    else:
        assert (read, len(found["x"]) < 5_000) == (main, True)


def test_a_header_of_a_hundred_parameters_is_enough() -> None:
    parameters(b"a/b" + b"; x=y" * 100)
    with pytest.raises(Malformed, match="100 parameters"):
        parameters(b"a/b" + b"; x=y" * 101)


@pytest.mark.parametrize(
    "value, ids",
    [
        (b"<a@b>", ["<a@b>"]),
        (b"<a@b> (comment) <c@d>", ["<a@b>", "<c@d>"]),
        (b"a@b", ["<a@b>"]),
        (b"=?us-ascii?Q?=3Ca=40b=3E?=", ["<a@b>"]),
        (b"<[>", []),
        (b"<without-at-sign>", ["<without-at-sign>"]),
        (b"<a b@c> <broken", ["<b@c>"]),
        (b"", []),
    ],
)
def test_ids_are_found_in_whatever_stands_in_their_fields(value: bytes, ids: list[str]) -> None:
    assert message_ids(value) == ids


# --- parts ---------------------------------------------------------------------------------------------------


def multipart(boundary: bytes, body: bytes, kind: bytes = b"mixed") -> bytes:
    return HEAD + b"Content-Type: multipart/" + kind + b"; boundary=" + boundary + b"\r\n\r\n" + body


@pytest.mark.parametrize(
    "body, text",
    [
        (b"--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--", "one\n\ntwo"),
        (b"--b\r\n\r\none\r\n--b--\r\n--b\r\n\r\nlate\r\n--b--", "one\n\nlate"),
        (b"--b  \r\n\r\none\r\n--b--  ", "one"),
        (b"--b\n\none\n--b--", "one"),
        (b"--b\r\n\r\n--bb\r\n--b--", "--bb"),
        (b"--b\r\n\r\nnot --b a boundary\r\n--b--", "not --b a boundary"),
        (b"--b\r\n\r\n--b" + b" " * 300 + b"x\r\n--b--", "--b" + " " * 300 + "x"),
        (b"--b--\r\n", ""),
        (b"no part at all", "no part at all"),
        (b"--c\r\nContent-Type: text/plain\r\n\r\nof another\r\n--c--", "of another"),
        (b"--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n", ""),
    ],
)
def test_parts_are_found_between_whatever_boundaries_there_are(body: bytes, text: str) -> None:
    assert said_in(multipart(b"b", body)).text == text


def test_parts_under_their_parents_boundary_are_its_childrens() -> None:
    inner = b"--b\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n"
    twice = inner + inner + b"--b\r\n\r\nplain\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>rich\r\n--b--"
    body = said_in(multipart(b"b", twice))
    assert body.text == "plain"
    assert body.html


def test_multiparts_under_one_boundary_nest_no_deeper_than_others() -> None:
    again = b"--b\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n"
    assert said_in(multipart(b"b", again * 150 + b"--b\r\n\r\nwords\r\n--b--")).text == "words"


@pytest.mark.parametrize(
    "encoding, body, content",
    [
        (b"base64", b"aGVs bG8=", b"hello"),
        (b"base64", b"aGVs*bG8", b"hello"),
        (b"base64", b"aGVsbG8=aGVsbG8=", b"hellohello"),
        (b"base64", b"!?", b"!?"),
        (b'"Base-64"', b"aGVsbG8=", b"hello"),
        (b"quoted-printable", b"a=3Db=  \r\nc", b"a=bc"),
        (b"x-uuencode", b"begin 644 x\r\n#0V%T\r\n`\r\nend\r\n", b"Cat"),
        (b"x-uuencode", b"#0V%Tx\r\n\xff not data", b"Cat\xff not data"),
        (b"x-uuencode", b"#0\xff%T00000", b"#0\xff%T00000"),
        (b"8-bit or so", b"as it is", b"as it is"),
    ],
)
def test_a_parts_encoding_is_undone_as_far_as_it_goes(encoding: bytes, body: bytes, content: bytes) -> None:
    part = parts_of(b"Content-Type: a/b\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n" + body)
    assert part.content() == content


def test_too_many_parts_and_levels_are_refused() -> None:
    assert len(parts_of(multipart(b"b", b"--b\r\n\r\nx\r\n" * 199)).children) == 199
    with pytest.raises(Malformed, match="200 parts"):
        parts_of(multipart(b"b", b"--b\r\n\r\nx\r\n" * 200))
    levels = b"".join(b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (n, n + 1) for n in range(20))
    with pytest.raises(Malformed, match="20 levels"):
        parts_of(multipart(b"b0", levels))


def leaf(headers: bytes, body: bytes = b"words") -> bytes:
    return HEAD + headers + b"\r\n\r\n" + body


@pytest.mark.parametrize(
    "headers, text, names",
    [
        (b"Content-Type: text/plain; name=a.txt", "words", []),
        (b"Content-Type: text/plain\r\nContent-Disposition: attachment; filename=a.txt", "", ["a.txt"]),
        (b"Content-Type: text/plain\r\nContent-Disposition: attachment", "words", []),
        (b"Content-Type: text/plain\r\nContent-Disposition: x-other; filename=a.txt", "", ["a.txt"]),
        (b"Content-Type: text/csv", "", ["table.csv"]),
        (b"Content-Type: text/x-odd", "words", []),
        (b"Content-Type: odd", "words", []),
        (b"Content-Type: image/x-icon", "", ["image.icon"]),
        (b"Content-Type: image/..", "", ["unnamed"]),
        (b"Content-Type: message/rfc822", "", ["message.eml"]),
        (b"Content-Type: application/x-odd\r\nContent-Disposition: inline; name=b.odd", "", ["b.odd"]),
        (b"Content-Type: text/plain; charset=nowhere", "words", []),
        (b'Content-Type: multipart/related; boundary=b; start="<no@where>"', "words", []),
    ],
)
def test_what_is_words_and_what_is_a_file(headers: bytes, text: str, names: list[str]) -> None:
    words = words_of(parts_of(leaf(headers)))
    assert (words.text, [each.name for each in words.files]) == (text, names)


def test_an_enclosed_message_with_an_endless_head_is_a_file_all_the_same() -> None:
    words = words_of(parts_of(leaf(b"Content-Type: message/rfc822", b"A: " + b"x" * 70_000)))
    assert [each.name for each in words.files] == ["message.eml"]


def test_a_text_that_is_too_long_is_cut_and_a_file_besides() -> None:
    words = words_of(parts_of(leaf(b"Content-Type: text/plain", b"word\r\n" * 80_000)))
    assert MAX_TEXT // 2 < len(words.text) <= MAX_TEXT
    assert words.truncated
    assert [(each.name, len(each.content)) for each in words.files] == [("text.txt", 480_000)]


# --- whole messages ------------------------------------------------------------------------------------------


def test_more_than_a_message_may_be_is_refused() -> None:
    with pytest.raises(Malformed, match="25 MB"):
        parse_message(HEAD + b"\r\n" + b"x" * (25 * 1024 * 1024), HERE, NOW)
    with pytest.raises(Malformed, match="no header"):
        parse_message(b"X-Other: 1\r\n\r\nwords", HERE, NOW)


def test_of_headers_alone_the_words_are_said_to_be_cut() -> None:
    body = parse_message(HEAD + b"\r\n", HERE, NOW, truncated=True).events[0].body
    assert isinstance(body, MessageReceived)
    assert (body.truncated, body.text, body.subject) == (True, "", "s")


@pytest.mark.parametrize(
    "date, at",
    [
        (b"Wed, 18 Nov 2026 09:30:00 +0800", 1_794_965_400_000),
        (b"18 Nov 26 01:30 GMT", 1_794_965_400_000),
        (b"", NOW),
        (b"yesterday", NOW),
        (b"Wed, 99 Nov 2026 99:99:99 +0000", NOW),
        (b"Wed, 18 Nov 2099 09:30:00 +0800", NOW),
        (b"1 Jan 99999999999 00:00:00 +0000", NOW),
    ],
)
def test_when_it_was_written_is_believed_where_it_can_be(date: bytes, at: Moment) -> None:
    assert parse_message(HEAD + b"Date: " + date + b"\r\n\r\nx", HERE, NOW).events[0].occurred_at == at


def test_of_many_references_the_first_and_the_last_are_kept() -> None:
    named = b" ".join(b"<%d@example.com>" % number for number in range(80))
    raw = (
        HEAD + b"Message-ID: <own@example.com>\r\nReferences: " + named + b"\r\nIn-Reply-To: <5@example.com>\r\n\r\n"
    )
    references = parse_message(raw, HERE, NOW).events[0].thread.references
    assert len(references) == 50
    assert (references[0], references[1], references[-1]) == (
        "<own@example.com>",
        "<0@example.com>",
        "<5@example.com>",
    )


@pytest.mark.parametrize(
    "field, found",
    [
        (b"a@example.com, B@Example.com", ("a@example.com", "b@example.com")),
        (b'"x@evil.example, y" <a@example.com>', ("a@example.com",)),
        (b"a@example.com (b@evil.example (c@evil.example)), d@example.com", ("a@example.com", "d@example.com")),
        (b"Team: a@example.com, b@example.com; c@example.com", ("a@example.com", "b@example.com", "c@example.com")),
        (b"<a@example.com> b@example.com", ("a@example.com",)),
        (b"support@hub.test, support+tag@hub.test, news@hub.test, mei@example.com", ()),
        (b"a@example.com, a@example.com, A@EXAMPLE.COM", ("a@example.com",)),
        (b"a b@example.com, @example.com, a@, <>, ,;:", ()),
        (b"a@" + b"x" * 300 + b".example", ()),
        ("王@例子.example".encode(), ("王@例子.example",)),
        (b")(unclosed a@example.com", ()),
        (b'"unclosed, a@example.com', ("a@example.com",)),
    ],
)
def test_the_others_whom_it_was_written_to_are_plain_addresses(field: bytes, found: tuple[str, ...]) -> None:
    raw = HEAD + b"To: " + field + b"\r\nCc: " + field + b", z@example.com\r\n\r\nx"
    body = said_in(raw)
    assert body.to == found
    assert set(body.cc) <= {"z@example.com"}


@pytest.mark.parametrize(
    "field, found",
    [
        (b"Billing <billing@example.org>", "billing@example.org"),
        (b"mei@example.com", ""),
        (b"mei@example.com, second@example.com", "second@example.com"),
        (b"news@hub.test", ""),
        (b"no address", ""),
    ],
)
def test_answers_are_asked_for_elsewhere_only_where_they_are(field: bytes, found: str) -> None:
    assert said_in(HEAD + b"Reply-To: " + field + b"\r\n\r\nx").reply_to == found


def reports_in(status: bytes) -> list[InteractionEvent]:
    raw = (
        b"From: mailer-daemon@mx.example.net\r\nMessage-ID: <dsn@mx>\r\n"
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=r\r\n\r\n"
        b"--r\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n" + status + b"\r\n"
        b"--r\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: <sent@hub.test>\r\n\r\nx\r\n--r--"
    )
    return list(parse_message(raw, HERE, NOW).events)


def test_a_bounce_says_for_each_recipient_what_became_of_the_letter() -> None:
    one = b"Final-Recipient: rfc822; %s\r\nAction: %s\r\nStatus: %s\r\n"
    told = ((b"gone@x.example", b"failed", b"5.1.1"), (b"slow@x.example", b"delayed", b"4.4.1"))
    more = ((b"fine@x.example", b"delivered", b"2.0.0"), (b"list@x.example", b"expanded", b"2.0.0"))
    message, *reports = reports_in(b"\r\n".join(one % each for each in (*told, *more)))
    assert isinstance(message.body, MessageReceived)
    assert message.body.automatic == "bounce"
    bodies = [each.body for each in reports]
    assert [(b.recipient, b.status, b.permanent) for b in bodies if isinstance(b, DeliveryReported)] == [
        ("gone@x.example", "failed", True),
        ("slow@x.example", "delayed", False),
        ("fine@x.example", "delivered", False),
        ("list@x.example", "sent", False),
    ]
    assert [getattr(b, "error", "") != "" for b in bodies] == [True, True, False, False]
    assert {getattr(b, "provider_id", "") for b in bodies} == {"<sent@hub.test>"}
    assert len({each.source_id for each in (message, *reports)}) == 5
    assert [each.sender and each.sender.value for each in reports][:1] == ["gone@x.example"]


def test_a_head_without_fields_has_none() -> None:
    assert Headers({}).first("x") == b""
    assert Headers({}).word("x") == ""
