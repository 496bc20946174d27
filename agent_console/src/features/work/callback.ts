/** When a call is promised for: this device's wall clock, as people say it. Pure. */

export { fromLocal, toLocal } from "@/i18n/format";

const MINUTE = 60_000;

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
