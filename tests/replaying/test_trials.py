"""A policy on trial, asked for over REST: in a process of its own, one at a time, and found again afterwards."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.days import BEGINS_AT, Known, known_day, store
from contact_center.storage import tried
from routing import Policy
from tests.hub import Clock, TestHub, open_test_hub, until

DAY = "2026-03-02"
TRIALS = "/api/v1/routing/trials"


@pytest.fixture(scope="module")
def known() -> Known:
    return known_day(Policy("p1"), 300, hours=1, queues=2, as_people=True)


async def asked(hub: TestHub, **more: Any) -> dict[str, Any]:
    answer = await hub.http.post(TRIALS, json={"first": DAY, **more})
    assert answer.status_code == 201, answer.text
    trial: dict[str, Any] = answer.json()
    return trial


async def over(hub: TestHub, trial: dict[str, Any]) -> dict[str, Any]:
    await hub.runtime.trials.ended()
    found: dict[str, Any] = (await hub.http.get(f"{TRIALS}/{trial['id']}")).json()
    return found


async def test_a_policy_is_tried_and_what_came_of_it_is_found_again(
    database_url: str, tmp_path: Path, known: Known
) -> None:
    async with open_test_hub(database_url, tmp_path, checked=False) as hub:
        await hub.runtime.executor.write(store, known)  # records without their events
        trial = await asked(hub, text="policy: {ranking: [longest_idle]}", label="idle first")
        assert (trial["state"], trial["asked"]["label"]) == ("running", "idle first")
        refused = await hub.http.post(TRIALS, json={"first": DAY})
        assert refused.status_code == 409
        found = await over(hub, trial)
        assert found["problem"] == ""
        result = found["result"]
        assert [each["role"] for each in result["columns"]] == ["real", "recorded", "other"]
        assert result["columns"][2]["label"] == "idle first"
        rows = {row["code"]: row for row in result["queues"][0]["rows"]}
        assert rows["came"]["values"] == [len(known.day.cases)] * 3
        assert rows["missed"]["values"][0] == sum(known.day.missed.values())
        assert len(result["through"]["levels"]) == len(result["waits"]["shares"]) == 3
        assert result["differences"]["en"]
        assert result["differences"]["zh"]
        listed = (await hub.http.get(TRIALS)).json()
        assert [each["id"] for each in listed["items"]] == [trial["id"]]
        assert listed["kept"]["first_at"] == BEGINS_AT
        page = await hub.http.get(f"{TRIALS}/{trial['id']}/page?language=zh")
        assert "attachment" in page.headers["content-disposition"]
        assert "idle first" in page.text
        assert (await hub.http.delete(f"{TRIALS}/{trial['id']}")).status_code == 200
        assert (await hub.http.get(f"{TRIALS}/{trial['id']}")).status_code == 404


async def test_a_trial_that_is_cancelled_ends_its_process(database_url: str, tmp_path: Path, known: Known) -> None:
    async with open_test_hub(database_url, tmp_path, checked=False) as hub:
        await hub.runtime.executor.write(store, known)  # records without their events
        trial = await asked(hub)
        trials = hub.runtime.trials
        await until(lambda: trials.pid is not None)
        pid = trials.pid
        assert pid is not None
        assert (await hub.http.delete(f"{TRIALS}/{trial['id']}")).status_code == 200
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert (await hub.http.get(TRIALS)).json()["items"] == []
        await over(hub, await asked(hub))


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_what_cannot_be_tried_is_said(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:

        async def refused(**body: Any) -> tuple[int, str]:
            answer = await hub.http.post(TRIALS, json=body)
            return answer.status_code, answer.json()["error"]["message"]

        status, told = await refused(first=DAY, text="policy:\n  rankin: [longest_idle]\nqueues: 7\n")
        assert status == 422
        assert "policy.yaml:2:" in told
        assert "policy.yaml:3:" in told
        assert (await refused(first=DAY, text="policy: ["))[0] == 422
        assert (await refused(first="2026-13-02"))[0] == 422
        assert (await refused(first=DAY, last="2026-03-01"))[0] == 422
        assert (await refused(first=DAY, last="2026-05-01"))[0] == 422
        assert (await refused(first=DAY, version="nothing"))[0] == 404
        assert (await hub.http.post(f"{TRIALS}/experiment")).status_code == 404
        nothing = await over(hub, await asked(hub))
        assert (nothing["state"], nothing["problem"], nothing["result"]) == ("failed", "nothing_kept", None)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_text_sees_nothing_of_the_hub_s_environment(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET", "swordfish")
    async with open_test_hub(database_url, tmp_path) as hub:
        answer = await hub.http.post(TRIALS, json={"first": DAY, "text": "policy: {order: '${A_SECRET}'}"})
        assert answer.status_code == 422
        assert "swordfish" not in answer.text


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_slow_trial_is_ended(database_url: str, tmp_path: Path, known: Known) -> None:
    async with open_test_hub(database_url, tmp_path, checked=False) as hub:
        await hub.runtime.executor.write(store, known)  # records without their events
        hub.runtime.trials._deadline = 0.0
        found = await over(hub, await asked(hub))
        assert (found["state"], found["problem"]) == ("failed", "too_long")


# --- kept, and told by every node -----------------------------------------------------------------------------------


@pytest.fixture
def never_ending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials begin, tell how far they are, and never come to their end."""
    process = tmp_path / "never-ending"
    process.write_text("#!/bin/sh\necho '[\"simulating\", 1, 3]' >&2\nexec sleep 86400\n")
    process.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(process))


async def items(hub: TestHub) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await hub.http.get(TRIALS)).json()["items"]
    return found


async def told(hub: TestHub, state: str, phase: str = "") -> list[dict[str, Any]]:
    """The trials, once the only one is told so."""

    async def so() -> list[dict[str, Any]]:
        found = await items(hub)
        return found if [each["state"] for each in found] == [state] and phase in ("", found[0]["phase"]) else []

    found: list[dict[str, Any]] = await hub.eventually(so, f"a trial that is {state} {phase}")
    return found


async def test_what_came_of_a_trial_is_found_again_after_a_restart(
    database_url: str, tmp_path: Path, known: Known
) -> None:
    async with open_test_hub(database_url, tmp_path, checked=False) as hub:
        await hub.runtime.executor.write(store, known)  # records without their events
        before = await over(hub, await asked(hub, label="again"))
        assert before["state"] == "done"
    async with open_test_hub(database_url, tmp_path, checked=False) as hub:
        after = (await hub.http.get(f"{TRIALS}/{before['id']}")).json()
        assert after == before
        page = await hub.http.get(f"{TRIALS}/{before['id']}/page")
        assert "again" in page.text
        assert [each["id"] for each in await items(hub)] == [before["id"]]


@pytest.mark.usefixtures("never_ending")
async def test_what_ran_when_the_hub_went_down_is_broken_off(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        trial = await asked(hub)
        await told(hub, "running", "simulating")
    async with open_test_hub(database_url, tmp_path) as hub:
        (found,) = await items(hub)
        assert (found["id"], found["state"], found["problem"]) == (trial["id"], "failed", "broken_off")


async def test_what_ran_when_the_hub_was_killed_is_broken_off_when_it_starts_again(
    database_url: str, tmp_path: Path
) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await hub.write(tried.begin, trial_of("t1", hub.clock.now), hub.runtime.holder)
        (found,) = await items(hub)
        assert (found["state"], found["phase"]) == ("running", "reading")
    async with open_test_hub(database_url, tmp_path) as hub:
        (found,) = await items(hub)
        assert (found["state"], found["problem"]) == ("failed", "broken_off")


async def test_a_trial_of_which_nothing_is_heard_is_told_as_broken_off(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        await hub.write(tried.begin, trial_of("t1", hub.clock.now), "a node that dies")
        hub.clock.now += tried.SILENT_MS
        assert (await items(hub))[0]["state"] == "running"
        hub.clock.now += 1
        (found,) = await items(hub)
        assert (found["state"], found["problem"]) == ("failed", "broken_off")
        assert (await hub.http.get(f"{TRIALS}/t1")).json()["problem"] == "broken_off"
        # It was only slow.
        assert await hub.write(tried.go_on, "t1", "simulating", 1, 2, hub.clock.now)
        assert (await items(hub))[0]["state"] == "running"
        await hub.write(tried.end, "t1", "", tried.packed({"a": 1}), hub.clock.now)
        assert (await hub.http.get(f"{TRIALS}/t1")).json()["result"] == {"a": 1}
        assert not await hub.write(tried.go_on, "t1", "telling", 2, 2, hub.clock.now)


@pytest.mark.usefixtures("never_ending")
@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=False)
async def test_every_node_tells_of_a_trial_and_may_end_it(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    clock = Clock()
    async with (
        open_test_hub(database_url, tmp_path / "one", clock=clock) as one,
        open_test_hub(database_url, tmp_path / "two", clock=clock) as two,
    ):
        trial = await asked(one, label="elsewhere")
        (found,) = await told(two, "running", "simulating")
        assert (found["id"], found["asked"]["label"], found["done"], found["whole"]) == (
            trial["id"],
            "elsewhere",
            1,
            3,
        )
        pid = one.runtime.trials.pid
        assert (await two.http.delete(f"{TRIALS}/{trial['id']}")).status_code == 200
        assert await items(one) == []
        await one.runtime.trials.ended()
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        again = await asked(one)  # and another may begin there
        beside = await asked(two)  # and here
        assert {each["id"] for each in await items(one)} == {again["id"], beside["id"]}


async def test_the_last_fifty_of_thirty_days_are_kept(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        begin = hub.clock.now

        def tried_often(conn: Any) -> None:
            for number in range(tried.MOST_KEPT + 5):
                tried.begin(conn, trial_of(f"t{number:02}", begin + number), "a node")
                if number:
                    tried.end(conn, f"t{number:02}", "", tried.packed({"n": number}), begin + number)

        await hub.write(tried_often)
        kept = [each["id"] for each in await items(hub)]
        assert kept == [f"t{number:02}" for number in range(tried.MOST_KEPT + 4, 4, -1)]
        # The one that runs still does: it is not listed, and what comes of it is kept out as well.
        assert (await hub.http.get(f"{TRIALS}/t00")).json()["state"] == "running"
        assert (await hub.http.get(f"{TRIALS}/t01")).status_code == 404
        hub.clock.now += tried.KEEP_MS + 10
        assert [each["id"] for each in await items(hub)] == kept[: tried.MOST_KEPT + 4 - 9]
        await hub.write(tried.end, "t54", "", b"", hub.clock.now)
        assert len(await hub.rows("policy_trials")) == len(await items(hub))


def trial_of(trial_id: str, began_at: int) -> tried.Trial:
    return tried.Trial(trial_id, "policy", "Sana", began_at, {"label": "x"}, "running", "reading", 0, 0, "", 0)
