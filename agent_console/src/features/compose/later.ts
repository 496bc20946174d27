/** When a letter shall leave: this device's wall clock, as people say it. Pure. */

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

function at(now: number, days: number, hour: number): number {
  const d = new Date(now);
  d.setDate(d.getDate() + days);
  d.setHours(hour, 0, 0, 0);
  return d.getTime();
}

export interface Choice {
  key: "afternoon" | "tomorrow" | "monday";
  at: number;
}

/** This afternoon while it is morning, tomorrow at nine, and Monday at nine unless that is tomorrow. */
export function choices(now: number): Choice[] {
  const found: Choice[] = [];
  if (at(now, 0, 15) - now > HOUR) found.push({ key: "afternoon", at: at(now, 0, 15) });
  found.push({ key: "tomorrow", at: at(now, 1, 9) });
  const toMonday = (8 - new Date(now).getDay()) % 7 || 7;
  if (toMonday > 1) found.push({ key: "monday", at: at(now, toMonday, 9) });
  return found;
}

export const EARLIEST_MS = 60_000;
/** The hub keeps a letter for a year. */
export const LATEST_MS = 365 * DAY;

export const possible = (when: number, now: number): boolean => when - now >= EARLIEST_MS && when - now <= LATEST_MS;
