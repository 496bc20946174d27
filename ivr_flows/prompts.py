"""What a flow says, in every language that it speaks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from contact_center.domain.calls import Say

_HOLE = re.compile(r"\{([a-z][a-z0-9_]*)(?:\|([^{}]*))?\}")


@dataclass(frozen=True, slots=True)
class Text:
    """Words with holes: ``{name}`` is the variable's value, ``{name|there}`` says ``there`` where it has
    none."""

    source: str
    names: frozenset[str]

    def fill(self, variables: Mapping[str, str]) -> str:
        if not self.names:
            return self.source
        return _HOLE.sub(lambda hole: variables.get(hole[1]) or hole[2] or "", self.source)


def text(source: str) -> Text:
    """Raises ValueError for a brace that opens or closes no hole."""
    if "{" in (rest := _HOLE.sub("", source)) or "}" in rest:
        raise ValueError("a brace stands alone")
    return Text(source, frozenset(hole[1] for hole in _HOLE.finditer(source)))


@dataclass(frozen=True, slots=True)
class Prompt:
    """``parts`` by language; what is not said in the caller's own language is a part of every language."""

    parts: Mapping[str, tuple[tuple[str, Text], ...]]

    def say(self, language: str, variables: Mapping[str, str]) -> Spoken:
        """Leaves out what has nothing left to say."""
        filled = [(tag, words.fill(variables).strip()) for tag, words in self.parts.get(language, ())]
        return tuple([Say(words, tag) for tag, words in filled if words])


Spoken: TypeAlias = tuple[Say, ...]
SILENCE = Prompt({})

NOT_HEARD = {"en": "Sorry, I didn't hear anything.", "zh": "抱歉，我没有听到您的选择。"}
NOT_UNDERSTOOD = {"en": "Sorry, I didn't get that.", "zh": "抱歉，我没有听清您的选择。"}


def built_in(words: Mapping[str, str], tags: Mapping[str, str]) -> Prompt:
    """The flow's languages (``tags``) with the ready-made words for those that have any."""
    said = {name: words.get(tag.split("-")[0].lower()) for name, tag in tags.items()}
    return Prompt({name: ((tags[name], text(known)),) for name, known in said.items() if known})
