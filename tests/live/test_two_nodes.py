"""Two hubs on one PostgreSQL: what one takes in rings at the other, once, and losing Redis loses nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hub import Clock, open_test_hub
from tests.servers.redis import RedisServer

LENA = "+4915112345678"


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=False)
async def test_two_nodes_share_the_work_with_redis_and_without(
    database_url: str, redis_server: RedisServer, tmp_path: Path
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    clock = Clock()
    async with (
        open_test_hub(database_url, tmp_path / "one", clock=clock, redis_url=redis_server.url) as one,
        open_test_hub(database_url, tmp_path / "two", clock=clock, redis_url=redis_server.url) as two,
        two.agent("mei") as desk,
        one.agent("jonas") as other,
    ):
        await desk.ready()
        await one.twilio.sms(LENA, "first")
        work = await desk.accept()
        await one.twilio.sms(LENA, "second")
        await desk.work(work.interaction_id, lambda w: w.preview == "second")
        redis_server.stop()
        await one.twilio.sms(LENA, "third, without Redis")
        await desk.work(work.interaction_id, lambda w: w.preview == "third, without Redis")
        await other.ready()
        await desk.command("return_to_queue", interaction_id=work.interaction_id)
        again = await other.accept(work.interaction_id)
        assert again.preview == "third, without Redis"
        offers = [e for e in await one.log(work.interaction_id) if e.kind == "offer.made"]
        assert len(offers) == 2


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=False)
async def test_an_agent_who_leaves_one_node_and_sits_at_another_stays(
    database_url: str, redis_server: RedisServer, tmp_path: Path
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    clock = Clock()
    async with (
        open_test_hub(database_url, tmp_path / "one", clock=clock, redis_url=redis_server.url) as one,
        open_test_hub(database_url, tmp_path / "two", clock=clock, redis_url=redis_server.url) as two,
        two.agent("mei") as desk,
    ):
        await desk.ready()
        async with one.agent("mei"):
            pass
        await two.eventually(lambda: _nothing_pending(two), "the grace period to be called off")
        one.advance(60_000)
        two.advance(0)
        await one.twilio.sms(LENA, "are you there?")
        assert (await desk.offer()).preview == "are you there?"
        assert desk.state.agent.chosen == "ready"


async def _nothing_pending(hub: object) -> bool:
    rows = await hub.rows("deadlines")  # type: ignore[attr-defined]
    agents = {row["id"]: row["presence"] for row in await hub.rows("agents")}  # type: ignore[attr-defined]
    stale = [row for row in rows if row["kind"] == "presence" and int(row["ref"].split("#")[1]) == agents["mei"]]
    return bool(rows) and not stale
