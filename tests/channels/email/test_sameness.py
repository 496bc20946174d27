"""When two messages are the same one, and when they are not."""

from __future__ import annotations

from channels.email.parse import Recipient, parse_message

HERE, THERE = Recipient("email", ("support@hub.test",)), Recipient("email", ("sales@hub.test",))
MAIL = (
    b"From: mei@example.com\r\nTo: support@hub.test, sales@hub.test\r\nSubject: Parcel\r\n"
    b"Message-ID: <one@example.com>\r\n\r\nWhere is it?\r\n"
)


def name_of(raw: bytes, recipient: Recipient = HERE, now: int = 1) -> str:
    return parse_message(raw, recipient, now).events[0].source_id


def test_the_same_mail_has_the_same_name_whatever_happened_to_it_on_its_way() -> None:
    trace = (
        b"Return-Path: <mei@example.com>\r\nDelivered-To: support@hub.test\r\n"
        b"Received: from a by b;\r\n\tWed, 18 Nov 2026 01:30:00 +0000\r\nX-Spam-Score: 3\r\n"
    )
    assert name_of(trace + MAIL) == name_of(MAIL)
    assert name_of(MAIL.replace(b"\r\n", b"\n")) == name_of(MAIL)
    assert name_of(MAIL + b"\r\n") == name_of(MAIL)
    assert name_of(MAIL, now=99) == name_of(MAIL)


def test_another_mail_under_a_squatted_id_is_another_mail() -> None:
    assert name_of(MAIL.replace(b"Where", b"There")) != name_of(MAIL)
    assert name_of(MAIL.replace(b"Subject: Parcel", b"Subject: Parcels")) != name_of(MAIL)
    assert name_of(MAIL.replace(b"mei@", b"may@")) != name_of(MAIL)


def test_the_same_mail_in_two_mailboxes_reaches_both() -> None:
    assert name_of(MAIL, HERE) != name_of(MAIL, THERE)


def test_two_mails_without_an_id_are_two() -> None:
    first = MAIL.replace(b"Message-ID: <one@example.com>\r\n", b"")
    assert name_of(first) == name_of(first)
    assert name_of(first) != name_of(first.replace(b"Where", b"There"))


def test_a_giant_id_still_fits_the_key() -> None:
    long_id = MAIL.replace(b"<one@", b"<" + b"o" * 290 + b"@")
    assert len(name_of(long_id)) < 400
