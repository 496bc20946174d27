"""A person is the caller, line by line: keys and words go to the flow, lines that begin with a colon to the world."""

from __future__ import annotations

from collections.abc import Mapping

from contact_center.domain.calls import Collect, Dial, Hold, Record
from contact_center.domain.time import SECOND, Millis, Moment
from ivr_flows.asks import Ask, CallbackWanted, CodeAsked, CodeChecked, DialAsked, PinChecked, ServiceAsked
from ivr_flows.flow import Flow
from ivr_flows.trying.call import Call, NotNow, Reply
from ivr_flows.trying.dialogues import CODE, asked, duration

HELP = (
    "  1, 12#, *            press keys",
    "  any words            say them",
    "  (an empty line)      say nothing until the flow goes on",
    "  :wait 30s            let time pass",
    "  :queue 3 120         be third in the queue, with 120 seconds to wait",
    "  :closed :open        the queue takes no more calls, or does again",
    "  :unstaffed :staffed  nobody is signed in for it, or somebody is again",
    "  :answer ok a=b c=d   what the service answers (or not_found, error, timeout)",
    "  :record 12s          speak after the beep (0s: say nothing)",
    "  :dial busy           what comes of the number that is rung",
    "  :talk 2m             an agent takes the call, and ends it",
    "  :vars                every variable",
    "  :hang                hang up",
)


class Simulation:
    """``over`` once nobody can say anything any more. Lines that come back are what is to be shown."""

    def __init__(self, flow: Flow, now: Moment, facts: Mapping[str, str]) -> None:
        self.call = Call(flow, now, self._answer)
        self.over = False
        self._facts = facts
        self._steps = 0
        self._shown: dict[str, str] = {}
        self._lines: list[str] = []

    @property
    def patience_ms(self) -> Millis:
        """How long the flow waits for the caller at this point."""
        told = self.call.listening
        return told.timeout_ms if isinstance(told, Collect) else getattr(told, "ms", 0)

    def opening(self) -> list[str]:
        self.call.begin(self._facts)
        return self._tell()

    def line(self, words: str) -> list[str]:
        """What the caller does next. Never raises: what cannot be done now is said."""
        if self.over:
            return []
        try:
            self._do(words.strip())
        except NotNow as error:
            self._lines.append(f"! {error}")
            return self._taken()
        except (ValueError, IndexError):
            self._lines.append(f"! {words.strip()!r} can't be understood; `:help` tells what can")
            return self._taken()
        return self._tell()

    def _do(self, words: str) -> None:
        call = self.call
        if not words:
            call.wait()
        elif words.startswith(":"):
            verb, *rest = words[1:].split()
            self._world(verb, rest)
        elif all(c in "0123456789*#" for c in words):
            call.press(words.removesuffix("#") if len(words) > 1 else words)
        else:
            call.speak(words)

    def _world(self, verb: str, rest: list[str]) -> None:
        call = self.call
        match verb, rest:
            case "hang", []:
                self.over = True
                self._lines.append("(the caller hangs up)")
            case "wait", [time]:
                until = call.now + duration(time)
                while call.now < until and not call.over:
                    call.wait()
            case "queue", [place, *estimate]:
                call.standing.place = int(place)
                call.standing.size = max(call.standing.size, int(place))
                call.standing.estimate_ms = int(estimate[0]) * SECOND if estimate else None
            case (("open" | "closed"), []):
                call.standing.open = verb == "open"
            case (("staffed" | "unstaffed"), []):
                call.standing.staffed = verb == "staffed"
            case "answer", [outcome, *values]:
                call.answered(Reply(outcome, dict(value.split("=", 1) for value in values)))
            case "record", [time]:
                call.record(duration(time))
            case "dial", [("answered" | "busy" | "no_answer" | "failed") as outcome]:
                call.dialled(outcome)
            case "talk", [*time]:
                if not call.talk(duration(time[0]) if time else 60 * SECOND):
                    self._lines.append("(the agent ends the call)")
            case "vars", []:
                self._lines += [f"    {name} = {value}" for name, value in sorted(call.variables.items())]
            case "help", []:
                self._lines += HELP
            case _:
                raise ValueError(verb)

    def _answer(self, ask: Ask) -> Reply | None:
        self._lines.append(f"⇄ {asked(ask)}")
        match ask:
            case ServiceAsked() | PinChecked():
                return None
            case CodeAsked():
                self._lines.append(f"  (the code {CODE} is sent)")
                return Reply("sent")
            case CodeChecked():
                return Reply("verified" if ask.digits == CODE else "failed")
            case DialAsked():
                return Reply("allowed")
            case CallbackWanted():
                return Reply("accepted")
        return Reply("recorded")

    def _tell(self) -> list[str]:
        call = self.call
        for stepped in call.steps[self._steps :]:
            by = f"{stepped.step} {stepped.exit} → " if stepped.step else ""
            at = stepped.position.split(".", 6)[-1]
            self._lines.append(f"· {by}{at}")
        self._steps = len(call.steps)
        changed = {n: v for n, v in call.variables.items() if self._shown.get(n) != v}
        self._lines += [f"    {name} = {value}" for name, value in sorted(changed.items())]
        self._shown = call.variables
        self._lines += [f"“{said}”" for said in call.said]
        call.said = []
        self._lines += self._awaited()
        return self._taken()

    def _awaited(self) -> list[str]:
        call = self.call
        if call.over:
            self.over = True
            return ["(the call is over)"]
        if self.over:
            return []
        if call.pending is not None:
            return ["(waits for an answer: `:answer ok name=value`, or `:answer error`)"]
        match call.listening:
            case Hold() if call.queue is not None:
                return [f"(waits in the queue {call.queue.queue})"]
            case Record():
                return ["(beep: `:record 12s`)"]
            case Dial(number=number):
                return [f"(rings {number}: `:dial answered`)"]
        return []

    def _taken(self) -> list[str]:
        lines, self._lines = self._lines, []
        return lines
