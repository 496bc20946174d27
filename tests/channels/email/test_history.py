"""Messages out of archives of ours: which came, and which somebody of ours wrote."""

from __future__ import annotations

from channels.email.history import as_history
from channels.email.parse import Recipient, parse_message
from channels.email.tokens import Tokens
from contact_center.domain.events import InteractionEvent, MessageReceived, MessageSent

OURS = Tokens(b"thirty-two bytes of installation")
SUPPORT = Recipient("email", ("support@hub.test", "help@hub.test"), frozenset({"support@hub.test", "help@hub.test"}))
VOUCHED = Recipient("email", SUPPORT.addresses, SUPPORT.everyone, "mx.hub.test")


def events_of(*lines: str, recipient: Recipient = SUPPORT) -> tuple[InteractionEvent, ...]:
    raw = "\r\n".join((*lines, "Subject: x", "", "hi")).encode()
    return as_history(parse_message(raw, recipient, 1), OURS, recipient.everyone).events


def test_what_came_to_us_came_and_proves_nothing_by_what_it_names() -> None:
    token = OURS.message_id("interaction", "o", "hub.test")
    (event,) = events_of("From: anna@example.net", "To: support@hub.test", f"In-Reply-To: {token}")
    assert isinstance(event.body, MessageReceived)
    assert event.thread.ours == ()
    assert token in event.thread.references


def test_what_somebody_of_ours_wrote_was_written_to_whom_it_went() -> None:
    for sender in ("support@hub.test", "Help <HELP@hub.test>"):
        (event,) = events_of(f"From: {sender}", "To: anna@example.net, help@hub.test", "Cc: ben@example.net")
        assert isinstance(event.body, MessageSent)
        assert (event.body.to, event.body.cc) == (("anna@example.net",), ("ben@example.net",))
        assert event.sender is not None
        assert event.sender.value == "anna@example.net"


def test_what_the_hub_sent_and_what_we_wrote_to_ourselves_is_none() -> None:
    assert events_of("From: support@hub.test", "To: help@hub.test") == ()
    own = OURS.message_id("interaction", "o", "hub.test")
    assert events_of("From: support@hub.test", "To: anna@example.net", f"Message-ID: {own}") == ()


def test_what_came_from_outside_in_our_name_is_not_ours() -> None:
    fields = ("From: support@hub.test", "To: support@hub.test, anna@example.net")
    came = "Received: from evil.example by mx.hub.test"
    (forged,) = events_of(came, *fields, recipient=VOUCHED)
    assert isinstance(forged.body, MessageReceived)
    assert forged.body.unverified
    assert forged.body.automatic
    (kept,) = events_of(*fields, recipient=VOUCHED)
    vouched = "Authentication-Results: mx.hub.test; dmarc=pass header.from=hub.test"
    (ours,) = events_of(vouched, came, *fields, recipient=VOUCHED)
    assert isinstance(kept.body, MessageSent)
    assert isinstance(ours.body, MessageSent)


def test_a_report_of_a_mail_server_is_a_message_that_no_person_wrote() -> None:
    token = OURS.message_id("interaction", "o", "hub.test")
    (event,) = events_of(
        "From: MAILER-DAEMON@mx.test",
        "Return-Path: <>",
        "X-Failed-Recipients: anna@example.net",
        f"In-Reply-To: {token}",
    )
    assert isinstance(event.body, MessageReceived)
    assert event.body.automatic
