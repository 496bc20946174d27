"""Learns in a process of its own: the cases come in on standard input, the model goes out on standard output, and how
far it is on standard error, one line of JSON each time. Runs as ``python -m contact_center.recognition.worker``."""

from __future__ import annotations

import base64
import os
import resource
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import orjson

from contact_center.recognition.measuring import Measured, Progress, restored, train
from contact_center.recognition.model import Example, Model, lesson, pack, unpack
from contact_center.recognition.overruling import Spoken, learn_tongues

CPU_SECONDS = 300
MEMORY = 2 * 1024 * 1024 * 1024
NICE = 10


def asked(examples: list[Example], spoken: Sequence[Spoken] = ()) -> bytes:
    """What the process is told."""
    return orjson.dumps({"examples": [list(each) for each in examples], "spoken": [list(each) for each in spoken]})


def answered(data: bytes) -> tuple[Model, bytes, Measured]:
    """What it answers: the model of what cases are about, the same as bytes with that of languages behind it, and
    what is to be expected of them. Raises ValueError."""
    told: dict[str, Any] = orjson.loads(data)
    packed = base64.b64decode(told["model"])
    return unpack(packed), packed, restored(told["measured"])


def _progress(done: int, whole: int) -> None:
    sys.stderr.write(f"[{done},{whole}]\n")
    sys.stderr.flush()


def learn_all(
    examples: Sequence[Example], spoken: Sequence[Spoken], progress: Progress
) -> tuple[Model, Model, Measured]:
    """What cases are about, the house's languages, and how right both are."""
    model, measured = train([lesson(each) for each in examples], progress)
    tongues, overruled = learn_tongues(spoken, progress)
    return model, tongues, replace(measured, overruled=tuple(asdict(each) for each in overruled))


def _be_modest() -> None:
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def main() -> None:
    _be_modest()
    question = orjson.loads(sys.stdin.buffer.read())
    examples = [Example(*each) for each in question["examples"]]
    spoken = [Spoken(*each) for each in question["spoken"]]
    model, tongues, measured = learn_all(examples, spoken, _progress)
    told = {"model": base64.b64encode(pack(model) + pack(tongues)).decode(), "measured": measured.stored()}
    sys.stdout.buffer.write(orjson.dumps(told))


if __name__ == "__main__":
    main()
