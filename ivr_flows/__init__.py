"""Given a flow, a position and what the caller did, says what to play and do next. No I/O."""

from ivr_flows.asks import (
    Ask,
    CallbackWanted,
    CodeAsked,
    CodeChecked,
    DialAsked,
    PinChecked,
    ServiceAsked,
    VoicemailLeft,
)
from ivr_flows.flow import Flow
from ivr_flows.problems import FlowError, Problem
from ivr_flows.reading import check, load
from ivr_flows.schema import schema
from ivr_flows.turns import QueueAsked, QueueFacts, Turn, advance, after_call, hold_again, joined, start

__all__ = [
    "Ask",
    "CallbackWanted",
    "CodeAsked",
    "CodeChecked",
    "DialAsked",
    "Flow",
    "FlowError",
    "PinChecked",
    "Problem",
    "QueueAsked",
    "QueueFacts",
    "ServiceAsked",
    "Turn",
    "VoicemailLeft",
    "advance",
    "after_call",
    "check",
    "hold_again",
    "joined",
    "load",
    "schema",
    "start",
]
