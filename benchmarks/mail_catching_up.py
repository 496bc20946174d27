"""How fast a hub catches up with a mailbox after an outage. Run: python -m benchmarks.mail_catching_up [--quick]

A mailbox of messages of 5 KB (text, HTML, an attachment), each from another customer, lies on an IMAP server of the
benchmark's own, in a process of its own: pymap gives some twenty a second and would be all that is measured. A real
hub process on SQLite fetches, parses, matches, stores and queues them, one case each. The floor is a client that does
nothing but fetch all bodies from the same server, as many at a time as the hub asks for. CPU is the hub process's own
and, apart, that of its parsing processes; memory is the hub process's.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import email.policy
import os
import re
import resource
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import yaml

from benchmarks.servers import ROOT, Hub, free_port

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = resource.getpagesize()
AT_A_TIME = 32
_SET = re.compile(rb"(\d+):?(\d+|\*)?")


HEAD = (
    b"From: Customer <customer%07d@example.com>\r\nTo: support@hub.test\r\n"
    b"Message-ID: <%07d@example.com>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n"
)


def body() -> bytes:
    """The rest of a message: what is alike in all."""
    message = EmailMessage()
    message["Subject"] = "退款申请 and more"
    message["DKIM-Signature"] = "v=1; a=rsa-sha256; d=example.com; b=" + "A" * 300
    message.set_content("Hello there, Größe and 退款.\n" * 15)
    message.add_alternative("<p>Hello <b>world</b> Größe</p>" * 20, subtype="html")
    message.add_attachment(bytes(range(256)) * 7, maintype="application", subtype="pdf", filename="发票.pdf")
    return message.as_bytes(policy=email.policy.SMTP)


# --- the mail server ------------------------------------------------------------------------------------------


class Mailbox(asyncio.Protocol):
    """As little IMAP as a client needs to read one mailbox of ``count`` messages, UIDs 1 to ``count``."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._rest = b""
        self._idling = b""
        self._body = body()

    def message(self, uid: int) -> bytes:
        return HEAD % (uid, uid) + self._body

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"* OK here\r\n")

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\r\n")
        for line in lines:
            if line == b"DONE":
                self._transport.write(self._idling + b" OK done\r\n")
                continue
            tag, _, command = line.partition(b" ")
            self._transport.write(b"".join(self._answer(tag, command)))

    def _answer(self, tag: bytes, command: bytes) -> Iterator[bytes]:
        if command.startswith(b"CAPABILITY"):
            yield b"* CAPABILITY IMAP4rev1 IDLE\r\n"
        elif command.startswith(b"SELECT"):
            yield b"* %d EXISTS\r\n* OK [UIDVALIDITY 1] ok\r\n" % self._count
            yield b"* OK [UIDNEXT %d] ok\r\n" % (self._count + 1)
        elif command.startswith(b"UID SEARCH"):
            first = int(command.split(b" UID ")[1].split(b":")[0])
            yield b"* SEARCH " + b" ".join(b"%d" % uid for uid in range(first, self._count + 1)) + b"\r\n"
        elif command.startswith(b"UID FETCH"):
            for uid in self._uids(command.split()[2]):
                yield from self._fetched(uid, b"BODY" in command)
        elif command.startswith(b"IDLE"):
            self._idling = tag
            yield b"+ idling\r\n"
            return
        yield tag + b" OK done\r\n"

    def _uids(self, numbers: bytes) -> Iterator[int]:
        for first, last in _SET.findall(numbers):
            yield from range(int(first), min(int(last or first), self._count) + 1)

    def _fetched(self, uid: int, body: bool) -> Iterator[bytes]:
        message = self.message(uid)
        if body:
            yield b"* %d FETCH (UID %d BODY[] {%d}\r\n%s)\r\n" % (uid, uid, len(message), message)
        else:
            items = b'UID %d RFC822.SIZE %d INTERNALDATE "21-Nov-2026 12:00:00 +0000" FLAGS ()'
            yield b"* %d FETCH (%s)\r\n" % (uid, items % (uid, len(message)))


async def serve(port: int, count: int) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Mailbox(count), "127.0.0.1", port)
    await server.serve_forever()


@contextlib.contextmanager
def mail_server(count: int) -> Iterator[int]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.mail_catching_up", "--serve", str(port), "--messages", str(count)]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        while process.poll() is None:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            time.sleep(0.05)
        yield port
    finally:
        process.kill()
        process.wait()


# --- who fetches ------------------------------------------------------------------------------------------------


def bare_rate(port: int, count: int) -> float:
    """Messages a second that a client gets that only fetches."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        stream = connection.makefile("rwb")

        def ask(command: bytes) -> None:
            stream.write(b"a " + command + b"\r\n")
            stream.flush()
            while not (line := stream.readline()).startswith(b"a "):
                if line.endswith(b"}\r\n"):
                    stream.read(int(line[line.rindex(b"{") + 1 : -3]))

        stream.readline()
        ask(b"SELECT INBOX")
        started = time.perf_counter()
        for first in range(1, count + 1, AT_A_TIME):
            ask(b"UID FETCH %d:%d (UID BODY.PEEK[])" % (first, first + AT_A_TIME - 1))
        return count / (time.perf_counter() - started)


@dataclass(frozen=True, slots=True)
class Use:
    """What a process has used: seconds of CPU, and megabytes that it has now."""

    cpu: float
    memory: float


def use_of(pid: int) -> Use:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return Use((int(fields[11]) + int(fields[12])) / TICKS, int(fields[21]) * PAGE / 1024 / 1024)


def parsers_of(pid: int) -> float:
    """Seconds of CPU that the hub's parsing processes have used, those that have ended too."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    used = (int(fields[13]) + int(fields[14])) / TICKS
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            with contextlib.suppress(OSError):
                used += use_of(int(child)).cpu
    return used


def stored(database: Path) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        query = "SELECT count(*), count(DISTINCT source_id) FROM events WHERE kind = 'message.received'"
        events, different = connection.execute(query).fetchone()
    assert events == different
    return int(events)


async def catch_up(folder: Path, imap_port: int, count: int) -> None:
    hub = Hub(folder, agents=0)
    written = yaml.safe_load((folder / "hub.yaml").read_text())
    written["entry_points"].append({"channel": "email", "dialled": "*", "queue": "support"})
    url = f"imap://u:p@127.0.0.1:{imap_port}"
    box = {"address": "support@hub.test", "imap_url": url, "smtp_url": "smtp://127.0.0.1:1", "import_existing": True}
    written["channels"] = {"email": {"mailboxes": [box]}}
    (folder / "hub.yaml").write_text(yaml.safe_dump(written))
    await hub.start()
    database = folder / "data" / "hub.db"
    try:
        started, begun = time.perf_counter(), use_of(hub.pid)
        before = stored(database)
        memory = [begun.memory]
        while (there := stored(database)) < count:
            if len(memory) == 1 and there >= count / 2:
                memory.append(use_of(hub.pid).memory)
            await asyncio.sleep(0.1)
        seconds, ended = time.perf_counter() - started, use_of(hub.pid)
        memory.append(ended.memory)
        took = count - before
        print(f"the hub      {took / seconds:>8,.0f} messages a second, {took:,} in {seconds:,.1f} s")
        print(f"its CPU      {(ended.cpu - begun.cpu) / took * 1e3:>8.2f} ms a message")
        print(f"its parsers' {parsers_of(hub.pid) / count * 1e3:>8.2f} ms a message")
        print(f"its memory   {' → '.join(f'{each:,.0f}' for each in memory)} MB at the start, middle and end")
    finally:
        hub.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mail_catching_up", description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--quick", action="store_true", help="1,000 messages: a first look")
    parser.add_argument("--serve", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options.serve, options.messages))
        return
    count = 1_000 if options.quick else options.messages
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as scratch, mail_server(count) as port:
        print(f"{count:,} messages of {len(Mailbox(count).message(1)) / 1024:.1f} KB")
        print(f"bare floor   {bare_rate(port, count):>8,.0f} messages a second: a client that only fetches them")
        asyncio.run(catch_up(Path(scratch), port, count))


if __name__ == "__main__":
    main()
