"""TwiML as a telephone hears it. Pure: no clock, no I/O.

``read`` turns a document into verbs, ``step`` walks over them one happening at a time. The meanings are those of
https://www.twilio.com/docs/voice/twiml; what a sandbox has no ears for is left out.
"""

from contact_center.sandbox.twiml.reading import MAX_BYTES, MAX_LOOPS, MAX_VERBS, Unreadable, read
from contact_center.sandbox.twiml.verbs import (
    Conference,
    Dial,
    Enqueue,
    Gather,
    Hangup,
    Leave,
    Message,
    Pause,
    Play,
    Prompt,
    Record,
    Redirect,
    Reject,
    Say,
    Tape,
    Taping,
    Target,
    Transcribe,
    Verb,
)
from contact_center.sandbox.twiml.walking import (
    Ask,
    Begin,
    Carry,
    Do,
    Done,
    End,
    Happening,
    Hear,
    Keys,
    LeaveQueue,
    Listen,
    Position,
    Returned,
    Silence,
    Step,
    Words,
    lasts,
    step,
)

__all__ = [
    "MAX_BYTES", "MAX_LOOPS", "MAX_VERBS", "Ask", "Begin", "Carry", "Conference", "Dial", "Do", "Done", "End",
    "Enqueue", "Gather", "Hangup", "Happening", "Hear", "Keys", "Leave", "LeaveQueue", "Listen", "Message", "Pause",
    "Play", "Position", "Prompt", "Record", "Redirect", "Reject", "Returned", "Say", "Silence", "Step", "Tape",
    "Taping", "Target", "Transcribe", "Unreadable", "Verb", "Words", "lasts", "read", "step",
]  # fmt: skip
