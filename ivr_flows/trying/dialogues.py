"""Dialogues with a flow, written down: what the caller does, what they hear, and where it leads."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from contact_center.domain.time import HOUR, MINUTE, SECOND, Millis, Moment
from ivr_flows.asks import Ask, CallbackWanted, CodeAsked, CodeChecked, DialAsked, PinChecked, ServiceAsked
from ivr_flows.flow import Flow
from ivr_flows.problems import FlowError, Problem
from ivr_flows.trying.call import Call, NotNow, Reply

MOST_CHARACTERS = 1_000_000
WHEN = "2026-01-05 10:00"
"""A Monday morning, where a case doesn't say when it is."""

CODE = "123456"
"""The one-time code, where a case doesn't say another."""

_DURATION = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)\s*(ms|s|m|h)?")
_UNITS = {"ms": 1, "s": SECOND, "m": MINUTE, "h": HOUR}
_OUTCOMES = ("ok", "not_found", "error", "timeout")
_QUEUE = ("place", "size", "estimate", "open", "staffed")
_FILE = ("flow", "zone", "at", "facts", "services", "code", "dialling", "callbacks", "queue", "cases")
_CASE = ("name", "at", "facts", "services", "code", "dialling", "callbacks", "queue", "steps")
_STEPS = (
    "hears",
    "hears_not",
    "presses",
    "says",
    "waits",
    "records",
    "dials",
    "talks",
    "goes",
    "at",
    "variables",
    "asks",
    "queue",
)


@dataclass(frozen=True, slots=True)
class Service:
    """What a service answers, one reply after the other; the last one again and again. With ``pin`` it knows the
    caller's secret digits."""

    replies: tuple[Reply, ...] = ()
    pin: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that a case does or expects."""

    number: int
    column: int
    verb: str
    what: Any

    def __str__(self) -> str:
        return f"{self.verb}: {_shown(self.what)}"


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    number: int
    now: Moment
    facts: Mapping[str, str] = field(default_factory=dict)
    services: Mapping[str, Service] = field(default_factory=dict)
    code: str = CODE
    dialling: str = "allowed"
    callbacks: str = "accepted"
    queue: Mapping[str, Any] = field(default_factory=dict)
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Dialogues:
    flow: str
    source: str
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a case went. ``failure`` is empty where all was as expected; ``line`` is where it wasn't. ``so_far`` is
    the dialogue until then, ``exits`` which exits of which steps were taken."""

    name: str
    line: int
    failure: str
    so_far: tuple[str, ...]
    exits: frozenset[tuple[str, str]]

    @property
    def passed(self) -> bool:
        return not self.failure


# --- reading ---------------------------------------------------------------------------------------------------


def read_dialogues(text: str, source: str) -> Dialogues:
    """Raises :class:`FlowError` with everything that is wrong with the text."""
    if len(text) > MOST_CHARACTERS:
        raise FlowError(source, (Problem(1, 1, "the text is too long", f"Keep below {MOST_CHARACTERS} characters."),))
    try:
        node = yaml.compose(text, yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        at = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        what = f"not YAML: {getattr(error, 'problem', None) or 'it cannot be read'}"
        mend = "Look for a missing quote, colon or space here."
        raise FlowError(source, (Problem(at[0], at[1], what, mend),)) from None
    if node is None:
        raise FlowError(source, (Problem(1, 1, "the text is empty", "Begin with `flow: <name>`."),))
    reading = _Reading()
    found = reading.file(node, source)
    if reading.problems:
        raise FlowError(source, tuple(sorted(set(reading.problems))))
    return found


def duration(words: str) -> Millis:
    """``30s``, ``2m``, ``500ms``, ``1h``; a bare number is seconds. Raises ValueError for anything else."""
    match = _DURATION.fullmatch(words.strip())
    if match is None:
        raise ValueError(words)
    return round(float(match[1]) * _UNITS[match[2] or "s"])


class _Reading:
    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.zone = ZoneInfo("UTC")

    def wrong(self, node: yaml.Node, what: str, mend: str) -> None:
        self.problems.append(Problem(node.start_mark.line + 1, node.start_mark.column + 1, what, mend))

    def file(self, node: yaml.Node, source: str) -> Dialogues:
        parts = self.fields(node, _FILE, "the file")
        if "zone" in parts:
            self.zone = self.parsed(parts["zone"], ZoneInfo, "Write an IANA time zone.", self.zone)
        usual = self.setting(parts, Case("", 0, self.moment(parts.get("at"), WHEN)))
        cases = []
        for each in self.items(parts.get("cases"), node, "cases"):
            cases.append(self.case(each, usual))
        if not cases and "cases" in parts:
            self.wrong(parts["cases"], "there are no cases", "Add one: `- name: …` with `steps`.")
        flow = self.text(parts["flow"]) if "flow" in parts else ""
        return Dialogues(flow, source, tuple(cases))

    def case(self, node: yaml.Node, usual: Case) -> Case:
        parts = self.fields(node, _CASE, "a case")
        name = self.text(parts["name"]) if "name" in parts else f"line {node.start_mark.line + 1}"
        settled = self.setting(parts, usual)
        now = self.moment(parts["at"], WHEN) if "at" in parts else usual.now
        lines = [self.line(each) for each in self.items(parts.get("steps"), node, "steps")]
        return Case(
            name,
            node.start_mark.line + 1,
            now,
            settled.facts,
            settled.services,
            settled.code,
            settled.dialling,
            settled.callbacks,
            settled.queue,
            tuple(line for line in lines if line),
        )

    def setting(self, parts: Mapping[str, yaml.Node], usual: Case) -> Case:
        facts = {**usual.facts, **(self.words(parts["facts"]) if "facts" in parts else {})}
        services = {**usual.services, **(self.services(parts["services"]) if "services" in parts else {})}
        queue = {**usual.queue, **(self.queue(parts["queue"]) if "queue" in parts else {})}
        code = self.text(parts["code"]) if "code" in parts else usual.code
        dialling = self.one_of(parts.get("dialling"), ("allowed", "refused", "failed"), usual.dialling)
        callbacks = self.one_of(parts.get("callbacks"), ("accepted", "unavailable"), usual.callbacks)
        return Case("", 0, usual.now, facts, services, code, dialling, callbacks, queue)

    def services(self, node: yaml.Node) -> dict[str, Service]:
        found = {}
        for key, value in self.pairs(node, "services"):
            given = value.value if isinstance(value, yaml.SequenceNode) else [value]
            pins = [pin for each in given if (pin := self.pin(each))]
            replies = tuple(reply for each in given if not self.pin(each) for reply in (self.reply(each),))
            found[str(key.value)] = Service(replies, pins[0] if pins else "")
        return found

    def pin(self, node: yaml.Node) -> str:
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        return next((str(value.value) for key, value in pairs if key.value == "pin"), "")

    def reply(self, node: yaml.Node) -> Reply:
        if isinstance(node, yaml.ScalarNode):
            return Reply(str(node.value))
        outcome, values, after = "", {}, 0
        for key, value in self.pairs(node, "an answer"):
            if key.value == "after":
                after = self.parsed(value, duration, "Write for example 3s.", 0)
            elif outcome:
                self.wrong(key, "an answer has one outcome", f"Keep one of {', '.join(_OUTCOMES)}, and `after`.")
            else:
                outcome = str(key.value)
                values = self.words(value) if isinstance(value, yaml.MappingNode) else {}
        return Reply(outcome or "ok", values, after)

    def queue(self, node: yaml.Node) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in self.fields(node, _QUEUE, "queue").items():
            if key in ("open", "staffed"):
                found[key] = self.one_of(value, ("yes", "no", "true", "false"), "yes") in ("yes", "true")
            elif key == "estimate":
                found["estimate_ms"] = self.parsed(value, duration, "Write for example 4m.", 0)
            else:
                found[key] = self.parsed(value, int, "Write a whole number.", 1)
        return found

    def line(self, node: yaml.Node) -> Line | None:
        pairs = self.pairs(node, "a step")
        if len(pairs) != 1:
            if isinstance(node, yaml.MappingNode):
                self.wrong(node, "a step does one thing", f"Give each its own `-`: {', '.join(_STEPS)}.")
            return None
        key, value = pairs[0]
        verb = str(key.value)
        if verb not in _STEPS:
            self.wrong(key, f"there is no step {verb!r}", f"Use one of {', '.join(_STEPS)}.")
            return None
        what = self.what(verb, value)
        return Line(key.start_mark.line + 1, key.start_mark.column + 1, verb, what)

    def what(self, verb: str, node: yaml.Node) -> Any:
        match verb:
            case "variables":
                return self.words(node)
            case "queue":
                return self.queue(node)
            case "asks":
                return self.words(node) if isinstance(node, yaml.MappingNode) else self.text(node)
            case "waits":
                said = self.text(node)
                return said if said == "silence" else self.parsed(node, duration, "Write `silence` or 30s.", 0)
            case "records" | "talks":
                said = self.text(node)
                return 0 if said == "nothing" else self.parsed(node, duration, "Write for example 12s.", 0)
            case "dials":
                return self.one_of(node, ("answered", "busy", "no_answer", "failed"), "answered")
            case "hears" | "hears_not":
                said = self.text(node)
                if len(said) > 1 and said.startswith("/") and said.endswith("/"):
                    self.parsed(node, lambda words: re.compile(words[1:-1]), "Write a regular expression.", None)
                return said
            case "goes":
                said = self.text(node)
                if said != "ends" and not said.startswith("queue "):
                    self.wrong(node, f"{said!r} is no place to go", "Write `queue <name>` or `ends`.")
                return said
        return self.text(node)

    # --- nodes ------------------------------------------------------------------------------------------------

    def fields(self, node: yaml.Node, known: tuple[str, ...], what: str) -> dict[str, yaml.Node]:
        found = {}
        for key, value in self.pairs(node, what):
            if key.value not in known:
                self.wrong(key, f"{what} has no {key.value!r}", f"Use one of {', '.join(known)}.")
            else:
                found[str(key.value)] = value
        return found

    def pairs(self, node: yaml.Node, what: str) -> list[tuple[yaml.Node, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            self.wrong(node, f"{what} must be `name: value` pairs", "Write one pair a line, indented.")
            return []
        found: list[tuple[yaml.Node, yaml.Node]] = []
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                found.append((key, value))
            else:
                self.wrong(key, "a name must be one word", "Write a plain name before the colon.")
        return found

    def items(self, node: yaml.Node | None, within: yaml.Node, what: str) -> list[yaml.Node]:
        if node is None:
            self.wrong(within, f"{what!r} is missing", f"Add `{what}:` with a list.")
            return []
        if not isinstance(node, yaml.SequenceNode):
            self.wrong(node, "a list belongs here", "Write one `- item` a line.")
            return []
        return list(node.value)

    def text(self, node: yaml.Node) -> str:
        if isinstance(node, yaml.ScalarNode):
            return str(node.value)
        self.wrong(node, "this must be plain text", "Write it on one line, in quotes if need be.")
        return ""

    def words(self, node: yaml.Node) -> dict[str, str]:
        return {str(key.value): self.text(value) for key, value in self.pairs(node, "this")}

    def one_of(self, node: yaml.Node | None, options: tuple[str, ...], usual: str) -> str:
        if node is None:
            return usual
        said = self.text(node)
        if said not in options:
            self.wrong(node, f"{said!r} can't be used here", f"Write one of {', '.join(options)}.")
            return usual
        return said

    def moment(self, node: yaml.Node | None, usual: str) -> Moment:
        def at(words: str) -> Moment:
            when = datetime.fromisoformat(words)
            return round((when if when.tzinfo else when.replace(tzinfo=self.zone)).timestamp() * SECOND)

        return at(usual) if node is None else self.parsed(node, at, 'Write for example "2026-01-05 10:00".', 0)

    def parsed(self, node: yaml.Node, parse: Callable[[str], Any], mend: str, otherwise: Any) -> Any:
        said = self.text(node)
        try:
            return parse(said)
        except (ValueError, KeyError, OSError, OverflowError, re.error):
            if isinstance(node, yaml.ScalarNode):
                self.wrong(node, f"{said!r} can't be understood", mend)
        return otherwise


# --- running ---------------------------------------------------------------------------------------------------


class _Unexpected(Exception):
    """Something is not as the case says."""


def run_case(flow: Flow, case: Case) -> Outcome:
    """Plays the case against the flow. Never raises."""
    player = _Player(flow, case)
    failure, at = "", case.number
    try:
        player.begin()
        for line in case.lines:
            at = line.number
            player.play(line)
    except (_Unexpected, NotNow) as error:
        failure = str(error)
    return Outcome(case.name, at, failure, tuple(player.so_far), exits_of(player.call))


def exits_of(call: Call) -> frozenset[tuple[str, str]]:
    """The exits that the call has taken."""
    return frozenset((stepped.step, stepped.exit) for stepped in call.steps if stepped.step)


class _Player:
    def __init__(self, flow: Flow, case: Case) -> None:
        self.call = Call(flow, case.now, self.answer)
        self.case = case
        self.so_far: list[str] = []
        self._told = 0
        self._served: dict[str, int] = {}

    def begin(self) -> None:
        self.standing(self.case.queue)
        self.call.begin(self.case.facts)
        self.hear()

    # --- everybody whom the flow asks -------------------------------------------------------------------------

    def answer(self, ask: Ask) -> Reply | None:
        self.so_far.append(f"      ⇄ {asked(ask)}")
        match ask:
            case ServiceAsked():
                return self.served(ask.service) or Reply("error")
            case PinChecked():
                service = self.case.services.get(ask.service, Service())
                if service.pin:
                    return Reply("verified" if ask.digits == service.pin else "failed")
                return self.served(ask.service) or Reply("unavailable")
            case CodeAsked():
                return Reply("unavailable" if self.case.code == "unavailable" else "sent")
            case CodeChecked():
                return Reply("verified" if ask.digits == self.case.code else "failed")
            case DialAsked():
                return Reply(self.case.dialling)
            case CallbackWanted():
                return Reply(self.case.callbacks)
        return Reply("recorded")

    def served(self, name: str) -> Reply | None:
        replies = self.case.services.get(name, Service()).replies
        if not replies:
            return None
        number = self._served.get(name, 0)
        self._served[name] = number + 1
        return replies[min(number, len(replies) - 1)]

    # --- lines ------------------------------------------------------------------------------------------------

    def play(self, line: Line) -> None:
        what = line.what
        match line.verb:
            case "hears":
                self.expect(self.heard(what), f"expected to hear {_quoted(what)}, heard {_quoted(self.words)}")
                return
            case "hears_not":
                self.expect(
                    not self.heard(what), f"expected not to hear {_quoted(what)}, heard {_quoted(self.words)}"
                )
                return
            case "at":
                self.expect(self.call.step == what, f"expected to be at {what}, is at {self.call.step}")
                return
            case "goes":
                self.goes(what)
                return
            case "variables":
                have = self.call.variables
                wrong = [f"{name} is {have.get(name, '')!r}" for name in what if have.get(name, "") != what[name]]
                self.expect(not wrong, ", ".join(wrong))
                return
            case "asks":
                self.asks(what)
                return
            case "queue":
                self.standing(what)
                return
        self.expect(not self.call.over, f"the call is over, and the caller {line}")
        self.so_far.append(f"    {line}")
        self.act(line.verb, what)
        self.hear()

    def act(self, verb: str, what: Any) -> None:
        call = self.call
        match verb:
            case "presses":
                call.press(what)
            case "says":
                call.speak(what)
            case "waits" if what == "silence":
                call.wait()
            case "waits":
                until, first = call.now + what, True
                while not call.over and (first or call.now < until):
                    before, first = list(call.said), False
                    call.wait()
                    call.said = before + call.said
            case "records":
                call.record(what)
            case "dials":
                call.dialled(what)
            case "talks":
                self.expect(call.queue is not None, "nobody can take the call: the caller waits in no queue")
                call.talk(what)

    @property
    def words(self) -> str:
        return " ".join(self.call.said)

    def heard(self, what: str) -> bool:
        if len(what) > 1 and what.startswith("/") and what.endswith("/"):
            return re.search(what[1:-1], self.words, re.IGNORECASE) is not None
        return " ".join(what.split()).casefold() in " ".join(self.words.split()).casefold()

    def goes(self, what: str) -> None:
        call = self.call
        if what == "ends":
            self.expect(call.over, f"expected the call to be over, it is at {call.step}")
            return
        queue = what.removeprefix("queue ").strip()
        waits = f"waits in {call.queue.queue}" if call.queue else f"is at {call.step} and waits in no queue"
        self.expect(call.queue is not None and call.queue.queue == queue, f"expected queue {queue}, the call {waits}")

    def asks(self, what: str | Mapping[str, str]) -> None:
        """What was asked last: a service's name, or its name with values."""
        last = self.call.asked[-1] if self.call.asked else None
        said = asked(last) if last else "nothing"
        if isinstance(what, str):
            self.expect(said.split(" ")[0] == what, f"expected {what} to be asked, asked was {said}")
            return
        values = {"service": getattr(last, "service", ""), "number": getattr(last, "number", "")}
        values |= getattr(last, "values", {})
        wrong = [name for name, value in what.items() if values.get(name) != value]
        self.expect(not wrong, f"expected {_shown(what)} to be asked, asked was {said}")

    def standing(self, what: Mapping[str, Any]) -> None:
        for name, value in what.items():
            setattr(self.call.standing, name, value)

    def hear(self) -> None:
        for said in self.call.said:
            self.so_far.append(f"  “{said}”")
        if self.call.over:
            self.so_far.append("      (the call is over)")
        elif self.call.queue is not None:
            self.so_far.append(f"      (waits in {self.call.queue.queue})")

    def expect(self, so: bool, otherwise: str) -> None:
        if not so:
            raise _Unexpected(otherwise)


def asked(ask: Ask) -> str:
    """The question, to read. Secret digits are not in it."""
    match ask:
        case ServiceAsked(service=service, values=values, secret=secret):
            return service + (" (secret)" if secret else f" {_shown(values)}" if values else "")
        case PinChecked(service=service):
            return f"{service} (PIN)"
        case DialAsked(number=number):
            return f"dialling {number}"
        case CallbackWanted(number=number):
            return f"callback {number}"
        case CodeAsked() | CodeChecked():
            return "code"
    return f"voicemail {ask.queue}"


def _shown(what: Any) -> str:
    if isinstance(what, Mapping):
        return "{" + ", ".join(f"{name}: {value}" for name, value in what.items()) + "}"
    return str(what)


def _quoted(words: str) -> str:
    return f"“{words}”" if words else "nothing"
