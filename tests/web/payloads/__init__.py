"""What strangers try, one to a line by class; ``\\n``, ``\\t``, ``\\u0000`` and ``\\\\`` are written as in Python."""

from __future__ import annotations

import re
from pathlib import Path

_ESCAPE = re.compile(r"\\(?:u([0-9a-f]{4})|([nt\\]))")
_SHORT = {"n": "\n", "t": "\t", "\\": "\\"}


def payloads() -> list[str]:
    return [
        _ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else _SHORT[m[2]], line)
        .encode("utf-16", "surrogatepass")
        .decode("utf-16")
        for file in sorted(Path(__file__).parent.glob("*.txt"))
        for line in file.read_text(encoding="utf-8").splitlines()
        if line
    ]
