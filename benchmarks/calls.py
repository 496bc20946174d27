"""Hundreds of calls at once through the company's main line: is any lost, does any hang, is everybody's state true?

``python -m benchmarks.calls [--calls 200] [--agents 40] [--mischief]``. A hub with its sandbox; callers who choose,
wait, give up, leave a message and are called back; agents at the real websocket who accept every offer, talk and wrap
up. They come to work when everybody has rung, so that all calls are on the line together. ``--mischief`` has the
carrier's callbacks come twice, in the wrong order, or never; the same must be true at the end. Exits with 1 where it
isn't.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson
import uvloop
import yaml

from benchmarks import load, world
from benchmarks.callers import Caller, callers, patient
from benchmarks.load import Agent
from benchmarks.servers import Hub, free_port

PACE = 0.1
"""How long a spoken second lasts."""
OPEN = ("flow", "parked", "waiting", "offered", "assigned", "wrap_up")
TALK_S = 0.4
LONGEST_TALK_S = 8.0
MISCHIEF: dict[str, Any] = {
    "scope": "callbacks",
    "duplicate_percent": 5,
    "reorder_percent": 5,
    "lose_percent": 2,
}
_DESK_PHONE = "client:"


# --- the hub with its sandbox
# ------------------------------------------------------------------------------------


class Town(Hub):
    """The hub, and the world outside at ``page``."""

    def __init__(self, folder: Path, agents: int) -> None:
        self.sandbox_port = free_port()
        self.page = f"http://127.0.0.1:{self.sandbox_port}"
        super().__init__(
            folder,
            agents,
            SANDBOX="on",
            SANDBOX_PORT=str(self.sandbox_port),
            SANDBOX_SMTP_PORT=str(free_port()),
            SANDBOX_IMAP_PORT=str(free_port()),
            SANDBOX_PACE=str(PACE),
            SANDBOX_DESK_ANSWERS_AFTER="0.05",
        )
        (folder / "hub.yaml").write_text(yaml.safe_dump(configuration(agents)), encoding="utf-8")

    @property
    def log(self) -> list[dict[str, Any]]:
        """What the hub logged. Of lines that are no JSON (the greeting) only those of a traceback."""
        lines = (self.folder / "log").read_bytes().splitlines()
        return [found for line in lines if (found := _log_line(line))]

    def rebuilt(self) -> subprocess.CompletedProcess[str]:
        """``rebuild --check`` on the hub's database; the hub must have stopped."""
        command, settings = self.command()
        return subprocess.run(
            [*command[:-1], "rebuild", "--check"],
            env={**os.environ, **settings},
            capture_output=True,
            text=True,
            check=False,
        )


def _log_line(line: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {"level": "error", "event": line.decode(errors="replace")} if b"Traceback" in line else {}
    return found if isinstance(found, dict) else {}


def configuration(agents: int) -> dict[str, Any]:
    """The main line with its three queues, and agents who are in all of them. Whoever gives up or asks for it is
    called back at once, and the providers are asked for what nobody told as often as can be."""
    calls = {
        "record": "consent",
        "callbacks": {
            "abandon_after_seconds": 0.2,
            "attempts": 2,
            "gap_minutes": 0.02,
            "earliest": "00:00",
            "latest": "24:00",
        },
    }
    queues = ("support", "sales", "billing")
    return {
        "queues": [{"id": each, "name": each.title(), "offer_seconds": 60, "calls": calls} for each in queues],
        "entry_points": [{"channel": "twilio_voice", "dialled": "*", "flow": "main", "queue": "support"}],
        "agents": [
            {
                "id": f"agent-{number}",
                "name": f"Agent {number}",
                "email": f"agent-{number}@example.com",
                "queues": list(queues),
            }
            for number in range(agents)
        ],
        "telephony": {
            "dialling": {"countries": ["US"], "per_number_day": 20, "per_caller_day": 40, "per_hour": 5_000},
            "services": [{"id": "orders", "url": "${CONTACT_CENTER_ORDERS_URL}/sandbox/orders/{number}"}],
        },
        "reconciling": {"every_minutes": 0.1, "silent_minutes": 0.1, "silent_minutes_in_flow": 0.1},
        "dispositions": [{"id": "done", "name": "Done"}],
    }


# --- agents
# ------------------------------------------------------------------------------------------------------


class Desk:
    """An agent who takes everything, talks a little, and is done with it. How a conversation with a customer's number
    ends, ``who`` knows; an agent whose customer doesn't come to an end does it."""

    def __init__(self, agent: Agent, who: Mapping[str, Caller], outside: Outside) -> None:
        self.agent = agent
        self.who = who
        self.outside = outside
        self.refused: list[str] = []
        self.unreachable = 0
        self._done = set[tuple[str, str]]()
        self._tasks = set[asyncio.Task[None]]()
        agent.on_frame = self.heard

    def heard(self, _: Agent, frame: bytes, at: float) -> None:
        message = orjson.loads(frame)
        if message["type"] == "snapshot":
            for offer in message["state"]["offers"]:
                self._once(offer["id"], "accept", self.told("accept", offer_id=offer["id"]))
        if message["type"] != "announce":
            return
        body = message["body"]
        if body["kind"] == "offer.rings":
            self._once(body["offer"]["id"], "accept", self.told("accept", offer_id=body["offer"]["id"]))
        elif body["kind"] == "work.changed":
            self.work(body["work"])
        elif body["kind"] == "agent.changed" and body["agent"]["reason"] == "phone_unreachable":
            self.unreachable += 1
            self._do(self.told("set_state", state="ready"))

    def work(self, work: dict[str, Any]) -> None:
        interaction = work["interaction_id"]
        if work["state"] == "wrap_up" or work["medium"] != "voice":
            self._once(interaction, "wrap_up", self.wrap_up(interaction))
        elif work["call"] == "connected":
            self._once(interaction, "talk", self.talk(interaction, work["customer"]["point"]))

    async def talk(self, interaction: str, point: str) -> None:
        ends = self.who[point].kind.agent_ends
        await asyncio.sleep(random.uniform(TALK_S, 2 * TALK_S) if ends else LONGEST_TALK_S)
        if (interaction, "wrap_up") in self._done:
            return
        if ends == "telephone":
            await self.outside.put_down(f"{_DESK_PHONE}{self.agent.agent_id}")
        else:
            await self.told("hang_up", interaction_id=interaction)

    async def wrap_up(self, interaction: str) -> None:
        await asyncio.sleep(random.uniform(0.02, 0.2))
        await self.told("wrap_up", interaction_id=interaction, disposition="done", case_status="closed")

    async def told(self, name: str, **arguments: Any) -> None:
        result = await self.agent.command(name, **arguments)
        # A customer may be faster: what they ended is no longer there to be taken or ended.
        if not result["ok"] and result["error"]["code"] not in ("offer_gone", "not_yours"):
            self.refused.append(f"{self.agent.agent_id}, {name}: {result['error']}")

    def _once(self, about: str, what: str, work: Any) -> None:
        if (about, what) in self._done:
            work.close()
            return
        self._done.add((about, what))
        self._do(work)

    def _do(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


# --- the run
# ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Calls:
    """What came of it. ``plays`` are the scripts' ends by CallSid; ``ledger`` is the carrier's, by kind; ``records``
    are all interactions, ``legs`` the customers' telephone calls that each was made of."""

    callers: dict[str, Caller] = field(default_factory=dict)
    plays: dict[str, dict[str, Any]] = field(default_factory=dict)
    ledger: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    records: list[dict[str, Any]] = field(default_factory=list)
    legs: dict[str, set[str]] = field(default_factory=dict)
    agents: list[dict[str, Any]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    log: list[dict[str, Any]] = field(default_factory=list)
    unreachable: int = 0
    rebuilt: str = ""
    seconds: float = 0.0
    cpu: float = 0.0
    settled: bool = True

    def facts(self, kind: str) -> list[dict[str, Any]]:
        return [{"at": line["at"], **line["facts"]} for line in self.ledger.get(kind, [])]


class Outside:
    """The sandbox's own interface."""

    def __init__(self, page: str) -> None:
        # The sandbox closes what is idle for five seconds, perhaps just as we use it.
        limits = httpx.Limits(max_connections=None, keepalive_expiry=1)
        self._http = httpx.AsyncClient(base_url=page, timeout=120, trust_env=False, limits=limits)

    async def post(self, path: str, **body: Any) -> dict[str, Any]:
        answer = await self._http.post(f"/sandbox/{path}", json=body)
        answer.raise_for_status()
        return dict(answer.json())

    async def ring(self, caller: Caller) -> str:
        """Somebody calls; the CallSid."""
        kind = caller.kind
        if kind.rung:
            rung = {"answers": kind.rung, "after_ms": 50, "steps": patient(kind.rung_steps)}
            await self.post("phones", number=caller.number, **rung)
        play = await self.post("calls/script", **{"from": caller.number}, steps=patient(kind.steps))
        return str(play["call_sid"])

    async def put_down(self, number: str) -> None:
        """Whoever is on the telephone ``number`` hangs up."""
        answer = await self._http.get("/sandbox/calls", params={"number": number})
        for call in answer.json()["items"]:
            if call["where"] != "ended":
                await self.post(f"calls/{call['sid']}/hang_up")

    async def play(self, call_sid: str, patience_s: float) -> dict[str, Any]:
        """What became of a caller's script, once it is over."""
        deadline = time.monotonic() + patience_s
        while True:
            answer = await self._http.get(f"/sandbox/calls/script/{call_sid}", params={"wait_ms": 30_000})
            answer.raise_for_status()
            play = dict(answer.json())
            if play["state"] != "running" or time.monotonic() > deadline:
                return play

    async def ledger(self, kind: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            after = found[-1]["seq"] if found else 0
            answer = await self._http.get("/sandbox/ledger", params={"kind": kind, "after": after, "limit": 2_000})
            items = answer.json()["items"]
            found += items
            if len(items) < 2_000:
                return found

    async def close(self) -> None:
        await self._http.aclose()


class Inside:
    """The hub's REST, read by an admin."""

    def __init__(self, port: int) -> None:
        headers = {"Authorization": f"Bearer {world.API_KEY}"}
        self._http = httpx.AsyncClient(base_url=world.public_url(port), headers=headers, timeout=60, trust_env=False)

    async def get(self, path: str, **query: Any) -> Any:
        answer = await self._http.get(f"/api/v1/{path}", params=query)
        answer.raise_for_status()
        return answer.json()

    async def records(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        after = ""
        while True:
            page = await self.get("interactions", limit=200, after=after)
            found += page["items"]
            after = page["next"]
            if not after:
                return found

    async def legs(self) -> dict[str, set[str]]:
        """The customers' calls by interaction, from the log: who arrived, and whom we rang."""
        found: dict[str, set[str]] = {}
        after = 0
        while True:
            page = await self.get("events", after=after, limit=1_000)
            for event in page["items"]:
                body = event["body"]
                leg = body["leg_id"] if event["kind"] == "call.leg" and body["leg"] == "customer" else ""
                leg = event["thread"]["key"] if event["kind"] == "call.arrived" else leg
                if leg:
                    found.setdefault(event["interaction_id"], set()).add(leg)
            if len(page["items"]) < 1_000:
                return found
            after = page["next"]

    async def agents(self) -> list[dict[str, Any]]:
        page = await self.get("agents")
        return list(page["items"] if isinstance(page, dict) else page)

    async def busy(self) -> bool:
        for state in OPEN:
            if (await self.get("interactions", state=state, limit=1))["items"]:
                return True
        return any(not is_idle(agent) for agent in await self.agents())

    async def close(self) -> None:
        await self._http.aclose()


def is_idle(agent: dict[str, Any]) -> bool:
    return agent["state"] == "ready" and not any(agent["load"].values())


async def drive(town: Town, count: int, agents: int, mischief: int, patience_s: float) -> Calls:
    """The calls, through a hub that runs, until everything has ended or ``patience_s`` after the last caller has."""
    result, outside, inside = Calls(), Outside(town.page), Inside(town.port)
    who = {caller.number: caller for caller in callers(count)}
    sockets = await load.open_agents(town.port, [f"agent-{number}" for number in range(agents)])
    desks = [Desk(agent, who, outside) for agent in sockets]
    for agent in sockets:
        agent.send({"type": "snapshot"})
    if mischief:
        await outside.post("misbehave", seed=mischief, **MISCHIEF)
    began, cpu = time.perf_counter(), load.cpu_of(town.pid)
    try:
        calling = list(who.values())
        sids = await asyncio.gather(*map(outside.ring, calling))
        result.callers = dict(zip(sids, calling, strict=True))
        impatient = [sid for sid, caller in result.callers.items() if caller.kind.impatient]
        await asyncio.gather(*(outside.play(sid, patience_s) for sid in impatient))
        await asyncio.gather(*(agent.command("set_state", state="ready") for agent in sockets))
        plays = await asyncio.gather(*(outside.play(sid, patience_s) for sid in sids))
        result.plays = dict(zip(sids, plays, strict=True))
        result.settled = await _until_quiet(inside, patience_s)
        result.seconds, result.cpu = time.perf_counter() - began, load.cpu_of(town.pid) - cpu
        await outside.post("misbehave", reset=True)
        await _read(result, outside, inside)
    finally:
        for agent in sockets:
            agent.close()
        await outside.close()
        await inside.close()
    result.refused = [line for desk in desks for line in desk.refused]
    result.unreachable = sum(desk.unreachable for desk in desks)
    return result


async def _until_quiet(inside: Inside, patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while await inside.busy():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.5)
    return True


async def _read(result: Calls, outside: Outside, inside: Inside) -> None:
    for kind in ("call.placed", "call.ended", "webhook", "webhook.lost", "carrier.error"):
        result.ledger[kind] = await outside.ledger(kind)
    result.records = await inside.records()
    result.legs = await inside.legs()
    result.agents = await inside.agents()


# --- what must be true
# ------------------------------------------------------------------------------------------------------


def wrong(result: Calls) -> list[str]:
    """Everything that should not be so, in words."""
    return [
        *_lost(result),
        *_stuck(result),
        *_untrue(result),
        *result.refused,
        *(f"logged: {line}" for line in result.log if line.get("level") in ("error", "critical")),
        *(f"the carrier says: {error}" for error in result.facts("carrier.error")),
        *([result.rebuilt] if result.rebuilt else []),
    ]


def _lost(result: Calls) -> Iterable[str]:
    """Every call that the carrier has seen is exactly one interaction, and the other way round."""
    placed = result.facts("call.placed")
    known = Counter(leg for found in result.legs.values() for leg in found)
    for call in placed:
        if call["recipient"].startswith(_DESK_PHONE):
            continue
        if known[call["sid"]] != 1:
            yield f"lost: {call['direction']} {call['sid']} of {call['sender']} is {known[call['sid']]} interactions"
    strange = known.keys() - {call["sid"] for call in placed}
    yield from (f"the carrier knows nothing of {sid}" for sid in strange)
    came = sum(record["medium"] == "voice" and record["direction"] == "inbound" for record in result.records)
    if came != len(result.callers):
        yield f"{len(result.callers)} people called, and {came} calls came in"


def _stuck(result: Calls) -> Iterable[str]:
    now = time.time() * 1000
    for record in result.records:
        parked = record["state"] == "parked" and record["not_before_at"] > now
        if record["state"] != "ended" and not parked:
            names = ("interaction_id", "state", "direction", "point", "call", "flow_position", "agent_id", "task")
            yield f"stuck: { ({name: record[name] for name in names}) }"
    ended = {call["sid"] for call in result.facts("call.ended")}
    for call in result.facts("call.placed"):
        if call["sid"] not in ended:
            yield f"still on the line: {call['sid']} from {call['sender']} to {call['recipient']}"
    for sid, play in result.plays.items():
        if play["state"] in ("running", "stuck"):
            yield f"a caller waited in vain: {result.callers[sid].kind.name}, step {play['step']} of {sid}"


def _untrue(result: Calls) -> Iterable[str]:
    for agent in result.agents:
        if agent["id"].startswith("agent-") and not is_idle(agent):
            yield f"{agent['id']} is {agent['state']} ({agent['reason']}) with {agent['load']}"


# --- what is shown
# ------------------------------------------------------------------------------------------------------


def report(result: Calls) -> str:
    lines = [f"{'':<28}{'calls':>6}  {'script':<24}became"]
    by_number: dict[str, list[dict[str, Any]]] = {}
    for record in result.records:
        by_number.setdefault(record["point"], []).append(record)
    for name in dict.fromkeys(caller.kind.name for caller in result.callers.values()):
        of_kind = {sid: caller for sid, caller in result.callers.items() if caller.kind.name == name}
        ends = Counter(result.plays[sid]["state"] for sid in of_kind)
        became = Counter(
            _became(record) for caller in of_kind.values() for record in by_number.get(caller.number, [])
        )
        lines.append(f"{name:<28}{len(of_kind):>6}  {_counted(ends):<24}{_counted(became)}")
    return "\n".join([*lines, "", *_figures(result)])


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {what}" for what, number in sorted(counts.items()))


def _became(record: dict[str, Any]) -> str:
    what = record["task"] or record["direction"]
    return f"{what}: {record['ended_reason'] or record['state']}"


def _figures(result: Calls) -> Iterable[str]:
    talked = [record for record in result.records if record["first_response_at"] and record["medium"] == "voice"]
    waits = [(r["first_response_at"] - r["started_at"]) / 1000 for r in talked if r["direction"] == "inbound"]
    joins = [r["first_response_at"] - r["assigned_at"] for r in talked if r["assigned_at"] and not r["task"]]
    hooks = result.facts("webhook")
    documents = [hook["ms"] for hook in hooks if hook["what"] == "voice"]
    count = len(result.callers)
    yield f"{count} calls, {_most_at_once(result)} at once, in {result.seconds:.1f} s; {len(talked)} conversations"
    yield f"from ringing to a person      {_spread(waits, 's')}"
    yield f"from accepting to talking     {_spread(joins, 'ms')}"
    yield f"a webhook's TwiML             {_spread(documents, 'ms')}"
    lost = len(result.ledger.get("webhook.lost", []))
    yield f"webhooks {len(hooks)} ({lost} more lost on purpose); phones out of reach {result.unreachable}"
    per_hook = result.cpu / max(1, len(hooks)) * 1000
    yield f"CPU of the hub {result.cpu:.1f} s: {result.cpu / count * 1000:.0f} ms a call, {per_hook:.1f} ms a webhook"


def _spread(values: Sequence[float], unit: str) -> str:
    if not values:
        return "–"
    middle, late = statistics.median(values), load.percentile(values, 0.95)
    return f"p50 {middle:.3g} {unit}, p95 {late:.3g} {unit}, longest {max(values):.3g} {unit}"


def _most_at_once(result: Calls) -> int:
    moves = [(call["at"], 1) for call in result.facts("call.placed") if call["direction"] == "inbound"]
    came = {call["sid"] for call in result.facts("call.placed") if call["direction"] == "inbound"}
    moves += [(call["at"], -1) for call in result.facts("call.ended") if call["sid"] in came]
    there = most = 0
    for _, step in sorted(moves):
        there += step
        most = max(most, there)
    return most


async def run(folder: Path, count: int, agents: int, mischief: int = 0, patience_s: float = 60.0) -> Calls:
    """Everything, in a folder of its own; the hub has stopped when it returns. ``mischief`` is the seed of what the
    carrier does wrong, 0 for nothing."""
    town = Town(folder, agents)
    await town.start()
    try:
        result = await drive(town, count, agents, mischief, patience_s)
    finally:
        town.stop()
    result.log = town.log
    proof = await asyncio.to_thread(town.rebuilt)
    if proof.returncode:
        result.rebuilt = f"rebuild --check: {proof.stdout} {proof.stderr}"
    return result


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calls", description=__doc__)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--agents", type=int, default=40)
    parser.add_argument(
        "--mischief",
        type=int,
        nargs="?",
        const=7,
        default=0,
        metavar="SEED",
        help="callbacks come twice, in the wrong order, or never",
    )
    parser.add_argument("--folder", type=Path, help="keep the hub's log and database here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hub-calls-") as scratch:
        folder = options.folder or Path(scratch)
        result = uvloop.run(run(folder, options.calls, options.agents, options.mischief))
    print(report(result))
    found = wrong(result)
    print(*found, sep="\n", file=sys.stderr)
    if not found:
        print("No call was lost, none is stuck, every agent's state is true, and every record is its log's fold.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
