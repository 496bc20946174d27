"""E-mail is held to what every channel is held to."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from channels.contract import Channel, Parsed, Request
from tests.channels.conformance import NOW, ChannelConformance, steps_of
from tests.channels.email import tnef_made

FIXTURES = Path(__file__).parent / "fixtures"
MARKUP = b"From: a@example.com\r\nContent-Type: text/html\r\n\r\n"
FLOWED = b"From: a@example.com\r\nContent-Type: text/plain; format=flowed\r\n\r\n"
GROWING: dict[str, Callable[[int], bytes]] = {
    "cells": lambda n: MARKUP + b"<table><tr>" + b"<td>x" * n,
    "rows": lambda n: MARKUP + b"<table>" + b"<tr><td>x<td>y" * n,
    "tables in tables": lambda n: MARKUP + b"<table><tr><td>" * n,
    "levels": lambda n: MARKUP + b"<div>" * n + b"x",
    "quotations": lambda n: MARKUP + b"<blockquote type=cite>x" * n,
    "lists": lambda n: MARKUP + b"<ul><li>x" * n,
    "brackets": lambda n: MARKUP + b"<" * n,
    "encoded words": lambda n: b"From: a@b.example\r\nSubject: " + b"=?utf-8?q?a?= " * n + b"\r\n\r\nx",
    "header lines": lambda n: b"From: a@b.example\r\n" + b"a: b\r\n" * n + b"\r\nx",
    "lines": lambda n: b"From: a@b.example\r\n\r\n" + b"x\r\n" * n,
    "quoted lines": lambda n: b"From: a@b.example\r\n\r\n" + b"> On a, b wrote:\r\n" * n,
    "files in the text": lambda n: b"From: a@b.example\r\n\r\n" + b"begin 644 x\r\n#0V%T\r\n" * n,
    "lines that flow": lambda n: FLOWED + b">> x \r\n> x \r\n" * n,
    "recipients": lambda n: b"From: a@b.example\r\nTo: " + b"<a@b>, " * n + b"\r\n\r\nx",
    "ids": lambda n: b"From: a@b.example\r\nReferences: " + b"<a@b> " * n + b"\r\n\r\nx",
}
"""What there may be much of."""
HOSTILE_FILES = {
    "ms-tnef of many files": tnef_made.winmail(*(tnef_made.file("x", b"x") for _ in range(5_000))),
    "ms-tnef of many properties": tnef_made.winmail(
        tnef_made.body(*(tnef_made.number_property(7, n) for n in range(50_000)))
    ),
    "ms-tnef of much rich text": tnef_made.winmail(
        tnef_made.body(
            tnef_made.binary_property(tnef_made.RTF, tnef_made.packed_rtf(b"{\\rtf1 " + b"{\\*\\x" * 30_000))
        )
    ),
    "pkcs7-mime of levels": b"\x30\x80" * 100_000,
    "pkcs7-mime of nothing": b"\x30\x80" + b"\x05\x00" * 100_000,
}


def encoded_as(subtype: bytes, content: bytes) -> bytes:
    head = b"From: a@example.com\r\nContent-Type: application/" + subtype
    return head + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(content)


class TestEmail(ChannelConformance):
    channel = "email"
    fixtures = FIXTURES
    settings: ClassVar = {
        "email_address": "support@hub.test",
        "email_aliases": "help@hub.test, sales@hub.test",
        "email_imap_url": "imap://support:secret@127.0.0.1:1143",
        "email_smtp_url": "smtp://127.0.0.1:1025",
    }
    config: ClassVar[dict[str, Any]] = {}
    required_settings = ("email_address", "email_imap_url", "email_smtp_url")
    truncation_step = 3

    def take(self, channel: Channel, data: bytes, now: int) -> Parsed:
        return channel.parse(Request("POST", "", "", "", {}, data), now)

    def test_twice_as_much_of_anything_hostile_costs_twice_as_many_steps_at_most(self) -> None:
        channel = self.open()
        for name, of_size in GROWING.items():
            once, twice = (steps_of(lambda n=n, of=of_size: self.take(channel, of(n), NOW)) for n in (1_000, 2_000))  # type: ignore[misc]
            assert twice < 2.2 * once + 300, f"{name}: {once} steps, and {twice} for twice as much"

    def hostile(self) -> Iterator[tuple[str, bytes]]:
        yield from super().hostile()
        head = b"From: a@example.com\r\nTo: support@hub.test\r\n"
        yield "a head of a megabyte", head + b"X-Long: x\r\n" * 100_000 + b"\r\nx"
        parts = b"--b\r\n\r\nx\r\n"
        many = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        yield "20,000 encoded words", head + b"Subject: " + b"=?utf-8?q?=41?=\r\n " * 20_000 + b"\r\n\r\nx"
        yield "4,000 encoded words", head + b"Subject: " + b"=?utf-8?q?=41?=\r\n " * 3_500 + b"\r\n\r\nx"
        yield "100,000 parts", head + many + parts * 100_000 + b"--b--"
        yield "100,000 boundaries that aren't", head + many + b"--bb\r\n" * 100_000
        yield "half a million hyphens", head + many + b"--b-" * 125_000
        levels = b"".join(
            b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (n, n + 1) for n in range(2_000)
        )
        yield "2,000 levels", head + b"Content-Type: multipart/mixed; boundary=b0\r\n\r\n" + levels
        yield "2,000 enclosed messages", head + b"Content-Type: message/rfc822\r\n\r\n" * 2_000
        types = b"Content-Type: text/plain" + b"".join(b"; p%d=v" % n for n in range(20_000))
        yield "20,000 parameters", head + types + b"\r\n\r\nx"
        yield "a parameter of quotes", head + b'Content-Type: text/plain; name="' + b'\\"' * 30_000 + b"\r\n\r\nx"
        yield "endless quotes in From", b'From: "' + b'\\"' * 30_000 + b"\r\n\r\nx"
        yield "quotes in a short From", b'From: "' + b'\\"' * 1_000 + b" <a@b.example>\r\n\r\nx"
        yield "comments in To", b"From: a@b.example\r\nTo: " + b"(" * 30_000 + b"\r\n\r\nx"
        yield "Message-ID <[", head + b"Message-ID: <[\r\n\r\nx"
        yield "many ids", head + b"References: " + b"<a@b>" * 12_000 + b"\r\n\r\nx"
        yield "one long id", head + b"Message-ID: <" + b"a" * 60_000 + b"@b>\r\n\r\nx"
        yield "an id of at signs", head + b"References: " + b"@" * 60_000 + b"\r\n\r\nx"
        yield "words of question marks", head + b"Subject: " + b"=?a?q?" * 10_000 + b"\r\n\r\nx"
        yield "60,000 header lines", b"From: a@b.example\r\n" + b"a:\r\n" * 15_000 + b"\r\nx"
        yield "folds only", b"From: a@b.example\r\n" + b" \r\n" * 20_000 + b"\r\nx"
        results = b"Authentication-Results: mx; " + b"(" * 30_000
        yield "comments in Authentication-Results", head + results + b"\r\n\r\nx"
        markup = head + b"Content-Type: text/html\r\n\r\n"
        yield "a deep page", markup + b"<div>" * 50_000
        yield "a page of brackets", markup + b"<" * 300_000
        yield "a page of attributes", markup + b"<a " + b"x=y " * 100_000 + b">"
        yield "entities that are no characters", markup + b"&#xD800;&#0;&#x110000;&#xFFFE;&#1;&bogus;" * 2_000
        yield "a table in a table", markup + b"<table><tr><td>" * 3_000
        yield "quotations in quotations", markup + b"<blockquote type=cite>x<br>" * 20_000
        yield "lists in lists", markup + b"<ul><li>x" * 20_000
        yield "a style of semicolons", markup + b"<p style='" + b";     " * 100_000 + b"'>x"
        yield "a wide table", markup + b"<table>" + b"<tr>" + b"<td>x" * 20_000
        encoded = head + b"Content-Transfer-Encoding: base64\r\n\r\n"
        yield "padding", encoded + b"=" * 500_000
        yield "runs of base64", encoded + b"QQ==" * 100_000
        quoted = head + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        yield "equals signs", quoted + b"=" * 500_000
        soft = b"=" + b" " * 50
        yield "soft breaks that aren't", quoted + soft * 20_000
        yield "files that never begin", head + b"\r\n" + b"begin 644 x\r\n#0V%T\r\n" * 50_000
        yield "armour never closed", head + b"\r\n" + b"-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: x\r\n" * 20_000
        flows = head + b"Content-Type: text/plain; format=flowed\r\n\r\n"
        yield "lines that flow for ever", flows + b">> x \r\n> x \r\n" * 50_000
        named = head + b"Content-Type: text/enriched\r\n\r\n"
        yield "commands without end", named + b"<param><nofill><" * 50_000
        events = b"BEGIN:VCALENDAR\r\n" + b"BEGIN:VEVENT\r\nSUMMARY:x\r\n" * 30_000
        yield "a calendar of many events", head + b"Content-Type: text/calendar\r\n\r\n" + events
        yield "a calendar of quotes", head + b"Content-Type: text/calendar\r\n\r\n" + b'A;B="' * 50_000
        for kind, content in HOSTILE_FILES.items():
            yield kind, encoded_as(kind.partition(" ")[0].encode(), content)
        uu = head + b"Content-Transfer-Encoding: x-uuencode\r\n\r\n"
        yield "uuencode of lines", uu + b"M\n" * 100_000
        for charset in (b"utf-7", b"utf-16", b"iso-2022-jp", b"hz-gb-2312", b"idna", b"punycode", b"rot13"):
            named = head + b"Content-Type: text/plain; charset=" + charset + b"\r\n\r\n"
            yield f"junk in {charset.decode()}", named + b"\x1b$B~{+AGE-\xff\xfe\x00\xd8" * 20_000
        yield "unlabelled junk", head + b"\r\n" + bytes(range(256)) * 2_000
