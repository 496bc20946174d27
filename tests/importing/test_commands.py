"""``mail import`` and ``mail replay`` as an operator runs them: beside a running hub, and without one."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import Connection, select
from typer.testing import CliRunner

from contact_center.__main__ import app
from contact_center.bootstrap import occasion
from contact_center.storage import quarantine, rebuild, schema
from contact_center.storage.blobs import Blobs
from contact_center.storage.executor import run_alone
from tests.hub import WITHIN_S, HubProcess, house

OURS = "support@hub.example"
ROOT = Path(__file__).parents[2]
MAIL = {
    "CONTACT_CENTER_EMAIL_ADDRESS": OURS,
    "CONTACT_CENTER_EMAIL_IMAP_URL": "imap://u:p@127.0.0.1:9",
    "CONTACT_CENTER_EMAIL_SMTP_URL": "smtp://127.0.0.1:9",
}


def archive(path: Path, conversations: int, *more: bytes) -> Path:
    """An mbox of conversations, each a question and an answer, the answers behind all the questions."""
    with path.open("wb") as file:
        for part in ("question", "answer"):
            for number in range(conversations):
                customer = f"c{number}@example.net"
                sender, to = (customer, OURS) if part == "question" else (OURS, customer)
                refers = f"References: <question.{number}@example.net>\n" if part == "answer" else ""
                date = formatdate(1_600_000_000 + number * 60 + (part == "answer") * 86_400)
                file.write(
                    f"From x@y Sat Nov 21 10:00:00 2026\nFrom: {sender}\nTo: {to}\nSubject: Matter {number}\n"
                    f"Date: {date}\nMessage-ID: <{part}.{number}@example.net>\n{refers}\n"
                    f">From here: {part} {number}\n\n".encode()
                )
        for each in more:
            file.write(b"From x@y Sat Nov 21 10:00:00 2026\n" + each + b"\n\n")
    return path


def environment(folder: Path, database_url: str = "") -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CONTACT_CENTER_")}
    place = {"CONTACT_CENTER_DATA_DIR": str(folder / "data"), "CONTACT_CENTER_DATABASE_URL": database_url}
    return {**inherited, **place, **MAIL}


def said(given: dict[str, str], *words: str, code: int = 0) -> str:
    """What the command prints, in this process: starting another takes longer than all that it does."""
    held = {name: None for name in os.environ if name.startswith("CONTACT_CENTER_")}
    done = CliRunner().invoke(app, ["mail", *words], env={**held, **given})
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == code, done.output
    return done.stdout or done.stderr


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def counts(conn: Connection) -> dict[str, int]:
    return {name: len(conn.execute(select(schema.metadata.tables[name])).all()) for name in ("cases", "interactions")}


def kinds(conn: Connection) -> Counter[str]:
    return Counter(conn.execute(select(schema.events.c.kind)).scalars())


def differing(conn: Connection) -> list[Any]:
    return [found for each in rebuild.interaction_ids(conn) if (found := rebuild.compare(conn, each))]


def url_of(folder: Path) -> str:
    return f"sqlite:///{folder}/data/hub.db"


def test_an_import_that_is_killed_goes_on_and_takes_nothing_twice(tmp_path: Path) -> None:
    path, given = archive(tmp_path / "a.mbox", 150), environment(tmp_path)
    assert said(given, "replay", "--list") == "Nothing is in quarantine.\n"
    process = subprocess.Popen(
        [sys.executable, "-m", "contact_center", "mail", "import", str(path), "--mailbox", OURS],
        env=given,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url, deadline = url_of(tmp_path), time.monotonic() + WITHIN_S
    while run_alone(url, counts)["cases"] < 20 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    process.kill()
    process.wait()
    before = run_alone(url, counts)["cases"]
    assert before >= 20
    told = said(given, "import", str(path), "--mailbox", OURS)
    taken = 300 - 2 * before
    assert told == f"{taken} taken{f' into {150 - before} cases' * (taken > 0)}, {2 * before} known already.\n"
    assert run_alone(url, counts) == {"cases": 150, "interactions": 150}
    assert run_alone(url, kinds) == {"message.received": 150, "message.sent": 150, "ended": 150}
    assert run_alone(url, differing) == []


def test_what_became_of_every_message_is_said(tmp_path: Path) -> None:
    poison = b"Subject: only this\nContent-Type: text/plain" + b"; a=b" * 200 + b"\n\nx"
    deleted = b"From: a@example.net\nX-Mozilla-Status: 0008\n\nx"
    path, given = archive(tmp_path / "a.mbox", 2, poison, deleted), environment(tmp_path)
    told = said(given, "import", str(path), "--mailbox", OURS.upper(), "--since", "2020-09-14")
    assert told.splitlines()[0] == "2 taken into 2 cases, 0 known already."
    assert "1 put into quarantine:" in told
    assert "parameters" in told
    assert "3 left out:" in told
    assert "it was deleted" in told
    assert told.count("it is older") == 2
    listed = said(given, "replay", "--list")
    assert f"{OURS}|history|" in listed
    assert "1 in quarantine." in listed
    again = said(given, "replay", "--all", code=1)
    assert "It still cannot be understood" in again
    assert again.endswith("0 taken in, 1 stay.\n")


async def put_aside(folder: Path, source_id: str, raw: bytes) -> None:
    """As a release did that could not read it."""
    digest = await Blobs(folder / "data" / "blobs").put(raw)
    about = {"channel": "email", "source_id": source_id, "reason": "a fault", "digest": digest}

    def keep(conn: Connection) -> None:
        quarantine.add(conn, occasion(), **about, size=len(raw), request=None)

    await asyncio.to_thread(run_alone, url_of(folder), keep)


async def test_what_is_understood_now_goes_where_it_belongs(tmp_path: Path) -> None:
    given = environment(tmp_path)
    await asyncio.to_thread(said, given, "replay", "--list")
    for number, name in enumerate((f"{OURS}|sha256 1", f"{OURS}|history|sha256 2")):
        raw = f"From: c{number}@example.net\nTo: {OURS}\nSubject: Matter {number}\n\nHello".encode()
        await put_aside(tmp_path, name, raw)
    told = await asyncio.to_thread(said, given, "replay", "--all")
    assert told.endswith("2 taken in, 0 stay.\n")
    found = await asyncio.to_thread(run_alone, url_of(tmp_path), states)
    assert found == {"c0@example.net": "waiting", "c1@example.net": "ended"}
    assert await asyncio.to_thread(said, given, "replay", "--all") == "Nothing is in quarantine.\n"


def states(conn: Connection) -> dict[str, str]:
    return {row.record["point"]: row.state for row in conn.execute(select(schema.interactions))}


def test_beside_a_running_hub_it_is_the_hub_that_writes(tmp_path: Path) -> None:
    hub = HubProcess(tmp_path, config=house(), environment=MAIL)
    hub.start()
    try:
        path, given = (
            archive(tmp_path / "a.mbox", 20, b"Content-Type: a" + b"; a=b" * 200 + b"\n\nx"),
            hub.environment,
        )
        told = said(given, "import", str(path), "--mailbox", OURS)
        assert told.startswith("40 taken into 20 cases, 0 known already.\n1 put into quarantine:")
        assert said(given, "import", str(path), "--mailbox", OURS).startswith("0 taken, 40 known already.")
        assert "1 in quarantine." in said(given, "replay", "--list")
        assert "0 taken in, 1 stay." in said(given, "replay", "--all", code=1)
        refused = said(given, "import", str(path), "--mailbox", "nobody@hub.example", code=2)
        assert "No mailbox of the channel email has the address nobody@hub.example." in refused
    finally:
        hub.stop()
    assert run_alone(url_of(tmp_path), counts) == {"cases": 20, "interactions": 20}
    assert run_alone(url_of(tmp_path), differing) == []


def test_on_postgresql_it_is_written_directly(tmp_path: Path, postgres: Any, postgres_template: str) -> None:
    database = postgres.create(postgres_template)
    try:
        url = postgres.url_of(database)
        given = environment(tmp_path, url)
        told = said(given, "import", str(archive(tmp_path / "a.mbox", 20)), "--mailbox", OURS)
        assert told == "40 taken into 20 cases, 0 known already.\n"
        assert run_alone(url, differing) == []
    finally:
        postgres.drop(database)


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (("import", "{}/nothing", "--mailbox", OURS), 2, "No such file or directory"),
        (("import", "{}/text", "--mailbox", OURS), 2, "is neither an mbox nor a message"),
        (("import", "{}/text", "--mailbox", OURS, "--format", "tar"), 2, "There is no format tar"),
        (("replay",), 2, "Say which (their ids), --all or --list."),
        (("replay", "nothing"), 1, "There is no such quarantined entry."),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(
    tmp_path: Path, words: tuple[str, ...], code: int, why: str
) -> None:
    (tmp_path / "text").write_text("no mail\n")
    given = environment(tmp_path)
    assert why in said(given, *(word.format(tmp_path) for word in words), code=code)
