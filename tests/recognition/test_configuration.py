"""What the configuration takes, and what it says about mistakes."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from contact_center.config.model import ConfigError, parse
from contact_center.recognition.policy import OFF, Rules, rules_of
from tests.hub import house


def applied(text: str) -> Rules:
    """The rules that come of a piece of YAML, as they are stored."""
    config = parse(house(recognition=yaml.safe_load(text)))
    return rules_of(config.recognition.model_dump(exclude_defaults=True))


def test_nothing_said_is_off() -> None:
    assert applied("{}") == OFF
    assert applied("mode: off") == OFF


def test_what_is_said_is_what_counts() -> None:
    rules = applied(
        """
        mode: decide
        language_mode: off
        bar: 0.95
        languages: {zh: {chinese: 3}}
        train: {every_hours: null, after_corrections: 10}
        intents:
          - {id: refund, name: Refund, mode: off, dispositions: [solved], queue: billing, skills: {billing: 2}}
        """
    )
    assert (rules.mode, rules.language_mode, rules.bar) == ("decide", "off", 0.95)
    assert (rules.train_hours, rules.train_after) == (0, 10)
    assert rules.intents[0].mode == "off"
    assert rules.label("solved", "") == "refund"


@pytest.mark.parametrize(
    "wrong, told",
    [
        ({"mode": True}, "must be 'off', 'suggest' or 'decide'"),
        ({"suggest_at": 0.9, "decide_at": 0.8}, "what is not even shown cannot decide"),
        ({"bar": 0.2}, "must be at least 0.5"),
        ({"most_priority": 500}, "must be at most 100"),
        ({"languages": {"Chinese": {"chinese": 3}}}, "pattern"),
        ({"intents": [{"id": "a", "name": "A"}, {"id": "a", "name": "B"}]}, "the intent 'a' is there twice"),
        ({"intents": [{"id": "a", "name": "A", "queue": "moon"}]}, "names the queue 'moon', which is not defined"),
        ({"intents": [{"id": "a", "name": "A", "queues": ["moon"]}]}, "names the queue 'moon', which is not defined"),
        ({"intents": [{"id": "a", "name": "A", "dispositions": ["x"]}]}, "names the disposition 'x'"),
        (
            {"intents": [{"id": i, "name": i, "queues": ["sales"]} for i in "ab"]},
            "the queue 'sales' speaks for 'a' and for 'b': it can teach only one",
        ),
        ({"intents": [{"id": f"i{i}", "name": "I"} for i in range(50)]}, "has 50 entries, and may have 39"),
        ({"intent": []}, "did you mean .intents."),
    ],
)
def test_a_mistake_is_said(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse(house(recognition=wrong))
