"""Several nodes on one database, each with an engine that knows what it knows, all claiming at once.

The real storage, intake, desk and dispatch; the engine as the dispatcher runs it, but at a pace that a seed sets: a
node may decide now and claim much later, lose what it decided, be killed with a transaction open, hear of the others
late or never. In each round several acts run at the same time on connections of their own. After each round the
tables are held against the laws, at the end the whole log.

On SQLite there is one process and one writer; its nodes are engines that are out of date in different ways.

Histories may follow each other on one :class:`Cluster`: each begins with empty tables. Connections that are open, and
statements that are known, cost far more than emptying them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from random import Random
from typing import Any, TypeVar

from sqlalchemy import Connection, bindparam, delete, select, text

from contact_center.config import apply as config_apply
from contact_center.config.model import parse
from contact_center.desk import picking, verbs
from contact_center.desk.capacity import set_capacity
from contact_center.desk.verbs import Acting
from contact_center.dispatch import claim as dispatch
from contact_center.dispatch import presence
from contact_center.domain.contact_points import phone, visitor
from contact_center.domain.errors import Refusal, Unavailable
from contact_center.domain.events import CallArrived, CustomerLeft, InteractionEvent, MessageReceived, Thread
from contact_center.domain.occasion import Occasion
from contact_center.domain.time import Moment
from contact_center.estimates.expecting import Expecting
from contact_center.flows.library import FlowLibrary
from contact_center.intake.take_in import CallSteps, take_in
from contact_center.storage import agents, backlog, deadlines, effects, schema
from contact_center.storage.executor import Executor, open_executor
from contact_center.telephony.steps import Telephony
from routing import Decision, Engine, Policy, Seat, Waiting
from routing.policy import QueuePolicy, Step
from tests.laws import log, tables
from tests.laws.rules import LawBroken

T = TypeVar("T")

T0: Moment = 1_790_000_000_000
QUEUES = ("support", "sales")
DOORS = {
    "webchat": ("chat", "support"),
    "twilio_sms": ("sms", "+12025550111"),
    "twilio_voice": ("voice", "+12025550100"),
}
ROUNDS_IN_A_HISTORY = 30
ACTS = {
    "arrive": 12,
    "twice": 3,
    "rush": 3,
    "claim": 30,
    "answer": 22,
    "work": 16,
    "both": 12,
    "pick": 4,
    "state": 5,
    "time": 8,
    "capacity": 3,
    "leave": 2,
    "kill": 2,
    "cut": 2,
}
"""How often each is drawn, in proportion."""
_EMPTY = tuple(delete(table) for table in schema.metadata.sorted_tables)
_OPEN_ROWS = (
    select(
        schema.interactions.c.id,
        schema.interactions.c.state,
        schema.interactions.c.medium,
        schema.interactions.c.agent_id,
        schema.interactions.c.channel,
        schema.interactions.c.thread_key,
        schema.offers.c.id.label("offer_id"),
        schema.offers.c.agent_id.label("rings_at"),
    )
    .select_from(schema.interactions)
    .outerjoin(
        schema.offers,
        (schema.offers.c.interaction_id == schema.interactions.c.id) & (schema.offers.c.state == "pending"),
    )
    .where(schema.interactions.c.state != "ended")
    .order_by(schema.interactions.c.id, schema.offers.c.id)
)
_SOURCES = select(schema.events.c.source_id).where(
    schema.events.c.direction == "inbound", schema.events.c.kind != CustomerLeft.KIND
)
_RINGS = select(schema.offers.c.id, schema.offers.c.deadline_at)
_DECIDED = select(schema.decisions.c.id, schema.decisions.c.data)
_OF_THE_OFFER = select(schema.deadlines).where(
    schema.deadlines.c.kind == "offer",
    schema.deadlines.c.ref == bindparam("offer"),
    schema.deadlines.c.due_at <= bindparam("now"),
)
_BROKEN_LINE = (Refusal, Unavailable)
"""What a node may answer with: somebody was faster, or the database went away in the middle."""


def house(random: Random, people: int) -> dict[str, Any]:
    """A configuration: so many agents with capacities from 1 to 3, in one queue or both."""
    staff = []
    for n in range(people):
        capacity = {"voice": 1, "chat": random.randint(1, 3), "sms": random.randint(1, 3)}
        queues = list(QUEUES if random.random() < 0.6 else random.sample(QUEUES, 1))
        name = f"agent{n}"
        limits = {"weighted_total": random.choice((0, 0, 3, 6)), "most_of": {"vip": random.randint(0, 2)}}
        email = f"{name}@hub.example"
        staff.append({"id": name, "name": name, "email": email, "queues": queues, "capacity": capacity, **limits})
    return {
        "queues": [{"id": queue, "name": queue.title()} for queue in QUEUES],
        "entry_points": [
            {
                "channel": channel,
                "dialled": dialled,
                "queue": random.choice(QUEUES),
                "priority": random.choice((0, 3)),
            }
            for channel, (_, dialled) in DOORS.items()
        ],
        "agents": staff,
        "dispositions": [{"id": "solved", "name": "Solved"}],
    }


def a_policy(random: Random) -> Policy:
    """One queue may ring at several, the other's work counts as a label."""
    support = QueuePolicy(ring=random.choice((1, 2, 3)), relax=(Step(20_000, queues=frozenset({"sales"})),))
    return Policy(
        "laws",
        reoffer_cooldown_ms=random.choice((10_000, 30_000)),
        sole_cooldown_ms=random.choice((0, 5_000)),
        weights={"voice": 3, "chat": 2},
        interrupts=random.choice(({}, {"voice": frozenset({"sms"})})),
        queues={"support": support, "sales": QueuePolicy(label="vip")},
    )


class Clock:
    """Stands still until it is moved. Its ids count up."""

    def __init__(self) -> None:
        self.now = T0
        self._given = 0

    def occasion(self) -> Occasion:
        return Occasion(self.now, self.new_id)

    def new_id(self) -> str:
        self._given += 1
        return f"id{self._given:08d}"


@dataclass
class Node:
    """One hub of several: a connection of its own, what it believes, and what it has decided but not claimed yet."""

    executor: Executor
    policy: Policy
    engine: Engine
    decided: list[Decision] = field(default_factory=list)
    doubts: bool = True
    read_meanwhile: list[Any] | None = None

    def told(self, fact: Any) -> None:
        if self.read_meanwhile is not None:
            self.read_meanwhile.append(fact)
        tell(self.engine, fact)

    async def look_round(self) -> None:
        """Reads everything anew, as after a doubt, a hint from another node, or a restart."""
        self.doubts = False
        missed: list[Any] = []
        self.read_meanwhile = missed
        try:
            seats, waits = await self.executor.read(_known_to_all)
        except Unavailable:
            self.doubts = True
            return
        finally:
            self.read_meanwhile = None
        self.engine = Engine(self.policy)
        for seat in seats:
            self.engine.put_seat(seat)
        for case in waits:
            self.engine.put_waiting(case)
        for fact in missed:
            tell(self.engine, fact)


def tell(engine: Engine, fact: Any) -> None:
    match fact:
        case effects.Waits():
            engine.put_waiting(fact.waiting)
        case effects.WaitsNoMore():
            engine.remove_waiting(fact.interaction_id)
        case effects.SeatChanged():
            engine.put_seat(fact.seat)


class Cluster:
    """Several nodes' ways to one database. Whoever lives there is told what each of them commits."""

    def __init__(self, url: str, nodes: int = 3) -> None:
        if url.startswith("sqlite"):  # there is one writer
            self.executors = [open_executor(url)] * nodes
        else:
            self.executors = [open_executor(url) for _ in range(nodes)]
        self.on_commit: Callable[[Executor, Sequence[Any]], None] = lambda *_: None

    async def __aenter__(self) -> Cluster:
        for executor in set(self.executors):
            await executor.start(partial(self._committed, executor))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.on_commit = lambda *_: None
        for executor in set(self.executors):
            await executor.stop()

    def _committed(self, executor: Executor, told: Sequence[Any]) -> None:
        self.on_commit(executor, told)


class World:
    """The nodes, the customers and the agents. :meth:`round` lets several things happen at once."""

    def __init__(
        self, cluster: Cluster, random: Random, policy: Policy, people: int, acts: Mapping[str, int] = ACTS
    ) -> None:
        self.cluster = cluster
        self.acts = acts
        self.random = random
        self.policy = policy
        self.clock = Clock()
        self.people = [f"agent{n}" for n in range(people)]
        self.calls = CallSteps(*_steps())
        self.nodes = [Node(executor, policy, Engine(policy)) for executor in cluster.executors]
        self.rows: list[Any] = []
        self.arrivals: dict[str, InteractionEvent] = {}
        self.acknowledged: set[str] = set()
        self.before: tables.Snapshot | None = None
        self.most: dict[str, dict[str, int]] = {}
        self.meanwhile: list[tuple[str, dict[str, int]]] = []
        self.steps = self.forged = self.claimed = self.lost = self.refused = 0
        self.faults: list[BaseException] = []

    # --- opening ----------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Empties the tables, and lets everybody come to work."""
        given = parse(house(self.random, len(self.people)))
        first = self.cluster.executors[0]
        self.cluster.on_commit = lambda *_: None
        await first.write(_emptied)
        await first.write(config_apply.apply, given, T0)
        self.cluster.on_commit = self.committed
        for agent_id in self.people:
            await self.act(self.nodes[0], verbs.set_state, self._acting(agent_id), agent_id, "ready")
        await self.check()

    def committed(self, executor: Executor, told: Sequence[Any]) -> None:
        """The node that it was done on hears of it; the others may have to look."""
        if not any(isinstance(e, effects.Waits | effects.WaitsNoMore | effects.SeatChanged) for e in told):
            return
        owners = [node for node in self.nodes if node.executor is executor]
        hears = owners[0] if len(owners) == 1 else self.random.choice(owners)
        for effect in told:
            hears.told(effect)
        for node in self.nodes:
            if node is not hears:
                node.doubts = True

    def _acting(self, agent_id: str) -> Acting:
        return Acting(agent_id, "admin")

    # --- acts -------------------------------------------------------------------------------------------------------

    async def act(self, node: Node, unit: Callable[..., T], *args: Any) -> T | None:
        """A verb on a node; None where it was refused or the line broke. Anything else is a fault."""
        try:
            return await node.executor.write(lambda conn: unit(conn, self.clock.occasion(), *args))
        except _BROKEN_LINE:
            self.refused += 1
        except Exception as error:
            self.faults.append(error)
        return None

    async def arrive(self, node: Node, event: InteractionEvent) -> None:
        """It is sent until it is acknowledged, as providers do: :meth:`heal` sends again what was not."""
        self.arrivals[event.source_id] = event
        answer = await self.act(node, self._take_in, event)
        if answer is not None:
            self.acknowledged.add(event.source_id)

    def _take_in(self, conn: Connection, on: Occasion, event: InteractionEvent) -> Any:
        return take_in(conn, on, event, b"", self.calls)

    async def claim(self, node: Node, which: int | None = None) -> None:
        """Any of what it has decided, or ``which``."""
        if not node.decided:
            return
        decision = node.decided.pop(self.random.randrange(len(node.decided)) if which is None else which)
        self.claimed += 1
        made = await self.act(node, self._claim, decision)
        if made is None:
            node.doubts = True
        if not made:
            self.lost += 1

    def _claim(self, conn: Connection, on: Occasion, decision: Decision) -> Any:
        return dispatch.claim(conn, on, decision, self.policy, 0)

    async def deadlines(self, node: Node) -> None:
        try:
            due = await node.executor.read(deadlines.due, self.clock.now)
        except Unavailable:
            return
        for row in due:
            await self.act(node, dispatch.handle_deadline, row, self.policy)

    async def reset(self, node: Node) -> None:
        """The database throws another node out, whatever it is doing."""
        if node.executor.dialect != "postgresql":
            return
        try:
            await node.executor.read(
                lambda conn: conn.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY pid LIMIT 2"
                    )
                ).all()
            )
        except Unavailable:
            self.refused += 1

    async def killed(self, node: Node) -> None:
        """All that it knew and meant to do is gone."""
        node.decided.clear()
        node.engine = Engine(self.policy)
        await node.look_round()

    async def capacity(self, node: Node, agent_id: str) -> None:
        most = {"voice": 1, "chat": self.random.randint(0, 3), "sms": self.random.randint(0, 3)}
        total, labels = self.random.choice((0, 2, 5)), {"vip": self.random.randint(0, 2)}
        self.meanwhile.append((agent_id, tables.limits(most, total, labels)))
        await self.act(node, set_capacity, self._acting(agent_id), agent_id, most, total, labels)

    async def leaves(self, node: Node, agent_id: str) -> None:
        await self.act(node, lambda conn, on: presence.left(conn, on, agent_id))

    async def rush(self) -> None:
        """Each node takes in something of its own, knows nothing of the others', and gives it to whom all think best:
        at the same time."""
        await asyncio.gather(*[self.arrive(node, self._event("twilio_voice")) for node in self.nodes])
        for node in self.nodes:
            self.decides(node)
        await asyncio.gather(*[self.claim(node, -1) for node in self.nodes])

    def decides(self, node: Node) -> None:
        node.decided += node.engine.decide(self.clock.now)

    # --- rounds -----------------------------------------------------------------------------------------------------

    async def round(self) -> None:
        """Some things happen at the same time; then the laws must hold."""
        random = self.random
        for node in self.nodes:
            if node.doubts and random.random() < 0.6:
                await node.look_round()
            if random.random() < 0.7:
                self.decides(node)
        acts = [act for _ in range(random.randint(2, 9)) for act in self._draw(self.rows)]
        random.shuffle(acts)
        self.steps += len(acts)
        await asyncio.gather(*[act() for act in acts])
        if random.random() < 0.4:
            self.clock.now += random.choice((1, 1_000, 5_000, 10_000, 25_000, 40_000))
        await self.check()

    def _node(self) -> Node:
        return self.random.choice(self.nodes)

    def _draw(self, rows: list[Any]) -> Iterator[Callable[[], Awaitable[Any]]]:
        """One act, or several that must not be possible together."""
        random = self.random
        match random.choices((*self.acts,), (*self.acts.values(),))[0]:
            case "arrive":
                event = self._event()
                yield partial(self.arrive, self._node(), event)
            case "twice":  # the same event at two doors, and another of the same conversation
                event = self._event()
                sent = (event, event, _another(event, self.clock.new_id()))
                for node, each in zip(self._different(len(sent)), sent, strict=True):
                    yield partial(self.arrive, node, each)
            case "rush":
                yield self.rush
            case "claim":
                yield partial(self.claim, self._node())
            case "answer":
                if offers := [row for row in rows if row.offer_id]:
                    yield from self._answers(random.choice(offers), 1)
            case "both":  # two answers to one offer, or two ends of one piece of work
                offers = [row for row in rows if row.offer_id]
                if offers and random.random() < 0.5:
                    yield from self._answers(random.choice(offers), 2)
                elif held := [row for row in rows if row.state == "assigned"]:
                    yield from self._ends(random.choice(held), 2)
            case "work":
                if held := [row for row in rows if row.state in ("assigned", "wrap_up")]:
                    yield from self._ends(random.choice(held), 1)
            case "pick":  # two take the same by hand
                if waiting := [row for row in rows if row.state == "waiting"]:
                    row = random.choice(waiting)
                    for node, agent_id in zip(self._different(2), random.sample(self.people, 2), strict=True):
                        asked = picking.Pick(row.id, agent_id, "they asked for me", False, self.policy, {})
                        yield partial(self.act, node, picking.pick, self._acting(agent_id), asked)
            case "state":
                agent_id = random.choice(self.people)
                state = random.choice(("ready", "ready", "not_ready", "offline"))
                acting = self._acting(agent_id)
                yield partial(self.act, self._node(), verbs.set_state, acting, agent_id, state)
            case "time":  # two nodes see the same deadline
                for node in self._different(2):
                    yield partial(self.deadlines, node)
            case "capacity":
                agent_id = random.choice(self.people)
                yield partial(self.capacity, self._node(), agent_id)
            case "leave":
                agent_id = random.choice(self.people)
                yield partial(self.leaves, self._node(), agent_id)
            case "kill":
                yield partial(self.killed, self._node())
            case "cut":
                yield partial(self.reset, self._node())

    def _answers(self, row: Any, times: int) -> Iterator[Callable[[], Awaitable[Any]]]:
        acting = self._acting(row.rings_at)
        known: tuple[tuple[Callable[..., Any], tuple[Any, ...]], ...] = (
            (verbs.accept, (acting, row.offer_id)),
            (verbs.accept, (acting, row.offer_id)),
            (verbs.reject, (acting, row.offer_id)),
            (_rings_out, (row.offer_id, self.policy)),
        )
        for node, (verb, args) in zip(self._different(times), self.random.sample(known, times), strict=True):
            yield partial(self.act, node, verb, *args)

    def _ends(self, row: Any, times: int) -> Iterator[Callable[[], Awaitable[Any]]]:
        acting = self._acting(row.agent_id)
        elsewhere = self.random.choice(("", *QUEUES))
        known: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
            (verbs.wrap_up, (acting, row.id, "solved")),
            (verbs.return_to_queue, (acting, row.id, elsewhere)),
        ]
        if row.medium == "voice":
            known.append((self._take_in, (self._of_thread(row, CustomerLeft("hung up")),)))
        for node, (verb, args) in zip(self._different(times), self.random.sample(known, times), strict=True):
            yield partial(self.act, node, verb, *args)

    def _different(self, count: int) -> list[Node]:
        return self.random.sample(self.nodes, count)

    # --- the outside world ------------------------------------------------------------------------------------------

    def _event(self, channel: str = "") -> InteractionEvent:
        """Somebody texts, writes in the chat, or rings; texts and chats come from few people, so they meet."""
        channel = channel or self.random.choice(("webchat", "webchat", "twilio_sms", "twilio_sms", "twilio_voice"))
        number = self.random.randrange(24)
        source = self.clock.new_id()
        if channel == "webchat":
            return self._inbound(channel, source, MessageReceived("hello"), visitor(f"v{number}"), f"v{number}")
        sender = phone(f"+4915112345{number:03d}")
        if channel == "twilio_sms":
            return self._inbound(channel, source, MessageReceived("hello"), sender, sender.value)
        return self._inbound(channel, source, CallArrived(), sender, source)

    def _inbound(self, channel: str, source: str, body: Any, sender: Any, thread: str) -> InteractionEvent:
        medium, dialled = DOORS[channel]
        return InteractionEvent(
            body=body,
            channel=channel,
            source_id=source,
            medium=medium,  # type: ignore[arg-type]
            direction="inbound",
            occurred_at=self.clock.now,
            received_at=self.clock.now,
            sender=sender,
            dialled=visitor(dialled) if channel == "webchat" else phone(dialled),
            thread=Thread(thread),
        )

    def _of_thread(self, row: Any, body: Any) -> InteractionEvent:
        sender = phone("+4915112345000")
        return self._inbound(row.channel, self.clock.new_id(), body, sender, row.thread_key)

    # --- the laws ---------------------------------------------------------------------------------------------------

    async def _read(self, query: Callable[..., T], *args: Any) -> T:
        """Reads, on whichever node can."""
        for _ in range(20):
            try:
                return await self._node().executor.read(query, *args)
            except Unavailable:
                await asyncio.sleep(0.01)
        raise AssertionError("no node can read")

    async def check(self) -> None:
        if self.faults:
            raise LawBroken("I1", f"a node fell over: {self.faults[0]!r}") from self.faults[0]
        now, self.rows = await self._read(_what_is_so)
        tables.hold(now, self.before, self.meanwhile)
        self.before = now
        for agent_id, most in (*now.most.items(), *self.meanwhile):
            known = self.most.setdefault(agent_id, {})
            known |= {what: max(number, known.get(what, 0)) for what, number in most.items()}
        self.meanwhile.clear()

    async def heal(self) -> None:
        """Nothing more goes wrong, everybody looks, and everybody comes back to work; then nothing may be left."""
        for source_id, event in self.arrivals.items():
            if source_id not in self.acknowledged:
                await self.arrive(self.nodes[0], event)
        for agent_id in self.people:
            await self.act(self.nodes[-1], verbs.set_state, self._acting(agent_id), agent_id, "ready")
        self.clock.now += self.policy.reoffer_cooldown_ms + 60_000
        for _ in range(200):
            if not await self._anything_decided():
                break
        await self.check()
        await self.check_the_log()
        await self._read(tables.nobody_is_stranded, self.policy, self.clock.now)
        await self._read(tables.nothing_is_overdue, self.clock.now)
        await self._read(_read_alike)
        await self._nothing_is_lost()

    async def _anything_decided(self) -> bool:
        """Each node in turn acts on what is due, looks, and claims what it decides."""
        decided = False
        for node in self.nodes:
            await self.deadlines(node)
            await node.look_round()
            self.decides(node)
            decided = decided or bool(node.decided)
            while node.decided:
                await self.claim(node)
        return decided

    async def check_the_log(self) -> None:
        """All that ever happened; and that nothing could have been written that must not be."""
        lines = await self._read(log.read)
        log.hold(lines, self.most, self.policy, *await self._read(_moments))
        try:
            self.forged += await self.nodes[0].executor.write(tables.the_schema_refuses)
        except Unavailable:
            self.refused += 1

    async def _nothing_is_lost(self) -> None:
        """What was acknowledged is in the log, once; what was sent twice too."""
        found = await self._read(_sources)
        if len(found) != len(set(found)):
            raise LawBroken("I1", f"{sorted(found)} are in the log more than once")
        if missing := self.acknowledged - set(found):
            raise LawBroken("I1", f"{missing} were acknowledged and are not in the log")
        if unsent := self.arrivals.keys() - self.acknowledged:
            raise LawBroken("I1", f"{unsent} could not be taken in when nothing was wrong any more")


@cache
def _flows() -> FlowLibrary:
    """To read them takes as long as many acts do, and nobody publishes any."""
    return FlowLibrary()


def _steps() -> tuple[Any, Any, Any, Any]:
    telephony = Telephony(_flows(), Expecting())
    return telephony.arrive, telephony.hear, telephony.talked, telephony.left


def _another(event: InteractionEvent, source_id: str) -> InteractionEvent:
    """The next line of the same conversation; of a call there is none."""
    return event if isinstance(event.body, CallArrived) else replace(event, source_id=source_id)


def _known_to_all(conn: Connection) -> tuple[list[Seat], list[Waiting]]:
    """As a dispatcher reads it; :meth:`World.heal` holds it against what is read one at a time."""
    return agents.seats(conn, agents.ids(conn)), backlog.waiting(conn, backlog.waiting_ids(conn))


def _read_alike(conn: Connection) -> None:
    (seats, waits), (each_seat, each_case) = _known_to_all(conn), tables.facts(conn)
    if {s.agent_id: s for s in seats} != {s.agent_id: s for s in each_seat}:
        raise LawBroken("I4", f"read together there are {seats}, one at a time {each_seat}")
    if {w.interaction_id: w for w in waits} != {w.interaction_id: w for w in each_case}:
        raise LawBroken("I2", f"read together there wait {waits}, one at a time {each_case}")


def _emptied(conn: Connection) -> None:
    for statement in _EMPTY:
        conn.execute(statement)


def _what_is_so(conn: Connection) -> tuple[tables.Snapshot, list[Any]]:
    """The tables, and what is not over with each offer that rings."""
    return tables.look(conn), list(conn.execute(_OPEN_ROWS))


def _moments(conn: Connection) -> tuple[dict[str, Moment], dict[str, Moment]]:
    """When each offer was to ring out, and when each decision was made."""
    rings = {row.id: row.deadline_at for row in conn.execute(_RINGS)}
    return rings, {row.id: row.data["at"] for row in conn.execute(_DECIDED)}


def _sources(conn: Connection) -> list[str]:
    return list(conn.execute(_SOURCES).scalars())


def _rings_out(conn: Connection, on: Occasion, offer_id: str, policy: Policy) -> None:
    """Its deadline is taken, if its time has come: by one node alone."""
    row = conn.execute(_OF_THE_OFFER, {"offer": offer_id, "now": on.now}).one_or_none()
    if row is not None:
        dispatch.handle_deadline(conn, on, row, policy)


async def history(url: str, seed: str, rounds: int = ROUNDS_IN_A_HISTORY, nodes: int = 3, people: int = 6) -> World:
    """Lives through one on an empty database; what was done. Raises :class:`LawBroken`."""
    async with Cluster(url, nodes) as cluster:
        return await live(cluster, seed, rounds, people)


async def live(
    cluster: Cluster,
    seed: str,
    rounds: int = ROUNDS_IN_A_HISTORY,
    people: int = 6,
    acts: Mapping[str, int] = ACTS,
) -> World:
    """The same on a database that may hold an earlier one, which is removed."""
    random = Random(seed)
    world = World(cluster, random, a_policy(random), people, acts)
    await world.open()
    for number in range(rounds):
        await world.round()
        if number % 4 == 3:
            await world.check_the_log()
    await world.heal()
    if not world.forged:
        raise LawBroken("I3", "there was nothing to try the schema with")
    return world
