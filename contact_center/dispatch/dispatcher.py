"""The running side of dispatch: feeds routing with what committed, claims what it decides, keeps the deadlines."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable

import structlog

from contact_center.dispatch.claim import claim, handle_deadline, settle_agent
from contact_center.dispatch.truth import Sweep, Told, facts, is_news, put_all
from contact_center.domain.errors import Unavailable
from contact_center.domain.occasion import Occasion
from contact_center.domain.time import SECOND, Moment
from contact_center.storage import deadlines, trials
from contact_center.storage.effects import ConfigChanged, Due, Engaged, SeatChanged, Waits, WaitsNoMore
from contact_center.storage.executor import Executor
from routing import Decision, Engine, Policy
from routing.decisions import Explanation
from routing.facts import Witness, WitnessedEngine

log = structlog.get_logger(__name__)

SWEEP_MS = 30 * SECOND
"""However quiet it is, routing is held against the database this often: nothing may wait because of a lost hint."""


class Dispatcher:
    """One engine, fed by effects; the database has the last word on everything that it decides."""

    def __init__(
        self,
        executor: Executor,
        policy: Policy,
        occasion: Callable[[], Occasion],
        witness: Witness | None = None,
    ) -> None:
        self._executor = executor
        self._policy = policy
        self._occasion = occasion
        self._witness = witness
        self._engine = Engine(policy)
        self._wake = asyncio.Event()
        self._wake_deadlines = asyncio.Event()
        self._claims: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._scheduled = False
        self._rebuild = True
        self._configured = 0
        self._switch_at: Moment | None = None
        self._doubted = False
        self._elsewhere: tuple[set[str], set[str]] = (set(), set())
        self._loading: list[Waits | WaitsNoMore | SeatChanged] | None = None
        self._claiming: dict[asyncio.Task[None], Decision] = {}
        self._touched: set[str] | None = None
        self.decided = 0
        self.lost = 0
        self.missed = 0
        """What a regular look at the database found that routing should have been told."""

    # --- what committed ---------------------------------------------------------------------------------------

    def told(self, effect: Waits | WaitsNoMore | SeatChanged) -> None:
        """Something committed that routing must know. While the database is being read anew it is kept, and
        told to the new engine too: it may or may not be in what was read, and telling it twice does no harm."""
        if self._loading is not None:
            self._loading.append(effect)
        if self._touched is not None:
            self._touched.add(subject(effect))
        self._tell(self._engine, effect)
        if not isinstance(effect, WaitsNoMore):
            self._soon()

    @staticmethod
    def _tell(engine: Engine, effect: Waits | WaitsNoMore | SeatChanged) -> None:
        match effect:
            case Waits():
                engine.put_waiting(effect.waiting)
            case WaitsNoMore():
                engine.remove_waiting(effect.interaction_id)
            case SeatChanged():
                engine.put_seat(effect.seat)

    def config_changed(self, effect: ConfigChanged) -> None:
        self._rebuild = True
        self._configured += 1
        self._wake.set()

    def engaged(self, effect: Engaged) -> None:
        """Works the agent's state out anew, in a transaction of its own: whoever changed it holds another's row."""
        task = asyncio.create_task(self._settle(effect.agent_id))
        self._claims.add(task)
        task.add_done_callback(self._claims.discard)

    async def _settle(self, agent_id: str) -> None:
        try:
            await self._executor.write(lambda conn: settle_agent(conn, self._occasion(), agent_id))
        except Unavailable:
            self.doubt()

    def due(self, effect: Due) -> None:
        if effect.kind == "deadline":
            self._wake_deadlines.set()

    def doubt(self) -> None:
        """Something was missed (another node, a lost hint): hold routing against the database."""
        self._doubted = True
        self._wake.set()

    def changed_elsewhere(self, interaction_ids: Iterable[str], agent_ids: Iterable[str]) -> None:
        """Another node says of whom there is something new: these are looked at, soon, and nobody else."""
        self._elsewhere[0].update(interaction_ids)
        self._elsewhere[1].update(agent_ids)
        if any(self._elsewhere):
            self._wake.set()

    # --- deciding ---------------------------------------------------------------------------------------------

    def _soon(self) -> None:
        """Decides after all effects of the transaction are in, without waiting for anything else."""
        if not self._scheduled and not self._rebuild:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._decide)

    def _decide(self) -> None:
        self._scheduled = False
        if self._rebuild:
            return
        started = time.perf_counter_ns()
        decisions = self._engine.decide(self._occasion().now)
        if not decisions:
            self._wake.set()
            return
        each_us = (time.perf_counter_ns() - started) // 1_000 // len(decisions)
        for decision in decisions:
            task = asyncio.create_task(self._claim(decision, each_us))
            self._claims.add(task)
            self._claiming[task] = decision
            task.add_done_callback(self._claimed)
            if self._touched is not None:
                self._touched.update(_subjects(decision))
        self._soon()

    def _claimed(self, task: asyncio.Task[None]) -> None:
        self._claims.discard(task)
        decision = self._claiming.pop(task)
        if self._touched is not None:
            self._touched.update(_subjects(decision))

    async def _claim(self, decision: Decision, latency_us: int) -> None:
        try:
            made = await self._executor.write(
                lambda conn: claim(conn, self._occasion(), decision, self._policy, latency_us)
            )
        except Unavailable:
            await asyncio.sleep(1)
            self.doubt()
            return
        except Exception:
            log.exception("claim_failed", interaction_id=decision.interaction_id)
            self.doubt()
            return
        self.decided += 1
        if not made:
            self.lost += 1

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._policy

    def explain(self, interaction_id: str) -> Explanation | None:
        """Why the interaction still waits; None if it doesn't."""
        return self._engine.explain(interaction_id, self._occasion().now)

    # --- running ----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        await self._load()
        self._tasks = [
            asyncio.create_task(self._route(), name="routing"),
            asyncio.create_task(self._keep_deadlines(), name="deadlines"),
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if self._claims:
            await asyncio.gather(*self._claims, return_exceptions=True)

    async def _load(self) -> None:
        missed: list[Waits | WaitsNoMore | SeatChanged] = []
        self._elsewhere = (set(), set())
        self._loading = missed
        configured = self._configured
        try:
            policy, self._switch_at = await self._executor.read(trials.in_force, self._occasion().now)
            seats, waits = await facts(self._executor)
            self._policy = policy
            engine = WitnessedEngine(policy, self._witness) if self._witness else Engine(policy)
            engine.come_to(self._occasion().now)
            self._engine = (
                engine  # it alone is told what commits from now on, and decides nothing before it knows all
            )
            self._rebuild = True
            await put_all(engine, seats, waits)
        finally:
            self._loading = None
        for effect in missed:
            self._tell(engine, effect)
        self._doubted = False
        self._rebuild = self._configured != configured  # it was changed while it was being read
        if self._rebuild:
            self._wake.set()
        self._soon()

    async def _sweep(self) -> int:
        """All is looked at; how much was missed."""
        self._doubted = False
        policy, self._switch_at = await self._executor.read(trials.in_force, self._occasion().now)
        if policy.version != self._policy.version:
            await self._load()  # another node put it into force, or it is its turn
            return 0
        self._elsewhere = (set(), set())
        missed, _ = await self._learn(lambda sweep: sweep.differences())
        return missed

    async def _look_elsewhere(self) -> None:
        """Whoever was told of meanwhile is looked at once more: nobody knows which of both was newer."""
        interactions, agents = self._elsewhere
        self._elsewhere = (set(), set())
        try:
            _, newer = await self._learn(lambda sweep: sweep.differences_of(sorted(interactions), sorted(agents)))
        except Unavailable:
            self._doubted = True
            raise
        self.changed_elsewhere(interactions & newer, agents & newer)

    async def _learn(self, look: Callable[[Sweep], Awaitable[tuple[list[Told], list[str]]]]) -> tuple[int, set[str]]:
        """Tells routing what differs in the database; how much of it was news, and of whom it was told meanwhile."""
        engine = self._engine
        claiming = {each for decision in self._claiming.values() for each in _subjects(decision)}
        self._touched = touched = {*claiming}
        try:
            told, gone = await look(Sweep(self._executor, engine, touched))
        finally:
            self._touched = None
        if engine is not self._engine:
            return 0, set()  # another began meanwhile, from newer facts
        missed = sum(is_news(engine, effect) for effect in told) + len(gone)
        for effect in told:
            self._tell(engine, effect)
        for agent_id in gone:
            engine.remove_seat(agent_id)
        self._soon()
        return missed, touched - claiming

    async def _route(self) -> None:
        """Looks again when a cool-down ends, when asked to, and every so often in any case, however much else there
        is to do."""
        clock = asyncio.get_running_loop().time
        sweep_at = clock() + SWEEP_MS / 1_000
        while True:
            now = self._occasion().now
            change = self._engine.next_change_at(now)
            next_at = [at for at in (change, self._switch_at) if at is not None]
            wait_s = min([sweep_at - clock(), *[max(1, at - now) / 1_000 for at in next_at]])
            self._wake.clear()
            if not (self._rebuild or self._doubted or any(self._elsewhere)):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._wake.wait()
            try:
                if self._rebuild:
                    await self._load()
                    sweep_at = clock() + SWEEP_MS / 1_000
                elif self._doubted or (self._switch_at is not None and self._occasion().now >= self._switch_at):
                    await self._sweep()
                    sweep_at = clock() + SWEEP_MS / 1_000
                elif clock() >= sweep_at:
                    sweep_at = clock() + SWEEP_MS / 1_000
                    if missed := await self._sweep():
                        self.missed += missed
                        log.warning("routing_missed", count=missed)
                elif any(self._elsewhere):
                    await self._look_elsewhere()
                elif change is not None and self._occasion().now >= change:
                    self._soon()
            except Unavailable:
                await asyncio.sleep(1)
                self._rebuild = True
            except Exception:  # a defect of ours must not end routing for good
                log.exception("routing_failed")
                await asyncio.sleep(1)
                self._rebuild = True

    async def _keep_deadlines(self) -> None:
        while True:
            self._wake_deadlines.clear()
            try:
                first = await self._executor.read(deadlines.next_at)
                now = self._occasion().now
                if first is not None and first <= now:
                    await self._act(now)
                    continue
                wait_ms = SWEEP_MS if first is None else min(SWEEP_MS, first - now)
            except Unavailable:
                wait_ms = SECOND
            except Exception:  # nor the deadlines
                log.exception("deadlines_failed")
                wait_ms = SECOND
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(wait_ms, 5) / 1_000):
                    await self._wake_deadlines.wait()

    async def _act(self, now: Moment) -> None:
        for row in await self._executor.read(deadlines.due, now):
            try:
                await self._executor.write(
                    lambda conn, row=row: handle_deadline(conn, self._occasion(), row, self._policy)  # type: ignore[misc]
                )
            except Unavailable:
                raise
            except Exception:
                log.exception("deadline_failed", kind=row.kind, ref=row.ref)
                await self._executor.write(deadlines.postpone, row.id, now + 60 * SECOND)


def _subjects(decision: Decision) -> tuple[str, ...]:
    """Whom the decision is about: what is known of them is in doubt until it is claimed."""
    return (decision.interaction_id, decision.agent_id, *decision.others)


def subject(effect: Waits | WaitsNoMore | SeatChanged) -> str:
    """The id of the interaction, or of the agent, that it is about."""
    match effect:
        case Waits():
            return effect.waiting.interaction_id
        case WaitsNoMore():
            return effect.interaction_id
        case SeatChanged():
            return effect.seat.agent_id
