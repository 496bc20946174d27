"""The five ways after-call work goes, and how each ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contact_center.domain.time import SECOND
from tests.hub import CommandRefused
from tests.telephony.talking import LENA, Line, Talk, a_line, with_calls


def after_calls(mode: str, seconds: float = 0, **more: Any) -> dict[str, Any]:
    return with_calls({"wrap_up": {"mode": mode, "seconds": seconds, **more}})


async def over(line: Line) -> Talk:
    """A call that the customer has ended."""
    talk = await line.talking(line.desks[0])
    await talk.call.completed()
    return talk


async def ended(talk: Talk) -> Any:
    await talk.desk.gone(talk.id)
    record = await talk.record()
    assert (record.state, record.ended_reason) == ("ended", "wrapped_up")
    assert talk.desk.state.agent.state == "ready", "the agent is free"
    return record


async def status_of(talk: Talk) -> str:
    case_id = (await talk.record()).case_id
    return next(str(row["status"]) for row in await talk.line.hub.rows("cases") if row["id"] == case_id)


async def test_mandatory_work_lasts_until_the_agent_says_how_it_ended(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, "mei", config=after_calls("mandatory")) as line:
        talk = await over(line)
        shown = await talk.shows(lambda w: w.state == "wrap_up")
        assert (shown.wrap_up_mode, shown.wrap_up_until_at) == ("mandatory", 0)
        line.hub.advance(3_600 * SECOND)
        with pytest.raises(CommandRefused, match="disposition"):
            await talk.do("wrap_up", disposition="")
        await talk.do("wrap_up", disposition="solved", case_status="pending")
        assert (await ended(talk)).disposition == "solved"
        assert await status_of(talk) == "pending"


async def test_optional_work_may_end_without_an_outcome(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, "mei", config=after_calls("optional")) as line:
        talk = await over(line)
        await talk.shows(lambda w: w.state == "wrap_up")
        await talk.do("wrap_up", disposition="")
        assert (await ended(talk)).disposition == "none"


async def test_timed_work_ends_by_itself_with_what_the_queue_says(database_url: str, tmp_path: Path) -> None:
    rules = after_calls("timed", 30, disposition="waiting", case_status="open")
    async with a_line(database_url, tmp_path, "mei", config=rules) as line:
        talk = await over(line)
        shown = await talk.shows(lambda w: w.state == "wrap_up")
        assert shown.wrap_up_until_at == line.hub.clock.now + 30 * SECOND
        line.hub.advance(29 * SECOND)
        assert (await talk.record()).state == "wrap_up"
        line.hub.advance(2 * SECOND)
        assert (await ended(talk)).disposition == "waiting"
        assert await status_of(talk) == "open"


async def test_timed_work_may_end_earlier(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, "mei", config=after_calls("timed", 30)) as line:
        talk = await over(line)
        await talk.shows(lambda w: w.state == "wrap_up")
        await talk.do("wrap_up", disposition="solved")
        await ended(talk)
        again = await line.talking(talk.desk)
        line.hub.advance(31 * SECOND)
        assert (await again.record()).state == "assigned", "the deadline was the first call's"


async def test_forced_work_lasts_its_time_and_keeps_what_was_said(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, "mei", config=after_calls("forced", 30)) as line:
        talk = await over(line)
        await talk.shows(lambda w: w.state == "wrap_up")
        await talk.do("wrap_up", disposition="solved", case_status="pending", note="Calls again")
        assert (await talk.record()).state == "wrap_up", "no earlier than its time"
        assert talk.desk.state.agent.state == "wrap_up"
        line.hub.advance(31 * SECOND)
        assert (await ended(talk)).disposition == "solved"
        assert await status_of(talk) == "pending"
        assert (await talk.kinds()).count("wrapped_up") == 1


async def test_who_wraps_up_a_live_call_has_the_forced_time_all_the_same(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, "mei", config=after_calls("forced", 30)) as line:
        talk = await line.talking(line.desks[0])
        await talk.do("wrap_up", disposition="solved")
        await talk.shows(lambda w: w.state == "wrap_up")
        assert talk.desk.state.agent.state == "wrap_up"
        line.hub.advance(31 * SECOND)
        assert (await ended(talk)).disposition == "solved"


async def test_nobody_who_did_not_ask_has_work_after_a_call(database_url: str, tmp_path: Path) -> None:
    rules = after_calls("asked", 20, disposition="solved")
    async with a_line(database_url, tmp_path, "mei", config=rules) as line:
        talk = await over(line)
        assert (await ended(talk)).disposition == "solved"
        assert await status_of(talk) == "closed"


async def test_who_asked_for_it_has_it_for_a_while(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, "mei", config=after_calls("asked", 20)) as line:
        talk = await line.talking(line.desks[0])
        await talk.do("ask_wrap_up", on=True)
        await talk.shows(lambda w: w.wrap_up_asked)
        await talk.do("hang_up")
        await talk.shows(lambda w: w.state == "wrap_up")
        line.hub.advance(21 * SECOND)
        await ended(talk)


async def test_who_asked_and_thought_better_of_it_has_none(database_url: str, tmp_path: Path) -> None:
    async with a_line(database_url, tmp_path, "mei", config=after_calls("asked")) as line:
        talk = await line.talking(line.desks[0])
        await talk.do("ask_wrap_up", on=True)
        await talk.do("ask_wrap_up", on=False)
        await talk.do("hang_up")
        await ended(talk)


async def test_a_deadline_of_after_call_work_survives_a_restart(database_url: str, tmp_path: Path) -> None:
    rules = after_calls("timed", 30)
    async with a_line(database_url, tmp_path, "mei", config=rules) as line:
        talk = await over(line)
        await talk.shows(lambda w: w.state == "wrap_up")
        clock = line.hub.clock
    clock.now += 31 * SECOND
    async with a_line(database_url, tmp_path, "mei", config=rules, clock=clock) as line:
        await line.becomes(talk.id, lambda r: r.state == "ended", "the end of the work")


async def test_a_call_that_we_owe_keeps_its_case_open(database_url: str, tmp_path: Path) -> None:
    """The agent closes the case of a conversation in which they promised to call: it is not closed."""
    async with a_line(database_url, tmp_path, "mei", config=after_calls("mandatory")) as line:
        talk = await line.talking(line.desks[0])
        await talk.do("promise_callback", at=0)
        await talk.call.completed()
        await talk.shows(lambda w: w.state == "wrap_up")
        await talk.do("wrap_up", disposition="solved", case_status="closed")
        offer = await talk.desk.offer()
        assert (offer.task, offer.customer.point) == ("callback", LENA)
        assert await status_of(talk) == "open"
