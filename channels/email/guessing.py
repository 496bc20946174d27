"""Guesses what unlabelled bytes of mail were written in: each likely encoding reads them, the likeliest text wins.

Subjects and names are short, and statistics of letter pairs need more than a few words; but a wrong reading gives
itself away sooner: rare characters, letters of a script that stand alone among others, capitals inside words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Literal

_SAMPLE = 4096
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")


def likeliest(data: bytes) -> str:
    """The codec that reads ``data`` (neither ASCII nor UTF-8) best; of equals the one that stands first."""
    sample = data[:_SAMPLE]
    best, best_score = "cp1252", _LIKELY
    for codec, script in _scripts().items():
        text = _read(sample, codec)
        score = _score(text, script) if text else 0.0
        if score > best_score:
            best, best_score = codec, score
    return best


def _read(sample: bytes, codec: str) -> str:
    """Empty where it cannot be that; but the end may cut a character in two."""
    try:
        return sample.decode(codec)
    except UnicodeDecodeError as error:
        return sample[: error.start].decode(codec) if "incomplete" in error.reason else ""


@dataclass(frozen=True, slots=True)
class _Script:
    """What a letter is worth. ``kind``: Latin words have few letters beyond ASCII, an alphabet's have nothing else,
    and ideographs don't mind what stands beside them."""

    worth: dict[str, float]
    kind: Literal["latin", "alphabet", "ideographs"]


def _score(text: str, script: _Script) -> float:
    """What a letter of the text beyond ASCII is worth on average."""
    total = count = 0.0
    for run in _NOT_ASCII.finditer(text):
        letters = run[0]
        count += len(letters)
        value = sum(script.worth.get(letter, _UNLIKELY) for letter in letters)
        beside = text[run.start() - 1 : run.start()].isalpha() or text[run.end() : run.end() + 1].isalpha()
        value *= _LIKELIHOOD[script.kind](letters, beside)
        value -= sum(a.islower() and b.isupper() for a, b in pairwise(letters))
        total += value
    return total / count if count else 0.0


def _in_latin_word(letters: str, beside: bool) -> float:
    if not any(letter.isalpha() for letter in letters):
        return 1.0
    return (1.0 if beside else 0.4) / max(1, len(letters) - 1)


def _in_alphabet(letters: str, beside: bool) -> float:
    return (0.4 if beside else 1.0) * (1.0 if len(letters) > 1 else 0.6)


def _in_ideographs(letters: str, beside: bool) -> float:
    return 0.6 if beside and len(letters) == 1 else 1.0


_LIKELIHOOD = {"latin": _in_latin_word, "alphabet": _in_alphabet, "ideographs": _in_ideographs}


_LIKELY = 0.3
_UNLIKELY = -0.5


def _worth(common: str, frequent: str, other: str = "", usual: float = 0.75) -> dict[str, float]:
    return {**dict.fromkeys(other, 0.5), **dict.fromkeys(common, usual), **dict.fromkeys(frequent, 1.0)}


def _rows(codec: str, leads: range, trails: Iterable[range] = (range(0xA1, 0xFF),)) -> str:
    every = (bytes((lead, trail)) for lead in leads for span in trails for trail in span)
    return "".join(pair.decode(codec, "ignore") for pair in every)


_BIG5_TRAILS = (range(0x40, 0x7F), range(0xA1, 0xFF))
_CHINESE_MARKS = "，。、：；？！（）“”‘’《》—…　"
_SIMPLIFIED = (
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用"
    "道行所然家事成方多经去法学如都同现当没动面起看定天分还进好小部其些主样您请谢问订单货款退收件回复电话邮客户系"
)
_TRADITIONAL = (
    "的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自之年過發後作裡用"
    "道行所然家事成方多經去法學如都同現當沒動面起看定天分還進好小部其些主樣您請謝問訂單貨款退收件回覆電話郵客戶係嘅喺咗"
)
_NAMES = (
    "林王李张刘陈杨黄赵吴周徐孙马朱胡郭何高罗郑梁宋唐许韩冯邓曹彭曾田董潘袁蔡叶程苏沈金石方白江美丽明华英"
    "文平芳敏静红玲军杰强伟秀"
)
_KOREAN = "이다는에을의가하고지한로은사기도를나어요니시습안녕세주문해서아있자그리만일보들게수라여인제합"
_JAPANESE = "。、「」（）？！日本私様注文"
_KANA = "".join(map(chr, (*range(0x3041, 0x3094), *range(0x30A1, 0x30F7), 0x30FC)))
_RUSSIAN = "абвгдежзийклмнопрстуфхцчшщъыьэюяёіїєґ"
_GREEK = "αβγδεζηθικλμνξοπρςστυφχψωάέήίόύώϊϋΐΰ"
_HEBREW = "".join(map(chr, range(0x5D0, 0x5EB)))
_ARABIC = "".join(map(chr, (*range(0x621, 0x63B), *range(0x641, 0x64B), 0x60C, 0x61B, 0x61F)))
_THAI = "".join(map(chr, (*range(0xE01, 0xE3B), *range(0xE40, 0xE4F))))
_SIGNS = "€“”‘’„‚–—…«»•·°©®™§£¥¡¿ª\xa0"


@cache
def _scripts() -> dict[str, _Script]:
    level_1 = _rows("big5", range(0xA4, 0xC7), _BIG5_TRAILS)
    chinese = _worth(
        _rows("gb18030", range(0xB0, 0xD8)), _SIMPLIFIED + _NAMES + _CHINESE_MARKS, _rows("gb2312", range(0xD8, 0xF8))
    )
    taiwanese = _worth(
        level_1, _TRADITIONAL + _NAMES + _CHINESE_MARKS, _rows("big5", range(0xC9, 0xFA), _BIG5_TRAILS)
    )
    japanese = _worth(_rows("euc_jp", range(0xB0, 0xD0)), _KANA + _JAPANESE, _rows("euc_jp", range(0xD0, 0xF5)))
    korean = _worth(_rows("euc_kr", range(0xB0, 0xC9)), _KOREAN, usual=0.5)
    russian = _worth(_RUSSIAN, "оаеинтсрвлкмдпу", _RUSSIAN.upper()) | dict.fromkeys("ОАЕИНТСРВЛКМ", 0.9)
    french = "äöüÄÖÜßåÅæÆøØñÑçÇáíóúãõÁÍÓÚêîôûëïùÿœìòÉÀÈ" + _SIGNS
    polish = "ąćęłńóśźżčďěňřšťůžáéíýúőűäöüßĄĆĘŁŃÓŚŹŻČĎĚŇŘŠŤŮŽÁÉÍÝÚŐŰÖÜ" + _SIGNS
    return {
        "gb18030": _Script({**dict.fromkeys(level_1, 0.5), **chinese}, "ideographs"),
        "big5hkscs": _Script(taiwanese, "ideographs"),
        "cp932": _Script(japanese, "ideographs"),
        "euc_jp": _Script(japanese, "ideographs"),
        "cp949": _Script(korean, "ideographs"),
        "cp1255": _Script(_worth(_HEBREW, "יוהלאמרתבשםנע", _SIGNS), "alphabet"),
        "cp1251": _Script(russian, "alphabet"),
        "koi8_r": _Script(russian, "alphabet"),
        "cp1253": _Script(_worth(_GREEK, "αοιετσνηυρκμλςόίά", _GREEK.upper() + _SIGNS), "alphabet"),
        "cp1256": _Script(_worth(_ARABIC, "اليمونرتبةعدسف", _SIGNS, 0.6), "alphabet"),
        "cp874": _Script(_worth(_THAI, "านรอกเงมยลวดทสต่้ัี", _SIGNS, 0.6), "alphabet"),
        "cp1252": _Script(_worth(french, "éèàùêôüöäñóáç’€", "ÊËÏÎÔÛÙŒÃÕðþÐÞýšž"), "latin"),
        "cp1250": _Script(_worth(polish, "łąęšžčřů", "ţşăâîđ"), "latin"),
        "cp1254": _Script(_worth("çöüÇÖÜâîû" + _SIGNS, "ışğİŞ"), "latin"),
    }
