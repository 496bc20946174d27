"""``recognition train``, ``measure`` and ``show``, as an operator types them."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from contact_center.__main__ import app
from contact_center.bootstrap import take_folder
from contact_center.config.model import parse
from contact_center.offline import configure
from contact_center.storage import recognition
from contact_center.storage.executor import run_alone
from tests.hub import KEY, open_test_hub
from tests.recognition.school import examples, past, school

pytestmark = pytest.mark.timeout(600)
ROOT = Path(__file__).parents[2]
Typed = Callable[..., Result]


@pytest.fixture
def typed(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Typed:
    monkeypatch.setenv("CONTACT_CENTER_DATABASE_URL", database_url)
    monkeypatch.setenv("CONTACT_CENTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "160")

    def run(*words: str) -> Result:
        return CliRunner().invoke(app, ["recognition", *words])

    return run


async def with_cases(database_url: str, folder: Path, count: int, config: dict[str, Any] | None = None) -> None:
    """A house whose hub is down again, with cases in both languages that are over."""
    async with open_test_hub(database_url, folder, config=config or school(), checked=False) as hub:
        await past(hub, examples(count))


async def models(url: str) -> int:
    """How many are kept."""
    return len(await asyncio.to_thread(run_alone, url, recognition.models))


async def test_a_model_is_measured_learnt_shown_and_tried(database_url: str, tmp_path: Path, typed: Typed) -> None:
    await with_cases(database_url, tmp_path, 400)
    measured = await asyncio.to_thread(typed, "measure")
    assert measured.exit_code == 0, measured.output
    assert "each asked of a model that had not seen its customer" in measured.output
    assert "refund " in measured.output
    assert "How sure it was, and how often it was right:" in measured.output
    assert await models(database_url) == 0, "measuring stores nothing"
    trained = await asyncio.to_thread(typed, "train")
    assert trained.exit_code == 0, trained.output
    assert "Model 1 was learnt and is in force in " in trained.output
    assert "%" not in trained.output, "a log that nobody watches gets no bar"
    shown = await asyncio.to_thread(typed, "show")
    assert "Mode: decide; language: decide." in shown.output
    assert "Model 1, learnt " in shown.output
    english = await asyncio.to_thread(typed, "show", "I was charged twice, please refund me")
    chinese = await asyncio.to_thread(typed, "show", "我被重复扣款了，请把钱退给我")
    assert english.output.startswith("refund (decide)")
    assert chinese.output.startswith("refund (")
    assert "language zh" in chinese.output


async def test_too_few_cases_teach_nothing_and_it_is_said_how_many_there_are(
    database_url: str, tmp_path: Path, typed: Typed
) -> None:
    await with_cases(database_url, tmp_path, 40)
    for command in ("measure", "train"):
        done = await asyncio.to_thread(typed, command)
        assert done.exit_code == 1
        assert "It takes two intents with 20 closed cases each; there are " in done.output
        assert "refund: " in done.output
    assert await models(database_url) == 0


def test_a_house_without_cases_or_without_intents_is_told_what_is_missing(
    database_url: str, tmp_path: Path, typed: Typed
) -> None:
    for command in ("measure", "train"):
        done = typed(command)
        assert (done.exit_code, "There are no intents" in done.output) == (1, True), done.output
    shown = typed("show")
    assert (shown.exit_code, "There is no model yet." in shown.output) == (0, True)
    assert typed("show", "refund").output.strip() == "Recognition is off."
    configure(database_url, parse(school()))
    for command in ("measure", "train"):
        done = typed(command)
        assert (done.exit_code, "none that say what they were about" in done.output) == (1, True), done.output


def test_every_command_says_what_it_does(typed: Typed) -> None:
    for command, word in (("train", "into force"), ("measure", "Stores"), ("show", "in force")):
        helped = typed(command, "--help")
        assert (helped.exit_code, word in helped.output) == (0, True)


async def test_a_running_hub_is_asked_to_learn(database_url: str, tmp_path: Path, typed: Typed) -> None:
    async with open_test_hub(database_url, tmp_path, config=school()) as hub:
        data = tmp_path / "data"
        with take_folder(data):
            (data / "running.json").write_text(json.dumps({"url": hub.url, "key": KEY}))
            nothing = await asyncio.to_thread(typed, "train")
            assert (nothing.exit_code, "none that say what they were about" in nothing.output) == (1, True)
            await past(hub, examples(300))
            trained = await asyncio.to_thread(typed, "train")
        assert trained.exit_code == 0, trained.output
        assert "The running hub has learnt model 1 in " in trained.output
        assert "Learning" in trained.output
        assert (await hub.get("recognition"))["model"]["version"] == 1


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_at_a_terminal_a_bar_says_how_far_it_is(database_url: str, tmp_path: Path) -> None:
    await with_cases(database_url, tmp_path, 300)
    out, said = await asyncio.to_thread(at_a_terminal, database_url, tmp_path, ["recognition", "measure"])
    assert out == 0, said
    assert "Reading cases that are over" in said
    assert "Learning" in said
    assert "100 %" in said
    assert "[########################################]" in said


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_who_breaks_it_off_is_told_that_nothing_changed(database_url: str, tmp_path: Path) -> None:
    await with_cases(database_url, tmp_path, 400)

    def broken_off() -> tuple[int, str]:
        return at_a_terminal(database_url, tmp_path, ["recognition", "train"], break_off_at="Learning")

    out, said = await asyncio.to_thread(broken_off)
    assert (out, "Broken off" in said, "Traceback" in said) == (130, True, False), said
    assert await models(database_url) == 0


def at_a_terminal(url: str, folder: Path, words: list[str], break_off_at: str = "") -> tuple[int, str]:
    """The exit code, and all that stood on the screen; with Ctrl-C once ``break_off_at`` stands there."""
    ours, theirs = pty.openpty()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONTACT_CENTER_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "contact_center", *words],
        cwd=ROOT,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={
            **kept,
            "CONTACT_CENTER_DATABASE_URL": url,
            "CONTACT_CENTER_DATA_DIR": str(folder / "data"),
            "COLUMNS": "160",
        },
    )
    os.close(theirs)
    said = ""
    try:
        while more := _read(ours):
            said += more
            if break_off_at and break_off_at in said:
                break_off_at = ""
                process.send_signal(signal.SIGINT)
        return process.wait(120), said
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _read(screen: int) -> str:
    """What came next; empty once nobody writes any more."""
    try:
        return os.read(screen, 65_536).decode(errors="replace")
    except OSError:  # so Linux says that the other end is closed
        return ""
