"""How fast letters leave for each domain."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from contact_center.delivery.pace import LATEST_MS, Pace
from contact_center.domain.time import MINUTE, SECOND
from contact_center.storage.outbox import Candidate

T0 = 1_790_000_000_000


def due(*addresses: str) -> list[Candidate]:
    return [Candidate(f"{number}:{address}", address) for number, address in enumerate(addresses)]


def test_so_many_a_minute_leave_and_the_rest_have_their_turns() -> None:
    pace = Pace()
    go, later = pace.sort(due(*["a@x.example"] * 7), T0, 32, per_minute=3, at_once=32)
    assert len(go) == 3
    assert sorted(later.values()) == [T0 + MINUTE] * 3 + [T0 + 2 * MINUTE]


def test_a_turn_that_was_promised_is_kept() -> None:
    pace = Pace()
    letters = due(*["a@x.example"] * 4)
    go, later = pace.sort(letters, T0, 32, per_minute=2, at_once=32)
    waiting = [each for each in letters if each.outbox_id in later]
    for row in go:
        pace.ended(row)
    go, later = pace.sort(waiting, T0 + MINUTE, 32, per_minute=2, at_once=32)
    assert go == [each.outbox_id for each in waiting]
    assert later == {}


def test_so_many_are_under_way_at_a_time_and_other_domains_go_on() -> None:
    pace = Pace()
    letters = [*due(*["a@slow.example"] * 5), Candidate("quick", "b@quick.example"), Candidate("call", "")]
    go, later = pace.sort(letters, T0, 32, per_minute=100, at_once=2)
    assert go[-2:] == ["quick", "call"]
    assert (len(go), len(later)) == (4, 3)
    assert all(T0 < moment <= T0 + LATEST_MS for moment in later.values())
    pace.ended(go[0])
    again, _ = pace.sort([each for each in letters if each.outbox_id in later], T0 + SECOND, 32, 100, at_once=2)
    assert len(again) == 1


def test_few_large_letters_are_in_memory_at_a_time() -> None:
    pace = Pace()
    letters = [Candidate(str(n), f"a@d{n}.example", 20 * 1_048_576) for n in range(6)]
    small = Candidate("small", "b@small.example", 1_000)
    go, later = pace.sort([*letters, small], T0, 32, per_minute=9, at_once=9)
    assert (go, sorted(later)) == (["0", "1", "2", "3", "small"], ["4", "5"])
    pace.ended("0")
    assert pace.sort(letters[4:], T0 + MINUTE, 32, per_minute=9, at_once=9)[0] == ["4"]


def test_what_has_no_room_now_is_left_as_it_is() -> None:
    go, later = Pace().sort(due("a@x.example", "b@y.example", ""), T0, 2, per_minute=9, at_once=9)
    assert (len(go), later) == (2, {})


@given(
    st.lists(st.sampled_from(["a@x.example", "b@y.example", "c@X.example", ""]), max_size=60),
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(1, 40),
)
def test_nothing_is_sent_too_fast_and_everything_is_sent(
    addresses: list[str], per_minute: int, at_once: int, room: int
) -> None:
    pace, now = Pace(), T0
    waiting = {each.outbox_id: (now, each) for each in due(*addresses)}
    sent: list[tuple[int, str]] = []
    for _ in range(1_000):
        if not waiting:
            break
        ready = [each for at, each in waiting.values() if at <= now]
        go, later = pace.sort(ready, now, room, per_minute, at_once)
        domains = [waiting[row][1].address.rpartition("@")[2].lower() for row in go]
        assert len(go) <= room
        assert all(domains.count(domain) <= at_once for domain in domains if domain)
        for row in go:
            sent.append((now, waiting.pop(row)[1].address.rpartition("@")[2].lower()))
            pace.ended(row)
        for row, moment in later.items():
            assert moment > now
            waiting[row] = (moment, waiting[row][1])
        now = max(now, min((at for at, _ in waiting.values()), default=now))
    assert waiting == {}
    for domain in ("x.example", "y.example"):
        moments = [at for at, to in sent if to == domain]
        for number, at in enumerate(moments[per_minute:]):
            assert at - moments[number] >= MINUTE
