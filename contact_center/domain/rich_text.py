"""HTML that strangers wrote, made harmless: an allow-list for what stays, and a form in which it may be shown.

What a stranger wrote is kept as it was written and made harmless whenever it is shown, so that a better ``VERSION``
of this module holds for old mail too. The judge is nh3 (a serialising allow-list over a real HTML parser). Before it,
``_bounded`` cuts what would cost the parser quadratic time; it is trusted with nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html import escape, unescape
from typing import Any
from urllib.parse import urlsplit

import nh3

VERSION = 1
MAX_HTML = 600_000
"""Characters that are looked at; what stands after them is left out (the original is always kept)."""
MAX_DEPTH = 128


def _each(words: str) -> frozenset[str]:
    return frozenset(words.split())


_BLOCKS = _each(
    "address article aside blockquote center dd details dir div dl dt figcaption figure footer h1 h2 h3 h4 h5 h6 "
    "header hgroup hr li main nav ol p pre section summary table ul"
)
_CELLS = frozenset({"td", "th", "caption"})
_TABLE_PARTS = _each("table caption colgroup col thead tbody tfoot tr td th")
_FORMATTING = _each("a b big code em font i s small strike strong tt u")
_VOID = frozenset({"br", "hr", "img", "wbr", "col"})
_TAGS = (
    _BLOCKS
    | _TABLE_PARTS
    | _FORMATTING
    | _VOID
    | _each("abbr acronym bdi cite del dfn ins kbd mark q ruby rp rt samp span sub sup time var")
)
_ATTRIBUTES = {
    "*": {"style", "dir", "lang", "class", "id", "align", "valign", "bgcolor", "width", "height"},
    "a": {"href"},
    "blockquote": {"type"},
    "font": {"color", "face", "size"},
    "img": {"src", "alt", "border", "hspace", "vspace"},
    "ol": {"start", "type"},
    "ul": {"type"},
    "li": {"type", "value"},
    "hr": {"size", "color", "noshade"},
    "col": {"span"},
    "colgroup": {"span"},
    "table": {"border", "cellpadding", "cellspacing"},
    "td": {"colspan", "rowspan", "nowrap"},
    "th": {"colspan", "rowspan", "nowrap"},
    "time": {"datetime"},
}
_SCHEMES = {"http", "https", "mailto", "tel", "cid", "data"}
"""Of these ``cid`` and ``data`` are for images only, ``mailto`` and ``tel`` for links only; see ``_attribute``."""

# --- what may be written about looks ------------------------------------------------------------------------------

_PROPERTIES = _each(
    "background background-color border border-bottom border-bottom-color border-bottom-style border-bottom-width "
    "border-collapse border-color border-left border-left-color border-left-style border-left-width border-radius "
    "border-right border-right-color border-right-style border-right-width border-spacing border-style border-top "
    "border-top-color border-top-style border-top-width border-width caption-side clear color direction display "
    "empty-cells float font font-family font-size font-style font-variant font-weight height letter-spacing "
    "line-height list-style-type margin margin-bottom margin-left margin-right margin-top max-height max-width "
    "min-width overflow-wrap padding padding-bottom padding-left padding-right padding-top table-layout text-align "
    "text-decoration text-indent text-transform vertical-align white-space width word-break word-spacing "
    "word-wrap"
)
_DISPLAYS = _each("none block inline inline-block list-item table table-cell table-row")
_VALUE = re.compile(r"(?:[\w\s#%.,+!/-]|'[\w\s.,-]*'|\"[\w\s.,-]*\"|\b(?:rgb|rgba|hsl|hsla)\([\d\s.,%/]*\))*")
_NEGATIVE = re.compile(r"(?<![\w-])-\s*\.?\d")
_RASTER = re.compile(r"data:image/(?:png|jpe?g|gif|webp);base64,[A-Za-z0-9+/]+={0,2}", re.IGNORECASE)
_CONTROLS = dict.fromkeys([*range(0x20), 0x7F])
_MAX_STYLE = 2_000
_MAX_ADDRESS = 4_000
_MAX_DATA = 700_000


def _style(written: str) -> str | None:
    kept = []
    for declaration in written[:_MAX_STYLE].split(";"):
        name, _, value = declaration.partition(":")
        name, value = name.strip().lower(), value.strip()
        if name not in _PROPERTIES or not value or not _VALUE.fullmatch(value) or _NEGATIVE.search(value):
            continue  # a negative length lays words over other words
        if name == "display" and value.lower() not in _DISPLAYS:
            continue
        kept.append(f"{name}:{' '.join(value.split())}")
    return ";".join(kept) or None


# --- what marks the earlier messages in a letter ------------------------------------------------------------------

QUOTED = "quoted"
"""The class that an element of earlier messages has after sanitising, whatever its writer's program called it."""
QUOTED_FROM = "quoted-from"
"""The class of an element from which on everything is earlier messages."""
_QUOTES = _each(
    "quoted gmail_quote gmail_quote_container gmail_extra yahoo_quoted protonmail_quote zmail_extra "
    "isreplycontent moz-cite-prefix tutanota_quote qqmail_quote ntes_reply"
)
_FROM_HERE = _each(
    "quoted-from divrplyfwdmsg appendonsend outlookmessageheader replysplit original-content includetail "
    "mail-editor-reference-message-container ms-outlook-mobile-reference-message"
)


def _mark(names: str) -> str | None:
    given = set(names.lower().split()[:20])
    if given & _FROM_HERE:
        return QUOTED_FROM
    return QUOTED if given & _QUOTES else None


def _attribute(tag: str, name: str, value: str) -> str | None:
    match name:
        case "style":
            return _style(value)
        case "class" | "id":
            return _mark(value)
        case "href":
            return _address(value, ("http", "https", "mailto", "tel"))
        case "src":
            return _source(value)
        case "type" if tag == "blockquote":
            return "cite" if value.lower() == "cite" else None
        case _:
            return value[:200]


def _address(value: str, schemes: tuple[str, ...]) -> str | None:
    """``value`` as every program reads it: parsers of addresses pass over the controls in it."""
    plain = value.translate(_CONTROLS).strip()
    return plain if plain.partition(":")[0].lower() in schemes and len(plain) <= _MAX_ADDRESS else None


def _source(value: str) -> str | None:
    if value[:5].lower() == "data:":
        return value if len(value) <= _MAX_DATA and _RASTER.fullmatch(value) else None
    return _address(value, ("http", "https", "cid"))


def _cleaner(**more: Any) -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=set(_TAGS),
        clean_content_tags={"script", "style"},
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        url_relative="deny",
        link_rel=None,
        **more,
    )


_CLEANER = _cleaner(attribute_filter=_attribute)
_JUDGE = _cleaner()
"""What the filter has let through it lets through again: whether a page is stable is seen without it."""


def _clean(html: str, cleaner: nh3.Cleaner = _CLEANER) -> str:
    made = cleaner.clean(html)
    return _PRE.sub(r"\1", made) if "<pre" in made else made  # the parser drops one newline there each time


_PRE = re.compile(r"(<pre(?: [^<>]*)?>)[\r\n]+")


def sanitised(html: str) -> str:
    """``html`` with nothing left that could act, fetch (but images) or lay itself over something else. Stable:
    what a browser's parser makes of it is what stands there, and sanitising it again changes nothing. Of what
    no parser reads the same way twice, the words stay."""
    html = _clean(_bounded(html))
    for _ in range(3):
        if _clean(html, _JUDGE) == html:
            return html
        html = _clean(html)
    return f'<div style="white-space:pre-wrap">{escape(as_text(html), quote=False)}</div>'


def sendable(html: str) -> str:
    """:func:`sanitised` for a letter of ours: its images are those that it carries (``cid:``), and no others."""
    made = "".join(_without_foreign_images(sanitised(html)))
    return sanitised(made)


def _without_foreign_images(clean: str) -> Iterator[str]:
    for token in _tokens(clean):
        if token.name != "img" or token.attribute("src").lower().startswith("cid:"):
            yield token.text


# --- what it costs to read ----------------------------------------------------------------------------------------

_SPACE = r"\t\n\f\r "
_VALUE_OF = rf"""(?:"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z)|[^{_SPACE}>]*+)"""
_NAMED = rf"[^{_SPACE}/>][^{_SPACE}/>=]*+(?:[{_SPACE}]*+=[{_SPACE}]*+{_VALUE_OF})?+"
_MARKUP = re.compile(
    rf"<!--(?:-?>|.*?(?:--!?>|\Z))|<[!?][^>]*+>?|</[^a-zA-Z][^>]*+>?"
    rf"|<(/?)([a-zA-Z][^{_SPACE}/>]*+)((?:[{_SPACE}/]++|{_NAMED})*+)(?:>|\Z)",
    re.DOTALL,
)
_RAW = {
    name: re.compile(rf"</{name}(?=[{_SPACE}/>])[^>]*>?", re.IGNORECASE)
    for name in ("script", "style", "title", "textarea", "iframe", "noembed", "noframes", "xmp")
}
_MAX_TAG = 8_000
_MAX_FORMATTING = 24
_BUDGET = 2_400_000
_MAX_ENTITIES = 80_000
_HARMLESS_LENGTH = 2_000
"""So little grows to some megabytes at the worst, in some hundredths of a second."""
_AMPERSAND = re.compile(r"&(?!#?\w)|&amp;")  # runs of these take the parser quadratic time


def _bounded(html: str) -> str:
    """``html`` without the tags that are not on the list, and without those whose depth or repetition (a parser opens
    formatting that was left open again in every later block) would make it grow beyond measure. Words stay."""
    html = html[:MAX_HTML].replace("\0", "")
    if len(html) <= _HARMLESS_LENGTH:
        return html
    made: list[str] = []
    put, nest = made.append, _Nest()
    at, again = 0, True
    while again:
        again = False
        for found in _MARKUP.finditer(html, at):
            start, end = found.span()
            if at < start:
                put(html[at:start])
            at = end
            closing, name, _ = found.groups("")
            name = name.lower()
            if name in _TAGS:
                if closing:
                    nest.closes(name)
                    put(found[0])
                    continue
                tag = found[0] if end - start <= _MAX_TAG else _shortened(name, found[0])
                if tag and nest.opens(name, len(tag)):
                    put(tag)
            elif not closing and (name in _RAW or name == "plaintext"):
                at = _past_words(html, at, name, put)
                again = True  # what stands within was no markup: the search goes on behind it
                break
    put(html[at:])
    return _AMPERSAND.sub("", "".join(made)) if html.count("&") > _MAX_ENTITIES else "".join(made)


def _past_words(html: str, at: int, name: str, put: Callable[[str], None]) -> int:
    """Where the element ends whose content, from ``at`` on, no parser reads as markup."""
    end = _RAW[name].search(html, at) if name in _RAW else None
    if name in ("xmp", "plaintext"):
        put(escape(html[at : end.start() if end else len(html)], quote=False))
    return end.end() if end else len(html)


def _shortened(name: str, tag: str) -> str:
    """What stays of a tag so long that reading its attributes would take long: a picture's source."""
    source = _RASTER.search(tag) if name == "img" else None
    return f'<img src="{source[0]}">' if source else ""


class _Nest:
    """What is open where the reading stands, by the rules of HTML's tree construction as far as they bound it."""

    def __init__(self) -> None:
        self._open: list[str] = []
        self._formatting: list[tuple[str, int]] = []
        self._dragged = 0  # what each tag drags along: the formatting that is open
        self._spent = 0

    def opens(self, name: str, length: int) -> bool:
        """Whether the start tag may stay."""
        self._spent += length + 8 + self._dragged
        if self._spent > _BUDGET:
            return False
        if name in _VOID:
            return True
        if name in _FORMATTING:
            return self._formats(name, length)
        self._close_implied(name)
        if len(self._open) >= MAX_DEPTH:
            return False
        self._open.append(name)
        if name in _CELLS:
            self._formatting.append(("", 0))
            self._dragged += 8
        return True

    def closes(self, name: str) -> None:
        """The end tag, which may always stay."""
        if name in _FORMATTING:
            self._unformat(name)
        else:
            self._pop_to(name)

    def _formats(self, name: str, length: int) -> bool:
        if name == "a":
            self._unformat(name)  # a link ends the link before it
        if len(self._formatting) >= _MAX_FORMATTING + self._open.count("td") + self._open.count("th"):
            return False
        self._formatting.append((name, length))
        self._dragged += length + 8
        return True

    def _unformat(self, name: str) -> None:
        for place in range(len(self._formatting) - 1, -1, -1):
            if self._formatting[place][0] == name:
                self._dragged -= self._formatting.pop(place)[1] + 8
                return
            if not self._formatting[place][0]:
                return

    def _close_implied(self, name: str) -> None:
        if name in _TABLE_PARTS and name != "table":
            if "table" in self._open:
                self._pop_above(_ABOVE.get(name, _TABLE))
            return
        if name in _BLOCKS:
            self._pop_to("p")
        if name == "li":
            self._pop_to("li", _LISTS)
        elif name in ("dd", "dt"):
            self._pop_to("dd", _LISTS)
            self._pop_to("dt", _LISTS)

    def _pop_to(self, name: str, also: frozenset[str] = frozenset()) -> None:
        barriers = _TABLE if name in _TABLE_PARTS else _SCOPE | also
        for place in range(len(self._open) - 1, -1, -1):
            if self._open[place] == name:
                self._cut(place)
                return
            if self._open[place] in barriers:
                return

    def _pop_above(self, parents: frozenset[str]) -> None:
        place = len(self._open)
        while place and self._open[place - 1] not in parents:
            place -= 1
        self._cut(place)

    def _cut(self, place: int) -> None:
        for name in self._open[place:]:
            if name in _CELLS:
                named = True
                while self._formatting and named:
                    formatting, length = self._formatting.pop()
                    self._dragged -= length + 8
                    named = bool(formatting)
        del self._open[place:]


_TABLE = frozenset({"table"})
_SCOPE = _TABLE | _CELLS
_LISTS = frozenset({"ul", "ol", "dl"})
_SECTIONS = frozenset({"thead", "tbody", "tfoot", "table"})
_ABOVE = {"td": _SECTIONS | {"tr"}, "th": _SECTIONS | {"tr"}, "tr": _SECTIONS, "col": _TABLE | {"colgroup"}}

# --- the sanitised form, read again -------------------------------------------------------------------------------

_TAG = re.compile(r'<(/?)([a-z][a-z0-9]*)((?: [a-z-]+="[^"]*")*)>')
_PAIR = re.compile(r' ([a-z-]+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class _Token:
    """A tag or a stretch of words of a sanitised page. ``text`` is as it stands there."""

    text: str
    name: str = ""
    end: bool = False

    def attributes(self) -> dict[str, str]:
        return {name: unescape(value) for name, value in _PAIR.findall(self.text)} if self.name else {}

    def attribute(self, name: str) -> str:
        return self.attributes().get(name, "")


def _tokens(clean: str) -> Iterator[_Token]:
    at = 0
    for found in _TAG.finditer(clean):
        if at < found.start():
            yield _Token(clean[at : found.start()])
        yield _Token(found[0], found[2], bool(found[1]))
        at = found.end()
    if at < len(clean):
        yield _Token(clean[at:])


@dataclass(frozen=True, slots=True)
class Shown:
    """A page to be shown. ``remote`` are the addresses of its remote images, each once, in order; ``missing`` how
    many images it shows a placeholder for; ``trackers`` how many invisible ones were left out; ``folded`` whether
    earlier messages are folded away; ``coloured`` whether it brings colours of its own and expects white paper."""

    html: str
    remote: tuple[str, ...] = ()
    missing: int = 0
    trackers: int = 0
    folded: bool = False
    coloured: bool = False


def sources(html: str) -> tuple[str, ...]:
    """What the images of sanitised ``html`` are to be fetched from (``cid:``, ``data:``, ``http(s):``), each once, in
    order, without those that nobody would see."""
    found = (t.attributes() for t in _tokens(html) if t.name == "img")
    return tuple(dict.fromkeys(a["src"] for a in found if a.get("src") and not _invisible(a)))


def is_remote(source: str) -> bool:
    return source.partition(":")[0].lower() in ("http", "https")


def shown(html: str, images: Mapping[str, str], earlier: str = "…") -> Shown:
    """Sanitised ``html`` as it may be shown: an image is one of ``images`` (by its source; best a ``data:`` address)
    or a placeholder; links say where they lead; the earlier messages at the end are folded behind ``earlier``."""
    tokens = list(_tokens(html))
    page = _Page(images)
    folds = _fold(tokens)
    for place, token in enumerate(tokens):
        if folds is not None and place == folds[1]:
            page.made.append("</details>")
        if folds is not None and place == folds[0]:
            page.made.append(f"<details><summary>{escape(earlier)}</summary>")
        page.put(token)
    if folds is not None and folds[1] == len(tokens):
        page.made.append("</details>")
    remote = tuple(source for source in sources(html) if is_remote(source))
    coloured = any(t.name and _COLOURED.search(t.text) for t in tokens)
    return Shown("".join(page.made), remote, page.missing, page.trackers, folds is not None, coloured)


_COLOURED = re.compile(
    r'[ ;"](?:bgcolor="|background(?:-color)?:(?!\s*(?:none|transparent|white|#fff(?:fff)?)\b))', re.IGNORECASE
)
_SIZE = re.compile(r"(?:^|;)(width|height|display):\s*(\d+|none)")


def _invisible(attributes: Mapping[str, str]) -> bool:
    """A picture of at most a point, or none: it is there to tell that the letter was read."""
    said = {name: attributes.get(name, "") for name in ("width", "height")} | dict(
        _SIZE.findall(attributes.get("style", ""))
    )
    small = [said[name].strip().removesuffix("px") in ("0", "1") for name in ("width", "height")]
    return all(small) or "0" in (said["width"], said["height"]) or said.get("display") == "none"


class _Page:
    """Writes tokens as they are shown."""

    def __init__(self, images: Mapping[str, str]) -> None:
        self.made: list[str] = []
        self.missing = 0
        self.trackers = 0
        self._images = images
        self._link = ""
        self._said: list[str] = []

    def put(self, token: _Token) -> None:
        if token.name == "img":
            self._image(token.attributes())
        elif token.name == "a":
            self._anchor(token)
        else:
            if not token.name:
                self._said.append(token.text)
            self.made.append(token.text)

    def _image(self, attributes: dict[str, str]) -> None:
        source = attributes.get("src", "")
        if _invisible(attributes):
            self.trackers += is_remote(source)
            return
        if shown_as := self._images.get(source):
            kept = {**attributes, "src": shown_as}
            self.made.append("<img" + "".join(f' {n}="{escape(v)}"' for n, v in kept.items()) + ">")
            return
        if not source:
            return
        self.missing += 1
        words = attributes.get("alt", "").strip()[:200]
        self.made.append(f'<span class="absent">{escape(words) or "▨"}</span>')

    def _anchor(self, token: _Token) -> None:
        if not token.end:
            self._link, self._said = token.attribute("href"), []
            about = {name: value for name, value in token.attributes().items() if name not in ("href", "class")}
            if self._link:
                about |= {"href": self._link, "title": self._link, "target": "_blank", "rel": _REL}
            self.made.append("<a" + "".join(f' {n}="{escape(v)}"' for n, v in about.items()) + ">")
            return
        self.made.append("</a>")
        real = real_place(self._link, unescape("".join(self._said)))
        if real:
            self.made.append(f'<span class="leads">→ {escape(real)}</span>')
        self._link = ""


_REL = "noopener noreferrer nofollow"
_LOOKS_LIKE = re.compile(
    r"(?:https?:/{1,3})?(?:[^\s/@]{1,64}@)?((?:[\w-]{1,63}[.。．]){1,8}[a-z]{2,24})(?![\w.])", re.IGNORECASE
)


def real_place(link: str, words: str) -> str:
    """Where ``link`` leads, if its ``words`` look like the address of another place or the address is written to
    mislead; else empty."""
    place, honest = _place(link)
    if not place:
        return ""
    if not honest:
        return place
    claimed = {_plain_host(host) for host in _LOOKS_LIKE.findall(words[:2_000])}
    claimed -= {name for name in claimed if name.rpartition(".")[2] in _FILE_ENDINGS}
    ours = _plain_host(place.rpartition("@")[2])
    return place if any(ours != claim and not ours.endswith("." + claim) for claim in claimed) else ""


_FILE_ENDINGS = _each("doc docx pdf txt xls xlsx ppt pptx jpg jpeg png gif htm html csv xml md py js ts")


def _plain_host(host: str) -> str:
    return host.lower().replace("。", ".").replace("．", ".").removeprefix("www.").rstrip(".")


def _place(link: str) -> tuple[str, bool]:
    """The host (or the mail address) that ``link`` leads to, and whether it is written plainly."""
    if link[:7].lower() == "mailto:":
        return unescape(link[7:].partition("?")[0])[:200], True
    try:
        parts = urlsplit(link)
        host = parts.hostname or ""
    except ValueError:
        return link[:200], False
    if parts.scheme not in ("http", "https"):
        return "", True
    numbers = bool(re.fullmatch(r"[\dx.:a-f]*\d", host)) and not host.rpartition(".")[2].isalpha()
    return _ascii_host(host), "@" not in parts.netloc and host.isascii() and not numbers and "xn--" not in host


def _ascii_host(host: str) -> str:
    try:
        return host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        return host


# --- earlier messages ---------------------------------------------------------------------------------------------

_HEADING = re.compile(
    r"^\W*+(?:original message|original|原始邮件|原邮件|回复的原邮件|转发邮件信息|"
    r"ursprüngliche nachricht|message d'origine|mensaje original)\s*-{2,}",
    re.IGNORECASE,
)
_RULE = re.compile(
    r"border-top:\s*(?:solid\s+#(?:e1e1e1|b5c4df)|1(?:\.0)?pt\s+solid\s+#(?:e1e1e1|b5c4df))", re.IGNORECASE
)


def _fold(tokens: list[_Token]) -> tuple[int, int] | None:
    """From which token to which one the earlier messages are folded; None where there are none, where new words stand
    below them, or where nothing new stands above (a letter handed on is its earlier message)."""
    saying = [place for place, token in enumerate(tokens) if _says(token)]
    if not saying or len(tokens) > 60_000:
        return None
    ends = _ends(tokens)
    for place, token in enumerate(tokens):
        match _quotes(token):
            case "from":
                start = _whole_block(tokens, place, ends, saying[0])
                return (start, _end_around(start, ends)) if saying[0] < start else None
            case "whole" if saying[-1] < ends[place]:
                return (place, ends[place]) if saying[0] < place < saying[-1] else None
    return None


def _quotes(token: _Token) -> str:
    """``whole``: the element is earlier messages; ``from``: all is, from here on."""
    if not token.name:
        return "from" if _HEADING.match(unescape(token.text[:500]).strip()) else ""
    if token.end:
        return ""
    about = token.attributes()
    marks = (about.get("class"), about.get("id"))
    if QUOTED_FROM in marks or (token.name == "div" and _RULE.search(about.get("style", ""))):
        return "from"
    return "whole" if QUOTED in marks or (token.name == "blockquote" and about.get("type") == "cite") else ""


def _says(token: _Token) -> bool:
    return token.name == "img" or (not token.name and bool(unescape(token.text).strip()))


def _ends(tokens: list[_Token]) -> dict[int, int]:
    """For each start tag, the place after its end tag."""
    ends: dict[int, int] = {}
    open_tags: list[int] = []
    for place, token in enumerate(tokens):
        if not token.name or token.name in _VOID:
            ends[place] = place + 1
        elif not token.end:
            open_tags.append(place)
        elif open_tags:
            ends[open_tags.pop()] = place + 1
    for place in open_tags:
        ends[place] = len(tokens)
    return ends


def _whole_block(tokens: list[_Token], place: int, ends: Mapping[int, int], first_said: int) -> int:
    """The outermost element that begins with what stands at ``place`` and has new words before it."""
    around = sorted((start for start, end in ends.items() if start < place < end - 1), reverse=True)
    for start in around:
        if first_said >= start or any(map(_says, tokens[start:place])):
            break
        place = start
    return place


def _end_around(place: int, ends: Mapping[int, int]) -> int:
    """Where the element that holds the token at ``place`` ends, before its end tag."""
    around = [end - 1 for start, end in ends.items() if start < place < end - 1]
    return min(around, default=max(ends.values(), default=place + 1))


# --- as words -----------------------------------------------------------------------------------------------------

_ANY_TAG = re.compile(r"<[^<>]*>")


def as_text(html: str) -> str:
    """The words of ``html``, laid out as lines. What even a lenient parser cannot bear loses its tags alone."""
    from inscriptis import get_text  # these take a while to load, and not everybody reads HTML
    from inscriptis.css_profiles import CSS_PROFILES
    from inscriptis.model.config import ParserConfig

    bounded = _bounded(html)
    try:
        text = str(get_text(bounded, ParserConfig(css=CSS_PROFILES["strict"]))) if bounded.strip() else ""
    except Exception:  # lxml and inscriptis name no common error for what they cannot bear
        text = unescape(_ANY_TAG.sub(" ", bounded))
    return "\n".join(line.rstrip() for line in text.split("\n")).strip("\n")
