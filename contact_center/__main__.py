"""The hub's commands: ``python -m contact_center --help``."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from contact_center import __version__
from contact_center.flow_commands import app as flow_commands
from contact_center.mail_commands import app as mail_commands
from contact_center.recognition_commands import app as recognition_commands
from contact_center.routing_commands import app as routing_commands
from contact_center.search_commands import app as search_commands
from contact_center.terminal import checked, say, settings, stop

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="One record, one router and one live console for phone, SMS, e-mail and web chat.",
    pretty_exceptions_enable=False,
)

app.add_typer(flow_commands, name="flow")
app.add_typer(mail_commands, name="mail")
app.add_typer(search_commands, name="search")
app.add_typer(recognition_commands, name="recognition")
app.add_typer(routing_commands, name="routing")

DEMO = Path(__file__).parent / "sandbox" / "demo.yaml"
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")]


class _Unfailing:
    """A log whose reader is gone, or whose disk is full, must not stop the work that it tells of."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


def _log(level: str) -> None:
    import logging

    import structlog

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.PrintLoggerFactory(_Unfailing(sys.stderr)),  # type: ignore[arg-type]
        cache_logger_on_first_use=True,
    )


@app.command()
def serve(quiet: Quiet = False) -> None:
    """Run the hub. With CONTACT_CENTER_SANDBOX=on it brings the outside world with it: a carrier, a mail server
    and a page to play the customer on."""
    given = settings()
    _log(given.log_level)
    try:
        listening = _listen(given.host, given.port)
    except OSError as error:
        raise stop(
            f"The hub cannot listen on {given.host}:{given.port}: {error.strerror}. Is another one running? "
            "CONTACT_CENTER_PORT chooses another port."
        ) from error
    given = given.model_copy(update={"port": listening.getsockname()[1]})
    _run(given, listening, quiet)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    listening.set_inheritable(False)
    return listening


def _run(given: Any, listening: socket.socket, quiet: bool) -> None:
    from contact_center.bootstrap import AlreadyRunning, migrate, open_hub, take_folder
    from contact_center.offline import announce_running
    from contact_center.storage.migrate import SchemaTooNew

    public_url = given.public_url or f"http://{given.host}:{given.port}"
    try:
        lock = take_folder(given.data_dir)
        migrate(given.database)
    except (AlreadyRunning, SchemaTooNew) as error:
        raise stop(str(error)) from error
    sandbox = _start_sandbox(given, public_url) if given.sandbox else None
    try:
        demo = _configure(given, quiet, sandbox)
        if sandbox is not None and given.config is None:
            given = given.model_copy(update={"config": DEMO})
        hub = open_hub(given, demo=demo)
        announce_running(given, hub)
        _serve(hub.app, listening, lambda: _greet(public_url, sandbox, demo, quiet))
    finally:
        if sandbox is not None:
            sandbox["process"].terminate()
            sandbox["process"].wait(10)
        lock.close()


def _configure(given: Any, quiet: bool, sandbox: dict[str, Any] | None) -> dict[str, Any] | None:
    """Applies the configuration file; in the sandbox without one, the demonstration's at the first start. Returns
    what the sign-in page of a demonstration shows."""
    from contact_center.config.model import ConfigError, read
    from contact_center.offline import configure, configured

    path: Path | None = given.config
    if path is None and sandbox is not None:
        path = DEMO
        if configured(given.database):
            return _demo(sandbox)
    if path is None:
        return None
    try:
        changes = configure(given.database, read(path))
    except ConfigError as error:
        raise stop(str(error)) from error
    if changes and not quiet:
        say(f"Applied {path.name}: {len(changes)} change{'s' if len(changes) > 1 else ''}.")
    return _demo(sandbox) if sandbox is not None and path == DEMO else None


def _demo(sandbox: dict[str, Any]) -> dict[str, Any]:
    from contact_center.config.model import read

    people = read(DEMO).agents
    return {
        "accounts": [{"name": a.name, "role": a.role, "email": a.email, "password": a.password} for a in people],
        "try_it_url": sandbox["page"],
    }


def _start_sandbox(given: Any, public_url: str) -> dict[str, Any]:
    """Starts the outside world as a process of its own, and tells the hub where it is in the hub's own settings:
    the hub cannot tell it from the real one."""
    environment = dict(os.environ)
    token = os.environ.get("CONTACT_CENTER_TWILIO_AUTH_TOKEN") or _kept(given.data_dir / "sandbox.token")
    password = _kept(given.data_dir / "sandbox.password")
    environment |= {
        "CONTACT_CENTER_PUBLIC_URL": public_url,
        "CONTACT_CENTER_TWILIO_AUTH_TOKEN": token,
        "CONTACT_CENTER_SANDBOX_MAIL_PASSWORD": password,
        "CONTACT_CENTER_DATA_DIR": str(given.data_dir.resolve()),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "contact_center.sandbox"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise stop(f"The sandbox did not start (exit code {process.wait()}).")
    told: dict[str, Any] = json.loads(line)
    from contact_center.sandbox.settings import DEMO_ACCOUNT, HUB_MAIL

    page = told["page"].rstrip("/")
    account = os.environ.get("CONTACT_CENTER_TWILIO_ACCOUNT_SID", DEMO_ACCOUNT)
    hub_settings = {
        "TWILIO_ACCOUNT_SID": account,
        "TWILIO_AUTH_TOKEN": token,
        "TWILIO_REST_URL": page,
        "ORDERS_URL": page,
        "EMAIL_ADDRESS": HUB_MAIL,
        "EMAIL_IMAP_URL": f"imap://{HUB_MAIL.replace('@', '%40')}:{password}@127.0.0.1:{told['imap']}",
        "EMAIL_SMTP_URL": f"smtp://127.0.0.1:{told['smtp']}",
        "EMAIL_IMPORT_EXISTING": "1",
    }
    for name, value in hub_settings.items():
        os.environ.setdefault(f"CONTACT_CENTER_{name}", value)
    return {"process": process, "page": page + "/"}


def _kept(path: Path) -> str:
    """A secret that is made once and kept, readable by its owner alone."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_hex(16))
    return path.read_text()


def _greet(public_url: str, sandbox: dict[str, Any] | None, demo: dict[str, Any] | None, quiet: bool) -> None:
    if quiet:
        return
    say()
    say(f"  Contact Center Hub {__version__} is ready.")
    say()
    say(f"  Console     {public_url}/")
    if demo is not None:
        for account in demo["accounts"]:
            say(f"              {account['role']:<11} {account['email']:<20} {account['password']}")
    if sandbox is not None:
        say(f"  Try it      {sandbox['page']}   (be the customer: phone, SMS, e-mail, chat)")
    say("  Stop        Ctrl+C")
    say()


def _serve(application: Any, listening: socket.socket, ready: Any) -> None:
    import uvicorn

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            """As uvicorn's, but a hub that was told to stop and did has ended well: the signal is not raised
            again, so that what follows (the sandbox, the lock) is put away too."""
            before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
            try:
                yield
            finally:
                for number, handler in before.items():
                    signal.signal(number, handler)

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if not self.should_exit:
                gc.collect()
                gc.freeze()  # what is there now stays: looking through it again and again finds nothing
                ready()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            application.state.drain()
            await asyncio.sleep(0)  # the desks' writers have their turn before the connections are closed
            await super().shutdown(sockets)

    config = uvicorn.Config(
        application,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_max_size=1_310_720,
        ws_ping_interval=None,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=5,
        timeout_keep_alive=75,
        limit_concurrency=None,
        backlog=2048,
    )
    listening.listen(2048)
    # The database's thread and the event loop hand over to each other at every event: five milliseconds, Python's
    # default, is an age between a question and its answer.
    sys.setswitchinterval(0.0005)
    server = Server(config)
    server.run(sockets=[listening])
    if not server.started:
        raise stop("The hub did not start; the reason is above.", 3)


@app.command()
def fallback(quiet: Quiet = False) -> None:
    """Stand in for a hub that is down: the address to give the carrier as its fallback. Believes only what is signed,
    keeps it on disk, and hands it over once the hub is back (docs/telephony-reliability.md)."""
    from contact_center.config.environment import of_environment
    from contact_center.fallback.server import open_fallback
    from contact_center.fallback.serving import serve as serve_fallback
    from contact_center.fallback.settings import FallbackSettings
    from contact_center.fallback.spool import SpoolTaken

    given = checked(FallbackSettings)
    _log(given.log_level)
    try:
        listening = _listen(given.fallback_host, given.fallback_port)
    except OSError as error:
        at = f"{given.fallback_host}:{given.fallback_port}"
        raise stop(
            f"The fallback cannot listen on {at}: {error.strerror}. Another port is chosen by "
            "CONTACT_CENTER_FALLBACK_PORT."
        ) from error
    given = given.model_copy(update={"fallback_port": listening.getsockname()[1]})
    try:
        application = open_fallback(given, of_environment())
    except SpoolTaken as error:
        raise stop(str(error)) from error
    told = f"The fallback of {given.hub_public_url} listens on {given.own_url}"
    serve_fallback(application, listening, lambda: None if quiet else say(told))


@app.command()
def apply(
    file: Annotated[Path, typer.Argument(help="The YAML file, or a folder of them.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
) -> None:
    """Put queues, entry points, agents and policy into force, or show what that would change and what it would mean
    for those who wait. A running hub does it at once; channels' own settings are taken over at its next start."""
    from contact_center.bootstrap import migrate
    from contact_center.config.model import ConfigError, read
    from contact_center.offline import apply_to_running, compare, configure, consequences, running

    given = settings()
    _log("ERROR")
    try:
        config = read(file)
        note = running(given)
        if note is not None:
            changes, waiting = apply_to_running(note, config, dry_run)
        else:
            migrate(given.database)
            changes = compare(given.database, config) if dry_run else configure(given.database, config)
            waiting = consequences(given.database, config) if dry_run else []
    except ConfigError as error:
        raise stop(str(error)) from error
    for warning in config.warnings:
        say(f"warning  {warning}")
    for change in changes:
        say(f"{change.how:8} {change.what}" + (f"   {change.details}" if change.details else ""))
    verb = "would change" if dry_run else "changed"
    for sentence in waiting:
        say(f"waiting  {sentence}")
    say(f"{len(changes)} {verb}." if changes else f"Nothing {verb}: this is what is in force.")
    if config.channels and given.config is None:
        say("Its channels: section is not stored; a hub reads it at its start from CONTACT_CENTER_CONFIG.")


@app.command()
def export() -> None:
    """Print what is in force, as a file for `apply`. Passwords are not in it."""
    import yaml

    from contact_center.bootstrap import migrate
    from contact_center.offline import exported

    given = settings()
    _log("ERROR")
    migrate(given.database)
    print(yaml.safe_dump(exported(given.database), allow_unicode=True, sort_keys=False), end="")


@app.command()
def rebuild(
    check: Annotated[bool, typer.Option("--check", help="Only compare; change nothing.")] = False,
) -> None:
    """Fold every interaction's events anew and compare with the stored record. Without --check, records that
    differ are replaced by their fold. Exit code 1 if any differed."""
    from contact_center.bootstrap import migrate
    from contact_center.offline import rebuilt, running

    given = settings()
    _log("ERROR")
    if running(given) is None:
        migrate(given.database)
    elif not check:
        raise stop("A hub runs on this data folder. Stop it first, or only compare with --check.")
    started = time.monotonic()

    def progress(done: int, whole: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{done} of {whole} records", end="", file=sys.stderr, flush=True)

    seen, differing = asyncio.run(rebuilt(given.database, mend=not check, progress=progress))
    if sys.stderr.isatty():
        print(file=sys.stderr)
    for interaction_id, fields in differing:
        say(f"{interaction_id} differs in {', '.join(fields)}")
    took = time.monotonic() - started
    say(f"{seen} records compared with the fold of their events in {took:.1f} s: {len(differing)} differ.")
    if differing:
        raise typer.Exit(1)


@app.command()
def migrate() -> None:
    """Bring the database to this release's schema. `serve` does it by itself."""
    from contact_center.bootstrap import migrate as bring_up

    given = settings()
    done = bring_up(given.database)
    say("The database was brought up to date." if done else "The database is up to date.")


@app.command()
def schema(
    folder: Annotated[Path, typer.Argument(help="Where to write the files; `configuration` prints that one.")],
) -> None:
    """Write openapi.json, asyncapi.json, interaction-event.json and configuration.json; `schema configuration` prints
    the JSON Schema of the configuration file."""
    from contact_center.offline import published
    from contact_center.web.schemas import configuration

    if str(folder) == "configuration":
        print(json.dumps(configuration(), indent=1, ensure_ascii=False))
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in published().items():
        (folder / name).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        say(str(folder / name))


@app.command()
def version() -> None:
    """Print the version."""
    say(__version__)


def main() -> None:
    app()


if __name__ == "__main__":
    main()
