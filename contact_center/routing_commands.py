"""The commands for routing: ``python -m contact_center routing --help``."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar
from zoneinfo import ZoneInfo

import typer

from contact_center.staffing_commands import staffing
from contact_center.terminal import bar, say, settings, stop

if TYPE_CHECKING:
    from contact_center.config.environment import Settings
    from contact_center.config.model import QueueModel
    from contact_center.domain.time import Moment
    from contact_center.replaying.again import Outcome
    from contact_center.replaying.comparing import Compared
    from contact_center.replaying.log import Log
    from contact_center.replaying.trying import Tried
    from contact_center.storage.executor import Executor
    from routing import Policy
    from routing.onward import Rulebook

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True, help="Decide a day again, try a policy out, and explain what was decided.")
app.command()(staffing)

From = Annotated[str, typer.Option("--from", help="2026-03-01, or 2026-03-01T09:00; in the house's time zone.")]
To = Annotated[str, typer.Option("--to", help="The same; a day counts to its end. Without it: a day from --from.")]
Language = Annotated[str, typer.Option("--language", help="en or zh.")]
Report = Annotated[Path | None, typer.Option("--report", help="Write a page with plots to this HTML file.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
Policies = Annotated[
    list[Path], typer.Option("--policy", help="A configuration with another policy; can be given several times.")
]


def _language(given: str) -> Literal["en", "zh"]:
    if given == "en":
        return "en"
    if given == "zh":
        return "zh"
    raise stop(f"--language is en or zh, not {given}.")


# --- moments --------------------------------------------------------------------------------------------------------


def _moments(first: str, last: str, zone: ZoneInfo) -> tuple[Moment, Moment]:
    """What is asked for, both ends included."""
    begin, _ = _moment(first, "--from", zone)
    if last:
        end, day = _moment(last, "--to", zone)
        end += timedelta(days=1) if day else timedelta()
    else:
        end = begin + timedelta(days=1)
    if end <= begin:
        raise stop(f"--to {last} is not after --from {first}.")
    return round(begin.timestamp() * 1_000), round(end.timestamp() * 1_000) - 1


def _moment(text: str, option: str, zone: ZoneInfo) -> tuple[datetime, bool]:
    """Also whether a whole day was meant."""
    try:
        return datetime.combine(date.fromisoformat(text), datetime.min.time(), zone), True
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise stop(f"{option} {text} is no day and no moment; write 2026-03-01 or 2026-03-01T09:00.") from error
    return (at if at.tzinfo else at.replace(tzinfo=zone)), False


# --- the database ---------------------------------------------------------------------------------------------------


def _with_database(url: str, work: Callable[[Executor], Awaitable[T]]) -> T:
    """Reads only: a hub may be running on it."""
    from contact_center.storage.executor import open_executor

    async def run() -> T:
        executor = open_executor(url)
        await executor.start(lambda _: None)
        try:
            return await work(executor)
        finally:
            await executor.stop()

    return asyncio.run(run())


async def _log_between(executor: Executor, first: Moment, last: Moment) -> Log:
    from contact_center.replaying.log import open_log

    log = await open_log(executor, first, last)
    if not log.runs:
        raise stop("Nothing that routing was told was kept between these moments (docs/replay.md).", 3)
    return log


def _zone(url: str) -> ZoneInfo:
    from contact_center.storage import settings
    from contact_center.storage.executor import run_alone

    return ZoneInfo(run_alone(url, settings.get, "time_zone", "UTC"))


def _policy(path: Path, queues: Sequence[QueueModel] = ()) -> tuple[str, Policy]:
    """A file without queues of its own leaves them as they are."""
    from contact_center.config.model import ConfigError
    from contact_center.config.trying import policy_in

    try:
        return path.stem, policy_in(path, queues)
    except ConfigError as error:
        raise stop(str(error)) from error


def _rulebook(path: Path) -> tuple[str, Rulebook]:
    """Of queues that the file doesn't name, what was in force holds."""
    from contact_center.config.model import ConfigError
    from contact_center.config.trying import rulebook_in

    try:
        return path.stem, rulebook_in(path)
    except ConfigError as error:
        raise stop(str(error)) from error


# --- simulate -------------------------------------------------------------------------------------------------------


@app.command()
def simulate(
    day: Annotated[Path, typer.Argument(help="The day's file; docs/examples/day.yaml shows every setting.")],
    policy: Policies = [],  # noqa: B006
    days: Annotated[int, typer.Option(help="How many days; without it, as many as the file says.")] = 0,
    seed: Annotated[int, typer.Option(help="What they are drawn from; without it, what the file says.")] = -1,
    report: Report = None,
    language: Language = "en",
    as_json: AsJson = False,
) -> None:
    """Try policies on days that never were: the file's own, and each that is given, on the same days. Needs no
    database."""
    from contact_center.config.model import ConfigError
    from contact_center.config.synthetic import read_day
    from contact_center.replaying.comparing import drawn
    from routing.simulation import Simulation

    spoken = _language(language)
    if not 0 <= days <= 200:
        raise stop(f"--days is 1 to 200, not {days}.")
    try:
        model = read_day(day)
    except ConfigError as error:
        raise stop(str(error)) from error
    model = model.model_copy(update={"days": days or model.days, "seed": model.seed if seed < 0 else seed})
    policies = [(day.stem, model.own_policy()), *[_policy(path, model.queues) for path in policy]]
    made = []
    started, whole = time.monotonic(), len(policies) * model.days
    for number, (_, each) in enumerate(policies):
        some = []
        for one in range(model.days):
            simulation = Simulation(
                each,
                model.shifts(one),
                model.coming(one),
                answer_ms=model.answer_ms,
                after_ms=model.after_ms,
                ends_at=model.last,
            )
            some.append(simulation.run())
            bar(number * model.days + one + 1, whole)
        made.append(some)
    took = time.monotonic() - started
    compared = drawn(policies, made, model.first, model.last, model.seed)
    _show(compared, spoken, ZoneInfo("UTC"), report, as_json)
    if not as_json:
        cases = sum(len(one.cases) for some in made for one in some)
        say(f"{cases} cases in {took:.1f} s: {cases / max(took, 0.001):,.0f} a second.")


# --- replay ---------------------------------------------------------------------------------------------------------


@app.command()
def replay(
    first: From,
    last: To = "",
    policy: Policies = [],  # noqa: B006  # typer's way; it is never changed
    report: Report = None,
    language: Language = "en",
    explanations: Annotated[
        bool, typer.Option("--explanations", help="Compare every stored explanation too, word for word.")
    ] = False,
    seed: Annotated[int, typer.Option(help="For what is drawn, such as patience.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Decide a day again. Without --policy: as it was, to show that each decision comes out the same (exit code 1 if
    one doesn't, or if the log is not whole). With --policy: simulate the same traffic under the policy that was in
    force and under each that is given, beside the day as it was."""
    from contact_center.bootstrap import migrate

    given, spoken = settings(), _language(language)
    others = [_rulebook(path) for path in policy]
    migrate(given.database)
    zone = _zone(given.database)
    begin, end = _moments(first, last, zone)
    started = time.monotonic()
    if others:
        compared = _with_database(given.database, lambda executor: _compared(executor, begin, end, others, seed))
        _show(compared, spoken, zone, report, as_json)
        return
    outcome = _with_database(given.database, lambda executor: _again(executor, begin, end, explanations))
    _show_outcome(outcome, as_json, time.monotonic() - started)
    if not outcome.identical:
        raise typer.Exit(1)


async def _again(executor: Executor, first: Moment, last: Moment, explanations: bool) -> Outcome:
    from contact_center.replaying.again import decide_again

    return await decide_again(await _log_between(executor, first, last), bar, explanations=explanations)


async def _compared(
    executor: Executor, first: Moment, last: Moment, others: list[tuple[str, Rulebook]], seed: int
) -> Compared:
    from contact_center.replaying.comparing import compare
    from contact_center.replaying.day import NothingKept, recorded

    log = await _log_between(executor, first, last)
    try:
        day = await recorded(log, first, last, bar)
    except NothingKept as error:
        raise stop(
            "What was kept between these moments cannot be read; routing replay without --policy says why.", 3
        ) from error
    for problem in log.problems:
        _warn(f"The log is not whole: run {problem.run}, block {problem.number} is {problem.code}. {problem.text}")
    return compare(day, others, seed)


def _warn(text: str) -> None:
    typer.echo(text.rstrip(), err=True)


def _show(
    compared: Compared, language: Literal["en", "zh"], zone: ZoneInfo, report: Path | None, as_json: bool
) -> None:
    from rich.console import Console

    from contact_center.replaying.comparing import rows
    from contact_center.replaying.report import label, page, saved, show

    if report is not None:
        try:
            report.write_text(page(language, compared, zone), encoding="utf-8")
        except OSError as error:
            raise stop(f"{report} cannot be written: {error.strerror}.") from error
    if as_json:
        told = {
            "columns": [{"label": label(language, each), "policy": each.policy} for each in compared.columns],
            "queues": {queue or "*": saved(rows(compared, queue)) for queue in compared.queues},
        }
        say(json.dumps(told, ensure_ascii=False))
        return
    show(Console(), language, compared, zone)
    if report is not None:
        say(str(report))


def _show_outcome(outcome: Outcome, as_json: bool, took: float) -> None:
    from dataclasses import asdict

    if as_json:
        say(json.dumps({**asdict(outcome), "identical": outcome.identical}, ensure_ascii=False))
        return
    for problem in outcome.problems:
        where = f"block {problem.number}" if problem.number >= 0 else "the end of the run before"
        say(f"Run {problem.run}: {where} is {problem.code.replace('_', ' ')}. {problem.text}".rstrip())
    for shown in outcome.differences:
        say(f"At {shown.at}:")
        for who, side in (("recorded", shown.recorded), ("now", shown.again)):
            for each in side:
                say(f"  {who}: {each['interaction_id']} → {', '.join([each['agent_id'], *each['others']])}")
                say(f"    {_reasons(each['explanation'])}")
        if shown.knows:
            say(f"  The engine knew otherwise of {', '.join(shown.knows)}.")
    for interaction_id in outcome.explained_otherwise:
        say(f"{interaction_id} is explained otherwise than it was.")
    for version, count in outcome.policies.items():
        say(f"Policy {version}: {count} decisions.")
    same = outcome.decisions - min(outcome.different, outcome.decisions)
    say(
        f"{outcome.decisions} decisions in {outcome.questions} questions decided again in {took:.1f} s, from "
        f"{outcome.facts} facts in {outcome.runs} runs: {same} are identical, {outcome.different} differ."
    )
    if outcome.explanations:
        same = outcome.explanations - len(outcome.explained_otherwise)
        say(f"{outcome.explanations} stored explanations compared word for word: {same} are identical.")
    if outcome.problems:
        say(f"The log is not whole: {len(outcome.problems)} problems, told above.")


def _reasons(explanation: dict[str, Any] | None) -> str:
    if explanation is None:
        return "no explanation was stored"
    told = [
        f"{each['agent_id']}: {', '.join(reason['code'] for reason in each['reasons'])}"
        for each in explanation["candidates"][:8]
    ]
    return "; ".join(told)


# --- explain --------------------------------------------------------------------------------------------------------


@app.command()
def explain(
    about: Annotated[str, typer.Argument(help="An interaction's id, or a decision's.")],
    language: Language = "en",
) -> None:
    """Say in plain words why an interaction was offered to whom it was, or why it waits."""
    from contact_center.bootstrap import migrate
    from contact_center.replaying.explaining import explain as told

    given, spoken = settings(), _language(language)
    migrate(given.database)
    zone = _zone(given.database)
    records, arms = _with_database(given.database, lambda executor: _explained(executor, about))
    if not records:
        raise stop(f"There is no interaction and no decision {about}, or nothing was decided about it yet.", 3)
    for number, record in enumerate(records):
        if number:
            say("")
        for line in told(spoken, record, zone, arm=arms.get(record["policy"])):
            say(line)


async def _explained(executor: Executor, about: str) -> tuple[list[dict[str, Any]], dict[str, tuple[str, str]]]:
    from contact_center.bootstrap import occasion
    from contact_center.dispatch.truth import facts
    from contact_center.storage import routing_log, trials
    from routing import Engine

    records = await executor.read(routing_log.decided, about)
    seats, waiting = await facts(executor)
    if any(each.interaction_id == about for each in waiting):
        policy, _ = await executor.read(trials.in_force, occasion().now)
        engine = Engine(policy)
        for seat in seats:
            engine.put_seat(seat)
        for each in waiting:
            engine.put_waiting(each)
        now = engine.explain(about, occasion().now)
        if now is not None:
            records.append(now.record())
    trial = await executor.read(trials.experiment)
    return records, {} if trial is None else {trial[1]["version"]: (trial[0].name, "b")}


# --- shadow and experiment --------------------------------------------------------------------------------------


@app.command()
def shadow(
    first: Annotated[
        str, typer.Option("--from", help="Ask a policy about the decisions of a day that was kept.")
    ] = "",
    last: To = "",
    policy: Annotated[Path | None, typer.Option("--policy", help="The configuration with that policy.")] = None,
    as_json: AsJson = False,
) -> None:
    """Each decision against what another policy would have come to from the same facts. Without options: the shadow
    that the running hub asks beside its own policy (shadow: in its configuration)."""
    from contact_center.bootstrap import migrate

    given = settings()
    if (policy is None) != (not first):
        raise stop("--policy and --from go together.")
    if policy is None:
        state = _ask_the_hub(given, "/api/v1/routing/shadow")
    else:
        name, other = _policy(policy)
        migrate(given.database)
        begin, end = _moments(first, last, _zone(given.database))
        state = {"policy": f"{name} ({other.version})"}
        state |= _with_database(given.database, lambda executor: _shadowed(executor, begin, end, other))
    if as_json:
        say(json.dumps(state, ensure_ascii=False))
    elif not state["policy"]:
        say("The running hub asks no shadow.")
    else:
        _show_shadow(state)


async def _shadowed(executor: Executor, first: Moment, last: Moment, policy: Policy) -> dict[str, Any]:
    from contact_center.replaying.shadowing import told
    from routing.shadow import Shadow

    log = await _log_between(executor, first, last)
    asked, read = Shadow(policy), 0
    for run in log.runs:
        async for facts in log.read(run):
            for at, fact in facts:
                if at <= last:
                    asked.feed(at, fact)
            read += len(facts)
            bar(read, log.facts)
    return told(asked)


def _ask_the_hub(given: Settings, path: str) -> dict[str, Any]:
    import httpx

    from contact_center.offline import running

    note = running(given)
    if note is None:
        raise stop("No hub runs on this data folder; --policy with --from asks a day that was kept.", 3)
    answer = httpx.get(f"{note['url']}{path}", headers={"Authorization": f"Bearer {note['key']}"}, timeout=60)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


_VERDICTS = {
    "same": "would have offered the same",
    "other_agent": "would have offered it to somebody else",
    "would_wait": "would have let it wait",
    "would_offer": "would have offered what waited on",
}


def _show_shadow(state: dict[str, Any]) -> None:
    counts = state["counts"]
    decided = sum(count for verdict, count in counts.items() if verdict != "would_offer")
    say(f"Policy {state['policy']}, asked about {decided} decisions:")
    for verdict, words in _VERDICTS.items():
        share = f"{100 * counts[verdict] / decided:5.1f} %" if decided and verdict != "would_offer" else " " * 7
        say(f"  {counts[verdict]:>8} {share} {words}")
    if state["reasons"]:
        say("Why not whom the policy in force chose:")
        for code, count in list(state["reasons"].items())[:12]:
            say(f"  {count:>8}         {code}")
    for each in state["recent"][-10:]:
        said = ", ".join(each["shadow"]) or "nobody"
        say(f"  {each['interaction_id']} ({each['queue']}): {', '.join(each['agents']) or 'nobody'}; shadow: {said}")


@app.command()
def compare(
    first: From,
    last: To = "",
    language: Language = "en",
    as_json: AsJson = False,
) -> None:
    """What the experiment has shown so far: both policies' blocks of time, and how sure their difference is."""
    from contact_center.bootstrap import migrate
    from contact_center.replaying.words import say as worded

    given, spoken = settings(), _language(language)
    migrate(given.database)
    zone = _zone(given.database)
    begin, end = _moments(first, last, zone)
    told = _with_database(given.database, lambda executor: _experiment(executor, begin, end))
    if as_json:
        from dataclasses import asdict

        say(json.dumps({**asdict(told.result), "name": told.name}, ensure_ascii=False))
        return
    from rich.console import Console

    from contact_center.replaying.report import show_experiment

    say(worded(spoken, "experiment", name=told.name, a=told.a, b=told.b))
    show_experiment(Console(), spoken, told.result)


async def _experiment(executor: Executor, first: Moment, last: Moment) -> Tried:
    from contact_center.replaying.day import NothingKept
    from contact_center.replaying.trying import NoExperiment, tried

    try:
        return await tried(await _log_between(executor, first, last), first, last, bar)
    except NoExperiment as error:
        raise stop("No experiment is under way (experiment: in the configuration, docs/replay.md).", 3) from error
    except NothingKept as error:
        raise stop("What was kept cannot be read; routing replay says why.", 3) from error
