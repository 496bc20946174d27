"""Which numbers may be called: the decision table, and the caps."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contact_center.domain.dialling import Dialled, DiallingPolicy, judge, number_of

EUROPE = DiallingPolicy(countries=frozenset({"DE", "GB", "US", "CN"}))
NOTHING = Dialled()

HOSTILE = (
    "",
    "+",
    "911",
    "112",
    "*67",
    "*674930901820",
    "004930901820",
    "4930901820",
    "030 901820",
    "+49 30 901820 ext. 5",
    "+4930901820;phone-context=evil.example",
    "+4930901820,,1234#",
    "sip:evil@example.com",
    "client:mei",
    "+1900BADGUYS",
    "tel:+4930901820",
    "+" + "9" * 40,
    "+٣٤٩٣٠٩٠١٨٢٠",
    "＋4930901820",
    "+49\n30901820",
    "+4930901820\x00",
    "+4930901820<Dial>",
    "+0000000000",
    "+1",
    "++4930901820",
    "+49+30901820",
)


@pytest.mark.parametrize("raw", HOSTILE)
def test_what_is_not_exactly_a_number_is_not_called(raw: str) -> None:
    verdict = judge(raw, EUROPE, NOTHING)
    assert (verdict.allowed, verdict.why) == (False, "not_a_number")
    assert verdict.words


@pytest.mark.parametrize("raw", ["+4930901820", "+49 30 901820", "+49 (30) 901-820", " +4930901820 "])
def test_a_number_in_the_international_form_is_called_however_it_is_spaced(raw: str) -> None:
    assert judge(raw, EUROPE, NOTHING).number == "+4930901820"
    assert judge(raw, EUROPE, NOTHING).allowed


@pytest.mark.parametrize("raw", ["+8821612345678", "+870773111632", "+97911234567", "+80012345678", "+88213200000"])
def test_numbers_of_no_country_are_not_called(raw: str) -> None:
    """Satellites, international premium and shared-cost numbers."""
    assert judge(raw, EUROPE, NOTHING).why in ("country", "not_a_number")


def numbers_of_kind(kind: int) -> list[str]:
    examples = (
        phonenumbers.example_number_for_type(region, kind) for region in sorted(phonenumbers.SUPPORTED_REGIONS)
    )
    return [phonenumbers.format_number(n, phonenumbers.PhoneNumberFormat.E164) for n in examples if n is not None]


PREMIUM = numbers_of_kind(phonenumbers.PhoneNumberType.PREMIUM_RATE)
SHARED = numbers_of_kind(phonenumbers.PhoneNumberType.SHARED_COST)
FIXED = numbers_of_kind(phonenumbers.PhoneNumberType.FIXED_LINE)
EVERYWHERE = DiallingPolicy(countries=frozenset(phonenumbers.SUPPORTED_REGIONS))


def test_numbers_that_pay_whoever_is_called_are_not_called_in_any_country() -> None:
    assert len(PREMIUM) + len(SHARED) > 100
    called = [n for n in (*PREMIUM, *SHARED) if judge(n, EVERYWHERE, NOTHING).allowed]
    assert called == []


def test_ordinary_numbers_are_called_where_their_country_is_allowed_and_nowhere_else() -> None:
    assert len(FIXED) > 200
    for number in FIXED:
        verdict = judge(number, EVERYWHERE, NOTHING)
        assert verdict.allowed or verdict.why in ("not_a_number", "kind"), (number, verdict)
        region = phonenumbers.region_code_for_number(phonenumbers.parse(number))
        if verdict.allowed and region not in EUROPE.countries:
            assert judge(number, EUROPE, NOTHING).why == "country"
    assert sum(judge(n, EVERYWHERE, NOTHING).allowed for n in FIXED) > 200


def test_nothing_is_called_until_a_country_or_a_number_is_named() -> None:
    assert judge("+4930901820", DiallingPolicy(), NOTHING).why == "country"
    assert judge("+4930901820", DiallingPolicy(numbers=frozenset({"+4930901820"})), NOTHING).allowed


def test_a_number_that_is_named_is_called_whatever_kind_it_is() -> None:
    premium = PREMIUM[0]
    assert not judge(premium, EVERYWHERE, NOTHING).allowed
    assert judge(premium, DiallingPolicy(numbers=frozenset({premium})), NOTHING).allowed


@pytest.mark.parametrize(
    ("dialled", "why"),
    [
        (Dialled(number_day=10), "number_cap"),
        (Dialled(caller_day=20), "caller_cap"),
        (Dialled(hour=300), "hour_cap"),
        (Dialled(9, 19, 299), ""),
    ],
)
def test_a_cap_that_is_reached_ends_it(dialled: Dialled, why: str) -> None:
    verdict = judge("+4930901820", EUROPE, dialled)
    assert verdict.why == why
    assert bool(verdict.words) is bool(why)


def test_caps_hold_for_numbers_that_are_named_too() -> None:
    policy = DiallingPolicy(numbers=frozenset({"+4930901820"}), per_number_day=1)
    assert judge("+4930901820", policy, Dialled(number_day=1)).why == "number_cap"


@given(st.text(max_size=60))
def test_no_text_makes_it_fail_and_what_is_allowed_is_a_plain_number(raw: str) -> None:
    verdict = judge(raw, EVERYWHERE, NOTHING)
    if verdict.allowed:
        assert verdict.number == number_of(raw)
        assert verdict.number[0] == "+"
        assert verdict.number[1:].isascii()
        assert verdict.number[1:].isdigit()
