"""The hub with one of its safeguards taken out. Each is a function that takes it out, with the databases on which it
is needed: SQLite has one writer, so its locks lock nobody out; the fence is compared by the same lines on both, and
one is enough."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

import pytest
from sqlalchemy import Connection, bindparam, select, text

from contact_center.dispatch import claim as dispatch
from contact_center.storage import agents, journal, schema
from contact_center.storage.executor import run_alone
from contact_center.storage.listed import is_one_of
from routing import Decision
from routing.past import Glimpse

TakeOut: TypeAlias = Callable[[pytest.MonkeyPatch, str], None]


class Mutant(NamedTuple):
    take_out: TakeOut
    laws: frozenset[str]
    databases: tuple[str, ...] = ("sqlite", "postgresql")
    more: Mapping[str, int] = {}
    """What makes the difference, drawn so much more often than usual."""


def _the_fence(patch: pytest.MonkeyPatch, _: str) -> None:
    """Whatever a decision was made from, it is claimed as if it had been made from what is so now."""
    claim = dispatch.claim

    def unfenced(conn: Connection, on: Any, decision: Decision, *more: Any) -> Any:
        i = schema.interactions.c
        epoch = conn.execute(select(i.epoch).where(i.id == decision.interaction_id)).scalar()
        seen = Glimpse(*decision.seen)
        now = replace(seen.waiting, epoch=decision.epoch if epoch is None else epoch)
        return claim(conn, on, Decision(seen._replace(waiting=now)), *more)

    patch.setattr(dispatch, "claim", unfenced)


def _the_lock_on_the_agent(patch: pytest.MonkeyPatch, _: str) -> None:
    found = schema.agents.c
    patch.setattr(agents, "_LOCKED", select(schema.agents).where(found.id == bindparam("agent"), found.active == 1))
    patch.setattr(journal, "_LOCK_AGENTS", select(found.id).where(is_one_of(found.id, "agents")))


def _the_lock_on_the_interaction(patch: pytest.MonkeyPatch, _: str) -> None:
    found = schema.interactions.c
    patch.setattr(journal, "_BY_ID", journal._READ.where(found.id == bindparam("interaction")))


def _that_room_is_looked_for(patch: pytest.MonkeyPatch, _: str) -> None:
    """A node believes what it decided, however long ago."""
    patch.setattr(dispatch, "fits", lambda *_: None)


def _that_an_event_is_known_again(patch: pytest.MonkeyPatch, url: str) -> None:
    _without("uq_events_channel_source_id", "ALTER TABLE events DROP CONSTRAINT {}")(patch, url)


def _without(index: str, statement: str = "DROP INDEX {}") -> TakeOut:
    def drop(_: pytest.MonkeyPatch, url: str) -> None:
        run_alone(url, lambda conn: conn.execute(text(statement.format(index))))

    return drop


MUTANTS: Mapping[str, Mutant] = {
    "the fence": Mutant(_the_fence, frozenset({"I3", "I5"}), ("sqlite",)),
    "the lock on the agent": Mutant(_the_lock_on_the_agent, frozenset({"I4"}), ("postgresql",), {"rush": 20}),
    "the lock on the interaction": Mutant(
        _the_lock_on_the_interaction, frozenset({"I1", "I2", "I3", "I9"}), ("postgresql",), {"pick": 60}
    ),
    "the index of pending offers": Mutant(_without("uq_offers_pending"), frozenset({"I3"})),
    "the index of accepted offers": Mutant(_without("uq_offers_accepted"), frozenset({"I3"})),
    "the index of open cases": Mutant(_without("uq_interactions_open_case"), frozenset({"I3"})),
    "the index of open threads": Mutant(_without("uq_interactions_open_thread"), frozenset({"I1"})),
    "that an event is known again": Mutant(_that_an_event_is_known_again, frozenset({"I1"}), ("postgresql",)),
    "that room is looked for": Mutant(_that_room_is_looked_for, frozenset({"I4"})),
}
