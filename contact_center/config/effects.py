"""What another policy would mean for those who wait now, in words."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

from routing import Engine, Policy, Seat, Waiting
from routing.needs import Need, meets


def on_those_waiting(
    waits: Sequence[Waiting], seats: tuple[Sequence[Seat], Sequence[Seat]], policies: tuple[Policy, Policy]
) -> list[str]:
    """Sentences about each queue in which somebody waits and is concerned; ``seats`` and ``policies`` are those in
    force and those that would be."""
    before, after = policies
    stranded = _by_queue(waits, _never(seats[1], after))
    already = _by_queue(waits, _never(seats[0], before))
    asked = _by_queue(waits, lambda waiting: before.queue(waiting.queue).need != after.queue(waiting.queue).need)
    moved = _moved(waits, before, after)
    told = []
    for queue in sorted({waiting.queue for waiting in waits}):
        if stranded[queue] and stranded[queue] != already[queue]:
            now = f" (now: {already[queue]})" if already[queue] else ""
            told.append(f"{_cases(stranded[queue])} in {queue} would have nobody who could take them{now}")
        if already[queue] and not stranded[queue]:
            told.append(f"{_cases(already[queue])} in {queue} whom nobody could take would have somebody who can")
        if asked[queue]:
            told.append(f"{_cases(asked[queue])} in {queue} would ask something else of agents")
        if moved[queue]:
            told.append(f"{_cases(moved[queue])} in {queue} would have another place")
    return told


def _cases(count: int) -> str:
    return f"{count} waiting case{'' if count == 1 else 's'}"


def _by_queue(waits: Iterable[Waiting], is_so: Callable[[Waiting], bool]) -> Counter[str]:
    return Counter(waiting.queue for waiting in waits if is_so(waiting))


def _never(seats: Sequence[Seat], policy: Policy) -> Callable[[Waiting], bool]:
    """Whether nobody of these, present or not, could ever take a case, however long it waits."""
    members: dict[str, list[Seat]] = defaultdict(list)
    for seat in seats:
        for queue in seat.queues:
            members[queue].append(seat)
    known = {seat.agent_id: seat for seat in seats}

    def never(waiting: Waiting) -> bool:
        if waiting.only_agent:
            return waiting.only_agent not in known
        wanted = policy.queue(waiting.queue)
        asked: list[tuple[Need, Mapping[str, int], frozenset[str]]] = [(wanted.need, {}, frozenset())]
        asked += [
            (wanted.need if step.need is None else step.need, step.skills, step.queues) for step in wanted.relax
        ]
        return not any(
            _could(seat, waiting, need, lowered)
            for need, lowered, queues in asked
            for queue in (waiting.queue, *queues)
            for seat in members.get(queue, ())
        )

    return _remembered(never)


def _remembered(never: Callable[[Waiting], bool]) -> Callable[[Waiting], bool]:
    """The same for all who wait for the same: worked out once."""
    known: dict[Hashable, bool] = {}

    def asked(waiting: Waiting) -> bool:
        kind = (waiting.queue, waiting.medium, tuple(sorted(waiting.skills.items())), waiting.only_agent)
        if kind not in known:
            known[kind] = never(waiting)
        return known[kind]

    return asked


def _could(seat: Seat, waiting: Waiting, need: Need, lowered: Mapping[str, int]) -> bool:
    if not seat.capacity.get(waiting.medium, 0) or not meets(seat.agent_id, seat.skills, need):
        return False
    return all(
        seat.skills.get(skill, 0) >= min(level, lowered.get(skill, level)) for skill, level in waiting.skills.items()
    )


def _moved(waits: Sequence[Waiting], before: Policy, after: Policy) -> Counter[str]:
    """How many of each queue would stand at another place in it."""
    was, becomes = _places(waits, before), _places(waits, after)
    return Counter(
        queue
        for queue, order in was.items()
        for one, other in zip(order, becomes.get(queue, ()), strict=True)
        if one != other
    )


def _places(waits: Sequence[Waiting], policy: Policy) -> dict[str, list[str]]:
    engine = Engine(policy)
    for waiting in waits:
        engine.put_waiting(waiting)
    order: dict[str, list[str]] = defaultdict(list)
    for waiting in engine.waiting():
        order[waiting.queue].append(waiting.interaction_id)
    return order


def seat_of(
    agent_id: str, name: str, queues: Iterable[str], skills: Mapping[str, int], capacity: Mapping[Any, int]
) -> Seat:
    """Somebody as the configuration would have them, with nothing in hand."""
    return Seat(agent_id, name, frozenset(queues), skills, capacity)
