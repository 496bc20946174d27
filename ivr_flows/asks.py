"""What a flow asks of others than the caller: a service, a one-time code, the dialling policy, a callback, a place
for a voicemail. The hub does it and answers with ``ServiceAnswered(ask.position, outcome, values)``.

A turn that asks ends with an ``Await``. Whoever can answer at once does, and puts the turns together
(``turns.joined``). Whoever takes longer lets the caller have the ``Await``, whose ticks are turns too, and answers
when the answer is there: instead of the tick that comes next, or by telling the call what the new turn says. An ask
is made once: ticks and repeated turns don't make it again. Answers that come late, twice or to another position
change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from contact_center.domain.time import Millis


@dataclass(frozen=True, slots=True)
class ServiceAsked:
    """Ask the service that the operator's configuration calls ``service``. Outcomes: ``ok`` (with the fields of the
    answer as values), ``not_found``, ``error``, ``timeout``. After ``budget_ms`` the flow goes on without.
    ``secret`` says that ``values`` hold what the caller keyed in secretly: never write them down."""

    position: str
    service: str
    values: dict[str, str] = field(default_factory=dict, repr=False)
    budget_ms: Millis = 4_000
    secret: bool = False


@dataclass(frozen=True, slots=True)
class PinChecked:
    """Give the caller's secret digits to the service and forget them. Outcomes: ``verified``, ``failed`` (wrong),
    ``unavailable``."""

    position: str
    service: str
    digits: str = field(repr=False)
    values: dict[str, str] = field(default_factory=dict, repr=False)
    budget_ms: Millis = 4_000


@dataclass(frozen=True, slots=True)
class CodeAsked:
    """Send a one-time code by SMS to the number that the caller rings from, within the limits for that.
    Outcomes: ``sent``, ``unavailable``."""

    position: str
    budget_ms: Millis = 10_000


@dataclass(frozen=True, slots=True)
class CodeChecked:
    """Compare with the code that was sent. Outcomes: ``verified``, ``failed`` (wrong), ``unavailable`` (too old, too
    many tries, none sent)."""

    position: str
    digits: str = field(repr=False)
    budget_ms: Millis = 4_000


@dataclass(frozen=True, slots=True)
class DialAsked:
    """May ``number``, which is written in the flow, be rung? Outcomes: ``allowed`` (value ``caller_id``, one of our
    numbers; without it the number that was called is shown), ``refused``."""

    position: str
    number: str
    budget_ms: Millis = 4_000


@dataclass(frozen=True, slots=True)
class CallbackWanted:
    """The caller wants to be called back at ``number``: the one they ring from, or one that we knew. They keep the
    place they had. Outcomes: ``accepted``, ``unavailable``."""

    position: str
    number: str
    budget_ms: Millis = 4_000


@dataclass(frozen=True, slots=True)
class VoicemailLeft:
    """A recording for ``queue``. Outcome: ``recorded``."""

    position: str
    recording_id: str
    duration_ms: Millis
    queue: str
    budget_ms: Millis = 4_000


Ask: TypeAlias = ServiceAsked | PinChecked | CodeAsked | CodeChecked | DialAsked | CallbackWanted | VoicemailLeft
