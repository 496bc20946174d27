"""The music that callers hear while they wait: made here, so it is ours to give away.

``python -m channels.twilio_voice.hold_music`` writes ``hold.wav`` again, byte for byte: slow broken chords on a
soft electric piano, 8 kHz μ-law, which is what a telephone carries and what a browser plays.
"""

from __future__ import annotations

import math
import struct
from pathlib import Path

RATE = 8_000
BEAT = 0.5  # seconds
CHORDS = (  # C, Am, F, G with the seventh, spread over the middle of the keyboard (MIDI notes)
    (48, 60, 64, 67, 72, 67, 64, 60),
    (45, 57, 60, 64, 69, 64, 60, 57),
    (41, 53, 57, 60, 65, 60, 57, 53),
    (43, 55, 59, 62, 65, 62, 59, 55),
)
OVERTONES = ((1, 1.0), (2, 0.22), (3, 0.08))
RING = 1.8  # seconds a note can be heard
LEVEL = 0.18
LENGTH_MS = int(len(CHORDS) * 8 * BEAT * 1_000)


def samples() -> list[float]:
    """Sixteen seconds between -1 and 1. What rings over the end rings in at the beginning, so that the piece can
    be played round and round without a seam."""
    length = int(len(CHORDS) * 8 * BEAT * RATE)
    piece = [0.0] * length
    for bar, chord in enumerate(CHORDS):
        for step, key in enumerate(chord):
            _add(piece, int((bar * 8 + step) * BEAT * RATE), 440.0 * 2 ** ((key - 69) / 12))
    return piece


def _add(piece: list[float], start: int, pitch: float) -> None:
    for n in range(int(RING * RATE)):
        t = n / RATE
        loudness = LEVEL * min(1.0, t / 0.02) * math.exp(-2.2 * t) * min(1.0, (RING - t) / 0.2)
        tone = sum(part * math.sin(2 * math.pi * pitch * over * t) for over, part in OVERTONES)
        piece[(start + n) % len(piece)] += loudness * tone


def mu_law(sample: float) -> int:
    """ITU-T G.711: one sample in eight bits, the quiet ones finer than the loud ones."""
    linear = min(32_635, abs(round(sample * 32_767))) + 132
    exponent = linear.bit_length() - 8
    mantissa = (linear >> (exponent + 3)) & 0x0F
    sign = 0x80 if sample < 0 else 0
    return ~(sign | (exponent << 4) | mantissa) & 0xFF


def wav() -> bytes:
    """The piece as a WAV file (format 7: μ-law, one channel)."""
    data = bytes(mu_law(sample) for sample in samples())
    form = struct.pack("<HHIIHHH", 7, 1, RATE, RATE, 1, 8, 0)
    fact = struct.pack("<I", len(data))
    parts = b"".join(
        name + struct.pack("<I", len(body)) + body
        for name, body in ((b"fmt ", form), (b"fact", fact), (b"data", data))
    )
    return b"RIFF" + struct.pack("<I", 4 + len(parts)) + b"WAVE" + parts


if __name__ == "__main__":
    (Path(__file__).parent / "hold.wav").write_bytes(wav())
