"""How a letter is answered: to whom, under which subject, quoting what. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape, unescape
from typing import Literal
from zoneinfo import ZoneInfo

from contact_center.domain.rich_text import as_text, sendable
from contact_center.domain.time import Moment

Mode = Literal["reply", "reply_all", "forward"]

MOST_RECIPIENTS = 20
"""In each of To, Cc and Bcc."""
_MOST_QUOTED = 100_000
_LOCAL = r"[^\x00-\x20\"(),:;<>@\[\]\\\x7f-\xa0\u2000-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ud800-\udfff.]+"
_LABEL = r"[a-z0-9\u00a1-\u1fff\u2c00-\ud7ff](?:[a-z0-9\u00a1-\u1fff\u2c00-\ud7ff-]{0,62})"
_ADDRESS = re.compile(rf"{_LOCAL}(?:\.{_LOCAL})*@{_LABEL}(?:\.{_LABEL})+")
_PREFIX = re.compile(
    r"^(?:(?:re|aw|sv|antw|odp|ref|fwd?|wg|tr|rv|i|回复|回覆|答复|答覆|转发|轉寄|轉發)\s*(?:\[\d{1,3}\])?\s*[:：]\s*)+",
    re.IGNORECASE,
)
_CHINESE = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
QUOTED = '<div class="quoted">'
"""What the earlier messages of a letter stand in; it survives being made harmless."""


def address_of(written: str) -> str:
    """``written`` as one plain e-mail address, in lower case; empty where it is none."""
    address = written.strip().lower()
    local, _, _ = address.rpartition("@")
    fits = len(address) <= 254 and len(local) <= 64
    return address if fits and _ADDRESS.fullmatch(address) else ""


def domain_of(address: str) -> str:
    return address.rpartition("@")[2].lower()


def bare_subject(subject: str) -> str:
    """``subject`` without what programs have put before it."""
    return _PREFIX.sub("", " ".join(subject.split()))


def subject_of(mode: Mode, subject: str) -> str:
    return f"{'Fwd' if mode == 'forward' else 'Re'}: {bare_subject(subject)}".strip()


def language_of(text: str) -> Literal["en", "zh"]:
    """The language that somebody writes in, as far as it matters here."""
    return "zh" if _CHINESE.search(text) else "en"


@dataclass(frozen=True, slots=True)
class Asked:
    """The message that is answered. ``address`` is its sender's; ``to`` and ``cc`` are the others whom it named,
    none of them ours."""

    at: Moment
    address: str
    name: str = ""
    subject: str = ""
    text: str = ""
    html: str = ""
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    reply_to: str = ""


@dataclass(frozen=True, slots=True)
class Warned:
    """What the agent should know before they send: ``code`` is for programs."""

    code: Literal["reply_to_elsewhere", "undeliverable", "not_participant"]
    address: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """To whom an answer goes unless the agent says otherwise."""

    to: tuple[str, ...]
    cc: tuple[str, ...] = ()
    warnings: tuple[Warned, ...] = ()


def recipients(mode: Mode, asked: Asked, ours: Collection[str], known: Collection[str]) -> Answer:
    """Only addresses that the message itself names are proposed, and those that are not ``known`` to take part with
    a warning. A Reply-To of another domain than the sender's is offered, never followed by itself."""
    if mode == "forward":
        return Answer(())
    warnings: list[Warned] = []
    first = asked.address
    reply_to = address_of(asked.reply_to)
    if reply_to and reply_to != asked.address and reply_to not in ours:
        if domain_of(reply_to) == domain_of(asked.address):
            first = reply_to
        else:
            warnings.append(Warned("reply_to_elsewhere", reply_to, asked.address))
    if mode == "reply":
        return Answer((first,), (), tuple(warnings))
    taken = {first, asked.address, *ours}
    to = [first, *_others(asked.to, taken)]
    cc = _others(asked.cc, taken)
    warnings += [Warned("not_participant", each) for each in (*to[1:], *cc) if each not in known]
    return Answer(tuple(to[:MOST_RECIPIENTS]), tuple(cc[:MOST_RECIPIENTS]), tuple(warnings))


def _others(written: Sequence[str], taken: set[str]) -> list[str]:
    """Each address once; ``taken`` grows."""
    found = []
    for each in written:
        address = address_of(each)
        if address and address not in taken:
            taken.add(address)
            found.append(address)
    return found


# --- what is quoted -----------------------------------------------------------------------------------------------


def _when(at: Moment, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(at / 1000, zone).strftime("%Y-%m-%d %H:%M")


def _who(asked: Asked) -> str:
    name = " ".join(asked.name.split())[:100]
    return f"{name} <{asked.address}>" if name and name != asked.address else asked.address


def heading(mode: Mode, asked: Asked, zone: ZoneInfo) -> list[str]:
    """The lines above what is quoted, in the language that it is written in."""
    chinese = language_of(f"{asked.subject} {asked.text}") == "zh"
    when, who = _when(asked.at, zone), _who(asked)
    if mode != "forward":
        return [f"在 {when}，{who} 写道：" if chinese else f"On {when}, {who} wrote:"]
    words = ("转发的邮件", "发件人", "日期", "主题") if chinese else ("Forwarded message", "From", "Date", "Subject")
    title, sender, date, subject = words
    return [
        f"---------- {title} ----------",
        f"{sender}: {who}",
        f"{date}: {when}",
        f"{subject}: {' '.join(asked.subject.split())}",
    ]


def quoted_text(mode: Mode, asked: Asked, zone: ZoneInfo) -> str:
    lines = asked.text[:_MOST_QUOTED].replace("\r\n", "\n").strip("\n").split("\n")
    told = (
        lines if mode == "forward" else [f">{'' if line.startswith('>') else ' '}{line}".rstrip() for line in lines]
    )
    between = [""] if mode == "forward" else []
    return "\n".join([*heading(mode, asked, zone), *between, *told])


def quoted_html(mode: Mode, asked: Asked, zone: ZoneInfo, files: dict[str, str]) -> str:
    """The same as HTML, harmless, with its pictures by digest (``cid:<digest>``); ``files`` are the digests by
    Content-ID. What is forwarded is the letter itself and no earlier message of it."""
    above = "<br>".join(escape(line, quote=False) for line in heading(mode, asked, zone))
    original = with_pictures(sendable(asked.html), files) if asked.html else ""
    if not original.strip() or len(original) > 2 * _MOST_QUOTED:
        original = as_html(asked.text[:_MOST_QUOTED])
    if mode == "forward":
        return f"<p>{above}</p>{original}"
    return f'{QUOTED}<p>{above}</p><blockquote type="cite">{original}</blockquote></div>'


_PICTURE = re.compile(r'src="cid:([^"]*)"', re.IGNORECASE)


def with_pictures(html: str, files: dict[str, str]) -> str:
    """``html`` whose pictures are named by the digests of ``files`` instead of their Content-IDs."""
    by_id = {content_id.strip("<>"): digest for content_id, digest in files.items() if content_id}

    def named(found: re.Match[str]) -> str:
        digest = by_id.get(unescape(found[1]))
        return f'src="cid:{digest}"' if digest else found[0]

    return _PICTURE.sub(named, html)


def pictures_in(html: str) -> tuple[str, ...]:
    """The digests that the pictures of ``html`` are named by, each once."""
    return tuple(dict.fromkeys(each for each in _PICTURE.findall(html) if re.fullmatch(r"[0-9a-f]{64}", each)))


def as_html(text: str) -> str:
    """Plain words as HTML: a paragraph for each block, a break for each line."""
    blocks = re.split(r"\n{2,}", text.replace("\r\n", "\n").strip("\n"))
    return "".join(f"<p>{escape(block, quote=False).replace(chr(10), '<br>')}</p>" for block in blocks if block)


@dataclass(frozen=True, slots=True)
class Words:
    """``new`` is what the agent has written, ``whole`` with the earlier messages under it."""

    new: str
    whole: str


def words_of_html(html: str) -> Words:
    """A letter's text, made of its (harmless) HTML."""
    own, mark, earlier = html.rpartition(QUOTED)
    if not mark:
        text = as_text(html).strip()
        return Words(text, text)
    new, quoted = as_text(own).strip(), as_text(earlier).strip().split("\n")
    above = quoted[:1] if _WROTE.fullmatch(quoted[0].strip()) else []
    told = "\n".join([*above, *(f"> {line}".rstrip() for line in quoted[len(above) :])])
    return Words(new, f"{new}\n\n{told}".strip())


_WROTE = re.compile(
    r"(?:On \d{4}-\d\d-\d\d \d\d:\d\d, .{1,450} wrote:|在 \d{4}-\d\d-\d\d \d\d:\d\d，.{1,450} 写道：)"
)


def words_of_text(text: str) -> Words:
    """The same of plain text: quoted lines at its end, under a line of ours (see :func:`heading`), are not new."""
    lines = text.strip().split("\n")
    end = len(lines)
    while end and (not lines[end - 1].strip() or lines[end - 1].startswith(">")):
        end -= 1
    ours = 0 < end < len(lines) and _WROTE.fullmatch(lines[end - 1].strip()) is not None
    return Words("\n".join(lines[: end - 1]).strip() if ours else text.strip(), text.strip())
