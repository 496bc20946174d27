"""What a flow says, in every language that it speaks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from typing import TypeAlias

from contact_center.domain.calls import Play, Say
from ivr_flows import ssml
from ivr_flows.ready import READY

_HOLE = re.compile(r"\{([a-z][a-z0-9_]*)(?::(digits|last4))?(?:\|([^{}]*))?\}")
VOICE = "_voice"
"""The variable that keeps the voice which the flow chose: the language's name, a space, the voice's."""


@dataclass(frozen=True, slots=True)
class Text:
    """Words with holes: ``{name}`` is the variable's value, ``{name|there}`` says ``there`` where it has none.
    ``{name:digits}`` is spoken one character at a time, ``{name:last4}`` so too, but only the last four.
    ``bare`` are the names of holes that have no words of their own; in ``ssml`` values are escaped."""

    source: str
    names: frozenset[str]
    bare: frozenset[str] = frozenset()
    ssml: bool = False

    def fill(self, variables: Mapping[str, str]) -> str:
        if not self.names:
            return self.source
        return _HOLE.sub(lambda hole: self._value(hole, variables), self.source)

    def _value(self, hole: re.Match[str], variables: Mapping[str, str]) -> str:
        name, how, words = hole.groups()
        value = variables.get(name)
        if not value:
            return words or ""
        if how:
            value = " ".join("".join(c for c in value if c.isalnum())[-4 if how == "last4" else 0 :])
        return escape(value) if self.ssml else value


@dataclass(frozen=True, slots=True)
class Sound:
    """A recording that is played: an https address, or a path that the hub serves."""

    source: str


def text(source: str, marked_up: bool = False) -> Text:
    """``<speak>…</speak>`` is marked up without being asked. Raises ValueError for a brace that opens or closes no
    hole, and for SSML that can't be spoken."""
    inside = ssml.unwrapped(source)
    marked_up, source = marked_up or inside is not None, source if inside is None else inside
    if "{" in (rest := _HOLE.sub("", source)) or "}" in rest:
        raise ValueError("a brace stands alone")
    if marked_up and (fault := ssml.fault(_HOLE.sub(lambda hole: hole[3] or "x", source))):
        raise ValueError(fault)
    holes = list(_HOLE.finditer(source))
    bare = frozenset(hole[1] for hole in holes if hole[3] is None)
    return Text(source, frozenset(hole[1] for hole in holes), bare, marked_up)


Part: TypeAlias = tuple[str, str, Text | Sound]
"""A language's tag, the voice for it (empty: its own), what is said."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """``parts`` by language; what is not said in the caller's own language is a part of every language."""

    parts: Mapping[str, tuple[Part, ...]]

    def say(self, language: str, variables: Mapping[str, str]) -> Spoken:
        """Leaves out what has nothing left to say."""
        spoken: list[Say | Play] = []
        for tag, voice, words in self.parts.get(language, ()):
            if isinstance(words, Sound):
                spoken.append(Play(words.source))
            elif said := words.fill(variables).strip():
                spoken.append(Say(said, tag, _voice(voice, language, variables), words.ssml))
        return tuple(spoken)


def _voice(voice: str, language: str, variables: Mapping[str, str]) -> str:
    chosen, _, name = variables.get(VOICE, "").partition(" ")
    return name if chosen == language and name else voice


Spoken: TypeAlias = tuple[Say | Play, ...]
SILENCE = Prompt({})


def written(spoken: Spoken) -> str:
    """What was said, to read."""
    return " ".join([_written(said) for said in spoken])


def _written(said: Say | Play) -> str:
    if isinstance(said, Play):
        return f"[{said.source}]"
    return ssml.plain(said.text) if said.ssml else said.text


_ready_text = cache(text)  # a few dozen texts, said a thousand times a minute


def ready(name: str, tags: Mapping[str, str], voices: Mapping[str, str]) -> Prompt:
    """The ready-made words of that name, in those of the flow's languages (``tags``) that have any."""
    words = READY[name]
    said = {language: words.get(tag.partition("-")[0].lower()) for language, tag in tags.items()}
    return Prompt(
        {
            language: ((tags[language], voices.get(language, ""), _ready_text(known)),)
            for language, known in said.items()
            if known
        }
    )
