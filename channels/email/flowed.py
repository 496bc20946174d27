"""Puts together lines that a program broke to be joined again: ``format=flowed`` (RFC 3676)."""

from __future__ import annotations


def joined(text: str, drop_spaces: bool) -> str:
    """``text`` with its paragraphs in one line each. ``drop_spaces`` is DelSp: the space at a line's end is no part
    of what is written (so it is in Chinese and Japanese). Lines of another depth of quotation are never joined."""
    made: list[str] = []
    pieces: list[str] = []
    depth_before, goes_on = 0, False
    for line in text.split("\n"):
        line = line.removesuffix("\r")
        rest = line.lstrip(">")
        depth = len(line) - len(rest)
        rest = rest.removeprefix(" ")
        if goes_on and (depth != depth_before or rest == "-- "):
            made.append(_line(pieces, depth_before))
            pieces = []
        goes_on = rest.endswith(" ") and rest != "-- "
        pieces.append(rest[:-1] if goes_on and drop_spaces else rest)
        depth_before = depth
        if not goes_on:
            made.append(_line(pieces, depth))
            pieces = []
    if pieces:
        made.append(_line(pieces, depth_before))
    return "\n".join(made)


def _line(pieces: list[str], depth: int) -> str:
    text = "".join(pieces)
    return f"{'>' * depth} {text}" if depth else text
