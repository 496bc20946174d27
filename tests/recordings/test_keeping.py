"""Every recording comes home once, is heard only by those who may, and goes when the policy says so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from contact_center.domain.events import RecordingKept
from contact_center.domain.time import DAY, HOUR
from contact_center.storage.effects import Due
from tests.channels.twilio_fake import ACCOUNT
from tests.hub import Caller, TestHub, house, open_test_hub
from tests.recordings.provider import Provider, a_provider

LENA = "+4915112345678"
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(range(256)) * 8


@asynccontextmanager
async def hub_with_recordings(
    database_url: str, folder: Path, **config: Any
) -> AsyncIterator[tuple[TestHub, Provider]]:
    async with (
        a_provider() as provider,
        open_test_hub(database_url, folder, config=house(**config), environment=provider.settings) as hub,
    ):
        yield hub, provider


def pass_time(hub: TestHub, ms: int) -> None:
    hub.advance(ms)
    hub.runtime.keeper.due(Due("recording", hub.clock.now))


async def recorded(hub: TestHub, caller: Caller, recording: str, state: str = "completed", **fields: str) -> None:
    """Twilio tells of a recording of the caller's call."""
    form = {
        "CallSid": caller.sid,
        "AccountSid": ACCOUNT,
        "RecordingSid": recording,
        "RecordingStatus": state,
        "RecordingDuration": "7",
        **fields,
    }
    answer = await hub.twilio.post("/twilio_voice/recording?purpose=call", form)
    assert answer.is_success, answer.text


async def a_call(hub: TestHub) -> tuple[Caller, str]:
    caller = hub.twilio.call(LENA)
    await caller.arrive()
    return caller, await hub.only_interaction()


async def row(hub: TestHub, state: str) -> dict[str, Any]:
    """The only recording, once it is in this state."""

    async def there() -> dict[str, Any] | None:
        rows = await hub.rows("recordings")
        return rows[0] if len(rows) == 1 and rows[0]["state"] == state else None

    found: dict[str, Any] = await hub.eventually(there, f"a recording that is {state}")
    return found


async def kept(hub: TestHub, interaction_id: str) -> list[RecordingKept]:
    return [event.body for event in await hub.log(interaction_id) if isinstance(event.body, RecordingKept)]


async def test_a_recording_comes_home_and_its_copy_at_the_provider_goes(database_url: str, tmp_path: Path) -> None:
    async with hub_with_recordings(database_url, tmp_path) as (hub, provider):
        provider.files["RE1"] = WAV
        caller, interaction_id = await a_call(hub)
        await recorded(hub, caller, "RE1")
        found = await row(hub, "stored")
        assert (tmp_path / "recordings" / found["digest"][:2] / found["digest"]).read_bytes() == WAV
        assert found["size"] == len(WAV)
        assert found["duration_ms"] == 7_000
        assert found["keep_until_at"] == hub.clock.now + 90 * DAY
        (told,) = await kept(hub, interaction_id)
        assert (told.state, told.digest, told.size) == ("stored", found["digest"], len(WAV))
        assert (await hub.record(interaction_id)).recordings == {"RE1": "stored"}

        async def erased() -> bool:
            return provider.erased == ["RE1"]

        await hub.eventually(erased, "the provider's copy to be removed")


async def test_the_same_callback_again_stores_nothing_again(database_url: str, tmp_path: Path) -> None:
    async with hub_with_recordings(database_url, tmp_path, recordings={"remove_at_provider": "never"}) as (
        hub,
        provider,
    ):
        provider.files["RE1"] = WAV
        caller, interaction_id = await a_call(hub)
        for _ in range(3):
            await recorded(hub, caller, "RE1")
        await row(hub, "stored")
        for _ in range(3):
            await recorded(hub, caller, "RE1")
        pass_time(hub, 10 * 60_000)
        assert len(await kept(hub, interaction_id)) == 1
        assert provider.asked == {"RE1": 1}
        assert provider.erased == [], "the policy says that the provider keeps its copy"


async def test_a_file_that_is_not_there_yet_is_asked_for_again(database_url: str, tmp_path: Path) -> None:
    async with hub_with_recordings(database_url, tmp_path) as (hub, provider):
        caller, interaction_id = await a_call(hub)
        await recorded(hub, caller, "RE1")

        async def asked_twice() -> bool:
            pass_time(hub, 5_000)
            return provider.asked.get("RE1", 0) >= 2

        await hub.eventually(asked_twice, "a second attempt")
        assert (await hub.rows("recordings"))[0]["state"] == "wanted"
        assert await kept(hub, interaction_id) == []
        provider.files["RE1"] = WAV

        async def stored() -> bool:
            pass_time(hub, 60_000)
            return (await hub.rows("recordings"))[0]["state"] == "stored"

        await hub.eventually(stored, "the recording to come home")


async def test_what_never_comes_is_missing_after_a_day_for_everybody_to_see(
    database_url: str, tmp_path: Path
) -> None:
    async with hub_with_recordings(database_url, tmp_path) as (hub, _):
        caller, interaction_id = await a_call(hub)
        began = hub.clock.now
        await recorded(hub, caller, "RE1")

        async def given_up() -> bool:
            pass_time(hub, HOUR)
            return (await hub.rows("recordings"))[0]["state"] == "missing"

        await hub.eventually(given_up, "the recording to be given up")
        assert hub.clock.now - began >= 24 * HOUR
        (told,) = await kept(hub, interaction_id)
        assert told.state == "missing"
        assert told.reason
        assert (await hub.record(interaction_id)).recordings == {"RE1": "missing"}
        (item,) = (await hub.get("recordings", interaction_id=interaction_id))["items"]
        assert (item["state"], item["href"]) == ("missing", "")
        assert item["reason"]
        assert (await hub.get("recordings", state="missing"))["items"] == [item]
        assert (await hub.get("recordings", state="stored"))["items"] == []
        agent = {"Cookie": f"cch_session={await hub.cookie_of('mei')}"}
        assert (await hub.anonymous.get("/api/v1/recordings?state=missing", headers=agent)).status_code == 403


async def test_a_recording_that_the_provider_says_there_is_none_of_is_missing_at_once(
    database_url: str, tmp_path: Path
) -> None:
    async with hub_with_recordings(database_url, tmp_path) as (hub, _):
        caller, _ = await a_call(hub)
        await recorded(hub, caller, "RE1")
        await recorded(hub, caller, "RE1", "absent")

        async def given_up() -> bool:
            pass_time(hub, 1_000)
            return (await hub.rows("recordings"))[0]["state"] == "missing"

        await hub.eventually(given_up)


async def test_after_its_days_the_hubs_own_copy_goes_too(database_url: str, tmp_path: Path) -> None:
    async with hub_with_recordings(database_url, tmp_path, recordings={"keep_days": 30}) as (hub, provider):
        provider.files["RE1"] = WAV
        caller, interaction_id = await a_call(hub)
        await recorded(hub, caller, "RE1")
        digest = (await row(hub, "stored"))["digest"]
        path = tmp_path / "recordings" / digest[:2] / digest
        pass_time(hub, 29 * DAY)
        assert path.exists()
        pass_time(hub, 2 * DAY)
        await row(hub, "removed")

        async def gone() -> bool:
            return not path.exists()

        await hub.eventually(gone, "the bytes to go")
        assert [told.state for told in await kept(hub, interaction_id)] == ["stored", "removed"]
        assert (await hub.http.get("/api/v1/recordings/RE1")).status_code == 404


async def test_bytes_that_another_recording_still_needs_stay(database_url: str, tmp_path: Path) -> None:
    async with hub_with_recordings(database_url, tmp_path, recordings={"keep_days": 30}) as (hub, provider):
        provider.files |= {"RE1": WAV, "RE2": WAV}
        caller, _ = await a_call(hub)
        await recorded(hub, caller, "RE1")
        digest = (await row(hub, "stored"))["digest"]
        hub.advance(10 * DAY)
        await recorded(hub, caller, "RE2")

        async def states() -> set[str]:
            return {each["state"] for each in await hub.rows("recordings")}

        async def both() -> bool:
            return await states() == {"stored"} and len(await hub.rows("recordings")) == 2

        await hub.eventually(both)
        pass_time(hub, 21 * DAY)

        async def first_removed() -> bool:
            return await states() == {"stored", "removed"}

        await hub.eventually(first_removed)
        assert (tmp_path / "recordings" / digest[:2] / digest).exists()
        assert (await hub.http.get("/api/v1/recordings/RE2")).content == WAV


async def test_a_hub_that_was_restarted_goes_on_fetching(database_url: str, tmp_path: Path) -> None:
    async with a_provider() as provider:
        config = house()
        async with open_test_hub(database_url, tmp_path, config=config, environment=provider.settings) as hub:
            caller, _ = await a_call(hub)
            await recorded(hub, caller, "RE1")
            clock = hub.clock

            async def asked() -> bool:
                return provider.asked.get("RE1", 0) >= 1

            await hub.eventually(asked)
        provider.files["RE1"] = WAV
        clock.now += 10 * 60_000
        async with open_test_hub(
            database_url, tmp_path, clock=clock, config=config, environment=provider.settings
        ) as hub:
            await row(hub, "stored")


@pytest.mark.parametrize(
    ("asked", "status", "body"),
    [
        ("", 200, WAV),
        ("bytes=0-3", 206, WAV[:4]),
        ("bytes=-5", 206, WAV[-5:]),
        (f"bytes=10-{len(WAV) * 2}", 206, WAV[10:]),
        (f"bytes={len(WAV) + 5}-", 416, None),
    ],
)
async def test_a_part_of_it_can_be_asked_for(
    asked: str, status: int, body: bytes | None, database_url: str, tmp_path: Path
) -> None:
    async with hub_with_recordings(database_url, tmp_path) as (hub, provider):
        provider.files["RE1"] = WAV
        caller, _ = await a_call(hub)
        await recorded(hub, caller, "RE1")
        await row(hub, "stored")
        answer = await hub.http.get("/api/v1/recordings/RE1", headers={"range": asked} if asked else {})
        assert answer.status_code == status
        if body is not None:
            assert answer.content == body
            assert answer.headers["content-type"].startswith("audio/x-wav")
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "sandbox" in answer.headers["content-security-policy"]
            assert answer.headers["cache-control"] == "private, no-store"
            assert answer.headers["content-disposition"] == 'inline; filename="RE1.wav"'


async def test_only_who_served_the_call_or_supervises_may_hear_it(
    database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with hub_with_recordings(database_url, tmp_path) as (hub, provider):
        provider.files["RE1"] = WAV
        async with hub.at_work("mei") as (mei,):
            caller, interaction_id = await a_call(hub)
            await mei.accept(interaction_id)
            await recorded(hub, caller, "RE1")
            await row(hub, "stored")
        heard = {}
        for who in ("mei", "jonas", "sana"):
            cookies = {"Cookie": f"cch_session={await hub.cookie_of(who)}"}
            one = await hub.anonymous.get("/api/v1/recordings/RE1", headers=cookies)
            several = await hub.anonymous.get(
                "/api/v1/recordings", params={"interaction_id": interaction_id}, headers=cookies
            )
            heard[who] = (one.status_code, several.status_code)
        assert heard == {"mei": (200, 200), "jonas": (404, 404), "sana": (200, 200)}
        assert (await hub.anonymous.get("/api/v1/recordings/RE1")).status_code == 401
        for name in ("RE2", "..%2F..%2Fhub.db", "x" * 300):
            assert (await hub.http.get(f"/api/v1/recordings/{name}")).status_code == 404
    said = capsys.readouterr().out
    assert said.count("recording_heard") == 2
    assert "recording_refused" in said
