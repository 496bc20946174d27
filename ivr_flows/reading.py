"""Reads the text of a flow, and says of every mistake where it is and how to mend it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from hashlib import sha256
from typing import TypeVar
from zoneinfo import ZoneInfo

import yaml

from contact_center.domain.time import SECOND
from ivr_flows.checks import graph_problems
from ivr_flows.flow import (
    BranchStep,
    Case,
    Choice,
    Flow,
    GotoStep,
    HangUpStep,
    HoursStep,
    MenuStep,
    QueueStep,
    SayStep,
    SetStep,
    Step,
    Values,
    heard,
)
from ivr_flows.hours import DAYS, days, week, windows
from ivr_flows.problems import FlowError, Problem
from ivr_flows.prompts import NOT_HEARD, NOT_UNDERSTOOD, SILENCE, Prompt, Text, built_in, text
from ivr_flows.schema import KEYS, KINDS, NAME, VARIABLE, required, words

MOST_CHARACTERS = 1_000_000
MOST_STEPS = 5_000
MOST_WORDS = 2_000
"""Characters in one prompt: some minutes of speech, and within what carriers take."""

KNOWN_FACTS = ("ani", "caller_name", "dnis", "known", "language")

_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_NOTHING = text("")
_T = TypeVar("_T")


def load(source_text: str, source: str = "flow") -> Flow:
    """The flow in ``source_text`` (YAML); ``source`` names it in messages. Raises :class:`FlowError` with
    every problem found, and nothing else whatever the text is."""
    if len(source_text) > MOST_CHARACTERS:
        raise FlowError(source, (Problem(1, 1, "the text is too long", f"Keep below {MOST_CHARACTERS} characters."),))
    try:
        node = yaml.compose(source_text, yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise FlowError(source, (_not_yaml(error),)) from None
    except (ValueError, OverflowError):  # PyYAML lets its own slips through: an escape beyond Unicode
        mend = "Look at the escapes in double quotes."
        raise FlowError(source, (Problem(1, 1, "not YAML: a character that does not exist", mend),)) from None
    except RecursionError:
        raise FlowError(source, (Problem(1, 1, "the text is nested too deeply", "Flatten it."),)) from None
    reading = _Reading()
    version = sha256(source_text.encode(errors="surrogatepass")).hexdigest()[:12]
    flow = reading.flow(node, version, source) if node else None
    if node is None:
        reading.problems.append(Problem(1, 1, "the text is empty", "Begin with `flow: <name>`."))
    if flow is None or reading.problems:
        raise FlowError(source, tuple(sorted(set(reading.problems))))
    return flow


def _not_yaml(error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or getattr(error, "reason", "") or "it cannot be read"
    mend = "Look for a missing quote, colon or space of indentation here."
    return Problem(mark.line + 1 if mark else 1, mark.column + 1 if mark else 1, f"not YAML: {what}", mend)


class _Reading:
    """One pass over one text. What cannot be read is noted and replaced by something harmless, so that the
    rest is read too."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.tags: dict[str, str] = {}
        self.known: set[str] = set(KNOWN_FACTS)
        self.uses: list[tuple[yaml.Node, str]] = []
        self.targets: list[tuple[yaml.Node, str]] = []
        self.otherwise = ""
        self.below = ""

    def wrong(self, node: yaml.Node, what: str, mend: str) -> None:
        mark = node.start_mark
        self.problems.append(Problem(mark.line + 1, mark.column + 1, what, mend))

    # --- the whole ----------------------------------------------------------------------------------------

    def flow(self, node: yaml.Node, version: str, source: str) -> Flow | None:
        parts = self.fields(node, "", "the flow")
        name = self.name(parts.get("flow"), NAME)
        self.languages(parts.get("languages"))
        for fact in self.items(parts.get("facts")):
            self.known.add(self.name(fact, VARIABLE))
        if "otherwise" in parts:
            self.otherwise = self.target(parts["otherwise"])
        written = self.pairs(parts["steps"], "steps") if "steps" in parts else []
        if len(written) > MOST_STEPS:
            self.wrong(parts["steps"], f"more than {MOST_STEPS} steps", "Split the flow.")
            return None
        marks: dict[str, yaml.Node] = {}
        steps: dict[str, Step | None] = {}
        for number, (key, value) in enumerate(written):
            self.below = written[number + 1][0].value if number + 1 < len(written) else ""
            marks[self.name(key, NAME)] = key
            steps[key.value] = self.step(key, value)
        start = self.target(parts["start"]) if "start" in parts else next(iter(steps), "")
        if "steps" in parts and not steps:
            self.wrong(parts["steps"], "there are no steps", "Add at least one.")
        self.check_uses()
        sound = {name: step for name, step in steps.items() if step}
        if not self.check_targets(steps) or len(sound) < len(steps) or not steps:
            return None
        places = {step: (key.start_mark.line + 1, key.start_mark.column + 1) for step, key in marks.items()}
        self.problems += graph_problems(sound, start, places)
        return Flow(name, version, self.tags, start, sound, source)

    def languages(self, node: yaml.Node | None) -> None:
        for key, value in self.pairs(node, "languages") if node else []:
            tag = self.scalar(value, "a language tag")
            if not _TAG.fullmatch(tag):
                self.wrong(value, f"{tag!r} is no language tag", "Write one such as en-US or zh-CN.")
                tag = "en-US"
            self.tags[self.name(key, NAME)] = tag
        if node and not self.tags:
            self.wrong(node, "the flow speaks no language", "Write for example `languages: {en: en-US}`.")

    def check_uses(self) -> None:
        for node, name in self.uses:
            if name not in self.known:
                self.wrong(
                    node,
                    f"nothing ever sets the variable {name!r}",
                    _instead(name, self.known, "or list it in `facts`"),
                )

    def check_targets(self, steps: dict[str, Step | None]) -> bool:
        unknown = [(node, name) for node, name in self.targets if name not in steps]
        for node, name in unknown:
            self.wrong(node, f"there is no step {name!r}", _instead(name, steps, "or add the step"))
        return not unknown

    # --- steps --------------------------------------------------------------------------------------------

    def step(self, key: yaml.Node, node: yaml.Node) -> Step | None:
        kind = self.kind(key, node)
        if not kind:
            return None
        parts = self.fields(node, kind, f"a {kind} step")
        if any(name not in parts for name in required(kind)):
            return None
        read: dict[str, Callable[[yaml.Node, dict[str, yaml.Node]], Step]] = {
            "say": self.say,
            "menu": self.menu,
            "set": self.set_,
            "branch": self.branch,
            "hours": self.hours,
            "queue": self.queue,
            "hang_up": self.hang_up,
            "goto": self.goto,
        }
        return read[kind](key, parts)

    def kind(self, key: yaml.Node, node: yaml.Node) -> str:
        names = [name.value for name, _ in self.pairs(node, f"step {key.value!r}")]
        kinds = [kind for kind in KINDS if kind in names]
        fitting = [kind for kind in kinds if all(other in words(kind) for other in kinds)]
        if len(fitting) == 1:
            return fitting[0]
        if isinstance(node, yaml.MappingNode):
            what = f"does both {kinds[0]!r} and {kinds[1]!r}" if kinds else "does nothing"
            guess = [near for name in names for near in get_close_matches(name, KINDS, 1)] if not kinds else []
            mend = f"Did you mean `{guess[0]}`?" if guess else f"Give it exactly one of: {', '.join(KINDS)}."
            self.wrong(key, f"step {key.value!r} {what}", mend)
        return ""

    def say(self, key: yaml.Node, parts: dict[str, yaml.Node]) -> Step:
        return SayStep(self.prompt(parts["say"]), self.next(key, parts))

    def menu(self, key: yaml.Node, parts: dict[str, yaml.Node]) -> Step:
        choices: dict[str, Choice] = {}
        spoken: dict[str, str] = {}
        hints: list[str] = []
        for button, node in self.pairs(parts["choices"], "choices"):
            choices[self.name(button, KEYS)] = self.choice(button.value, node, spoken, hints)
        if not choices:
            self.wrong(parts["choices"], "the menu offers nothing", 'Write for example `choices: {"1": sales}`.')
        not_heard, no_input = self.retry(key, parts.get("no_input"), "no_input", NOT_HEARD)
        not_understood, no_match = self.retry(key, parts.get("no_match"), "no_match", NOT_UNDERSTOOD)
        return MenuStep(
            self.prompt(parts["menu"]),
            choices,
            tuple(spoken.items()),
            tuple(hints),
            not_heard,
            no_input,
            not_understood,
            no_match,
            self.integer(parts.get("retries"), 0, 9, 2),
            self.integer(parts.get("timeout_ms"), SECOND, 60 * SECOND, 5 * SECOND),
        )

    def choice(self, key: str, node: yaml.Node, spoken: dict[str, str], hints: list[str]) -> Choice:
        if isinstance(node, yaml.ScalarNode):
            return Choice(self.target(node))
        parts = self.fields(node, "choice", f"choice {key!r}")
        for language, said in self.pairs(parts["words"], "words") if "words" in parts else []:
            self.language(language)
            for item in self.items(said):
                self.spoken(key, item, spoken, hints)
        values = self.values(parts["set"]) if "set" in parts else ()
        return Choice(self.target(parts["next"]) if "next" in parts else "", values)

    def spoken(self, key: str, node: yaml.Node, spoken: dict[str, str], hints: list[str]) -> None:
        said = self.scalar(node, "words")
        if not (known := heard(said)):
            self.wrong(node, "there are no words here", "Write what the caller may say.")
        elif spoken.setdefault(known, key) != key:
            self.wrong(node, f"{said!r} stands for {spoken[known]!r} too", "Give each choice words of its own.")
        else:
            hints.append(said)

    def retry(
        self, key: yaml.Node, node: yaml.Node | None, exit_name: str, ready: dict[str, str]
    ) -> tuple[Prompt, str]:
        parts = self.fields(node, "retry", exit_name) if node else {}
        said = self.prompt(parts["say"]) if "say" in parts else built_in(ready, self.tags)
        if "next" in parts:
            return said, self.target(parts["next"])
        if not self.otherwise:
            what = f"menu {key.value!r} leads nowhere after {exit_name}"
            self.wrong(key, what, f"Give it `{exit_name}: {{next: …}}`, or the flow an `otherwise`.")
        return said, self.otherwise

    def set_(self, key: yaml.Node, parts: dict[str, yaml.Node]) -> Step:
        return SetStep(self.values(parts["set"]), self.next(key, parts))

    def branch(self, key: yaml.Node, parts: dict[str, yaml.Node]) -> Step:
        cases = []
        for node in self.items(parts["branch"]):
            inner = self.fields(node, "case", "a case")
            when = []
            for name, value in self.pairs(inner["when"], "when") if "when" in inner else []:
                self.uses.append((name, name.value))
                options = value.value if isinstance(value, yaml.SequenceNode) else [value]
                when.append((name.value, frozenset(self.scalar(option, "a value") for option in options)))
            cases.append(Case(tuple(when), self.target(inner["next"]) if "next" in inner else ""))
        otherwise = self.target(parts["otherwise"]) if "otherwise" in parts else self.next(key, parts)
        return BranchStep(tuple(cases), otherwise)

    def hours(self, _: yaml.Node, parts: dict[str, yaml.Node]) -> Step:
        table = []
        for name, value in self.pairs(parts["hours"], "hours"):
            open_on = self.parsed(name, days, f"Write days such as {DAYS[0]}, or {DAYS[0]}-{DAYS[4]}.")
            times = self.parsed(value, windows, 'Write windows such as "09:00-12:00, 13:00-18:00".')
            table.append((open_on or (), times or ()))
        zone = self.parsed(parts["zone"], _zone, "Write an IANA time zone such as Asia/Shanghai.")
        open_, closed = self.target(parts["open"]), self.target(parts["closed"])
        return HoursStep(week(zone or ZoneInfo("UTC"), table), open_, closed)

    def queue(self, _: yaml.Node, parts: dict[str, yaml.Node]) -> Step:
        skills = []
        for name, level in self.pairs(parts["skills"], "skills") if "skills" in parts else []:
            skills.append((self.text(name), self.integer(level, 1, 5, 1)))
        return QueueStep(
            self.name(parts["queue"], NAME),
            self.integer(parts.get("priority"), 0, 100, 0),
            tuple(skills),
            self.prompt(parts["say"]) if "say" in parts else SILENCE,
        )

    def hang_up(self, _: yaml.Node, parts: dict[str, yaml.Node]) -> Step:
        node = parts["hang_up"]
        silent = isinstance(node, yaml.ScalarNode) and node.value in ("", "null", "~")
        return HangUpStep(SILENCE if silent else self.prompt(node))

    def goto(self, _: yaml.Node, parts: dict[str, yaml.Node]) -> Step:
        return GotoStep(self.target(parts["goto"]))

    def next(self, key: yaml.Node, parts: dict[str, yaml.Node]) -> str:
        if "next" in parts:
            return self.target(parts["next"])
        if not self.below:
            self.wrong(key, f"step {key.value!r} is a dead end", "Give it a `next`, or end with queue or hang_up.")
        return self.below

    # --- words --------------------------------------------------------------------------------------------

    def prompt(self, node: yaml.Node) -> Prompt:
        if isinstance(node, yaml.ScalarNode):
            return self.plain(node)
        if isinstance(node, yaml.SequenceNode):
            parts = tuple(part for item in node.value for part in self.by_language(item).items())
            if not parts:
                self.wrong(node, "nothing is said here", "Write words, each in its language.")
            spoken = tuple((self.tags[language], words) for language, words in parts)
            return Prompt(dict.fromkeys(self.tags, spoken))
        said = self.by_language(node)
        if missing := [language for language in self.tags if language not in said]:
            self.wrong(node, f"the prompt is missing in {', '.join(missing)}", "Add it, or take the language away.")
        return Prompt({language: ((self.tags[language], words),) for language, words in said.items()})

    def plain(self, node: yaml.Node) -> Prompt:
        if len(self.tags) > 1:
            mend = f"Write `{{{', '.join(f'{language}: …' for language in self.tags)}}}`."
            self.wrong(node, "the flow speaks several languages, this only one", mend)
        words = self.text(node)
        return Prompt({language: ((tag, words),) for language, tag in self.tags.items()})

    def by_language(self, node: yaml.Node) -> dict[str, Text]:
        said = {}
        for key, value in self.pairs(node, "a prompt"):
            if self.language(key):
                said[key.value] = self.text(value)
        return said

    def language(self, node: yaml.Node) -> bool:
        if self.tags and node.value not in self.tags:
            self.wrong(node, f"the flow doesn't speak {node.value!r}", _instead(node.value, self.tags, "or add it"))
        return node.value in self.tags

    def text(self, node: yaml.Node) -> Text:
        said = self.scalar(node, "words")
        if not isinstance(node, yaml.ScalarNode):
            return _NOTHING
        if not said.strip():
            self.wrong(node, "nothing is said here", "Write the words.")
        if len(said) > MOST_WORDS:
            self.wrong(node, f"more than {MOST_WORDS} characters in one prompt", "Say less, or split the step.")
        read = self.parsed(node, text, "Write {name}, or {name|words} for when it is empty.") or _NOTHING
        self.uses += [(node, name) for name in sorted(read.names)]
        return read

    def values(self, node: yaml.Node) -> Values:
        values = []
        for key, value in self.pairs(node, "set"):
            name = self.name(key, VARIABLE)
            self.known.add(name)
            if name == "language" and isinstance(value, yaml.ScalarNode):
                self.language(value)
            values.append((name, self.value(value)))
        return tuple(values)

    def value(self, node: yaml.Node) -> Text:
        if not self.scalar(node, "a value"):
            return _NOTHING
        return self.text(node)

    # --- nodes --------------------------------------------------------------------------------------------

    def fields(self, node: yaml.Node, kind: str, what: str) -> dict[str, yaml.Node]:
        """The parts of one of the schema's objects."""
        known = words(kind)
        found: dict[str, yaml.Node] = {}
        for key, value in self.pairs(node, what):
            if key.value in known:
                found[key.value] = value
            else:
                self.wrong(key, f"{what} has no {key.value!r}", _instead(key.value, known, "or take it away"))
        if isinstance(node, yaml.MappingNode):
            for name in required(kind):
                if name not in found:
                    self.wrong(node, f"{what} needs {name!r}", "Add it.")
        return found

    def pairs(self, node: yaml.Node, what: str) -> list[tuple[yaml.Node, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            self.wrong(node, f"{what} must be `name: value` pairs", "Write one pair a line, indented.")
            return []
        seen: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.wrong(key, "a name must be one word", "Write a plain name before the colon.")
            elif key.value in seen:
                self.wrong(key, f"{key.value!r} is there twice", "Keep one of them.")
            else:
                seen[key.value] = (key, value)
        return list(seen.values())

    def items(self, node: yaml.Node | None) -> list[yaml.Node]:
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            self.wrong(node, "a list belongs here", "Write one `- item` a line, or [a, b].")
            return []
        return list(node.value)

    def scalar(self, node: yaml.Node, what: str) -> str:
        if isinstance(node, yaml.ScalarNode):
            return str(node.value)
        self.wrong(node, f"{what} must be plain text", "Write it on one line, in quotes if need be.")
        return ""

    def name(self, node: yaml.Node | None, pattern: str) -> str:
        if node is None:
            return ""
        found = self.scalar(node, "a name")
        if not re.match(pattern, found) and isinstance(node, yaml.ScalarNode):
            self.wrong(node, f"{found!r} can't be used here", f"It must match {pattern}")
        return found

    def integer(self, node: yaml.Node | None, low: int, high: int, default: int) -> int:
        if node is None:
            return default
        found = self.scalar(node, "a number")
        if re.fullmatch(r"[0-9]{1,9}", found) and low <= int(found) <= high:
            return int(found)
        self.wrong(node, f"{found!r} is no whole number from {low} to {high}", f"Write one, such as {default}.")
        return default

    def target(self, node: yaml.Node) -> str:
        found = self.scalar(node, "the name of a step")
        if isinstance(node, yaml.ScalarNode):
            self.targets.append((node, found))
        return found

    def parsed(self, node: yaml.Node, parse: Callable[[str], _T], mend: str) -> _T | None:
        found = self.scalar(node, "this")
        try:
            return parse(found)
        except ValueError:
            if isinstance(node, yaml.ScalarNode):
                self.wrong(node, f"{found!r} can't be understood", mend)
        return None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, OSError) as error:  # an unknown name, or a folder of the time zone database
        raise ValueError(name) from error


def _instead(name: str, options: Iterable[str], other: str) -> str:
    known = sorted(options)
    if near := get_close_matches(name, known, 1):
        return f"Did you mean {near[0]!r}?"
    return f"Use one of {', '.join(known[:12])}{', …' if len(known) > 12 else ''}, {other}."
