"""What strangers' HTML becomes: harmless, stable, honest about where it leads, and cheap to read."""

from __future__ import annotations

import random
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contact_center.domain.rich_text import (
    MAX_DEPTH,
    as_text,
    is_remote,
    real_place,
    sanitised,
    sendable,
    shown,
    sources,
)
from tests.web.payloads import payloads

PAYLOADS = payloads()
HARMLESS_SCHEMES = ("http:", "https:", "mailto:", "tel:")
FORBIDDEN = "script style iframe object embed form input button select textarea svg math meta link base template"
PROPERTIES_THAT_REACH = ("url(", "expression(", "@import", "position:", "z-index:", "behavior:", "image-set(", "var(")


class _Seen(HTMLParser):
    """Everything in a page that could do something."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.depth = self.deepest = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        forbidden = (
            "script style iframe object embed form input button select textarea svg math meta link base template"
        )
        if tag in forbidden.split():
            self.wrong.append(f"<{tag}>")
        for name, value in attrs:
            self._attribute(tag, name, value or "")
        if tag not in ("br", "hr", "img", "wbr", "col"):
            self.depth += 1
            self.deepest = max(self.deepest, self.depth)

    def handle_endtag(self, tag: str) -> None:
        self.depth -= 1

    def _attribute(self, tag: str, name: str, value: str) -> None:
        if name.startswith("on") or name in ("srcset", "formaction", "background", "xlink:href", "action", "ping"):
            self.wrong.append(name)
        if name == "href" and not value.lower().startswith(HARMLESS_SCHEMES):
            self.wrong.append(f"href={value}")
        if name == "src" and not value.lower().startswith(("http:", "https:", "cid:", "data:image/")):
            self.wrong.append(f"src={value}")
        if name == "style" and any(each in value.lower() for each in PROPERTIES_THAT_REACH):
            self.wrong.append(f"style={value}")


def seen(html: str) -> _Seen:
    reader = _Seen()
    reader.feed(html)
    reader.close()
    return reader


@pytest.mark.parametrize("hostile", PAYLOADS, ids=range(len(PAYLOADS)))
def test_what_strangers_try_has_no_teeth_left_and_stays_so(hostile: str) -> None:
    clean = sanitised(hostile)
    assert seen(clean).wrong == []
    assert sanitised(clean) == clean
    page = shown(clean, {}).html
    assert seen(page).wrong == []
    assert "<img" not in page, "no picture is shown that was not handed in"


def test_whatever_is_put_together_from_what_they_try_has_no_teeth_either() -> None:
    chance = random.Random(20261122)
    for _ in range(400):
        parts = [chance.choice(PAYLOADS) for _ in range(3)]
        cut = [part[chance.randrange(len(part) + 1) :] if chance.random() < 0.5 else part for part in parts]
        hostile = chance.choice(("", "<table><td>", "<b><a>", "<p>", "<!--")).join(cut)
        clean = sanitised(hostile)
        assert seen(clean).wrong == [], hostile
        assert sanitised(clean) == clean, hostile
        assert seen(shown(clean, {}).html).wrong == [], hostile


ODDS = """<b> </b> <p> </p> <a_href='https://x.example'> </a> <table> <tr> <td> </td> </table> <li> <ul> </ul> <pre>~~
</pre> <div> </div> <svg> <math> <style> </style> <!-- --> <i_style='color:red'> </i> <h1> <blockquote>
&amp; &lt; < "' 词 _"""
PIECES = st.sampled_from(ODDS.split()).map(lambda piece: piece.replace("_", " ").replace("~", "\n"))


@given(st.lists(PIECES | st.text(max_size=6), max_size=30).map("".join))
def test_sanitising_twice_is_sanitising_once(html: str) -> None:
    clean = sanitised(html)
    assert sanitised(clean) == clean
    assert seen(clean).wrong == []
    assert sendable(sendable(html)) == sendable(html)


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 20_000 + "at the bottom",
        "<table><tr><td>" * 20_000 + "at the bottom",
        "<div><table><tr><td></div>" * 5_000 + "at the bottom",
        "<div><!-- </div> -->" * 5_000 + "at the bottom",
        "<svg><![CDATA[ > </div> ]]><div>" * 5_000 + "at the bottom",
        "".join(f"<p><font color=#{n:06x}>" for n in range(20_000)) + "at the bottom",
        "".join(f"<font face='{n}{'q' * 900}'>" for n in range(200)) + "<p>x" * 20_000 + "at the bottom",
        "<table>" + "<tr><td>cell</td></tr>" * 10_000 + "</table>at the bottom",
        "<p " + " ".join(f"a{n}=1" for n in range(50_000)) + ">at the bottom",
        "&" * 300_000 + "at the bottom",
        "<p>" + "-" * 400_000 + "</p>at the bottom",
    ],
    ids=[
        "deep",
        "tables",
        "fooled by tables",
        "by comments",
        "by CDATA",
        "formatting",
        "long",
        "wide",
        "attributes",
        "&",
        "dashes",
    ],
)
def test_what_is_built_to_cost_time_stays_small_and_keeps_its_words(html: str) -> None:
    clean = sanitised(html)
    assert len(clean) < 2_500_000
    assert seen(clean).deepest < 3 * MAX_DEPTH
    assert "at the bottom" in as_text(clean)
    assert "at the bottom" in shown(clean, {}).html


# --- what stays -----------------------------------------------------------------------------------------------------


def test_a_letter_keeps_its_looks() -> None:
    letter = (
        '<table width="600" bgcolor="#fafafa" cellpadding="4"><tbody><tr><td style="padding:8px;color:#333;'
        "font-family:'PingFang SC', sans-serif\">您好，<b>林美</b></td></tr></tbody></table>"
        '<ul><li>one</li><li>two</li></ul><p style="text-align:center;background:rgb(1, 2, 3)">end</p>'
    )
    assert sanitised(letter) == letter


def test_only_pictures_that_a_letter_carries_go_out_with_it() -> None:
    html = '<p>Hi<img src="cid:a@b" alt="x"><img src="https://spy.example/p.png"></p><script>x</script>'
    assert sendable(html) == '<p>Hi<img src="cid:a@b" alt="x"></p>'


def test_remote_pictures_are_listed_and_none_is_shown_unasked() -> None:
    clean = sanitised(
        '<img src="https://a.example/1.png"><img src="https://a.example/2.png" alt="The logo">'
        '<img src="https://a.example/1.png"><img src="https://spy.example/?me" width="1" height="1">'
        '<img src="https://spy.example/?too" style="display:none"><img src="cid:in@side">'
    )
    page = shown(clean, {})
    assert page.remote == ("https://a.example/1.png", "https://a.example/2.png")
    assert page.trackers == 2
    assert page.missing == 4
    assert "https" not in page.html
    assert "The logo" in page.html
    some = shown(clean, {"cid:in@side": "data:image/webp;base64,AAAA"})
    assert some.html.count("<img") == 1
    assert [s for s in sources(clean) if is_remote(s)] == list(page.remote)


@pytest.mark.parametrize(
    "link, words, leads",
    [
        ("https://evil.example/x", "www.bank.example", "evil.example"),
        ("https://bank.example.evil.example/", "https://bank.example/login", "bank.example.evil.example"),
        ("https://bank.example@evil.example/", "log in", "evil.example"),
        ("https://www.bank.example/a", "bank.example", ""),
        ("https://bank.example/", "https://www.bank.example", ""),
        ("https://shop.example/", "to the shop", ""),
        ("https://shop.example/f/1", "invoice.pdf", ""),
        ("http://2130706433/", "here", "2130706433"),
        ("https://xn--80ak6aa92e.com/", "here", "xn--80ak6aa92e.com"),
        ("https://аpple.com/", "here", "xn--pple-43d.com"),
        ("mailto:evil@evil.example", "help@bank.example", "evil@evil.example"),
        ("mailto:help@bank.example", "help@bank.example", ""),
        ("tel:+49301234", "+49 30 1234", ""),
    ],
)
def test_a_link_says_where_it_leads_if_its_words_say_otherwise(link: str, words: str, leads: str) -> None:
    assert real_place(link, words) == leads
    page = shown(sanitised(f'<a href="{link}">{words}</a>'), {}).html
    assert ('class="leads"' in page) == bool(leads)
    assert 'rel="noopener noreferrer nofollow"' in page


# --- earlier messages -----------------------------------------------------------------------------------------------

NEW, OLD = "<div>Thanks, it works.</div>", "<p>Did you try the other cable?</p>"


@pytest.mark.parametrize(
    "html",
    [
        f'{NEW}<div class="gmail_quote"><div>On Monday we wrote:</div><blockquote>{OLD}</blockquote></div>',
        f'{NEW}<blockquote type="cite">{OLD}</blockquote>',
        f'{NEW}<hr><div id="divRplyFwdMsg"><b>From:</b> Mei</div>{OLD}',
        f'<div>{NEW}<div style="border:none;border-top:solid #E1E1E1 1.0pt"><p>From: Mei</p></div>{OLD}</div>',
        f"<div>{NEW}<div>------------------ 原始邮件 ------------------</div>{OLD}</div>",
        f'{NEW}<blockquote id="isReplyContent">{OLD}</blockquote>',
        f"{NEW}<div>-----Original Message-----</div>{OLD}",
    ],
    ids=["Gmail", "Apple", "Outlook on the web", "Outlook", "QQ", "163", "plain"],
)
def test_earlier_messages_are_folded(html: str) -> None:
    page = shown(sanitised(html), {}, "before")
    assert page.folded
    above, _, below = page.html.partition("<details><summary>before</summary>")
    assert "it works" in above
    assert "other cable" in below
    assert page.html.count("</details>") == 1


@pytest.mark.parametrize(
    "html",
    [
        f'{NEW}<blockquote type="cite">{OLD}</blockquote><p>Yes, I did.</p>',
        f'<div class="gmail_quote">{OLD}</div>',
        f"{NEW}{OLD}",
        f"{NEW}<blockquote>{OLD}</blockquote>",
    ],
    ids=["answered below", "handed on", "nothing quoted", "somebody's quotation"],
)
def test_what_may_be_new_is_never_folded(html: str) -> None:
    assert not shown(sanitised(html), {}).folded


def test_words_keep_their_lines() -> None:
    assert as_text("<p>One</p><ul><li>a</li><li>b</li></ul><script>no</script>") == "One\n\n  * a\n  * b"
    assert as_text("") == ""
