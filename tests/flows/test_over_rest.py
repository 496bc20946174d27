"""Flows over REST, in a whole hub: published, seen, counted, and gone back from while calls are under way."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from contact_center.domain.time import DAY
from contact_center.flows.shipped import shipped_texts
from tests.hub import VOICE_NUMBER, TestHub, house, open_test_hub

LENA, OMAR = "+4915112345678", "+4915112345679"

LINE = """
flow: main
languages: {en: en-US}
otherwise: person
steps:
  hello:
    menu: "%s Press 1 for a person."
    choices: {"1": person}
  person: {queue: support}
"""


_LETTERS = "abcdefghijklm"
BOMB = "a: &a [x]\n" + "".join(f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in pairwise(_LETTERS))


def with_flow() -> dict[str, Any]:
    doors = [{"channel": "twilio_voice", "dialled": VOICE_NUMBER, "flow": "main", "queue": "support"}]
    return house(entry_points=doors)


def position(twiml: str) -> str:
    found = re.search(r"position=([^\"&]+)", html.unescape(twiml))
    assert found, twiml
    return unquote(found[1])


async def publish(hub: TestHub, words: str, note: str = "") -> str:
    answer = await hub.http.post("/api/v1/flows", json={"text": LINE % words, "note": note})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["published"][0]["version"])


async def test_a_published_flow_is_what_the_next_caller_hears_and_nobody_elses_call_changes(
    database_url: str, tmp_path: Path
) -> None:
    async with open_test_hub(database_url, tmp_path, config=with_flow()) as hub:
        await publish(hub, "Good morning.")
        lena = hub.twilio.call(LENA)
        first = await lena.arrive()
        assert "Good morning." in first
        await publish(hub, "Good evening.", "for the evening")
        assert "Good evening." in await until_heard(hub, "Good evening.")
        again = await lena.press(position(first), "7")
        assert "Good morning." in again
        rolled = await hub.http.post("/api/v1/flows/main/rollback", json={})
        assert rolled.json()["changed"] is True
        assert "Good morning." in await until_heard(hub, "Good morning.")


async def until_heard(hub: TestHub, words: str) -> str:
    """What a new caller hears; the hub takes a new version over a moment after it was published."""
    for number in range(50):
        call = hub.twilio.call(f"+49151999{number:05}")
        heard = await call.arrive()
        await call.hang_up()
        if words in heard:
            return heard
    raise AssertionError(f"nobody heard {words}")


async def test_what_is_in_force_and_what_was_is_told(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=with_flow()) as hub:
        before = {row["name"]: row for row in (await hub.http.get("/api/v1/flows")).json()["items"]}
        assert set(before) == set(shipped_texts())
        assert before["main"]["published_at"] is None
        version = await publish(hub, "Hello.", "shorter")
        row = next(r for r in (await hub.http.get("/api/v1/flows")).json()["items"] if r["name"] == "main")
        assert row == {
            "name": "main",
            "version": version,
            "published_at": hub.clock.now,
            "published_by": "API",
            "steps": 2,
            "live": 0,
        }
        one = (await hub.http.get("/api/v1/flows/main")).json()
        assert one["current"] == version
        assert one["text"] == LINE % "Hello."
        assert [v["note"] for v in one["versions"]] == ["shorter", ""]
        old = (await hub.http.get(f"/api/v1/flows/main?version={before['main']['version']}")).json()
        assert old["text"] == shipped_texts()["main"]


async def test_mistakes_are_refused_with_every_problem_and_change_nothing(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=with_flow()) as hub:
        wrong = (LINE % "Hello.").replace("person: {queue: support}", "person: {queue: support, pray: true}")
        answer = await hub.http.post("/api/v1/flows", json={"text": wrong})
        assert answer.status_code == 422
        problem = answer.json()["error"]["problems"][0]
        assert (problem["line"], problem["severity"]) == (9, "error")
        assert "pray" in problem["what"]
        checked = await hub.http.post("/api/v1/flows/check", json={"text": wrong.replace("support", "nowhere")})
        assert checked.status_code == 200
        assert any("pray" in each["what"] for each in checked.json()["problems"])
        one = (await hub.http.get("/api/v1/flows/main")).json()
        assert one["text"] == shipped_texts()["main"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[" * 5_000,
        BOMB,
        'flow: main\nsteps: {a: {say: "\\U00110000"}}',
        "flow: ../../etc\nlanguages: {en: en-US}\nsteps: {a: {hang_up: null}}",
        "\0\ud800".encode(errors="surrogatepass").decode("latin-1"),
        "!!python/object/apply:os.system [true]",
        "flow: main\nlanguages: {en: en-US}\nsteps: {a: {subflow: main, next: b}, b: {hang_up: null}}",
    ],
    ids=["empty", "deep", "bomb", "beyond unicode", "path", "control", "object", "recursion"],
)
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_hostile_texts_are_refused_with_problems(database_url: str, tmp_path: Path, text: str) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        answer = await hub.http.post("/api/v1/flows", json={"text": text})
        assert answer.status_code == 422
        assert answer.json()["error"]["problems"]
        checked = await hub.http.post("/api/v1/flows/check", json={"text": text})
        assert checked.json()["problems"]


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_text_beyond_measure_is_refused(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        assert (await hub.http.post("/api/v1/flows", json={"text": "x" * 1_000_001})).status_code == 422
        assert (await hub.http.post("/api/v1/flows", json={"text": "x" * 3_000_000})).status_code == 413


async def test_the_picture_shows_every_step_and_runs_no_scripts(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=with_flow()) as hub:
        await publish(hub, "<script>alert(1)</script> & so on.")
        answer = await hub.http.get("/api/v1/flows/main/diagram.svg")
        assert answer.headers["content-type"].startswith("image/svg+xml")
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert 'data-step="hello"' in answer.text
        assert "<script" not in answer.text
        shipped = await hub.http.get("/api/v1/flows/order_status/diagram.svg?language=zh")
        assert 'href="../identify/diagram.svg"' in shipped.text


async def test_callers_are_counted_where_they_are_and_by_the_ways_they_took_today(
    database_url: str, tmp_path: Path
) -> None:
    async with open_test_hub(database_url, tmp_path, config=with_flow()) as hub:
        await publish(hub, "Hello.")
        await until_heard(hub, "Hello.")
        lena, omar = hub.twilio.call(LENA), hub.twilio.call(OMAR)
        heard = await lena.arrive()
        await omar.arrive()
        await lena.press(position(heard), "1")
        counts = await counted(hub, lambda counts: counts["exits"])
        assert counts["steps"]["person"] == {"now": 1, "today": 1}
        assert counts["steps"]["hello"]["now"] == 1
        assert counts["exits"] == {"hello 1": 1}
        before = counts["steps"]["hello"]["today"]
        await hub.twilio.call("+4915112345680").arrive()
        counts = await counted(hub, lambda counts: counts["steps"]["hello"]["today"] > before)
        assert counts["steps"]["hello"]["today"] == before + 1
        hub.clock.now += DAY
        counts = (await hub.http.get("/api/v1/flows/main/counts")).json()
        assert counts["steps"]["person"] == {"now": 1, "today": 0}


async def counted(hub: TestHub, last: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """The counts once the ``last`` that happened is among them: while anybody writes, they are behind, in order."""

    async def look() -> dict[str, Any]:
        counts: dict[str, Any] = (await hub.http.get("/api/v1/flows/main/counts")).json()
        return counts if last(counts) else {}

    found: dict[str, Any] = await hub.eventually(look, "the counts")
    return found
