"""Who wrote: exactly one From with exactly one address, read strictly, or nobody is believed.

Lenient readers disagree with each other about odd addresses, and an attacker lives in the difference; so
what RFC 5322 does not allow plainly identifies no customer. Comparing our own address is lenient: it grants
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from channels.email.charsets import guess
from channels.email.headers import Headers, decode_words, seemly
from contact_center.domain import contact_points
from contact_center.domain.contact_points import ContactPoint

_MAX_FROM = 2048
_MAX_NESTING = 5
_MAX_ADDRESS = 254
_TOKEN = re.compile(r'\s+|"(?:[^"\\]|\\.)*"|[^\s"<>,;:@()\[\]\\]+|\\.|.', re.DOTALL)
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u00a0-\U0010ffff-]+"
_LABEL = r"[A-Za-z0-9\u00a0-\U0010ffff](?:[A-Za-z0-9_\u00a0-\U0010ffff-]{0,62})"
_ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*")
_ANYWHERE = re.compile(rb"[^\s<>,;:\"()@\\]{1,64}@[A-Za-z0-9_.\x80-\xff-]{1,255}")


@dataclass(frozen=True, slots=True)
class Author:
    """``point`` is of kind ``email`` where the address may be believed to be what the sender wrote, else
    ``other``, and ``unverified`` says why."""

    point: ContactPoint
    name: str = ""
    unverified: str = ""


class _Unclear(Exception):
    pass


def author(headers: Headers) -> Author:
    """The one author of a message."""
    froms = headers.all("from")
    if len(froms) != 1:
        shown = seemly(decode_words(b", ".join(froms)[:_MAX_FROM]), 320)
        count = f"{len(froms)} From headers" if froms else "no From header"
        return Author(ContactPoint("other", shown), "", f"The message has {count}.")
    value = froms[0]
    if len(value) > _MAX_FROM:
        shown = seemly(decode_words(value[:_MAX_FROM]), 320)
        return Author(ContactPoint("other", shown), "", "The From header is too long to be believed.")
    try:
        name, address = _one_mailbox(guess(value))
    except _Unclear as why:
        return Author(ContactPoint("other", seemly(decode_words(value), 320)), "", str(why))
    return Author(contact_points.email(address), seemly(decode_words(name.encode()), 200))


def _one_mailbox(text: str) -> tuple[str, str]:
    """(display name, addr-spec). Raises :class:`_Unclear`."""
    tokens, comments = _without_comments(_TOKEN.findall(text.strip()))
    if "<" not in tokens:
        address = "".join(tokens).strip()
        return " ".join(comments), _checked(address)
    opened = tokens.index("<")
    if tokens.count("<") != 1 or tokens.count(">") != 1 or "".join(tokens).rstrip()[-1] != ">":
        raise _Unclear("The From header names more than one address, or has text after it.")
    closed = tokens.index(">")
    address = _checked("".join(tokens[opened + 1 : closed]).strip())
    phrase = tokens[:opened]
    unquoted = any(token in ',;:@[]\\"' for token in phrase if len(token) == 1)
    if unquoted and "".join(phrase).strip().lower() != address.lower():
        raise _Unclear("The name in the From header is not quoted as it must be: its address is uncertain.")
    return "".join(_unquoted(token) for token in phrase).strip() or " ".join(comments), address


def _without_comments(tokens: list[str]) -> tuple[list[str], list[str]]:
    kept: list[str] = []
    comments: list[str] = []
    comment: list[str] = []
    depth = 0
    for token in tokens:
        if token == "(":
            depth += 1
            if depth > _MAX_NESTING:
                raise _Unclear("The From header nests comments too deeply.")
        elif token == ")":
            depth -= 1
            if depth < 0:
                raise _Unclear("The From header closes a comment that it never opened.")
            if depth == 0:
                comments.append("".join(comment))
                comment = []
        elif depth:
            comment.append(token)
        else:
            kept.append(token)
    if depth:
        raise _Unclear("The From header leaves a comment open.")
    return kept, comments


def _checked(address: str) -> str:
    if len(address) > 320 or not _ADDRESS.fullmatch(address):
        raise _Unclear("The From header has no plain address.")
    return address


def _unquoted(token: str) -> str:
    if len(token) >= 2 and token[0] == token[-1] == '"':
        return re.sub(r"\\(.)", r"\1", token[1:-1], flags=re.DOTALL)
    return " " if token.isspace() else token


def is_address(text: str) -> bool:
    """Whether ``text`` is one plain ASCII addr-spec, fit for a header and for an SMTP command."""
    return len(text) <= _MAX_ADDRESS and text.isascii() and _ADDRESS.fullmatch(text) is not None


def addresses_in(value: bytes) -> list[str]:
    """Everything in a recipient field that looks like an address, in lower case. Never used to believe
    anything."""
    return [match[0].decode("utf-8", "replace").lower() for match in _ANYWHERE.finditer(value)]


def people_in(values: list[bytes], most: int) -> tuple[str, ...]:
    """The plain addresses in recipient fields, in lower case, each once: of every entry the one in angle brackets, or
    the entry itself; what stands in names, comments and quotes is none. What is no valid address is passed over."""
    found: dict[str, None] = {}
    for value in values:
        for entry in _entries(_TOKEN.findall(guess(value))):
            if len(entry) <= _MAX_ADDRESS and _ADDRESS.fullmatch(entry):
                found.setdefault(entry.lower())
                if len(found) == most:
                    return tuple(found)
    return tuple(found)


def _entries(tokens: list[str]) -> Iterator[str]:
    """What may be an address of each entry of an address list; a group's name is an entry that is none."""
    entry: list[str] = []
    bracketed = ""
    depth = 0
    for token in [*tokens, ","]:
        if token in "()" and token:
            depth = max(0, depth + (1 if token == "(" else -1))
        elif depth:
            continue
        elif token in {",", ";", ":"}:
            yield bracketed or "".join(entry).strip()
            entry, bracketed = [], ""
        elif token == "<":
            entry = []
        elif token == ">":
            bracketed = "".join(entry).strip()
        else:
            entry.append(token)


def without_tag(address: str) -> str:
    """``support+tag@example.com`` as ``support@example.com`` (RFC 5233's detail)."""
    local, _, domain = address.rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"
