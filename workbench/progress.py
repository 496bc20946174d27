"""Tells a person which step of how many is running and how long it took; keeps what programs print in a
log."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOG = ROOT / ".cache" / "workbench.log"

CHINESE = {
    "Python environment": "Python 环境",
    "Python packages": "Python 依赖包",
    "Agent console": "坐席控制台",
    "Browser for tests": "测试用浏览器",
    "Format": "格式",
    "Lint": "代码检查",
    "Types": "类型检查",
    "Import contracts": "导入约束",
    "Generated types": "生成的类型",
    "ready": "就绪",
    "created": "已创建",
    "installed": "已安装",
    "built": "已构建",
    "fetched": "已下载",
    "passed": "通过",
    "failed": "失败",
    "Everything that was printed is in": "完整输出见",
}


def speaks_chinese() -> bool:
    named = next(filter(None, (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return named.startswith("zh")


def say(text: str) -> str:
    return CHINESE.get(text, text) if speaks_chinese() else text


def width(text: str) -> int:
    """Columns on a terminal: Chinese characters take two."""
    return sum(2 if ord(character) > 0x2E7F else 1 for character in text)


class StepFailed(Exception):
    """A program that a step needs did not succeed. What it printed is in the log."""


class Steps:
    """The steps of one command. ``total`` is how many there will be."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.number = 0

    @contextmanager
    def step(self, name: str, outcome: str = "ready") -> Iterator[Outcome]:
        """Prints the step and, at its end, the outcome (which the block may change) and the time it took."""
        self.number += 1
        label = say(name)
        line = f"  {self.number}/{self.total}  {label}{' ' * max(1, 24 - width(label))}"
        result, started, done = Outcome(outcome), time.monotonic(), threading.Event()
        ticking = threading.Thread(target=tick, args=(line, started, done), daemon=True)
        ticking.start()
        try:
            yield result
        except BaseException:
            result.text = "failed"
            raise
        finally:
            done.set()
            ticking.join()
            took = time.monotonic() - started
            seconds = f"  {took:.0f} s" if took >= 1 else ""
            print(f"{line}{say(result.text)}{result.detail}{seconds}", flush=True)


class Outcome:
    def __init__(self, text: str) -> None:
        self.text = text
        self.detail = ""


def tick(line: str, started: float, done: threading.Event) -> None:
    """Shows that a long step is alive: a counter on a terminal, one line elsewhere."""
    if done.wait(1.0):
        return
    if not sys.stdout.isatty():
        print(f"{line}…", flush=True)
        return
    while not done.is_set():
        print(f"{line}… {time.monotonic() - started:.0f} s", end="\r", flush=True)
        done.wait(1.0)
    print("\033[2K", end="\r")


def quietly(command: list[str], env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> str:
    """Runs a program; its output goes to the log and is returned. Raises :class:`StepFailed` with the end
    of it."""
    LOG.parent.mkdir(exist_ok=True)
    done = subprocess.run(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    with LOG.open("a", encoding="utf-8") as log:
        log.write(f"$ {' '.join(command)}\n{done.stdout}\n")
    if done.returncode:
        last = "\n".join(done.stdout.splitlines()[-60:])
        where = f"{say('Everything that was printed is in')} {LOG.relative_to(ROOT)}"
        raise StepFailed(f"{last}\n\n{Path(command[0]).name} → {done.returncode}. {where}")
    return done.stdout
