"""Mail of virtual customers: written, read, seen."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request

from contact_center.domain import contact_points
from contact_center.sandbox.mail import letters
from contact_center.sandbox.mail.post import Post
from contact_center.sandbox.web.asking import Do, Mistake, number, read_json, string, waited
from contact_center.sandbox.world import Row, World


class Mailboxes:
    def __init__(self, world: World, post: Post, closing: asyncio.Event) -> None:
        self.world = world
        self.post = post
        self._closing = closing
        self._briefs: dict[int, Row] = {}

    def answers(self) -> list[tuple[str, str, Do]]:
        return [
            ("POST", "/mail", self.write_letter),
            ("GET", "/mail", self.read_letters),
            ("GET", "/mail/{seq:int}", self.read_letter),
            ("POST", "/mail/{seq:int}/seen", self.see_letter),
        ]

    async def write_letter(self, request: Request) -> Any:
        body = await read_json(request)
        sender = contact_points.email(string(body, "from", 320))
        if sender.kind != "email":
            raise Mistake(422, "from", "from must be an e-mail address.")
        try:
            letter = await self.post.write(
                sender.value,
                str(body.get("name") or "")[:200],
                str(body.get("subject") or "")[:900],
                string(body, "text", 500_000),
                str(body.get("in_reply_to") or "")[:998],
                str(body.get("to") or ""),
            )
        except (ValueError, OSError) as error:
            raise Mistake(422, "not_sent", str(error)) from None
        return _shown(letter)

    async def read_letters(self, request: Request) -> Any:
        owner = request.query_params.get("to", "").strip().lower()
        after = number(request, "after", 0)

        def found() -> list[Row]:
            held = self.world.letters(owner, 200)
            return [row for row in held if row["folder"] == "inbox" and row["seq"] > after][::-1]

        return {
            "items": [_whole_letter(letter) for letter in await waited(self.world, request, found, self._closing)]
        }

    async def read_letter(self, request: Request) -> Any:
        return _whole_letter(self._letter(request))

    async def see_letter(self, request: Request) -> Any:
        letter = self._letter(request)
        self.world.see_letter(letter["owner"], letter["seq"])
        return {}

    def _letter(self, request: Request) -> Row:
        owner = request.query_params.get("to", "").strip().lower()
        letter = self.world.letter(owner, request.path_params["seq"])
        if letter is None:
            raise Mistake(404, "no_letter", "There is no such letter.")
        return letter

    def briefs(self, address: str) -> list[Row]:
        """The mailbox as a list. A letter never changes, so it is read once for all the times it is shown."""
        shown = []
        for row in self.world.letter_list(address, 50):
            brief = self._briefs.get(row["seq"])
            if brief is None:
                letter = self.world.letter(address, row["seq"])
                if letter is None:
                    continue
                if len(self._briefs) > 2_000:
                    self._briefs.clear()
                brief = self._briefs[row["seq"]] = _shown(letter)
            shown.append({**brief, "seen": bool(row["seen"])})
        return shown


def _shown(row: Row) -> Row:
    letter = letters.read(row["raw"])
    preview = " ".join(letter["text"].split())[:160]
    kept = ("from", "from_name", "to", "subject", "message_id", "in_reply_to")
    shown = {name: letter[name] for name in kept}
    return shown | {
        "seq": row["seq"],
        "at": row["at"],
        "folder": row["folder"],
        "seen": bool(row["seen"]),
        "preview": preview,
        "attachments": len(letter["attachments"]),
    }


def _whole_letter(row: Row) -> Row:
    kept = {"seq": row["seq"], "at": row["at"], "folder": row["folder"], "seen": bool(row["seen"])}
    return {**letters.read(row["raw"]), **kept, "raw": row["raw"].decode("utf-8", "replace")[:500_000]}
