"""The commands for flows: ``python -m contact_center flow --help``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from contact_center.terminal import say, stop

if TYPE_CHECKING:
    from contact_center.config.environment import Settings
    from contact_center.storage.connection import Connection
    from ivr_flows import Flow
    from ivr_flows.trying.dialogues import Dialogues
    from ivr_flows.trying.report import Tried

T = TypeVar("T")

app = typer.Typer(
    no_args_is_help=True, help="Check, test, try, draw and publish the flows that callers are led through."
)

Files = Annotated[list[Path], typer.Argument(help="Flows' files, or folders of them.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
Named = Annotated[str, typer.Argument(help="The flow's name.")]


# --- files -----------------------------------------------------------------------------------------------------


def _files(given: Iterable[Path]) -> list[Path]:
    """The flows' files; a name that is no file is a shipped flow's."""
    found: dict[Path, None] = {}
    for path in given:
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.suffix in (".yaml", ".yml") and ".test." not in p.name)
            if not inside:
                raise stop(f"There is no flow in {path}.")
            found.update(dict.fromkeys(inside))
        elif path.is_file():
            found[path] = None
        elif (shipped := _shipped_folder() / f"{path}.yaml").is_file():
            found[shipped] = None
        else:
            raise stop(f"There is no file {path}.")
    return list(found)


def _shipped_folder() -> Path:
    import ivr_flows

    return Path(ivr_flows.__file__).parent / "flows"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise stop(f"{path} cannot be read: {error}") from error


def _library(files: Iterable[Path]) -> dict[str, str]:
    """What the flows may have within: their neighbours, and the shipped ones."""
    from contact_center.flows.shipped import shipped_texts

    found = dict(shipped_texts())
    for folder in dict.fromkeys(path.parent for path in files):
        for path in sorted(folder.glob("*.yaml")):
            if ".test." not in path.name:
                found[path.stem] = _text(path)
    return found


def _opened(path: Path, library: Mapping[str, str]) -> Flow:
    from ivr_flows import FlowError, load

    try:
        return load(_text(path), str(path), library)
    except FlowError as error:
        raise stop(str(error), 1) from error


def _beside(path: Path) -> Path | None:
    """The file with the flow's dialogues: beside it, or in a folder ``dialogues`` beside it or its folder."""
    name = f"{path.stem}.test.yaml"
    places = (path.parent, path.parent / "dialogues", path.parent.parent / "dialogues")
    return next((folder / name for folder in places if (folder / name).is_file()), None)


def _dialogues(path: Path) -> Dialogues | None:
    from ivr_flows import FlowError
    from ivr_flows.trying.dialogues import read_dialogues

    file = _beside(path)
    if file is None:
        return None
    try:
        return read_dialogues(_text(file), str(file))
    except FlowError as error:
        raise stop(str(error), 1) from error


# --- trying ----------------------------------------------------------------------------------------------------


@app.command()
def check(
    files: Files,
    config: Annotated[Path | None, typer.Option("--config", help="Whose queues, skills and services exist.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say everything that is wrong with flows: where, and how to mend it. Exit code 1 if anything is an error."""
    from ivr_flows import check as problems_of

    paths = _files(files)
    library, known = _library(paths), _known(config)
    found = [(path, problem) for path in paths for problem in problems_of(_text(path), str(path), library, **known)]
    if as_json:
        rows = [
            {
                "file": problem.source or str(path),
                "line": problem.line,
                "column": problem.column,
                "severity": problem.severity,
                "what": problem.what,
                "mend": problem.mend,
            }
            for path, problem in found
        ]
        say(json.dumps(rows, indent=1, ensure_ascii=False))
    for path, p in found if not as_json else ():
        say(f"{p.source or path}:{p.line}:{p.column}: {p.severity}: {p.what}. {p.mend}")
    errors = sum(problem.severity == "error" for _, problem in found)
    if not as_json:
        warnings = len(found) - errors
        say(f"{len(paths)} checked: {errors} error{'s'[: errors != 1]}, {warnings} warning{'s'[: warnings != 1]}.")
    if errors:
        raise typer.Exit(1)


def _known(config: Path | None) -> dict[str, Any]:
    """The names that the configuration gives."""
    from contact_center.config.model import ConfigError, read

    if config is None:
        return {}
    try:
        given = read(config)
    except ConfigError as error:
        raise stop(str(error)) from error
    skills = {skill for agent in given.agents for skill in agent.skills}
    skills |= {skill for queue in given.queues for skill in queue.skills}
    known = {"known_queues": {"general", *(queue.id for queue in given.queues)}, "known_skills": skills}
    services = getattr(given, "services", None)
    if services is not None:
        known["known_services"] = {getattr(each, "id", None) or getattr(each, "name", each) for each in services}
    return known


@app.command("test")
def try_flows(
    flows: Files,
    coverage: Annotated[bool, typer.Option("--coverage", help="Say of each exit whether anything takes it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Play the dialogues that lie beside flows (main.test.yaml), and go every way that a caller can take. Exit code
    1 if a dialogue goes otherwise than written, or a call would never end."""
    from ivr_flows.trying.report import as_data, as_text, try_out

    paths = _files(flows)
    library = _library(paths)
    tried = [try_out(_opened(path, library), _dialogues(path)) for path in paths]
    if as_json:
        say(json.dumps([as_data(each) for each in tried], indent=1, ensure_ascii=False))
    else:
        for each in tried:
            say("\n".join(as_text(each, coverage=coverage)))
    if not all(each.sound for each in tried):
        raise typer.Exit(1)


@app.command()
def simulate(
    flow: Annotated[Path, typer.Argument(help="The flow's file, or a shipped flow's name.")],
    say_from: Annotated[Path | None, typer.Option("--say-from", help="Lines that the caller says and does.")] = None,
    fact: Annotated[list[str] | None, typer.Option("--fact", help="name=value, known before the call.")] = None,
    at: Annotated[str, typer.Option("--at", help='When the call is: "2026-01-05 10:00". Default: now.')] = "",
) -> None:
    """Be the caller: type keys and words, hear what the flow says. `:help` tells what else can be done."""
    from ivr_flows.trying.simulation import Simulation

    paths = _files([flow])
    facts = {"ani": "+15550100000", "dnis": "+15550109999", "known": "no"}
    facts |= dict(each.split("=", 1) for each in fact or () if "=" in each)
    simulation = Simulation(_opened(paths[0], _library(paths)), _moment(at), facts)
    for line in simulation.opening():
        say(line)
    typed = say_from is None and sys.stdin.isatty()
    lines = iter(_text(say_from).splitlines()) if say_from is not None else None
    while not simulation.over:
        said = _typed(simulation.patience_ms) if typed else _next(lines)
        if said is None:
            break
        if not typed:
            say(f"> {said}")
        for answer in simulation.line(said):
            say(answer)


def _moment(words: str) -> int:
    import time
    from datetime import datetime

    if not words:
        return time.time_ns() // 1_000_000
    try:
        return round(datetime.fromisoformat(words).timestamp() * 1_000)
    except ValueError as error:
        raise stop(f'{words!r} is no moment; write for example "2026-01-05 10:00".') from error


def _typed(patience_ms: int) -> str | None:
    """A line that somebody types; an empty one if they type nothing in the time that the flow gives them."""
    import select

    ready, _, _ = select.select([sys.stdin], [], [], patience_ms / 1_000 if patience_ms else None)
    if not ready:
        return ""
    line = sys.stdin.readline()
    return line.rstrip("\n") if line else None


def _next(lines: Any) -> str | None:
    line = next(lines, None) if lines is not None else sys.stdin.readline() or None
    return None if line is None else line.rstrip("\n")


@app.command()
def diagram(
    flow: Annotated[Path, typer.Argument(help="The flow's file, or a shipped flow's name.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Where to write it. Default: <flow>.svg")] = None,
    language: Annotated[str, typer.Option("--language", help="Whose words are shown. Default: the first.")] = "",
) -> None:
    """Draw the flow as SVG."""
    from ivr_flows.trying.diagram import diagram as draw

    paths = _files([flow])
    found = _opened(paths[0], _library(paths))
    target = out or Path(f"{paths[0].stem}.svg")
    target.write_text(draw(found, language, lambda name: f"{name}.svg"), encoding="utf-8")
    say(f"{target}: {len(found.steps)} steps.")


# --- publishing ------------------------------------------------------------------------------------------------


@app.command()
def publish(
    files: Files,
    note: Annotated[str, typer.Option("--note", help="What is new, for those who read the history.")] = "",
    untested: Annotated[bool, typer.Option("--untested", help="Publish even if dialogues fail.")] = False,
) -> None:
    """Put flows into force, at once. They are checked, and their dialogues played, first; if anything is wrong,
    nothing changes. Calls that are under way keep the version that they entered with."""
    paths = _files(files)
    texts = {str(path): _text(path) for path in paths}
    given, note_of_hub = _hub()
    if not untested:
        _refuse_failing(paths)
    if note_of_hub is not None:
        done = _ask(note_of_hub, "POST", "", {"texts": texts, "note": note, "by": _who()})["published"]
    else:
        done = _alone(given, lambda conn: _publish(conn, texts, note))
    for each in done:
        verb = "published" if each["changed"] else "is in force already"
        say(f"{each['name']} {each['version']} {verb}.")
        if each["used_by"]:
            users = ", ".join(each["used_by"])
            say(f"  {users} keeps the version that it was published with; publish it too to have the new one there.")


def _refuse_failing(paths: Iterable[Path]) -> None:
    from ivr_flows.trying.report import as_text, try_out

    paths = list(paths)
    library = _library(paths)
    failing: list[Tried] = []
    for path in paths:
        dialogues = _dialogues(path)
        if dialogues is not None:
            tried = try_out(_opened(path, library), dialogues, walking=False)
            failing += [tried] if tried.failures else []
    if failing:
        lines = "\n".join(line for tried in failing for line in as_text(tried))
        raise stop(f"{lines}\nNothing was published. `--untested` publishes all the same.", 1)


def _publish(conn: Connection, texts: Mapping[str, str], note: str) -> list[dict[str, Any]]:
    from dataclasses import asdict

    from contact_center.flows import publish as verbs
    from contact_center.flows.versions import made_ready

    ready = made_ready(texts, verbs.library(conn))
    return [asdict(each) for each in verbs.publish(conn, _now(), ready.values(), _who(), note)]


@app.command()
def rollback(
    name: Named,
    version: Annotated[str, typer.Argument(help="Default: the one that was published before.")] = "",
) -> None:
    """Put an earlier version into force, at once."""
    from dataclasses import asdict

    from contact_center.flows import publish as verbs

    given, note = _hub()
    if note is not None:
        done = _ask(note, "POST", f"/{name}/rollback", {"version": version, "by": _who()})
    else:
        done = _alone(given, lambda conn: asdict(verbs.rollback(conn, _now(), name, version, _who())))
    say(f"{name} {done['version']} {'is in force again' if done['changed'] else 'is in force already'}.")


@app.command()
def history(name: Named, as_json: AsJson = False) -> None:
    """Every version that was published, newest first, and which is in force."""
    from dataclasses import asdict
    from datetime import datetime

    from contact_center.flows import publish as verbs

    given, note = _hub()
    if note is not None:
        found = _ask(note, "GET", f"/{name}")["versions"]
    else:
        found = _alone(given, lambda conn: [asdict(version) for version in verbs.history(conn, name)])
    if not found:
        raise stop(f"There is no flow {name}.", 1)
    if as_json:
        say(json.dumps(found, indent=1, ensure_ascii=False))
        return
    for each in found:
        at = each["published_at"]
        when = f"{datetime.fromtimestamp(at / 1_000).astimezone():%Y-%m-%d %H:%M}" if at else "shipped         "
        mark = "→" if each["current"] else " "
        say(f"{mark} {each['version']}  {when}  {each['by']}  {each['note']}".rstrip())


def _hub() -> tuple[Settings, dict[str, str] | None]:
    """The settings, and where the hub can be asked that runs on them, if one does."""
    from pydantic import ValidationError

    from contact_center.config.environment import Settings
    from contact_center.offline import running

    try:
        given = Settings()
    except ValidationError as error:
        raise stop(str(error)) from error
    return given, running(given)


def _alone(given: Settings, unit: Callable[[Connection], T]) -> T:
    """Does it on the database, on which no hub runs."""
    from contact_center.bootstrap import migrate
    from contact_center.domain.errors import Refusal
    from contact_center.flows.versions import FlowsWrong
    from contact_center.storage.executor import run_alone

    migrate(given.database)
    try:
        return run_alone(given.database, unit)
    except FlowsWrong as error:
        raise stop(f"{error}\nNothing was published.", 1) from error
    except Refusal as error:
        raise stop(error.message, 1) from error


def _ask(note: Mapping[str, str], method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """Has the running hub do it, for it is the one that writes."""
    import httpx

    answer = httpx.request(
        method,
        f"{note['url']}/api/v1/flows{path}",
        json=body,
        headers={"Authorization": f"Bearer {note['key']}"},
        timeout=60,
    )
    if answer.is_success:
        return answer.json()
    is_json = answer.headers.get("content-type", "").startswith("application/json")
    told = answer.json().get("error", {}) if is_json else {}
    lines = [f"{p['source']}:{p['line']}:{p['column']}: {p['what']}. {p['mend']}" for p in told.get("problems", ())]
    raise stop("\n".join(lines) or told.get("message") or f"The hub answered {answer.status_code}.", 1)


def _who() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def _now() -> int:
    import time

    return time.time_ns() // 1_000_000
