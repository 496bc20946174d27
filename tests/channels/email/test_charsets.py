from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.charsets import decode
from channels.email.headers import decode_words

CHINESE, HONG_KONG, JAPANESE, KOREAN = "您好,鎔㙍", "我喺香港嘅", "①㈱髙です", "안녕하세요 똠방"
LABELLED = [
    ("utf-8", "utf-8", CHINESE),
    ("UTF8", "utf-8-sig", CHINESE),
    ("utf-16", "utf-16", CHINESE),
    ("utf-16be", "utf-16-be", CHINESE),
    ("utf-32", "utf-32", CHINESE),
    ("gb2312", "gb18030", CHINESE),
    ("GBK", "gb18030", CHINESE),
    ("x-gbk", "gb18030", CHINESE),
    ("cp936", "gb18030", CHINESE),
    ("gb18030", "gb18030", CHINESE),
    ("hz-gb-2312", "hz", "您好"),
    ("big5", "big5hkscs", HONG_KONG),
    ("Big5-HKSCS", "big5hkscs", HONG_KONG),
    ("shift_jis", "cp932", JAPANESE),
    ("x-sjis", "cp932", JAPANESE),
    ("cp932", "cp932", JAPANESE),
    ("euc-jp", "euc_jp", "日本語です"),
    ("iso-2022-jp", "iso2022_jp", "日本語です"),
    ("euc-kr", "cp949", KOREAN),
    ("ks_c_5601-1987", "cp949", KOREAN),
    ("iso-2022-kr", "iso2022_kr", "안녕"),
    ("koi8-r", "koi8_r", "Привет"),
    ("windows-1251", "cp1251", "Привет"),
    ("cp-850", "cp850", "Grüße"),
    ("ibm852", "cp852", "Łódź"),
    ("iso-8859-2", "iso8859_2", "Łódź"),
    ("windows-874", "cp874", "สวัสดี"),
    ("tis-620", "cp874", "สวัสดี"),
    ("iso-8859-8-i", "iso8859_8", "שלום"),
    ("windows-1256", "cp1256", "مرحبا"),
    ("x-mac-roman", "mac_roman", "Grüße"),
    ("iso-8859-1", "cp1252", "“20 €”"),
    ("latin-1", "cp1252", "Grüße"),
    (' "utf-8" ', "utf-8", CHINESE),
]
CODE_LIKE = ["utf-7", "rot13", "hex", "base64", "zlib", "idna", "punycode", "unicode_escape", "raw_unicode_escape"]


@pytest.mark.parametrize("label, codec, text", LABELLED)
def test_a_label_that_mail_uses_reads_what_mail_means_by_it(label: str, codec: str, text: str) -> None:
    assert decode(text.encode(codec), label) == text


@pytest.mark.parametrize("label", CODE_LIKE)
def test_a_label_that_would_run_a_transformation_is_not_obeyed(label: str) -> None:
    for data in (b"+ADw-script+AD4-", b"\\x3cscript\\x3e", b"3c7363726970743e", b"<fpevcg>", b"x\x9cK\xcc"):
        assert "<script" not in decode(data, label)
    assert decode("Grüße".encode(), label) == "Grüße"


@given(st.binary(max_size=400), st.sampled_from([label for label, _, _ in LABELLED] + [*CODE_LIKE, "", "?", "\x00"]))
def test_any_bytes_under_any_label_become_text_that_can_be_stored(data: bytes, label: str) -> None:
    text = decode(data, label)
    assert "\x00" not in text
    text.encode("utf-8")


@given(st.binary(max_size=300))
def test_any_header_becomes_text_that_can_be_stored(value: bytes) -> None:
    decode_words(value).encode("utf-8")
    decode_words(b"=?utf-8?B?" + value + b"?= =?gb2312?q?" + value + b"?=").encode("utf-8")


@pytest.mark.parametrize(
    "value, text",
    [
        (b"plain", "plain"),
        (b"=?utf-8?q?a_b?= =?utf-8?q?c?=", "a bc"),
        (b"=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c"),
        (b"=?UTF-8*de?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        (b"=?utf-8?b?R3LDvMOfZQ?=", "Grüße"),
        (b"=?utf-8?x?R3L?=", "=?utf-8?x?R3L?="),
        (b"=?utf-8?q?unclosed", "=?utf-8?q?unclosed"),
        (b'"=?utf-8?q?quoted?=" <a@b>', '"quoted" <a@b>'),
        (b"=?utf-8?q?with spaces inside?=", "with spaces inside"),
        (b"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?= =?iso-2022-jp?B?GyRCOGwbKEI=?=", "日本語"),
        (b"=?gb2312?B?xOM=?= =?utf-8?B?5aW9?=", "你好"),
    ],
)
def test_encoded_words_read_as_they_were_meant(value: bytes, text: str) -> None:
    assert decode_words(value) == text


UNLABELLED = [
    *(
        ("gb18030", "我的包裹还没到，请帮我查一下"),
        ("gb18030", "询价"),
        ("gb18030", "請問貨到了嗎？"),
        ("gb18030", "林美"),
    ),
    *(("big5", "請問我的訂單"), ("big5", "發票"), ("big5hkscs", "我喺香港嘅"), ("euc_kr", "안녕하세요 반갑습니다")),
    *(
        ("cp932", "注文について"),
        ("euc_jp", "注文について"),
        ("iso2022_jp", "注文"),
        ("iso2022_kr", "안녕"),
        ("hz", "您好"),
    ),
    *(("cp1251", "Где мой заказ?"), ("koi8_r", "Где мой заказ?"), ("cp1253", "Ελληνικά κείμενο"), ("cp874", "สวัสดี")),
    *(
        ("cp1255", "שלום עולם"),
        ("cp1256", "مرحبا بالعالم"),
        ("cp1252", "Größe 20 €"),
        ("cp1252", "Où est mon colis ?"),
    ),
    *(("cp1250", "Žluťoučký kůň"), ("cp1254", "Türkiye, İstanbul, şöyle"), ("cp1252", "Ärger"), ("cp1252", "“20 €”")),
    *(("utf-16", "UTF-16 mit Marke ü"), ("utf-8", "您好"), ("utf-8-sig", "Grüße"), ("ascii", "plain")),
]


@pytest.mark.parametrize("codec, text", UNLABELLED)
def test_what_has_no_label_is_read_as_its_letters_say(codec: str, text: str) -> None:
    assert decode(text.encode(codec)) == text


@pytest.mark.parametrize(
    "codec, label, text",
    [
        ("utf-8", "gb2312", "这封信其实是 UTF-8"),
        ("utf-8", "koi8-r", "Привет"),
        ("utf-8", "iso-8859-1", "ü"),
        ("gbk", "gb2312", "联通"),
        ("gbk", "gbk", "一些"),
        ("gb18030", "utf-8", "这封信其实是国标码"),
        ("latin-1", "utf-8", "Grüße"),
        ("utf-16-le", "utf-16", "words, 您好"),
        ("utf-16-be", "utf-16", "words, 您好"),
        ("ascii", "gb2312", "plain"),
        ("ascii", "utf-8", ""),
    ],
)
def test_a_wrong_label_is_seen_through(codec: str, label: str, text: str) -> None:
    assert decode(text.encode(codec), label) == text


def test_a_broken_letter_among_many_does_not_change_the_others() -> None:
    spoilt = "这封信有一个坏字，其余都是好的，所以读得出来".encode() + b"\xe4\xbd"
    assert decode(spoilt).startswith("这封信")
    assert decode(spoilt, "utf-8").endswith("\ufffd")
    assert decode("你好吗，请问".encode("gb18030") + b"\xc4").startswith("你好吗")


def test_what_fits_nothing_is_still_text() -> None:
    assert decode(bytes(range(0x80, 0x100)) * 40)
    assert decode(b"\x1b$B no end", "iso-2022-jp")
    assert "\ud800" not in decode("\ud800".encode("utf-8", "surrogatepass") * 9, "utf-8")
    assert decode(b"\xd8\x00" * 3, "utf-16be")
    assert decode(b"~{ no end") == "~{ no end"
    assert decode(b"\x1b[31mred") == "\x1b[31mred"
