"""The telephony in the operator's text: mistakes are told with their key, and it is exported as it was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from contact_center.config.apply import compare, export
from contact_center.config.hours import week_of
from contact_center.config.model import ConfigError, parse
from contact_center.config.telephony import CallRules, stored_rules
from contact_center.domain.queue_rules import DEFAULT_RULES, rules_of, weekly
from contact_center.domain.time import DAY, MINUTE
from contact_center.storage import queues
from tests.hub import open_test_hub
from tests.telephony.talking import with_calls

EVERYTHING: dict[str, Any] = {
    "wrap_up": {"mode": "timed", "seconds": 12.5, "disposition": "solved", "case_status": "pending"},
    "callbacks": {
        "offered": False,
        "after_abandon": False,
        "abandon_after_seconds": 7.0,
        "attempts": 5,
        "gap_minutes": 2.5,
        "earliest": "09:30",
        "latest": "24:00",
    },
    "redial_minutes": 3.0,
    "record": "consent",
    "most_waiting": 40,
    "longest_wait_minutes": 25.0,
    "hours": {"mon-fri": "09:00-12:00, 13:00-18:00", "sat": "22:00-02:00"},
    "whisper": False,
}
TELEPHONY: dict[str, Any] = {
    "caller_id": "+12025550100",
    "code_channel": "twilio_sms",
    "code_sender": "+12025550111",
    "dialling": {
        "countries": ["CN", "DE"],
        "kinds": ["mobile"],
        "numbers": ["+493022330000"],
        "per_number_day": 3,
        "per_caller_day": 4,
        "per_hour": 5,
        "longest_minutes": 30.0,
    },
    "services": [
        {"id": "orders", "url": "https://shop.example/orders/{number}", "headers": {"X-Key": "k"}},
        {"id": "identity", "url": "https://shop.example/proof", "method": "POST"},
    ],
}


MONDAY = 4 * DAY  # 1970 began on a Thursday


def opens(week: tuple[tuple[int, int], ...], minute_of_week: int) -> bool:
    hours = weekly(week, "UTC")
    assert hours is not None
    return hours.is_open(MONDAY + minute_of_week * MINUTE)


async def test_telephony_that_is_exported_changes_nothing_when_it_is_applied(
    database_url: str, tmp_path: Path
) -> None:
    async with open_test_hub(database_url, tmp_path, config=with_calls(EVERYTHING, telephony=TELEPHONY)) as hub:
        exported = yaml.safe_load(yaml.safe_dump(await hub.read(export), allow_unicode=True))
        assert exported["telephony"] == TELEPHONY
        assert next(q["calls"] for q in exported["queues"] if q["id"] == "support") == EVERYTHING
        assert await hub.read(compare, parse(exported)) == []


async def test_what_is_left_out_is_what_the_product_does(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=with_calls(telephony={})) as hub:
        queue = await hub.read(queues.get, "support")
        assert queue is not None
        assert queue.rules == DEFAULT_RULES
        assert "telephony" not in await hub.read(export)


def test_every_rule_arrives_where_it_is_asked_for() -> None:
    rules = rules_of(stored_rules(CallRules.model_validate(EVERYTHING)))
    assert (rules.wrap_up.mode, rules.wrap_up.ms, rules.wrap_up.case_status) == ("timed", 12_500, "pending")
    made = rules.callbacks
    assert (made.attempts, made.gap_ms, made.earliest, made.latest) == (5, 150_000, 570, 1_440)
    assert (rules.redial_ms, rules.longest_wait_ms, rules.most_waiting) == (180_000, 1_500_000, 40)
    assert (rules.record, rules.whisper) == ("consent", False)
    assert opens(rules.hours, 9 * 60)
    assert not opens(rules.hours, 12 * 60)
    assert opens(rules.hours, 6 * 1440 + 60), "Sunday at one, which is Saturday's night"


def test_hours_over_the_end_of_the_week_go_on_in_the_next() -> None:
    hours = week_of({"sun": "22:00-02:00"})
    assert opens(hours, 7 * 1440 - 1)
    assert opens(hours, 60)
    assert not opens(hours, 3 * 60)


@pytest.mark.parametrize(
    ("calls", "where"),
    [
        ({"wrap_up": {"mode": "sometimes"}}, "calls.wrap_up.mode"),
        ({"wrap_up": {"seconds": -1}}, "calls.wrap_up.seconds"),
        ({"wrap_up": {"case_status": "gone"}}, "calls.wrap_up.case_status"),
        ({"callbacks": {"attempts": 0}}, "calls.callbacks.attempts"),
        ({"callbacks": {"earliest": "8:00"}}, "calls.callbacks.earliest"),
        ({"callbacks": {"latest": "24:30"}}, "calls.callbacks.latest"),
        ({"callbacks": {"gap_minutes": 0}}, "calls.callbacks.gap_minutes"),
        ({"record": "perhaps"}, "calls.record"),
        ({"most_waiting": -1}, "calls.most_waiting"),
        ({"hours": {"mon": "9-18"}}, "calls.hours"),
        ({"hours": {"someday": "09:00-18:00"}}, "calls.hours"),
        ({"whispers": True}, "calls.whispers"),
    ],
)
def test_a_mistake_in_a_queues_rules_is_told_with_its_key(calls: dict[str, Any], where: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        parse(with_calls(calls))
    assert [problem for problem in wrong.value.problems if where in problem], wrong.value.problems


@pytest.mark.parametrize(
    ("telephony", "where"),
    [
        ({"caller_id": "12025550100x"}, "telephony.caller_id"),
        ({"code_sender": "HUB"}, "telephony.code_sender"),
        ({"dialling": {"countries": ["Germany"]}}, "telephony.dialling.countries.0"),
        ({"dialling": {"kinds": ["satellite"]}}, "telephony.dialling.kinds.0"),
        ({"dialling": {"numbers": ["030 2233"]}}, "telephony.dialling.numbers.0"),
        ({"dialling": {"per_hour": -1}}, "telephony.dialling.per_hour"),
        ({"dialling": {"longest_minutes": 0}}, "telephony.dialling.longest_minutes"),
        ({"services": [{"id": "orders", "url": "ftp://shop.example"}]}, "telephony.services.0.url"),
        ({"services": [{"id": "orders", "url": "https://{host}/x"}]}, "telephony.services.0.url"),
        ({"services": [{"id": "orders", "url": "https://shop.example/{A b}"}]}, "telephony.services.0.url"),
        ({"services": [{"id": "Orders", "url": "https://shop.example"}]}, "telephony.services.0.id"),
        ({"services": [{"id": "orders"}]}, "telephony.services.0.url"),
        ({"services": [{"id": "o", "url": "https://shop.example", "method": "PUT"}]}, "telephony.services.0.method"),
        ({"number": "+1"}, "telephony.number"),
    ],
)
def test_a_mistake_in_telephony_is_told_with_its_key(telephony: dict[str, Any], where: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        parse(with_calls(telephony=telephony))
    assert [problem for problem in wrong.value.problems if where in problem], wrong.value.problems
