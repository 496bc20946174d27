"""Prints the JSON Schema of everything the console is sent, taken from the hub's own dataclasses."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from contact_center.domain import events, views

ROOTS: dict[str, Any] = {
    "desk": views.DeskState,
    "announcement": views.Announcement,
    "event": views.EventView,
    "floor": views.Floor,
}


def schema() -> dict[str, Any]:
    """One object whose properties are the roots and the event bodies by kind.

    Every field is required: the hub always writes them all, defaults included.
    """
    wanted = [(name, "serialization", TypeAdapter(root)) for name, root in ROOTS.items()]
    wanted += [(f"body:{kind}", "serialization", TypeAdapter(body)) for kind, body in events.BODIES.items()]
    refs, shared = TypeAdapter.json_schemas(wanted)  # type: ignore[arg-type]
    definitions = shared.get("$defs", {})
    for definition in definitions.values():
        if definition.get("type") == "object" and "properties" in definition:
            definition["required"] = list(definition["properties"])
            definition["additionalProperties"] = False
        for prop in definition.get("properties", {}).values():
            for word in ("title", "default"):
                prop.pop(word, None)
    by_key = {key: ref for (key, _mode), ref in refs.items()}
    bodies = {kind: by_key[f"body:{kind}"] for kind in events.BODIES}
    return {
        "title": "Wire",
        "type": "object",
        "properties": {
            **{name: by_key[name] for name in ROOTS},
            "bodies": {
                "title": "Bodies",
                "type": "object",
                "properties": bodies,
                "required": list(bodies),
                "additionalProperties": False,
            },
        },
        "required": [*ROOTS, "bodies"],
        "additionalProperties": False,
        "$defs": definitions,
    }


if __name__ == "__main__":
    json.dump(schema(), sys.stdout, ensure_ascii=False)
