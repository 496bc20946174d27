"""The language that flows are written in, as JSON Schema (2020-12). The reader takes its words from here."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

_TARGET = {"type": "string", "description": "The name of a step."}
_NEXT = {**_TARGET, "description": "The step that follows; the one written below, if left out."}
_PROMPT = {"$ref": "#/$defs/prompt"}
_READY = {**_PROMPT, "description": "Instead of the ready-made words, which there are in English and Chinese."}
_VALUES = {"$ref": "#/$defs/values"}
_RETRY = {"oneOf": [_TARGET, {"$ref": "#/$defs/retry"}]}
_SKILLS = {"$ref": "#/$defs/levels"}
_NAME = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"
_VARIABLE = r"^[a-z][a-z0-9_]{0,63}$"
_KEY = r"^[0-9*#]$"
_ONE_KEY = {"type": "string", "pattern": _KEY}
_QUEUE = {"type": "string", "pattern": _NAME, "description": "The queue's id."}
_SERVICE = {"type": "string", "pattern": _NAME, "description": "The service's name in the operator's configuration."}
_SOURCE = {"type": "string", "description": "An https address, or a path below /media/ that the hub serves."}
_NUMBER = r"^\+[1-9][0-9]{6,14}$"


def _object(required: list[str], properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required,
        "properties": properties,
        **more,
    }


def _whole(low: int, high: int, default: int | None = None) -> dict[str, Any]:
    found = {"type": "integer", "minimum": low, "maximum": high}
    return found if default is None else {**found, "default": default}


def _to(words: str) -> dict[str, Any]:
    return {**_TARGET, "description": words}


def _question(retries: int = 2) -> dict[str, Any]:
    """What every step has that asks the caller."""
    return {
        "retries": _whole(0, 9, retries),
        "timeout_ms": _whole(1_000, 60_000, 5_000),
        "barge_in": {"type": "boolean", "default": True, "description": "Whether keys cut the words short."},
    }


_MISSED = {
    "no_input": {**_RETRY, "description": "The caller pressed and said nothing in time."},
    "no_match": {**_RETRY, "description": "The caller pressed or said something else."},
}
_DIP = {
    "with": {**_VALUES, "description": "What the service is told."},
    "into": {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {"oneOf": [{"type": "string", "pattern": _VARIABLE}, {"$ref": "#/$defs/field"}]},
        "description": "Fields of the answer, and the variables that they become.",
    },
    "budget_ms": _whole(500, 10_000, 4_000),
    "not_found": _to("The service knows no such thing; default: as `error`."),
    "error": _to("The service can't say; default: the flow's `otherwise`."),
    "timeout": _to("It took too long; default: as `error`."),
}
_TREATMENT = {
    "priority": _whole(0, 100, 0),
    "skills": _SKILLS,
    "say": {**_PROMPT, "description": "Said while the caller waits, before the music."},
    "wait": {"$ref": "#/$defs/wait"},
    "offer": {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": _KEY},
        "additionalProperties": {"oneOf": [_TARGET, {"$ref": "#/$defs/choice"}]},
        "description": "Keys that lead out of the queue while the caller waits; the place is kept.",
    },
    "closing": _to("The queue takes no calls (any more); default: wait on."),
    "no_agents": _to("Nobody is signed in; default: wait on."),
    "full": {"$ref": "#/$defs/full"},
    "longest": {"$ref": "#/$defs/longest"},
}

_STEPS: dict[str, dict[str, Any]] = {
    "say": _object(
        ["say"],
        {
            "say": _PROMPT,
            "ssml": {"type": "boolean", "default": False, "description": "The words are SSML."},
            "next": _NEXT,
        },
    ),
    "play": _object(
        ["play"],
        {
            "play": {"oneOf": [_SOURCE, {"type": "object", "minProperties": 1, "additionalProperties": _SOURCE}]},
            "next": _NEXT,
        },
    ),
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
            "hints": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Further words that the recogniser is told to expect.",
            },
            **_MISSED,
            **_question(),
        },
    ),
    "collect": _object(
        ["collect", "variable"],
        {
            "collect": {**_PROMPT, "description": "The question for digits."},
            "variable": {"type": "string", "pattern": _VARIABLE},
            "min": _whole(1, 32, 1),
            "max": _whole(1, 32, 20),
            "finish_on": {"type": "string", "pattern": r"^[*#]?$", "default": "#"},
            "secret": {
                "type": "boolean",
                "default": False,
                "description": "The digits are given to `service` under the variable's name, and kept nowhere.",
            },
            "service": _SERVICE,
            **_DIP,
            "next": _NEXT,
            **_MISSED,
            **_question(),
        },
    ),
    "set": _object(["set"], {"set": _VALUES, "next": _NEXT}),
    "priority": _object(["priority"], {"priority": _whole(1, 100), "next": _NEXT}),
    "skills": _object(["skills"], {"skills": _SKILLS, "next": _NEXT}),
    "language": _object(
        ["language"],
        {
            "language": {"type": "string", "description": "One of the flow's languages."},
            "voice": {"type": "string", "description": "A voice for it, as the carrier calls it."},
            "next": _NEXT,
        },
    ),
    "branch": _object(
        ["branch"],
        {
            "branch": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/case"}},
            "otherwise": {**_NEXT, "description": "Where it goes when no case holds; default: below."},
        },
    ),
    "hours": _object(
        ["hours", "open", "closed"],
        {
            "hours": {
                "oneOf": [
                    {"type": "string", "description": "One of the flow's `calendars`."},
                    {"$ref": "#/$defs/week"},
                ]
            },
            "zone": {"type": "string", "description": "An IANA time zone, such as Asia/Shanghai."},
            "holidays": {"$ref": "#/$defs/holidays"},
            "open": _TARGET,
            "closed": _TARGET,
            "holiday": _to("Default: as `closed`."),
        },
    ),
    "identify": _object(
        ["identify"],
        {
            "identify": {"const": "ani", "type": "string"},
            "known": _to("The number is one of a customer's; default: below."),
            "unknown": _to("It is not; default: below."),
        },
    ),
    "verify": _object(
        ["verify"],
        {
            "verify": {"enum": ["pin", "code"], "type": "string"},
            "service": {**_SERVICE, "description": "Who knows the PIN."},
            "with": {**_VALUES, "description": "What the service is told besides."},
            "say": _READY,
            "wrong": {**_PROMPT, "description": "Said after a wrong one."},
            "min": _whole(1, 16, 4),
            "max": _whole(1, 16, 8),
            "budget_ms": _whole(500, 10_000, 4_000),
            "verified": _to("They are who they say; default: below."),
            "failed": _to("They are not, or gave no answer; default: the flow's `otherwise`."),
            "unavailable": _to("Nobody can tell now; default: as `failed`."),
            **_question(),
        },
    ),
    "fetch": _object(
        ["fetch"],
        {
            "fetch": _SERVICE,
            **_DIP,
            "say": {**_PROMPT, "description": "Said while the service is asked."},
            "next": _NEXT,
        },
    ),
    "split": _object(
        ["split", "arms"],
        {
            "split": {"type": "string", "pattern": _NAME, "description": "The experiment's name."},
            "salt": {"type": "string", "description": "Another one deals the callers out anew."},
            "arms": {
                "type": "object",
                "minProperties": 2,
                "propertyNames": {"pattern": _NAME},
                "additionalProperties": _object(["next"], {"weight": _whole(1, 1_000, 1), "next": _TARGET}),
            },
        },
    ),
    "consent": _object(
        ["consent"],
        {
            "consent": {"enum": ["announce", "ask"], "type": "string"},
            "say": _READY,
            "accept": {**_ONE_KEY, "default": "1"},
            "refuse": {**_ONE_KEY, "default": "2"},
            "given": _to("The call may be recorded; default: below."),
            "refused": _to("It may not; default: below."),
            **_question(1),
        },
    ),
    "survey": _object(
        ["survey"],
        {
            "survey": {"type": "array", "minItems": 1, "maxItems": 20, "items": {"$ref": "#/$defs/question"}},
            "next": _NEXT,
            **_question(1),
        },
    ),
    "queue": _object(["queue"], {"queue": _QUEUE, **_TREATMENT}),
    "callback": _object(
        ["callback"],
        {
            "callback": {
                "oneOf": [{"type": "null"}, _PROMPT],
                "description": "The question, with {number}.",
            },
            "number": {
                "type": "string",
                "pattern": _VARIABLE,
                "default": "ani",
                "description": "The variable that has it: the caller's own, or one that a fact or a service gave.",
            },
            "accept": {**_ONE_KEY, "default": "1"},
            "decline": {**_ONE_KEY, "default": "2"},
            "accepted": _to("They will be called; default: below."),
            "declined": _to("They won't; default: the flow's `otherwise`."),
            "unavailable": _to("There is no number that may be called; default: as `declined`."),
            **_question(1),
        },
    ),
    "voicemail": _object(
        ["voicemail", "queue"],
        {
            "voicemail": {"oneOf": [{"type": "null"}, _PROMPT], "description": "The greeting before the tone."},
            "queue": {**_QUEUE, "description": "The queue that gets the message."},
            "longest_ms": _whole(5_000, 600_000, 120_000),
            "silence_ms": _whole(1_000, 60_000, 5_000),
            "finish_on": {"type": "string", "pattern": r"^[0-9*#]{0,12}$", "default": "#"},
            "transcribe": {"type": "boolean", "default": False},
            "recorded": _to("There is a message; default: below."),
            "nothing": _to("They said nothing; default: the flow's `otherwise`."),
        },
    ),
    "transfer": _object(
        ["transfer"],
        {
            "transfer": _object(
                [],
                {
                    "number": {"type": "string", "pattern": _NUMBER, "description": "E.164, and no variable."},
                    "queue": _QUEUE,
                    "agent": {"type": "string", "pattern": _NAME, "description": "The only one who may get it."},
                },
            ),
            **_TREATMENT,
            "timeout_ms": _whole(5_000, 60_000, 25_000),
            "longest_ms": _whole(60_000, 14_400_000, 3_600_000),
            "answered": _to("The two have spoken; default: the call ends."),
            "busy": _to("Default: as `failed`."),
            "no_answer": _to("Default: as `failed`."),
            "refused": _to("The number may not be rung; default: as `failed`."),
            "failed": _to("Default: the flow's `otherwise`."),
        },
    ),
    "subflow": _object(
        ["subflow"],
        {
            "subflow": {"type": "string", "pattern": _NAME, "description": "The other flow's name."},
            "exits": {
                "type": "object",
                "minProperties": 1,
                "propertyNames": {"pattern": _NAME},
                "additionalProperties": _TARGET,
                "description": "Where its outcomes lead; those that are not here: `next`.",
            },
            "next": _NEXT,
        },
    ),
    "return": _object(
        ["return"],
        {
            "return": {
                "oneOf": [{"type": "null"}, {"type": "string", "pattern": _NAME}],
                "description": "The outcome, if there is more than one.",
            }
        },
    ),
    "hang_up": _object(
        ["hang_up"],
        {"hang_up": {"oneOf": [{"type": "null"}, _PROMPT], "description": "What is said first."}},
    ),
    "goto": _object(["goto"], {"goto": _TARGET}),
}

KINDS: tuple[str, ...] = tuple(_STEPS)

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
            "voices": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": {"type": "string", "minLength": 1},
                "description": "A voice for each language, as the carrier calls it.",
            },
            "facts": {
                "type": "array",
                "items": {"type": "string", "pattern": _VARIABLE},
                "description": "Further variables that are known when a call, or the flow that this is part of, "
                "comes here.",
            },
            "personal": {
                "type": "array",
                "items": {"type": "string", "pattern": _VARIABLE},
                "description": "Facts that only a verified caller may hear. caller_name is one anyway.",
            },
            "calendars": {
                "type": "object",
                "minProperties": 1,
                "propertyNames": {"pattern": _NAME},
                "additionalProperties": {"$ref": "#/$defs/calendar"},
            },
            "start": {**_TARGET, "description": "Where calls begin; the first step, if left out."},
            "otherwise": {
                **_TARGET,
                "description": "Where exits lead for which a step says nothing else: the last resort.",
            },
            "after_call": {**_TARGET, "description": "Where a caller comes to after the conversation."},
            "steps": {
                "type": "object",
                "minProperties": 1,
                "propertyNames": {"pattern": _NAME},
                "additionalProperties": {"oneOf": [{"$ref": f"#/$defs/{kind}"} for kind in KINDS]},
            },
        },
    ),
    "$defs": {
        "words": {
            "description": "Words; <speak>…</speak> is SSML. {name} stands for a variable, {name|words} says the "
            "words where it is empty, {name:digits} speaks it one character at a time, {name:last4} its last four.",
            "oneOf": [{"type": "string", "minLength": 1}, _object(["play"], {"play": _SOURCE})],
        },
        "prompt": {
            "description": "Words in every language of the flow; or a list of words that are said one after "
            "another, each in its own language; or, in a flow of one language, just the words.",
            "oneOf": [
                {"type": "string", "minLength": 1},
                {"type": "object", "minProperties": 1, "additionalProperties": {"$ref": "#/$defs/words"}},
                {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "minProperties": 1,
                        "maxProperties": 1,
                        "additionalProperties": {"$ref": "#/$defs/words"},
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
        "levels": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": _whole(1, 5),
            "description": "Skills and the level needed at least. A name may have variables in it.",
        },
        "field": _object(
            ["variable"],
            {
                "variable": {"type": "string", "pattern": _VARIABLE},
                "personal": {
                    "type": "boolean",
                    "default": False,
                    "description": "Only a verified caller may hear it.",
                },
            },
        ),
        "retry": _object(
            [],
            {
                "say": {**_PROMPT, "description": "Said before the question is repeated."},
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
            ["next"],
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
                "if": {
                    "type": "string",
                    "maxLength": 500,
                    "description": "A condition in CEL, over variables, which are text: int(orders) > 2. What can't "
                    "be computed doesn't hold.",
                },
                "next": _TARGET,
            },
        ),
        "week": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {"type": "string"},
            "description": 'Days and windows: `mon-fri: "09:00-12:00, 13:00-18:00"`, `sun: closed`. A window that '
            "ends before it starts goes on into the next day.",
        },
        "holidays": {
            "type": "array",
            "items": {"oneOf": [{"type": "string"}, {"$ref": "#/$defs/holiday"}]},
            "description": "Days such as 2026-12-25, 12-25 (every year), 2026-12-24..2027-01-02, 12-24..01-02.",
        },
        "holiday": _object(["day"], {"day": {"type": "string"}, "hours": {"type": "string"}}),
        "calendar": _object(
            ["zone", "week"],
            {
                "zone": {"type": "string", "description": "An IANA time zone, such as Asia/Shanghai."},
                "week": {"$ref": "#/$defs/week"},
                "holidays": {"$ref": "#/$defs/holidays"},
            },
        ),
        "wait": _object(
            [],
            {
                "position": {
                    "oneOf": [{"type": "boolean"}, _PROMPT],
                    "description": "With {place} and {ahead}.",
                },
                "estimate": {"oneOf": [{"type": "boolean"}, _PROMPT], "description": "With {minutes}."},
                "comfort": {"type": "array", "minItems": 1, "items": _PROMPT, "description": "Said in turn."},
                "music": _SOURCE,
                "every_ms": _whole(5_000, 300_000, 30_000),
            },
        ),
        "full": _object(["beyond", "next"], {"beyond": _whole(1, 10_000), "next": _TARGET}),
        "longest": _object(["ms", "next"], {"ms": _whole(10_000, 86_400_000), "next": _TARGET}),
        "question": _object(
            ["name", "say"],
            {
                "name": {"type": "string", "pattern": _NAME},
                "say": _PROMPT,
                "from": _whole(0, 9, 1),
                "to": _whole(0, 9, 5),
                "speech": {"type": "boolean", "default": False, "description": "Any words are an answer too."},
            },
        ),
        **_STEPS,
    },
}


def schema() -> dict[str, Any]:
    """A copy of the schema, to publish."""
    return deepcopy(_SCHEMA)


def rule(kind: str) -> dict[str, Any]:
    """The schema of one kind of object, or of the whole flow (``""``)."""
    found: dict[str, Any] = _SCHEMA["$defs"][kind] if kind else _SCHEMA
    return found


def words(kind: str) -> dict[str, Any]:
    """The properties of one kind of object, or of the whole flow."""
    found: dict[str, Any] = rule(kind)["properties"]
    return found


def required(kind: str) -> list[str]:
    found: list[str] = rule(kind)["required"]
    return found


NAME = _NAME
VARIABLE = _VARIABLE
NUMBER = _NUMBER
KEY = _KEY
KEYS: str = _STEPS["menu"]["properties"]["choices"]["propertyNames"]["pattern"]
