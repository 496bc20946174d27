"""How many are needed, in the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from contact_center.staffing_commands import staffing
from contact_center.storage.migrate import migrate
from tests.hub import house

app = typer.Typer()
app.command()(staffing)
run = CliRunner()


def test_the_published_figures_are_printed() -> None:
    said = run.invoke(
        app, ["--per-hour", "200", "--handling", "180", "--patience", "0", "--target", "80/20", "--shrinkage", "0.3"]
    )
    assert said.exit_code == 0
    lines = said.output.splitlines()
    (needed,) = [line for line in lines if "<- needed" in line]
    assert needed.split()[:4] == ["14", "88.8", "%", "7.8"]
    assert "Needed: 14 at work, 20 on the schedule" in lines
    assert any("endless" in line for line in lines), "ten agents never catch up"


def test_impatient_callers_need_fewer_agents() -> None:
    said = run.invoke(app, ["--per-hour", "200", "--handling", "180", "--patience", "120"])
    assert "Needed: 12" in said.output
    assert "they wait 120 s" in said.output


@pytest.mark.parametrize(
    "arguments, why",
    [
        (["--per-hour", "200"], "Give --per-hour and --handling"),
        (["--per-hour", "200", "--handling", "180", "--target", "80"], "80/20"),
        (["--per-hour", "200", "--handling", "180", "--target", "120/20"], "80/20"),
        (["--per-hour", "nan", "--handling", "180"], "0 or more"),
        (["--per-hour", "200", "--handling", "-1"], "positive"),
        (["--per-hour", "1e9", "--handling", "180"], "5,000 agents"),
        (["--queue", "support", "--medium", "pigeon"], "no medium"),
    ],
)
def test_what_makes_no_sense_is_said_in_a_sentence(arguments: list[str], why: str) -> None:
    said = run.invoke(app, arguments)
    assert said.exit_code == 2
    assert why in said.output
    assert "Traceback" not in said.output


def test_a_queues_own_figures_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from contact_center.config.model import parse
    from contact_center.offline import configure

    url = f"sqlite:///{tmp_path}/hub.db"
    migrate(url)
    configure(url, parse(house()))
    monkeypatch.setenv("CONTACT_CENTER_DATABASE_URL", url)
    said = run.invoke(app, ["--queue", "support", "--per-hour", "30"])
    assert said.exit_code == 0, said.output
    assert "30 an hour, 240 s each, they wait 300 s" in said.output
    assert "A guess until 20 more are handled." in said.output
    assert "There is no queue 'nowhere'" in run.invoke(app, ["--queue", "nowhere"]).output
