"""Who is offered what, through the real doors."""

from __future__ import annotations

from pathlib import Path

from tests.hub import open_test_hub


async def test_a_text_rings_at_a_ready_agent_and_is_answered(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub, hub.at_work("mei") as (mei,):
        await hub.twilio.sms("+4915112345678", "Hello?")
        work = await mei.accept()
        assert work.preview == "Hello?"
        assert work.customer.point == "+4915112345678"
        await mei.command("reply", interaction_id=work.interaction_id, text="Hi!")
        await mei.line("message.sent")
        await mei.command("wrap_up", interaction_id=work.interaction_id, disposition="solved")
        await mei.gone(work.interaction_id)
