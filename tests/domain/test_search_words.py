"""Texts become words in one way, whether they are stored or asked for."""

from __future__ import annotations

import contextlib

import pytest

from contact_center.domain.search_words import (
    MOST_WORDS,
    Clause,
    NotUnderstood,
    Phrase,
    excerpt,
    read_query,
    tail_word,
    words,
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Refund, please!", ["refund", "please"]),
        ("Crème BRÛLÉE Straße Łódź", ["creme", "brulee", "strasse", "lodz"]),
        ("e\u0301te\u0301", ["ete"]),
        ("don't", ["don", "t"]),
        ("退款申请", ["退款", "款申", "申请", "请"]),
        ("退", ["退"]),
        ("退貨運單", ["退货", "货运", "运单", "单"]),
        ("iPhone手机 坏了", ["iphone", "手机", "机", "坏了", "了"]),
        ("ＡＢＣ１２３", ["abc123", "123"]),
        ("AB-4711-99x", ["ab", "4711", "99x"]),
        ("anna.smith@example.com", ["anna", "smith", "example", "com"]),
        ("हिन्दी शब्द", ["हिन्दी", "शब्द"]),
        ("ありがとう", ["あり", "りが", "がと", "とう", "う"]),
        ("", []),
        ("_ — … 🙂", []),
    ],
)
def test_a_text_gives_its_words(text: str, found: list[str]) -> None:
    assert words(text) == found


def test_a_number_is_found_however_it_is_written() -> None:
    stored = words("+49 151 1234-5678")
    for typed in ("+4915112345678", "0151 12345678", "(0151) 1234 5678", "4915112345678"):
        (clause,) = read_query(typed).clauses
        assert any(phrase.words[0] in stored for phrase in clause.phrases if len(phrase.words) == 1), typed


def test_a_word_without_end_and_a_text_without_end_are_cut() -> None:
    assert [len(word) for word in words("a" * 10_000)] == [48]
    assert len(words("word " * 100_000)) == MOST_WORDS
    assert len(words("退" * 100_000)) == MOST_WORDS


def test_all_words_are_wanted_and_the_last_may_be_only_begun() -> None:
    assert read_query("angry refu").clauses == (
        Clause((Phrase(("angry",)),)),
        Clause((Phrase(("refu",), True),)),
    )
    assert read_query("refu angry ").clauses == (Clause((Phrase(("refu",)),)), Clause((Phrase(("angry",)),)))
    assert read_query("refu* angry ").clauses[0] == Clause((Phrase(("refu",), True),))


def test_a_phrase_is_exact_and_a_word_can_be_left_out() -> None:
    assert read_query('"parcel never came" -Refund').clauses == (
        Clause((Phrase(("parcel", "never", "came")),)),
        Clause((Phrase(("refund",), True),), True),
    )
    assert read_query("“包裹没到”").clauses == (Clause((Phrase(("包裹", "裹没", "没到")),)),)
    assert read_query('"still typing the phr').clauses == (
        Clause((Phrase(("still", "typing", "the", "phr"), True),)),
    )


def test_chinese_is_found_by_two_characters_and_by_one() -> None:
    assert read_query("退款").clauses == (Clause((Phrase(("退款",)),)),)
    assert read_query("款").clauses == (Clause((Phrase(("款",), True),)),)
    assert read_query("手机iPhone").clauses == (Clause((Phrase(("手机", "机", "iphone"), True),)),)
    assert read_query("運單").clauses == read_query("运单").clauses


def test_filters_are_read_and_what_only_looks_like_one_is_a_word() -> None:
    query = read_query("is:open in:billing agent:mei channel:email has:attachment after:2026-11 from:anna 10:30 #123")
    assert (query.status, query.queue, query.agent, query.medium) == ("open", "billing", "mei", "email")
    assert query.attachment
    assert query.number == 123
    assert str(query.after) == "2026-11-01"
    assert query.clauses == (Clause((Phrase(("anna",), False, "from"),)), Clause((Phrase(("10", "30")),)))
    assert read_query("is：closed").status == "closed"
    assert read_query('in:"Billing Europe"').queue == "Billing Europe"
    assert not read_query("from:").clauses


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("is:lost", "open, pending, closed"),
        ("is:", "is:open"),
        ("before:2026-13-40", "takes a day"),
        ("after:yesterday", "takes a day"),
        ("channel:pigeon", "email, sms, chat or voice"),
        ("has:wings", "attachment"),
        ("-refund", "what to look for"),
        ("-is:open refund", "cannot be excluded"),
        ("in:a in:b", "twice"),
        ("a " * 30, "more than"),
        ("x" * 500, "longer than"),
    ],
)
def test_what_cannot_be_meant_is_said_so(text: str, said: str) -> None:
    with pytest.raises(NotUnderstood, match=said):
        read_query(text)


@pytest.mark.parametrize(
    "text", ['"', '""', "-", "--", ":", "::", '-"', "*", "#", "#x", '"-"', "\x00", "'; DROP", "((("]
)
def test_nothing_that_can_be_typed_breaks_it(text: str) -> None:
    with contextlib.suppress(NotUnderstood):
        read_query(text)


def marked(text: str, query: str, **more: int) -> str:
    return "".join(f"[{piece}]" if hit else piece for piece, hit in excerpt(text, read_query(query).shown, **more))


def test_what_was_looked_for_is_marked_in_the_text_as_it_was_written() -> None:
    assert marked("I want my REFUNDS now", "refu") == "I want my [REFUNDS] now"
    assert marked("Café\n\n  du Nord", "cafe nord") == "[Café] du [Nord]"
    assert marked("我要退貨，谢谢", "退货") == "我要[退貨]，谢谢"
    assert marked("nothing of it", "refund") == "nothing of it"


def test_an_excerpt_begins_at_a_word_before_the_first_mark() -> None:
    text = "lorem ipsum " * 50 + "the refund came late " + "dolor " * 100
    shown = marked(text, "refund ", width=60, lead=20)
    assert shown == "…lorem ipsum the [refund] came late dolor dolor dolor dolor dol…"


def test_a_number_has_the_same_end_however_it_begins() -> None:
    assert tail_word("4915112345678") in words("0151 / 123 456 78")
