"""What a configuration says that cannot be so, or is perhaps not meant, beyond the shape of its text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from contact_center.config.hours import opening_hours
from contact_center.config.routing import holds_whenever, need_of, queue_policy, steps_that_ask_no_less, waited_alone
from contact_center.domain.opening_hours import OpeningHours
from routing.expression import agents_in, can_be_met, skills_in
from routing.needs import Need, meets

if TYPE_CHECKING:
    from contact_center.config.model import AgentModel, Config, QueueModel

FALLBACK = "general"
MOST_NAMED = 5
DAYS_OF_A_YEAR = 366


class Problem(NamedTuple):
    """``path`` leads to where it is; ``offset`` counts characters into the text that stands there."""

    path: Sequence[str | int]
    told: str
    warning: bool = False
    offset: int = 0


def did_you_mean(word: str, known: Collection[str]) -> str:
    """A question to add to a sentence; empty where nothing is like it."""
    close = get_close_matches(word, list(known)[:2_000], n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""


def check(config: Config) -> Iterator[Problem]:
    house = _House(config)
    yield from _twice(config)
    yield from _queues_named(config, house)
    yield from _hours(config, house)
    yield from _people(config, house)
    for at, queue in enumerate(config.queues):
        yield from _needs(("queues", at, "routing"), queue, house)
        yield from _team(("queues", at), queue, house)
        yield from _overflow(("queues", at, "routing", "overflow"), queue, house)
    yield from _circles(config)
    yield from _segments(config, house)
    yield from _capacity(config, house)


class _House:
    """What is known by name."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self.queues = {queue.id for queue in config.queues} | {FALLBACK}
        self.agents = {agent.id for agent in config.agents}
        self.hours = {hours.id for hours in config.hours}

    @cached_property
    def skills(self) -> set[str]:
        """Those that somebody has, or that are said to be some."""
        return set(self._config.skills).union(*(agent.skills for agent in self._config.agents))

    @cached_property
    def members(self) -> Mapping[str, list[AgentModel]]:
        found: dict[str, list[AgentModel]] = defaultdict(list)
        for agent in self._config.agents:
            for queue_id in agent.queues:
                found[queue_id].append(agent)
        return found


# --- names ---------------------------------------------------------------------------------------------------------


def _twice(config: Config) -> Iterator[Problem]:
    kinds: tuple[tuple[str, str, list[tuple[str, str]]], ...] = (
        ("queue", "queues", [("id", queue.id) for queue in config.queues]),
        ("agent", "agents", [("id", agent.id) for agent in config.agents]),
        ("agent's e-mail", "agents", [("email", agent.email) for agent in config.agents]),
        ("entry point", "entry_points", [("dialled", f"{e.channel} {e.dialled}") for e in config.entry_points]),
        ("disposition", "dispositions", [("id", each.id) for each in config.dispositions]),
        ("reason", "reasons", [("id", each.id) for each in config.reasons]),
        ("opening hours", "hours", [("id", each.id) for each in config.hours]),
        ("list of holidays", "holidays", [("id", each.id) for each in config.holidays]),
        ("segment", "segments", [("id", each.id) for each in config.segments]),
    )
    for what, section, names in kinds:
        seen: set[str] = set()
        for at, (key, name) in enumerate(names):
            if name in seen:
                yield Problem((section, at, key), f"the {what} {name!r} is there twice")
            seen.add(name)


def _queues_named(config: Config, house: _House) -> Iterator[Problem]:
    def unknown(path: Sequence[str | int], queue_id: str, told: str) -> Iterator[Problem]:
        if queue_id not in house.queues:
            yield Problem(path, f"{told} {queue_id!r}, which is not defined{did_you_mean(queue_id, house.queues)}")

    for at, agent in enumerate(config.agents):
        for n, queue_id in enumerate(agent.queues):
            yield from unknown(("agents", at, "queues", n), queue_id, f"agent {agent.id} is in the queue")
    for at, entry in enumerate(config.entry_points):
        yield from unknown(("entry_points", at, "queue"), entry.queue, f"{entry.channel} {entry.dialled} leads to")
    for at, queue in enumerate(config.queues):
        for n, step in enumerate(queue.routing.relax):
            for k, queue_id in enumerate(step.also_queues):
                path = ("queues", at, "routing", "relax", n, "also_queues", k)
                yield from unknown(path, queue_id, "asks the members of")
                if queue_id == queue.id:
                    yield Problem(path, "is the queue itself, whose members are asked anyway: leave it out")
        for n, rule in enumerate(queue.routing.overflow):
            yield from unknown(("queues", at, "routing", "overflow", n, "to"), rule.to, "goes on to")
    if told := config.mail.unknown_queue(house.queues):
        yield Problem(("mail",), told)
    if told := config.recognition.unknown(house.queues, {each.id for each in config.dispositions}):
        yield Problem(("recognition",), told)


def _hours(config: Config, house: _House) -> Iterator[Problem]:
    holidays = {each.id: each for each in config.holidays}
    for at, hours in enumerate(config.hours):
        if hours.time_zone and not _is_zone(hours.time_zone):
            yield Problem(("hours", at, "time_zone"), "is not a time zone; an example is Europe/London")
        for n, holiday_id in enumerate(hours.holidays):
            if holiday_id not in holidays:
                told = f"the holidays {holiday_id!r} are not defined{did_you_mean(holiday_id, holidays)}"
                yield Problem(("hours", at, "holidays", n), told)
        whole = opening_hours(hours, holidays, config.time_zone)
        if _never_open(whole):
            yield Problem(
                ("hours", at), f"the hours {hours.id!r} are never open: give week its windows", warning=True
            )
    for at, queue in enumerate(config.queues):
        if queue.hours and queue.hours not in house.hours:
            told = f"the hours {queue.hours!r} are not defined{did_you_mean(queue.hours, house.hours)}"
            yield Problem(("queues", at, "hours"), told)
        if queue.hours and queue.calls.hours:
            told = "the queue has hours of its own too, and those count: take one of them out"
            yield Problem(("queues", at, "calls", "hours"), told, warning=True)


def _never_open(hours: OpeningHours) -> bool:
    """No week and no day has a window, or every day of the year is closed."""
    yearly = sum(1 for day in hours.days if len(day) == len("12-25"))
    return not any(hours.days.values()) and (not hours.week or yearly == DAYS_OF_A_YEAR)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


# --- what is asked of agents ---------------------------------------------------------------------------------------


def _needs(path: tuple[str | int, ...], queue: QueueModel, house: _House) -> Iterator[Problem]:
    routing = queue.routing
    yield from _need((*path, "needs"), routing.needs, house)
    for skill in routing.prefer:
        yield from _skill((*path, "prefer", skill), skill, house)
    for n, step in enumerate(routing.relax):
        yield from _need((*path, "relax", n, "needs"), step.needs, house)
        for k, skill in enumerate(step.drop):
            yield from _skill((*path, "relax", n, "drop", k), skill, house)
        for skill in step.lower:
            yield from _skill((*path, "relax", n, "lower", skill), skill, house)
    for n, told in steps_that_ask_no_less(routing, queue.skills):
        by_others = not routing.relax[n].needs
        yield Problem(
            (*path, "relax", n),
            told + (" by this queue; perhaps a flow or an entry point does" if by_others else ""),
            warning=by_others,
        )
    if routing.auto_answer and routing.ring > 1:
        told = "what is accepted by itself goes to the first of those it rings at: ring is of no use with auto_answer"
        yield Problem((*path, "ring"), told, warning=True)


def _need(path: tuple[str | int, ...], text: str, house: _House) -> Iterator[Problem]:
    if not text.strip():
        return
    need = need_of(text)
    for skill in skills_in(need):
        yield from _skill(path, skill, house, max(0, text.find(skill)))
    for agent_id in sorted(agents_in(need)):
        if agent_id not in house.agents:
            told = f"there is no agent {agent_id!r}{did_you_mean(agent_id, house.agents)}"
            yield Problem(path, told, offset=max(0, text.find(agent_id)))
    if text.strip() == "nobody":
        yield Problem(path, "is nobody: nothing would ever be offered; leave it out to ask for nothing")
    elif not can_be_met(need):
        yield Problem(path, "asks for something and rules it out at once: nobody could ever meet it")


def _skill(path: tuple[str | int, ...], skill: str, house: _House, offset: int = 0) -> Iterator[Problem]:
    if skill not in house.skills:
        told = f"nobody has the skill {skill!r}{did_you_mean(skill, house.skills)}"
        yield Problem(path, f"{told}; one that somebody will have is named under skills", offset=offset)


def _team(path: tuple[str | int, ...], queue: QueueModel, house: _House) -> Iterator[Problem]:
    """Whether those who are in the queue could ever take what waits in it."""
    team = house.members.get(queue.id, [])
    if not team:
        yield Problem(
            (*path, "id"), "nobody is in this queue: what comes there waits until somebody is", warning=True
        )
        return
    if queue.routing.ring > len(team):
        told = f"rings at {queue.routing.ring} at once, and {len(team)} are in the queue"
        yield Problem((*path, "routing", "ring"), told, warning=True)
    policy = queue_policy(queue.routing, queue.target_seconds)
    asked: list[tuple[Need, Mapping[str, int]]] = [(policy.need, {})]
    asked += [(policy.need if step.need is None else step.need, step.skills) for step in policy.relax]
    never = [agent.id for agent in team if not any(_could(agent, queue, *each) for each in asked)]
    where = (*path, "routing", "needs") if queue.routing.needs else (*path, "skills")
    if len(never) == len(team) and not any(step.queues for step in policy.relax):
        yield Problem(where, f"none of the {len(team)} who are in the queue could ever meet it", warning=True)
    elif never:
        named = ", ".join(never[:MOST_NAMED]) + (", …" if len(never) > MOST_NAMED else "")
        told = f"of those who are in the queue {len(never)} could never be offered anything: {named}"
        yield Problem(where, told, warning=True)


def _could(agent: AgentModel, queue: QueueModel, need: Need, lowered: Mapping[str, int]) -> bool:
    own = {skill: min(level, lowered.get(skill, level)) for skill, level in queue.skills.items()}
    return meets(agent.id, agent.skills, need) and all(agent.skills.get(s, 0) >= level for s, level in own.items())


# --- where work goes on --------------------------------------------------------------------------------------------


def _overflow(path: tuple[str | int, ...], queue: QueueModel, house: _House) -> Iterator[Problem]:
    for n, rule in enumerate(queue.routing.overflow):
        if rule.to == queue.id:
            yield Problem((*path, n, "to"), "is the queue itself: say where its work goes on")
        if rule.closed and not queue.hours and not queue.calls.hours:
            told = "the queue has no hours, so it is never closed: give it hours, or leave this out"
            yield Problem((*path, n, "closed"), told)
        if rule.to in house.queues and rule.to != queue.id and not house.members.get(rule.to):
            yield Problem((*path, n, "to"), f"goes on to {rule.to!r}, where nobody is", warning=True)
        for k, before in enumerate(queue.routing.overflow[:n]):
            if holds_whenever(before, rule):
                told = f"is never reached: entry {k + 1}, to {before.to!r}, holds whenever this does"
                but = "" if before.to == rule.to else f", but for what was in {before.to!r} already"
                yield Problem((*path, n), told + but, warning=True)
                break
    yield from _too_late(path[:-1], queue)


def _too_late(path: tuple[str | int, ...], queue: QueueModel) -> Iterator[Problem]:
    """Steps that come when all that waits has gone on."""
    gone = [rule for rule in queue.routing.overflow if waited_alone(rule)]
    if not gone:
        return
    first = min(gone, key=lambda rule: rule.waited_seconds or 0)
    for n, step in enumerate(queue.routing.relax):
        if step.after_seconds >= (first.waited_seconds or 0):
            told = f"comes when what waits has gone on to {first.to!r}, after {first.waited_seconds:g} s"
            yield Problem((*path, "relax", n, "after_seconds"), told, warning=True)


def _circles(config: Config) -> Iterator[Problem]:
    """Queues whose overflow leads back to them, by a depth-first walk that sees each only once."""
    onward = {queue.id: [rule.to for rule in queue.routing.overflow] for queue in config.queues}
    at = {queue.id: n for n, queue in enumerate(config.queues)}
    done: set[str] = set()
    for start in onward:
        walk: list[tuple[str, int]] = [(start, 0)] if start not in done else []
        under_way = {start}
        while walk:
            queue_id, next_rule = walk.pop()
            if next_rule == len(onward.get(queue_id, [])):
                done.add(queue_id)
                under_way.discard(queue_id)
                continue
            walk.append((queue_id, next_rule + 1))
            to = onward[queue_id][next_rule]
            if to != queue_id and to in under_way:
                way = [step for step, _ in walk]
                circle = " → ".join([*way[way.index(to) :], to])
                where = ("queues", at[queue_id], "routing", "overflow", next_rule, "to")
                yield Problem(where, f"leads in a circle: {circle}; take one of these away")
            elif to in onward and to not in done and to not in under_way:
                walk.append((to, 0))
                under_way.add(to)


# --- people --------------------------------------------------------------------------------------------------------


def _people(config: Config, house: _House) -> Iterator[Problem]:
    labels = {queue.routing.label for queue in config.queues if queue.routing.label}
    for at, agent in enumerate(config.agents):
        for label in agent.most_of:
            if label not in labels:
                told = f"no queue has the label {label!r}{did_you_mean(label, labels)}"
                yield Problem(("agents", at, "most_of", label), told, warning=True)


def _segments(config: Config, house: _House) -> Iterator[Problem]:
    for at, segment in enumerate(config.segments):
        for skill in segment.skills:
            yield from _skill(("segments", at, "skills", skill), skill, house)


def _priorities(config: Config) -> Iterator[Problem]:
    """Priority that counts for nothing, or for less than it says."""
    cap = config.policy.most_priority
    for at, queue in enumerate(config.queues):
        if queue.priority and config.policy.ageing_seconds == 0:
            yield Problem(
                ("queues", at, "priority"), "counts for nothing, as policy.ageing_seconds is 0", warning=True
            )
        elif cap is not None and queue.priority > cap:
            told = f"is more than policy.most_priority and counts as {cap}: what comes there is served by age alone"
            yield Problem(("queues", at, "priority"), told, warning=True)


def _too_heavy(config: Config) -> Iterator[Problem]:
    """Agents whose own limits keep what they do from them."""
    weights = config.policy.weights
    for at, agent in enumerate(config.agents):
        if not agent.queues:
            continue
        does = [medium for medium, most in agent.capacity.items() if most]
        if not does:
            told = "nothing may be in their hands at once: they are never offered anything"
            yield Problem(("agents", at, "capacity"), told, warning=True)
        heavy = [medium for medium in does if agent.weighted_total and weights.get(medium, 1) > agent.weighted_total]
        if heavy:
            named = ", ".join(f"{medium} weighs {weights.get(medium, 1)}" for medium in heavy)
            told = f"is less than one piece weighs, which they are never offered: {named}"
            yield Problem(("agents", at, "weighted_total"), told, warning=True)


def _capacity(config: Config, house: _House) -> Iterator[Problem]:
    yield from _priorities(config)
    yield from _too_heavy(config)
    weighed = [at for at, agent in enumerate(config.agents) if agent.weighted_total]
    if weighed and not config.policy.weights:
        told = "nothing has a weight: without policy.weights a weighted total limits nothing"
        yield Problem(("agents", weighed[0], "weighted_total"), told, warning=True)
    if config.policy.weights and config.agents and not weighed:
        yield Problem(("policy", "weights"), "no agent has a weighted_total: the weights limit nothing", warning=True)
