"""The verbs of a document, as values. Addresses in them are absolute."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Say:
    """``pause`` are the seconds of silence that its SSML breaks ask for."""

    text: str
    language: str = "en-US"
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class Play:
    """``url`` is absolute. Empty where only ``digits`` (tones) are played."""

    url: str
    digits: str = ""


@dataclass(frozen=True, slots=True)
class Pause:
    seconds: float = 1.0


Prompt: TypeAlias = Say | Play | Pause


@dataclass(frozen=True, slots=True)
class Gather:
    prompts: tuple[Prompt, ...]
    action: str
    method: str = "POST"
    digits: bool = True
    speech: bool = False
    num_digits: int = 0  # 0: any number
    timeout: float = 5.0
    finish_on: str = "#"
    on_empty: bool = False
    barge_in: bool = True
    language: str = "en-US"
    hints: str = ""
    partial_callback: str = ""
    partial_method: str = "POST"


@dataclass(frozen=True, slots=True)
class Redirect:
    url: str
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Hangup:
    pass


@dataclass(frozen=True, slots=True)
class Reject:
    reason: str = "rejected"


@dataclass(frozen=True, slots=True)
class Leave:
    pass


@dataclass(frozen=True, slots=True)
class Enqueue:
    queue: str
    wait_url: str = ""
    wait_method: str = "POST"
    action: str = ""
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Tape:
    """What is asked of a recording, whoever asks: who is told of ``events`` (``in-progress``, ``completed``,
    ``absent``), and how it is made. ``trim``: silence at both ends is cut off."""

    callback: str = ""
    method: str = "POST"
    events: frozenset[str] = frozenset({"completed"})
    channels: int = 1
    track: str = "both"
    trim: bool = False


@dataclass(frozen=True, slots=True)
class Conference:
    """``wait_url`` None: the carrier's own music; empty: silence. ``coach`` is the CallSid of the one who alone
    hears this party. ``record`` None: the conference is not recorded."""

    name: str
    label: str = ""
    start_on_enter: bool = True
    end_on_exit: bool = False
    muted: bool = False
    wait_url: str | None = None
    wait_method: str = "POST"
    callback: str = ""
    callback_method: str = "POST"
    events: frozenset[str] = frozenset()
    coach: str = ""
    beep: str = "true"
    max_parties: int = 250
    record: Tape | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Somebody to ring: a ``client:…``, ``sip:…`` or number in ``address``; ``url`` is heard by them first."""

    address: str
    url: str = ""
    method: str = "POST"
    callback: str = ""
    callback_method: str = "POST"
    events: frozenset[str] = frozenset({"completed"})


@dataclass(frozen=True, slots=True)
class Dial:
    """``others`` are rung together with ``target``; whoever answers first is connected. ``record_ringing``: the
    recording begins before the answer."""

    target: Conference | Target
    action: str = ""
    method: str = "POST"
    timeout: float = 30.0
    caller_id: str = ""
    hang_up_on_star: bool = False
    time_limit: float = 14_400.0
    others: tuple[Target, ...] = ()
    answer_on_bridge: bool = False
    record: Tape | None = None
    record_ringing: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    action: str
    method: str = "POST"
    timeout: float = 5.0
    max_seconds: float = 3600.0
    finish_on: str = "1234567890*#"
    beep: bool = True
    tape: Tape = field(default_factory=lambda: Tape(trim=True))
    transcribe: bool = False
    transcribe_callback: str = ""


@dataclass(frozen=True, slots=True)
class Taping:
    """Begin (``tape``) or end (None) the recording of the call while its document goes on."""

    tape: Tape | None


@dataclass(frozen=True, slots=True)
class Transcribe:
    """Begin (or, with ``start`` false, end) a live transcript called ``name``."""

    start: bool
    name: str = ""
    callback: str = ""
    method: str = "POST"
    track: str = "both_tracks"
    language: str = "en-US"


@dataclass(frozen=True, slots=True)
class Message:
    """Answer an SMS with an SMS."""

    text: str
    to: str = ""
    callback: str = ""


Lasting: TypeAlias = Enqueue | Dial | Record | Taping | Transcribe | Message
Verb: TypeAlias = Say | Play | Pause | Gather | Redirect | Hangup | Reject | Leave | Lasting
