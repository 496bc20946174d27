"""What is on a recording, and what it sounds like."""

from __future__ import annotations

import io
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contact_center.sandbox.carrier import sound
from contact_center.sandbox.carrier.tape import Mark, Recording
from contact_center.sandbox.twiml import Tape


def recording(**tape: object) -> Recording:
    return Recording("RE1", "RecordVerb", Tape(**tape), started_at=1_000)  # type: ignore[arg-type]


def test_a_tape_is_as_long_as_it_ran_or_as_the_words_on_it() -> None:
    quiet = recording()
    quiet.end(4_200)
    assert (quiet.status, quiet.duration) == ("completed", 4)
    fast = recording()
    fast.hear(1_000, "inbound", "one", 2.0)
    fast.hear(1_001, "inbound", "two", 2.0)
    fast.end(1_002)
    assert [mark.at for mark in fast.marks] == [0.0, 2.0]
    assert fast.duration == 4


def test_a_pause_is_silence_on_the_tape_or_not_there_at_all() -> None:
    silent, skipped = recording(), recording()
    for tape, skips in ((silent, False), (skipped, True)):
        tape.pause(2_000, skips)
        tape.hear(3_000, "inbound", "my card number", 1.0)
        assert tape.position(5_000) == (1.0 if skips else 4.0)
        tape.resume(6_000)
        tape.hear(6_000, "inbound", "thanks", 1.0)
        tape.end(7_000)
        assert [mark.text for mark in tape.marks] == ["thanks"]
    assert (silent.duration, skipped.duration) == (6, 2)


def test_silence_at_both_ends_is_cut_off_where_that_is_asked() -> None:
    trimmed = recording(trim=True)
    trimmed.hear(6_000, "inbound", "hello", 1.5)
    trimmed.end(20_000)
    assert (trimmed.marks[0].at, trimmed.duration) == (0.0, 2)


def test_one_track_alone_can_be_recorded() -> None:
    inbound = recording(track="inbound")
    inbound.hear(1_000, "outbound", "not this", 1.0)
    assert inbound.marks == []


def test_what_is_over_stays_as_it_was() -> None:
    over = recording()
    over.end(2_000, absent=True)
    over.resume(3_000)
    over.end(9_000)
    over.hear(9_000, "inbound", "late", 1.0)
    assert (over.status, over.duration, over.ended_at, over.marks) == ("absent", 0, 2_000, [])


def _read(marks: list[Mark], seconds: int, channels: int) -> tuple[wave.Wave_read, bytes]:
    file = b"".join(sound.wav(marks, seconds, channels))
    assert len(file) == sound.size(seconds, channels)
    with wave.open(io.BytesIO(file)) as reader:
        return reader, reader.readframes(reader.getnframes())


def test_a_recording_is_a_real_wav_file_with_a_tone_where_somebody_spoke() -> None:
    reader, frames = _read([Mark("inbound", 1.0, 1.0, "two words")], 3, 1)
    assert (reader.getframerate(), reader.getnchannels(), reader.getsampwidth()) == (8_000, 1, 2)
    assert reader.getnframes() == 3 * 8_000
    assert frames[: 2 * 8_000] == bytes(2 * 8_000)
    assert any(frames[2 * 8_000 : 4 * 8_000])
    assert not any(frames[4 * 8_000 :])


def test_a_dual_recording_keeps_the_caller_left_and_the_others_right() -> None:
    marks = [Mark("inbound", 0.0, 1.0, "hello"), Mark("outbound", 1.0, 1.0, "您好")]
    reader, frames = _read(marks, 2, 2)
    assert reader.getnchannels() == 2
    samples = [frames[i : i + 2] for i in range(0, len(frames), 2)]
    left, right = samples[0::2], samples[1::2]
    assert any(any(one) for one in left[:8_000])
    assert not any(any(one) for one in right[:8_000])
    assert any(any(one) for one in right[8_000:])


@given(
    st.lists(
        st.builds(
            Mark,
            st.sampled_from(["inbound", "outbound"]),
            st.floats(0, 40),
            st.floats(0, 10),
            st.text(max_size=30),
        ),
        max_size=6,
    ),
    st.integers(0, 25),
    st.sampled_from([1, 2]),
)
def test_any_words_make_a_file_of_the_length_that_was_promised(
    marks: list[Mark], seconds: int, channels: int
) -> None:
    reader, _ = _read(marks, seconds, channels)
    assert reader.getnframes() == seconds * 8_000


@pytest.mark.parametrize("pitch", ["a", "ß", "漏"])
def test_each_word_sounds_the_same_each_time(pitch: str) -> None:
    once = list(sound.wav([Mark("inbound", 0, 1, pitch)], 1, 1))
    assert once == list(sound.wav([Mark("inbound", 0, 1, pitch)], 1, 1))
