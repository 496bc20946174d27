"""How long somebody will still wait, from how fast the queue moves.

With ``k`` callers ahead, ``n`` agents who serve this queue, service rate ``μ`` and the callers' impatience ``θ``:
E[V] = Σ 1/(nμ + jθ) for j = 0 … k (M/M/n+M with all agents busy and the caller themselves patient).
"""

from __future__ import annotations

from contact_center.domain.time import MINUTE, SECOND, Millis

USUAL_HANDLING_MS = 4 * MINUTE
USUAL_PATIENCE_MS = 5 * MINUTE


def expected_wait_ms(
    ahead: int, agents: int, handling_ms: Millis = USUAL_HANDLING_MS, patience_ms: Millis = USUAL_PATIENCE_MS
) -> Millis | None:
    """None where nobody serves the queue: no number would be true. ``patience_ms`` 0: nobody ever gives up."""
    if agents <= 0:
        return None
    served = agents / max(handling_ms, SECOND)
    leave = 1 / patience_ms if patience_ms > 0 else 0.0
    return round(sum(1 / (served + place * leave) for place in range(max(ahead, 0) + 1)))
