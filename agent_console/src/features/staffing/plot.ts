/** What the plots of staffing draw beyond what all plots do. Pure. */
export * from "@/design/plot";

/** A difference of shares in points: "+9", "−14", "±0". */
export function points(from: number, to: number): string {
  const difference = Math.round(100 * (to - from));
  return difference > 0 ? `+${difference}` : difference < 0 ? `−${-difference}` : "±0";
}
