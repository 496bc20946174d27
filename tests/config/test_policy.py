"""The policy in the operator's text: what it says as values, and every mistake with its place and how to mend it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from contact_center.config.apply import compare, export, keep_policy
from contact_center.config.model import Config, ConfigError, parse, read
from contact_center.config.routing import policy_value
from contact_center.domain.overflow import Overflow
from contact_center.domain.time import HOUR, MINUTE, SECOND
from contact_center.storage import policies, queues, routing_log, settings
from contact_center.web.schemas import configuration
from routing.document import UNCONFIGURED, version_of
from routing.expression import read_need, written
from routing.policy import Batch, Policy, QueuePolicy, Step
from tests.hub import HubProcess, open_test_hub
from tests.hub import house as a_house

EVERYTHING: dict[str, Any] = {
    "ageing_seconds": 30.0,
    "most_priority": 60,
    "order": "slack",
    "sticky_hours": 1.0,
    "reoffer_cooldown_seconds": 20.0,
    "sole_cooldown_seconds": 4.0,
    "cooldown_seconds": {"rejected": 60.0, "no_answer": 30.0, "busy": 10.0},
    "misses_in_a_row": 3,
    "offer_seconds": {"voice": 15.0},
    "ranking": ["preferred", "known", "most_skilled", "least_loaded", "longest_idle"],
    "exclusive": ["voice", "chat"],
    "weights": {"voice": 10, "chat": 4},
    "interrupts": {"voice": ["email", "other"]},
    "batch": {"most": 16},
    "absence": {"grace_seconds": 30.0, "gone_minutes": {"chat": 2.0}, "wrap_up_minutes": 30.0},
}
ROUTING: dict[str, Any] = {
    "needs": "english >= 3 and (billing or german) and not agent:sana",
    "prefer": {"german": 2},
    "relax": [
        {"after_seconds": 30.0, "lower": {"english": 1}},
        {"after_seconds": 60.0, "drop": ["german"], "also_queues": ["sales"]},
    ],
    "skip_hopeless": False,
    "hold_seconds": 20.0,
    "ring": 2,
    "auto_answer": ["chat"],
    "handling_seconds": 240.0,
    "label": "gold",
    "overflow": [
        {"to": "sales", "waited_seconds": 120.0, "nobody": "able"},
        {"to": "billing", "ahead": 20, "level_below": 80.0, "of_minutes": 15.0, "estimate_seconds": 300.0},
        {"to": "billing", "closed": True},
    ],
    "pick": "members",
}


def house(**changes: Any) -> dict[str, Any]:
    config = a_house(**changes)
    config["agents"][0]["skills"] |= {"english": 4, "german": 2}
    config["agents"][1]["skills"] |= {"english": 5}
    return config


def full(**routing: Any) -> dict[str, Any]:
    config = house(policy=EVERYTHING)
    config["queues"][0] |= {"routing": routing or ROUTING, "hours": "office"}
    config["agents"][0] |= {"weighted_total": 20, "most_of": {"gold": 2}}
    config["hours"] = [
        {
            "id": "office",
            "time_zone": "Asia/Shanghai",
            "week": {"mon-fri": "09:00-12:00, 13:00-18:00", "sat": "22:00-02:00"},
            "holidays": ["china"],
            "days": {"2026-10-03": "10:00-12:00"},
        }
    ]
    config["holidays"] = [{"id": "china", "name": "国庆节", "days": {"2026-10-01..2026-10-07": "closed"}}]
    config["segments"] = [{"id": "vip", "name": "VIP", "name_zh": "贵宾", "priority": 20, "skills": {"english": 4}}]
    config["skills"] = ["russian"]
    return config


def test_everything_that_a_policy_can_say_can_be_written() -> None:
    config = parse(full())
    policy = policy_value(config.policy, config.queues)
    assert policy == Policy(
        version="",
        offer_ms={**Policy("").offer_ms, "voice": 15_000},
        ageing_ms=30 * SECOND,
        most_priority=60,
        order="slack",
        reoffer_cooldown_ms=20 * SECOND,
        cooldown_ms={"rejected": 60_000, "no_answer": 30_000, "busy": 10_000},
        sole_cooldown_ms=4_000,
        misses_in_a_row=3,
        sticky_ms=HOUR,
        ranking=("preferred", "known", "most_skilled", "least_loaded", "longest_idle"),
        exclusive_media=("voice", "chat"),
        weights={"voice": 10, "chat": 4},
        interrupts={"voice": frozenset({"email", "other"})},
        batch=Batch(most=16),
        queues=policy.queues,
    )
    assert policy.queues["support"] == QueuePolicy(
        need=read_need(ROUTING["needs"]),
        prefer={"german": 2},
        relax=(
            Step(30_000, {"english": 1}, read_need("english and (billing or german) and not agent:sana")),
            Step(60_000, {"english": 1, "german": 0}, read_need("english and not agent:sana"), frozenset({"sales"})),
        ),
        skip_hopeless=False,
        hold_ms=20_000,
        ring=2,
        auto_answer=frozenset({"chat"}),
        target_ms=policy.queues["support"].target_ms,
        handling_ms=240_000,
        label="gold",
    )
    assert policy.queues["sales"] == QueuePolicy(target_ms=policy.queues["sales"].target_ms)


async def test_what_is_exported_says_the_same(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=full()) as hub:
        exported = await hub.read(export)
        again = parse(yaml.safe_load(yaml.safe_dump(exported, allow_unicode=True)))
        assert await hub.read(compare, again) == []
        queue = await hub.read(queues.get, "support")
        assert queue is not None
        assert queue.rules.pick == "members"
        assert queue.rules.overflow[0] == Overflow("sales", waited_ms=120_000, nobody="able")
        assert queue.rules.overflow[1].level_of_ms == 15 * MINUTE
        opening = await hub.read(policies.opening, queue.rules)
        assert opening is not None
        assert opening.zone == "Asia/Shanghai"
        assert opening.days["2026-10-03"] == ((600, 720),), "a day of its own counts before the holidays"
        assert opening.days["2026-10-04"] == ()


# --- in force ---------------------------------------------------------------------------------------------------


async def test_a_policy_is_in_force_at_once_and_kept_for_ever(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=house()) as hub:
        before = await hub.read(policies.in_force)
        answer = await hub.http.post("/api/v1/config", json=house(policy={"offer_seconds": {"sms": 77}}))
        assert answer.is_success, answer.text
        after = await hub.read(policies.in_force)
        assert {"what": "policy version", "how": "changed", "details": f"{before.version} → {after.version}"} in (
            answer.json()["changes"]
        )
        for version in (before.version, after.version):
            document = await hub.read(routing_log.policy, version)
            assert version_of(document) == version
        async with hub.at_work("mei") as (mei,):
            await hub.twilio.sms("+4915112345678", "Hello?")
            offer = await mei.offer()
            assert offer.deadline_at - offer.made_at == 77_000
            decision = await hub.get(f"decisions/{offer.decision_id}")
            assert decision["policy"] == after.version
            events = [e for e in (await hub.get("events"))["items"] if e["kind"] == "enqueued"]
            assert events[0]["body"]["policy"] == after.version


async def test_what_another_node_put_into_force_is_found(database_url: str, tmp_path: Path) -> None:
    """Without a word from it: the hint was lost."""
    async with open_test_hub(database_url, tmp_path, config=house()) as hub:
        document = {**await hub.read(policies.document), "ageing_ms": 1}
        version = await hub.write(policies.put_into_force, document, hub.clock.now)
        dispatcher = hub.runtime.dispatcher
        assert dispatcher.policy.version != version
        dispatcher.doubt()

        async def follows() -> bool:
            return bool(dispatcher.policy.version == version)

        await hub.eventually(follows)
        assert dispatcher.policy.ageing_ms == 1


async def test_the_policy_of_an_earlier_release_is_in_force_after_the_update(
    database_url: str, tmp_path: Path
) -> None:
    async with open_test_hub(database_url, tmp_path, config=house(policy={"ageing_seconds": 7})) as hub:
        applied = await hub.read(policies.in_force)
        await hub.write(settings.drop, [policies.DOCUMENT])
        assert (await hub.read(policies.in_force)).version == UNCONFIGURED
        await hub.write(keep_policy, hub.clock.now)
        kept = await hub.read(policies.in_force)
        assert kept.ageing_ms == 7_000
        assert kept == applied, "the same document has the same name"
        await hub.write(keep_policy, hub.clock.now)


async def test_the_same_text_has_the_same_version_wherever_it_is_applied(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=full()) as hub:
        first = (await hub.read(policies.in_force)).version
        answer = await hub.http.post("/api/v1/config", json=house())
        assert answer.is_success, answer.text
        assert (await hub.read(policies.in_force)).version != first
        assert (await hub.http.post("/api/v1/config", json=full())).is_success
        assert (await hub.read(policies.in_force)).version == first


async def test_a_dry_run_says_what_it_would_mean_for_those_who_wait(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=house()) as hub:
        await hub.twilio.sms("+4915112345678", "Hello?")
        await hub.twilio.sms("+4915112345679", "Hello?")
        wanted = house(skills=["russian"], policy={"ageing_seconds": 5})
        wanted["queues"][0] |= {"routing": {"needs": "russian"}, "priority": 3}
        answer = await hub.http.post("/api/v1/config", json=wanted, params={"dry_run": "true"})
        told = answer.json()["waiting"]
        assert "2 waiting cases in support would have nobody who could take them" in told
        assert "2 waiting cases in support would ask something else of agents" in told
        assert "2 that wait keep the priority and skills they came in with" in told
        assert any("could ever meet it" in warning for warning in answer.json()["warnings"])
        assert (await hub.read(policies.in_force)).queue("support").need == QueuePolicy().need, "only looked"


# --- mistakes ---------------------------------------------------------------------------------------------------

WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"needs": "englsh"}, "needs", "nobody has the skill 'englsh' (did you mean 'english'?)"),
    ({"needs": "english >= 9"}, "needs", "levels go from 1 to 5"),
    ({"needs": "english and not english"}, "needs", "nobody could ever meet it"),
    ({"needs": "agent:jonsa"}, "needs", "there is no agent 'jonsa' (did you mean 'jonas'?)"),
    ({"prefer": {"germn": 1}}, "prefer.germn", "did you mean 'german'?"),
    ({"relax": [{"after_seconds": 5}]}, "relax.0", "asks for nothing less"),
    ({"relax": [{"after_seconds": 5, "drop": ["no"]}]}, "relax.0.drop.0", "nobody has the skill 'no'"),
    (
        {"relax": [{"after_seconds": 9, "also_queues": ["sales"]}, {"after_seconds": 5, "drop": ["german"]}]},
        "relax.1.after_seconds",
        "put the steps in the order of their times",
    ),
    ({"needs": "english", "relax": [{"after_seconds": 5, "needs": "german"}]}, "relax.0", "may only ask for less"),
    ({"needs": "english", "relax": [{"after_seconds": 5, "needs": "english"}]}, "relax.0", "asks for as much"),
    ({"relax": [{"after_seconds": 5, "also_queues": ["slaes"]}]}, "also_queues.0", "did you mean 'sales'?"),
    ({"relax": [{"after_seconds": 5, "also_queues": ["support"]}]}, "also_queues.0", "the queue itself"),
    ({"overflow": [{"to": "sales"}]}, "overflow.0", "has no condition"),
    ({"overflow": [{"to": "slaes", "ahead": 5}]}, "overflow.0.to", "did you mean 'sales'?"),
    ({"overflow": [{"to": "support", "ahead": 5}]}, "overflow.0.to", "the queue itself"),
    ({"overflow": [{"to": "sales", "closed": True}]}, "overflow.0.closed", "has no hours"),
    ({"ring": 51}, "ring", "must be at most 50 (it is 51)"),
    ({"ring": "two"}, "ring", "must be a whole number (it is 'two')"),
    ({"hold_seconds": "forever"}, "hold_seconds", "must be a number (it is 'forever')"),
    ({"skip_hopeless": "perhaps"}, "skip_hopeless", "must be true or false (it is 'perhaps')"),
    ({"pick": "member"}, "pick", "must be 'supervisors' or 'members' (it is 'member') (did you mean 'members'?)"),
    ({"relax": [{"after_seconds": 0}]}, "relax.0.after_seconds", "must be more than 0 (it is 0)"),
    ({"relax": {"after_seconds": 5}}, "relax", "must be a list"),
    ({"relax": [5]}, "relax.0", "must be settings with their values"),
    ({"label": 7}, "label", "YAML reads this as a number: put it into quotes"),
    ({"label": True}, "label", "YAML reads this as true: put it into quotes"),
    ({"needs": None}, "needs", "is empty: give it a value, or take it out"),
    ({"needs": ["english"]}, "needs", "must be a text, and is a list"),
    ({"needs": "nobody"}, "needs", "nothing would ever be offered"),
    ({"needs": "中文 >= 3"}, "needs", "'中' is no letter of an id"),
    ({"prefer": {"中文": 1}}, "prefer.中文", "'中文' is no id"),
    ({"overflow": [{"to": "x" * 99, "ahead": 5}]}, "overflow.0.to", "…"),
    ({"rings": 5}, "routing.rings", "there is no such setting (did you mean 'ring'?)"),
]


@pytest.mark.parametrize(("routing", "where", "told"), WRONG, ids=[told for _, _, told in WRONG])
def test_a_mistake_in_a_queues_routing_is_refused(routing: dict[str, Any], where: str, told: str) -> None:
    config = house()
    config["queues"][0]["routing"] = routing
    with pytest.raises(ConfigError) as error:
        parse(config)
    assert [each for each in error.value.problems if where in each and told in each], error.value.problems


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        ({"interrupts": {"voice": ["voice"]}}, "cannot interrupt itself"),
        ({"interrupts": {"voice": ["chat"], "chat": ["voice"]}}, "interrupt each other"),
        ({"ranking": ["known", "known"]}, "twice"),
        ({"ranking": ["least_loaded", "most_loaded"]}, "only the first"),
        ({"ranking": ["luck"]}, "ranking.0"),
        ({"weights": {"voice": -1}}, "weights.voice"),
        ({"cooldown_seconds": {"bored": 1}}, "cooldown_seconds"),
    ],
)
def test_a_mistake_in_the_policy_is_refused(policy: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse(house(policy=policy))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"segments": [{"id": "a", "name": "A", "skills": {"englsh": 1}}]}, "did you mean 'english'?"),
        ({"segments": [{"id": "a", "name": "A"}, {"id": "a", "name": "B"}]}, "the segment 'a' is there twice"),
        ({"hours": [{"id": "a", "time_zone": "Mars/Olympus"}]}, "is not a time zone"),
        ({"hours": [{"id": "a", "week": {"mon": "9-18"}}]}, "hours are written as"),
        ({"hours": [{"id": "a", "holidays": ["b"], "week": {"mon": "09:00-18:00"}}]}, "the holidays 'b'"),
        ({"hours": [{"id": "a", "days": {"2026-02-30": "closed"}}]}, "days are written as"),
        ({"holidays": [{"id": "a", "days": ["2026-01-01..2028-01-01"]}]}, "longer than a year"),
    ],
)
def test_a_mistake_in_hours_and_segments_is_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(house(**change))
    assert told in str(error.value)


def test_overflow_that_leads_in_a_circle_is_refused() -> None:
    config = house()
    config["queues"][0]["routing"] = {"overflow": [{"to": "sales", "ahead": 5}]}
    config["queues"][1]["routing"] = {"overflow": [{"to": "billing", "ahead": 5}]}
    config["queues"][2]["routing"] = {"overflow": [{"to": "support", "ahead": 5}]}
    with pytest.raises(ConfigError, match="support → sales → billing → support"):
        parse(config)


def test_overflow_that_meets_again_is_no_circle() -> None:
    config = house()
    config["queues"][0]["routing"] = {"overflow": [{"to": "sales", "ahead": 5}, {"to": "billing", "ahead": 2}]}
    config["queues"][1]["routing"] = {"overflow": [{"to": "billing", "ahead": 5}]}
    assert parse(config).queues[0].routing.overflow


def warned(config: dict[str, Any]) -> str:
    return "\n".join(parse(config).warnings)


def test_what_is_perhaps_not_meant_is_said_and_allowed() -> None:
    config = house(skills=["russian"])
    config["queues"][0]["routing"] = {"needs": "russian", "ring": 9, "auto_answer": ["chat"]}
    config["queues"].append({"id": "returns", "name": "Returns", "hours": "never"})
    config["hours"] = [{"id": "never"}]
    config["agents"][0] |= {"weighted_total": 5, "most_of": {"gold": 1}}
    said = warned(config)
    for told in (
        "could ever meet it",
        "rings at 9 at once",
        "no use with auto_answer",
        "nobody is in this queue",
        "are never open",
        "a weighted total limits nothing",
        "no queue has the label 'gold'",
    ):
        assert told in said
    config["policy"] = {"weights": {"voice": 1}}
    del config["agents"][0]["weighted_total"]
    assert "the weights limit nothing" in warned(config)
    config["queues"][0]["routing"] = {"needs": "german"}
    assert "could never be offered anything" in warned(config)
    config["queues"][0]["routing"] = {"relax": [{"after_seconds": 5, "drop": ["german"]}]}
    assert "changes nothing: german was not asked for by this queue" in warned(config)


NOT_MEANT: list[tuple[dict[str, Any], str]] = [
    (
        {"overflow": [{"to": "sales", "waited_seconds": 30}, {"to": "sales", "waited_seconds": 60, "ahead": 5}]},
        "overflow.1: is never reached: entry 1, to 'sales', holds whenever this does",
    ),
    (
        {"overflow": [{"to": "sales", "nobody": "able"}, {"to": "billing", "nobody": "logged_in"}]},
        "but for what was in 'sales' already",
    ),
    (
        {"overflow": [{"to": "sales", "level_below": 90}, {"to": "sales", "level_below": 80}]},
        "overflow.1: is never reached",
    ),
    (
        {
            "needs": "english >= 3",
            "relax": [{"after_seconds": 30, "drop": ["english"]}],
            "overflow": [{"to": "sales", "waited_seconds": 30}],
        },
        "relax.0.after_seconds: comes when what waits has gone on to 'sales', after 30 s",
    ),
    ({"overflow": [{"to": "general", "ahead": 5}]}, "goes on to 'general', where nobody is"),
]


@pytest.mark.parametrize(("routing", "told"), NOT_MEANT, ids=[told for _, told in NOT_MEANT])
def test_what_is_never_reached_is_said(routing: dict[str, Any], told: str) -> None:
    config = house()
    config["queues"][0]["routing"] = routing
    assert told in warned(config)


@pytest.mark.parametrize(
    "overflow",
    [
        [{"to": "sales", "waited_seconds": 60}, {"to": "billing", "waited_seconds": 30}],
        [{"to": "sales", "waited_seconds": 30, "ahead": 5}, {"to": "billing", "waited_seconds": 60}],
        [{"to": "sales", "nobody": "logged_in"}, {"to": "billing", "nobody": "able"}],
        [{"to": "sales", "level_below": 80}, {"to": "billing", "level_below": 80, "of_minutes": 60}],
        [{"to": "sales", "estimate_seconds": 80}, {"to": "billing", "ahead": 2}],
        [{"to": "sales", "closed": True}, {"to": "billing", "ahead": 2}],
    ],
)
def test_what_is_reached_sometimes_is_not_said_to_be_never(overflow: list[dict[str, Any]]) -> None:
    config = house(hours=[{"id": "office", "week": {"mon": "08:00-12:00"}}])
    config["queues"][0] |= {"hours": "office", "routing": {"overflow": overflow}}
    assert "never" not in warned(config)


def test_limits_that_forbid_what_they_limit_are_said() -> None:
    config = house(policy={"weights": {"voice": 10}, "most_priority": 3})
    config["agents"][0]["weighted_total"] = 5
    config["agents"][1]["capacity"] = {"voice": 0, "other": 0}
    config["queues"][0]["priority"] = 50
    said = warned(config)
    assert "agents.0.weighted_total: is less than one piece weighs, which they are never offered: voice" in said
    assert "agents.1.capacity: nothing may be in their hands at once" in said
    assert "queues.0.priority: is more than policy.most_priority and counts as 3" in said
    assert "queues.0.priority: counts for nothing" in warned(config | {"policy": {"ageing_seconds": 0}})
    config["hours"] = [{"id": "shut", "week": {"mon": "08:00-12:00"}, "days": {"01-01..12-31": "closed"}}]
    assert "the hours 'shut' are never open" in warned(config)
    config["hours"][0]["days"]["2027-02-01"] = "08:00-12:00"
    assert "never open" not in warned(config)


TEXT = """\
# a comment, so that lines count
time_zone: Europe/Berlin
queues:
  - id: support
    name: Support
    routing:
      needs: "english and germn"
      rign: 3
agents:
  - {id: mei, name: Mei, email: mei@hub.example, queues: [suport], skills: {english: 5, german: 2}}
"""


def test_a_mistake_is_told_with_its_file_line_and_column(tmp_path: Path) -> None:
    file = tmp_path / "house.yaml"
    file.write_text(TEXT)
    with pytest.raises(ConfigError) as error:
        read(file)
    assert error.value.problems == [
        "house.yaml:8:13: queues.0.routing.rign: there is no such setting (did you mean 'ring'?)"
    ]
    file.write_text(TEXT.replace("      rign: 3\n", ""))
    with pytest.raises(ConfigError) as error:
        read(file)
    assert error.value.problems == [
        "house.yaml:7:27: queues.0.routing.needs: nobody has the skill 'germn' (did you mean 'german'?); "
        "one that somebody will have is named under skills",
        "house.yaml:9:59: agents.0.queues.0: agent mei is in the queue 'suport', which is not defined (did you mean "
        "'support'?)",
    ]
    file.write_text(TEXT.replace("english and germn", "english and (german"))
    with pytest.raises(ConfigError, match=r"house\.yaml:7:34: .*needs: at character 20: the '\(' at character 13"):
        read(file)


def test_places_are_found_in_every_file_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("queues:\n- {id: support, name: Support}\npolicy: {ageing_seconds: 5}\n")
    (tmp_path / "b.yaml").write_text("queues:\n- {id: support, name: Again}\n\npolicy:\n  ageing: 5\n")
    with pytest.raises(ConfigError, match=r"b\.yaml:5:11: policy\.ageing: there is no such setting"):
        read(tmp_path)
    (tmp_path / "b.yaml").write_text("queues:\n\n- {id: support, name: Again}\n")
    with pytest.raises(ConfigError, match=r"b\.yaml:3:8: queues\.1\.id: the queue 'support' is there twice"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("queues: []\nqueues: []\n", r"house\.yaml:2:1: 'queues' is there twice; the first is in line 1"),
        ("a: &a [*a]\n", "holds itself"),
        ("a: &a [1,2,3,4,5,6,7,8]\n" + "".join(
            f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 8)}]\n" for n in range(9)
        ), "with what its anchors repeat"),
        ("a: " + "[" * 5_000 + "]" * 5_000, "nested too deeply|house.yaml"),
        ("time_zone: ${NO_SUCH}\n", r"house\.yaml:1:12: the environment variable NO_SUCH is not set"),
        ("queues:\n\t- id: support\n", r"house\.yaml:2:1: a tab stands here: YAML is indented with spaces alone"),
        ("queues: [*them]\n", r"house\.yaml:1:10: \*them repeats an anchor that is not there: write &them"),
        ("time_zone: Europe: Berlin\n", r"house\.yaml:1:18: a second ':' in a line: put what has ': ' in it into"),
        ("time_zone: 'Europe/Berlin\n", "a quotation is not closed before the end"),
    ],
)  # fmt: skip
def test_text_that_only_looks_like_a_configuration_is_refused(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "house.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=told):
        read(file)


def test_text_in_another_encoding_is_refused_and_a_mark_before_it_is_none(tmp_path: Path) -> None:
    file = tmp_path / "house.yaml"
    file.write_text("# one\n# Größe\n", encoding="latin-1")
    with pytest.raises(ConfigError, match=r"house\.yaml:2: is not UTF-8 text from here on: save it as UTF-8"):
        read(file)
    file.write_text("queues: []\n", encoding="utf-8-sig")
    assert read(file).queues == []
    with pytest.raises(ConfigError, match=r"nothing\.yaml: cannot be read: No such file or directory"):
        read(tmp_path / "nothing.yaml")


def test_a_value_from_outside_keeps_its_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_RING", "3")
    monkeypatch.setenv("HUB_NAME", "a: b # c")
    file = tmp_path / "house.yaml"
    file.write_text(
        "queues: [{id: support, name: '${HUB_NAME}', routing: {ring: ${HUB_RING}}}] # ${HUB_NOT_ASKED_FOR}\n"
    )
    queue = read(file).queues[0]
    assert (queue.name, queue.routing.ring) == ("a: b # c", 3)


def test_a_very_long_policy_is_read_in_one_go(tmp_path: Path) -> None:
    """A quadratic check of its ten thousand lines would keep this test busy for minutes."""
    days = "\n".join(f'      "{1970 + n // 336}-{n // 28 % 12 + 1:02}-{n % 28 + 1:02}": closed' for n in range(8_000))
    many = "\n".join(
        f"  - {{id: q{n}, name: Q, hours: all, "
        f"routing: {{needs: s{n} and not t, overflow: [{{to: q{n + 1}, ahead: 3}}]}}}}"
        for n in range(400)
    )
    skills = ", ".join(["t", *(f"s{n}" for n in range(400))])
    file = tmp_path / "house.yaml"
    file.write_text(
        f"skills: [{skills}]\nholidays:\n  - id: all\n    days:\n{days}\n"
        "hours:\n  - {id: all, week: {mon-sun: '00:00-24:00'}, holidays: [all]}\n"
        f"queues:\n{many}\n  - {{id: q400, name: Last}}\n"
    )
    config = read(file)
    assert len(config.queues) == 401
    assert len(config.holidays[0].days) == 8_000


@pytest.mark.parametrize("wrong", [{"rings": 3}, {"needs": "no"}])
def test_of_very_many_mistakes_the_first_are_told(wrong: dict[str, Any]) -> None:
    queues = [{"id": f"q{n}", "name": "Q", "routing": wrong} for n in range(2_000)]
    with pytest.raises(ConfigError) as error:
        parse({"queues": queues})
    assert len(error.value.problems) == 101
    assert error.value.problems[-1] == "configuration: and there is more"


async def test_no_secret_is_shown_where_it_changed(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=house()) as hub:
        service = {"id": "orders", "url": "https://shop.example/", "headers": {"X-Key": "hush-hush"}}
        answer = await hub.http.post("/api/v1/config", json=house(telephony={"services": [service]}))
        assert {"what": "telephony", "how": "changed", "details": ""} in answer.json()["changes"]
        assert "hush" not in answer.text


# --- its schema -------------------------------------------------------------------------------------------------


def test_the_schema_says_every_setting() -> None:
    schema = configuration()
    assert set(schema["properties"]) == set(Config.model_fields)
    assert "overflow" in schema["$defs"]["QueueRoutingModel"]["properties"]


async def test_the_running_hub_publishes_the_schema(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        answer = await hub.anonymous.get("/api/v1/schema/configuration.json")
        assert answer.json() == configuration()


def test_the_commands_warn_and_print_the_schema(database_url: str, tmp_path: Path) -> None:
    hub = HubProcess(tmp_path, database_url)
    assert json.loads(hub.command("schema", "configuration").stdout) == configuration()
    file = tmp_path / "house.yaml"
    file.write_text(yaml.safe_dump(house(queues=[*house()["queues"], {"id": "returns", "name": "Returns"}])))
    shown = hub.command("apply", "--dry-run", str(file))
    assert "warning  house.yaml:" in shown.stdout
    assert "nobody is in this queue" in shown.stdout


def test_a_need_is_written_as_it_is_read() -> None:
    assert written(read_need(ROUTING["needs"])) == ROUTING["needs"]
