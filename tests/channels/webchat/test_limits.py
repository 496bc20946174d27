"""Hostile frames, floods, silence, pages that have no business here: refused, and the next one is served."""

from __future__ import annotations

import json
import socket as sockets
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from channels.webchat.entries import in_language, read_entries
from channels.webchat.frames import BadFrame, read
from channels.webchat.limits import Bucket, Limits, Openings
from tests.channels.webchat.served import UNHURRIED, Site, a_channel, a_site

LONGEST = "x" * 4_000


def bad_frames() -> dict[str, tuple[str, str]]:
    """What → the frame and the code of the answer."""
    message = {"type": "message", "id": "m1", "text": "Hello"}

    def changed(**fields: Any) -> str:
        return json.dumps({**message, **fields})

    return {
        "nothing": ("", "malformed"),
        "no JSON": ("hello", "malformed"),
        "half a frame": (json.dumps(message)[:-3], "malformed"),
        "two frames": (json.dumps(message) * 2, "malformed"),
        "a list": ("[]", "malformed"),
        "a number": ("1", "malformed"),
        "null": ("null", "malformed"),
        "deep": ("[" * 16_000, "malformed"),
        "deep objects": ('{"a":' * 3_000, "malformed"),
        "no type": ("{}", "malformed"),
        "a type that is a list": ('{"type":["message"]}', "malformed"),
        "an unknown type": ('{"type":"subscribe","thread_key":"x/support/1"}', "unknown_type"),
        "a long type": (json.dumps({"type": "t" * 100}), "malformed"),
        "a key twice": ('{"type":"ping","type":"message","id":"a","text":"b"}', "malformed"),
        "not a number": ('{"type":"got","seq":NaN}', "malformed"),
        "infinity": ('{"type":"got","seq":Infinity}', "malformed"),
        "a number too long": ('{"type":"got","seq":' + "9" * 5_000 + "}", "malformed"),
        "a number too big": ('{"type":"got","seq":9007199254740992}', "malformed"),
        "a negative number": ('{"type":"got","seq":-1}', "malformed"),
        "a fraction": ('{"type":"got","seq":1.0}', "malformed"),
        "true": ('{"type":"got","seq":true}', "malformed"),
        "a number in words": ('{"type":"got","seq":"1"}', "malformed"),
        "no id": ('{"type":"message","text":"Hello"}', "malformed"),
        "an empty id": (changed(id=""), "malformed"),
        "a number as id": (changed(id=7), "malformed"),
        "a long id": (changed(id="m" * 65), "malformed"),
        "an id with a colon": (changed(id="another:m1"), "malformed"),
        "an id with a slash": (changed(id="../m1"), "malformed"),
        "an id with a line end": (changed(id="m1\n"), "malformed"),
        "an id with a null": (changed(id="m\0"), "malformed"),
        "no text": ('{"type":"message","id":"m1"}', "malformed"),
        "null as text": (changed(text=None), "malformed"),
        "a list as text": (changed(text=["Hello"]), "malformed"),
        "an object as text": (changed(text={"$ne": 1}), "malformed"),
        "an empty text": (changed(text=""), "empty"),
        "spaces": (changed(text=" \n\t\u3000"), "empty"),
        "only control characters": (changed(text="\0\x1b\x7f"), "empty"),
        "one character too many": (changed(text=LONGEST + "x"), "too_long"),
        "a leave without id": ('{"type":"leave"}', "malformed"),
        "a name that is none": ('{"type":"name","name":null}', "malformed"),
        "a name of a kilobyte": (json.dumps({"type": "name", "name": "n" * 1_001}), "malformed"),
        "a second hello": ('{"type":"hello","entry":"support"}', "unexpected"),
    }


@pytest.mark.parametrize("about", bad_frames())
async def test_a_bad_frame_is_refused_and_the_next_good_one_taken(site: Site, about: str) -> None:
    frame, code = bad_frames()[about]
    async with site.page() as page:
        await page.state("none")
        await page.connection.send(frame)
        assert (await page.next())["code"] == code
        assert site.hub.deliveries == []
        assert (await page.write("good", "Hello"))["type"] == "ack"


async def test_ten_bad_frames_end_the_connection(site: Site) -> None:
    async with site.page() as page:
        for _ in range(10):
            await page.connection.send("?")
        assert await page.closed() == 1008
        assert [f["code"] for f in page.frames if f["type"] == "error"] == ["malformed"] * 10


async def test_a_frame_over_sixteen_kilobytes_ends_the_connection(site: Site) -> None:
    padding = {"type": "ping", "padding": ""}
    empty = len(json.dumps(padding, ensure_ascii=False).encode())
    async with site.page() as page:
        await page.say(type="ping", padding="x" * (16_384 - empty))
        await page.next("pong")
        await page.connection.send(json.dumps({**padding, "padding": "测" * 5_500}, ensure_ascii=False))
        assert await page.closed() == 1009


async def test_a_binary_frame_ends_the_connection(site: Site) -> None:
    async with site.page() as page:
        await page.state("none")
        await page.connection.send(b"\x00\xff")
        await page.closed()
    async with site.page() as page:
        assert (await page.write("m1", "Hello"))["type"] == "ack"


async def test_the_longest_text_goes_through_in_any_script(site: Site) -> None:
    async with site.page() as page:
        for id, text in (("m1", LONGEST), ("m2", "测" * 4_000), ("m3", "🙂" * 4_000)):
            await page.connection.send(json.dumps({"type": "message", "id": id, "text": text}, ensure_ascii=False))
            assert (await page.next("ack", "error"))["type"] == "ack"
            await page.line(text)


async def test_text_that_no_database_could_store_is_made_storable(site: Site) -> None:
    async with site.page() as page:
        await page.connection.send(
            '{"type":"message","id":"m1","text":"a\\u0000b\\ud800c\\ud83d\\ude42\\u001b[2J\\r\\nd\\te"}'
        )
        await page.next("ack")
        await page.line("ab\ufffdc🙂[2J\nd\te")


@pytest.mark.parametrize(
    "first",
    [
        "",
        "?",
        "{}",
        '{"type":"ping"}',
        '{"type":"message","id":"m1","text":"Hello"}',
        '{"type":"hello","entry":7}',
        '{"type":"hello","token":{"$ne":1}}',
        '{"type":"hello","token":["a"]}',
        '{"type":"hello","token":1}',
        '{"type":"hello","token":null}',
        '{"type":"hello","after":-1}',
        '{"type":"hello","conversation":true}',
        json.dumps({"type": "hello", "token": "t" * 257}),
    ],
)
async def test_whoever_does_not_begin_with_a_hello_is_shown_out(site: Site, first: str) -> None:
    async with site.page(silent=True) as page:
        await page.connection.send(first)
        assert await page.closed() == 1008
        assert [f["type"] for f in page.frames] == ["error"]
    assert site.hub.deliveries == []


async def test_whoever_says_nothing_is_shown_out() -> None:
    async with a_site(limits=replace(UNHURRIED, hello_ms=50)) as site, site.page(silent=True) as page:
        assert await page.closed() == 4408


async def test_a_page_that_falls_silent_is_closed_and_one_with_a_heartbeat_is_not() -> None:
    async with (
        a_site(limits=replace(UNHURRIED, silence_ms=2_000)) as site,
        site.page() as silent,
        site.page() as alive,
    ):
        for _ in range(3):
            await alive.say(type="ping")
            await alive.next("pong")
        assert await silent.closed() == 4408


async def test_a_flood_of_messages_is_slowed_down_and_none_is_lost(site: Site) -> None:
    async with site.page() as page:
        token = (await page.next("welcome"))["token"]
        for n in range(20):
            assert (await page.write(f"m{n}", "Hello"))["type"] == "ack"
        refused = await page.write("m20", "Hello")
        assert (refused["code"], refused["id"], refused["retry_after_ms"]) == ("slow_down", "m20", 200)
        async with site.page(token=token) as another:
            assert (await another.write("m21", "Hello"))["code"] == "slow_down"
        site.hub.now_at += 200
        assert (await page.write("m20", "Hello"))["type"] == "ack"
    assert len(site.hub.events) == 21


async def test_a_flood_of_frames_ends_the_connection(site: Site) -> None:
    async with site.page() as page:
        with suppress(ConnectionClosed):  # it may be before we are through
            for _ in range(200):
                await page.say(type="typing")
        assert await page.closed() == 1008


async def test_a_sixth_page_of_one_visitor_takes_the_place_of_the_oldest(site: Site) -> None:
    async with site.page() as first:
        token = (await first.next("welcome"))["token"]
        pages = [site.page(token=token) for _ in range(5)]
        opened = [await page.__aenter__() for page in pages]
        assert await first.closed() == 4409
        assert (await opened[-1].write("m1", "Hello"))["type"] == "ack"
        for page in opened:
            await page.line("Hello")
        for context in pages:
            await context.__aexit__(None, None, None)


async def test_a_full_house_asks_to_come_later() -> None:
    async with a_site(limits=replace(UNHURRIED, connections=1)) as site, site.page() as page:
        await page.state("none")
        async with site.page(silent=True) as late:
            assert await late.closed() == 1013
        await page.say(type="ping")
        await page.next("pong")


async def test_a_page_that_does_not_read_is_given_up_and_others_are_served() -> None:
    async with a_site(limits=replace(UNHURRIED, write_ms=100)) as site:
        with sockets.socket() as narrow:
            narrow.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4_096)
            narrow.connect(site.host_and_port)
            async with site.page(sock=narrow) as slow:
                token = (await slow.next("welcome"))["token"]
                thread = f"{token.split('.')[0]}/support/1"
                for _ in range(6_000):
                    site.hub.say(thread, LONGEST)
                async with site.page() as other:
                    assert (await other.write("m1", "Hello"))["type"] == "ack"
                    while site.hub.watching(thread):
                        await other.say(type="ping")
                        await other.next("pong")
                        site.hub.now_at += 1_000
                slow.connection.transport.abort()


# --- whose page ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "allowed, origin, let_in",
    [
        ("*", "https://anything.example", True),
        ("*", "null", True),
        ("https://shop.example", "https://shop.example", True),
        ("https://shop.example", "https://SHOP.example:443", True),
        ("https://shop.example", "http://shop.example", False),
        ("https://shop.example", "https://shop.example:8443", False),
        ("https://shop.example", "https://shop.example.evil.example", False),
        ("https://shop.example", "https://evil-shop.example", False),
        ("https://shop.example", "https://www.shop.example", False),
        ("https://shop.example", "null", False),
        ("https://shop.example", "file://", False),
        ("https://shop.example", "https://[", False),
        ("https://*.shop.example", "https://www.shop.example", True),
        ("https://*.shop.example", "https://a.b.shop.example", True),
        ("https://*.shop.example", "https://shop.example", False),
        ("https://*.shop.example", "https://evilshop.example", False),
        ("http://localhost:3000", "http://localhost:3000", True),
        ("http://localhost:3000", "http://localhost:3001", False),
    ],
)
async def test_only_pages_of_the_listed_origins_are_let_in(allowed: str, origin: str, let_in: bool) -> None:
    config = {"entries": {"support": {"origins": [allowed]}}}
    async with a_site(config) as site, site.page(origin=origin) as page:
        if let_in:
            await page.next("welcome")
        else:
            assert await page.closed() == 4403
            assert [f["code"] for f in page.frames] == ["origin"]


async def test_an_entry_that_does_not_exist_is_no_door(site: Site) -> None:
    async with site.page(entry="vip") as page:
        assert await page.closed() == 4403
        assert [f["code"] for f in page.frames] == ["unknown_entry"]


@pytest.mark.parametrize(
    "config, named",
    [
        ({"entries": {}}, "entries"),
        ({"entries": ["support"]}, "entries"),
        ({"entries": {"support": {"origins": "https://shop.example"}}}, "origins"),
        ({"entries": {"support": {"origins": []}}}, "origins"),
        ({"entries": {"support": {"origins": ["shop.example"]}}}, "shop.example"),
        ({"entries": {"support": {"origins": ["https://shop.example/path"]}}}, "path"),
        ({"entries": {"support": {"origins": [7]}}}, "7"),
        ({"entries": {"sup/port": {}}}, "sup/port"),
        ({"entries": {"support": "yes"}}, "support"),
        ({"entries": {"support": {"greeting": 7}}}, "greeting"),
    ],
)
async def test_a_mistake_in_the_configuration_closes_the_channel_and_is_named(
    config: dict[str, Any], named: str
) -> None:
    state, reason = a_channel(config).state()
    assert state == "off"
    assert named in reason
    async with a_site(config) as site, site.page(silent=True) as page:
        assert await page.closed() == 1013


def test_the_default_entry_is_support_for_any_page() -> None:
    [entry] = read_entries({}).values()
    assert (entry.name, entry.origins) == ("support", ("*",))


@pytest.mark.parametrize(
    "language, greeting",
    [("zh-CN", "你好"), ("zh", "你好"), ("en-GB", "Hi"), ("fr", "Hi"), ("", "Hi"), ("pt-BR", "Oi")],
)
async def test_the_greeting_comes_in_the_visitors_language(language: str, greeting: str) -> None:
    texts = {"en": "Hi", "zh": "你好", "pt-BR": "Oi"}
    config = {"entries": {"support": {"greeting": texts, "name": "Repairs", "ask_name": True}}}
    async with a_site(config) as site, site.page(language=language) as page:
        welcome = await page.next("welcome")
    assert (welcome["greeting"], welcome["title"], welcome["ask_name"]) == (greeting, "Repairs", True)


def test_no_greeting_is_the_widgets_own() -> None:
    assert in_language({}, "en") == ""


# --- the arithmetic -----------------------------------------------------------------------------------------


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    bucket = Bucket(rate=5, burst=3, now=0)
    assert [bucket.take(0) for _ in range(4)] == [0, 0, 0, 200]
    assert bucket.take(100) == 100
    assert bucket.take(200) == 0
    assert [bucket.take(10_000) for _ in range(4)] == [0, 0, 0, 200]


def test_a_clock_that_goes_back_gives_a_bucket_nothing_and_locks_nobody_out() -> None:
    bucket = Bucket(rate=5, burst=1, now=1_000_000)
    assert bucket.take(1_000_000) == 0
    assert bucket.take(0) == 200
    assert bucket.take(200) == 0


def test_one_address_brings_thirty_new_visitors_a_minute() -> None:
    openings = Openings(Limits())
    assert [openings.take("192.0.2.1", 0) for _ in range(31)] == [True] * 30 + [False]
    assert openings.take("192.0.2.2", 0)
    assert openings.take("192.0.2.1", 2_000)
    assert [openings.take(f"2001:db8::{n:x}", 0) for n in range(31)][-1] is False
    assert openings.take("2001:db8:0:1::1", 0)
    for here in ("127.0.0.1", "::1", ""):
        assert all(openings.take(here, 0) for _ in range(100))


def test_addresses_are_remembered_in_bounded_number() -> None:
    openings = Openings(replace(Limits(), addresses=3, openings_per_minute=1))
    for n in range(10):
        openings.take(f"192.0.2.{n}", 0)
    assert not openings.take("192.0.2.9", 0)
    assert openings.take("192.0.2.0", 0)


async def test_a_new_visitor_too_many_is_turned_away_and_a_known_one_let_in() -> None:
    limits = replace(UNHURRIED, openings_per_minute=1)
    async with a_site(limits=limits) as site:
        site.from_address = "192.0.2.1"
        async with site.page() as page:
            token = (await page.next("welcome"))["token"]
        async with site.page() as page:
            assert await page.closed() == 1013
        async with site.page(token=token) as page:
            assert (await page.next("welcome"))["fresh"] is False


@pytest.mark.parametrize("text", ["\ud800", '"\ud800"', "\0", "{" * 10_000, '{"type":"\\ud800"}'])
def test_reading_raises_nothing_but_bad_frame(text: str) -> None:
    with pytest.raises(BadFrame):
        read(text, Limits())
