"""Mailboxes that are opened by OAuth 2: fresh tokens in time, asked for once, and never shown to anybody."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from channels.contract import Busy, Retry
from channels.email.fetch import Pace
from channels.email.oauth import AccessTokens, Grant, NoToken
from tests.channels.email.oauth_server import TokenServer
from tests.channels.email.scripted_imap import ScriptedImap
from tests.channels.email.servers import SmtpServer
from tests.channels.email.test_compose import ORDER
from tests.channels.email.test_fetch import box_of, channel_of, listening, mail, subjects
from tests.channels.fake_hub import FakeHub
from tests.hub import until

SECRETS = ("client-secret-1", "refresh-0", "refresh-1", "refresh-2", "access-1", "access-2")
MINUTE = 60_000


@pytest.fixture
async def provider() -> AsyncIterator[TokenServer]:
    server = TokenServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def imap(provider: TokenServer) -> AsyncIterator[ScriptedImap]:
    server = ScriptedImap(capabilities="IMAP4rev1 IDLE AUTH=XOAUTH2 SASL-IR", messages={1: mail(1)})
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def post() -> AsyncIterator[SmtpServer]:
    server = SmtpServer(options={"auth_require_tls": False})
    await server.start()
    yield server
    await server.stop()


class Now:
    def __init__(self) -> None:
        self.at = 1_790_000_000_000

    def __call__(self) -> int:
        return self.at


def tokens_of(provider: TokenServer, now: Now, hub: FakeHub | None = None, secret: bytes = b"s" * 32) -> AccessTokens:
    tokens = AccessTokens(Grant.model_validate(provider.grant), "support@hub.test", secret, now)
    if hub is not None:
        tokens.remembered_by(hub)
    return tokens


# --- the tokens -------------------------------------------------------------------------------------------------


async def test_a_token_is_used_until_two_minutes_before_its_end(provider: TokenServer) -> None:
    now = Now()
    tokens = tokens_of(provider, now)
    assert await tokens.access_token() == "access-1"
    now.at += 57 * MINUTE
    assert await tokens.access_token() == "access-1"
    now.at += 2 * MINUTE
    assert await tokens.access_token() == "access-2"
    form = {"grant_type": "refresh_token", "client_id": "hub", "scope": "mail", "refresh_token": "refresh-0"}
    assert provider.asked[0] == {**form, "client_secret": "client-secret-1"}


async def test_many_who_ask_at_once_make_one_request(provider: TokenServer) -> None:
    provider.delay = 0.02
    tokens = tokens_of(provider, Now())
    assert set(await asyncio.gather(*(tokens.access_token() for _ in range(20)))) == {"access-1"}
    assert len(provider.asked) == 1


async def test_a_token_that_a_server_turned_away_is_not_given_again(provider: TokenServer) -> None:
    tokens = tokens_of(provider, Now())
    first = await tokens.access_token()
    assert await tokens.access_token(refused=first) == "access-2"
    assert await tokens.access_token(refused=first) == "access-2"
    assert len(provider.asked) == 2


async def test_a_new_refresh_token_outlives_the_process_and_lies_encrypted(provider: TokenServer) -> None:
    provider.rotating = True
    now, hub = Now(), FakeHub()
    await tokens_of(provider, now, hub).access_token()
    assert provider.refresh == "refresh-1"
    assert not any(secret in kept for kept in hub.memory.values() for secret in SECRETS)
    again = tokens_of(provider, now, hub)
    assert await again.access_token() == "access-1", "it is good still"
    now.at += 60 * MINUTE
    assert await again.access_token() == "access-2"
    assert provider.asked[-1]["refresh_token"] == "refresh-1"


async def test_a_refresh_token_that_another_node_was_given_is_found(provider: TokenServer) -> None:
    provider.rotating = True
    now, hub = Now(), FakeHub()
    one, two = tokens_of(provider, now, hub), tokens_of(provider, now, hub)
    await one.access_token()
    assert await two.access_token() == "access-1", "one of them asked for both"
    now.at += 60 * MINUTE
    await one.access_token()
    assert await two.access_token() == "access-2"
    assert len(provider.asked) == 2


async def test_what_could_not_be_remembered_is_so_later(provider: TokenServer) -> None:
    class Away(FakeHub):
        away = True

        async def remember(self, key: str, value: str) -> None:
            if self.away:
                raise Busy("the store is away")
            await super().remember(key, value)

    provider.rotating = True
    now, hub = Now(), Away()
    tokens = tokens_of(provider, now, hub)
    assert await tokens.access_token() == "access-1"
    hub.away = False
    assert await tokens.access_token() == "access-1"
    now.at += 60 * MINUTE
    assert await tokens_of(provider, now, hub).access_token() == "access-2"


async def test_a_new_consent_counts_before_what_is_remembered_of_the_old_one(provider: TokenServer) -> None:
    provider.rotating = True
    now, hub = Now(), FakeHub()
    await tokens_of(provider, now, hub).access_token()
    provider.refresh = "consented-again"
    grant = Grant.model_validate({**provider.grant, "refresh_token": "consented-again"})
    tokens = AccessTokens(grant, "support@hub.test", b"s" * 32, now)
    tokens.remembered_by(hub)
    assert await tokens.access_token() == "access-2"


async def test_what_another_installation_kept_is_no_use_and_no_harm(provider: TokenServer) -> None:
    now, hub = Now(), FakeHub()
    await tokens_of(provider, now, hub, secret=b"another").access_token()
    assert await tokens_of(provider, now, hub).access_token() == "access-2"
    hub.memory["oauth:support@hub.test"] = "no base64 at all!"
    assert await tokens_of(provider, now, hub).access_token() == "access-3"


async def test_a_refusal_is_told_without_secrets_and_the_provider_left_alone_for_a_while(
    provider: TokenServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    provider.refresh = "withdrawn"
    now = Now()
    tokens = tokens_of(provider, now)
    for _ in range(3):
        with pytest.raises(NoToken) as refused:
            await tokens.access_token()
        assert "invalid_grant: the token … of … was used" in refused.value.reason
    assert len(provider.asked) == 1
    provider.refresh = "refresh-0"
    now.at += 31_000
    assert await tokens.access_token() == "access-1"
    assert not any(secret in caplog.text for secret in SECRETS)


@pytest.mark.parametrize(
    "answer, said",
    [
        ((200, "<html>"), "refuses: status 200"),
        ((200, "[]"), "refuses: status 200"),
        ((200, "{}"), "without an access token"),
        ((200, '{"access_token": "a\\nb"}'), "without an access token"),
        ((200, '{"access_token": 5}'), "without an access token"),
        ((503, "later"), "refuses: status 503"),
        ((302, ""), "refuses: status 302"),
        ((400, '{"error": ["x"]}'), "refuses: status 400"),
        ((200, "x" * 100_000), "too much"),
    ],
)
async def test_an_answer_that_is_none_is_a_clear_error(
    provider: TokenServer, answer: tuple[int, str], said: str
) -> None:
    provider.failing = answer
    with pytest.raises(NoToken, match=said):
        await tokens_of(provider, Now()).access_token()


@pytest.mark.parametrize("life", [None, "3600", 0, -5, "soon", 10**12])
async def test_a_token_of_any_length_of_life_is_used_once_at_least(provider: TokenServer, life: object) -> None:
    provider.expires_in = life
    assert await tokens_of(provider, Now()).access_token() == "access-1"


async def test_a_provider_that_is_away_is_a_clear_error(provider: TokenServer) -> None:
    await provider.stop()
    with pytest.raises(NoToken, match="can't be reached"):
        await tokens_of(provider, Now()).access_token()


@pytest.mark.parametrize("url", ["http://login.example.com/token", "https://", "ftp://x", "https://u:p@x.example/t"])
def test_a_token_server_is_asked_over_a_safe_road_alone(provider: TokenServer, url: str) -> None:
    with pytest.raises(ValueError, match="token_url"):
        Grant.model_validate({**provider.grant, "token_url": url})


# --- opening mailboxes with them -----------------------------------------------------------------------------


async def test_a_mailbox_is_opened_and_its_letters_sent_with_one_token(
    provider: TokenServer, imap: ScriptedImap, post: SmtpServer
) -> None:
    imap.tokens = post.tokens = {"access-1"}
    box = box_of(imap, imap_url=f"imap://127.0.0.1:{imap.port}", smtp_url=post.url, oauth=provider.grant)
    channel, hub = channel_of(box), FakeHub()
    async with listening(channel, hub):
        await hub.expect(lambda h: h.events)
        await channel.send(ORDER)
    assert subjects(hub) == ["mail 1"]
    assert len(post.received) == 1
    assert not any("LOGIN" in command for command in imap.commands)
    assert len(provider.asked) == 1


async def test_a_letter_leaves_though_its_token_was_withdrawn(provider: TokenServer, post: SmtpServer) -> None:
    post.tokens = {"access-2"}
    box = {"address": "support@hub.test", "imap_url": "imap://127.0.0.1:1", "smtp_url": post.url}
    channel = channel_of({**box, "oauth": provider.grant})
    await channel.send(ORDER)
    assert len(post.received) == 1
    post.tokens = set()
    with pytest.raises(Retry, match="refuses the login"):
        await channel.send(ORDER)


@pytest.mark.parametrize("how", ["challenge", "no", "silent"])
async def test_a_token_withdrawn_before_its_time_is_replaced_at_once(
    provider: TokenServer, imap: ScriptedImap, how: str
) -> None:
    imap.tokens, imap.refusing = {"access-2"}, how
    hub = FakeHub()
    pace = Pace(300, 2 if how == "silent" else 60, 300, 300)  # no time to try again in
    channel = channel_of(box_of(imap, imap_url=f"imap://127.0.0.1:{imap.port}", oauth=provider.grant), pace=pace)
    async with listening(channel, hub):
        await hub.expect(lambda h: h.events)
    assert provider.given == ["access-1", "access-2"]
    assert imap.logins == 2
    assert hub.reports[0] == ("ready", "")


async def test_a_consent_that_was_withdrawn_is_said_and_mended_without_a_restart(
    provider: TokenServer, imap: ScriptedImap, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    imap.tokens, hub = {"access-1"}, FakeHub()
    provider.refresh = "another"
    box = box_of(imap, imap_url=f"imap://127.0.0.1:{imap.port}", oauth=provider.grant)
    channel = channel_of(box, pace=Pace(30, 60, 0.05, 0.1, refused=0.1))
    channel._access["support@hub.test"]._now = Hurried()
    async with listening(channel, hub):
        await hub.expect(lambda h: h.reports and h.reports[-1][0] == "degraded")
        assert "refuses: invalid_grant" in channel.state()[1]
        assert imap.connections == 0, "the mail server isn't bothered without a token"
        provider.refresh = "refresh-0"
        await hub.expect(lambda h: h.events)
        await hub.expect(lambda h: h.reports[-1] == ("ready", ""))
    told = caplog.text + str(hub.reports)
    assert not any(secret in told for secret in SECRETS)


class Hurried(Now):
    """Half a minute passes each time that somebody looks."""

    def __call__(self) -> int:
        self.at += 30_000
        return self.at


async def test_a_mail_server_that_takes_no_token_is_not_hammered(provider: TokenServer, imap: ScriptedImap) -> None:
    hub = FakeHub()
    box = box_of(imap, imap_url=f"imap://127.0.0.1:{imap.port}", oauth=provider.grant)
    async with listening(channel_of(box, pace=Pace(30, 60, 0.01, 0.02, refused=60)), hub):
        await until(lambda: imap.logins >= 10)
        await asyncio.sleep(0.1)  # five more would have their time
    assert imap.logins == 10, "five tries, each once more with a fresh token"
    assert "refuses the login of support@hub.test" in hub.reports[-1][1]


@pytest.mark.parametrize("answer", ["NO wrong", "ZZ99 OK who is that", "BAD \xe4\xf6"])
async def test_nothing_of_a_password_is_logged_by_anybody(
    imap: ScriptedImap, caplog: pytest.LogCaptureFixture, answer: str
) -> None:
    caplog.set_level(logging.DEBUG)
    imap.instead["LOGIN"] = answer
    hub = FakeHub()
    box = box_of(imap, imap_url=f"imap://127.0.0.1:{imap.port}", imap_user="u", imap_password='hunter"2\\')
    async with listening(channel_of(box), hub):
        await hub.expect(lambda h: h.reports)
    assert "hunter" in " ".join(imap.commands)
    assert "hunter" not in caplog.text + str(hub.reports)
