"""Cases that wait, and the lanes that they wait in."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from contact_center.domain.events import Medium
from contact_center.domain.time import Millis, Moment
from routing.needs import ANYBODY, Need, agents_named
from routing.policy import PLAIN, Missed, Policy, QueuePolicy
from routing.seats import Row, slots_in
from routing.turns import Turn, Turns

TOP_PRIORITY = 100
FEW = 16
"""So many are looked at one by one."""
NEVER: Moment = 10**18
"""After any turn."""
_FAR: Millis = 10**15
"""Further than any two moments lie apart."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A case that waits for an agent, as one interaction.

    ``priority`` goes from 0 to 100 (beyond, the nearer end counts). ``skills`` are the levels needed at
    least. ``epoch`` is the fence that the claim in the database checks; routing only hands it on.
    ``served_before`` says when each agent last served this customer, ``missed`` when each last rejected
    this case or let its offer ring out, ``missed_by`` the cause (:data:`routing.policy.Missed`; what it does not
    name was ``no_answer``). ``owner`` is the agent whom the customer's account belongs to, ``preferred`` those whom
    the customer asked for, the first before the next. ``label`` counts against an agent's ``most_of``; empty is the
    queue's. ``only_agent`` sends it to that agent alone, whatever their queues
    and skills are, and ``directed_by`` says who sent it there."""

    interaction_id: str
    case_id: int
    queue: str
    medium: Medium
    priority: int
    virtual_enqueued_at: Moment
    skills: Mapping[str, int] = field(default_factory=dict)
    epoch: int = 0
    served_before: Mapping[str, Moment] = field(default_factory=dict)
    missed: Mapping[str, Moment] = field(default_factory=dict)
    only_agent: str = ""
    directed_by: str = ""
    missed_by: Mapping[str, str] = field(default_factory=dict)
    owner: str = ""
    preferred: tuple[str, ...] = ()
    label: str = ""

    def turn(self, ageing_ms: Millis) -> Turn:
        """When its turn comes: the earliest first. Age and priority in one number that stays what it is,
        for all cases age alike, so that nothing is ever sorted again and nobody is overtaken for ever."""
        priority = min(max(self.priority, 0), TOP_PRIORITY)
        return (self.virtual_enqueued_at - priority * ageing_ms, self.interaction_id)

    def rules(self, policy: Policy) -> QueuePolicy:
        """What its queue wants of routing; nothing beyond the usual for what is directed to one agent."""
        return PLAIN if self.only_agent else policy.queues.get(self.queue, PLAIN)

    def counts_as(self, policy: Policy) -> str:
        """The label that it counts against."""
        return self.label or policy.queue(self.queue).label

    def who_knows(self, since: Moment) -> dict[str, tuple[int, str]]:
        """All who know the customer: a place, the better the smaller, and a word. The owner of the account answers
        for them; whom they asked for is their wish; who served them since ``since`` has merely been there."""
        last = 1 + len(self.preferred)
        knows = {agent_id: (last, "served_before") for agent_id, at in self.served_before.items() if at >= since}
        for place, agent_id in reversed([*enumerate(self.preferred, 1)]):
            knows[agent_id] = (place, "asked_for")
        if self.owner:
            knows[self.owner] = (0, "owner")
        return knows

    def cools_until(self, agent_id: str, policy: Policy) -> tuple[Moment, Moment]:
        """When the agent who missed it may have it again where nobody else could, and when in any case."""
        cause: Missed = self.missed_by.get(agent_id, "no_answer")  # type: ignore[assignment]  # others cool as usual
        cooldown_ms = policy.cooldown_ms.get(cause, policy.reoffer_cooldown_ms)
        at = self.missed[agent_id]
        return (at + min(policy.sole_cooldown_ms, cooldown_ms), at + cooldown_ms)


def base_turn(waiting: Waiting, policy: Policy) -> Moment:
    """The number by which turns come, before any cap. It never changes."""
    return _base(waiting.virtual_enqueued_at, waiting.priority, waiting.queue, policy)


def _base(since: Moment, priority: int, queue: str, policy: Policy) -> Moment:
    at = since - min(max(priority, 0), TOP_PRIORITY) * policy.ageing_ms
    if policy.order == "slack":
        rules = policy.queue(queue)
        at += rules.target_ms - rules.handling_ms
    return at


def turn_at(waiting: Waiting, policy: Policy, now: Moment) -> Turn:
    """When its turn comes, as of now: at most one change, when it comes to the cap."""
    at = turn(waiting.virtual_enqueued_at, waiting.priority, waiting.queue, policy, now)
    return (at, waiting.interaction_id)


def turn(since: Moment, priority: int, queue: str, policy: Policy, now: Moment) -> Moment:
    """The same, of what is known of everybody who waits. Those at the cap come before all others, first come, first
    served."""
    at = _base(since, priority, queue, policy)
    capped_at = cap_at(at, policy)
    return at if capped_at is None or now < capped_at else since - _FAR


def cap_at(base: Moment, policy: Policy) -> Moment | None:
    """When priority and age together have come to the cap, if there is one: ``now - base`` is what they are worth."""
    return None if policy.most_priority is None else base + policy.most_priority * policy.ageing_ms


Skills: TypeAlias = tuple[tuple[str, int], ...]


def needed(skills: Mapping[str, int]) -> Skills:
    """The skills as a key: in order, without those that ask for nothing."""
    if not skills:
        return ()
    return tuple(sorted([(skill, level) for skill, level in skills.items() if level > 0]))


class Ask(NamedTuple):
    """What an agent must be to take a case: a member of one of ``queues`` with the skills, who meets the need; or the
    one to whom it is directed."""

    queues: tuple[str, ...]
    skills: Skills = ()
    need: Need = ANYBODY
    agent_id: str = ""


def asks_of(queue: str, skills: Skills, rules: QueuePolicy) -> tuple[Ask, ...]:
    """What is asked before the first step of relaxation, after it, after the second, and so on. Each step lowers what
    the one before left; a need that is said anew takes the place of the last; queues are only added."""
    asks = [Ask((queue,), skills, rules.need)]
    further: set[str] = set()
    for step in rules.relax:
        before = asks[-1]
        lowered = {skill: min(level, step.skills.get(skill, level)) for skill, level in before.skills}
        further |= step.queues - {queue}
        need = before.need if step.need is None else step.need
        asks.append(Ask((queue, *sorted(further)), needed(lowered), need))
    return tuple(asks)


def steps_reached(waited_ms: Millis, rules: QueuePolicy) -> int:
    """How many steps of relaxation time has brought."""
    return sum([step.after_ms <= waited_ms for step in rules.relax])


class Pool:
    """Everybody who could ever take a certain kind of work. ``mask`` has their bits and follows them. ``bit`` is the
    pool's own in every reach; that of a directed case's pool is never asked for. ``personal`` pools ask who somebody
    is, so agents of the same queues and skills are not alike to them."""

    __slots__ = ("_few", "_few_of", "ask", "bit", "mask", "personal")

    def __init__(self, ask: Ask, mask: int) -> None:
        self.ask = ask
        self.mask = mask
        self.bit = 1
        self._few: tuple[int, ...] = ()
        self._few_of = 0
        self.personal = ask.need is not ANYBODY and agents_named(ask.need)

    def few(self) -> tuple[int, ...]:
        """Their slots, where they are so few that looking at each is quicker than any index; else none."""
        mask = self.mask
        if self._few_of != mask:
            self._few_of = mask
            self._few = tuple(slots_in(mask)) if mask.bit_count() <= FEW else ()
        return self._few


class Want:
    """A kind of work: who could take it, step of relaxation by step, and whether hopeless steps are skipped. ``keys``
    are the lines that it may ever stand in."""

    __slots__ = ("keys", "pools", "skips")

    def __init__(self, pools: tuple[Pool, ...], skips: bool) -> None:
        self.pools = pools
        self.skips = skips
        last = pools[-1].ask
        self.keys: tuple[LineKey, ...] = tuple([(queue, "") for queue in last.queues]) or (("", last.agent_id),)


class Standing(NamedTuple):
    """What sets a case apart from others of its kind. Those in ``hard`` may not be offered it again yet, those in
    ``soft`` may if nobody else could take it. It is kept for those in ``held`` as long as one of them is there.
    ``label`` is what it counts as."""

    hard: frozenset[str]
    soft: frozenset[str]
    held: frozenset[str]
    label: str


_NONE: frozenset[str] = frozenset()
PLAINLY = Standing(_NONE, _NONE, _NONE, "")

LineKey: TypeAlias = tuple[str, str]
LaneKey: TypeAlias = tuple[Want, int, Medium, Standing]


class Line:
    """The lanes of one queue and medium, by whose first case comes first."""

    __slots__ = ("key", "lanes", "medium")

    def __init__(self, key: LineKey, medium: Medium) -> None:
        self.key = key
        self.medium = medium
        self.lanes: list[Entry] = []

    def enter(self, first: Case, lane: Lane) -> None:
        # A turn is one case's alone, so comparing never gets as far as the lanes.
        insort(self.lanes, (first[0], first[1], lane.pool.bit, lane))

    def leave(self, first: Case) -> None:
        del self.lanes[bisect_left(self.lanes, first[:2])]


Lines: TypeAlias = dict[LineKey, dict[Medium, Line]]


class Lane:
    """Cases that any agent can take either all or none of: one kind of work and step, one medium, the same standing.
    So only the first of a lane ever needs to be looked at. ``pool`` and ``step`` are those that are in force: a later
    one than time has brought, where that would be hopeless; ``climbs``: whether it depends on who is there.
    ``alike``: whether all agents in the pool who have room may have its cases now. ``kept``: whether somebody is
    there for whom they are held. ``steady`` lanes depend on nothing but who has which queues and
    skills: any agent can take all of it or none, now and always. ``at`` is the first case's turn, :data:`NEVER` while
    there is none."""

    __slots__ = (
        "alike",
        "astray",
        "at",
        "climbs",
        "kept",
        "key",
        "lined",
        "lines",
        "medium",
        "plain",
        "pool",
        "reached",
        "ready",
        "standing",
        "steady",
        "step",
        "turns",
        "want",
    )

    def __init__(self, key: LaneKey) -> None:
        self.key = key
        self.want, self.reached, self.medium, self.standing = key
        self.lines: tuple[Line, ...] = ()
        self.lined: Case | None = None
        self.turns: Turns[Case] = Turns()
        self.at = NEVER
        self.ready = False
        self.kept = False
        self.climbs = self.want.skips and self.reached + 1 < len(self.want.pools)
        self.alike = not (self.standing.hard or self.standing.soft or self.standing.held)
        self.ask_for(self.reached)
        self.steady = self.plain and len(self.want.pools) == 1 and not self.pool.ask.agent_id
        self.astray = False

    def ask_for(self, step: int) -> None:
        self.step = step
        self.pool = self.want.pools[step]
        self.plain = self.standing is PLAINLY and not self.pool.personal

    def admits(self, row: Row) -> bool:
        """Whether the agent, who has room for the medium, may be offered the lane's cases. (Who only may because of
        who else is there is not told of here.)"""
        hard, soft, held, label = self.standing
        agent_id = row.seat.agent_id
        if agent_id in hard or agent_id in soft or (self.kept and agent_id not in held):
            return False
        return label not in row.full and bool(self.pool.mask & row.bit)


Entry: TypeAlias = tuple[Moment, str, int, Lane]
"""A lane in its line: its first case's turn, its pool's bit."""


Case: TypeAlias = tuple[Moment, str, int, Waiting, Lane]
"""A case in its lane. It begins with its turn, so it is sorted by that: the moment, the interaction's id; then a
number that is no other's."""
