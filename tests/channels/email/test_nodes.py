"""Of two nodes one fetches a mailbox; when it stops, dies or goes, the other goes on, and nothing is doubled."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import Connection, select

from contact_center.storage.executor import Executor
from contact_center.storage.schema import events, leases
from tests.channels.email.servers import PASSWORD, USER, ImapServer
from tests.channels.email.test_fetch import mail
from tests.hub import WITHIN_S
from tests.storage.test_executor import opened

pytestmark = pytest.mark.parametrize("database_kind", ["postgresql"], indirect=False)
ROOT = Path(__file__).parents[3]


class Node:
    def __init__(self, folder: Path, database_url: str, imap: ImapServer) -> None:
        folder.mkdir()
        login = f"{USER}:{quote(PASSWORD, safe='')}"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CONTACT_CENTER_")},
            "CONTACT_CENTER_DATA_DIR": str(folder),
            "CONTACT_CENTER_DATABASE_URL": database_url,
            "CONTACT_CENTER_SANDBOX": "off",
            "CONTACT_CENTER_EMAIL_ADDRESS": "support@hub.example",
            "CONTACT_CENTER_EMAIL_IMAP_URL": imap.url.replace("://", f"://{login}@"),
            "CONTACT_CENTER_EMAIL_SMTP_URL": "smtp://127.0.0.1:1",
            "CONTACT_CENTER_EMAIL_IMPORT_EXISTING": "1",
        }
        self._log = (folder / "log").open("wb")
        self.process: subprocess.Popen[bytes] | None = None
        self.name = ""

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.channels.email.node"],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=ROOT,
        )
        assert self.process.stdout is not None
        self.name = self.process.stdout.readline().decode().strip()

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
        self._log.close()


@asynccontextmanager
async def two_nodes(database_url: str, folder: Path) -> AsyncIterator[tuple[Node, Node, ImapServer]]:
    """The first one has the mailbox."""
    imap = ImapServer(folder / "imap")
    imap.start()
    nodes = Node(folder / "one", database_url, imap), Node(folder / "two", database_url, imap)
    try:
        await asyncio.gather(*(asyncio.to_thread(node.start) for node in nodes))
        async with opened(database_url) as executor:
            await eventually(executor, lambda conn: bool(holders(conn)))
        has_it = await holder(database_url)
        yield *sorted(nodes, key=lambda node: node.name != has_it), imap
    finally:
        for node in nodes:
            node.end()
        imap.stop()


def holders(conn: Connection) -> list[str]:
    return list(conn.execute(select(leases.c.holder).where(leases.c.name.like("email|mailbox%"))).scalars())


def arrived(conn: Connection) -> Counter[str]:
    rows = conn.execute(select(events.c.body).where(events.c.kind == "message.received")).scalars()
    return Counter(row["subject"] for row in rows)


async def eventually(executor: Executor, query: Callable[[Connection], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not await executor.read(query):  # noqa: ASYNC110 - another process's doing
            await asyncio.sleep(0.05)


async def expect(database_url: str, count: int) -> None:
    """So many messages, each once."""
    async with opened(database_url) as executor:
        await eventually(executor, lambda conn: arrived(conn).total() >= count)
        assert await executor.read(arrived) == {f"mail {number}": 1 for number in range(count)}


async def holder(database_url: str) -> str:
    async with opened(database_url) as executor:
        (name,) = await executor.read(holders)
        return name


async def test_a_node_that_is_stopped_or_goes_leaves_the_mailbox_to_the_other(
    database_url: str, tmp_path: Path
) -> None:
    async with two_nodes(database_url, tmp_path) as (one, two, imap):
        await asyncio.to_thread(imap.put, *[mail(number) for number in range(5)])
        await expect(database_url, 5)
        assert await holder(database_url) == one.name

        one.signal(signal.SIGSTOP)
        await asyncio.to_thread(imap.put, *[mail(number) for number in range(5, 10)])
        await expect(database_url, 10)
        assert await holder(database_url) == two.name

        one.signal(signal.SIGCONT)
        await asyncio.to_thread(imap.put, *[mail(number) for number in range(10, 15)])
        await expect(database_url, 15)
        assert await holder(database_url) == two.name, "it asked before it went on"

        two.signal(signal.SIGTERM)
        await asyncio.to_thread(imap.put, mail(15))
        await expect(database_url, 16)
        assert await holder(database_url) == one.name
