"""Given who waits and who is free, says who is offered what, and why. No I/O."""

from routing.cases import Waiting
from routing.decisions import Considered, Decision, Explanation, Reason
from routing.engine import Engine
from routing.policy import Policy, QueuePolicy
from routing.seats import Seat

__all__ = ["Considered", "Decision", "Engine", "Explanation", "Policy", "QueuePolicy", "Reason", "Seat", "Waiting"]
