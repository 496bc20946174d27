"""The order in which agents' turns come, kept so that the first of any set of them is found quickly."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from routing.seats import Place

_MOST = 256


class Block(NamedTuple):
    """A run of places in order, and the bits of those who stand there."""

    places: tuple[Place, ...]
    mask: int


Blocks: TypeAlias = tuple[Block, ...]


class Order:
    """Agents in the order least loaded, then longest idle, then id. ``blocks`` is replaced on every change
    and may be kept. Finding the first of a set looks at one mask per block of at most 256 agents, whoever
    happens to stand at the front."""

    __slots__ = ("_lasts", "blocks")

    def __init__(self) -> None:
        self.blocks: Blocks = ()
        self._lasts: list[Place] = []

    def add(self, place: Place) -> None:
        if not self.blocks:
            self._put(0, 0, (Block((place,), 1 << place[3]),))
            return
        at = min(bisect_left(self._lasts, place), len(self.blocks) - 1)
        block = self.blocks[at]
        here = bisect_left(block.places, place)
        places = (*block.places[:here], place, *block.places[here:])
        if len(places) <= _MOST:
            self._put(at, at + 1, (Block(places, block.mask | 1 << place[3]),))
        else:
            half = len(places) // 2
            self._put(at, at + 1, (block_of(places[:half]), block_of(places[half:])))

    def remove(self, place: Place) -> None:
        """``place`` must be there."""
        at = bisect_left(self._lasts, place)
        block = self.blocks[at]
        here = bisect_left(block.places, place)
        places = block.places[:here] + block.places[here + 1 :]
        self._put(at, at + 1, (Block(places, block.mask ^ 1 << place[3]),) if places else ())

    def _put(self, start: int, end: int, blocks: Blocks) -> None:
        self.blocks = self.blocks[:start] + blocks + self.blocks[end:]
        self._lasts[start:end] = [block.places[-1] for block in blocks]


def block_of(places: tuple[Place, ...]) -> Block:
    """``places``, which are in order, as one block."""
    mask = 0
    for place in places:
        mask |= 1 << place[3]
    return Block(places, mask)


def in_turn(blocks: Blocks, mask: int) -> Iterator[int]:
    """The slots of ``mask`` that stand in ``blocks``, in their order."""
    for block in blocks:
        hits = mask & block.mask
        if not hits:
            continue
        if hits & (hits - 1) == 0:
            yield hits.bit_length() - 1
            continue
        bits = hits.to_bytes((block.mask.bit_length() + 7) >> 3, "little")
        for place in block.places:
            slot = place[3]
            if bits[slot >> 3] >> (slot & 7) & 1:
                yield slot
