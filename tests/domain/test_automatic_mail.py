"""When the hub may write to somebody by itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from contact_center.domain.automatic_mail import STOPPED, Caps, Written, domain_of, why_not
from contact_center.domain.time import DAY, HOUR, MINUTE, Moment

CAPS = Caps(per_domain_hour=3, per_hour=5)


def test_nothing_written_yet_may_be() -> None:
    assert why_not(Written(), CAPS) == ""


def test_each_cap_has_its_own_reason_and_the_one_for_all_comes_first() -> None:
    assert why_not(Written(to_anybody=5, to_address=1), CAPS) == STOPPED
    assert why_not(Written(to_address=1), CAPS) == "address"
    assert why_not(Written(in_case=1), CAPS) == "case"
    assert why_not(Written(to_same_words=1), CAPS) == "words"
    assert why_not(Written(to_domain=3), CAPS) == "domain"
    assert why_not(Written(to_domain=2, to_anybody=4), CAPS) == ""


Letter = tuple[Moment, str, int, str]
LETTERS = st.lists(
    st.tuples(
        st.integers(0, 90 * MINUTE),
        st.sampled_from(["a@x.example", "b@x.example", "c@x.example", "d@x.example", "a@y.example", "z@z.example"]),
        st.integers(1, 12),
        st.sampled_from(["one", "two", "three", "four", "five", "six", "seven", "eight"]),
    ),
    max_size=80,
)


def written(before: list[Letter], letter: Letter, caps: Caps) -> Written:
    at, address, case_id, said = letter

    def count(ago: Moment, *, field: int, value: object) -> int:
        return sum(each[0] > at - ago and (field < 0 or each[field] == value) for each in before)

    domain = sum(each[0] > at - HOUR and domain_of(each[1]) == domain_of(address) for each in before)
    return Written(
        to_address=count(caps.per_address_ms, field=1, value=address),
        to_domain=domain,
        in_case=count(caps.per_case_ms, field=2, value=case_id),
        to_same_words=count(caps.same_words_ms, field=3, value=said),
        to_anybody=count(HOUR, field=-1, value=None),
    )


@given(LETTERS)
def test_whatever_comes_in_whatever_order_no_cap_is_ever_passed(asked: list[Letter]) -> None:
    now, sent = 0, []
    for pause, address, case_id, said in asked:
        now += pause
        letter = (now, address, case_id, said)
        if not why_not(written(sent, letter, CAPS), CAPS):
            sent.append(letter)
    for at, *_ in sent:
        hour = [each for each in sent if at - HOUR < each[0] <= at]
        day = [each for each in sent if at - DAY < each[0] <= at]
        assert len(hour) <= CAPS.per_hour
        assert all([domain_of(e[1]) for e in hour].count(domain_of(e[1])) <= CAPS.per_domain_hour for e in hour)
        for field in (1, 2, 3):
            values = [each[field] for each in day]
            assert len(values) == len(set(values))
