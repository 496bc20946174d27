/** What a trial says, as text: figures in their units, what is asked, how far it is. Pure. */
import type { Phase, TrialBrief, TrialRow, Unit } from "@/api/trials";
import { clock } from "@/i18n/format";

/** Under a minute in seconds with a decimal, else as a clock. */
export function wait(ms: number, second: string): string {
  return ms < 60_000 ? `${Math.round(ms / 100) / 10} ${second}` : clock(ms);
}

export function figure(unit: Unit, value: number, second: string): string {
  if (unit === "count") return Math.round(value).toLocaleString("en");
  if (unit === "share") return `${(100 * value).toFixed(1)} %`;
  if (unit === "time") return wait(value, second);
  return value.toFixed(3);
}

/** The last column's less the one before it, with its sign. Shares differ by points. */
export function difference(row: TrialRow, words: { second: string; points: string }): string {
  const change = (row.values.at(-1) ?? 0) - (row.values.at(-2) ?? 0);
  const size = Math.abs(change);
  const told = row.unit === "share" ? `${(100 * size).toFixed(1)} ${words.points}` : figure(row.unit, size, words.second);
  const none = row.unit === "share" ? size < 0.0005 : row.unit === "time" ? size < 50 : row.unit === "index" ? size < 0.0005 : size < 0.5;
  if (none) return `±${told}`;
  return (change > 0 ? "+" : "−") + told;
}

const SHARES: Record<Phase, [number, number]> = { reading: [0, 0.55], simulating: [0.55, 0.95], telling: [0.95, 1] };

/** How far a trial is, in percent. */
export function progress(trial: Pick<TrialBrief, "phase" | "done" | "whole" | "kind">): number {
  const part = trial.whole ? Math.min(1, trial.done / trial.whole) : 0;
  const [from, to] = trial.kind === "experiment" ? [0, 1] : SHARES[trial.phase];
  return Math.round(100 * (from + part * (to - from)));
}

/** A day of `zone` as an input of type date has it. */
export function dayIn(at: number, zone: string): string {
  return new Intl.DateTimeFormat("en-CA", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" }).format(at);
}

/** A moment by the clock of `zone`. */
export function momentIn(at: number, zone: string, language: string, seconds = false): string {
  return new Intl.DateTimeFormat(language === "zh" ? "zh-CN" : "en-GB", { timeZone: zone, dateStyle: "medium", timeStyle: seconds ? "medium" : "short" }).format(at);
}

export function timeIn(at: number, zone: string): string {
  return new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit", hour12: false }).format(at);
}

/** Each mistake of a policy's text: where it stands, and what it is. */
export function mistakes(message: string): { line: number; column: number; text: string }[] {
  return message.split("\n").filter(Boolean).map((said) => {
    const found = /^[^:]*:(\d+):(\d+): (.*)$/.exec(said);
    return found ? { line: Number(found[1]), column: Number(found[2]), text: found[3]! } : { line: 0, column: 0, text: said.replace(/^policy\.yaml: /, "") };
  });
}
