"""How long an agent waits for a list or a search with years of conversations behind it.

    python -m benchmarks.inbox [--conversations 150000] [--database postgresql://…] [--keep FOLDER]

Fills a database (SQLite in a folder of its own, or the one that is named, which must be empty) with conversations in
English and Chinese whose words are as frequent as words are, indexes them as the hub does, and asks what consoles
ask, with the functions that answer them. Prints milliseconds: half of the answers came within
p50, 19 of 20 within p95.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import text

from contact_center.domain import search_words
from contact_center.domain.contact_points import email
from contact_center.domain.errors import Unavailable
from contact_center.domain.events import InteractionEvent, MessageReceived
from contact_center.domain.record import fold
from contact_center.indexing import indexer, looking
from contact_center.storage import full_text, inbox, schema, search
from contact_center.storage.connection import Connection
from contact_center.storage.executor import Executor, open_executor
from contact_center.storage.full_text import Span
from contact_center.storage.inbox import CaseFilter
from contact_center.storage.migrate import migrate

NOW = 1_795_000_000_000
YEARS_MS = 3 * 365 * 86_400_000
AGENTS = [f"agent{i}" for i in range(60)]
QUEUES = ["support", "sales", "billing", "returns", "vip", "press", "legal", "rare"]
QUEUE_WEIGHTS = [400, 200, 180, 120, 60, 20, 15, 1]
COMMON = """
the to and of you is for my in it not on have that we this your with order be are me please was but can as will thank
hello if from at what so no refund parcel delivery account payment invoice card problem password email phone number
address return broken late never received waiting help today week customer service money back cancel subscription
website error login charged twice shipping damaged missing urgent
""".split()  # noqa: SIM905
HAN = (
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如都同现当没动面"
    "起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向"
    "头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活"
    "退款申请订单包裹快递发票账户密码登录支付取消客服质量换货物流签收延迟损坏投诉赔偿优惠"
)
CHINESE_TERMS = ["退款", "订单", "包裹", "快递", "发票", "客服", "申请", "物流", "投诉", "换货"]


def vocabulary(rng: random.Random, size: int = 30_000) -> list[str]:
    """Real words first, then what looks like names, products and rare words."""
    parts = ("ka lo mi ren tor sel van dri pen gal ster mon fi qua zu bel ham rix ton wel").split()  # noqa: SIM905
    found = dict.fromkeys(COMMON)
    while len(found) < size:
        found["".join(rng.choices(parts, k=rng.randint(2, 4)))] = None
    return list(found)


class Writer:
    """Texts whose words follow Zipf's law."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = random.Random(seed)
        self.words = vocabulary(rng)
        self._cum = list(itertools.accumulate(1 / (rank + 2.7) for rank in range(1, len(self.words) + 1)))
        self._han_cum = list(itertools.accumulate(1 / (rank + 2.7) for rank in range(1, len(HAN) + 1)))

    def english(self, words: int) -> str:
        found = self.rng.choices(self.words, cum_weights=self._cum, k=words)
        if self.rng.random() < 0.3:
            found.append(f"{self.rng.randint(1000, 9999)}-{self.rng.randint(100000, 999999)}")
        return " ".join(found).capitalize() + "."

    def chinese(self, characters: int) -> str:
        found = self.rng.choices(HAN, cum_weights=self._han_cum, k=characters)
        found[characters // 3 : characters // 3] = self.rng.choice(CHINESE_TERMS)
        return "".join(found) + "。"

    def text(self, words: int) -> str:
        return self.chinese(words * 2) if self.rng.random() < 0.3 else self.english(words)


def _template() -> dict[str, Any]:
    body = MessageReceived("Hello", "Hello")
    event = InteractionEvent(
        body, "email", "s", "email", "inbound", NOW, NOW, sender=email("a@example.com"),
        dialled=email("support@hub.example"), id="e", seq=1, interaction_id="i", case_id=1, customer_id="c",
    )  # fmt: skip
    record: dict[str, Any] = orjson.loads(orjson.dumps(fold([event])))
    return record


def conversations(many: int, seed: int = 7) -> Iterator[dict[str, list[dict[str, Any]]]]:
    """Rows by table, a thousand conversations at a time."""
    writer = Writer(seed)
    rng = writer.rng
    template = _template()
    people = max(1, many // 3)
    for first in range(1, many + 1, 1_000):
        rows: dict[str, list[dict[str, Any]]] = {t: [] for t in _TABLES}
        for number in range(first, min(first + 1_000, many + 1)):
            _conversation(writer, rng, template, rows, number, many, people)
        yield rows


_TABLES = ("customers", "contact_points", "cases", "interactions", "events")


def _conversation(
    writer: Writer, rng: random.Random, template: dict[str, Any], rows: dict[str, Any], number: int, many: int,
    people: int,
) -> None:  # fmt: skip
    at = NOW - YEARS_MS + YEARS_MS * number // many
    who = number if number <= people else rng.randint(1, people)
    customer = f"c{who:09}"
    address = f"{writer.words[who % 20_000]}.{who}@example.com"
    name = f"{writer.words[(who * 7) % 25_000].title()} {writer.words[(who * 13) % 25_000].title()}"
    if number <= people:
        rows["customers"].append({"id": customer, "name": name, "first_seen_at": at, "updated_at": at})
        point = {"kind": "email", "value": address, "customer_id": customer, "first_seen_at": at}
        rows["contact_points"].append({**point, "trouble": "", "trouble_at": 0})
    live = number > many * 0.98 or rng.random() < 0.002
    agent = "" if live and rng.random() < 0.3 else rng.choice(AGENTS)
    queue = rng.choices(QUEUES, QUEUE_WEIGHTS)[0]
    status = rng.choice(["open", "open", "pending"]) if live else "closed"
    subject = writer.text(6)[:80]
    interaction = f"i{number:010}"
    rows["cases"].append(
        {"id": number, "customer_id": customer, "subject": subject, "status": status, "queue": queue,
         "agent_id": agent, "opened_at": at, "updated_at": at + rng.randint(1, 3_600_000),
         "closed_at": 0 if live else at, "merged_into": 0, "linked_to": 0, "link_state": ""}
    )  # fmt: skip
    state = "ended" if not live or rng.random() < 0.7 else "waiting"
    record = {**template, "interaction_id": interaction, "case_id": number, "customer_id": customer, "state": state,
              "queue": queue, "agent_id": agent, "subject": subject, "point": address}  # fmt: skip
    medium = rng.choices(["email", "chat", "sms", "voice"], [70, 15, 10, 5])[0]
    rows["interactions"].append(
        {"id": interaction, "case_id": number, "customer_id": customer, "channel": medium, "medium": medium,
         "thread_key": "", "state": state, "queue": queue, "agent_id": agent, "epoch": 0, "started_at": at,
         "last_message_at": at, "queued_at": at, "answered_at": at, "ended_at": at, "ended_reason": "wrapped_up",
         "record": record}
    )  # fmt: skip
    for turn in range(rng.choices([2, 3, 4, 6], [50, 25, 15, 10])[0]):
        ours = turn % 2 == 1
        body: dict[str, Any] = {"text": writer.text(rng.randint(15, 90)), "subject": subject}
        if ours:
            body["outbox_id"] = "o"
        files = turn == 0 and rng.random() < 0.12
        extra = {"attachments": [{"name": "invoice.pdf", "digest": "0" * 64, "media_type": "a/b", "size": 1}]}
        rows["events"].append(
            {"id": f"{interaction}-{turn}", "channel": medium, "source_id": f"{interaction}-{turn}",
             "kind": "message.sent" if ours else "message.received", "interaction_id": interaction,
             "case_id": number, "customer_id": customer, "medium": medium, "direction": "outbound" if ours else
             "inbound", "actor_kind": "agent" if ours else "customer", "actor_id": agent if ours else "",
             "occurred_at": at, "received_at": at + turn * 60_000, "sender_kind": "" if ours else "email",
             "sender": "" if ours else address, "sender_name": "" if ours else name, "dialled_kind": "email",
             "dialled": "support@hub.example", "thread_key": "", "body": body, "extra": extra if files else None,
             "raw_digest": "", "raw": None}
        )  # fmt: skip


def _put(conn: Connection, rows: dict[str, list[dict[str, Any]]]) -> None:
    for table in _TABLES:
        if rows[table]:
            conn.execute(schema.metadata.tables[table].insert(), rows[table])


def _people(conn: Connection) -> None:
    agent = {"role": "agent", "queues": [], "skills": {}, "capacity": {}}
    conn.execute(schema.agents.insert(), [{"id": each, "name": each.title(), **agent} for each in AGENTS])
    queue = {"skills": {}, "target_ms": 60_000, "settings": {}}
    conn.execute(schema.queues.insert(), [{"id": each, "name": each.title(), **queue} for each in QUEUES])


async def fill(executor: Executor, many: int) -> None:
    started = time.perf_counter()
    await executor.write(_people)
    for rows in conversations(many):
        await executor.write(_put, rows)
    if executor.dialect == "postgresql":
        await executor.write(
            lambda conn: conn.execute(text("SELECT setval('cases_id_seq', :n)"), {"n": many}).close()
        )
    print(f"filled with {many:,} conversations in {time.perf_counter() - started:.0f} s", flush=True)


async def index(executor: Executor) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF)
    started = time.perf_counter()
    made = await indexer.rebuild(executor, lambda _done, _whole: None)
    took = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    rate = f"{made / took:,.0f} a second, {cpu / made * 1e6:.0f} µs CPU each (this process's own)"
    print(f"indexed {made:,} messages in {took:.0f} s: {rate}")
    if executor.dialect == "postgresql":  # as autovacuum does by itself after such a load
        await executor.write(lambda conn: conn.execute(text("ANALYZE")).close())


_SIZES = {
    "sqlite": "SELECT sum(pgsize) FROM dbstat WHERE name LIKE :index",
    "postgresql": "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relname LIKE :index",
}


async def sizes(executor: Executor) -> None:
    def read(conn: Connection, tables: str) -> float:
        return float(conn.execute(text(_SIZES[executor.dialect]), {"index": tables}).scalar() or 0)

    with contextlib.suppress(Unavailable):  # an SQLite without dbstat
        ours, whole = await executor.read(read, "search%"), await executor.read(read, "%")
        print(f"the index is {ours / 1e6:,.0f} MB of {whole / 1e6:,.0f} MB")


def questions(seed: int = 3) -> dict[str, Callable[[Connection, random.Random], Any]]:
    writer = Writer(7)
    names = writer.words

    def page(**wanted: Any) -> Callable[[Connection, random.Random], Any]:
        def ask(conn: Connection, rng: random.Random) -> Any:
            given = {name: value(rng) if callable(value) else value for name, value in wanted.items()}
            return inbox.find(conn, CaseFilter(**given))

        return ask

    def deep(conn: Connection, rng: random.Random) -> Any:
        return inbox.find(conn, CaseFilter(), (NOW - rng.randint(0, YEARS_MS), 1))

    def found(query: Callable[[random.Random], str], **wanted: Any) -> Callable[[Connection, random.Random], Any]:
        def ask(conn: Connection, rng: random.Random) -> Any:
            given = {name: value(rng) if callable(value) else value for name, value in wanted.items()}
            asked = search_words.read_query(query(rng))
            span = Span(0, round(datetime.combine(asked.before, datetime.min.time(), UTC).timestamp() * 1_000)
                        if asked.before else 0)  # fmt: skip
            return looking.look(conn, replace(asked, before=None), CaseFilter(**given), span)

        return ask

    def people(conn: Connection, rng: random.Random) -> Any:
        return looking.people(conn, search_words.read_query(rng.choice(names[500:20_000])), "", 20)

    def interactions(**wanted: Any) -> Callable[[Connection, random.Random], Any]:
        return lambda conn, rng: search.interactions(
            conn, **{name: value(rng) if callable(value) else value for name, value in wanted.items()}
        )

    agent: Callable[[random.Random], str] = lambda rng: rng.choice(AGENTS)  # noqa: E731
    common: Callable[[random.Random], str] = lambda rng: rng.choice(COMMON[30:80]) + " "  # noqa: E731
    rare: Callable[[random.Random], str] = lambda rng: rng.choice(names[15_000:]) + " "  # noqa: E731
    return {
        "all cases, first page": page(),
        "all cases, a deep page": deep,
        "open": page(status="open"),
        "closed": page(status="closed"),
        "mine, live": page(agent_id=agent, live=True),
        "unassigned": page(unassigned=True),
        "closed of an agent in a queue": page(status="closed", agent_id=agent, queue="billing"),
        "of a queue with few": page(queue="rare"),
        "of nobody at all": page(agent_id="nobody"),
        "undelivered": page(undelivered=True),
        "counts of the views": lambda conn, rng: inbox.counts(conn, rng.choice(AGENTS)),
        "interactions, newest": interactions(),
        "interactions of an agent, ended": interactions(agent_id=agent, state="ended"),
        "interactions of a queue with few": interactions(queue="rare"),
        "interactions of nobody": interactions(agent_id="nobody"),
        "search: the commonest word": found(lambda _: "the "),
        "search: a common word": found(common),
        "search: two common words": found(lambda rng: f"{common(rng)}{common(rng)}"),
        "search: a rare word": found(rare),
        "search: common and rare": found(lambda rng: f"{common(rng)}{rare(rng)}"),
        "search: a word that is not there": found(lambda _: "zzyzx "),
        "search: two Chinese characters": found(lambda rng: rng.choice(CHINESE_TERMS)),
        "search: one Chinese character": found(lambda rng: rng.choice(HAN[:200])),
        "search: four Chinese characters": found(lambda rng: rng.choice(CHINESE_TERMS) + rng.choice(CHINESE_TERMS)),
        "search: a phrase": found(lambda rng: f'"{rng.choice(COMMON[:20])} {rng.choice(COMMON[:40])}"'),
        "search: a beginning": found(lambda rng: rng.choice(COMMON[30:80])[:3]),
        "search: a longer beginning": found(lambda rng: rng.choice(COMMON[30:80])[:5]),
        "search: without a word": found(lambda rng: f"{common(rng)}-the "),
        "search: common, open": found(common, status="open"),
        "search: common, mine": found(common, agent_id=agent, live=True),
        "search: common, all of an agent's": found(common, agent_id=agent),
        "search: common, in a queue with few": found(common, queue="rare"),
        "search: common, in a queue": found(common, queue="billing"),
        "search: common, with a file": found(lambda rng: common(rng) + "has:attachment"),
        "search: common, long ago": found(lambda rng: common(rng) + "before:2024-06-01"),
        "search: in the subject": found(lambda rng: f"subject:{rng.choice(COMMON[30:80])}"),
        "search: from an address": found(lambda rng: f"from:{names[rng.randint(1, 20_000)]}"),
        "customers by name": people,
    }


def _timed(conn: Connection, question: Callable[[Connection, random.Random], Any], rng: random.Random) -> float:
    """The CPU that the question took in this thread: on SQLite all of it, however busy the machine is."""
    before = time.thread_time()
    question(conn, rng)
    return (time.thread_time() - before) * 1_000


def _p95(took: list[float]) -> float:
    return sorted(took)[min(len(took) - 1, round(len(took) * 0.95))]


async def ask(executor: Executor, rounds: int, only: str) -> None:
    worst = 0.0
    print(f"\n{'milliseconds':<40}{'p50':>8}{'p95':>8}{'most':>8}{'CPU p95':>10}")
    for name, question in questions().items():
        if only not in name:
            continue
        rng = random.Random(11)
        took: list[float] = []
        cpu: list[float] = []
        for turn in range(rounds + 3):
            started = time.perf_counter()
            spent = await executor.read(_timed, question, rng)
            if turn >= 3:
                took.append((time.perf_counter() - started) * 1_000)
                cpu.append(spent)
        p95 = _p95(took)
        worst = max(worst, p95)
        line = f"{name:<40}{statistics.median(took):>8.1f}{p95:>8.1f}{max(took):>8.1f}{_p95(cpu):>10.1f}"
        print(line, flush=True)
    print(f"\nthe slowest p95 is {worst:.0f} ms")


async def run(url: str, many: int, rounds: int, filled: bool, only: str) -> None:
    executor = open_executor(url)
    await executor.start(lambda _: None)
    try:
        if not filled:
            await fill(executor, many)
        if not (await executor.read(full_text.progress)).ready:
            await index(executor)
        await sizes(executor)
        await ask(executor, rounds, only)
    finally:
        await executor.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--conversations", type=int, default=150_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--database", default="", help="an empty PostgreSQL database; without it, SQLite")
    parser.add_argument("--keep", type=Path, help="a folder for the SQLite file; one that is there is used again")
    parser.add_argument("--filled", action="store_true", help="the database has been filled by an earlier run")
    parser.add_argument("--only", default="", help="only the questions whose name holds this")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="inbox-") as folder:
        path = (given.keep or Path(folder)) / "inbox.db"
        path.parent.mkdir(parents=True, exist_ok=True)
        url = given.database or f"sqlite:///{path.resolve()}"
        filled = given.filled or (not given.database and path.exists())
        migrate(url)
        asyncio.run(run(url, given.conversations, given.rounds, filled, given.only))


if __name__ == "__main__":
    main()
