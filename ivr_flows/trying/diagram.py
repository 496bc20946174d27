"""Draws a flow: every step with what it says, every exit with where it leads, the same picture each time."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, TypeAlias

from ivr_flows import ssml
from ivr_flows.flow import Flow, Step
from ivr_flows.prompts import Prompt, Sound, Text
from ivr_flows.trying import layers
from ivr_flows.trying.layers import Box, Line, Placed
from ivr_flows.trying.measure import cut, lines
from ivr_flows.trying.signs import OTHER, SIGNS

WIDE = 228.0
GAP = 84.0
MARGIN = 36.0
HEAD = 34.0
ROW = 21.0
LEADING = 16.0
TITLE = 54.0

_STYLE = """
.flow-diagram{--c:var(--flow-line,#8a93a6);font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",
"PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif;background:var(--flow-ground,#f6f7f9)}
.flow-diagram .ground{fill:var(--flow-ground,#f6f7f9)}
.flow-diagram .box{fill:var(--flow-box,#fff);stroke:var(--flow-edge,#d5d9e2)}
.flow-diagram .name{font-size:13px;font-weight:600;fill:var(--flow-ink,#1b2230)}
.flow-diagram .kind{font-size:10.5px;fill:var(--flow-faint,#626c80)}
.flow-diagram .said{font-size:11.5px;fill:var(--flow-soft,#434c5e)}
.flow-diagram .row{font-size:11.5px;fill:var(--flow-ink,#1b2230)}
.flow-diagram .quiet{fill:var(--flow-faint,#626c80)}
.flow-diagram .rule{stroke:var(--flow-rule,#e9ebf0)}
.flow-diagram .port{fill:var(--flow-box,#fff);stroke:var(--flow-line,#8a93a6);stroke-width:1.5}
.flow-diagram .line{fill:none;stroke:var(--flow-line,#8a93a6);stroke-width:1.5}
.flow-diagram .odd{stroke:var(--flow-odd,#b9c0cd)}
.flow-diagram .back{stroke:var(--flow-back,#8957c9);stroke-dasharray:5 4}
.flow-diagram .tip{fill:var(--flow-line,#8a93a6)}
.flow-diagram .tip-odd{fill:var(--flow-odd,#b9c0cd)}
.flow-diagram .tip-back{fill:var(--flow-back,#8957c9)}
.flow-diagram .sign{fill:none;stroke-width:1.6;stroke-linecap:round;stroke-linejoin:round}
.flow-diagram .title{font-size:18px;font-weight:650;fill:var(--flow-ink,#1b2230)}
.flow-diagram .about{font-size:12px;fill:var(--flow-faint,#626c80)}
.flow-diagram a .name{text-decoration:underline;text-underline-offset:2px}
.flow-diagram .step:hover .box,.flow-diagram a:focus .box{stroke:var(--flow-line,#8a93a6)}
.flow-diagram .speak{--k:var(--flow-speak,#2f6fd0);--t:var(--flow-speak-tint,#e6effc)}
.flow-diagram .ask{--k:var(--flow-ask,#7a4bc2);--t:var(--flow-ask-tint,#f0e9fb)}
.flow-diagram .decide{--k:var(--flow-decide,#a76a00);--t:var(--flow-decide-tint,#fbf0d9)}
.flow-diagram .work{--k:var(--flow-work,#0f7c83);--t:var(--flow-work-tint,#dff3f3)}
.flow-diagram .people{--k:var(--flow-people,#23803f);--t:var(--flow-people-tint,#e2f4e6)}
.flow-diagram .end{--k:var(--flow-end,#b3372f);--t:var(--flow-end-tint,#fbe7e5)}
.flow-diagram .band{fill:var(--t)}.flow-diagram .sign{stroke:var(--k)}
@media (prefers-color-scheme:dark){.flow-diagram{--flow-ground:#14171d;--flow-box:#1e232c;--flow-edge:#343b48;
--flow-ink:#e8ebf1;--flow-soft:#b9c1cf;--flow-faint:#929cae;--flow-rule:#2b313c;--flow-line:#77839a;--flow-odd:#4b5466;
--flow-back:#b18cf0;--flow-speak:#7fb0ff;--flow-speak-tint:#1d2c45;--flow-ask:#c3a1ff;--flow-ask-tint:#2d2444;
--flow-decide:#f0b95a;--flow-decide-tint:#382b13;--flow-work:#63cfd3;--flow-work-tint:#12343a;--flow-people:#76d492;
--flow-people-tint:#15351f;--flow-end:#ff9a90;--flow-end-tint:#42211f}}
"""

_ODD = frozenset({"no_input", "no_match", "error", "timeout", "not_found", "failed", "unavailable", "otherwise"})


@dataclass(frozen=True, slots=True)
class _Drawn:
    """What a step's box shows."""

    name: str
    kind: str
    words: tuple[str, ...]
    exits: tuple[tuple[str, str, str], ...]  # its name, what is shown of it, the step that it leads to
    flow: str = ""

    @property
    def rows(self) -> tuple[tuple[str, str, str], ...]:
        """A step with one way on has no rows: its line leaves beside its name."""
        return () if len(self.exits) == 1 and self.exits[0][0] == "next" else self.exits

    @property
    def height(self) -> float:
        said = len(self.words) * LEADING + 12 if self.words else 0.0
        return HEAD + said + (len(self.rows) * ROW + 6 if self.rows else 0.0)

    def leaves(self, number: int) -> float:
        if not self.rows:
            return HEAD / 2
        return self.height - 3 - (len(self.rows) - number - 0.5) * ROW


def diagram(flow: Flow, language: str = "", link: Callable[[str], str] | None = None) -> str:
    """The flow as SVG. ``language`` is the flow's name for the one whose words are shown, by default its first;
    ``link`` makes the address of a subflow's picture. Steps have ``data-step``, exits ``data-exit``."""
    spoken = language if language in flow.languages else next(iter(flow.languages))
    within = inside_subflows(flow)
    drawn = {
        name: _drawn(name, step, spoken, _ways_out(flow, name, within) if step.KIND == "subflow" else None)
        for name, step in flow.steps.items()
        if "/" not in name
    }
    boxes = {name: Box(each.height, HEAD / 2) for name, each in drawn.items()}
    ways = [(each, number) for each in drawn.values() for number, (_, _, to) in enumerate(each.exits) if to in drawn]
    leads = [Line(each.name, each.leaves(number), each.exits[number][2]) for each, number in ways]
    starts = tuple(dict.fromkeys(name for name in (flow.start, flow.after_call) if name in drawn))
    placed = layers.place(boxes, leads, starts)
    wide = MARGIN * 2 + 34 + placed.depth * WIDE + max(0, placed.depth - 1) * GAP + 24
    high = MARGIN * 2 + TITLE + placed.bottom + layers.LANE
    parts = [_opening(flow, wide, high), _heading(flow, spoken)]
    parts.append(f'<g transform="translate({_n(MARGIN + 34)} {_n(MARGIN + TITLE)})">')
    met: Met = set()
    odd_last = sorted(range(len(ways)), key=lambda number: _is_odd(ways[number]))
    roads = [_line(ways[number], number, leads[number], placed, drawn, met) for number in odd_last]
    parts += reversed(roads)  # what is usual lies above what is odd
    parts += [
        _start(placed, name, "after the call" if name != flow.start else "the call comes in") for name in starts
    ]
    parts += [_box(each, placed, link) for each in drawn.values()]
    parts.append("</g></svg>\n")
    return "\n".join(part for part in parts if part)


# --- what is shown ---------------------------------------------------------------------------------------------


def words_of(step: Step, language: str) -> str:
    """What the step says first, with its holes as they are written."""
    asked = getattr(step, "question", None)
    for prompt in (getattr(step, "prompt", None), getattr(asked, "prompt", None)):
        parts = prompt.parts.get(language, ()) if isinstance(prompt, Prompt) else ()
        if said := " ".join(_source(words) for _, _, words in parts):
            return said
    return ""


def _source(words: Text | Sound) -> str:
    if isinstance(words, Sound):
        return f"♪ {words.source}"
    return ssml.plain(words.source) if words.ssml else words.source


Exit: TypeAlias = tuple[str, str]


def inside_subflows(flow: Flow) -> dict[Exit, Exit]:
    """For the exits by which a subflow's steps lead out of it, the exit of the one box that stands for them all."""
    found: dict[Exit, Exit] = {}
    for name, step in flow.steps.items():
        outer = name.partition("/")[0]
        for exit_name, target in step.exits() if outer != name else ():
            if target.partition("/")[0] != outer:
                said = exit_name if step.KIND == "return" else f"{name.rpartition('/')[2]} {exit_name}"
                found[name, exit_name] = (outer, said)
    return found


def _ways_out(flow: Flow, name: str, within: Mapping[Exit, Exit]) -> list[tuple[str, str]]:
    ways: dict[tuple[str, str], None] = {}
    for (step, exit_name), (outer, said) in within.items():
        if outer == name:
            target = next(to for by, to in flow.steps[step].exits() if by == exit_name)
            ways[said, target] = None
    return list(ways)


def _drawn(name: str, step: Step, language: str, ways: list[tuple[str, str]] | None = None) -> _Drawn:
    said = words_of(step, language)
    about = _about(step)
    shown = lines(about, 11.5, WIDE - 26, 2) if about else []
    shown += lines(f"“{said}”", 11.5, WIDE - 26, 3 - len(shown)) if said else []
    leads = step.exits() if ways is None else ways
    exits = tuple((exit_name, _exit(step, exit_name), target) for exit_name, target in leads if target)
    return _Drawn(name, step.KIND, tuple(shown), exits, getattr(step, "flow", "") if step.KIND == "subflow" else "")


def _about(step: Step) -> str:
    """What the step is about, besides its words."""
    found: list[str] = []
    match step.KIND:
        case "queue" | "voicemail":
            found = [f"→ {step.queue}" if getattr(step, "queue", "") else ""]  # type: ignore[union-attr]
        case "subflow":
            found = [f"⤷ {getattr(step, 'flow', '')}"]
        case "set":
            found = [f"{name} = {value.source}" for name, value in getattr(step, "values", ())]
        case "transfer":
            found = [
                f"→ {getattr(step, part, '')}" for part in ("number", "agent", "queue") if getattr(step, part, "")
            ]
        case "language":
            found = [str(getattr(step, "language", ""))]
        case "priority":
            found = [f"+{getattr(step, 'priority', '')}"]
        case "skills":
            found = [f"{name.source} ≥ {level}" for name, level in getattr(step, "skills", ())]
        case "collect":
            found = [f"→ {getattr(step, 'variable', '')}"]
        case "verify":
            found = [str(getattr(step, "how", ""))]
        case "hours":
            found = [str(step.week.zone.key)]  # type: ignore[union-attr]
        case "split":
            found = [str(getattr(step, "experiment", ""))]
    if (dip := getattr(step, "dip", None)) is not None and dip.service:
        found.append(f"⇄ {dip.service}")
    return ", ".join(filter(None, found))


def _exit(step: Step, name: str) -> str:
    number = re.fullmatch(r"case (\d+)", name)
    cases = getattr(step, "cases", ())
    if number and int(number[1]) <= len(cases):
        return _condition(cases[int(number[1]) - 1]) or name
    return name


def _condition(case: Any) -> str:
    if getattr(case, "condition", None) is not None:
        return str(getattr(case.condition, "source", ""))
    return ", ".join(f"{name} = {' | '.join(sorted(values))}" for name, values in case.when)


# --- how it is drawn -------------------------------------------------------------------------------------------


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def _opening(flow: Flow, wide: float, high: float) -> str:
    name = escape(flow.name)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="flow-diagram" role="img" data-flow="{name}" '
        f'data-version="{escape(flow.version)}" viewBox="0 0 {_n(wide)} {_n(high)}" width="{_n(wide)}" '
        f'height="{_n(high)}" aria-labelledby="flow-title flow-about">\n'
        f'<title id="flow-title">{name}</title>\n'
        f'<desc id="flow-about">{_own(flow)} steps, beginning with {escape(flow.start)}</desc>\n'
        f"<style>{_STYLE}</style>\n"
        f'<rect class="ground" width="{_n(wide)}" height="{_n(high)}"/>'
    )


def _own(flow: Flow) -> int:
    return sum("/" not in name for name in flow.steps)


def _heading(flow: Flow, language: str) -> str:
    about = f"{flow.version} · {_own(flow)} steps · {flow.languages[language]}"
    return (
        f'<text class="title" x="{_n(MARGIN)}" y="{_n(MARGIN + 16)}">{escape(flow.name)}</text>'
        f'<text class="about" x="{_n(MARGIN)}" y="{_n(MARGIN + 35)}">{escape(about)}</text>'
    )


def _start(placed: Placed, start: str, when: str) -> str:
    x, y = _left(placed, start), placed.tops[start] + HEAD / 2
    return (
        f'<g class="start"><title>{when}</title><circle class="tip" cx="{_n(x - 34)}" cy="{_n(y)}" r="6"/>'
        f'<path class="line" d="M{_n(x - 28)} {_n(y)}H{_n(x - 6)}"/>{_tip(x, y, "tip")}</g>'
    )


def _left(placed: Placed, name: str) -> float:
    return placed.columns[name] * (WIDE + GAP)


def _box(each: _Drawn, placed: Placed, link: Callable[[str], str] | None) -> str:
    purpose, sign = SIGNS.get(each.kind, OTHER)
    x, y = _left(placed, each.name), placed.tops[each.name]
    name = escape(each.name)
    label = each.kind.replace("_", " ")
    room = WIDE - 34 - 12 - len(label) * 5.8 - 8
    head = f"M.5 {_n(HEAD)}V8.5a8 8 0 0 1 8-8H{_n(WIDE - 8.5)}a8 8 0 0 1 8 8V{_n(HEAD)}z"
    if not each.words and not each.rows:
        head = (
            f"M.5 {_n(HEAD - 8.5)}V8.5a8 8 0 0 1 8-8H{_n(WIDE - 8.5)}a8 8 0 0 1 8 8V{_n(HEAD - 8.5)}"
            f"a8 8 0 0 1-8 8H8.5a8 8 0 0 1-8-8z"
        )
    parts = [
        f'<g class="step {purpose}" data-step="{name}" data-kind="{each.kind}" '
        f'transform="translate({_n(x)} {_n(y)})">',
        f"<title>{name} ({label}){escape(': ' + ' '.join(each.words)) if each.words else ''}</title>",
        f'<path class="band" d="{head}"/>',
        f'<rect class="box" style="fill:none" x=".5" y=".5" width="{_n(WIDE - 1)}" height="{_n(each.height - 1)}" '
        'rx="8"/>',
        f'<path class="sign" transform="translate(10 {_n(HEAD / 2 - 8)})" d="{sign}"/>',
        f'<text class="name" x="34" y="{_n(HEAD / 2 + 4.5)}">{escape(cut(each.name, 13, room))}</text>',
        f'<text class="kind" x="{_n(WIDE - 12)}" y="{_n(HEAD / 2 + 4)}" text-anchor="end">{escape(label)}</text>',
    ]
    parts.insert(
        2,
        f'<rect class="box" x=".5" y=".5" width="{_n(WIDE - 1)}" height="{_n(each.height - 1)}" rx="8" '
        'style="stroke:none"/>',
    )
    for number, words in enumerate(each.words):
        parts.append(f'<text class="said" x="13" y="{_n(HEAD + 17 + number * LEADING)}">{escape(words)}</text>')
    if each.rows and each.words:
        rule = each.height - len(each.rows) * ROW - 6
        parts.append(f'<path class="rule" d="M1 {_n(rule)}H{_n(WIDE - 1)}"/>')
    for number, (exit_name, shown, target) in enumerate(each.exits):
        parts.append(_port(each, number, exit_name, shown, target))
    parts.append("</g>")
    drawn = "\n".join(parts)
    if each.flow and link is not None:
        return f'<a href="{escape(link(each.flow))}">{drawn}</a>'
    return drawn


def _port(each: _Drawn, number: int, exit_name: str, shown: str, target: str) -> str:
    y = each.leaves(number)
    text = ""
    if each.rows:
        quiet = " quiet" if exit_name in _ODD else ""
        text = (
            f'<text class="row{quiet}" x="{_n(WIDE - 14)}" y="{_n(y + 4)}" text-anchor="end">'
            f"{escape(cut(shown, 11.5, WIDE - 30))}</text>"
        )
    return (
        f'<g class="exit" data-exit="{escape(exit_name)}" data-to="{escape(target)}">'
        f"<title>{escape(exit_name)} → {escape(target)}</title>{text}"
        f'<circle class="port" cx="{_n(WIDE)}" cy="{_n(y)}" r="3.5"/></g>'
    )


def _is_odd(way: tuple[_Drawn, int]) -> bool:
    return way[0].exits[way[1]][0] in _ODD


def _tip(x: float, y: float, kind: str) -> str:
    return f'<path class="{kind}" d="M{_n(x)} {_n(y)}l-7-4v8z"/>'


Met: TypeAlias = set[tuple[str, int]]
"""The places where lines to a target have been drawn from already, by target and column."""


def _line(
    way: tuple[_Drawn, int], number: int, lead: Line, placed: Placed, drawn: Mapping[str, _Drawn], met: Met
) -> str:
    """The line of an exit, as far as one to the same target that is there already."""
    back = placed.backward[number]
    d, alone = (_road_back if back else _road)(lead, placed.routes[number], placed, drawn, met)
    name = "back" if back else "odd" if _is_odd(way) else ""
    about = f'data-from="{escape(lead.source)}" data-by="{escape(way[0].exits[way[1]][0])}" '
    to_x, to_y = _left(placed, lead.target), placed.tops[lead.target] + HEAD / 2
    tip = _tip(to_x, to_y, f"tip-{name}" if name else "tip") if alone else ""
    return f'<g {about}data-to="{escape(lead.target)}"><path class="line {name}" d="{d}"/>{tip}</g>'


def _curve(x: float, y: float, to_x: float, to_y: float) -> str:
    bend = (to_x - x) * 0.5
    return f"C{_n(x + bend)} {_n(y)} {_n(to_x - bend)} {_n(to_y)} {_n(to_x)} {_n(to_y)}"


Route: TypeAlias = list[tuple[int, float]]


def _road(line: Line, route: Route, placed: Placed, drawn: Mapping[str, _Drawn], met: Met) -> tuple[str, bool]:
    """The path, and whether it comes to its target itself."""
    x, y = _left(placed, line.source) + WIDE + 3.5, placed.tops[line.source] + line.leaves
    d = f"M{_n(x)} {_n(y)}"
    for column, height in route:
        left = column * (WIDE + GAP)
        d += _curve(x, y, left, height)
        if (line.target, column) in met:
            return d, False
        met.add((line.target, column))
        d += f"H{_n(left + WIDE)}"
        x, y = left + WIDE, height
    to_x, to_y = _left(placed, line.target), placed.tops[line.target] + HEAD / 2
    return d + _curve(x, y, to_x - 6, to_y) + f"H{_n(to_x - 5)}", True


def _road_back(line: Line, route: Route, placed: Placed, drawn: Mapping[str, _Drawn], met: Met) -> tuple[str, bool]:
    """Out to the right, round below its own box, back through its places and below its target, and into that from
    the left."""
    right, y = _left(placed, line.source) + WIDE, placed.tops[line.source] + line.leaves
    level = placed.tops[line.source] + drawn[line.source].height + layers.LANE
    d = f"M{_n(right + 3.5)} {_n(y)}" + _turn(right, y, level) + f"H{_n(right - WIDE)}"
    left, end = _left(placed, line.target), placed.tops[line.target] + HEAD / 2
    last = placed.tops[line.target] + drawn[line.target].height + layers.LANE
    for column, height in [*route, (placed.columns[line.target], last)] if line.source != line.target else []:
        at = column * (WIDE + GAP)
        d += _curve(right - WIDE, level, at + WIDE, height)
        if (line.target, -column - 1) in met:
            return d, False
        met.add((line.target, -column - 1))
        d += f"H{_n(at)}"
        right, level = at + WIDE, height
    return d + _turn(left, last, end), True


def _turn(x: float, y: float, to_y: float) -> str:
    """Half round, to the right going down and to the left going up."""
    out = 26.0 if to_y > y else -26.0
    end = x if to_y > y else x - 5
    return f"C{_n(x + out)} {_n(y)} {_n(x + out)} {_n(to_y)} {_n(end)} {_n(to_y)}"
