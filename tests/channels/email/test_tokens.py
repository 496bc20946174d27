from __future__ import annotations

from base64 import urlsafe_b64decode
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.contract import Parsed
from channels.email.parse import Recipient, parse_message
from channels.email.tokens import Tokens, looks_signed, proven
from contact_center.domain.events import DeliveryReported, MessageReceived

OURS = Tokens(b"thirty-two bytes of installation")
THEIRS = Tokens(b"thirty-two bytes of another place")
IDS = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", min_size=1, max_size=64)


@given(IDS, IDS)
def test_what_we_signed_names_its_interaction(interaction: str, outbox: str) -> None:
    assert OURS.interaction_of(OURS.message_id(interaction, outbox, "hub.test")) == interaction


@given(IDS, IDS)
def test_what_another_installation_signed_proves_nothing(interaction: str, outbox: str) -> None:
    assert OURS.interaction_of(THEIRS.message_id(interaction, outbox, "hub.test")) == ""


@given(IDS, IDS, st.integers(0, 500), st.characters(codec="ascii"))
def test_a_token_with_one_character_changed_proves_nothing(
    interaction: str, outbox: str, at: int, letter: str
) -> None:
    token = OURS.message_id(interaction, outbox, "hub.test")
    at %= token.index("@")
    forged = token[:at] + letter + token[at + 1 :]
    assert forged == token or OURS.interaction_of(forged) == ""


@given(st.text(max_size=300))
def test_no_text_is_a_token_by_chance(text: str) -> None:
    assert OURS.interaction_of(text) == ""
    assert OURS.interaction_of(f"<r1.{text}@hub.test>") == ""


def test_the_signature_is_at_least_128_bits_long() -> None:
    token = OURS.message_id("i", "o", "hub.test")
    mac = token.partition("@")[0].rpartition(".")[2]
    assert len(urlsafe_b64decode(mac + "==")) * 8 >= 128


def test_a_signature_is_good_for_its_own_interaction_and_message_only() -> None:
    one, other = OURS.message_id("one", "o", "d"), OURS.message_id("other", "p", "d")
    purpose, interaction, outbox, rest = one.split(".")
    _, their_interaction, their_outbox, their_rest = other.split(".")
    for forged in (
        (purpose, their_interaction, outbox, rest),
        (purpose, interaction, their_outbox, rest),
        (purpose, interaction, outbox, their_rest),
        ("<r2", interaction, outbox, rest),
    ):
        assert OURS.interaction_of(".".join(forged)) == ""


@given(st.uuids())
def test_the_hubs_own_ids_make_a_token_that_no_program_has_to_fold(interaction: UUID) -> None:
    token = OURS.message_id(interaction.hex, interaction.hex, "example.com")
    assert len(token) <= 76
    assert OURS.interaction_of(token) == interaction.hex


def test_the_key_is_not_the_mark_of_the_installation() -> None:
    assert OURS.instance not in OURS.message_id("i", "o", "d")
    assert OURS.instance != THEIRS.instance


def _mail(**fields: str) -> bytes:
    names = {"message_id": "Message-ID", "in_reply_to": "In-Reply-To", "references": "References"}
    head = "".join(f"{names[name]}: {value}\r\n" for name, value in fields.items())
    return f"From: a@example.com\r\n{head}\r\nhi".encode()


def _ours(raw: bytes) -> tuple[str, ...]:
    parsed = proven(parse_message(raw, Recipient("email", ("support@hub.test",)), 1), OURS)
    return parsed.events[0].thread.ours


def test_the_one_that_is_answered_comes_before_the_older_ones() -> None:
    old, newer, answered = (OURS.message_id(name, "o", "hub.test") for name in ("old", "newer", "answered"))
    assert _ours(_mail(in_reply_to=answered, references=f"{old} {newer}")) == ("answered", "newer", "old")


def test_a_message_that_carries_our_token_as_its_own_id_proves_nothing() -> None:
    assert _ours(_mail(message_id=OURS.message_id("squatted", "o", "hub.test"))) == ()


def test_a_token_survives_folding() -> None:
    token = OURS.message_id("i" * 60, "o" * 60, "hub.test")
    assert _ours(_mail(references=f"<x@y>\r\n\t{token}\r\n <z@y>")) == ("i" * 60,)


def test_a_token_that_a_program_encoded_as_words_is_still_ours() -> None:
    """Python's standard library does this to ids that are longer than a line."""
    token = OURS.message_id("i" * 60, "o", "a-rather-long-domain-name.example.com")
    words = "\r\n ".join(f"=?utf-8?q?{token[at : at + 20].replace('<', '=3C')}?=" for at in range(0, len(token), 20))
    assert _ours(_mail(in_reply_to=words)) == ("i" * 60,)


# --- reports of mail servers -------------------------------------------------------------------------------------

INTERACTION = "0192f0c1d2e37f4aa5b6c7d8e9f00112"
TEMPLATE = "bounces+{token}@hub.test"
SUPPORT = Recipient("email", ("support@hub.test", "help@hub.test"), frozenset({"support@hub.test", "help@hub.test"}))


def _report(*recipients: str, letter: str = "", came_to: str = "support@hub.test", field: str = "To") -> Parsed:
    status = "\r\n".join(f"Final-Recipient: rfc822; {r}\r\nAction: failed\r\nStatus: 5.1.1\r\n" for r in recipients)
    original = f"--d\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {letter}\r\n" if letter else ""
    raw = (
        f"From: MAILER-DAEMON@mx.test\r\nReturn-Path: <>\r\n{field}: {came_to}\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="d"\r\n\r\n'
        "--d\r\nContent-Type: text/plain\r\n\r\nIt could not be delivered.\r\n"
        f"--d\r\nContent-Type: message/delivery-status\r\n\r\n{status}\r\n{original}--d--\r\n"
    )
    return proven(parse_message(raw.encode(), SUPPORT, 1), OURS)


def _told(parsed: Parsed) -> list[tuple[str, str, tuple[str, ...]]]:
    """(recipient, provider_id, ours) of each report; every event must be one."""
    bodies = [(event.body, event.thread.ours) for event in parsed.events]
    assert all(isinstance(body, DeliveryReported) for body, _ in bodies)
    return [(body.recipient, body.provider_id, ours) for body, ours in bodies if isinstance(body, DeliveryReported)]


def _the_message(parsed: Parsed) -> MessageReceived:
    (event,) = parsed.events
    assert isinstance(event.body, MessageReceived)
    return event.body


def test_a_report_about_our_letter_is_about_its_interaction_and_is_no_message() -> None:
    letter = OURS.message_id(INTERACTION, "o", "hub.test")
    told = _told(_report("a@example.net", "b@example.net", letter=letter))
    assert told == [(who, letter, (INTERACTION,)) for who in ("a@example.net", "b@example.net")]


def test_a_report_about_a_letter_of_somebody_else_stays_a_message_that_no_person_wrote() -> None:
    message = _the_message(_report("a@example.net", letter="<1@elsewhere.test>"))
    assert message.automatic == "bounce"


def test_a_forged_report_marks_nobody() -> None:
    forged = THEIRS.message_id(INTERACTION, "o", "hub.test")
    assert looks_signed(forged)
    assert _the_message(_report("a@example.net", letter=forged)).automatic == "bounce"


def test_a_report_without_a_letter_is_proven_by_the_return_path_that_it_came_to() -> None:
    letter = OURS.message_id(INTERACTION, "o", "hub.test")
    came_to = OURS.return_path(TEMPLATE, letter)
    for field in ("To", "Delivered-To", "X-Original-To"):
        assert _told(_report("a@example.net", came_to=came_to, field=field)) == [
            ("a@example.net", letter, (INTERACTION,))
        ]


def test_a_return_path_is_known_again_whatever_became_of_its_letters() -> None:
    letter = OURS.message_id(INTERACTION, "o", "hub.test")
    assert OURS.letter_of(OURS.return_path(TEMPLATE, letter).upper(), "hub.test") == letter


def test_a_return_path_that_came_to_another_domain_of_ours_is_known() -> None:
    letter = OURS.message_id(INTERACTION, "o", "shop.test")
    both = Tokens(b"thirty-two bytes of installation", ["Shop.test", "hub.test"])
    report = _report("a@example.net", came_to=OURS.return_path(TEMPLATE, letter))
    assert _the_message(report).automatic == "bounce"
    again = proven(parse_message(report.raw, SUPPORT, 1), both)
    assert _told(again) == [("a@example.net", letter, (INTERACTION,))]


@given(st.integers(0, 100), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_a_return_path_with_one_character_changed_proves_nothing(at: int, letter: str) -> None:
    address = OURS.return_path(TEMPLATE, OURS.message_id(INTERACTION, "o", "hub.test"))
    at = len("bounces+") + at % 52
    forged = address[:at] + letter + address[at + 1 :]
    # The last letter of base 32 holds bits that mean nothing.
    assert forged == address or at == len("bounces+") + 51 or OURS.letter_of(forged, "hub.test") == ""


def test_a_return_path_is_good_for_its_own_domain_and_installation() -> None:
    address = OURS.return_path(TEMPLATE, OURS.message_id(INTERACTION, "o", "hub.test"))
    assert OURS.letter_of(address, "other.test") == ""
    assert THEIRS.letter_of(address, "hub.test") == ""
    assert OURS.letter_of("support@hub.test", "hub.test") == ""


def test_a_return_path_fits_where_servers_have_room_or_there_is_none() -> None:
    letter = OURS.message_id(INTERACTION, "o", "hub.test")
    assert len(OURS.return_path(TEMPLATE, letter).partition("@")[0]) <= 64
    for template in ("", "bounces@hub.test", "a-name-that-leaves-no-room+{token}@hub.test"):
        assert OURS.return_path(template, letter) == ""
    assert OURS.return_path(TEMPLATE, OURS.message_id("not-a-uuid", "o", "hub.test")) == ""
    assert OURS.return_path(TEMPLATE, "<1@elsewhere.test>") == ""


# --- plus addresses ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To"])
@pytest.mark.parametrize(
    ("written", "mailbox"),
    [
        ("support+anything@hub.test", "support@hub.test"),
        ("Support+A.B-c@Hub.Test", "support@hub.test"),
        ("x@example.net, Help <help+42@hub.test>", "help@hub.test"),
        ("support+@hub.test", "support@hub.test"),
    ],
)
def test_whatever_stands_behind_a_plus_leads_to_the_mailbox(field: str, written: str, mailbox: str) -> None:
    raw = f"From: a@example.com\r\n{field}: {written}\r\n\r\nhi".encode()
    (event,) = parse_message(raw, SUPPORT, 1).events
    assert event.dialled is not None
    assert event.dialled.value == mailbox
