"""What a subject is about, and whether two texts say the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contact_center.domain.topics import is_chinese, is_new_topic, mark, same_sense, same_words, topic


@pytest.mark.parametrize(
    "subject",
    [
        "Broken lamp",
        "Re: Broken lamp",
        "RE: re: Fwd: Broken lamp",
        "AW: WG: Broken lamp",
        "SV: Broken  Lamp",
        "回复：Broken lamp",
        "答复: 转发：Broken lamp",
        "轉寄: Broken lamp",
        "Re[2]: Broken lamp",
        "Re (3): broken lamp",
        "[EXT] Re: [External] Broken lamp",
        "Ｒｅ：Ｂｒｏｋｅｎ lamp",
        "  Re : Broken lamp ",
    ],
)
def test_one_matter_has_one_topic(subject: str) -> None:
    assert topic(subject) == "brokenlamp"


@pytest.mark.parametrize("subject", ["Broken lamps", "Lamp", "[#12] Broken lamp", "Regarding: Broken lamp"])
def test_another_subject_is_another_topic(subject: str) -> None:
    assert is_new_topic(subject, ["Broken lamp"])


def test_no_subject_is_no_topic() -> None:
    assert not is_new_topic("", ["Broken lamp"])
    assert not is_new_topic("Re:", ["Broken lamp"])
    assert is_new_topic("A lamp", [""])


@given(st.text(max_size=300))
def test_an_answer_never_opens_a_topic(subject: str) -> None:
    assert not is_new_topic(f"Re: {subject}", [subject])
    assert not is_new_topic(f"回复：{subject}", ["something", subject])
    assert topic(topic(subject)) == topic(topic(topic(subject)))


def test_the_same_words_may_be_spaced_otherwise_and_the_same_sense_numbered_otherwise() -> None:
    assert same_words("Hello\n you ") == same_words("hello you")
    assert same_words("Ticket 1") != same_words("Ticket 2")
    assert same_sense("Ticket 1 was opened.") == same_sense("ticket 22 was opened")
    assert same_sense("Ticket 1 was opened") != same_sense("Ticket 1 was closed")
    assert same_sense("Write to ab@x.example about AB-1c.") == same_sense("Write to cd@y.example about XY-9z.")
    assert same_sense("您的工单 12345 已创建") == same_sense("您的工单99已创建") != ""
    assert (same_words(" \n"), same_sense("12 !")) == ("", "")


def test_a_message_is_known_again_by_its_text_or_by_the_subject_that_it_answers() -> None:
    one = mark("Ticket 1 was opened", "Re: Your case 7")
    assert one[:32] == mark("Ticket 2 was opened", "Something")[:32]
    assert one[32:] == mark("Other words", "AW: Re: your case 8")[32:]
    assert one[32:] != mark("Other words", "Re: another thing")[32:]
    assert mark("", "Your case 7") == "-" * 64
    assert len(one) == 64


@pytest.mark.parametrize(
    ("text", "chinese"),
    [
        ("我想退款", True),
        ("我想退款 for order A123", True),
        ("订单 A12 退款，谢谢您", True),
        ("返品したいです", False),
        ("환불해 주세요", False),
        ("Hello", False),
        ("12 34", False),
        ("", False),
    ],
)
def test_chinese_is_known_by_its_letters(text: str, chinese: bool) -> None:
    assert is_chinese(text) is chinese
