"""The servers that other tests rely on are real, separate and answer."""

from __future__ import annotations

import sqlite3

import asyncpg
import redis.asyncio
from playwright.async_api import Browser

from contact_center.storage import events
from contact_center.storage.executor import open_executor
from tests.servers.redis import RedisServer


async def test_each_test_has_an_empty_database_of_its_own(bare_database_url: str) -> None:
    if bare_database_url.startswith("sqlite:////"):
        with sqlite3.connect(bare_database_url.removeprefix("sqlite:///")) as file:
            assert file.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
        file.close()
        return
    connection = await asyncpg.connect(bare_database_url)
    assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    assert await connection.fetchval("SHOW server_encoding") == "UTF8"
    await connection.close()


async def test_a_database_has_the_hubs_tables_and_nothing_in_them(database_url: str) -> None:
    executor = open_executor(database_url)
    await executor.start(lambda _: None)
    assert await executor.read(events.count) == 0
    await executor.stop()


async def test_a_redis_that_was_stopped_comes_back_empty_at_the_same_address(
    redis_server: RedisServer,
) -> None:
    async with redis.asyncio.from_url(redis_server.url) as client:
        await client.set("greeting", "你好")
        assert await client.get("greeting") == "你好".encode()
    redis_server.stop()
    redis_server.start()
    async with redis.asyncio.from_url(redis_server.url) as client:
        assert await client.get("greeting") is None


async def test_the_browser_runs_scripts_and_reads_chinese(browser: Browser) -> None:
    page = await browser.new_page(locale="zh-CN")
    await page.set_content("<meta charset=utf-8><button onclick=\"this.innerText='已接听'\">接听</button>")
    await page.get_by_role("button", name="接听").click()
    assert await page.inner_text("button") == "已接听"
