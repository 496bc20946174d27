"""Two hubs that acknowledge each other's mail, with programs between them that lose every sign of a machine."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from contact_center.domain.time import DAY, MINUTE
from tests.hub import Clock, house, open_test_hub
from tests.intake.mailing import Post, words

TEXTS = {
    "a": "Thank you for writing. Your case has the number {{case.id}}.",
    "b": "We are glad to hear from you, case {{case.id}}. Somebody will answer soon.",
}


def configured(name: str) -> dict[str, Any]:
    doors = [{"channel": "email", "dialled": "*", "queue": "support"}]
    words = {"text": TEXTS[name], "subject": f"From house {name}: case {{{{case.id}}}}"}
    return house(entry_points=doors, mail={"acknowledgement": words})


Spoils = Callable[[str, int], str]


@dataclass
class BadProgram:
    """Takes mail for one hub's mailbox and hands it on to the other's, from an address that is new every time, with
    no header but a subject that grows. ``spoils`` is what it makes of the text."""

    to: Post
    spoils: Spoils
    domain: str
    rounds: count[int]
    carried: list[str] = field(default_factory=list)

    async def hands_on(self, letter: Message) -> None:
        number = next(self.rounds)
        content = letter.get_payload(decode=True)
        assert isinstance(content, bytes)
        text = self.spoils(content.decode(), number)
        self.carried.append(text)
        await self.to.comes(f"ticket-{number}@{self.domain}", text, subject=f"Re: {letter['Subject']}")


async def a_day(posts: dict[str, Post], between: dict[str, BadProgram], clock: Clock) -> int:
    """Carries whatever either hub writes to the other for a day; how much it was."""
    carried: set[str] = set()
    until = clock.now + DAY
    while clock.now < until:
        for name in ("a", "b"):
            for message in await posts[name].sent():
                if (key := f"{name} {message.outbox_id}") not in carried:
                    carried.add(key)
                    await between[name].hands_on(posts[name].bytes_of(message))
        clock.now += 20 * MINUTE
    return len(carried)


def as_it_is(text: str, number: int) -> str:
    return text


def numbered(text: str, number: int) -> str:
    told = f"Ticket CRM-{number:04d}/x was opened for ticket-{number}@crm.example."
    return f"{told}\n\n{text}\n\nSee https://crm.example/t/{number}"


def quoting(text: str, number: int) -> str:
    return "Your message has arrived.\n\n" + "\n".join(f"> {line}" for line in text.splitlines())


def rewritten(text: str, number: int) -> str:
    """No two alike."""
    return " ".join(chr(97 + (number * 7 + n * n) % 26) * (3 + (number + n) % 9) for n in range(30))


@pytest.mark.parametrize("spoils", [as_it_is, numbered, quoting, rewritten])
async def test_two_machines_stop_talking_and_nothing_that_they_said_is_lost(
    tmp_path: Path, sqlite_template: Path, spoils: Spoils
) -> None:
    clock = Clock()
    urls = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        shutil.copy(sqlite_template, tmp_path / name / "hub.db")
        urls.append(f"sqlite:///{tmp_path / name}/hub.db")
    async with (
        open_test_hub(urls[0], tmp_path / "a", clock=clock, config=configured("a")) as one,
        open_test_hub(urls[1], tmp_path / "b", clock=clock, config=configured("b")) as two,
    ):
        hubs = {"a": one, "b": two}
        posts = {name: Post(hub, tmp_path / name, f"support@{name}.example") for name, hub in hubs.items()}
        rounds = count(1)
        between = {
            "a": BadProgram(posts["b"], spoils, "crm.example", rounds),
            "b": BadProgram(posts["a"], spoils, "crm.example", rounds),
        }
        await posts["a"].comes("lena@customer.example", "My lamp is broken.")
        assert await a_day(posts, between, clock) == 3
        for name, other in (("a", "b"), ("b", "a")):
            received = [e for each in await hubs[name].interactions() for e in await posts[name].received(each)]
            assert len(await hubs[name].rows("cases")) <= 2
            kept = sorted("".join(f"{words(e).text}{words(e).history}".split()) for e in received)
            said = between[other].carried + (["My lamp is broken."] if name == "a" else [])
            assert kept == sorted("".join(each.split()) for each in said)
