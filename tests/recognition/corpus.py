"""Cases that nobody ever wrote: what customers write about, in English and Chinese, put together from pieces and
spoilt a little. Made to try the recogniser out; real cases are more varied, and harder."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import yaml

from contact_center.recognition.model import NONE, Example

_PIECES: dict[str, dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "corpus.yaml").read_text("utf-8"))
INTENTS = tuple(intent for intent in _PIECES["en"]["wants"] if intent != "none")


def _spoilt(chance: random.Random, text: str) -> str:
    """As people type in a hurry."""
    if chance.random() < 0.3:
        text = text.lower()
    if len(text) > 6 and chance.random() < 0.35:
        at = chance.randrange(1, len(text) - 2)
        how = chance.randrange(3)
        swapped = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
        text = (swapped, text[:at] + text[at + 1 :], text[:at] + text[at] + text[at:])[how]
    return text


def _written(chance: random.Random, language: str, intent: str) -> tuple[str, str]:
    """The text, and the piece that it was made from."""
    pieces = _PIECES[language]
    wants = pieces["wants"][intent or "none"]
    piece = want = chance.choice(wants)
    if chance.random() < 0.2:  # people want two things at once
        want += {"en": ". ", "zh": "。"}[language] + chance.choice(wants)
    text = chance.choice(pieces["before"]) + want + chance.choice(pieces["after"])
    text = text.replace("{item}", chance.choice(pieces["items"]))
    return _spoilt(chance, text.replace("{n}", str(chance.randrange(10_000, 99_999)))), piece


def corpus(
    language: str, count: int = 500, seed: int = 1, wrong: float = 0.03, by_piece: bool = False
) -> list[Example]:
    """So many cases, each of a customer of its own; ``wrong`` of them were labelled wrongly. With ``by_piece``
    whatever was made from one piece is of one customer, so that no sentence is both learnt and asked about."""
    chance = random.Random(f"{language} {seed}")
    intents = (*INTENTS, NONE)
    made = []
    for i in range(count):
        intent = intents[i % len(intents)]
        text, piece = _written(chance, language, intent)
        label = chance.choice(intents) if chance.random() < wrong else intent
        made.append(Example(text, label, piece if by_piece else f"{language}-{i}"))
    return made
