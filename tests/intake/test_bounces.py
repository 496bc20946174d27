"""What mail servers far away say of our letters, and who hears of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from contact_center.domain.events import DeliveryChanged
from tests.hub import TestHub
from tests.intake.test_whose_letter import BOB, LENA, answered, mailroom, over


async def states(hub: TestHub) -> dict[str, str]:
    return {row["payload"]["recipient"]["value"]: row["state"] for row in await hub.rows("outbox")}


async def trouble(hub: TestHub, address: str = LENA) -> str:
    (customer,) = [each for each in (await hub.get("customers"))["items"] if _at(each, address)]
    (point,) = (await hub.get(f"customers/{customer['id']}"))["points"]
    assert (point["trouble_at"] > 0) == bool(point["trouble"])
    return str(point["trouble"])


def _at(customer: dict[str, Any], address: str) -> bool:
    return any(point["value"] == address for point in customer["points"])


async def test_a_letter_that_came_back_is_told_to_whoever_has_the_case(database_url: str, tmp_path: Path) -> None:
    async with mailroom(database_url, tmp_path) as (hub, post, mei):
        lenas, _, our_id = await answered(post, mei)
        await post.leave()
        await post.bounces(our_id, LENA)
        await mei.work(lenas, lambda w: w.undelivered == 1)
        changed = await mei.line("delivery.changed", lambda e: e.body["state"] == "failed")
        assert "no such user" in changed.body["reason"]
        assert await states(hub) == {LENA: "failed"}
        assert "no such user" in await trouble(hub)
        assert len(await hub.interactions()) == 1, "a bounce makes no case of its own"
        # Told twice, nothing more happens; and whoever writes from there is there.
        before = len([e for e in await hub.log() if isinstance(e.body, DeliveryChanged)])
        await post.bounces(our_id, LENA)
        assert len([e for e in await hub.log() if isinstance(e.body, DeliveryChanged)]) == before
        await post.comes(LENA, "I moved back", answers=our_id)
        assert await trouble(hub) == ""


async def test_what_is_only_late_has_not_failed(database_url: str, tmp_path: Path) -> None:
    async with mailroom(database_url, tmp_path) as (hub, post, mei):
        lenas, _, our_id = await answered(post, mei)
        await post.leave()
        await post.bounces(our_id, LENA, action="delayed", status="4.4.1")
        report = await mei.line("delivery.reported")
        assert report.body["status"] == "delayed"
        assert await states(hub) == {LENA: "accepted"}
        assert (await trouble(hub), (await hub.record(lenas)).undelivered) == ("", [])


async def test_a_full_mailbox_fails_and_is_no_fault_of_the_address(database_url: str, tmp_path: Path) -> None:
    async with mailroom(database_url, tmp_path) as (hub, post, mei):
        _, _, our_id = await answered(post, mei)
        await post.leave()
        await post.bounces(our_id, LENA, status="5.2.2")
        assert await states(hub) == {LENA: "failed"}
        assert await trouble(hub) == ""


async def test_a_bounce_brings_a_closed_case_back_to_somebody(database_url: str, tmp_path: Path) -> None:
    async with mailroom(database_url, tmp_path) as (hub, post, mei):
        lenas, case_id, our_id = await answered(post, mei)
        await post.leave()
        await over(mei, lenas)
        await post.bounces(our_id, LENA)
        work = await mei.accept(lenas)
        assert (work.case_id, work.undelivered, work.case_status) == (case_id, 1, "open")
        await over(mei, lenas)
        await post.bounces(our_id, LENA)
        assert (await hub.record(lenas)).state == "ended", "it was seen"


async def test_of_a_letter_to_several_the_one_it_did_not_reach_failed(database_url: str, tmp_path: Path) -> None:
    async with mailroom(database_url, tmp_path) as (hub, post, mei):
        lenas, _, our_id = await answered(post, mei, to=[LENA], cc=[BOB])
        await post.leave()
        await post.bounces(our_id, BOB.upper())
        assert await states(hub) == {LENA: "accepted", BOB: "failed"}
        await mei.work(lenas, lambda w: w.undelivered == 1)
        assert await trouble(hub) == ""


async def test_where_nobody_can_say_whom_of_several_it_did_not_reach_a_person_must(
    database_url: str, tmp_path: Path
) -> None:
    async with mailroom(database_url, tmp_path) as (hub, post, mei):
        lenas, _, our_id = await answered(post, mei, to=[LENA], cc=[BOB])
        await post.leave()
        await over(mei, lenas)
        await post.bounces(our_id, "somebody@else.example")
        assert await states(hub) == {LENA: "uncertain", BOB: "uncertain"}
        work = await mei.accept(lenas)
        assert work.undelivered == 2
        assert await trouble(hub) == ""


async def test_what_was_passed_on_and_came_back_failed_and_blames_no_address(
    database_url: str, tmp_path: Path
) -> None:
    async with mailroom(database_url, tmp_path) as (hub, post, mei):
        _, _, our_id = await answered(post, mei)
        await post.leave()
        await post.bounces(our_id, "lenas.old.home@else.example")
        assert await states(hub) == {LENA: "failed"}
        assert await trouble(hub) == ""


async def test_a_forged_bounce_changes_nothing_and_is_kept(database_url: str, tmp_path: Path) -> None:
    async with mailroom(database_url, tmp_path) as (hub, post, mei):
        lenas, _, our_id = await answered(post, mei)
        await post.leave()
        for forged in (our_id[:12] + "x" + our_id[13:], "<guess@hub.example>"):
            (answer,) = await post.bounces(forged, LENA)
            assert answer.interaction_id not in ("", lenas)
            (event,) = await post.received(answer.interaction_id)
            assert event.body.automatic == "bounce"  # type: ignore[union-attr]
        assert await states(hub) == {LENA: "accepted"}
        assert await trouble(hub) == ""


async def test_a_bounce_that_overtakes_our_own_note_of_sending_counts(database_url: str, tmp_path: Path) -> None:
    async with mailroom(database_url, tmp_path) as (hub, post, mei):
        lenas, _, our_id = await answered(post, mei)
        hub.advance(60_000)
        await mei.line("delivery.changed", lambda e: e.body["state"] == "retry")  # the channel is off: nobody knows
        await post.bounces(our_id, LENA)
        assert await states(hub) == {LENA: "failed"}
        assert (await hub.record(lenas)).undelivered
