"""Addresses that strangers wrote lead to the public net and nowhere else, soon and in little."""

from __future__ import annotations

import gzip
import re
import tracemalloc
from pathlib import Path

import pytest

from contact_center.fetching.fetch import Fetcher, NotFetched
from contact_center.fetching.places import NotAllowedThere, is_public, place_of
from tests.fetching.evil_server import PNG, PUBLIC, answer, evil_net

ROOT = Path(__file__).resolve().parents[2]

INSIDE = [
    "http://127.0.0.1/x.png",
    "http://2130706433/x.png",
    "http://0177.0.0.1/x.png",
    "http://0x7f.1/x.png",
    "http://0x7f000001/x.png",
    "http://127.1/x.png",
    "http://0/x.png",
    "http://[::1]/x.png",
    "http://[::ffff:127.0.0.1]/x.png",
    "http://[::ffff:7f00:1]/x.png",
    "http://[::127.0.0.1]/x.png",
    "http://[64:ff9b::7f00:1]/x.png",
    "http://[64:ff9b:1::7f00:1]/x.png",
    "http://[2002:7f00:1::]/x.png",
    "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/x.png",
    "http://[fec0::1]/x.png",
    "http://[fe80::1]/x.png",
    "http://[fc00::1]/x.png",
    "http://[ff02::1]/x.png",
    "http://10.0.0.1/x.png",
    "http://172.16.0.1/x.png",
    "http://192.168.1.1/x.png",
    "http://100.64.0.1/x.png",
    "http://169.254.169.254/latest/meta-data/",
    "http://224.0.0.1/x.png",
    "http://255.255.255.255/x.png",
    "http://localhost/x.png",
    "http://localhost./x.png",
    "http://LOCALHOST/x.png",
    "http://①②⑦.⓪.⓪.①/x.png",
    "http://127。0。0。1/x.png",
]
MALFORMED = [
    "http://user@127.0.0.1/x.png",
    "http://images.example@127.0.0.1/x.png",
    "http://images.example:80@127.0.0.1/x.png",
    "http://images.example\\@127.0.0.1/x.png",
    "http://images.example:22/x.png",
    "http://images.example:443/x.png",
    "https://images.example:80/x.png",
    "http://images.example:99999/x.png",
    "ftp://images.example/x.png",
    "file:///etc/passwd",
    "gopher://images.example/_x",
    "//images.example/x.png",
    "http:///x.png",
    "http://",
    "",
    "http://[::1/x.png",
    "http://images.example/\r\nHost: inside/x.png",
    "http://" + "a" * 300 + ".example/x.png",
]


@pytest.mark.parametrize("url", INSIDE)
async def test_no_address_leads_inside(url: str) -> None:
    async with evil_net() as (_, net):
        net.name("localhost", "127.0.0.1")
        with pytest.raises(NotFetched):
            await net.fetcher().image(url)


@pytest.mark.parametrize("url", MALFORMED)
async def test_what_is_no_plain_address_is_not_even_looked_up(url: str) -> None:
    async with evil_net() as (_, net):
        with pytest.raises(NotFetched):
            await net.fetcher().image(url)
        assert net.asked == []


async def test_an_image_comes_from_where_it_is_said_to_be_and_nobody_learns_who_asks() -> None:
    async with evil_net() as (evil, net):
        fetched = await net.fetcher().image("http://images.example/a.png")
        assert fetched.data == PNG
        assert fetched.media_type == "image/png"
        (request,) = evil.requests
        told = request.decode().lower()
        assert "host: images.example\r\n" in told
        for word in ("cookie", "referer", "authorization", "hub", "contact"):
            assert word not in told


async def test_every_address_of_a_host_must_be_public() -> None:
    async with evil_net() as (_, net):
        net.name("mixed.example", [PUBLIC, "127.0.0.1"])
        net.name("nowhere.example", [])
        for host in ("mixed.example", "nowhere.example"):
            with pytest.raises(NotFetched):
                await net.fetcher().image(f"http://{host}/a.png")


async def test_a_name_that_means_something_else_a_moment_later_changes_nothing() -> None:
    async with evil_net() as (evil, net):
        net.name("rebinding.example", PUBLIC, "127.0.0.1")
        assert (await net.fetcher().image("http://rebinding.example/a.png")).data == PNG
        assert net.asked == ["rebinding.example"], "one look-up, and the connection goes where it said"
        with pytest.raises(NotFetched):
            await net.fetcher().image("http://rebinding.example/a.png")
        assert len(evil.requests) == 1


@pytest.mark.parametrize("url", [*INSIDE, *(u for u in MALFORMED if not re.search(r"^$|^//|:///?$|///x|\n", u))])
async def test_a_redirect_leads_inside_as_little(url: str) -> None:
    async with evil_net() as (evil, net):
        net.name("localhost", "127.0.0.1")
        evil.answers["/r"] = b"HTTP/1.1 302 Found\r\nLocation: " + url.encode() + b"\r\nContent-Length: 0\r\n\r\n"
        with pytest.raises(NotFetched):
            await net.fetcher().image("http://images.example/r")
        assert len(evil.requests) == 1


async def test_three_redirects_are_followed_and_no_more() -> None:
    async with evil_net() as (evil, net):
        for n in range(4):
            evil.answers[f"/{n}"] = answer("302 Found", b"", Location=f"/{n - 1}" if n else "/a.png")
        assert (await net.fetcher().image("http://images.example/2")).data == PNG
        with pytest.raises(NotFetched, match="without end"):
            await net.fetcher().image("http://images.example/3")


@pytest.mark.parametrize("path", ["/drip", "/headers", "/flood"])
async def test_a_server_that_never_ends_is_left(path: str) -> None:
    async with evil_net() as (evil, net):
        tracemalloc.start()
        with pytest.raises(NotFetched):
            await net.fetcher(seconds=0.5, max_bytes=500_000).image(f"http://images.example{path}")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 20_000_000
        assert evil.sent < 20_000_000


@pytest.mark.parametrize(
    "wire",
    [
        answer("200 OK", b"<svg onload=alert(1)>", Content_Type="image/svg+xml"),
        answer("200 OK", b"<script>", Content_Type="text/html"),
        answer("200 OK", b"x", Content_Type=""),
        answer("200 OK", gzip.compress(bytes(10_000_000)), Content_Encoding="gzip"),
        answer("200 OK", PNG, Content_Length="99999999999"),
        answer("200 OK", PNG, Content_Length="5000"),
        answer("200 OK", PNG, Content_Length="-1"),
        answer("500 Oops", PNG),
        answer("302 Found", b""),
        b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
    ],
    ids=["svg", "html", "untyped", "bomb", "huge", "lying", "negative", "error", "astray", "chunk", "ssh", "silent"],
)
async def test_what_is_no_image_is_refused(wire: bytes) -> None:
    async with evil_net() as (evil, net):
        evil.answers["/x"] = wire
        with pytest.raises(NotFetched):
            await net.fetcher(seconds=2).image("http://images.example/x")


async def test_a_host_that_nobody_knows_is_an_answer_and_no_fault() -> None:
    with pytest.raises(NotFetched):
        await Fetcher(seconds=3).image("http://nothing.invalid/a.png")


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:93.184.215.14"]
)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


def test_an_address_is_written_in_one_way() -> None:
    assert place_of("HTTP://Images.Example./a b.png?x=ü#top").url == "http://images.example/a%20b.png?x=%C3%BC"
    assert place_of("/b.png", "https://images.example/c/d.png").url == "https://images.example/b.png"
    assert place_of("http://bücher.example/").host == "xn--bcher-kva.example"
    with pytest.raises(NotAllowedThere):
        place_of("javascript:alert(1)")


KNOWN = {
    "contact_center/fetching/fetch.py": "what strangers wrote (the type alone)",
    "contact_center/fetching/hop.py": "what strangers wrote",
    "contact_center/telephony/services.py": "services that the operator configured",
    "contact_center/fallback/hand_over.py": "the hub itself",
    "contact_center/offline.py": "the hub itself",
    "contact_center/flow_commands.py": "the hub itself",
    "contact_center/mail_commands.py": "the hub itself",
    "contact_center/moving_mail.py": "the hub itself",
    "contact_center/search_commands.py": "the hub itself",
    "contact_center/recognition_commands.py": "the hub itself",
    "contact_center/routing_commands.py": "the hub itself",
    "channels/twilio_rest.py": "the provider",
    "channels/email/oauth.py": "the mailbox's provider, as the operator configured it",
}
"""Who may speak HTTP, and with whom. A new line here is a decision: addresses that strangers wrote go through
``fetching`` alone."""
_CLIENT = re.compile(
    r"^\s*(?:import|from)\s+(?:httpx|httpcore|aiohttp|requests|urllib3|urllib\.request|http\.client)\b", re.MULTILINE
)


def test_nobody_else_fetches_anything() -> None:
    rooms = ("contact_center", "channels", "routing", "ivr_flows")
    files = [file for room in rooms for file in (ROOT / room).rglob("*.py")]
    speaking = {str(f.relative_to(ROOT)) for f in files if _CLIENT.search(f.read_text(encoding="utf-8"))}
    assert {f for f in speaking if not f.startswith("contact_center/sandbox/")} - set(KNOWN) == set()
