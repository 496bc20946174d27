"""The verb that says what a case is about: it accepts what was recognised, or corrects it, and is learnt from."""

from __future__ import annotations

from contact_center.desk.verbs import Acting, in_hand
from contact_center.domain.errors import NotFound, NotValid
from contact_center.domain.events import HUB, Actor, IntentSet
from contact_center.domain.occasion import Occasion
from contact_center.domain.views import EventView
from contact_center.recognition.policy import rules_of
from contact_center.recognition.recognise import SETTING
from contact_center.storage import events, journal, recognition, settings
from contact_center.storage.connection import Connection
from contact_center.storage.journal import Loaded


def set_intent(
    conn: Connection, on: Occasion, acting: Acting, interaction_id: str, intent: str
) -> dict[str, EventView | None]:
    """Says what the interaction is about (empty: nothing of the list), for whoever has it in hand, and for
    supervisors at any time. Saying the same again changes nothing."""
    loaded = _theirs(conn, acting, interaction_id)
    known = {each.id for each in rules_of(settings.get(conn, SETTING, {})).intents}
    if intent and intent not in known:
        raise NotValid("intent", f"There is no intent {intent[:64]!r}.")
    if loaded.record.intent == intent:
        return {"event": None}
    actor = Actor("agent", acting.agent_id) if acting.agent_id else HUB
    body = IntentSet(intent, loaded.record.recognised.get("intent", ""))
    event = journal.happen(conn, on, loaded, body, actor)
    recognition.agent_said(conn, interaction_id, intent, on.now)
    journal.save(conn, loaded)
    journal.tell_owner(conn, on, loaded, event, acting.name)
    return {"event": events.view(event, {acting.agent_id: acting.name})}


def _theirs(conn: Connection, acting: Acting, interaction_id: str) -> Loaded:
    if not acting.supervises:
        return in_hand(conn, acting, interaction_id)
    loaded = journal.load(conn, interaction_id)
    if loaded is None:
        raise NotFound("interaction")
    return loaded
