"""What was measured, as a page of text: for whoever decides what recognition may decide."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from contact_center.recognition.measuring import Bin, Measured
from contact_center.recognition.model import NONE
from contact_center.recognition.overruling import overruled_from
from contact_center.recognition.policy import Intent, Rules, standing

BAR = 40
HINDRANCES = {
    "": "decides",
    "not_asked": "is not asked to decide",
    "never_measured": "no held-out case was about it",
    "too_few": "right often enough, but in too few cases to prove it",
    "too_often_wrong": "wrong too often",
}


def lines(rules: Rules, measured: Measured) -> Iterator[str]:
    """The measurements under the house's rules."""
    yield from _of_intents(rules, measured)
    if measured.overruled:
        yield ""
        yield from _of_languages(rules, measured)


def _of_languages(rules: Rules, measured: Measured) -> Iterator[str]:
    """Where the house's own words say another language than letters do."""
    yield "Languages that people put right: of held-out cases, where the house's words overrule letters"
    yield "            said  named  right  proven"
    for each in overruled_from(measured.overruled):
        may = "overrules" if each.at_least >= rules.bar else "does not overrule yet"
        yield f"  {each.language:8}{each.said:6}{each.named:7}{each.right:7}{each.at_least:8.1%}   {may}"


def _of_intents(rules: Rules, measured: Measured) -> Iterator[str]:
    if measured.left_out:
        few = ", ".join(f"{_name(intent)} ({count})" for intent, count in measured.left_out.items())
        yield f"Too few cases to learn from: {few}."
    if not measured.asked:
        yield "Nothing was measured."
        return
    yield f"{len(measured.asked)} cases, each asked of a model that had not seen its customer:"
    yield (
        f"  {measured.accuracy:.1%} right at all; confidence and truth lie {measured.ece:.1%} apart on the mean "
        f"(before it was calibrated: {measured.ece_before:.1%})."
    )
    for what, threshold in (("is shown", rules.suggest_at), ("may decide", rules.decide_at)):
        yield f"  From {threshold:.0%} on it {what}, in {measured.coverage(threshold):.1%} of all cases."
    yield ""
    yield from _intents(rules, measured)
    yield ""
    yield "How sure it was, and how often it was right:"
    yield from (_bin(each) for each in measured.bins)
    yield ""
    yield "What was taken for what (more than once):"
    yield from _confusions(measured)


def _intents(rules: Rules, measured: Measured) -> Iterator[str]:
    yield f"At {rules.decide_at:.0%}  cases  named  precision  proven  recall   (bar {rules.bar:.0%})"
    known = {each.intent for each in measured.at(rules.decide_at)}
    for intent in rules.intents:
        now = standing(rules, intent, measured)
        figures = now.figures
        yield (
            f"  {intent.id:16}{figures.cases:5}{figures.named:7}{figures.precision:11.1%}{figures.at_least:8.1%}"
            f"{figures.recall:8.1%}   {_may(rules, intent, measured)}"
        )
    for intent_id in sorted(known - {each.id for each in rules.intents}):
        yield f"  {intent_id:16} is not in the configuration any more"


def _may(rules: Rules, intent: Intent, measured: Measured) -> str:
    """Whether it decides, or what keeps it from that; where nobody asked it to, what would come of asking."""
    hindrance = standing(rules, intent, measured).hindrance
    if hindrance != "not_asked":
        return HINDRANCES[hindrance]
    asked = standing(replace(rules, mode="decide"), replace(intent, mode="decide"), measured).hindrance
    would = "would decide" if not asked else HINDRANCES[asked]
    return f"{HINDRANCES[hindrance]} ({would})"


def _bin(each: Bin) -> str:
    drawn = "".join("#" if i < round(each.right * BAR) else "." for i in range(BAR))
    place = min(BAR - 1, round(each.confidence * BAR))
    drawn = drawn[:place] + "|" + drawn[place + 1 :]
    place_of = f"{each.low:4.0%} to {each.high:4.0%}"
    return f"  {place_of}  [{drawn}]  sure {each.confidence:4.0%}  right {each.right:4.0%}  {each.count:6}"


def _confusions(measured: Measured) -> Iterator[str]:
    found = [
        (count, truth, said)
        for truth, row in measured.confusion.items()
        for said, count in row.items()
        if truth != said and count > 1
    ]
    for count, truth, said in sorted(found, key=lambda each: (-each[0], each[1:]))[:20]:
        yield f"  {count:5} × {_name(truth)} taken for {_name(said)}"
    if not found:
        yield "  nothing"


def _name(intent: str) -> str:
    return "none of the list" if intent == NONE else intent
