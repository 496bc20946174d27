"""Renders HTML as text to be read: the lines that its reader would see, what it quotes marked by ``>``.

The page is read as a stream, never as a tree, so that nesting costs nothing and whatever is dear can be left where it
stands: beyond :data:`MAX_TEXT` letters or :data:`MAX_TAGS` tags the rest is not read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from lxml import etree

MAX_TEXT = 400_000
MAX_TAGS = 300_000
_CHUNK = 64 * 1024
_DEEPEST_QUOTE = 10
_TAG = re.compile(r"<[^<>]*>")
_HIDDEN = re.compile(r"<(style|script|title)\b[^<>]*>.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_SPACES = re.compile(r"[ \t\n\r\f]+")
_UNSEEN = re.compile(r"(?:^|;)\s*display\s*:\s*none", re.IGNORECASE)
_NO_MARGIN = re.compile(r"(?:^|;)\s*margin\s*:\s*0", re.IGNORECASE)

_UNREAD = frozenset({"head", "style", "script", "title", "template", "svg", "xml", "audio", "video", "datalist"})
_OWN_LINE = frozenset(
    (
        *("address", "article", "aside", "body", "caption", "center", "dd", "details", "dialog", "div", "dt"),
        *("fieldset", "figcaption", "figure", "footer", "form", "header", "html", "legend", "li", "main", "menu"),
        *("nav", "option", "section", "summary", "table", "tbody", "tfoot", "thead", "tr"),
    )
)
_SET_OFF = frozenset(("blockquote", "dl", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "pre", "ul"))
_EMPTY = frozenset(("wbr", "embed", "source", "track"))  # the parser doesn't know that these hold nothing
_BETWEEN_CELLS = "  "
# Only these are quotations; editors indent new words by the same element.
_QUOTED = re.compile(r"cite|quote|replycontent|border-left", re.IGNORECASE)


def to_text(html: str) -> tuple[str, bool]:
    """What a reader sees of ``html``, and whether something was left out because there is too much of it. Cells of a
    table's row stand on one line, two spaces apart. What the lenient parser cannot bear loses its tags and nothing
    else."""
    page = _Page()
    try:
        parser = etree.HTMLParser(target=page, encoding="utf-8")
        data = html.encode("utf-8", "replace")
        for at in range(0, len(data), _CHUNK):
            if page.full:
                break
            parser.feed(data[at : at + _CHUNK])
        parser.close()
    except etree.LxmlError:
        return _TAG.sub(" ", _HIDDEN.sub(" ", html[:100_000])), len(html) > 100_000
    return page.text(), page.full


class _Page:
    """The target of the parser's calls. ``close`` is its word for the end."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._line: list[str] = []
        self._ended = False
        self._lead = ""
        self._gap = False
        self._gap_after = False
        self._tight = False
        self._quotes: list[bool] = []
        self._depth = 0
        self._depth_before = 0
        self._lists: list[int] = []
        self._preformatted = 0
        self._unread = 0
        self._tags = 0
        self._size = 0

    @property
    def full(self) -> bool:
        return self._tags > MAX_TAGS or self._size > MAX_TEXT

    def text(self) -> str:
        self._break()
        return "\n".join(self._lines)

    def close(self) -> None:
        return None

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._tags += 1
        if self._unread or tag in _UNREAD or (attributes and tag not in _EMPTY and _is_unseen(attributes)):
            self._unread += 1
        elif self.full:
            return
        elif tag in _OWN_LINE:
            self._break()
            if tag == "li":
                self._lead = self._bullet()
        elif tag in _SET_OFF:
            self._set_off(tag, attributes)
        elif tag == "br":
            self._continue()
            self._end_line()
        elif tag in {"td", "th"}:
            self._cell()
        elif tag == "hr":
            self._break()
            self._line.append("―" * 20)
            self._end_line()
        elif tag == "img":
            self._picture(attributes.get("alt", ""))

    def end(self, tag: str) -> None:
        if self._unread:
            self._unread -= 1
        elif tag in _OWN_LINE:
            self._ended = bool(self._line)
        elif tag in _SET_OFF:
            self._ended = bool(self._line)
            self._leave(tag)

    def data(self, text: str) -> None:
        if self._unread or self.full:
            return
        self._size += len(text)
        if self._preformatted:
            self._continue()
            first, *rest = text.split("\n")
            self._line.append(first)
            for line in rest:
                self._end_line()
                self._line.append(line)
            return
        text = _SPACES.sub(" ", text)
        if text[:1] == " " and (self._ended or not self._line or self._line[-1][-1:] == " "):
            text = text[1:]
        if text:
            self._continue()
            self._line.append(text)

    def _set_off(self, tag: str, attributes: Mapping[str, str]) -> None:
        in_cell = self._break()
        if tag == "p":
            self._tight = in_cell or _is_tight(attributes)
        self._space(tag)
        if tag == "blockquote":
            quoted = any(_QUOTED.search(attributes.get(name, "")) for name in ("type", "class", "id", "style"))
            self._quotes.append(quoted)
            self._depth += quoted
        elif tag in {"ul", "ol"}:
            self._lists.append(0 if tag == "ol" else -1)
        elif tag == "pre":
            self._preformatted += 1

    def _leave(self, tag: str) -> None:
        if tag == "blockquote" and self._quotes:
            self._break()
            self._depth -= self._quotes.pop()
        elif tag in {"ul", "ol"} and self._lists:
            self._lists.pop()
        elif tag == "pre" and self._preformatted:
            self._preformatted -= 1
        self._space(tag)

    def _space(self, tag: str) -> None:
        if self._lists or (tag == "p" and self._tight):
            return
        if self._line:
            self._gap_after = True
        else:
            self._gap = True

    def _cell(self) -> None:
        """Another cell of a row goes on with the line, also after a paragraph that was all of the one before."""
        if self._line:
            self._ended = self._gap_after = False
            self._line.append(_BETWEEN_CELLS)

    def _bullet(self) -> str:
        inset = "  " * min(len(self._lists) - 1, _DEEPEST_QUOTE)
        if not self._lists or self._lists[-1] < 0:
            return f"{inset}- "
        self._lists[-1] += 1
        return f"{inset}{self._lists[-1]}. "

    def _picture(self, stands_for: str) -> None:
        """A face or a sign is read; what describes a picture is not."""
        if 0 < len(stands_for) <= 8 and not any(letter.isalnum() or letter.isspace() for letter in stands_for):
            self._continue()
            self._line.append(stands_for)

    def _continue(self) -> None:
        if self._ended:
            self._end_line()

    def _break(self) -> bool:
        """What comes next begins a line, unless that is a row's line, in whose cell it stands first."""
        if not self._line:
            return False
        if self._line[-1] is _BETWEEN_CELLS and not self._ended:
            return True
        self._end_line()
        return False

    def _end_line(self) -> None:
        line = "".join(self._line).replace("\xa0", " ").rstrip()
        depth = min(self._depth, _DEEPEST_QUOTE)
        if self._gap and self._lines:
            self._lines.append(">" * min(depth, self._depth_before))
        self._lines.append(f"{'>' * depth} {self._lead}{line}".rstrip() if depth else self._lead + line)
        self._size += len(self._lead) + depth + 1
        self._depth_before = depth
        self._line = []
        self._lead = ""
        self._gap, self._gap_after, self._ended = self._gap_after, False, False


def _is_unseen(attributes: Mapping[str, str]) -> bool:
    return "hidden" in attributes or _UNSEEN.search(attributes.get("style", "")) is not None


def _is_tight(attributes: Mapping[str, str]) -> bool:
    """Outlook writes every line as a paragraph whose margin is none."""
    return "mso" in attributes.get("class", "").lower() or _NO_MARGIN.search(attributes.get("style", "")) is not None
