"""Given who waits and who is free, says who is offered what, and why. No I/O."""

from routing.cases import Waiting
from routing.decisions import Considered, Decision, Explanation
from routing.engine import Engine
from routing.policy import Policy, QueuePolicy
from routing.reasons import Reason
from routing.seats import Seat, fits

__all__ = [
    "Considered",
    "Decision",
    "Engine",
    "Explanation",
    "Policy",
    "QueuePolicy",
    "Reason",
    "Seat",
    "Waiting",
    "fits",
]
