"""Parses messages in a process of its own, which may be killed: no stranger's mail can hold or fell the hub.

Runs as ``python -m channels.email.worker``. One frame in, one out, on standard input and output: an 8-byte
header (length of the JSON, length of the bytes), the JSON, the bytes. The process knows no secret and no
password, has a limit of memory and of CPU time per message, and its answer is data, never code.
"""

from __future__ import annotations

import os
import struct
import sys
from dataclasses import asdict
from typing import Any, BinaryIO

import orjson

from channels.contract import Malformed, Parsed
from channels.email.parse import Recipient, parse_message
from contact_center.domain.contact_points import ContactPoint
from contact_center.domain.events import Actor, Attachment, InteractionEvent, Thread, body_from

FRAME = struct.Struct(">II")
CPU_SECONDS = 10
MEMORY = 1024 * 1024 * 1024


def order(raw: bytes, recipient: Recipient, now: int, truncated: bool) -> bytes:
    """The frame that asks for ``raw`` to be parsed."""
    asked = {**asdict(recipient), "everyone": sorted(recipient.everyone)}
    return frame(orjson.dumps({"recipient": asked, "now": now, "truncated": truncated}), raw)


def frame(about: bytes, data: bytes) -> bytes:
    return FRAME.pack(len(about), len(data)) + about + data


def answer(about: bytes, data: bytes) -> bytes:
    """What the process answers to the frame's two halves."""
    asked = orjson.loads(about)
    given = asked["recipient"]
    recipient = Recipient(
        given["channel"],
        tuple(given["addresses"]),
        frozenset(given["everyone"]),
        given["trusted_authserv"],
        given["instance"],
    )
    try:
        parsed = parse_message(data, recipient, asked["now"], asked["truncated"])
    except Malformed as error:
        return frame(orjson.dumps({"malformed": error.reason}), b"")
    except (MemoryError, RecursionError) as error:
        return frame(orjson.dumps({"malformed": f"Parsing it took too much ({type(error).__name__})."}), b"")
    blobs = list(parsed.blobs.items())
    events = [{"kind": event.kind, "event": event} for event in parsed.events]
    sizes = [(digest, len(blob)) for digest, blob in blobs]
    return frame(orjson.dumps({"events": events, "blobs": sizes}), b"".join(blob for _, blob in blobs))


def understood(about: bytes, data: bytes, raw: bytes) -> Parsed:
    """The process's answer about ``raw``. Raises :class:`Malformed` where that was the answer."""
    told = orjson.loads(about)
    if "malformed" in told:
        raise Malformed(told["malformed"])
    blobs: dict[str, bytes] = {}
    at = 0
    for digest, size in told["blobs"]:
        blobs[digest] = data[at : at + size]
        at += size
    return Parsed(tuple(_event(each["kind"], each["event"]) for each in told["events"]), raw, blobs)


def _event(kind: str, told: dict[str, Any]) -> InteractionEvent:
    told["body"] = body_from(kind, told["body"])
    told["actor"] = Actor(**told["actor"])
    told["sender"] = ContactPoint(**told["sender"]) if told["sender"] else None
    told["dialled"] = ContactPoint(**told["dialled"])
    thread = told["thread"]
    told["thread"] = Thread(thread["key"], tuple(thread["ours"]), tuple(thread["references"]))
    told["attachments"] = tuple(Attachment(**each) for each in told["attachments"])
    return InteractionEvent(**told)


def main() -> None:
    """Answers frames until standard input ends."""
    # Whatever a library prints must not get between the frames.
    frames_out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _limit_memory()
    while (received := _receive(sys.stdin.buffer)) is not None:
        _limit_cpu()
        frames_out.write(answer(*received))
        frames_out.flush()


def _receive(stream: BinaryIO) -> tuple[bytes, bytes] | None:
    header = stream.read(FRAME.size)
    if len(header) < FRAME.size:
        return None
    about, data = FRAME.unpack(header)
    return stream.read(about), stream.read(data)


def _limit_memory() -> None:
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_cpu() -> None:
    """From here on, ten seconds more; the kernel ends what takes longer."""
    if sys.platform != "win32":
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        most = int(used.ru_utime + used.ru_stime) + 1 + CPU_SECONDS
        resource.setrlimit(resource.RLIMIT_CPU, (most, resource.getrlimit(resource.RLIMIT_CPU)[1]))


if __name__ == "__main__":
    main()
