"""The verbs that say what a case is about, and in which language: they accept what was recognised, correct it, or
take back what was said; all of it is learnt from."""

from __future__ import annotations

from contact_center.desk.verbs import Acting, in_hand
from contact_center.domain.errors import NotFound, NotValid
from contact_center.domain.events import HUB, Actor, IntentSet, LanguageSet
from contact_center.domain.occasion import Occasion
from contact_center.domain.views import EventView
from contact_center.moves import correcting
from contact_center.recognition.policy import Rules, rules_of
from contact_center.recognition.recognise import SETTING, languages_of
from contact_center.storage import events, journal, recognition, settings
from contact_center.storage.connection import Connection
from contact_center.storage.journal import Loaded

Said = dict[str, EventView | None]


def set_intent(conn: Connection, on: Occasion, acting: Acting, interaction_id: str, intent: str | None) -> Said:
    """Says what the interaction is about (empty: nothing of the list; None: what was said is taken back), for whoever
    has it in hand, and for supervisors at any time. Saying the same again changes nothing."""
    loaded = _theirs(conn, acting, interaction_id)
    if intent and _rules(conn).intent(intent) is None:
        raise NotValid("intent", f"There is no intent {intent[:64]!r}.")
    if loaded.record.intent == intent:
        return {"event": None}
    recognition.agent_said(conn, interaction_id, intent, on.now)
    body = IntentSet(intent, loaded.record.recognised.get("intent", ""))
    return _correct(conn, on, acting, loaded, body)


def set_language(conn: Connection, on: Occasion, acting: Acting, interaction_id: str, language: str | None) -> Said:
    """Says in which language the customer writes or speaks (empty: in none that we know; None: what was said is taken
    back), by the same rules."""
    loaded = _theirs(conn, acting, interaction_id)
    if language and language not in languages_of(_rules(conn)):
        raise NotValid("language", f"There is no language {language[:64]!r} in the list.")
    if loaded.record.language_said == language:
        return {"event": None}
    recognition.language_was_said(conn, interaction_id, on.now)
    body = LanguageSet(language, loaded.record.recognised.get("language", ""))
    return _correct(conn, on, acting, loaded, body)


def _correct(conn: Connection, on: Occasion, acting: Acting, loaded: Loaded, body: IntentSet | LanguageSet) -> Said:
    actor = Actor("agent", acting.agent_id) if acting.agent_id else HUB
    event = journal.happen(conn, on, loaded, body, actor)
    journal.tell_owner(conn, on, loaded, event, acting.name)
    correcting.ask_anew(conn, on, loaded, actor, acting.name)
    return {"event": events.view(event, {acting.agent_id: acting.name})}


def _rules(conn: Connection) -> Rules:
    return rules_of(settings.get(conn, SETTING, {}))


def _theirs(conn: Connection, acting: Acting, interaction_id: str) -> Loaded:
    if not acting.supervises:
        return in_hand(conn, acting, interaction_id)
    loaded = journal.load(conn, interaction_id)
    if loaded is None:
        raise NotFound("interaction")
    return loaded
