"""Reads what mail servers say became of a letter: RFC 3464 reports, and the prose of those that write none.

What it says is a claim. Whether the letter was ours is for :func:`tokens.proven` to say. Pure, bounded, linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from channels.contract import Malformed
from channels.email.bounce_words import COPY_BEGINS, DELAYED, FAILED, MEANING
from channels.email.charsets import decode
from channels.email.headers import Headers, message_ids, read_head, seemly
from channels.email.mime import Part
from channels.email.rendering import to_text
from channels.email.tokens import looks_signed

Action = Literal["failed", "delayed", "delivered", "relayed", "expanded"]

MAX_RECIPIENTS = 100
_MAX_REPORT = 64 * 1024
_MAX_TEXT = 256 * 1024
_MAX_LINES = 400
_MAX_LINE = 2_000
_REASON = 300
_REASON_LINES = 4

_REPORTS = {"message/delivery-status", "message/global-delivery-status"}
_ORIGINALS = {
    *("message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers", "message/global-headers"),
    *("text/rfc822", "message/partial"),
}
_ACTIONS: dict[str, Action] = {
    "failed": "failed",
    "failure": "failed",
    "delayed": "delayed",
    "delivered": "delivered",
    "relayed": "relayed",
    "expanded": "expanded",
}
_BY_CLASS: dict[str, Action] = {"2": "delivered", "4": "delayed", "5": "failed"}

_DAEMONS = ("mailer-daemon", "mail-daemon", "mailerdaemon", "microsoftexchange")
_MACHINES = (*_DAEMONS, "postmaster", "mdaemon")
_DOMAIN = r"[a-z0-9\u00a0-\u2fff](?:[a-z0-9.\u00a0-\u2fff_-]{0,250}[a-z0-9])?"
_MAILBOX = rf"[^\s<>()\[\],;:\"'（）：；，“”《》【】]{{1,64}}@{_DOMAIN}"
_ADDRESS = re.compile(_MAILBOX, re.IGNORECASE)
_RECIPIENT = re.compile(
    rf"\W{{0,8}}(?:(?:to|recipients?|failed recipients?|address|an|empfänger|à|destinataire|para|"
    rf"收件人|收件人邮件地址|收件人地址|退信收件人|收信人|原收件人)\s{{0,3}}[:：（(]\s{{0,3}})?[<（(“\"]?({_MAILBOX})",
    re.IGNORECASE,
)
_ENHANCED = re.compile(r"(?<![\d.])([245]\.\d\.\d{1,3})(?!\.?\d)")
_REPLY = re.compile(r"(?<![\d.])([45])\d\d(?![\d.]\d|\d)")
_XTEXT = re.compile(r"\+([2-7][0-9A-F])")  # RFC 3461 4
_ID_IN_TEXT = re.compile(r"^[>|\s]{0,20}message-id\s{0,5}:\s{0,10}(<[^<>\s]{3,300}>)", re.IGNORECASE | re.MULTILINE)

_VAGUE = frozenset(("5.0.0", "5.1.0", "5.2.0", "5.3.0", "5.5.0", "5.9.9", "5.6.0"))
PERMANENT = frozenset(("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1", "5.4.4", "5.4.310"))
"""Statuses (RFC 3463, Exchange's) after which nothing will ever reach that address: it is none, or no more. A mailbox
that is full, a server that is slow and one that refuses us or what we wrote say nothing against the address."""


@dataclass(frozen=True, slots=True)
class Bounced:
    """What became of a letter for one recipient. ``message_id`` is the letter's own, empty where nothing tells;
    ``recipient`` its plain address in lower case, or empty; ``status`` like ``5.1.1``; ``permanent``: nothing will
    ever reach them there; ``reason`` is one line of the server's words."""

    message_id: str
    recipient: str
    status: str
    action: Action
    permanent: bool
    reason: str


@dataclass(frozen=True, slots=True)
class _Said:
    recipient: str
    action: Action | None
    status: str
    reason: str


def read(message: Part, headers: Headers) -> tuple[Bounced, ...]:
    """What ``message`` reports, one for each recipient. Empty for whatever no mail server wrote, and for reports of
    reading."""
    if message.parameters.get("report-type", "").lower() == "disposition-notification":
        return ()
    is_report = message.media_type == "multipart/report"
    if not is_report and not _may_be_prose(headers):
        return ()
    leaves = list(_leaves(message))
    said = [each for part in leaves if part.media_type in _REPORTS for each in _fields(_ascii(part))]
    text = _text_of(leaves)
    if not said:
        said = list(_fields(text)) or list(_prose(text, headers))
        if not _is_named_as_one(headers) and not any(each.status for each in said):
            return ()  # people's out-of-office programs write with an empty return path too
    message_id = _letter(leaves, text, headers) if said else ""
    return tuple(_bounced(each, message_id) for each in _once(said))


def _may_be_prose(headers: Headers) -> bool:
    """Whether a mail server may have written it in words of its own. What it says is then no message of anybody's, so
    a postmaster who is a person, and answers, must not be taken for one."""
    if headers.first("x-failed-recipients"):
        return True
    if headers.all("return-path"):
        path = headers.word("return-path")
        return path in ("<>", "") or path.strip("<>").startswith(_DAEMONS)
    answers = bool(headers.first("in-reply-to")) and not headers.first("auto-submitted")
    return _sender_is(headers, _DAEMONS if answers else _MACHINES)


def _is_named_as_one(headers: Headers) -> bool:
    return bool(headers.first("x-failed-recipients")) or _sender_is(headers, _MACHINES)


def _sender_is(headers: Headers, names: tuple[str, ...]) -> bool:
    sender = headers.first("from")[:500].decode("latin-1").lower()
    return any(address.startswith(names) for address in _ADDRESS.findall(sender))


def _leaves(part: Part) -> Iterator[Part]:
    if not part.children:
        yield part
    for child in part.children:
        yield from _leaves(child)


def _ascii(part: Part) -> str:
    return part.content()[:_MAX_REPORT].decode("utf-8", "replace")


def _text_of(leaves: list[Part]) -> str:
    """The prose of the report, whatever it is written in."""
    pieces: list[str] = []
    room = _MAX_TEXT
    for part in leaves:
        if room > 0 and part.media_type.startswith("text/") and part.media_type not in _ORIGINALS:
            text = decode(part.content()[:room], part.parameters.get("charset", "").partition(" ")[0])
            pieces.append(to_text(text)[0] if part.media_type == "text/html" else text)
            room -= len(text)
    return "\n".join(pieces)[:_MAX_TEXT].replace("\r\n", "\n").replace("\r", "\n")


def _bounced(said: _Said, message_id: str) -> Bounced:
    action = said.action or _BY_CLASS.get(said.status[:1], "failed")
    status = said.status
    if action == "failed" and (not status or status in _VAGUE):
        status = _meant_by(said.reason) or status or "5.0.0"
    status = status or {"failed": "5.0.0", "delayed": "4.0.0"}.get(action, "2.0.0")
    permanent = action == "failed" and status in PERMANENT
    return Bounced(message_id, said.recipient, status, action, permanent, said.reason)


def _once(said: list[_Said]) -> list[_Said]:
    """One for each recipient: of several the one that knows a status."""
    kept: dict[str, _Said] = {}
    for each in said:
        known = kept.get(each.recipient)
        if known is None or (each.status and not known.status):
            kept[each.recipient] = each
    return list(kept.values())[:MAX_RECIPIENTS]


def _meant_by(reason: str) -> str:
    words = reason.lower()
    return next((status for status, phrases in MEANING.items() if any(phrase in words for phrase in phrases)), "")


def _status_in(text: str) -> str:
    found = _ENHANCED.search(text)
    if found is not None:
        return found[1]
    reply = _REPLY.search(text)
    return f"{reply[1]}.0.0" if reply is not None else ""


# --- RFC 3464 ----------------------------------------------------------------------------------------------------


def _fields(report: str) -> Iterator[_Said]:
    """The per-recipient fields of a delivery status. Blank lines aren't relied upon: some servers have too many of
    them and some none."""
    current: dict[str, str] = {}
    name = ""
    for line in report[:_MAX_REPORT].replace("\r\n", "\n").split("\n"):
        if line[:1] in (" ", "\t") and name in current:
            current[name] += " " + line.strip()
            continue
        name, colon, value = line.partition(":")
        name = name.strip().lower()
        if not colon or name not in _WANTED:
            continue
        begins_anew = name in _WHO and ("action" in current or "status" in current)
        if begins_anew or name in current:
            yield from _recipient(current)
            current = {}
        current[name] = value.strip()
    yield from _recipient(current)


_WHO = ("original-recipient", "final-recipient")
_WANTED = {*_WHO, "action", "status", "diagnostic-code"}


def _recipient(fields: dict[str, str]) -> Iterator[_Said]:
    if not any(name in fields for name in _WHO) or not ("action" in fields or "status" in fields):
        return
    who = next((a for name in _WHO if (a := _plain_address(fields.get(name, "")))), "")
    diagnostic = fields.get("diagnostic-code", "").partition(";")
    reason = seemly(diagnostic[2] or diagnostic[0], _REASON)
    status = next(iter(_ENHANCED.findall(fields.get("status", ""))), "")
    if not status or status in _VAGUE:
        status = next(iter(_ENHANCED.findall(reason)), "") or status
    action = _ACTIONS.get(fields.get("action", "").partition("(")[0].strip().lower())
    yield _Said(who, action, status, reason)


def _plain_address(value: str) -> str:
    """``rfc822;user@host`` as ``user@host``; anything else that isn't an address as nothing."""
    text = value.partition(";")[2] or value
    if "+2B" in text or "+3D" in text:
        text = _XTEXT.sub(lambda each: chr(int(each[1], 16)), text)
    found = _ADDRESS.search(text)
    return found[0].lower() if found is not None else ""


# --- prose -------------------------------------------------------------------------------------------------------


def _prose(text: str, headers: Headers) -> Iterator[_Said]:
    lines = _above_the_copy(text)
    begins, action = _verdict(lines)
    failed = [a.lower() for a in _ADDRESS.findall(headers.first("x-failed-recipients")[:4_000].decode("latin-1"))]
    if action is None:
        if not failed:
            return
        begins, action = 0, "failed"
    whole = " ".join(lines[begins:])
    found = dict(_recipients_in(lines, begins))
    for who in failed or list(found) or [""]:
        reason = found.get(who, "") or lines[begins]
        status = _status_in(reason) or _meant_by(reason) or _status_in(whole) or _meant_by(whole)
        if action == "delayed" and not status.startswith("4"):
            status = ""
        yield _Said(who, action, status, seemly(reason, _REASON))


def _above_the_copy(text: str) -> list[str]:
    """The report's own lines, without the letter that some servers put under them."""
    lines = [line[:_MAX_LINE].strip() for line in text.split("\n", _MAX_LINES)[:_MAX_LINES]]
    for number, line in enumerate(lines):
        if number and any(phrase in line[:200].lower() for phrase in COPY_BEGINS):
            return lines[:number]
    return lines or [""]


def _verdict(lines: list[str]) -> tuple[int, Action | None]:
    """The line that says that it didn't arrive, or that it didn't yet."""
    failed, delayed = _first_that_says(lines, FAILED), _first_that_says(lines, DELAYED)
    soft = delayed >= 0 and not any("permanent" in line.lower() or "gave up" in line.lower() for line in lines)
    hard = any(_status_in(line).startswith("5") for line in lines)
    if soft and not hard:
        return (delayed if failed < 0 else min(failed, delayed)), "delayed"
    return (failed, "failed") if failed >= 0 else (0, None)


def _first_that_says(lines: list[str], phrases: tuple[str, ...]) -> int:
    """The line, or the one before it where the words go on over its end; -1 where none does."""
    for number, (line, after) in enumerate(zip(lines, [*lines[1:], ""], strict=True)):
        words = f"{line} {after}".lower()
        if any(phrase in words for phrase in phrases):
            return number
    return -1


def _recipients_in(lines: list[str], begins: int) -> Iterator[tuple[str, str]]:
    """Whom it is about, and why: an address at the beginning of a line or behind a word for recipient, and what
    stands there until the next."""
    starts: list[tuple[int, str]] = []
    for number in range(begins, len(lines)):
        who = _named(lines[number][:500], number == begins)
        goes_on = starts and starts[-1][1] == who and all(lines[starts[-1][0] : number][-_REASON_LINES:])
        if who and not goes_on:
            starts.append((number, who))
    ends = [number for number, _ in starts[1:]] + [len(lines)]
    seen: dict[str, str] = {}
    for (number, who), end in zip(starts, ends, strict=False):
        reason = _reason(lines[number : min(end, number + 12)], who)
        if not seen.get(who) or (_status_in(reason) and not _status_in(seen[who])):
            seen[who] = reason
    yield from seen.items()


def _named(line: str, is_verdict: bool) -> str:
    found = _RECIPIENT.match(line)
    if found is not None and not line.startswith("<<<"):
        return found[1].lower()
    anywhere = _ADDRESS.search(line) if is_verdict else None
    return anywhere[0].lower() if anywhere is not None else ""


def _reason(lines: list[str], who: str) -> str:
    at = lines[0].lower().find(who)
    first = lines[0][at + len(who) :].lstrip('>)）:：”" ') if not at > 60 else lines[0]
    kept = [first] if len(first) > 2 and not first.startswith(("<mailto:", "on ")) else []
    for line in lines[1:]:
        if len(kept) >= _REASON_LINES or (not line and kept):
            break
        if line and not line.startswith("-----"):
            kept.append(line)
    return " ".join(kept)


# --- which letter ------------------------------------------------------------------------------------------------


def _letter(leaves: list[Part], text: str, headers: Headers) -> str:
    """The letter's Message-ID: out of what came back of it, else out of what the report refers to. Of several the one
    that looks like ours."""
    found: list[str] = []
    for part in leaves:
        if part.media_type in _ORIGINALS:
            found += _id_in_head(part.content()[:_MAX_REPORT])
    found += _ID_IN_TEXT.findall(text)[:20]
    for name in ("x-original-message-id", "in-reply-to", "references"):
        found += [each for value in headers.all(name)[:3] for each in message_ids(value[:8_000])[-20:]]
    return next((each for each in found if looks_signed(each)), found[0] if found else "")


def _id_in_head(original: bytes) -> list[str]:
    try:
        head, _ = read_head(original)
    except Malformed:
        return []
    return message_ids(head.first("message-id"))[:1]
