"""Reasons in words."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from contact_center.domain.events import MEDIA
from contact_center.replaying.explaining import Language, reason


@pytest.mark.parametrize(
    ("language", "medium", "words"), [("en", "chat", "none of them does chat"), ("zh", "voice", "都不处理电话")]
)
def test_the_medium_that_nobody_does_is_named(language: Language, medium: str, words: str) -> None:
    said = {"code": "nobody_does_the_medium", "values": {"medium": medium, "available": 2}}
    assert reason(language, said, ZoneInfo("UTC")).endswith(words)


def test_every_medium_has_its_name_in_every_language() -> None:
    for medium in MEDIA:
        told = [reason(each, {"code": "new", "values": {"medium": medium}}, ZoneInfo("UTC")) for each in ("en", "zh")]
        assert told[0] != told[1]
