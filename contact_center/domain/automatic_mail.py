"""Whether the hub may write to somebody by itself: what keeps machines from writing to each other for ever.

Headers say that a message is automatic (RFC 3834), and programs between two machines lose headers. So what is counted
here needs none: how often we wrote by ourselves to the address, to its domain, about the case, to whoever said the
same or answered the same, and to everybody.
"""

from __future__ import annotations

from dataclasses import dataclass

from contact_center.domain.time import DAY, HOUR, Moment


@dataclass(frozen=True, slots=True)
class Caps:
    """``per_address_ms``: to one address at most once in this time."""

    per_address_ms: Moment = DAY
    per_case_ms: Moment = DAY
    same_words_ms: Moment = DAY
    per_domain_hour: int = 60
    per_hour: int = 200


@dataclass(frozen=True, slots=True)
class Written:
    """What the hub wrote by itself within the time that counts for each: see :class:`Caps`."""

    to_address: int = 0
    to_domain: int = 0
    in_case: int = 0
    to_same_words: int = 0
    to_anybody: int = 0


DOMAIN_MS = ANYBODY_MS = HOUR
STOPPED = "stopped"
"""Too many go out altogether: somebody must look."""


def why_not(written: Written, caps: Caps) -> str:
    """Why nothing may be written now (``stopped | address | case | words | domain``); empty if it may."""
    if written.to_anybody >= caps.per_hour:
        return STOPPED
    if written.to_address:
        return "address"
    if written.in_case:
        return "case"
    if written.to_same_words:
        return "words"
    return "domain" if written.to_domain >= caps.per_domain_hour else ""


def domain_of(address: str) -> str:
    return address.rpartition("@")[2].lower()
