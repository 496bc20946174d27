"""Who wrote it, whether that is to be believed, and whether anybody wrote it at all."""

from __future__ import annotations

import email
import email.policy

import pytest

from channels.email.parse import Recipient, parse_message
from contact_center.domain.events import InteractionEvent, MessageReceived

HERE = Recipient("email", ("support@hub.test", "sales@hub.test"), frozenset({"news@hub.test"}), "mx.hub.test", "me")
TRUSTING = Recipient("email", ("support@hub.test",))


def event_of(head: str, recipient: Recipient = TRUSTING) -> InteractionEvent:
    raw = head.replace("\n", "\r\n").encode() + b"\r\nSubject: s\r\n\r\nhi\r\n"
    return parse_message(raw, recipient, 1_795_000_000_000).events[0]


def body_of(head: str, recipient: Recipient = TRUSTING) -> MessageReceived:
    body = event_of(head, recipient).body
    assert isinstance(body, MessageReceived)
    return body


BELIEVED = {
    "mei@example.com": "mei@example.com",
    "<mei@example.com>": "mei@example.com",
    "Mei <MEI@Example.COM>": "mei@example.com",
    '"Lin, Mei" <mei@example.com>': "mei@example.com",
    '"a \\" b" <mei@example.com>': "mei@example.com",
    "Mei Lin (at work) <mei@example.com>": "mei@example.com",
    "mei@example.com (Mei)": "mei@example.com",
    "Mei (Lin (at work) here) <mei@example.com>": "mei@example.com",
    "mei@example.com <mei@example.com>": "mei@example.com",
    "mei+tag@sub.example.co.uk": "mei+tag@sub.example.co.uk",
    "=?utf-8?B?546L?= <mei@example.com>": "mei@example.com",
    "=?utf-8?Q?x=40evil.example=2C?= <mei@example.com>": "mei@example.com",
    "J. R. R. T. <j.r.r@example.com>": "j.r.r@example.com",
    "o'brien@example.com": "o'brien@example.com",
}
NOT_BELIEVED = [
    "alice@example.org)bob@evil.example",
    "alice@example.org(bob@evil.example",
    "alice@example.org, bob@evil.example",
    "alice@example.org; bob@evil.example",
    "alice@example.org bob@evil.example",
    "alice@example.org\tbob@evil.example",
    "<alice@example.org><bob@evil.example>",
    "<alice@example.org> bob@evil.example",
    "<alice@example.org> <bob@evil.example>",
    "alice@example.org <bob@evil.example>",
    "alice@example.org, <bob@evil.example>",
    "a@b@evil.example",
    "<a@b@evil.example>",
    "Team: alice@example.org;",
    "Team: alice@example.org, bob@evil.example;",
    "Lin, Mei <mei@example.com>",
    '"unclosed <mei@example.com>',
    "mei@example.com <",
    "<mei@example.com",
    "mei@example.com>",
    "<>",
    "",
    "Mei",
    "@example.com",
    "mei@",
    "mei@.example.com",
    "mei@example..com",
    "mei@exa mple.com",
    ".mei@example.com",
    "mei.@example.com",
    "mei..lin@example.com",
    "<@relay.example:mei@example.com>",
    '"mei lin"@example.com',
    '"alice@example.org"@evil.example',
    "mei@[127.0.0.1]",
    "mei\\@example.com",
    "mei@example.com\\",
    "<mei@example.com>,",
    ",<mei@example.com>",
    "mei@example.com\x00@evil.example",
    "mei@exam\x7fple.com",
    f"{'a' * 330}@example.com",
    f"mei@{'a' * 64}.com",
    "x" * 2100 + " <mei@example.com>",
]


@pytest.mark.parametrize("value", BELIEVED)
def test_one_plain_address_is_the_sender(value: str) -> None:
    event = event_of(f"From: {value}")
    assert (event.sender.kind, event.sender.value) == ("email", BELIEVED[value])  # type: ignore[union-attr]
    assert body_of(f"From: {value}").unverified == ""


@pytest.mark.parametrize("value", NOT_BELIEVED)
def test_what_is_not_plainly_one_address_identifies_nobody(value: str) -> None:
    event = event_of(f"From: {value}")
    assert event.sender is not None
    assert not event.sender.identifies
    assert body_of(f"From: {value}").unverified


@pytest.mark.parametrize("value", [*BELIEVED, *NOT_BELIEVED])
def test_where_a_second_parser_reads_another_address_nobody_is_believed(value: str) -> None:
    try:
        message = email.message_from_string(f"From: {value}\n\n", policy=email.policy.default)
        theirs = [address.addr_spec.lower() for address in message["From"].addresses]
    except Exception:  # the second parser has its own weak spots
        return
    event = event_of(f"From: {value}")
    if event.sender is not None and event.sender.identifies:
        assert theirs == [event.sender.value]


def test_reply_to_is_not_who_wrote() -> None:
    event = event_of("From: mei@example.com\nReply-To: thief@evil.example\nSender: s@evil.example")
    assert event.sender is not None
    assert event.sender.value == "mei@example.com"


def test_a_name_cannot_disguise_itself() -> None:
    name = event_of("From: =?utf-8?B?4oCuZ3JvLmtuYWI=?= <mei@example.com>").sender_name
    assert name == "gro.knab"


FORGED = [
    "",
    "Authentication-Results: other.example; dmarc=pass header.from=example.com",
    "Authentication-Results: other.example; spf=pass\nAuthentication-Results: mx.hub.test; dmarc=pass",
    "Authentication-Results: mx.hub.test.evil.example; dmarc=pass",
    "Authentication-Results: (mx.hub.test) evil.example; dmarc=pass",
    'Authentication-Results: "mx.hub.test; dmarc=pass"; none',
    'Authentication-Results: mx.hub.test; spf=fail reason="\\"; dmarc=pass" (\\); dmarc=pass)',
    "Authentication-Results: mx.hub.test; none",
    "Authentication-Results: mx.hub.test; dmarc=fail header.from=example.com",
    "Authentication-Results: mx.hub.test; dkim=pass header.d=example.com; dmarc=fail",
    "Authentication-Results: mx.hub.test; dmarc=quarantine",
    'Authentication-Results: mx.hub.test; spf=fail smtp.mailfrom="x; dmarc=pass"',
    "Authentication-Results: mx.hub.test; spf=fail (dmarc=pass; dmarc=pass) smtp.mailfrom=a@evil.example",
    "Authentication-Results: mx.hub.test; spf=fail reason=dmarc=pass",
    "Authentication-Results: mx.hub.test; x-dmarc=pass",
    "Authentication-Results: mx.hub.test; dkim=pass header.d=evil.example; spf=pass smtp.mailfrom=evil.example",
    "Authentication-Results: mx.hub.test; dkim=pass header.d=ample.com",
    "Authentication-Results: mx.hub.test; dmarc=pass header.from=evil.example",
    "Authentication-Results: mx.hub.test; " + "x" * 5000 + "; dmarc=pass",
    "ARC-Authentication-Results: i=1; mx.hub.test; dmarc=pass",
]


@pytest.mark.parametrize("head", FORGED)
def test_only_our_own_servers_topmost_word_makes_a_sender_believed(head: str) -> None:
    head = f"{head}\nFrom: mei@example.com" if head else "From: mei@example.com"
    assert body_of(head, HERE).unverified


@pytest.mark.parametrize(
    "results",
    [
        "mx.hub.test; dmarc=pass (p=REJECT) header.from=example.com",
        "MX.hub.test 1; spf=fail smtp.mailfrom=x@y.example; dmarc=pass header.from=example.com",
        "mx.hub.test;\n\tdkim=pass (2048-bit key)\n\t header.d=example.com header.s=k1;\n\tdmarc=none",
        "mx.hub.test; spf=pass smtp.mailfrom=bounces@example.com",
        "mx.hub.test (our own) ; dkim=fail header.d=example.com; dkim=pass header.i=@example.com",
    ],
)
def test_our_own_servers_word_is_enough(results: str) -> None:
    head = (
        f"Authentication-Results: {results}\nAuthentication-Results: mx.hub.test; dmarc=fail\nFrom: mei@example.com"
    )
    assert body_of(head, HERE).unverified == ""


def test_without_a_server_to_ask_nothing_is_said_either_way() -> None:
    head = "Authentication-Results: mx.hub.test; dmarc=fail\nFrom: mei@example.com"
    assert body_of(head, TRUSTING).unverified == ""


AUTOMATIC = {
    "Auto-Submitted: auto-generated": "Auto-Submitted: auto-generated",
    "Auto-Submitted: Auto-Replied; owner=x (vacation)": "Auto-Submitted: auto-replied",
    "X-Auto-Response-Suppress: OOF, AutoReply": "X-Auto-Response-Suppress: oof, autoreply",
    "Precedence: Bulk": "Precedence: bulk",
    "Precedence: auto_reply": "Precedence: auto_reply",
    "List-Unsubscribe: <mailto:x@y.example>": "List-Unsubscribe",
    "X-Autoreply: yes": "X-Autoreply",
    "X-Loop: somebody": "X-Loop",
    "Return-Path: <>": "empty Return-Path",
    "X-Failed-Recipients: a@b.example": "bounce",
    "Content-Type: multipart/report; report-type=delivery-status; boundary=x": "bounce",
    "Content-Type: multipart/report; report-type=disposition-notification; boundary=x": "read receipt",
    "X-CCH-Instance: me": "loop: this installation sent it",
}


@pytest.mark.parametrize("head", AUTOMATIC)
def test_every_sign_of_a_machine_is_named(head: str) -> None:
    assert body_of(f"From: mei@example.com\n{head}", HERE).automatic == AUTOMATIC[head]


@pytest.mark.parametrize(
    "head",
    [
        "Auto-Submitted: no",
        "Auto-Submitted: NO (a person)",
        "Precedence: first-class",
        "X-Auto-Response-Suppress: None",
        "Return-Path: <mei@example.com>",
        "X-CCH-Instance: another",
        "Subject: Out of office",
    ],
)
def test_a_person_is_not_taken_for_a_machine(head: str) -> None:
    assert body_of(f"From: mei@example.com\n{head}", HERE).automatic == ""


@pytest.mark.parametrize("sender", ["MAILER-DAEMON@x.example", "no-reply@x.example", "postmaster@x.example"])
def test_some_names_are_machines(sender: str) -> None:
    assert body_of(f"From: {sender}").automatic == f"from {sender.partition('@')[0].lower()}"


@pytest.mark.parametrize("sender", ["support@hub.test", "sales@hub.test", "news@hub.test"])
def test_mail_from_any_address_of_ours_is_a_loop(sender: str) -> None:
    assert body_of(f"From: {sender}", HERE).automatic == "loop: from our own address"


@pytest.mark.parametrize(
    "head, dialled",
    [
        ("To: sales@hub.test", "sales@hub.test"),
        ("To: Sales <SALES@hub.test>, x@y.example", "sales@hub.test"),
        ("To: x@y.example\nCc: sales@hub.test", "sales@hub.test"),
        ("To: x@y.example\nDelivered-To: sales@hub.test", "sales@hub.test"),
        ("To: support@hub.test\nX-Original-To: sales+tag@hub.test", "support@hub.test"),
        ("To: x@y.example\nX-Original-To: sales+tag@hub.test", "sales@hub.test"),
        ("To: undisclosed-recipients:;", "support@hub.test"),
        ("To: notsales@hub.test, sales@hub.test.evil.example", "support@hub.test"),
    ],
)
def test_the_address_that_was_dialled_is_the_one_of_ours_that_was_named(head: str, dialled: str) -> None:
    event = event_of(f"From: mei@example.com\n{head}", HERE)
    assert event.dialled is not None
    assert event.dialled.value == dialled
