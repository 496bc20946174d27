from __future__ import annotations

import email
import email.policy
import re
from dataclasses import replace
from email.headerregistry import Address
from email.utils import getaddresses
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from channels.contract import Outgoing, Rejected
from channels.email.compose import LARGEST, Letter, compose, read_again
from channels.email.mailboxes import Mailbox
from channels.email.parse import Recipient, parse_message
from channels.email.tokens import Tokens
from contact_center.domain.contact_points import ContactPoint
from contact_center.domain.events import Attachment

TOKENS = Tokens(b"thirty-two bytes of installation")
BOX = Mailbox(
    name="Support",
    address="support@hub.test",
    imap_url="imaps://u:p@mail.test",  # type: ignore[arg-type]
    smtp_url="smtps://u:p@mail.test",  # type: ignore[arg-type]
)
ORDER = Outgoing(
    verb="message",
    outbox_id="outbox-1",
    interaction_id="interaction-1",
    case_id=1,
    created_at=1_795_000_000_000,
    attempt=1,
    recipient=ContactPoint("email", "mei@example.com"),
    sender=ContactPoint("email", "support@hub.test"),
    sender_name="Anna at Example",
    recipient_name="Mei Lin",
    subject="Where is my parcel?",
    text="Good day,\n\nit is on its way.\n",
    references=("<first@example.com>", "<latest@example.com>"),
)
EXPECTED_FIELDS = [
    *("From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "X-CCH-Instance"),
    *("MIME-Version", "Content-Type", "Content-Transfer-Encoding"),
]
NASTY = st.text(
    st.one_of(
        st.sampled_from(list("\r\n\x00\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\u202e\",;:<>@()[]\\=?'")),
        st.characters(codec=None),  # type: ignore[arg-type]
    ),
    max_size=220,
)


def written(**changes: Any) -> Letter:
    return compose(replace(ORDER, **changes), BOX, TOKENS)


def read(letter: Letter) -> email.message.EmailMessage:
    message = email.message_from_bytes(letter.data, policy=email.policy.default)
    assert isinstance(message, email.message.EmailMessage)
    return message


def test_a_reply_reads_as_it_was_meant() -> None:
    message = read(written())
    assert message.keys() == EXPECTED_FIELDS
    assert message["From"].addresses == (Address("Anna at Example", "support", "hub.test"),)
    assert message["To"].addresses == (Address("Mei Lin", "mei", "example.com"),)
    assert message["Subject"] == "Re: Where is my parcel?"
    assert message["Date"].datetime.timestamp() == 1_795_000_000
    assert message["In-Reply-To"] == "<latest@example.com>"
    assert message["References"].split() == ["<first@example.com>", "<latest@example.com>"]
    assert message.get_content().replace("\r\n", "\n") == ORDER.text


def test_every_attempt_writes_the_same_bytes() -> None:
    assert written(attempt=1) == written(attempt=7)


def test_its_message_id_is_our_token_at_the_mailboxs_domain() -> None:
    letter = written()
    assert read(letter)["Message-ID"] == letter.message_id
    assert letter.message_id.endswith("@hub.test>")
    assert TOKENS.interaction_of(letter.message_id) == "interaction-1"


def test_two_outbox_rows_have_two_message_ids() -> None:
    assert written().message_id != written(outbox_id="outbox-2").message_id


def test_what_we_send_comes_back_marked_as_a_loop() -> None:
    ours = Recipient("email", ("other@hub.test",), instance=TOKENS.instance)
    event = parse_message(written().data, ours, ORDER.created_at).events[0]
    assert getattr(event.body, "automatic", "").startswith("loop")


def test_a_person_wrote_it_so_it_does_not_call_itself_automatic() -> None:
    assert "auto-submitted" not in {name.lower() for name in read(written()).keys()}  # noqa: SIM118


@pytest.mark.parametrize(
    "subject, expected",
    [
        ("Parcel", "Re: Parcel"),
        ("Re: Parcel", "Re: Parcel"),
        ("RE: re: Re[4]: Parcel", "Re: Parcel"),
        ("回复:答复: 包裹", "Re: 包裹"),
        ("AW: SV: Paket", "Re: Paket"),
        ("Reply needed: x", "Re: Reply needed: x"),
        ("", "Re:"),
    ],
)
def test_one_re_is_enough(subject: str, expected: str) -> None:
    assert read(written(subject=subject))["Subject"] == expected


def test_a_new_message_has_no_re_and_no_references() -> None:
    message = read(written(references=()))
    assert message["Subject"] == "Where is my parcel?"
    assert message["In-Reply-To"] is None
    assert message["References"] is None


def test_a_long_thread_keeps_its_first_id_and_its_latest() -> None:
    ids = tuple(f"<{n}@example.com>" for n in range(100))
    kept = read(written(references=ids))["References"].split()
    assert len(kept) == 20
    assert (kept[0], kept[-1]) == ("<0@example.com>", "<99@example.com>")


def test_an_id_that_was_made_up_for_a_mail_without_one_is_not_referred_to() -> None:
    message = read(written(references=("<first@example.com>", "<x@no-message-id.invalid>")))
    assert message["References"] == "<first@example.com>"


def test_html_goes_beside_the_text_as_an_alternative() -> None:
    message = read(written(html="<p>它在路上。</p>", text="它在路上。"))
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert message.get_content_type() == "multipart/alternative"
    assert plain is not None
    assert plain.get_content().strip() == "它在路上。"
    assert html is not None
    assert html.get_content().strip() == "<p>它在路上。</p>"


# --- to several, with files ------------------------------------------------------------------------------------

SEVERAL = {
    "to": ("mei@example.com", "tom@example.org"),
    "cc": ("ann@example.net",),
    "bcc": ("boss@example.net", "audit@example.net"),
}
PDF = Attachment("a" * 64, "合同 (最终版) №1.pdf", "application/pdf", 8)
LOGO = Attachment("b" * 64, "logo.png", "image/png", 3, "b" * 64)
FILES = {PDF.digest: b"%PDF-1.7", LOGO.digest: b"png"}


def addresses(message: email.message.EmailMessage, field: str) -> list[str]:
    return [each.addr_spec for each in message[field].addresses] if message[field] else []


def test_everybody_in_to_and_cc_is_named_and_nobody_in_bcc() -> None:
    letter = written(**SEVERAL, letter_id="outbox-1", outbox_id="outbox-1-2")
    message = read(letter)
    assert addresses(message, "To") == ["mei@example.com", "tom@example.org"]
    assert addresses(message, "Cc") == ["ann@example.net"]
    assert "Bcc" not in message
    assert b"boss@" not in letter.data
    assert b"audit@" not in letter.data


def test_the_rows_of_a_letter_have_the_same_bytes_and_message_id() -> None:
    everyone = [*SEVERAL["to"], *SEVERAL["cc"], *SEVERAL["bcc"]]
    rows = [
        written(**SEVERAL, letter_id="o", outbox_id=f"o-{n}" if n else "o", recipient=ContactPoint("email", each))
        for n, each in enumerate(everyone)
    ]
    assert len({row.data for row in rows}) == len({row.message_id for row in rows}) == 1
    assert [row.recipient for row in rows] == everyone


def test_a_subject_that_somebody_saw_stays_as_it_is() -> None:
    assert read(written(to=("mei@example.com",), subject="Your invoice"))["Subject"] == "Your invoice"
    assert read(written(to=("mei@example.com",), subject="Fwd: 包裹"))["Subject"] == "Fwd: 包裹"


def test_what_no_person_wrote_says_so_and_has_no_return_address() -> None:
    letter = written(automatic=True)
    message = read(letter)
    assert letter.sender == ""
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["X-Auto-Response-Suppress"] == "All"
    assert message["Precedence"] == "auto_reply"


def test_pictures_stand_in_the_html_and_files_beside_the_words() -> None:
    html = f'<p>See <img src="cid:{LOGO.content_id}"></p>'
    message = read(written(html=html, text="See", attachments=(PDF, LOGO), files=FILES))
    shape = [(part.get_content_type(), part.get_content_disposition()) for part in message.walk()]
    assert shape == [
        ("multipart/mixed", None),
        ("multipart/alternative", None),
        ("text/plain", None),
        ("multipart/related", None),
        ("text/html", None),
        ("image/png", "inline"),
        ("application/pdf", "attachment"),
    ]
    *_, picture, pdf = message.walk()
    assert (picture["Content-ID"], picture.get_content()) == (f"<{LOGO.content_id}>", b"png")  # type: ignore[attr-defined]
    assert (pdf.get_filename(), pdf.get_content()) == (PDF.name, b"%PDF-1.7")  # type: ignore[attr-defined]


def test_our_own_parser_finds_the_files_that_we_sent() -> None:
    html = f'<p>See <img src="cid:{LOGO.content_id}"></p>'
    letter = written(html=html, text="See", attachments=(PDF, LOGO), files=FILES)
    parsed = parse_message(letter.data, Recipient("email", ("other@hub.test",)), ORDER.created_at)
    assert sorted(file.name for file in parsed.events[0].attachments) == sorted([PDF.name, LOGO.name])


@settings(max_examples=200, deadline=None)
@given(NASTY, st.text(max_size=80))
@example('a"; filename="evil.exe', "text/html")
@example("a\r\nContent-Type: text/html\r\n\r\n<script>", "x/y\r\nX: y")
@example("../../etc/passwd", "multipart/mixed")
def test_no_file_name_or_type_adds_a_header_or_a_part(name: str, media_type: str) -> None:
    odd = Attachment("a" * 64, name, media_type, 1)
    letter = written(attachments=(odd,), files={odd.digest: b"x"})
    message = email.message_from_bytes(letter.data)
    assert message.keys() == [field for field in EXPECTED_FIELDS if field != "Content-Transfer-Encoding"]
    _, text, file = message.walk()
    assert text.get_content_type() == "text/plain"
    assert file.keys() == ["Content-Type", "Content-Transfer-Encoding", "Content-Disposition"]
    assert file.get_payload(decode=True) == b"x"
    assert not set("/\\\r\n\0") & set(file.get_filename() or "")
    assert letter.data.isascii()


def test_a_file_that_is_not_there_stops_the_letter() -> None:
    with pytest.raises(Rejected, match="is not there"):
        written(attachments=(PDF,))


def test_a_letter_has_a_largest_size() -> None:
    with pytest.raises(Rejected, match="MB"):
        written(attachments=(PDF,), files={PDF.digest: bytes(LARGEST)})


@settings(max_examples=200, deadline=None)
@given(NASTY, st.text(st.characters(codec=None), min_size=60, max_size=200))  # type: ignore[arg-type]
@example("<evil@x.com>, " + "b" * 80, "evil@x.com, " * 12)
def test_no_name_adds_a_recipient_to_several(recipient_name: str, sender_name: str) -> None:
    sender_name = re.sub(r"[\r\n\x00]", " ", sender_name)
    letter = written(**SEVERAL, recipient_name=recipient_name, sender_name=sender_name)
    message = read(letter)
    assert addresses(message, "To") == list(SEVERAL["to"])
    assert addresses(message, "Cc") == list(SEVERAL["cc"])
    assert addresses(message, "From") == ["support@hub.test"]


def test_an_address_of_another_script_makes_headers_that_not_every_server_takes() -> None:
    plain, odd = written(), written(cc=("美丽@例子.测试",), to=("mei@example.com",))
    assert (plain.utf8, odd.utf8) == (False, True)
    assert "Cc: 美丽@xn--fsqu00a.xn--0zwm56d\r\n".encode() in odd.data
    assert not written(cc=("mei@例子.测试",), to=("mei@example.com",)).utf8


@pytest.mark.parametrize("length", range(1, 201))
def test_a_name_of_any_length_adds_no_recipient(length: int) -> None:
    """Display names longer than a line lost their quotes, and became recipients (gh-80222)."""
    for name in ("<evil@x.com>, " + "b" * length, "evil@x.com, " * (length // 12 + 1), '"' * length, "文" * length):
        assert_only_the_intended(written(recipient_name=name))


def assert_only_the_intended(letter: Letter) -> None:
    message = email.message_from_bytes(letter.data)
    assert [address for _, address in getaddresses(message.get_all("To", []))] == ["mei@example.com"]
    assert [address for _, address in getaddresses(message.get_all("From", []))] == ["support@hub.test"]
    assert message.keys() == EXPECTED_FIELDS
    assert letter.recipient == "mei@example.com"
    strict = read(letter)
    assert [each.addr_spec for each in strict["To"].addresses] == ["mei@example.com"]
    assert [each.addr_spec for each in strict["From"].addresses] == ["support@hub.test"]


@settings(max_examples=300, deadline=None)
@given(NASTY, NASTY, NASTY, NASTY)
@example("a\r\nBcc: evil@x.com", "x", "y", "z")
@example("x", "y\r\nBcc: evil@x.com", "y", "z")
@example("=?utf-8?q?evil=40x.com=2C?= ", "y", "=?utf-8?q?=0d=0aBcc:_evil@x.com?=", "\n.\r\nMAIL FROM:<evil@x.com>")
def test_no_text_anywhere_changes_who_gets_it_or_what_headers_it_has(
    recipient_name: str, sender_name: str, subject: str, text: str
) -> None:
    if any(mark in sender_name + subject for mark in "\r\n\x00"):
        with pytest.raises(Rejected, match="line break"):
            written(sender_name=sender_name, subject=subject)
        return
    letter = written(recipient_name=recipient_name, sender_name=sender_name, subject=subject, text=text)
    assert_only_the_intended(letter)
    assert b"\r\n.\r\n" not in letter.data
    assert letter.data.count(b"\n") == letter.data.count(b"\r\n") == letter.data.count(b"\r")
    assert letter.data.isascii()


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.just("\n"), max_size=2_000))
def test_the_text_arrives_as_it_was_written(text: str) -> None:
    body = read(written(text=text)).get_content()
    assert body.replace("\r\n", "\n").rstrip("\n") == text.rstrip("\n")


@pytest.mark.parametrize(
    "recipient",
    [
        None,
        ContactPoint("phone", "+14155550100"),
        ContactPoint("other", "boss@example.com, thief@evil.example"),
        ContactPoint("email", "mei@example.com, thief@evil.example"),
        ContactPoint("email", "mei@example.com\r\nBcc: thief@evil.example"),
        ContactPoint("email", "mei@example.com>\r\nRCPT TO:<thief@evil.example"),
        ContactPoint("email", "美@"),
        ContactPoint("email", "美 丽@example.com"),
        ContactPoint("email", "美\u202e@example.com"),
        ContactPoint("email", "mei@-.example"),
        ContactPoint("email", "-"),
    ],
)
def test_what_is_no_address_gets_no_mail(recipient: ContactPoint | None) -> None:
    with pytest.raises(Rejected):
        written(recipient=recipient)


@pytest.mark.parametrize("field", ["subject", "sender_name"])
@pytest.mark.parametrize("mark", ["\r", "\n", "\r\nBcc: evil@x.com", "\x00"])
def test_a_line_break_of_ours_in_a_header_is_refused_by_name(field: str, mark: str) -> None:
    with pytest.raises(Rejected, match=field.replace("_", " ")):
        written(**{field: f"a{mark}b"})


def test_a_line_break_in_the_customers_name_costs_them_nothing() -> None:
    assert_only_the_intended(written(recipient_name="Mei\r\nBcc: evil@x.com"))


@pytest.mark.parametrize("reference", ["<a@b>\r\nBcc: evil@x.com", "<a b@c>", "no brackets", "<>", "<é@b>"])
def test_what_is_no_message_id_is_not_referred_to(reference: str) -> None:
    assert read(written(references=("<first@example.com>", reference)))["References"] == "<first@example.com>"


@pytest.mark.parametrize(
    "old, new",
    [
        (b"To: ", b"To: evil@x.com, "),
        (b"To: ", b"To: evil@x.com\r\nTo: "),
        (b"Subject: ", b"Bcc: evil@x.com\r\nSubject: "),
        (b"Subject: ", b"Subject: a\r\n\r\nSubject: "),
        (b"support@hub.test>", b"boss@hub.test>"),
        (b"parcel", b"par\ncel"),
        (b"parcel", b"par\rcel"),
        (b"parcel", b"p" * 1_000),
    ],
)
def test_the_last_look_stops_what_does_not_read_as_it_was_meant(old: bytes, new: bytes) -> None:
    letter = written()
    meant = ("support@hub.test", ["mei@example.com"], [])
    read_again(letter, EXPECTED_FIELDS, *meant)
    with pytest.raises(Rejected):
        read_again(replace(letter, data=letter.data.replace(old, new, 1)), EXPECTED_FIELDS, *meant)
