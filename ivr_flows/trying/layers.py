"""Places the boxes of a directed graph in columns, so that the lines between them are short and cross little.

After Sugiyama, Tagawa, Toda (1981): columns by longest path, lines over several columns through a place of their own
in each, orders by barycentre, heights by least squares. The same graph always gives the same picture."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple, TypeAlias

SWEEPS = 16
LANE = 11.0
"""How far below a box a line passes that leads back."""

MOST_PLACES = 20_000
"""How many places lines pass through together; beyond that they go straight instead of round what is between."""


class Box(NamedTuple):
    """``entry`` is how far below its top lines arrive."""

    height: float
    entry: float


class Line(NamedTuple):
    """From a box, ``leaves`` below its top, to another (or the same)."""

    source: str
    leaves: float
    target: str


Spot: TypeAlias = tuple[str, str, int]
"""What has a place in a column: a box ("box", name, its column), or a line that passes through on its way to a
target ("on", target, column), or back to one ("back", target, column)."""


@dataclass(slots=True)
class Placed:
    """``columns`` and ``tops`` by box. A route is, for each line, the heights at which it passes the columns that lie
    between its box and its target, in the order in which it passes them. ``backward`` says which lines lead back:
    they go below their own box and below their target."""

    columns: dict[str, int]
    tops: dict[str, float]
    routes: list[list[tuple[int, float]]]
    backward: list[bool]
    depth: int = 0
    bottom: float = 0.0
    width: dict[int, int] = field(default_factory=dict)


class _Link(NamedTuple):
    """Between neighbouring columns, from left to right."""

    left: Spot
    leaves: float
    right: Spot
    arrives: float


def place(boxes: Mapping[str, Box], lines: Sequence[Line], starts: Sequence[str], gap: float = 22.0) -> Placed:
    """Where everything goes. Boxes that no line from one of the ``starts`` reaches are placed too."""
    backward = _backward(boxes, lines, starts)
    columns = _columns(boxes, lines, backward)
    chains = _chains(lines, columns, backward)
    links = _links(boxes, lines, columns, chains, backward)
    order = _first_order(boxes, columns, links, starts)
    order = _fewest_crossings(order, links)
    tops = _heights(order, boxes, links, gap)
    lowest = min(tops.values(), default=0.0)
    tops = {spot: top - lowest for spot, top in tops.items()}
    routes = [[(spot[2], tops[spot]) for spot in chain] for chain in chains]
    found = {name: tops["box", name, column] for name, column in columns.items()}
    bottom = max((top + (boxes[s[1]].height if s[0] == "box" else 0) for s, top in tops.items()), default=0.0)
    width = {column: len(spots) for column, spots in enumerate(order)}
    return Placed(columns, found, routes, backward, len(order), bottom, width)


# --- columns ---------------------------------------------------------------------------------------------------


def _backward(boxes: Mapping[str, Box], lines: Sequence[Line], starts: Sequence[str]) -> list[bool]:
    """The lines that lead back: without them nothing goes round. First those that lead to a box that every way to
    them has passed: a menu that is heard again. Among boxes that still lead to each other, then, those that don't
    lead further from the start, counted in boxes, or down in the order of ``boxes``."""
    out: dict[str, list[str]] = {name: [] for name in boxes}
    for line in lines:
        out[line.source].append(line.target)
    above = _dominators(out, starts)
    again = [line.target in _upwards(above, line.source) for line in lines]
    for line, back in zip(lines, again, strict=True):
        if back:
            out[line.source].remove(line.target)
    far = _distances(out, starts)
    at = {name: (far.get(name, len(boxes)), number) for number, name in enumerate(boxes)}
    group = _groups(out)
    return [
        back or (group[line.source] == group[line.target] and at[line.target] <= at[line.source])
        for line, back in zip(lines, again, strict=True)
    ]


def _upwards(above: Mapping[str, str], name: str) -> Iterator[str]:
    """The box, and every one that all ways to it have passed."""
    while name:
        yield name
        name = above.get(name, "")


def _dominators(out: Mapping[str, Sequence[str]], starts: Sequence[str]) -> dict[str, str]:
    """For each box the last one that every way to it passes, empty for none (Cooper, Harvey and Kennedy, 2001)."""
    order = _left_in_order({**out, "": list(starts)}, "")[::-1]
    number = {name: n for n, name in enumerate(order)}
    into: dict[str, list[str]] = {name: [] for name in order}
    for name in order:
        for target in out.get(name, starts if not name else ()):
            into[target].append(name)
    above = {"": ""}
    moved = True
    while moved:
        moved = False
        for name in order[1:]:
            known = [before for before in into[name] if before in above]
            common = known[0]
            for other in known[1:]:
                while common != other:
                    if number[common] > number[other]:
                        common = above[common]
                    else:
                        other = above[other]
            if above.get(name, name) != common:
                above[name], moved = common, True
    return above


def _left_in_order(out: Mapping[str, Sequence[str]], root: str) -> list[str]:
    """What ``root`` leads to, and itself, in the order in which a walk in depth leaves them."""
    left: list[str] = []
    seen = {root}
    way = [(root, iter(out[root]))]
    while way:
        name, ahead = way[-1]
        fresh = next((target for target in ahead if target not in seen), None)
        if fresh is None:
            left.append(name)
            way.pop()
        else:
            seen.add(fresh)
            way.append((fresh, iter(out[fresh])))
    return left


def _distances(out: Mapping[str, Sequence[str]], starts: Sequence[str]) -> dict[str, int]:
    far = dict.fromkeys(starts, 0)
    ahead = list(far)
    for name in ahead:
        for target in out[name]:
            if target not in far:
                far[target] = far[name] + 1
                ahead.append(target)
    return far


def _groups(out: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Boxes that lead to each other have one number (Kosaraju's algorithm)."""
    into: dict[str, list[str]] = {name: [] for name in out}
    for name, targets in out.items():
        for target in targets:
            into[target].append(name)
    left = _left_in_order({**out, "": list(out)}, "")[:-1]
    group: dict[str, int] = {}
    for number, root in enumerate(reversed(left)):
        found = [] if root in group else [root]
        while found:
            name = found.pop()
            if name not in group:
                group[name] = number
                found += into[name]
    return group


def _columns(boxes: Mapping[str, Box], lines: Sequence[Line], backward: Sequence[bool]) -> dict[str, int]:
    ahead = [line for line, back in zip(lines, backward, strict=True) if not back]
    out: dict[str, list[str]] = {name: [] for name in boxes}
    into = dict.fromkeys(boxes, 0)
    for line in ahead:
        out[line.source].append(line.target)
        into[line.target] += 1
    columns = dict.fromkeys(boxes, 0)
    ready = [name for name, count in into.items() if not count]
    for name in ready:
        for target in out[name]:
            columns[target] = max(columns[target], columns[name] + 1)
            into[target] -= 1
            if not into[target]:
                ready.append(target)
    return columns


def _chains(lines: Sequence[Line], columns: Mapping[str, int], backward: Sequence[bool]) -> list[list[Spot]]:
    """The places that each line passes through. Lines with one target share them, like roads to one town."""
    chains: list[list[Spot]] = []
    used: set[Spot] = set()
    passed = 0
    for line, back in zip(lines, backward, strict=True):
        source, target = columns[line.source], columns[line.target]
        if back:
            chain: list[Spot] = [("back", line.target, column) for column in range(source - 1, target, -1)]
        else:
            chain = [("on", line.target, column) for column in range(source + 1, target)]
        passed += len(chain)
        if passed > MOST_PLACES and not used.issuperset(chain):
            chain = []
        used.update(chain)
        chains.append(chain)
    return chains


def _links(
    boxes: Mapping[str, Box],
    lines: Sequence[Line],
    columns: Mapping[str, int],
    chains: Sequence[Sequence[Spot]],
    backward: Sequence[bool],
) -> list[_Link]:
    """What lies between neighbouring columns."""
    links: dict[_Link, None] = {}
    for line, chain, back in zip(lines, chains, backward, strict=True):
        source: Spot = ("box", line.source, columns[line.source])
        target: Spot = ("box", line.target, columns[line.target])
        entry = boxes[line.target].entry
        if back:
            under, over = boxes[line.source].height + LANE, boxes[line.target].height + LANE
            for right, left in pairwise([source, *chain, target] if chain else []):
                leaves, arrives = over if left is target else 0.0, under if right is source else 0.0
                links[_Link(left, leaves, right, arrives)] = None
            continue
        if not chain and target[2] != source[2] + 1:
            continue
        way = [source, *chain, target]
        for left, right in pairwise(way):
            leaves = line.leaves if left is source else 0.0
            links[_Link(left, leaves, right, entry if right is target else 0.0)] = None
    return list(links)


# --- orders ----------------------------------------------------------------------------------------------------


def _first_order(
    boxes: Mapping[str, Box], columns: Mapping[str, int], links: Sequence[_Link], starts: Sequence[str]
) -> list[list[Spot]]:
    """As the boxes are met going on from the start, the upper exits first."""
    depth = max(columns.values(), default=0) + 1
    order: list[list[Spot]] = [[] for _ in range(depth)]
    out: dict[Spot, list[tuple[float, Spot]]] = {}
    spots: dict[Spot, None] = {("box", name, columns[name]): None for name in (*starts, *boxes)}
    for link in links:
        out.setdefault(link.left, []).append((link.leaves, link.right))
        spots[link.left] = spots[link.right] = None
    seen: set[Spot] = set()
    for root in spots:
        ahead = [root]
        while ahead:
            spot = ahead.pop()
            if spot in seen:
                continue
            seen.add(spot)
            order[spot[2]].append(spot)
            ahead += [right for _, right in sorted(out.get(spot, ()), key=lambda each: -each[0])]
    return order


def _fewest_crossings(order: list[list[Spot]], links: Sequence[_Link]) -> list[list[Spot]]:
    gaps: list[list[_Link]] = [[] for _ in order]
    for link in links:
        gaps[link.left[2]].append(link)
    best, fewest = [list(column) for column in order], _crossings(order, gaps)
    sweeps = SWEEPS if sum(map(len, order)) < 3_000 else 4
    for sweep in range(sweeps):
        if not fewest:
            break
        numbers = range(1, len(order)) if sweep % 2 == 0 else range(len(order) - 2, -1, -1)
        for column in numbers:
            order[column] = _sorted(order, column, gaps, sweep % 2 == 0)
        count = _crossings(order, gaps)
        if count < fewest:
            best, fewest = [list(column) for column in order], count
    return best


def _sorted(order: list[list[Spot]], column: int, gaps: Sequence[Sequence[_Link]], from_left: bool) -> list[Spot]:
    beside = order[column - 1] if from_left else order[column + 1]
    at = {spot: number for number, spot in enumerate(beside)}
    pulls: dict[Spot, list[float]] = {}
    for link in gaps[column - 1] if from_left else gaps[column]:
        here, there = (link.right, link.left) if from_left else (link.left, link.right)
        leaves = link.leaves if from_left else link.arrives
        pulls.setdefault(here, []).append(at[there] + leaves / 1_000)
    now = {spot: number for number, spot in enumerate(order[column])}

    def centre(spot: Spot) -> float:
        found = pulls.get(spot)
        return sum(found) / len(found) if found else float(now[spot])

    return sorted(order[column], key=lambda spot: (centre(spot), now[spot]))


def _crossings(order: Sequence[Sequence[Spot]], gaps: Sequence[Sequence[_Link]]) -> int:
    count = 0
    for column, gap in enumerate(gaps):
        if not gap:
            continue
        left = {spot: number for number, spot in enumerate(order[column])}
        right = {spot: number for number, spot in enumerate(order[column + 1])}
        ends = sorted((left[k.left], k.leaves, right[k.right], k.arrives) for k in gap)
        passed: list[tuple[int, float]] = []
        for _, _, number, arrives in ends:
            count += len(passed) - bisect_left(passed, (number, arrives + 0.001))
            insort(passed, (number, arrives))
    return count


# --- heights ---------------------------------------------------------------------------------------------------


def _heights(
    order: Sequence[Sequence[Spot]], boxes: Mapping[str, Box], links: Sequence[_Link], gap: float
) -> dict[Spot, float]:
    """Tops that make the lines as level as the order allows: each column's are the least squares' (pooled where
    they would overlap), against the columns beside it, swept to and fro."""
    tops: dict[Spot, float] = {}
    for column in order:
        top = 0.0
        for spot in column:
            tops[spot] = top
            top += _height(spot, boxes) + _between(spot, gap)
    pulls: dict[Spot, list[tuple[Spot, float, float]]] = {}
    for link in links:
        weight = 4.0 if link.left[0] != "box" and link.right[0] != "box" else 1.0
        pulls.setdefault(link.left, []).append((link.right, link.arrives - link.leaves, weight))
        pulls.setdefault(link.right, []).append((link.left, link.leaves - link.arrives, weight))
    for sweep in range(SWEEPS):
        numbers = range(len(order)) if sweep % 2 == 0 else range(len(order) - 1, -1, -1)
        beside = -1 if sweep % 2 == 0 else 1
        both = sweep >= SWEEPS - 4
        for number in numbers:
            wanted = []
            for spot in order[number]:
                near = [each for each in pulls.get(spot, ()) if both or each[0][2] == number + beside]
                whole = sum(weight for _, _, weight in near)
                at = sum((tops[other] + off) * weight for other, off, weight in near) / whole if near else tops[spot]
                wanted.append((at, whole or 0.1))
            sizes = [_height(spot, boxes) + _between(spot, gap) for spot in order[number]]
            for spot, top in zip(order[number], _pooled(wanted, sizes), strict=True):
                tops[spot] = top
    return tops


def _height(spot: Spot, boxes: Mapping[str, Box]) -> float:
    return boxes[spot[1]].height if spot[0] == "box" else 0.0


def _between(spot: Spot, gap: float) -> float:
    return gap if spot[0] == "box" else gap * 0.7


def _pooled(wanted: Sequence[tuple[float, float]], sizes: Sequence[float]) -> list[float]:
    """The tops nearest to those wanted (with weights) so that each begins where the one above has ended."""
    pools: list[list[float]] = []  # where the pool would begin, its weight, how many it holds
    passed = 0.0
    for (at, weight), size in zip(wanted, sizes, strict=True):
        pools.append([at - passed, weight, 1])
        passed += size
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            at_last, weight_last, count = pools.pop()
            last = pools[-1]
            last[0] = (last[0] * last[1] + at_last * weight_last) / (last[1] + weight_last)
            last[1] += weight_last
            last[2] += count
    tops: list[float] = []
    passed = 0.0
    begins = [at for at, _, count in pools for _ in range(int(count))]
    for begin, size in zip(begins, sizes, strict=True):
        tops.append(begin + passed)
        passed += size
    return tops
