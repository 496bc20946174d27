"""What a channel offers the hub, and what the hub offers a channel.

A channel is a folder whose package has ``open_channel(context) -> Channel``. Webhook channels answer ``verify``,
``parse`` and ``acknowledge``; channels that fetch or hold connections implement ``listen`` or ``converse``;
channels that can write to the customer implement ``send``. Whatever is not overridden is refused politely.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from contact_center.domain.calls import CallAction
from contact_center.domain.contact_points import ContactPoint
from contact_center.domain.events import Attachment, InteractionEvent, Medium
from contact_center.domain.time import Moment

# --- errors: the few words that foreign errors become -------------------------------------------------------
#
# ChannelError
# ├── Refused            the request is turned away: nothing was taken in, the sender is told
# │   ├── Forged         403: it does not prove where it comes from
# │   └── Malformed      400: it is genuine (or needs no proof) and cannot be understood
# └── NotSent            a message did not go out, or nobody knows
#     ├── Retry          it did not go out; trying again later may help
#     ├── Rejected       it will never go out
#     │   └── Gone       because the call that it was meant for is over
#     └── Uncertain      it may have gone out: a person or a report must say


class ChannelError(Exception):
    """Root of what channels raise. ``reason`` is a sentence that an operator can act on."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Refused(ChannelError):
    status = 400


class Forged(Refused):
    status = 403


class Malformed(Refused):
    status = 400


class NotSent(ChannelError):
    pass


class Retry(NotSent):
    def __init__(self, reason: str, after_ms: int | None = None) -> None:
        super().__init__(reason)
        self.after_ms = after_ms


class Rejected(NotSent):
    pass


class Gone(Rejected):
    pass


class Uncertain(NotSent):
    pass


# --- coming in ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Request:
    """A webhook as it came. ``url`` is built from the configured public address alone (never from Host or
    X-Forwarded-*), with the raw path and raw query untouched: what a provider signs. ``path`` is what follows
    ``/webhooks/<channel>``: empty, or ``/status``. Header names are in lower case; a repeated header is its
    values joined by ", "."""

    method: str
    url: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    status: int = 204
    body: bytes = b""
    media_type: str = "text/plain"


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one webhook or one fetched message says: events in order (none is allowed: a callback that means
    nothing to us), the bytes as they came, and the files that the events' attachments refer to by digest."""

    events: tuple[InteractionEvent, ...]
    raw: bytes = b""
    blobs: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one event. ``repeated``: it had been seen before, and this is the same answer as then.
    ``actions`` is what a live call does next (empty: nothing to say). ``unknown``: no interaction that it could
    belong to exists; it is kept where an operator sees it."""

    interaction_id: str = ""
    case_id: int = 0
    event_id: str = ""
    repeated: bool = False
    unknown: bool = False
    actions: tuple[CallAction, ...] = ()


# --- going out ----------------------------------------------------------------------------------------------


OutVerb = Literal[
    "message",
    "connect",
    "call",
    "hang_up",
    "tell",
    "hold",
    "mute",
    "keys",
    "add",
    "change",
    "drop",
    "record",
    "erase",
]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Something to do in the outside world. The same ``outbox_id`` may come again after a failed attempt and
    must then produce the same bytes: use ``created_at`` and the ids, never the clock or randomness.

    ``verb``:
    - ``message``: write (or, on a call, speak) ``text`` to the customer.
    - ``connect``: bring ``agent_address`` (``client:<id>``, ``sip:…`` or E.164) into the call ``thread_key``;
      ``text`` is whispered to the agent first. Where ``thread_key`` is empty the call is ours to place: the
      agent is rung first, and once in the room the customer (``recipient``) is, by ``call``.
    - ``call``: ring ``recipient`` from ``sender`` and bring them into the interaction's room. The call that this
      makes is the interaction's from then on; its events carry ``interaction_id`` as their thread's ``ours``.
    - ``hang_up``: end the call ``thread_key``.
    - ``tell``: the customer, wherever they are in the call, is told ``actions`` from now on.
    - ``hold`` (``mode`` ``on | off``): the customer alone hears music, or everybody again.
    - ``mute`` (``mode`` ``on | off``): the agent isn't heard, or is again.
    - ``keys``: the tones of ``digits`` are played to the customer.
    - ``add``: bring ``agent_address`` in as the party ``party_id``. ``mode``: ``talk | listen | whisper | barge``;
      ``coached_leg`` is the leg that hears a whisper. ``text`` is whispered to whoever comes first.
    - ``change``: the party takes part as ``mode`` says from now on.
    - ``drop``: the party leaves; without a ``party_id`` the agent's own leg (``offer_id``) does.
    - ``record`` (``mode`` ``start | pause | resume | stop``): the customer's call.
    - ``erase``: the recording ``recording_id`` is removed at the provider.

    ``references`` are the Message-IDs of the conversation so far, oldest first, the one answered last.

    A letter to several people is several rows, one for each ``recipient``, with the same ``letter_id`` (the first
    row's ``outbox_id``; empty: this row's), hence the same bytes and the same Message-ID: each is delivered, tried
    again or given up by itself. ``to``, ``cc`` and ``bcc`` are the plain addresses of all of it (``to`` empty: the
    recipient alone). ``attachments`` name the files, and ``files`` holds their bytes by digest when it is sent.
    ``automatic``: no person wrote it; it says so, and nothing must answer it. ``prepared`` are the bytes that
    :meth:`Channel.prepare` made for the first attempt.
    """

    verb: OutVerb
    outbox_id: str
    interaction_id: str
    case_id: int
    created_at: Moment
    attempt: int
    thread_key: str = ""
    recipient: ContactPoint | None = None
    sender: ContactPoint | None = None
    sender_name: str = ""
    recipient_name: str = ""
    subject: str = ""
    text: str = ""
    html: str = ""
    references: tuple[str, ...] = ()
    offer_id: str = ""
    agent_id: str = ""
    agent_address: str = ""
    language: str = ""
    actions: tuple[Any, ...] = ()
    mode: str = ""
    party_id: str = ""
    agent_leg: str = ""
    party_leg: str = ""
    coached_leg: str = ""
    digits: str = ""
    recording_id: str = ""
    longest_ms: int = 0
    letter_id: str = ""
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    automatic: bool = False
    files: Mapping[str, bytes] = field(default_factory=dict)
    prepared: bytes = b""


@dataclass(frozen=True, slots=True)
class Media:
    """A recording's bytes, as the provider keeps them."""

    body: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider took it. ``state`` is ``delivered`` only where the customer's side has it for certain."""

    provider_id: str = ""
    state: Literal["accepted", "delivered"] = "accepted"


# --- what the hub offers a channel --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shown:
    """One line of a conversation as its customer may see it. Never a note, never anything internal."""

    seq: int
    at: Moment
    sender: Literal["customer", "agent"]
    sender_name: str
    text: str
    event_id: str


class Hub(Protocol):
    """The door of the hub for channels that live longer than one request."""

    def now(self) -> Moment: ...

    async def take_in(self, parsed: Parsed) -> Sequence[Answer]:
        """Durable when it returns. Seen before: the same answers again. Raises ``Busy`` where the hub cannot
        store: do not acknowledge, try again."""
        ...

    async def quarantine(self, source_id: str, raw: bytes, reason: str) -> None:
        """Keep what could not be understood where an operator sees it and can replay it. Durable on return."""
        ...

    async def recall(self, key: str) -> str:
        """What ``remember`` stored under this channel's ``key``; empty if nothing. Raises ``Busy``."""
        ...

    async def remember(self, key: str, value: str) -> None:
        """Durable when it returns. Raises ``Busy``."""
        ...

    async def lease(self, what: str, seconds: float) -> bool:
        """Whether this node may do ``what`` for the next ``seconds``: of all the nodes that share the database one
        alone is told so at a time. Ask again well before they are over; False once another has it. Raises
        ``Busy``."""
        ...

    async def conversation(self, thread_key: str, after: int = 0, limit: int = 200) -> Sequence[Shown]:
        """What the customer of this thread may see, after the line with seq ``after``, oldest first."""
        ...

    def watch(self, thread_key: str, wake: Any) -> Any:
        """Call ``wake()`` (no arguments, on the event loop) whenever ``conversation`` may have grown or the
        thread's state changed. Returns a function that ends the watch."""
        ...

    async def attended(self, thread_key: str) -> str:
        """The state of the thread's interaction for its customer: ``none | waiting | attended | ended``, and
        for ``attended`` the agent's public name after a colon (``attended:Mei``)."""
        ...

    async def typing(self, thread_key: str) -> None:
        """The customer is writing. Ephemeral."""
        ...

    def report(self, state: Literal["ready", "degraded", "off"], reason: str = "") -> None:
        """This channel's health, for /ready and the console."""
        ...


class Busy(Exception):
    """The hub cannot take anything in just now. Nothing was stored; do not acknowledge."""


class Socket(Protocol):
    """A customer's connection (web chat). ``receive`` raises ``Closed`` at the end of it."""

    origin: str
    query: Mapping[str, str]
    peer: str

    async def receive(self) -> str: ...
    async def send(self, text: str) -> None: ...
    async def close(self, code: int = 1000, reason: str = "") -> None: ...


class Closed(Exception):
    """The other side is gone."""


@dataclass(frozen=True, slots=True)
class PublicFile:
    """A file that anybody may fetch from the hub at a fixed path."""

    body: bytes
    media_type: str
    cache_seconds: int = 300


@dataclass(frozen=True, slots=True)
class Context:
    """What a channel is opened with. ``settings`` are the ``CONTACT_CENTER_*`` ones, prefix off, lower case;
    ``config`` is its own section of the configuration file; ``secret`` is this installation's key for tokens."""

    name: str
    public_url: str
    settings: Mapping[str, str]
    config: Mapping[str, Any]
    secret: bytes


class Channel:
    """A channel with nothing in it. Subclasses override what their world can do."""

    name: str = ""
    medium: Medium = "other"

    def state(self) -> tuple[Literal["ready", "degraded", "off"], str]:
        """``off`` with the name of the missing setting where it is not configured."""
        return "ready", ""

    def verify(self, request: Request) -> None:
        """Raises :class:`Forged` unless the request proves where it comes from. Pure."""
        raise Forged(f"The channel {self.name} takes no webhooks.")

    def parse(self, request: Request, now: Moment) -> Parsed:
        """The events in a verified request. Raises :class:`Malformed`. Pure."""
        raise Malformed(f"The channel {self.name} takes no webhooks.")

    def acknowledge(self, request: Request, parsed: Parsed, answers: Sequence[Answer]) -> Response:
        """What the sender is told after everything is durable. The same answers give the same bytes."""
        return Response()

    def apologise(self, request: Request) -> Response:
        """What the sender is told when the hub cannot store: a 503, so that it comes again. A caller is never
        read an error: voice plays a holding message instead."""
        return Response(503, b"Try again later.")

    def prepare(self, message: Outgoing) -> bytes:
        """The bytes that ``message`` will be, for the hub to keep before the first attempt and give back with every
        one; empty where the channel has no such thing. Pure. Raises :class:`Rejected`."""
        return b""

    def signature(self, address: str, language: str) -> str:
        """What stands under what ``address`` of ours sends, as text or HTML; empty where nothing does."""
        return ""

    async def send(self, message: Outgoing) -> Sent:
        """Does ``message`` in the outside world. Raises :class:`Retry`, :class:`Rejected`, :class:`Uncertain`."""
        raise Rejected(f"The channel {self.name} cannot write to customers.")

    async def listen(self, hub: Hub) -> None:
        """Runs for as long as the hub does, where the channel fetches by itself."""
        return

    async def fetch(self, recording_id: str) -> Media:
        """The recording, fetched with our credentials. Raises :class:`Retry` where it is not there yet or the
        provider doesn't answer, :class:`Rejected` where it never will be."""
        raise Rejected(f"The channel {self.name} keeps no recordings.")

    async def missed(self, since: Moment, now: Moment) -> Sequence[Parsed]:
        """What happened since ``since`` as the provider remembers it, oldest first: what its webhooks told, or would
        have told had we been there, as the same events under the same source ids, so that taking all of it in changes
        nothing that is known. Raises :class:`Retry`; empty where the provider cannot be asked."""
        return ()

    def pass_for(self, agent_id: str, now: Moment) -> Mapping[str, Any]:
        """What an agent's browser needs to be a telephone on this channel (a short-lived token); empty where
        the channel has no such thing, or lacks the settings for it."""
        return {}

    async def parse_again(self, raw: bytes, source_id: str, now: Moment) -> Parsed:
        """What bytes that this channel put into quarantine say after a mend. Raises :class:`Malformed`."""
        raise Malformed(f"The channel {self.name} cannot try again what it put aside.")

    def is_ours(self, address: str) -> bool:
        """Whether what is written to ``address`` comes in by this channel."""
        return False

    async def read_history(self, raw: bytes, address: str, now: Moment) -> Parsed:
        """A message out of an archive of our own ``address``, as one event: it came to us, or somebody of ours wrote
        it (``MessageSent`` with ``elsewhere``). Under the source id that it would have had if it had been fetched;
        none for what this installation sent itself. Raises :class:`Malformed`."""
        raise Malformed(f"The channel {self.name} has no archives.")

    async def converse(self, socket: Socket, hub: Hub) -> None:
        """One customer's live connection at ``/webhooks/<name>/socket``."""
        await socket.close(1008, "This channel has no live connections.")

    def public_files(self) -> Mapping[str, PublicFile]:
        """Path on the hub (``/widget.js``) → file."""
        return {}

    async def close(self) -> None:
        """Gives back connections. The hub calls it once, at the end."""
        return
