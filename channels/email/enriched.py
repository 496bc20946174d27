"""Reads the marked-up text that came before HTML: text/enriched (RFC 1896) and text/richtext (RFC 1341)."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"<<|</?[A-Za-z0-9-]{1,60}>|\n+|[^<\n]+|<")
_UNREAD = {"param", "comment"}
_OF_RICHTEXT = {"<nl>": "\n", "<lt>": "<", "<np>": "\n", "</paragraph>": "\n\n"}


def to_text(text: str, richtext: bool = False) -> str:
    """The words without their commands. A line break alone is a space, and of several the first goes, but between
    ``<nofill>`` and its end; in ``richtext`` only ``<nl>`` breaks a line."""
    made: list[str] = []
    unread = fixed = 0
    for token in _TOKEN.findall(text.replace("\r\n", "\n")):
        command = token.strip("</>").lower() if len(token) > 2 and token[0] == "<" and token[-1] == ">" else ""
        step = -1 if token.startswith("</") else 1
        if command in _UNREAD:
            unread = max(0, unread + step)
        elif unread:
            continue
        elif command == "nofill":
            fixed = max(0, fixed + step)
        elif command:
            made.append(_OF_RICHTEXT.get(token.lower(), "") if richtext else "")
        elif token == "<<" and not richtext:
            made.append("<")
        elif token[0] == "\n" and not fixed:
            made.append(" " if richtext else token[1:] or " ")
        else:
            made.append(token)
    return "".join(made)
