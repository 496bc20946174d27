"""Which numbers may be called, how often and for how long: one policy for agents, flows and callbacks.

Calls cost money, and whoever can make us dial can spend it (toll fraud, call pumping). So a number is dialled
only if its country and kind are allowed and no cap is reached; whoever asked has no say in it. Caller ID proves
nothing, hence a callback to the number that is shown is under the same caps.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import phonenumbers

from contact_center.domain.time import HOUR, Millis

Kind = Literal[
    "fixed_line",
    "mobile",
    "fixed_line_or_mobile",
    "toll_free",
    "premium_rate",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
    "unknown",
]
_KINDS: dict[int, Kind] = {
    phonenumbers.PhoneNumberType.FIXED_LINE: "fixed_line",
    phonenumbers.PhoneNumberType.MOBILE: "mobile",
    phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE: "fixed_line_or_mobile",
    phonenumbers.PhoneNumberType.TOLL_FREE: "toll_free",
    phonenumbers.PhoneNumberType.PREMIUM_RATE: "premium_rate",
    phonenumbers.PhoneNumberType.SHARED_COST: "shared_cost",
    phonenumbers.PhoneNumberType.VOIP: "voip",
    phonenumbers.PhoneNumberType.PERSONAL_NUMBER: "personal_number",
    phonenumbers.PhoneNumberType.PAGER: "pager",
    phonenumbers.PhoneNumberType.UAN: "uan",
    phonenumbers.PhoneNumberType.VOICEMAIL: "voicemail",
}
ORDINARY: frozenset[Kind] = frozenset({"fixed_line", "mobile", "fixed_line_or_mobile", "toll_free", "voip"})

Why = Literal["not_a_number", "country", "kind", "number_cap", "caller_cap", "hour_cap", "short_number"]


@dataclass(frozen=True, slots=True)
class DiallingPolicy:
    """``countries`` are ISO 3166 codes; none means that nothing outside ``numbers`` may be called. ``numbers``
    (E.164) are allowed whatever their country and kind are, within the caps. Caps of 0 allow nothing."""

    countries: frozenset[str] = frozenset()
    kinds: frozenset[Kind] = ORDINARY
    numbers: frozenset[str] = frozenset()
    per_number_day: int = 10
    per_caller_day: int = 20
    per_hour: int = 300
    longest_ms: Millis = 2 * HOUR


@dataclass(frozen=True, slots=True)
class Dialled:
    """What was dialled already: this number in the last 24 hours, on behalf of this caller or agent in the last 24
    hours, and all in the last hour."""

    number_day: int = 0
    caller_day: int = 0
    hour: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """``number`` is in E.164 where it is one; ``why`` is empty if it may be called."""

    number: str
    why: Why | Literal[""] = ""
    values: dict[str, str | int] = field(default_factory=dict)

    @property
    def allowed(self) -> bool:
        return not self.why

    @property
    def words(self) -> str:
        return _WORDS[self.why].format(number=self.number, **self.values) if self.why else ""


_WORDS: dict[str, str] = {
    "not_a_number": "That is no telephone number in the international form, such as +4930123456.",
    "short_number": "Short and emergency numbers are not called from here.",
    "country": "Calls to {country} are not allowed here.",
    "kind": "Calls to numbers of this kind ({kind}) are not allowed here.",
    "number_cap": "{number} has been called {most} times in the last 24 hours: that is the most.",
    "caller_cap": "The most calls in 24 hours ({most}) have been made on this behalf.",
    "hour_cap": "The most calls in one hour ({most}) have been made.",
}


def number_of(raw: str) -> str:
    """``raw`` in E.164; empty unless it is written exactly as a number in the international form: no letters, no
    extension, no parameters, no digits of other scripts."""
    text = raw.strip()
    if not text.startswith("+") or len(text) > 24:
        return ""
    if not all(c in "0123456789 -().+" for c in text) or text.count("+") != 1:
        return ""
    try:
        parsed = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_valid_number(parsed):
        return ""
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def judge(raw: str, policy: DiallingPolicy, dialled: Dialled) -> Verdict:
    """Whether ``raw`` may be called now."""
    number = number_of(raw)
    if not number:
        plus = raw.strip()
        if plus in policy.numbers:  # an extension of the house, an operator's own short number
            number = plus
        else:
            return Verdict(raw[:32], "not_a_number")
    if number not in policy.numbers:
        parsed = phonenumbers.parse(number)
        country = phonenumbers.region_code_for_number(parsed) or "001"
        if country not in policy.countries:
            return Verdict(number, "country", {"country": country})
        kind = _KINDS.get(phonenumbers.number_type(parsed), "unknown")
        if kind not in policy.kinds:
            return Verdict(number, "kind", {"kind": kind})
    if dialled.number_day >= policy.per_number_day:
        return Verdict(number, "number_cap", {"most": policy.per_number_day})
    if dialled.caller_day >= policy.per_caller_day:
        return Verdict(number, "caller_cap", {"most": policy.per_caller_day})
    if dialled.hour >= policy.per_hour:
        return Verdict(number, "hour_cap", {"most": policy.per_hour})
    return Verdict(number)
