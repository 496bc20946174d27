"""The tree is what the commands and the packaging rely on."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from workbench import console, environment
from workbench.progress import CHINESE, ROOT, width

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.mark.parametrize("package", ["contact_center", "channels", "routing", "ivr_flows"])
def test_a_package_of_ours_is_the_one_in_this_checkout_and_not_the_indexs(package: str) -> None:
    (found,) = importlib.import_module(package).__path__
    assert Path(found) == ROOT / package


def test_the_names_that_the_index_has_too_can_never_be_installed() -> None:
    constraints = (ROOT / "constraints.txt").read_text().splitlines()
    assert {"channels<0", "routing<0"} <= set(constraints)
    assert "Private :: Do Not Upload" in PROJECT["classifiers"]


def test_every_requirement_is_pinned() -> None:
    pinned = {line.split("==")[0] for line in environment.CONSTRAINTS.read_text().splitlines() if "==" in line}
    asked = environment.requirements(PROJECT["optional-dependencies"])
    names = {re.split(r"[\[<>=~! ]", requirement)[0].lower().replace("_", "-") for requirement in asked}
    assert names <= pinned


@pytest.mark.parametrize("path", ["constraints.txt", "agent_console/package-lock.json", "pyproject.toml"])
def test_no_address_of_a_registry_is_written_down(path: str) -> None:
    assert not re.search(r'"resolved"|index-url|find-links| @ https?:', (ROOT / path).read_text(encoding="utf-8"))


def test_the_licence_is_whole() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert text.lstrip().startswith("GNU GENERAL PUBLIC LICENSE\n                       Version 3")
    assert "END OF TERMS AND CONDITIONS" in text


def test_help_tells_of_every_target() -> None:
    told = subprocess.run(["make", "-C", str(ROOT), "help"], capture_output=True, text=True, check=True).stdout
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"run", "test", "check", "bench", "lock", "clean", "help"} <= set(targets)
    assert all(f"make {target} " in told for target in targets)


def test_continuous_integration_does_what_a_newcomer_does() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "make test" in script.read_text()


def test_what_is_installed_counts_only_for_the_pins_it_was_installed_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "STAMP", tmp_path / "stamp.json")
    assert environment.lacks({"sandbox"}) == ["sandbox"]
    environment.note_installed({"sandbox"})
    assert environment.lacks({"sandbox"}) == []
    assert environment.lacks({"sandbox", "test"}) == ["sandbox", "test"]
    monkeypatch.setattr(environment, "CONSTRAINTS", tmp_path / "constraints.txt")
    environment.CONSTRAINTS.write_text("channels<0\n")
    assert environment.lacks({"sandbox"}) == ["sandbox"]


def test_the_console_is_built_anew_when_a_source_changes_and_not_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "agent_console"
    for name, value in {"ROOT": tmp_path, "HOME": home, "BUILT": home / "dist" / "index.html"}.items():
        monkeypatch.setattr(console, name, value)
    monkeypatch.setattr(console, "BUILT_FROM", tmp_path / "built-from")
    for name in ("src/main.ts", "tests/main.test.ts", "node_modules/vue/index.js", "dist/index.html"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(name)
    assert not console.is_built()
    console.note_built(console.digest(console.sources()))
    assert console.is_built()
    (home / "tests" / "main.test.ts").write_text("another test")
    (home / "node_modules" / "vue" / "index.js").write_text("another version")
    assert console.is_built()
    (home / "src" / "main.ts").write_text("another program")
    assert not console.is_built()


def test_every_step_has_a_chinese_name() -> None:
    said = re.findall(
        r'step\("([^"]+)"|outcome\.text = "([^"]+)"|^        \("([A-Z][^"]+)", \[',
        (ROOT / "workbench" / "__main__.py").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    names = {name for names in said for name in names if name}
    assert len(names) > 8
    assert names <= set(CHINESE)


def test_chinese_takes_two_columns() -> None:
    assert width("Node") == 4
    assert width("坐席 1") == 6
