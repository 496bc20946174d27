"""Looks at a new case as it comes into its queue: says what it seems to be about, and adds what the house lets that
add. Costs a few reads and less than a millisecond; what goes wrong here is written down and stops nobody."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
import structlog

from contact_center.domain.events import CallerInput, CaseRecognised, MessageReceived
from contact_center.domain.occasion import Occasion
from contact_center.recognition import policy
from contact_center.recognition.features import MOST_CHARACTERS
from contact_center.recognition.language import UNKNOWN, Language, language_of
from contact_center.recognition.measuring import restored
from contact_center.recognition.model import EMPTY, NO_IDEA, Guess, Model, unpack
from contact_center.recognition.policy import Rules, Verdict, judge, rules_of, standing
from contact_center.storage import journal, queues, recognition, settings
from contact_center.storage.connection import Connection
from contact_center.storage.journal import Loaded
from contact_center.storage.recognition import InForce, first_lines

log = structlog.get_logger(__name__)

SETTING = "recognition"
MOST_READY = 8


class Wanted(NamedTuple):
    """Where a case is to wait, and with what."""

    queue: str
    priority: int
    skills: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Ready:
    """The model in force (``version`` 0: none yet), the house's rules, and the intents that may decide by both."""

    version: int
    model: Model
    rules: Rules
    deciding: frozenset[str]


@dataclass(frozen=True, slots=True)
class Seen:
    """All that is made of a text."""

    language: Language = UNKNOWN
    guess: Guess = NO_IDEA
    verdict: Verdict = policy.NOTHING


# --- what is in force --------------------------------------------------------------------------------------------

_ready: OrderedDict[tuple[InForce | None, bytes], Ready] = OrderedDict()
_turn = threading.Lock()
"""Models that were opened, by version, digest and rules: readers and the writer run in threads of their own."""


def ready(conn: Connection) -> Ready | None:
    """What new cases are looked at with; None where the house doesn't want it."""
    stored = settings.get(conn, SETTING, {})
    if stored.get("mode", "off") == "off":
        return None
    chosen = recognition.in_force(conn)
    key = (chosen, orjson.dumps(stored))
    with _turn:
        found = _ready.get(key)
    if found is None:
        found = _opened(conn, chosen, stored)
        with _turn:
            _ready[key] = found
            while len(_ready) > MOST_READY:
                _ready.popitem(last=False)
    return found


def _opened(conn: Connection, chosen: InForce | None, stored: dict[str, Any]) -> Ready:
    try:
        rules = rules_of(stored)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("recognition_rules_unusable", error=repr(error))  # of another release: as if it were off
        return Ready(0, EMPTY, policy.OFF, frozenset())
    row = recognition.model(conn, chosen.version) if chosen else None
    if row is None:
        return Ready(0, EMPTY, rules, frozenset())
    try:
        model, measured = unpack(row.data), restored(row.measured)
    except (ValueError, KeyError, TypeError) as error:
        # Of another release, or damaged. Until the next training there is none.
        log.warning("recognition_model_unusable", version=row.version, error=str(error))
        return Ready(0, EMPTY, rules, frozenset())
    deciding = [each.id for each in rules.intents if standing(rules, each, measured).mode == "decide"]
    return Ready(row.version, model, rules, frozenset(deciding))


def listed(conn: Connection) -> list[dict[str, str]]:
    """The intents that agents choose from, by their names; none where recognition is off."""
    rules = rules_of(settings.get(conn, SETTING, {}))
    return [{"id": each.id, "name": each.name, "name_zh": each.name_zh} for each in rules.intents] if rules.on else []


def seen_of(conn: Connection, interaction_id: str) -> dict[str, Any] | None:
    """What was recognised of the interaction and what that added, for whoever asks why it was routed so."""
    loaded = journal.look(conn, interaction_id)
    return (loaded.record.recognised or None) if loaded is not None else None


# --- a text ------------------------------------------------------------------------------------------------------


def look_at(at: Ready, text: str, *, trusted: bool = True) -> Seen:
    """What is made of ``text``."""
    text = text[:MOST_CHARACTERS]
    language = UNKNOWN if at.rules.language_mode == "off" else language_of(text)
    guess = at.model.guess(text)
    verdict = judge(at.rules, guess, at.deciding, trusted=trusted)
    return Seen(language, guess, verdict)


def words_of(lines: tuple[Any, ...]) -> str:
    """What somebody wrote or said first, in one text: a message with its subject, the words of a call."""
    first = lines[0] if lines else None
    if isinstance(first, MessageReceived):
        return f"{first.subject}\n{first.text}".strip()[:MOST_CHARACTERS]
    said = [line.speech if isinstance(line, CallerInput) else line.text for line in lines]
    return " ".join(each for each in said if each)[:MOST_CHARACTERS]


def _trusted(lines: tuple[Any, ...]) -> bool:
    """Whether a person wrote it, and the one they say they are."""
    first = lines[0]
    return not (isinstance(first, MessageReceived) and (first.automatic or first.unverified))


# --- a case ------------------------------------------------------------------------------------------------------


def at_enqueue(conn: Connection, on: Occasion, loaded: Loaded, wanted: Wanted, *, directed: bool) -> Wanted:
    """``wanted`` with what the case's first words add. What is ``directed`` to one agent stays theirs. A case is
    looked at once, when its first words are there, and not where a person has said already what it is about."""
    record = loaded.record
    if record.direction != "inbound" or record.recognised or record.intent is not None:
        return wanted
    at = ready(conn)
    if at is None or not at.rules.on:
        return wanted
    lines = first_lines(conn, record.interaction_id)
    text = words_of(lines)
    if not text:
        return wanted
    try:
        seen = look_at(at, text, trusted=_trusted(lines))
    except Exception:  # whatever a text does to the model: it waits as it would have without
        log.exception("recognition_failed", interaction_id=record.interaction_id)
        return wanted
    added = Added(withheld="directed") if directed else _added(conn, at, seen, wanted, voice=record.medium == "voice")
    _write_down(conn, on, loaded, at, seen, added)
    return Wanted(
        added.queue or wanted.queue,
        wanted.priority + added.priority,
        _highest(_highest(wanted.skills, added.skills), added.language_skills),
    )


class Added(NamedTuple):
    """What a case's words add to what it wants, by what it is about and by its language; ``withheld`` says what kept
    them from adding what the house has for them."""

    queue: str = ""
    priority: int = 0
    skills: Mapping[str, int] = {}
    language_skills: Mapping[str, int] = {}
    withheld: str = ""


def _added(conn: Connection, at: Ready, seen: Seen, wanted: Wanted, *, voice: bool) -> Added:
    """Callers have chosen their queue themselves. No skill is asked for that nobody in the queue has: such a case
    would wait for ever."""
    verdict, rules = seen.verdict, at.rules
    deciding = verdict if verdict.mode == "decide" else policy.NOTHING
    queue = deciding.queue if deciding.queue != wanted.queue and not voice else ""
    spoken = rules.languages.get(seen.language.code, {}) if _language_decides(rules, seen.language) else {}
    if not (queue or deciding.skills or spoken):
        return Added(priority=deciding.priority)
    there = queues.get(conn, queue or wanted.queue)
    if there is None:
        return Added(withheld="no_such_queue")
    needed = _highest(there.skills, wanted.skills)
    if recognition.somebody_can(conn, there.id, _highest(_highest(needed, deciding.skills), spoken)):
        return Added(queue, deciding.priority, deciding.skills, spoken)
    withheld = "nobody_has_the_skills"
    if not queue and recognition.somebody_can(conn, there.id, _highest(needed, spoken)):
        return Added(priority=deciding.priority, language_skills=spoken, withheld=withheld)
    return Added(priority=deciding.priority, withheld=withheld)


def _language_decides(rules: Rules, language: Language) -> bool:
    mode = policy.lower(rules.mode, rules.language_mode)
    return mode == "decide" and bool(language.code) and language.confidence >= policy.LANGUAGE_AT


def _highest(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {**one, **{skill: max(level, one.get(skill, 0)) for skill, level in other.items()}}


def _write_down(conn: Connection, on: Occasion, loaded: Loaded, at: Ready, seen: Seen, added: Added) -> None:
    guess, verdict = seen.guess, seen.verdict
    mode = "suggest" if added.withheld and verdict.mode == "decide" else verdict.mode
    body = CaseRecognised(
        mode=mode,
        intent=verdict.intent,
        confidence=round(guess.confidence, 4),
        because=guess.because,
        guess=guess.intent,
        language=seen.language.code,
        language_confidence=seen.language.confidence,
        model=at.version,
        queue=added.queue,
        priority=added.priority,
        skills=dict(added.skills),
        language_skills=dict(added.language_skills),
        withheld=added.withheld,
    )
    journal.happen(conn, on, loaded, body)
    recognition.put(
        conn,
        loaded.record.interaction_id,
        on.now,
        model=at.version,
        mode=mode,
        intent=verdict.intent,
        confidence=body.confidence,
        language=seen.language.code,
    )
