"""A comparison for people: lines and tables for a terminal, and a page by itself with plots, for screen and paper."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from html import escape
from math import inf
from zoneinfo import ZoneInfo

import pygal
from lxml import etree
from pygal.style import Style
from rich.console import Console
from rich.table import Table
from rich.text import Text

from contact_center.domain.time import Moment
from contact_center.replaying.comparing import (
    Column,
    Compared,
    Row,
    Unit,
    level_by_time,
    rows,
    wait_marks,
    waited_at_most,
)
from contact_center.replaying.day import Assumed
from contact_center.replaying.words import Language, duration, moment, say
from routing.answering import ENOUGH
from routing.experiment import Result
from routing.simulation import AWAY_MS

# pygal looks for plug-ins with a finder of a kind that Python warns of at every import afterwards; we have none.
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__name__ != "PluginImportFixer"]

MOST_AGENTS = 60
"""Agents drawn by themselves; the table has all."""


def label(language: Language, column: Column) -> str:
    return say(language, column.role, label=column.label)


def value(language: Language, row: Row, number: float, signed: bool = False) -> str:
    plus = "+" if signed and number > 0 else "−" if signed and number < 0 else ""
    number = abs(number) if signed else number
    match row.unit:
        case "count":
            return f"{plus}{number:,.0f}"
        case "share":
            unit = ("pp" if language == "en" else "个百分点") if signed else "%"
            return f"{plus}{100 * number:.1f} {unit}"
        case "time":
            return f"{plus}{duration(language, number)}"
        case "index":
            return f"{plus}{number:.3f}"


def verdict(language: Language, row: Row) -> str:
    """The difference in words: better, worse, or by how much only."""
    told = value(language, row, row.difference, signed=True)
    return f"{told} ({say(language, row.verdict)})" if row.verdict else told


def sure(language: Language, compared: Compared) -> list[str]:
    """How sure the differences are, in sentences; none where there is nothing to be said."""
    told = []
    for row in rows(compared, ""):
        interval = compared.sure.get(row.code)
        if interval is None or interval.trials < 2:
            continue
        low, high = (value(language, row, end, signed=True) for end in (interval.low, interval.high))
        code = "sure" if interval.sure else "unsure"
        told.append(say(language, code, what=say(language, row.code), low=low, high=high, trials=interval.trials))
    return told


def title_of(language: Language, compared: Compared, queue: str) -> str:
    if not queue:
        return say(language, "all_queues")
    return say(language, "queue", queue=queue, target=duration(language, compared.targets[queue]))


def assumptions(language: Language, compared: Compared) -> list[str]:
    """What the figures mean and rest on, in sentences."""
    told = [say(language, code) for code in ("def_level", "def_wait", "def_occupancy")]
    assumed = compared.assumed
    if assumed is None:
        return [*told, say(language, "synthetic"), say(language, "same_chance", seed=compared.seed)]
    told += [say(language, "as_recorded"), *_answering(language, assumed)]
    if assumed.rules:
        told.append(say(language, "rules", queues=", ".join(assumed.rules)))
    for (queue, medium), (seen, gave_up, mean) in assumed.patience.items():
        code = "patience" if gave_up else "patience_none"
        shown = duration(language, mean) if mean < inf else "∞"
        told.append(say(language, code, queue=queue, medium=medium, seen=seen, gave_up=gave_up, mean=shown))
    if assumed.called_back:
        told.append(say(language, "callbacks", **_calls(assumed)))
    if assumed.still_open:
        told.append(say(language, "still_open", count=assumed.still_open))
    if assumed.moved:
        told.append(say(language, "moved", count=assumed.moved))
    if len(assumed.policies) > 1:
        most = max(assumed.policies, key=lambda version: assumed.policies[version])
        told.append(
            say(
                language,
                "policies",
                count=len(assumed.policies),
                versions=", ".join(f"{version}: {count}" for version, count in assumed.policies.items()),
                most=most,
            )
        )
    told += [
        say(language, "handling_unknown"),
        say(language, "same_chance", seed=compared.seed),
        say(language, "not_simulated"),
        say(language, "compare_simulated"),
    ]
    return told


def _calls(assumed: Assumed) -> dict[str, int]:
    return {
        "count": assumed.called_back,
        "left": assumed.left,
        "attempts": assumed.attempts,
        "reached": assumed.reached,
    }


def _answering(language: Language, assumed: Assumed) -> list[str]:
    """How offers are answered, by medium."""
    by_medium = []
    for medium, answer_ms in assumed.answer_ms.items():
        shares = assumed.missed.get(medium, {})
        missed = ", ".join(f"{100 * share:.1f} % {say(language, cause)}" for cause, share in shares.items())
        answer = duration(language, answer_ms)
        missed = missed or say(language, "nothing_missed")
        by_medium.append(say(language, "answering_of", medium=medium, answer=answer, missed=missed))
    told = "; ".join(by_medium) or "–"
    lines = [say(language, "answering", own=assumed.own, enough=ENOUGH, told=told)]
    if any(assumed.missed.values()):
        time = duration(language, assumed.away_ms if assumed.away else AWAY_MS)
        lines.append(say(language, "away_known" if assumed.away else "away_unknown", count=assumed.away, time=time))
    return lines


# --- terminal -----------------------------------------------------------------------------------------------------


def show(console: Console, language: Language, compared: Compared, zone: ZoneInfo) -> None:
    """The tables, then what they rest on."""
    console.print(_between(language, compared, zone))
    for queue in compared.queues:
        table = Table(title=title_of(language, compared, queue), title_justify="left", title_style="bold")
        table.add_column("")
        for column in compared.columns:
            table.add_column(label(language, column), justify="right")
        if len(compared.columns) > 1:
            table.add_column(say(language, "difference"), justify="right")
        for row in rows(compared, queue):
            cells = [Text(value(language, row, number)) for number in row.values]
            if len(compared.columns) > 1:
                style = {"better": "green", "worse": "red", "": ""}[row.verdict]
                cells.append(Text(verdict(language, row), style=style))
            table.add_row(say(language, row.code), *cells)
        console.print(table)
    for line in sure(language, compared):
        console.print(line, markup=False, highlight=False)
    console.print(say(language, "assumptions"), style="bold")
    for line in assumptions(language, compared):
        console.print(f"· {line}", markup=False, highlight=False)


_UNITS: dict[str, Unit] = {
    "service_level": "share",
    "mean_wait": "time",
    "p90_wait": "time",
    "abandonment": "share",
}


def show_experiment(console: Console, language: Language, result: Result) -> None:
    table = Table()
    for head in ("", "a", "b", say(language, "difference_between"), ""):
        table.add_column(head, justify="right" if head else "left")
    table.add_row(say(language, "blocks"), str(result.blocks["a"]), str(result.blocks["b"]))
    table.add_row(say(language, "came"), str(result.cases["a"]), str(result.cases["b"]))
    for each in result.measured:
        row = Row(each.code, _UNITS[each.code], "", (each.a, each.b))
        difference = each.difference
        if difference.high == inf:
            told, how = say(language, "nobody_can_say"), ""
        else:
            ends = {
                name: value(language, row, getattr(difference, name), signed=True) for name in ("mean", "low", "high")
            }
            told = say(language, "between_ends", **ends)
            how = say(language, "surely" if difference.sure else "perhaps")
        table.add_row(say(language, each.code), *[value(language, row, number) for number in row.values], told, how)
    console.print(table)
    console.print(say(language, "def_level"), markup=False, highlight=False)
    console.print(say(language, "def_experiment"), markup=False, highlight=False)
    if result.not_counted:
        console.print(say(language, "not_counted", count=result.not_counted), markup=False, highlight=False)


def _between(language: Language, compared: Compared, zone: ZoneInfo) -> str:
    if compared.assumed is None:
        begins, ends = moment(compared.first, zone)[-5:], moment(compared.last + 1, zone)[-5:]
        return say(language, "drawn_between", days=compared.days, first=begins, last=ends)
    return say(language, "between", first=moment(compared.first, zone), last=moment(compared.last, zone))


# --- a page -------------------------------------------------------------------------------------------------------

_STYLE = """
:root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--faint:#d5dae0;--soft:#5b6672;--good:#0b6e3a;--bad:#a8232a;
--c1:#8a8f98;--c2:#2f6fb2;--c3:#c2570c;--c4:#7a3fa0;--c5:#23795c}
@media(prefers-color-scheme:dark){:root{--paper:#14171b;--ink:#e7eaee;--faint:#3a424c;--soft:#a3adb8;--good:#5fcf92;
--bad:#ff8a86;--c1:#9aa2ad;--c2:#6fb0f2;--c3:#f09a52;--c4:#c596ea;--c5:#66c9a4}}
@media print{:root{color-scheme:light;--paper:#fff;--ink:#000;--faint:#bbb;--soft:#444;--good:#0b6e3a;--bad:#a8232a}
section,figure{break-inside:avoid}}
*{box-sizing:border-box}
body{background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,"Noto Sans SC",sans-serif;max-width:72rem;
margin:0 auto;padding:1.5rem}h1{font-size:1.6rem;margin:0}h2{font-size:1.15rem;margin:2rem 0 .5rem}
p.when{color:var(--soft);margin:.25rem 0 0}.wide{overflow-x:auto}table{border-collapse:collapse;min-width:100%;
font-variant-numeric:tabular-nums}th,td{padding:.35rem .75rem;border-bottom:1px solid var(--faint);text-align:right;
white-space:nowrap}th:first-child,td:first-child{text-align:left}thead th{vertical-align:bottom;white-space:normal}
.better{color:var(--good)}.worse{color:var(--bad)}figure{margin:1.5rem 0}figcaption{font-weight:600}
svg{width:100%;height:auto;display:block}li{margin:.35rem 0}.plots{display:grid;gap:1rem;
grid-template-columns:repeat(auto-fit,minmax(min(100%,30rem),1fr))}
"""
_COLOURS = tuple([f"var(--c{number})" for number in range(1, 6)])
_FONT = 'system-ui,"Noto Sans SC",sans-serif'
_LOOKS = Style(
    background="transparent",
    plot_background="transparent",
    foreground="var(--ink)",
    foreground_strong="var(--ink)",
    foreground_subtle="var(--faint)",
    guide_stroke_color="var(--faint)",
    major_guide_stroke_color="var(--faint)",
    colors=_COLOURS,
    font_family=_FONT,
    label_font_size=13,
    major_label_font_size=13,
    legend_font_size=14,
    no_data_font_size=16,
    opacity=0.9,
)


def page(language: Language, compared: Compared, zone: ZoneInfo) -> str:
    """One HTML file that asks for nothing else and runs nothing."""
    kind = "replay_title" if compared.assumed is not None else "simulate_title"
    title = say(language, kind)
    parts = [_table(language, compared, queue) for queue in compared.queues]
    return "\n".join(
        [
            "<!doctype html>",
            f'<html lang="{"en" if language == "en" else "zh-Hans"}"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
            f'<h1>{escape(title)}</h1><p class="when">{escape(_between(language, compared, zone))}</p>',
            parts[0],
            *[f"<p>{escape(line)}</p>" for line in sure(language, compared)],
            '<div class="plots">',
            *_plots(language, compared, zone),
            "</div>",
            *parts[1:],
            _agents(language, compared),
            f"<h2>{escape(say(language, 'assumptions'))}</h2><ul>",
            *[f"<li>{escape(line)}</li>" for line in assumptions(language, compared)],
            "</ul></body></html>",
            "",
        ]
    )


def _table(language: Language, compared: Compared, queue: str) -> str:
    heads = ["", *[label(language, column) for column in compared.columns]]
    if len(compared.columns) > 1:
        heads.append(say(language, "difference"))
    lines = []
    for row in rows(compared, queue):
        cells = [f"<td>{escape(value(language, row, number))}</td>" for number in row.values]
        if len(compared.columns) > 1:
            cells.append(f'<td class="{row.verdict}">{escape(verdict(language, row))}</td>')
        lines.append(f'<tr><th scope="row">{escape(say(language, row.code))}</th>{"".join(cells)}</tr>')
    head = "".join([f'<th scope="col">{escape(each)}</th>' for each in heads])
    return (
        f"<section><h2>{escape(title_of(language, compared, queue))}</h2><div class='wide'><table><thead><tr>{head}"
        f"</tr></thead><tbody>{''.join(lines)}</tbody></table></div></section>"
    )


def _agents(language: Language, compared: Compared) -> str:
    ids = sorted({work.agent_id for column in compared.columns for work in column.work})
    heads = [say(language, "agent")]
    for column in compared.columns:
        heads += [f"{label(language, column)}: {say(language, code)}" for code in ("cases", "occupancy")]
    by_id = [{work.agent_id: work for work in column.work} for column in compared.columns]
    lines = []
    for agent_id in ids:
        cells = []
        for known in by_id:
            work = known.get(agent_id)
            cells += ["–", "–"] if work is None else [str(work.cases), f"{100 * work.occupancy:.1f} %"]
        name = compared.names.get(agent_id, agent_id)
        lines.append(f'<tr><th scope="row">{escape(name)}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>')
    head = "".join([f'<th scope="col">{escape(each)}</th>' for each in heads])
    return (
        f"<section><h2>{escape(say(language, 'by_agent'))}</h2><div class='wide'><table><thead><tr>{head}"
        f"</tr></thead><tbody>{''.join(lines)}</tbody></table></div></section>"
    )


def _plots(language: Language, compared: Compared, zone: ZoneInfo) -> list[str]:
    empty = say(language, "no_data")
    queues = [queue for queue in compared.queues if queue]
    level = pygal.Bar(**_looks(empty, range=(0, 100)))
    level.x_labels = queues
    waits = pygal.XY(**_looks(empty, range=(0, 100), show_dots=False))
    marks = wait_marks(compared)
    waits.x_value_formatter = lambda ms: duration(language, ms)
    through = pygal.Line(**_looks(empty, range=(0, 100), show_dots=True, dots_size=2))
    parts = 24
    through.x_labels = [
        _clock(compared, compared.first + number * (compared.last - compared.first) // parts, zone)
        for number in range(parts)
    ]
    through.x_labels_major_every = 4
    through.show_minor_x_labels = False
    agents = pygal.Bar(**_looks(empty, range=(0, 100)))
    ids = sorted({work.agent_id for column in compared.columns for work in column.work})[:MOST_AGENTS]
    agents.x_labels = [compared.names.get(agent_id, agent_id) for agent_id in ids]
    agents.x_label_rotation = 45 if len(ids) > 8 else 0
    for column in compared.columns:
        name = label(language, column)
        figures = column.figures
        level.add(name, [round(100 * figures[q].service_level, 1) if q in figures else None for q in queues])
        waits.add(name, [(at, share) for at, share in zip(marks, waited_at_most(column, marks), strict=True)])
        through.add(name, level_by_time(column, compared, parts))
        busy = {work.agent_id: round(100 * work.occupancy, 1) for work in column.work}
        agents.add(name, [busy.get(agent_id) for agent_id in ids])
    charts = {"chart_level": level, "chart_waits": waits, "chart_time": through, "chart_agents": agents}
    return [
        f"<figure><figcaption>{escape(say(language, code))}</figcaption>{_svg(chart)}</figure>"
        for code, chart in charts.items()
    ]


def _clock(compared: Compared, at: Moment, zone: ZoneInfo) -> str:
    return moment(at, zone)[-5:]


def _looks(empty: str, **more: object) -> dict[str, object]:
    return {
        "style": _LOOKS,
        "js": [],
        "width": 760,
        "height": 360,
        "margin": 12,
        "legend_at_bottom": True,
        "legend_at_bottom_columns": 1,
        "truncate_legend": -1,
        "truncate_label": -1,
        "no_data_text": empty,
        "pretty_print": False,
        "print_values": False,
        **more,
    }


def _svg(chart: pygal.graph.graph.Graph) -> str:
    """The plot without what pygal adds for browsers that run scripts, and without the moment it was made at."""
    root = chart.render_tree()
    for unwanted in [*root.iter("{http://www.w3.org/2000/svg}script"), *root.iter("script")]:
        unwanted.getparent().remove(unwanted)
    for comment in list(root.iter(etree.Comment)):
        comment.getparent().remove(comment)
    text: str = etree.tostring(root, encoding="unicode")
    return text


def saved(rows_: Sequence[Row]) -> dict[str, list[float]]:
    """The figures for programs, by code."""
    return {row.code: [round(number, 6) for number in row.values] for row in rows_}
