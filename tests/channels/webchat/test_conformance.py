"""The web chat under the suite that every channel passes: a fixture is a chat's frames, one a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from channels.contract import Channel, Malformed, Parsed
from channels.webchat import frames
from channels.webchat.events import Writer, taken_from
from channels.webchat.frames import BadFrame, Hello, Leave, Message, Name
from channels.webchat.limits import Limits
from tests.channels.conformance import ChannelConformance

HANDLE = "0123456789abcdef0123456789abcdef"


class TestWebChat(ChannelConformance):
    channel = "webchat"
    fixtures = Path(__file__).parent / "fixtures"

    def take(self, channel: Channel, data: bytes, now: int) -> Parsed:
        """Every frame in turn, as the connection takes them."""
        try:
            lines = data.decode().split("\n")
        except UnicodeDecodeError:
            raise Malformed("A text frame is UTF-8 (RFC 6455 8.1).") from None
        writer = Writer("webchat", HANDLE, "support", 1)
        events = []
        for line in filter(None, lines):
            try:
                frame = frames.read(line, Limits())
            except BadFrame as bad:
                raise Malformed(bad.code) from None
            match frame:
                case Hello() | Name():
                    writer = replace(writer, name=frame.name)
                case Message() | Leave():
                    events += taken_from(frame, writer, line.encode(), now).events
        return Parsed(tuple(events), data)

    def hostile(self) -> Iterator[tuple[str, bytes]]:
        yield from super().hostile()
        message = {"type": "message", "id": "m1", "text": "x"}
        for about, text in {
            "every control character": "x" + "".join(map(chr, range(0xA0))),
            "lone surrogates": "x\ud800\udfff\udbff",
            "one letter in sixteen thousand clothes": "x" + "\u0301" * 3_900,
            "directions": "x" + "\u202e" * 3_900,
        }.items():
            yield about, json.dumps({**message, "text": text}).encode()
        yield (
            "a name of surrogates",
            b'{"type":"hello","name":"\\ud800\\u0000"}\n' + json.dumps(message).encode(),
        )
        yield "an id for an index", json.dumps({**message, "id": "m" * 64}).encode()

    def unfamiliar(self) -> Iterator[tuple[str, bytes]]:
        """A widget that is newer than the hub."""
        yield "new fields", b'{"type":"message","id":"m1","text":"Hello","mood":"calm","page":{"depth":2}}'
        yield "a language of tomorrow", b'{"type":"hello","entry":"support","language":"tlh-x-new"}'
