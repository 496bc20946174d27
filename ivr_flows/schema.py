"""The language that flows are written in, as JSON Schema (2020-12). The reader takes its words from here."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

_TARGET = {"type": "string", "description": "The name of a step."}
_NEXT = {**_TARGET, "description": "The step that follows; the one written below, if left out."}
_PROMPT = {"$ref": "#/$defs/prompt"}
_VALUES = {"$ref": "#/$defs/values"}
_RETRY = {"$ref": "#/$defs/retry"}
_NAME = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"
_VARIABLE = r"^[a-z][a-z0-9_]{0,63}$"


def _object(required: list[str], properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required,
        "properties": properties,
        **more,
    }


_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "IVR flow",
    **_object(
        ["flow", "languages", "steps"],
        {
            "flow": {"type": "string", "pattern": _NAME, "description": "The flow's name."},
            "languages": {
                "type": "object",
                "minProperties": 1,
                "propertyNames": {"pattern": _NAME},
                "additionalProperties": {"type": "string", "description": "A BCP 47 tag, such as en-US."},
                "description": "The languages spoken, by the names that prompts use. The first is the default.",
            },
            "facts": {
                "type": "array",
                "items": {"type": "string", "pattern": _VARIABLE},
                "description": "Further variables that are known when a call comes in.",
            },
            "start": {**_TARGET, "description": "Where calls begin; the first step, if left out."},
            "otherwise": {
                **_TARGET,
                "description": "Where menus lead when no usable answer came, if they don't say it themselves.",
            },
            "steps": {
                "type": "object",
                "minProperties": 1,
                "propertyNames": {"pattern": _NAME},
                "additionalProperties": {
                    "oneOf": [
                        {"$ref": f"#/$defs/{kind}"}
                        for kind in ("say", "menu", "set", "branch", "hours", "queue", "hang_up", "goto")
                    ]
                },
            },
        },
    ),
    "$defs": {
        "prompt": {
            "description": "Words in every language of the flow; or a list of words that are said one after "
            "another, each in its own language; or, in a flow of one language, just the words. "
            "{name} stands for a variable, {name|words} says the words where it is empty.",
            "oneOf": [
                {"type": "string", "minLength": 1},
                {"type": "object", "minProperties": 1, "additionalProperties": {"type": "string"}},
                {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "minProperties": 1,
                        "maxProperties": 1,
                        "additionalProperties": {"type": "string"},
                    },
                },
            ],
        },
        "values": {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"pattern": _VARIABLE},
            "additionalProperties": {"type": ["string", "number", "boolean"]},
            "description": "Variables and what they become. `language` is one of the flow's languages.",
        },
        "retry": _object(
            [],
            {
                "say": {**_PROMPT, "description": "Said before the menu is repeated."},
                "next": {**_TARGET, "description": "The way out when the retries are used up."},
            },
        ),
        "choice": _object(
            ["next"],
            {
                "next": _TARGET,
                "set": _VALUES,
                "words": {
                    "type": "object",
                    "additionalProperties": {"type": "array", "items": {"type": "string"}},
                    "description": "What a caller may say instead of pressing the key, by language.",
                },
            },
        ),
        "case": _object(
            ["when", "next"],
            {
                "when": {
                    "type": "object",
                    "minProperties": 1,
                    "additionalProperties": {
                        "oneOf": [
                            {"type": ["string", "number", "boolean"]},
                            {"type": "array", "items": {"type": ["string", "number", "boolean"]}},
                        ]
                    },
                    "description": "Variables and the value, or the values, that they must have.",
                },
                "next": _TARGET,
            },
        ),
        "say": _object(["say"], {"say": _PROMPT, "next": _NEXT}),
        "menu": _object(
            ["menu", "choices"],
            {
                "menu": {**_PROMPT, "description": "The question."},
                "choices": {
                    "type": "object",
                    "minProperties": 1,
                    "propertyNames": {"pattern": r"^[0-9*#]{1,8}$"},
                    "additionalProperties": {"oneOf": [_TARGET, {"$ref": "#/$defs/choice"}]},
                    "description": "The keys, and where each leads.",
                },
                "no_input": {**_RETRY, "description": "The caller pressed and said nothing in time."},
                "no_match": {**_RETRY, "description": "The caller pressed or said something else."},
                "retries": {"type": "integer", "minimum": 0, "maximum": 9, "default": 2},
                "timeout_ms": {"type": "integer", "minimum": 1000, "maximum": 60000, "default": 5000},
            },
        ),
        "set": _object(["set"], {"set": _VALUES, "next": _NEXT}),
        "branch": _object(
            ["branch"],
            {
                "branch": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/case"}},
                "otherwise": {**_NEXT, "description": "Where it goes when no case holds; default: below."},
            },
        ),
        "hours": _object(
            ["hours", "zone", "open", "closed"],
            {
                "hours": {
                    "type": "object",
                    "minProperties": 1,
                    "additionalProperties": {"type": "string"},
                    "description": 'Days and windows: `mon-fri: "09:00-12:00, 13:00-18:00"`. A window that ends '
                    "before it starts goes on into the next day.",
                },
                "zone": {"type": "string", "description": "An IANA time zone, such as Asia/Shanghai."},
                "open": _TARGET,
                "closed": _TARGET,
            },
        ),
        "queue": _object(
            ["queue"],
            {
                "queue": {"type": "string", "pattern": _NAME, "description": "The queue's id."},
                "priority": {"type": "integer", "minimum": 0, "maximum": 100, "default": 0},
                "skills": {
                    "type": "object",
                    "additionalProperties": {"type": "integer", "minimum": 1, "maximum": 5},
                    "description": "Skills and the level needed at least. A name may have variables in it.",
                },
                "say": {**_PROMPT, "description": "Said while the caller waits, before the music."},
            },
        ),
        "hang_up": _object(
            ["hang_up"],
            {"hang_up": {"oneOf": [{"type": "null"}, _PROMPT], "description": "What is said first."}},
        ),
        "goto": _object(["goto"], {"goto": _TARGET}),
    },
}


def schema() -> dict[str, Any]:
    """A copy of the schema, to publish."""
    return deepcopy(_SCHEMA)


def words(kind: str) -> dict[str, Any]:
    """The properties of one kind of object, or of the whole flow (``""``)."""
    found: dict[str, Any] = (_SCHEMA["$defs"][kind] if kind else _SCHEMA)["properties"]
    return found


def required(kind: str) -> list[str]:
    found: list[str] = (_SCHEMA["$defs"][kind] if kind else _SCHEMA)["required"]
    return found


KINDS: tuple[str, ...] = ("say", "menu", "set", "branch", "hours", "queue", "hang_up", "goto")
NAME = _NAME
VARIABLE = _VARIABLE
KEYS: str = _SCHEMA["$defs"]["menu"]["properties"]["choices"]["propertyNames"]["pattern"]
