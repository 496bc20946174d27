"""A policy on trial, asked for over REST: in a process of its own, one at a time, and found again afterwards."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from benchmarks.days import BEGINS_AT, Known, known_day, store
from contact_center.domain.time import HOUR
from routing import Policy
from tests.hub import TestHub, open_test_hub, until

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
async def test_old_trials_are_let_go_of_and_a_slow_one_is_ended(
    database_url: str, tmp_path: Path, known: Known
) -> None:
    async with open_test_hub(database_url, tmp_path, checked=False) as hub:
        await hub.runtime.executor.write(store, known)  # records without their events
        trials = hub.runtime.trials
        trials._deadline = 0.0
        found = await over(hub, await asked(hub))
        assert (found["state"], found["problem"]) == ("failed", "too_long")
        hub.clock.now += 25 * HOUR
        assert trials.every() == []
