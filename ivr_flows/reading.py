"""Reads the text of a flow, and says of every mistake where it is and how to mend it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from typing import Literal
from zoneinfo import ZoneInfo

import yaml

from ivr_flows.checks import draft_problems
from ivr_flows.draft import Assignment, Draft, Mark, Named, Use
from ivr_flows.flow import (
    AnnounceStep,
    BranchStep,
    CallbackStep,
    Case,
    Choice,
    CollectStep,
    ConsentStep,
    Dip,
    FetchStep,
    Flow,
    GotoStep,
    HangUpStep,
    HoursStep,
    IdentifyStep,
    LanguageStep,
    MenuStep,
    PlayStep,
    PriorityStep,
    Question,
    QueueStep,
    ReturnStep,
    SayStep,
    SetStep,
    Skills,
    SkillsStep,
    SplitStep,
    Step,
    SubflowStep,
    SurveyQuestion,
    SurveyStep,
    TransferStep,
    Values,
    VerifyStep,
    VoicemailStep,
    Wait,
    heard,
)
from ivr_flows.hours import DAYS, Holiday, Week, dates, days, week, windows
from ivr_flows.nodes import Nodes, composed, instead
from ivr_flows.problems import FlowError, Problem
from ivr_flows.prompts import SILENCE, Part, Prompt, Sound, Text, ready, text
from ivr_flows.ready import LANGUAGES
from ivr_flows.schema import KEY, KEYS, KINDS, NAME, NUMBER, VARIABLE, required, words

MOST_CHARACTERS = 1_000_000
MOST_STEPS = 5_000
MOST_DEPTH = 8
"""How deep subflows go."""
MOST_WORDS = 2_000
"""Characters in one prompt: some minutes of speech, and within what carriers take."""

KNOWN_FACTS = ("ani", "caller_name", "candidate", "consent", "dnis", "known", "language", "verified")
PROTECTED = frozenset({"ani", "candidate", "consent", "dnis", "known", "verified"})
"""Who the caller is and what they agreed to is never set by a flow's own words."""

_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_SOURCE = re.compile(r"https://[^\s/]+/\S*|/media/[A-Za-z0-9._/-]+")
_NOTHING = text("")
_YAML_NULL = ("", "null", "~")

Library = Mapping[str, str]
"""Texts of flows that others may be made of, by name."""


def load(source_text: str, source: str = "flow", library: Library | None = None) -> Flow:
    """The flow in ``source_text`` (YAML); ``source`` names it in messages. Raises :class:`FlowError` with
    every error found, and nothing else whatever the text is."""
    flow, problems = _read(source_text, source, library or {})
    errors = tuple(problem for problem in problems if problem.severity == "error")
    if flow is None or errors:
        raise FlowError(source, errors)
    return flow


def check(
    source_text: str,
    source: str = "flow",
    library: Library | None = None,
    known_queues: frozenset[str] | set[str] | None = None,
    known_skills: frozenset[str] | set[str] | None = None,
    known_services: frozenset[str] | set[str] | None = None,
) -> list[Problem]:
    """All that is wrong or doubtful with a text. Names of queues, skills and services are looked up where the known
    ones are given. Raises nothing."""
    known = {"queue": known_queues, "skill": known_skills, "service": known_services}
    try:
        return _read(source_text, source, library or {}, known)[1]
    except FlowError as error:
        return list(error.problems)


def _read(
    source_text: str,
    source: str,
    library: Library,
    known: Mapping[str, frozenset[str] | set[str] | None] | None = None,
) -> tuple[Flow | None, list[Problem]]:
    if len(source_text) > MOST_CHARACTERS:
        raise FlowError(source, (Problem(1, 1, "the text is too long", f"Keep below {MOST_CHARACTERS} characters."),))
    node = composed(source_text, source)
    if node is None:
        raise FlowError(source, (Problem(1, 1, "the text is empty", "Begin with `flow: <name>`."),))
    draft = Draft(texts=[source_text])
    reading = _Reading(draft, library)
    start, after_call = reading.whole_flow(node)
    problems = draft.problems
    sound = {name: step for name, step in draft.steps.items() if step}
    complete = _check_names(draft, known or {}) and len(sound) == len(draft.steps)
    flow = None
    if complete and start in sound:
        problems += draft_problems(draft, sound, [name for name in (start, after_call) if name])
        digest = sha256("\0".join(draft.texts).encode(errors="surrogatepass")).hexdigest()[:12]
        flow = Flow(reading.called, digest, reading.tags, start, sound, source, reading.voices, after_call)
    return flow, sorted(set(problems), key=lambda problem: (problem.source, problem))


def _check_names(draft: Draft, known: Mapping[str, frozenset[str] | set[str] | None]) -> bool:
    """Whether every step that is named is there; other names that are unknown are only noted."""
    variables = draft.known()
    for uses in draft.uses.values():
        for name, mark, _, _ in uses:
            if name not in variables:
                mend = instead(name, variables, "or list it in `facts`")
                draft.problems.append(mark.problem(f"nothing ever sets the variable {name!r}", mend))
    for kind, name, mark in draft.named:
        configured = known.get(kind)
        if configured is not None and name not in configured:
            mend = instead(name, configured, f"or configure the {kind}")
            severity: Literal["error", "warning"] = "error" if kind == "queue" else "warning"
            draft.problems.append(mark.problem(f"there is no {kind} {name!r}", mend, severity))
    unknown = [target for target in draft.targets if target[1] not in draft.steps]
    for mark, _, name, prefix in unknown:
        options = [step[len(prefix) :] for step in draft.steps if step.startswith(prefix)]
        mend = instead(name, [step for step in options if "/" not in step], "or add the step")
        draft.problems.append(mark.problem(f"there is no step {name!r}", mend))
    return not unknown


class _Reading(Nodes):
    """One pass over one text. ``prefix`` begins the names of its steps, if it is part of another; ``stack`` are the
    flows that it is part of; ``back`` says where an outcome that it returns leads."""

    def __init__(
        self,
        draft: Draft,
        library: Library,
        prefix: str = "",
        stack: tuple[str, ...] = (),
        outer: _Reading | None = None,
        back: Callable[[str], str] | None = None,
    ) -> None:
        super().__init__(draft, stack[-1] if stack else "")
        self.library = library
        self.prefix = prefix
        self.stack = stack
        self.outer = outer
        self.back = back
        self.called = ""
        self.tags: dict[str, str] = {}
        self.voices: dict[str, str] = {}
        self.calendars: dict[str, Week] = {}
        self.outcomes: set[str] = set()
        self.otherwise = ""
        self.below = ""
        self.here = ""
        self.exit_now = ""
        self.numbers: frozenset[str] = frozenset()

    # --- the whole ----------------------------------------------------------------------------------------

    def whole_flow(self, node: yaml.Node) -> tuple[str, str]:
        """Reads all steps into the draft; the first step, and the one after the call."""
        parts = self.fields(node, "", "the flow")
        self.called = self.name(parts.get("flow"), NAME)
        self.languages(parts.get("languages"))
        self.read_voices(parts.get("voices"))
        self.facts(parts)
        self.read_calendars(parts.get("calendars"))
        if "otherwise" in parts:
            self.otherwise = self.target(parts["otherwise"])
        written = self.pairs(parts.get("steps"), "steps")
        if len(written) + len(self.draft.steps) > MOST_STEPS:
            self.wrong(parts["steps"], f"more than {MOST_STEPS} steps", "Split the flow.")
            return "", ""
        if "steps" in parts and not written:
            self.wrong(parts["steps"], "there are no steps", "Add at least one.")
        self.read_steps(written)
        first = self.prefix + written[0][0].value if written else ""
        start = self.target(parts["start"]) if "start" in parts else first
        after = self.target(parts["after_call"]) if "after_call" in parts and not self.outer else ""
        return start, after

    def languages(self, node: yaml.Node | None) -> None:
        for key, value in self.pairs(node, "languages"):
            tag = self.scalar(value, "a language tag")
            if not _TAG.fullmatch(tag):
                self.wrong(value, f"{tag!r} is no language tag", "Write one such as en-US or zh-CN.")
                tag = "en-US"
            name = self.name(key, NAME)
            self.tags[name] = self.outer.tags.get(name, tag) if self.outer else tag
        if node and not self.tags:
            self.wrong(node, "the flow speaks no language", "Write for example `languages: {en: en-US}`.")

    def read_voices(self, node: yaml.Node | None) -> None:
        for key, value in self.pairs(node, "voices"):
            if self.language(key):
                self.voices[key.value] = self.scalar(value, "a voice")
        if self.outer:
            self.voices = self.outer.voices | self.voices

    def facts(self, parts: dict[str, yaml.Node]) -> None:
        listed = {self.name(fact, VARIABLE) for fact in self.items(parts.get("facts"))}
        personal = {self.name(fact, VARIABLE) for fact in self.items(parts.get("personal"))}
        self.draft.personal |= personal | {"caller_name"}
        self.draft.facts |= personal | set(KNOWN_FACTS)
        if self.outer is None:
            self.draft.facts |= listed

    def read_calendars(self, node: yaml.Node | None) -> None:
        for key, value in self.pairs(node, "calendars"):
            parts = self.fields(value, "calendar", "a calendar")
            found = self.week(parts.get("week"), parts)
            self.calendars[self.name(key, NAME)] = found
            self.check_open(key, found)

    def read_steps(self, written: list[tuple[yaml.Node, yaml.Node]]) -> None:
        for number, (key, value) in enumerate(written):
            below = written[number + 1][0].value if number + 1 < len(written) else ""
            self.below = self.prefix + below if below else ""
            name = self.here = self.prefix + self.name(key, NAME)
            self.draft.marks[name] = self.mark(key)
            self.draft.steps[name] = None
            self.draft.steps[name] = self.step(key, value)

    # --- steps --------------------------------------------------------------------------------------------

    def step(self, key: yaml.Node, node: yaml.Node) -> Step | None:
        kind = self.kind(key, node)
        if not kind:
            return None
        parts = self.fields(node, kind, f"a {kind} step")
        if any(name not in parts for name in required(kind)):
            return None
        read: dict[str, Callable[[yaml.Node, dict[str, yaml.Node]], Step | None]] = {
            "say": self.say,
            "play": self.play,
            "menu": self.menu,
            "collect": self.collect,
            "set": self.set_,
            "priority": self.priority,
            "skills": self.skills,
            "language": self.speak,
            "branch": self.branch,
            "hours": self.hours,
            "identify": self.identify,
            "verify": self.verify,
            "fetch": self.fetch,
            "split": self.split,
            "consent": self.consent,
            "survey": self.survey,
            "queue": self.queue,
            "callback": self.callback,
            "voicemail": self.voicemail,
            "transfer": self.transfer,
            "subflow": self.subflow,
            "return": self.return_,
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
            guess = instead(names[0], KINDS, "").partition("Did you mean ")[2] if names and not kinds else ""
            mend = f"Did you mean `{guess[1:-2]}`?" if guess else f"Give it exactly one of: {', '.join(KINDS)}."
            self.wrong(key, f"step {key.value!r} {what}", mend)
        return ""

    def say(self, key: yaml.Node, parts: dict[str, yaml.Node]) -> Step:
        marked_up = self.truth(parts.get("ssml"), False)
        return SayStep(self.prompt(parts["say"], marked_up), self.next(key, parts))

    def play(self, key: yaml.Node, parts: dict[str, yaml.Node]) -> Step:
        node = parts["play"]
        if isinstance(node, yaml.ScalarNode):
            sound = self.sound(node)
            prompt = Prompt({language: ((tag, "", sound),) for language, tag in self.tags.items()})
        else:
            known = [(key, value) for key, value in self.pairs(node, "play") if self.language(key)]
            prompt = self.in_all(node, {key.value: self.sound(value) for key, value in known})
        return PlayStep(prompt, self.next(key, parts))

    def menu(self, key: yaml.Node, parts: dict[str, yaml.Node]) -> Step:
        choices: dict[str, Choice] = {}
        spoken: dict[str, str] = {}
        hints: list[str] = []
        for button, node in self.pairs(parts["choices"], "choices"):
            choices[self.name(button, KEYS)] = self.choice(button.value, node, spoken, hints)
        if not choices:
            self.wrong(parts["choices"], "the menu offers nothing", 'Write for example `choices: {"1": sales}`.')
        hints += [self.scalar(hint, "a hint") for hint in self.items(parts.get("hints"))]
        question, no_input, no_match = self.missed(key, parts, "menu")
        return MenuStep(question, choices, tuple(spoken.items()), tuple(hints), no_input, no_match)

    def choice(
        self, key: str, node: yaml.Node, spoken: dict[str, str] | None = None, hints: list[str] | None = None
    ) -> Choice:
        if isinstance(node, yaml.ScalarNode):
            return Choice(self.target(node))
        parts = self.fields(node, "choice", f"choice {key!r}")
        if spoken is None and "words" in parts:
            self.wrong(parts["words"], "who waits is not listened to", "Offer keys.")
        for language, said in self.pairs(parts.get("words"), "words"):
            self.language(language)
            for item in self.items(said):
                self.spoken(key, item, spoken if spoken is not None else {}, hints if hints is not None else [])
        self.exit_now = key
        values = self.values(parts["set"]) if "set" in parts else ()
        self.exit_now = ""
        return Choice(self.target(parts["next"]) if "next" in parts else "", values)

    def spoken(self, key: str, node: yaml.Node, spoken: dict[str, str], hints: list[str]) -> None:
        said = self.scalar(node, "words")
        if not (known := heard(said)):
            self.wrong(node, "there are no words here", "Write what the caller may say.")
        elif spoken.setdefault(known, key) != key:
            self.wrong(node, f"{said!r} stands for {spoken[known]!r} too", "Give each choice words of its own.")
        else:
            hints.append(said)

    def missed(self, key: yaml.Node, parts: dict[str, yaml.Node], kind: str) -> tuple[Question, str, str]:
        """The question of a step, and its ways out for no input and for no match."""
        prompt = self.prompt(parts[kind])
        not_heard, no_input = self.retry(key, parts.get("no_input"), kind, "no_input", "not_heard")
        not_understood, no_match = self.retry(key, parts.get("no_match"), kind, "no_match", "not_understood")
        return self.question(parts, kind, prompt, not_heard, not_understood), no_input, no_match

    def question(
        self,
        parts: dict[str, yaml.Node],
        kind: str,
        prompt: Prompt,
        not_heard: Prompt | None = None,
        not_understood: Prompt | None = None,
    ) -> Question:
        return Question(
            prompt,
            not_heard or self.ready("not_heard"),
            not_understood or self.ready("not_understood"),
            self.whole(parts, kind, "retries"),
            self.whole(parts, kind, "timeout_ms"),
            self.truth(parts.get("barge_in"), True),
        )

    def ready(self, name: str) -> Prompt:
        return ready(name, self.tags, self.voices)

    def own_or_ready(self, key: yaml.Node, node: yaml.Node | None, name: str) -> Prompt:
        """The words that are written, else the ready-made ones, which must be there in every language."""
        if node is not None and not _is_null(node):
            return self.prompt(node)
        self.check_ready(key)
        return self.ready(name)

    def check_ready(self, node: yaml.Node) -> None:
        lacking = [name for name, tag in self.tags.items() if tag.partition("-")[0].lower() not in LANGUAGES]
        if lacking:
            self.wrong(node, f"there are no ready-made words in {', '.join(lacking)}", "Write what is said here.")

    def retry(
        self, key: yaml.Node, node: yaml.Node | None, kind: str, exit_name: str, ready_name: str
    ) -> tuple[Prompt, str]:
        if isinstance(node, yaml.ScalarNode):
            return self.ready(ready_name), self.target(node)
        parts = self.fields(node, "retry", exit_name) if node else {}
        said = self.prompt(parts["say"]) if "say" in parts else self.ready(ready_name)
        if "next" in parts:
            return said, self.target(parts["next"])
        if not self.otherwise:
            what = f"{kind} {key.value!r} leads nowhere after {exit_name}"
            self.wrong(key, what, f"Give it `{exit_name}: {{next: …}}`, or the flow an `otherwise`.")
        return said, self.otherwise

    def collect(self, key: yaml.Node, parts: dict[str, yaml.Node]) -> Step:
        question, no_input, no_match = self.missed(key, parts, "collect")
        variable = self.assigned(parts["variable"])
        least, most = self.between(parts, "collect")
        finish_on = self.name(parts.get("finish_on"), r"^[*#]?$", "#")
        secret = self.truth(parts.get("secret"), False)
        asked: dict[str, str] = {}
        dip = None
        if secret and "service" in parts:
            dip, asked = self.dip(key, parts, "collect", parts["service"])
        elif secret:
            self.wrong(key, "secret digits must be given to a service", "Name the `service` that needs them.")
        else:
            self.draft_assign(Assignment("next", variable, from_caller=True))
            for name in ("service", "with", "into", "budget_ms", "not_found", "error", "timeout"):
                if name in parts:
                    self.wrong(parts[name], f"{name!r} is for secret digits", "Use a fetch step, or `secret: true`.")
        next_ = self.next(key, parts)
        return CollectStep(question, variable, least, most, finish_on, next_, no_input, no_match, dip, **asked)

    def between(self, parts: dict[str, yaml.Node], kind: str) -> tuple[int, int]:
        least, most = self.whole(parts, kind, "min"), self.whole(parts, kind, "max")
        if least > most:
            self.wrong(parts.get("min", parts.get("max", parts[kind])), "min is more than max", "Turn them round.")
        return least, most

    def dip(
        self, key: yaml.Node, parts: dict[str, yaml.Node], kind: str, service: yaml.Node
    ) -> tuple[Dip, dict[str, str]]:
        """The question to a service, and the exits for when it has no answer."""
        into = tuple(self.answer_field(*pair) for pair in self.pairs(parts.get("into"), "into"))
        values = self.given(parts.get("with"))
        error = self.exit(key, parts, kind, "error")
        exits = {
            "error": error,
            "not_found": self.exit(key, parts, kind, "not_found", error),
            "timeout": self.exit(key, parts, kind, "timeout", error),
        }
        return Dip(self.outside("service", service), values, into, self.whole(parts, kind, "budget_ms")), exits

    def answer_field(self, key: yaml.Node, node: yaml.Node) -> tuple[str, str]:
        parts = {} if isinstance(node, yaml.ScalarNode) else self.fields(node, "field", "a field")
        variable = parts.get("variable", node)
        if variable is node and parts:
            return key.value, ""
        name = self.assigned(variable)
        self.draft_assign(Assignment("next", name, personal=self.truth(parts.get("personal"), False)))
        return key.value, name

    def given(self, node: yaml.Node | None) -> Values:
        """What a service is told."""
        return tuple((self.name(key, VARIABLE), self.value(value)) for key, value in self.pairs(node, "with"))

    def assigned(self, node: yaml.Node) -> str:
        name = self.name(node, VARIABLE)
        if name in PROTECTED:
            self.wrong(node, f"a flow can't set {name!r} itself", "Only identify, verify and the hub say who it is.")
        return name

    def draft_assign(self, assignment: Assignment) -> None:
        self.draft.assignments.setdefault(self.here, []).append(assignment)

    def set_(self, key: yaml.Node, parts: dict[str, yaml.Node]) -> Step:
        return SetStep(self.values(parts["set"]), self.next(key, parts))

    def priority(self, key: yaml.Node, parts: dict[str, yaml.Node]) -> Step:
        return PriorityStep(self.whole(parts, "priority", "priority"), self.next(key, parts))

    def skills(self, key: yaml.Node, parts: dict[str, yaml.Node]) -> Step:
        return SkillsStep(self.levels(parts["skills"]), self.next(key, parts))

    def levels(self, node: yaml.Node | None) -> Skills:
        found = []
        for name, level in self.pairs(node, "skills"):
            skill = self.text(name, "value")
            if not skill.names:
                self.draft.named.append(Named("skill", skill.source, self.mark(name)))
            found.append((skill, self.integer(level, 1, 5, 1)))
        return tuple(found)

    def speak(self, key: yaml.Node, parts: dict[str, yaml.Node]) -> Step:
        spoken = parts["language"].value if self.language(parts["language"]) else ""
        voice = self.scalar(parts["voice"], "a voice") if "voice" in parts else ""
        return LanguageStep(spoken, voice, self.next(key, parts))

    def branch(self, key: yaml.Node, parts: dict[str, yaml.Node]) -> Step:
        cases = tuple(self.case(node) for node in self.items(parts["branch"]))
        otherwise = self.target(parts["otherwise"]) if "otherwise" in parts else self.next(key, parts)
        return BranchStep(cases, otherwise)

    def case(self, node: yaml.Node) -> Case:
        inner = self.fields(node, "case", "a case")
        if isinstance(node, yaml.MappingNode) and ("when" in inner) == ("if" in inner):
            self.wrong(node, "a case needs 'when', or else 'if'", "Write one of them.")
        when = []
        for name, value in self.pairs(inner.get("when"), "when"):
            self.use(name, name.value, "asked", False)
            options = value.value if isinstance(value, yaml.SequenceNode) else [value]
            when.append((name.value, frozenset(self.scalar(option, "a value") for option in options)))
        found = self.condition(inner["if"]) if "if" in inner else None
        for variable in found.names if found else ():
            self.use(inner["if"], variable, "asked", False)
        return Case(tuple(when), self.target(inner["next"]) if "next" in inner else "", found)

    def hours(self, _: yaml.Node, parts: dict[str, yaml.Node]) -> Step:
        found = self.calendar(parts["hours"], parts)
        open_, closed = self.target(parts["open"]), self.target(parts["closed"])
        holiday = self.target(parts["holiday"]) if "holiday" in parts else closed
        if "holiday" in parts and not found.holidays:
            self.wrong(parts["holiday"], "there are no holidays", "List them under `holidays`.")
        return HoursStep(found, open_, closed, holiday)

    def calendar(self, node: yaml.Node, parts: dict[str, yaml.Node]) -> Week:
        if not isinstance(node, yaml.ScalarNode):
            if "zone" not in parts:
                self.wrong(node, "the hours need a 'zone'", "Write an IANA time zone such as Asia/Shanghai.")
            found = self.week(node, parts)
            self.check_open(node, found)
            return found
        for name in ("zone", "holidays"):
            if name in parts:
                self.wrong(parts[name], f"the calendar has its own {name!r}", "Take this one away.")
        if node.value in self.calendars:
            return self.calendars[node.value]
        mend = instead(node.value, self.calendars, "or write days and windows")
        self.wrong(node, f"there is no calendar {node.value!r}", mend)
        return Week(ZoneInfo("UTC"), ((0, 1),))

    def week(self, node: yaml.Node | None, parts: dict[str, yaml.Node]) -> Week:
        table = []
        for name, value in self.pairs(node, "hours"):
            open_on = self.parsed(name, days, f"Write days such as {DAYS[0]}, or {DAYS[0]}-{DAYS[4]}.")
            times = self.parsed(value, windows, 'Write windows such as "09:00-12:00, 13:00-18:00", or closed.')
            table.append((open_on or (0,), ((0, 1),) if times is None else times))
        zone = (
            self.parsed(parts["zone"], _zone, "Write an IANA time zone such as Asia/Shanghai.")
            if "zone" in parts
            else None
        )
        holidays = tuple(found for item in self.items(parts.get("holidays")) if (found := self.holiday(item)))
        return week(zone or ZoneInfo("UTC"), table, holidays)

    def holiday(self, node: yaml.Node) -> Holiday | None:
        parts = {} if isinstance(node, yaml.ScalarNode) else self.fields(node, "holiday", "a holiday")
        day = parts.get("day", node)
        if not isinstance(day, yaml.ScalarNode):
            return None
        found = self.parsed(day, dates, "Write a day such as 2026-12-25 or 12-25, or a range with two dots.")
        if found is None or "hours" not in parts:
            return found
        times = self.parsed(parts["hours"], windows, 'Write windows such as "10:00-14:00".')
        return Holiday(found.first, found.last, times or ())

    def check_open(self, node: yaml.Node, found: Week) -> None:
        if isinstance(node, yaml.ScalarNode | yaml.MappingNode) and found.never_open():
            self.wrong(node, "these hours are never open", "Open at least one window, or drop the step.")

    def identify(self, key: yaml.Node, parts: dict[str, yaml.Node]) -> Step:
        self.one_of(parts["identify"], ("ani",))
        return IdentifyStep(*(self.next(key, parts, name) for name in ("known", "unknown")))

    def verify(self, key: yaml.Node, parts: dict[str, yaml.Node]) -> Step:
        how: Literal["pin", "code"] = "code" if self.one_of(parts["verify"], ("pin", "code")) == "code" else "pin"
        service = ""
        if how == "pin" and "service" in parts:
            service = self.outside("service", parts["service"])
        elif how == "pin":
            self.wrong(key, "the PIN needs a service that knows it", "Name the `service`.")
        for name in ("service", "with"):
            if how == "code" and name in parts:
                self.wrong(parts[name], f"{name!r} is for a PIN", "Take it away: the hub knows the code it sent.")
        prompt = self.own_or_ready(key, parts.get("say"), how)
        wrong = self.own_or_ready(key, parts.get("wrong"), "wrong")
        question = self.question(parts, "verify", prompt, None, wrong)
        least, most = self.between(parts, "verify")
        dip = Dip(service, self.given(parts.get("with")), (), self.whole(parts, "verify", "budget_ms"))
        failed = self.exit(key, parts, "verify", "failed")
        unavailable = self.exit(key, parts, "verify", "unavailable", failed)
        return VerifyStep(how, question, dip, least, most, self.next(key, parts, "verified"), failed, unavailable)

    def fetch(self, key: yaml.Node, parts: dict[str, yaml.Node]) -> Step:
        dip, exits = self.dip(key, parts, "fetch", parts["fetch"])
        prompt = self.prompt(parts["say"]) if "say" in parts else SILENCE
        return FetchStep(dip, prompt, self.next(key, parts), **exits)

    def split(self, _: yaml.Node, parts: dict[str, yaml.Node]) -> Step:
        rule = words("split")["arms"]["additionalProperties"]["properties"]["weight"]
        arms = []
        for name, node in self.pairs(parts["arms"], "arms"):
            inner = {key.value: (key, value) for key, value in self.pairs(node, "an arm")}
            for other in inner.keys() - {"weight", "next"}:
                self.wrong(inner[other][0], f"an arm has no {other!r}", instead(other, ("weight", "next"), "or none"))
            weight = inner["weight"][1] if "weight" in inner else None
            if "next" in inner:
                share = self.integer(weight, rule["minimum"], rule["maximum"], rule["default"])
                arms.append((self.name(name, NAME), share, self.target(inner["next"][1])))
            else:
                self.wrong(name, "an arm needs 'next'", "Add it.")
        if len(arms) < 2:
            self.wrong(parts["arms"], "there is nothing to split between", "Give it at least two arms.")
        salt = self.scalar(parts["salt"], "the salt") if "salt" in parts else ""
        return SplitStep(self.name(parts["split"], NAME), salt, tuple(arms) or (("", 1, ""),))

    def consent(self, key: yaml.Node, parts: dict[str, yaml.Node]) -> Step:
        asks = self.one_of(parts["consent"], ("announce", "ask")) == "ask"
        prompt = self.own_or_ready(key, parts.get("say"), "may_record" if asks else "recording")
        given = self.next(key, parts, "given")
        if not asks:
            for name in ("accept", "refuse", "refused"):
                if name in parts:
                    self.wrong(parts[name], f"an announcement has no {name!r}", "Take it away, or `consent: ask`.")
            return AnnounceStep(prompt, given)
        accept, refuse = self.two_keys(parts, "consent", "accept", "refuse")
        question = self.question(parts, "consent", prompt)
        return ConsentStep(question, accept, refuse, given, self.next(key, parts, "refused"))

    def two_keys(self, parts: dict[str, yaml.Node], kind: str, yes: str, no: str) -> tuple[str, str]:
        found = [self.name(parts.get(name), KEY, words(kind)[name]["default"]) for name in (yes, no)]
        if found[0] == found[1]:
            self.wrong(parts.get(yes, parts.get(no, parts[kind])), "one key means yes and no", "Use two keys.")
        return found[0], found[1]

    def survey(self, key: yaml.Node, parts: dict[str, yaml.Node]) -> Step:
        items = self.items(parts["survey"])
        if not 1 <= len(items) <= 20:
            self.wrong(parts["survey"], "a survey has 1 to 20 questions", "Ask the ones that matter.")
        questions = [found for item in items if (found := self.survey_question(item, parts))]
        next_ = self.next(key, parts)
        silent = self.question(parts, "survey", SILENCE)
        return SurveyStep(tuple(questions) or (SurveyQuestion("", silent, 1, 5, False),), next_)

    def survey_question(self, node: yaml.Node, step: dict[str, yaml.Node]) -> SurveyQuestion | None:
        parts = self.fields(node, "question", "a question")
        if "say" not in parts:
            return None
        question = self.question(step, "survey", self.prompt(parts["say"]))
        least, most = self.whole(parts, "question", "from"), self.whole(parts, "question", "to")
        if least > most:
            self.wrong(node, "from is more than to", "Turn them round.")
        speech = self.truth(parts.get("speech"), False)
        return SurveyQuestion(self.name(parts.get("name"), NAME), question, least, most, speech)

    def queue(self, key: yaml.Node, parts: dict[str, yaml.Node]) -> Step:
        return self.queued(key, parts, self.outside("queue", parts["queue"]))

    def queued(self, key: yaml.Node, parts: dict[str, yaml.Node], queue: str, agent: str = "") -> Step:
        full = self.fields(parts["full"], "full", "full") if "full" in parts else {}
        longest = self.fields(parts["longest"], "longest", "longest") if "longest" in parts else {}
        offers = {
            self.name(button, KEY): self.choice(button.value, node)
            for button, node in self.pairs(parts.get("offer"), "offer")
        }
        return QueueStep(
            queue,
            self.whole(parts, "queue", "priority"),
            self.levels(parts.get("skills")),
            self.prompt(parts["say"]) if "say" in parts else SILENCE,
            agent,
            self.wait(key, parts.get("wait")),
            offers,
            self.target(parts["closing"]) if "closing" in parts else "",
            self.target(parts["no_agents"]) if "no_agents" in parts else "",
            self.target(full["next"]) if "next" in full else "",
            self.whole(full, "full", "beyond"),
            self.target(longest["next"]) if "next" in longest else "",
            self.whole(longest, "longest", "ms"),
        )

    def wait(self, key: yaml.Node, node: yaml.Node | None) -> Wait:
        if node is None:
            return Wait()
        parts = self.fields(node, "wait", "wait")
        return Wait(
            self.announcement(key, parts.get("position"), frozenset({"place", "ahead"})),
            self.announcement(key, parts.get("estimate"), frozenset({"minutes"})),
            tuple(self.prompt(item) for item in self.items(parts.get("comfort"))),
            self.sound(parts["music"]).source if "music" in parts else "",
            self.whole(parts, "wait", "every_ms"),
        )

    def announcement(self, key: yaml.Node, node: yaml.Node | None, numbers: frozenset[str]) -> Prompt | None:
        if node is None:
            return None
        if isinstance(node, yaml.ScalarNode) and node.value.lower() in ("true", "false"):
            if node.value.lower() == "false":
                return None
            self.check_ready(key)
            return SILENCE
        with self.naming(numbers):
            return self.prompt(node)

    @contextmanager
    def naming(self, numbers: frozenset[str]) -> Iterator[None]:
        """Words that are read meanwhile may name these, too."""
        self.numbers = numbers
        yield
        self.numbers = frozenset()

    def callback(self, key: yaml.Node, parts: dict[str, yaml.Node]) -> Step:
        number = self.name(parts.get("number"), VARIABLE, "ani")
        where = parts.get("number", key)
        self.draft.callbacks.append((self.mark(where), number))
        self.use(where, number, "said", False)
        with self.naming(frozenset({"number"})):
            prompt = self.own_or_ready(key, parts["callback"], "callback")
        accept, decline = self.two_keys(parts, "callback", "accept", "decline")
        declined = self.exit(key, parts, "callback", "declined")
        unavailable = self.exit(key, parts, "callback", "unavailable", declined)
        question = self.question(parts, "callback", prompt)
        accepted = self.next(key, parts, "accepted")
        return CallbackStep(question, number, accept, decline, accepted, declined, unavailable)

    def voicemail(self, key: yaml.Node, parts: dict[str, yaml.Node]) -> Step:
        return VoicemailStep(
            self.own_or_ready(key, parts["voicemail"], "voicemail"),
            self.outside("queue", parts["queue"]),
            self.whole(parts, "voicemail", "longest_ms"),
            self.whole(parts, "voicemail", "silence_ms"),
            self.name(parts.get("finish_on"), r"^[0-9*#]{0,12}$", "#"),
            self.truth(parts.get("transcribe"), False),
            self.next(key, parts, "recorded"),
            self.exit(key, parts, "voicemail", "nothing"),
        )

    def transfer(self, key: yaml.Node, parts: dict[str, yaml.Node]) -> Step | None:
        to = {name.value: value for name, value in self.pairs(parts["transfer"], "transfer")}
        if to.keys() == {"number"}:
            return self.transfer_out(key, parts, self.number(to["number"]))
        if "queue" in to and to.keys() <= {"queue", "agent"}:
            for name in ("timeout_ms", "longest_ms", "answered", "busy", "no_answer", "refused", "failed"):
                if name in parts:
                    self.wrong(parts[name], f"{name!r} is for numbers outside", "Take it away.")
            agent = self.name(to["agent"], NAME) if "agent" in to else ""
            return self.queued(key, parts, self.outside("queue", to["queue"]), agent)
        mend = "Give it a `number`, or a `queue` (with an `agent` for that one alone)."
        self.wrong(parts["transfer"], "nobody can tell where this leads", mend)
        return None

    def number(self, node: yaml.Node) -> str:
        found = self.scalar(node, "a number")
        if isinstance(node, yaml.ScalarNode) and not re.match(NUMBER, found):
            mend = "Write a number itself, such as +14155550100: what a caller may choose is never rung."
            self.wrong(node, f"{found!r} can't be rung", mend)
        return found

    def transfer_out(self, key: yaml.Node, parts: dict[str, yaml.Node], number: str) -> Step:
        for name in words("queue"):
            if name in parts and name != "say":
                self.wrong(parts[name], f"{name!r} is for queues", "Take it away.")
        failed = self.exit(key, parts, "transfer", "failed")
        busy, no_answer, refused = (
            self.exit(key, parts, "transfer", name, failed) for name in ("busy", "no_answer", "refused")
        )
        return TransferStep(
            number,
            self.own_or_ready(key, parts.get("say"), "connecting"),
            self.whole(parts, "transfer", "timeout_ms"),
            self.whole(parts, "transfer", "longest_ms"),
            self.target(parts["answered"]) if "answered" in parts else "",
            busy,
            no_answer,
            refused,
            failed,
        )

    def hang_up(self, _: yaml.Node, parts: dict[str, yaml.Node]) -> Step:
        node = parts["hang_up"]
        return HangUpStep(SILENCE if _is_null(node) else self.prompt(node))

    def goto(self, _: yaml.Node, parts: dict[str, yaml.Node]) -> Step:
        return GotoStep(self.target(parts["goto"]))

    # --- flows in flows -----------------------------------------------------------------------------------

    def subflow(self, key: yaml.Node, parts: dict[str, yaml.Node]) -> Step | None:
        name = self.name(parts["subflow"], NAME)
        exits = {exit.value: node for exit, node in self.pairs(parts.get("exits"), "exits")}
        ways = {outcome: self.target(node) for outcome, node in exits.items()}
        if not self.can_hold(parts["subflow"], name):
            return None
        here, below = self.here, self.below

        def back(outcome: str) -> str:
            self.below = below
            return ways[outcome] if outcome in ways else self.next(key, parts)

        inner = _Reading(self.draft, self.library, f"{here}/", (*self.stack, name), self, back)
        start = self.inside(inner, parts["subflow"], name)
        if start is None:
            return None
        for outcome, node in exits.items():
            if outcome not in inner.outcomes:
                mend = instead(outcome, inner.outcomes, "or take it away")
                self.wrong(node, f"flow {name!r} never returns {outcome!r}", mend)
        return SubflowStep(name, start)

    def can_hold(self, node: yaml.Node, name: str) -> bool:
        if name in self.stack:
            way = " → ".join((*self.stack, name))
            self.wrong(node, f"the flow is part of itself: {way}", "Let it `return` instead.")
            return False
        if len(self.stack) >= MOST_DEPTH:
            self.wrong(node, f"flows in flows, more than {MOST_DEPTH} deep", "Flatten them.")
            return False
        if name not in self.library:
            self.wrong(node, f"there is no flow {name!r}", instead(name, self.library, "or add it to the library"))
            return False
        return True

    def inside(self, inner: _Reading, node: yaml.Node, name: str) -> str | None:
        """Reads the other flow's steps into the draft; where they begin."""
        source_text = self.library[name]
        try:
            tree = composed(source_text[: MOST_CHARACTERS + 1], name) if len(source_text) <= MOST_CHARACTERS else None
        except FlowError as error:
            self.draft.problems += [_elsewhere(problem, name) for problem in error.problems]
            return None
        if tree is None:
            self.wrong(node, f"flow {name!r} is empty, or too long", "Look at its text.")
            return None
        if source_text not in self.draft.texts:
            self.draft.texts.append(source_text)
        start, _ = inner.whole_flow(tree)
        if missing := [language for language in self.tags if language not in inner.tags]:
            self.wrong(node, f"flow {name!r} doesn't speak {', '.join(missing)}", "Add the language there.")
        return start

    def return_(self, _: yaml.Node, parts: dict[str, yaml.Node]) -> Step:
        node = parts["return"]
        outcome = "" if _is_null(node) else self.name(node, NAME)
        self.outcomes.add(outcome)
        return ReturnStep(outcome, self.back(outcome) if self.back else "")

    # --- where it leads -----------------------------------------------------------------------------------

    def next(self, key: yaml.Node, parts: dict[str, yaml.Node], name: str = "next") -> str:
        if name in parts:
            return self.target(parts[name])
        if not self.below:
            self.wrong(key, f"step {key.value!r} is a dead end", f"Give it a `{name}`, or end with queue or hang_up.")
        return self.below

    def exit(
        self, key: yaml.Node, parts: dict[str, yaml.Node], kind: str, name: str, instead_of: str | None = None
    ) -> str:
        """The way out that is written; else ``instead_of``, else the flow's last resort."""
        if name in parts:
            return self.target(parts[name])
        if instead_of is not None:
            return instead_of
        if not self.otherwise:
            what = f"{kind} {key.value!r} leads nowhere after {name}"
            self.wrong(key, what, f"Give it `{name}: …`, or the flow an `otherwise`.")
        return self.otherwise

    def target(self, node: yaml.Node) -> str:
        found = self.scalar(node, "the name of a step")
        if isinstance(node, yaml.ScalarNode):
            self.draft.targets.append((self.mark(node), self.prefix + found, found, self.prefix))
        return self.prefix + found

    def outside(self, kind: Literal["queue", "service"], node: yaml.Node) -> str:
        found = self.name(node, NAME)
        self.draft.named.append(Named(kind, found, self.mark(node)))
        return found

    # --- words --------------------------------------------------------------------------------------------

    def prompt(self, node: yaml.Node, marked_up: bool = False) -> Prompt:
        if isinstance(node, yaml.ScalarNode) or self.is_sound(node):
            return self.plain(node, marked_up)
        if isinstance(node, yaml.SequenceNode):
            parts = tuple(part for item in node.value for part in self.by_language(item, marked_up).items())
            if not parts:
                self.wrong(node, "nothing is said here", "Write words, each in its language.")
            spoken = tuple(self.part(language, words) for language, words in parts)
            return Prompt(dict.fromkeys(self.tags, spoken))
        return self.in_all(node, self.by_language(node, marked_up))

    def in_all(self, node: yaml.Node, said: Mapping[str, Text | Sound]) -> Prompt:
        if missing := [language for language in self.tags if language not in said]:
            self.wrong(node, f"the prompt is missing in {', '.join(missing)}", "Add it, or take the language away.")
        return Prompt({language: (self.part(language, words),) for language, words in said.items()})

    def part(self, language: str, said: Text | Sound) -> Part:
        return self.tags[language], self.voices.get(language, ""), said

    def plain(self, node: yaml.Node, marked_up: bool) -> Prompt:
        if len(self.tags) > 1 and isinstance(node, yaml.ScalarNode):
            mend = f"Write `{{{', '.join(f'{language}: …' for language in self.tags)}}}`."
            self.wrong(node, "the flow speaks several languages, this only one", mend)
        said = self.words(node, marked_up)
        return Prompt({language: (self.part(language, said),) for language in self.tags})

    def by_language(self, node: yaml.Node, marked_up: bool) -> dict[str, Text | Sound]:
        said = {}
        for key, value in self.pairs(node, "a prompt"):
            if self.language(key):
                said[key.value] = self.words(value, marked_up)
        return said

    def is_sound(self, node: yaml.Node) -> bool:
        if not isinstance(node, yaml.MappingNode) or "play" in self.tags:
            return False
        return [getattr(key, "value", None) for key, _ in node.value] == ["play"]

    def words(self, node: yaml.Node, marked_up: bool) -> Text | Sound:
        if self.is_sound(node):
            return self.sound(node.value[0][1])
        return self.text(node, "said", marked_up)

    def sound(self, node: yaml.Node) -> Sound:
        found = self.scalar(node, "a recording")
        if isinstance(node, yaml.ScalarNode) and not _SOURCE.fullmatch(found):
            mend = "Write an https address, or a path such as /media/welcome.wav."
            self.wrong(node, f"{found!r} can't be played", mend)
        return Sound(found)

    def language(self, node: yaml.Node) -> bool:
        if not isinstance(node, yaml.ScalarNode):
            return bool(self.scalar(node, "a language"))
        if self.tags and node.value not in self.tags:
            self.wrong(node, f"the flow doesn't speak {node.value!r}", instead(node.value, self.tags, "or add it"))
        return node.value in self.tags

    def text(self, node: yaml.Node, how: Literal["said", "value"], marked_up: bool = False) -> Text:
        said = self.scalar(node, "words")
        if not isinstance(node, yaml.ScalarNode):
            return _NOTHING
        if not said.strip():
            self.wrong(node, "nothing is said here", "Write the words.")
        if len(said) > MOST_WORDS:
            self.wrong(node, f"more than {MOST_WORDS} characters in one prompt", "Say less, or split the step.")
        read = self.template(node, said, marked_up)
        for name in sorted(read.names - self.numbers):
            self.use(node, name, how, name in read.bare)
        return read

    def template(self, node: yaml.Node, said: str, marked_up: bool) -> Text:
        try:
            return text(said, marked_up)
        except ValueError as error:
            if "brace" in str(error):
                mend = "Write {name}, or {name|words} for when it is empty."
                self.wrong(node, f"{said!r} can't be understood", mend)
            else:
                self.wrong(node, f"no SSML: {error}", "Use the elements that docs/flows.md lists.")
        return _NOTHING

    def use(self, node: yaml.Node, name: str, how: Literal["said", "value", "asked"], needed: bool) -> None:
        self.draft.uses.setdefault(self.here, []).append(Use(name, self.mark(node), how, needed))

    def values(self, node: yaml.Node) -> Values:
        values = []
        for key, value in self.pairs(node, "set"):
            name = self.assigned(key)
            if name == "language" and isinstance(value, yaml.ScalarNode):
                self.language(value)
            said = self.value(value)
            self.draft_assign(Assignment(self.exit_now, name, said.names))
            values.append((name, said))
        return tuple(values)

    def value(self, node: yaml.Node) -> Text:
        if not self.scalar(node, "a value"):
            return _NOTHING
        return self.text(node, "value")


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.value in _YAML_NULL


def _elsewhere(problem: Problem, source: str) -> Problem:
    return Mark(problem.line, problem.column, source).problem(problem.what, problem.mend)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, OSError) as error:  # an unknown name, or a folder of the time zone database
        raise ValueError(name) from error
