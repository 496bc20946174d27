from __future__ import annotations

from base64 import urlsafe_b64decode
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from channels.email.parse import Recipient, parse_message
from channels.email.tokens import Tokens, proven

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
