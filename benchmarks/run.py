"""Measures the hub beside the floor and prints a table: ``make bench``, or ``python -m benchmarks.run
[--quick]``.

Hub and floor take turns (A B B A) on the same machine in the same minutes, and every figure is the median
of the pairs' ratios with their range: what else the machine was doing cancels out. Latencies count from the
moment at which a request was due. After each run the rows stored must be the requests acknowledged.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from benchmarks import flows, load, mail_parsing, world
from benchmarks.load import Agent, Run
from benchmarks.servers import IMPORTS, ROOT, Floor, Hub, Server

RATE = 300.0
PARTS = ("start", "intake", "push", "ivr", "mail")


@dataclass(slots=True)
class Figure:
    """One line of the table. ``goal`` is the largest good ratio, or with ``absolute`` the largest good
    value of the hub itself; without a goal the line only informs."""

    name: str
    unit: str
    goal: float | None = None
    absolute: bool = False
    floor: list[float] = field(default_factory=list)
    hub: list[float] = field(default_factory=list)

    def add(self, server: Server, value: float) -> None:
        (self.hub if isinstance(server, Hub) else self.floor).append(value)

    @property
    def ratios(self) -> list[float]:
        return [hub / floor for hub, floor in zip(self.hub, self.floor, strict=False) if floor]

    @property
    def judged(self) -> float:
        return statistics.median(self.hub if self.absolute else self.ratios)

    def line(self) -> str:
        floor, hub = (f"{figure(values):>9}" for values in (self.floor, self.hub))
        ratio = ""
        if self.ratios:
            low, high = min(self.ratios), max(self.ratios)
            ratio = f"{statistics.median(self.ratios):5.2f} [{low:.2f}..{high:.2f}]"
        goal, verdict = "", ""
        if self.goal is not None and self.hub:
            goal = f"≤ {self.goal:g}" + (f" {self.unit}" if self.absolute else "×")
            verdict = "met" if self.judged <= self.goal else "NOT MET"
        return f"{self.name:<44}{self.unit:>9}{floor}{hub}  {ratio:<20}{goal:<9}{verdict}".rstrip()


def figure(values: list[float]) -> str:
    """The median with three digits that mean something."""
    if not values:
        return ""
    median = statistics.median(values)
    return f"{median:,.0f}" if median >= 100 else f"{median:.3g}"


HEAD = f"{'':<44}{'':>9}{'floor':>9}{'hub':>9}  {'hub : floor':<20}goal"


@dataclass(slots=True)
class Table:
    intake: Figure = field(default_factory=lambda: Figure("Intake, CPU per 1,000 messages", "s", 2.5))
    intake_rate: Figure = field(default_factory=lambda: Figure("Intake, messages per second, 32 connections", "/s"))
    intake_p50: Figure = field(default_factory=lambda: Figure("Intake, acknowledged, p50", "ms"))
    intake_p99: Figure = field(default_factory=lambda: Figure("Intake, acknowledged, p99", "ms"))
    frame_p50: Figure = field(default_factory=lambda: Figure("POST → agent's frame at 300/s, p50", "ms", 2.5))
    frame_p99: Figure = field(default_factory=lambda: Figure("POST → agent's frame at 300/s, p99", "ms"))
    ack_p50: Figure = field(default_factory=lambda: Figure("POST → acknowledged at 300/s, p50", "ms"))
    push: Figure = field(default_factory=lambda: Figure("POST → agent's frame, CPU per 1,000", "s", 2.0))
    ivr: Figure = field(default_factory=lambda: Figure("IVR step, key → TwiML, CPU per 1,000", "s", 2.5))
    ivr_rate: Figure = field(default_factory=lambda: Figure("IVR steps per second, 32 callers", "/s"))
    ivr_p50: Figure = field(default_factory=lambda: Figure("IVR step, key → TwiML, p50", "ms"))
    ivr_p99: Figure = field(default_factory=lambda: Figure("IVR step, key → TwiML, p99", "ms"))
    ivr_arrival: Figure = field(default_factory=lambda: Figure("A call and its first key, CPU per 1,000", "s"))
    offer_p50: Figure = field(default_factory=lambda: Figure("POST → new conversation rings at 50/s, p50", "ms"))
    offer_p99: Figure = field(default_factory=lambda: Figure("POST → new conversation rings at 50/s, p99", "ms"))
    memory: Figure = field(default_factory=lambda: Figure("Memory per connected agent", "KB", 75, absolute=True))
    resident: Figure = field(default_factory=lambda: Figure("Memory before the first agent", "MB"))
    ready: Figure = field(default_factory=lambda: Figure("Start to ready (floor: the bare import)", "ms", 2.5))
    first: Figure = field(default_factory=lambda: Figure("First start to ready, with an empty folder", "ms"))

    def figures(self) -> list[Figure]:
        return [getattr(self, name) for name in self.__slots__]


def abba(pairs: int) -> Iterator[bool]:
    """Whether it is the hub's turn."""
    yield from itertools.islice(itertools.cycle((False, True, True, False)), pairs * 2)


class Messages:
    """Requests with ids of their own; some two in ten come from people who never wrote before."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._strangers = itertools.count(5_000_000)

    def mixed(self, port: int, count: int) -> list[bytes]:
        known = [next(self._strangers) for _ in range(max(1, count // 5))]
        return [
            world.sms(port, known[number % len(known)], f"b{next(self._ids):x}", f"m {number} Where is my order?")
            for number in range(count)
        ]

    def of_customers(self, port: int, customers: int, count: int) -> list[bytes]:
        return [
            world.sms(port, number % customers, f"c{next(self._ids):x}", f"m {number} Where is my order?")
            for number in range(count)
        ]

    def of_strangers(self, port: int, count: int) -> list[bytes]:
        return [
            world.sms(port, next(self._strangers), f"d{next(self._ids):x}", f"m {number} Hello?")
            for number in range(count)
        ]


def lost_nothing(server: Server, stored: int, acknowledged: int) -> None:
    if stored != acknowledged:
        raise SystemExit(f"{server.name} acknowledged {acknowledged} messages and stored {stored}.")


async def measure_intake(table: Table, folder: Path, pairs: int, count: int) -> None:
    """Two pairs for each start of the programs, so that the luck of one start does not decide."""
    for part in range(0, pairs, 2):
        messages = Messages()
        floor, hub = Floor(folder / f"floor-{part}"), Hub(folder / f"hub-{part}", agents=10)
        acknowledged = {floor.name: 0, hub.name: 0}
        try:
            for server in (floor, hub):
                await server.start()
                warm = await load.closed_loop(server.port, server.pid, messages.mixed(server.port, 300))
                acknowledged[server.name] += warm.acknowledged
            for turn in abba(min(2, pairs - part)):
                server = hub if turn else floor
                run = await load.closed_loop(server.port, server.pid, messages.mixed(server.port, count))
                refuse_refusals(server, run)
                acknowledged[server.name] += run.acknowledged
                table.intake.add(server, run.cpu)
                table.intake_rate.add(server, run.rate)
                table.intake_p50.add(server, run.p50)
                table.intake_p99.add(server, run.p99)
            for server in (floor, hub):
                lost_nothing(server, await server.stored(), acknowledged[server.name])
        finally:
            floor.stop()
            hub.stop()


def refuse_refusals(server: Server, run: Run) -> None:
    if run.refused:
        raise SystemExit(f"{server.name} refused {run.refused} of {run.refused + run.acknowledged} messages.")


async def measure_push(table: Table, folder: Path, pairs: int, agents: int, seconds: float) -> None:
    floor, hub = Floor(folder / "floor-push"), Hub(folder / "hub-push", agents=agents)
    desks: dict[str, list[Agent]] = {}
    messages, count = Messages(), int(RATE * seconds)
    acknowledged = {floor.name: 0, hub.name: 0}
    try:
        for server in (floor, hub):
            await server.start()
            desks[server.name] = await connect_desks(table, server, agents)
            await server.hold(desks[server.name])
        for turn in abba(pairs):
            server = hub if turn else floor
            requests = messages.of_customers(server.port, agents, count)
            run, frames = await until_told(server, desks[server.name], requests, RATE, server.is_about)
            acknowledged[server.name] += run.acknowledged
            table.push.add(server, run.cpu)
            table.ack_p50.add(server, run.p50)
            table.frame_p50.add(server, statistics.median(frames))
            table.frame_p99.add(server, load.percentile(frames, 0.99))
        requests = messages.of_strangers(hub.port, agents // 2)
        run, frames = await until_told(hub, desks[hub.name], requests, 50.0, rings)
        acknowledged[hub.name] += run.acknowledged
        table.offer_p50.add(hub, statistics.median(frames))
        table.offer_p99.add(hub, load.percentile(frames, 0.99))
        for server in (floor, hub):
            lost_nothing(server, await server.stored(), acknowledged[server.name])
    finally:
        for agent in itertools.chain.from_iterable(desks.values()):
            agent.close()
        floor.stop()
        hub.stop()


STEPS = 40
"""What one caller keys in, in one run."""
_ACTION = re.compile(rb'action="[^"]*(/input[?][^"]+)"')


class Callers:
    """People who come to the main menu and then want to hear it again and again."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.places: dict[int, str] = {}

    def arriving(self, call: int) -> load.Talk:
        port = self.server.port
        body = yield world.call(port, "", call, call)
        body = yield world.call(port, next_input(body), call, call, Digits="1")
        self.places[call] = next_input(body)
        yield b""

    def again(self, call: int) -> load.Talk:
        for _ in range(STEPS):
            body = yield world.call(self.server.port, self.places[call], call, call, Digits="*")
            self.places[call] = next_input(body)
        yield b""


class Floored(Callers):
    """The same against the floor, which knows no menus: places are counted here."""

    def again(self, call: int) -> load.Talk:
        for _ in range(STEPS):
            number = int(self.places.get(call, "0")) + 1
            self.places[call] = str(number)
            path = f"/input?position=40fb60861397.{number}.0.ask.0.0.main_menu"
            yield world.call(self.server.port, path, call, call, Digits="*")
        yield b""


def next_input(body: bytes) -> str:
    """Where what the caller keys in is sent."""
    found = _ACTION.search(body)
    if found is None:
        raise SystemExit(f"The hub asked the caller nothing: {body.decode()}")
    return found[1].decode().replace("&amp;", "&")


async def measure_ivr(table: Table, folder: Path, pairs: int, count: int) -> None:
    """A step is one key pressed in the shipped flow's main menu: the signed webhook, the event and the flow's step
    stored, the record folded on, and the TwiML. The floor stores one row."""
    people = count // STEPS
    for part in range(0, pairs, 2):
        floor, hub = Floor(folder / f"floor-ivr-{part}"), Hub(folder / f"hub-ivr-{part}", agents=10, flow="main")
        callers = {floor.name: Floored(floor), hub.name: Callers(hub)}
        acknowledged = {floor.name: 0, hub.name: 0}
        try:
            for server in (floor, hub):
                await server.start()
            for number, turn in enumerate(abba(min(2, pairs - part))):
                server = hub if turn else floor
                who = range(number * people, (number + 1) * people)
                if turn:
                    run = await load.in_turns(hub.port, hub.pid, map(callers[hub.name].arriving, who))
                    refuse_refusals(hub, run)
                    table.ivr_arrival.add(hub, run.cpu)
                    acknowledged[hub.name] += people  # the key for the language
                run = await load.in_turns(server.port, server.pid, map(callers[server.name].again, who))
                refuse_refusals(server, run)
                acknowledged[server.name] += run.acknowledged
                table.ivr.add(server, run.cpu)
                table.ivr_rate.add(server, run.rate)
                table.ivr_p50.add(server, run.p50)
                table.ivr_p99.add(server, run.p99)
            for server in (floor, hub):
                lost_nothing(server, await server.stored(), acknowledged[server.name])
        finally:
            floor.stop()
            hub.stop()


def rings(frame: bytes) -> bool:
    return b'"offer.rings"' in frame


async def connect_desks(table: Table, server: Server, agents: int) -> list[Agent]:
    """Everybody's socket, with a snapshot asked for where there is one; what that costs in memory."""
    rehearsal = await load.open_agents(server.port, [f"agent-{number}" for number in range(20)])
    for agent in rehearsal:
        agent.close()
    await asyncio.sleep(1)
    before = load.resident_kb(server.pid)
    desks = await load.open_agents(server.port, [f"agent-{number}" for number in range(agents)])
    for agent in desks:
        agent.send({"type": "snapshot"})
    await asyncio.sleep(3)
    table.memory.add(server, (load.resident_kb(server.pid) - before) / agents)
    table.resident.add(server, before / 1024)
    return desks


async def until_told(
    server: Server, desks: list[Agent], requests: list[bytes], rate: float, telling: Callable[[bytes], bool]
) -> tuple[Run, list[float]]:
    """Sends the requests at the rate and waits until an agent was told of every one. Milliseconds from the
    moment when a request was due to its frame."""
    due: dict[int, float] = {}
    took: dict[int, float] = {}
    everything = asyncio.Event()

    def heard(_: Agent, frame: bytes, at: float) -> None:
        if not telling(frame):
            return
        start = frame.index(b'"m ') + 3
        number = int(frame[start : frame.index(b" ", start)])
        took.setdefault(number, (at - due[number]) * 1000)
        if len(took) == len(requests):
            everything.set()

    for agent in desks:
        agent.on_frame = heard
    run = await load.open_loop(server.port, server.pid, requests, rate, due.__setitem__)
    refuse_refusals(server, run)
    try:
        await asyncio.wait_for(everything.wait(), 20)
    except TimeoutError:
        raise SystemExit(f"{server.name} told agents of {len(took)} of {len(requests)} messages.") from None
    return run, list(took.values())


def bare_import_ms() -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", IMPORTS], cwd=ROOT, check=True)
    return (time.perf_counter() - started) * 1000


async def measure_start(table: Table, folder: Path, pairs: int) -> None:
    hub = Hub(folder / "hub-start", agents=10)
    await hub.start()
    table.first.add(hub, hub.started_in_ms)
    hub.stop()
    for _ in range(pairs):
        table.ready.floor.append(bare_import_ms())
        await hub.start()
        table.ready.add(hub, hub.started_in_ms)
        hub.stop()


async def measure(table: Table, options: argparse.Namespace) -> None:
    pairs = 2 if options.quick else options.pairs
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as scratch:
        folder = Path(scratch)
        for name in options.only or PARTS:
            print(f"Measuring: {name} …", file=sys.stderr, flush=True)
            if name == "start":
                await measure_start(table, folder, pairs)
            elif name == "intake":
                await measure_intake(table, folder, pairs, 1_500 if options.quick else 3_000)
            elif name == "ivr":
                await measure_ivr(table, folder, pairs, 1_600 if options.quick else 3_200)
            elif name == "push":
                await measure_push(table, folder, pairs, options.agents, 3.0 if options.quick else 5.0)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two pairs of short runs: a first look")
    parser.add_argument("--pairs", type=int, default=8, help="pairs of runs for each figure")
    parser.add_argument("--agents", type=int, default=1_000, help="connected agents")
    parser.add_argument("--only", action="append", choices=PARTS)
    parser.add_argument("--gate", action="store_true", help="fail where a goal is not met")
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    table = Table()
    uvloop.run(measure(table, options))
    shown = [figure for figure in table.figures() if figure.hub]
    if shown:
        print(HEAD)
        for figure in shown:
            print(figure.line())
        print("Every acknowledged message was stored, once.\n")
    if not options.only or "mail" in options.only:
        asyncio.run(mail_parsing.measure(3 if options.quick else mail_parsing.ROUNDS))
    if not options.only:
        print()
        flows.main()
    missed = [figure for figure in shown if figure.goal is not None and figure.judged > figure.goal]
    return 1 if options.gate and missed else 0


if __name__ == "__main__":
    sys.exit(main())
