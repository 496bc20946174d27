"""Given a flow, a position and what the caller did, says what to play and do next. No I/O."""

from ivr_flows.flow import Flow
from ivr_flows.problems import FlowError, Problem
from ivr_flows.reading import load
from ivr_flows.schema import schema
from ivr_flows.turns import QueueAsked, Turn, advance, start

__all__ = ["Flow", "FlowError", "Problem", "QueueAsked", "Turn", "advance", "load", "schema", "start"]
