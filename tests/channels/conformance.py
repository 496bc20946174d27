"""What every channel is held to: captured input in, expected events out, and nothing hostile gets through.

A channel's test module subclasses :class:`WebhookConformance` (the world calls us) or
:class:`ChannelConformance` (we fetch, or hold a socket) with a folder of fixtures, and inherits every test::

    class TestTwilioSms(WebhookConformance):
        channel = "twilio_sms"
        fixtures = Path(__file__).parent / "fixtures"
        settings = {"twilio_account_sid": "AC…", "twilio_auth_token": "…"}
        required_settings = ("twilio_account_sid", "twilio_auth_token")

        def sign(self, request, secret): ...

One fixture is two files. ``<name>.<anything>`` is the input, byte for byte as the outside world sent it: a
webhook is an HTTP message (``.http``: request line, headers, empty line, body, lines end with LF; one last
LF is the editor's and is dropped), an e-mail a message (``.eml``), a chat whatever its ``take`` understands.
``<name>.expected.json`` is ``{"about": "<a sentence>", "events": [...]}``, each event as
:func:`event_as_json` writes it, or ``{"about": …, "refused": "Malformed"}``. Write the input first; the
failure message of the first run prints the events, to be read (not merely pasted) into the expectation.

Where the input is no webhook, override ``take(self, channel, data, now) -> Parsed``: one pure call from bytes
to what they say, for instance ``parse_message(data, …)``, or every frame of a chat in turn.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
import json
import random
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote_plus

import pytest

from channels.contract import Answer, Channel, Context, Forged, NotSent, Outgoing, Parsed, Refused, Request
from contact_center.domain.calls import HangUp, Say
from contact_center.domain.contact_points import ContactPoint
from contact_center.domain.events import (
    MEDIA,
    CallArrived,
    CallerInput,
    CallerRecorded,
    CallLeg,
    CustomerLeft,
    DeliveryReported,
    DialEnded,
    InteractionEvent,
    MessageReceived,
    RecordingChanged,
    TranscriptAdded,
    body_from,
)

NOW = 1_795_000_000_000
A_DAY_LATER = NOW + 86_400_000
FROM_OUTSIDE = (
    MessageReceived,
    CallArrived,
    CallerInput,
    CallerRecorded,
    DialEnded,
    CallLeg,
    RecordingChanged,
    TranscriptAdded,
    DeliveryReported,
    CustomerLeft,
)

ODD_VALUES = (
    *("", " ", "0", "-1", "9" * 400, "1e999", "NaN", "٣", "null", "true", "{}", "[" * 5_000, '{"transcript": 7}'),
    *('{"transcript": "\\ud800", "confidence": "x"}', "x" * 5_000, "a|b", "../..", "</Say><Dial>+1900</Dial>"),
    *("\r\nX-Header: 1", "%00", "\x00", "\ufffe\u202e", "9999-99-99T99:99:99Z", "Thu, 1 Jan 0001 00:00:00 +2359"),
)
"""What a form's field has no business holding."""

REGISTRY: dict[str, list[type[ChannelConformance]]] = {}
"""Channel → the classes that hold it to this suite. A channel folder that is not in here fails."""


@dataclass(frozen=True)
class Fixture:
    """One captured input and what it must become."""

    name: str
    data: bytes
    expected: dict[str, Any]


def fixtures_in(folder: Path) -> list[Fixture]:
    """Every fixture of ``folder``, by name. An expectation without an input, or two inputs of one name, is an
    error; an input without an expectation has an empty one (and fails, showing what it became)."""
    found: dict[str, Fixture] = {}
    for path in sorted(folder.iterdir()):
        if not path.is_file() or path.name.endswith(".expected.json"):
            continue
        name = path.name.partition(".")[0]
        assert name not in found, f"{folder}: two inputs are called {name}"
        expectation = folder / f"{name}.expected.json"
        expected = json.loads(expectation.read_text("utf-8")) if expectation.exists() else {}
        found[name] = Fixture(name, path.read_bytes(), expected)
    for path in folder.glob("*.expected.json"):
        assert path.name.partition(".")[0] in found, f"{path} expects something of no input"
    return list(found.values())


def event_as_json(event: InteractionEvent) -> dict[str, Any]:
    """The event as an expectation writes it: its kind, then every field that is not its type's default."""
    written = {"kind": event.kind, **_less_defaults(event)}
    loaded: dict[str, Any] = json.loads(json.dumps(written))
    return loaded


def _less_defaults(thing: Any) -> dict[str, Any]:
    written: dict[str, Any] = {}
    for f in fields(thing):
        value = getattr(thing, f.name)
        default = f.default_factory() if f.default_factory is not MISSING else f.default
        if default is MISSING or value != default:
            written[f.name] = _plain(value)
    return written


def _plain(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return _less_defaults(value)
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def strings_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from strings_in(key)
            yield from strings_in(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from strings_in(item)


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


class Hangs(Exception):
    """Raised into what does not come to an end."""


@contextmanager
def ended_after(seconds: float) -> Iterator[None]:
    """Raises :class:`Hangs` into what runs after ``seconds`` of this process's processor time, as the kernel ends a
    parsing process."""

    def end(*_: object) -> None:
        raise Hangs(f"It was still running after {seconds:g} s of processor time.")

    before = signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def steps_of(act: Callable[[], object]) -> int:
    """How many functions ``act`` calls, C's among them: the same number on every machine. ``Refused`` ends it."""
    steps = 0

    def count(*_: object) -> None:
        nonlocal steps
        steps += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        act()
    except Refused:
        pass
    finally:
        sys.setprofile(before)
    return steps


class ChannelConformance:
    """Inherited by the tests of every channel."""

    channel: ClassVar[str] = ""
    fixtures: ClassVar[Path]
    settings: ClassVar[Mapping[str, str]] = {}
    config: ClassVar[Mapping[str, Any]] = {}
    public_url: ClassVar[str] = "https://hub.example.com"
    required_settings: ClassVar[tuple[str, ...]] = ()
    """Settings without which the channel is off."""
    truncation_step: ClassVar[int] = 1
    """Cut every fixture at each n-th byte: 1, unless parsing is too slow for that."""
    hang_seconds: ClassVar[float] = 10
    """What is still at one input after this much processor time never ends: a hundred times what any may need. How
    cost *grows* is counted in steps (:func:`steps_of`), not in time, which is the machine's."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "channel" in vars(cls):
            REGISTRY.setdefault(cls.channel, []).append(cls)

    # --- hooks -------------------------------------------------------------------------------------------

    def open(self, settings: Mapping[str, str] | None = None, config: Mapping[str, Any] | None = None) -> Channel:
        """The channel, opened as the hub opens it."""
        context = Context(
            name=self.channel,
            public_url=self.public_url,
            settings=self.settings if settings is None else settings,
            config=self.config if config is None else config,
            secret=b"thirty-two bytes of installation",
        )
        channel: Channel = importlib.import_module(f"channels.{self.channel}").open_channel(context)
        return channel

    def take(self, channel: Channel, data: bytes, now: int) -> Parsed:
        """What the input says, by way of the channel's own pure parsing. May raise ``Refused``."""
        raise NotImplementedError

    def endure(self, channel: Channel, data: bytes) -> list[Parsed]:
        """Takes hostile input by every way in. Only ``Refused`` may come of it, and is swallowed here."""
        try:
            return [self.take(channel, data, NOW)]
        except Refused:
            return []

    def hostile(self) -> Iterator[tuple[str, bytes]]:
        """Inputs that nobody sane would send, by name."""
        yield "empty", b""
        yield "one null", b"\x00"
        yield "nulls", b"\x00" * 70_000
        yield "line feeds", b"\r\n" * 40_000
        yield "invalid UTF-8", b"\xff\xfe\xc3\x28\xed\xa0\x80" * 100
        yield "deep brackets", b"[" * 100_000
        yield "deep objects", b'{"a":' * 50_000
        yield "a megabyte of one letter", b"a" * 1_000_000
        for seed, size in enumerate((1, 17, 1_000, 65_536)):
            yield f"{size} random bytes", noise(size, seed)

    def unfamiliar(self) -> Iterator[tuple[str, bytes]]:
        """Genuine inputs in which the vendor uses a word that it had not invented when this was written."""
        return iter(())

    # --- inherited tests ---------------------------------------------------------------------------------

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "fixture" in metafunc.fixturenames:
            found = fixtures_in(type(self).fixtures)
            assert found, f"{type(self).fixtures} holds no fixture"
            metafunc.parametrize("fixture", found, ids=[f.name for f in found])

    def test_every_fixture_becomes_exactly_its_expected_events(self, fixture: Fixture) -> None:
        refusal = fixture.expected.get("refused")
        if refusal is not None:
            with pytest.raises(Refused) as refused:
                self.take(self.open(), fixture.data, NOW)
            assert refused.type.__name__ == refusal
            return
        parsed = self.take(self.open(), fixture.data, NOW)
        events = [event_as_json(event) for event in parsed.events]
        shown = json.dumps(events, ensure_ascii=False, indent=2)
        assert events == fixture.expected.get("events"), f"{fixture.name} became\n{shown}"
        assert fixture.expected.get("about"), f"{fixture.name}.expected.json says nothing in “about”"

    def test_the_same_bytes_give_the_same_events_every_time(self, fixture: Fixture) -> None:
        first, again = self._taken(fixture, NOW), self._taken(fixture, NOW)
        assert first == again
        same_channel = self.open()
        if first is not None:
            assert self.take(same_channel, fixture.data, NOW) == self.take(same_channel, fixture.data, NOW)

    def test_parsing_knows_the_time_only_from_its_argument(self, fixture: Fixture) -> None:
        today, tomorrow = self._taken(fixture, NOW), self._taken(fixture, A_DAY_LATER)
        if today is None or tomorrow is None:
            assert today == tomorrow
            return
        for early, late in zip(today.events, tomorrow.events, strict=True):
            assert (early.received_at, late.received_at) == (NOW, A_DAY_LATER)
            occurred = A_DAY_LATER if early.occurred_at == NOW else early.occurred_at
            assert late == replace(early, received_at=A_DAY_LATER, occurred_at=occurred)

    def test_every_event_is_sound(self, fixture: Fixture) -> None:
        parsed = self._taken(fixture, NOW)
        if parsed is not None:
            self.assert_sound(parsed)

    def test_input_cut_short_anywhere_is_taken_or_refused(self, fixture: Fixture) -> None:
        channel = self.open()
        for end in range(0, len(fixture.data), self.truncation_step):
            self._endures(channel, f"{fixture.name} cut at {end}", fixture.data[:end])

    def test_hostile_input_is_taken_or_refused_and_never_takes_long(self) -> None:
        channel = self.open()
        for name, data in self.hostile():
            self._endures(channel, name, data)

    def test_a_word_the_vendor_has_not_invented_yet_is_no_error(self) -> None:
        channel, inputs = self.open(), list(self.unfamiliar())
        if not inputs:
            pytest.skip("this channel's outside world has no vocabulary")
        for name, data in inputs:
            try:
                self.assert_sound(self.take(channel, data, NOW))
            except Refused as refused:
                pytest.fail(f"{name}: {refused.reason}")

    def test_a_missing_setting_switches_the_channel_off_and_is_named(self) -> None:
        assert self.open().state()[0] != "off"
        for missing in self.required_settings:
            for blank in ({}, {missing: ""}, {missing: "  "}):
                rest = {k: v for k, v in self.settings.items() if k != missing}
                state, reason = self.open(settings={**rest, **blank}).state()
                assert state == "off"
                assert f"CONTACT_CENTER_{missing.upper()}" in reason

    async def test_a_channel_that_is_off_says_that_it_sent_nothing(self) -> None:
        for missing in self.required_settings:
            channel = self.open(settings={k: v for k, v in self.settings.items() if k != missing})
            with pytest.raises(NotSent, match=f"CONTACT_CENTER_{missing.upper()}"):
                await channel.send(an_outgoing_message())
            await channel.close()

    async def test_closing_is_harmless_however_often(self) -> None:
        channel = self.open()
        await channel.close()
        await channel.close()

    # --- what holds for whatever comes out of a channel --------------------------------------------------

    def assert_sound(self, parsed: Parsed) -> None:
        """No hub ids, an idempotency key, kinds that the outside world may say, text that both databases can
        store, bytes for every digest."""
        seen: set[str] = set()
        for event in parsed.events:
            assert (event.id, event.seq, event.interaction_id, event.case_id, event.customer_id) == (
                ("", 0, "", 0, "")
            ), "the hub's own ids are the hub's to give"
            assert isinstance(event.body, FROM_OUTSIDE), f"a channel cannot say {event.kind}"
            assert event.channel == self.channel
            assert event.medium in MEDIA
            assert 0 < len(event.source_id) <= 500, "the idempotency key must fit an index"
            assert event.source_id not in seen, "two events of one input share an idempotency key"
            seen.add(event.source_id)
            assert event.received_at in (NOW, A_DAY_LATER)
            written = asdict(event)
            for text in strings_in(written):
                assert "\x00" not in text, f"PostgreSQL cannot store {text!r}"
                text.encode("utf-8")
            stored = json.loads(json.dumps(asdict(event.body)))
            assert body_from(event.kind, stored) == event.body, "the body does not survive being stored"
            for attachment in event.attachments:
                self._assert_blob(parsed, attachment.digest, attachment.size)
            if isinstance(event.body, MessageReceived) and event.body.html:
                self._assert_blob(parsed, event.body.html, None)

    def _assert_blob(self, parsed: Parsed, digest: str, size: int | None) -> None:
        blob = parsed.blobs[digest]
        assert hashlib.sha256(blob).hexdigest() == digest
        assert size in (None, len(blob))

    def _taken(self, fixture: Fixture, now: int) -> Parsed | None:
        try:
            return self.take(self.open(), fixture.data, now)
        except Refused:
            return None

    def _endures(self, channel: Channel, name: str, data: bytes) -> None:
        try:
            with ended_after(self.hang_seconds):
                outcomes = self.endure(channel, data)
        except Exception as error:
            raise AssertionError(f"{name}: {type(error).__name__} instead of Refused: {error}") from error
        for parsed in outcomes:
            self.assert_sound(parsed)


class WebhookConformance(ChannelConformance):
    """Inherited by the tests of channels that the outside world calls, and that make it prove itself."""

    secret: ClassVar[str] = "the secret that we share"
    another_secret: ClassVar[str] = "somebody else's secret"
    vocabulary: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Fixture → the form fields of it whose values are words of the vendor's choosing."""
    largest_signed: ClassVar[int] = 70_000
    """Hostile bodies above this are not signed: no sender of this size is genuine, and signing takes its time."""

    # --- hooks -------------------------------------------------------------------------------------------

    def sign(self, request: Request, secret: str) -> Request:
        """The request with the proof that its sender would add, by code that is not the channel's own."""
        raise NotImplementedError

    # --- fixtures are HTTP messages ----------------------------------------------------------------------

    def request(self, data: bytes) -> Request:
        """The HTTP message of a fixture as the hub hands it over."""
        head, _, body = data.partition(b"\n\n")
        first, *lines = head.decode("latin-1").split("\n")
        method, target = [*first.split(" "), "", ""][:2]
        path, _, query = target.partition("?")
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            key = name.strip().lower()
            headers[key] = f"{headers[key]}, {value.strip()}" if key in headers else value.strip()
        within = path.removeprefix(f"/webhooks/{self.channel}")
        return Request(method, self.public_url + target, within, query, headers, body.removesuffix(b"\n"))

    def take(self, channel: Channel, data: bytes, now: int) -> Parsed:
        request = self.sign(self.request(data), self.secret)
        channel.verify(request)
        return channel.parse(request, now)

    def endure(self, channel: Channel, data: bytes) -> list[Parsed]:
        """As genuine as it can be signed; then past the signature, since parsing must bear what a genuine
        sender gets wrong; then with the answers to it."""
        request = self.request(data)
        _refusal_of(lambda: channel.verify(request))
        if len(request.body) <= self.largest_signed:
            _refusal_of(lambda: channel.verify(self._signed_if_possible(request)))
        try:
            parsed = channel.parse(request, NOW)
        except Refused:
            return []
        finally:
            channel.apologise(request)
        channel.acknowledge(request, parsed, [Answer() for _ in parsed.events])
        channel.acknowledge(request, parsed, [])
        return [parsed]

    def hostile(self) -> Iterator[tuple[str, bytes]]:
        seen: set[bytes] = set()
        for fixture in fixtures_in(self.fixtures):
            head = _head(fixture.data)
            if (target := head.split(b"\n")[0]) in seen:
                continue
            seen.add(target)
            for name, body in self.hostile_bodies():
                yield f"{fixture.name} with {name}", head + b"\n\n" + body
            door = head.split(b" ")[1].partition(b"?")[0]
            yield f"{fixture.name} to nowhere", fixture.data.replace(door, door + b"/no/such/door", 1)
            yield f"{fixture.name} without its query", b"POST " + door + b" HTTP/1.1\n\n"
            for method in (b"GET", b"PUT", b"", b"\xff"):
                yield f"{fixture.name} by {method!r}", fixture.data.replace(b"POST", method, 1)

    def hostile_bodies(self) -> Iterator[tuple[str, bytes]]:
        yield from super().hostile()
        yield "10^5 fields", b"&".join(b"a%d=%d" % (n, n) for n in range(100_000))
        yield "10^5 empty fields", b"&" * 100_000
        yield "thousands of fields", b"&".join(b"a%d=%d" % (n, n) for n in range(5_000))
        yield "thousands of empty fields", b"&" * 60_000
        yield "10^5 times one field", b"&".join([b"From=%2B14155550100"] * 100_000)
        yield "a field of a megabyte", b"Body=" + b"%E4%BD%A0" * 120_000
        yield "broken percent signs", b"&".join([b"From=%", b"To=%2", b"Body=%ZZ%", b"%=%"] * 50)
        yield "nulls in fields", b"&".join(b"%s=%%00%%00" % name for name in self._field_names())
        yield "wrong charset in fields", b"&".join(b"%s=%%FF%%FE%%E9" % name for name in self._field_names())
        yield "surrogates in fields", b"&".join(b"%s=%%ED%%A0%%80" % name for name in self._field_names())
        yield "endless fields", b"&".join(b"%s=%s" % (n, b"9" * 2_000) for n in self._field_names())
        yield "fields twice", b"&".join(b"%s=1&%s=2" % (name, name) for name in self._field_names())
        yield "numbers that are none", b"&".join(b"%s=NaN&x=1e999" % name for name in self._field_names())
        yield (
            "digits of another script",
            b"&".join(b"%s=%s" % (name, quote_plus("٣٣٣").encode()) for name in self._field_names()),
        )
        yield "JSON in place of a form", b'{"From": "+14155550100"}'
        yield "a multipart body", b"--x\r\nContent-Disposition: form-data; name=From\r\n\r\n+1\r\n--x--"

    def unfamiliar(self) -> Iterator[tuple[str, bytes]]:
        for fixture in fixtures_in(self.fixtures):
            for name in self.vocabulary.get(fixture.name, ()):
                head, body = _head(fixture.data), self.request(fixture.data).body
                pairs = [pair.partition(b"=") for pair in body.split(b"&")]
                assert name.encode() in [key for key, _, _ in pairs], f"{fixture.name} has no field {name}"
                changed = b"&".join(
                    key + b"=" + (b"a-word-of-2031" if key == name.encode() else value) for key, _, value in pairs
                )
                yield f"{fixture.name}, {name}", head + b"\n\n" + changed

    def _field_names(self) -> list[bytes]:
        names: dict[bytes, None] = {}
        for fixture in fixtures_in(self.fixtures):
            for pair in self.request(fixture.data).body.split(b"&"):
                names[pair.partition(b"=")[0]] = None
        return list(names)

    def _signed_if_possible(self, request: Request) -> Request:
        try:
            return self.sign(request, self.secret)
        except Exception:  # the vendor's own code cannot sign it, so no vendor will have
            return request

    def odd_fields(self) -> Iterator[tuple[str, bytes]]:
        """Every field of every fixture, one at a time, with what its sender never put there, or left out."""
        seen: set[tuple[bytes, bytes]] = set()
        for fixture in fixtures_in(self.fixtures):
            head, body = _head(fixture.data), self.request(fixture.data).body
            pairs = body.split(b"&")
            for at, pair in enumerate(pairs):
                name = pair.partition(b"=")[0]
                if (head.split(b"\n")[0], name) in seen:
                    continue
                seen.add((head.split(b"\n")[0], name))
                rest = [pairs[:at], pairs[at + 1 :]]
                yield f"{fixture.name} without {name!r}", head + b"\n\n" + b"&".join(rest[0] + rest[1])
                for value in ODD_VALUES:
                    changed = [*rest[0], name + b"=" + quote_plus(value).encode(), *rest[1]]
                    yield f"{fixture.name}, {name!r} as {value[:20]!r}", head + b"\n\n" + b"&".join(changed)

    # --- inherited tests: who may speak ------------------------------------------------------------------

    def test_input_cut_short_anywhere_is_taken_or_refused(self, fixture: Fixture) -> None:
        """An HTTP message is cut by its body: the server vouches for the head."""
        channel, head = self.open(), _head(fixture.data)
        for end in range(0, len(fixture.data) - len(head) - 2, self.truncation_step):
            cut = fixture.data[: len(head) + 2 + end]
            self._endures(channel, f"{fixture.name} cut at {end}", cut)

    def test_any_field_may_hold_anything_or_be_missing(self) -> None:
        channel = self.open()
        for name, data in self.odd_fields():
            self._endures(channel, name, data)

    def test_an_unsigned_request_is_forged(self, fixture: Fixture) -> None:
        self._assert_forged(self.request(fixture.data))

    def test_a_request_that_another_account_signed_is_forged(self, fixture: Fixture) -> None:
        self._assert_forged(self.sign(self.request(fixture.data), self.another_secret))
        self._assert_forged(self.sign(self.request(fixture.data), ""))

    def test_a_request_with_one_bit_flipped_is_forged(self, fixture: Fixture) -> None:
        channel = self.open()
        signed = self.sign(self.request(fixture.data), self.secret)
        channel.verify(signed)
        for at in range(len(signed.body)):
            body = _flipped(signed.body, at)
            self._assert_forged(replace(signed, body=body), channel)
        for at in range(len(signed.url)):
            self._assert_forged(replace(signed, url=_flipped(signed.url.encode(), at).decode()), channel)

    def test_a_request_with_something_added_or_taken_away_is_forged(self, fixture: Fixture) -> None:
        signed = self.sign(self.request(fixture.data), self.secret)
        shorter = signed.body.rstrip(b"=")[:-1]  # an equals sign with nothing behind it says nothing
        for body in (signed.body + b"&Admin=1", b"Admin=1&" + signed.body, shorter, b""):
            self._assert_forged(replace(signed, body=body))
        for url in (signed.url + "&x=1", signed.url + "/", signed.url[:-1], signed.url.upper()):
            self._assert_forged(replace(signed, url=url))

    def test_a_proof_that_is_no_proof_is_forged(self, fixture: Fixture) -> None:
        unsigned = self.request(fixture.data)
        signed = self.sign(unsigned, self.secret)
        channel = self.open()
        for header in [name for name in signed.headers if name not in unsigned.headers]:
            proof = signed.headers[header]
            for bad in (
                *("", " ", "=", "x", "é", "\x00", "A" * 100_000, base64.b64encode(b"\x00" * 20).decode()),
                *(proof + "A", proof[:-1], proof.swapcase(), f"{proof}, {proof}"),
            ):
                self._assert_forged(replace(signed, headers={**signed.headers, header: bad}), channel)

    def test_headers_about_the_address_have_no_say(self, fixture: Fixture) -> None:
        signed = self.sign(self.request(fixture.data), self.secret)
        lies = {
            "host": "evil.example",
            "x-forwarded-host": "evil.example",
            "x-forwarded-proto": "http",
            "x-original-url": "/webhooks/evil",
            "forwarded": "host=evil.example",
        }
        lied_to = replace(signed, headers={**signed.headers, **lies})
        channel = self.open()
        channel.verify(lied_to)
        said = [_outcome_of(lambda r=r: channel.parse(r, NOW)) for r in (lied_to, signed)]
        assert said[0] == said[1]

    def test_a_channel_that_is_off_believes_nobody(self, fixture: Fixture) -> None:
        for missing in self.required_settings:
            channel = self.open(settings={k: v for k, v in self.settings.items() if k != missing})
            self._assert_forged(self.sign(self.request(fixture.data), self.secret), channel)
            self._assert_forged(self.sign(self.request(fixture.data), ""), channel)

    # --- inherited tests: what they are told -------------------------------------------------------------

    def test_the_same_answers_are_told_in_the_same_bytes(self, fixture: Fixture) -> None:
        request = self.sign(self.request(fixture.data), self.secret)
        parsed = self._taken(fixture, NOW)
        if parsed is None:
            return
        answers = [
            Answer("interaction", 7, "event", actions=(Say("Good day", "en-US"), HangUp())) for _ in parsed.events
        ]
        repeated = [replace(answer, repeated=True) for answer in answers]
        told = self.open().acknowledge(request, parsed, answers)
        assert 200 <= told.status < 300
        assert self.open().acknowledge(request, parsed, repeated) == told

    def _assert_forged(self, request: Request, channel: Channel | None = None) -> None:
        refused = _refusal_of(lambda: (channel or self.open()).verify(request))
        assert isinstance(refused, Forged), f"believed {request}"
        assert len(refused.reason) < 500
        assert self.secret not in refused.reason


def an_outgoing_message() -> Outgoing:
    return Outgoing(
        verb="message",
        outbox_id="outbox-1",
        interaction_id="interaction-1",
        case_id=1,
        created_at=NOW,
        attempt=1,
        thread_key="thread",
        recipient=ContactPoint("phone", "+14155550100"),
        sender=ContactPoint("phone", "+14155550199"),
        text="Good day.",
    )


def _head(data: bytes) -> bytes:
    return data.partition(b"\n\n")[0]


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def _outcome_of(act: Callable[[], object]) -> object:
    try:
        return act()
    except Refused as refused:
        return type(refused), refused.reason


def _refusal_of(act: Callable[[], object]) -> Refused | None:
    try:
        act()
    except Refused as refused:
        return refused
    return None
