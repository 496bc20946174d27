"""``python -m workbench run | test | check | bench | lock | clean``: what the Makefile calls."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from workbench import chromium, console, environment
from workbench.progress import ROOT, StepFailed, Steps, quietly, say

PYTHON = str(environment.PYTHON)


@contextmanager
def alone() -> Iterator[None]:
    """One set-up at a time in this checkout: a second one waits for the first and then finds everything
    done."""
    (ROOT / ".cache").mkdir(exist_ok=True)
    with (ROOT / ".cache" / "workbench.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def prepare_python(steps: Steps, extras: set[str]) -> None:
    with steps.step("Python environment") as outcome:
        if not environment.works():
            environment.make()
            outcome.text = "created"
        version = subprocess.run([PYTHON, "--version"], capture_output=True, text=True).stdout.strip()
        outcome.detail = f" ({version})"
    with steps.step("Python packages") as outcome:
        if to_install := environment.lacks(extras):
            environment.install(to_install)
            outcome.text = "installed"


def prepare_console(steps: Steps, for_tests: bool) -> console.Node | None:
    """Builds the console where that is due. The Node.js to go on with; None where none was needed."""
    node = None
    with steps.step("Agent console") as outcome:
        if for_tests or not console.is_built():
            node = console.on_this_machine()
            if node is None:
                if to_install := environment.lacks({"node"}):
                    environment.install(to_install)
                node = console.of_wheel()
            if not console.is_installed():
                console.install(node)
                outcome.text = "installed"
            if not console.is_built():
                console.build(node)
                outcome.text = "built"
    return node


def prepare_browser(steps: Steps, node: console.Node) -> Path:
    with steps.step("Browser for tests") as outcome:
        found = chromium.find()
        if found is None:
            found = chromium.fetch(node.program, node.npm, node.env)
            outcome.text = "fetched"
        outcome.detail = f" ({found.name})"
    return found


def run(arguments: list[str]) -> int:
    steps = Steps(3)
    with alone():
        prepare_python(steps, {"sandbox"})
        prepare_console(steps, for_tests=False)
    print(flush=True)
    os.chdir(ROOT)
    env = {"CONTACT_CENTER_SANDBOX": "on", **environment.variables()}
    os.execve(PYTHON, [PYTHON, "-m", "contact_center", "serve", *arguments], env)


def prepare_tests(extras: set[str], more_steps: int = 0) -> tuple[Steps, dict[str, str], console.Node]:
    steps = Steps(4 + more_steps)
    with alone():
        prepare_python(steps, {"sandbox", "test", *extras})
        node = prepare_console(steps, for_tests=True)
        assert node is not None
        browser = prepare_browser(steps, node)
    return steps, {**node.env, "HUB_CHROMIUM": str(browser), "PLAYWRIGHT_NODEJS_PATH": node.program}, node


def test(arguments: list[str]) -> int:
    _, env, node = prepare_tests(set())
    return run_tests(arguments, env, node)


def run_tests(arguments: list[str], env: Mapping[str, str], node: console.Node) -> int:
    """Every test of both languages, whatever the first says; the last lines are the result of each."""
    colour = ["--color=yes"] if sys.stdout.isatty() else []
    print(flush=True)
    pytest = [PYTHON, "-m", "pytest", *colour, *side_by_side(arguments), *arguments]
    python, said = aloud(pytest, env, ROOT, r"\d+ (passed|failed|error)")
    javascript, also_said = aloud([*node.npm, "test"], env, console.HOME, r"^\s*Tests\s+\d+")
    for name, status, last in (("pytest", python, said), ("vitest", javascript, also_said)):
        ended = f" (exit status {status})" if status else ""
        print(f"\n{name}: {last or 'said nothing'}{ended}", flush=True)
    return python or javascript


def side_by_side(arguments: list[str]) -> list[str]:
    """Two at once, file by file in the tests' own order (the longest first), unless something else is asked for: many
    tests wait for real servers and clocks, and more than two would wait for each other."""
    asked = any(argument.startswith(("-n", "--numprocesses", "--pdb", "-p")) for argument in arguments)
    return [] if asked or (os.cpu_count() or 1) < 2 else ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]


def aloud(command: list[str], env: Mapping[str, str], cwd: Path, telling: str) -> tuple[int, str]:
    """Runs a program for everyone to see. Its exit status, and the last line that matches ``telling``."""
    said = ""
    pipe, same = subprocess.PIPE, subprocess.STDOUT
    with subprocess.Popen(command, cwd=cwd, env=env, stdout=pipe, stderr=same) as program:
        assert program.stdout is not None
        for raw in program.stdout:
            line = raw.decode(errors="replace")
            print(line, end="", flush=True)
            plain = re.sub(r"\x1b\[[0-9;]*m", "", line)
            if re.search(telling, plain):
                said = " ".join(plain.strip("= \n").split())
    return program.returncode, said


def check(arguments: list[str]) -> int:
    gates: list[tuple[str, list[str]]] = [
        ("Format", [PYTHON, "-m", "ruff", "format", "--check", "."]),
        ("Lint", [PYTHON, "-m", "ruff", "check", "."]),
        ("Types", [PYTHON, "-m", "mypy"]),
        ("Import contracts", [str(environment.HOME / "bin" / "lint-imports")]),
    ]
    steps, env, node = prepare_tests({"dev"}, more_steps=len(gates) + 1)
    gates.append(("Generated types", [*node.npm, "run", "--prefix", str(console.HOME), "generate:check"]))
    failures = []
    for name, command in gates:
        try:
            with steps.step(name, "passed"):
                quietly(command, env=env)
        except StepFailed as failed:
            failures.append(f"── {say(name)} ──\n{failed}")
    print(*failures, sep="\n\n", file=sys.stderr)
    return run_tests(arguments, env, node) or len(failures)


def bench(arguments: list[str]) -> int:
    with alone():
        prepare_python(Steps(2), {"sandbox"})
    print(flush=True)
    os.chdir(ROOT)
    os.execve(PYTHON, [PYTHON, "-m", "benchmarks.run", *arguments], environment.variables())


def lock(_: list[str]) -> int:
    with Steps(1).step("Python packages") as outcome:
        environment.lock()
        outcome.detail = " (constraints.txt)"
    return 0


def clean(_: list[str]) -> int:
    made = [".venv", ".cache", "agent_console/node_modules", "agent_console/dist"]
    caches = [".pytest_cache", ".mypy_cache", ".ruff_cache", ".import_linter_cache", ".hypothesis"]
    for name in (*made, *caches):
        shutil.rmtree(ROOT / name, ignore_errors=True)
    for folder in ROOT.rglob("__pycache__"):
        shutil.rmtree(folder, ignore_errors=True)
    return 0


COMMANDS = {"run": run, "test": test, "check": check, "bench": bench, "lock": lock, "clean": clean}


def main() -> int:
    command = COMMANDS.get(sys.argv[1]) if len(sys.argv) > 1 else None
    if command is None:
        print(f"usage: python -m workbench {' | '.join(COMMANDS)}", file=sys.stderr)
        return 2
    try:
        return command(sys.argv[2:])
    except StepFailed as failed:
        print(f"\n{failed}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
