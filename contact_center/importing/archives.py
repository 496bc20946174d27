"""Finds the messages in an mbox, a Maildir or a folder of .eml files, without ever holding more than one.

An mbox is read as mboxrd, which is right for mboxo too but for lines that began with ``>From`` in the message itself.
A line begins a message where it follows a blank one, is shaped like a From line (with a time and a year) and is
followed by a header: an unescaped "From" in somebody's prose does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

Format = Literal["auto", "mbox", "maildir", "eml"]

HEAD = 64 * 1024
_LINE = 64 * 1024
_FROM = re.compile(rb"From \S*.*\d{1,2}:\d\d.*\b\d{4}\b")
_HEADER = re.compile(rb"[!-9;-~]{1,100}[ \t]*:")
_ESCAPED = re.compile(rb"^>(>*From )", re.MULTILINE)
_THROWN_AWAY = {"T": "it lies in the trash", "D": "it is a draft"}
_MOZILLA_EXPUNGED = 0x0008
_GMAIL_LABELS = {"trash": "it lies in the trash", "spam": "it lies in the spam", "drafts": "it is a draft"}


class NotMail(Exception):
    """There is no mail at the path, or none in the format that it is said to have."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message lies: its bytes are ``file[start:end]``, ``escaped`` as an mbox escapes them."""

    path: Path
    start: int
    end: int
    escaped: bool = False

    @property
    def size(self) -> int:
        return self.end - self.start

    def __str__(self) -> str:
        return f"{self.path.name} at byte {self.start}" if self.escaped else self.path.name


@dataclass(frozen=True, slots=True)
class Found:
    """A message that was found. ``head`` are its headers, cut to 64 KB; ``unwanted`` says why its owner wouldn't want
    it back."""

    place: Place
    head: bytes
    unwanted: str = ""


def messages(path: Path, form: Format = "auto") -> Iterator[Found]:
    """The messages at ``path``, in the order that they lie in. Raises :class:`NotMail`, and ``OSError``."""
    if (path / "mbox").is_file():  # Apple Mail puts an mbox and its index into a folder of that name
        path = path / "mbox"
    kind = _kind_of(path) if form == "auto" else form
    if kind == "mbox":
        with path.open("rb") as file:
            yield from _in_mbox(path, file)
    elif kind == "maildir":
        yield from _in_maildir(path)
    else:
        yield from _in_files(path)


def content(place: Place) -> bytes:
    """The message's bytes as they were before they were filed."""
    with place.path.open("rb") as file:
        file.seek(place.start)
        raw = file.read(place.size)
    return _ESCAPED.sub(rb"\1", raw) if place.escaped else raw


def _kind_of(path: Path) -> Format:
    if path.is_dir():
        if (path / "cur").is_dir() or (path / "new").is_dir():
            return "maildir"
        if next(path.rglob("*.eml"), None) is not None:
            return "eml"
        raise NotMail(f"{path} is neither a Maildir nor a folder with .eml files in it.")
    with path.open("rb") as file:
        line = file.readline(_LINE)
    if line.startswith(b"From "):
        return "mbox"
    if path.suffix.lower() == ".eml" or _HEADER.match(line):
        return "eml"
    raise NotMail(f"{path} is neither an mbox nor a message.")


# --- mbox --------------------------------------------------------------------------------------------------------


def _in_mbox(path: Path, file: BinaryIO) -> Iterator[Found]:
    if not file.readline(_LINE).startswith(b"From "):
        raise NotMail(f"{path} is no mbox: it does not begin with a From line.")
    start = end = file.tell()
    head: list[bytes] = []
    room, in_head, after_blank, candidate = HEAD, True, False, 0
    while True:
        at = file.tell()
        line = file.readline(_LINE)
        if candidate and _HEADER.match(line):
            yield _found(Place(path, start, end, escaped=True), b"".join(head))
            start, head, room, in_head = candidate, [], HEAD, True
        if not line:
            break
        candidate = file.tell() if after_blank and _FROM.match(line) else 0
        if candidate:
            end = at
        after_blank = line in (b"\n", b"\r\n")
        in_head = in_head and not after_blank
        if in_head and room > 0 and not candidate:
            head.append(line[:room])
            room -= len(line)
    yield _found(Place(path, start, file.tell(), escaped=True), b"".join(head))


def _found(place: Place, head: bytes) -> Found:
    return Found(place, head, _unwanted(head))


def _unwanted(head: bytes) -> str:
    """Why mail programs no longer show the message that they still have on file."""
    status = field(head, b"x-mozilla-status")
    if status and re.fullmatch(rb"[0-9a-fA-F]{1,8}", status) and int(status, 16) & _MOZILLA_EXPUNGED:
        return "it was deleted"
    labels = field(head, b"x-gmail-labels").decode("ascii", "replace").lower().split(",")
    return next((why for label, why in _GMAIL_LABELS.items() if label in labels), "")


def field(head: bytes, name: bytes) -> bytes:
    """The values of the header ``name`` in ``head``, unfolded and joined by a blank; empty where it isn't there."""
    values: list[bytes] = []
    inside = False
    for line in head.split(b"\n"):
        if line[:1] in (b" ", b"\t"):
            if inside:
                values.append(line.strip())
            continue
        key, _, value = line.partition(b":")
        inside = key.strip().lower() == name
        if inside:
            values.append(value.strip())
    return b" ".join(values)


# --- Maildir and single files ------------------------------------------------------------------------------------


def _in_maildir(path: Path) -> Iterator[Found]:
    folders = [path / name for name in ("cur", "new") if (path / name).is_dir()]
    if not folders:
        raise NotMail(f"{path} is no Maildir: it has neither cur nor new.")
    for folder in folders:
        for file in sorted(each for each in folder.iterdir() if each.is_file() and not each.name.startswith(".")):
            flags = re.split(r"[:;!]2,", file.name)[-1] if re.search(r"[:;!]2,", file.name) else ""
            yield _whole(file, next((why for flag, why in _THROWN_AWAY.items() if flag in flags), ""))


def _in_files(path: Path) -> Iterator[Found]:
    files = [path] if path.is_file() else sorted(each for each in path.rglob("*.eml") if each.is_file())
    if not files:
        raise NotMail(f"There is no .eml file in {path}.")
    for file in files:
        yield _whole(file)


def _whole(path: Path, unwanted: str = "") -> Found:
    with path.open("rb") as file:
        beginning = file.read(HEAD)
        size = file.seek(0, 2)
    head = re.split(rb"\r?\n\r?\n", beginning, maxsplit=1)[0]
    return Found(Place(path, 0, size), head, unwanted or _unwanted(head))
