"""The commands for recognition: ``python -m contact_center recognition --help``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from contact_center.terminal import bar, say, settings, stop

if TYPE_CHECKING:
    from contact_center.recognition.policy import Rules
    from contact_center.recognition.teacher import Gathered

app = typer.Typer(no_args_is_help=True, help="What new cases are about: learn it, measure it, look at it.")

BROKEN_OFF = 130
LOOK_S = 0.1


@app.command()
def train() -> None:
    """Learn a new model from the cases that are over, and put it into force. A running hub does it by itself, every
    day and after so many corrections (recognition: train:); this asks it to do it now."""
    from contact_center.bootstrap import migrate
    from contact_center.offline import running

    given = settings()
    note = running(given)
    started = time.monotonic()
    try:
        if note is not None:
            done = _ask_the_hub(note)
        else:
            migrate(given.database)
            done = asyncio.run(_by_ourselves(given.database))
    except KeyboardInterrupt as error:
        what = "The hub goes on learning." if note is not None else "Broken off: the model in force stays."
        raise stop(f"\n{what}", BROKEN_OFF) from error
    say(f"{done} in {time.monotonic() - started:.1f} s.")


async def _by_ourselves(url: str) -> str:
    from contact_center.bootstrap import holder_of, occasion
    from contact_center.recognition.teacher import CannotLearn, Teacher
    from contact_center.storage.executor import open_executor

    executor = open_executor(url)
    await executor.start(lambda _: None)
    learning: asyncio.Task[int] | None = None
    try:
        teacher, watch = Teacher(executor, occasion, holder_of(settings().data_dir)), _Watch()
        learning = asyncio.create_task(teacher.train())
        while not learning.done():
            await asyncio.wait({learning}, timeout=LOOK_S)
            watch.see(teacher.progress.phase, teacher.progress.done, teacher.progress.whole)
        version = learning.result()
    except CannotLearn as error:
        raise stop(error.message, 1) from error
    finally:
        if learning is not None:
            learning.cancel()  # and with it the process that learns
            await asyncio.gather(learning, return_exceptions=True)
        await executor.stop()
    return f"Model {version} was learnt and is in force"


class _Watch:
    """How far a training is, phase by phase, for whoever sits before it."""

    SAYS: ClassVar[dict[str, str]] = {"reading": "Reading cases that are over", "learning": "Learning"}

    def __init__(self) -> None:
        self.phase = ""

    def see(self, phase: str, done: int, whole: int) -> None:
        if phase != self.phase and phase in self.SAYS:
            if self.phase:
                bar(1, 1)  # reading ends where there are no more, wherever that is
            typer.echo(self.SAYS[phase], err=True)
            self.phase = phase
        if self.phase and phase == self.phase and whole:
            bar(min(done, whole - 1), whole)
        elif self.phase and phase not in self.SAYS:
            bar(1, 1)
            self.phase = ""


def _ask_the_hub(note: dict[str, str]) -> str:
    import httpx

    watch = _Watch()
    with httpx.Client(base_url=note["url"], headers={"Authorization": f"Bearer {note['key']}"}, timeout=60) as hub:
        answer = hub.post("/api/v1/recognition/train")
        if answer.status_code == 409:
            raise stop(answer.json()["error"]["message"], 1)
        answer.raise_for_status()
        while True:
            found = hub.get("/api/v1/recognition").raise_for_status().json()
            now = found["training"]
            watch.see(now["phase"], now["done"], now["whole"])
            if now["phase"] == "failed":
                raise stop(now["problem"], 1)
            if now["phase"] == "idle":
                return f"The running hub has learnt model {found['model']['version']}"
            time.sleep(LOOK_S)


@app.command()
def measure() -> None:
    """Say how right a model would be that is learnt from the cases as they are now: precision and recall of each
    intent, and whether it may decide; calibration; what is taken for what; and the same of languages. Stores
    nothing, and changes nothing of what is in force."""
    from contact_center.bootstrap import migrate
    from contact_center.recognition import report
    from contact_center.recognition.worker import learn_all

    given, watch = settings(), _Watch()
    migrate(given.database)
    try:
        rules, (examples, spoken) = asyncio.run(_examples(given.database, lambda *far: watch.see("reading", *far)))
        _, _, measured = learn_all(examples, spoken, lambda *far: watch.see("learning", *far))
        watch.see("idle", 0, 0)
    except KeyboardInterrupt as error:
        raise stop("\nBroken off: nothing was stored.", BROKEN_OFF) from error
    for line in report.lines(rules, measured):
        say(line)
    if not measured.asked and not measured.overruled:
        from contact_center.recognition.teacher import too_little

        raise stop(too_little(examples), 1)


async def _examples(url: str, progress: Callable[[int, int], None]) -> tuple[Rules, Gathered]:
    from contact_center.recognition.teacher import CannotLearn, gather, rules_to_learn_by
    from contact_center.storage.executor import open_executor

    executor = open_executor(url)
    await executor.start(lambda _: None)
    try:
        rules = await rules_to_learn_by(executor)
        return rules, await gather(executor, rules, progress)
    except CannotLearn as error:
        raise stop(error.message, 1) from error
    finally:
        await executor.stop()


@app.command()
def show(text: Annotated[str, typer.Argument(help="What would be said of this text.")] = "") -> None:
    """Say which model is in force and what was measured of it; or what it says of a text."""
    from contact_center.bootstrap import migrate
    from contact_center.recognition import report
    from contact_center.storage.executor import run_alone

    given = settings()
    migrate(given.database)
    found = run_alone(given.database, _shown, text)
    if text:
        say(found["said"])
        return
    say(f"Mode: {found['rules'].mode}; language: {found['rules'].language_mode}.")
    if found["row"] is None:
        say("There is no model yet.")
        return
    row = found["row"]
    at = datetime.fromtimestamp(row.made_at / 1_000, UTC).isoformat(timespec="minutes")
    say(f"Model {row.version}, learnt {at} from {row.examples} cases.")
    for line in report.lines(found["rules"], found["measured"]):
        say(line)


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
