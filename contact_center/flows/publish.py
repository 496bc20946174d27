"""Puts flows into force: publishes, goes back to an earlier version, tells what was in force when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from contact_center.domain.errors import NotFound, TooLate
from contact_center.domain.time import Moment
from contact_center.flows.shipped import shipped_versions
from contact_center.flows.versions import Ready
from contact_center.storage import flows
from contact_center.storage.connection import Connection
from contact_center.storage.effects import ConfigChanged, tell
from contact_center.storage.flows import Stored

NOTE_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Published:
    """``changed`` is false where the version was in force already. ``used_by`` are flows that have another version
    of it within, and keep that until they are published themselves."""

    name: str
    version: str
    changed: bool
    used_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Version:
    """``published_at`` is 0 for the version that the product ships."""

    version: str
    published_at: Moment
    by: str
    note: str
    current: bool


def library(conn: Connection) -> dict[str, Stored]:
    """What a text that is to be published may use: each name's version in force."""
    found = {name: ready.stored for name, ready in shipped_versions().items()}
    for name, row in flows.current(conn).items():
        stored = flows.find(conn, name, row.version) if row.version else None
        if stored is not None:
            found[name] = stored
    return found


def publish(conn: Connection, now: Moment, ready: Iterable[Ready], by: str, note: str = "") -> list[Published]:
    """Stores the versions for good and makes them current, all or none. The same again changes nothing."""
    done = []
    for each in ready:
        stored = each.stored
        flows.keep(conn, stored, now, by, note[:NOTE_LIMIT])
        for part in each.parts:
            flows.keep(conn, part, now, by, f"within {stored.name}")
        row = flows.current(conn).get(stored.name)
        changed = row is None or row.version != stored.version
        if changed:
            flows.make_current(conn, stored.name, stored.version, "published", now, by, note[:NOTE_LIMIT])
            tell(conn, ConfigChanged())
        users = tuple(user for user in flows.users_of(conn, stored.name) if user != stored.name)
        done.append(Published(stored.name, stored.version, changed, users if changed else ()))
    return done


def rollback(conn: Connection, now: Moment, name: str, version: str, by: str) -> Published:
    """Makes an earlier version current: ``version``, or the one that was published before the current one. Raises
    ``NotFound`` and ``TooLate``."""
    known = history(conn, name)
    at = next((number for number, each in enumerate(known) if each.current), -1)
    if at < 0:
        raise NotFound("flow")
    if version:
        chosen = next((each for each in known if each.version == version), None)
        if chosen is None:
            raise NotFound(f"version of {name}")
    elif at + 1 == len(known):
        raise TooLate("no_earlier", f"There is no earlier version of {name}.")
    else:
        chosen = known[at + 1]
    if not chosen.current:
        stored = chosen.version if chosen.published_at else ""
        flows.make_current(conn, name, stored, "rolled_back", now, by, "")
        tell(conn, ConfigChanged())
    return Published(name, chosen.version, not chosen.current)


def history(conn: Connection, name: str) -> list[Version]:
    """Every version that was published under the name, newest first; last the one that the product ships."""
    row = flows.current(conn).get(name)
    in_force = row.version if row is not None else ""
    found = [
        Version(v.version, v.published_at, v.published_by, v.note, v.version == in_force)
        for v in flows.versions(conn, name)
    ]
    shipped = shipped_versions().get(name)
    if shipped is not None and shipped.stored.version not in {v.version for v in found}:
        found.append(Version(shipped.stored.version, 0, "", "", not in_force))
    elif shipped is not None and not in_force:
        found = [Version(v.version, v.published_at, v.by, v.note, v.version == shipped.stored.version) for v in found]
    return found


def text_of(conn: Connection, name: str, version: str = "") -> Stored | None:
    """One version, by default the one in force; shipped ones too."""
    shipped = shipped_versions().get(name)
    if not version:
        row = flows.current(conn).get(name)
        version = row.version if row is not None else ""
    if shipped is not None and version in ("", shipped.stored.version):
        return shipped.stored
    return flows.find(conn, name, version) if version else None
