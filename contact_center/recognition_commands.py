"""The commands for recognition: ``python -m contact_center recognition --help``."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from contact_center.terminal import settings, stop

if TYPE_CHECKING:
    from contact_center.recognition.policy import Rules

app = typer.Typer(no_args_is_help=True, help="What new cases are about: learn it, measure it, look at it.")


@app.command()
def train() -> None:
    """Learn a new model from the cases that are over, and put it into force. A running hub does it itself."""
    from contact_center.bootstrap import migrate
    from contact_center.offline import running

    given = settings()
    note = running(given)
    started = time.monotonic()
    if note is not None:
        done = _ask_the_hub(note)
    else:
        migrate(given.database)
        done = asyncio.run(_by_ourselves(given.database))
    typer.echo(f"{done} in {time.monotonic() - started:.1f} s.")


async def _by_ourselves(url: str) -> str:
    from contact_center.bootstrap import holder_of, occasion
    from contact_center.recognition.teacher import CannotLearn, Teacher
    from contact_center.storage.executor import open_executor

    executor = open_executor(url)
    await executor.start(lambda _: None)
    try:
        version = await Teacher(executor, occasion, holder_of(settings().data_dir)).train()
    except CannotLearn as error:
        raise stop(error.message, 1) from error
    finally:
        await executor.stop()
    return f"Model {version} was learnt and is in force"


def _ask_the_hub(note: dict[str, str]) -> str:
    import httpx

    with httpx.Client(base_url=note["url"], headers={"Authorization": f"Bearer {note['key']}"}, timeout=60) as hub:
        answer = hub.post("/api/v1/recognition/train")
        if answer.status_code == 409:
            raise stop(answer.json()["error"]["message"], 1)
        answer.raise_for_status()
        while True:
            found = hub.get("/api/v1/recognition").raise_for_status().json()
            if found["training"]["phase"] == "failed":
                raise stop(found["training"]["problem"], 1)
            if found["training"]["phase"] == "idle":
                return f"The running hub has learnt model {found['model']['version']}"
            time.sleep(0.3)


@app.command()
def measure() -> None:
    """Say how right a model would be that is learnt from the cases as they are now: precision and recall of each
    intent, calibration, what is taken for what. Stores nothing."""
    from contact_center.recognition import report
    from contact_center.recognition.measuring import train as learn
    from contact_center.recognition.model import lesson

    rules, examples = asyncio.run(_examples(settings().database))
    if not rules.intents:
        raise stop("There are no intents: see recognition: in the configuration.", 1)
    _, measured = learn([lesson(each) for each in examples])
    for line in report.lines(rules, measured):
        typer.echo(line)


async def _examples(url: str) -> tuple[Rules, list[Any]]:
    from contact_center.recognition.policy import rules_of
    from contact_center.recognition.recognise import SETTING
    from contact_center.recognition.teacher import gather
    from contact_center.storage import settings
    from contact_center.storage.executor import open_executor

    executor = open_executor(url)
    await executor.start(lambda _: None)
    try:
        rules = rules_of(await executor.read(settings.get, SETTING, {}))
        return rules, await gather(executor, rules)
    finally:
        await executor.stop()


@app.command()
def show(text: Annotated[str, typer.Argument(help="What would be said of this text.")] = "") -> None:
    """Say which model is in force and what was measured of it; or what it says of a text."""
    from contact_center.recognition import report
    from contact_center.storage.executor import run_alone

    found = run_alone(settings().database, _shown, text)
    if text:
        typer.echo(found["said"])
        return
    typer.echo(f"Mode: {found['rules'].mode}; language: {found['rules'].language_mode}.")
    if found["row"] is None:
        typer.echo("There is no model yet.")
        return
    row = found["row"]
    at = datetime.fromtimestamp(row.made_at / 1_000, UTC).isoformat(timespec="minutes")
    typer.echo(f"Model {row.version}, learnt {at} from {row.examples} cases.")
    for line in report.lines(found["rules"], found["measured"]):
        typer.echo(line)


def _shown(conn: Any, text: str) -> dict[str, Any]:
    from contact_center.recognition import recognise
    from contact_center.recognition.measuring import Measured, restored
    from contact_center.recognition.policy import rules_of
    from contact_center.storage import recognition, settings

    chosen = recognition.in_force(conn)
    row = recognition.model(conn, chosen.version) if chosen else None
    measured = restored(row.measured) if row is not None else Measured()
    at = recognise.ready(conn)
    said = "Recognition is off."
    if at is not None:
        seen = recognise.look_at(at, text)
        guess, language = seen.guess, seen.language
        said = (
            f"{seen.verdict.intent or 'nothing sure enough'} ({seen.verdict.mode}); likeliest "
            f"{guess.intent or 'none of the list'}, {guess.confidence:.0%}, "
            f"because: {', '.join(guess.because) or '-'}; "
            f"language {language.code or 'unknown'}, {language.confidence:.0%}"
        )
    return {
        "rules": rules_of(settings.get(conn, recognise.SETTING, {})),
        "row": row,
        "measured": measured,
        "said": said,
    }
