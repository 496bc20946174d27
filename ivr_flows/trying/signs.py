"""A sign for each kind of step, and what the step is for: a box is known by both before its words are read."""

from __future__ import annotations

SIGNS: dict[str, tuple[str, str]] = {
    # what the steps are for, and a sign of one or two strokes (in a box of 16)
    "say": ("speak", "M3 6v4h3l4 3V3L6 6z M12.5 5.5a4 4 0 0 1 0 5"),
    "play": ("speak", "M5 3l8 5-8 5z"),
    "menu": ("ask", "M4 4h.01M8 4h.01M12 4h.01M4 8h.01M8 8h.01M12 8h.01M4 12h.01M8 12h.01M12 12h.01"),
    "collect": ("ask", "M3 5h10v6H3z M5.5 8h.01M8 8h.01M10.5 8h.01"),
    "identify": ("ask", "M8 8a2.4 2.4 0 1 0 0-4.8A2.4 2.4 0 0 0 8 8z M3.5 13a4.5 4.5 0 0 1 9 0"),
    "verify": (
        "ask",
        "M8 2.5l4.5 2v3.2c0 3-2 5-4.5 5.8-2.5-.8-4.5-2.8-4.5-5.8V4.5z M6 8l1.5 1.5L10.2 6.6",
    ),
    "survey": (
        "ask",
        "M8 2.8l1.6 3.3 3.6.5-2.6 2.5.6 3.6L8 11l-3.2 1.7.6-3.6L2.8 6.6l3.6-.5z",
    ),
    "consent": ("ask", "M8 13.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11z M8 8h.01"),
    "branch": ("decide", "M3 8h4l5-4M7 8l5 4"),
    "hours": ("decide", "M8 13.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11z M8 5v3l2.2 1.5"),
    "split": ("decide", "M3 8h3M6 8l6-4M6 8l6 4M6 8h6"),
    "language": (
        "work",
        "M3 4.5h7M6.5 3v1.5M9 4.5c-.8 3-3 5-5.5 6M5 7c1 1.8 2.5 3 4 3.5M9 13.5l2.5-6 2.5 6M10 11.5h3",
    ),
    "set": ("work", "M4 6h8M4 10h8"),
    "priority": ("work", "M8 13V4M4.5 7.5L8 4l3.5 3.5"),
    "skills": ("work", "M3 12V9M8 12V4M13 12V7"),
    "fetch": ("work", "M8 3v7M5 7.5L8 10.5l3-3M3.5 13h9"),
    "subflow": ("work", "M3 4h6v5H3z M9 6.5h2.5a1.5 1.5 0 0 1 1.5 1.5v2.5M11 9l2 2 2-2"),
    "queue": ("people", "M3 4h2v8H3z M7 4h2v8H7z M11 4h2v8h-2z"),
    "transfer": ("people", "M3 8h9M9 4.5L12.5 8 9 11.5"),
    "callback": ("people", "M12.5 8.5a4.5 4.5 0 1 1-1.5-3.4M11.5 2.5v3h-3"),
    "voicemail": (
        "people",
        "M5 10.5a2.3 2.3 0 1 0 0-4.6 2.3 2.3 0 0 0 0 4.6zM11 10.5a2.3 2.3 0 1 0 0-4.6 2.3 2.3 0 0 0 0 4.6zM5 10.5h6",
    ),
    "hang_up": ("end", "M3 9.5c3-3 7-3 10 0l-1.5 1.8-2.2-1V8.7c-.9-.2-1.7-.2-2.6 0v1.6l-2.2 1z"),
    "return": ("end", "M12 4v4a2 2 0 0 1-2 2H4M6.5 7L3.5 10l3 3"),
    "goto": ("end", "M3 8h9M9 4.5L12.5 8 9 11.5"),
}
OTHER = ("work", "M4 8h8")
