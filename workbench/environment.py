"""The virtual environment in ``.venv`` and the packages in it: made once, then left alone until something
changes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from workbench.progress import ROOT, StepFailed, quietly

HOME = ROOT / ".venv"
PYTHON = HOME / "bin" / "python"
STAMP = HOME / "workbench.json"
CONSTRAINTS = ROOT / "constraints.txt"

PREAMBLE = """\
# Versions that this release was built and tested with. `make lock` writes it anew.
# PyPI's "channels" and "routing" would shadow our own packages: never install them.
channels<0
routing<0
"""


def works() -> bool:
    """Is there an environment that runs, and was it made for this place? A moved one has scripts that point
    back."""
    if not PYTHON.exists() or (stamp().get("place") or str(HOME)) != str(HOME):
        return False
    asked = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    return subprocess.run([PYTHON, "-c", asked], capture_output=True).returncode == 0


def make(home: Path = HOME) -> None:
    shutil.rmtree(home, ignore_errors=True)
    try:
        quietly([sys.executable, "-m", "venv", str(home)])
    except StepFailed:
        # Debian splits ensurepip off; a pip that is there anyway can furnish an environment without it.
        shutil.rmtree(home, ignore_errors=True)
        quietly([sys.executable, "-m", "venv", "--without-pip", str(home)])
        try:
            quietly([sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "install", "pip"])
        except StepFailed as failed:
            shutil.rmtree(home, ignore_errors=True)
            raise StepFailed(
                f"{sys.executable} has neither ensurepip nor pip. On Debian and Ubuntu the package "
                "python3-venv has it; or name another Python: make run PYTHON=/path/to/python3.11"
            ) from failed


def stamp() -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return content


def fingerprint() -> str:
    return hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + CONSTRAINTS.read_bytes()).hexdigest()


def requirements(extras: Iterable[str]) -> list[str]:
    """What the project and the named extras ask for. The project itself is not installed: it is run
    from the checkout."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lists = [project["dependencies"], *(project["optional-dependencies"][extra] for extra in extras)]
    return [str(requirement) for asked in lists for requirement in asked]


def lacks(extras: Iterable[str]) -> list[str]:
    """The extras to install so that ``extras`` are there; empty when nothing is to be done."""
    known = stamp()
    have = set(known["extras"]) if known.get("fingerprint") == fingerprint() else set()
    missing = sorted(set(extras) - have)
    return sorted(have | set(extras)) if missing else []


def install(extras: Iterable[str]) -> None:
    command = [str(PYTHON), "-m", "pip", "install", "--prefer-binary", "--disable-pip-version-check"]
    quietly([*command, "-c", str(CONSTRAINTS), *requirements(extras)])
    note_installed(extras)


def note_installed(extras: Iterable[str]) -> None:
    STAMP.write_text(json.dumps({"place": str(HOME), "fingerprint": fingerprint(), "extras": sorted(extras)}))


def lock() -> None:
    """Resolves everything anew in an empty environment and writes down what came of it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    with tempfile.TemporaryDirectory() as scratch:
        make(Path(scratch, "venv"))
        pip = [str(Path(scratch, "venv", "bin", "python")), "-m", "pip"]
        Path(scratch, "never.txt").write_text(PREAMBLE)
        never = ["-c", str(Path(scratch, "never.txt"))]
        asked = [*project["build-system"]["requires"], *requirements(extras)]
        quietly([*pip, "install", "--prefer-binary", *never, *asked])
        listed = subprocess.run([*pip, "freeze"], check=True, capture_output=True, text=True).stdout
    pins = [line.lower().replace("_", "-") for line in listed.splitlines() if "==" in line]
    pins.sort(key=lambda pin: pin.split("=="))
    CONSTRAINTS.write_text(PREAMBLE + "".join(f"{pin}\n" for pin in pins))


def variables() -> dict[str, str]:
    """The environment for programs of this project: the virtual environment's programs come first."""
    path = f"{HOME / 'bin'}:{os.environ.get('PATH', os.defpath)}"
    return {**os.environ, "VIRTUAL_ENV": str(HOME), "PATH": path}
