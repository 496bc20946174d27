"""The flows that calls are in: the current ones, and every earlier version that a call may still be in."""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from collections.abc import Mapping

from contact_center.flows.shipped import shipped_versions
from contact_center.flows.versions import opened
from contact_center.storage import flows
from contact_center.storage.connection import Connection
from contact_center.storage.flows import Stored
from ivr_flows import Flow, FlowError

MOST_OPENED = 128
"""Flows kept ready besides the current ones."""

MOST_TEXTS = 512
"""Stored versions whose texts are kept (compressed) so that they can be opened without the database."""

Version = tuple[str, str]


class FlowLibrary:
    """May be asked from any thread. Whatever is stored, asking never raises: a text that cannot be opened leaves
    the last good one in force, and :meth:`problems` says so."""

    def __init__(self, shipped: Mapping[str, str] | None = None) -> None:
        self._shipped = {name: ready.flow for name, ready in shipped_versions(shipped).items()}
        self._current: dict[str, Flow] = dict(self._shipped)
        self._texts: OrderedDict[Version, tuple[bytes, dict[str, str]]] = OrderedDict()
        self._opened: OrderedDict[Version, Flow] = OrderedDict()
        self._problems: tuple[str, ...] = ()
        self._lock = threading.RLock()

    def names(self) -> list[str]:
        return sorted(self._current)

    def current(self, name: str) -> Flow | None:
        """What a call that comes in now enters."""
        return self._current.get(name)

    def shipped(self, name: str) -> Flow | None:
        """What comes with the product, whether or not it is in force."""
        return self._shipped.get(name)

    def version(self, name: str, version: str, conn: Connection | None = None) -> Flow | None:
        """What a call that entered earlier is in. With ``conn``, versions are found that are too old
        to be kept at hand."""
        for at_hand in (self._current.get(name), self._shipped.get(name)):
            if at_hand is not None and at_hand.version == version:
                return at_hand
        with self._lock:
            key = (name, version)
            if key in self._opened:
                self._opened.move_to_end(key)
                return self._opened[key]
            try:
                flow = self._open(name, version, conn)
            except FlowError as error:
                self._tell([*self._problems, _problem(name, version, error)])
                return None
            if flow is not None:
                self._opened[key] = flow
                while len(self._opened) > MOST_OPENED:
                    self._opened.popitem(last=False)
            return flow

    def problems(self) -> tuple[str, ...]:
        """What stands in the way of flows that were published, for people."""
        return self._problems

    def reload(self, conn: Connection) -> None:
        """Takes over what is published now."""
        with self._lock:
            for stored in reversed(flows.newest(conn, MOST_TEXTS, self._texts)):
                self._keep(stored)
            found = dict(self._shipped)
            problems = []
            for name, row in flows.current(conn).items():
                if not row.version:
                    continue
                try:
                    flow = self.version_or_raise(name, row.version, conn)
                except FlowError as error:
                    problems.append(_problem(name, row.version, error))
                    flow = self._current.get(name)
                if flow is not None:
                    found[name] = flow
            self._current = found
            self._tell(problems)

    def version_or_raise(self, name: str, version: str, conn: Connection) -> Flow | None:
        """As :meth:`version`. Raises :class:`~ivr_flows.FlowError` where the text cannot be opened."""
        before = self._current.get(name)
        if before is not None and before.version == version:
            return before
        return self._opened.get((name, version)) or self._open(name, version, conn)

    def _open(self, name: str, version: str, conn: Connection | None) -> Flow | None:
        stored = self._stored(name, version, conn)
        if stored is None:
            return None
        parts = [self._stored(part, pinned, conn) for part, pinned in stored.pins.items()]
        return opened(stored, {part.name: part.text for part in parts if part is not None})

    def _stored(self, name: str, version: str, conn: Connection | None) -> Stored | None:
        kept = self._texts.get((name, version))
        if kept is not None:
            return Stored(name, version, zlib.decompress(kept[0]).decode(errors="surrogatepass"), kept[1])
        found = flows.find(conn, name, version) if conn is not None else None
        if found is not None:
            self._keep(found)
        return found

    def _keep(self, stored: Stored) -> None:
        packed = zlib.compress(stored.text.encode(errors="surrogatepass"))
        self._texts[stored.name, stored.version] = packed, stored.pins
        while len(self._texts) > MOST_TEXTS:
            self._texts.popitem(last=False)

    def _tell(self, problems: list[str]) -> None:
        self._problems = tuple(dict.fromkeys(problems))[-20:]


def _problem(name: str, version: str, error: FlowError) -> str:
    first = str(error).partition("\n")[0]
    return f"The published flow {name} {version} cannot be opened: {first}"
