"""HTML becomes the lines that its reader would see."""

from __future__ import annotations

import pytest

from channels.email.rendering import MAX_TAGS, MAX_TEXT, to_text

SEEN = {
    "": "",
    "plain": "plain",
    "a &amp; b &lt;c&gt; &nbsp;d": "a & b <c>  d",
    "one<br>two<br><br>four": "one\ntwo\n\nfour",
    "<div>one</div><div>two</div>": "one\ntwo",
    "<div>one<br></div><div><br></div><div>three</div>": "one\n\nthree",
    "<p>one</p><p>two</p>": "one\n\ntwo",
    "<p style='margin:0'>one</p><p style='color:red; margin: 0 0'>two</p>": "one\ntwo",
    "<p class=MsoNormal>one</p><p class=MsoNormal>&nbsp;</p><p class=MsoNormal>three</p>": "one\n\nthree",
    "so<b>me</b> <i>words</i> \n in   a row": "some words in a row",
    "<h1>Title</h1>text<hr>more": "Title\n\ntext\n――――――――――――――――――――\nmore",
    "<ul><li>a<li>b<ul><li>c</ul></ul>d": "- a\n- b\n  - c\n\nd",
    "<ol><li>a<li>b</ol>": "1. a\n2. b",
    "<li>loose": "- loose",
    "<table><tr><td>a<td>b<tr><td>c<td>d</table>": "a  b\nc  d",
    "<table><tr><td><p>a</p></td><td><div>b</div></td></tr></table>": "a  b",
    "<table><tr><td>a</td></tr></table>after": "a\nafter",
    "<pre>  keep\n   this</pre>gone": "  keep\n   this\n\ngone",
    "<blockquote>only indented</blockquote>": "only indented",
    "new<blockquote type=cite>old<blockquote class=x_quote>older</blockquote></blockquote>new": (
        "new\n\n> old\n>\n>> older\n\nnew"
    ),
    "<span style='display: none'>x</span><p hidden>x</p>seen<script>x</script><style>x</style><!-- x -->": "seen",
    "<div style='x:y;display:none'><p>x<b>y</b></p>z</div>seen": "seen",
    "<head><title>x</title></head><body>seen": "seen",
    "<img style='display:none'>a<br hidden>b<wbr hidden>c<hr hidden><input hidden>d": "abcd",
    "<img alt='😊'> <img alt='a picture of me'> <img alt='!!'><img>": "😊 !!",
    "</p></ul></blockquote></pre>loose ends": "loose ends",
    "<xmp><b>": "<b>",
    "<" * 5: "<<<<<",
    "<!-- never closed": "",
    "&#xD800;&#0;&#x110000;x": "\ufffd\ufffd\ufffdx",
    "<?xml version='1.0' encoding='gb2312'?><p>您好": "您好",
    "<meta charset=gb2312><p>您好": "您好",
}


@pytest.mark.parametrize("html", SEEN)
def test_html_reads_as_it_is_seen(html: str) -> None:
    text, cut = to_text(html)
    assert "\n".join(line.rstrip() for line in text.split("\n")).strip("\n") == SEEN[html].strip("\n")
    assert not cut


def test_words_at_any_depth_are_read() -> None:
    assert to_text("<div>" * 5_000 + "deep" + "</div>" * 5_000 + "after")[0] == "deep\nafter"
    assert to_text("<blockquote type=cite>" * 100 + "x")[0].strip() == ">" * 10 + " x"


@pytest.mark.parametrize("html", ["x" * (2 * MAX_TEXT), "<b>" * (MAX_TAGS + 70_000) + "x", "x<br>" * 300_000])
def test_of_too_much_the_beginning_is_read(html: str) -> None:
    text, cut = to_text(html)
    assert cut
    assert len(text) < MAX_TEXT + 70_000
