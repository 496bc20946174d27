"""Learns in a process of its own: the cases come in on standard input, the model goes out on standard output, and how
far it is on standard error, one line of JSON each time. Runs as ``python -m contact_center.recognition.worker``."""

from __future__ import annotations

import base64
import os
import resource
import sys
from typing import Any

import orjson

from contact_center.recognition.measuring import Measured, restored, train
from contact_center.recognition.model import Example, Model, lesson, pack, unpack

CPU_SECONDS = 300
MEMORY = 2 * 1024 * 1024 * 1024
NICE = 10


def asked(examples: list[Example]) -> bytes:
    """What the process is told."""
    return orjson.dumps([list(each) for each in examples])


def answered(data: bytes) -> tuple[Model, bytes, Measured]:
    """What it answers: the model, the same as bytes, and what is to be expected of it. Raises ValueError."""
    told: dict[str, Any] = orjson.loads(data)
    packed = base64.b64decode(told["model"])
    return unpack(packed), packed, restored(told["measured"])


def _progress(done: int, whole: int) -> None:
    sys.stderr.write(f"[{done},{whole}]\n")
    sys.stderr.flush()


def _be_modest() -> None:
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def main() -> None:
    _be_modest()
    examples = [Example(*each) for each in orjson.loads(sys.stdin.buffer.read())]
    model, measured = train([lesson(each) for each in examples], _progress)
    told = {"model": base64.b64encode(pack(model)).decode(), "measured": measured.stored()}
    sys.stdout.buffer.write(orjson.dumps(told))


if __name__ == "__main__":
    main()
