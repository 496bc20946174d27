"""Finds the files that old programs write into the text of a message: uuencode."""

from __future__ import annotations

import re

from channels.email.files import File, file_name
from channels.email.mime import from_uuencode

_MOST = 50
_BEGIN = re.compile(r"begin(?:-base64)? [0-7]{3,4} (\S.{0,254})")


def without_files(text: str) -> tuple[str, list[File]]:
    """``text`` without the files that stand in it, and the files. What begins like one and is none stays."""
    if not text.startswith("begin ") and "\nbegin " not in text:
        return text, []
    kept: list[str] = []
    files: list[File] = []
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        begin = _BEGIN.fullmatch(lines[at].rstrip())
        end = _end_of(lines, at + 1) if begin and len(files) < _MOST else 0
        if begin and end:
            content = from_uuencode("\n".join(lines[at:end]).encode("ascii", "replace"))
            files.append(File(content, file_name(begin[1]) or "unnamed", "application/octet-stream"))
            at = end + 1
        else:
            kept.append(lines[at])
            at += 1
    return "\n".join(kept), files


def _end_of(lines: list[str], at: int) -> int:
    """Where the file that begins at ``at`` has its line ``end``; 0 if anything but data stands before."""
    first = at
    while at < len(lines):
        line = lines[at].rstrip("\r")
        if line.rstrip() == "end":
            return at if at > first else 0
        if line.strip() not in {"", "`"} and not _is_data(line):
            return 0
        at += 1
    return 0


def _is_data(line: str) -> bool:
    """Its first letter says how long the data in it is. Spaces at its end may have been lost on the way."""
    letters = (((ord(line[0]) - 32) & 63) * 4 + 2) // 3
    return (
        ord(line[0]) < 97 and line.isascii() and letters // 2 <= len(line) - 1 and len(line.rstrip()) <= letters + 5
    )
