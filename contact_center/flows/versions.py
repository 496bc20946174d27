"""What a version of a flow is: its text together with those of the subflows that it was checked with."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contact_center.storage.flows import Stored
from ivr_flows import Flow, FlowError, load


@dataclass(frozen=True, slots=True)
class Ready:
    """A flow that may be published: read, checked, with everything that it uses. ``parts`` are its subflows, and
    theirs."""

    flow: Flow
    stored: Stored
    parts: tuple[Stored, ...]


class FlowsWrong(Exception):
    """Some of the texts are no flows that callers could be sent into; nothing was changed."""

    def __init__(self, errors: Sequence[FlowError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(str(error) for error in errors))


def made_ready(texts: Mapping[str, str], library: Mapping[str, Stored]) -> dict[str, Ready]:
    """Reads and checks the ``texts`` (by what messages name them), all of which may use each other and what is in
    the ``library``; the flows by name. Raises :class:`FlowsWrong`."""
    sources = {source: _name_of(text) for source, text in texts.items()}
    known = {name: stored.text for name, stored in library.items()}
    known |= {name: texts[source] for source, name in sources.items() if name}
    errors, read = [], []
    for source, text in texts.items():
        asked = _Texts(known)
        try:
            flow = load(text, source, asked)
        except FlowError as error:
            errors.append(error)
        else:
            read.append((flow, text, asked.taken - {flow.name}))
    if errors:
        raise FlowsWrong(errors)
    made: dict[str, Ready] = {}
    # A subflow uses less than what it is used by, so it is ready when it is asked for.
    for flow, text, used in sorted(read, key=lambda each: len(each[2])):
        parts = tuple(made[name].stored if name in made else library[name] for name in sorted(used))
        pins = {part.name: part.version for part in parts}
        made[flow.name] = Ready(flow, Stored(flow.name, flow.version, text, pins), parts)
    return made


def opened(stored: Stored, texts: Mapping[str, str]) -> Flow:
    """The flow that was stored, with its subflows' ``texts``. Raises :class:`~ivr_flows.FlowError`."""
    return load(stored.text, stored.name, texts)


class _Texts(dict[str, str]):
    """Remembers which texts were taken: those are the flow's subflows, and theirs."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        super().__init__(texts)
        self.taken: set[str] = set()

    def __getitem__(self, name: str) -> str:
        text = super().__getitem__(name)
        self.taken.add(name)
        return text

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        try:
            return self[name]
        except KeyError:
            return default


def _name_of(text: str) -> str:
    """The name that the text gives itself, as far as that can be said before it is read."""
    found = re.search(r"(?m)^flow:[ \t]*[\"']?([\w.-]+)", text)
    return found[1] if found else ""
