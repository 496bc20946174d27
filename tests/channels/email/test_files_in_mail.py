"""What hides in a message comes out of it: winmail.dat, uuencode, signatures."""

from __future__ import annotations

import base64
import binascii
import struct

import pytest

from channels.email import rtf, signed, uuencoded
from channels.email.files import file_name
from channels.email.headers import read_head
from channels.email.mime import take_apart
from channels.email.tnef import opened
from channels.email.wording import words_of
from tests.channels.email.tnef_made import (
    CONTENT_ID,
    DATA,
    HTML,
    INTERNET_CODEPAGE,
    MEDIA_TYPE,
    MESSAGE_INTERFACE,
    RTF,
    TEXT,
    attribute,
    binary_property,
    body,
    embedded,
    file,
    named_property,
    narrow_property,
    number_property,
    numbered_property,
    packed_rtf,
    properties,
    text_property,
    winmail,
)

GUID = bytes(range(16))


def test_a_file_in_winmail_dat_has_its_long_name_its_type_and_its_place_in_the_text() -> None:
    more = (text_property(MEDIA_TYPE, "Image/PNG"), text_property(CONTENT_ID, "<pic@1>"))
    (found,) = opened(winmail(file("截图.png", b"png", *more))).files
    assert (found.name, found.media_type, found.content_id, found.content) == (
        "截图.png",
        "image/png",
        "pic@1",
        b"png",
    )


def test_a_file_without_a_long_name_has_its_short_one_by_the_senders_code_page() -> None:
    data = winmail(
        attribute(2, 0x9002, b"\0" * 14),
        attribute(2, 0x8010, "发票.pdf".encode("gbk") + b"\0", 1),
        attribute(2, 0x800F, b"%PDF"),
        codepage=936,
    )
    assert [(each.name, each.content) for each in opened(data).files] == [("发票.pdf", b"%PDF")]


def test_properties_of_every_kind_are_passed_over_to_those_that_count() -> None:
    many = (
        named_property(GUID, "Keywords", "x"),
        numbered_property(GUID, 7, 8),
        struct.pack("<HHII", 0x1003, 0x0E2D, 2, 5) + struct.pack("<I", 6),  # two numbers under one name
        struct.pack("<HHQ", 0x40, 0x3007, 1),
        struct.pack("<HHI", 0x0B, 0x3010, 1),
        binary_property(DATA, GUID + b"object", 0x0D),
        narrow_property(0x3704, b"short.txt"),
    )
    held = attribute(2, 0x9002, b"") + attribute(2, 0x9005, properties(*many))
    (found,) = opened(winmail(held)).files
    assert (found.name, found.content) == ("short.txt", b"object")


def test_the_words_are_found_however_they_were_written() -> None:
    assert opened(winmail(body(text_property(TEXT, "您好")))).text == "您好"
    assert opened(winmail(body(narrow_property(TEXT, "Grüße".encode("cp1252"))))).text == "Grüße"
    assert opened(winmail(attribute(1, 0x800C, b"old body\0", 2))).text == "old body"
    html = (number_property(INTERNET_CODEPAGE, 936), binary_property(HTML, "<p>您好".encode("gbk")))
    assert opened(winmail(body(*html))).html == "<p>您好"
    assert opened(winmail(body(text_property(HTML, "<p>wide")))).html == "<p>wide"
    assert opened(winmail(body(binary_property(RTF, packed_rtf(b"{\\rtf1 packed}"))))).text == "packed"


def test_messages_in_messages_are_opened_three_deep() -> None:
    data = winmail(body(text_property(TEXT, "the deepest")))
    for level in range(3):
        data = winmail(embedded(f"level {level}", data))
    found = opened(data)
    assert found.whole
    assert [each.name for each in found.files] == ["level 2.txt", "level 1.txt", "level 0.txt"]
    assert not opened(winmail(embedded("too deep", data))).whole


BROKEN = {
    "nothing": b"",
    "another signature": b"PK\x03\x04" * 10,
    "half an attribute": winmail() + b"\1\2",
    "a length beyond the end": winmail(struct.pack("<BHHI", 1, 0x800C, 2, 999) + b"x"),
    "a level that is none": winmail(attribute(7, 0x800C, b"x")),
    "a property of no kind": winmail(body(struct.pack("<HHI", 0x7F, TEXT, 0))),
    "a value beyond the end": winmail(body(struct.pack("<HHII", 0x1F, TEXT, 1, 900))),
    "more values than bytes": winmail(body(struct.pack("<HHI", 0x101F, TEXT, 2**31))),
    "more properties than bytes": winmail(attribute(1, 0x9003, struct.pack("<I", 2**31))),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_winmail_dat_says_so(name: str) -> None:
    assert not opened(BROKEN[name]).whole


def test_what_comes_before_the_break_is_read() -> None:
    found = opened(winmail(file("good.txt", b"good"), file("lost.txt", b"x" * 300))[:-200])
    assert [each.name for each in found.files] == ["good.txt"]


def test_no_more_than_a_hundred_files_come_out() -> None:
    assert len(opened(winmail(*(file("x", b"x") for _ in range(120)))).files) == 100


WRITTEN = {
    rb"{\rtf1 Hello\par World\tab!}": "Hello\nWorld\t!",
    rb"{\rtf1{\fonttbl{\f0 Arial;}}{\*\generator Word;}{\info{\title x}}text}": "text",
    rb"{\rtf1\ansicpg936 \'c4\'e3\'ba\'c3}": "你好",
    rb"{\rtf1\ansicpg65001 \'e4\'bd\'a0}": "你",
    rb"{\rtf1\uc1 \u26446?\u-10179?\u-8704?x\u-8704?}": "李😀x\ufffd",
    rb"{\rtf1{\info unread \'41\par}\u x\'41}": "xA",
    rb"{\rtf1\uc2 \u20320\'c4\'e3!{\uc0\u22909}?}": "你!好?",
    rb"{\rtf1 a\{b\}c\\d\~e\_f\emdash g}": "a{b}c\\d e-f—g",
    rb"{\rtf1\fromhtml1 {\*\htmltag64 <p>}\htmlrtf {\htmlrtf0 words\htmlrtf }\htmlrtf0 {\*\htmltag72 </p>}}": "words",
    b"{\\rtf1 one\r\ntwo\\\nthree}}}}": "onetwo\nthree",
    b"{" * 900 + b"deep": "deep",
    b"": "",
}


@pytest.mark.parametrize("data", WRITTEN)
def test_rich_text_reads_as_words(data: bytes) -> None:
    assert rtf.to_text(data) == WRITTEN[data]


def test_of_endless_rich_text_the_beginning_is_read() -> None:
    assert 400_000 < len(rtf.to_text(b"{\\rtf1 " + b"words\\par " * 200_000)) < 500_000


def test_packed_rich_text_is_unpacked() -> None:
    # The example of [MS-OXRTFCP] 4.1.1.
    packed = "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
    assert rtf.unpacked(bytes.fromhex(packed)) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"
    assert rtf.unpacked(packed_rtf(b"{\\rtf1 as it is}")) == b"{\\rtf1 as it is}"
    assert rtf.unpacked(struct.pack("<IIII", 20, 8, 0x414C454D, 0) + b"{\\rtf1 }trailing") == b"{\\rtf1 }"
    assert rtf.unpacked(struct.pack("<IIII", 20, 8, 7, 0) + b"{\\rtf1 }") == b""
    assert rtf.unpacked(b"short") == b""
    whole = packed_rtf(b"{\\rtf1 cut}")
    assert b"{\\rtf1 cut}".startswith(rtf.unpacked(whole[:25]))


NAMES = {
    "plain.txt": "plain.txt",
    "../../etc/passwd": "passwd",
    "C:\\a\\b.doc": "b.doc",
    "a\x00b\u202egpj.exe": "abgpj.exe",
    " .hidden. ": "hidden",
    "/": "",
    'w"h<a>t?.txt': "w_h_a_t_.txt",
    "x" * 300 + ".pdf": "x" * 196 + ".pdf",
    "x" * 300 + "." + "y" * 20: "x" * 200,
    "x" * 300: "x" * 200,
}


@pytest.mark.parametrize("claimed", NAMES)
def test_a_files_name_is_fit_to_be_shown(claimed: str) -> None:
    assert file_name(claimed) in {NAMES[claimed], NAMES[claimed].replace("ab", "a b")}


def test_what_is_uuencoded_in_a_text_comes_out_and_the_rest_stays() -> None:
    data = base64.b16encode(b"x" * 60)
    lines = "".join(binascii.b2a_uu(data[at : at + 45]).decode() for at in range(0, len(data), 45))
    text, files = uuencoded.without_files(f"before\nbegin 644 a b.bin\n{lines}`\nend\nafter")
    assert text == "before\nafter"
    assert [(each.name, each.content) for each in files] == [("a b.bin", data)]


@pytest.mark.parametrize(
    "text",
    [
        "begin 644 x\nnot data at all, is it\nend",
        "begin 644 x\nend",
        "begin 644 x\n#0V%T\nnever ended",
        "begin at the beginning\nend",
        "begin 644 x\n\u00fc\nend",
        "no file",
    ],
)
def test_what_only_looks_like_a_file_stays_in_the_text(text: str) -> None:
    assert uuencoded.without_files(text) == (text, [])


def test_a_text_holds_fifty_files_at_most() -> None:
    text, files = uuencoded.without_files("begin 644 x\n#0V%T\n`\nend\n" * 60)
    assert len(files) == 50
    assert text.count("begin") == 10


SIGNED = "2a864886f70d010702"
DATA_OID = "06092a864886f70d010701"


def der(tag: int, *content: bytes) -> bytes:
    joined = b"".join(content)
    length = bytes([len(joined)]) if len(joined) < 128 else b"\x84" + struct.pack(">I", len(joined))
    return bytes([tag]) + length + joined


def signed_data(*octets: bytes) -> bytes:
    inside = der(0x30, bytes.fromhex(DATA_OID), *octets)
    data = der(0x30, der(2, b"\1"), der(0x31), inside, der(0x31))
    return der(0x30, der(6, bytes.fromhex(SIGNED)), der(0xA0, data))


def test_the_words_in_an_smime_signature_are_found() -> None:
    assert signed.signed_content(signed_data(der(0xA0, der(4, b"words")))) == b"words"
    assert signed.signed_content(signed_data(der(0xA0, der(0x24, der(4, b"wo"), der(4, b"rds"))))) == b"words"
    assert signed.signed_content(signed_data(der(0xA0, der(4, b"x" * 500)))) == b"x" * 500


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"0",
        b"0\x80" * 40,
        b"\x1f\x00",
        b"0\x89" + b"\xff" * 20,
        der(0x30, der(6, b"another"), der(0xA0)),
        signed_data(),
        signed_data(der(0xA0, der(2, b"no octets"))),
        signed_data(der(0xA0, der(4, b"words")))[:-9],
    ],
)
def test_what_is_no_signature_has_no_words(data: bytes) -> None:
    assert signed.signed_content(data) in {b"", b"words"}
    assert not signed.is_enveloped(data)


def smime(content: bytes) -> bytes:
    wrapped = base64.encodebytes(signed_data(der(0xA0, der(4, content))))
    return b"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n\r\n" + wrapped


def test_signatures_in_signatures_are_read_three_deep_and_kept() -> None:
    raw = b"Content-Type: text/plain\r\n\r\nthe words"
    found = []
    for _ in range(5):
        raw = smime(raw)
        headers, start = read_head(raw)
        words = words_of(take_apart(raw, headers, start))
        found.append((words.text, len(words.files)))
    assert found == [("the words", 1), ("the words", 2), ("the words", 3), ("", 4), ("", 4)]


def test_what_is_signed_and_beyond_the_limits_stays_a_file() -> None:
    raw = smime(b"X-Long: " + b"x" * 70_000)[:-1]
    headers, start = read_head(raw)
    words = words_of(take_apart(raw, headers, start))
    assert (words.text, [each.name for each in words.files]) == ("", ["smime.p7m"])


ARMOUR = "-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----"


def test_pgp_around_words_is_taken_off() -> None:
    text, files = signed.without_armour(
        f"Above.\n-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nHello\n- -- \nMei\n{ARMOUR}\nBelow."
    )
    assert text == "Above.\nHello\n-- \nMei\nBelow."
    assert [(each.name, each.content) for each in files] == [("signature.asc", f"{ARMOUR}\n".encode())]


@pytest.mark.parametrize(
    "text",
    [
        "no armour",
        ARMOUR,
        "-----BEGIN PGP SIGNED MESSAGE-----\n\nnever signed",
        "-----BEGIN PGP PUBLIC KEY BLOCK-----\n",
    ],
)
def test_armour_that_is_not_whole_stays(text: str) -> None:
    assert signed.without_armour(text) == (text, [])


def test_a_pgp_message_says_that_it_is_encrypted() -> None:
    text, files = signed.without_armour("\n-----BEGIN PGP MESSAGE-----\n\nabc\n-----END PGP MESSAGE-----\nBelow.")
    assert text == f"{signed.ENCRYPTED_PGP}\n\nBelow."
    assert files[0].name == "message.asc"
    cut_short, _ = signed.without_armour("-----BEGIN PGP MESSAGE-----\n\nabc")
    assert cut_short == signed.ENCRYPTED_PGP


def test_an_embedded_message_of_html_becomes_text() -> None:
    inner = winmail(body(binary_property(HTML, b"<p>Rich words")))
    assert opened(winmail(embedded("x.msg", inner))).files[0].content.strip() == b"Rich words"
    assert MESSAGE_INTERFACE not in opened(winmail(embedded("x.msg", inner))).files[0].content
