"""What a recording sounds like: a WAV file with a soft tone for each word, since nobody here has a microphone.

8 kHz, 16 bits, as the carrier records; two channels keep the caller left and everybody else right.
"""

from __future__ import annotations

import math
import re
import struct
import sys
from array import array
from collections.abc import Iterator, Sequence
from functools import lru_cache

from contact_center.sandbox.carrier.tape import Mark

RATE = 8_000
BLOCK_SECONDS = 10
LONGEST_SECONDS = 86_400
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\s\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
_SCALE = (220.0, 246.9, 277.2, 329.6, 370.0, 440.0, 493.9, 554.4)


def size(seconds: int, channels: int) -> int:
    """Bytes of the whole file."""
    return 44 + min(seconds, LONGEST_SECONDS) * RATE * 2 * channels


def wav(marks: Sequence[Mark], seconds: int, channels: int) -> Iterator[bytes]:
    """The file, header first, in pieces of ten seconds. ``seconds`` long, however long the words are."""
    seconds = min(seconds, LONGEST_SECONDS)
    yield _header(seconds * RATE * 2 * channels, channels)
    tones = [(mark.track, start, tone) for mark in marks for start, tone in _tones(mark)]
    for first in range(0, seconds, BLOCK_SECONDS):
        length = min(BLOCK_SECONDS, seconds - first) * RATE
        left = _block(tones, first * RATE, length, "inbound" if channels == 2 else "")
        if channels == 1:
            yield _little(left)
            continue
        both = array("h", bytes(4 * length))
        both[0::2] = left
        both[1::2] = _block(tones, first * RATE, length, "outbound")
        yield _little(both)


def _block(tones: Sequence[tuple[str, int, array[int]]], first: int, length: int, track: str) -> array[int]:
    """``length`` samples from ``first``. Where two speak at once on one channel, the later one is heard."""
    block = array("h", bytes(2 * length))
    for whose, start, tone in tones:
        if track and whose != track:
            continue
        begin, end = max(start, first), min(start + len(tone), first + length)
        if begin < end:
            block[begin - first : end - first] = tone[begin - start : end - start]
    return block


def _tones(mark: Mark) -> Iterator[tuple[int, array[int]]]:
    words = _WORD.findall(mark.text) or ["."]
    each = mark.seconds / len(words)
    for number, word in enumerate(words):
        pitch = _SCALE[sum(word.encode("utf-8", "replace")) % len(_SCALE)]
        pitch *= 1.0 if mark.track == "inbound" else 1.5
        yield int((mark.at + number * each) * RATE), _tone(pitch, max(0.04, min(round(each * 0.8, 2), 0.4)))


@lru_cache(maxsize=512)
def _tone(pitch: float, seconds: float) -> array[int]:
    count = int(seconds * RATE)
    return array(
        "h",
        (int(6_000 * math.sin(math.pi * i / count) * math.sin(math.tau * pitch * i / RATE)) for i in range(count)),
    )


def _little(samples: array[int]) -> bytes:
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes()


def _header(data: int, channels: int) -> bytes:
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", 36 + data, b"WAVE", b"fmt ", 16, 1, channels, RATE, RATE * 2 * channels, 2 * channels, 16),
        *(b"data", data),
    )
