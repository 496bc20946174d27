"""The numbers, addresses and handles that people are reached at, in one canonical form each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import phonenumbers

Kind = Literal["phone", "email", "visitor", "other"]

_MAX = 320  # RFC 5321 4.5.3.1: 64 (local part) + 1 + 255 (domain)
_ADDRESS = re.compile(r"[^\s@<>\x00-\x1f]{1,64}@[^\s@<>\x00-\x1f]{1,255}")


@dataclass(frozen=True, slots=True)
class ContactPoint:
    """One way to reach somebody.

    ``kind`` is ``phone`` (value in E.164, ``+8613800138000``), ``email`` (domain in lower case), ``visitor``
    (a web chat visitor's handle) or ``other`` (whatever the outside world wrote: a short code, an alphanumeric
    sender, ``anonymous``). ``other`` never identifies a customer.
    """

    kind: Kind
    value: str

    @property
    def identifies(self) -> bool:
        return self.kind != "other" and bool(self.value)


@lru_cache(maxsize=8_192)
def phone(raw: str, region: str | None = None) -> ContactPoint:
    """``raw`` as a telephone number, or as ``other`` where it is none. ``region`` helps with national formats.

    Anonymous callers arrive as words or as numbers that spell them (+266696687 is ANONYMOUS); Twilio documents
    both, and neither is a person.
    """
    text = raw.strip()[:64]
    digits = text.lstrip("+")
    if not digits or digits in {"266696687", "7378742833", "2562533", "8566696287464", "86282452253"}:
        return ContactPoint("other", "anonymous")
    if any(c.isalpha() for c in text):
        return ContactPoint("other", text)
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return ContactPoint("other", text)
    if not phonenumbers.is_possible_number(number):
        return ContactPoint("other", text)
    return ContactPoint("phone", phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def email(raw: str) -> ContactPoint:
    """``raw`` (a bare addr-spec) as an e-mail address; ``other`` where it is not exactly one.

    The local part is compared without case too: RFC 5321 lets a host tell ``A@x`` from ``a@x``, no host that
    people use does, and keeping them apart splits one person into two.
    """
    text = raw.strip()
    if len(text) > _MAX or not _ADDRESS.fullmatch(text):
        return ContactPoint("other", text[:_MAX])
    return ContactPoint("email", text.lower())


def visitor(handle: str) -> ContactPoint:
    """A web chat visitor, by the handle that the widget keeps. It proves nothing about who they are."""
    return ContactPoint("visitor", handle[:128])
