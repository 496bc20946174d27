"""The published shapes: the event record's JSON Schema, and AsyncAPI for the agents' websocket."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

from pydantic import TypeAdapter

from contact_center import __version__
from contact_center.config.model import Config
from contact_center.domain import views
from contact_center.domain.events import BODIES, InteractionEvent, Unknown
from contact_center.web.commands import COMMANDS

DIALECT = "https://json-schema.org/draft/2020-12/schema"


@cache
def interaction_event() -> dict[str, Any]:
    """JSON Schema of one item of ``GET /api/v1/events``: ``kind`` says which body it has."""
    schema: dict[str, Any] = TypeAdapter(InteractionEvent).json_schema(ref_template="#/$defs/{model}")
    definitions = schema.setdefault("$defs", {})
    schema["properties"]["kind"] = {
        "type": "string",
        "description": "What happened. A kind that you do not know is not an error.",
        "examples": sorted(BODIES),
    }
    schema["required"] = [*schema.get("required", []), "kind"]
    for definition in definitions.values():
        definition.setdefault("additionalProperties", True)
    schema["properties"]["body"] = {
        "type": "object",
        "description": "What is particular to the kind; see the conditions below.",
    }
    schema["allOf"] = [
        {
            "if": {"properties": {"kind": {"const": kind}}},
            "then": {"properties": {"body": {"$ref": f"#/$defs/{body.__name__}"}}},
        }
        for kind, body in sorted(BODIES.items())
    ]
    definitions.pop(Unknown.__name__, None)
    return {
        "$schema": DIALECT,
        "$id": "/api/v1/schema/interaction-event.json",
        **schema,
        "title": "InteractionEvent",
        "description": "One thing that happened between a customer and us, on any channel. Moments (…_at) are "
        "integers: milliseconds since 1970-01-01T00:00:00Z.",
    }


@cache
def configuration() -> dict[str, Any]:
    """JSON Schema of the configuration file, as editors read it."""
    return {
        "$schema": DIALECT,
        "$id": "/api/v1/schema/configuration.json",
        **Config.model_json_schema(),
        "title": "The hub's configuration",
    }


def _message(name: str, fields: dict[str, Any], summary: str) -> dict[str, Any]:
    frame_type = name.split(".")[0]
    return {
        "name": name,
        "summary": summary,
        "payload": {
            "type": "object",
            "required": ["type", *fields],
            "properties": {"type": {"const": frame_type}, **fields},
        },
    }


@cache
def asyncapi() -> dict[str, Any]:
    """AsyncAPI 3.0 of ``/agent``."""
    adapters: list[tuple[Any, Literal["serialization"], TypeAdapter[Any]]] = [
        ("DeskState", "serialization", TypeAdapter(views.DeskState)),
        ("Announcement", "serialization", TypeAdapter(views.Announcement)),
        ("Floor", "serialization", TypeAdapter(views.Floor)),
    ]
    refs, definitions = TypeAdapter.json_schemas(adapters, ref_template="#/components/schemas/{model}")
    shapes = {name: refs[name, "serialization"] for name, _, _ in adapters}
    components = dict(definitions.get("$defs", {}))
    for name, (model, _) in COMMANDS.items():
        described = model.model_json_schema(ref_template="#/components/schemas/{model}")
        components.update(described.pop("$defs", {}))
        components[f"command.{name}"] = described
    integer, string, flag, anything = {"type": "integer"}, {"type": "string"}, {"type": "boolean"}, {"type": "object"}
    sent = {
        "hello": _message(
            "hello",
            {"epoch": string, "heartbeat_ms": integer, "agent_id": {"type": ["string", "null"]}, "seq": integer,
             "now": integer},
            "The first frame.",
        ),
        "snapshot": _message("snapshot", {"state": shapes["DeskState"]}, "The whole desk as of state.seq."),
        "announce": _message(
            "announce", {"seq": integer, "at": integer, "body": shapes["Announcement"]}, "One change, next in number."
        ),
        "resync": _message("resync", {}, "What you asked for is gone: a snapshot follows."),
        "result": _message("result", {"id": string, "ok": flag}, "What a command came to: value or error."),
        "floor": _message("floor", {"floor": shapes["Floor"]}, "The floor, whole or what changed."),
        "typing": _message("typing", {"interaction_id": string, "at": integer}, "The customer is writing."),
        "channel": _message("channel", {"name": string, "state": string, "reason": string}, "A channel's health."),
        "pong": _message("pong", {"now": integer}, "Answer to ping."),
        "drain": _message("drain", {"retry_after_ms": integer}, "The hub goes down in order."),
        "error": _message("error", {"code": string, "message": string}, "A frame made no sense."),
    }  # fmt: skip
    taken = {
        "snapshot.ask": _message("snapshot", {}, "Send me the whole desk, then what follows."),
        "resume": _message("resume", {"after": integer}, "Send me everything after this number."),
        "command": _message("command", {"id": string, "name": string, "args": anything}, "Do something."),
        "watch": _message("watch", {"what": string}, "Send me the floor."),
        "unwatch": _message("unwatch", {"what": string}, "No more of it."),
        "ping": _message("ping", {}, "Are you there?"),
    }
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Contact Center Hub: the agents' websocket", "version": __version__},
        "channels": {
            "agent": {"address": "/agent", "messages": {**sent, **taken}},
        },
        "operations": {
            "push": {
                "action": "send",
                "channel": {"$ref": "#/channels/agent"},
                "messages": [{"$ref": f"#/channels/agent/messages/{name}"} for name in sent],
            },
            "ask": {
                "action": "receive",
                "channel": {"$ref": "#/channels/agent"},
                "messages": [{"$ref": f"#/channels/agent/messages/{name}"} for name in taken],
            },
        },
        "components": {"schemas": components},
    }
