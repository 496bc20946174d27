"""What each telephone does when it rings: an agent's is picked up by itself, anybody else's waits for a person."""

from __future__ import annotations

from dataclasses import dataclass

from contact_center.sandbox.carrier.mischief import Mischief
from contact_center.sandbox.carrier.steps import Step

DESK = ("client:", "sip:")
MANNERS = ("answer", "ring", "busy", "no-answer", "failed")
MAX_PHONES = 2_000


def is_desk(number: str) -> bool:
    return number.startswith(DESK)


@dataclass(slots=True)
class Phone:
    """``answers`` empty: what is usual for its kind. ``steps`` are carried out once it is answered. ``stands``: it
    is shown even while nobody calls it."""

    number: str
    name: str = ""
    answers: str = ""
    after_ms: int | None = None
    steps: tuple[Step, ...] = ()
    stands: bool = False


class Phones:
    def __init__(self, mischief: Mischief, desk_answers_after: float) -> None:
        self.known: dict[str, Phone] = {}
        self._mischief = mischief
        self._desk_answers_after = desk_answers_after

    def at(self, number: str) -> Phone:
        """The telephone of ``number``, remembered from now on."""
        phone = self.known.get(number)
        if phone is None:
            if len(self.known) >= MAX_PHONES:
                self._forget_one()
            phone = self.known[number] = Phone(number)
        return phone

    def _forget_one(self) -> None:
        """The one known for longest that nobody set."""
        unset = (one.number for one in self.known.values() if not (one.stands or one.answers or one.steps))
        del self.known[next(unset, next(iter(self.known)))]

    def manner(self, number: str) -> tuple[str, float]:
        """What it does, and after how many seconds."""
        phone = self.at(number)
        usual = self._mischief.desk if is_desk(number) else "ring"
        after = self._desk_answers_after if phone.after_ms is None else phone.after_ms / 1000
        return phone.answers or usual, after
