"""What a shadow has come to, for a page, a command and a program."""

from __future__ import annotations

from typing import Any

from routing.shadow import Shadow


def told(shadow: Shadow | None) -> dict[str, Any]:
    """``policy`` is empty where none is asked."""
    if shadow is None:
        return {"policy": "", "counts": {}, "queues": {}, "reasons": {}, "recent": []}
    queues: dict[str, dict[str, int]] = {}
    for (queue, verdict), count in sorted(shadow.counts.items()):
        queues.setdefault(queue, {})[verdict] = count
    return {
        "policy": shadow.policy.version,
        "counts": shadow.by_verdict(),
        "queues": queues,
        "reasons": dict(shadow.reasons.most_common()),
        "recent": [each._asdict() for each in list(shadow.recent)],
    }
