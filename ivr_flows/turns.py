"""The caller's and the flow's turns: what to play and do next."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TypeAlias

from contact_center.domain.calls import Await, CallAction, Collect, Dial, HangUp, Hold, Record
from contact_center.domain.events import (
    Body,
    CallerInput,
    CallerRecorded,
    ConsentChanged,
    DialEnded,
    FlowStepped,
    ServiceAnswered,
    SurveyAnswered,
)
from contact_center.domain.time import SECOND, Millis, Moment
from ivr_flows.asks import (
    Ask,
    CallbackWanted,
    CodeAsked,
    CodeChecked,
    DialAsked,
    PinChecked,
    ServiceAsked,
    VoicemailLeft,
)
from ivr_flows.flow import (
    AnnounceStep,
    BranchStep,
    CallbackStep,
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
    SkillsStep,
    SplitStep,
    Step,
    SubflowStep,
    SurveyStep,
    TransferStep,
    Values,
    VerifyStep,
    VoicemailStep,
)
from ivr_flows.places import ASK, CHECK, DIAL, DONE, HELD, HOLD, PENDING, SEND, Place, place
from ivr_flows.prompts import SILENCE, VOICE, Prompt, Spoken, ready, written
from ivr_flows.ready import place_words, rounded_minutes, wait_words

MOST_TURNS = 100
"""How often one call is asked something. After that every question is taken as unanswered, so the call comes to
a queue or an end. Waiting doesn't count."""

MOST_VALUE = 256
"""Characters that a variable keeps."""

MOST_SKILLS = 32
"""Skills that a call gathers on its way."""

LEAST_CONFIDENCE = 0.3
"""Words that the recogniser is less sure of count as not understood. Zero means that it didn't say."""

FIRST_HOLD_MS = 2_000
"""The first music, where it is followed by what could not be known before: the place in the queue."""

ANOTHER_LEG = 1_000_000
"""Turns after a conversation count on from here, so that no position is ever given twice."""

_PRIORITY, _SKILLS, _LEG = "_priority", "_skills", "_leg"
"""Variables of the interpreter's own. No flow can name them."""

Did: TypeAlias = CallerInput | CallerRecorded | DialEnded | ServiceAnswered
_Asking: TypeAlias = MenuStep | CollectStep | VerifyStep | ConsentStep | SurveyStep | CallbackStep
_Way: TypeAlias = tuple[str, str]
"""An exit and where it leads."""


@dataclass(frozen=True, slots=True)
class QueueAsked:
    """The flow wants the caller in this queue. ``skills`` are the levels needed at least; ``agent`` is the only one
    who may get the call, empty for anybody."""

    queue: str
    priority: int
    skills: dict[str, int]
    agent: str = ""


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """How it stands with a waiting caller: ``place`` 1 is the next of ``size``. ``estimate_ms`` is None where nobody
    can say; ``open`` whether the queue takes calls now; ``staffed`` whether anybody is signed in for it."""

    place: int
    size: int
    waited_ms: Millis
    estimate_ms: Millis | None
    open: bool
    staffed: bool


@dataclass(frozen=True, slots=True)
class Turn:
    """What the call is told, and what the flow will remember.

    ``position`` and ``variables`` are for the next :func:`advance`. ``steps`` and ``happened`` are to be recorded,
    in order; a prompt that is only repeated, and a tick of waiting, make none (the position that was recorded last
    will do to go on from). First ``leaves_queue`` takes the caller out of the queue that they wait in, keeping the
    place; then ``enqueue`` puts them into one. ``asks`` is something that the hub must find out or do
    (``ivr_flows.asks``); the actions then end with an ``Await``. ``over`` means that the caller has been told
    goodbye; a caller who waits in a queue has not."""

    actions: tuple[CallAction, ...]
    position: str
    variables: dict[str, str]
    steps: tuple[FlowStepped, ...]
    enqueue: QueueAsked | None = None
    over: bool = False
    asks: Ask | None = None
    happened: tuple[Body, ...] = ()
    leaves_queue: bool = False


def start(flow: Flow, now: Moment, facts: Mapping[str, str]) -> Turn:
    """The first turn. ``facts`` are variables that are known already: ``ani``, ``dnis``, ``caller_name``, ``known``
    (``yes`` or ``no``), ``language`` (a tag; one that the flow doesn't speak counts for nothing), and those that
    the flow lists."""
    memory = {name: _kept(value) for name, value in facts.items() if name[:1] != "_"}
    return _Walk(flow, memory, now, 1).to(flow.start)


def advance(
    flow: Flow,
    position: str,
    variables: Mapping[str, str],
    did: Did,
    now: Moment,
    queue: QueueFacts | None = None,
) -> Turn:
    """The turn after something happened. ``position`` and ``variables`` are those of the last turn; ``queue`` is
    given while the caller waits.

    Never raises. What happened at another position than this one (late, repeated, made up) changes nothing: the
    same is asked again. A position of another version of the flow is asked anew at the same step, or begins anew
    where there is no such step; only who waits in a queue goes on waiting."""
    at = place(position)
    step = flow.steps.get(at.step) if at else None
    if at is None or step is None:
        return _Walk(flow, dict(variables), now, 1).to(flow.start)
    walk = _Walk(flow, dict(variables), now, at.turn + 1, queue)
    moved = at.version != flow.version
    if moved and at.phase == HOLD and not isinstance(step, QueueStep):
        at = at._replace(phase=HELD)
    elif moved and at.phase not in (HOLD, HELD, DONE):
        return walk.to(at.step, at.step, "again")
    came = at if did.position == position else place(did.position)
    if came is None or not at.reached_by(came):
        return walk.repeat(step, at._replace(version=flow.version))
    return walk.answer(step, came._replace(version=flow.version), did)


def hold_again(
    flow: Flow, position: str, variables: Mapping[str, str], now: Moment, queue: QueueFacts | None = None
) -> Turn:
    """The turn of a caller who waits again, after an agent had the call and gave it back. Puts nobody into a queue:
    that is done already. Never raises."""
    at = place(position) or Place(flow.version, 1, 0, HELD, 0, 0, flow.start)
    known = at.step in flow.steps
    name = at.step if known else flow.start
    phase = HOLD if isinstance(flow.steps[name], QueueStep) else HELD
    walk = _Walk(flow, dict(variables), now, at.turn, queue)
    here = Place(flow.version, at.turn, 0, phase, now, 0, name)
    return walk.held(flow.steps[name], here, walk.ready("still_waiting"), left=name)


def after_call(flow: Flow, variables: Mapping[str, str], now: Moment) -> Turn | None:
    """The first turn after a conversation; None where the flow has nothing to say then. Never raises."""
    if not flow.after_call:
        return None
    memory = dict(variables)
    leg = int(memory[_LEG]) + 1 if memory.get(_LEG, "").isdecimal() and len(memory[_LEG]) < 4 else 1
    memory[_LEG] = str(leg)
    return _Walk(flow, memory, now, leg * ANOTHER_LEG + 1).to(flow.after_call)


def joined(first: Turn, then: Turn) -> Turn:
    """One turn out of one that asked and the next, which had the answer at once: nobody has to wait."""
    return replace(
        then,
        actions=first.actions[:-1] + then.actions,
        steps=first.steps + then.steps,
        happened=first.happened + then.happened,
        leaves_queue=first.leaves_queue or then.leaves_queue,
    )


class _Walk:
    """One turn in the making: goes from step to step until the caller or somebody else must answer, or it is over.

    ``turn`` is the number of the turn. No round is without a question (``checks``), so no step is met twice."""

    def __init__(
        self, flow: Flow, memory: dict[str, str], now: Moment, turn: int, queue: QueueFacts | None = None
    ) -> None:
        self.flow = flow
        self.memory = memory
        self.now = now
        self.turn = turn
        self.queue = queue
        self.actions: list[CallAction] = []
        self.steps: list[FlowStepped] = []
        self.happened: list[Body] = []
        self.leaves_queue = False
        memory["language"] = _language(flow, memory)

    # --- going on ---------------------------------------------------------------------------------------------

    def to(self, name: str, left: str = "", by: str = "") -> Turn:
        """Goes on to step ``name``, having left step ``left``. No name is the end of the call."""
        while name:
            step = self.flow.steps[name]
            here = Place(self.flow.version, self.turn, 0, ASK, 0, 0, name)
            unasked = isinstance(step, _ASKING) and self.tired
            spoken = () if unasked else self.opening(step)
            self.note(here, left, by, spoken)
            way = next(step.silent()) if unasked else self.passed(step)
            if way is None:
                return self.stop(step, here, spoken)
            self.actions += spoken
            left, (by, name) = name, way
        return self.end(left, by)

    def leave(self, at: Place, way: _Way) -> Turn:
        return self.to(way[1], at.step, way[0])

    def end(self, left: str, by: str) -> Turn:
        here = Place(self.flow.version, self.turn, 0, DONE, 0, 0, left)
        self.note(here, left, by, ())
        return self.told(HangUp(()), here, over=True)

    @property
    def tired(self) -> bool:
        """Whether the caller has been asked enough."""
        return self.turn % ANOTHER_LEG > MOST_TURNS

    def told(
        self,
        last: CallAction,
        here: Place,
        asks: Ask | None = None,
        enqueue: QueueAsked | None = None,
        over: bool = False,
    ) -> Turn:
        position = str(here)
        if self.steps and self.steps[-1].position != position:
            self.steps[-1] = replace(self.steps[-1], position=position)
        return Turn(
            (*self.actions, last),
            position,
            self.memory,
            tuple(self.steps),
            enqueue,
            over,
            asks,
            tuple(self.happened),
            self.leaves_queue,
        )

    def note(self, here: Place, left: str, by: str, spoken: Spoken) -> None:
        flow = self.flow
        said = written(spoken) if spoken else ""
        self.steps.append(FlowStepped(flow.name, flow.version, str(here), left, by, said, dict(self.memory)))

    # --- words ------------------------------------------------------------------------------------------------

    @property
    def language(self) -> str:
        return self.memory["language"]

    @property
    def tag(self) -> str:
        return self.flow.languages[self.language]

    def say(self, prompt: Prompt) -> Spoken:
        return prompt.say(self.language, self.memory)

    def ready(self, name: str, **more: str) -> Spoken:
        prompt = ready(name, self.flow.languages, self.flow.voices)
        return prompt.say(self.language, {**self.memory, **more})

    def opening(self, step: Step) -> Spoken:
        """What is heard when a step is come to."""
        match step:
            case MenuStep() | CollectStep():
                return self.say(step.question.prompt)
            case SayStep() | PlayStep() | AnnounceStep() | QueueStep() | HangUpStep() | FetchStep() | VoicemailStep():
                return self.say(step.prompt)
            case VerifyStep() if step.how == "pin":
                return self.say(step.question.prompt)
            case ConsentStep():
                return self.say(step.question.prompt)
            case SurveyStep():
                return self.say(step.questions[0].question.prompt)
            case CallbackStep():
                return self.offer(step)
        return ()

    def offer(self, step: CallbackStep) -> Spoken:
        number = self.memory.get(step.number, "")
        return step.question.prompt.say(self.language, {**self.memory, "number": number}) if number else ()

    # --- steps that ask nobody --------------------------------------------------------------------------------

    def passed(self, step: Step) -> _Way | None:
        """The exit that is taken at once; None where the step waits for something, or ends."""
        memory = self.memory
        match step:
            case BranchStep():
                for number, case in enumerate(step.cases, 1):
                    if case.holds(memory):
                        return f"case {number}", case.next
                return "otherwise", step.otherwise
            case MenuStep() | CollectStep() | QueueStep():
                return None
            case SetStep():
                self.remember(step.values)
            case HoursStep():
                return self.by_the_clock(step)
            case IdentifyStep():
                known = memory.get("known") == "yes"
                memory["candidate"] = "yes" if known else "no"
                return ("known", step.known) if known else ("unknown", step.unknown)
            case LanguageStep():
                memory["language"] = step.language
                memory[VOICE] = f"{step.language} {step.voice}" if step.voice else ""
            case PriorityStep():
                memory[_PRIORITY] = str(min(100, _number(memory.get(_PRIORITY, "")) + step.priority))
            case SkillsStep():
                self.gather(step)
            case SplitStep():
                return self.arm(step)
            case AnnounceStep():
                self.consent(True, "announced")
            case CallbackStep() if not memory.get(step.number):
                return "unavailable", step.unavailable
            case SayStep() | PlayStep() | GotoStep() | SubflowStep():
                pass
            case ReturnStep() if step.next:
                pass
            case _:
                return None
        return next(step.exits())

    def by_the_clock(self, step: HoursStep) -> _Way:
        found = step.week.at(self.now)
        return found, {"open": step.open, "closed": step.closed, "holiday": step.holiday}[found]

    def arm(self, step: SplitStep) -> _Way:
        """The same for the same caller, every time. Who hides their number is always in the same arm."""
        caller = self.memory.get("ani", "")
        digest = sha256("\0".join((step.experiment, step.salt, caller)).encode(errors="replace")).digest()
        point = int.from_bytes(digest[:8]) % sum(weight for _, weight, _ in step.arms)
        arms = iter(step.arms)
        name, weight, target = next(arms)
        while point >= weight:
            point -= weight
            name, weight, target = next(arms)
        return name, target

    def remember(self, values: Values) -> None:
        for name, value in values:
            self.keep(name, value.fill(self.memory))

    def keep(self, name: str, value: str) -> None:
        self.memory[name] = _kept(value)
        if name == "language":
            self.memory[name] = _language(self.flow, self.memory)

    def gather(self, step: SkillsStep) -> None:
        gathered = _skills(self.memory)
        for skill, level in step.skills:
            name = skill.fill(self.memory)
            if name in gathered or len(gathered) < MOST_SKILLS:
                gathered[name] = max(level, gathered.get(name, 0))
        self.memory[_SKILLS] = json.dumps(gathered, ensure_ascii=False)

    def consent(self, given: bool, basis: str) -> None:
        self.happened.append(ConsentChanged("recording", given, basis))
        self.memory["consent"] = "yes" if given else "no"

    # --- steps that wait for an answer, or end ----------------------------------------------------------------

    def stop(self, step: Step, here: Place, spoken: Spoken) -> Turn:
        match step:
            case MenuStep() | CollectStep() | ConsentStep() | CallbackStep() | SurveyStep():
                return self.told(self.collect(step, here, spoken), here)
            case QueueStep():
                return self.enqueue(step, here._replace(phase=HOLD), spoken)
            case VerifyStep() if step.how == "code":
                return self.ask(here, CodeAsked(""), SEND)
            case VerifyStep():
                return self.told(self.collect(step, here, spoken), here)
            case FetchStep():
                return self.ask(here, self.question(step.dip), CHECK, spoken)
            case VoicemailStep():
                return self.told(self.record(step, here, spoken), here)
            case TransferStep():
                return self.ask(here, DialAsked("", step.number), CHECK)
        return self.told(HangUp(spoken), here._replace(phase=DONE), over=True)

    def ask(self, here: Place, ask: Ask, phase: str, spoken: Spoken = ()) -> Turn:
        """Asks somebody else than the caller."""
        there = here._replace(phase=phase, since=self.now, tick=0)
        return self.told(Await(str(there), spoken), there, replace(ask, position=str(there)))

    def question(self, dip: Dip) -> ServiceAsked:
        values = {name: _kept(value.fill(self.memory)) for name, value in dip.values}
        return ServiceAsked("", dip.service, values, dip.budget_ms)

    def enqueue(self, step: QueueStep, here: Place, spoken: Spoken) -> Turn:
        skills = _skills(self.memory)
        for skill, level in step.skills:
            name = skill.fill(self.memory)
            skills[name] = max(level, skills.get(name, 0))
        priority = min(100, step.priority + _number(self.memory.get(_PRIORITY, "")))
        asked = QueueAsked(step.queue, priority, skills, step.agent)
        return self.told(self.hold(step, here, spoken), here, enqueue=asked)

    def hold(self, step: Step, here: Place, spoken: Spoken) -> Hold:
        if not isinstance(step, QueueStep) or here.phase != HOLD:
            return Hold(str(here), spoken, self.tag)
        keys = "" if self.tired else "".join(step.offers)
        wait = step.wait
        soon = here.tick == 0 and (wait.position or wait.estimate or any(step.silent()))
        ms = min(FIRST_HOLD_MS, wait.every_ms) if soon else wait.every_ms
        return Hold(str(here), spoken, self.tag, wait.music, keys, ms)

    def held(self, step: Step, here: Place, spoken: Spoken, left: str = "") -> Turn:
        if left:
            self.note(here, left, "again", spoken)
        return self.told(self.hold(step, here, spoken), here)

    def record(self, step: VoicemailStep, here: Place, spoken: Spoken) -> Record:
        return Record(
            position=str(here),
            prompts=spoken,
            language=self.tag,
            longest_ms=step.longest_ms,
            silence_ms=step.silence_ms,
            finish_on=step.finish_on,
            transcribe=step.transcribe,
        )

    def collect(self, step: _Asking, here: Place, spoken: Spoken) -> Collect:
        match step:
            case MenuStep():
                # One key needs no terminator, and "#" can't be one where it is a choice.
                needless = step.digits == 1 or any("#" in key for key in step.choices)
                return self.keys(
                    here, step.question, spoken, step.digits, "" if needless else "#", bool(step.words), step.hints
                )
            case CollectStep():
                secret = step.dip is not None
                return self.keys(here, step.question, spoken, step.most, step.finish_on, secret=secret)
            case VerifyStep():
                return self.keys(here, step.question, spoken, step.most, "#", secret=True)
            case SurveyStep():
                asked = step.questions[min(here.tick, len(step.questions) - 1)]
                return self.keys(here, asked.question, spoken, 1, "", asked.speech)
        return self.keys(here, step.question, spoken, 1, "")

    def keys(
        self,
        here: Place,
        question: Question,
        spoken: Spoken,
        most: int,
        finish_on: str,
        speech: bool = False,
        hints: tuple[str, ...] = (),
        secret: bool = False,
    ) -> Collect:
        return Collect(
            position=str(here),
            prompts=spoken,
            language=self.tag,
            max_digits=most,
            finish_on=finish_on,
            timeout_ms=question.timeout_ms,
            speech=speech,
            hints=hints,
            barge_in=question.barge_in,
            secret=secret,
        )

    # --- the same again ---------------------------------------------------------------------------------------

    def repeat(self, step: Step, at: Place) -> Turn:
        """As if nothing had happened."""
        self.turn = at.turn
        if at.phase in (HOLD, HELD):
            return self.told(self.hold(step, at, self.opening(step) if at.phase == HOLD else ()), at)
        if at.phase in PENDING:
            return self.told(Await(str(at)), at)
        match step:
            case VoicemailStep():
                return self.told(self.record(step, at, self.opening(step)), at)
            case TransferStep() if at.phase == DIAL:
                return self.told(self.dial(step, at, self.memory.get("dnis", "")), at)
            case SurveyStep():
                asked = step.questions[min(at.tick, len(step.questions) - 1)]
                return self.told(self.collect(step, at, self.say(asked.question.prompt)), at)
            case VerifyStep():
                return self.told(self.collect(step, at, self.say(step.question.prompt)), at)
            case MenuStep() | CollectStep() | CallbackStep() | ConsentStep():
                return self.told(self.collect(step, at, self.opening(step)), at)
        if at.phase == DONE:
            return self.told(HangUp(self.opening(step)), at, over=True)
        return self.to(at.step, at.step, "again")

    # --- answers ----------------------------------------------------------------------------------------------

    def answer(self, step: Step, at: Place, did: Did) -> Turn:
        """What follows what happened at this very place."""
        if at.phase == DONE:
            return self.repeat(step, at)
        if at.phase == HELD or (at.phase == HOLD and not isinstance(step, QueueStep)):
            return self.still_held(step, at)
        if at.phase in PENDING:
            return self.pending(step, at, did)
        keyed = did if isinstance(did, CallerInput) else CallerInput(did.position)
        match step:
            case MenuStep():
                return self.chosen(step, at, keyed)
            case QueueStep():
                return self.waiting(step, at, keyed)
            case CollectStep():
                return self.collected(step, at, keyed)
            case VerifyStep():
                return self.proof(step, at, keyed)
            case CallbackStep():
                return self.called_back(step, at, keyed)
            case ConsentStep():
                return self.agreed(step, at, keyed)
            case SurveyStep():
                return self.surveyed(step, at, keyed)
            case VoicemailStep():
                return self.recorded(step, at, did)
            case TransferStep():
                outcome = did.outcome if isinstance(did, DialEnded) else "failed"
                return self.leave(at, (outcome, dict(_ways(step)).get(outcome, step.failed)))
        return self.repeat(step, at)

    def again(
        self, step: _Asking, question: Question, at: Place, keyed: CallerInput, sorry: Prompt | None = None
    ) -> Turn | None:
        """Asks once more; None where that has been done often enough."""
        if at.tries >= question.retries or (self.turn - 1) % ANOTHER_LEG >= MOST_TURNS:
            return None
        silent = not (keyed.digits or keyed.speech)
        by = "no_input" if silent else "no_match"
        sorry = sorry or (question.not_heard if silent else question.not_understood)
        here = at._replace(turn=self.turn, tries=at.tries + 1)
        words = self.offer(step) if isinstance(step, CallbackStep) else self.say(question.prompt)
        spoken = self.say(sorry) + words
        self.note(here, at.step, by, spoken)
        return self.told(self.collect(step, here, spoken), here)

    def chosen(self, step: MenuStep, at: Place, keyed: CallerInput) -> Turn:
        key = keyed.digits or ("" if _unsure(keyed) else step.key_for(keyed.speech))
        if choice := step.choices.get(key):
            self.remember(choice.values)
            return self.leave(at, (key, choice.next))
        return self.again(step, step.question, at, keyed) or self.leave(at, _failed(step, keyed))

    def collected(self, step: CollectStep, at: Place, keyed: CallerInput) -> Turn:
        digits = keyed.digits
        if not (step.least <= len(digits) <= step.most and digits.isascii() and digits.isdigit()):
            return self.again(step, step.question, at, keyed) or self.leave(at, _failed(step, keyed))
        if step.dip is None:
            self.keep(step.variable, digits)
            return self.leave(at, ("next", step.next))
        asked = self.question(step.dip)
        here = at._replace(turn=self.turn)
        self.note(here, at.step, "asked", ())
        return self.ask(here, replace(asked, values={**asked.values, step.variable: digits}, secret=True), CHECK)

    def proof(self, step: VerifyStep, at: Place, keyed: CallerInput) -> Turn:
        digits = keyed.digits
        if not (step.least <= len(digits) <= step.most and digits.isascii() and digits.isdigit()):
            return self.again(step, step.question, at, keyed) or self.leave(at, ("failed", step.failed))
        here = at._replace(turn=self.turn)
        self.note(here, at.step, "asked", ())
        if step.how == "code":
            return self.ask(here, CodeChecked("", digits), CHECK)
        asked = self.question(step.dip)
        return self.ask(here, PinChecked("", asked.service, digits, asked.values, asked.budget_ms), CHECK)

    def called_back(self, step: CallbackStep, at: Place, keyed: CallerInput) -> Turn:
        number = self.memory.get(step.number, "")
        if keyed.digits == step.accept and number:
            here = at._replace(turn=self.turn)
            self.note(here, at.step, "asked", ())
            return self.ask(here, CallbackWanted("", number), CHECK)
        declined = keyed.digits == step.decline
        return (None if declined else self.again(step, step.question, at, keyed)) or self.leave(
            at, ("declined", step.declined)
        )

    def agreed(self, step: ConsentStep, at: Place, keyed: CallerInput) -> Turn:
        if keyed.digits == step.accept:
            self.consent(True, "key")
            return self.leave(at, ("given", step.given))
        refused = keyed.digits == step.refuse
        if not refused and (asked := self.again(step, step.question, at, keyed)):
            return asked
        self.consent(False, "key" if refused else "silence")
        return self.leave(at, ("refused", step.refused))

    def surveyed(self, step: SurveyStep, at: Place, keyed: CallerInput) -> Turn:
        """The answer, or nothing: a question that isn't answered is left out."""
        number = min(at.tick, len(step.questions) - 1)
        asked = step.questions[number]
        answer = keyed.digits if keyed.digits in _keys(asked.least, asked.most) else ""
        if asked.speech and not keyed.digits and not _unsure(keyed):
            answer = _kept(keyed.speech)
        if answer:
            self.happened.append(SurveyAnswered(asked.name, answer))
        elif keyed.digits != "*" and (turn := self.again(step, asked.question, at, keyed)):
            return turn
        if number + 1 == len(step.questions) or self.tired:
            return self.leave(at, ("next", step.next))
        here = Place(at.version, self.turn, 0, ASK, 0, number + 1, at.step)
        spoken = self.say(step.questions[number + 1].question.prompt)
        self.note(here, at.step, "answered" if answer else "skipped", spoken)
        return self.told(self.collect(step, here, spoken), here)

    def recorded(self, step: VoicemailStep, at: Place, did: Did) -> Turn:
        if not isinstance(did, CallerRecorded) or not did.recording_id:
            return self.leave(at, ("nothing", step.nothing))
        here = at._replace(turn=self.turn)
        self.note(here, at.step, "asked", ())
        return self.ask(here, VoicemailLeft("", did.recording_id, did.duration_ms, step.queue), CHECK)

    # --- waiting ----------------------------------------------------------------------------------------------

    def waiting(self, step: QueueStep, at: Place, keyed: CallerInput) -> Turn:
        here = at._replace(tick=at.tick + 1)
        choice = step.offers.get(keyed.digits)
        if choice and not self.tired:
            self.leaves_queue = True
            self.remember(choice.values)
            return self.leave(at, (keyed.digits, choice.next))
        if way := self.sent_away(step, at):
            self.leaves_queue = True
            return self.leave(at, way)
        return self.held(step, here, self.comfort(step, here))

    def sent_away(self, step: QueueStep, at: Place) -> _Way | None:
        facts = self.queue
        if facts is None:
            return None
        reasons = {
            "closing": not facts.open,
            "no_agents": not facts.staffed,
            "full": at.tick == 0 and facts.place > step.full_beyond,
            "longest": facts.waited_ms >= step.longest_ms,
        }
        return next(((name, target) for name, target in step.silent() if reasons[name]), None)

    def comfort(self, step: QueueStep, here: Place) -> Spoken:
        wait = step.wait
        spoken = self.announced(step, self.queue) if self.queue else ()
        if not wait.comfort:
            return spoken
        return spoken + self.say(wait.comfort[(here.tick - 1) % len(wait.comfort)])

    def announced(self, step: QueueStep, facts: QueueFacts) -> Spoken:
        wait = step.wait
        numbers = {"place": str(facts.place), "ahead": str(max(facts.place - 1, 0))}
        spoken: Spoken = ()
        if wait.position is not None:
            spoken += self.words(wait.position, place_words(facts.place), numbers)
        if wait.estimate is not None and facts.estimate_ms is not None:
            minutes = {"minutes": str(rounded_minutes(facts.estimate_ms))}
            spoken += self.words(wait.estimate, wait_words(facts.estimate_ms), numbers | minutes)
        return spoken

    def words(self, own: Prompt, otherwise: str, numbers: dict[str, str]) -> Spoken:
        if own is SILENCE:
            return self.ready(otherwise, **numbers)
        return own.say(self.language, {**self.memory, **numbers})

    def still_held(self, step: Step, at: Place) -> Turn:
        here = at._replace(phase=HELD, tick=at.tick + 1)
        return self.held(step, here, self.ready("still_waiting") if here.tick % 2 else ())

    # --- what somebody else answered --------------------------------------------------------------------------

    def pending(self, step: Step, at: Place, did: Did) -> Turn:
        if isinstance(did, ServiceAnswered):
            return self.answered(step, at, did.outcome, did.values)
        if self.now - at.since >= _budget(step, at.phase):
            return self.answered(step, at, "timeout", {})
        here = at._replace(tick=at.tick + 1)
        return self.told(Await(str(here)), here)

    def answered(self, step: Step, at: Place, outcome: str, values: Mapping[str, str]) -> Turn:
        match step:
            case FetchStep() | CollectStep(dip=Dip()):
                return self.fetched(step, at, outcome, values)
            case VerifyStep() if at.phase == SEND:
                return self.sent(step, at, outcome)
            case VerifyStep():
                return self.proved(step, at, outcome)
            case CallbackStep():
                done = outcome in ("accepted", "ok")
                return self.leave(at, ("accepted", step.accepted) if done else ("unavailable", step.unavailable))
            case VoicemailStep():
                return self.leave(at, ("recorded", step.recorded))
            case TransferStep():
                return self.allowed(step, at, outcome, values)
        return self.to(at.step, at.step, "again")

    def fetched(self, step: FetchStep | CollectStep, at: Place, outcome: str, values: Mapping[str, str]) -> Turn:
        if outcome == "ok":
            for field, name in step.dip.into if step.dip else ():
                self.keep(name, str(values.get(field, "")))
            return self.leave(at, ("next", step.next))
        ways = {"not_found": step.not_found, "timeout": step.timeout}
        return self.leave(at, (outcome, ways[outcome]) if outcome in ways else ("error", step.error))

    def sent(self, step: VerifyStep, at: Place, outcome: str) -> Turn:
        if outcome not in ("sent", "ok"):
            return self.leave(at, ("unavailable", step.unavailable))
        here = Place(at.version, self.turn, 0, ASK, 0, 0, at.step)
        spoken = self.say(step.question.prompt)
        self.note(here, at.step, "sent", spoken)
        return self.told(self.collect(step, here, spoken), here)

    def proved(self, step: VerifyStep, at: Place, outcome: str) -> Turn:
        if outcome in ("verified", "ok"):
            self.memory["verified"] = "yes"
            return self.leave(at, ("verified", step.verified))
        if outcome not in ("failed", "not_found"):
            return self.leave(at, ("unavailable", step.unavailable))
        asked = at._replace(phase=ASK, since=0, tick=0)
        wrong = CallerInput(str(asked), digits="-")
        return self.again(step, step.question, asked, wrong, step.question.not_understood) or self.leave(
            at, ("failed", step.failed)
        )

    def allowed(self, step: TransferStep, at: Place, outcome: str, values: Mapping[str, str]) -> Turn:
        if outcome not in ("allowed", "ok"):
            refused = outcome == "refused"
            return self.leave(at, ("refused", step.refused) if refused else ("failed", step.failed))
        here = Place(at.version, self.turn, 0, DIAL, 0, 0, at.step)
        self.note(here, at.step, "allowed", self.say(step.prompt))
        return self.told(self.dial(step, here, values.get("caller_id") or self.memory.get("dnis", "")), here)

    def dial(self, step: TransferStep, here: Place, caller_id: str) -> Dial:
        return Dial(
            str(here), step.number, caller_id, self.say(step.prompt), self.tag, step.timeout_ms, step.longest_ms
        )


_ASKING = (MenuStep, CollectStep, VerifyStep, ConsentStep, SurveyStep, CallbackStep, VoicemailStep)


def _failed(step: MenuStep | CollectStep, keyed: CallerInput) -> _Way:
    if keyed.digits or keyed.speech:
        return "no_match", step.no_match
    return "no_input", step.no_input


def _ways(step: TransferStep) -> list[_Way]:
    return [("answered", step.answered), *step.exits()]


def _budget(step: Step, phase: str) -> Millis:
    match step:
        case FetchStep(dip=dip) | CollectStep(dip=Dip() as dip):
            return dip.budget_ms
        case VerifyStep() if phase == SEND:
            return CodeAsked("").budget_ms
        case VerifyStep():
            return step.dip.budget_ms
    return 4 * SECOND


def _unsure(keyed: CallerInput) -> bool:
    return 0 < keyed.confidence < LEAST_CONFIDENCE


def _keys(least: int, most: int) -> tuple[str, ...]:
    return tuple(map(str, range(least, most + 1)))


def _number(digits: str) -> int:
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 4 else 0


def _skills(memory: Mapping[str, str]) -> dict[str, int]:
    kept = memory.get(_SKILLS)
    return dict(json.loads(kept)) if kept else {}


def _language(flow: Flow, memory: Mapping[str, str]) -> str:
    """The flow's name for the caller's language, however it was written: ``zh``, ``zh-CN``, ``zh-HK``."""
    wanted = memory.get("language", "")
    if wanted in flow.languages:
        return wanted
    primary = wanted.partition("-")[0].lower()
    for name, tag in flow.languages.items():
        if primary and primary in (name.lower(), tag.partition("-")[0].lower()):
            return name
    return next(iter(flow.languages))


def _kept(value: str) -> str:
    """What a variable keeps of a value: one line, and not too much of it."""
    return "".join(c for c in value[:MOST_VALUE] if c.isprintable())
