/** What the plots of staffing draw beyond what all plots do. Pure. */
export * from "@/design/plot";

const ROUND_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];

/** At most `most` round times from 0 to so many seconds. */
export function timeTicks(to: number, most: number): number[] {
  const step = ROUND_S.find((s) => to / s <= most) ?? Math.ceil(to / most / 3600) * 3600;
  return Array.from({ length: Math.floor(to / step) + 1 }, (_, number) => number * step);
}

/** A difference of shares in points: "+9", "−14", "±0". */
export function points(from: number, to: number): string {
  const difference = Math.round(100 * (to - from));
  return difference > 0 ? `+${difference}` : difference < 0 ? `−${-difference}` : "±0";
}
