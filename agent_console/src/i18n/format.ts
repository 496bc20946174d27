/** Clocks, durations, dates and sizes, the same everywhere. Pure: the moment and the language are arguments. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const two = (n: number): string => String(n).padStart(2, "0");

/** `ms` as a running clock: 03:18, 1:02:03. Never negative. */
export function clock(ms: number): string {
  const s = Math.max(0, Math.floor(ms / SECOND));
  const h = Math.floor(s / 3600);
  const rest = `${two(Math.floor((s % 3600) / 60))}:${two(s % 60)}`;
  return h ? `${h}:${rest}` : rest;
}

/** `ms` counted down to its last second: 19, then 1, then 0. */
export const secondsLeft = (ms: number): number => Math.max(0, Math.ceil(ms / SECOND));

export interface Duration {
  key: "time.s" | "time.min" | "time.h" | "time.hm" | "time.d";
  values: { n: number; h: number; m: string };
}

/** `ms` in the largest unit that says enough, as a message and its values. */
export function duration(ms: number): Duration {
  const s = Math.max(0, Math.floor(ms / SECOND));
  const made = (key: Duration["key"], n: number, h = 0, m = ""): Duration => ({ key, values: { n, h, m } });
  if (s < 60) return made("time.s", s);
  if (s < 3600) return made("time.min", Math.floor(s / 60));
  const h = Math.floor(s / 3600);
  const minutes = Math.floor((s % 3600) / 60);
  if (h < 24) return minutes ? made("time.hm", 0, h, two(minutes)) : made("time.h", h);
  return made("time.d", Math.floor(h / 24));
}

const tag = (language: string): string => (language === "zh" ? "zh-CN" : "en-GB");

const formats = new Map<string, Intl.DateTimeFormat>();
function format(language: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = language + JSON.stringify(options);
  let made = formats.get(key);
  if (!made) formats.set(key, (made = new Intl.DateTimeFormat(tag(language), options)));
  return made;
}

export const timeOfDay = (at: number, language: string): string =>
  format(language, { hour: "2-digit", minute: "2-digit", hour12: false }).format(at);

export function dayOf(at: number, now: number, language: string): string {
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return format(language, { day: "numeric", month: "short", ...(sameYear ? {} : { year: "numeric" }) }).format(at);
}

/** The time for today, else the day: what a list has room for. */
export function shortMoment(at: number, now: number, language: string): string {
  return isSameDay(at, now) ? timeOfDay(at, language) : dayOf(at, now, language);
}

export const fullMoment = (at: number, language: string): string =>
  format(language, { dateStyle: "medium", timeStyle: "medium" }).format(at);

export function isSameDay(a: number, b: number): boolean {
  const one = new Date(a);
  const other = new Date(b);
  return (
    one.getFullYear() === other.getFullYear() &&
    one.getMonth() === other.getMonth() &&
    one.getDate() === other.getDate()
  );
}

export function fileSize(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB"];
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** A share of a whole in per cent, or null of nothing. One decimal, as service levels are spoken of. */
export function percent(part: number, whole: number): string | null {
  if (whole <= 0) return null;
  const value = Math.round((1000 * part) / whole) / 10;
  return `${Number.isInteger(value) ? value : value.toFixed(1)} %`;
}

/** A moment as an input of type datetime-local has it. */
export function toLocal(at: number): string {
  const d = new Date(at);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}T${two(d.getHours())}:${two(d.getMinutes())}`;
}

/** The moment of such an input, 0 if it is none. */
export function fromLocal(text: string): number {
  const at = new Date(text).getTime();
  return Number.isNaN(at) ? 0 : at;
}
