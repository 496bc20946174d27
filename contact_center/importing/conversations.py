"""Puts letters that answer one another together, by what their headers say, in the order that they were written.

It holds some hundred bytes for each letter, however long the letters are. What it puts together is a proposal:
whether its letters are one customer's is for :mod:`history` to say.
"""

from __future__ import annotations

import calendar
import re
from array import array
from collections.abc import Iterator
from email.utils import parsedate_tz
from hashlib import blake2b

from contact_center.domain.time import SECOND, Moment
from contact_center.importing.archives import field

_ID = re.compile(rb"<([^<>\s]{1,900})>")
_MOST_IDS = 50


class Conversations:
    """Letters by number, from 0. :meth:`add` them all, then ask for :meth:`groups`."""

    def __init__(self) -> None:
        self._parent = array("q")
        self._written_at = array("q")
        self._of_id: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._parent)

    def add(self, head: bytes) -> int:
        """The letter's number. Every letter that names one of the same ids is of the same conversation."""
        number = len(self._parent)
        self._parent.append(number)
        self._written_at.append(written_at(head))
        named = (field(head, name) for name in (b"message-id", b"in-reply-to", b"references"))
        for message_id in _ID.findall(b" ".join(named))[:_MOST_IDS]:
            key = int.from_bytes(blake2b(message_id, digest_size=8).digest(), "big")
            self._join(number, self._of_id.setdefault(key, number))
        return number

    def groups(self) -> Iterator[list[int]]:
        """The conversations, by their first letter's number; in each, the letters in the order of their dates."""
        together: dict[int, list[int]] = {}
        for number in range(len(self._parent)):
            together.setdefault(self._first(number), []).append(number)
        for numbers in together.values():
            yield sorted(numbers, key=lambda number: (self._written_at[number], number))

    def written_at(self, number: int) -> Moment:
        return self._written_at[number]

    def _first(self, number: int) -> int:
        while self._parent[number] != number:
            self._parent[number] = self._parent[self._parent[number]]
            number = self._parent[number]
        return number

    def _join(self, one: int, other: int) -> None:
        one, other = self._first(one), self._first(other)
        self._parent[max(one, other)] = min(one, other)


def written_at(head: bytes) -> Moment:
    """The moment of the Date header; 0 where there is none that makes sense."""
    try:
        parts = parsedate_tz(field(head, b"date")[:100].decode("ascii", "replace"))
        moment = (calendar.timegm((*parts[:6], 0, 1, 0)) - (parts[9] or 0)) * SECOND if parts else 0
    except (ValueError, IndexError, TypeError, OverflowError):
        return 0
    return moment if 0 < moment < 2**60 else 0
