"""``python -m contact_center flow …`` as the operator types it, beside a running hub and without one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from contact_center.__main__ import app
from tests.hub import HubProcess

Command = Callable[..., subprocess.CompletedProcess[str]]

LINE = """flow: line
languages: {en: en-US}
otherwise: person
steps:
  hello:
    menu: "%s Press 1 for a person."
    choices: {"1": person}
  person: {queue: support}
"""
TEST = """flow: line
cases:
  - name: A person
    steps: [{hears: Hello.}, {presses: "1"}, {goes: queue support}]
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("CONTACT_CENTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("CONTACT_CENTER_DATABASE_URL", raising=False)

    def command(*arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        done = CliRunner().invoke(app, ["flow", *arguments], input=typed)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)

    return command


@pytest.fixture
def line(tmp_path: Path) -> Path:
    file = tmp_path / "line.yaml"
    file.write_text(LINE % "Hello.")
    (tmp_path / "line.test.yaml").write_text(TEST)
    return file


def test_mistakes_are_told_with_file_line_and_column(run: Command, line: Path) -> None:
    assert run("check", str(line)).returncode == 0
    line.write_text(LINE.replace("person: {queue", "persom: {queue"))
    done = run("check", str(line.parent))
    assert done.returncode == 1
    assert f"{line}:3:12: error: there is no step 'person'. Did you mean 'persom'?" in done.stdout
    rows = json.loads(run("check", "--json", str(line)).stdout)
    assert {"file", "line", "column", "severity", "what", "mend"} == set(rows[0])


def test_queues_that_the_configuration_does_not_have_are_told(run: Command, line: Path, tmp_path: Path) -> None:
    config = tmp_path / "hub" / "hub.yaml"
    config.parent.mkdir()
    config.write_text("queues: [{id: help, name: Help}]\n")
    done = run("check", str(line), "--config", str(config))
    assert "support" in done.stdout


def test_dialogues_are_played_and_ways_walked(run: Command, line: Path) -> None:
    done = run("test", str(line), "--coverage")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "line: 1 of 1 dialogues as expected, 1 of 3 exits covered by them, 3 reached" in done.stdout
    line.write_text(LINE % "Good day.")
    done = run("test", str(line))
    assert done.returncode == 1
    assert f"{line.with_suffix('.test.yaml')}:4: A person: expected to hear “Hello.”" in done.stdout
    assert json.loads(run("test", "--json", str(line)).stdout)[0]["sound"] is False


def test_a_person_is_the_caller_by_pipe_and_by_file(run: Command, line: Path, tmp_path: Path) -> None:
    done = run("simulate", str(line), typed="7\n1\n")
    assert "(waits in the queue support)" in done.stdout
    script = tmp_path / "caller.txt"
    script.write_text("1\n:hang\n")
    assert "(the caller hangs up)" in run("simulate", str(line), "--say-from", str(script)).stdout


def test_a_picture_is_drawn(run: Command, line: Path, tmp_path: Path) -> None:
    target = tmp_path / "line.svg"
    assert run("diagram", str(line), "-o", str(target)).returncode == 0
    assert 'data-step="person"' in target.read_text()


def test_what_is_not_there_is_said(run: Command, tmp_path: Path) -> None:
    for arguments in (("check", str(tmp_path / "no.yaml")), ("history", "nobody"), ("rollback", "nobody")):
        done = run(*arguments)
        assert done.returncode != 0
        assert "Traceback" not in done.stderr


def test_flows_are_published_without_a_hub(run: Command, line: Path) -> None:
    done = run("publish", str(line), "--note", "the first")
    assert done.returncode == 0, done.stderr
    line.write_text(LINE % "Good day.")
    refused = run("publish", str(line))
    assert refused.returncode == 1
    assert "Nothing was published" in refused.stderr
    assert run("publish", str(line), "--untested").returncode == 0
    line.write_text(LINE.replace("queue: support", "queue: [support]"))
    assert run("publish", str(line), "--untested").returncode == 1
    rows = json.loads(run("history", "line", "--json").stdout)
    assert [(row["note"], row["current"]) for row in rows] == [("", True), ("the first", False)]
    assert "is in force again" in run("rollback", "line").stdout
    told = run("history", "line").stdout.splitlines()
    assert told[1].startswith("→ ")
    assert "the first" in told[1]


def test_flows_are_published_through_the_hub_that_runs(line: Path, tmp_path: Path) -> None:
    hub = HubProcess(tmp_path)
    hub.start()
    try:
        done = hub.command("flow", "publish", str(line), "--note", "the first")
        assert done.returncode == 0, done.stderr
        line.write_text(LINE.replace("queue: support", "queue: [support]"))
        refused = hub.command("flow", "publish", str(line), "--untested")
        assert refused.returncode == 1
        assert f"{line}:8:19: " in refused.stderr
        assert "Traceback" not in refused.stderr
        rows = json.loads(hub.command("flow", "history", "line", "--json").stdout)
        assert [(row["note"], row["current"]) for row in rows] == [("the first", True)]
    finally:
        hub.kill9()
