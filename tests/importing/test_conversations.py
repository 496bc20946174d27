from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from contact_center.importing.conversations import Conversations, written_at


def head(own: str = "", answers: str = "", references: str = "", date: str = "") -> bytes:
    fields = {"Message-ID": own, "In-Reply-To": answers, "References": references, "Date": date}
    return "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value).encode()


def groups(*heads: bytes) -> list[list[int]]:
    conversations = Conversations()
    for each in heads:
        conversations.add(each)
    return list(conversations.groups())


def test_letters_that_name_each_other_belong_together() -> None:
    assert groups(
        head("<a@x>"), head("<b@x>", "<a@x>"), head("<c@x>"), head("<d@x>", references="<a@x>\r\n <b@x>")
    ) == [
        [0, 1, 3],
        [2],
    ]


def test_an_answer_may_come_before_its_question_and_stands_after_it() -> None:
    answer = head("<b@x>", "<a@x>", date="Sat, 21 Nov 2026 11:00:00 +0000")
    question = head("<a@x>", date="Sat, 21 Nov 2026 11:30:00 +0100")
    assert groups(answer, question) == [[1, 0]]


def test_two_answers_to_a_letter_that_is_lost_belong_together() -> None:
    assert groups(head("<b@x>", "<lost@x>"), head("<c@x>", "<lost@x>")) == [[0, 1]]


def test_letters_without_ids_stand_alone() -> None:
    assert groups(head(), head(), b"\xff\xfe nonsense") == [[0], [1], [2]]


def test_dates_without_sense_are_none() -> None:
    assert written_at(head(date="Sat, 21 Nov 2026 10:00:00 +0000")) == 1_795_255_200_000
    for date in ("", "yesterday", "Sat, 21 Foo 2026 10:00:00 +0000", "1" * 100, "Thu, 1 Jan 1970 00:00:00 +0000"):
        assert written_at(head(date=date)) == 0


letters = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), max_size=3)), min_size=1, max_size=12
)


@given(letters)
def test_the_groups_are_what_naming_each_other_makes_of_them(written: list[tuple[str, list[str]]]) -> None:
    found = groups(*(head(f"<{own}@x>", references=" ".join(f"<{n}@x>" for n in named)) for own, named in written))
    assert sorted(number for group in found for number in group) == list(range(len(written)))
    names = [{own, *named} for own, named in written]
    for group in found:
        outside = set().union(*(names[n] for other in found if other is not group for n in other), set())
        assert outside.isdisjoint(set().union(*(names[n] for n in group)))
