"""What a live call is told to do. Flows and verbs say it in these words; the channel turns them into its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Say:
    """Speak ``text`` in ``language`` (BCP 47, ``en-US``, ``zh-CN``)."""

    text: str
    language: str


@dataclass(frozen=True, slots=True)
class Pause:
    ms: int


Prompt: TypeAlias = Say | Pause


@dataclass(frozen=True, slots=True)
class Collect:
    """Play ``prompts`` and wait for keys or words. The answer comes back as ``CallerInput`` with ``position``;
    silence comes back too, with both empty."""

    position: str
    prompts: tuple[Prompt, ...]
    language: str
    max_digits: int = 1
    finish_on: str = "#"
    timeout_ms: int = 5_000
    speech: bool = False
    hints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hold:
    """Keep the caller waiting for an agent: ``prompts``, then music, again and again."""

    prompts: tuple[Prompt, ...]
    language: str


@dataclass(frozen=True, slots=True)
class HangUp:
    prompts: tuple[Prompt, ...] = ()


CallAction: TypeAlias = Say | Pause | Collect | Hold | HangUp
"""A call is told a sequence of these; ``Collect``, ``Hold`` and ``HangUp`` can only stand last."""
