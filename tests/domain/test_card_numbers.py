"""Card numbers that are said are found however they are written, and other numbers are left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contact_center.domain.card_numbers import passes, without_card_numbers


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("My card is 4111 1111 1111 1111, okay?", "My card is ••••, okay?"),
        ("4111-1111-1111-1111 expires 12 26", "•••• expires 12 26"),
        ("4111 1111 1111 1111 123", "•••• 123"),
        ("378282246310005.", "••••."),
        ("4242. 4242. um 4242. 4242", "••••"),
        ("Four one one one, one one one one. one one one one, one one one one", "••••"),
        ("four double one one, one one one one, double one double one, one one one one", "••••"),
        ("卡号是四一一一 一一一一 一一一一 一一一一。", "卡号是••••。"),
        ("四幺幺幺，幺幺幺幺，幺幺幺幺，幺幺幺幺。谢谢", "••••。谢谢"),
        ("４１１１１１１１１１１１１１１１", "••••"),
        ("first 4111111111111111 and then 5500005555555559 too", "first •••• and then •••• too"),
    ],
)
def test_a_card_number_is_taken_out(said: str, kept: str) -> None:
    assert without_card_numbers(said) == kept


@pytest.mark.parametrize(
    "said",
    [
        "",
        "Call me on +49 151 12345678.",
        "The order is 1234567890123456.",
        "4111 1111 1111 1112",
        "It was on 21 September 2026 at 14 30",
        "one or two of three",
        "订单一二三四五",
        "0000 0000 0000 0000",
        "4111 or 1111 or 1111 or 1111",
    ],
)
def test_what_is_no_card_number_stays(said: str) -> None:
    assert without_card_numbers(said) == said


def a_card(digits: list[int]) -> str:
    whole = "".join(map(str, digits))
    return next(whole + check for check in "0123456789" if passes(whole + check))


@given(
    st.lists(st.integers(0, 9), min_size=12, max_size=18).filter(any),
    st.lists(st.sampled_from(["", " ", "-", ". "]), min_size=19, max_size=19),
    st.sampled_from(["", "My card: ", "卡号"]),
)
def test_every_number_that_checks_is_found_however_it_is_spaced(
    digits: list[int], spaces: list[str], before: str
) -> None:
    card = a_card(digits)
    said = before + "".join(digit + space for digit, space in zip(card, spaces, strict=False)).strip(" -.")
    assert without_card_numbers(said) == before + "••••"


@given(st.text(max_size=400))
def test_whatever_is_said_does_no_harm_and_once_is_enough(said: str) -> None:
    once = without_card_numbers(said)
    assert without_card_numbers(once) == once
