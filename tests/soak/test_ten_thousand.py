"""A tenth minute as good as the first: ten thousand mixed interactions leave the hub holding what it held."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

INTERACTIONS = 10_000


@pytest.mark.soak
@pytest.mark.timeout(1_200)
async def test_ten_thousand_interactions_leave_memory_files_threads_and_tasks_where_they_were() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.soak",
        "--interactions",
        str(INTERACTIONS),
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await process.communicate()
    text = told.decode()
    assert process.returncode == 0, text
    assert f"{INTERACTIONS:,} interactions in" in text
    assert " tasks" in text, text
