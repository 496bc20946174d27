"""The operator's text: read, compared, put into force, and told apart from mistakes in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from contact_center.config.model import ConfigError, parse, read
from tests.hub import HubProcess, house, open_test_hub

LENA = "+4915112345678"


async def put(hub: Any, config: dict[str, Any], *, dry_run: bool = False) -> Any:
    return await hub.http.post("/api/v1/config", json=config, params={"dry_run": str(dry_run).lower()})


def staff(**passwords: str) -> list[dict[str, Any]]:
    agents = house()["agents"]
    for agent in agents:
        if agent["id"] in passwords:
            agent["password"] = passwords[agent["id"]]
    return agents


async def test_what_is_exported_changes_nothing_when_it_is_applied(database_url: str, tmp_path: Path) -> None:
    from contact_center.config.apply import compare, export

    policy = {"ageing_seconds": 30.0, "offer_seconds": {"voice": 15.0}}
    async with open_test_hub(database_url, tmp_path, config=house(policy=policy)) as hub:
        exported = await hub.read(export)
        again = parse(yaml.safe_load(yaml.safe_dump(exported, allow_unicode=True)))
        assert await hub.read(compare, again) == []
        assert "password" not in yaml.safe_dump(exported)
        assert exported["agents"][0]["name"] in ("Mei Lin 林美", "Jonas Okoye")


async def test_a_dry_run_shows_the_difference_and_changes_nothing(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        wanted = house(queues=[*house()["queues"][:2], {"id": "returns", "name": "Returns"}])
        wanted["agents"][0]["queues"] = wanted["agents"][1]["queues"] = ["support"]
        wanted["agents"][0]["name"] = "Mei Lin"
        before = await hub.rows("queues")
        shown = (await put(hub, wanted, dry_run=True)).json()["changes"]
        told = {(change["how"], change["what"]) for change in shown}
        assert {("added", "queue returns"), ("removed", "queue billing"), ("changed", "agent mei")} <= told
        assert any("Mei Lin 林美" in change["details"] for change in shown), "what it was, and what it will be"
        assert await hub.rows("queues") == before
        assert (await put(hub, wanted)).json()["changes"] == shown
        assert {row["id"] for row in await hub.rows("queues")} == {"general", "support", "sales", "returns"}
        assert (await put(hub, wanted)).json()["changes"] == []


async def test_a_running_hub_routes_by_what_was_just_applied(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("sana") as (sana,):
        await hub.twilio.sms(LENA, "Hello?")
        assert sana.state.offers == ()
        agents = staff()
        agents[2]["queues"] = ["support"]
        assert (await put(hub, house(agents=agents))).is_success
        await sana.offer()


async def test_a_queue_that_customers_wait_in_cannot_go(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await hub.twilio.sms(LENA, "Hello?")
        agents = [{**agent, "queues": []} for agent in staff()]
        wanted = house(queues=[], entry_points=[], agents=agents)
        answer = await put(hub, wanted)
        assert answer.status_code == 422
        assert "support" in answer.json()["error"]["message"]
        assert {row["id"] for row in await hub.rows("queues")} == {"general", "support", "sales", "billing"}


async def test_an_agent_with_work_in_hand_cannot_go(database_url: str, tmp_path: Path) -> None:
    """Or what they hold would be nobody's."""
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,):
        await hub.twilio.sms(LENA, "Hello?")
        work = await mei.accept()
        wanted = house(agents=staff()[1:])
        answer = await put(hub, wanted)
        assert answer.status_code == 422
        assert "mei" in answer.json()["error"]["message"]
        await mei.command("wrap_up", interaction_id=work.interaction_id, disposition="solved")
        assert (await put(hub, wanted)).is_success
        assert {a["id"] for a in (await hub.get("agents"))["items"]} == {"jonas", "sana"}


async def test_nothing_is_offered_to_an_agent_who_was_removed(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,):
        assert (await put(hub, house(agents=staff()[1:]))).is_success
        await hub.twilio.sms(LENA, "Hello?")
        record = await hub.record(await hub.only_interaction())
        assert record.state == "waiting"
        assert mei.announced == [each for each in mei.announced if each[1].kind == "agent.changed"]
        assert await hub.rows("offers") == []


async def test_somebody_who_comes_under_another_id_keeps_their_address(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=house(agents=staff(mei="the-password"))) as hub:
        agents = staff(mei="the-password")
        agents[0] = {**agents[0], "id": "mei.lin"}
        assert (await put(hub, house(agents=agents))).is_success
        (login,) = [row for row in await hub.rows("logins") if row["active"] and row["email"] == "mei@hub.example"]
        assert login["id"] == "mei.lin"
        signing_in = {"email": "mei@hub.example", "password": "the-password"}
        assert (await hub.anonymous.post("/api/v1/session", json=signing_in)).status_code == 200


async def test_two_who_swap_their_addresses_are_told_apart(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        agents = staff()
        agents[0]["email"], agents[1]["email"] = agents[1]["email"], agents[0]["email"]
        assert (await put(hub, house(agents=agents))).is_success
        emails = {row["id"]: row["email"] for row in await hub.rows("logins")}
        assert (emails["mei"], emails["jonas"]) == ("jonas@hub.example", "mei@hub.example")


async def test_a_new_password_ends_the_sessions_of_the_old(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=house(agents=staff(mei="first-password"))) as hub:
        cookie = await hub.cookie_of("mei")
        other = await hub.cookie_of("sana")
        async with hub.agent("", cookie=cookie) as mei, hub.agent("", cookie=other) as sana:
            same = await put(hub, house(agents=staff(mei="first-password")))
            assert same.json()["changes"] == []
            assert mei.closed is None
            await put(hub, house(agents=staff(mei="second-password")))
            assert await mei.ended() == 4403
            assert sana.closed is None
        answer = await hub.anonymous.get("/api/v1/session", headers={"Cookie": f"cch_session={cookie}"})
        assert answer.status_code == 401
        for password, status in (("first-password", 401), ("second-password", 200)):
            signing_in = {"email": "mei@hub.example", "password": password}
            assert (await hub.anonymous.post("/api/v1/session", json=signing_in)).status_code == status
        assert "second-password" not in str(await hub.rows("logins"))


async def test_somebody_who_was_removed_is_signed_out(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.signed_in("mei") as mei:
        await put(hub, house(agents=staff()[1:]))
        assert await mei.ended() == 4403


# --- mistakes, in words -----------------------------------------------------------------------------------------

MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"queus": []}, "queus"),
    ({"queues": [{"id": "Support", "name": "Support"}]}, "queues.0.id"),
    ({"queues": [{"id": "support"}]}, "queues.0.name"),
    ({"queues": [{"id": "support", "name": "Support", "target_seconds": 0}]}, "target_seconds"),
    ({"queues": [{"id": "support", "name": "Support", "skills": {"german": 6}}]}, "skills.german"),
    ({"queues": [{"id": "a", "name": "A"}, {"id": "a", "name": "B"}]}, "the queue 'a' is there twice"),
    ({"queues": "support"}, "queues"),
    ({"agents": [{"id": "mei", "name": "Mei", "email": "mei"}]}, "is not an e-mail address"),
    ({"agents": [{"id": "mei", "name": "Mei", "email": "m@x.example", "password": "short"}]}, "password"),
    ({"agents": [{"id": "mei", "name": "Mei", "email": "m@x.example", "role": "king"}]}, "role"),
    ({"agents": [{"id": "mei", "name": "Mei", "email": "m@x.example", "queues": ["no"]}]}, "'no', which is not"),
    (
        {"agents": [{"id": n, "name": n, "email": "m@x.example"} for n in ("a", "b")]},
        "the agent's e-mail 'm@x.example' is there twice",
    ),
    ({"agents": [{"id": "mei", "name": "Mei", "email": "m@x.example", "capacity": {"fax": 1}}]}, "capacity"),
    ({"entry_points": [{"channel": "email", "dialled": "a@x.example", "queue": "no"}]}, "leads to 'no'"),
    (
        {
            "entry_points": [
                {"channel": "email", "dialled": "A@x.example"},
                {"channel": "email", "dialled": "a@x.example"},
            ]
        },
        "is there twice",
    ),
    ({"time_zone": "Mars/Olympus"}, "is not a time zone"),
    ({"policy": {"sticky_hours": -1}}, "sticky_hours"),
    ({"policy": {"ageing": 1}}, "ageing"),
    ({"dispositions": [{"id": "a", "name": "A", "case_status": "burnt"}]}, "case_status"),
]


@pytest.mark.parametrize(("config", "told"), MISTAKES, ids=[told for _, told in MISTAKES])
def test_a_mistake_is_told_with_its_place(config: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(config, "hub.yaml")
    assert any(told in problem for problem in error.value.problems), error.value.problems
    assert all(problem.startswith("hub.yaml: ") for problem in error.value.problems)


def test_every_mistake_of_a_file_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        parse({"queues": [{"id": "A", "name": ""}], "time_zone": "Mars", "colour": "red"})
    assert len(error.value.problems) == 4


def test_a_policy_that_routing_would_refuse_is_refused_here() -> None:
    """Not when the hub starts."""
    with pytest.raises(ConfigError, match="cooldown"):
        parse({"policy": {"reoffer_cooldown_seconds": 1, "sole_cooldown_seconds": 5}})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("queues: [", "hub.yaml:"),
        ("- a\n- b\n", "the top must be a mapping"),
        ("queues: []\nqueues: []\n" + "x: ${NO_SUCH_VARIABLE}", "NO_SUCH_VARIABLE is not set"),
        ("a: !!python/object/apply:os.system ['true']", "hub.yaml:"),
    ],
)
def test_text_that_is_no_configuration_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "hub.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as error:
        read(file)
    assert told in str(error.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml"):
        read(tmp_path / "nowhere.yaml")
    with pytest.raises(ConfigError, match="holds no"):
        read(tmp_path)


def test_a_folder_of_files_is_one_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_PASSWORD", "from-outside")
    (tmp_path / "a.yaml").write_text("queues: [{id: support, name: Support}]\n")
    (tmp_path / "b.yaml").write_text(
        "queues: [{id: sales, name: Sales}]\n"
        "agents: [{id: mei, name: Mei, email: m@x.example, password: '${HUB_PASSWORD}', queues: [support]}]\n"
    )
    config = read(tmp_path)
    assert [queue.id for queue in config.queues] == ["support", "sales"]
    assert config.agents[0].password == "from-outside"
    (tmp_path / "c.yaml").write_text("time_zone: UTC\n")
    (tmp_path / "d.yaml").write_text("time_zone: UTC\n")
    with pytest.raises(ConfigError, match=r"d\.yaml:1:1: time_zone is already set"):
        read(tmp_path)


# --- the commands -----------------------------------------------------------------------------------------------


def test_the_commands_apply_show_and_export(database_url: str, tmp_path: Path) -> None:
    hub = HubProcess(tmp_path, database_url)
    file = tmp_path / "house.yaml"
    file.write_text(yaml.safe_dump(house(), allow_unicode=True))
    shown = hub.command("apply", "--dry-run", str(file))
    assert shown.returncode == 0, shown.stderr
    assert "added    queue support" in shown.stdout
    assert "would change" in shown.stdout
    done = hub.command("apply", str(file))
    assert done.returncode == 0, done.stderr
    assert "Nothing" in hub.command("apply", str(file)).stdout
    exported = hub.command("export")
    again = tmp_path / "again.yaml"
    again.write_text(exported.stdout)
    assert "Nothing" in hub.command("apply", "--dry-run", str(again)).stdout
    file.write_text("queus: []\n")
    refused = hub.command("apply", str(file))
    assert refused.returncode == 2
    assert "queus" in refused.stderr
    assert "Traceback" not in refused.stderr
