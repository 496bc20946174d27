/** When a call is promised for: this device's wall clock, as people say it. Pure. */

const two = (n: number): string => String(n).padStart(2, "0");
const MINUTE = 60_000;

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

function tomorrowAt(now: number, hour: number): number {
  const d = new Date(now);
  d.setDate(d.getDate() + 1);
  d.setHours(hour, 0, 0, 0);
  return d.getTime();
}

/** To the next five minutes, as an appointment is made. */
const rounded = (at: number): number => Math.ceil(at / (5 * MINUTE)) * 5 * MINUTE;

export const QUICK: { key: string; at(now: number): number }[] = [
  { key: "quarter", at: (now) => rounded(now + 15 * MINUTE) },
  { key: "hour", at: (now) => rounded(now + 60 * MINUTE) },
  { key: "tomorrow", at: (now) => tomorrowAt(now, 9) },
];
