"""A whole hub, by its front doors alone: customers who text, chat, ring and hang up; agents who come, accept, reject,
look away, vanish, are given less to do and come back; time that jumps; a restart in the middle.

After every step the tables are held against the laws and against what they said before, and the hub is given the
time that it takes until nothing waits that somebody could take. Now and then every console must show what is so, and
no two of them the same piece of work.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from contact_center.domain.time import Moment
from contact_center.storage import desks
from routing import Policy
from tests.hub import Caller, Clock, CommandRefused, Console, TestHub, house, open_test_hub
from tests.laws import log, tables
from tests.laws.rules import LawBroken

T = TypeVar("T")

STEPS_IN_A_HISTORY = 40
PEOPLE = ("ann", "bob", "cem", "dee")
_OURS = ("fault", "unavailable")
"""What a command must never be answered with here."""
ACTS = {
    "text": 16,
    "chat": 10,
    "call": 7,
    "hang_up": 5,
    "come": 10,
    "leave": 4,
    "cut": 3,
    "capacity": 4,
    "accept": 24,
    "reject": 8,
    "finish": 16,
    "give_back": 4,
    "pick": 4,
    "time": 16,
    "restart": 2,
}


def a_house(random: Random) -> dict[str, Any]:
    """Every other house has little to say of routing; the others ask less in time, ring at several, keep work for
    those who know the customer, weigh and label it."""
    rich = random.random() < 0.5
    limits = {"weighted_total": 4, "most_of": {"vip": 1}} if rich else {}
    staff = [
        {
            "id": name,
            "name": name.title(),
            "email": f"{name}@hub.example",
            "queues": ["support", "sales"] if random.random() < 0.5 else ["support"],
            "skills": {"english": random.randint(1, 5)},
            "capacity": {"voice": 1, "sms": random.randint(1, 2), "chat": random.randint(1, 2)},
            **limits,
        }
        for name in PEOPLE
    ]
    relax = [{"after_seconds": 20, "needs": "english >= 1", "also_queues": ["sales"]}]
    support = {"needs": "english >= 3", "relax": relax, "ring": random.randint(1, 3), "hold_seconds": 10}
    sales = {"label": "vip", "ring": random.randint(1, 2)}
    queues: list[dict[str, Any]] = [
        {"id": "support", "name": "Support", **({"routing": support} if rich else {})},
        {"id": "sales", "name": "Sales", "priority": 5, **({"routing": sales} if rich else {})},
    ]
    policy = {"weights": {"voice": 3, "chat": 2}, "most_priority": 20, "cooldown_seconds": {"rejected": 60}}
    return house(agents=staff, queues=queues, **({"policy": policy} if rich else {}))


class World:
    """The hub and everybody around it."""

    def __init__(self, url: str, folder: Path, seed: str) -> None:
        self.url = url
        self.folder = folder
        self.random = Random(seed)
        self.clock = Clock()
        self.config = a_house(self.random)
        self.hub: TestHub
        self.consoles: dict[str, Console] = {}
        self.callers: dict[str, Caller] = {}
        self.before: tables.Snapshot | None = None
        self.most: dict[str, dict[str, int]] = {}
        self.came = 0
        self.steps = 0
        self.offers = 0
        self.done: list[tuple[Any, ...]] = []
        self._open = contextlib.AsyncExitStack()
        self._sitting: dict[str, contextlib.AsyncExitStack] = {}

    async def __aenter__(self) -> World:
        await self._start()
        return self

    async def __aexit__(self, *failed: Any) -> None:
        for sitting in self._sitting.values():
            with contextlib.suppress(AssertionError) if failed[0] else contextlib.nullcontext():
                await sitting.aclose()
        await self._open.__aexit__(*failed)

    async def _start(self) -> None:
        opened = open_test_hub(self.url, self.folder, clock=self.clock, config=self.config)
        self.hub = await self._open.enter_async_context(opened)

    @property
    def policy(self) -> Policy:
        """What is in force."""
        policy: Policy = self.hub.runtime.dispatcher.policy
        return policy

    # --- what people do ---------------------------------------------------------------------------------------------

    async def step(self) -> None:
        name = self.random.choices((*ACTS,), (*ACTS.values(),))[0]
        self.done.append((name,))
        self.steps += 1
        await getattr(self, f"_{name}")()
        await self.check()

    async def _text(self) -> None:
        """One person, or several at the same moment."""
        for _ in range(self.random.choice((1, 1, 1, 3))):
            self.came += 1
            await self.hub.twilio.sms(f"+4915112345{self.random.randrange(40):03d}", f"text {self.came}")

    async def _chat(self) -> None:
        self.came += 1
        await self.hub.chat(f"visitor{self.random.randrange(20)}", f"line {self.came}")

    async def _call(self) -> None:
        caller = self.hub.twilio.call(f"+4917012345{self.random.randrange(100):03d}")
        self.callers[caller.sid] = caller
        await caller.arrive()

    async def _hang_up(self) -> None:
        if self.callers:
            caller = self.callers.pop(self.random.choice([*self.callers]))
            await caller.hang_up()

    async def _come(self) -> None:
        """To their desk, if they are away from it, and ready for work."""
        agent_id = self.random.choice(PEOPLE)
        if agent_id not in self.consoles:
            sitting = contextlib.AsyncExitStack()
            self._sitting[agent_id] = sitting
            self.consoles[agent_id] = await sitting.enter_async_context(self.hub.agent(agent_id))
        await self._say(agent_id, "set_state", state="ready")

    async def _leave(self) -> None:
        if agent_id := self._anybody():
            await self._say(agent_id, "set_state", state=self.random.choice(("not_ready", "offline")))

    async def _cut(self) -> None:
        """Their connection breaks."""
        if agent_id := self._anybody():
            await self.consoles.pop(agent_id).cut()
            await self._sitting.pop(agent_id).aclose()

    async def _capacity(self) -> None:
        if somebody := self._anybody():
            agent_id = self.random.choice(PEOPLE)
            most = {"voice": 1, "sms": self.random.randint(0, 3), "chat": self.random.randint(0, 3)}
            await self._say(somebody, "set_capacity", agent_id=agent_id, capacity=most)

    async def _accept(self) -> None:
        if found := self._somewhere(lambda desk: [(o.id, o.interaction_id, o.medium) for o in desk.offers]):
            agent_id, (offer_id, interaction_id, medium) = found
            if await self._say(agent_id, "accept", offer_id=offer_id) and medium == "voice":
                for caller in self.callers.values():
                    if (await self.hub.record(interaction_id)).thread_key == caller.sid:
                        await caller.agent_answers(interaction_id, offer_id)
                        break

    async def _reject(self) -> None:
        if found := self._somewhere(lambda desk: [o.id for o in desk.offers]):
            await self._say(found[0], "reject", offer_id=found[1])

    async def _finish(self) -> None:
        if found := self._somewhere(lambda desk: [w.interaction_id for w in desk.work]):
            await self._say(found[0], "wrap_up", interaction_id=found[1], disposition="solved")

    async def _give_back(self) -> None:
        if found := self._somewhere(lambda desk: [w.interaction_id for w in desk.work if w.state == "assigned"]):
            queue = self.random.choice(("", "sales", "support"))
            await self._say(found[0], "return_to_queue", interaction_id=found[1], queue=queue)

    async def _pick(self) -> None:
        """Past routing, by hand; not past what they may have."""
        rows = await self.hub.rows("interactions")
        waiting = sorted(row["id"] for row in rows if row["state"] == "waiting")
        agent_id = self._anybody()
        if waiting and agent_id:
            await self._say(agent_id, "pick", interaction_id=self.random.choice(waiting), reason="they asked for me")

    async def _time(self) -> None:
        self.hub.advance(self.random.choice((10, 1_000, 5_000, 19_000, 30_000, 45_000)))

    async def _restart(self) -> None:
        """The hub goes down, and comes up on the same database."""
        self.consoles.clear()
        for sitting in self._sitting.values():
            await sitting.aclose()
        self._sitting.clear()
        await self._open.aclose()
        self._open = contextlib.AsyncExitStack()
        await self._start()
        for caller in self.callers.values():
            caller._twilio = self.hub.twilio  # the carrier finds it at its new address

    def _anybody(self) -> str:
        return self.random.choice(sorted(self.consoles)) if self.consoles else ""

    def _somewhere(self, look: Callable[[Any], list[T]]) -> tuple[str, T] | None:
        """Something that somebody has on their desk, and whose desk it is."""
        found = [(who, each) for who in sorted(self.consoles) for each in look(self.consoles[who].state)]
        return self.random.choice(found) if found else None

    async def _say(self, who: str, name: str, /, **args: Any) -> bool:
        try:
            await self.consoles[who].command(name, **args)
        except CommandRefused as refused:
            if refused.code in _OURS:
                raise LawBroken("I1", f"{who} said {name} {args} and was told {refused}") from None
            return False
        return True

    # --- the laws ---------------------------------------------------------------------------------------------------

    async def check(self) -> None:
        now = await self.hub.read(tables.look)
        tables.hold(now, self.before)
        self.before = now
        for agent_id, most in now.most.items():
            known = self.most.setdefault(agent_id, {})
            known |= {what: max(number, known.get(what, 0)) for what, number in most.items()}
        await self.comes_to_rest(lambda conn: tables.nobody_is_stranded(conn, self.policy, self.clock.now))
        await self.comes_to_rest(lambda conn: tables.nothing_is_overdue(conn, self.clock.now))

    async def comes_to_rest(self, law: Callable[[Any], None]) -> None:
        """The law holds as soon as the hub has had the time for it."""
        broken: list[LawBroken] = []

        async def holds() -> bool:
            try:
                await self.hub.read(law)
            except LawBroken as error:
                broken.append(error)
                return False
            return True

        try:
            await self.hub.eventually(holds)
        except AssertionError:
            raise broken[-1] from None

    async def check_the_desks(self) -> None:
        """Every console shows what is so, and nothing is on two desks."""
        owner: dict[str, str] = {}
        rings: dict[str, str] = {}
        for agent_id, desk in sorted(self.consoles.items()):
            await self.hub.settled(desk)
            state = desk.state
            for work in state.work:
                if (other := owner.setdefault(work.interaction_id, agent_id)) != agent_id:
                    raise LawBroken("I3", f"{work.interaction_id} is in hand at {agent_id} and at {other}")
            for offer in state.offers:
                if rings.setdefault(offer.interaction_id, offer.decision_id) != offer.decision_id:
                    raise LawBroken("I3", f"{offer} rings, and of another decision elsewhere")
        both = rings.keys() & owner.keys()
        if both and await self._still(both):
            raise LawBroken("I3", f"{both} ring and are in hand")

    async def _still(self, both: set[str]) -> bool:
        """Desks are read one after the other: an offer may have been made in between."""
        held = {i for agent_id in PEOPLE for i in await self._in_hand(agent_id)}
        return bool(both & held)

    async def _in_hand(self, agent_id: str) -> set[str]:
        state = await self.hub.read(desks.desk, agent_id)
        return {w.interaction_id for w in state.work} & {o.interaction_id for o in state.offers} if state else set()

    async def check_the_log(self) -> None:
        lines = await self.hub.read(log.read)
        until_at: dict[str, Moment] = {row["id"]: row["deadline_at"] for row in await self.hub.rows("offers")}
        decided = {row["id"]: row["data"]["at"] for row in await self.hub.rows("decisions")}
        self.offers = log.hold(lines, self.most, self.policy, until_at, decided)
        texts = [row for row in await self.hub.rows("events") if row["kind"] == "message.received"]
        if len(texts) != self.came:
            raise LawBroken("I1", f"{self.came} were sent, and {len(texts)} are in the log")


async def history(url: str, folder: Path, seed: str, steps: int = STEPS_IN_A_HISTORY) -> World:
    """Lives through one on an empty database; what was done. Raises :class:`LawBroken`."""
    async with World(url, folder, seed) as world:
        for number in range(steps):
            await world.step()
            if number % 10 == 9:
                await world.check_the_desks()
                await world.check_the_log()
        for _ in PEOPLE:
            await world._come()
        world.hub.advance(60_000)
        await world.check()
        await world.check_the_desks()
        await world.check_the_log()
        await world.hub.write(tables.the_schema_refuses)
    return world
