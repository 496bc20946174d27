"""Looks at a new case as it comes into its queue: says what it seems to be about, and adds what the house lets that
add. Costs a few reads and less than a millisecond; what goes wrong here is written down and stops nobody."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import orjson
import structlog

from contact_center.domain.events import (
    AsksChanged,
    CallerInput,
    CaseRecognised,
    IntentSet,
    LanguageSet,
    MessageReceived,
)
from contact_center.domain.occasion import Occasion
from contact_center.domain.record import Record, fold
from contact_center.domain.time import Moment
from contact_center.recognition import policy
from contact_center.recognition.asking import Asks, Brought, Wish, bring, brought_from, highest
from contact_center.recognition.features import MOST_CHARACTERS
from contact_center.recognition.language import KNOWN, UNKNOWN, Language, language_of
from contact_center.recognition.measuring import restored
from contact_center.recognition.model import EMPTY, NO_IDEA, Guess, Model, unpack, unpack_first
from contact_center.recognition.overruling import better, overruled_from, proven
from contact_center.recognition.policy import Rules, Verdict, judge, rules_of, standing
from contact_center.storage import events, journal, queues, recognition, settings
from contact_center.storage.connection import Connection
from contact_center.storage.journal import Loaded
from contact_center.storage.queues import Queue
from contact_center.storage.recognition import InForce, first_lines

log = structlog.get_logger(__name__)

SETTING = "recognition"
_SAYING = (CaseRecognised.KIND, IntentSet.KIND, LanguageSet.KIND, AsksChanged.KIND)
MOST_SAID = 200
_NOT_KEPT = ("guess", "language_confidence")
_NOT_SEEN = {name: value for name, value in asdict(CaseRecognised("off", "", 0.0)).items() if name not in _NOT_KEPT}
MOST_READY = 8


class Wanted(NamedTuple):
    """Where a case is to wait, and with what."""

    queue: str
    priority: int
    skills: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Ready:
    """The model in force (``version`` 0: none yet), the house's rules, and the intents that may decide by both; what
    the house has learnt of its ``tongues``, and of which languages that is ``believed``."""

    version: int
    model: Model
    rules: Rules
    deciding: frozenset[str]
    tongues: Model = EMPTY
    believed: frozenset[str] = frozenset()


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
        model, rest = unpack_first(row.data)
        measured = restored(row.measured)
        overruled = overruled_from(measured.overruled)
        tongues = unpack(rest) if rest else EMPTY
    except (ValueError, KeyError, TypeError) as error:
        # Of another release, or damaged. Until the next training there is none.
        log.warning("recognition_model_unusable", version=row.version, error=str(error))
        return Ready(0, EMPTY, rules, frozenset())
    deciding = [each.id for each in rules.intents if standing(rules, each, measured).mode == "decide"]
    return Ready(row.version, model, rules, frozenset(deciding), tongues, proven(overruled, rules.bar))


def listed(conn: Connection) -> list[dict[str, str]]:
    """The intents that agents choose from, by their names; none where recognition is off."""
    rules = rules_of(settings.get(conn, SETTING, {}))
    return [{"id": each.id, "name": each.name, "name_zh": each.name_zh} for each in rules.intents] if rules.on else []


def languages_of(rules: Rules) -> tuple[str, ...]:
    """The languages that agents choose from: those that the house has skills for, and then all that can be told."""
    return (*rules.languages, *(code for code in KNOWN if code not in rules.languages))


def listed_languages(conn: Connection) -> list[str]:
    """The same; none where languages aren't looked at."""
    rules = rules_of(settings.get(conn, SETTING, {}))
    return list(languages_of(rules)) if rules.on and rules.language_mode != "off" else []


def seen_of(conn: Connection, interaction_id: str) -> dict[str, Any] | None:
    """What was recognised of the interaction, what people said of it, and what that added, for whoever asks why it
    was routed so."""
    loaded = journal.look(conn, interaction_id)
    return seen_in(loaded.record) if loaded is not None else None


def seen_at(conn: Connection, interaction_id: str, at: Moment) -> dict[str, Any] | None:
    """The same as of then: what a decision was made by, whatever was said since."""
    known = events.of_kinds(conn, interaction_id, _SAYING, 0, MOST_SAID)
    record = fold(event for event in known if event.received_at <= at)
    return seen_in(record) if record is not None else None


def seen_in(record: Record) -> dict[str, Any] | None:
    if not record.recognised and record.intent is None and record.language_said is None:
        return None
    seen = {**_NOT_SEEN, **record.recognised, **record.brought}
    return {**seen, "said": record.intent, "language_said": record.language_said}


# --- a text ------------------------------------------------------------------------------------------------------


def look_at(at: Ready, text: str, *, trusted: bool = True) -> Seen:
    """What is made of ``text``."""
    text = text[:MOST_CHARACTERS]
    language = UNKNOWN
    if at.rules.language_mode != "off":
        language = better(language_of(text), text, at.tongues, at.believed)
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
    """``wanted`` with what the case's first words add, or what people have said of it. What is ``directed`` to one
    agent stays theirs. A case is looked at once, when its first words are there, and not where a person has said
    already what it is about; what is known of it counts whenever it comes into a queue anew."""
    record = loaded.record
    if record.direction != "inbound":
        return wanted
    at = ready(conn)
    if at is None or not at.rules.on:
        return wanted
    if record.recognised or is_said(loaded):
        return _known(conn, on, loaded, at.rules, wanted, directed=directed)
    lines = first_lines(conn, record.interaction_id)
    text = words_of(lines)
    if not text:
        return wanted
    try:
        seen = look_at(at, text, trusted=_trusted(lines))
    except Exception:  # whatever a text does to the model: it waits as it would have without
        log.exception("recognition_failed", interaction_id=record.interaction_id)
        return wanted
    brought = _bring(conn, wanted, wish_of(at.rules, seen), voice=record.medium == "voice", directed=directed)
    _write_down(conn, on, loaded, at, seen, brought)
    return _with(wanted, brought)


def _with(wanted: Wanted, brought: Brought) -> Wanted:
    skills = highest(highest(wanted.skills, brought.skills), brought.language_skills)
    return Wanted(brought.queue or wanted.queue, wanted.priority + brought.priority, skills)


def wish_of(rules: Rules, seen: Seen) -> Wish:
    """What the house has for what was seen, as far as it may decide."""
    verdict = seen.verdict if seen.verdict.mode == "decide" else policy.NOTHING
    sure = seen.language.confidence >= policy.LANGUAGE_AT
    return Wish(
        verdict.queue,
        verdict.priority,
        verdict.skills,
        policy.skills_of_language(rules, seen.language.code) if sure else {},
    )


def _bring(conn: Connection, wanted: Wanted, wish: Wish, *, voice: bool, directed: bool) -> Brought:
    """Callers have chosen their queue themselves."""
    if directed:
        return Brought(withheld="directed", came_to=wanted.queue)
    queue = "" if voice or wish.queue == wanted.queue else wish.queue
    wish = wish._replace(queue=queue)
    if not wish.anything:
        return Brought(came_to=wanted.queue)
    there = queues.get(conn, queue or wanted.queue)
    if there is None:
        return Brought(came_to=wanted.queue, withheld="no_such_queue")
    home = queues.get(conn, wanted.queue) if queue else there
    own = {each.id: _own(wanted, each) for each in (there, home) if each is not None}
    return bring_what_can_be(conn, wish, wanted.queue, own)


def _own(wanted: Wanted, queue: Queue) -> Asks:
    return Asks(wanted.priority + queue.priority, {**queue.skills, **wanted.skills})


def bring_what_can_be(conn: Connection, wish: Wish, place: str, own: dict[str, Asks]) -> Brought:
    """As much of the wish as is of use to a case that waits in ``place`` otherwise. No skill is asked for that nobody
    in the queue has, and it goes into no queue where nobody could take it: it would wait for ever. ``own`` is what
    it asks for by itself, by queue."""
    queue = wish.queue or place
    if can(conn, queue, own[queue], wish):
        return bring(own[queue], wish, queue=wish.queue, came_to=place)[1]
    own_here = own.get(place, own[queue])
    less = Wish(priority=wish.priority, language_skills=wish.language_skills)
    if not can(conn, place, own_here, less):
        less = Wish(priority=wish.priority)
    return bring(own_here, less, came_to=place, withheld="nobody_has_the_skills")[1]


def can(conn: Connection, queue: str, own: Asks, wish: Wish) -> bool:
    """Whether anybody in the queue could take what asks for that. What asks for no more than it did is not made
    worse by it."""
    asks, brought = bring(own, wish)
    more = brought.skills or brought.language_skills
    return not more or recognition.somebody_can(conn, queue, dict(asks.skills))


# --- a case of which something is known --------------------------------------------------------------------------


def is_said(loaded: Loaded) -> bool:
    """Whether a person has said anything of it."""
    return loaded.record.intent is not None or loaded.record.language_said is not None


def known_wish(rules: Rules, loaded: Loaded) -> Wish:
    """What the house has for what is known of it by now: what people have said, and where they have said nothing,
    what its words brought when they were looked at. People need no proof."""
    record = loaded.record
    seen = brought_from(record.recognised)
    about = policy.wanted_by(rules, record.intent)
    skills = policy.skills_of_language(rules, record.language_said or "")
    return Wish(
        seen.queue if record.intent is None else about.queue,
        seen.priority if record.intent is None else about.priority,
        seen.skills if record.intent is None else about.skills,
        seen.language_skills if record.language_said is None else skills,
    )


def _known(conn: Connection, on: Occasion, loaded: Loaded, rules: Rules, wanted: Wanted, *, directed: bool) -> Wanted:
    wish = known_wish(rules, loaded)
    if not wish.anything:
        return wanted
    brought = _bring(conn, wanted, wish, voice=loaded.record.medium == "voice", directed=directed)
    now = _with(wanted, brought)
    journal.happen(conn, on, loaded, asks_changed(Asks(now.priority, now.skills), brought))
    return now


def asks_changed(asks: Asks, brought: Brought, waits_in: str = "") -> AsksChanged:
    return AsksChanged(
        asks=dict(asks.skills),
        urgency=asks.priority,
        waits_in=waits_in,
        queue=brought.queue,
        priority=brought.priority,
        skills=dict(brought.skills),
        language_skills=dict(brought.language_skills),
        withheld=brought.withheld,
        came_to=brought.came_to,
        instead=dict(brought.instead),
    )


def _write_down(conn: Connection, on: Occasion, loaded: Loaded, at: Ready, seen: Seen, brought: Brought) -> None:
    guess, verdict = seen.guess, seen.verdict
    mode = "suggest" if brought.withheld and verdict.mode == "decide" else verdict.mode
    body = CaseRecognised(
        mode=mode,
        intent=verdict.intent,
        confidence=round(guess.confidence, 4),
        because=guess.because,
        guess=guess.intent,
        language=seen.language.code,
        language_confidence=seen.language.confidence,
        model=at.version,
        queue=brought.queue,
        priority=brought.priority,
        skills=dict(brought.skills),
        language_skills=dict(brought.language_skills),
        withheld=brought.withheld,
        came_to=brought.came_to,
        instead=dict(brought.instead),
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
